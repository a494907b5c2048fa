//! Sums of products that a loop need not carry: they are computed after its turns, from stacks that are there in any case.
//!
//! The gradient of a weight is such a sum: each turn back adds `aᵀ·b`, of which `a` was kept by the loop forward, and `b` is what
//! the rows that the loop takes get back. Turn by turn the whole matrix would come from memory and go back to it, twice,
//! with the product in between; after the turns each part of it takes in all products while it is in the cache.
//! The products, and the order in which they are added, are the same, and so are the bits.

use crate::cpu::gemm::{GemmShape, K_BLOCK, gemm_series};
use crate::dtype::DType;
use crate::graph::{Graph, Node, Value};
use crate::op::Cpu;
use crate::ops;
use crate::profiler::{self, What};

/// Where the rows of an operand of the products are, one for each turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stack {
    /// The loop's operand at this position.
    Operand(usize),
    /// The results of all turns at this position, counted from the first after the carried ones.
    Made(usize),
}

/// A carried value to which each turn adds a product and does nothing else.
pub(super) struct Late {
    /// Its position.
    pub(super) carried: usize,
    /// The stacks of the two operands.
    pub(super) stacks: [Stack; 2],
    dtype: DType,
    /// All products.
    shape: GemmShape,
    backwards: bool,
    /// The sum's node.
    node: Node,
}

impl Late {
    /// Those of a loop.
    pub(super) fn all(node: &Node) -> Vec<Late> {
        let (body, condition) = (node.attrs.graph("body"), node.attrs.graph("condition"));
        let Some(turns) = node.attrs.shape("trips")[0].size() else { return vec![] };
        let carried = node.attrs.int("carried") as usize;
        let uses = |graph: &Graph, v: Value| {
            let inside = graph.nodes.iter().flat_map(|n| &n.inputs);
            inside.chain(&graph.outputs).filter(|x| **x == v).count()
        };
        let of = |k: usize| {
            let (before, after) = (body.inputs[k], body.outputs[k]);
            let sum = body.node(after.node);
            let product = match *sum.inputs.as_slice() {
                [x, y] if sum.is(&ops::ADD) && x == before => y,
                [x, y] if sum.is(&ops::ADD) && y == before => x,
                _ => return None,
            };
            let alone = [before, product, after].into_iter().all(|v| uses(body, v) == 1);
            let makes = body.node(product.node);
            let meta = body.meta(product);
            let fits = meta == body.meta(before) && matches!(meta.dtype, DType::F32 | DType::F64);
            let plain = makes.is(&ops::MATMUL) && meta.shape.rank() == 2;
            if !alone || !fits || !plain || uses(condition, condition.inputs[k]) > 0 {
                return None;
            }
            let (ta, tb) = (makes.attrs.bool("transpose_a"), makes.attrs.bool("transpose_b"));
            let (m, n) = (meta.shape[0].size()?, meta.shape[1].size()?);
            let inner = body.meta(makes.inputs[0]).shape[if ta { 0 } else { 1 }].size()?;
            // The sum of several partial sums is rounded before it is added.
            if inner > K_BLOCK {
                return None;
            }
            let shape = GemmShape::new(m, inner, n).batched(turns).transposed(ta, tb);
            let stacks = [stack(node, makes.inputs[0])?, stack(node, makes.inputs[1])?];
            let backwards = node.attrs.bool("reverse");
            Some(Late { carried: k, stacks, dtype: meta.dtype, shape, backwards, node: sum.clone() })
        };
        (0..carried).filter_map(of).collect()
    }
    /// A line about it.
    pub(super) fn describe(&self) -> String {
        let GemmShape { batch, m, k, n, .. } = self.shape;
        format!("  {batch} products, {m} by {k} by {n}, added to carried value {}\n", self.carried)
    }
    /// Adds the products to `c`, which holds what the loop began with.
    pub(super) fn run(&self, a: &[u8], b: &[u8], c: &mut [u8]) {
        let _span = profiler::open(What::Step, || "matmul, add of all turns", Some(self.node.at));
        macro_rules! series {
            ($t:ty) => {{
                let (a, b) = (bytemuck::cast_slice::<u8, $t>(a), bytemuck::cast_slice(b));
                gemm_series(&self.shape, self.backwards, a, b, bytemuck::cast_slice_mut(c));
            }};
        }
        match self.dtype {
            DType::F64 => series!(f64),
            _ => series!(f32),
        }
    }
}

/// Where the rows of a value of the body are after the turns, if they are kept.
fn stack(node: &Node, v: Value) -> Option<Stack> {
    let body = node.attrs.graph("body");
    let (carried, rows) = (node.attrs.int("carried") as usize, node.attrs.int("rows") as usize);
    // Views share the elements.
    let root = |mut v: Value| {
        while matches!(body.node(v.node).op.cpu, Cpu::View) {
            v = body.node(v.node).inputs[0];
        }
        v
    };
    let first_row = body.inputs.len() - rows;
    let taken = body.inputs[first_row..].iter().position(|x| *x == root(v));
    let made = || body.outputs[carried..].iter().position(|x| root(*x) == root(v));
    taken.map(|k| Stack::Operand(first_row + k)).or_else(|| made().map(Stack::Made))
}
