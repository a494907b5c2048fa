//! A linear model, trained op by op: every line can be stepped through in a debugger.

#![allow(clippy::print_stdout, reason = "an example speaks to a person")]

use tenfold as tf;
use tf::optimizers::Sgd;
use tf::{Module, Tensor, Variable};

#[derive(tf::Module)]
struct Linear {
    w: Variable,
    b: Variable,
}

impl Linear {
    fn call(&self, x: &Tensor) -> Tensor {
        x * &self.w + &self.b
    }
}

fn main() -> tf::Result<()> {
    // Points around y = 3x + 2.
    tf::random::set_seed(1);
    let inputs = tf::random::normal([1000], 0.0, 1.0);
    let outputs = &inputs * 3.0 + 2.0 + tf::random::normal([1000], 0.0, 1.0);

    let model =
        Linear { w: Variable::named("w", tf::constant(5.0)), b: Variable::named("b", tf::constant(10.0)) };
    let optimizer = Sgd::new(0.01);
    for step in 0..300 {
        let tape = tf::GradientTape::new();
        let loss = (model.call(&inputs) - &outputs).square().mean();
        let variables = model.trainable_variables();
        optimizer.apply_gradients(tape.gradient(&loss, &variables), &variables);
        if step % 20 == 0 {
            println!("Loss at step {step:03}: {loss:.3}");
        }
    }
    let (w, b) = (model.w.read().item::<f32>()?, model.b.read().item::<f32>()?);
    println!("w = {w:.3}, b = {b:.3}");
    if (w - 3.0).abs() > 0.2 || (b - 2.0).abs() > 0.2 {
        return Err(tf::Error::internal("linear", "the line was not found"));
    }
    Ok(())
}
