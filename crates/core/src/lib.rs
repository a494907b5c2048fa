//! The core of Tenfold: everything that has a tensor in its signature.
//!
//! In reading order: [`error`], [`dtype`], [`dim`], [`mod@shape`], [`buffer`] · [`op`] (what an op *is*) · [`graph`] · `tensor`,
//! [`device`] · [`door`] (the heart) · `tape`, `variable` · [`ops`] (the table: one file per op) · `trace` · `cpu`.
//!
//! Users take the `tenfold` crate, which re-exports this one under TensorFlow's names.

pub mod buffer;
mod control;
mod cpu;
pub mod debugging;
pub mod device;
pub mod dim;
pub mod door;
pub mod dtype;
pub mod error;
mod files;
pub mod graph;
pub mod losses;
pub mod memory;
mod module;
pub mod op;
pub mod ops;
pub mod optimizers;
#[doc(hidden)]
pub mod private;
pub mod profiler;
pub mod random;
mod recycled;
pub mod shape;
mod tape;
mod tensor;
mod tensor_array;
#[doc(hidden)]
pub mod testing;
mod trace;
mod variable;
mod variable_cell;
mod warning;

pub use control::{
    case, cond, foldl, foldr, map_fn, scan, switch_case, try_case, try_cond, try_foldl, try_foldr,
    try_map_fn, try_scan, try_switch_case, try_while_loop, try_while_loop_at_most, while_loop,
    while_loop_at_most,
};
pub use device::{Device, IntoDevice, devices, with_device};
pub use dim::Dim;
pub use dtype::{DType, Element};
pub use error::{Error, Kind, Place, Result, catch};
pub use module::Module;
pub use ops::*;
pub use shape::{Meta, Shape};
pub use tape::{GradientOptions, GradientTape, Sources, Targets, Unconnected, custom_gradient, jvp, try_jvp};
pub use tenfold_kernels::threads;
pub use tensor::{
    AsOperand, Axes, Literal, NewShape, Operand, Parts, Scalar, SliceItem, Slices, Tensor, Values, constant,
    constant_f64, tensor_spec, try_constant, try_constant_f64,
};
pub use tensor_array::TensorArray;
pub use trace::{
    Change, Concrete, Function, Leaf, LeafKind, MemoryNeeds, Miss, Rebuild, Rows, Rule, Signatures, State,
    Structure, TensorRange, Visitor, functions_run_eagerly, init_scope, name_scope, rows,
    run_functions_eagerly,
};
pub use variable::Variable;
pub use variable_cell::VariableCell;
pub use warning::{Warning, set_warning_handler};

#[doc(hidden)]
pub use half;
