//! Two instructions of a fused group as one: what the first makes goes to the second in a register of the processor.
//!
//! Each step is rounded as it is alone, so the bits are the two block functions'; what is saved is a way through the
//! first-level cache, which costs more than the arithmetic.

use crate::dtype::DType;
use crate::op::{BlockFn, OpDef, block};
use crate::ops;

/// The block function of `second(first(x, y), z)`, or of `second(z, first(x, y))` if what the first makes is the second's
/// right operand. Its operands are `x`, `y`, `z`.
pub(super) fn pair(first: &OpDef, second: &OpDef, right: bool, dtype: DType) -> Option<BlockFn> {
    macro_rules! pairs {
        ($t:ty; $($first:ident $f:tt),*; $seconds:tt) => { $( pairs!(@first $t, $first $f $seconds); )* };
        (@first $t:ty, $first:ident $f:tt ($($second:ident $s:tt),*)) => { $(
            if *first == ops::$first && *second == ops::$second {
                return Some(match right {
                    false => block!(clones $t => $t, [x, y, z], (x $f y) $s z),
                    true => block!(clones $t => $t, [x, y, z], z $s (x $f y)),
                });
            }
        )* };
    }
    match dtype {
        DType::F32 => {
            pairs!(f32; ADD +, SUBTRACT -, MULTIPLY *, DIVIDE /; (ADD +, SUBTRACT -, MULTIPLY *, DIVIDE /));
        }
        DType::F64 => {
            pairs!(f64; ADD +, SUBTRACT -, MULTIPLY *, DIVIDE /; (ADD +, SUBTRACT -, MULTIPLY *, DIVIDE /));
        }
        _ => {}
    }
    None
}
