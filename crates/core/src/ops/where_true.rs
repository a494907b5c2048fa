use crate::dim::Dim;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, Made, OpDef, Tf, View, bools, floats, ok, sig};
use crate::shape::Shape;
use crate::tensor::{Tensor, faces};
use crate::with_element;

/// The positions of elements that are true or not zero.
pub static WHERE_TRUE: OpDef = OpDef {
    name: "where_true",
    tf: &[Tf::same("Where")],
    sig: sig!(condition: _ any),
    effect: Effect::Pure,
    infer: |x| x.one(DType::I64, [Dim::symbol(super::RUN_TIME_DIM), Dim::from(x.shape(0).rank())].into()),
    cpu: Cpu::Dynamic(run),
    gpu: Gpu::CpuOnly("how many there are is only known when the elements are read"),
    grad: Grad::None("positions are integers"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([bools([2, 2], &[true, false, true, true])]),
            ok([bools([2], &[false, false])]),
            ok([floats([3], &[0.0, -2.0, 1.0])]),
            ok([bools([], &[true])]),
            ok([floats([0, 2], &[])]),
        ]
    },
};

fn run(x: &[View<'_>], _: &Attrs) -> Result<Vec<Made>, Fault> {
    use crate::dtype::Element;
    let x = &x[0];
    let mut positions: Vec<i64> = vec![];
    let mut many = 0;
    with_element!(x.dtype, T => for (i, v) in x.slice::<T>().iter().enumerate() {
        // NaN is not zero.
        if T::load(*v).to_f64() != 0.0 {
            let (start, mut rest) = (positions.len(), i);
            positions.resize(start + x.shape.len(), 0);
            for (at, d) in positions[start..].iter_mut().zip(x.shape).rev() {
                *at = (rest % d) as i64;
                rest /= d;
            }
            many += 1;
        }
    });
    Ok(vec![Made::new(&positions, &[many, x.shape.len()])])
}

faces! {
    /// The positions of the elements that are true (or not zero), row by row, as i64 vectors in a matrix.
    ///
    /// How many there are is only known at run time. Source: `tf.where` with one argument.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let y = tf::constant([[true, false], [false, true]]).where_true();
    /// assert_eq!(y.to_vec::<i64>().unwrap(), [0, 0, 1, 1]);
    /// ```
    pub fn where_true / try_where_true(condition: &Tensor) = apply1(&WHERE_TRUE, &[condition], Attrs::new());
    /// The slices of `x` where `mask` is true; `mask` has the shape of the axes of `x` from `axis` on. The gradient is
    /// zero elsewhere.
    ///
    /// Source: `tf.boolean_mask`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([[1, 2], [3, 4], [5, 6]]);
    /// assert_eq!(x.boolean_mask(&tf::constant([true, false, true]), 0).to_vec::<i32>().unwrap(), [1, 2, 5, 6]);
    /// ```
    pub fn boolean_mask / try_boolean_mask(x: &Tensor, mask: &Tensor, axis: i64) = {
        let bad = |what: &str| {
            let text = format!("{what}: x is {}, mask is {}", x.meta(), mask.meta());
            Err(crate::Error::invalid("boolean_mask", text).at(crate::Place::caller()))
        };
        if mask.dtype() != DType::Bool {
            return bad("the mask must be bool");
        }
        let Some(axis) = x.shape().axis(axis).filter(|a| mask.rank() > 0 && a + mask.rank() <= x.rank()) else {
            return bad("the mask must cover axes of x");
        };
        let (shape, end) = (x.shape(), axis + mask.rank());
        if shape[axis..end].iter().zip(mask.shape().iter()).any(|(a, b)| !a.may_equal(*b)) {
            return bad("the mask must have the sizes of the axes it covers");
        }
        let covered: Shape = shape[axis..end].iter().copied().collect();
        let flat: Shape = shape[..axis].iter().chain(&[covered.elements()]).chain(&shape[end..]).copied().collect();
        let at = mask.try_reshape([-1])?.try_where_true()?.try_squeeze(1)?;
        x.try_reshape(flat)?.try_gather(&at, axis as i64)
    };
}

#[cfg(test)]
mod tests {
    use crate as tf;
    use crate::trace::trace;
    use crate::{DType, Device, Dim, Meta};

    /// The sizes that only the run decides are bound as they appear, together with the named ones.
    #[test]
    fn a_traced_mask_and_its_gradient_run_with_any_batch() {
        let meta = Meta::new(DType::F32, [Dim::symbol("batch"), Dim::from(2)]);
        let traced = trace(
            "masked",
            Device::cpu(),
            &[("x".into(), meta)],
            |x| {
                let x = &x[0];
                let tape = tf::GradientTape::new();
                tape.watch(x);
                let rows = x.boolean_mask(&x.reduce_sum(1, false).greater(0.0), 0);
                let flat = (&rows * 2.0).reshape([-1]);
                let g = tape.gradient(&flat, x);
                Ok((flat, g))
            },
            |(y, g)| vec![y.clone(), g.clone()],
        )
        .unwrap();
        for rows in [vec![[1.0, 2.0], [-3.0, 1.0], [0.0, 4.0]], vec![[-1.0, 0.0]]] {
            let x = tf::constant(&rows);
            let run = Device::cpu().backend().compile(&traced.graph.bind(&[x.meta()]).unwrap()).unwrap();
            let out = run.run(&[x], &[]).unwrap();
            let kept: Vec<f32> =
                rows.iter().filter(|r| r[0] + r[1] > 0.0).flatten().map(|v| v * 2.0).collect();
            let grad: Vec<f32> =
                rows.iter().flat_map(|r| [if r[0] + r[1] > 0.0 { 2.0 } else { 0.0 }; 2]).collect();
            assert_eq!(out[0].to_vec::<f32>().unwrap(), kept);
            assert_eq!(out[1].to_vec::<f32>().unwrap(), grad);
        }
    }
}
