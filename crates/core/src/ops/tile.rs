use crate::dim::Dim;
use crate::door::apply1;
use crate::op::{
    AffineCopy, Attrs, Backward, Copies, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Steps,
    Tf, err, floats, ok, sig, steps,
};
use crate::shape::Meta;
use crate::tensor::{Tensor, faces};

/// Repeats a tensor along its axes.
pub static TILE: OpDef = OpDef {
    name: "tile",
    tf: &[Tf::differs("Tile", "multiples are an input there")],
    sig: sig!(x: _ any; multiples: Ints),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Reindex(copies),
    gpu: Gpu::Reindex,
    grad: Grad::Rule(|g| g.one(sum_of_copies(g))),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([2, 2], &[1.0, 2.0, 3.0, 4.0]);
        vec![
            ok([x()]).attr("multiples", vec![2, 3]),
            ok([x()]).attr("multiples", vec![0, 1]),
            ok([floats([], &[5.0])]).attr("multiples", vec![]),
            err([x()], "one number for each axis").attr("multiples", vec![2]),
            err([x()], "must not be negative").attr("multiples", vec![2, -1]),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let multiples = x.attrs.ints("multiples");
    if multiples.len() != x.shape(0).rank() {
        return Err(Fault::new("multiples must have one number for each axis").numbers(format!(
            "{} for rank {}",
            multiples.len(),
            x.shape(0).rank()
        )));
    }
    if let Some(m) = multiples.iter().find(|m| **m < 0) {
        return Err(Fault::new("multiples must not be negative").numbers(m.to_string()));
    }
    x.one(x.dtype(0), x.shape(0).iter().zip(multiples).map(|(d, m)| *d * Dim::from(*m as usize)).collect())
}

/// A loop over [m0, d0, m1, d1, …] that reads each element m times.
fn copies(inputs: &[&Meta], attrs: &Attrs, outputs: &[Meta]) -> Copies {
    let (x, y) = (&inputs[0].shape, &outputs[0].shape);
    let (mut shape, mut from, mut to) = (vec![], Steps::new(), Steps::new());
    for (((d, m), si), so) in x.iter().zip(attrs.ints("multiples")).zip(steps(x)).zip(steps(y)) {
        let d = d.size().unwrap_or(0);
        shape.extend([*m as usize, d]);
        from.extend([0, si]);
        to.extend([d as isize * so, so]);
    }
    Copies::one(AffineCopy::new(shape, (0, from), (0, to)))
}

fn sum_of_copies(g: &Backward<'_>) -> Tensor {
    let multiples = g.attrs().ints("multiples");
    let pairs = g.x().shape().iter().zip(multiples).flat_map(|(d, m)| [Dim::from(*m as usize), *d]);
    let copies: Vec<i64> = (0..multiples.len() as i64).map(|i| 2 * i).collect();
    g.dy().reshape(pairs.collect::<Vec<_>>()).reduce_sum(copies, false)
}

faces! {
    /// `x` repeated so many times along each axis. The gradient sums the copies.
    ///
    /// Source: `tf.tile`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// assert_eq!(tf::constant([1, 2]).tile(&[2]).to_vec::<i32>().unwrap(), [1, 2, 1, 2]);
    /// ```
    pub fn tile / try_tile(x: &Tensor, multiples: &[usize]) = {
        let multiples: Vec<i64> = multiples.iter().map(|m| *m as i64).collect();
        apply1(&TILE, &[x], Attrs::new().with("multiples", multiples))
    };
}
