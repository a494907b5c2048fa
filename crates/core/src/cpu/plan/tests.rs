use crate as tf;
use crate::cpu::engine::interpreter;
use crate::graph::passes::{fuse, optimise};
use crate::trace::{Traced, trace};
use crate::{DType, Device, Meta, Tensor, Variable};

fn traced(metas: &[Meta], f: impl FnOnce(&[Tensor]) -> Vec<Tensor>) -> Traced<Vec<Tensor>> {
    let arguments: Vec<_> = metas.iter().enumerate().map(|(i, m)| (format!("x{i}"), m.clone())).collect();
    trace("f", Device::cpu(), &arguments, |x| Ok(f(x)), Vec::clone).unwrap()
}

fn values(n: usize, seed: u32) -> Vec<f32> {
    (0..n as u32).map(|i| ((i.wrapping_mul(2654435761).wrapping_add(seed)) >> 8) as f32 / 1e6 - 8.0).collect()
}

fn bits(results: &[Tensor]) -> Vec<Vec<u32>> {
    results.iter().map(|t| t.to_vec::<f32>().unwrap().iter().map(|v| v.to_bits()).collect()).collect()
}

/// Plan, interpreter and eager agree.
fn agree(inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Vec<Tensor>) -> String {
    let eager = bits(&f(inputs));
    let metas: Vec<Meta> = inputs.iter().map(|x| x.meta().clone()).collect();
    let made = traced(&metas, &f);
    let all: Vec<Tensor> = inputs.iter().chain(&made.captures).cloned().collect();
    for graph in [made.graph.clone(), optimise(&made.graph, crate::Device::cpu()).unwrap()] {
        let plan = Device::cpu().backend().compile(&graph).unwrap();
        for _ in 0..2 {
            assert_eq!(
                bits(&plan.run(&all, &made.variables).unwrap()),
                eager,
                "{graph}\n{}",
                plan.describe()
            );
        }
        assert_eq!(bits(&interpreter(&graph).run(&all, &made.variables).unwrap()), eager);
    }
    Device::cpu().backend().compile(&optimise(&made.graph, crate::Device::cpu()).unwrap()).unwrap().describe()
}

#[test]
fn a_chain_is_one_loop() {
    let x = Tensor::from_vec(values(3000, 1), [30, 100]).unwrap();
    let row = Tensor::from_vec(values(100, 2), [100]).unwrap();
    let column = Tensor::from_vec(values(30, 3), [30, 1]).unwrap();
    let text = agree(&[x, row, column], |x| {
        let y = (&x[0] * 0.5 + &x[1]) / (&x[0] * &x[0] + 1.0) - &x[2];
        vec![&y * &y, y]
    });
    assert_eq!(text.matches("fused").count(), 1, "{text}");
    assert!(text.contains("an arena of 0 bytes"), "{text}");
}

#[test]
fn threads_and_blocks_change_no_bit() {
    let n = 200_003;
    let x = Tensor::from_vec(values(n, 5), [n]).unwrap();
    agree(&[x], |x| vec![(&x[0] * 3.0 - 1.0) * &x[0]]);
}

#[test]
fn a_reduction_splits_the_groups() {
    let x = Tensor::from_vec(values(600, 4), [20, 30]).unwrap();
    let text = agree(&[x], |x| {
        let squares = &x[0] * &x[0];
        let sums = squares.sum_to_shape([20, 1]);
        let y = &squares / (&sums + 1.0);
        vec![&y + &squares, sums, -&y]
    });
    assert!(text.matches("fused").count() >= 2 && text.contains("kernel"), "{text}");
}

#[test]
fn results_may_be_arguments_constants_and_views_of_each_other() {
    let x = Tensor::from_vec(values(6, 9), [2, 3]).unwrap();
    agree(&[x], |x| {
        let y = &x[0] + 1.0;
        vec![x[0].clone(), tf::constant([1.0, 2.0]), y.broadcast_to([2, 2, 3]), y.clone(), y]
    });
}

#[test]
fn empty_tensors_run() {
    let x = Tensor::from_vec(Vec::<f32>::new(), [0, 3]).unwrap();
    agree(&[x], |x| vec![&x[0] * 2.0 + 1.0, x[0].sum_to_shape([3])]);
}

#[test]
fn reads_before_a_write_keep_the_old_value() {
    let v = Variable::new(tf::constant([1.0, 2.0, 3.0]));
    let held = v.read();
    let made = traced(&[Meta::new(DType::F32, [3])], |x| {
        let before = v.read();
        let y = &before * &x[0];
        v.assign_sub(&y);
        let after = v.read();
        v.assign(&after * 2.0);
        vec![before, &after - &y, v.read()]
    });
    let x = tf::constant([0.5, 0.25, 2.0]);
    let want = |w: [f32; 3]| {
        let y = [w[0] * 0.5, w[1] * 0.25, w[2] * 2.0];
        let after = [w[0] - y[0], w[1] - y[1], w[2] - y[2]];
        (
            vec![
                w.to_vec(),
                vec![after[0] - y[0], after[1] - y[1], after[2] - y[2]],
                after.map(|a| a * 2.0).to_vec(),
            ],
            after.map(|a| a * 2.0),
        )
    };
    let mut w = [1.0, 2.0, 3.0];
    for graph in [made.graph.clone(), optimise(&made.graph, crate::Device::cpu()).unwrap()] {
        let plan = Device::cpu().backend().compile(&graph).unwrap();
        let results = plan.run(std::slice::from_ref(&x), &made.variables).unwrap();
        let (expected, next) = want(w);
        w = next;
        let got: Vec<Vec<f32>> = results.iter().map(|t| t.to_vec().unwrap()).collect();
        assert_eq!(got, expected, "{}", plan.describe());
        assert_eq!(v.read().to_vec::<f32>().unwrap(), w);
    }
    assert_eq!(held.to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0]);
}

#[test]
fn every_node_is_in_one_group_and_after_its_operands() {
    let metas = [Meta::new(DType::F32, [4, 5]), Meta::new(DType::F32, [5])];
    let made = traced(&metas, |x| {
        let a = &x[0] * &x[1];
        let b = a.sum_to_shape([5]);
        let c = &b * 2.0;
        let d = &a + &c;
        vec![&d * &a, c.sum_to_shape(()), d]
    });
    let groups = fuse::groups(&made.graph);
    let mut order: Vec<u32> = groups.iter().flat_map(|g| g.nodes.clone()).collect();
    let mut done = std::collections::HashSet::new();
    for group in &groups {
        for n in &group.nodes {
            let node = made.graph.node(*n);
            assert!(node.inputs.iter().all(|v| done.contains(&v.node) || group.nodes.contains(&v.node)));
        }
        done.extend(group.nodes.iter().copied());
    }
    order.sort_unstable();
    assert_eq!(order, (0..made.graph.nodes.len() as u32).collect::<Vec<_>>());
}
