//! The one error type, with TensorFlow's status kinds, and the two faces of an op.
//!
//! An op that only a bug in the program can make fail *panics* (through [`raise`]) and has a `try_` twin; what the
//! world can make fail returns [`Result`]. [`catch`] is the twin of a whole block.

use std::any::Any;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

/// What went wrong, in TensorFlow's (and gRPC's) words.
///
/// Source: `tensorflow/python/framework/errors_impl.py`, the canonical status codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The operation was cancelled.
    Cancelled,
    /// An error without a better kind.
    Unknown,
    /// An argument is wrong whatever the state of the system: a dtype, a shape, a value.
    InvalidArgument,
    /// The deadline passed.
    DeadlineExceeded,
    /// A file, device or name does not exist.
    NotFound,
    /// What was to be created exists.
    AlreadyExists,
    /// The caller may not do this.
    PermissionDenied,
    /// Memory or another resource ran out.
    ResourceExhausted,
    /// The state of the system does not allow it: a consumed tape, an ended trace.
    FailedPrecondition,
    /// The operation was aborted.
    Aborted,
    /// An index or position is out of range.
    OutOfRange,
    /// This build or device does not do it; the message says why.
    Unimplemented,
    /// A bug of this library.
    Internal,
    /// A service or device is gone for now.
    Unavailable,
    /// Stored data is damaged.
    DataLoss,
    /// The caller is not known.
    Unauthenticated,
}

/// A place in the user's sources: carried as data by errors, graph nodes and tape entries.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, as the compiler names it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl Place {
    /// The place of the caller of the function that calls this.
    #[track_caller]
    #[inline]
    pub fn caller() -> Place {
        Place::from(Location::caller())
    }
}

impl From<&'static Location<'static>> for Place {
    #[inline]
    fn from(at: &'static Location<'static>) -> Place {
        Place { file: at.file(), line: at.line(), column: at.column() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of every fallible function of Tenfold: what, where, and what to do about it.
///
/// It prints as `op: what is wrong: operands (numbers)`, the place, a hint and the trail of layers and functions.
///
/// ```
/// use tenfold_core as tf;
/// let error = tf::constant([1.0, 2.0]).try_add(&tf::constant([1.0, 2.0, 3.0])).unwrap_err();
/// assert_eq!(error.kind(), tf::Kind::InvalidArgument);
/// assert!(error.to_string().contains("x is f32[2], y is f32[3]"));
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    op: Cow<'static, str>,
    message: String,
    hint: Option<Cow<'static, str>>,
    at: Option<Place>,
    trail: Vec<String>,
}

impl Error {
    /// An error of `kind` about `op` (an op, a function or a file format, in the user's words).
    pub fn new(kind: Kind, op: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            op: op.into(),
            message: message.into(),
            hint: None,
            at: None,
            trail: vec![],
        }))
    }
    /// Shorthand for the commonest kind.
    pub fn invalid(op: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
        Error::new(Kind::InvalidArgument, op, message)
    }
    /// A bug of this library.
    pub fn internal(op: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Error {
        Error::new(Kind::Internal, op, message).with_hint("this is a bug of Tenfold; please report it")
    }
    /// The same error with a place, unless it has one.
    pub fn at(mut self, at: Place) -> Error {
        self.0.at.get_or_insert(at);
        self
    }
    /// The same error with advice.
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }
    /// The same error, seen from inside one more layer or function.
    pub fn within(mut self, frame: impl Into<String>) -> Error {
        self.0.trail.push(frame.into());
        self
    }
    /// The status kind.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }
    /// The op (or function, or format) that failed.
    pub fn op(&self) -> &str {
        &self.0.op
    }
    /// The message without op, place and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// The user's line, when known.
    pub fn place(&self) -> Option<Place> {
        self.0.at
    }
    /// The advice, if there is any.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.op, self.0.message)?;
        if let Some(at) = self.0.at {
            write!(f, "\n  --> {at}")?;
        }
        if let Some(hint) = &self.0.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        if !self.0.trail.is_empty() {
            write!(f, "\n  in {}", self.0.trail.join(", in "))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}] {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Error {
        let kind = match e.kind() {
            std::io::ErrorKind::NotFound => Kind::NotFound,
            std::io::ErrorKind::PermissionDenied => Kind::PermissionDenied,
            std::io::ErrorKind::AlreadyExists => Kind::AlreadyExists,
            _ => Kind::Unknown,
        };
        Error::new(kind, "io", e.to_string())
    }
}

thread_local! {
    static CATCHING: Cell<u32> = const { Cell::new(0) };
}

struct Depth;

impl Depth {
    fn enter() -> Depth {
        CATCHING.set(CATCHING.get() + 1);
        Depth
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        CATCHING.set(CATCHING.get() - 1);
    }
}

/// Runs a block and turns the errors that its operators, methods and layers raise into `Err`.
///
/// Other panics pass through unchanged. It needs unwinding: under `panic = "abort"` only the `try_` twins remain. Set
/// `TENFOLD_PANIC_ON_ERROR=1` to let the error panic at birth, for a debugger.
///
/// ```
/// use tenfold_core as tf;
/// let r = tf::catch(|| tf::constant([1.0, 2.0]) + tf::constant([1.0, 2.0, 3.0]));
/// assert_eq!(r.unwrap_err().kind(), tf::Kind::InvalidArgument);
/// ```
pub fn catch<R>(f: impl FnOnce() -> R) -> Result<R> {
    let depth = Depth::enter();
    let outcome = catch_unwind(AssertUnwindSafe(f));
    drop(depth);
    outcome.map_err(|payload| error_of(payload).unwrap_or_else(|other| resume_unwind(other)))
}

/// The error inside a panic's payload, or the payload itself.
pub(crate) fn error_of(payload: Box<dyn Any + Send>) -> Result<Error, Box<dyn Any + Send>> {
    payload.downcast::<Error>().map(|e| *e)
}

/// The panicking face of a fallible call: inside [`catch`] it unwinds silently with the error as payload, outside it
/// panics with the error's text at the user's line.
#[track_caller]
#[cold]
pub fn raise(error: Error) -> ! {
    let at_birth = std::env::var_os("TENFOLD_PANIC_ON_ERROR").is_some_and(|v| v == "1");
    if CATCHING.get() > 0 && !at_birth {
        resume_unwind(Box::new(error));
    }
    panic!("{error}")
}

/// `Ok` or [`raise`].
pub(crate) trait OrRaise<T> {
    /// The value, or a panic with the error.
    fn or_raise(self) -> T;
}

impl<T> OrRaise<T> for Result<T> {
    #[track_caller]
    #[inline]
    fn or_raise(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => raise(error),
        }
    }
}
