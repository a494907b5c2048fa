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
