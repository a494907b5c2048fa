//! Dtypes by the names that the language has for them, as values: `x.cast(tf::f32)`.

#![allow(non_upper_case_globals, reason = "they are named as the types are")]

use tenfold_core::DType;

/// [`DType::F16`].
pub const f16: DType = DType::F16;
/// [`DType::BF16`].
pub const bf16: DType = DType::BF16;
/// [`DType::F32`].
pub const f32: DType = DType::F32;
/// [`DType::F64`].
pub const f64: DType = DType::F64;
/// [`DType::I8`].
pub const i8: DType = DType::I8;
/// [`DType::I16`].
pub const i16: DType = DType::I16;
/// [`DType::I32`].
pub const i32: DType = DType::I32;
/// [`DType::I64`].
pub const i64: DType = DType::I64;
/// [`DType::U8`].
pub const u8: DType = DType::U8;
/// [`DType::U16`].
pub const u16: DType = DType::U16;
/// [`DType::U32`].
pub const u32: DType = DType::U32;
/// [`DType::U64`].
pub const u64: DType = DType::U64;
/// [`DType::Bool`].
pub const bool: DType = DType::Bool;
