//! What a call costs and needs, said before anything runs.

#![allow(clippy::unwrap_used, clippy::assign_op_pattern, reason = "a test may panic")]

use tenfold as tf;
use tf::{Tensor, Variable};

#[test]
fn operations_bytes_and_memory_are_known_before_the_first_run() {
    #[tf::function]
    fn layer(x: &Tensor, w: &Variable) -> Tensor {
        w.assign_add(1.0);
        x.matmul(w).relu()
    }
    let (x, w) = (tf::ones([32, 64]), Variable::new(tf::ones([64, 16])));
    let concrete = layer::concrete(&x, &w).unwrap();
    let costs = concrete.cost(std::slice::from_ref(&x)).unwrap();
    let first = &costs.ops[0];
    assert_eq!((first.op, first.calls, first.cost.flops), ("matmul", 1, 2 * 32 * 64 * 16));
    assert_eq!(first.cost.bytes, 4 * (32 * 64 + 64 * 16 + 32 * 16));
    assert!(first.at.file.ends_with("cost.rs"), "{}", first.at);
    assert_eq!(costs.total.flops, 2 * 32 * 64 * 16 + 64 * 16 + 32 * 16, "{costs}");
    assert!(!costs.open && costs.to_string().contains("matmul at"), "{costs}");

    let needs = concrete.memory(std::slice::from_ref(&x)).unwrap();
    assert_eq!((needs.arguments, needs.variables, needs.results), (4 * 32 * 64, 4 * 64 * 16, 4 * 32 * 16));
    let temporary = needs.temporary.unwrap();
    assert_eq!(needs.peak(), Some(4 * (32 * 64 + 64 * 16 + 32 * 16) + temporary));
    assert_eq!(w.read().to_vec::<f32>().unwrap()[0], 1.0, "nothing has run");
    assert!(concrete.plan(std::slice::from_ref(&x)).unwrap().contains("memory: f32[32, 16] of step"));
    assert!(concrete.cost(&[tf::ones([3, 3])]).is_err());
}

#[test]
fn loops_count_their_turns_and_branches_their_dearer_side() {
    #[tf::function]
    fn turns(x: &Tensor, n: &Tensor) -> Tensor {
        let mut y = x.clone();
        #[tf::stage]
        for _ in 0..10 {
            y = y * x;
        }
        if x.sum() > 0.0 {
            y = y.exp().exp().exp();
        } else {
            y = y.exp();
        }
        for _ in 0..n {
            y = y + x;
        }
        y
    }
    let (x, n) = (tf::ones([100]), tf::constant(5));
    let costs = turns::concrete(&x, &n).unwrap().cost(&[x, n]).unwrap();
    let of =
        |op: &str| costs.ops.iter().filter(|line| line.op == op).map(|line| line.cost.flops).sum::<u64>();
    assert_eq!(of("multiply"), 10 * 100, "{costs}");
    assert_eq!(of("exp"), 3 * 100, "{costs}");
    // How often the last loop goes round is not known.
    assert!(of("add") >= 100 && costs.open, "{costs}");
}

#[tf::function]
fn product(x: &Tensor, w: &Variable) -> Tensor {
    w.assign_add(1.0);
    x.matmul(w).relu()
}

#[test]
fn the_function_itself_says_what_a_call_costs_and_needs() {
    let w = Variable::new(tf::ones([64, 16]));
    // No such tensor is made: it would take a terabyte.
    let x = tf::tensor_spec([1 << 32, 64], tf::f32);
    let before = tf::memory::stats().peak;
    let costs = product::cost(&x, &w).unwrap();
    assert_eq!((costs.ops[0].op, costs.ops[0].cost.flops), ("matmul", 2 * (1 << 32) * 64 * 16), "{costs}");
    let needs = product::memory(&x, &w).unwrap();
    assert_eq!((needs.arguments, needs.results), (4 << 38, 4 << 36));
    assert!(needs.peak().unwrap() >= (4 << 38) + (4 << 36));
    assert!(tf::memory::stats().peak < before + (1 << 30), "nothing of it was made");
    assert_eq!(w.read().to_vec::<f32>().unwrap()[0], 1.0, "nothing has run");

    // The trace is that of a call with such a tensor.
    let (small, spec) = (tf::ones([2, 64]), tf::tensor_spec([2, 64], tf::f32));
    let asked = product::cost(&spec, &w).unwrap();
    let traces = product::trace_count();
    assert_eq!(product::cost(&small, &w).unwrap().total, asked.total);
    assert_eq!(product(&small, &w).to_vec::<f32>().unwrap(), [128.0; 32]);
    assert_eq!(product::trace_count(), traces);
}

#[test]
fn methods_and_generic_functions_say_it_by_a_closure() {
    #[derive(tf::Module)]
    struct Layer {
        w: Variable,
    }
    impl Layer {
        #[tf::function]
        fn call(&self, x: &Tensor) -> Tensor {
            x.matmul(&self.w)
        }
    }
    #[tf::function]
    fn twice<T: tf::Element>(x: &Tensor) -> Tensor {
        x.cast(T::DTYPE) * 2.0
    }
    let layer = Layer { w: Variable::new(tf::ones([3, 5])) };
    let x = tf::tensor_spec([7, 3], tf::f32);
    let costs = Layer::call_function().cost_of(|| layer.call(&x)).unwrap();
    assert_eq!(costs.total.flops, 2 * 7 * 3 * 5);
    let needs = Layer::call_function().memory_of(|| layer.call(&x)).unwrap();
    assert_eq!((needs.arguments, needs.variables, needs.results), (4 * 21, 4 * 15, 4 * 35));
    let needs = twice::function().memory_of(|| twice::<f64>(&x)).unwrap();
    assert_eq!((needs.arguments, needs.results), (4 * 21, 8 * 21));
}

#[test]
fn a_spec_has_no_elements_and_says_so() {
    let (x, w) = (tf::tensor_spec([2, 64], tf::f32), Variable::new(tf::ones([64, 16])));
    let errors = [
        tf::catch(|| product(&x, &w)).unwrap_err(),
        x.try_add(&x).unwrap_err(),
        x.to_vec::<f32>().unwrap_err(),
        product::concrete(&x, &w).unwrap().call(std::slice::from_ref(&x)).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), tf::Kind::FailedPrecondition);
        assert!(error.message().contains("tensor_spec"), "{error}");
        assert!(error.hint().unwrap().contains("f::cost"), "{error}");
    }
    assert_eq!(x.device().name(), "CPU:0");
}

#[tf::function(signature = [x: f32[n, 8]], max_bytes = "4 KiB")]
fn outer_sum(x: &Tensor, log: &Variable) -> Tensor {
    log.assign_add(1.0);
    let pairs = x.expand_dims(0) - x.expand_dims(1);
    tf::cumsum(&pairs, 0, false, false).sum()
}

#[test]
fn a_call_that_would_need_more_than_it_may_is_refused_before_it_runs() {
    let log = Variable::new(0.0);
    assert!(outer_sum(&tf::ones([3, 8]), &log).to_vec::<f32>().is_ok());
    // One trace for all sizes; which of them are too many is known when they are bound.
    let error = tf::catch(|| outer_sum(&tf::ones([64, 8]), &log)).unwrap_err();
    assert_eq!(outer_sum::trace_count(), 1);
    assert_eq!((error.kind(), error.op()), (tf::Kind::ResourceExhausted, "outer_sum"), "{error}");
    let needs = outer_sum::memory(&tf::tensor_spec([64, 8], tf::f32), &log).unwrap();
    assert!(needs.temporary.unwrap() >= 4 * 64 * 64 * 8);
    for part in ["max_bytes = 4 KiB", "2 KiB for arguments", "128 KiB by `", "cost.rs:"] {
        assert!(error.message().contains(part), "{part}: {error}");
    }
    assert!(error.place().unwrap().file.ends_with("cost.rs"));
    let hint = error.hint().unwrap();
    assert!(hint.contains("smaller batch") && hint.contains("#[tf::function(max_bytes = \""), "{hint}");
    assert_eq!(log.read().item::<f32>().unwrap(), 1.0, "only the call that fits has run");

    // It stays so, and calls that fit go on.
    let again = tf::catch(|| outer_sum(&tf::ones([64, 8]), &log)).unwrap_err();
    assert_eq!(again.message(), error.message());
    assert!(outer_sum(&tf::ones([4, 8]), &log).to_vec::<f32>().is_ok());
    assert_eq!(log.read().item::<f32>().unwrap(), 2.0);
}

#[test]
fn what_a_tape_keeps_counts_and_arguments_do() {
    #[tf::function(max_bytes = 12_000)]
    fn deep(x: &Tensor) -> Tensor {
        let mut y = x.clone();
        for _ in 0..16 {
            y = tf::sin(&tf::cumsum(&y, 0, false, false));
        }
        y.sum()
    }
    let x = tf::ones([512]);
    assert!(deep(&x).item::<f32>().is_ok());
    // The gradient needs what was computed on the way.
    let tape = tf::GradientTape::new();
    tape.watch(&x);
    let error = tf::catch(|| deep(&x)).unwrap_err();
    assert!(error.message().contains("max_bytes = 11.7 KiB"), "{error}");
    drop(tape);

    #[tf::function(max_bytes = "1 KB")]
    fn first(x: &Tensor) -> Tensor {
        x.sum()
    }
    let error = tf::catch(|| first(&x)).unwrap_err();
    assert!(error.message().contains("2 KiB for arguments"), "{error}");
    assert!(error.hint().unwrap().contains("smaller arguments"), "{error}");
    assert!(deep::memory(&x).unwrap().peak().unwrap() < 12_000);
}
