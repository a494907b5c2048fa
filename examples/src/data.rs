//! Handwritten digits of 8×8 pixels (see `examples/data/README.md` for origin and licence).

use flate2::read::GzDecoder;
use std::io::Read;
use tenfold as tf;
use tf::random::Generator;

/// Pixels of one image.
pub const PIXELS: usize = 64;

static COMPRESSED: &[u8] = include_bytes!("../data/optdigits.csv.gz");

/// Images (values 0 to 1, row by row) and labels.
#[derive(Clone, Default)]
pub struct Digits {
    /// `PIXELS` numbers for each image.
    pub images: Vec<f32>,
    /// The digit of each image.
    pub labels: Vec<i32>,
}

impl Digits {
    /// The 1,797 digits in the file's order.
    ///
    /// # Errors
    ///
    /// If the data is damaged.
    pub fn load() -> tf::Result<Digits> {
        let mut text = String::new();
        GzDecoder::new(COMPRESSED).read_to_string(&mut text)?;
        let mut digits = Digits::default();
        for (number, line) in text.lines().enumerate() {
            let damaged = || {
                tf::Error::new(tf::Kind::DataLoss, "digits", format!("line {} cannot be read", number + 1))
            };
            let values: Vec<f32> = line
                .split(',')
                .map(|v| v.trim().parse().map_err(|_| damaged()))
                .collect::<tf::Result<_>>()?;
            let (label, pixels) =
                values.split_last().filter(|(_, p)| p.len() == PIXELS).ok_or_else(damaged)?;
            digits.images.extend(pixels.iter().map(|p| p / 16.0));
            digits.labels.push(*label as i32);
        }
        Ok(digits)
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.labels.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
    /// The images and labels at these positions.
    pub fn select(&self, positions: &[usize]) -> Digits {
        Digits {
            images: positions.iter().flat_map(|p| self.image(*p)).copied().collect(),
            labels: positions.iter().map(|p| self.labels[*p]).collect(),
        }
    }
    /// The pixels of one image.
    pub fn image(&self, position: usize) -> &[f32] {
        &self.images[position * PIXELS..(position + 1) * PIXELS]
    }
    /// Shuffled, then cut: the first `share` of all for training, the rest for testing.
    ///
    /// # Errors
    ///
    /// Only if memory runs out.
    pub fn split(&self, share: f64, generator: &Generator) -> tf::Result<(Digits, Digits)> {
        let order = permutation(self.len(), generator)?;
        let (train, test) = order.split_at((self.len() as f64 * share) as usize);
        Ok((self.select(train), self.select(test)))
    }
    /// As tensors: images `f32[n, 64]`, labels `i32[n]`.
    ///
    /// # Errors
    ///
    /// Only if memory runs out.
    pub fn tensors(&self) -> tf::Result<(tf::Tensor, tf::Tensor)> {
        let images = tf::Tensor::from_vec(self.images.clone(), [self.len(), PIXELS])?;
        Ok((images, tf::Tensor::from_vec(self.labels.clone(), [self.len()])?))
    }
    /// All of it in batches of a random order; the last one may be smaller.
    ///
    /// # Errors
    ///
    /// Only if memory runs out.
    pub fn batches(&self, size: usize, generator: &Generator) -> tf::Result<Vec<(tf::Tensor, tf::Tensor)>> {
        let order = permutation(self.len(), generator)?;
        order.chunks(size.max(1)).map(|part| self.select(part).tensors()).collect()
    }
}

/// The numbers below `n` in a random order: sorted by random keys.
///
/// # Errors
///
/// Only if memory runs out.
pub fn permutation(n: usize, generator: &Generator) -> tf::Result<Vec<usize>> {
    let keys = generator.try_draw(tf::random::Distribution::FullInt, [n], tf::DType::U64)?.to_vec::<u64>()?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|i| keys[*i]);
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_digits_are_there() {
        let digits = Digits::load().unwrap();
        assert_eq!(digits.len(), 1797);
        assert!((0..10).all(|d| digits.labels.iter().filter(|l| **l == d).count() > 170));
        assert!(digits.images.iter().all(|p| (0.0..=1.0).contains(p)));
        let mut order = permutation(100, &Generator::from_seed(1)).unwrap();
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
