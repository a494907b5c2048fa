//! The runtime of `#[function]`, by hand-written expansions: what the macro writes, without the macro.

use super::*;
use crate as tf;
use crate::private as p;
use crate::{Tensor, Variable};

/// `f(x, n) = body`, as the macro expands it.
fn expanded<R: Structure + Send + Sync + 'static>(
    function: &'static Function,
    x: &Tensor,
    n: i64,
    body: impl Fn(&Tensor, i64) -> R,
) -> R {
    let visit = |v: &mut Visitor| {
        p::argument(v, "x", x);
        p::argument(v, "n", &n);
    };
    match p::call::<R>(function, "", &visit) {
        Route::Run(run) => run.run(|| body(x, n)),
        Route::Done(result) => result,
        Route::Trace(pending) => pending.trace(&visit, |r| body(&p::lend(r, x), p::own(r, &n))),
    }
}

fn f32s(x: &Tensor) -> Vec<f32> {
    x.to_vec().unwrap()
}

#[test]
fn one_trace_for_each_signature() {
    static F: Function = Function::new("f", Options::DEFAULT);
    let f = |x: &Tensor, n: i64| expanded(&F, x, n, |x, n| x * (n as f32));
    let (a, b) = (tf::constant([1.0, 2.0]), tf::constant([[3.0]]));
    for _ in 0..3 {
        assert_eq!(f32s(&f(&a, 2)), [2.0, 4.0]);
        assert_eq!(f32s(&f(&b, 2)), [6.0]);
    }
    assert_eq!(f32s(&f(&tf::constant([5.0, 6.0]), 2)), [10.0, 12.0]);
    assert_eq!(F.trace_count(), 2);
    assert_eq!(f32s(&f(&a, 3)), [3.0, 6.0]);
    assert_eq!(F.trace_count(), 3);
    let misses = F.misses();
    assert_eq!((misses[1].changes[0].path.as_str(), misses[1].changes[0].rule), ("x", Rule::Rank));
    assert_eq!((misses[2].changes[0].path.as_str(), misses[2].changes[0].rule), ("n", Rule::Value));
    assert_eq!(misses[2].changes[0].before.as_deref(), Some("2i64"));
    assert_eq!(F.signatures().iter().next(), Some("f(x: f32[2], n: 2i64) on CPU:0"));
    F.clear_cache();
    assert!(F.signatures().is_empty());
    f(&a, 2);
    assert_eq!(F.trace_count(), 4);
    assert_eq!(F.misses()[3].changes[0].rule, Rule::Evicted);
}

#[test]
fn the_cache_is_bounded_and_drops_the_least_recently_used() {
    static F: Function = Function::new("f", Options::DEFAULT);
    let x = tf::constant(1.0);
    let f = |n: i64| expanded(&F, &x, n, |x, n| x * (n as f32));
    for n in 0..200 {
        f(n);
        f(0);
    }
    assert_eq!(F.signatures().len(), 128);
    assert_eq!(F.trace_count(), 200);
    f(0);
    assert_eq!(F.trace_count(), 200);
    // The thread's own last hits may still hold it, but the shared cache does not.
    std::thread::spawn(move || expanded(&F, &tf::constant(1.0), 1, |x, n| x * (n as f32))).join().unwrap();
    assert_eq!(F.trace_count(), 201);
}

#[test]
fn a_cleared_cache_holds_no_memory() {
    static F: Function = Function::new("f", Options::DEFAULT);
    let x = tf::constant(1.0);
    let mut outside = tf::zeros([100]);
    expanded(&F, &x, 1, |x, _| x + &outside);
    assert!(outside.bytes_mut().is_none(), "the trace has it");
    F.clear_cache();
    assert!(outside.bytes_mut().is_some());
}

#[test]
fn racing_threads_trace_once() {
    static F: Function = Function::new("f", Options::DEFAULT);
    let barrier = std::sync::Barrier::new(4);
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                barrier.wait();
                let y = expanded(&F, &tf::constant([1.0, 2.0]), 1, |x, _| {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                    x + 1.0
                });
                assert_eq!(f32s(&y), [2.0, 3.0]);
            });
        }
    });
    assert_eq!(F.trace_count(), 1);
}

const NAMED: Options = Options {
    signature: &[TensorSpec {
        path: "x",
        dtype: Some(tf::DType::F32),
        dims: &[DimSpec::Named("batch"), DimSpec::Fixed(2)],
    }],
    ..Options::DEFAULT
};

#[test]
fn a_signature_serves_every_batch_and_checks_rank_and_dtype() {
    static F: Function = Function::new("f", NAMED);
    let f = |x: &Tensor| expanded(&F, x, 0, |x, _| -> tf::Result<Tensor> { x.try_multiply(2.0) });
    for rows in [3, 1, 5, 3] {
        let y = f(&tf::ones([rows, 2])).unwrap();
        assert_eq!(y.shape().to_vec(), [rows, 2]);
    }
    assert_eq!(F.trace_count(), 1);
    for (bad, text) in [
        (tf::ones([3]), "got f32[3]"),
        (tf::ones([3, 4]), "got f32[3, 4]"),
        (tf::constant([[1, 2]]), "got i32[1, 2]"),
    ] {
        let e = f(&bad).unwrap_err();
        assert!(e.to_string().contains("`x` must be f32[batch, 2]") && e.to_string().contains(text), "{e}");
    }
    assert_eq!(F.trace_count(), 1);
    assert_eq!(F.signatures().to_string(), "f(x: f32[batch, 2], n: 0i64) on CPU:0");
}

#[test]
fn relaxed_shapes_trace_twice() {
    static F: Function = Function::new("f", Options { relax_shapes: true, ..Options::DEFAULT });
    let f = |x: &Tensor| expanded(&F, x, 0, |x, _| x * 2.0);
    for rows in [3, 1, 5, 3, 9] {
        assert_eq!(f(&tf::ones([rows, 2])).shape().to_vec(), [rows, 2]);
    }
    assert_eq!(F.trace_count(), 2);
    assert_eq!(F.signatures().iter().nth(1), Some("f(x: f32[relaxed0, 2], n: 0i64) on CPU:0"));
    f(&tf::ones([3]));
    assert_eq!(F.trace_count(), 3);
}

#[test]
fn too_many_traces_are_an_error_that_explains() {
    static F: Function = Function::new("f", Options { max_traces: Some(1), ..Options::DEFAULT });
    let f = |x: &Tensor| expanded(&F, x, 0, |x, _| -> tf::Result<Tensor> { Ok(x * 2.0) });
    f(&tf::ones([2])).unwrap();
    let e = f(&tf::ones([3])).unwrap_err();
    assert_eq!(e.kind(), tf::Kind::ResourceExhausted);
    assert!(e.message().contains("`x` was f32[2], is f32[3]"), "{e}");
    assert!(e.hint().unwrap().contains("signature = [x: f32[batch]]"), "{e}");
    f(&tf::ones([2])).unwrap();
}

#[test]
fn a_panic_while_tracing_leaves_nothing() {
    static F: Function = Function::new("f", Options::DEFAULT);
    let x = tf::constant(1.0);
    let bad = std::panic::AssertUnwindSafe(|| expanded(&F, &x, 0, |_, _| -> Tensor { panic!("mine") }));
    assert!(std::panic::catch_unwind(bad).is_err());
    assert!(!is_tracing());
    assert_eq!(F.trace_count(), 0);
    assert_eq!(expanded(&F, &x, 0, |x, _| x + 1.0).item::<f32>().unwrap(), 2.0);
    assert_eq!(F.trace_count(), 1);
}

#[test]
fn recursion_is_an_error() {
    static F: Function = Function::new("f", Options::DEFAULT);
    fn endless(x: &Tensor, n: i64) -> Tensor {
        expanded(&F, x, n, |x, n| endless(x, n) * 2.0)
    }
    fn ending(x: &Tensor, n: i64) -> Tensor {
        expanded(&F, x, n, |x, n| if n == 0 { x.clone() } else { ending(x, n - 1) * 2.0 })
    }
    let x = tf::constant(1.0);
    let e = tf::catch(|| endless(&x, 1)).unwrap_err();
    assert!(e.message().contains("calls itself with the same signature"), "{e}");
    F.clear_cache();
    assert_eq!(ending(&x, 5).item::<f32>().unwrap(), 32.0);
    let e = tf::catch(|| ending(&x, 1000)).unwrap_err();
    assert!(e.message().contains("too often"), "{e}");
}

#[test]
fn gradients_of_every_order_flow_through() {
    static F: Function = Function::new("f", Options::DEFAULT);
    let v = Variable::new(tf::constant(3.0));
    // y = x * v * sqrt(x)
    let body = |x: &Tensor| x * &v * x.sqrt();
    let run = |traced: bool| {
        let x = tf::constant(4.0);
        let tapes = [(); 3].map(|()| tf::GradientTape::persistent());
        tapes.iter().for_each(|t| t.watch(&x));
        let y = if traced { expanded(&F, &x, 0, |x, _| body(x)) } else { body(&x) };
        let mut found = vec![y.item::<f32>().unwrap()];
        let dv = tapes[2].gradient(&y, &v);
        let mut d = tapes[2].gradient(&y, &x);
        found.push(dv.item().unwrap());
        found.push(d.item().unwrap());
        for tape in tapes[..2].iter().rev() {
            found.push(tape.gradient(&d, &v).item().unwrap());
            d = tape.gradient(&d, &x);
            found.push(d.item().unwrap());
        }
        found
    };
    let eager = run(false);
    assert_eq!(eager, run(true));
    assert_eq!(eager, run(true));
    assert_eq!(&eager[..3], [24.0, 8.0, 9.0]);
    assert_eq!(F.trace_count(), 1);
}

#[test]
fn an_unconnected_source_is_still_an_error() {
    static F: Function = Function::new("f", Options::DEFAULT);
    let (x, z) = (tf::constant(4.0), tf::constant(1.0));
    let tape = tf::GradientTape::persistent();
    tape.watch(&x);
    tape.watch(&z);
    let (a, b) = expanded(&F, &x, 0, |x, _| (x * 2.0, tf::constant(1.0)));
    assert_eq!(tape.gradient(&(&a + &b), &x).item::<f32>().unwrap(), 2.0);
    assert!(tape.try_gradient(&b, &x).is_err());
    assert!(tape.try_gradient(&a, &z).is_err());
}

#[test]
fn writes_are_in_order_and_returned_arguments_have_gradients() {
    static F: Function = Function::new("f", Options::DEFAULT);
    let v = Variable::new(tf::constant(1.0));
    let step = |x: &Tensor| {
        expanded(&F, x, 0, |x, _| {
            let before = v.read();
            v.assign_add(x);
            (before, v.read(), x.clone())
        })
    };
    let x = tf::constant(2.0);
    for start in [1.0, 3.0] {
        let tape = tf::GradientTape::new();
        tape.watch(&x);
        let (before, after, same) = step(&x);
        assert_eq!((before.item::<f32>().unwrap(), after.item::<f32>().unwrap()), (start, start + 2.0));
        assert_eq!(tape.gradient(&same, &x).item::<f32>().unwrap(), 1.0);
    }
}

#[test]
fn traced_apart_and_put_into_another_graph() {
    static INNER: Function = Function::new("inner", Options { inline: false, ..Options::DEFAULT });
    static OUTER: Function = Function::new("outer", NAMED);
    let inner = |x: &Tensor| expanded(&INNER, x, 0, |x, _| x * 3.0);
    let outer = |x: &Tensor| expanded(&OUTER, x, 0, |x, _| inner(&inner(x)) + 1.0);
    for rows in [1, 2] {
        assert_eq!(f32s(&outer(&tf::ones([rows, 2]))), vec![10.0; 2 * rows]);
    }
    assert_eq!((INNER.trace_count(), OUTER.trace_count()), (1, 1));
    let graph = OUTER.graph_of(|| outer(&tf::ones([7, 2]))).unwrap();
    assert_eq!(graph.nodes.iter().filter(|n| n.op.name == "multiply").count(), 2);
    assert!(
        graph
            .nodes
            .iter()
            .all(|n| ["input", "constant"].contains(&n.op.name) || n.at.file.ends_with("function_tests.rs"))
    );
}

#[test]
fn a_concrete_function_checks_what_it_is_given() {
    static F: Function = Function::new("f", NAMED);
    let f = |x: &Tensor| expanded(&F, x, 0, |x, _| x * 2.0);
    let c = F.concrete_of(|| f(&tf::ones([1, 2]))).unwrap();
    assert_eq!(f32s(&c.call(&[tf::ones([2, 2])]).unwrap()[0]), [2.0; 4]);
    assert!(c.call(&[]).is_err());
    assert!(c.call(&[tf::ones([2])]).unwrap_err().to_string().contains("must be f32[batch, 2]"));
    assert_eq!(c.structured_input_signature()[0].0, "x");
    assert!(F.concrete_of(|| 1).is_err());
}

#[test]
fn a_leaked_symbol_is_refused_as_an_argument() {
    static F: Function = Function::new("f", Options::DEFAULT);
    let leak = std::sync::Mutex::new(None);
    expanded(&F, &tf::constant(1.0), 0, |x, _| *leak.lock().unwrap() = Some(x.clone()));
    let leaked = leak.lock().unwrap().take().unwrap();
    let e = tf::catch(|| expanded(&F, &leaked, 0, |x, _| x + 1.0)).unwrap_err();
    assert!(e.message().contains("symbolic"), "{e}");
}

#[test]
fn a_gradient_that_the_user_gave_survives_tracing() {
    static F: Function = Function::new("f", NAMED);
    // A reversal: the value is the argument itself, the gradient is not; with an operand from the body.
    let body = |x: &Tensor| {
        let scale = x * 2.0;
        tf::custom_gradient(&[x], |x| (x[0].clone(), move |dy: &Tensor| vec![-(dy * &scale)])) * 3.0
    };
    let run = |traced: bool| {
        let x = tf::constant([[1.0, 5.0]]);
        let (outer, inner) = (tf::GradientTape::new(), tf::GradientTape::new());
        outer.watch(&x);
        inner.watch(&x);
        let y = if traced { expanded(&F, &x, 0, |x, _| body(x)) } else { body(&x) };
        let d = inner.gradient(&y, &x);
        [f32s(&y), f32s(&d), f32s(&outer.gradient(&d, &x))]
    };
    let eager = run(false);
    assert_eq!(eager, [[3.0, 15.0], [-6.0, -30.0], [-6.0, -6.0]]);
    assert_eq!(eager, run(true));
    assert_eq!(eager, run(true));
    // Inside a graph that is run without a tape it is an identity.
    assert_eq!(f32s(&expanded(&F, &tf::ones([3, 2]), 0, |x, _| body(x))), [3.0; 6]);
}

#[test]
fn cotangents_are_added_in_the_order_of_an_eager_run() {
    static F: Function = Function::new("f", Options::DEFAULT);
    // Many uses inside and outside, of sizes whose sum depends on the order.
    let body = |x: &Tensor| x * 0.1 + x * 1e7 + x.square() * 0.3 + x * -1e7;
    let run = |traced: bool| {
        let x = tf::constant([0.7, 3.3, 1e-3]);
        let tape = tf::GradientTape::new();
        tape.watch(&x);
        let y = &x * 0.013;
        let z = if traced { expanded(&F, &x, 0, |x, _| body(x)) } else { body(&x) };
        let last = &x * 1234.567;
        f32s(&tape.gradient(&(y + z + last), &x))
    };
    let eager = run(false);
    let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&eager), bits(&run(true)));
    assert_eq!(bits(&eager), bits(&run(true)));
}
