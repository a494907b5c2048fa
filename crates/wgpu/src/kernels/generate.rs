//! Tensors made from nothing: ranges.

use crate::error::GpuResult;
use crate::form::Form;
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};
use crate::wgsl::Helpers;

const THREADS: u32 = 256;

/// `start + i * delta`, product and sum rounded each as the compute type's own.
pub(crate) fn range(
    builder: &mut Builder<'_>,
    form: Form,
    output: Place,
    n: usize,
    start: f64,
    delta: f64,
) -> GpuResult<()> {
    let mut helpers = Helpers::default();
    let (start_words, delta_words) = (words(form, start), words(form, delta));
    let ty = form.compute;
    let value = match ty {
        "f32" => {
            let product = helpers.resolve(&format!("operand_y(f32(i) * {})", scalar(form, 3)), ty);
            format!("{} + {product}", scalar(form, 1))
        }
        _ => format!("{} + {ty}(i) * {}", scalar(form, 1), scalar(form, 3)),
    };
    let stored = helpers.resolve(&form.store(&format!("({value})")), "f32");
    let kernel = Kernel {
        label: "range".into(),
        slots: vec![Slot::write(form.storage)],
        words: 5,
        threads: THREADS,
        items: helpers.text().into(),
        body: format!(
            "  let i = wg * {THREADS}u + lid;\n  if (i >= {}) {{ return; }}\n  b0[i] = {stored};\n",
            word(0)
        ),
    };
    let mut words = vec![count(n)?];
    words.extend(start_words.into_iter().chain(delta_words));
    builder.launch(&kernel, [Operand::from(output)], words, (n as u64).div_ceil(u64::from(THREADS)))
}

/// A number of the compute type as two words.
fn words(form: Form, value: f64) -> [u32; 2] {
    match form.compute {
        "f32" => [(value as f32).to_bits(), 0],
        _ => {
            let bits = (value as i64).cast_unsigned();
            [bits as u32, (bits >> 32) as u32]
        }
    }
}

/// Text of the number whose two words begin at `first`.
fn scalar(form: Form, first: usize) -> String {
    match form.compute {
        ty @ ("f32" | "i32") => format!("bitcast<{ty}>({})", word(first)),
        ty @ ("i64" | "u64") => {
            let bits = format!("(u64({}) | (u64({}) << 32u))", word(first), word(first + 1));
            if ty == "i64" { format!("bitcast<i64>({bits})") } else { bits }
        }
        _ => word(first),
    }
}
