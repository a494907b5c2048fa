//! Host memory: aligned, fallible, shared.
//!
//! One of the few files with `unsafe`. Fresh memory is zeroed, so that a buffer is always initialised bytes.

use crate::error::{Error, Kind, Result};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;

/// Alignment of every allocation: a cache line, and the widest vector.
pub(crate) const ALIGN: usize = 64;

/// Initialised bytes, owned.
pub struct Buffer {
    ptr: NonNull<u8>,
    len: usize,
    owner: Owner,
}

enum Owner {
    /// Allocated here, with this layout.
    Own(Layout),
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
    /// `len` zero bytes, or `ResourceExhausted`.
    pub fn zeroed(len: usize) -> Result<Buffer> {
        if len == 0 {
            return Ok(Buffer { ptr: NonNull::<u128>::dangling().cast(), len, owner: Owner::Empty });
        }
        let layout = Layout::from_size_align(len, ALIGN).map_err(|_| exhausted(len))?;
        // SAFETY: the layout has a size that is not zero.
        let ptr = NonNull::new(unsafe { alloc_zeroed(layout) }).ok_or_else(|| exhausted(len))?;
        Ok(Buffer { ptr, len, owner: Owner::Own(layout) })
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
        if let Owner::Own(layout) = self.owner {
            // SAFETY: allocated in `zeroed` with this layout, and freed once.
            unsafe { dealloc(self.ptr.as_ptr(), layout) }
        }
    }
}

/// A window of a shared buffer: the data of a host tensor.
#[derive(Clone)]
pub struct Storage {
    buffer: Arc<Buffer>,
    offset: usize,
    len: usize,
}

impl Storage {
    /// The whole of a buffer.
    pub fn new(buffer: Buffer) -> Storage {
        let len = buffer.len;
        Storage { buffer: Arc::new(buffer), offset: 0, len }
    }
    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer.bytes()[self.offset..self.offset + self.len]
    }
    /// A part of the window.
    pub fn window(&self, offset: usize, len: usize) -> Storage {
        assert!(offset + len <= self.len, "a window inside the storage");
        Storage { buffer: self.buffer.clone(), offset: self.offset + offset, len }
    }
    /// The bytes, writable, if nobody else holds the buffer.
    #[inline]
    pub fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        let (offset, len) = (self.offset, self.len);
        Arc::get_mut(&mut self.buffer).map(|b| &mut b.bytes_mut()[offset..offset + len])
    }
    /// Whether two storages share a buffer.
    pub fn shares(&self, other: &Storage) -> bool {
        Arc::ptr_eq(&self.buffer, &other.buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_zeroed_and_adopted() {
        let mut b = Buffer::zeroed(100).unwrap();
        assert_eq!(b.as_ptr() as usize % ALIGN, 0);
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
    fn a_huge_request_is_an_error() {
        let e = Buffer::zeroed(isize::MAX as usize / 2).err().unwrap();
        assert_eq!(e.kind(), Kind::ResourceExhausted);
        assert!(Buffer::zeroed(usize::MAX).is_err());
    }
}
