//! Convolutions as products: the tiles of `gemm`, with loads that gather. Depthwise ones are those whose groups have
//! one input channel.
//!
//! The geometry stands in the text as constants, so that divisions by it are cheap; the batch does not.

use super::gemm::Gemm;
use crate::error::GpuResult;
use crate::form::Form;
use crate::plan::{Builder, Place};
use std::fmt::Write;

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

pub(super) const AXES: [&str; 3] = ["z", "y", "x"];

impl Geometry {
    fn in_group(&self) -> usize {
        self.in_channels / self.groups
    }

    fn out_group(&self) -> usize {
        self.out_channels / self.groups
    }

    pub(super) fn taps(&self) -> usize {
        self.size.iter().product()
    }

    /// Text that splits `from` into `{prefix}{axis}` by the extents, the rest (the image) in `{prefix}n`.
    pub(super) fn split(prefix: &str, from: &str, extents: [usize; 3]) -> String {
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
    pub(super) fn input_positions(&self) -> String {
        (0..3).fold(String::new(), |mut text, a| {
            let (name, stride, dilation, pad) = (AXES[a], self.stride[a], self.dilation[a], self.pad[a]);
            let _ = writeln!(text, "  let p{name} = o{name} * {stride} + k{name} * {dilation} - {pad};");
            text
        })
    }

    /// Text that gives the window `p` of which element `e` of the input is tap `k`, and the test that there is one.
    pub(super) fn windows(&self) -> (String, String) {
        let (mut text, mut tests) = (String::new(), Vec::new());
        for (a, name) in AXES.into_iter().enumerate() {
            let (stride, dilation, pad) = (self.stride[a], self.dilation[a], self.pad[a]);
            let _ = writeln!(text, "  let d{name} = e{name} + {pad} - k{name} * {dilation};");
            let _ = writeln!(text, "  let p{name} = select(-1, d{name} / {stride}, d{name} >= 0);");
            tests.push(format!("p{name} * {stride} == d{name}"));
        }
        (text, tests.join(" && "))
    }

    pub(super) fn inside(extents: [usize; 3]) -> String {
        let tests = (0..3).map(|a| format!("p{0} >= 0 && p{0} < {1}", AXES[a], extents[a]));
        tests.collect::<Vec<_>>().join(" && ")
    }

    /// The flat index of channel `channel` at `p` of image `image`.
    pub(super) fn at(image: &str, extents: [usize; 3], channels: usize, channel: &str) -> String {
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
