//! Printing: values as TensorFlow prints them, then shape and dtype.

use super::Tensor;
use crate::dtype::{DType, Element};
use std::fmt;

/// More elements than this are summarised.
const THRESHOLD: usize = 1000;
/// Elements shown at each end of a summarised axis.
const EDGE: usize = 3;

/// The nested values, like NumPy's: all of a small tensor, the ends of each axis of a large one. `{:.3}` sets the digits
/// after the point. A tensor without values prints its dtype and shape.
///
/// ```
/// # use tenfold_core as tf;
/// assert_eq!(tf::constant([[1.0, 2.5], [3.0, 4.0]]).to_string(), "[[1.0 2.5]\n [3.0 4.0]], shape=[2, 2], dtype=f32");
/// assert_eq!(format!("{:.2}", tf::constant(1.0)), "1.00");
/// ```
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_symbolic() {
            return write!(f, "<symbolic {}>", self.meta());
        }
        let text = match values(self, f.precision()) {
            Ok(text) => text,
            Err(error) => return write!(f, "<{} on {}: {}>", self.meta(), self.device(), error.message()),
        };
        if self.rank() == 0 {
            // A scalar inside a sentence is a number: `loss = 0.25`.
            let width = f.width().unwrap_or(0);
            return match f.align() {
                Some(fmt::Alignment::Left) => write!(f, "{text:<width$}"),
                Some(fmt::Alignment::Center) => write!(f, "{text:^width$}"),
                _ => write!(f, "{text:>width$}"),
            };
        }
        write!(f, "{text}, shape={}, dtype={}", self.shape(), self.dtype())
    }
}

/// The values alone, nested, with so many digits after the point.
pub(crate) fn values(x: &Tensor, precision: Option<usize>) -> crate::Result<String> {
    let mut words = words(x, precision)?;
    let shape = x.shape().to_vec();
    if shape.is_empty() {
        return Ok(words.swap_remove(0));
    }
    let summarised = words.len() > THRESHOLD;
    let width = shown(&shape, summarised).into_iter().map(|i| words[i].len()).max().unwrap_or(0);
    let mut text = String::new();
    nested(&mut text, &words, &shape, 0, 0, width, summarised);
    Ok(text)
}

impl fmt::Debug for Tensor {
    /// Short: dtype, shape, device, and the value of a scalar.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host() {
            Some(_) if self.rank() == 0 => write!(f, "Tensor({} = {self})", self.meta()),
            Some(_) => write!(f, "Tensor({})", self.meta()),
            None if self.is_symbolic() => write!(f, "Tensor(symbolic {})", self.meta()),
            None => write!(f, "Tensor({} on {})", self.meta(), self.device()),
        }
    }
}

fn words(x: &Tensor, precision: Option<usize>) -> crate::Result<Vec<String>> {
    let dtype = x.dtype();
    crate::with_element!(dtype, T => {
        let values = x.to_vec::<T>()?;
        Ok(values.into_iter().map(|v| match dtype {
            DType::I64 | DType::U64 => format!("{v:?}"),
            DType::F16 | DType::BF16 | DType::F32 => match precision {
                Some(digits) => format!("{:.digits$}", v.to_f64()),
                None => format!("{:?}", v.to_f64() as f32),
            },
            DType::F64 => match precision {
                Some(digits) => format!("{:.digits$}", v.to_f64()),
                None => format!("{:?}", v.to_f64()),
            },
            DType::Bool => if v.to_f64() != 0.0 { "true".into() } else { "false".into() },
            _ => format!("{v:?}"),
        }).collect())
    })
}

/// The positions along one axis that are printed; `None` is the gap.
fn positions(n: usize, summarised: bool) -> Vec<Option<usize>> {
    match summarised && n > 2 * EDGE {
        false => (0..n).map(Some).collect(),
        true => (0..EDGE).map(Some).chain([None]).chain((n - EDGE..n).map(Some)).collect(),
    }
}

/// The flat positions that are printed.
fn shown(shape: &[usize], summarised: bool) -> Vec<usize> {
    shape.iter().fold(vec![0], |flat, n| {
        let along: Vec<usize> = positions(*n, summarised).into_iter().flatten().collect();
        flat.iter().flat_map(|f| along.iter().map(move |p| f * n + p)).collect()
    })
}

fn nested(
    text: &mut String,
    words: &[String],
    shape: &[usize],
    depth: usize,
    at: usize,
    width: usize,
    summarised: bool,
) {
    let (n, inner) = (shape[depth], &shape[depth + 1..]);
    let step: usize = inner.iter().product();
    text.push('[');
    for (i, position) in positions(n, summarised).into_iter().enumerate() {
        if i > 0 {
            match inner.len() {
                0 => text.push(' '),
                blank => {
                    text.push_str(&"\n".repeat(blank));
                    text.push_str(&" ".repeat(depth + 1));
                }
            }
        }
        match position {
            None => text.push_str("..."),
            Some(p) if inner.is_empty() => {
                let word = &words[at + p];
                text.push_str(&" ".repeat(width.saturating_sub(word.len())));
                text.push_str(word);
            }
            Some(p) => nested(text, words, shape, depth + 1, at + p * step, width, summarised),
        }
    }
    text.push(']');
}

#[cfg(test)]
mod tests {
    use crate as tf;

    #[test]
    fn rows_line_up_and_scalars_are_numbers() {
        let x = tf::constant([[1, -20], [300, 4]]);
        assert_eq!(x.to_string(), "[[  1 -20]\n [300   4]], shape=[2, 2], dtype=i32");
        assert_eq!(format!("{:>6.1}|", tf::constant(2.25)), "   2.2|");
        assert_eq!(tf::constant([true]).to_string(), "[true], shape=[1], dtype=bool");
        assert_eq!(tf::zeros([0, 2]).to_string(), "[], shape=[0, 2], dtype=f32");
        assert_eq!(tf::zeros([2, 1, 1]).to_string(), "[[[0.0]]\n\n [[0.0]]], shape=[2, 1, 1], dtype=f32");
        assert_eq!(tf::constant([f32::NAN, f32::INFINITY]).to_string(), "[NaN inf], shape=[2], dtype=f32");
    }

    #[test]
    fn large_tensors_are_summarised() {
        let x = tf::Tensor::from_vec((0..2000).collect::<Vec<i32>>(), [2, 1000]).unwrap();
        let text = x.to_string();
        assert!(text.starts_with("[[   0    1    2 ...  997  998  999]\n [1000"), "{text}");
        assert_eq!(format!("{x:?}"), "Tensor(i32[2, 1000])");
    }
}
