//! The tiled product that matmul and the convolutions share.
//!
//! A client gives two functions, `load_a(batch, m, k)` and `load_b(batch, k, n)`, and a store. Each result element is one
//! chain of multiply-adds in k order, whatever the tile, so the choice of a tile changes no bit; only the cut of long k,
//! where there are few tiles, does, and that is fixed by the shape.

use crate::error::GpuResult;
use crate::form::Form;
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};
use crate::wgsl::Helpers;
use std::fmt::Write;

/// A tile of `rows` by `cols` results a workgroup, each thread 4 by 4, `DEPTH` of k at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    rows: u32,
    cols: u32,
}

const DEPTH: u32 = 16;
/// Threads of a workgroup without tiles.
const THREADS: u32 = 256;
/// Fewer columns than this are not worth a tile.
const PLAIN: usize = 8;
/// Below so many tiles a long k is cut.
const FEW_TILES: usize = 32;
/// The shortest k that is cut, and the length of a part.
const PART: usize = 4096;

/// The problem: sizes, and where its operands come from.
pub(crate) struct Gemm<'a> {
    pub label: &'a str,
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    /// Forms of A, B and the result.
    pub forms: (Form, Form, Form),
    pub places: (Place, Place, Place),
    /// WGSL of `load_a(batch: u32, m: u32, k: u32)` and `load_b(batch: u32, k: u32, n: u32)`, both giving the compute
    /// type of the operands, from the buffers `b0` and `b1`. Called inside the bounds only.
    pub loaders: String,
    /// WGSL of `place(batch: u32, m: u32, n: u32) -> u32`, where a result lies. Words 0 and 1 are m and n.
    pub place: String,
    /// Parameter words that the loaders read, from [`FIRST`] on.
    pub words: Vec<u32>,
    /// k varies fastest in A's memory, so that neighbouring threads should take neighbouring k.
    pub a_by_k: bool,
    /// The same of B.
    pub b_by_k: bool,
}

/// The loaders' first parameter word.
pub(crate) const FIRST: usize = 8;

impl Gemm<'_> {
    pub(super) fn tile(&self) -> Tile {
        if self.m > 32 && self.n > 32 { Tile { rows: 64, cols: 64 } } else { Tile { rows: 32, cols: 32 } }
    }

    pub(super) fn kernel(&self, tile: Tile, partial: bool) -> Kernel {
        let Tile { rows, cols } = tile;
        let (across, down) = (cols / 4, rows / 4);
        let threads = across * down;
        let ty = self.forms.0.compute;
        let float = ty == "f32";
        let mut helpers = Helpers::default();
        let mut inner = String::new();
        for i in 0..4 {
            let _ = writeln!(inner, "      let a{i} = sa[kk * {rows}u + ty * 4u + {i}u];");
            let _ = match float {
                true => writeln!(inner, "      r{i} = fma(vec4<{ty}>(a{i}), bv, r{i});"),
                false => writeln!(inner, "      r{i} = r{i} + vec4<{ty}>(a{i}) * bv;"),
            };
        }
        let zeros: String = (0..4).map(|i| format!("  var r{i} = vec4<{ty}>({ty}(0));\n")).collect();
        let (m, n, k) = (word(0), word(1), word(2));
        let (tiles_m, tiles_n, parts, part) = (word(3), word(4), word(5), word(6));
        let mut stores = String::new();
        for i in 0..4 {
            let _ = writeln!(stores, "  if (row + {i}u < {m}) {{");
            for (j, lane) in ["x", "y", "z", "w"].iter().enumerate() {
                let value = format!("r{i}.{lane}");
                let (at, stored) = self.stored(&mut helpers, partial, &value, i, j);
                let _ = writeln!(stores, "    if (col + {j}u < {n}) {{ b2[{at}] = {stored}; }}");
            }
            let _ = writeln!(stores, "  }}");
        }
        // How a thread's number becomes a place in a tile: k fastest where memory is.
        let a_place = match self.a_by_k {
            true => format!("let mm = e / {DEPTH}u; let kk = e % {DEPTH}u;"),
            false => format!("let mm = e % {rows}u; let kk = e / {rows}u;"),
        };
        let b_place = match self.b_by_k {
            true => format!("let nn = e / {DEPTH}u; let kk = e % {DEPTH}u;"),
            false => format!("let nn = e % {cols}u; let kk = e / {cols}u;"),
        };
        let body = format!(
            "  let tx = lid % {across}u;\n  let ty = lid / {across}u;\n  let tile_n = wg % {tiles_n};\n  \
             let rest = wg / {tiles_n};\n  let tile_m = rest % {tiles_m};\n  let z = rest / {tiles_m};\n  \
             let batch = z / {parts};\n  let first = (z % {parts}) * {part};\n  let end = min(first + {part}, {k});\n  \
             let m0 = tile_m * {rows}u;\n  let n0 = tile_n * {cols}u;\n{zeros}  \
             for (var k0 = first; k0 < end; k0 = k0 + {DEPTH}u) {{\n    \
             for (var e = lid; e < {a_count}u; e = e + {threads}u) {{\n      {a_place}\n      var v = {ty}(0);\n      \
             if (m0 + mm < {m} && k0 + kk < end) {{ v = load_a(batch, m0 + mm, k0 + kk); }}\n      \
             sa[kk * {rows}u + mm] = v;\n    }}\n    \
             for (var e = lid; e < {b_count}u; e = e + {threads}u) {{\n      {b_place}\n      var v = {ty}(0);\n      \
             if (n0 + nn < {n} && k0 + kk < end) {{ v = load_b(batch, k0 + kk, n0 + nn); }}\n      \
             sb[kk * {cols}u + nn] = v;\n    }}\n    workgroupBarrier();\n    \
             for (var kk = 0u; kk < {DEPTH}u; kk = kk + 1u) {{\n      let at = kk * {cols}u + tx * 4u;\n      \
             let bv = vec4<{ty}>(sb[at], sb[at + 1u], sb[at + 2u], sb[at + 3u]);\n{inner}    }}\n    \
             workgroupBarrier();\n  }}\n  let row = m0 + ty * 4u;\n  let col = n0 + tx * 4u;\n{stores}",
            a_count = rows * DEPTH,
            b_count = cols * DEPTH,
        );
        let shared = format!(
            "var<workgroup> sa: array<{ty}, {}>;\nvar<workgroup> sb: array<{ty}, {}>;\n",
            rows * DEPTH,
            cols * DEPTH
        );
        Kernel {
            label: self.label.into(),
            slots: self.slots(partial),
            words: FIRST + self.words.len(),
            threads,
            items: format!("{}{}{}{shared}", helpers.text(), self.loaders, self.place),
            body,
        }
    }

    /// Where and as what a thread stores its result at `row + i`, `col + j`.
    fn stored(
        &self,
        helpers: &mut Helpers,
        partial: bool,
        value: &str,
        i: usize,
        j: usize,
    ) -> (String, String) {
        let (m, n) = (word(0), word(1));
        match partial {
            true => (format!("((z * {m}) + row + {i}u) * {n} + col + {j}u"), value.to_string()),
            false => (
                format!("place(batch, row + {i}u, col + {j}u)"),
                helpers.resolve(&self.forms.2.store(value), "f32"),
            ),
        }
    }

    /// A thread for each result, without tiles: for few columns. The chain of each element is the tiles' own.
    fn plain(&self, partial: bool) -> Kernel {
        let ty = self.forms.0.compute;
        let mut helpers = Helpers::default();
        let (at, stored) = self.stored(&mut helpers, partial, "r", 0, 0);
        let (m, n, k, parts, part) = (word(0), word(1), word(2), word(5), word(6));
        let (a, b) = ("load_a(batch, row, k)", "load_b(batch, k, col)");
        let step = if ty == "f32" { format!("fma({a}, {b}, r)") } else { format!("r + {a} * {b}") };
        let body = format!(
            "  let t = wg * {THREADS}u + lid;\n  let col = t % {n};\n  let row = (t / {n}) % {m};\n  \
             let z = t / {n} / {m};\n  if (z >= {total}) {{ return; }}\n  let batch = z / {parts};\n  \
             let first = (z % {parts}) * {part};\n  let end = min(first + {part}, {k});\n  var r = {ty}(0);\n  \
             for (var k = first; k < end; k = k + 1u) {{ r = {step}; }}\n  b2[{at}] = {stored};\n",
            total = word(7),
        );
        Kernel {
            label: format!("{}-plain", self.label),
            slots: self.slots(partial),
            words: FIRST + self.words.len(),
            threads: THREADS,
            items: format!("{}{}{}", helpers.text(), self.loaders, self.place),
            body,
        }
    }

    fn slots(&self, partial: bool) -> Vec<Slot> {
        let out = if partial { self.forms.0.compute } else { self.forms.2.storage };
        vec![Slot::read(self.forms.0.storage), Slot::read(self.forms.1.storage), Slot::write(out)]
    }

    /// The launches.
    pub fn build(&self, builder: &mut Builder<'_>) -> GpuResult<()> {
        if self.batch * self.m * self.n == 0 {
            return Ok(());
        }
        let tile = self.tile();
        let tiles_m = self.m.div_ceil(tile.rows as usize);
        let tiles_n = self.n.div_ceil(tile.cols as usize);
        let plain = self.n < PLAIN;
        let few = match plain {
            true => self.batch * self.m * self.n < FEW_TILES * THREADS as usize,
            false => self.batch * tiles_m * tiles_n < FEW_TILES,
        };
        let parts = if few && self.k >= 2 * PART { self.k.div_ceil(PART) } else { 1 };
        let part = if parts > 1 { PART } else { self.k };
        let sizes = [self.m, self.n, self.k, tiles_m, tiles_n, parts, part, self.batch * parts];
        let mut words: Vec<u32> = sizes.iter().map(|v| count(*v)).collect::<GpuResult<_>>()?;
        words.extend(&self.words);
        let (a, b, out) = self.places;
        let elements = self.batch * self.m * self.n;
        count(elements)?;
        let bytes = if self.forms.2.size == 8 { 8 } else { 4 };
        let target = if parts > 1 { builder.scratch((elements * parts) as u64 * bytes) } else { out };
        let operands = [a, b, target].map(Operand::from);
        if plain {
            let groups = (elements * parts).div_ceil(THREADS as usize) as u64;
            builder.launch(&self.plain(parts > 1), operands, words, groups)?;
        } else {
            let groups = (self.batch * parts * tiles_m * tiles_n) as u64;
            builder.launch(&self.kernel(tile, parts > 1), operands, words, groups)?;
        }
        if parts == 1 {
            return Ok(());
        }
        // The parts of one batch lie one result apart: added in order, by a thread for each element.
        self.add_parts(builder, target, parts)
    }

    fn add_parts(&self, builder: &mut Builder<'_>, from: Place, parts: usize) -> GpuResult<()> {
        let (ty, form) = (self.forms.0.compute, self.forms.2);
        let mut helpers = Helpers::default();
        let stored = helpers.resolve(&form.store("r"), "f32");
        let kernel = Kernel {
            label: format!("{}-parts", self.label),
            slots: vec![Slot::read(ty), Slot::write(form.storage)],
            words: 4,
            threads: THREADS,
            items: format!("{}{}", helpers.text(), self.place),
            body: format!(
                "  let i = wg * {THREADS}u + lid;\n  if (i >= {}) {{ return; }}\n  let size = {} * {n};\n  \
                 let batch = i / size;\n  let at = batch * size * {parts} + i % size;\n  var r = b0[at];\n  \
                 for (var p = 1u; p < {parts}; p = p + 1u) {{ r = r + b0[at + p * size]; }}\n  \
                 b1[place(batch, (i % size) / {n}, (i % size) % {n})] = {stored};\n",
                word(2),
                word(0),
                n = word(1),
                parts = word(3),
            ),
        };
        let size = self.m * self.n;
        let sizes = [self.m, self.n, self.batch * size, parts];
        let words = sizes.iter().map(|v| count(*v)).collect::<GpuResult<_>>()?;
        let groups = (self.batch * size).div_ceil(THREADS as usize) as u64;
        builder.launch(&kernel, [Operand::from(from), Operand::from(self.places.2)], words, groups)
    }
}

/// A batched product of row-major matrices, each perhaps stored transposed. `batch_strides` walk the batch dimensions of
/// both operands in elements (0 broadcasts).
pub(crate) struct Matmul {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub transpose_a: bool,
    pub transpose_b: bool,
    pub batch_shape: Vec<usize>,
    pub batch_strides: [Vec<isize>; 2],
}

impl Matmul {
    pub fn build(
        &self,
        builder: &mut Builder<'_>,
        forms: (Form, Form, Form),
        places: (Place, Place, Place),
    ) -> GpuResult<()> {
        let walk =
            crate::index::Walk { shape: self.batch_shape.clone(), strides: self.batch_strides.to_vec() }
                .collapse();
        let rank = walk.shape.len();
        let ty = forms.0.compute;
        let words = walk.words()?;
        // `offsets` declares o0 and o1; each loader uses its own.
        let bases = crate::index::offsets("batch", rank, 2, FIRST, "o");
        let (m, n, k) = (word(0), word(1), word(2));
        let a_index = if self.transpose_a { format!("k * {m} + m") } else { format!("m * {k} + k") };
        let b_index = if self.transpose_b { format!("n * {k} + k") } else { format!("k * {n} + n") };
        let loaders = format!(
            "fn load_a(batch: u32, m: u32, k: u32) -> {ty} {{\n{}  return {};\n}}\n\
             fn load_b(batch: u32, k: u32, n: u32) -> {ty} {{\n{}  return {};\n}}\n",
            bases,
            forms.0.load(&format!("b0[o0 + {a_index}]")),
            bases,
            forms.1.load(&format!("b1[o1 + {b_index}]")),
        );
        Gemm {
            label: "matmul",
            batch: self.batch_shape.iter().product(),
            m: self.m,
            n: self.n,
            k: self.k,
            forms,
            places,
            loaders,
            place: format!(
                "fn place(batch: u32, m: u32, n: u32) -> u32 {{ return (batch * {} + m) * {} + n; }}\n",
                word(0),
                word(1)
            ),
            words,
            a_by_k: !self.transpose_a,
            b_by_k: self.transpose_b,
        }
        .build(builder)
    }
}
