//! Pools and their gradients: a thread for each element of the result.
//!
//! The first of equal elements of a window is its maximum, and a NaN is larger than every number. A window that lies in
//! the padding altogether has the lowest finite number as its maximum and no place, and NaN as its average.

use super::conv::{AXES, Geometry};
use crate::error::GpuResult;
use crate::form::Form;
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};
use crate::wgsl::Helpers;
use std::fmt::Write;

/// What a pool makes of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// The largest element.
    Max,
    /// The mean of the elements inside the input; padding does not count. For float dtypes.
    Average,
}

const THREADS: u32 = 64;

impl Geometry {
    /// Pooling: places x, y.
    pub fn pool(&self, b: &mut Builder<'_>, kind: Pool, form: Form, [x, y]: [Place; 2]) -> GpuResult<()> {
        let (start, step, value) = match kind {
            Pool::Max => (
                format!("  var r = {};\n", form.literal(form.lowest())),
                "if (better(n, v, r)) { r = v; }",
                "r".into(),
            ),
            Pool::Average => (
                format!("  var r = {}(0);\n", form.compute),
                "r = r + v;",
                format!("select(r / {}(n), nan(), n == 0u)", form.compute),
            ),
        };
        let body = format!(
            "{}{start}{}  b1[i] = {};\n",
            self.window_head(),
            self.each_tap(form, step),
            form.store(&value)
        );
        let n = self.windows_of_channels();
        self.each(b, "pool", body, n, form, &[(x, Slot::read(form.storage)), (y, Slot::write(form.storage))])
    }

    /// The maxima and their places in the flattened input, which `include_batch` counts over all images: places x, y,
    /// where. `whole` is the form of a 64-bit integer.
    pub fn pool_with_argmax(
        &self,
        b: &mut Builder<'_>,
        form: Form,
        whole: Form,
        include_batch: bool,
        [x, y, to]: [Place; 3],
    ) -> GpuResult<()> {
        let image: usize = self.input.iter().product::<usize>() * self.in_channels;
        let at = if include_batch { "best".to_string() } else { format!("best % {}u", image.max(1)) };
        let body = format!(
            "{}{}  b1[i] = {};\n  b2[i] = select(vec2<u32>(0xffffffffu), vec2<u32>({at}, 0u), n > 0u);\n",
            self.window_head(),
            self.find_maximum(form),
            form.store("r"),
        );
        let slots =
            [(x, Slot::read(form.storage)), (y, Slot::write(form.storage)), (to, Slot::write(whole.raw))];
        self.each(b, "pool-argmax", body, self.windows_of_channels(), form, &slots)
    }

    /// What the second operand has at the place of each window's maximum in the first: places x, ddx, ddy.
    pub fn pool_pick(&self, b: &mut Builder<'_>, form: Form, [x, from, to]: [Place; 3]) -> GpuResult<()> {
        let body = format!(
            "{}{}  var picked = {}(0);\n  if (n > 0u) {{ picked = {}; }}\n  b2[i] = {};\n",
            self.window_head(),
            self.find_maximum(form),
            form.compute,
            form.load("b1[best]"),
            form.store("picked"),
        );
        let slots = [
            (x, Slot::read(form.storage)),
            (from, Slot::read(form.storage)),
            (to, Slot::write(form.storage)),
        ];
        self.each(b, "pool-pick", body, self.windows_of_channels(), form, &slots)
    }

    /// A pool's gradient: places dy, dx for a mean; x, dy, dx for a maximum, whose gradient goes to the first largest
    /// element of a window.
    pub fn pool_grad(&self, b: &mut Builder<'_>, kind: Pool, form: Form, places: &[Place]) -> GpuResult<()> {
        let ch = self.in_channels;
        // An element of x asks each window that it lies in.
        let (windows, whole) = self.windows();
        let dy_buffer = if kind == Pool::Max { "b1" } else { "b0" };
        let dy = form.load(&format!("{dy_buffer}[{}]", Geometry::at("en", self.output, ch, "c")));
        // The elements of the window at p: how many are inside, or which is the first largest.
        let mut inner = String::from("      var n = 0u;\n      var best = 0u;\n");
        if kind == Pool::Max {
            let _ = writeln!(inner, "      var top = {};", form.literal(form.lowest()));
        }
        let scan = format!(
            "      for (var j = 0u; j < {}u; j = j + 1u) {{\n{}{}        if ({}) {{\n          {}\n          \
             n = n + 1u;\n        }}\n      }}\n",
            self.taps(),
            Geometry::split("j", "j", self.size).replace("  ", "        "),
            (0..3).fold(String::new(), |mut text, a| {
                let (name, stride, dilation, pad) = (AXES[a], self.stride[a], self.dilation[a], self.pad[a]);
                let _ = writeln!(
                    text,
                    "        let q{name} = p{name} * {stride} + j{name} * {dilation} - {pad};"
                );
                text
            }),
            Geometry::inside(self.input).replace('p', "q"),
            match kind {
                Pool::Max => format!(
                    "let v = {};\n          if (better(n, v, top)) {{ top = v; best = j; }}",
                    form.load(&format!(
                        "b0[{}]",
                        Geometry::at("en", self.input, ch, "c").replace("(p", "(q")
                    ))
                ),
                Pool::Average => String::new(),
            },
        );
        let give = match kind {
            Pool::Max => format!("if (best == k) {{ r = r + {dy}; }}"),
            Pool::Average => format!("r = r + {dy} / {}(n);", form.compute),
        };
        let body = format!(
            "  let c = i % {ch}u;\n{}  var r = {}(0);\n  for (var k = 0u; k < {}u; k = k + 1u) {{\n{}{windows}    \
             if ({} && {}) {{\n{inner}{scan}      {give}\n    }}\n  }}\n  b{}[i] = {};\n",
            Geometry::split("e", &format!("i / {ch}u"), self.input),
            form.compute,
            self.taps(),
            Geometry::split("k", "k", self.size),
            Geometry::inside(self.output),
            whole,
            places.len() - 1,
            form.store("r"),
        );
        let n = self.batch * self.input.iter().product::<usize>() * ch;
        let slot =
            |i| if i + 1 < places.len() { Slot::read(form.storage) } else { Slot::write(form.storage) };
        let slots: Vec<(Place, Slot)> =
            places.iter().enumerate().map(|(i, place)| (*place, slot(i))).collect();
        self.each(b, "pool-grad", body, n, form, &slots)
    }

    /// Elements of a pool's result.
    fn windows_of_channels(&self) -> usize {
        self.batch * self.output.iter().product::<usize>() * self.in_channels
    }

    /// Text that splits thread `i` into the channel `c` and the window `o`.
    fn window_head(&self) -> String {
        let ch = self.in_channels;
        format!("  let c = i % {ch}u;\n{}", Geometry::split("o", &format!("i / {ch}u"), self.output))
    }

    /// Text that does `step` with the value `v`, at place `at`, of each tap inside, and leaves their number in `n`.
    fn each_tap(&self, form: Form, step: &str) -> String {
        format!(
            "  var n = 0u;\n  for (var k = 0u; k < {}u; k = k + 1u) {{\n{}{}    if ({}) {{\n      let at = {};\n      \
             let v = {};\n      {step}\n      n = n + 1u;\n    }}\n  }}\n",
            self.taps(),
            Geometry::split("k", "k", self.size),
            self.input_positions(),
            Geometry::inside(self.input),
            Geometry::at("on", self.input, self.in_channels, "c"),
            form.load("b0[at]"),
        )
    }

    /// Text that leaves the maximum of the window in `r`, its place in `best`, and the number of elements in `n`.
    fn find_maximum(&self, form: Form) -> String {
        format!(
            "  var r = {};\n  var best = 0u;\n{}",
            form.literal(form.lowest()),
            self.each_tap(form, "if (better(n, v, r)) { r = v; best = at; }")
        )
    }

    /// A thread `i` for each of `n` results; the slots are `b0`, `b1`, ….
    fn each(
        &self,
        b: &mut Builder<'_>,
        label: &str,
        body: String,
        n: usize,
        form: Form,
        slots: &[(Place, Slot)],
    ) -> GpuResult<()> {
        let mut helpers = Helpers::default();
        let ty = form.compute;
        let body = helpers.resolve(&body, ty);
        let larger = match ty {
            "f32" => helpers.resolve("(a > b || (is_nan(a) && !is_nan(b)))", ty),
            _ => "(a > b)".into(),
        };
        let better =
            format!("fn better(n: u32, a: {ty}, b: {ty}) -> bool {{ return n == 0u || {larger}; }}\n");
        let kernel = Kernel {
            label: label.into(),
            slots: slots.iter().map(|(_, slot)| slot.clone()).collect(),
            words: 1,
            threads: THREADS,
            items: format!("{}{better}", helpers.text()),
            body: format!("  let i = wg * {THREADS}u + lid;\n  if (i >= {}) {{ return; }}\n{body}", word(0)),
        };
        let operands = slots.iter().map(|(place, _)| Operand::from(*place));
        b.launch(&kernel, operands, vec![count(n)?], n.div_ceil(THREADS as usize) as u64)
    }
}
