//! Sorting by counting, and searching: rows of elements, each row on its own.
//!
//! The place of an element in sorted order is the number of elements that come before it, so a thread counts for one
//! element, and nothing depends on a schedule. The order is the CPU's: NaN above everything, -0.0 and 0.0 equal, equal
//! elements in the order they stand in.

use super::select::{STATUS, position};
use crate::error::GpuResult;
use crate::form::Form;
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};
use crate::wgsl::Helpers;

const THREADS: u32 = 256;

/// A kernel with a thread `t` for each of word 0.
fn launch(
    builder: &mut Builder<'_>,
    label: &str,
    items: String,
    body: &str,
    slots: &[(Place, Slot)],
    words: Vec<u32>,
) -> GpuResult<()> {
    let kernel = Kernel {
        label: label.into(),
        slots: slots.iter().map(|(_, slot)| slot.clone()).collect(),
        words: words.len(),
        threads: THREADS,
        items,
        body: format!("  let t = wg * {THREADS}u + lid;\n  if (t >= {}) {{ return; }}\n{body}", word(0)),
    };
    let groups = u64::from(words[0]).div_ceil(u64::from(THREADS));
    builder.launch(&kernel, slots.iter().map(|(place, _)| Operand::from(*place)), words, groups)
}

fn words(numbers: &[usize]) -> GpuResult<Vec<u32>> {
    numbers.iter().map(|n| count(*n)).collect()
}

/// WGSL of `above(a, b)`: whether `a` is greater than `b` in the order of sorting.
fn above(form: Form) -> String {
    let ty = form.compute;
    let mut helpers = Helpers::default();
    let greater = match ty {
        "f32" => helpers.resolve("a > b || (is_nan(a) && !is_nan(b))", ty),
        _ => "a > b".into(),
    };
    format!("{}fn above(a: {ty}, b: {ty}) -> bool {{ return {greater}; }}\n", helpers.text())
}

/// Rows of `n` elements to be ranked.
pub(crate) struct Ranks {
    pub rows: usize,
    pub n: usize,
    /// The greatest first.
    pub descending: bool,
}

/// What is kept of a ranking: the first `k` of each row.
pub(crate) struct Taken {
    pub k: usize,
    /// Where the elements go, if they are wanted.
    pub values: Option<Place>,
    /// Where their positions go, as i32.
    pub places: Place,
}

impl Ranks {
    pub fn build(&self, builder: &mut Builder<'_>, form: Form, x: Place, taken: Taken) -> GpuResult<()> {
        let (n, k) = (word(1), word(2));
        let before = if self.descending { "above(w, v)" } else { "above(v, w)" };
        let after = if self.descending { "above(v, w)" } else { "above(w, v)" };
        let last = 1 + usize::from(taken.values.is_some());
        let store = match taken.values {
            Some(_) => format!("    b1[row * {k} + rank] = b0[t];\n"),
            None => String::new(),
        };
        let body = format!(
            "  let row = t / {n};\n  let i = t % {n};\n  let v = {};\n  var rank = 0u;\n  \
             for (var j = 0u; j < {n}; j = j + 1u) {{\n    let w = {};\n    \
             if ({before} || (j < i && !{after})) {{ rank = rank + 1u; }}\n  }}\n  if (rank < {k}) {{\n{store}    \
             b{last}[row * {k} + rank] = i32(i);\n  }}\n",
            form.load("b0[t]"),
            form.load(&format!("b0[row * {n} + j]")),
        );
        let mut slots = vec![(x, Slot::read(form.storage))];
        slots.extend(taken.values.map(|values| (values, Slot::write(form.storage))));
        slots.push((taken.places, Slot::write("i32")));
        let words = words(&[self.rows * self.n, self.n, taken.k])?;
        launch(builder, "rank", above(form), &body, &slots, words)
    }
}

/// Whether the target of each row is among its `k` greatest, as the CPU decides it: places predictions, targets, out.
/// The numbers are rows, their length and k.
pub(crate) fn in_top_k(
    builder: &mut Builder<'_>,
    form: Form,
    index: Form,
    truth: Form,
    (rows, n, k): (usize, usize, u32),
    [x, targets, out]: [Place; 3],
) -> GpuResult<()> {
    let mut helpers = Helpers::default();
    let body = format!(
        "  let p = {};\n  var yes = p >= 0 && u32(p) < {n};\n  var goal = {}(0);\n  \
         if (yes) {{ goal = {}; }}\n  yes = yes && is_finite(goal);\n  var greater = 0u;\n  \
         for (var j = 0u; yes && j < {n}; j = j + 1u) {{\n    let v = {};\n    yes = is_finite(v);\n    \
         if (yes && v > goal) {{ greater = greater + 1u; yes = greater <= {k}; }}\n  }}\n  \
         b2[t] = {};\n",
        position(index, "b1", "t"),
        form.compute,
        form.load(&format!("b0[t * {} + u32(p)]", word(1))),
        form.load(&format!("b0[t * {} + j]", word(1))),
        truth.store(&format!("(yes && greater < {})", word(2))),
        n = word(1),
        k = word(2),
    );
    let body = helpers.resolve(&body, form.compute);
    let slots =
        [(x, Slot::read(form.storage)), (targets, Slot::read(index.raw)), (out, Slot::write(truth.storage))];
    let mut words = words(&[rows, n])?;
    words.push(k);
    launch(builder, "in_top_k", helpers.text().into(), &body, &slots, words)
}

/// For each of `m` values of a row its place among the row's `n` sorted elements, after equals if `right`: places sorted,
/// values, out. Halving from the middle, as the CPU does, so that rows that are not sorted give the same.
pub(crate) fn searchsorted(
    builder: &mut Builder<'_>,
    form: Form,
    right: bool,
    (rows, n, m): (usize, usize, usize),
    [sorted, values, out]: [Place; 3],
) -> GpuResult<()> {
    let before = if right { "!(v < w)" } else { "w < v" };
    let body = format!(
        "  let base = (t / {m}) * {n};\n  let v = {};\n  var first = 0u;\n  var left = {n};\n  loop {{\n    \
         if (left == 0u) {{ break; }}\n    let middle = left / 2u;\n    let w = {};\n    if ({before}) {{\n      \
         first = first + middle + 1u;\n      left = left - middle - 1u;\n    }} else {{\n      left = middle;\n    }}\n  }}\n  \
         b2[t] = i32(first);\n",
        form.load("b1[t]"),
        form.load("b0[base + first + middle]"),
        n = word(1),
        m = word(2),
    );
    let slots =
        [(sorted, Slot::read(form.storage)), (values, Slot::read(form.storage)), (out, Slot::write("i32"))];
    launch(builder, "searchsorted", String::new(), &body, &slots, words(&[rows * m, n, m])?)
}

/// `out[x[i]] = i`; the codes name an element outside and one that occurs twice. Of two equal elements one loses its
/// place, and finds so in the second pass.
pub(crate) fn invert_permutation(
    builder: &mut Builder<'_>,
    form: Form,
    n: usize,
    codes: [u32; 2],
    x: Place,
    out: Place,
) -> GpuResult<()> {
    let wide = form.raw == "vec2<u32>";
    let own = if wide { "vec2<u32>(t, 0u)" } else { "t" };
    let found = if wide { "b1[p].x" } else { "b1[p]" };
    let p = position(form, "b0", "t");
    let mut words = words(&[n])?;
    words.extend(codes);
    let place = format!(
        "  let p = {p};\n  if (p < 0 || u32(p) >= {}) {{ atomicMin(&b2[0], {}); }} else {{ b1[p] = {own}; }}\n",
        word(0),
        word(1),
    );
    let check = format!(
        "  let p = {p};\n  if (p >= 0 && u32(p) < {}) {{\n    if ({found} != t) {{ atomicMin(&b2[0], {}); }}\n  }}\n",
        word(0),
        word(2),
    );
    let slots = |out_slot| [(x, Slot::read(form.raw)), (out, out_slot), (Place::Status, Slot::write(STATUS))];
    launch(
        builder,
        "invert_permutation",
        String::new(),
        &place,
        &slots(Slot::write(form.raw)),
        words.clone(),
    )?;
    launch(builder, "is_permutation", String::new(), &check, &slots(Slot::read(form.raw)), words)
}
