//! How each dtype lies in device memory, and what it computes in.
//!
//! WGSL stores 32-bit scalars, f16 with a feature and 64-bit integers with another. So bool and the small integers take
//! one 32-bit word each, bf16 lies as the f32 of the same value, and both are rounded or wrapped at every store: an
//! operation computes in the wide type and rounds once, as on the CPU.

use crate::adapter::Caps;
use std::borrow::Cow;
use tenfold_core::DType;

/// The device's form of a dtype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// The dtype.
    pub dtype: DType,
    /// WGSL type of an element in memory, for kernels that compute.
    pub storage: &'static str,
    /// WGSL type of a value in a kernel.
    pub compute: &'static str,
    /// WGSL type for kernels that only move elements.
    pub raw: &'static str,
    /// Bytes of an element in device memory.
    pub size: u64,
}

/// The form of `dtype` for moving elements, and for computing where the device can.
pub(crate) fn form(dtype: DType, caps: &Caps) -> Result<Form, String> {
    let refuse = |why: &str| Err(format!("{dtype} does not compute on {}: {why}", caps.name));
    match dtype {
        DType::F16 if !caps.f16 => refuse("it lacks 16-bit floats in kernels"),
        DType::I64 | DType::U64 if !caps.i64 => refuse("it lacks 64-bit integers in kernels"),
        DType::F64 => refuse("the shading language has no f64 functions; use f32, or the CPU"),
        _ => Ok(moved(dtype)),
    }
}

/// The form of `dtype` for kernels that only move elements: every dtype has one.
pub(crate) fn moved(dtype: DType) -> Form {
    let (storage, compute, raw, size) = match dtype {
        DType::F32 | DType::BF16 => ("f32", "f32", "u32", 4),
        // Moved as f16: no other 16-bit type is storable everywhere.
        DType::F16 => ("f16", "f32", "f16", 2),
        DType::I8 | DType::I16 | DType::I32 => ("i32", "i32", "u32", 4),
        DType::U8 | DType::U16 | DType::U32 => ("u32", "u32", "u32", 4),
        DType::Bool => ("u32", "bool", "u32", 4),
        DType::I64 => ("i64", "i64", "vec2<u32>", 8),
        DType::U64 => ("u64", "u64", "vec2<u32>", 8),
        _ => ("vec2<u32>", "vec2<u32>", "vec2<u32>", 8),
    };
    Form { dtype, storage, compute, raw, size }
}

impl Form {
    /// The value of the stored element `text`.
    pub fn load(&self, text: &str) -> String {
        match self.dtype {
            DType::F16 => format!("f32({text})"),
            DType::Bool => format!("({text} != 0u)"),
            _ => text.to_string(),
        }
    }

    /// The stored element of the value `text`. `round_bf16` is a helper of the shared texts.
    pub fn store(&self, text: &str) -> String {
        match self.dtype {
            DType::F16 => format!("f16({text})"),
            DType::BF16 => format!("round_bf16({text})"),
            DType::I8 => format!("((({text}) << 24u) >> 24u)"),
            DType::I16 => format!("((({text}) << 16u) >> 16u)"),
            DType::U8 => format!("(({text}) & 0xffu)"),
            DType::U16 => format!("(({text}) & 0xffffu)"),
            DType::Bool => format!("select(0u, 1u, {text})"),
            _ => text.to_string(),
        }
    }

    /// The value `text` as it would be after a store and a load.
    pub fn rounded(&self, text: &str) -> String {
        match self.dtype {
            DType::Bool => text.to_string(),
            _ => self.load(&self.store(text)),
        }
    }

    /// The value `text` of this form converted to `to`'s compute type, as Rust's `as` does it: floats saturate and NaN
    /// becomes 0. The helpers are those of this form's compute type.
    pub fn converted(&self, to: &Form, text: &str) -> String {
        match (self.compute, to.compute) {
            (from, into) if from == into && !(from == "i32" || from == "u32") => text.to_string(),
            ("bool", into) => format!("select({into}(0), {into}(1), {text})"),
            ("f32", "bool") => format!("not_equal({text}, 0.0)"),
            (from, "bool") => format!("({text} != {from}(0))"),
            ("f32", into) => {
                let (least, most) = to.dtype.int_range().unwrap_or((0, 0));
                let (low, high) = (to.integer(into, least), to.integer(into, most));
                // The bounds as floats: above the largest integer by at most its rounding, which saturates too.
                let (from, until) = (self.literal(least as f64), self.literal(most as f64));
                format!(
                    "select(select(select({into}(select({text}, 0.0, {text} >= {until} || {text} <= {from})), {high}, \
                     {text} >= {until}), {low}, {text} <= {from}), {into}(0), is_nan({text}))"
                )
            }
            (_, into) => format!("{into}({text})"),
        }
    }

    /// The lowest finite value of the dtype.
    pub fn lowest(&self) -> f64 {
        match self.dtype {
            DType::F16 => f64::from(half::f16::MIN),
            DType::BF16 => f64::from(half::bf16::MIN),
            dtype => dtype.int_range().map_or(f64::from(f32::MIN), |(least, _)| least as f64),
        }
    }

    /// The highest finite value of the dtype; of the widest integers the float above it, which converts back to it.
    pub fn highest(&self) -> f64 {
        self.dtype.int_range().map_or(-self.lowest(), |(_, most)| most as f64)
    }

    /// Bytes of `n` elements on the device.
    pub fn bytes(&self, n: usize) -> u64 {
        n as u64 * self.size
    }

    /// A literal of the compute type; `value` is in the dtype's range.
    pub fn literal(&self, value: f64) -> String {
        match self.compute {
            "bool" => (value != 0.0).to_string(),
            // The bits, opaque to the compiler: WGSL refuses constants that are infinite or NaN.
            "f32" if !value.is_finite() => format!("bitcast<f32>({}u ^ P.v[0].y)", (value as f32).to_bits()),
            "f32" => format!("bitcast<f32>({}u)", (value as f32).to_bits()),
            ty => self.integer(ty, value as i128),
        }
    }

    /// A literal of an integer value.
    pub fn integer(&self, ty: &str, value: i128) -> String {
        match ty {
            // The most negative number has no literal of its own.
            "i32" => format!("bitcast<i32>({}u)", value as i32 as u32),
            "i64" => format!("bitcast<i64>({}lu)", value as i64 as u64),
            "u64" => format!("{}lu", value as u64),
            _ => format!("{}u", value as u32),
        }
    }
}

/// Host elements in the device's form.
pub(crate) fn to_device(dtype: DType, host: &[u8]) -> Cow<'_, [u8]> {
    fn widen<S: bytemuck::Pod>(host: &[u8], f: impl Fn(S) -> u32) -> Cow<'static, [u8]> {
        let words: Vec<u32> = bytemuck::pod_collect_to_vec::<u8, S>(host).into_iter().map(f).collect();
        Cow::Owned(bytemuck::cast_slice(&words).to_vec())
    }
    match dtype {
        DType::Bool | DType::U8 => widen::<u8>(host, u32::from),
        DType::I8 => widen::<i8>(host, |v| i32::from(v).cast_unsigned()),
        DType::I16 => widen::<i16>(host, |v| i32::from(v).cast_unsigned()),
        DType::U16 => widen::<u16>(host, u32::from),
        DType::BF16 => widen::<u16>(host, |v| u32::from(v) << 16),
        _ => Cow::Borrowed(host),
    }
}

/// Whether elements lie on the device as on the host.
pub(crate) fn same_on_host(dtype: DType) -> bool {
    moved(dtype).size == dtype.size() as u64
}

/// Writes device elements of a dtype that is narrower on the host.
pub(crate) fn to_host(dtype: DType, device: &[u8], host: &mut [u8]) {
    let words = device.chunks_exact(4).map(|w| u32::from_le_bytes([w[0], w[1], w[2], w[3]]));
    match dtype.size() {
        1 => host.iter_mut().zip(words).for_each(|(host, word)| *host = word as u8),
        _ => {
            let shift = if dtype == DType::BF16 { 16 } else { 0 };
            let halves = host.chunks_exact_mut(2).zip(words);
            halves.for_each(|(host, word)| host.copy_from_slice(&((word >> shift) as u16).to_le_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dtype_survives_the_way_there_and_back() {
        for dtype in DType::ALL {
            let bytes: Vec<u8> = (0..48u32)
                .map(|i| if dtype == DType::Bool { (i % 2) as u8 } else { (i * 37 % 251) as u8 })
                .collect();
            let there = to_device(dtype, &bytes).into_owned();
            let elements = bytes.len() / dtype.size();
            assert_eq!(there.len() as u64, moved(dtype).bytes(elements), "{dtype}");
            let mut back = there.clone();
            if !same_on_host(dtype) {
                back = vec![0; bytes.len()];
                to_host(dtype, &there, &mut back);
            }
            assert_eq!(back, bytes, "{dtype}");
        }
    }

    #[test]
    fn signs_are_kept_in_wide_words() {
        let there = to_device(DType::I8, &[0xff, 0x80]);
        assert_eq!(bytemuck::pod_collect_to_vec::<u8, i32>(&there), [-1, -128]);
    }
}
