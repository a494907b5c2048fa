//! The user's line: errors, panics and graph nodes name it, whatever stands between it and the op.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{LazyLock, Mutex};
use tenfold as tf;
use tenfold_testing::cases::{EXCUSED, cotangents, evaluate, inputs, table};
use tenfold_testing::fixtures::{Case, op_cases};
use tf::optimizers::{Adam, Sgd};
use tf::{Module as _, Tensor, Variable};

const HERE: &str = "lines.rs";

/// The line of this file that an error names.
#[track_caller]
fn line<R>(run: impl FnOnce() -> R) -> u32 {
    let error = tf::catch(run).err().expect("an error");
    let place = error.place().expect("a place");
    assert!(place.file.ends_with(HERE), "{place:?}: {error}");
    place.line
}

/// The lines of a graph's nodes, by op; every node is of this file.
fn lines(graph: &tf::graph::Graph) -> Vec<(&'static str, u32)> {
    let foreign = graph.nodes.iter().filter(|n| !n.at.file.ends_with(HERE));
    let foreign: Vec<String> = foreign.map(|n| format!("{} at {:?}", n.op.name, n.at)).collect();
    assert!(foreign.is_empty(), "{}", foreign.join("\n"));
    graph.nodes.iter().map(|n| (n.op.name, n.at.line)).collect()
}

/// A number beside a tensor, a constant of the body, a constant from outside, a constant as the result: they have the line
/// that uses them; arguments and such a result have the line of the call.
#[test]
fn constants_have_the_line_that_uses_them() {
    static OUTSIDE: LazyLock<Tensor> = LazyLock::new(|| tf::constant([10.0, 20.0]));
    const BODY: u32 = line!();
    #[tf::function]
    fn f(x: &Tensor) -> (Tensor, Tensor) {
        let y = x + 1.0;
        let mut z = 2.0 * &y;
        let made = tf::constant([3.0, 4.0]);
        z -= &made;
        z /= 5.0;
        (tf::maximum(&*OUTSIDE, &z), tf::constant(7))
    }
    let x = tf::constant([1.0, 2.0]);
    f(&x);
    const CALL: u32 = line!() - 1;
    let graph = f::graph(&x).unwrap();
    let wanted = [("add", 3), ("multiply", 4), ("subtract", 6), ("divide", 7), ("maximum", 8)];
    let found = lines(&graph);
    for (op, offset) in wanted {
        assert!(found.contains(&(op, BODY + offset)), "{op}: {found:?}");
        assert!(found.contains(&("constant", BODY + offset)), "the constant of {op}: {found:?}");
    }
    let of = |op: &str, line: u32| found.iter().filter(|n| **n == (op, line)).count();
    assert_eq!((of("input", CALL), of("constant", CALL)), (1, 1), "{found:?}");
    assert_eq!(found.iter().filter(|n| n.0 == "constant").count(), wanted.len() + 1);
}

#[derive(tf::Module)]
struct Table {
    rows: Variable,
}

impl Table {
    #[tf::function]
    fn look_up(&self, i: &Tensor) -> Tensor {
        self.rows.read().gather(i, 0) * 2.0
    }
}
const METHOD: u32 = line!() - 3;

#[tf::function]
fn quotient(a: &Tensor, b: &Tensor) -> Tensor {
    let one = a + 1;
    tf::floordiv(&one, b) + 1
}
const QUOTIENT: u32 = line!() - 2;

#[tf::function(inline = false)]
fn apart(a: &Tensor, b: &Tensor) -> Tensor {
    tf::floordiv(a, b)
}
const APART: u32 = line!() - 2;

/// An operator with a number beside the tensor.
#[tf::function]
fn remainder(a: &Tensor) -> Tensor {
    let one = a + 1;
    &one % 0
}
const REMAINDER: u32 = line!() - 2;

#[tf::function]
fn outer(a: &Tensor, b: &Tensor, nested: bool) -> Tensor {
    if nested { quotient(a, b) * 2 } else { apart(a, b) * 2 }
}

/// The first call runs a graph that was just traced, the second one that is cached.
#[test]
fn errors_at_run_time_name_the_line_of_the_op() {
    let table = Table { rows: Variable::new(tf::constant([[1.0, 2.0], [3.0, 4.0]])) };
    let (good, bad) = (tf::constant([1, 0]), tf::constant([0, 2]));
    let (zero, one) = (tf::constant([1, 0]), tf::constant([1, 1]));
    for _ in 0..2 {
        assert_eq!(line(|| table.look_up(&bad)), METHOD);
        assert_eq!(line(|| quotient(&one, &zero)), QUOTIENT);
        assert_eq!(line(|| remainder(&one)), REMAINDER);
        assert_eq!(line(|| outer(&one, &zero, true)), QUOTIENT);
        assert_eq!(line(|| outer(&one, &zero, false)), APART);
        let tape = tf::GradientTape::new();
        assert_eq!(line(|| table.look_up(&bad)), METHOD, "under a tape");
        drop(tape);
    }
    assert_eq!(table.look_up(&good).to_vec::<f32>().unwrap(), [6.0, 8.0, 2.0, 4.0]);
    assert_eq!(outer(&one, &one, true).to_vec::<i32>().unwrap(), [6, 6]);
    assert_eq!((Table::look_up_function().trace_count(), quotient::trace_count()), (1, 1));
}

/// What the passes could compute beforehand still fails at its line, and only when it runs.
#[test]
fn a_failing_op_on_constants_keeps_its_line() {
    #[tf::function]
    fn f(x: &Tensor) -> Tensor {
        x + tf::constant([1.0, 2.0, 3.0]).gather(&(tf::zeros_like(&x.cast(tf::i32)) + 7), 0)
    }
    const LINE: u32 = line!() - 2;
    let x = tf::constant([1.0]);
    assert_eq!(line(|| f(&x)), LINE);
    assert_eq!(line(|| f(&x)), LINE);
}

/// Errors while tracing, and plain panics: the panic itself names the line, for a program that does not catch it.
#[test]
fn a_panic_while_tracing_is_on_the_users_line() {
    #[derive(Clone, Copy, Debug, PartialEq, tf::Structure)]
    enum Wrong {
        Operator,
        Assigning,
        Function,
        Method,
        Nested,
        Apart,
        Plain,
        Index,
    }
    #[tf::function]
    fn inner(x: &Tensor) -> Tensor {
        x * tf::constant([1.0, 2.0, 3.0])
    }
    const INNER: u32 = line!() - 2;
    #[tf::function(inline = false)]
    fn inner_apart(x: &Tensor) -> Tensor {
        x.matmul(x)
    }
    const INNER_APART: u32 = line!() - 2;
    const BODY: u32 = line!();
    #[tf::function]
    fn f(x: &Tensor, wrong: Wrong) -> Tensor {
        let bad = tf::constant([1.0, 2.0, 3.0]);
        let mut y = x + 1.0;
        match wrong {
            Wrong::Operator => &y + &bad,
            Wrong::Assigning => {
                y *= &bad;
                y
            }
            Wrong::Function => tf::concat(&[&y, &tf::constant(1.0)], 0),
            Wrong::Method => y.reshape([7]),
            Wrong::Nested => inner(&y),
            Wrong::Apart => inner_apart(&y),
            Wrong::Plain => panic!("a plain one"),
            Wrong::Index => [y][x.rank() + 5].clone(),
        }
    }
    // The hook is the whole program's: other tests' panics are not for this one.
    const OURS: &str = "panics on purpose";
    static AT: Mutex<Option<(String, u32)>> = Mutex::new(None);
    let old = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| match std::thread::current().name() {
        Some(OURS) => *AT.lock().unwrap() = info.location().map(|l| (l.file().to_string(), l.line())),
        _ => old(info),
    }));
    let ran = [
        (Wrong::Operator, BODY + 6),
        (Wrong::Assigning, BODY + 8),
        (Wrong::Function, BODY + 11),
        (Wrong::Method, BODY + 12),
        (Wrong::Nested, INNER),
        (Wrong::Apart, INNER_APART),
        (Wrong::Plain, BODY + 15),
        (Wrong::Index, BODY + 16),
    ]
    .map(|(wrong, line)| {
        let thread = std::thread::Builder::new().name(OURS.to_string());
        let panicked = thread.spawn(move || f(&tf::constant([1.0, 2.0]), wrong)).unwrap().join().is_err();
        (wrong, line, panicked, AT.lock().unwrap().take())
    });
    for (wrong, line, panicked, at) in ran {
        let (file, found) = at.expect("a place");
        assert!(panicked && file.ends_with(HERE), "{wrong:?}: {file}");
        assert_eq!(found, line, "{wrong:?}");
    }
    assert_eq!(f::trace_count(), 0);
}

/// A training step: what optimizers, losses, generators and gradients make has a line of the step.
#[test]
fn every_node_of_a_training_step_has_the_users_line() {
    #[tf::function]
    fn step(w: &Variable, adam: &Adam, sgd: &Sgd, noise: &tf::random::Generator, x: &Tensor) -> Tensor {
        let tape = tf::GradientTape::new();
        let x = x + noise.normal([2, 3]) * 0.1 + noise.uniform([3]);
        let logits = x.matmul(w).relu();
        let loss =
            tf::losses::sparse_categorical_crossentropy_from_logits(&tf::constant([0, 1]), &logits).mean();
        let own = tf::custom_gradient(&[&loss], |l| (l[0].exp(), |dy: &Tensor| vec![dy * 2.0]));
        let gradients = tape.gradient(&own, &w.trainable_variables());
        adam.apply_gradients(&gradients, [w.clone()]);
        sgd.apply_gradients(&gradients, [w.clone()]);
        w.assign_add(logits.reduce_sum(0, true).broadcast_to([3, 2]));
        w.assign_sub(1.0);
        w.scatter_sub(&tf::constant([1]), &tf::ones([1, 2]));
        w.scatter_nd_update(&tf::constant([[0, 0]]), &tf::ones([1]));
        tf::assert!(loss.less(100.0), "the loss is {}", loss);
        tf::debugging::assert_near(&loss, &loss, 1e-3, 1e-3);
        tf::debugging::check_numerics(&loss, "the loss")
    }
    let w = Variable::new(tf::ones([3, 2]));
    let (adam, sgd) = (Adam::new(0.1), Sgd::new(0.1).momentum(0.9).nesterov());
    let noise = tf::random::Generator::from_seed(1i64);
    let graph = step::graph(&w, &adam, &sgd, &noise, &tf::ones([2, 3])).unwrap();
    assert!(lines(&graph).len() > 60);
    assert!(graph.nodes.iter().any(|n| n.backward));
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| op_cases().expect("readable"));

/// The case at `index` with its gradients, as one graph.
#[tf::function]
fn recorded(index: usize, x: &[Tensor], dy: &[Tensor]) -> Vec<Option<Tensor>> {
    let case = &CASES[index];
    let (outputs, gradients) = evaluate(case, table()[case.op.as_str()], x, dy).expect("passes eagerly");
    outputs.into_iter().map(Some).chain(gradients).collect()
}

/// Every function of the table, and its gradient: no node names a line of the library.
#[test]
fn no_node_of_any_function_has_a_line_of_the_library() {
    let (mut seen, mut wrong) = (0, std::collections::BTreeSet::new());
    for (index, case) in CASES.iter().enumerate() {
        let skipped = case.error.is_some()
            || case.op == "tf.random.Generator"
            || EXCUSED.iter().any(|(id, _)| *id == case.id);
        if skipped || !table().contains_key(case.op.as_str()) {
            continue;
        }
        let (x, dy) = (inputs(case).unwrap(), cotangents(case).unwrap());
        let graph = recorded::graph(index, &x, &dy).unwrap_or_else(|e| panic!("{}: {e}", case.id));
        seen += graph.nodes.len();
        let library = graph.nodes.iter().filter(|n| n.at.file.contains("crates/core/src"));
        wrong.extend(library.map(|n| format!("{}: {} at {}:{}", case.op, n.op.name, n.at.file, n.at.line)));
    }
    assert!(seen > 1000, "only {seen} nodes");
    assert!(wrong.is_empty(), "{}", wrong.into_iter().collect::<Vec<_>>().join("\n"));
}
