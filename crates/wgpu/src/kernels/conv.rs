//! Convolutions as products: the tiles of `gemm`, with loads that gather. Depthwise ones are those whose groups have
//! one input channel.
//!
//! The geometry stands in the text as constants, so that divisions by it are cheap; the batch does not.

use super::gemm::Gemm;
use crate::error::GpuResult;
use crate::form::Form;
use crate::pipeline::word;
use crate::plan::{Builder, Place};
use std::fmt::Write;
use tenfold_core::DType;

/// Windows over three spatial axes (fewer are padded in front with axes of size 1), channels last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub input: [usize; 3],
    pub size: [usize; 3],
    pub stride: [usize; 3],
    pub dilation: [usize; 3],
    pub pad: [usize; 3],
    pub output: [usize; 3],
    pub in_channels: usize,
    pub out_channels: usize,
    pub groups: usize,
}

const AXES: [&str; 3] = ["z", "y", "x"];

impl Geometry {
    fn in_group(&self) -> usize {
        self.in_channels / self.groups
    }

    fn out_group(&self) -> usize {
        self.out_channels / self.groups
    }

    fn taps(&self) -> usize {
        self.size.iter().product()
    }

    /// Text that splits `from` into `{prefix}{axis}` by the extents, the rest (the image) in `{prefix}n`.
    fn split(prefix: &str, from: &str, extents: [usize; 3]) -> String {
        let mut text = format!("  var {prefix}r = {from};\n");
        for axis in (0..3).rev() {
            let (name, extent) = (AXES[axis], extents[axis]);
            let _ = writeln!(
                text,
                "  let {prefix}{name} = i32({prefix}r % {extent}u); {prefix}r = {prefix}r / {extent}u;"
            );
        }
        let _ = writeln!(text, "  let {prefix}n = {prefix}r;");
        text
    }

    /// Text that gives `load` where the tap `k` of window `o` (both split) lies in the input at `p`, else zero.
    fn input_positions(&self) -> String {
        (0..3).fold(String::new(), |mut text, a| {
            let (name, stride, dilation, pad) = (AXES[a], self.stride[a], self.dilation[a], self.pad[a]);
            let _ = writeln!(text, "  let p{name} = o{name} * {stride} + k{name} * {dilation} - {pad};");
            text
        })
    }

    /// Text that gives the window `p` of which element `e` of the input is tap `k`, and the test that there is one.
    fn windows(&self) -> (String, String) {
        let (mut text, mut tests) = (String::new(), Vec::new());
        for (a, name) in AXES.into_iter().enumerate() {
            let (stride, dilation, pad) = (self.stride[a], self.dilation[a], self.pad[a]);
            let _ = writeln!(text, "  let d{name} = e{name} + {pad} - k{name} * {dilation};");
            let _ = writeln!(text, "  let p{name} = select(-1, d{name} / {stride}, d{name} >= 0);");
            tests.push(format!("p{name} * {stride} == d{name}"));
        }
        (text, tests.join(" && "))
    }

    fn inside(extents: [usize; 3]) -> String {
        let tests = (0..3).map(|a| format!("p{0} >= 0 && p{0} < {1}", AXES[a], extents[a]));
        tests.collect::<Vec<_>>().join(" && ")
    }

    /// The flat index of channel `channel` at `p` of image `image`.
    fn at(image: &str, extents: [usize; 3], channels: usize, channel: &str) -> String {
        let [z, y, x] = extents;
        format!("((({image} * {z}u + u32(pz)) * {y}u + u32(py)) * {x}u + u32(px)) * {channels}u + {channel}")
    }

    /// `y = conv(x, filter)`: places x, filter, y.
    pub fn forward(&self, b: &mut Builder<'_>, forms: [Form; 3], places: [Place; 3]) -> GpuResult<()> {
        let (ig, og, ty) = (self.in_group(), self.out_group(), forms[0].compute);
        let x = Geometry::at("on", self.input, self.in_channels, &format!("batch * {ig}u + k % {ig}u"));
        let loaders = format!(
            "fn load_a(batch: u32, m: u32, k: u32) -> {ty} {{\n{}{}{}  if ({}) {{ return {}; }}\n  \
             return {ty}(0);\n}}\n\
             fn load_b(batch: u32, k: u32, n: u32) -> {ty} {{ return {}; }}\n",
            Geometry::split("o", "m", self.output),
            Geometry::split("k", &format!("k / {ig}u"), self.size),
            self.input_positions(),
            Geometry::inside(self.input),
            forms[0].load(&format!("b0[{x}]")),
            forms[1].load(&format!("b1[k * {}u + batch * {og}u + n]", self.out_channels)),
        );
        let windows: usize = self.output.iter().product();
        Gemm {
            label: "conv",
            batch: self.groups,
            m: self.batch * windows,
            n: og,
            k: self.taps() * ig,
            forms: (forms[0], forms[1], forms[2]),
            places: (places[0], places[1], places[2]),
            loaders,
            place: place(&format!("m * {}u + batch * {og}u + n", self.out_channels)),
            words: vec![],
            a_by_k: true,
            b_by_k: false,
        }
        .build(b)
    }

    /// `dx` from `dy` and the filter: places dy, filter, dx.
    pub fn input_grad(&self, b: &mut Builder<'_>, forms: [Form; 3], places: [Place; 3]) -> GpuResult<()> {
        let (ig, og, ty) = (self.in_group(), self.out_group(), forms[0].compute);
        let (windows, whole) = self.windows();
        let dy = Geometry::at("en", self.output, self.out_channels, &format!("batch * {og}u + k % {og}u"));
        let filter =
            format!("((k / {og}u) * {ig}u + n) * {}u + batch * {og}u + k % {og}u", self.out_channels);
        let loaders = format!(
            "fn load_a(batch: u32, m: u32, k: u32) -> {ty} {{\n{}{}{windows}  if ({} && {}) {{ return {}; }}\n  \
             return {ty}(0);\n}}\n\
             fn load_b(batch: u32, k: u32, n: u32) -> {ty} {{ return {}; }}\n",
            Geometry::split("e", "m", self.input),
            Geometry::split("k", &format!("k / {og}u"), self.size),
            Geometry::inside(self.output),
            whole,
            forms[0].load(&format!("b0[{dy}]")),
            forms[1].load(&format!("b1[{filter}]")),
        );
        let positions: usize = self.input.iter().product();
        Gemm {
            label: "conv-input-grad",
            batch: self.groups,
            m: self.batch * positions,
            n: ig,
            k: self.taps() * og,
            forms: (forms[0], forms[1], forms[2]),
            places: (places[0], places[1], places[2]),
            loaders,
            place: place(&format!("m * {}u + batch * {ig}u + n", self.in_channels)),
            words: vec![],
            a_by_k: true,
            b_by_k: true,
        }
        .build(b)
    }

    /// The filter's gradient from x and dy: places x, dy, the gradient.
    pub fn filter_grad(&self, b: &mut Builder<'_>, forms: [Form; 3], places: [Place; 3]) -> GpuResult<()> {
        let (ig, og, ty) = (self.in_group(), self.out_group(), forms[0].compute);
        let x = Geometry::at("on", self.input, self.in_channels, &format!("batch * {ig}u + m % {ig}u"));
        let loaders = format!(
            "fn load_a(batch: u32, m: u32, k: u32) -> {ty} {{\n{}{}{}  if ({}) {{ return {}; }}\n  \
             return {ty}(0);\n}}\n\
             fn load_b(batch: u32, k: u32, n: u32) -> {ty} {{ return {}; }}\n",
            Geometry::split("o", "k", self.output),
            Geometry::split("k", &format!("m / {ig}u"), self.size),
            self.input_positions(),
            Geometry::inside(self.input),
            forms[0].load(&format!("b0[{x}]")),
            forms[1].load(&format!("b1[k * {}u + batch * {og}u + n]", self.out_channels)),
        );
        let windows: usize = self.output.iter().product();
        Gemm {
            label: "conv-filter-grad",
            batch: self.groups,
            m: self.taps() * ig,
            n: og,
            k: self.batch * windows,
            forms: (forms[0], forms[1], forms[2]),
            places: (places[0], places[1], places[2]),
            loaders,
            place: place(&format!("m * {}u + batch * {og}u + n", self.out_channels)),
            words: vec![],
            a_by_k: false,
            b_by_k: false,
        }
        .build(b)
    }
}

fn place(at: &str) -> String {
    format!("fn place(batch: u32, m: u32, n: u32) -> u32 {{ return {at}; }}\n")
}

/// Which windows a pool makes, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// The largest, the first of equals in row-major order; NaN is larger than every number.
    Max,
    /// The mean of the elements inside the input; padding does not count. For float dtypes.
    Average,
}

impl Geometry {
    /// Pooling: places x, y.
    pub fn pool(&self, b: &mut Builder<'_>, kind: Pool, form: Form, places: [Place; 2]) -> GpuResult<()> {
        let body = format!(
            "  let c = i % {ch}u;\n{}{}  for (var k = 0u; k < {}u; k = k + 1u) {{\n{}{}    if ({}) {{\n      \
             let v = {};\n      {}\n    }}\n  }}\n",
            Geometry::split("o", &format!("i / {}u", self.in_channels), self.output),
            match kind {
                Pool::Max => format!("  var r = {};\n", form.literal(low(form))),
                Pool::Average => format!("  var r = {}(0);\n  var n = 0u;\n", form.compute),
            },
            self.taps(),
            Geometry::split("k", "k", self.size),
            self.input_positions(),
            Geometry::inside(self.input),
            form.load(&format!("b0[{}]", Geometry::at("on", self.input, self.in_channels, "c"))),
            match kind {
                Pool::Max => "if (larger(v, r)) { r = v; }",
                Pool::Average => "r = r + v; n = n + 1u;",
            },
            ch = self.in_channels,
        );
        let value = match kind {
            Pool::Max => "r".to_string(),
            // A window in the padding altogether has no average.
            Pool::Average => format!("select(r / {}(n), nan(), n == 0u)", form.compute),
        };
        let n = self.batch * self.output.iter().product::<usize>() * self.in_channels;
        self.each(b, "pool", body, &value, n, form, &[places[0]], places[1])
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
            let _ = writeln!(inner, "      var top = {};", form.literal(low(form)));
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
                    "let v = {};\n          if (n == 0u || larger(v, top)) {{ top = v; best = j; }}",
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
             if ({} && {}) {{\n{inner}{scan}      {give}\n    }}\n  }}\n",
            Geometry::split("e", &format!("i / {ch}u"), self.input),
            form.compute,
            self.taps(),
            Geometry::split("k", "k", self.size),
            Geometry::inside(self.output),
            whole,
        );
        let n = self.batch * self.input.iter().product::<usize>() * ch;
        let (out, inputs) = places.split_last().map_or((Place::Output(0), &[][..]), |(o, i)| (*o, i));
        self.each(b, "pool-grad", body, "r", n, form, inputs, out)
    }

    /// A thread `i` for each of `n` results.
    #[allow(clippy::too_many_arguments, reason = "one caller a line, each argument named there")]
    fn each(
        &self,
        b: &mut Builder<'_>,
        label: &str,
        body: String,
        value: &str,
        n: usize,
        form: Form,
        inputs: &[Place],
        output: Place,
    ) -> GpuResult<()> {
        use crate::pipeline::{Kernel, Slot};
        let mut helpers = crate::wgsl::Helpers::default();
        let ty = form.compute;
        let body = helpers.resolve(&body, ty);
        let value = helpers.resolve(value, ty);
        let stored = helpers.resolve(&form.store(&value), "f32");
        let larger = if ty == "f32" {
            helpers.resolve("(a > b || (is_nan(a) && !is_nan(b)))", ty)
        } else {
            "(a > b)".into()
        };
        let items = format!("{}fn larger(a: {ty}, b: {ty}) -> bool {{ return {larger}; }}\n", helpers.text());
        let mut slots: Vec<Slot> = inputs.iter().map(|_| Slot::read(form.storage)).collect();
        slots.push(Slot::write(form.storage));
        let kernel = Kernel {
            label: label.into(),
            slots,
            words: 1,
            threads: 64,
            items,
            body: format!(
                "  let i = wg * 64u + lid;\n  if (i >= {}) {{ return; }}\n{body}  b{}[i] = {stored};\n",
                word(0),
                inputs.len()
            ),
        };
        let operands = inputs.iter().chain([&output]).map(|place| crate::plan::Operand::from(*place));
        b.launch(&kernel, operands, vec![crate::plan::count(n)?], n.div_ceil(64) as u64)
    }
}

/// The lowest finite value, as f64: the maximum of a window that lies in the padding altogether.
fn low(form: Form) -> f64 {
    match form.dtype {
        DType::F16 => f64::from(half::f16::MIN),
        DType::BF16 => f64::from(half::bf16::MIN),
        dtype => dtype.int_range().map_or(f64::from(f32::MIN), |(least, _)| least as f64),
    }
}
