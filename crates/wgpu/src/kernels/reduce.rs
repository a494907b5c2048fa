//! Reductions. The order in which values meet is fixed by the shapes, never by the device: threads take their elements
//! in a fixed pattern, partial results meet in a fixed tree.
//!
//! Two kernels: *serial*, a thread for each result (neighbouring threads read neighbouring memory where a kept axis is
//! innermost), and *tree*, a workgroup for each result. Long reductions are cut into segments and reduced twice.

use crate::error::GpuResult;
use crate::form::Form;
use crate::index::{Walk, offsets, row_major};
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};
use crate::wgsl::Helpers;

const THREADS: u32 = 256;
/// Elements a serial thread takes at most before a second stage.
const SERIAL_SEGMENT: usize = 512;
/// Elements a tree's workgroup takes at most before a second stage.
const TREE_SEGMENT: usize = 1 << 16;

/// What is reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Sum,
    /// The sum over this many elements.
    Mean(u32),
    Prod,
    Max,
    Min,
    All,
    Any,
    /// The position of the first largest; NaN is never larger.
    ArgMax,
    ArgMin,
}

/// Texts of a reduction: type of the accumulator, its bytes, and the functions over it.
struct Monoid {
    acc: String,
    size: u64,
    items: String,
}

fn monoid(op: Op, form: Form) -> Monoid {
    let mut helpers = Helpers::default();
    let ty = form.compute;
    let extreme = |low: bool| match form.dtype.int_range() {
        Some((least, most)) => form.integer(ty, if low { least } else { most }),
        None => form.literal(if low { f64::NEG_INFINITY } else { f64::INFINITY }),
    };
    let (acc, zero, combine) = match op {
        Op::Sum | Op::Mean(_) => (ty, format!("{ty}(0)"), "a + b".to_string()),
        Op::Prod => (ty, format!("{ty}(1)"), "a * b".into()),
        Op::Max => (ty, extreme(true), helpers.resolve("max(a, b)", ty)),
        Op::Min => (ty, extreme(false), helpers.resolve("min(a, b)", ty)),
        Op::All => ("u32", "1u".into(), "a & b".into()),
        Op::Any => ("u32", "0u".into(), "a | b".into()),
        Op::ArgMax | Op::ArgMin => {
            let (sign, start) = if op == Op::ArgMax { (">", extreme(true)) } else { ("<", extreme(false)) };
            // The values first, then the position: equal values keep the earlier one.
            let items = format!(
                "struct Acc {{ v: {ty}, i: u32 }}\nfn zero() -> Acc {{ return Acc({start}, 0u); }}\n\
                 fn lift(v: {ty}, k: u32) -> Acc {{ return Acc(v, k); }}\n\
                 fn combine(a: Acc, b: Acc) -> Acc {{\n  \
                 let better = b.v {sign} a.v || (b.v == a.v && b.i < a.i);\n  \
                 if (better) {{ return b; }}\n  return a;\n}}\n"
            );
            return Monoid { acc: "Acc".into(), size: if form.size == 8 { 16 } else { 8 }, items };
        }
    };
    let lift = if ty == "bool" { "select(0u, 1u, v)" } else { "v" };
    let items = format!(
        "{}fn zero() -> {acc} {{ return {zero}; }}\n\
         fn lift(v: {ty}, k: u32) -> {acc} {{ return {lift}; }}\n\
         fn combine(a: {acc}, b: {acc}) -> {acc} {{ return {combine}; }}\n",
        helpers.text()
    );
    Monoid { acc: acc.into(), size: if form.size == 8 { 8 } else { 4 }, items }
}

/// One stage: `kept` results of `reduced` elements each, cut into `segments` of `length`.
pub(super) struct Stage {
    pub(super) kept: Walk,
    pub(super) reduced: Walk,
    pub(super) segments: usize,
    pub(super) length: usize,
    /// The input holds accumulators of an earlier stage, not elements.
    pub(super) from_acc: bool,
    /// The output is a result, not an accumulator.
    pub(super) last: bool,
    pub(super) tree: bool,
}

impl Stage {
    /// Words: number of results, elements of each, segments, length of a segment, the mean's divisor; then both walks.
    fn words(&self, op: Op) -> GpuResult<Vec<u32>> {
        let sizes = [self.kept.points(), self.reduced.points(), self.segments, self.length];
        let mut words: Vec<u32> = sizes.iter().map(|n| count(*n)).collect::<GpuResult<_>>()?;
        words.push(if let Op::Mean(n) = op { n } else { 0 });
        words.extend(self.kept.words()?);
        words.extend(self.reduced.words()?);
        Ok(words)
    }

    pub(super) fn kernel(&self, op: Op, input: Form, output: Form) -> GpuResult<Kernel> {
        let monoid = monoid(op, input);
        let acc = &monoid.acc;
        let (kept_rank, reduced_rank) = (self.kept.shape.len(), self.reduced.shape.len());
        let kept = offsets("o", kept_rank, 1, 5, "p");
        let reduced = offsets("k", reduced_rank, 1, 5 + 2 * kept_rank, "q").replace("  ", "    ");
        let element = if self.from_acc {
            "b0[p0 + q0]".to_string()
        } else {
            format!("lift({}, k)", input.load("b0[p0 + q0]"))
        };
        let mut helpers = Helpers::default();
        let value = match op {
            Op::ArgMax | Op::ArgMin => format!("{}(r.i)", output.compute),
            Op::All | Op::Any => "(r != 0u)".into(),
            // An integer mean of nothing is 0, a float one NaN.
            Op::Mean(_) if input.dtype.is_int() => format!("(r / {}(max({}, 1u)))", input.compute, word(4)),
            Op::Mean(_) => format!("(r / f32({}))", word(4)),
            _ => "r".into(),
        };
        let (finish, stored) = match self.last {
            true => (format!("let value = {value}; "), helpers.resolve(&output.store("value"), "f32")),
            false => (String::new(), "r".to_string()),
        };
        let (n, k, segments, length) = (word(0), word(1), word(2), word(3));
        let step = format!(
            "    var k = first + {};\n    loop {{\n    if (k >= end) {{ break; }}\n{reduced}    \
             r = combine(r, {element});\n    k = k + {}u;\n    }}\n",
            if self.tree { "lid" } else { "0u" },
            if self.tree { THREADS } else { 1 }
        );
        let bounds = format!("  let first = s * {length};\n  let end = min(first + {length}, {k});\n");
        let (body, shared) = if self.tree {
            let body = format!(
                "  let o = wg / {segments};\n  let s = wg % {segments};\n{kept}{bounds}  var r = zero();\n{step}  \
                 part[lid] = r;\n  workgroupBarrier();\n  for (var step = {}u; step > 0u; step = step >> 1u) {{\n    \
                 if (lid < step) {{ part[lid] = combine(part[lid], part[lid + step]); }}\n    \
                 workgroupBarrier();\n  }}\n  if (lid == 0u) {{\n    r = part[0];\n    {finish}b1[wg] = {stored};\n  }}\n",
                THREADS / 2
            );
            (body, format!("var<workgroup> part: array<{acc}, {THREADS}>;\n"))
        } else {
            // Results vary fastest, so that neighbouring threads read neighbours.
            let body = format!(
                "  let t = wg * {THREADS}u + lid;\n  if (t >= {n} * {segments}) {{ return; }}\n  let o = t % {n};\n  \
                 let s = t / {n};\n{kept}{bounds}  var r = zero();\n{step}  {finish}b1[t] = {stored};\n"
            );
            (body, String::new())
        };
        let acc_slot: &'static str = match acc.as_str() {
            "Acc" => "Acc",
            "u32" => "u32",
            "i32" => "i32",
            "i64" => "i64",
            "u64" => "u64",
            _ => "f32",
        };
        Ok(Kernel {
            label: if let Op::Mean(_) = op { "mean".into() } else { format!("{op:?}").to_lowercase() },
            slots: vec![
                Slot::read(if self.from_acc { acc_slot } else { input.storage }),
                Slot::write(if self.last { output.storage } else { acc_slot }),
            ],
            words: self.words(op)?.len(),
            threads: THREADS,
            items: format!("{}{}{shared}", helpers.text(), monoid.items),
            body,
        })
    }

    fn launch(
        &self,
        builder: &mut Builder<'_>,
        op: Op,
        forms: (Form, Form),
        from: Place,
        to: Place,
    ) -> GpuResult<()> {
        let kernel = self.kernel(op, forms.0, forms.1)?;
        let results = (self.kept.points() * self.segments) as u64;
        let groups = if self.tree { results } else { results.div_ceil(u64::from(THREADS)) };
        builder.launch(&kernel, [Operand::from(from), Operand::from(to)], self.words(op)?, groups)
    }
}

/// Reduces `input` of `shape` over `axes` (sorted positions) into `output`.
pub(crate) fn reduce(
    builder: &mut Builder<'_>,
    op: Op,
    forms: (Form, Form),
    input: Place,
    output: Place,
    shape: &[usize],
    axes: &[usize],
) -> GpuResult<()> {
    let strides = row_major(shape);
    let part = |want: bool| {
        let chosen: Vec<usize> = (0..shape.len()).filter(|a| axes.contains(a) == want).collect();
        Walk {
            shape: chosen.iter().map(|a| shape[*a]).collect(),
            strides: vec![chosen.iter().map(|a| strides[*a]).collect()],
        }
        .collapse()
    };
    let (kept, reduced) = (part(false), part(true));
    let (n, k) = (kept.points(), reduced.points());
    if n == 0 {
        return Ok(());
    }
    // The innermost axis of more than one element decides what neighbouring threads should do.
    let inner_kept = kept.strides[0].last() == Some(&1);
    let tree = !inner_kept && k >= 64;
    let length = if tree { TREE_SEGMENT } else { SERIAL_SEGMENT };
    let segments = k.div_ceil(length).max(1);
    let first = Stage { kept, reduced, segments, length, from_acc: false, last: segments == 1, tree };
    if segments == 1 {
        return first.launch(builder, op, forms, input, output);
    }
    let size = monoid(op, forms.0).size;
    let mut partial = builder.scratch((n * segments) as u64 * size);
    first.launch(builder, op, forms, input, partial)?;
    // Where the segments of one result lie: next to each other after a tree, a row of results apart else.
    let mut left = segments;
    let mut layout = if tree { (left as isize, 1) } else { (1, n as isize) };
    loop {
        let segments = left.div_ceil(SERIAL_SEGMENT);
        let last = segments == 1;
        let stage = Stage {
            kept: Walk { shape: vec![n], strides: vec![vec![layout.0]] }.collapse(),
            reduced: Walk { shape: vec![left], strides: vec![vec![layout.1]] }.collapse(),
            segments,
            length: SERIAL_SEGMENT,
            from_acc: true,
            last,
            tree: false,
        };
        if last {
            return stage.launch(builder, op, forms, partial, output);
        }
        let next = builder.scratch((n * segments) as u64 * size);
        stage.launch(builder, op, forms, partial, next)?;
        partial = next;
        left = segments;
        layout = (1, n as isize);
    }
}
