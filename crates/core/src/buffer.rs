//! Host memory of a tensor: aligned, fallible, shared; a few bytes lie in the tensor itself.
//!
//! One of the few files with `unsafe`. Memory is always initialised bytes (see `memory.rs`).

use crate::error::{Error, Kind, Result};
use crate::memory;
use crate::recycled::{Left, Recycle, Recycled};
use std::any::Any;
use std::cell::RefCell;
use std::ptr::NonNull;
use std::thread::LocalKey;

/// Initialised bytes, owned.
pub struct Buffer {
    ptr: NonNull<u8>,
    len: usize,
    owner: Owner,
}

enum Owner {
    /// Recycled memory.
    Own,
    /// A `Vec` of somebody, kept alive; the pointer is its data.
    Adopted(#[allow(dead_code, reason = "held for its Drop")] Box<dyn Any + Send + Sync>),
    /// Nothing to free.
    Empty,
}

// SAFETY: a buffer is plain bytes with one owner; shared access is read-only, exclusive access needs `&mut`.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// No bytes.
    const EMPTY: Buffer = Buffer { ptr: NonNull::<u128>::dangling().cast(), len: 0, owner: Owner::Empty };

    /// `len` zero bytes, or `ResourceExhausted`.
    pub fn zeroed(len: usize) -> Result<Buffer> {
        Buffer::of(len, true)
    }
    /// `len` bytes of any value, to be overwritten, or `ResourceExhausted`.
    pub fn room(len: usize) -> Result<Buffer> {
        Buffer::of(len, false)
    }
    fn of(len: usize, zeroed: bool) -> Result<Buffer> {
        if len == 0 {
            return Ok(Buffer::EMPTY);
        }
        let ptr = memory::take(len, zeroed).ok_or_else(|| exhausted(len))?;
        Ok(Buffer { ptr, len, owner: Owner::Own })
    }
    /// Takes over a vector's memory without copying it.
    pub fn adopt<T: bytemuck::NoUninit + Send + Sync>(values: Vec<T>) -> Buffer {
        let values = Box::new(values);
        let len = size_of_val(values.as_slice());
        // A `Vec`'s pointer is not null, even when it is empty.
        let ptr = NonNull::from(values.as_slice()).cast();
        Buffer { ptr, len, owner: Owner::Adopted(values) }
    }
    /// All bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `ptr` points to `len` initialised bytes that live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len) }
    }
    /// All bytes, writable.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and `&mut self` excludes every other access. An adopted vector is reached only here.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }
    /// The first byte, for an executor that hands disjoint parts of one arena to its steps.
    #[inline]
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }
}

#[cold]
fn exhausted(len: usize) -> Error {
    Error::new(Kind::ResourceExhausted, "memory", format!("out of memory: {len} bytes were asked for"))
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if matches!(self.owner, Owner::Own) {
            // SAFETY: taken in `of` with this length, and given back once.
            unsafe { memory::give_back(self.ptr, self.len) }
        }
    }
}

/// So many bytes lie in the storage itself.
const FEW: usize = 64;

/// The data of a host tensor: a few bytes, or a window of a shared buffer.
#[derive(Clone)]
pub struct Storage(Repr);

#[derive(Clone)]
enum Repr {
    Few(u8, Few),
    Shared { buffer: Recycled<Buffer>, offset: usize, len: usize },
}

thread_local! {
    /// What the last buffers left when they went.
    static LEFT: Left<Buffer> = const { RefCell::new(Vec::new()) };
}

impl Recycle for Buffer {
    fn go(&mut self) {
        *self = Buffer::EMPTY;
    }
    #[inline]
    fn left() -> &'static LocalKey<Left<Buffer>> {
        &LEFT
    }
}

/// Aligned for every element type.
#[derive(Clone, Copy)]
#[repr(align(16))]
struct Few([u8; FEW]);

impl Storage {
    /// The whole of a buffer.
    pub fn new(buffer: Buffer) -> Storage {
        let len = buffer.len;
        Storage(Repr::Shared { buffer: Recycled::new(buffer), offset: 0, len })
    }
    /// `len` bytes of any value, to be overwritten, or `ResourceExhausted`.
    #[inline]
    pub fn room(len: usize) -> Result<Storage> {
        match len <= FEW {
            true => Ok(Storage::few(len)),
            false => Ok(Storage::new(Buffer::room(len)?)),
        }
    }
    /// Whether so many bytes lie in the storage itself.
    #[inline]
    pub(crate) fn is_few(len: usize) -> bool {
        len <= FEW
    }
    /// A few zeros.
    #[inline]
    pub(crate) fn few(len: usize) -> Storage {
        Storage(Repr::Few(len as u8, Few([0; FEW])))
    }
    /// A copy of these bytes, or `ResourceExhausted`.
    pub fn copied(bytes: &[u8]) -> Result<Storage> {
        let mut storage = Storage::room(bytes.len())?;
        if let Some(own) = storage.bytes_mut() {
            own.copy_from_slice(bytes);
        }
        Ok(storage)
    }
    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Few(len, few) => &few.0[..*len as usize],
            Repr::Shared { buffer, offset, len } => &buffer.bytes()[*offset..offset + len],
        }
    }
    /// A part of the window.
    pub fn window(&self, from: usize, count: usize) -> Storage {
        let whole = self.bytes().len();
        assert!(from + count <= whole, "a window inside the storage");
        match &self.0 {
            Repr::Few(_, few) => {
                let mut part = Few([0; FEW]);
                part.0[..count].copy_from_slice(&few.0[from..from + count]);
                Storage(Repr::Few(count as u8, part))
            }
            Repr::Shared { buffer, offset, .. } => {
                Storage(Repr::Shared { buffer: buffer.clone(), offset: offset + from, len: count })
            }
        }
    }
    /// The bytes, writable, if nobody else holds them.
    #[inline]
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        match &mut self.0 {
            Repr::Few(len, few) => Some(&mut few.0[..*len as usize]),
            Repr::Shared { buffer, offset, len } => {
                buffer.get_mut().map(|b| &mut b.bytes_mut()[*offset..*offset + *len])
            }
        }
    }
    /// Whether two storages share a buffer. A few bytes are never shared.
    pub fn shares(&self, other: &Storage) -> bool {
        match (&self.0, &other.0) {
            (Repr::Shared { buffer: a, .. }, Repr::Shared { buffer: b, .. }) => std::ptr::eq(&**a, &**b),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_zeroed_and_adopted() {
        let mut b = Buffer::zeroed(100).unwrap();
        assert_eq!(b.as_ptr() as usize % memory::ALIGN, 0);
        assert!(b.bytes().iter().all(|x| *x == 0));
        b.bytes_mut()[99] = 7;
        let mut s = Storage::new(b);
        assert_eq!(s.window(98, 2).bytes(), [0, 7]);
        assert!(s.bytes_mut().is_some());
        let other = s.clone();
        assert!(s.bytes_mut().is_none() && s.shares(&other));
        let v = Buffer::adopt(vec![1i32, -1]);
        assert_eq!(bytemuck::cast_slice::<u8, i32>(v.bytes()), [1, -1]);
        assert!(Buffer::adopt(Vec::<f64>::new()).bytes().is_empty());
        assert!(Buffer::zeroed(0).unwrap().bytes().is_empty());
    }

    #[test]
    fn a_few_bytes_are_copied_not_shared() {
        let mut s = Storage::copied(&[1, 2, 3, 4]).unwrap();
        let other = s.clone();
        s.bytes_mut().unwrap()[0] = 9;
        assert_eq!((s.bytes(), other.window(1, 2).bytes()), (&[9, 2, 3, 4][..], &[2, 3][..]));
        assert!(!s.shares(&other) && (s.bytes().as_ptr() as usize).is_multiple_of(16));
        let many = Storage::copied(&[7; 65]).unwrap();
        assert!(many.shares(&many.clone()));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri ends where it has no memory")]
    fn a_huge_request_is_an_error() {
        let e = Buffer::zeroed(isize::MAX as usize / 2).err().unwrap();
        assert_eq!(e.kind(), Kind::ResourceExhausted);
        assert!(Buffer::zeroed(usize::MAX).is_err());
    }
}
