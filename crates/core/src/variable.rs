//! Variables: named, typed places that hold a tensor and outlive a step.

use crate::buffer::Storage;
use crate::device::Device;
use crate::dtype::DType;
use crate::error::{Error, Kind, OrRaise, Place, Result};
use crate::graph::Value;
use crate::shape::{Meta, Shape};
use crate::tensor::{AsOperand, Operand, Repr, Symbol, Tensor};
use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};

/// A mutable tensor with an identity. Clones are handles to the same variable.
///
/// Dtype, shape and device are fixed at creation. A graph refers to it: a traced function reads the value of the moment
/// of the call and writes it back in program order.
///
/// ```
/// # use tenfold_core as tf;
/// let v = tf::Variable::new(tf::constant([1.0, 2.0]));
/// v.assign_add(tf::constant([10.0, 10.0]));
/// assert_eq!(v.read().to_vec::<f32>().unwrap(), [11.0, 12.0]);
/// ```
#[derive(Clone)]
pub struct Variable(Arc<Inner>);

struct Inner {
    id: u64,
    name: String,
    meta: Meta,
    device: Device,
    trainable: bool,
    value: Mutex<Tensor>,
    /// What a tape knows the variable by: every read depends on it.
    handle: OnceLock<Tensor>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Variable {
    /// A trainable variable with this initial value, on its device.
    ///
    /// # Panics
    ///
    /// Inside a traced function; the twin is [`Variable::try_new`].
    #[track_caller]
    pub fn new(value: impl Into<Tensor>) -> Variable {
        Variable::try_new("variable", true, value).or_raise()
    }
    /// Like [`Variable::new`], with a name.
    #[track_caller]
    pub fn named(name: impl Into<String>, value: impl Into<Tensor>) -> Variable {
        Variable::try_new(name, true, value).or_raise()
    }
    /// A variable that tapes do not watch by themselves: a counter, a moving average.
    #[track_caller]
    pub fn untrainable(name: impl Into<String>, value: impl Into<Tensor>) -> Variable {
        Variable::try_new(name, false, value).or_raise()
    }
    /// A variable with this name, trainable or not, and initial value.
    ///
    /// # Errors
    ///
    /// Inside a traced function, where a variable would be created anew at each call: create it before, or in
    /// [`init_scope`](crate::init_scope).
    #[track_caller]
    pub fn try_new(name: impl Into<String>, trainable: bool, value: impl Into<Tensor>) -> Result<Variable> {
        let value = value.into();
        if crate::trace::is_tracing() || value.is_symbolic() {
            let text = "tf::function-decorated function tried to create a variable while it was traced; variables may \
                        only be created on the first call, outside the graph";
            return Err(Error::new(Kind::FailedPrecondition, "variable", text)
                .with_hint("create it before the call, or inside `tf::init_scope(|| ..)`, and keep it")
                .at(Place::caller()));
        }
        Ok(Variable(Arc::new(Inner {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: name.into(),
            meta: value.meta().clone(),
            device: value.device(),
            trainable,
            value: Mutex::new(value.alias()),
            handle: OnceLock::new(),
        })))
    }
    /// What tells this variable from all others of the program's life.
    pub fn id(&self) -> u64 {
        self.0.id
    }
    /// The name given at creation.
    pub fn name(&self) -> &str {
        &self.0.name
    }
    /// Whether tapes watch it by themselves.
    pub fn trainable(&self) -> bool {
        self.0.trainable
    }
    /// Dtype and shape.
    pub fn meta(&self) -> &Meta {
        &self.0.meta
    }
    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.0.meta.dtype
    }
    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.0.meta.shape
    }
    /// Where its value is.
    pub fn device(&self) -> Device {
        self.0.device
    }
    /// The value of this moment as a tensor; a tape watches it if the variable is trainable.
    #[track_caller]
    pub fn read(&self) -> Tensor {
        crate::door::read_variable(self)
    }
    /// The tensor without elements that stands for the variable on tapes.
    pub(crate) fn handle(&self) -> &Tensor {
        // No trace has the number 0.
        let symbol = Symbol { trace: 0, value: Value { node: u32::MAX, output: 0 } };
        self.0.handle.get_or_init(|| Tensor::new(self.meta().clone(), Repr::Symbol(symbol)))
    }
    pub(crate) fn lock(&self) -> MutexGuard<'_, Tensor> {
        self.0.value.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
    /// The value, if nobody else has it now.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, Tensor>> {
        match self.0.value.try_lock() {
            Ok(value) => Some(value),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
    /// Puts the elements of this moment, in host memory, into `place`.
    #[inline]
    pub(crate) fn elements_into<'a>(&self, place: &'a mut Option<Storage>) -> Result<&'a Storage> {
        let value = self.lock();
        match value.host() {
            Some(host) => Ok(place.insert(host.clone())),
            None => Ok(place.insert(value.storage()?)),
        }
    }
    /// The value without the door: no trace, no tape. For executors of graphs.
    #[doc(hidden)]
    pub fn peek(&self) -> Tensor {
        self.lock().alias()
    }
    /// Sets the value without the door; the caller has checked the meta. For executors of graphs.
    #[doc(hidden)]
    pub fn poke(&self, value: Tensor) {
        *self.lock() = value;
    }
    /// Replaces the value.
    ///
    /// # Panics
    ///
    /// If dtype, shape or device differ; the twin is [`Variable::try_assign`].
    #[track_caller]
    pub fn assign(&self, value: impl AsOperand) {
        self.try_assign(value).or_raise();
    }
    /// Like [`Variable::assign`], but returns the error.
    #[track_caller]
    pub fn try_assign(&self, value: impl AsOperand) -> Result<()> {
        crate::door::assign_variable(self, &self.operand(value)?)
    }
    /// Adds to the value.
    ///
    /// # Panics
    ///
    /// As [`Variable::assign`]; the twin is [`Variable::try_assign_add`].
    #[track_caller]
    pub fn assign_add(&self, value: impl AsOperand) {
        self.try_assign_add(value).or_raise();
    }
    /// Like [`Variable::assign_add`], but returns the error.
    #[track_caller]
    pub fn try_assign_add(&self, value: impl AsOperand) -> Result<()> {
        let value = self.operand(value)?;
        self.update(|old| old.try_add(&value))
    }
    /// Subtracts from the value.
    ///
    /// # Panics
    ///
    /// As [`Variable::assign`]; the twin is [`Variable::try_assign_sub`].
    #[track_caller]
    pub fn assign_sub(&self, value: impl AsOperand) {
        self.try_assign_sub(value).or_raise();
    }
    /// Like [`Variable::assign_sub`], but returns the error.
    #[track_caller]
    pub fn try_assign_sub(&self, value: impl AsOperand) -> Result<()> {
        let value = self.operand(value)?;
        self.update(|old| old.try_subtract(&value))
    }
    /// The new value from the old one, read without a tape; then written.
    #[track_caller]
    fn update(&self, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<()> {
        let _line = crate::door::pin();
        crate::door::assign_variable(self, &crate::tape::stop_recording(|| f(&self.read()))?)
    }
    #[track_caller]
    fn operand(&self, value: impl AsOperand) -> Result<Tensor> {
        Ok(match value.as_operand() {
            Operand::Tensor(t) => Cow::into_owned(t),
            Operand::Scalar(s) if s.fits(self.dtype()) => {
                let host = s.tensor(self.dtype());
                if self.device().is_cpu() || crate::trace::is_tracing() {
                    host
                } else {
                    crate::device::transfer(&host, self.device())?
                }
            }
            Operand::Scalar(s) => {
                let text =
                    format!("the number {s:?} does not fit the variable {}: {}", self.name(), self.meta());
                return Err(Error::invalid("assign", text).at(Place::caller()));
            }
        })
    }
}

/// The scatter updates: rows or elements of the value replaced or changed, with their twins.
macro_rules! scatters {
    ($($(#[$doc:meta])* $rows:ident / $try_rows:ident, $nd:ident / $try_nd:ident = $op:ident;)*) => {
        impl Variable { $(
            $(#[$doc])*
            ///
            /// `indices` (i32 or i64) name positions on the first axis, `updates` has the shape of `indices` and then that
            /// of a row. An index outside the axis is an error, and nothing is written.
            ///
            /// # Panics
            ///
            /// If dtypes, shapes or indices do not fit; the twin has `try_` before its name.
            #[track_caller]
            pub fn $rows(&self, indices: &Tensor, updates: &Tensor) {
                self.$try_rows(indices, updates).or_raise();
            }
            #[doc = concat!("Like [`Variable::", stringify!($rows), "`], but returns the error.")]
            #[track_caller]
            pub fn $try_rows(&self, indices: &Tensor, updates: &Tensor) -> Result<()> {
                self.$try_nd(&indices.try_expand_dims(-1)?, updates)
            }
            #[doc = concat!("Like [`Variable::", stringify!($rows), "`], with whole positions: the last axis of `indices` \
                             names one position on each of the first axes.")]
            #[track_caller]
            pub fn $nd(&self, indices: &Tensor, updates: &Tensor) {
                self.$try_nd(indices, updates).or_raise();
            }
            #[doc = concat!("Like [`Variable::", stringify!($nd), "`], but returns the error.")]
            #[track_caller]
            pub fn $try_nd(&self, indices: &Tensor, updates: &Tensor) -> Result<()> {
                self.update(|old| old.$op(indices, updates))
            }
        )* }
    };
}

scatters! {
    /// Replaces rows; of two updates of one row the later stays.
    ///
    /// Source: `tf.Variable.scatter_update`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let v = tf::Variable::new(tf::constant([1.0, 2.0, 3.0]));
    /// v.scatter_update(&tf::constant([2, 0]), &tf::constant([30.0, 10.0]));
    /// assert_eq!(v.read().to_vec::<f32>().unwrap(), [10.0, 2.0, 30.0]);
    /// ```
    scatter_update / try_scatter_update, scatter_nd_update / try_scatter_nd_update = try_tensor_scatter_nd_update;
    /// Adds to rows, as often as they are named.
    ///
    /// Source: `tf.Variable.scatter_add`.
    scatter_add / try_scatter_add, scatter_nd_add / try_scatter_nd_add = try_tensor_scatter_nd_add;
    /// Subtracts from rows, as often as they are named.
    ///
    /// Source: `tf.Variable.scatter_sub`.
    scatter_sub / try_scatter_sub, scatter_nd_sub / try_scatter_nd_sub = try_tensor_scatter_nd_sub;
    /// The larger of the old elements and the updates.
    ///
    /// Source: `tf.Variable.scatter_max`.
    scatter_max / try_scatter_max, scatter_nd_max / try_scatter_nd_max = try_tensor_scatter_nd_max;
    /// The smaller of the old elements and the updates.
    ///
    /// Source: `tf.Variable.scatter_min`.
    scatter_min / try_scatter_min, scatter_nd_min / try_scatter_nd_min = try_tensor_scatter_nd_min;
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Variable({}: {})", self.name(), self.meta())
    }
}

impl From<&Variable> for Tensor {
    #[track_caller]
    fn from(v: &Variable) -> Tensor {
        v.read()
    }
}

impl Variable {
    /// Copies new host elements in: over the old ones if nobody else holds them, else into new memory. The caller has
    /// checked the meta.
    pub(crate) fn overwrite(&self, bytes: &[u8]) -> Result<()> {
        let mut value = self.lock();
        if let Some(unique) = value.bytes_mut() {
            unique.copy_from_slice(bytes);
            return Ok(());
        }
        *value = Tensor::from_raw(self.meta().clone(), bytes)?;
        Ok(())
    }
}
