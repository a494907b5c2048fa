//! Integer arithmetic as TensorFlow defines it: it wraps, and rounds quotients down or towards zero.

use super::elementwise;
use crate::dtype::DType;
use crate::op::{BlockFn, Call, Fault};
use crate::with_store;

/// An integer that kernels compute with. Divisors are not zero: [`run_unless_zero`] looks first.
pub(crate) trait Int: Copy {
    /// The quotient rounded towards -∞.
    fn floor_div(self, y: Self) -> Self;
    /// The remainder with the sign of the divisor.
    fn floor_mod(self, y: Self) -> Self;
    /// The quotient rounded towards 0.
    fn trunc_div(self, y: Self) -> Self;
    /// The remainder with the sign of the dividend.
    fn trunc_mod(self, y: Self) -> Self;
    /// Shift to the left by `y`, which is first brought to 0 .. bits - 1.
    fn shift_left(self, y: Self) -> Self;
    /// Shift to the right by `y`, which is first brought to 0 .. bits - 1; the sign fills signed integers.
    fn shift_right(self, y: Self) -> Self;
    /// self^y for y ≥ 0.
    fn pow(self, y: Self) -> Self;
}

macro_rules! ints {
    ($($t:ty)*) => { $(
        impl Int for $t {
            #[inline(always)]
            fn floor_div(self, y: $t) -> $t {
                let (q, r) = (self.wrapping_div(y), self.wrapping_rem(y));
                #[allow(unused_comparisons, reason = "unsigned types have no signs to differ")]
                let down = r != 0 && (r < 0) != (y < 0);
                q.wrapping_sub(down as $t)
            }
            #[inline(always)]
            fn floor_mod(self, y: $t) -> $t {
                let r = self.wrapping_rem(y);
                #[allow(unused_comparisons, reason = "unsigned types have no signs to differ")]
                let other_sign = r != 0 && (r < 0) != (y < 0);
                if other_sign { r.wrapping_add(y) } else { r }
            }
            #[inline(always)]
            fn trunc_div(self, y: $t) -> $t {
                self.wrapping_div(y)
            }
            #[inline(always)]
            fn trunc_mod(self, y: $t) -> $t {
                self.wrapping_rem(y)
            }
            #[inline(always)]
            fn shift_left(self, y: $t) -> $t {
                self.wrapping_shl(y.clamp(0, (<$t>::BITS - 1) as $t) as u32)
            }
            #[inline(always)]
            fn shift_right(self, y: $t) -> $t {
                self.wrapping_shr(y.clamp(0, (<$t>::BITS - 1) as $t) as u32)
            }
            #[inline]
            fn pow(self, y: $t) -> $t {
                let (mut result, mut base, mut left): ($t, $t, $t) = (1, self, y);
                while left != 0 {
                    if left & 1 == 1 {
                        result = result.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                result
            }
        }
    )* };
}

ints!(i8 i16 i32 i64 u8 u16 u32 u64);

/// Runs a division element by element, unless an integer divisor is zero.
pub(crate) fn run_unless_zero(
    call: &mut Call<'_, '_>,
    lookup: fn(&[DType], DType) -> Option<BlockFn>,
) -> Result<(), Fault> {
    let y = &call.inputs[1];
    let used = !call.outputs[0].bytes.is_empty() && y.dtype.is_int();
    if used && with_store!(y.dtype, T => y.cast::<T>().contains(&bytemuck::Zeroable::zeroed())) {
        return Err(Fault::new("integer division by zero"));
    }
    elementwise::run_call(call, lookup)
}

#[cfg(test)]
mod tests {
    use super::Int;

    #[test]
    fn divisions_round_as_python_and_as_c() {
        let pairs = [(7i32, 3i32), (-7, 3), (7, -3), (-7, -3), (6, 3), (-6, 3), (i32::MIN, -1)];
        let floors = pairs.map(|(x, y)| (Int::floor_div(x, y), Int::floor_mod(x, y)));
        assert_eq!(floors, [(2, 1), (-3, 2), (-3, -2), (2, -1), (2, 0), (-2, 0), (i32::MIN, 0)]);
        let truncs = pairs.map(|(x, y)| (Int::trunc_div(x, y), Int::trunc_mod(x, y)));
        assert_eq!(truncs, [(2, 1), (-2, -1), (-2, 1), (2, -1), (2, 0), (-2, 0), (i32::MIN, 0)]);
        assert_eq!((Int::floor_div(200u8, 7), Int::floor_mod(200u8, 7)), (28, 4));
    }

    #[test]
    fn shifts_stay_within_the_width_and_powers_wrap() {
        assert_eq!((Int::shift_left(1i8, 100), Int::shift_left(3i8, -5)), (i8::MIN, 3));
        assert_eq!((Int::shift_right(-8i32, 1), Int::shift_right(-1i64, 99)), (-4, -1));
        assert_eq!(Int::shift_right(0x80u8, 7), 1);
        assert_eq!((Int::pow(3i32, 4), Int::pow(-2i32, 3), Int::pow(0i32, 0)), (81, -8, 1));
        assert_eq!(Int::pow(7u8, 200), (0..200).fold(1u8, |p, _| p.wrapping_mul(7)));
    }
}
