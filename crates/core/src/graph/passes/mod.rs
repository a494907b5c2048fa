//! Passes: each makes a smaller or faster graph that computes the same bits and has the same effects in the same order.
//!
//! [`optimise`] runs them; with `TENFOLD_DUMP=dir` the text after each pass is written there, and the plan: fused groups and where
//! results lie. In debug builds the spec
//! is checked after each pass.

mod again;
mod constants;
mod dead;
mod fast;
mod flow;
#[cfg(test)]
mod flow_tests;
pub mod fuse;
pub mod memory;
mod same;
mod simplify;

pub(crate) use dead::run as without_dead;

use super::{Graph, Node, Value, VariableInfo};
use crate::device::{Device, Executable};
use crate::error::Result;
use smallvec::SmallVec;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One pass.
#[derive(Clone, Copy)]
pub struct Pass {
    /// Its name, in dumps and tests.
    pub name: &'static str,
    /// What it does, in one line.
    pub does: &'static str,
    /// Runs it on a concrete graph that will run on this device.
    pub run: fn(Graph, Device) -> Result<Graph>,
}

/// The pass that needs the variables of the function.
const INSIDE: &str = "inside";
/// The pass behind which a function with `fast_math` has one more: what is constant is known then.
const BEFORE_FAST: &str = "constants";
/// Its name.
const FAST: &str = "fast_math";

/// The passes in the order in which [`optimise`] runs them.
pub static PASSES: &[Pass] = &[
    Pass {
        name: "dead",
        does: "drops what nobody uses and what has no effect",
        run: |graph, _| dead::run(graph),
    },
    Pass { name: "simplify", does: "rewrites that keep every bit", run: |graph, _| simplify::run(graph) },
    Pass { name: "constants", does: "computes what depends on constants alone", run: constants::run },
    Pass {
        name: "choose",
        does: "a side that is known takes the place of its `if`; loops without turns go",
        run: |graph, _| flow::choose(graph),
    },
    Pass {
        name: "trim",
        does: "drops results, operands and carried values that nobody needs",
        run: |graph, _| flow::trim(graph),
    },
    Pass {
        name: INSIDE,
        does: "runs all passes on the graphs inside nodes",
        run: |graph, device| {
            let variables = graph.variables.clone();
            flow::inside(graph, &variables, device, false)
        },
    },
    Pass {
        name: "choose_again",
        does: "the same, with what the graphs inside are now",
        run: |graph, _| flow::choose(graph),
    },
    Pass {
        name: "hoist",
        does: "computes before a loop what is the same in every turn",
        run: |graph, _| flow::hoist(graph),
    },
    Pass { name: "same", does: "computes equal expressions once", run: |graph, _| same::run(graph) },
    Pass {
        name: "trim_again",
        does: "drops what graphs inside nodes no longer need",
        run: |graph, _| flow::trim(graph),
    },
    Pass { name: "dead_again", does: "drops what the others left", run: |graph, _| dead::run(graph) },
    Pass {
        name: "again",
        does: "computes light values again rather than move them to memory and back",
        run: again::run,
    },
];

/// All passes, one after the other, for a graph that will run on `device`.
///
/// # Errors
///
/// Only from bugs: a pass that breaks the spec (checked in debug builds), or a dump folder that cannot be written.
pub fn optimise(graph: &Graph, device: Device) -> Result<Graph> {
    Ok(optimise_into(graph, device, false, dump_folder())?.0)
}

/// [`optimise`], with rewrites that change bits if `fast_math`, and then the executable; its plan is written with the text after
/// each pass.
pub(crate) fn compile(graph: &Graph, device: Device, fast_math: bool) -> Result<Arc<dyn Executable>> {
    compile_into(graph, device, fast_math, dump_folder())
}

pub(crate) fn compile_into(
    graph: &Graph,
    device: Device,
    fast_math: bool,
    dump: Option<PathBuf>,
) -> Result<Arc<dyn Executable>> {
    let (graph, dump) = optimise_into(graph, device, fast_math, dump)?;
    let made = device.backend().compile(&graph)?;
    if dump.0.is_some() {
        dump.text(PASSES.len() + 1, "plan", &made.describe())?;
    }
    Ok(made)
}

fn dump_folder() -> Option<PathBuf> {
    std::env::var_os("TENFOLD_DUMP").filter(|d| !d.is_empty()).map(PathBuf::from)
}

/// [`optimise`] without writing dumps: for a graph inside a node, and for one that is only looked at.
pub(crate) fn optimise_inside(
    graph: &Graph,
    variables: &[VariableInfo],
    device: Device,
    fast_math: bool,
) -> Result<Graph> {
    run_all(graph, variables, device, fast_math, &mut |_, _, _| Ok(()))
}

/// [`optimise`], with the text of each step written to a new folder inside `dump`.
fn optimise_into(
    graph: &Graph,
    device: Device,
    fast_math: bool,
    dump: Option<PathBuf>,
) -> Result<(Graph, Dump)> {
    let dump = Dump::begin(graph, dump)?;
    let made = run_all(graph, &graph.variables, device, fast_math, &mut |i, name, graph| {
        dump.write(i + 1, name, graph)
    })?;
    Ok((made, dump))
}

/// All passes on a graph of a function with these variables; `after` is told of each.
fn run_all(
    graph: &Graph,
    variables: &[VariableInfo],
    device: Device,
    fast_math: bool,
    after: &mut dyn FnMut(usize, &str, &Graph) -> Result<()>,
) -> Result<Graph> {
    let mut graph = graph.clone();
    let mut done = |i: usize, name: &str, graph: &Graph| {
        if cfg!(debug_assertions) {
            graph.verify_with(variables).map_err(|e| e.within(format!("pass `{name}`")))?;
        }
        after(i, name, graph)
    };
    for (i, pass) in PASSES.iter().enumerate() {
        graph = match pass.name == INSIDE {
            true => flow::inside(graph, variables, device, fast_math)?,
            false => (pass.run)(graph, device)?,
        };
        done(i, pass.name, &graph)?;
        if fast_math && pass.name == BEFORE_FAST {
            graph = fast::run(graph)?;
            done(i, FAST, &graph)?;
        }
    }
    Ok(graph)
}

/// Where the text of each step goes.
pub(crate) struct Dump(Option<PathBuf>);

static DUMPS: AtomicUsize = AtomicUsize::new(0);

impl Dump {
    fn begin(graph: &Graph, folder: Option<PathBuf>) -> Result<Dump> {
        let dump = Dump(folder.map(|folder| {
            let n = DUMPS.fetch_add(1, Ordering::Relaxed);
            let name: String =
                graph.name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
            folder.join(format!("{n:04}_{name}"))
        }));
        if let Some(folder) = &dump.0 {
            std::fs::create_dir_all(folder)?;
        }
        dump.write(0, "bound", graph)?;
        Ok(dump)
    }
    fn write(&self, step: usize, name: &str, graph: &Graph) -> Result<()> {
        match self.0 {
            Some(_) => self.text(step, name, &graph.to_string()),
            None => Ok(()),
        }
    }
    fn text(&self, step: usize, name: &str, text: &str) -> Result<()> {
        if let Some(folder) = &self.0 {
            std::fs::write(folder.join(format!("{step:02}_{name}.txt")), text)?;
        }
        Ok(())
    }
}

/// Builds a new graph from an old one in order: nodes are kept, replaced by an earlier value, or dropped.
struct Rebuild {
    new: Graph,
    /// Where each output of each old node is now.
    map: Vec<SmallVec<[Option<Value>; 1]>>,
}

impl Rebuild {
    /// The nodes of the old graph, and what is to become the new one.
    fn new(mut old: Graph) -> (Rebuild, Vec<Node>) {
        let nodes = std::mem::take(&mut old.nodes);
        old.nodes.reserve(nodes.len());
        (Rebuild { new: old, map: Vec::with_capacity(nodes.len()) }, nodes)
    }
    /// The operands of an old node in the new graph.
    fn operands(&self, node: &Node) -> SmallVec<[Value; 3]> {
        node.inputs.iter().map(|v| self.value(*v)).collect()
    }
    fn value(&self, v: Value) -> Value {
        // A dropped node has no users: the passes that drop look first.
        self.map[v.node as usize][v.output as usize].unwrap_or(Value { node: u32::MAX, output: 0 })
    }
    /// Appends a node of the new graph in place of the next old one.
    fn keep(&mut self, node: Node) {
        let outputs = node.outputs.len() as u32;
        let at = self.new.push(node);
        self.map.push((0..outputs).map(|output| Some(Value { node: at, output })).collect());
    }
    /// Takes over the next old node.
    fn copy(&mut self, mut node: Node) {
        node.inputs.iter_mut().for_each(|v| *v = self.value(*v));
        self.keep(node);
    }
    /// Lets earlier values stand for the outputs of the next old node.
    fn replace(&mut self, values: impl IntoIterator<Item = Value>) {
        self.map.push(values.into_iter().map(Some).collect());
    }
    /// Leaves the next old node out.
    fn drop(&mut self, node: &Node) {
        self.map.push(SmallVec::from_elem(None, node.outputs.len()));
    }
    fn finish(mut self) -> Graph {
        let [mut inputs, mut outputs] =
            [std::mem::take(&mut self.new.inputs), std::mem::take(&mut self.new.outputs)];
        inputs.iter_mut().chain(&mut outputs).for_each(|v| *v = self.value(*v));
        Graph { inputs, outputs, ..self.new }
    }
}
