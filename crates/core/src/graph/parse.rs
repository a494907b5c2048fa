//! Reading the text form of a graph.

use super::{Graph, Node, Value, VariableInfo};
use crate::dim::{Dim, intern};
use crate::dtype::{DType, Element};
use crate::error::{Error, Kind, Place, Result};
use crate::op::{Attr, Attrs, Metas};
use crate::ops;
use crate::shape::{Meta, Shape};
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::sync::Arc;

impl Graph {
    /// Reads what `Display` wrote, and checks the spec.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` with the line and what was expected there.
    pub fn parse(text: &str) -> Result<Graph> {
        let mut reader = Reader { rest: text };
        let graph = reader.graph().ok_or_else(|| reader.unexpected(text))?;
        graph.verify()?;
        Ok(graph)
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn unexpected(&self, text: &str) -> Error {
        let rest = self.rest.trim_start();
        if rest.is_empty() {
            return Error::invalid("graph", "the text ends before `return`");
        }
        let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
        let near: String = rest.chars().take_while(|c| *c != '\n').take(40).collect();
        Error::new(Kind::InvalidArgument, "graph", format!("line {line} cannot be read at `{near}`"))
    }
    fn eat(&mut self, token: &str) -> bool {
        let trimmed = self.rest.trim_start();
        match trimmed.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
    fn expect(&mut self, token: &str) -> Option<()> {
        self.eat(token).then_some(())
    }
    /// The text up to the first character that `stop` accepts.
    fn until(&mut self, stop: impl Fn(char) -> bool) -> &str {
        let trimmed = self.rest.trim_start();
        let end = trimmed.find(stop).unwrap_or(trimmed.len());
        let (word, rest) = trimmed.split_at(end);
        self.rest = rest;
        word
    }
    fn word(&mut self) -> &str {
        self.until(|c| !(c.is_alphanumeric() || c == '_'))
    }
    fn number<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.until(|c| !(c.is_ascii_digit() || c == '-')).parse().ok()
    }
    /// A string as `{:?}` wrote it.
    fn string(&mut self) -> Option<String> {
        self.expect("\"")?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        loop {
            match chars.next()? {
                (i, '"') => {
                    self.rest = &self.rest[i + 1..];
                    return Some(text);
                }
                (_, '\\') => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    '0' => text.push('\0'),
                    'u' => {
                        let hex: String =
                            chars.by_ref().map(|c| c.1).skip(1).take_while(|c| *c != '}').collect();
                        text.push(char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?);
                    }
                    other => text.push(other),
                },
                (_, c) => text.push(c),
            }
        }
    }
    fn list<T>(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = vec![];
        if self.eat(close) {
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(close) {
                return Some(items);
            }
            self.expect(",")?;
        }
    }
    /// A graph up to its `return`.
    fn graph(&mut self) -> Option<Graph> {
        let mut graph = Graph::default();
        self.expect("graph")?;
        graph.name = self.string()?;
        self.expect("{")?;
        while !self.eat("return") {
            match self.eat("variable") {
                true => self.variable(&mut graph)?,
                false => self.node(&mut graph)?,
            }
        }
        while self.rest.trim_start().starts_with('%') {
            graph.outputs.push(self.value()?);
            self.eat(",");
        }
        // Input nodes stand where they were made; their places are numbers.
        let mut order: Vec<usize> = (0..graph.inputs.len()).collect();
        order.sort_by_key(|k| match graph.node(graph.inputs[*k].node).attrs.get("index") {
            Some(Attr::Int(place)) => *place,
            _ => 0,
        });
        graph.inputs = order.iter().map(|k| graph.inputs[*k]).collect();
        graph.input_names = order.iter().map(|k| graph.input_names[*k].clone()).collect();
        Some(graph)
    }
    fn variable(&mut self, graph: &mut Graph) -> Option<()> {
        let slot: usize = self.number()?;
        let name = self.string()?;
        self.expect(":")?;
        graph.variables.push(VariableInfo { name, meta: self.meta()? });
        (slot + 1 == graph.variables.len()).then_some(())
    }
    fn node(&mut self, graph: &mut Graph) -> Option<()> {
        let position = self.value()?.node;
        (position as usize == graph.nodes.len()).then_some(())?;
        self.expect("=")?;
        let name = self.word().to_string();
        let op = ops::by_name(&name)?;
        self.expect("(")?;
        let inputs: SmallVec<[Value; 3]> = self.list(")", Self::value)?.into();
        let mut attrs = Attrs::new();
        if self.eat("{") {
            for (name, attr) in self.list("}", Self::attr)? {
                let (known, _) = op.sig.attrs.iter().find(|a| a.0 == name)?;
                attrs = attrs.with(known, attr);
            }
        }
        self.expect(":")?;
        let mut outputs = Metas::new();
        while !self.rest.trim_start().starts_with('@') {
            outputs.push(self.meta()?);
            self.eat(",");
        }
        self.expect("@")?;
        let file = intern(&self.string()?);
        self.expect(":")?;
        let line = self.number()?;
        self.expect(":")?;
        let at = Place { file, line, column: self.number()? };
        let scope = if self.eat("in") { intern(&self.string()?) } else { "" };
        let backward = self.eat("backward");
        if *op == ops::INPUT {
            graph.inputs.push(Value { node: position, output: 0 });
            self.expect("as")?;
            graph.input_names.push(self.string()?);
        }
        graph.push(Node { op, inputs, attrs, outputs, at, scope, backward });
        Some(())
    }
    fn value(&mut self) -> Option<Value> {
        self.expect("%")?;
        let node = self.number()?;
        let output = if self.rest.starts_with('.') && self.eat(".") { self.number()? } else { 0 };
        Some(Value { node, output })
    }
    fn dims(&mut self, close: &str) -> Option<Shape> {
        let dims = self.list(close, |r| {
            let mut depth = 0;
            let trimmed = r.rest.trim_start();
            let end = trimmed.find(|c| {
                match c {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    _ => {}
                }
                depth == 0 && (c == ',' || c == ']' || c == '>')
            })?;
            let (text, rest) = trimmed.split_at(end);
            r.rest = rest;
            Dim::parse(text)
        })?;
        Some(dims.into())
    }
    fn meta(&mut self) -> Option<Meta> {
        let dtype = DType::from_name(self.word())?;
        self.expect("[")?;
        Some(Meta { dtype, shape: self.dims("]")? })
    }
    fn attr(&mut self) -> Option<(String, Attr)> {
        let name = self.word().to_string();
        self.expect(":")?;
        let rest = self.rest.trim_start();
        let value = match rest.chars().next()? {
            '"' => Attr::Str(intern(&self.string()?)),
            '<' => {
                self.expect("<")?;
                self.dims(">")?.into()
            }
            '[' => {
                self.expect("[")?;
                Attr::Ints(self.list("]", Self::number)?.into())
            }
            'g' if rest.starts_with("graph") => {
                let graph = self.graph()?;
                self.expect("}")?;
                Attr::Graph(Arc::new(graph))
            }
            c if c == '-' || c.is_ascii_digit() || rest.starts_with("inf") => self.numeric()?,
            _ => self.named()?,
        };
        Some((name, value))
    }
    fn numeric(&mut self) -> Option<Attr> {
        let word = self.until(|c| c == ',' || c == '}').trim();
        match word.strip_suffix('f') {
            Some("in") => None,
            Some(float) => float.parse().ok().map(Attr::Float),
            None => word.parse().ok().map(Attr::Int),
        }
    }
    fn named(&mut self) -> Option<Attr> {
        let start = self.rest;
        match self.word() {
            "true" => Some(Attr::Bool(true)),
            "false" => Some(Attr::Bool(false)),
            "bits" => {
                self.expect("0x")?;
                u64::from_str_radix(self.word(), 16).ok().map(|b| Attr::Float(f64::from_bits(b)))
            }
            word => {
                let dtype = DType::from_name(word)?;
                if !self.rest.starts_with('[') {
                    return Some(Attr::DType(dtype));
                }
                self.rest = start;
                let meta = self.meta()?;
                self.elements(meta).map(Attr::Tensor)
            }
        }
    }
    fn elements(&mut self, meta: Meta) -> Option<Tensor> {
        let mut bytes = vec![];
        if self.eat("0x") {
            let hex = self.word();
            for pair in hex.as_bytes().chunks(2) {
                bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
            }
        } else {
            self.expect("(")?;
            let words = self.list(")", |r| Some(r.until(|c| c == ',' || c == ')').trim().to_string()))?;
            for word in words {
                crate::with_element!(meta.dtype, T => {
                    let value: <T as Element>::Store = match meta.dtype {
                        DType::I64 => {
                            bytes.extend(word.parse::<i64>().ok()?.to_le_bytes());
                            continue;
                        }
                        DType::U64 => {
                            bytes.extend(word.parse::<u64>().ok()?.to_le_bytes());
                            continue;
                        }
                        DType::Bool => T::from_f64((word == "true") as u8 as f64).store(),
                        _ => T::from_f64(word.parse().ok()?).store(),
                    };
                    bytes.extend(bytemuck::bytes_of(&value));
                });
            }
        }
        Tensor::from_raw(meta, &bytes).ok()
    }
}
