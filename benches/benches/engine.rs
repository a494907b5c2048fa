//! What the CPU engine reaches in steady state: element-wise groups, products, reductions, small and large.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tenfold as tf;
use tf::Tensor;
use tf::random::stateless_normal;

#[tf::function]
fn gelu(x: &Tensor) -> Tensor {
    x.gelu_approximate()
}

fn elementwise(c: &mut Criterion) {
    let mut group = c.benchmark_group("element-wise: gelu as one group");
    for size in [1 << 10, 1 << 16, 1 << 22] {
        let x = stateless_normal([size], [1, 1]);
        group.throughput(Throughput::Bytes(8 * size as u64));
        group.bench_function(size.to_string(), |bench| bench.iter(|| black_box(gelu(&x))));
    }
}

fn products(c: &mut Criterion) {
    let mut group = c.benchmark_group("product");
    for (m, k, n) in [(32, 784, 512), (64, 64, 64), (512, 512, 512)] {
        let (a, b) = (stateless_normal([m, k], [2, 1]), stateless_normal([k, n], [2, 2]));
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        group.bench_function(format!("{m}x{k}x{n}"), |bench| bench.iter(|| black_box(a.matmul(&b))));
    }
}

fn reductions(c: &mut Criterion) {
    let mut group = c.benchmark_group("sum of [1024, 1024]");
    let x = stateless_normal([1024, 1024], [3, 1]);
    group.throughput(Throughput::Bytes(4 << 20));
    for axis in [0, 1] {
        group.bench_function(format!("axis {axis}"), |bench| {
            bench.iter(|| black_box(x.reduce_sum(axis, false)))
        });
    }
    group.bench_function("all", |bench| bench.iter(|| black_box(x.sum())));
}

criterion_group!(benches, elementwise, products, reductions);
criterion_main!(benches);
