//! Graphs as text, and back.
//!
//! One line a node: `%3 = add(%0, %2) : f32[batch, 4] @ "src/main.rs":12:9 in "layer"`. What is printed reads back to an
//! equal graph, bit for bit. A graph inside a node is a block of its own among the attributes.

use super::{Graph, Node, Value};
use crate::dtype::DType;
use crate::op::Attr;
use crate::tensor::Tensor;
use std::fmt::{self, Display, Write as _};

/// Constants up to this many elements are printed as numbers, longer ones as bytes.
const SHOWN: usize = 16;

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.output {
            0 => write!(f, "%{}", self.node),
            k => write!(f, "%{}.{k}", self.node),
        }
    }
}

impl Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "graph {:?} {{", self.name)?;
        for (i, v) in self.variables.iter().enumerate() {
            writeln!(f, "  variable {i} {:?} : {}", v.name, meta_text(&v.meta))?;
        }
        for (i, node) in self.nodes.iter().enumerate() {
            write!(f, "  %{i} = {node}")?;
            if let Some(k) = self.inputs.iter().position(|v| v.node as usize == i) {
                write!(f, " as {:?}", self.input_names[k])?;
            }
            f.write_char('\n')?;
        }
        let outputs: Vec<String> = self.outputs.iter().map(Value::to_string).collect();
        writeln!(f, "  return {}\n}}", outputs.join(", "))
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs: Vec<String> = self.inputs.iter().map(Value::to_string).collect();
        write!(f, "{}({})", self.op.name, inputs.join(", "))?;
        if !self.attrs.is_empty() {
            let attrs: Vec<String> =
                self.attrs.iter().map(|(n, a)| format!("{n}: {}", attr_text(a))).collect();
            write!(f, " {{{}}}", attrs.join(", "))?;
        }
        let metas: Vec<String> = self.outputs.iter().map(meta_text).collect();
        write!(f, " : {}", metas.join(", "))?;
        write!(f, " @ {:?}:{}:{}", self.at.file, self.at.line, self.at.column)?;
        if !self.scope.is_empty() {
            write!(f, " in {:?}", self.scope)?;
        }
        if self.backward {
            f.write_str(" backward")?;
        }
        Ok(())
    }
}

/// `f32[batch, 4]`, with every symbol by its full name.
pub(super) fn meta_text(meta: &crate::Meta) -> String {
    format!("{}[{}]", meta.dtype, dims_text(&meta.shape))
}

fn dims_text(shape: &crate::Shape) -> String {
    shape.iter().map(|d| d.text()).collect::<Vec<_>>().join(", ")
}

fn attr_text(attr: &Attr) -> String {
    match attr {
        Attr::Int(v) => v.to_string(),
        Attr::Float(v) => match v.is_nan() {
            true => format!("bits {:#x}", v.to_bits()),
            false => format!("{v:?}f"),
        },
        Attr::Bool(v) => v.to_string(),
        Attr::Str(v) => format!("{v:?}"),
        Attr::DType(v) => v.name().to_string(),
        Attr::Shape(v) => format!("<{}>", dims_text(v)),
        Attr::Ints(v) => format!("{:?}", v.as_slice()),
        Attr::Tensor(x) => tensor_text(x),
        // Two more spaces before each line of the block.
        Attr::Graph(g) => g.to_string().trim_end().replace('\n', "\n  "),
    }
}

/// `f32[2] (1.0, 2.5)`, or `f32[2] 0x…` with the bytes of each element when it is long or has a NaN.
fn tensor_text(x: &Tensor) -> String {
    let head = meta_text(x.meta());
    let Some(storage) = x.host() else { return format!("{head} 0x") };
    let count = x.shape().num_elements();
    if count <= SHOWN
        && let Some(numbers) = numbers(x)
    {
        return format!("{head} ({})", numbers.join(", "));
    }
    let mut hex = String::with_capacity(storage.bytes().len() * 2);
    for byte in storage.bytes() {
        let _ = write!(hex, "{byte:02x}");
    }
    format!("{head} 0x{hex}")
}

/// The elements so that parsing them gives the same bits; `None` if there is a NaN.
fn numbers(x: &Tensor) -> Option<Vec<String>> {
    let bytes = x.host()?.bytes();
    Some(match x.dtype() {
        DType::I64 => bytemuck::cast_slice::<u8, i64>(bytes).iter().map(i64::to_string).collect(),
        DType::U64 => bytemuck::cast_slice::<u8, u64>(bytes).iter().map(u64::to_string).collect(),
        DType::Bool => bytes.iter().map(|b| (*b != 0).to_string()).collect(),
        _ => {
            let values = x.to_f64_vec().ok()?;
            if values.iter().any(|v| v.is_nan()) {
                return None;
            }
            values.iter().map(|v| format!("{v:?}")).collect()
        }
    })
}
