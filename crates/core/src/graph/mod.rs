//! Graphs: nodes in program order, in single assignment form.
//!
//! A graph may be symbolic in named dimensions; [`Graph::bind`] makes the concrete one for one set of sizes, by running
//! the same shape rules again. The spec that every pass must keep is written at [`Graph::verify`].

mod cost;
mod draw;
mod inside;
mod parse;
pub mod passes;
#[cfg(test)]
mod tests;
mod text;
mod verify;

pub(crate) use cost::weight;
pub use cost::{Cost, Costs, OpCost};

use crate::dim::{Bindings, Dim};
use crate::error::{Error, Kind, Place, Result};
use crate::op::{Attrs, Infer, Metas, OpDef};
use crate::ops;
use crate::shape::Meta;
use smallvec::SmallVec;

/// A value: output `output` of node `node`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Value {
    /// The node's position.
    pub node: u32,
    /// Which of its outputs.
    pub output: u32,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub op: &'static OpDef,
    /// Where its operands come from: earlier nodes only.
    pub inputs: SmallVec<[Value; 3]>,
    /// Attributes; shapes in them may hold symbols.
    pub attrs: Attrs,
    /// Dtypes and shapes of the outputs.
    pub outputs: Metas,
    /// The user's line.
    pub at: Place,
    /// The name scope, `outer/inner`, empty at the top.
    pub scope: &'static str,
    /// Whether this node computes a gradient of what stands at `at`.
    pub backward: bool,
}

/// What a graph reads and writes by reference.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableInfo {
    /// The variable's name.
    pub name: String,
    /// Its dtype and shape.
    pub meta: Meta,
}

/// Nodes, inputs and outputs of one traced function.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The function's name.
    pub name: String,
    /// All nodes, in program order; an operand stands before its user.
    pub nodes: Vec<Node>,
    /// The `input` nodes: arguments, then captures. All are present even if unused.
    pub inputs: Vec<Value>,
    /// A name for each input.
    pub input_names: Vec<String>,
    /// The results.
    pub outputs: Vec<Value>,
    /// The variables, by slot.
    pub variables: Vec<VariableInfo>,
}

impl Graph {
    /// The node at a position.
    pub fn node(&self, i: u32) -> &Node {
        &self.nodes[i as usize]
    }
    /// The meta of a value.
    pub fn meta(&self, v: Value) -> &Meta {
        &self.nodes[v.node as usize].outputs[v.output as usize]
    }
    /// Appends a node whose metas are already decided, and returns its position.
    pub fn push(&mut self, node: Node) -> u32 {
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32
    }
    /// Whether every shape is known.
    pub fn is_concrete(&self) -> bool {
        self.nodes.iter().all(|n| {
            n.outputs.iter().all(|m| m.shape.is_known()) && n.attrs.graphs().all(|(_, g)| g.is_concrete())
        })
    }
    /// The concrete graph for inputs of these metas: symbols are bound, shape rules run again with numbers.
    ///
    /// # Errors
    ///
    /// If an input does not fit its declared rank, dtype or known sizes, if one symbol gets two sizes, or if a shape rule
    /// refuses the numbers.
    pub fn bind(&self, inputs: &[&Meta]) -> Result<Graph> {
        self.bound(&self.bindings(inputs)?, Some(inputs))
    }
    /// The graph with these symbols bound, graphs inside nodes too. `inputs` are the metas of the inputs where they are
    /// known already.
    fn bound(&self, bindings: &Bindings, inputs: Option<&[&Meta]>) -> Result<Graph> {
        let mut bound = self.clone();
        for i in 0..bound.nodes.len() {
            let symbolic = &self.nodes[i].attrs;
            let attrs = match symbolic.bind(bindings) {
                Some(attrs) => attrs,
                None if symbolic.are_run_time() => symbolic.partial(bindings),
                None => return Err(self.unbound(i)),
            };
            let attrs = attrs.with_graphs(|inside| inside.bound(bindings, None))?;
            let place = self.inputs.iter().position(|v| v.node as usize == i);
            let outputs = match place.and_then(|k| inputs.map(|inputs| inputs[k].clone())) {
                Some(meta) => SmallVec::from_elem(meta, 1),
                None => {
                    let node = &bound.nodes[i];
                    let metas: SmallVec<[&Meta; 3]> = node.inputs.iter().map(|v| bound.meta(*v)).collect();
                    self.inferred(i, &metas, &attrs, bindings)?
                }
            };
            bound.nodes[i].attrs = attrs;
            bound.nodes[i].outputs = named(outputs, &self.nodes[i].outputs);
        }
        Ok(bound)
    }
    /// The node at a position as it runs: with the sizes bound that the run has decided so far.
    ///
    /// # Errors
    ///
    /// If a shape rule refuses them.
    pub(crate) fn settled(&self, i: usize, operands: &[&Meta], bindings: &Bindings) -> Result<Node> {
        let node = &self.nodes[i];
        let attrs = node.attrs.partial(bindings).with_graphs(|inside| inside.bound(bindings, None))?;
        let outputs = self.inferred(i, operands, &attrs, bindings)?;
        Ok(Node { attrs, outputs, ..node.clone() })
    }
    /// What the shape rule of a node says of these operands, with sizes that are bound.
    fn inferred(&self, i: usize, operands: &[&Meta], attrs: &Attrs, bindings: &Bindings) -> Result<Metas> {
        let node = &self.nodes[i];
        let open = |m: &Meta| m.shape.iter().any(|d| d.is_run_time());
        let metas = match node.is(&ops::IF) && node.outputs.iter().any(open) {
            true => ops::settled_sides(attrs, &node.outputs, bindings),
            false => (node.op.infer)(&Infer { inputs: operands, attrs }),
        };
        metas.map_err(|fault| crate::door::explain(node.op, fault, operands, node.at, node.backward))
    }
    /// What each symbol stands for, given the inputs' metas.
    pub fn bindings(&self, inputs: &[&Meta]) -> Result<Bindings> {
        let mut bindings: Vec<(Dim, usize)> = vec![];
        let mut origin: Vec<usize> = vec![];
        for (k, (v, given)) in self.inputs.iter().zip(inputs).enumerate() {
            let declared = self.meta(*v);
            let fits = declared.dtype == given.dtype && declared.shape.rank() == given.shape.rank();
            if !fits {
                return Err(self.misfit(k, declared, given));
            }
            for (d, g) in declared.shape.iter().zip(given.shape.iter()) {
                let Some(g) = g.size() else { return Err(self.misfit(k, declared, given)) };
                match (d.size(), bindings.iter().position(|b| b.0 == *d)) {
                    (Some(n), _) if n != g => return Err(self.misfit(k, declared, given)),
                    (None, Some(b)) if bindings[b].1 != g => {
                        let (a, b, first) =
                            (&self.input_names[origin[b]], &self.input_names[k], bindings[b].1);
                        return Err(Error::invalid(
                            self.name.clone(),
                            format!("dimension `{d}` is {first} in `{a}` and {g} in `{b}`"),
                        ));
                    }
                    (None, None) => {
                        bindings.push((*d, g));
                        origin.push(k);
                    }
                    _ => {}
                }
            }
        }
        Ok(bindings)
    }
    #[cold]
    fn misfit(&self, k: usize, declared: &Meta, given: &Meta) -> Error {
        let name = &self.input_names[k];
        Error::invalid(self.name.clone(), format!("`{name}` must be {declared}, got {given}"))
    }
    #[cold]
    fn unbound(&self, i: usize) -> Error {
        let node = &self.nodes[i];
        Error::new(Kind::InvalidArgument, node.op.name, "a dimension cannot be computed from the inputs")
            .at(node.at)
    }
}

/// The metas of a shape rule with the recorded names of the sizes that only the run decides.
fn named(mut metas: Metas, recorded: &Metas) -> Metas {
    for (meta, known) in metas.iter_mut().zip(recorded) {
        for (d, name) in meta.shape.dims_mut().iter_mut().zip(known.shape.iter()) {
            if d.name() == Some(ops::RUN_TIME_DIM) {
                *d = *name;
            }
        }
    }
    metas
}
