//! Random numbers from a Philox stream: six words, key then counter, in the first input. Bit for bit the CPU's uniform
//! numbers and integers; the normal ones within the rounding of their functions.

use crate::error::GpuResult;
use crate::form::Form;
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};
use crate::wgsl::Helpers;

const THREADS: u32 = 64;

/// Which numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Draw {
    Uniform,
    Normal,
    /// Normal numbers of magnitude below two.
    Truncated,
    /// Integers over the whole range.
    Bits,
    /// Integers from the second input to below the third, by remainder; the number names the message for an empty
    /// range.
    Between(u32),
}

/// Fills the output with `n` numbers of the stream.
pub(crate) fn fill(builder: &mut Builder<'_>, draw: Draw, form: Form, n: usize) -> GpuResult<()> {
    // A block of four words makes four elements, or two of 64 bits.
    let per_block = if form.size == 8 { 2 } else { 4 };
    let mut helpers = Helpers::default();
    let out = if matches!(draw, Draw::Between(_)) { 3 } else { 1 };
    let ty = form.compute;
    let stream = "  let key = vec2<u32>(b0[0], b0[1]);\n  \
                  let start = vec4<u32>(b0[2], b0[3], b0[4], b0[5]);\n";
    let values: Vec<String> = match draw {
        Draw::Uniform => {
            let unit = |lane: &str| match form.dtype {
                tenfold_core::DType::F16 => format!("f32(r.{lane} & 0x3ffu) / 1024.0"),
                tenfold_core::DType::BF16 => format!("f32(r.{lane} & 0x7fu) / 128.0"),
                _ => format!("unit(r.{lane})"),
            };
            ["x", "y", "z", "w"].map(unit).into()
        }
        Draw::Normal => ["p.x", "p.y", "q.x", "q.y"].map(String::from).into(),
        Draw::Truncated => (0..4).map(|i| format!("kept[{i}]")).collect(),
        Draw::Bits | Draw::Between(_) => {
            let bits: Vec<String> = match per_block {
                2 => [("x", "y"), ("z", "w")]
                    .map(|(low, high)| format!("(u64(r.{low}) | (u64(r.{high}) << 32u))"))
                    .into(),
                _ => ["x", "y", "z", "w"].map(|lane| format!("r.{lane}")).into(),
            };
            let unsigned = if per_block == 2 { "u64" } else { "u32" };
            let cast = |bits: String| if ty == unsigned { bits } else { format!("bitcast<{ty}>({bits})") };
            match draw {
                Draw::Bits => bits.into_iter().map(cast).collect(),
                _ => bits
                    .into_iter()
                    .map(|bits| format!("low + {}", cast(format!("({bits} % range)"))))
                    .collect(),
            }
        }
    };
    let block = match draw {
        Draw::Truncated => format!(
            "  var kept: array<f32, 4>;\n  var filled = 0u;\n  let region = advance(start, t << 8u, t >> 24u);\n  \
             for (var d = 0u; filled < 4u && d < 65536u; d = d + 1u) {{\n    \
             let r = philox(advance(region, d, 0u), key);\n{}    var four = array<f32, 4>(p.x, p.y, q.x, q.y);\n    \
             for (var k = 0u; k < 4u && filled < 4u; k = k + 1u) {{\n      \
             if (abs(four[k]) < 2.0) {{ kept[filled] = four[k]; filled = filled + 1u; }}\n    }}\n  }}\n",
            pairs()
        ),
        Draw::Normal => format!("  let r = philox(advance(start, t, 0u), key);\n{}", pairs()),
        _ => "  let r = philox(advance(start, t, 0u), key);\n".into(),
    };
    let bounds = match draw {
        Draw::Between(_) => {
            let unsigned = if per_block == 2 { "u64" } else { "u32" };
            let width =
                if ty == unsigned { "high - low".into() } else { format!("bitcast<{unsigned}>(high - low)") };
            format!(
                "  let low = b1[0];\n  let high = b2[0];\n  if (low >= high) {{\n    atomicMin(&b4[0], {});\n    \
                 return;\n  }}\n  let range = {width};\n",
                word(1)
            )
        }
        _ => String::new(),
    };
    let mut text = helpers.resolve(&format!("{stream}{bounds}{block}"), "f32");
    for (i, value) in values.iter().enumerate() {
        let value = helpers.resolve(value, "f32");
        let stored = helpers.resolve(&form.store(&value), "f32");
        let at = format!("t * {per_block}u + {i}u");
        text += &format!("  if ({at} < {}) {{ b{out}[{at}] = {stored}; }}\n", word(0));
    }
    let mut slots = vec![Slot::read("u32")];
    let mut operands = vec![Operand::from(Place::Input(0))];
    let mut words = vec![count(n)?, 0];
    if let Draw::Between(code) = draw {
        slots.extend([Slot::read(form.storage), Slot::read(form.storage)]);
        operands.extend([Place::Input(1), Place::Input(2)].map(Operand::from));
        words[1] = code;
    }
    slots.push(Slot::write(form.storage));
    operands.push(Place::Output(0).into());
    if matches!(draw, Draw::Between(_)) {
        slots.push(Slot::write("atomic<u32>"));
        operands.push(Place::Status.into());
    }
    let blocks = n.div_ceil(per_block);
    let kernel = Kernel {
        label: "random".into(),
        slots,
        words: 2,
        threads: THREADS,
        items: helpers.text().into(),
        body: format!(
            "  let t = wg * {THREADS}u + lid;\n  if (t * {per_block}u >= {}) {{ return; }}\n{text}",
            word(0)
        ),
    };
    builder.launch(&kernel, operands, words, blocks.div_ceil(THREADS as usize) as u64)
}

/// Text that makes the normal numbers `p.x`, `p.y`, `q.x`, `q.y` of the block `r`.
fn pairs() -> String {
    "  let p = box_muller(r.x, r.y);\n  let q = box_muller(r.z, r.w);\n".into()
}
