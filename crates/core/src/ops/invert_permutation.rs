use super::gather::with_index;
use crate::door::apply1;
use crate::op::{
    Attrs, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, OpDef, Tf, err, ints, ok, rule, sig,
};
use crate::tensor::faces;

/// The permutation that undoes another.
pub static INVERT_PERMUTATION: OpDef = OpDef {
    name: "invert_permutation",
    tf: &[Tf::same("InvertPermutation")],
    sig: sig!(x: _ index),
    effect: Effect::MayFail,
    infer: |x| match x.shape(0).rank() {
        1 => rule::same_as_first(x),
        rank => Err(Fault::new("x must be a vector").numbers(format!("rank {rank}"))),
    },
    cpu: Cpu::Kernel(|call| {
        let (x, y) = (&call.inputs[0], &mut call.outputs[0]);
        with_index!(x.dtype, I => {
            let (x, y) = (x.cast::<I>(), y.cast::<I>());
            y.fill(-1);
            for (i, at) in x.iter().enumerate() {
                match usize::try_from(*at).ok().and_then(|at| y.get_mut(at)) {
                    Some(place) if *place == -1 => *place = i as I,
                    Some(_) => return Err(Fault::new(format!("{at} occurs twice"))),
                    None => return Err(Fault::new(format!("{at} at {i} is outside 0 to {}", x.len()))),
                }
            }
        });
        Ok(())
    }),
    gpu: Gpu::Kernel(GpuKernel::InvertPermutation),
    grad: Grad::None("positions are integers"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([ints([4], &[3, 0, 2, 1])]),
            ok([ints([0], &[])]),
            err([ints([2], &[0, 0])], "0 occurs twice"),
            err([ints([2], &[0, 2])], "2 at 1 is outside"),
            err([ints([1, 1], &[0])], "x must be a vector"),
        ]
    },
};

faces! {
    /// The permutation `y` with `y[x[i]] = i`. What is no permutation of `0..n` is an error.
    ///
    /// Source: `tf.math.invert_permutation`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([2, 0, 1]).invert_permutation().to_vec::<i32>().unwrap(), [1, 2, 0]);
    /// ```
    pub fn invert_permutation / try_invert_permutation(x: &Tensor) = apply1(&INVERT_PERMUTATION, &[x], Attrs::new());
}
