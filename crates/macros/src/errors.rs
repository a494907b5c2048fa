//! Errors are collected, so that the user sees all of them at once.

use proc_macro2::Span;
use syn::Error;

/// What is wrong with an item, in the order found.
#[derive(Default)]
pub struct Errors(Vec<Error>);

impl Errors {
    pub fn push(&mut self, error: Error) {
        self.0.push(error);
    }
    pub fn at(&mut self, span: Span, text: impl std::fmt::Display) {
        self.push(Error::new(span, text));
    }
    /// An error over all tokens of something.
    pub fn on(&mut self, tokens: &impl quote::ToTokens, text: impl std::fmt::Display) {
        self.push(Error::new_spanned(tokens, text));
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn into_iter(self) -> impl Iterator<Item = Error> {
        self.0.into_iter()
    }
}
