//! Strided copies and fills: they move bits and compute nothing.

use crate::error::GpuResult;
use crate::form::Form;
use crate::index::{Walk, offsets};
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};

const THREADS: u32 = 256;

/// `output[out_offset + Σ i·out_strides] = input[in_offset + Σ i·in_strides]` over a walk of two arrays, input first.
pub(crate) fn copy(
    builder: &mut Builder<'_>,
    form: Form,
    input: Place,
    output: Place,
    walk: Walk,
    starts: (isize, isize),
) -> GpuResult<()> {
    let walk = walk.collapse();
    let points = walk.points();
    let mut words = vec![count(points)?, starts.0 as u32, starts.1 as u32];
    words.extend(walk.words()?);
    let kernel = Kernel {
        label: "copy".into(),
        slots: vec![Slot::read(form.raw), Slot::write(form.raw)],
        words: words.len(),
        threads: THREADS,
        items: String::new(),
        body: format!(
            "  let i = wg * {THREADS}u + lid;\n  if (i >= {}) {{ return; }}\n{}  b1[o1 + {}] = b0[o0 + {}];\n",
            word(0),
            offsets("i", walk.shape.len(), 2, 3, "o"),
            word(2),
            word(1)
        ),
    };
    let operands = [Operand::from(input), Operand::from(output)];
    builder.launch(&kernel, operands, words, (points as u64).div_ceil(u64::from(THREADS)))
}

/// Writes `value` to every element.
pub(crate) fn fill(
    builder: &mut Builder<'_>,
    form: Form,
    output: Place,
    n: usize,
    value: f64,
) -> GpuResult<()> {
    let words = bits(form, value);
    let cast = raw(form, 1);
    let kernel = Kernel {
        label: "fill".into(),
        slots: vec![Slot::write(form.raw)],
        words: 3,
        threads: THREADS,
        items: String::new(),
        body: format!(
            "  let i = wg * {THREADS}u + lid;\n  if (i >= {}) {{ return; }}\n  b0[i] = {cast};\n",
            word(0)
        ),
    };
    let words = vec![count(n)?, words[0], words[1]];
    builder.launch(&kernel, [Operand::from(output)], words, (n as u64).div_ceil(u64::from(THREADS)))
}

/// The two words of a value, for [`raw`].
pub(crate) fn bits(form: Form, value: f64) -> Vec<u32> {
    use tenfold_core::DType;
    let wide = |bits: u64| vec![bits as u32, (bits >> 32) as u32];
    match form.dtype {
        DType::F64 => wide(value.to_bits()),
        DType::I64 => wide((value as i64).cast_unsigned()),
        DType::U64 => wide(value as u64),
        DType::BF16 => vec![u32::from(half::bf16::from_f64(value).to_bits()) << 16, 0],
        DType::F32 | DType::F16 => vec![(value as f32).to_bits(), 0],
        DType::Bool => vec![u32::from(value != 0.0), 0],
        dtype if dtype.is_signed() => vec![(value as i32).cast_unsigned(), 0],
        _ => vec![value as u32, 0],
    }
}

/// Text of the element whose two words begin at parameter word `first`.
pub(crate) fn raw(form: Form, first: usize) -> String {
    match form.raw {
        "f16" => format!("f16(bitcast<f32>({}))", word(first)),
        "vec2<u32>" => format!("vec2<u32>({}, {})", word(first), word(first + 1)),
        _ => word(first),
    }
}
