//! Nodes with graphs: each program eagerly, by the interpreter, as a plan, after the passes, and with open sizes.

use super::trace;
use crate as tf;
use crate::cpu::engine::{compile, interpreter};
use crate::graph::{Graph, passes};
use crate::{Device, Dim, Meta, Shape, Tensor, Variable};

pub(super) type Program<'a> = &'a dyn Fn(&[Tensor]) -> Vec<Tensor>;

pub(super) fn bits(x: &Tensor) -> (Meta, Vec<u8>) {
    (x.meta().clone(), x.storage().unwrap().bytes().to_vec())
}

pub(super) fn all_bits(xs: &[Tensor]) -> Vec<(Meta, Vec<u8>)> {
    xs.iter().map(bits).collect()
}

/// The graph of a program; with `open` the first dimension of each argument that has one is a symbol.
fn graph_of(inputs: &[Tensor], open: bool, f: Program<'_>) -> (Graph, Vec<Tensor>, Vec<Variable>) {
    let mut metas: Vec<(String, Meta)> =
        inputs.iter().enumerate().map(|(i, x)| (format!("x{i}"), x.meta().clone())).collect();
    for (_, meta) in metas.iter_mut().filter(|_| open) {
        if let Some(first) = meta.shape.dims_mut().first_mut() {
            // Equal sizes have one name.
            *first = Dim::symbol(&format!("n{first}"));
        }
    }
    let traced = trace("program", Device::cpu(), &metas, |x| tf::catch(|| f(x)), Vec::clone).unwrap();
    traced.graph.verify().unwrap();
    let text = traced.graph.to_string();
    let back = Graph::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(back.to_string(), text);
    assert!(back.computes_as(&traced.graph), "{text}");
    (traced.graph, traced.captures, traced.variables)
}

/// Runs the program in every way from the same state of `state`; all must agree.
pub(super) fn agree(inputs: &[Tensor], state: &[&Variable], f: Program<'_>) -> Vec<Tensor> {
    agree_as(inputs, state, true, f)
}

/// Two results that may differ in the last places.
pub(super) fn assert_near(a: &[Tensor], b: &[Tensor], text: &str) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.meta(), b.meta(), "{text}");
        let (a, b) = (a.to_f64_vec().unwrap(), b.to_f64_vec().unwrap());
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-5 * a.abs().max(b.abs()).max(0.1);
        assert!(a.iter().zip(&b).all(near), "{a:?} {b:?} {text}");
    }
}

/// [`agree`], or with graphs that agree with one another to the bit, and nearly with the eager run.
pub(super) fn agree_as(inputs: &[Tensor], state: &[&Variable], exact: bool, f: Program<'_>) -> Vec<Tensor> {
    let before: Vec<Tensor> = state.iter().map(|v| v.read()).collect();
    let reset = || state.iter().zip(&before).for_each(|(v, x)| v.assign(x));
    let after = || state.iter().map(|v| bits(&v.read())).collect::<Vec<_>>();
    let eager = f(inputs);
    let (mut wanted, wanted_state) = (exact.then(|| all_bits(&eager)), after());
    for open in [false, true] {
        let (graph, captures, variables) = graph_of(inputs, open, f);
        let all: Vec<Tensor> = inputs.iter().chain(&captures).cloned().collect();
        let metas: Vec<&Meta> = all.iter().map(Tensor::meta).collect();
        let bound = graph.bind(&metas).unwrap();
        bound.verify().unwrap();
        let mut ways = vec![("interpreter", interpreter(&bound)), ("compiled", compile(&bound).unwrap())];
        if bound.is_concrete() {
            let small = passes::optimise(&bound, Device::cpu()).unwrap();
            ways.push(("optimised, interpreted", interpreter(&small)));
            ways.push(("optimised", compile(&small).unwrap()));
        }
        for (way, run) in ways {
            for again in 0..2 {
                reset();
                let made = run.run(&all, &variables).unwrap();
                let text = format!("{way}, open {open}, {again}:\n{bound}");
                if wanted.is_none() {
                    assert_near(&made, &eager, &text);
                }
                let wanted = wanted.get_or_insert_with(|| all_bits(&made));
                assert_eq!(all_bits(&made), *wanted, "{text}");
                assert_eq!(after(), wanted_state, "{way}, open {open}:\n{bound}");
            }
        }
    }
    eager
}

pub(super) fn f32s(values: &[f32]) -> Tensor {
    Tensor::from_vec(values.to_vec(), [values.len()]).unwrap()
}

#[test]
fn a_side_is_taken() {
    for x in [[1.0, 2.0], [-3.0, 1.0]] {
        let y = agree(&[f32s(&x)], &[], &|x| {
            let big = f32s(&[5.0; 200]);
            let (a, b) = tf::cond(
                &x[0].sum().greater(0.0),
                || (&x[0] * 2.0, big.sum() + x[0].sum()),
                || (x[0].exp(), x[0].max()),
            );
            vec![a, b + 1.0]
        });
        assert_eq!(y[0].to_vec::<f32>().unwrap()[0], if x[0] > 0.0 { 2.0 } else { x[0].exp() });
    }
}

#[test]
fn a_loop_runs_until_its_condition_fails() {
    for n in [0, 1, 2, 7] {
        let y = agree(&[tf::constant(n), f32s(&[1.5, -2.0])], &[], &|x| {
            let scale = x[1].sum() * 3.0;
            let start = (tf::constant(0), x[1].clone(), tf::ones([2]));
            let (i, a, b) = tf::while_loop(
                |s| s.0.less(&x[0]),
                |(i, a, b)| (i + 1, &b * 1.0, &a * 0.5 + &b * &scale),
                start,
            );
            vec![i, a, b]
        });
        assert_eq!(y[0].item::<i32>().unwrap(), n);
    }
}

#[test]
fn loops_and_sides_nest() {
    for n in [0, 1, 6, 27] {
        let y = agree(&[tf::constant(n)], &[], &|x| {
            let (n, steps) = tf::while_loop(
                |s| s.0.greater(1),
                |(n, steps)| {
                    let odd = n.floormod(2).equal(1);
                    (tf::cond(&odd, || &n * 3 + 1, || n.floordiv(2)), steps + 1)
                },
                (x[0].clone(), tf::constant(0)),
            );
            let (inner, _) = tf::while_loop(
                |s| s.1.less(3),
                |(sum, i)| {
                    let one = |s: (Tensor, Tensor)| (s.0 + 1 + &i, s.1 + 1);
                    (tf::while_loop(|s| s.1.less(&i), one, (sum, tf::constant(0))).0, &i + 1)
                },
                (steps.clone(), tf::constant(0)),
            );
            vec![n, steps, inner]
        });
        let turns = [0, 0, 8, 111][[0, 1, 6, 27].iter().position(|k| *k == n).unwrap()];
        assert_eq!(y[1].item::<i32>().unwrap(), turns);
    }
}

#[test]
fn effects_happen_in_order_in_the_side_and_turn_that_runs() {
    let (v, w) = (Variable::new(f32s(&[1.0, 2.0])), Variable::untrainable("count", tf::constant(0)));
    for limit in [0, 3] {
        agree(&[tf::constant(limit)], &[&v, &w], &|x| {
            let before = v.read() * 2.0;
            let i = tf::while_loop(
                |i| i.less(&x[0]),
                |i| {
                    let old = v.read();
                    v.assign(&old * &v.read() + 1.0);
                    tf::cond(
                        &i.equal(1),
                        || {
                            w.assign_add(10);
                            tf::constant(0)
                        },
                        || {
                            w.assign_add(1);
                            w.read()
                        },
                    );
                    i + 1
                },
                tf::constant(0),
            );
            vec![before, v.read() * 2.0, w.read(), i]
        });
    }
}

#[test]
fn rows_are_mapped_scanned_and_folded() {
    for n in [0usize, 1, 4] {
        let values: Vec<f32> = (0..n * 3).map(|i| i as f32 * 0.7 - 1.0).collect();
        let x = Tensor::from_vec(values, [n, 3]).unwrap();
        agree(&[x.clone(), f32s(&[1.0, 0.5, 0.25])], &[], &|x| {
            let (sums, rows) = tf::map_fn(|r: Tensor| (r.sum(), &r * &x[1]), &x[0]);
            let scanned = tf::scan(|s: Tensor, r: Tensor| s * &r + &x[1], &x[0], x[1].clone());
            let left = tf::foldl(|s: Tensor, r: Tensor| s * 0.5 + r, &x[0], x[1].clone());
            let right = tf::foldr(|s: Tensor, r: Tensor| s * 0.5 + r, &x[0], x[1].clone());
            vec![sums, rows, scanned, left, right]
        });
    }
}

#[test]
fn sizes_that_only_the_run_decides() {
    agree(&[f32s(&[1.0, -2.0, 3.0, -4.0])], &[], &|x| {
        let positive = tf::where_true(&x[0].greater(0.0));
        let n = positive.cast(tf::DType::F32).sum();
        let (sum, _) = tf::while_loop(
            |s| s.1.less(3),
            |(s, i)| (s + positive.cast(tf::DType::F32).sum() * &n, i + 1),
            (tf::constant(0.0), tf::constant(0)),
        );
        let side = tf::cond(&sum.greater(0.0), || tf::where_true(&x[0].greater(1.5)), || positive.clone());
        vec![sum, side]
    });
}

#[test]
fn a_branch_chosen_by_number_or_by_the_first_truth() {
    for k in [-1, 0, 1, 2, 9] {
        agree(&[tf::constant(k)], &[], &|x| {
            let y = tf::switch_case(&x[0], &[&|| tf::constant(5.0), &|| tf::constant(6.0)], || {
                x[0].cast(tf::DType::F32)
            });
            let z = tf::case(&[(x[0].less(0), &|| &y * 2.0), (x[0].less(2), &|| &y * 3.0)], || y.clone());
            vec![y, z]
        });
    }
}

#[test]
fn mistakes_are_errors_with_the_users_line() {
    let scalar = [("x".to_string(), Meta::new(tf::DType::F32, Shape::scalar()))];
    let fails = |f: &dyn Fn(&Tensor) -> tf::Result<Tensor>| {
        let made = trace("wrong", Device::cpu(), &scalar, |x| f(&x[0]), |y| vec![y.clone()]);
        let error = made.err().unwrap();
        assert!(error.place().is_some_and(|p| p.file.ends_with("flow_tests.rs")), "{error}");
        error.to_string()
    };
    let text = fails(&|x| tf::try_cond(&x.greater(0.0), || x.clone(), || tf::stack(&[x, x], 0)));
    assert!(text.contains("the result: f32[] and f32[2]"), "{text}");
    let text = fails(&|x| Ok(tf::try_cond(&x.greater(0.0), || (x.clone(), 1), || (x.clone(), 2))?.0));
    assert!(text.contains("result `1`: 1i32 and 2i32"), "{text}");
    let text = fails(&|x| tf::try_while_loop(|x| x.less(1.0), |x| x.cast(tf::DType::F64), x.clone()));
    assert!(text.contains("f32[] and f64[]"), "{text}");
    let text = fails(&|x| tf::try_while_loop(|x| x + 1.0, |x| x, x.clone()));
    assert!(text.contains("must be a bool scalar, it is f32[]"), "{text}");
    let text = fails(&|x| tf::try_cond(&tf::stack(&[x, x], 0).less(1.0), || x.clone(), || x.clone()));
    assert!(text.contains("scalar"), "{text}");
    // A panic inside leaves no graph open.
    let text = fails(&|x| tf::try_cond(&x.less(1.0), || x + tf::zeros([2]) + tf::zeros([3]), || x.clone()));
    assert!(text.contains("broadcast"), "{text}");
    assert!(!super::is_tracing());
}

#[test]
fn a_failing_turn_names_its_line() {
    let (graph, ..) = graph_of(&[f32s(&[1.0, 2.0])], false, &|x| {
        let (_, sum) = tf::while_loop(
            |s| s.0.less(5),
            |(i, sum)| (&i + 1, sum + x[0].gather(&i, 0)),
            (tf::constant(0), tf::constant(0.0)),
        );
        vec![sum]
    });
    for run in [interpreter(&graph), compile(&passes::optimise(&graph, Device::cpu()).unwrap()).unwrap()] {
        let error = run.run(&[f32s(&[1.0, 2.0])], &[]).unwrap_err();
        assert!(error.place().is_some_and(|p| p.file.ends_with("flow_tests.rs")), "{error}");
    }
}
