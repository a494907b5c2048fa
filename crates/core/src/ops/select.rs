use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, BlockFn, Class, Cpu, Effect, Exact, Gpu, Grad, OpDef, Tf, Truth, bools, cloned, err, floats, ints,
    ok, sig,
};
use crate::tensor::{AsOperand, faces, operands};
use smallvec::smallvec;
use std::hint::select_unpredictable;

/// Element-wise choice between two.
pub static SELECT: OpDef = OpDef {
    name: "select",
    tf: &[Tf::same("SelectV2"), Tf::differs("Select", "a condition of rank 1 chooses whole rows there")],
    sig: sig!(condition: _ bool, x: T any, y: T any),
    effect: Effect::Pure,
    infer: |x| x.one(x.dtype(1), x.broadcast()?),
    cpu: Cpu::Elementwise(lookup),
    gpu: Gpu::Elementwise(&[(Class::Bool, "select(z, y, x)")]),
    grad: Grad::Rule(|g| {
        let (condition, dy) = (g.input(0), g.dy());
        smallvec![
            None,
            g.needs(1).then(|| g.unbroadcast(1, &select(condition, &dy, 0.0))),
            g.needs(2).then(|| g.unbroadcast(2, &select(condition, 0.0, &dy))),
        ]
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([
                bools([3], &[true, false, true]),
                floats([3], &[1.0, 2.0, 3.0]),
                floats([3], &[4.0, 5.0, 6.0]),
            ]),
            ok([bools([2, 1], &[true, false]), floats([3], &[1.0, 2.0, 3.0]), floats([2, 3], &[4.0; 6])]),
            ok([bools([], &[true]), floats([], &[1.0]), floats([0, 2], &[])]),
            err([ints([1], &[1]), floats([1], &[1.0]), floats([1], &[1.0])], "condition must be bool"),
            err([bools([2], &[true, false]), floats([3], &[1.0; 3]), floats([], &[1.0])], "2 ≠ 3"),
        ]
    },
};

/// Elements are moved, not computed with: one function for each size.
fn lookup(inputs: &[DType], _output: DType) -> Option<BlockFn> {
    macro_rules! choose {
        ($s:ty) => {{
            #[inline(always)]
            fn body(inputs: &[&[u8]], output: &mut [u8]) {
                let condition: &[Truth] = bytemuck::cast_slice(inputs[0]);
                let (x, y): (&[$s], &[$s]) =
                    (bytemuck::cast_slice(inputs[1]), bytemuck::cast_slice(inputs[2]));
                let out: &mut [$s] = bytemuck::cast_slice_mut(output);
                for (((out, c), x), y) in out.iter_mut().zip(condition).zip(x).zip(y) {
                    // Both are read, whichever is chosen. Of an `if` came a choice between two addresses, and elements
                    // gathered from them one by one.
                    *out = select_unpredictable(c.is_true(), *x, *y);
                }
            }
            cloned!(body)
        }};
    }
    Some(match inputs[1].size() {
        1 => choose!(u8),
        2 => choose!(u16),
        4 => choose!(u32),
        _ => choose!(u64),
    })
}

faces! {
    /// The elements of `x` where `condition` holds, of `y` elsewhere, with broadcasting.
    ///
    /// The gradient goes to the chosen element, and 0 to the other one, so that NaN or infinity there does
    /// not leak.
    ///
    /// Source: `tf.where` with three arguments.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1, -2, 3]);
    /// assert_eq!(tf::select(&x.greater(0), &x, 0).to_vec::<i32>().unwrap(), [1, 0, 3]);
    /// ```
    pub fn select / try_select(condition: &Tensor, x: impl AsOperand, y: impl AsOperand) = {
        let (x, y) = operands("select", &x, &y)?;
        apply1(&SELECT, &[condition, &x, &y], Attrs::new())
    };
}
