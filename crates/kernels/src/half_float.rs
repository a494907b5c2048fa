//! Between f32 and the 16-bit floats without a branch or a call, so that loops over them become vector code.
//!
//! The `half` crate's conversions ask at every element what the processor can do. These give the same
//! values: exact upwards, to nearest with ties to even downwards, NaN to NaN.

use half::{bf16, f16};

use super::clones::clones;

/// A float type of 16 bits.
pub trait HalfFloat: Copy + Send + Sync + 'static {
    /// The value as f32, exactly.
    fn widen(self) -> f32;
    /// The nearest value; ties go to even, overflow to infinity.
    fn narrow(x: f32) -> Self;
}

impl HalfFloat for bf16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
    #[inline(always)]
    fn narrow(x: f32) -> Self {
        let bits = x.to_bits();
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
        // A NaN keeps its upper bits and is made quiet, lest they be all zero.
        let nan = bits >> 16 | 0x40;
        bf16::from_bits(if bits & 0x7fff_ffff > 0x7f80_0000 { nan } else { rounded } as u16)
    }
}

impl HalfFloat for f16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        let bits = u32::from(self.to_bits());
        let magnitude = bits & 0x7fff;
        // Exponent and mantissa in place, 2^112 too small; the product is exact, for denormals too.
        let finite = (f32::from_bits(magnitude << 13) * f32::from_bits(0x7780_0000)).to_bits();
        let special = 0x7f80_0000 | magnitude << 13;
        let magnitude = if magnitude >= 0x7c00 { special } else { finite };
        f32::from_bits((bits & 0x8000) << 16 | magnitude)
    }
    #[inline(always)]
    fn narrow(x: f32) -> Self {
        let bits = x.to_bits();
        let magnitude = bits & 0x7fff_ffff;
        // Rounds at bit 13 and takes 112 from the exponent; a carry out of the mantissa is what it should be.
        let normal = magnitude.wrapping_add(0xc800_0fff + (magnitude >> 13 & 1)) >> 13;
        // Adding one half lets the addition itself round at the last place of a denormal, 2^-24.
        let denormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0x3f00_0000);
        let nan = 0x7e00 | magnitude >> 13 & 0x3ff;
        let small = if magnitude < 0x3880_0000 { denormal } else { normal };
        let finite = if magnitude >= 0x4780_0000 { 0x7c00 } else { small };
        let all = if magnitude > 0x7f80_0000 { nan } else { finite };
        f16::from_bits((bits >> 16 & 0x8000 | all) as u16)
    }
}

clones! {
    /// `out[i] = x[i]`, exactly, over the shorter of the two.
    pub fn widen[T: HalfFloat](x: &[T], out: &mut [f32]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = x.widen();
        }
    }
}

clones! {
    /// `out[i]` = the value nearest to `x[i]`, over the shorter of the two.
    pub fn narrow[T: HalfFloat](x: &[f32], out: &mut [T]) {
        for (out, &x) in out.iter_mut().zip(x) {
            *out = T::narrow(x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clones::at_each_level;
    use super::*;

    fn same(a: f32, b: f32) -> bool {
        a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
    }

    #[test]
    fn every_16_bit_float_goes_up_and_comes_back() {
        at_each_level(|_| {
            let all: Vec<u16> = (0..=u16::MAX).collect();
            let halves: Vec<f16> = all.iter().map(|&b| f16::from_bits(b)).collect();
            let brains: Vec<bf16> = all.iter().map(|&b| bf16::from_bits(b)).collect();
            let mut wide = vec![0.0; all.len()];
            widen(&halves, &mut wide);
            assert!(wide.iter().zip(&halves).all(|(&w, h)| same(w, h.to_f32())));
            let mut back = vec![f16::ZERO; all.len()];
            narrow(&wide, &mut back);
            assert!(
                back.iter().zip(&halves).all(|(b, h)| b.to_bits() == h.to_bits() || b.is_nan() && h.is_nan())
            );
            widen(&brains, &mut wide);
            assert!(wide.iter().zip(&brains).all(|(&w, h)| same(w, h.to_f32())));
            let mut back = vec![bf16::ZERO; all.len()];
            narrow(&wide, &mut back);
            assert!(
                back.iter().zip(&brains).all(|(b, h)| b.to_bits() == h.to_bits() || b.is_nan() && h.is_nan())
            );
        });
    }

    #[test]
    fn roundings_are_those_of_the_half_crate() {
        // Around each value of the upper 16 bits: ties, their neighbours, and the ends of the range.
        for upper in 0..=u16::MAX {
            for lower in [0, 1, 0xfff, 0x1000, 0x1001, 0x2000, 0x3000, 0x7fff, 0x8000, 0x8001, 0xf000, 0xffff]
            {
                let x = f32::from_bits(u32::from(upper) << 16 | lower);
                let (half, brain) = (<f16 as HalfFloat>::narrow(x), <bf16 as HalfFloat>::narrow(x));
                assert!(same(half.to_f32(), f16::from_f32(x).to_f32()), "f16 of {x:e}: {half:?}");
                assert!(same(brain.to_f32(), bf16::from_f32(x).to_f32()), "bf16 of {x:e}: {brain:?}");
            }
        }
    }
}
