use tenfold_macros::function;

struct Tensor;

#[function(max_traces = 0)]
fn f(_: &Tensor) {}

#[function(max_traces = -1)]
fn g(_: &Tensor) {}

#[function(max_traces = "many")]
fn h(_: &Tensor) {}

fn main() {}
