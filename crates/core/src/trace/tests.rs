use super::trace;
use crate as tf;
use crate::{DType, Device, Dim, Meta};

#[test]
fn a_traced_gradient_runs_with_any_batch() {
    let v = tf::Variable::new(tf::constant([2.0, 3.0]));
    let batch = Dim::symbol("batch");
    let meta = Meta::new(DType::F32, [batch, Dim::from(2)]);
    let traced = trace(
        "step",
        Device::cpu(),
        &[("x".into(), meta)],
        |x| {
            let tape = tf::GradientTape::new();
            let y = &x[0] * &v;
            let g = tape.gradient(&y, &v);
            v.assign_sub(&g);
            Ok(g)
        },
        |g| vec![g.clone()],
    )
    .unwrap();
    assert!(!tf::constant(1.0).is_symbolic());
    for rows in [[[1.0, 2.0]].to_vec(), [[1.0, 2.0], [3.0, 4.0]].to_vec()] {
        let x = tf::constant(&rows);
        let before = v.read().to_vec::<f32>().unwrap();
        let graph = traced.graph.bind(&[x.meta()]).unwrap();
        assert!(graph.is_concrete());
        let run = Device::cpu().backend().compile(&graph).unwrap();
        let g = run.run(&[x], &traced.variables).unwrap()[0].to_vec::<f32>().unwrap();
        let sums = [0, 1].map(|i| rows.iter().map(|r| r[i]).sum::<f32>());
        assert_eq!(g, sums);
        assert_eq!(v.read().to_vec::<f32>().unwrap(), [before[0] - g[0], before[1] - g[1]]);
    }
}

#[test]
fn a_leaked_symbol_says_so() {
    let mut leaked = None;
    trace(
        "f",
        Device::cpu(),
        &[("x".into(), Meta::new(DType::F32, [2]))],
        |x| {
            leaked = Some(x[0].clone());
            Ok(())
        },
        |()| vec![],
    )
    .unwrap();
    let leaked = leaked.unwrap();
    assert!(leaked.try_add(1.0).unwrap_err().to_string().contains("outside the function"));
    assert!(leaked.to_vec::<f32>().unwrap_err().to_string().contains("symbolic"));
}

#[test]
fn a_graph_draws_what_eager_draws() {
    use crate::random::Generator;
    let draw =
        |g: &Generator, n: crate::Dim| vec![g.normal([n]), g.uniform([n, 2usize.into()]), g.normal([n])];
    let (eager, traced) = (Generator::from_seed(11), Generator::from_seed(11));
    let n = Dim::symbol("n");
    let made = trace(
        "draws",
        Device::cpu(),
        &[("x".into(), Meta::new(DType::F32, [n]))],
        |_| Ok(draw(&traced, n)),
        Vec::clone,
    )
    .unwrap();
    let bits = |t: &tf::Tensor| t.to_vec::<f32>().unwrap().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    for size in [3usize, 3, 5] {
        let graph = made.graph.bind(&[&Meta::new(DType::F32, [size])]).unwrap();
        let graph = crate::graph::passes::optimise(&graph, crate::Device::cpu()).unwrap();
        let run = Device::cpu().backend().compile(&graph).unwrap();
        let got = run.run(&[tf::zeros([size])], &made.variables).unwrap();
        let want = draw(&eager, size.into());
        assert_eq!(got.iter().map(bits).collect::<Vec<_>>(), want.iter().map(bits).collect::<Vec<_>>());
    }
}
