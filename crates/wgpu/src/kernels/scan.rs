//! Running sums, products and logarithms of sums along an axis.
//!
//! A thread walks a line in order. Long lines are cut into chunks: totals of the chunks, their running totals, then each
//! chunk from its start value; where the cuts are is fixed by the length.

use crate::error::GpuResult;
use crate::form::Form;
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};
use crate::wgsl::Helpers;

/// The longest line that one thread walks.
const CHUNK: usize = 512;

/// What is accumulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Sum,
    Prod,
    /// ln Σ eˣ.
    LogSumExp,
}

/// A scan of lines: `outer` × `extent` × `inner` elements, along the middle.
pub(crate) struct Scan {
    pub op: Op,
    pub outer: usize,
    pub extent: usize,
    pub inner: usize,
    /// Each result leaves its own element out.
    pub exclusive: bool,
    /// From the end to the start.
    pub reverse: bool,
}

impl Scan {
    pub fn build(&self, builder: &mut Builder<'_>, form: Form, input: Place, output: Place) -> GpuResult<()> {
        let lines = self.outer * self.inner;
        if lines * self.extent == 0 {
            return Ok(());
        }
        let chunks = self.extent.div_ceil(CHUNK);
        if chunks == 1 {
            return self.walk(builder, form, input, output, None, 1);
        }
        let bytes = (lines * chunks) as u64 * form.size.max(4);
        let (totals, starts) = (builder.scratch(bytes), builder.scratch(bytes));
        self.totals(builder, form, input, totals, chunks)?;
        self.starts(builder, form, totals, starts, chunks)?;
        self.walk(builder, form, input, output, Some(starts), chunks)
    }

    /// Identity and combination of `r` with `v`.
    fn texts(&self, form: Form) -> (String, &'static str) {
        match self.op {
            Op::Sum => (format!("{}(0)", form.compute), "r + v"),
            Op::Prod => (format!("{}(1)", form.compute), "r * v"),
            Op::LogSumExp => (form.literal(f64::NEG_INFINITY), "log_add_exp(r, v)"),
        }
    }

    /// Threads are (line, chunk) pairs, lines fastest: neighbours read neighbours where the axis is not innermost.
    /// Words: lines, chunks, extent, inner, length of a chunk.
    fn head(&self) -> String {
        let (lines, chunks, inner) = (word(0), word(1), word(3));
        format!(
            "  let t = wg * 64u + lid;\n  if (t >= {lines} * {chunks}) {{ return; }}\n  let line = t % {lines};\n  \
             let chunk = t / {lines};\n  let base = (line / {inner}) * {extent} * {inner} + line % {inner};\n  \
             let first = chunk * {length};\n  let end = min(first + {length}, {extent});\n",
            extent = word(2),
            length = word(4),
        )
    }

    /// Where the walk's position `p` lies.
    fn at(&self) -> String {
        let p = if self.reverse { format!("({} - 1u - p)", word(2)) } else { "p".into() };
        format!("base + {p} * {}", word(3))
    }

    fn launch(
        &self,
        builder: &mut Builder<'_>,
        kernel: Kernel,
        places: &[Place],
        chunks: usize,
        threads: usize,
    ) -> GpuResult<()> {
        let sizes = [self.outer * self.inner, chunks, self.extent, self.inner, CHUNK.min(self.extent)];
        let words = sizes.iter().map(|n| count(*n)).collect::<GpuResult<_>>()?;
        builder.launch(&kernel, places.iter().map(|p| Operand::from(*p)), words, threads.div_ceil(64) as u64)
    }

    fn walk(
        &self,
        builder: &mut Builder<'_>,
        form: Form,
        input: Place,
        output: Place,
        starts: Option<Place>,
        chunks: usize,
    ) -> GpuResult<()> {
        let mut helpers = Helpers::default();
        let (zero, combine) = self.texts(form);
        let (out, start) = if starts.is_some() { ("b2", "b1[t]".to_string()) } else { ("b1", zero) };
        let load = form.load(&format!("b0[{}]", self.at()));
        let step = form.rounded(&format!("({combine})"));
        let step = helpers.resolve(&step, "f32");
        let store = format!("{out}[{}] = {};", self.at(), helpers.resolve(&form.store("r"), "f32"));
        let body = if self.exclusive {
            format!("    {store}\n    r = {step};\n")
        } else {
            format!("    r = {step};\n    {store}\n")
        };
        let text = format!(
            "{}  var r = {start};\n  for (var p = first; p < end; p = p + 1u) {{\n    let v = {load};\n{body}  }}\n",
            self.head()
        );
        let mut slots = vec![Slot::read(form.storage)];
        let mut places = vec![input];
        if let Some(starts) = starts {
            slots.push(Slot::read(form.compute));
            places.push(starts);
        }
        slots.push(Slot::write(form.storage));
        places.push(output);
        let kernel = Kernel {
            label: "scan".into(),
            slots,
            words: 5,
            threads: 64,
            items: helpers.text().into(),
            body: text,
        };
        self.launch(builder, kernel, &places, chunks, self.outer * self.inner * chunks)
    }

    fn totals(
        &self,
        builder: &mut Builder<'_>,
        form: Form,
        input: Place,
        totals: Place,
        chunks: usize,
    ) -> GpuResult<()> {
        let (zero, combine) = self.texts(form);
        let mut helpers = Helpers::default();
        let step = helpers.resolve(&form.rounded(&format!("({combine})")), "f32");
        let load = form.load(&format!("b0[{}]", self.at()));
        let body = format!(
            "{}  var r = {zero};\n  for (var p = first; p < end; p = p + 1u) {{\n    let v = {load};\n    r = {step};\n  \
             }}\n  b1[t] = r;\n",
            self.head()
        );
        let kernel = Kernel {
            label: "scan-totals".into(),
            slots: vec![Slot::read(form.storage), Slot::write(form.compute)],
            words: 5,
            threads: 64,
            items: helpers.text().into(),
            body,
        };
        self.launch(builder, kernel, &[input, totals], chunks, self.outer * self.inner * chunks)
    }

    fn starts(
        &self,
        builder: &mut Builder<'_>,
        form: Form,
        totals: Place,
        starts: Place,
        chunks: usize,
    ) -> GpuResult<()> {
        let (zero, combine) = self.texts(form);
        let mut helpers = Helpers::default();
        let step = helpers.resolve(&form.rounded(&format!("({combine})")), "f32");
        let body = format!(
            "  let line = wg * 64u + lid;\n  if (line >= {lines}) {{ return; }}\n  var r = {zero};\n  \
             for (var c = 0u; c < {chunks}; c = c + 1u) {{\n    let v = b0[c * {lines} + line];\n    \
             b1[c * {lines} + line] = r;\n    r = {step};\n  }}\n",
            lines = word(0),
            chunks = word(1),
        );
        let kernel = Kernel {
            label: "scan-starts".into(),
            slots: vec![Slot::read(form.compute), Slot::write(form.compute)],
            words: 5,
            threads: 64,
            items: helpers.text().into(),
            body,
        };
        self.launch(builder, kernel, &[totals, starts], chunks, self.outer * self.inner)
    }
}
