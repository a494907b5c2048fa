use crate::door::apply1;
use crate::op::{
    AffineCopy, Attrs, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Tf, err, floats, ok, rule, sig,
    sizes, steps,
};
use crate::shape::Meta;
use crate::tensor::{Axes, faces};

/// Moves elements along axes; those that leave come back at the other end.
pub static ROLL: OpDef = OpDef {
    name: "roll",
    tf: &[Tf::differs("Roll", "shift and axis are inputs there")],
    sig: sig!(x: _ any; shift: Ints, axes: Ints),
    effect: Effect::Pure,
    infer: |x| {
        let (shift, axes) = (x.attrs.ints("shift"), x.attrs.ints("axes"));
        if shift.len() != axes.len() {
            return Err(Fault::new("there must be a shift for each axis").numbers(format!(
                "{} ≠ {}",
                shift.len(),
                axes.len()
            )));
        }
        for axis in axes {
            x.axis(0, *axis)?;
        }
        rule::same_as_first(x)
    },
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| {
        let back: Vec<i64> = g.attrs().ints("shift").iter().map(|s| -s).collect();
        g.one(g.dy().roll(&back, g.attrs().ints("axes")))
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        vec![
            ok([x()]).attr("shift", vec![1]).attr("axes", vec![1]),
            ok([x()]).attr("shift", vec![1, -4]).attr("axes", vec![0, -1]),
            ok([x()]).attr("shift", vec![1, 1]).attr("axes", vec![1, 1]),
            ok([floats([0, 2], &[])]).attr("shift", vec![1]).attr("axes", vec![0]),
            err([x()], "a shift for each axis").attr("shift", vec![1, 2]).attr("axes", vec![0]),
            err([x()], "axis 2 is out of range").attr("shift", vec![1]).attr("axes", vec![2]),
        ]
    },
};

/// One copy for each combination of the two parts that a shift cuts an axis into.
fn copies(inputs: &[&Meta], attrs: &Attrs, _outputs: &[Meta]) -> Copies {
    let shape = &inputs[0].shape;
    let (all, sizes) = (steps(shape), sizes(shape));
    let mut shifts = vec![0i64; sizes.len()];
    for (axis, shift) in attrs.ints("axes").iter().zip(attrs.ints("shift")) {
        let axis = shape.axis(*axis).unwrap_or_default();
        shifts[axis] = (shifts[axis] + shift).rem_euclid(sizes[axis].max(1) as i64);
    }
    let mut parts = vec![AffineCopy::new(sizes.clone(), (0, all.clone()), (0, all.clone()))];
    for (axis, shift) in shifts.into_iter().enumerate().filter(|(_, s)| *s > 0) {
        let (size, shift) = (sizes[axis], shift as usize);
        let cut = |part: &AffineCopy| {
            let (mut head, mut tail) = (part.clone(), part.clone());
            head.shape[axis] = size - shift;
            head.out_offset += shift as isize * all[axis];
            tail.shape[axis] = shift;
            tail.in_offset += (size - shift) as isize * all[axis];
            [head, tail]
        };
        parts = parts.iter().flat_map(cut).collect();
    }
    Copies::all(parts)
}

faces! {
    /// `x` with its elements moved by `shift[i]` places along `axes[i]`; what leaves comes back at the other end. An axis
    /// that is named twice is moved by the sum.
    ///
    /// Source: `tf.roll`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2, 3, 4]).roll(&[1], 0).to_vec::<i32>().unwrap(), [4, 1, 2, 3]);
    /// ```
    pub fn roll / try_roll(x: &Tensor, shift: &[i64], axes: impl Into<Axes>) = {
        let axes: Axes = axes.into();
        apply1(&ROLL, &[x], Attrs::new().with("shift", shift).with("axes", axes.of_rank(x.rank())))
    };
}
