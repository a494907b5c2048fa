//! The code that is written. Only here is any quoted.
//!
//! Generated names have mixed-site hygiene, so that they cannot meet the user's; the user's tokens keep their spans.

pub mod control;
mod function;
mod structure;

pub use function::function;
pub use structure::structure;

use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

/// The item and its errors: without the item every use of it would be an error too.
pub fn with_errors(expanded: TokenStream, errors: Errors) -> TokenStream {
    let errors = errors.into_iter().map(|e| e.to_compile_error());
    quote!(#expanded #(#errors)*)
}

/// Where generated code finds Tenfold's private functions.
pub fn private(root: &Option<Path>) -> TokenStream {
    match root {
        Some(root) => quote!(#root::__private),
        None => quote!(::tenfold::__private),
    }
}
