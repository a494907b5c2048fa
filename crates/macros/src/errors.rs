//! Errors are collected, so that the user sees all of them at once; and everything that the macros refuse, in one list.

use proc_macro2::Span;
use std::fmt::{Display, Formatter};
use syn::Error;

/// What is wrong with an item, in the order found.
#[derive(Default)]
pub struct Errors(Vec<Error>);

impl Errors {
    pub fn push(&mut self, error: Error) {
        self.0.push(error);
    }
    pub fn at(&mut self, span: Span, text: impl Display) {
        self.push(Error::new(span, text));
    }
    /// An error over all tokens of something.
    pub fn on(&mut self, tokens: &impl quote::ToTokens, text: impl Display) {
        self.push(Error::new_spanned(tokens, text));
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn into_iter(self) -> impl Iterator<Item = Error> {
        self.0.into_iter()
    }
}

/// Something that a macro refuses: why, and what to do instead.
#[derive(Clone, Copy)]
pub struct Rejection {
    /// The file under `tests/ui` that shows it.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the test that walks the list"))]
    pub file: &'static str,
    /// `{}` stands for what the user wrote.
    pub text: &'static str,
}

impl Rejection {
    /// The text with these in it, in order.
    pub fn with(&self, parts: &[&dyn Display]) -> String {
        parts.iter().fold(self.text.to_string(), |text, part| text.replacen("{}", &part.to_string(), 1))
    }
}

impl Display for Rejection {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text)
    }
}

macro_rules! rejections {
    ($($name:ident, $file:literal: $text:literal;)*) => {
        $(pub const $name: Rejection = Rejection { file: $file, text: $text };)*
        /// All of them.
        #[cfg(test)]
        pub const ALL: &[Rejection] = &[$($name),*];
    };
}

rejections! {
    NOT_A_FUNCTION, "not_a_function": "`#[function]` goes on a function with a body: {}";
    ASYNC, "async_fn": "a traced function cannot be async: a graph has nothing to wait for. Await outside of it, and trace \
        the part that computes";
    CONST, "const_fn": "a traced function cannot be const: its cache lives at run time. Take the `const` away";
    UNSAFE, "unsafe_fn": "a traced function cannot be unsafe: its body runs when a trace is made, not at each call. Make it \
        safe, with a block around what is unsafe in it";
    EXTERN, "extern_fn": "a traced function cannot be extern: it is called through its cache, by Rust. Let an extern \
        function call it";
    MUTABLE, "mutable_argument": "a traced function cannot change its arguments: the change would happen when a trace is made, \
        not at each call. Return the new value, or keep it in a `tf::Variable`";
    RECEIVER, "boxed_self": "a traced method takes `&self` or `self`: its trace is made with another `self` in its place";
    IMPL_ARGUMENT, "impl_argument": "name the type: a type parameter `T` instead of `impl ..`";
    IMPL_RESULT, "impl_result": "name the type of the result: it is kept with the trace";
    BORROWED, "borrowed_result": "return an owned value: a graph makes its results anew";
    AWAIT, "await_inside": "a traced function cannot await: its body runs when a trace is made, not at each call. Await outside \
        of it, and pass what came";
    YIELD, "yield_inside": "a traced function cannot yield: its body runs when a trace is made, not at each call. Return a list, \
        or fill a `tf::TensorArray`";
    STAGE, "stage_without_for": "`#[stage]` goes on a `for` over a range of integers, `a..b` or `a..=b`: it makes it a loop of the \
        graph";
    SHAPE, "shape_without_loop": "`#[shape(..)]` goes on a loop and says what shape a variable that it changes has in every turn, \
        with `_` for sizes that change: `#[tf::shape(x: [_, 4])]`";
    SHAPE_OF_NOTHING, "shape_of_nothing": "`{}` is not carried from turn to turn by this loop, which carries: {}";
    NO_ARGUMENT, "signature_of_nothing": "there is no argument `{}`; there are: {}";
    SIGNED_TWICE, "signature_twice": "`{}` has a signature already: say all of its dimensions once";
    NO_OPTION, "unknown_option": "there is no option `{}`; there are: {}";
    OPTION_TWICE, "option_twice": "`{}` is given twice: keep one";
    NO_TRACES, "no_traces": "`max_traces` is a number from 1: a function needs at least one trace";
    NO_BYTES, "no_bytes": "`max_bytes` is a number of bytes from 1, or a text such as \"2 GiB\" or \"1.5 MB\"";
    NOT_A_FLAG, "not_a_flag": "an option that is on or off takes `true` or `false`, or stands alone for `true`";
    NO_DTYPE, "signature_dtype": "there is no dtype `{}`; there are: {}";
    DIMENSION, "signature_dimension": "a dimension is a number, a name, or `_` for one that is not known";
    UNION, "union_module": "a union cannot be a module: which of its fields holds is not known. Make it a struct or an enum";
    ON_TYPE, "module_attribute": "on a type, `#[module(..)]` knows: crate = ::path";
    ON_FIELD, "field_attribute": "on a field, `#[module(..)]` knows: skip";
}
