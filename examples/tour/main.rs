//! A first look: values, functions that become graphs, and the tape.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use tenfold as tf;

#[tf::function]
fn f(x: &tf::Tensor) -> tf::Tensor {
    tf::add(x, 1.0)
}

fn main() -> tf::Result<()> {
    println!("# Eager: a value is a value\n");
    let a = tf::constant([[1.0, 2.0], [3.0, 4.0]]);
    let b = tf::ones([2, 2]);
    println!("{}\n", a.matmul(&b) + 1.0);
    let row = a.slice(tf::s![0, ..]);
    let v: Vec<f32> = row.to_vec()?;
    println!("the first row as a Vec: {v:?}");
    let n: ndarray::ArrayD<f32> = a.to_ndarray()?;
    let back = tf::Tensor::from(n);
    println!("through ndarray and back: {back:?}\n");

    println!("# One graph for each shape and dtype\n");
    let (scalar, vector, matrix) = (tf::constant(1.0), tf::constant([1.0, 1.0]), tf::constant([[3.0]]));
    println!("{}\n{}\n{}", f(&scalar), f(&vector), f(&matrix));
    f(&vector);
    println!("\nfour calls, {} traces:\n{}", f::trace_count(), f::signatures());
    println!("{}", f::graph(&vector)?);

    println!("# The tape\n");
    let x = tf::constant(3.0);
    let tape = tf::GradientTape::new();
    tape.watch(&x);
    let y = &x * &x;
    println!("d(x·x)/dx at 3 is {}", tape.gradient(&y, &x));

    println!("\n# A mistake says what and where\n");
    if let Err(error) = tf::catch(|| &a + tf::constant([1.0, 2.0, 3.0])) {
        println!("{error}");
    }
    Ok(())
}
