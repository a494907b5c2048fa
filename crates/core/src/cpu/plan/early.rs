//! Operands of a loop that its turns only multiply by, transposed: they are turned once, before the turns.
//!
//! The gradient of a state that a weight multiplies is such a product: each turn back multiplies by the weight transposed, and a
//! product with a transposed right operand has to turn one of its operands. The sums go over the same elements in the same
//! order, and so the bits are the same.

use crate::cpu::copy;
use crate::dtype::DType;
use crate::graph::{Graph, Node};
use crate::op::{AffineCopy, Attrs, Copies, Sizes, View, ViewMut};
use crate::ops;
use crate::profiler::{self, What};
use smallvec::smallvec;

/// Turns from which on it pays: turning a matrix takes about as long as a few rows by it.
const TURNS: usize = 4;
/// Rows of a product from which on it pays: with fewer, a matrix that lies along the sums is the better one.
const ROWS: usize = 8;

/// A matrix that is turned.
pub(super) struct Early {
    /// Its position among the loop's operands.
    pub(super) operand: usize,
    /// The bytes of its elements.
    pub(super) bytes: usize,
    dtype: DType,
    /// As it lies, and turned.
    shapes: [Sizes; 2],
    copies: Copies,
    /// A product that takes it.
    node: Node,
}

impl Early {
    /// Those of a loop whose body this is, with `finals` carried values, and whose operands before `first_row` are not taken
    /// by rows. The body takes them turned from now on.
    pub(super) fn all(
        body: &mut Graph,
        condition: &Graph,
        trips: Option<usize>,
        finals: usize,
        first_row: usize,
    ) -> Vec<Early> {
        if trips.is_none_or(|n| n < TURNS) {
            return vec![];
        }
        (finals..first_row).filter_map(|k| Early::of(body, condition, k)).collect()
    }
    fn of(body: &mut Graph, condition: &Graph, operand: usize) -> Option<Early> {
        let v = body.inputs[operand];
        let meta = body.meta(v).clone();
        let size = |d: usize| meta.shape.get(d).and_then(|d| d.size());
        let (n, k) = (size(0)?, size(1)?);
        let width = match meta.dtype {
            DType::F32 => 4,
            DType::F64 => 8,
            _ => return None,
        };
        let multiplies = |node: &Node| {
            let shape = &node.outputs[0].shape;
            node.is(&ops::MATMUL)
                && shape.rank() == 2
                && shape[0].size().is_some_and(|m| m >= ROWS)
                && node.attrs.bool("transpose_b")
                && node.inputs[0] != v
        };
        let asked = condition.inputs[operand];
        let uses = |graph: &Graph, v| graph.nodes.iter().any(|n| n.inputs.contains(&v));
        let users: Vec<usize> =
            (0..body.nodes.len()).filter(|i| body.nodes[*i].inputs.contains(&v)).collect();
        let only = users.iter().all(|i| multiplies(&body.nodes[*i]));
        if meta.shape.rank() != 2 || !only || uses(condition, asked) || body.outputs.contains(&v) {
            return None;
        }
        let node = body.nodes[*users.first()?].clone();
        for i in users {
            let attrs = &mut body.nodes[i].attrs;
            *attrs = Attrs::new().with("transpose_a", attrs.bool("transpose_a")).with("transpose_b", false);
        }
        body.nodes[v.node as usize].outputs[v.output as usize].shape = [k, n].into_iter().collect();
        let copy = AffineCopy {
            input: 0,
            output: 0,
            shape: smallvec![k, n],
            in_offset: 0,
            in_strides: smallvec![1, k as isize],
            out_offset: 0,
            out_strides: smallvec![n as isize, 1],
        };
        Some(Early {
            operand,
            bytes: n * k * width,
            dtype: meta.dtype,
            shapes: [smallvec![n, k], smallvec![k, n]],
            copies: Copies { fill: None, copies: vec![copy] },
            node,
        })
    }
    /// A line about it.
    pub(super) fn describe(&self) -> String {
        format!("  operand {} transposed, {} by {}\n", self.operand, self.shapes[0][0], self.shapes[0][1])
    }
    /// Turns the matrix.
    pub(super) fn run(&self, x: &[u8], out: &mut [u8]) {
        let _span = profiler::open(What::Step, || "transpose for all turns", Some(self.node.at));
        let [lies, turned] = &self.shapes;
        let x = View { dtype: self.dtype, shape: lies, bytes: x };
        copy::run(&self.copies, &[x], &mut [ViewMut { dtype: self.dtype, shape: turned, bytes: out }]);
    }
}
