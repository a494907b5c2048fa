//! What can go wrong between us and the driver.

use std::fmt;

/// An error of the GPU layer. The world causes all of them but `Internal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GpuError {
    /// No adapter that may be used; the text says what to install or to set.
    NoAdapter(String),
    /// The device refused the memory, also after everything cached was given back.
    OutOfMemory {
        /// Bytes asked for.
        wanted: u64,
        /// Bytes in use by tensors at that moment.
        in_use: u64,
        /// The limit: the budget of the user, or 0 where the driver refused.
        budget: u64,
    },
    /// The device was lost; every later call answers with the same text.
    Lost(String),
    /// A buffer, a binding or a grid above a limit of this device.
    TooLarge(String),
    /// A kernel the compiler or the validation refused: a bug of ours.
    Internal(String),
    /// A kernel met a value that its op refuses. Found when results are read, or at a wait.
    Check {
        /// The op.
        op: &'static str,
        /// What it refuses.
        text: &'static str,
    },
}

impl fmt::Display for GpuError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GpuError::NoAdapter(text) | GpuError::TooLarge(text) => f.write_str(text),
            GpuError::OutOfMemory { wanted, in_use, budget: 0 } => {
                write!(f, "the GPU refused {wanted} bytes while tensors hold {in_use} bytes")
            }
            GpuError::OutOfMemory { wanted, in_use, budget } => {
                write!(
                    f,
                    "{wanted} bytes exceed the GPU memory budget of {budget} bytes, of which {in_use} are in use"
                )
            }
            GpuError::Lost(text) => write!(f, "the GPU was lost: {text}"),
            GpuError::Internal(text) => write!(f, "internal error of the GPU device: {text}"),
            GpuError::Check { op, text } => write!(f, "{op}: {text}"),
        }
    }
}

impl std::error::Error for GpuError {}

/// Result of the GPU layer.
pub type GpuResult<T> = Result<T, GpuError>;
