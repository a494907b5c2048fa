//! Warnings: one hook for all of them.

use crate::trace::Miss;
use std::fmt::{self, Display};
use std::io::Write;
use std::sync::{Arc, LazyLock, RwLock};

/// Something that works and is probably not what was meant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Warning {
    /// A function is traced again and again.
    Retracing {
        /// How many of the last calls of this thread were traced.
        traced: u32,
        /// How many calls that is of.
        calls: u32,
        /// The latest one.
        miss: Miss,
    },
}

impl Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::Retracing { traced, calls, miss } => {
                write!(f, "{traced} of the last {calls} calls were traced: {miss}")
            }
        }
    }
}

type Handler = Arc<dyn Fn(&Warning) + Send + Sync>;

static HANDLER: LazyLock<RwLock<Handler>> = LazyLock::new(|| RwLock::new(Arc::new(to_stderr)));

fn to_stderr(warning: &Warning) {
    if std::env::var_os("TENFOLD_WARNINGS").is_some_and(|v| v == "0") {
        return;
    }
    // Nothing is left to do if even stderr fails.
    let _ = writeln!(std::io::stderr(), "tenfold: warning: {warning}");
}

/// Decides what becomes of warnings, from now on and in all threads. The default prints to stderr, unless the environment
/// variable `TENFOLD_WARNINGS` is `0`.
///
/// ```
/// # use tenfold_core as tf;
/// tf::set_warning_handler(|warning| log_somewhere(&warning.to_string()));
/// # fn log_somewhere(_: &str) {}
/// ```
pub fn set_warning_handler(handler: impl Fn(&Warning) + Send + Sync + 'static) {
    *HANDLER.write().unwrap_or_else(|p| p.into_inner()) = Arc::new(handler);
}

pub(crate) fn warn(warning: &Warning) {
    let handler = HANDLER.read().unwrap_or_else(|p| p.into_inner()).clone();
    handler(warning);
}
