use crate::dim::Dim;
use crate::door::try_apply;
use crate::dtype::DType;
use crate::op::{
    Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Made, Metas, OpDef, Tf, View, err, floats, ints, ok,
    sig,
};
use crate::shape::{Meta, Shape};
use crate::tensor::{Tensor, faces};
use smallvec::{SmallVec, smallvec};

/// Deals slices out to several tensors.
pub static DYNAMIC_PARTITION: OpDef = OpDef {
    name: "dynamic_partition",
    tf: &[Tf::same("DynamicPartition")],
    sig: sig!(data: _ any, partitions: _ index; num_partitions: Int),
    effect: Effect::MayFail,
    infer,
    cpu: Cpu::Dynamic(run),
    gpu: Gpu::CpuOnly("how many go where is only known when the partitions are read"),
    grad: Grad::Rule(|g| {
        // Positions go the same way as the slices did, and say where each cotangent belongs.
        let partitions = g.input(1);
        let n = partitions.shape().elements();
        let all = super::reduction::beside(partitions, super::positions(n, DType::I32));
        let at = all.reshape(partitions.shape()).dynamic_partition(partitions, g.outputs());
        let dys: Vec<Tensor> = (0..g.outputs()).map(|i| g.dy_at(i)).collect();
        let at = super::concat(&at, 0).expand_dims(-1);
        let inner = &g.x().shape()[partitions.rank()..];
        let flat: Shape = [n].iter().chain(inner).copied().collect();
        let sum = super::scatter_nd(&at, &super::concat(&dys, 0), flat);
        smallvec![g.needs(0).then(|| sum.reshape(g.x().shape())), None]
    }),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        let x = || floats([4], &[1.0, 2.0, 3.0, 4.0]);
        vec![
            ok([x(), ints([4], &[1, 0, 1, 1])]).attr("num_partitions", 3i64),
            ok([floats([2, 2], &[1.0, 2.0, 3.0, 4.0]), ints([2], &[1, 0])]).attr("num_partitions", 2i64),
            ok([floats([0], &[]), ints([0], &[])]).attr("num_partitions", 1i64),
            err([x(), ints([4], &[1, 0, 2, 1])], "partition 2 at 2").attr("num_partitions", 2i64),
            err([x(), ints([3], &[1, 0, 2])], "begin with the shape").attr("num_partitions", 2i64),
            err([x(), ints([4], &[0, 0, 0, 0])], "at least one partition").attr("num_partitions", 0i64),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    let (data, partitions, n) = (x.shape(0), x.shape(1), x.attrs.int("num_partitions"));
    let what = "the shape of data must begin with the shape of partitions";
    if n < 1 {
        return Err(Fault::new("there must be at least one partition").numbers(n.to_string()));
    }
    if n > 1 << 20 {
        return Err(Fault::new("there may be at most 1048576 partitions").numbers(n.to_string()));
    }
    if partitions.rank() > data.rank() {
        return Err(Fault::new(what).numbers(format!("rank {} > rank {}", partitions.rank(), data.rank())));
    }
    for (d, p) in data.iter().zip(partitions.iter()) {
        x.same_dim(*d, *p, what)?;
    }
    let many = Dim::symbol(super::RUN_TIME_DIM);
    let shape: Shape = [many].iter().chain(&data[partitions.rank()..]).copied().collect();
    Ok(SmallVec::from_elem(Meta { dtype: x.dtype(0), shape }, n as usize))
}

fn run(x: &[View<'_>], attrs: &Attrs) -> Result<Vec<Made>, Fault> {
    let (data, partitions, n) = (&x[0], &x[1], attrs.int("num_partitions") as usize);
    let inner = &data.shape[partitions.shape.len()..];
    let slice = inner.iter().product::<usize>() * data.dtype.size();
    let mut parts = vec![(0usize, Vec::new()); n];
    let ids: Vec<i64> = match partitions.dtype {
        DType::I32 => partitions.cast::<i32>().iter().map(|p| (*p).into()).collect(),
        _ => partitions.cast::<i64>().to_vec(),
    };
    for (i, p) in ids.into_iter().enumerate() {
        let Some(part) = usize::try_from(p).ok().and_then(|p| parts.get_mut(p)) else {
            return Err(Fault::new(format!("partition {p} at {i} is not below num_partitions, {n}")));
        };
        part.0 += 1;
        part.1.extend_from_slice(&data.bytes[i * slice..(i + 1) * slice]);
    }
    let made = |(many, bytes): (usize, Vec<u8>)| Made {
        shape: [many].iter().chain(inner).copied().collect(),
        bytes,
    };
    Ok(parts.into_iter().map(made).collect())
}

faces! {
    /// The slices of `data` dealt out to `num_partitions` tensors by the number that `partitions` gives each.
    ///
    /// Source: `tf.dynamic_partition`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let parts = tf::constant([1, 2, 3]).dynamic_partition(&tf::constant([1, 0, 1]), 2);
    /// assert_eq!(parts[1].to_vec::<i32>().unwrap(), [1, 3]);
    /// ```
    pub fn dynamic_partition / try_dynamic_partition(data: &Tensor, partitions: &Tensor, num_partitions: usize) -> Vec<Tensor> =
        Ok(try_apply(&DYNAMIC_PARTITION, &[data, partitions], Attrs::new().with("num_partitions", num_partitions))?.into_vec());
}
