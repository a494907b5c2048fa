//! Random programs: a list of numbers becomes a list of calls over a few small tensors and a variable, such that every
//! call fits. Fewer or smaller numbers make a shorter program, so that a failing one shrinks to something to read.

use crate::suite::{Answer, Numbers, same_when_traced};
use std::fmt;
use tenfold_core::op::{Attr, Attrs, Class, OpDef};
use tenfold_core::{
    DType, GradientOptions, GradientTape, Meta, Result, Shape, Tensor, Unconnected, Variable, door, ops,
};

/// The numbers of one call: which kind of call, and what it chooses from.
pub type Raw = [u16; 4];

/// Results of more elements than this are not made.
const LARGEST: usize = 200;

const UNARY: &[&str] = &[
    "negative",
    "square",
    "abs",
    "tanh",
    "sigmoid",
    "relu",
    "sqrt",
    "exp",
    "log",
    "rsqrt",
    "sign",
    "identity",
    "stop_gradient",
    "invert",
    "logical_not",
    "sin",
    "cos",
    "floor",
    "round",
    "erf",
    "softplus",
    "reciprocal",
    "expm1",
    "log1p",
    "is_nan",
    "is_finite",
];
const BINARY: &[&str] = &[
    "add",
    "multiply",
    "subtract",
    "divide",
    "maximum",
    "minimum",
    "less",
    "greater_equal",
    "equal",
    "not_equal",
    "pow",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "left_shift",
    "right_shift",
    "logical_and",
    "logical_or",
    "logical_xor",
    "squared_difference",
    "divide_no_nan",
    "multiply_no_nan",
    "atan2",
];
const REDUCTIONS: &[&str] =
    &["reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod", "reduce_all", "reduce_any"];
const DTYPES: &[DType] = &[DType::F32, DType::F64, DType::I32, DType::Bool, DType::F16, DType::I64];

/// One call.
#[derive(Clone, Debug)]
enum Step {
    Call { op: &'static OpDef, operands: Vec<usize>, attrs: Attrs },
    Read,
    Assign(usize),
}

/// A program over small tensors.
#[derive(Clone)]
pub struct Program {
    inputs: Vec<Tensor>,
    initial: Tensor,
    steps: Vec<Step>,
    /// What each value is: the inputs, then one for each step but writes.
    metas: Vec<Meta>,
}

/// The ops that programs call: what the table of this build has of them.
pub fn menu() -> Vec<&'static str> {
    let names = UNARY.iter().chain(BINARY).chain(REDUCTIONS).chain(&[
        "select",
        "cast",
        "matmul",
        "broadcast_to",
        "sum_to_shape",
        "reshape",
        "transpose",
        "reverse",
        "cumsum",
        "concat",
    ]);
    names.copied().filter(|n| ops::by_name(n).is_some()).collect()
}

impl Program {
    /// The program that these numbers mean.
    pub fn decode(raw: &[Raw]) -> Program {
        let mut numbers = Numbers::new(11);
        let mut make = |dtype, shape: &[usize]| {
            let shape = Shape::from(shape);
            let values: Vec<f64> = (0..shape.num_elements()).map(|_| 2.0 * numbers.unit()).collect();
            Tensor::from_f64(&values, dtype, shape).unwrap_or_else(|e| panic!("{e}"))
        };
        let inputs = vec![
            make(DType::F32, &[2, 3]),
            make(DType::F32, &[3]),
            make(DType::F64, &[3, 2]),
            make(DType::I32, &[2, 3]),
            make(DType::F32, &[]),
            make(DType::F32, &[4, 1, 3]),
        ];
        let metas = inputs.iter().map(|x| x.meta().clone()).collect();
        let mut program = Program { initial: make(DType::F32, &[2, 3]), inputs, steps: vec![], metas };
        raw.iter().for_each(|raw| program.push(*raw));
        program
    }
    /// How many calls it has.
    pub fn len(&self) -> usize {
        self.steps.len()
    }
    /// Whether no number became a call.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
    /// The first value from position `start` on, cyclically from the newest, that fits.
    fn find(&self, start: u16, fits: impl Fn(&Meta) -> bool) -> Option<usize> {
        let n = self.metas.len();
        (0..n).map(|i| n - 1 - (start as usize + i) % n).find(|i| fits(&self.metas[*i]))
    }
    fn push(&mut self, [kind, a, b, c]: Raw) {
        let pick = |names: &[&str]| ops::by_name(names[c as usize % names.len()]);
        match kind % 16 {
            0..=2 => self.unary(pick(UNARY), a),
            3..=6 => self.binary(pick(BINARY), a, b),
            7 => self.select(a, b, c),
            8 => self.cast(a, b),
            9 => self.matmul(a, b, c),
            10 => self.reshaping(a, b, c),
            11 => self.reduction(pick(REDUCTIONS), a, b),
            12 => self.resized(a, b, c),
            13 => self.moved(a, b, c),
            14 => {
                self.metas.push(self.initial.meta().clone());
                self.steps.push(Step::Read);
            }
            _ => {
                if let Some(x) = self.find(a, |m| m == self.initial.meta()) {
                    self.steps.push(Step::Assign(x));
                }
            }
        }
    }
    /// Adds a call, if the op's own rule takes it and the result is small.
    fn call(&mut self, op: Option<&'static OpDef>, operands: &[usize], attrs: Attrs) {
        let Some(op) = op else { return };
        let inputs: Vec<&Meta> = operands.iter().map(|i| &self.metas[*i]).collect();
        let classes =
            inputs.iter().enumerate().all(|(i, m)| op.sig.input(i).is_some_and(|s| s.class.has(m.dtype)));
        let named = op.sig.attrs.iter().map(|a| a.0).eq(attrs.iter().map(|a| a.0));
        if !classes || !named {
            return;
        }
        let infer = tenfold_core::op::Infer { inputs: &inputs, attrs: &attrs };
        let Ok(outs) = (op.infer)(&infer) else { return };
        if outs.len() == 1 && outs[0].shape.num_elements() <= LARGEST {
            self.metas.push(outs[0].clone());
            self.steps.push(Step::Call { op, operands: operands.to_vec(), attrs });
        }
    }
    fn unary(&mut self, op: Option<&'static OpDef>, a: u16) {
        let class = op.and_then(|op| op.sig.input(0)).map_or(Class::Any, |i| i.class);
        if let Some(x) = self.find(a, |m| class.has(m.dtype)) {
            self.call(op, &[x], Attrs::new());
        }
    }
    fn binary(&mut self, op: Option<&'static OpDef>, a: u16, b: u16) {
        let class = op.and_then(|op| op.sig.input(0)).map_or(Class::Any, |i| i.class);
        let Some(x) = self.find(a, |m| class.has(m.dtype)) else { return };
        let first = self.metas[x].clone();
        let fits = |m: &Meta| m.dtype == first.dtype && m.shape.broadcast(&first.shape).is_some();
        if let Some(y) = self.find(b, fits) {
            self.call(op, &[x, y], Attrs::new());
        }
    }
    fn select(&mut self, a: u16, b: u16, c: u16) {
        let Some(condition) = self.find(a, |m| m.dtype == DType::Bool) else { return };
        let shape = self.metas[condition].shape.clone();
        let Some(x) = self.find(b, |m| m.shape.broadcast(&shape).is_some()) else { return };
        let first = self.metas[x].clone();
        let Some(all) = first.shape.broadcast(&shape) else { return };
        let fits = |m: &Meta| m.dtype == first.dtype && m.shape.broadcast(&all).is_some();
        if let Some(y) = self.find(c, fits) {
            self.call(ops::by_name("select"), &[condition, x, y], Attrs::new());
        }
    }
    fn cast(&mut self, a: u16, b: u16) {
        let dtype = DTYPES[b as usize % DTYPES.len()];
        if let Some(x) = self.find(a, |m| m.dtype != dtype) {
            self.call(ops::by_name("cast"), &[x], Attrs::new().with("dtype", dtype));
        }
    }
    fn matmul(&mut self, a: u16, b: u16, c: u16) {
        let (ta, tb) = (c & 1 == 1, c & 2 == 2);
        let Some(x) = self.find(a, |m| m.shape.rank() >= 2 && m.dtype != DType::Bool) else { return };
        let first = self.metas[x].clone();
        let dim = |m: &Meta, last: bool| m.shape[m.shape.rank() - if last { 1 } else { 2 }];
        let fits = |m: &Meta| m.dtype == first.dtype && m.shape.rank() >= 2 && dim(m, tb) == dim(&first, !ta);
        if let Some(y) = self.find(b, fits) {
            let attrs = Attrs::new().with("transpose_a", ta).with("transpose_b", tb);
            self.call(ops::by_name("matmul"), &[x, y], attrs);
        }
    }
    /// The same elements in another shape, or in another order.
    fn reshaping(&mut self, a: u16, b: u16, c: u16) {
        let Some(x) = self.find(a, |m| m.shape.rank() >= 1) else { return };
        let shape = self.metas[x].shape.clone();
        let (n, rank) = (shape.num_elements(), shape.rank());
        if c.is_multiple_of(2) {
            let columns = 1 + b as usize % 4;
            let to = if n.is_multiple_of(columns) {
                Shape::from([n / columns, columns])
            } else {
                Shape::from([n])
            };
            self.call(ops::by_name("reshape"), &[x], Attrs::new().with("shape", to));
        } else {
            let perm: Vec<i64> = (0..rank).map(|i| ((i + 1 + b as usize) % rank) as i64).collect();
            self.call(ops::by_name("transpose"), &[x], Attrs::new().with("perm", perm));
        }
    }
    fn reduction(&mut self, op: Option<&'static OpDef>, a: u16, b: u16) {
        let class = op.and_then(|op| op.sig.input(0)).map_or(Class::Any, |i| i.class);
        let Some(x) = self.find(a, |m| class.has(m.dtype)) else { return };
        let axes: Vec<i64> = (0..self.metas[x].shape.rank() as i64).filter(|i| b >> i & 1 == 1).collect();
        self.call(op, &[x], Attrs::new().with("axes", axes).with("keepdims", b & 8 == 8));
    }
    /// Broadcast to a larger shape, or summed down to a smaller one.
    fn resized(&mut self, a: u16, b: u16, c: u16) {
        let Some(x) = self.find(a, |m| m.dtype != DType::Bool) else { return };
        let mut shape = self.metas[x].shape.clone();
        if c.is_multiple_of(2) {
            shape.insert(0, 1 + b as usize % 3);
            self.call(ops::by_name("broadcast_to"), &[x], Attrs::new().with("shape", shape));
        } else {
            let kept = b as usize % (shape.rank() + 1);
            let to: Shape = shape.iter().skip(shape.rank() - kept).copied().collect();
            self.call(ops::by_name("sum_to_shape"), &[x], Attrs::new().with("shape", to));
        }
    }
    /// Reversed, scanned or joined along an axis.
    fn moved(&mut self, a: u16, b: u16, c: u16) {
        let Some(x) = self.find(a, |m| m.shape.rank() >= 1 && m.dtype != DType::Bool) else { return };
        let axis = i64::from(b) % self.metas[x].shape.rank() as i64;
        match c % 3 {
            0 => self.call(ops::by_name("reverse"), &[x], Attrs::new().with("axes", vec![axis])),
            1 => {
                let attrs =
                    Attrs::new().with("axis", axis).with("exclusive", c & 4 == 4).with("reverse", c & 8 == 8);
                self.call(ops::by_name("cumsum"), &[x], attrs);
            }
            _ => self.call(ops::by_name("concat"), &[x, x], Attrs::new().with("axis", axis)),
        }
    }
    /// The values that nothing uses: the results.
    fn results(&self) -> Vec<usize> {
        let mut used = vec![false; self.metas.len()];
        for step in &self.steps {
            match step {
                Step::Call { operands, .. } => operands.iter().for_each(|i| used[*i] = true),
                Step::Assign(x) => used[*x] = true,
                Step::Read => {}
            }
        }
        (self.inputs.len()..self.metas.len()).filter(|i| !used[*i]).collect()
    }
    /// Its results, then the gradient of all float ones in the float inputs.
    fn run(&self, inputs: &[Tensor], variable: &Variable) -> Result<Vec<Tensor>> {
        let tape = GradientTape::without_variables();
        let sources: Vec<Tensor> = inputs.iter().filter(|x| x.dtype().is_float()).cloned().collect();
        sources.iter().for_each(|x| tape.watch(x));
        let mut values = inputs.to_vec();
        for step in &self.steps {
            match step {
                Step::Call { op, operands, attrs } => {
                    let operands: Vec<&Tensor> = operands.iter().map(|i| &values[*i]).collect();
                    let y = door::try_apply(op, &operands, attrs.clone())?.swap_remove(0);
                    values.push(y);
                }
                Step::Read => values.push(variable.read()),
                Step::Assign(x) => variable.try_assign(&values[*x])?,
            }
        }
        let mut results: Vec<Tensor> = self.results().into_iter().map(|i| values[i].clone()).collect();
        let targets: Vec<Tensor> = results.iter().filter(|y| y.dtype().is_float()).cloned().collect();
        let options = GradientOptions::new().unconnected(Unconnected::Zero);
        results.extend(tape.gradient_with(&targets, &sources, &options)?);
        Ok(results)
    }
    /// Eager, traced, planned, interpreted and after each pass: the same bits, gradients and the variable included.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn check(&self) -> Answer {
        let variable = Variable::untrainable("v", self.initial.clone());
        let run = |inputs: &[Tensor]| self.run(inputs, &variable);
        same_when_traced(&self.inputs, std::slice::from_ref(&variable), &run)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        for (i, x) in self.inputs.iter().enumerate() {
            let values = x.to_f64_vec().map_err(|_| fmt::Error)?;
            writeln!(f, "let x{i} = {values:?}; // {}", x.meta())?;
        }
        let name = |i: usize| match i < self.inputs.len() {
            true => format!("x{i}"),
            false => format!("y{}", i - self.inputs.len()),
        };
        let mut next = self.inputs.len();
        for step in &self.steps {
            let text = match step {
                Step::Assign(x) => {
                    writeln!(f, "v.assign(&{});", name(*x))?;
                    continue;
                }
                Step::Read => "v.read()".to_string(),
                Step::Call { op, operands, attrs } => {
                    let operands = operands.iter().map(|i| format!("&{}", name(*i)));
                    let attrs = attrs.iter().map(|(name, attr)| format!("{name}: {}", attr_text(attr)));
                    format!("tf::{}({})", op.name, operands.chain(attrs).collect::<Vec<_>>().join(", "))
                }
            };
            writeln!(f, "let {} = {text}; // {}", name(next), self.metas[next])?;
            next += 1;
        }
        let results: Vec<String> = self.results().into_iter().map(name).collect();
        write!(f, "({})", results.join(", "))
    }
}

fn attr_text(attr: &Attr) -> String {
    match attr {
        Attr::Bool(b) => b.to_string(),
        Attr::Int(i) => i.to_string(),
        Attr::DType(d) => format!("tf::{d}"),
        Attr::Shape(s) => s.to_string(),
        Attr::Ints(i) => format!("{:?}", i.as_slice()),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_calls_that_fit() {
        let program = Program::decode(&[[3, 5, 5, 0], [0, 0, 0, 3], [15, 0, 0, 0], [14, 0, 0, 0]]);
        let text = format!("{program:?}");
        let code = text.split_once("f32[4, 1, 3]\n").expect("inputs first").1;
        assert_eq!(
            code,
            "let y0 = tf::add(&x0, &x0); // f32[2, 3]\nlet y1 = tf::tanh(&y0); // f32[2, 3]\nv.assign(&y1);\n\
             let y2 = v.read(); // f32[2, 3]\n(y2)"
        );
        program.check().expect("the same bits");
    }
}
