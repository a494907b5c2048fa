//! The spec of a graph, checked.
//!
//! 1. An operand is an output of an *earlier* node. Node order is program order; effects happen in it.
//! 2. Operands and attributes satisfy the op's signature.
//! 3. The recorded metas are what the op's shape rule says. A size that only the run decides has a symbol of its own.
//! 4. `inputs` are all the `input` nodes, in the order of their `index`; each has a name.
//! 5. `outputs` exist.
//! 6. Slots of variables exist; what is read has the variable's dtype and shape, what is written may have.
//! 7. Every op is in the table.
//! 8. A graph inside a node keeps this spec too, with the variables of the graph that it is in and none of its own.
//!
//! Every pass keeps it; in tests it is checked after each one.

use super::{Graph, Node, Value, VariableInfo};
use crate::dim::Dim;
use crate::error::{Error, Result};
use crate::op::Infer;
use crate::ops;
use crate::shape::Meta;
use smallvec::SmallVec;

impl Graph {
    /// Checks the spec.
    ///
    /// # Errors
    ///
    /// `Internal`, naming the node and the rule that is broken.
    pub fn verify(&self) -> Result<()> {
        self.verify_with(&self.variables)
    }

    /// [`Graph::verify`] with the variables of the function that the graph is in.
    pub(super) fn verify_with(&self, variables: &[VariableInfo]) -> Result<()> {
        for (i, node) in self.nodes.iter().enumerate() {
            self.verify_node(i, node, variables).map_err(|what| self.broken(i, &what))?;
            for (name, graph) in node.attrs.graphs() {
                let inside = match graph.variables.is_empty() {
                    true => graph.verify_with(variables),
                    false => Err(Error::internal("graph", "a graph inside a node has variables of its own")),
                };
                inside.map_err(|e| e.within(format!("`{name}` of %{i}")).at(node.at))?;
            }
        }
        for v in &self.outputs {
            self.exists(*v, self.nodes.len())
                .map_err(|what| Error::internal("graph", format!("an output: {what}")))?;
        }
        let inputs = self.nodes.iter().filter(|n| *n.op == ops::INPUT).count();
        if inputs != self.inputs.len() || self.inputs.len() != self.input_names.len() {
            let (a, b) = (self.inputs.len(), self.input_names.len());
            return Err(Error::internal("graph", format!("{inputs} input nodes, {a} inputs, {b} names")));
        }
        for (k, v) in self.inputs.iter().enumerate() {
            let node = self.nodes.get(v.node as usize);
            if !node.is_some_and(|n| *n.op == ops::INPUT && n.attrs.int("index") == k as i64) {
                return Err(Error::internal(
                    "graph",
                    format!("input {k} is not the input node of that index"),
                ));
            }
        }
        Ok(())
    }

    fn exists(&self, v: Value, before: usize) -> Result<(), String> {
        let found =
            (v.node as usize) < before && (v.output as usize) < self.nodes[v.node as usize].outputs.len();
        if found { Ok(()) } else { Err(format!("%{}.{} does not exist before its use", v.node, v.output)) }
    }

    fn verify_node(&self, i: usize, node: &Node, variables: &[VariableInfo]) -> Result<(), String> {
        if !ops::ALL.contains(&node.op) {
            return Err("the op is not in the table".into());
        }
        node.inputs.iter().try_for_each(|v| self.exists(*v, i))?;
        let metas: SmallVec<[&Meta; 4]> = node.inputs.iter().map(|v| self.meta(*v)).collect();
        node.op.sig.check(&metas, &node.attrs).map_err(|fault| fault.what)?;
        let inferred =
            (node.op.infer)(&Infer { inputs: &metas, attrs: &node.attrs }).map_err(|fault| fault.what)?;
        let same = inferred.len() == node.outputs.len()
            && inferred.iter().zip(&node.outputs).all(|(a, b)| {
                let dims = a.shape.iter().zip(b.shape.iter());
                a.dtype == b.dtype
                    && a.shape.rank() == b.shape.rank()
                    && dims.into_iter().all(|(x, y)| agrees(*x, *y))
            });
        if !same {
            return Err(format!("the shape rule says {inferred:?}, the node {:?}", node.outputs));
        }
        if *node.op == ops::READ_VARIABLE || *node.op == ops::ASSIGN_VARIABLE {
            let slot = node.attrs.int("slot");
            let Some(variable) = usize::try_from(slot).ok().and_then(|s| variables.get(s)) else {
                return Err(format!("there is no variable in slot {slot}"));
            };
            let meta = if *node.op == ops::READ_VARIABLE { &node.outputs[0] } else { metas[0] };
            let fits = meta.dtype == variable.meta.dtype
                && meta.shape.rank() == variable.meta.shape.rank()
                && meta.shape.iter().zip(variable.meta.shape.iter()).all(|(a, b)| a.may_equal(*b));
            if !fits {
                return Err(format!("the variable `{}` is {}, not {meta}", variable.name, variable.meta));
            }
        }
        Ok(())
    }

    #[cold]
    fn broken(&self, i: usize, what: &str) -> Error {
        let node = &self.nodes[i];
        Error::internal("graph", format!("%{i} = {} breaks the spec: {what}", node.op.name)).at(node.at)
    }
}

/// A dimension of the rule's answer and the recorded one.
fn agrees(rule: Dim, recorded: Dim) -> bool {
    rule == recorded
        || (rule.name() == Some(ops::RUN_TIME_DIM) && recorded.name().is_some_and(|n| n.starts_with('?')))
}
