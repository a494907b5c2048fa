//! What `fast_math` welcomes: rewrites that change bits, each by some roundings. `docs/functions.md` has the table of them, and
//! `tests/tests/fast_math.rs` a test for each row.

use super::Rebuild;
use crate::dtype::DType;
use crate::error::Result;
use crate::graph::{Graph, Node, Value};
use crate::op::{Attrs, OpDef};
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tensor::Tensor;
use smallvec::{SmallVec, smallvec};

pub(super) fn run(graph: Graph) -> Result<Graph> {
    let mut uses = vec![0u32; graph.nodes.len()];
    for v in graph.nodes.iter().flat_map(|node| &node.inputs).chain(&graph.outputs) {
        uses[v.node as usize] += 1;
    }
    let (rebuild, nodes) = Rebuild::new(graph);
    let mut fast = Fast { rebuild, alone: vec![] };
    for (i, node) in nodes.into_iter().enumerate() {
        let floats = node.outputs.len() == 1 && node.outputs[0].dtype.is_float();
        let before = fast.rebuild.new.nodes.len();
        let made = match if floats { fast.rewritten(&node)? } else { None } {
            Some(value) => {
                fast.rebuild.replace([value]);
                value.node as usize
            }
            None => {
                fast.rebuild.copy(node);
                before
            }
        };
        fast.alone.resize(fast.rebuild.new.nodes.len(), false);
        // An earlier value that stands for this one has its users, too.
        fast.alone[made] = made >= before && uses[i] == 1;
    }
    Ok(fast.rebuild.finish())
}

fn elements(meta: &Meta) -> Option<usize> {
    Some(meta.bytes()? / meta.dtype.size())
}

struct Fast {
    rebuild: Rebuild,
    /// Of each new node: whether only one other node uses it.
    alone: Vec<bool>,
}

impl Fast {
    fn graph(&self) -> &Graph {
        &self.rebuild.new
    }
    /// The number that a value is, if it is a constant of one element.
    fn number(&self, v: Value) -> Option<f64> {
        let node = self.graph().node(v.node);
        let constant = node.is(&ops::CONSTANT) && elements(&node.outputs[0]) == Some(1);
        constant.then(|| node.attrs.tensor("value").to_f64_vec().ok()?.first().copied()).flatten()
    }
    /// A value's op and operands, and of two of them the first that is no number, and the number.
    fn with_number(&self, v: Value, op: &'static OpDef) -> Option<(Value, f64)> {
        let node = self.graph().node(v.node);
        let &[x, y] = node.inputs.as_slice() else { return None };
        if !node.is(op) {
            return None;
        }
        let turned = || Some((y, self.number(x).filter(|_| *op != ops::SUBTRACT && *op != ops::DIVIDE)?));
        self.number(y).map(|c| (x, c)).or_else(turned)
    }
    fn made_by(&self, v: Value, op: &'static OpDef) -> Option<Value> {
        let node = self.graph().node(v.node);
        node.is(op).then(|| node.inputs[0])
    }
    /// Appends a node like `old` with another op.
    fn push(&mut self, old: &Node, op: &'static OpDef, inputs: &[Value], meta: Meta) -> Value {
        let node = Node {
            op,
            inputs: inputs.iter().copied().collect(),
            attrs: Attrs::new(),
            outputs: smallvec![meta],
            ..old.clone()
        };
        Value { node: self.rebuild.new.push(node), output: 0 }
    }
    fn constant(&mut self, old: &Node, number: f64, dtype: DType) -> Option<Value> {
        let value = Tensor::from_vec(vec![number], Vec::<usize>::new()).ok()?.try_cast(dtype).ok()?;
        // What overflows says nothing, and what is denormal has few digits; half floats come to that early.
        let least = match dtype {
            DType::F16 => f64::from(half::f16::MIN_POSITIVE),
            DType::F64 => f64::MIN_POSITIVE,
            _ => f64::from(f32::MIN_POSITIVE),
        };
        value.to_f64_vec().ok()?.first().filter(|x| x.is_finite() && x.abs() >= least)?;
        let made = self.push(old, &ops::CONSTANT, &[], Meta::new(dtype, Shape::scalar()));
        self.rebuild.new.nodes[made.node as usize].attrs = Attrs::new().with("value", value);
        Some(made)
    }
    /// `x op number`, where the result is of x's shape.
    fn by(&mut self, old: &Node, op: &'static OpDef, x: Value, number: f64) -> Option<Value> {
        let meta = &old.outputs[0];
        if self.graph().meta(x) != meta {
            return None;
        }
        let meta = meta.clone();
        let number = self.constant(old, number, meta.dtype)?;
        Some(self.push(old, op, &[x, number], meta))
    }
    /// A value that stands for the node's result, with what is new appended before.
    fn rewritten(&mut self, node: &Node) -> Result<Option<Value>> {
        let operands = self.rebuild.operands(node);
        let out = node.outputs[0].clone();
        Ok(match operands.as_slice() {
            [x] if node.is(&ops::LOG) => self.made_by(*x, &ops::EXP),
            [x] if node.is(&ops::SQRT) => {
                self.made_by(*x, &ops::SQUARE).map(|x| self.push(node, &ops::ABS, &[x], out))
            }
            &[x, y] if node.is(&ops::DIVIDE) => self.quotient(node, x, y),
            &[x, y] if node.is(&ops::POW) => match self.number(y) {
                Some(c) if *self.graph().meta(x) == out => self.power(node, x, c),
                _ => None,
            },
            &[x, y] if node.is(&ops::MULTIPLY) => self.scaled(node, &[(x, y), (y, x)]),
            &[x, y] if node.is(&ops::ADD) => self.moved(node, &[(x, y), (y, x)], 1.0),
            &[x, y] if node.is(&ops::SUBTRACT) => self.moved(node, &[(x, y)], -1.0),
            &[x, y] if node.is(&ops::MATMUL) => self.product(node, x, y),
            _ => None,
        })
    }
    fn quotient(&mut self, node: &Node, x: Value, y: Value) -> Option<Value> {
        if let Some(c) = self.number(y) {
            // Together with a factor before, if there is one.
            let (x, factor) = self.with_number(x, &ops::MULTIPLY).unwrap_or((x, 1.0));
            let by = factor / c;
            return self.by(node, &ops::MULTIPLY, x, by);
        }
        let (y_meta, out) = (self.graph().meta(y).clone(), node.outputs[0].clone());
        // Of much of the range of f16 the reciprocals are denormal.
        if out.dtype == DType::F16 || elements(&y_meta)?.checked_mul(2)? > elements(&out)? {
            return None;
        }
        let per = self.push(node, &ops::RECIPROCAL, &[y], y_meta);
        Some(self.push(node, &ops::MULTIPLY, &[x, per], out))
    }
    fn power(&mut self, node: &Node, x: Value, c: f64) -> Option<Value> {
        let out = &node.outputs[0];
        let mut unary = |op, x| self.push(node, op, &[x], out.clone());
        if c == 1.0 {
            Some(x)
        } else if c == 2.0 {
            Some(unary(&ops::SQUARE, x))
        } else if c == 3.0 {
            let y = unary(&ops::SQUARE, x);
            Some(self.push(node, &ops::MULTIPLY, &[y, x], out.clone()))
        } else if c == 4.0 {
            let y = unary(&ops::SQUARE, x);
            Some(unary(&ops::SQUARE, y))
        } else if c == 0.5 {
            Some(unary(&ops::SQRT, x))
        } else if c == -0.5 {
            Some(unary(&ops::RSQRT, x))
        } else if c == -1.0 {
            Some(unary(&ops::RECIPROCAL, x))
        } else {
            None
        }
    }
    /// A product with a number, of a product or quotient with a number.
    fn scaled(&mut self, node: &Node, ways: &[(Value, Value)]) -> Option<Value> {
        let (x, c) = ways.iter().find_map(|(x, y)| Some((*x, self.number(*y)?)))?;
        let (inner, before) = self.with_number(x, &ops::MULTIPLY)?;
        self.by(node, &ops::MULTIPLY, inner, before * c)
    }
    /// A sum with a number, of zero or of a sum with a number.
    fn moved(&mut self, node: &Node, ways: &[(Value, Value)], sign: f64) -> Option<Value> {
        let (x, c) = ways.iter().find_map(|(x, y)| Some((*x, sign * self.number(*y)?)))?;
        let added = self.with_number(x, &ops::ADD);
        let taken = || self.with_number(x, &ops::SUBTRACT).map(|(x, c)| (x, -c));
        let (x, c) = match added.or_else(taken) {
            Some((inner, before)) => (inner, before + c),
            None if c == 0.0 => (x, c),
            None => return None,
        };
        match c == 0.0 {
            true => (*self.graph().meta(x) == node.outputs[0]).then_some(x),
            false => self.by(node, &ops::ADD, x, c),
        }
    }
    /// The product of three matrices in the other order, if that is less work.
    fn product(&mut self, node: &Node, x: Value, y: Value) -> Option<Value> {
        let plain = |node: &Node| {
            node.is(&ops::MATMUL) && !node.attrs.bool("transpose_a") && !node.attrs.bool("transpose_b")
        };
        // What others want is computed in any case.
        let parts = |fast: &Fast, v: Value| {
            let made = fast.graph().node(v.node);
            let free = plain(made) && fast.alone.get(v.node as usize) == Some(&true);
            free.then(|| (made.inputs[0], made.inputs[1]))
        };
        if !plain(node) {
            return None;
        }
        let size = |fast: &Fast, v: Value| -> Option<[usize; 2]> {
            let shape = &fast.graph().meta(v).shape;
            let sizes: SmallVec<[usize; 2]> = shape.iter().map(|d| d.size()).collect::<Option<_>>()?;
            sizes.as_slice().try_into().ok()
        };
        let (a, b, c, left) = match (parts(self, x), parts(self, y)) {
            (Some((a, b)), _) => (a, b, y, true),
            (None, Some((b, c))) => (x, b, c, false),
            _ => return None,
        };
        let ([m, k], [_, n], [_, p]) = (size(self, a)?, size(self, b)?, size(self, c)?);
        let work = |i: usize, j: usize, l: usize| i as f64 * j as f64 * l as f64;
        let (ab_c, a_bc) = (work(m, k, n) + work(m, n, p), work(k, n, p) + work(m, k, p));
        let (now, then) = if left { (ab_c, a_bc) } else { (a_bc, ab_c) };
        if then >= now {
            return None;
        }
        let attrs = node.attrs.clone();
        let dtype = node.outputs[0].dtype;
        let matmul = |fast: &mut Fast, x, y, shape: [usize; 2]| {
            let made = fast.push(node, &ops::MATMUL, &[x, y], Meta::new(dtype, shape));
            fast.rebuild.new.nodes[made.node as usize].attrs = attrs.clone();
            made
        };
        Some(if left {
            let bc = matmul(self, b, c, [k, p]);
            matmul(self, a, bc, [m, p])
        } else {
            let ab = matmul(self, a, b, [m, n]);
            matmul(self, ab, c, [m, p])
        })
    }
}
