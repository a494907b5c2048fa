//! See the targets of this package.

#![forbid(unsafe_code)]
