//! The products of W5 by crates that do nothing else: gemm, matrixmultiply, faer.

use bench_common::{Case, PRODUCTS, Request, normal};
use std::hint::black_box;

/// Sizes, and the distances between rows and between columns of both operands.
#[derive(Clone, Copy)]
struct Shape {
    m: usize,
    k: usize,
    n: usize,
    a: [isize; 2],
    b: [isize; 2],
}

fn shape(m: usize, k: usize, n: usize, [ta, tb]: [bool; 2]) -> Shape {
    let strides = |rows: usize, columns: usize, transposed: bool| match transposed {
        true => [1, rows as isize],
        false => [columns as isize, 1],
    };
    Shape { m, k, n, a: strides(m, k, ta), b: strides(k, n, tb) }
}

macro_rules! cases {
    ($variant:expr, $shape:expr, $threads:expr, $t:ty, $matrixmultiply:path) => {{
        let (Shape { m, k, n, a: sa, b: sb }, threads) = ($shape, $threads);
        let values = |n: usize| -> Vec<$t> { normal(n).into_iter().map(<$t>::from).collect() };
        let operands = || (values(m * k), values(k * n), vec![0.0 as $t; m * n]);
        let (a, b, mut out) = operands();
        let gemm = Case::calls($variant, "gemm", move || {
            let (c, a, b) = (out.as_mut_ptr(), a.as_ptr(), b.as_ptr());
            let how = if threads > 1 { gemm::Parallelism::Rayon(threads) } else { gemm::Parallelism::None };
            // SAFETY: the three slices have the sizes and strides that are given, and `out` is not aliased.
            unsafe {
                gemm::gemm(
                    m, n, k, c, 1, n as isize, false, a, sa[1], sa[0], b, sb[1], sb[0], 0.0, 1.0, false,
                    false, false, how,
                );
            }
            black_box(&out);
        });
        let (a, b, mut out) = operands();
        let multiply = Case::calls($variant, "matrixmultiply", move || {
            let (c, a, b) = (out.as_mut_ptr(), a.as_ptr(), b.as_ptr());
            // SAFETY: as above.
            unsafe { $matrixmultiply(m, k, n, 1.0, a, sa[0], sa[1], b, sb[0], sb[1], 0.0, c, n as isize, 1) };
            black_box(&out);
        });
        let (a, b, mut out) = operands();
        let faer = Case::calls($variant, "faer", move || {
            let matrix = |data, rows, columns, strides: [isize; 2]| match strides[1] {
                1 => faer::MatRef::from_row_major_slice(data, rows, columns),
                _ => faer::MatRef::from_column_major_slice(data, rows, columns),
            };
            let (a, b) = (matrix(&a, m, k, sa), matrix(&b, k, n, sb));
            let c = faer::MatMut::from_row_major_slice_mut(&mut out, m, n);
            let how = if threads > 1 { faer::Par::rayon(threads) } else { faer::Par::Seq };
            faer::linalg::matmul::matmul(c, faer::Accum::Replace, a, b, 1.0, how);
            black_box(&out);
        });
        [gemm, multiply, faer]
    }};
}

fn main() {
    let request = Request::read();
    let mut cases = Vec::new();
    if request.workload == "W5" {
        for (variant, m, k, n, transposed) in PRODUCTS {
            let shape = shape(m, k, n, transposed);
            match variant.starts_with("f64") {
                true => cases.extend(cases!(variant, shape, request.threads, f64, matrixmultiply::dgemm)),
                false => cases.extend(cases!(variant, shape, request.threads, f32, matrixmultiply::sgemm)),
            }
        }
    }
    request.serve(cases);
}
