use super::{Adam, Optimizer, Sgd};
use crate as tf;
use crate::trace::trace;
use crate::{DType, Device, Meta, Tensor, Variable};

type Apply = Box<dyn Fn(&[Tensor], &[Variable])>;

fn steps(optimizer: &dyn Fn() -> Apply) -> (Vec<u32>, Vec<u32>) {
    let bits =
        |v: &Variable| v.read().to_vec::<f32>().unwrap().iter().map(|f| f.to_bits()).collect::<Vec<_>>();
    let gradients: Vec<Tensor> =
        (0..5).map(|k| tf::constant([0.5 - k as f32, 1.5, -0.25 * k as f32])).collect();
    let eager = Variable::new(tf::constant([1.0, -2.0, 3.0]));
    let apply = optimizer();
    gradients.iter().for_each(|g| apply(std::slice::from_ref(g), std::slice::from_ref(&eager)));
    let graphed = Variable::new(tf::constant([1.0, -2.0, 3.0]));
    let apply = optimizer();
    let made = trace(
        "step",
        Device::cpu(),
        &[("g".into(), Meta::new(DType::F32, [3]))],
        |g| {
            apply(g, std::slice::from_ref(&graphed));
            Ok(())
        },
        |()| vec![],
    )
    .unwrap();
    let graph = crate::graph::passes::optimise(&made.graph, crate::Device::cpu()).unwrap();
    let run = Device::cpu().backend().compile(&graph).unwrap();
    for g in &gradients {
        let inputs: Vec<Tensor> = std::iter::once(g.clone()).chain(made.captures.iter().cloned()).collect();
        run.run(&inputs, &made.variables).unwrap();
    }
    (bits(&eager), bits(&graphed))
}

#[test]
fn a_traced_step_gives_the_same_bits() {
    let (eager, graphed) = steps(&|| {
        let adam = Adam::new(0.1);
        Box::new(move |g, v| adam.apply_gradients(g, v))
    });
    assert_eq!(eager, graphed);
    let (eager, graphed) = steps(&|| {
        let sgd = Sgd::new(0.1).momentum(0.9).nesterov();
        Box::new(move |g, v| sgd.apply_gradients(g, v))
    });
    assert_eq!(eager, graphed);
}

#[test]
fn adam_follows_its_formula() {
    let (w, adam) = (Variable::new(tf::constant_f64([0.5])), Adam::new(0.01));
    let (mut x, mut m, mut v) = (0.5f64, 0.0, 0.0);
    for t in 1..=10 {
        let g = x * 2.0 - 3.0;
        adam.apply_gradients([w.read() * 2.0 - 3.0], [w.clone()]);
        m += (g - m) * 0.1;
        v += (g * g - v) * 0.001;
        let alpha = 0.01 * (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.9f64.powi(t));
        x -= m * alpha / (v.sqrt() + 1e-7);
    }
    // The step size is computed in f32.
    assert!((w.read().item::<f64>().unwrap() - x).abs() < 1e-6);
    let names: Vec<String> = adam.named_variables().into_iter().map(|n| n.0).collect();
    assert_eq!(names, ["iterations", "learning_rate", "0.momentum", "0.velocity"]);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let w = Variable::named("w", tf::constant([1.0, 2.0]));
    let sgd = Sgd::new(0.1);
    let e = sgd.try_apply_gradients(&[tf::constant([1.0])], std::slice::from_ref(&w)).unwrap_err();
    assert!(e.message().contains("gradient of `w` is f32[1]"), "{e}");
    assert!(sgd.try_apply_gradients(&[], &[w]).is_err());
    sgd.set_learning_rate(0.5);
    assert_eq!(sgd.learning_rate(), 0.5);
}
