//! Tenfold: TensorFlow 2's programming model in Rust.
//!
//! Run eagerly, differentiate with a tape, put `#[tf::function]` on a function and it becomes a graph: traced once for each
//! signature of its arguments, cached, and run to the same bits.
//!
//! ```
//! use tenfold as tf;
//!
//! #[tf::function]
//! fn f(x: &tf::Tensor) -> tf::Tensor {
//!     tf::add(x, 1.0)
//! }
//!
//! let (scalar, vector) = (tf::constant(1.0), tf::constant([1.0, 1.0]));
//! assert_eq!(f(&scalar).item::<f32>()?, 2.0);
//! f(&vector);
//! f(&vector);
//! assert_eq!(f::trace_count(), 2);
//! println!("{}", f::signatures());
//! # Ok::<(), tf::Error>(())
//! ```

#![forbid(unsafe_code)]

pub use tenfold_core::*;
pub use tenfold_macros::{Module, Structure, function, tf_function};

pub mod names;
pub use names::*;

/// TensorFlow's `tf.math`: every function of the table, under the names that the root has too.
pub mod math {
    pub use tenfold_core::ops::*;
}

/// TensorFlow's `tf.nn`.
pub mod nn {
    pub use tenfold_core::ops::{
        batch_normalization, elu, gelu, gelu_approximate, l2_loss, l2_normalize, leaky_relu,
        log_poisson_loss, log_sigmoid, log_softmax, moments, relu, relu6, selu, sigmoid,
        sigmoid_cross_entropy_with_logits, silu, softmax, softmax_cross_entropy_with_logits, softplus,
        softsign, sparse_softmax_cross_entropy_with_logits, swish, tanh, weighted_cross_entropy_with_logits,
        weighted_moments, zero_fraction,
    };
}

/// The traits whose methods a program calls: `use tenfold::prelude::*;`.
pub mod prelude {
    pub use tenfold_core::optimizers::Optimizer as _;
    pub use tenfold_core::{Module as _, Structure as _};
}

#[doc(hidden)]
pub use tenfold_core::private as __private;

/// The README's programs run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// The page about the GPU runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/gpu.md")]
pub struct GpuPage;

/// The page about control flow runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/autograph.md")]
pub struct ControlFlowPage;

// The code that the macros write says `::tenfold`, in this crate's own tests too.
extern crate self as tenfold;

#[cfg(feature = "gpu")]
use tenfold_wgpu as _;

/// Fails if a traced function was not traced exactly so many times, and says why it was traced: `assert_traces!(f, 1)`.
///
/// ```
/// # use tenfold as tf;
/// # #[tf::function]
/// # fn f(x: &tf::Tensor) -> tf::Tensor { x + 1.0 }
/// f(&tf::ones([2]));
/// tf::assert_traces!(f, 1);
/// ```
#[macro_export]
macro_rules! assert_traces {
    ($f:ident, $n:expr) => {{
        let (traced, wanted) = ($f::trace_count(), $n);
        let misses: Vec<String> = $f::misses().iter().map(|m| m.to_string()).collect();
        assert!(
            traced == wanted,
            "`{}` was traced {traced} times, not {wanted}:\n{}",
            stringify!($f),
            misses.join("\n")
        );
    }};
}
