//! Gradients of nodes with graphs against those of an eager run, to the bit. Second derivatives are near: an eager run adds
//! what a value gets from both passes before it goes back through the op that made it, and the graph computes that op twice.

use super::flow_tests::{agree, agree_as, all_bits, assert_near, f32s};
use super::program::Program;
use super::trace;
use crate as tf;
use crate::tape::GradientTape;
use crate::{Device, GradientOptions, Meta, Tensor, Unconnected, Variable};
use std::sync::Arc;

type Function<'a> = &'a dyn Fn(&[Tensor]) -> Tensor;

fn zeros() -> GradientOptions {
    GradientOptions::new().unconnected(Unconnected::Zero)
}

/// The value and its gradients by the inputs and variables, then the gradients of the sum of those.
fn derivatives(f: Function<'_>, x: &[Tensor], variables: &[&Variable], second: bool) -> Vec<Tensor> {
    let floats: Vec<Tensor> = x.iter().filter(|x| x.dtype().is_float()).cloned().collect();
    let variables: Vec<&&Variable> = variables.iter().filter(|v| v.dtype().is_float()).collect();
    let outer = GradientTape::persistent();
    floats.iter().for_each(|x| outer.watch(x));
    let inner = GradientTape::persistent();
    floats.iter().for_each(|x| inner.watch(x));
    let y = f(x);
    let mut results = inner.gradient_with(&y, &floats, &zeros()).unwrap();
    for v in &variables {
        results.push(inner.gradient_with(&y, **v, &zeros()).unwrap());
    }
    drop(inner);
    if second {
        let all = results.iter().fold(tf::constant(0.0), |sum, g| sum + g.square().sum());
        results.extend(outer.gradient_with(&all, &floats, &zeros()).unwrap());
        for v in &variables {
            results.push(outer.gradient_with(&all, **v, &zeros()).unwrap());
        }
    }
    results.push(y);
    results
}

/// Derivatives with the tapes inside the traced program, and around a call of it.
fn grads_agree(inputs: &[Tensor], state: &[&Variable], f: Function<'_>) {
    for second in [false, true] {
        agree_as(inputs, state, !second, &|x| derivatives(f, x, state, second));
    }
    let before: Vec<Tensor> = state.iter().map(|v| v.read()).collect();
    let metas: Vec<(String, Meta)> =
        inputs.iter().enumerate().map(|(i, x)| (format!("x{i}"), x.meta().clone())).collect();
    let body = |x: &[Tensor]| tf::catch(|| vec![f(x)]);
    let traced = trace("f", Device::cpu(), &metas, body, Vec::clone).unwrap();
    let super::Traced { graph, captures, variables, customs, .. } = traced;
    let program = Arc::new(Program::new("f", graph, captures, variables, customs, Device::cpu()));
    let at = crate::Place::caller();
    for second in [false, true] {
        let eager = derivatives(f, inputs, state, second);
        state.iter().zip(&before).for_each(|(v, x)| v.assign(x));
        let called = |x: &[Tensor]| program.call(x, at).unwrap().swap_remove(0);
        let around = derivatives(&called, inputs, state, second);
        state.iter().zip(&before).for_each(|(v, x)| v.assign(x));
        match second {
            true => assert_near(&around, &eager, "around"),
            false => assert_eq!(all_bits(&around), all_bits(&eager), "around: {around:?} {eager:?}"),
        }
    }
}

#[test]
fn of_a_side() {
    for x in [[1.5, 2.0], [-3.0, 1.25]] {
        grads_agree(&[f32s(&x), f32s(&[0.75, -2.0])], &[], &|x| {
            let before = (&x[0] * &x[1]).sum();
            let y = tf::cond(
                &x[0].sum().greater(0.0),
                || &x[0] * &x[0] * &x[1] + &before,
                || (&x[0] * 0.5).exp() + &x[1],
            );
            (&y * &x[0] + &y * 3.0).sum() + &x[1].sum() * &before
        });
    }
}

#[test]
fn of_a_loop() {
    for n in [0, 1, 2, 5] {
        grads_agree(&[f32s(&[0.5, -1.25]), f32s(&[0.9, 1.1]), tf::constant(n)], &[], &|x| {
            let scale = x[1].exp();
            let (_, a, b) = tf::while_loop(
                |s| s.0.less(&x[2]),
                |(i, a, b)| (i + 1, (&a * &scale).sin() + &x[1] * &b, &b * &a + 0.25),
                (tf::constant(0), x[0].clone(), &x[0] * 2.0),
            );
            (&a * &b).sum() + (&a * &scale).sum()
        });
    }
}

#[test]
fn of_sides_and_loops_in_one_another() {
    for n in [1, 4] {
        grads_agree(&[f32s(&[0.5, -0.75]), tf::constant(n)], &[], &|x| {
            let (y, _) = tf::while_loop(
                |s| s.1.less(&x[1]),
                |(y, i)| {
                    let z = tf::cond(
                        &i.floormod(2).equal(0),
                        || {
                            let w = tf::while_loop(
                                |s| s.1.less_equal(&i),
                                |(w, k): (Tensor, Tensor)| ((&w * &x[0]).tanh() + &y, k + 1),
                                (y.clone(), tf::constant(0)),
                            );
                            w.0 * 0.5
                        },
                        || &y * &y,
                    );
                    (z + &y * &x[0], i + 1)
                },
                (x[0].square(), tf::constant(0)),
            );
            y.sum()
        });
    }
}

#[test]
fn of_rows() {
    let x = Tensor::from_vec(vec![0.5f32, -1.0, 2.0, 0.25, 1.5, -0.5], [3, 2]).unwrap();
    grads_agree(&[x, f32s(&[0.3, 0.7])], &[], &|x| {
        let mapped = tf::map_fn(|r: Tensor| (&r * &x[1]).sin(), &x[0]);
        let scanned = tf::scan(|s: Tensor, r: Tensor| &s * &r + &x[1], &x[0], x[1].clone());
        let folded = tf::foldr(|s: Tensor, r: Tensor| (s * r).cos(), &mapped, x[1].clone());
        (scanned * mapped).sum() + folded.sum()
    });
}

#[test]
fn of_variables_that_are_read_and_written_inside() {
    let v = Variable::new(f32s(&[0.5, 1.5]));
    for n in [0, 3] {
        grads_agree(&[f32s(&[0.25, -0.5]), tf::constant(n)], &[&v], &|x| {
            let first = &v * 2.0;
            let (y, _) = tf::while_loop(
                |s| s.1.less(&x[1]),
                |(y, i)| {
                    let z = tf::cond(&i.equal(1), || &y * &v, || &y + &v * &v);
                    v.assign(v.read() * 0.5 + 0.125);
                    (z * &v, i + 1)
                },
                (x[0].clone(), tf::constant(0)),
            );
            (y * first * &v).sum()
        });
    }
}

#[test]
fn of_random_numbers_that_are_not_drawn_again() {
    let generator = tf::random::Generator::from_seed(5);
    grads_agree(&[f32s(&[0.25, -0.5])], &[generator.state()], &|x| {
        let (y, _) = tf::while_loop(
            |s| s.1.less(3),
            |(y, i)| {
                let noise = generator.normal([2]);
                let kept = tf::cond(&noise.sum().greater(0.0), || &y * generator.normal([2]), || &y * &noise);
                (kept * &y + noise, i + 1)
            },
            (x[0].clone(), tf::constant(0)),
        );
        y.sum()
    });
}

#[test]
fn of_gradients_given_inside() {
    grads_agree(&[f32s(&[0.25, -0.5])], &[], &|x| {
        let clipped = |x: &Tensor| {
            tf::custom_gradient(&[x], |x| {
                let x = x[0].clone();
                (&x * 3.0, move |dy: &Tensor| vec![dy * &x * 10.0])
            })
        };
        let (y, _) = tf::while_loop(
            |s| s.1.less(2),
            |(y, i)| (tf::cond(&i.equal(1), || clipped(&y), || clipped(&(&y * &x[0]))), i + 1),
            (x[0].clone(), tf::constant(0)),
        );
        y.sum()
    });
}

#[test]
fn forward_mode() {
    agree(&[f32s(&[0.5, -1.25]), f32s(&[1.0, 2.0])], &[], &|x| {
        let f = |x: &[Tensor]| {
            let (y, _) = tf::while_loop(
                |s| s.1.less(3),
                |(y, i)| (tf::cond(&i.equal(1), || y.sin(), || &y * &x[0]), i + 1),
                (x[0].clone(), tf::constant(0)),
            );
            y
        };
        let (y, dy) = tf::jvp(f, &[&x[0]], &[&x[1]]);
        vec![y, dy]
    });
}

/// A turn costs half a microsecond beside its kernels; the bound leaves room for a busy machine.
#[test]
fn a_turn_is_cheap() {
    let metas = [("n".to_string(), Meta::new(tf::DType::I32, crate::Shape::scalar()))];
    let count = |x: &[Tensor]| Ok(vec![tf::while_loop(|i| i.less(&x[0]), |i| i + 1, tf::constant(0))]);
    let graph = trace("count", Device::cpu(), &metas, count, Vec::clone).unwrap().graph;
    let graph = crate::graph::passes::optimise(&graph, Device::cpu()).unwrap();
    let run = crate::cpu::engine::compile(&graph).unwrap();
    let turns = 100_000;
    let begin = std::time::Instant::now();
    let y = run.run(&[tf::constant(turns)], &[]).unwrap();
    let each = begin.elapsed().as_nanos() / turns as u128;
    assert_eq!(y[0].item::<i32>().unwrap(), turns);
    assert!(each < 20_000, "{each} ns a turn\n{}", run.describe());
}
