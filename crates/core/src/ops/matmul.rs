use crate::buffer::Storage;
use crate::cpu::gemm::{GemmShape, Strides, gemm, gemm_integer};
use crate::dim::Dim;
use crate::door::{apply1, briefly};
use crate::dtype::DType;
use crate::error::Result;
use crate::op::{
    Attrs, Backward, Call, Cpu, Effect, Exact, Fault, Gpu, GpuKernel, Grad, Grads, Infer, Metas, OpDef, Tf,
    epilogue, err, floats, ok, sig,
};
use crate::shape::{Meta, Shape};
use crate::tensor::{Tensor, faces};

/// Product of the matrices in the last two axes, over broadcast batches.
pub static MATMUL: OpDef = OpDef {
    name: "matmul",
    tf: &[
        Tf::same("MatMul"),
        Tf::differs(
            "BatchMatMulV2",
            "adj_x and adj_y there are transpose_a and transpose_b here; batches broadcast",
        ),
    ],
    sig: sig!(x: T number, y: T number; transpose_a: Bool, transpose_b: Bool),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Product(kernel),
    gpu: Gpu::Kernel(GpuKernel::Matmul),
    grad: Grad::Rule(grad),
    exact: Exact::Relative(1e-5),
    composed: None,
    samples: || {
        let plain = |s: crate::op::Sample| s.attr("transpose_a", false).attr("transpose_b", false);
        let x = floats([2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let y = floats([3, 2], &[1.0, 0.0, 2.0, 3.0, 1.0, 1.0]);
        vec![
            plain(ok([x.clone(), y.clone()])),
            ok([x.clone(), x.clone()]).attr("transpose_a", true).attr("transpose_b", false),
            ok([x.clone(), x.clone()]).attr("transpose_a", false).attr("transpose_b", true),
            ok([x.clone(), y.clone()]).attr("transpose_a", true).attr("transpose_b", true),
            plain(ok([
                floats([2, 1, 1, 2], &[1.0, 2.0, 3.0, 4.0]),
                floats([3, 2, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            ])),
            plain(ok([floats([2, 0], &[]), floats([0, 3], &[])])),
            plain(err([x.clone(), x.clone()], "inner dimensions differ")),
            plain(err([floats([2], &[1.0, 2.0]), y], "x must have at least rank 2")),
        ]
    },
};

fn transposes(attrs: &Attrs) -> (bool, bool) {
    (attrs.bool("transpose_a"), attrs.bool("transpose_b"))
}

fn infer(i: &Infer<'_>) -> Result<Metas, Fault> {
    i.at_least_rank(0, 2, "x")?;
    i.at_least_rank(1, 2, "y")?;
    let (ta, tb) = transposes(i.attrs);
    let (x, y) = (i.shape(0), i.shape(1));
    let last = |s: &Shape, t: bool| {
        let (rows, cols) = (s[s.rank() - 2], s[s.rank() - 1]);
        if t { (cols, rows) } else { (rows, cols) }
    };
    let ((m, k), (k2, n)) = (last(x, ta), last(y, tb));
    i.same_dim(k, k2, "inner dimensions differ")
        .map_err(|f| f.hint("transpose one of them: matmul_with(y, transpose_a, transpose_b)"))?;
    if x.rank() == 2 && y.rank() == 2 {
        return i.one(i.dtype(0), Shape::from([m, n]));
    }
    let batch = |s: &Shape| s[..s.rank() - 2].iter().copied().collect::<Shape>();
    let batches =
        batch(x).broadcast(&batch(y)).ok_or_else(|| Fault::new("batch dimensions do not broadcast"))?;
    let dims: Shape = batches.iter().copied().chain([m, n]).collect();
    i.one(i.dtype(0), dims)
}

fn grad(g: &Backward<'_>) -> Grads {
    let (ta, tb) = transposes(g.attrs());
    let (x, y, dy) = (g.input(0), g.input(1), g.dy());
    let dx = || match (ta, tb) {
        (false, false) => dy.matmul_with(y, false, true),
        (true, false) => y.matmul_with(&dy, false, true),
        (false, true) => dy.matmul_with(y, false, false),
        (true, true) => y.matmul_with(&dy, true, true),
    };
    let dw = || match (ta, tb) {
        (false, false) => x.matmul_with(&dy, true, false),
        (true, false) => x.matmul_with(&dy, false, false),
        (false, true) => dy.matmul_with(x, true, false),
        (true, true) => dy.matmul_with(x, true, true),
    };
    g.two(dx, dw)
}

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let (ta, tb) = transposes(call.attrs);
    let finish = call.finish;
    let (x, y, out) = (&call.inputs[0], &call.inputs[1], &mut call.outputs[0]);
    let rank = out.shape.len();
    let (m, n) = (out.shape[rank - 2], out.shape[rank - 1]);
    let k = x.shape[x.shape.len() - if ta { 2 } else { 1 }];
    let stored = |rows: usize, cols: usize, t: bool| match t {
        false => Strides::row_major(rows, cols),
        true => Strides::row_major(cols, rows).transposed(),
    };
    let (a, b) = (stored(m, k, ta), stored(k, n, tb));
    let (plain, stacks): (Run, Vec<Run>);
    let runs: &[Run] = if rank == 2 {
        plain = (0, 0, 0, GemmShape { a, b, ..GemmShape::new(m, k, n) });
        std::slice::from_ref(&plain)
    } else {
        let batch = |s: &[usize]| s.len() - 2;
        let (xs, ys) = (&x.shape[..batch(x.shape)], &y.shape[..batch(y.shape)]);
        let batches = &out.shape[..rank - 2];
        if (xs, ys) == (batches, batches) {
            let shape = GemmShape { a, b, ..GemmShape::new(m, k, n).batched(batches.iter().product()) };
            plain = (0, 0, 0, shape);
            std::slice::from_ref(&plain)
        } else {
            stacks = Batches::new(batches, xs, ys).runs(m, k, n, a, b);
            &stacks
        }
    };
    for (x_at, y_at, out_at, shape) in runs {
        let (x_at, y_at, out_at) = (*x_at, *y_at, *out_at);
        macro_rules! product {
            ($t:ty, $f:expr) => {{
                let (a, b) = (&x.cast::<$t>()[x_at..], &y.cast::<$t>()[y_at..]);
                $f(shape, a, b, &mut out.cast::<$t>()[out_at..]);
            }};
        }
        macro_rules! float {
            ($t:ty) => {
                epilogue(finish, out_at, |e| {
                    product!($t, |shape: &GemmShape, a: &[$t], b: &[$t], c: &mut [$t]| gemm(
                        shape, a, b, c, e
                    ))
                })
            };
        }
        match x.dtype {
            DType::F16 => float!(half::f16),
            DType::BF16 => float!(half::bf16),
            DType::F32 => float!(f32),
            DType::F64 => float!(f64),
            DType::I8 => product!(i8, gemm_integer),
            DType::I16 => product!(i16, gemm_integer),
            DType::I32 => product!(i32, gemm_integer),
            DType::I64 => product!(i64, gemm_integer),
            DType::U8 => product!(u8, gemm_integer),
            DType::U16 => product!(u16, gemm_integer),
            DType::U32 => product!(u32, gemm_integer),
            DType::U64 => product!(u64, gemm_integer),
            DType::Bool => return Err(Fault::new("x must be a number")),
        }
    }
    Ok(())
}

/// A stack of products whose operands advance evenly, and where it begins in the three slices.
type Run = (usize, usize, usize, GemmShape);

/// The batch axes of both operands under the result's, for products of several matrices.
struct Batches {
    total: usize,
    /// For each matrix of the result, which of each operand's it needs.
    pairs: Vec<(usize, usize)>,
}

impl Batches {
    fn new(out: &[usize], x: &[usize], y: &[usize]) -> Batches {
        let total = out.iter().product();
        let index = |flat: usize, shape: &[usize]| {
            let (mut rest, mut at, mut step) = (flat, 0, 1);
            let skip = out.len() - shape.len();
            for (i, d) in out.iter().enumerate().rev() {
                let position = rest % d;
                rest /= d;
                if i >= skip {
                    at += if shape[i - skip] == 1 { 0 } else { position * step };
                    step *= shape[i - skip];
                }
            }
            at
        };
        Batches { total, pairs: (0..total).map(|b| (index(b, x), index(b, y))).collect() }
    }
    /// Stacks of products whose operands advance evenly, each with its offsets in the three slices.
    fn runs(&self, m: usize, k: usize, n: usize, a: Strides, b: Strides) -> Vec<Run> {
        let mut runs = vec![];
        let mut from = 0;
        while from < self.total {
            let (x0, y0) = self.pairs[from];
            let (dx, dy) = match self.pairs.get(from + 1) {
                Some((x, y)) if *x >= x0 && *y >= y0 => (x - x0, y - y0),
                _ => (0, 0),
            };
            let mut to = from + 1;
            while to < self.total && self.pairs[to] == (x0 + (to - from) * dx, y0 + (to - from) * dy) {
                to += 1;
            }
            let shape = GemmShape {
                a: Strides { batch: dx * m * k, ..a },
                b: Strides { batch: dy * k * n, ..b },
                ..GemmShape::new(m, k, n).batched(to - from)
            };
            runs.push((x0 * m * k, y0 * k * n, from * m * n, shape));
            from = to;
        }
        runs
    }
}

faces! {
    /// The matrix product of the last two axes; leading axes are batches and broadcast.
    ///
    /// Every element is one chain of fused multiply-adds along the inner axis, cut into partial sums every 512 terms, so
    /// that threads, batching and blocking change no bit; f16 and bf16 accumulate in f32 and round once; integers wrap.
    /// With `y = a·b` the gradients are `dy·bᵀ` and `aᵀ·dy`. Source: `tf.linalg.matmul`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let a = tf::constant([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(a.matmul(&tf::ones([2, 1])).to_vec::<f32>().unwrap(), [3.0, 7.0]);
    /// ```
    pub fn matmul / try_matmul(operand x, operand y) = product(x, y, false, false);
    /// [`matmul`] with the last two axes of either operand exchanged first, without copying them.
    ///
    /// Source: `transpose_a` and `transpose_b` of `tf.linalg.matmul`.
    pub fn matmul_with / try_matmul_with(operand x, operand y, transpose_a: bool, transpose_b: bool) =
        product(x, y, transpose_a, transpose_b);
}

#[track_caller]
fn product(x: &Tensor, y: &Tensor, ta: bool, tb: bool) -> Result<Tensor> {
    match briefly(&MATMUL, &[x, y], &|| attrs(ta, tb), || plain(x, y, ta, tb)) {
        Some(made) => made,
        None => apply1(&MATMUL, &[x, y], attrs(ta, tb)),
    }
}

/// The short way of two matrices of f32 in host memory that fit.
fn plain(x: &Tensor, y: &Tensor, ta: bool, tb: bool) -> Option<Result<Tensor>> {
    let size = |d: &Dim| d.size();
    let ([r, c], [r2, c2]) = (&x.shape()[..], &y.shape()[..]) else { return None };
    let (r, c, r2, c2) = (size(r)?, size(c)?, size(r2)?, size(c2)?);
    let ((m, k), (k2, n)) = (if ta { (c, r) } else { (r, c) }, if tb { (c2, r2) } else { (r2, c2) });
    if k != k2 || [x.dtype(), y.dtype()] != [DType::F32; 2] {
        return None;
    }
    let (a, b) = (x.host()?.bytes(), y.host()?.bytes());
    let shape = GemmShape::new(m, k, n).transposed(ta, tb);
    let meta = Meta::new(DType::F32, [m, n]);
    let made = Storage::room(meta.bytes()?).map(|mut storage| {
        if let Some(room) = storage.bytes_mut() {
            let (a, b): (&[f32], &[f32]) = (bytemuck::cast_slice(a), bytemuck::cast_slice(b));
            gemm(&shape, a, b, bytemuck::cast_slice_mut(room), crate::cpu::gemm::Epilogue::none());
        }
        Tensor::from_storage(meta, storage)
    });
    Some(made)
}

fn attrs(transpose_a: bool, transpose_b: bool) -> Attrs {
    Attrs::new().with("transpose_a", transpose_a).with("transpose_b", transpose_b)
}
