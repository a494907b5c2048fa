//! W5: matrix products, as networks and their gradients need them.

use crate::figures::PRODUCTS;
use crate::harness::Case;
use std::hint::black_box;
use tenfold as tf;
use tf::Tensor;
use tf::random::stateless_normal;

#[tf::function]
fn product(a: &Tensor, b: &Tensor, transposed: [bool; 2]) -> Tensor {
    a.matmul_with(b, transposed[0], transposed[1])
}

fn both(variant: &'static str, a: Tensor, b: Tensor, transposed: [bool; 2]) -> [Case; 2] {
    let (x, y) = (a.clone(), b.clone());
    let eager = Case::calls(variant, "eager", move || {
        black_box(a.matmul_with(&b, transposed[0], transposed[1]));
    });
    let graph = Case::calls(variant, "graph", move || {
        black_box(product(&x, &y, transposed));
    });
    [eager, graph]
}

pub(super) fn cases() -> tf::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (variant, m, k, n, transposed) in PRODUCTS {
        let shape = |rows, columns, transposed| if transposed { [columns, rows] } else { [rows, columns] };
        let mut a = stateless_normal(shape(m, k, transposed[0]), [5, 1]);
        let mut b = stateless_normal(shape(k, n, transposed[1]), [5, 2]);
        if variant.starts_with("f64") {
            (a, b) = (a.cast(tf::f64), b.cast(tf::f64));
        }
        cases.extend(both(variant, a, b, transposed));
    }
    let (a, b) = (stateless_normal([64, 128, 64], [5, 3]), stateless_normal([64, 64, 128], [5, 4]));
    cases.extend(both("batched_64x128x64x128", a, b, [false, false]));
    Ok(cases)
}
