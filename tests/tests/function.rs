//! `#[tf::function]` through the facade: caching, options, methods, generics, errors, state.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Barrier, Mutex};
use tenfold as tf;
use tf::{Module as _, Tensor, Variable};

fn f32s(x: &Tensor) -> Vec<f32> {
    x.to_vec().unwrap()
}

fn one(x: &Tensor) -> f32 {
    x.item().unwrap()
}

/// One graph for each shape and dtype.
#[test]
fn one_graph_for_each_shape_and_dtype() {
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        tf::add(x, 1.0)
    }
    let (scalar, vector, matrix) = (tf::constant(1.0), tf::constant([1.0, 1.0]), tf::constant([[3.0]]));
    for _ in 0..2 {
        assert_eq!(
            (one(&f(&scalar)), f32s(&f(&vector)), f32s(&f(&matrix))),
            (2.0, vec![2.0, 2.0], vec![4.0])
        );
    }
    tf::assert_traces!(f, 3);
    assert_eq!(
        f::signatures().to_string(),
        "f(x: f32[]) on CPU:0\nf(x: f32[2]) on CPU:0\nf(x: f32[1, 1]) on CPU:0"
    );
    let graph = f::graph(&vector).unwrap();
    assert_eq!(graph.outputs.len(), 1);
    let add = graph.nodes.iter().find(|n| n.op.name == "add").unwrap();
    assert!(add.at.file.ends_with("function.rs"));
    let concrete = f::concrete(&tf::constant([[1, 2]]).cast(tf::DType::F64)).unwrap();
    assert_eq!(concrete.structured_outputs()[0].to_string(), "f64[1, 2]");
    tf::assert_traces!(f, 4);
    f::clear_cache();
    assert!(f::signatures().is_empty());
}

/// Host values: type and bits.
#[test]
fn host_values_are_told_apart_by_type_and_bits() {
    #[tf::function]
    fn f<T: tf::Structure + std::fmt::Debug>(x: &Tensor, v: T) -> (Tensor, String) {
        (x + 1.0, format!("{v:?}"))
    }
    let x = tf::constant(1.0);
    assert_eq!(f(&x, 1i32).1, "1");
    assert_eq!(f(&x, 1.0f32).1, "1.0");
    assert_eq!(f(&x, true).1, "true");
    assert_eq!(f(&x, 0.0f32).1, "0.0");
    assert_eq!(f(&x, -0.0f32).1, "-0.0");
    assert_eq!(f(&x, "one".to_string()).1, "\"one\"");
    assert_eq!(f(&x, 1i32).1, "1");
    assert_eq!(f::trace_count(), 6);
    assert!(f::misses().iter().any(|m| m.changes.iter().any(|c| c.rule == tf::Rule::Instance)));
}

#[derive(tf::Structure)]
enum Scale {
    None,
    By(f32),
    Each { factor: Tensor },
}

#[derive(tf::Structure)]
struct Batch {
    inputs: Vec<Tensor>,
    named: HashMap<String, Tensor>,
    scale: Scale,
    pair: (Tensor, [i64; 2]),
}

/// Every form of argument, and structures as results.
#[test]
fn structures_in_and_out() {
    #[tf::function]
    fn f(
        batch: Batch,
        (a, b): (Tensor, f32),
        many: &[Tensor],
        name: &str,
        maybe: Option<&Tensor>,
    ) -> (Batch, BTreeMap<String, Tensor>) {
        let mut sum = a * b;
        for x in many {
            sum += x;
        }
        if let Some(x) = maybe {
            sum += x;
        }
        match &batch.scale {
            Scale::None => {}
            Scale::By(n) => sum *= *n,
            Scale::Each { factor } => sum *= factor,
        }
        let map =
            BTreeMap::from([(name.to_string(), sum), ("y".into(), &batch.named["y"] + &batch.inputs[1])]);
        (Batch { scale: Scale::None, ..batch }, map)
    }
    let c = |v: f32| tf::constant(v);
    let batch = |scale, y: f32| Batch {
        inputs: vec![c(1.0), c(2.0)],
        named: HashMap::from([("x".to_string(), c(-1.0)), ("y".to_string(), c(y))]),
        scale,
        pair: (c(5.0), [1, 2]),
    };
    for y in [10.0, 20.0] {
        let (again, map) =
            f(batch(Scale::By(2.0), y), (c(3.0), 2.0), &[c(1.0), c(2.0)], "sum", Some(&c(4.0)));
        assert_eq!((one(&map["sum"]), one(&map["y"])), (26.0, y + 2.0));
        assert_eq!((one(&again.inputs[0]), one(&again.pair.0), again.pair.1), (1.0, 5.0, [1, 2]));
        assert_eq!((one(&again.named["x"]), one(&again.named["y"])), (-1.0, y));
    }
    tf::assert_traces!(f, 1);
    let (_, map) = f(batch(Scale::Each { factor: c(10.0) }, 1.0), (c(3.0), 2.0), &[], "s", None);
    assert_eq!(one(&map["s"]), 60.0);
    tf::assert_traces!(f, 2);
    let changed: Vec<_> = f::misses()[1].changes.iter().map(|c| c.path.clone()).collect();
    for path in ["batch.scale", "many", "name", "maybe"] {
        assert!(changed.iter().any(|c| c == path), "{path} in {changed:?}");
    }
}

/// Two threads, one trace.
#[test]
fn a_race_traces_once() {
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        std::thread::sleep(std::time::Duration::from_millis(30));
        x + 1.0
    }
    let barrier = Barrier::new(3);
    std::thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| {
                barrier.wait();
                assert_eq!(one(&f(&tf::constant(1.0))), 2.0);
            });
        }
    });
    tf::assert_traces!(f, 1);
}

/// Named and unknown dimensions: one trace, checked at binding.
#[test]
fn named_dimensions_serve_every_batch() {
    #[tf::function(signature = [x: f32[batch, 3], y: [batch, _]])]
    fn f(x: &Tensor, y: &Tensor) -> tf::Result<Tensor> {
        Ok(x * y)
    }
    for rows in [4, 4, 2, 1] {
        assert_eq!(f(&tf::ones([rows, 3]), &tf::ones([rows, 1])).unwrap().shape().to_vec(), [rows, 3]);
    }
    tf::assert_traces!(f, 1);
    let fails = |x: &Tensor, y: &Tensor, parts: &[&str]| {
        let e = f(x, y).unwrap_err();
        assert!(e.place().unwrap().file.ends_with("function.rs"), "{e}");
        assert!(parts.iter().all(|p| e.to_string().contains(p)), "{e}");
    };
    fails(&tf::ones([2, 3]), &tf::ones([5, 1]), &["`batch` is 2 in `x` and 5 in `y`"]);
    fails(&tf::constant(1.0), &tf::ones([5, 1]), &["`x` must be f32[batch, 3], got f32[]"]);
    fails(&tf::ones([2, 4]), &tf::ones([2, 1]), &["`x` must be", "f32[2, 4]"]);
    fails(&tf::constant([[1, 2, 3]]), &tf::ones([1, 1]), &["`x` must be", "i32[1, 3]"]);
    tf::assert_traces!(f, 1);
    assert_eq!(f::signatures().to_string(), "f(x: f32[batch, 3], y: f32[batch, ?]) on CPU:0");
}

/// The shorter form, and a ragged last batch of a training step.
#[test]
fn a_ragged_last_batch_needs_no_trace() {
    fn update(w: &Variable, x: &Tensor, y: &Tensor) -> Tensor {
        let tape = tf::GradientTape::new();
        let loss = (x * w - y).square();
        w.assign_sub(tape.gradient(&loss, w) * 0.01);
        loss
    }
    #[tf::function(x: [batch, 2], y: [batch, 1])]
    fn step(w: &Variable, x: &Tensor, y: &Tensor) -> Tensor {
        update(w, x, y)
    }
    let [w, eager] = [(); 2].map(|()| Variable::new(tf::constant([1.5, -1.0])));
    for rows in [4, 4, 3, 1] {
        let (x, y) = (tf::ones([rows, 2]) * 0.7, tf::ones([rows, 1]) * 3.0);
        assert_eq!(f32s(&step(&w, &x, &y)), f32s(&update(&eager, &x, &y)));
    }
    assert_eq!(f32s(&w.read()), f32s(&eager.read()));
    tf::assert_traces!(step, 1);
}

#[test]
fn relaxed_shapes_open_what_differed() {
    #[tf::function(relax_shapes)]
    fn f(x: &Tensor, y: &Tensor) -> Tensor {
        x * y
    }
    for rows in [1, 2, 7] {
        assert_eq!(f(&tf::ones([rows, 3]), &tf::ones([rows, 3])).shape().to_vec(), [rows, 3]);
    }
    tf::assert_traces!(f, 2);
    // The exact trace still wins.
    f(&tf::ones([1, 3]), &tf::ones([1, 3]));
    tf::assert_traces!(f, 2);
}

#[test]
fn max_traces_is_an_error_that_names_the_argument() {
    #[tf::function(max_traces = 2)]
    fn f(x: &Tensor, n: i64) -> tf::Result<Tensor> {
        Ok(x * n as f32)
    }
    let x = tf::constant(1.0);
    f(&x, 1).unwrap();
    f(&x, 2).unwrap();
    let e = f(&x, 3).unwrap_err();
    assert_eq!(e.kind(), tf::Kind::ResourceExhausted);
    assert!(
        e.message().contains("`n` was 1i64, is 3i64") || e.message().contains("`n` was 2i64, is 3i64"),
        "{e}"
    );
    assert!(e.hint().unwrap().contains("pass a tensor"), "{e}");
}

/// A warning names the argument, before and after, and the signature that would stop it.
#[test]
fn retraces_are_reported() {
    #[tf::function]
    fn often(x: &Tensor) -> Tensor {
        x + 1.0
    }
    static SEEN: Mutex<Vec<String>> = Mutex::new(vec![]);
    tf::set_warning_handler(|w| SEEN.lock().unwrap().push(w.to_string()));
    for n in 1..12 {
        often(&tf::ones([n, 2]));
    }
    let seen: Vec<String> = SEEN.lock().unwrap().iter().filter(|w| w.contains("`often`")).cloned().collect();
    assert_eq!(seen.len(), 2, "at most twice: {seen:?}");
    assert!(seen[0].contains("5 of the last 5 calls") && seen[0].contains("`x` was f32["), "{}", seen[0]);
    assert!(seen[0].contains("signature = [x: f32[batch, 2]]"), "{}", seen[0]);
    let miss = &often::misses()[3];
    assert_eq!((miss.changes[0].path.as_str(), miss.changes[0].rule), ("x", tf::Rule::Shape));
    assert!(miss.at.file.ends_with("function.rs"));
}

#[derive(tf::Module)]
struct Linear {
    w: Variable,
    b: Variable,
    #[module(skip)]
    calls: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

#[derive(tf::Module)]
struct Mlp {
    layers: Vec<Linear>,
    activation: fn(&Tensor) -> Tensor,
    scale: Option<Tensor>,
}

impl Linear {
    fn new(w: f32, b: f32) -> Linear {
        Linear {
            w: Variable::named("w", tf::constant(w)),
            b: Variable::named("b", tf::constant(b)),
            calls: Default::default(),
        }
    }
    #[tf::function]
    fn call(&self, x: &Tensor) -> Tensor {
        self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        x * &self.w + &self.b
    }
    #[tf::function(associated)]
    fn doubled(x: &Tensor) -> Tensor {
        x * 2.0
    }
}

impl Mlp {
    fn call(&self, x: &Tensor) -> Tensor {
        let y = self.layers.iter().fold(x.clone(), |x, layer| (self.activation)(&layer.call(&x)));
        match &self.scale {
            Some(scale) => y * scale,
            None => y,
        }
    }
}

fn identity(x: &Tensor) -> Tensor {
    x.clone()
}

#[test]
fn methods_have_a_trace_for_each_object() {
    let (a, b) = (Linear::new(2.0, 1.0), Linear::new(3.0, 0.0));
    let before = Linear::call_function().trace_count();
    for _ in 0..3 {
        assert_eq!((one(&a.call(&tf::constant(5.0))), one(&b.call(&tf::constant(5.0)))), (11.0, 15.0));
    }
    assert_eq!(Linear::call_function().trace_count() - before, 2);
    assert_eq!(a.calls.load(std::sync::atomic::Ordering::Relaxed), 1);
    a.w.assign(4.0);
    assert_eq!(one(&a.call(&tf::constant(5.0))), 21.0);
    let graph = Linear::call_function().graph_of(|| a.call(&tf::constant(5.0))).unwrap();
    assert_eq!(graph.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["w", "b"]);
    assert_eq!(one(&Linear::doubled(&tf::constant(4.0))), 8.0);
    assert_eq!(Linear::doubled_function().trace_count(), 1);
}

#[test]
fn modules_name_their_variables_by_path_and_are_arguments() {
    #[tf::tf_function]
    fn forward(model: &Mlp, x: &Tensor) -> Tensor {
        model.call(x)
    }
    let model = Mlp {
        layers: vec![Linear::new(2.0, 1.0), Linear::new(3.0, 0.0)],
        activation: identity,
        scale: Some(tf::constant(10.0)),
    };
    let names: Vec<String> = model.named_variables().into_iter().map(|v| v.0).collect();
    assert_eq!(names, ["layers.0.w", "layers.0.b", "layers.1.w", "layers.1.b"]);
    assert_eq!(one(&forward(&model, &tf::constant(1.0))), 90.0);
    // Another tensor in the module is an input like any other.
    let model = Mlp { scale: Some(tf::constant(1.0)), ..model };
    assert_eq!(one(&forward(&model, &tf::constant(1.0))), 9.0);
    tf::assert_traces!(forward, 1);
}

/// A linear model learns, traced and eager, with the same bits.
#[test]
fn training_is_the_same_to_the_bit() {
    fn update(model: &Linear, x: &Tensor, y: &Tensor) -> Tensor {
        let tape = tf::GradientTape::new();
        let loss = (x * &model.w + &model.b - y).square();
        let variables = model.trainable_variables();
        for (v, g) in variables.iter().zip(tape.gradient(&loss, &variables)) {
            v.assign_sub(g * 0.01);
        }
        loss
    }
    #[tf::function]
    fn step(model: &Linear, x: &Tensor, y: &Tensor) -> Tensor {
        update(model, x, y)
    }
    let x = tf::constant([1.0, 2.0, 3.0, 4.0]);
    let y = tf::constant([3.1, 4.9, 7.2, 9.0]);
    let run = |traced: bool| {
        let model = Linear::new(0.1, 0.2);
        let mut losses = vec![];
        for _ in 0..30 {
            let loss = if traced { step(&model, &x, &y) } else { update(&model, &x, &y) };
            losses.push(f32s(&loss));
        }
        (losses, f32s(&model.w.read()), f32s(&model.b.read()))
    };
    let (losses, w, b) = run(true);
    assert_eq!((losses.clone(), w, b), run(false));
    assert!(losses[29].iter().sum::<f32>() < 0.1 * losses[0].iter().sum::<f32>());
    tf::assert_traces!(step, 1);
}

/// The outside tape: gradients of the function's variables and arguments, and second order.
#[test]
fn gradients_flow_through_a_call() {
    #[tf::function]
    fn f(model: &Linear, x: &Tensor) -> (Tensor, Tensor) {
        let y = (x * &model.w + &model.b).square();
        (&y * 2.0, y)
    }
    fn plain(model: &Linear, x: &Tensor) -> (Tensor, Tensor) {
        let y = (x * &model.w + &model.b).square();
        (&y * 2.0, y)
    }
    let model = Linear::new(2.0, 1.0);
    let x = tf::constant([1.0, -3.0]);
    let run = |f: fn(&Linear, &Tensor) -> (Tensor, Tensor)| {
        let outer = tf::GradientTape::new();
        outer.watch(&x);
        let inner = tf::GradientTape::new();
        inner.watch(&x);
        let (a, b) = f(&model, &x);
        let d = inner.gradient(&[&a, &b], &x);
        let [dw, db] = outer.gradient(&d, &[&model.w, &model.b]);
        [f32s(&d), f32s(&dw), f32s(&db)]
    };
    assert_eq!(run(f), run(plain));
    assert_eq!(run(f), run(plain));
    tf::assert_traces!(f, 1);
}

#[test]
fn nested_functions_become_one_graph() {
    #[tf::function]
    fn inner(x: &Tensor) -> Tensor {
        x * 2.0
    }
    #[tf::function(inline = false)]
    fn apart(x: &Tensor) -> Tensor {
        x * 3.0
    }
    #[tf::function]
    fn outer(x: &Tensor) -> Tensor {
        inner(x) + apart(x) + apart(&inner(x))
    }
    assert_eq!(one(&outer(&tf::constant(1.0))), 11.0);
    assert_eq!((inner::trace_count(), apart::trace_count(), outer::trace_count()), (0, 1, 1));
    assert_eq!(
        outer::graph(&tf::constant(1.0)).unwrap().nodes.iter().filter(|n| n.op.name == "multiply").count(),
        4
    );
}

#[test]
fn generic_functions_have_traces_for_each_instance() {
    #[tf::function]
    fn to<T: tf::Element, const N: usize>(x: &Tensor) -> Tensor {
        (x * N as f32).cast(T::DTYPE)
    }
    let x = tf::constant([1.5]);
    assert_eq!(to::<i32, 2>(&x).to_vec::<i32>().unwrap(), [3]);
    assert_eq!(to::<f64, 2>(&x).to_vec::<f64>().unwrap(), [3.0]);
    assert_eq!(to::<f64, 3>(&x).to_vec::<f64>().unwrap(), [4.5]);
    to::<f64, 3>(&x);
    assert_eq!(to::trace_count(), 3);
    let graph = to::function().graph_of(|| to::<i32, 2>(&x)).unwrap();
    assert!(graph.nodes.iter().any(|n| n.op.name == "cast"));
}

#[test]
fn recursion_is_an_error_and_a_host_value_may_end_it() {
    #[tf::function]
    fn endless(x: &Tensor) -> tf::Result<Tensor> {
        Ok(endless(x)? * 2.0)
    }
    #[tf::function]
    fn power(x: &Tensor, n: u32) -> Tensor {
        if n == 0 { tf::ones_like(x) } else { x * power(x, n - 1) }
    }
    let e = endless(&tf::constant(1.0)).unwrap_err();
    assert!(e.to_string().contains("calls itself with the same signature"), "{e}");
    assert_eq!(endless::trace_count(), 0);
    assert_eq!(one(&power(&tf::constant(2.0), 5)), 32.0);
    assert_eq!(power::trace_count(), 1);
}

#[test]
fn leaked_tensors_and_new_variables_are_errors() {
    static LEAK: Mutex<Option<Tensor>> = Mutex::new(None);
    #[tf::function]
    fn leaks(x: &Tensor) -> Tensor {
        *LEAK.lock().unwrap() = Some(x + 1.0);
        x.clone()
    }
    leaks(&tf::constant(1.0));
    let leaked = LEAK.lock().unwrap().take().unwrap();
    let e = tf::catch(|| &leaked + 1.0).unwrap_err();
    assert!(e.to_string().contains("outside the function"), "{e}");

    #[tf::function]
    fn creates(x: &Tensor) -> tf::Result<Tensor> {
        Ok(x * Variable::new(tf::constant(1.0)))
    }
    let e = creates(&tf::constant(1.0)).unwrap_err();
    assert!(e.message().contains("only be created on the first call"), "{e}");

    #[derive(tf::Module)]
    struct Lazy {
        kernel: tf::VariableCell,
    }
    #[tf::function]
    fn lazily(layer: &Lazy, x: &Tensor) -> Tensor {
        let size = x.shape().to_vec();
        x * layer.kernel.get_or_init(|| Variable::new(tf::ones(size) * 3.0))
    }
    let layer = Lazy { kernel: tf::VariableCell::new() };
    for _ in 0..2 {
        assert_eq!(f32s(&lazily(&layer, &tf::constant([1.0, 2.0]))), [3.0, 6.0]);
    }
    tf::assert_traces!(lazily, 1);
    assert_eq!(layer.named_variables()[0].0, "kernel");
}

/// An error in the body while tracing: the user's line, and nothing half-built.
#[test]
fn an_error_while_tracing_leaves_nothing() {
    #[tf::function]
    fn f(x: &Tensor, bad: bool) -> Tensor {
        if bad {
            return x + tf::constant([1.0, 2.0, 3.0]);
        }
        x + 1.0
    }
    const LINE: u32 = line!() - 4;
    let x = tf::constant([1.0, 2.0]);
    let e = tf::catch(|| f(&x, true)).unwrap_err();
    assert_eq!((e.place().unwrap().line, e.place().unwrap().file.ends_with("function.rs")), (LINE, true));
    assert_eq!(f::trace_count(), 0);

    assert_eq!(f32s(&f(&x, false)), [2.0, 3.0]);
    assert_eq!(f::trace_count(), 1);
}

#[test]
fn a_function_without_arguments() {
    #[tf::function]
    fn f() -> Tensor {
        tf::constant(1.0) + 1.0
    }
    assert_eq!((one(&f()), one(&f())), (2.0, 2.0));
    tf::assert_traces!(f, 1);
    assert_eq!(f::signatures().to_string(), "f() on CPU:0");
}

/// A training step with an optimizer that keeps state, and random numbers: one graph, the same losses.
#[test]
fn a_step_with_state_is_one_graph() {
    use tf::optimizers::Adam;
    fn update(model: &Linear, optimizer: &Adam, noise: &tf::random::Generator, x: &Tensor) -> Tensor {
        let tape = tf::GradientTape::new();
        let x = x + noise.normal([4]) * 0.1;
        let loss = (&x * &model.w + &model.b - (&x * 3.0 + 1.0)).square().mean();
        let variables = model.trainable_variables();
        optimizer.apply_gradients(tape.gradient(&loss, &variables), &variables);
        loss
    }
    #[tf::function]
    fn step(model: &Linear, optimizer: &Adam, noise: &tf::random::Generator, x: &Tensor) -> Tensor {
        update(model, optimizer, noise, x)
    }
    let run = |traced: bool| {
        let (model, optimizer) = (Linear::new(0.0, 0.0), Adam::new(0.1));
        let noise = tf::random::Generator::from_seed(7i64);
        let x = tf::constant([1.0, -1.0, 0.5, 2.0]);
        let step = if traced { step } else { update };
        (0..40).map(|_| one(&step(&model, &optimizer, &noise, &x))).collect::<Vec<f32>>()
    };
    let losses = run(true);
    assert_eq!(losses, run(false));
    assert!(losses[39] < 0.1 * losses[0], "{losses:?}");
    tf::assert_traces!(step, 1);
}

/// A draw inside a function under an outside tape is made once: forward and backward agree about it.
#[test]
fn a_draw_under_an_outside_tape_is_made_once() {
    #[tf::function]
    fn f(noise: &tf::random::Generator, x: &Tensor) -> (Tensor, Tensor) {
        let mask = noise.uniform([3]);
        ((x * &mask).square(), mask)
    }
    let (noise, x) = (tf::random::Generator::from_seed(1i64), tf::constant([1.0, 2.0, 3.0]));
    for _ in 0..2 {
        let tape = tf::GradientTape::new();
        tape.watch(&x);
        let (y, mask) = f(&noise, &x);
        let expected: Vec<f32> = f32s(&mask).iter().zip(f32s(&x)).map(|(m, x)| 2.0 * (x * m) * m).collect();
        assert_eq!(f32s(&tape.gradient(&y, &x)), expected);
    }
}

/// Gradients through a call are an eager run's to the bit, though the argument is used inside and outside.
#[test]
fn gradients_are_added_in_the_order_of_an_eager_run() {
    fn plain(x: &Tensor) -> Tensor {
        x * 0.1 + x * 1e7 + x.square() * 0.3 + x * -1e7
    }
    #[tf::function]
    fn traced(x: &Tensor) -> Tensor {
        plain(x)
    }
    let x = tf::constant([0.7, 3.3, 1e-3]);
    let run = |f: fn(&Tensor) -> Tensor| {
        let (outer, inner) = (tf::GradientTape::new(), tf::GradientTape::new());
        outer.watch(&x);
        inner.watch(&x);
        let before = &x * 0.013;
        let y = f(&x);
        let after = &x * 1234.567;
        let d = inner.gradient(&(before + y + after), &x);
        [f32s(&d), f32s(&outer.gradient(&d, &x))].map(|d| d.iter().map(|v| v.to_bits()).collect::<Vec<_>>())
    };
    assert_eq!(run(traced), run(plain));
    assert_eq!(run(traced), run(plain));
}
