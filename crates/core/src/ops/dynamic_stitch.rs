use super::concat::refs;
use crate::dim::Dim;
use crate::door::apply1;
use crate::dtype::DType;
use crate::op::{
    Attrs, Class, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Made, Metas, OpDef, Tf, View, err, floats,
    ints, ok, sig,
};
use crate::shape::Shape;
use crate::tensor::{Tensor, free_faces};
use std::borrow::Borrow;

/// Puts slices of several tensors at given places of one.
pub static DYNAMIC_STITCH: OpDef = OpDef {
    name: "dynamic_stitch",
    tf: &[Tf::same("DynamicStitch"), Tf::same("ParallelDynamicStitch")],
    sig: sig!(inputs: _ any ..),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Dynamic(run),
    gpu: Gpu::CpuOnly("the size of the result is only known when the indices are read"),
    grad: Grad::Rule(|g| {
        let half = g.inputs().len() / 2;
        let one = |i: usize| g.needs(i).then(|| g.dy().gather(g.input(i - half), 0));
        (0..2 * half).map(|i| if i < half { None } else { one(i) }).collect()
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([ints([2], &[2, 0]), ints([1], &[1]), floats([2], &[1.0, 2.0]), floats([1], &[3.0])]),
            ok([ints([], &[1]), ints([1], &[0]), floats([2], &[1.0, 2.0]), floats([1, 2], &[3.0, 4.0])]),
            err([ints([1], &[-1]), floats([1], &[1.0])], "index -1 is negative"),
            err([ints([1], &[0]), floats([2], &[1.0, 2.0])], "begin with the shape"),
            err([floats([1], &[0.0]).of(DType::F32), floats([1], &[1.0])], "indices must be i32 or i64"),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let n = x.inputs.len();
    if !n.is_multiple_of(2) {
        return Err(Fault::new("takes as many index tensors as data tensors").numbers(format!("{n} inputs")));
    }
    let half = n / 2;
    let tail = |i: usize| -> Result<Shape, Fault> {
        let (at, data) = (x.shape(i), x.shape(half + i));
        let fits = at.rank() <= data.rank() && at.iter().zip(data.iter()).all(|(a, b)| a.may_equal(*b));
        match fits {
            _ if !Class::Index.has(x.dtype(i)) => Err(Fault::new("indices must be i32 or i64")),
            _ if x.dtype(half + i) != x.dtype(half) => Err(Fault::new("all data must have the same dtype")),
            false => Err(Fault::new("the shape of data must begin with the shape of its indices")),
            true => Ok(data[at.rank()..].iter().copied().collect()),
        }
    };
    let first = tail(0)?;
    for i in 1..half {
        let other = tail(i)?;
        if other.rank() != first.rank() || other.iter().zip(first.iter()).any(|(a, b)| !a.may_equal(*b)) {
            return Err(
                Fault::new("all slices must have the same shape").numbers(format!("{first} ≠ {other}"))
            );
        }
    }
    let many = Dim::symbol(super::RUN_TIME_DIM);
    x.one(x.dtype(half), [many].iter().chain(first.iter()).copied().collect())
}

fn run(x: &[View<'_>], _: &Attrs) -> Result<Vec<Made>, Fault> {
    let (indices, data) = x.split_at(x.len() / 2);
    let places = |v: &View<'_>| -> Vec<i64> {
        match v.dtype {
            DType::I32 => v.cast::<i32>().iter().map(|p| (*p).into()).collect(),
            _ => v.cast::<i64>().to_vec(),
        }
    };
    let all: Vec<Vec<i64>> = indices.iter().map(places).collect();
    if let Some(at) = all.iter().flatten().find(|at| **at < 0) {
        return Err(Fault::new(format!("index {at} is negative")));
    }
    let n = all.iter().flatten().max().map_or(0, |m| *m as usize + 1);
    let inner = &data[0].shape[indices[0].shape.len()..];
    let slice = inner.iter().product::<usize>() * data[0].dtype.size();
    let mut bytes = Made::room::<u8>(&[n, slice])?;
    for (places, data) in all.iter().zip(data) {
        for (i, at) in places.iter().enumerate() {
            bytes[*at as usize * slice..][..slice].copy_from_slice(&data.bytes[i * slice..][..slice]);
        }
    }
    Ok(vec![Made { shape: [n].iter().chain(inner).copied().collect(), bytes }])
}

free_faces! {
    /// One tensor from the slices of several: slice `i` of `data[k]` goes to place `indices[k][i]`; the last one stays
    /// where several meet, and places that nothing goes to are zero.
    ///
    /// Source: `tf.dynamic_stitch`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (at, x) = ([tf::constant([1]), tf::constant([0, 2])], [tf::constant([5]), tf::constant([6, 7])]);
    /// assert_eq!(tf::dynamic_stitch(&at, &x).to_vec::<i32>().unwrap(), [6, 5, 7]);
    /// ```
    pub fn dynamic_stitch / try_dynamic_stitch(indices: &[impl Borrow<Tensor>], data: &[impl Borrow<Tensor>]) = {
        let inputs: Vec<&Tensor> = refs(indices).into_iter().chain(refs(data)).collect();
        apply1(&DYNAMIC_STITCH, &inputs, Attrs::new())
    };
}
