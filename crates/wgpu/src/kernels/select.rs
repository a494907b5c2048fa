//! Kernels driven by indices: gather, scatter, segment sums, one-hot.
//!
//! An index out of range is noted in the device's status word, which the next read-back reports as an error; the kernel
//! itself reads or writes nothing there. Updates of the same place are combined in their order, by one thread:
//! no atomics, so the bits do not depend on the device's schedule.

use super::copies::{bits, raw};
use crate::error::GpuResult;
use crate::form::{Form, moved};
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};
use crate::wgsl::Helpers;
use tenfold_core::op::Combine;

const THREADS: u32 = 256;
/// The type of the status buffer.
pub(super) const STATUS: &str = "atomic<u32>";

/// Text that reads index `at` of the buffer `b` as an i32 position, -1 for anything that cannot be one.
pub(super) fn position(form: Form, buffer: &str, at: &str) -> String {
    match form.raw {
        // Sixty-four bits: a position has a zero high word and a low one below 2^31.
        "vec2<u32>" => format!(
            "select(-1, bitcast<i32>({buffer}[{at}].x), {buffer}[{at}].y == 0u && {buffer}[{at}].x < 0x80000000u)"
        ),
        _ => format!("bitcast<i32>({buffer}[{at}])"),
    }
}

/// `out[o, j.., i] = params[o, indices[o?, j..], i]`: rows of `inner` elements along an axis of `extent`.
pub(crate) struct Gather {
    /// Product of the batch dimensions: the axes that params and indices share.
    pub batch: usize,
    /// Product of the dimensions between the batch ones and the axis.
    pub outer: usize,
    pub extent: usize,
    pub inner: usize,
    /// Indices per batch.
    pub count: usize,
}

impl Gather {
    pub fn build(
        &self,
        builder: &mut Builder<'_>,
        form: Form,
        index: Form,
        places: (Place, Place, Place),
        code: u32,
    ) -> GpuResult<()> {
        let n = self.batch * self.outer * self.count * self.inner;
        let (index, form) = (moved(index.dtype), moved(form.dtype));
        let zero = if form.raw == "vec2<u32>" { "vec2<u32>(0u)" } else { "0" };
        let body = format!(
            "  let t = wg * {THREADS}u + lid;\n  if (t >= {}) {{ return; }}\n  let i = t % {inner};\n  \
             var r = t / {inner};\n  let j = r % {count};\n  r = r / {count};\n  let o = r % {outer};\n  \
             let b = r / {outer};\n  let p = {};\n  let inside = p >= 0 && u32(p) < {extent};\n  \
             var v = {}({zero});\n  if (inside) {{ v = b0[((b * {outer} + o) * {extent} + u32(p)) * {inner} + i]; }} \
             else {{ atomicMin(&b3[0], {code}); }}\n  b2[t] = v;\n",
            word(0),
            position(index, "b1", &format!("b * {} + j", word(2))),
            form.raw,
            inner = word(1),
            count = word(2),
            outer = word(3),
            extent = word(4),
            code = word(5),
        );
        let kernel = Kernel {
            label: "gather".into(),
            slots: vec![
                Slot::read(form.raw),
                Slot::read(index.raw),
                Slot::write(form.raw),
                Slot::write(STATUS),
            ],
            words: 6,
            threads: THREADS,
            items: String::new(),
            body,
        };
        let sizes = [n, self.inner, self.count, self.outer, self.extent];
        let mut words: Vec<u32> = sizes.iter().map(|n| count(*n)).collect::<GpuResult<_>>()?;
        words.push(code);
        let operands = [places.0, places.1, places.2, Place::Status].map(Operand::from);
        builder.launch(&kernel, operands, words, (n as u64).div_ceil(u64::from(THREADS)))
    }
}

/// Index vectors of `depth` numbers into the leading dimensions `sizes`, each naming a slice of `inner` elements.
pub(crate) struct Nd {
    pub sizes: Vec<usize>,
    pub inner: usize,
    /// Number of index vectors in a batch.
    pub count: usize,
    /// Batches of both operands.
    pub batch: usize,
    /// Negative indices are left out instead of refused.
    pub drop_negative: bool,
    /// The number of the message for an index outside.
    pub code: u32,
}

impl Nd {
    /// Text that computes `row: i32`, the slice that index vector `from` names, or -1; one that is outside is noted in
    /// the status buffer, whose words follow after the sizes: `code` and the smallest number that is noted.
    fn row(&self, index: Form, buffer: &str, from: &str, first: usize) -> String {
        let depth = self.sizes.len();
        let mut text = "  var row = 0;\n".to_string();
        let code = word(first + depth);
        let refused = match self.drop_negative {
            true => "p >= 0",
            false => "true",
        };
        for d in 0..depth {
            let p = position(index, buffer, &format!("({from}) * {depth}u + {d}u"));
            let size = word(first + d);
            text += &format!(
                "  {{\n    let p = {p};\n    if (p < 0 || u32(p) >= {size}) {{\n      row = -1;\n      \
                 if ({refused}) {{ atomicMin(&b3[0], {code}); }}\n    }}\n    \
                 if (row >= 0) {{ row = row * i32({size}) + p; }}\n  }}\n"
            );
        }
        text
    }

    fn words(&self, lead: &[usize]) -> GpuResult<Vec<u32>> {
        let mut words: Vec<u32> =
            lead.iter().chain(&self.sizes).map(|n| count(*n)).collect::<GpuResult<_>>()?;
        words.push(self.code);
        Ok(words)
    }

    /// `out[j, i] = params[indices[j], i]`.
    pub fn gather(
        &self,
        builder: &mut Builder<'_>,
        form: Form,
        index: Form,
        places: (Place, Place, Place),
    ) -> GpuResult<()> {
        let n = self.batch * self.count * self.inner;
        let (index, form) = (moved(index.dtype), moved(form.dtype));
        let rows: usize = self.sizes.iter().product();
        let zero = if form.raw == "vec2<u32>" { "vec2<u32>(0u)" } else { "0" };
        let body = format!(
            "  let t = wg * {THREADS}u + lid;\n  if (t >= {}) {{ return; }}\n  let i = t % {inner};\n  \
             let j = t / {inner};\n  let base = (j / {}) * {};\n{}  var v = {}({zero});\n  \
             if (row >= 0) {{ v = b0[(base + u32(row)) * {inner} + i]; }}\n  b2[t] = v;\n",
            word(0),
            word(2),
            word(3),
            self.row(index, "b1", "j", 4),
            form.raw,
            inner = word(1),
        );
        let kernel = Kernel {
            label: "gather_nd".into(),
            slots: vec![
                Slot::read(form.raw),
                Slot::read(index.raw),
                Slot::write(form.raw),
                Slot::write(STATUS),
            ],
            words: 5 + self.sizes.len(),
            threads: THREADS,
            items: String::new(),
            body,
        };
        let words = self.words(&[n, self.inner, self.count, rows])?;
        let operands = [places.0, places.1, places.2, Place::Status].map(Operand::from);
        builder.launch(&kernel, operands, words, (n as u64).div_ceil(u64::from(THREADS)))
    }

    /// Combines `updates[j, i]` into `out[indices[j], i]`, `out` holding the start values. A thread owns a column of a
    /// share of the rows and takes the updates in order.
    pub fn scatter(
        &self,
        builder: &mut Builder<'_>,
        combine: Combine,
        form: Form,
        index: Form,
        places: (Place, Place, Place),
    ) -> GpuResult<()> {
        let rows: usize = self.sizes.iter().product();
        if rows * self.inner * self.count == 0 {
            return Ok(());
        }
        let index = moved(index.dtype);
        let shares = rows.min((1 << 14) / self.inner.clamp(1, 1 << 14)).max(1);
        let n = shares * self.inner;
        let from = format!("b1[j * {} + i]", word(1));
        let mut helpers = Helpers::default();
        // What replaces needs no arithmetic: bits are moved.
        let (element, combined) = match combine {
            Combine::Update => (form.raw, from),
            _ => {
                let (had, by) = (form.load("b2[at]"), form.load(&from));
                let value = match combine {
                    Combine::Update => by,
                    Combine::Add => format!("({had} + {by})"),
                    Combine::Sub => format!("({had} - {by})"),
                    Combine::Mul => format!("({had} * {by})"),
                    Combine::Min => format!("select({had}, {by}, {by} < {had})"),
                    Combine::Max => format!("select({had}, {by}, {by} > {had})"),
                };
                (form.storage, helpers.resolve(&form.store(&value), "f32"))
            }
        };
        let row = self.row(index, "b0", "j", 4).replace("  ", "    ");
        let body = format!(
            "  let t = wg * {THREADS}u + lid;\n  if (t >= {}) {{ return; }}\n  let i = t % {inner};\n  \
             let share = t / {inner};\n  for (var j = 0u; j < {}; j = j + 1u) {{\n{row}    \
             if (row >= 0 && u32(row) % {} == share) {{\n      let at = u32(row) * {inner} + i;\n      \
             b2[at] = {combined};\n    }}\n  }}\n",
            word(0),
            word(2),
            word(3),
            inner = word(1),
        );
        let kernel = Kernel {
            label: "scatter".into(),
            slots: vec![
                Slot::read(index.raw),
                Slot::read(element),
                Slot::write(element),
                Slot::write(STATUS),
            ],
            words: 5 + self.sizes.len(),
            threads: THREADS,
            items: helpers.text().into(),
            body,
        };
        let words = self.words(&[n, self.inner, self.count, shares])?;
        let operands = [places.0, places.1, places.2, Place::Status].map(Operand::from);
        builder.launch(&kernel, operands, words, (n as u64).div_ceil(u64::from(THREADS)))
    }
}

/// `out[o, d, i] = on if indices[o, i] == d else off`.
pub(crate) struct OneHot {
    pub outer: usize,
    pub depth: usize,
    pub inner: usize,
    pub on: f64,
    pub off: f64,
}

impl OneHot {
    pub fn build(
        &self,
        builder: &mut Builder<'_>,
        form: Form,
        index: Form,
        places: [Place; 2],
    ) -> GpuResult<()> {
        let n = self.outer * self.depth * self.inner;
        let (index, form) = (moved(index.dtype), moved(form.dtype));
        let (on, off) = (bits(form, self.on), bits(form, self.off));
        let body = format!(
            "  let t = wg * {THREADS}u + lid;\n  if (t >= {}) {{ return; }}\n  let i = t % {inner};\n  \
             let d = (t / {inner}) % {depth};\n  let o = t / {inner} / {depth};\n  let p = {};\n  \
             if (p >= 0 && u32(p) == d) {{ b1[t] = {}; }} else {{ b1[t] = {}; }}\n",
            word(0),
            position(index, "b0", &format!("o * {} + i", word(2))),
            raw(form, 3),
            raw(form, 5),
            inner = word(2),
            depth = word(1),
        );
        let kernel = Kernel {
            label: "one_hot".into(),
            slots: vec![Slot::read(index.raw), Slot::write(form.raw)],
            words: 7,
            threads: THREADS,
            items: String::new(),
            body,
        };
        let mut words: Vec<u32> =
            [n, self.depth, self.inner].iter().map(|n| count(*n)).collect::<GpuResult<_>>()?;
        words.extend([on, off].concat());
        builder.launch(&kernel, places.map(Operand::from), words, (n as u64).div_ceil(u64::from(THREADS)))
    }
}
