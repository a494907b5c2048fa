//! Pictures of graphs: DOT for other tools, SVG to look at.
//!
//! Boxes are nodes, frames are name scopes, one inside the other, and graphs inside nodes; data flows downwards. Blue are arguments, yellow
//! variables, grey constants, red what has an effect, violet what computes a gradient, green results.

mod layout;
mod svg;

use super::{Graph, Node};
use crate::ops;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How a node is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Input,
    Variable,
    Constant,
    Effect,
    Gradient,
    Forward,
}

impl Role {
    fn of(node: &Node) -> Role {
        if *node.op == ops::INPUT {
            Role::Input
        } else if *node.op == ops::READ_VARIABLE || *node.op == ops::ASSIGN_VARIABLE {
            Role::Variable
        } else if *node.op == ops::CONSTANT {
            Role::Constant
        } else if !node.effect().droppable() {
            Role::Effect
        } else if node.backward {
            Role::Gradient
        } else {
            Role::Forward
        }
    }
    /// Fill and border.
    fn colours(self) -> (&'static str, &'static str) {
        match self {
            Role::Input => ("#dbeafe", "#2563eb"),
            Role::Variable => ("#fef3c7", "#d97706"),
            Role::Constant => ("#f3f4f6", "#9ca3af"),
            Role::Effect => ("#fee2e2", "#dc2626"),
            Role::Gradient => ("#ede9fe", "#7c3aed"),
            Role::Forward => ("#ffffff", "#374151"),
        }
    }
}

/// The colours of a result.
const RESULT: (&str, &str) = ("#dcfce7", "#16a34a");

impl Graph {
    /// The two lines of a node's box: what it is, and what it gives.
    fn label(&self, i: usize) -> (String, String) {
        let node = &self.nodes[i];
        // A graph inside a node has no table of its own.
        let variable = |slot: i64| match self.variables.get(slot as usize) {
            Some(v) => v.name.clone(),
            None => format!("variable {slot}"),
        };
        let name = match Role::of(node) {
            Role::Input => {
                let k = node.attrs.int("index") as usize;
                self.input_names.get(k).cloned().unwrap_or_default()
            }
            Role::Variable if node.inputs.is_empty() => format!("read {}", variable(node.attrs.int("slot"))),
            Role::Variable => format!("assign {}", variable(node.attrs.int("slot"))),
            Role::Constant => {
                let value = node.attrs.tensor("value");
                match value.shape().num_elements() {
                    1..=4 => value.to_f64_vec().map(|v| short(&v)).unwrap_or_default(),
                    _ => "constant".into(),
                }
            }
            _ => node.op.name.to_string(),
        };
        let metas: Vec<String> = node.outputs.iter().map(|m| m.to_string()).collect();
        (name, metas.join(", "))
    }

    /// The graph in Graphviz' language, scopes as clusters.
    ///
    /// Source of the language: <https://graphviz.org/doc/info/lang.html>.
    pub fn to_dot(&self) -> String {
        let mut dot = format!(
            "digraph {:?} {{\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\"];\n",
            self.name
        );
        self.dot_part(&mut dot, "n");
        dot.push_str("}\n");
        dot
    }

    /// Nodes and edges of this graph, and then of those inside its nodes. Names of nodes begin with `prefix`.
    fn dot_part(&self, dot: &mut String, prefix: &str) {
        let mut scopes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (i, node) in self.nodes.iter().enumerate() {
            scopes.entry(node.scope).or_default().push(i);
        }
        for (k, (scope, nodes)) in scopes.iter().enumerate() {
            let depth = if scope.is_empty() { 0 } else { 1 };
            if depth == 1 {
                let _ = writeln!(dot, "  subgraph cluster_{prefix}{k} {{ label={scope:?};");
            }
            for i in nodes {
                let (name, meta) = self.label(*i);
                let (fill, line) = self.colours(*i);
                let text = format!("{name}\n{meta}");
                let _ = writeln!(dot, "  {prefix}{i} [label={text:?}, fillcolor={fill:?}, color={line:?}];");
            }
            if depth == 1 {
                dot.push_str("  }\n");
            }
        }
        for (i, node) in self.nodes.iter().enumerate() {
            for v in &node.inputs {
                let _ = writeln!(dot, "  {prefix}{} -> {prefix}{i};", v.node);
            }
            for (name, graph) in node.attrs.graphs() {
                let inner = format!("{prefix}{i}_{name}_");
                let label = format!("{name} of {} {i}", node.op.name);
                let _ = writeln!(dot, "  subgraph cluster_{inner} {{ label={label:?};");
                graph.dot_part(dot, &inner);
                dot.push_str("  }\n");
                let ends = graph.outputs.iter().map(|v| v.node);
                for end in ends {
                    let _ = writeln!(dot, "  {inner}{end} -> {prefix}{i} [style=dashed];");
                }
            }
        }
    }

    fn colours(&self, i: usize) -> (&'static str, &'static str) {
        match self.outputs.iter().any(|v| v.node as usize == i) {
            true => RESULT,
            false => Role::of(&self.nodes[i]).colours(),
        }
    }

    /// A picture: boxes for nodes, nested frames for scopes, the user's line as a tooltip.
    pub fn to_svg(&self) -> String {
        svg::draw(self, &layout::arrange(self))
    }
}

fn short(values: &[f64]) -> String {
    let word = |v: &f64| match v.abs() {
        // Six digits after the point would make nothing of an epsilon.
        small if small > 0.0 && small < 1e-4 => format!("{v:.1e}"),
        _ => format!("{}", (v * 1e6).round() / 1e6),
    };
    let words: Vec<String> = values.iter().map(word).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn small_numbers_are_not_drawn_as_nothing() {
        assert_eq!(super::short(&[f64::from(1e-7f32), 0.1, 0.0, -2e-5]), "1.0e-7 0.1 0 -2.0e-5");
    }
}
