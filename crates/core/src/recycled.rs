//! Shared values that leave their place to the next of their kind: an eager op then allocates nothing for its result.

use std::cell::RefCell;
use std::ops::Deref;
use std::sync::Arc;
use std::thread::LocalKey;

/// A thread keeps so many places of each kind.
const LEFT_AT_MOST: usize = 64;

/// The places that a thread keeps.
pub(crate) type Left<T> = RefCell<Vec<Arc<T>>>;

/// What lies in a [`Recycled`].
pub(crate) trait Recycle: Sized + 'static {
    /// Lets go what the value holds; what stays behind waits to be overwritten.
    fn go(&mut self);
    /// The places left on this thread.
    fn left() -> &'static LocalKey<Left<Self>>;
}

/// A value that is shared. The last handle to go leaves the place in which it was counted.
pub(crate) struct Recycled<T: Recycle>(Option<Arc<T>>);

impl<T: Recycle> Recycled<T> {
    #[inline]
    pub(crate) fn new(value: T) -> Self {
        match T::left().try_with(|left| left.borrow_mut().pop()).ok().flatten() {
            Some(mut again) => {
                match Arc::get_mut(&mut again) {
                    Some(place) => *place = value,
                    None => again = Arc::new(value),
                }
                Recycled(Some(again))
            }
            None => Recycled(Some(Arc::new(value))),
        }
    }
    /// A place that was left, made a value by `make` where it lies, so that it need not be moved there; `None` if there is none.
    #[inline]
    pub(crate) fn again(make: impl FnOnce(&mut T)) -> Option<Self> {
        let mut left = T::left().try_with(|left| left.borrow_mut().pop()).ok().flatten()?;
        make(Arc::get_mut(&mut left)?);
        Some(Recycled(Some(left)))
    }
    /// The value, if nobody else holds it.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut().and_then(Arc::get_mut)
    }
}

impl<T: Recycle> Clone for Recycled<T> {
    #[inline]
    fn clone(&self) -> Self {
        Recycled(self.0.clone())
    }
}

impl<T: Recycle> Deref for Recycled<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        match &self.0 {
            Some(value) => value,
            None => unreachable!("a handle that went"),
        }
    }
}

impl<T: Recycle> Drop for Recycled<T> {
    #[inline]
    fn drop(&mut self) {
        let Some(mut last) = self.0.take() else { return };
        // The usual case first, because to be sure of being the last costs more. If two think so at once, the place is freed.
        if Arc::strong_count(&last) > 1 {
            return;
        }
        let Some(value) = Arc::get_mut(&mut last) else { return };
        // Its parts go now; not while the list is borrowed, because their end may run other code.
        value.go();
        // While a thread ends there may be no list.
        let _ = T::left().try_with(|left| {
            let mut left = left.borrow_mut();
            if left.len() < LEFT_AT_MOST {
                left.push(last);
            }
        });
    }
}
