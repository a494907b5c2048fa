use tenfold_macros::function;

struct Tensor;

#[function(max_bytes = 0)]
fn f(_: &Tensor) {}

#[function(max_bytes = "2 gigs")]
fn g(_: &Tensor) {}

#[function(max_bytes = "-1 MB")]
fn h(_: &Tensor) {}

#[function(max_bytes = 1.5)]
fn i(_: &Tensor) {}

#[function(max_bytes = LIMIT)]
fn j(_: &Tensor) {}

fn main() {}
