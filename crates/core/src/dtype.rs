//! Element types: the run-time [`DType`] and the Rust types that carry it.

use bytemuck::Pod;
use half::{bf16, f16};
use std::fmt;

/// The element type of a tensor, named as Rust names it; [`DType::tf_name`] is TensorFlow's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum DType {
    /// IEEE half precision.
    F16,
    /// The upper half of an `f32`.
    BF16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 8 bits.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
    /// Truth values, one byte each.
    Bool,
}

pub use DType::*;

/// Every dtype with its Rust name, TensorFlow's name, and size in bytes: the one table.
const TABLE: [(DType, &str, &str, usize); 13] = [
    (F16, "f16", "float16", 2),
    (BF16, "bf16", "bfloat16", 2),
    (F32, "f32", "float32", 4),
    (F64, "f64", "float64", 8),
    (I8, "i8", "int8", 1),
    (I16, "i16", "int16", 2),
    (I32, "i32", "int32", 4),
    (I64, "i64", "int64", 8),
    (U8, "u8", "uint8", 1),
    (U16, "u16", "uint16", 2),
    (U32, "u32", "uint32", 4),
    (U64, "u64", "uint64", 8),
    (Bool, "bool", "bool", 1),
];

impl DType {
    /// All dtypes.
    pub const ALL: [DType; 13] = [F16, BF16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, Bool];

    /// Rust's name: `f32`.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }
    /// TensorFlow's name: `float32`.
    pub fn tf_name(self) -> &'static str {
        TABLE[self as usize].2
    }
    /// Bytes of one element.
    #[inline]
    pub fn size(self) -> usize {
        TABLE[self as usize].3
    }
    /// The dtype of either name.
    ///
    /// ```
    /// use tenfold_core::DType;
    /// assert_eq!(DType::from_name("float32"), DType::from_name("f32"));
    /// assert_eq!(DType::from_name("float31"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<DType> {
        TABLE.iter().find(|row| row.1 == name || row.2 == name).map(|row| row.0)
    }
    /// f16, bf16, f32 or f64.
    #[inline]
    pub fn is_float(self) -> bool {
        (self as u8) <= F64 as u8
    }
    /// A signed or unsigned integer.
    #[inline]
    pub fn is_int(self) -> bool {
        !self.is_float() && self != Bool
    }
    /// Has negative numbers: floats and signed integers.
    #[inline]
    pub fn is_signed(self) -> bool {
        (self as u8) <= I64 as u8
    }
    /// The smallest and largest value of an integer dtype.
    pub fn int_range(self) -> Option<(i128, i128)> {
        if !self.is_int() {
            return None;
        }
        let bits = self.size() as u32 * 8;
        Some(match self.is_signed() {
            true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
            false => (0, (1i128 << bits) - 1),
        })
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that tensors hold. `Store` is how it lies in memory: itself, or `u8` (0 or 1) for `bool`.
pub trait Element: sealed::Sealed + Copy + Send + Sync + fmt::Debug + 'static {
    /// The dtype.
    const DTYPE: DType;
    /// The plain data in a buffer.
    type Store: Pod + Send + Sync;
    /// From memory.
    fn load(store: Self::Store) -> Self;
    /// To memory.
    fn store(self) -> Self::Store;
    /// The nearest value to `v` (saturating for integers, not zero = true for `bool`).
    fn from_f64(v: f64) -> Self;
    /// The value as `f64`, exact but for large 64-bit integers.
    fn to_f64(self) -> f64;
}

macro_rules! element {
    ($($t:ty, $d:ident, |$v:ident| $from:expr, |$w:ident| $to:expr;)*) => { $(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: DType = $d;
            type Store = $t;
            #[inline(always)]
            fn load(store: $t) -> $t { store }
            #[inline(always)]
            fn store(self) -> $t { self }
            #[inline]
            fn from_f64($v: f64) -> $t { $from }
            #[inline]
            fn to_f64(self) -> f64 { let $w = self; $to }
        }
    )* };
}

element! {
    f16, F16, |v| f16::from_f64(v), |w| w.to_f64();
    bf16, BF16, |v| bf16::from_f64(v), |w| w.to_f64();
    f32, F32, |v| v as f32, |w| w as f64;
    f64, F64, |v| v, |w| w;
    i8, I8, |v| v as i8, |w| w as f64;
    i16, I16, |v| v as i16, |w| w as f64;
    i32, I32, |v| v as i32, |w| w as f64;
    i64, I64, |v| v as i64, |w| w as f64;
    u8, U8, |v| v as u8, |w| w as f64;
    u16, U16, |v| v as u16, |w| w as f64;
    u32, U32, |v| v as u32, |w| w as f64;
    u64, U64, |v| v as u64, |w| w as f64;
}

impl sealed::Sealed for bool {}
impl Element for bool {
    const DTYPE: DType = Bool;
    type Store = u8;
    #[inline(always)]
    fn load(store: u8) -> bool {
        store != 0
    }
    #[inline(always)]
    fn store(self) -> u8 {
        self as u8
    }
    fn from_f64(v: f64) -> bool {
        v != 0.0
    }
    fn to_f64(self) -> f64 {
        self as u8 as f64
    }
}

/// Runs a block with a type alias for the storage type of a run-time dtype: `with_store!(dtype, T => body)`.
#[macro_export]
#[doc(hidden)]
macro_rules! with_store {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::DType::F16 => {
                type $t = $crate::half::f16;
                $body
            }
            $crate::DType::BF16 => {
                type $t = $crate::half::bf16;
                $body
            }
            $crate::DType::F32 => {
                type $t = f32;
                $body
            }
            $crate::DType::F64 => {
                type $t = f64;
                $body
            }
            $crate::DType::I8 => {
                type $t = i8;
                $body
            }
            $crate::DType::I16 => {
                type $t = i16;
                $body
            }
            $crate::DType::I32 => {
                type $t = i32;
                $body
            }
            $crate::DType::I64 => {
                type $t = i64;
                $body
            }
            $crate::DType::U8 => {
                type $t = u8;
                $body
            }
            $crate::DType::U16 => {
                type $t = u16;
                $body
            }
            $crate::DType::U32 => {
                type $t = u32;
                $body
            }
            $crate::DType::U64 => {
                type $t = u64;
                $body
            }
            $crate::DType::Bool => {
                type $t = u8;
                $body
            }
            #[allow(unreachable_patterns, reason = "the enum is non-exhaustive outside its crate")]
            _ => unreachable!("a dtype without storage"),
        }
    };
}

/// Like `with_store!`, for kernels over numbers: truth values do not get there.
macro_rules! with_store_of_numbers {
    ($dtype:expr, $t:ident => $body:expr) => {
        if $dtype == $crate::DType::Bool {
            Err($crate::op::Fault::new("there is no kernel for bool"))
        } else {
            $crate::with_store!($dtype, $t => $body)
        }
    };
}
pub(crate) use with_store_of_numbers;

/// Like `with_store!`, but with the [`Element`] type itself (`bool` is `bool`).
#[macro_export]
#[doc(hidden)]
macro_rules! with_element {
    ($dtype:expr, $t:ident => $body:expr) => {
        if $dtype == $crate::DType::Bool { type $t = bool; $body } else { $crate::with_store!($dtype, $t => $body) }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_the_order_of_the_enum() {
        for (i, d) in DType::ALL.into_iter().enumerate() {
            assert_eq!((d as usize, TABLE[i].0), (i, d));
            with_element!(d, T => assert_eq!(
                (T::DTYPE, size_of::<<T as Element>::Store>()),
                (d, d.size())
            ));
        }
        assert_eq!(I8.int_range(), Some((-128, 127)));
        assert_eq!(U64.int_range(), Some((0, u64::MAX as i128)));
    }
}
