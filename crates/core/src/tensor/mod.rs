//! The tensor: one plain type for every dtype, rank and device.

mod arrays;
mod axes;
mod display;
mod faces;
mod literal;
mod operand;
mod operators;
mod slices;
mod spec;
pub(crate) mod template;

pub use axes::{Axes, NewShape, Parts};
pub(crate) use faces::{faces, free_faces};
pub use literal::{Literal, Values, constant, constant_f64, try_constant, try_constant_f64};
pub(crate) use operand::operands;
pub use operand::{AsOperand, Operand, Scalar};
pub use slices::{SliceItem, Slices};
pub use spec::tensor_spec;

use crate::buffer::{Buffer, Storage};
use crate::device::{Device, RemoteBuffer};
use crate::dtype::{DType, Element};
use crate::error::{Error, Kind, Place, Result};
use crate::graph::Value;
use crate::recycled::{Left, Recycle, Recycled};
use crate::shape::{Meta, Shape};
use std::cell::RefCell;
use std::sync::Arc;
use std::thread::LocalKey;

/// A multi-dimensional array. Immutable, cheap to clone, `Send + Sync`.
///
/// Dtype, shape and device are values known at run time. Inside a traced function a tensor may be *symbolic*: it has a
/// dtype and a shape but no elements yet.
///
/// `Tensor` has no `PartialEq`: `==` belongs to the element-wise meaning inside `#[function]`. Compare values with
/// [`Tensor::to_vec`] or `assert_close!`.
#[derive(Clone)]
pub struct Tensor(Recycled<Inner>);

thread_local! {
    /// What the last tensors left when they went.
    static LEFT: Left<Inner> = const { RefCell::new(Vec::new()) };
}

impl Recycle for Inner {
    #[inline]
    fn go(&mut self) {
        self.repr = Repr::Gone;
    }
    #[inline]
    fn left() -> &'static LocalKey<Left<Inner>> {
        &LEFT
    }
}

pub(crate) struct Inner {
    pub(crate) meta: Meta,
    pub(crate) repr: Repr,
}

/// Where the elements are.
pub(crate) enum Repr {
    /// In host memory.
    Host(Storage),
    /// On a device.
    Remote(Device, Arc<dyn RemoteBuffer>),
    /// Nowhere yet: a value of the graph of the trace with this number.
    Symbol(Symbol),
    /// Nowhere any more: the tensor was dropped.
    Gone,
}

/// A value of a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Symbol {
    pub(crate) trace: u64,
    pub(crate) value: Value,
}

impl Tensor {
    #[inline]
    fn inner(&self) -> &Inner {
        &self.0
    }
    #[inline]
    pub(crate) fn new(meta: Meta, repr: Repr) -> Tensor {
        Tensor(Recycled::new(Inner { meta, repr }))
    }
    /// A host tensor of so many bytes, which `fill` writes.
    #[inline]
    pub(crate) fn filled(meta: &Meta, bytes: usize, fill: impl FnOnce(&mut [u8])) -> Result<Tensor> {
        let mut fill = Some(fill);
        let mut write = |storage: &mut Storage| {
            if let (Some(room), Some(fill)) = (storage.bytes_mut(), fill.take()) {
                fill(room);
            }
        };
        if Storage::is_few(bytes) {
            let made = Recycled::again(|place: &mut Inner| {
                place.meta.clone_from(meta);
                place.repr = Repr::Host(Storage::few(bytes));
                if let Repr::Host(storage) = &mut place.repr {
                    write(storage);
                }
            });
            if let Some(made) = made {
                return Ok(Tensor(made));
            }
        }
        let mut storage = Storage::room(bytes)?;
        write(&mut storage);
        Ok(Tensor::new(meta.clone(), Repr::Host(storage)))
    }
    /// A host tensor over existing storage.
    ///
    /// # Panics
    ///
    /// If the storage has not exactly the bytes that the meta says.
    pub fn from_storage(meta: Meta, storage: Storage) -> Tensor {
        if meta.bytes() != Some(storage.bytes().len()) {
            panic!("storage of {meta}");
        }
        Tensor::new(meta, Repr::Host(storage))
    }
    /// A tensor whose elements lie on a device.
    pub fn from_remote(meta: Meta, device: Device, buffer: Arc<dyn RemoteBuffer>) -> Tensor {
        Tensor::new(meta, Repr::Remote(device, buffer))
    }
    /// A host tensor that takes over a vector, row-major, without copying it.
    ///
    /// # Errors
    ///
    /// If the vector has not exactly the elements of the shape.
    #[track_caller]
    pub fn from_vec<T: Element>(values: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
        let meta = Meta::new(T::DTYPE, shape);
        if meta.shape.elements() != values.len() {
            let text = format!("{} values do not fill the shape {}", values.len(), meta.shape);
            return Err(Error::invalid("constant", text).at(Place::caller()));
        }
        Ok(Tensor::from_storage(meta, Storage::new(adopt(values))))
    }
    /// The dtype.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.inner().meta.dtype
    }
    /// The shape.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.inner().meta.shape
    }
    /// The number of dimensions.
    #[inline]
    pub fn rank(&self) -> usize {
        self.inner().meta.shape.rank()
    }
    /// Dtype and shape.
    #[inline]
    pub fn meta(&self) -> &Meta {
        &self.inner().meta
    }
    /// The device that holds the elements; for a symbolic tensor, the device that its graph is traced for.
    pub fn device(&self) -> Device {
        match &self.inner().repr {
            Repr::Host(_) | Repr::Gone => Device::cpu(),
            Repr::Remote(device, _) => *device,
            Repr::Symbol(_) if self.is_spec() => Device::current(),
            Repr::Symbol(s) => crate::trace::device_of(s.trace),
        }
    }
    /// Whether this is a value of a graph that is being traced, without elements.
    #[inline]
    pub fn is_symbolic(&self) -> bool {
        matches!(self.inner().repr, Repr::Symbol(_))
    }
    pub(crate) fn symbol(&self) -> Option<Symbol> {
        match self.inner().repr {
            Repr::Symbol(s) => Some(s),
            _ => None,
        }
    }
    /// What tells this tensor from all others alive.
    #[inline]
    pub(crate) fn id(&self) -> usize {
        std::ptr::from_ref(self.inner()) as usize
    }
    /// Another tensor with the same elements in the same memory: a new identity for a tape.
    pub(crate) fn alias(&self) -> Tensor {
        let repr = match &self.inner().repr {
            Repr::Host(s) => Repr::Host(s.clone()),
            Repr::Remote(d, b) => Repr::Remote(*d, b.clone()),
            Repr::Symbol(s) => Repr::Symbol(*s),
            Repr::Gone => Repr::Gone,
        };
        Tensor::new(self.inner().meta.clone(), repr)
    }
    /// The host storage without copying, if the elements are in host memory.
    #[inline]
    pub fn host(&self) -> Option<&Storage> {
        match &self.inner().repr {
            Repr::Host(s) => Some(s),
            _ => None,
        }
    }
    /// The device's own buffer, if the elements are on a device.
    pub fn remote(&self) -> Option<(Device, &Arc<dyn RemoteBuffer>)> {
        match &self.inner().repr {
            Repr::Remote(d, b) => Some((*d, b)),
            _ => None,
        }
    }
    /// The elements in host memory, read back from the device if need be.
    ///
    /// # Errors
    ///
    /// If the device fails, or the tensor is symbolic.
    #[track_caller]
    pub fn storage(&self) -> Result<Storage> {
        match &self.inner().repr {
            Repr::Host(s) => Ok(s.clone()),
            Repr::Remote(device, buffer) => device.backend().download(self.meta(), buffer),
            Repr::Symbol(_) | Repr::Gone => Err(no_value(self).at(Place::caller())),
        }
    }
    /// The elements, row-major.
    ///
    /// # Errors
    ///
    /// If `T` is not the tensor's dtype, the device fails, or the tensor is symbolic.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// # fn main() -> tf::Result<()> {
    /// assert_eq!(tf::constant([[1, 2], [3, 4]]).to_vec::<i32>()?, [1, 2, 3, 4]);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        if T::DTYPE != self.dtype() {
            let text = format!("the tensor is {}, {} was asked for", self.meta(), T::DTYPE);
            let hint = format!("cast first: x.cast(tf::{}), or read {}", T::DTYPE, self.dtype());
            return Err(Error::invalid("to_vec", text).with_hint(hint).at(Place::caller()));
        }
        let storage = self.storage()?;
        Ok(bytemuck::cast_slice::<u8, T::Store>(storage.bytes()).iter().map(|v| T::load(*v)).collect())
    }
    /// The only element.
    ///
    /// # Errors
    ///
    /// If there is not exactly one, or as for [`Tensor::to_vec`].
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T> {
        match self.to_vec::<T>()?.as_slice() {
            [one] => Ok(*one),
            many => {
                let text = format!("{} has {} elements, not one", self.meta(), many.len());
                Err(Error::invalid("item", text).at(Place::caller()))
            }
        }
    }
    /// All elements as `f64`, whatever the dtype: for printing, plots and tests.
    ///
    /// # Errors
    ///
    /// As for [`Tensor::to_vec`].
    #[track_caller]
    pub fn to_f64_vec(&self) -> Result<Vec<f64>> {
        crate::with_element!(self.dtype(), T => {
            Ok(self.to_vec::<T>()?.into_iter().map(Element::to_f64).collect())
        })
    }
    /// A copy on another device, or this tensor if it is there already. The gradient flows back.
    ///
    /// # Errors
    ///
    /// If there is no such device or the transfer fails. Inside a trace a tensor stays where the graph runs.
    #[track_caller]
    pub fn to(&self, device: impl crate::device::IntoDevice) -> Result<Tensor> {
        crate::device::transfer(self, device.into_device()?)
    }
    /// The host elements, writable, if this is the only handle to them.
    pub(crate) fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        match self.0.get_mut() {
            Some(Inner { repr: Repr::Host(storage), .. }) => storage.bytes_mut(),
            _ => None,
        }
    }
    pub(crate) fn same_literal(&self, other: &Tensor) -> bool {
        self.meta() == other.meta()
            && match (self.host(), other.host()) {
                (Some(a), Some(b)) => a.bytes() == b.bytes(),
                _ => self.id() == other.id(),
            }
    }
}

/// The message for reading a tensor that has no elements.
#[cold]
pub(crate) fn no_value(x: &Tensor) -> Error {
    if x.is_spec() {
        return spec::no_value(x);
    }
    let text = format!("{} is symbolic: it has no value while its function is traced", x.meta());
    Error::new(Kind::FailedPrecondition, "tensor", text)
        .with_hint("return it from the function, use `tf::print`, or step eagerly with `tf::run_functions_eagerly(true)`")
}

fn adopt<T: Element>(values: Vec<T>) -> Buffer {
    let mut slot = Some(values);
    let any: &mut dyn std::any::Any = &mut slot;
    match any.downcast_mut::<Option<Vec<T::Store>>>() {
        Some(same) => Buffer::adopt(same.take().unwrap_or_default()),
        None => Buffer::adopt(slot.unwrap_or_default().into_iter().map(T::store).collect()),
    }
}
