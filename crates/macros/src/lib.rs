//! `#[function]`, `#[derive(Module)]` and `#[derive(Structure)]` of Tenfold.
//!
//! args → parse → check → lower → emit. [`args`](self) reads the options, `parse` makes a small model of the item, `check` collects
//! everything that is wrong with it, `lower` puts what control flow over tensors needs around the statements of its body (with
//! what `analyse` finds in them), `emit` writes the code and is the only place that quotes any.
//!
//! Users take these through the `tenfold` crate.

#![forbid(unsafe_code)]

mod analyse;
mod args;
mod check;
mod emit;
mod errors;
mod lists;
mod lower;
mod parse;
mod shapes;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

/// Makes a function a graph, traced once for each signature of its arguments.
///
/// The function is called as before. A call's signature is the dtype and shape of tensors, the identity of variables, and
/// type and value of everything else; for each signature the body runs once with symbolic tensors, and the graph that it
/// makes serves all later calls. Arguments may be tensors, variables, host values, and structures of them
/// (`#[derive(Module)]`), by value, as `&T`, `&[T]`, `&str` or `Option<&T>`. The result is built of the same things; a
/// function that returns `tf::Result` gives every error as `Err`.
///
/// Beside `fn f` there is a `mod f`: `f::trace_count()`, `f::signatures()`, `f::misses()`, `f::clear_cache()`, and (not for
/// generic functions) `f::graph(args..)`, `f::concrete(args..)`, `f::cost(args..)` and `f::memory(args..)`, which run nothing.
/// For a method `m` there is `Type::m_function()`, a `&'static tf::Function` with the same; `graph_of(|| ..)` and its kin take a
/// closure that calls the method.
///
/// | option | meaning |
/// | --- | --- |
/// | `signature = [x: [batch, 3], y: f32[batch], z: [_]]` | these dimensions are open: one trace serves all sizes; equal names must be equal sizes |
/// | `x: [batch, 3]` | the same, shorter |
/// | `max_traces = n` | an error instead of more traces |
/// | `max_bytes = "2 GiB"`, `max_bytes = n` | an error instead of a call that needs more memory, before it runs |
/// | `relax_shapes` | from the second differing call on, the sizes that differed are open |
/// | `fast_math` | rewrites that change bits by some roundings are welcome: `docs/functions.md` has the list |
/// | `inline = false` | inside another function, put the nodes of a trace of its own there instead of running the body |
/// | `associated` | the function has no `self` and stands in an `impl` |
/// | `crate = ::path` | where Tenfold is |
#[proc_macro_attribute]
pub fn function(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_function(args.into(), item.into()).into()
}

/// The same as [`macro@function`], for those who import it by name.
#[proc_macro_attribute]
pub fn tf_function(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_function(args.into(), item.into()).into()
}

/// Makes a struct or enum a `Module`: its variables have names by path, and it can be an argument of a traced function.
///
/// Every field must be a `Structure`: variables, tensors, modules, host values, `Vec`, `Option`, maps of them. A field with
/// `#[module(skip)]` is neither visited nor part of the cache key, and must be `Clone`.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(item: TokenStream) -> TokenStream {
    expand_derive(item.into(), true).into()
}

/// Makes a struct or enum a `Structure`: it can be an argument or a result of a traced function.
#[proc_macro_derive(Structure, attributes(module))]
pub fn derive_structure(item: TokenStream) -> TokenStream {
    expand_derive(item.into(), false).into()
}

fn expand_function(
    args: proc_macro2::TokenStream,
    item: proc_macro2::TokenStream,
) -> proc_macro2::TokenStream {
    let untouched = item.clone();
    let mut errors = errors::Errors::default();
    let options = args::options(args, &mut errors);
    let expanded = match parse::function(item) {
        Ok(mut function) => {
            check::function(&function, &options, &mut errors);
            let private = emit::private(&options.root);
            let block = &mut function.item.block;
            function.lowered = lower::body(&function.item.sig, block, &private, &mut errors);
            match errors.is_empty() {
                true => emit::function(&function, &options),
                false => untouched,
            }
        }
        Err(error) => {
            errors.push(error);
            untouched
        }
    };
    emit::with_errors(expanded, errors)
}

fn expand_derive(item: proc_macro2::TokenStream, module: bool) -> proc_macro2::TokenStream {
    let mut errors = errors::Errors::default();
    let expanded = match parse::structure(item, &mut errors) {
        Ok(structure) if errors.is_empty() => emit::structure(&structure, module),
        Ok(_) => proc_macro2::TokenStream::new(),
        Err(error) => {
            errors.push(error);
            proc_macro2::TokenStream::new()
        }
    };
    emit::with_errors(expanded, errors)
}
