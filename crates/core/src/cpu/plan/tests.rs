use crate as tf;
use crate::cpu::engine::interpreter;
use crate::graph::passes::{fuse, optimise};
use crate::trace::{Traced, trace};
use crate::{DType, Device, Meta, Tensor, Variable};
use tenfold_kernels::ahead::PAST;

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
fn sums_and_products_are_chains_of_any_form() {
    let n = 3001;
    let x: Vec<Tensor> = (1..11).map(|k| Tensor::from_vec(values(n, k), [n]).unwrap()).collect();
    let f = |x: &[Tensor]| {
        // Two chains on both sides, more operands than a chain has, numbers on both sides, squares.
        let two = |a: usize| (&x[a] * 2.0 + &x[a + 1]) * (3.0 - &x[a + 1]);
        let four = (two(0) / two(2)) - (two(4) * two(6));
        let many = (1..10).fold(&x[0] + 1.5, |sum, k| (1.0 / (&sum - &x[k])) * &x[k - 1] - &sum);
        let squares = (&x[1] - &x[2]).square() + (&x[3] * 0.5).squared_difference(&x[4]);
        let reversed = &x[8] - (&x[9] / (&x[8] * &x[9] - (&x[0] / (&x[1] + 2.0))));
        vec![&four * &four, many, squares, reversed]
    };
    let text = agree(&x, f);
    assert!(!text.contains("kernel") && text.contains("an arena of 0 bytes"), "{text}");
    let one = Tensor::from_vec(vec![0.25f32], [1]).unwrap();
    agree(&[x[0].clone(), one], |x| vec![(&x[0] * &x[1] + &x[1]) / &x[0], (&x[1] * 3.0 - 1.0) * &x[1]]);
}

#[test]
fn threads_and_blocks_change_no_bit() {
    let n = 200_003;
    let x = Tensor::from_vec(values(n, 5), [n]).unwrap();
    agree(&[x], |x| vec![(&x[0] * 3.0 - 1.0) * &x[0]]);
}

#[test]
fn large_results_are_the_same_past_the_caches() {
    let columns = 1 << 10;
    let rows = PAST / 4 / columns + 3;
    let x = tf::constant(values(rows * columns, 1)).reshape([rows, columns]);
    agree(&[x], |x| {
        let y = &x[0] * 2.0 + 1.0;
        // One large result that the group goes on with, a small one, and another large one of their sum.
        let greatest = y.reduce_max(-1, true);
        let z = (&y - &greatest).tanh() * &x[0];
        vec![y, greatest, z]
    });
}

#[test]
fn a_reduction_of_columns_splits_the_groups() {
    let x = Tensor::from_vec(values(600, 4), [20, 30]).unwrap();
    let text = agree(&[x], |x| {
        let squares = &x[0] * &x[0];
        let sums = squares.sum_to_shape([1, 30]);
        let y = &squares / (&sums + 1.0);
        vec![&y + &squares, sums, -&y]
    });
    assert!(text.matches("fused").count() >= 2 && text.contains("kernel"), "{text}");
}

#[test]
fn reductions_of_rows_are_inside_their_group() {
    // More rows than a block, rows longer than a block, one row, many axes.
    for shape in [&[20usize, 30][..], &[3, 3000], &[700], &[2, 3, 40, 5], &[9000, 2]] {
        let n: usize = shape.iter().product();
        let row = shape[shape.len() - 1];
        let rows = [&shape[..shape.len() - 1], &[1]].concat();
        let x = Tensor::from_vec(values(n, 4), shape).unwrap();
        let scale = Tensor::from_vec(values(row, 5), [row]).unwrap();
        let column = Tensor::from_vec(values(n / row, 6), rows.as_slice()).unwrap();
        let text = agree(&[x, scale, column], |x| {
            let squares = &x[0] * &x[0];
            let sums = squares.sum_to_shape(rows.as_slice());
            let y = &squares / (&sums * 2.0 + 1.0 - &x[2]);
            vec![&y + &squares * &x[1], sums, -&y]
        });
        assert!(text.matches("fused").count() == 1 && !text.contains("kernel"), "{text}");
        let text = agree(&[Tensor::from_vec(values(n, 7), shape).unwrap()], |x| vec![x[0].softmax(-1)]);
        assert!(text.contains("2 steps") || text.contains("1 steps"), "{text}");
        let text = agree(&[Tensor::from_vec(values(n, 8), shape).unwrap()], |x| {
            let centred = &x[0] - x[0].reduce_mean(-1, true);
            let variance = centred.square().reduce_mean(-1, true);
            vec![&centred * (&variance + 1e-5).rsqrt(), (variance + 1.0).reduce_min(-1, false)]
        });
        assert!(text.contains("fused"), "{text}");
    }
}

#[test]
fn a_result_of_rows_without_their_axis_is_broadcast_along_another() {
    let x = Tensor::from_vec(values(16, 4), [4, 4]).unwrap();
    agree(&[x], |x| {
        let sums = x[0].reduce_sum(-1, false);
        vec![&x[0] * &x[0] + &sums, sums]
    });
}

#[test]
fn two_instructions_as_one_round_twice() {
    let xs: Vec<Tensor> = (0..3).map(|k| Tensor::from_vec(values(1500, 20 + k), [1500]).unwrap()).collect();
    agree(&xs, |x| {
        let (x, y, z) = (&x[0], &x[1], &x[2]);
        vec![x * y + z, z + x * y, z - x * y, (x + y) / z, z / (x - y), x / y - z, z * (x - y), (x + y) * z]
    });
    let ints: Vec<Tensor> = xs.iter().map(|x| x.cast(DType::I32)).collect();
    let made =
        traced(&ints.iter().map(|x| x.meta().clone()).collect::<Vec<_>>(), |x| vec![&x[0] * &x[1] + &x[2]]);
    let plan = Device::cpu().backend().compile(&made.graph).unwrap();
    let got = plan.run(&ints, &[]).unwrap()[0].to_vec::<i32>().unwrap();
    assert_eq!(got, (&ints[0] * &ints[1] + &ints[2]).to_vec::<i32>().unwrap());
}

#[test]
fn a_group_writes_variables_in_place() {
    let w = Variable::new(Tensor::from_vec(values(40_000, 1), [40_000]).unwrap());
    let m = Variable::new(tf::zeros([40_000]));
    let few = Variable::new(tf::constant([1.0, 2.0]));
    let made = traced(&[Meta::new(DType::F32, [40_000])], |g| {
        let next = m.read() * 0.9 + &g[0] * 0.1;
        m.assign(&next);
        w.assign(w.read() - &next * 0.5);
        few.assign(few.read() * 2.0);
        vec![]
    });
    let g = Tensor::from_vec(values(40_000, 2), [40_000]).unwrap();
    let plan = Device::cpu().backend().compile(&optimise(&made.graph, Device::cpu()).unwrap()).unwrap();
    assert!(!plan.describe().contains("  assign variable"), "{}", plan.describe());
    let run = || plan.run(std::slice::from_ref(&g), &made.variables).unwrap();
    run();
    let place = |v: &Variable| v.peek().host().unwrap().bytes().as_ptr();
    let (before, old) = ((place(&w), place(&m)), w.read());
    let bits_of_old = old.to_vec::<f32>().unwrap();
    // Somebody holds the old value: it stays what it is, and the new one lies elsewhere.
    run();
    assert_ne!(place(&w), before.0);
    assert_eq!(place(&m), before.1);
    assert_eq!(old.to_vec::<f32>().unwrap(), bits_of_old);
    let place_now = place(&w);
    run();
    assert_eq!(place(&w), place_now);
    assert_eq!(few.read().to_vec::<f32>().unwrap(), [8.0, 16.0]);
    // The same three steps, eagerly.
    let (mut we, mut me) = (Tensor::from_vec(values(40_000, 1), [40_000]).unwrap(), tf::zeros([40_000]));
    for _ in 0..3 {
        me = &me * 0.9 + &g * 0.1;
        we -= &me * 0.5;
    }
    assert_eq!(bits(&[w.read(), m.read()]), bits(&[we, me]));
}

/// Whatever reads a variable's old value, and when: it has read all of it before that is overwritten.
#[test]
fn a_variable_is_written_when_its_old_value_has_been_read() {
    type Step = fn(&[Variable; 3], &Tensor);
    let steps: [Step; 7] = [
        // As Adam does: all three in one pass.
        |[a, b, c], g| {
            a.assign(a.read() + (g - a.read()) * 0.1);
            b.assign(b.read() + (g.square() - b.read()) * 0.001);
            c.assign(c.read() - a.read() * 0.01 / (b.read().sqrt() + 1e-3));
        },
        |[a, b, _], g| {
            let old = a.read();
            let next = &old * 0.9 + g;
            a.assign(&next);
            b.assign(&old - &next * 0.5);
        },
        |[a, b, _], g| {
            let old = a.read();
            let next = &old * 0.1 + g;
            a.assign(&next);
            b.assign((&next * 1e-3).exp() + &old);
        },
        |[a, _, c], g| {
            a.assign((a.read() * 1e-3).exp());
            c.assign(c.read().tanh() * g);
        },
        |[a, b, c], g| {
            let (x, y) = (a.read(), b.read());
            a.assign(&y * 0.5 + g);
            b.assign(&x * 0.5 - g);
            c.assign(&x - &y);
        },
        |[a, b, _], g| {
            let n = g.shape().num_elements();
            let old = a.read().reshape([n, 1]);
            let next = (&old + 1.0) * g.reshape([n, 1]);
            a.assign(next.reshape([n]));
            b.assign((next - old).reshape([n]));
        },
        |[a, b, _], g| {
            let next = a.read() * g.max() + a.read().sum();
            a.assign(&next);
            b.assign(next.sqrt() + a.read());
        },
    ];
    for n in [1usize, 3, 200, 40_000] {
        let variables = |seed: u32| -> [Variable; 3] {
            std::array::from_fn(|k| {
                Variable::new(Tensor::from_vec(values(n, seed + k as u32), [n]).unwrap().abs())
            })
        };
        let g = Tensor::from_vec(values(n, 9), [n]).unwrap();
        for (number, step) in steps.iter().enumerate() {
            let eager = variables(1);
            (0..3).for_each(|_| step(&eager, &g));
            for optimised in [false, true] {
                let mine = variables(1);
                let made = traced(&[g.meta().clone()], |x| {
                    step(&mine, &x[0]);
                    vec![]
                });
                let graph =
                    if optimised { optimise(&made.graph, Device::cpu()).unwrap() } else { made.graph };
                let plan = Device::cpu().backend().compile(&graph).unwrap();
                (0..3).for_each(|_| drop(plan.run(std::slice::from_ref(&g), &made.variables).unwrap()));
                let [found, wanted] = [&mine, &eager].map(|v| bits(&v.each_ref().map(|v| v.read())));
                assert!(found == wanted, "step {number} of {n} elements:\n{}", plan.describe());
            }
        }
    }
}

#[test]
fn what_is_written_before_a_failure_has_happened() {
    let v = Variable::new(tf::constant([1.0, 2.0, 3.0]));
    let made = traced(&[Meta::new(DType::I32, [1])], |x| {
        v.assign(v.read() * 2.0);
        let chosen = v.read().gather(&x[0], 0);
        v.assign(v.read() * 10.0);
        vec![chosen]
    });
    let plan = Device::cpu().backend().compile(&optimise(&made.graph, Device::cpu()).unwrap()).unwrap();
    assert!(plan.run(&[tf::constant([7])], &made.variables).is_err());
    assert_eq!(v.read().to_vec::<f32>().unwrap(), [2.0, 4.0, 6.0]);
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

/// A product whose elements a group takes, alone, is one step with it.
#[test]
fn a_group_takes_the_elements_of_a_product_as_they_are_finished() {
    // Runs of one element, of parts of rows, of many rows; sums cut along k; a matrix times a vector; rows of nothing.
    let sizes = [
        (1, 3, 1),
        (5, 2, 7),
        (300, 40, 1000),
        (64, 1500, 48),
        (700, 300, 3),
        (2, 700, 300),
        (4, 0, 5),
        (0, 3, 4),
        (1, 3, 70_001),
        (70_001, 3, 1),
        (2, 700, 40_000),
    ];
    for (m, k, n) in sizes {
        let x = Tensor::from_vec(values(m * k, 1), [m, k]).unwrap();
        let w = Tensor::from_vec(values(k * n, 2), [k, n]).unwrap();
        let b = Tensor::from_vec(values(n, 3), [n]).unwrap();
        let column = Tensor::from_vec(values(m, 4), [m, 1]).unwrap();
        let text = agree(&[x.clone(), w.clone(), b, column], |x| {
            let y = x[0].matmul(&x[1]) + &x[2];
            vec![y.relu() * &x[3], y.tanh()]
        });
        assert!(m * n == 0 || text.contains("matmul, ") && text.contains("1 steps"), "{text}");
        // The last of two products; both are operands of one addition.
        let text = agree(&[x, w], |x| vec![(x[0].matmul(&x[1]) - x[0].exp().matmul(&x[1])) * 0.5]);
        assert!(m * n == 0 || text.matches("kernel: ").count() == 1, "{text}");
    }
}

#[test]
fn a_group_takes_the_elements_of_stacks_of_products_and_of_convolutions() {
    let x = Tensor::from_vec(values(6 * 130 * 20, 1), [2, 3, 130, 20]).unwrap();
    let y = Tensor::from_vec(values(3 * 20 * 140, 2), [3, 20, 140]).unwrap();
    let text = agree(&[x, y], |x| vec![x[0].matmul(&x[1]).sigmoid() * 2.0]);
    assert!(text.contains("matmul, ") && text.contains("1 steps"), "{text}");
    let x = Tensor::from_vec(values(3 * 64 * 61 * 4, 1), [3, 64, 61, 4]).unwrap();
    let filter = Tensor::from_vec(values(9 * 4 * 8, 2), [3, 3, 4, 8]).unwrap();
    let bias = Tensor::from_vec(values(8, 3), [8]).unwrap();
    let text = agree(&[x, filter, bias], |x| vec![(x[0].conv2d(&x[1], 1, tf::Padding::Same) + &x[2]).relu()]);
    assert!(text.contains("conv, ") && text.contains("1 steps"), "{text}");
}

#[test]
fn a_group_takes_the_elements_of_gradients_of_convolutions_and_poolings() {
    for stride in [1, 2] {
        let shape = [3, 64, 62, 8];
        let (high, wide) = (64 / stride, 62 / stride);
        let x = Tensor::from_vec(values(3 * high * wide * 4, 1), [3, high, wide, 4]).unwrap();
        let filter = Tensor::from_vec(values(9 * 8 * 4, 2), [3, 3, 8, 4]).unwrap();
        let bias = Tensor::from_vec(values(8, 3), [8]).unwrap();
        let text = agree(&[x, filter, bias], |x| {
            vec![(x[0].conv2d_transpose(&x[1], shape, stride, tf::Padding::Same) + &x[2]).relu()]
        });
        assert!(text.contains("conv_input_grad, ") && text.contains("1 steps"), "{text}");
        let x = Tensor::from_vec(values(shape.iter().product(), 4), shape).unwrap();
        let dy = Tensor::from_vec(values(3 * high * wide * 8, 5), [3, high, wide, 8]).unwrap();
        let text = agree(&[x, dy], |x| {
            let tape = tf::GradientTape::new();
            tape.watch(&x[0]);
            let loss = (x[0].relu().max_pool2d(2, stride, tf::Padding::Same) * &x[1]).sum();
            vec![tape.gradient(&loss, &x[0])]
        });
        assert!(text.contains("max_pool_grad, "), "{text}");
    }
}

/// What else uses a product, or changes what it reads, keeps it a step of its own.
#[test]
fn a_product_that_others_need_is_a_step_of_its_own() {
    let x = Tensor::from_vec(values(600, 1), [20, 30]).unwrap();
    let w = Tensor::from_vec(values(900, 2), [30, 30]).unwrap();
    for others in [
        &(|y: &Tensor| vec![y.relu(), y.clone()]) as &dyn Fn(&Tensor) -> Vec<Tensor>,
        &|y| vec![y.relu(), y.transpose([1, 0])],
        &|y| vec![(y - y.reduce_max(-1, true)).exp()],
        &|y| vec![y.reshape([30, 20]).relu()],
    ] {
        let text = agree(&[x.clone(), w.clone()], |x| others(&x[0].matmul(&x[1])));
        assert!(text.contains("kernel: ") && !text.contains("matmul, "), "{text}");
    }
}

#[test]
fn a_variable_is_written_from_the_elements_of_its_gradient() {
    let x = Tensor::from_vec(values(40 * 300, 1), [40, 300]).unwrap();
    let dy = Tensor::from_vec(values(40 * 300, 2), [40, 300]).unwrap();
    let start = Tensor::from_vec(values(300 * 300, 3), [300, 300]).unwrap();
    // Its gradient is a product that does not read it; one that does read it comes first.
    let step = |w: &Variable, x: &[Tensor]| {
        let y = x[0].matmul(w);
        w.assign_sub(&(x[0].matmul_with(&x[1], true, false) * 0.125));
        vec![y]
    };
    let by_itself = |w: &Variable, x: &[Tensor]| {
        let y = (x[0].matmul(w) * 0.5).matmul_with(w, false, true);
        w.assign(&(x[0].matmul_with(&x[0], true, false).matmul(w) * 0.5));
        vec![y]
    };
    type Step = dyn Fn(&Variable, &[Tensor]) -> Vec<Tensor>;
    for (step, joined) in [(&step as &Step, 1), (&by_itself, 1)] {
        let (eager, graph) = (Variable::new(start.clone()), Variable::new(start.clone()));
        let metas = [x.meta().clone(), dy.meta().clone()];
        let made = traced(&metas, |x| step(&graph, x));
        let plan = Device::cpu().backend().compile(&optimise(&made.graph, Device::cpu()).unwrap()).unwrap();
        assert_eq!(plan.describe().matches("matmul, ").count(), joined, "{}", plan.describe());
        for _ in 0..3 {
            let inputs = [x.clone(), dy.clone()];
            assert_eq!(bits(&plan.run(&inputs, &made.variables).unwrap()), bits(&step(&eager, &inputs)));
            assert_eq!(bits(&[graph.read()]), bits(&[eager.read()]));
        }
    }
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
    let mut order: Vec<u32> = groups.iter().flat_map(fuse::Group::all).collect();
    let mut done = std::collections::HashSet::new();
    for group in &groups {
        for n in group.all() {
            let node = made.graph.node(n);
            assert!(node.inputs.iter().all(|v| done.contains(&v.node) || group.all().any(|n| n == v.node)));
        }
        done.extend(group.all());
    }
    order.sort_unstable();
    assert_eq!(order, (0..made.graph.nodes.len() as u32).collect::<Vec<_>>());
}
