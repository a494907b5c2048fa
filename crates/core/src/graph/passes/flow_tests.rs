//! What the passes make of nodes with graphs. That they keep the bits is tested where the nodes are made.

use super::optimise;
use crate as tf;
use crate::graph::{Graph, Node};
use crate::trace::trace;
use crate::{DType, Device, Meta, Shape, Tensor, Variable};

fn optimised(f: impl FnOnce(&[Tensor]) -> Vec<Tensor>) -> Graph {
    let f32s = |n: usize| Meta::new(DType::F32, [n]);
    let arguments = [
        ("x".to_string(), f32s(4)),
        ("y".to_string(), f32s(4)),
        ("n".to_string(), Meta::new(DType::I32, Shape::scalar())),
    ];
    let body = |x: &[Tensor]| tf::catch(|| f(x));
    let graph = trace("program", Device::cpu(), &arguments, body, Vec::clone).unwrap().graph;
    let made = optimise(&graph, Device::cpu()).unwrap();
    made.verify().unwrap();
    made
}

fn ops(graph: &Graph) -> Vec<&'static str> {
    graph.nodes.iter().map(|n| n.op.name).filter(|n| !["input", "constant"].contains(n)).collect()
}

fn find<'a>(graph: &'a Graph, op: &str) -> &'a Node {
    graph.nodes.iter().find(|n| n.op.name == op).unwrap_or_else(|| panic!("no {op}:\n{graph}"))
}

#[test]
fn a_side_that_is_known_takes_the_node_s_place() {
    let made = optimised(|x| vec![tf::cond(&tf::constant(3).less(4), || x[0].exp(), || x[1].sin())]);
    assert_eq!(ops(&made), ["exp"], "{made}");
    let made = optimised(|x| vec![tf::while_loop(|_| tf::constant(4).less(3), |a| a.exp(), x[0].clone())]);
    assert_eq!(ops(&made), [""; 0], "{made}");
    // What is known outside is known inside.
    let made = optimised(|x| {
        let flag = tf::constant(3).less(4);
        vec![tf::while_loop(|a| a.sum().less(9.0), |a| tf::cond(&flag, || a.exp(), || a.sin()), x[0].clone())]
    });
    assert_eq!(ops(find(&made, "while").attrs.graph("body")), ["exp"], "{made}");
}

#[test]
fn what_nobody_needs_is_not_carried_taken_or_given() {
    let made = optimised(|x| {
        let start = (tf::constant(0), x[0].clone(), x[1].clone(), x[1].clone());
        let (_, a, ..) = tf::while_loop(
            |s| s.0.less(&x[2]),
            |(i, a, dead, steady)| (i + 1, &a * &steady, dead * 3.0 + &x[0], steady),
            start,
        );
        let (kept, _) = tf::cond(&x[2].less(5), || (a.clone(), x[0].exp()), || (&a * 2.0, x[0].sin()));
        vec![kept]
    });
    let node = find(&made, "while");
    assert_eq!(node.attrs.int("carried"), 2, "{made}");
    // The counter, the product, the limit, the factor.
    assert_eq!(node.inputs.len(), 4, "{made}");
    assert_eq!(ops(node.attrs.graph("body")), ["add", "multiply"]);
    let node = find(&made, "if");
    assert_eq!((node.inputs.len(), node.outputs.len()), (2, 1), "{made}");
}

#[test]
fn what_is_the_same_in_every_turn_is_computed_once() {
    let made = optimised(|x| {
        let (_, a) = tf::while_loop(
            |s| s.0.less(&x[2]),
            |(i, a)| (i + 1, a * (x[0].exp() + 1.0).sin() + x[1].gather(&tf::constant([0, 0, 1, 1]), 0)),
            (tf::constant(0), x[0].clone()),
        );
        vec![a]
    });
    let body = find(&made, "while").attrs.graph("body");
    // A lookup may fail: it is not done if there is no turn.
    assert_eq!(ops(body), ["add", "multiply", "gather", "add"], "{made}");
    assert_eq!(ops(&made), ["exp", "add", "sin", "while"], "{made}");
}

#[test]
fn effects_stay_where_they_are() {
    let v = Variable::new(tf::constant(1.0));
    let made = optimised(|x| {
        tf::while_loop(
            |i| i.less(&x[2]),
            |i| {
                v.assign_add(x[0].sum());
                tf::assert(&x[0].greater(0.0), "positive", &[]);
                i + 1
            },
            tf::constant(0),
        );
        tf::cond(&x[2].less(1), || tf::print("small", &[]), || ());
        vec![v.read()]
    });
    assert_eq!(ops(&made), ["reduce_sum", "greater", "while", "less", "if", "read_variable"], "{made}");
    let body = find(&made, "while").attrs.graph("body");
    assert_eq!(ops(body), ["read_variable", "add", "assign_variable", "assert", "add"], "{made}");
}

#[test]
fn pictures_show_graphs_inside_nodes() {
    let made = optimised(|x| {
        let a = tf::while_loop(|a| a.sum().less(9.0), |a| a.exp() + &x[0], x[1].clone());
        vec![tf::cond(&x[2].less(1), || a.sin(), || a.cos())]
    });
    let (svg, dot) = (made.to_svg(), made.to_dot());
    for word in ["condition", "body", "then", "otherwise", "exp", "sin"] {
        assert!(svg.contains(word) && dot.contains(word), "{word}");
    }
    assert_eq!(svg.matches("<g transform").count(), 4);
    assert_eq!(svg.matches("<g").count(), svg.matches("</g>").count());
}
