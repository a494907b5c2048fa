use crate::dim::Dim;
use crate::door::apply1;
use crate::error::Kind;
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Sample, Steps, Tf, err, floats,
    ok, sig, steps, steps_of,
};
use crate::shape::{Meta, Shape};
use crate::tensor::{Slices, faces};

/// Takes a regular part of a tensor: TensorFlow's `x[...]`.
pub static STRIDED_SLICE: OpDef = OpDef {
    name: "strided_slice",
    tf: &[Tf::differs("StridedSlice", "begin, end and strides are inputs there")],
    sig: sig!(x: _ any; begin: Ints, end: Ints, strides: Ints, begin_mask: Int, end_mask: Int, ellipsis_mask: Int,
        new_axis_mask: Int, shrink_axis_mask: Int),
    effect: Effect::Pure,
    infer: |x| x.one(x.dtype(0), Window::of(x.shape(0), x.attrs)?.shape),
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| g.one(super::strided_slice_grad::scatter(&g.dy(), g.x().shape(), g.attrs()))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([3, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
        vec![
            with(ok([x()]), crate::s![1]),
            with(ok([x()]), crate::s![.., -1]),
            with(ok([x()]), crate::s![..;2, 3..0;-2]),
            with(ok([x()]), crate::s![NewAxis, Ellipsis, 1..3, NewAxis]),
            with(ok([x()]), crate::s![2..1]),
            with(ok([x()]), crate::s![-100..100, 10..]),
            with(ok([floats([], &[1.0])]), crate::s![Ellipsis, NewAxis]),
            with(err([x()], "index 3 is outside axis 0"), crate::s![3]),
            with(err([x()], "too many"), crate::s![0, 0, 0]),
            with(err([x()], "must not be 0"), crate::s![..;0]),
            with(err([x()], "more than one ellipsis"), crate::s![Ellipsis, Ellipsis]),
        ]
    },
};

fn with(sample: Sample, spec: Slices) -> Sample {
    Sample { attrs: spec.attrs(), ..sample }
}

/// Where a slice lies in its tensor.
pub(crate) struct Window {
    /// For each axis of the tensor: first position, size, step.
    pub(crate) axes: Vec<(Dim, Dim, i64)>,
    /// The shape of the slice, with new axes and without dropped ones.
    pub(crate) shape: Shape,
}

impl Window {
    /// The slice of a tensor of `shape` that these attributes describe; TensorFlow's rules.
    pub(crate) fn of(shape: &Shape, attrs: &Attrs) -> Result<Window, Fault> {
        let (begin, end, strides) = (attrs.ints("begin"), attrs.ints("end"), attrs.ints("strides"));
        if begin.len() != end.len() || begin.len() != strides.len() || begin.len() > 62 {
            return Err(Fault::new("begin, end and strides must have the same length").numbers(format!(
                "{}, {}, {}",
                begin.len(),
                end.len(),
                strides.len()
            )));
        }
        let mask = |name: &str| attrs.int(name);
        let (begins, ends, shrink) = (mask("begin_mask"), mask("end_mask"), mask("shrink_axis_mask"));
        let (ellipsis, fresh) = (mask("ellipsis_mask") & ((1 << begin.len()) - 1), mask("new_axis_mask"));
        if ellipsis.count_ones() > 1 {
            return Err(Fault::new("more than one ellipsis"));
        }
        let named = (0..begin.len()).filter(|i| (ellipsis | fresh) >> i & 1 == 0).count();
        let Some(whole) = shape.rank().checked_sub(named) else {
            return Err(Fault::new("too many positions and ranges")
                .numbers(format!("{named} for rank {}", shape.rank())));
        };
        let mut window = Window { axes: vec![], shape: Shape::scalar() };
        for i in 0..begin.len() {
            let is = |mask: i64| mask >> i & 1 == 1;
            if is(ellipsis) {
                window.keep_whole(shape, whole);
            } else if is(fresh) {
                window.shape.push(1);
            } else {
                let axis = window.axes.len();
                let dim = shape[axis];
                if is(shrink) {
                    window.axes.push((position(dim, begin[i], axis)?, Dim::from(1), 1));
                    continue;
                }
                let b = (!is(begins)).then_some(begin[i]);
                let e = (!is(ends)).then_some(end[i]);
                let (start, size) = range(dim, b, e, strides[i])?;
                window.axes.push((start, size, strides[i]));
                window.shape.push(size);
            }
        }
        if ellipsis == 0 {
            window.keep_whole(shape, whole);
        }
        Ok(window)
    }
    fn keep_whole(&mut self, shape: &Shape, n: usize) {
        for _ in 0..n {
            let dim = shape[self.axes.len()];
            self.axes.push((Dim::from(0), dim, 1));
            self.shape.push(dim);
        }
    }
    /// The loop over the slice, its start and steps in the tensor of `shape`, and its steps in the slice.
    pub(crate) fn plan(&self, shape: &Shape) -> (Vec<usize>, (isize, Steps), (isize, Steps)) {
        let number = |d: Dim| d.size().unwrap_or(0);
        let sizes: Vec<usize> = self.axes.iter().map(|a| number(a.1)).collect();
        let all = steps(shape);
        let start = self.axes.iter().zip(&all).map(|(a, s)| number(a.0) as isize * s).sum();
        let by = self.axes.iter().zip(&all).map(|(a, s)| a.2 as isize * s).collect();
        let out = steps_of(&sizes);
        (sizes, (start, by), (0, out))
    }
}

fn position(dim: Dim, at: i64, axis: usize) -> Result<Dim, Fault> {
    match dim.size() {
        None if at >= 0 => Ok(Dim::from(at as usize)),
        None => Ok(dim - Dim::from(at.unsigned_abs() as usize)),
        Some(n) if -(n as i64) <= at && at < n as i64 => Ok(Dim::from(at.rem_euclid(n as i64) as usize)),
        Some(n) => {
            Err(Fault::new(format!("index {at} is outside axis {axis} of size {n}"))
                .kind(Kind::InvalidArgument))
        }
    }
}

/// First position and size of a range over an axis; ends outside are moved to the axis's ends.
fn range(dim: Dim, begin: Option<i64>, end: Option<i64>, step: i64) -> Result<(Dim, Dim), Fault> {
    if step == 0 {
        return Err(Fault::new("a step must not be 0"));
    }
    let stride = Dim::from(step.unsigned_abs() as usize);
    let Some(n) = dim.size() else { return Ok(symbolic_range(dim, begin, end, step)) };
    let n = n as i64;
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let clamp = |at: i64| (if at < 0 { at.saturating_add(n) } else { at }).clamp(low, high);
    let start = begin.map_or(if step > 0 { low } else { high }, clamp);
    let stop = end.map_or(if step > 0 { high } else { low }, clamp);
    let length = if step > 0 { stop - start } else { start - stop }.max(0);
    Ok((
        Dim::from(start.max(0) as usize),
        Dim::from(length as usize + step.unsigned_abs() as usize - 1).floor_div(stride),
    ))
}

/// [`range`] over a symbol, with the same answer for every size that it may stand for.
fn symbolic_range(dim: Dim, begin: Option<i64>, end: Option<i64>, step: i64) -> (Dim, Dim) {
    let zero = Dim::from(0);
    // A position moved into 0..=dim: min(a, b) = a + b - max(a, b), and max(a - b, 0) = max(a, b) - b.
    let moved = |at: i64| match Dim::from(at.unsigned_abs() as usize) {
        back if at < 0 => dim.max(back) - back,
        at => at + dim - at.max(dim),
    };
    // Backwards, both ends count one more: from just after the first position down to just after the stop.
    let (from, to) = match step > 0 {
        true => (begin.map_or(zero, moved), end.map_or(dim, moved)),
        false => {
            let after = |at: i64| if at == -1 { dim } else { moved(at.saturating_add(1)) };
            (end.map_or(zero, after), begin.map_or(dim, after))
        }
    };
    let (low, high) = if step > 0 { (begin, end) } else { (end, begin) };
    let length = match (low, high) {
        (None, _) | (_, None) => to - from,
        (Some(a), Some(b)) if (a < 0) == (b < 0) => {
            if a < b {
                to - from
            } else {
                zero
            }
        }
        _ => to.max(from) - from,
    };
    let stride = Dim::from(step.unsigned_abs() as usize);
    let start = if step > 0 { from } else { to - Dim::from(1) };
    (start, (length + stride - Dim::from(1)).floor_div(stride))
}

fn copies(inputs: &[&Meta], attrs: &Attrs, _outputs: &[Meta]) -> Copies {
    let shape = &inputs[0].shape;
    match Window::of(shape, attrs) {
        Ok(window) => {
            let (sizes, from, to) = window.plan(shape);
            Copies::one(AffineCopy::new(sizes, from, to))
        }
        // The shape rule has accepted the same attributes.
        Err(_) => Copies::default(),
    }
}

faces! {
    /// A regular part of `x`: positions, ranges, steps, new axes, as [`s!`](crate::s) writes them.
    ///
    /// A position outside is an error, a range is cut to what there is. The gradient is zero outside the part.
    /// Source: `tf.Tensor.__getitem__`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.slice(tf::s![0, ..]).to_vec::<i32>().unwrap(), [1, 2, 3]);
    /// assert_eq!(x.slice(tf::s![.., 1..]).to_vec::<i32>().unwrap(), [2, 3, 5, 6]);
    /// ```
    pub fn slice / try_slice(x: &Tensor, spec: impl Into<Slices>) = apply1(&STRIDED_SLICE, &[x], spec.into().attrs());
    /// The part of `x` that starts at `begin` and has these sizes; `-1` is all that is left.
    ///
    /// Source: `tf.slice`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.slice_sized(&[0, 1], &[-1, 2]).to_vec::<i32>().unwrap(), [2, 3, 5, 6]);
    /// ```
    pub fn slice_sized / try_slice_sized(x: &Tensor, begin: &[i64], sizes: &[i64]) = {
        let bad = |text: String| Err(crate::Error::invalid("slice_sized", text).at(crate::Place::caller()));
        if begin.len() != x.rank() || sizes.len() != x.rank() {
            return bad(format!("takes a begin and a size for each axis: x is {}, begin {begin:?}, sizes {sizes:?}", x.meta()));
        }
        let mut items = vec![];
        for ((b, n), dim) in begin.iter().zip(sizes).zip(x.shape().iter()) {
            let inside = *b >= 0 && *n >= -1 && dim.size().is_none_or(|d| b + n.max(&0) <= d as i64);
            if !inside {
                return bad(format!("the part leaves the tensor: x is {}, begin {begin:?}, sizes {sizes:?}", x.meta()));
            }
            let end = (*n >= 0).then_some(b + n);
            items.push(crate::SliceItem::Range { begin: Some(*b), end, step: 1 });
        }
        x.try_slice(items)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A range over a symbol has the size, once bound, that the same range has over the number.
    #[test]
    fn ranges_over_symbols_bind_to_ranges_over_numbers() {
        let d = Dim::symbol("d");
        let ends = [None, Some(0), Some(1), Some(2), Some(7), Some(-1), Some(-2), Some(-7)];
        for (begin, end) in ends.into_iter().flat_map(|b| ends.map(|e| (b, e))) {
            for (step, n) in [1, 2, -1, -3].into_iter().flat_map(|s| (0..6usize).map(move |n| (s, n))) {
                let (_, size) = range(d, begin, end, step).unwrap();
                let wanted = range(Dim::from(n), begin, end, step).unwrap().1;
                let got = size.evaluate(&[(d, n)]).map(Dim::from);
                assert_eq!(got, Some(wanted), "{begin:?}..{end:?};{step} of {n}: {size}");
            }
        }
    }
}
