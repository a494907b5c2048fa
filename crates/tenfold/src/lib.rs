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

pub use tenfold_core::*;
pub use tenfold_macros::{Module, Structure, function, tf_function};

#[doc(hidden)]
pub use tenfold_core::private as __private;

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
