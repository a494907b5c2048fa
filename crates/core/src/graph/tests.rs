use super::passes::{PASSES, optimise};
use super::{Graph, Value};
use crate as tf;
use crate::trace::trace;
use crate::{DType, Device, Dim, Kind, Meta, Tensor, Variable};

/// A step with a read, a write, a duplicate, a constant expression, a dead node and a no-op.
fn step() -> (Graph, Vec<Variable>) {
    let v = Variable::named("w \"q\"", tf::constant([2.0, 3.0]));
    let meta = Meta::new(DType::F32, [Dim::symbol("batch"), Dim::from(2)]);
    let traced = trace(
        "step",
        Device::cpu(),
        &[("x".into(), meta)],
        |x| {
            let x = &x[0];
            let _dead = x * 7.0;
            let twice = tf::constant([1.0, 2.0]) * tf::constant([3.0, f32::NAN]);
            let y = (x * &v) * 1.0 + twice;
            let z = x * &v;
            v.assign_add(tf::constant([0.5, 0.25]));
            Ok(vec![&y + &z, -(-(&y)), x * &v])
        },
        Vec::clone,
    )
    .unwrap();
    (traced.graph, traced.variables)
}

fn run(graph: &Graph, x: &Tensor, v: &[Variable]) -> Vec<Vec<u32>> {
    v[0].assign(tf::constant([2.0, 3.0]));
    let run = Device::cpu().backend().compile(graph).unwrap();
    let mut results = run.run(std::slice::from_ref(x), v).unwrap();
    results.push(v[0].read());
    let bits = |t: &Tensor| t.to_vec::<f32>().unwrap().iter().map(|f| f.to_bits()).collect();
    results.iter().map(bits).collect()
}

#[test]
fn text_reads_back_to_the_same_graph() {
    let (graph, _) = step();
    graph.verify().unwrap();
    let text = graph.to_string();
    let back = Graph::parse(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(back.to_string(), text);
    assert!(text.contains("[batch, 2]") && text.contains("graph/tests.rs"), "{text}");
    for (a, b) in graph.nodes.iter().zip(&back.nodes) {
        assert_eq!((a.op, &a.attrs, &a.outputs, a.at), (b.op, &b.attrs, &b.outputs, b.at));
    }
}

#[test]
fn bad_text_is_an_error_with_a_line() {
    let (graph, _) = step();
    let text = graph.to_string();
    for (from, to) in [
        ("multiply(%0", "multiply(%99"),
        ("= negative", "= positive"),
        ("return", "retain"),
        ("f32[", "f31["),
    ] {
        let e = Graph::parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(matches!(e.kind(), Kind::InvalidArgument | Kind::Internal), "{e}");
    }
    assert!(Graph::parse("").unwrap_err().message().contains("ends before"));
}

#[test]
fn every_pass_keeps_the_bits_and_the_spec() {
    let (graph, v) = step();
    let x = tf::constant([[1.0, -0.0], [f32::INFINITY, 4.0]]);
    let bound = graph.bind(&[x.meta()]).unwrap();
    let want = run(&bound, &x, &v);
    let mut after = bound.clone();
    for pass in PASSES {
        after = (pass.run)(after, crate::Device::cpu()).unwrap();
        after.verify().unwrap_or_else(|e| panic!("{}: {e}\n{after}", pass.name));
        assert_eq!(run(&after, &x, &v), want, "{}\n{after}", pass.name);
    }
    let count = |g: &Graph, name: &str| g.nodes.iter().filter(|n| n.op.name == name).count();
    assert_eq!((count(&bound, "multiply"), count(&after, "multiply")), (6, 2), "{after}");
    assert_eq!(count(&after, "negative"), 0);
    assert_eq!((count(&after, "read_variable"), count(&after, "assign_variable")), (2, 1));
}

#[test]
fn passes_write_their_steps_when_asked() {
    let folder = std::env::temp_dir().join(format!("tenfold-dump-{}", std::process::id()));
    let (graph, _) = step();
    let bound = graph.bind(&[&Meta::new(DType::F32, [1, 2])]).unwrap();
    super::passes::compile_into(&bound, crate::Device::cpu(), true, Some(folder.clone())).unwrap();
    let steps: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .flat_map(|d| std::fs::read_dir(d.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(steps.len(), PASSES.len() + 3);
    let plan = steps.iter().find(|path| path.ends_with(format!("{:02}_plan.txt", PASSES.len() + 1))).unwrap();
    let plan = std::fs::read_to_string(plan).unwrap();
    assert!(plan.contains("  fused: ") && plan.contains("  memory: "), "{plan}");
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(optimise(&bound, crate::Device::cpu()).is_ok());
}

#[test]
fn a_broken_graph_is_found() {
    let (graph, _) = step();
    let mut forward = graph.clone();
    let n = forward.nodes.len() as u32;
    let user = forward.nodes.iter().position(|n| !n.inputs.is_empty()).unwrap();
    forward.nodes[user].inputs[0] = Value { node: n - 1, output: 0 };
    assert!(forward.verify().unwrap_err().message().contains("before its use"));
    let mut meta = graph.clone();
    let last = meta.nodes.iter().rposition(|n| !n.outputs.is_empty()).unwrap();
    meta.nodes[last].outputs[0].dtype = DType::F64;
    assert!(meta.verify().unwrap_err().message().contains("shape rule"));
}

#[test]
fn one_symbol_has_one_size() {
    let b = Dim::symbol("batch");
    let arguments =
        [("x".to_string(), Meta::new(DType::F32, [b])), ("y".to_string(), Meta::new(DType::F32, [b]))];
    let traced = trace("f", Device::cpu(), &arguments, |x| Ok(&x[0] + &x[1]), |y| vec![y.clone()]).unwrap();
    let (two, three) = (Meta::new(DType::F32, [2]), Meta::new(DType::F32, [3]));
    assert!(traced.graph.bind(&[&two, &two]).is_ok());
    let e = traced.graph.bind(&[&two, &three]).unwrap_err();
    assert_eq!(e.message(), "dimension `batch` is 2 in `x` and 3 in `y`");
    let e = traced.graph.bind(&[&two, &Meta::new(DType::F32, ())]).unwrap_err();
    assert!(e.message().contains("`y` must be f32[batch], got f32[]"), "{e}");
}

#[test]
fn pictures_show_every_node_once_and_escape_names() {
    let traced = trace(
        "f<g>",
        Device::cpu(),
        &[("x".into(), Meta::new(DType::F32, [3]))],
        |x| {
            let y = crate::trace::name_scope("outer", || {
                let a = &x[0] * 2.0;
                crate::trace::name_scope("inner", || &a + 1.0)
            });
            Ok(&y / &x[0])
        },
        |y| vec![y.clone()],
    )
    .unwrap();
    let (svg, dot) = (traced.graph.to_svg(), traced.graph.to_dot());
    assert_eq!(svg.matches("<g>").count(), traced.graph.nodes.len());
    assert!(svg.contains(">outer</text>") && svg.contains(">inner</text>") && svg.contains("f&lt;g&gt;"));
    assert_eq!(dot.matches("fillcolor").count(), traced.graph.nodes.len());
    assert!(traced.graph.nodes.iter().any(|n| n.scope == "outer/inner"));
}

/// How many large results of element-wise nodes go to memory: those that another step uses.
fn moved(graph: &Graph) -> usize {
    let steps = super::passes::fuse::groups(graph);
    let step_of = |n: u32| steps.iter().position(|s| s.all().any(|m| m == n));
    let large = |v: &Value| {
        let node = graph.node(v.node);
        matches!(node.op.cpu, crate::op::Cpu::Elementwise(_)) && graph.meta(*v).bytes() > Some(256 << 10)
    };
    let mut moved: Vec<Value> = vec![];
    for (i, node) in graph.nodes.iter().enumerate() {
        let elsewhere = |v: &&Value| large(v) && step_of(v.node) != step_of(i as u32);
        moved.extend(node.inputs.iter().filter(elsewhere));
    }
    moved.sort_unstable();
    moved.dedup();
    moved.len()
}

/// The gradient of a GELU uses a half of `x`, its square and a sum with the `tanh`: these are made again from `x` and the `tanh`.
#[test]
fn large_light_values_are_computed_again() {
    let metas = [("x".to_string(), Meta::new(DType::F32, [512, 256]))];
    let w = tf::random::stateless_normal([256, 256], [1, 2]);
    let traced = trace(
        "gelu",
        Device::cpu(),
        &metas,
        |x| {
            let tape = tf::GradientTape::new();
            tape.watch(&x[0]);
            let x = &x[0];
            let y = x
                * 0.5
                * ((x + 0.044715 * (x * x * x)) * 0.7978845608).tanh().try_add(tf::constant(1.0f32))?;
            let loss = y.matmul(&w).square().sum();
            Ok(vec![tape.gradient(&loss, x)])
        },
        Vec::clone,
    )
    .unwrap();
    let (last, others) = PASSES.split_last().unwrap();
    assert_eq!(last.name, "again");
    let mut kept = traced.graph.clone();
    for pass in others {
        kept = (pass.run)(kept, Device::cpu()).unwrap();
    }
    let again = (last.run)(kept.clone(), Device::cpu()).unwrap();
    assert!(moved(&again) + 2 <= moved(&kept), "{} of {}\n{again}", moved(&again), moved(&kept));
    let x = tf::random::stateless_normal([512, 256], [3, 4]);
    let inputs: Vec<Tensor> = std::iter::once(x).chain(traced.captures.iter().cloned()).collect();
    let bits = |graph: &Graph| {
        let run = Device::cpu().backend().compile(graph).unwrap();
        let made = run.run(&inputs, &traced.variables).unwrap();
        made[0].to_vec::<f32>().unwrap().iter().map(|f| f.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(&again), bits(&kept));
    assert_eq!(bits(&again), bits(&traced.graph));
}
