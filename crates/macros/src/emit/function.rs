//! `#[function]`: the body as it is, an entry under its name, and what stands beside it.

use crate::args::{Dim, Options};
use crate::parse::{Argument, Form, Function};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, FnArg, GenericParam, Generics, Ident, Type, Visibility};

pub fn function(function: &Function, options: &Options) -> TokenStream {
    let p = super::private(&options.root);
    let method = function.receiver || options.associated;
    let name = &function.item.sig.ident;
    let body_name = match method {
        true => format_ident!("__{name}_body"),
        false => Ident::new("__body", Span::mixed_site()),
    };
    let body = body(function, &body_name, method);
    let handle = match method {
        true => {
            let handle = format_ident!("{name}_function");
            quote!(Self::#handle())
        }
        false => quote!(#name::function()),
    };
    let callee = match method {
        true => quote!(Self::#body_name),
        false => quote!(#body_name),
    };
    let entry = entry(function, &p, &handle, &callee, method, if method { None } else { Some(&body) });
    let static_function = static_function(function, options, &p);
    match method {
        true => {
            let vis = &function.item.vis;
            let handle = format_ident!("{name}_function");
            let doc = format!(" The traces of `{name}`: their number, their graphs, why they were made.");
            // In `impl Trait for Type` nothing may be added, and the compiler names what was: this first.
            let advice = format_ident!(
                "{name}_IS_TRACED_AND_MUST_STAND_IN_AN_INHERENT_IMPL_WHERE_THE_TRAIT_METHOD_CAN_CALL_IT"
            );
            quote! {
                #[doc(hidden)]
                #[allow(dead_code, non_upper_case_globals)]
                const #advice: () = ();
                #entry
                #[doc(hidden)]
                #body
                #[doc = #doc]
                #[allow(dead_code)]
                #vis fn #handle() -> &'static #p::Function {
                    #static_function
                }
            }
        }
        false => {
            let beside = beside(function, &p, &static_function);
            quote!(#entry #beside)
        }
    }
}

/// The user's function under another name.
fn body(function: &Function, name: &Ident, method: bool) -> TokenStream {
    let item = &function.item;
    let lints = item.attrs.iter().filter(|a| is_lint(a));
    let (generics, inputs, output, block) =
        (&item.sig.generics, &item.sig.inputs, &item.sig.output, &item.block);
    let bounds = &generics.where_clause;
    let clippy = method.then(|| quote!(#[allow(clippy::too_many_arguments)]));
    let lowered = function.lowered.then(|| {
        quote!(#[allow(
            unused_mut, unused_assignments, unused_labels, unreachable_code, unused_parens, unused_braces, while_true
        )])
    });
    quote! {
        #(#lints)*
        #clippy
        #lowered
        fn #name #generics (#inputs) #output #bounds #block
    }
}

fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"].iter().any(|name| attribute.path().is_ident(name))
}

/// The function under its own name: key, look-up, run or trace.
fn entry(
    function: &Function,
    p: &TokenStream,
    handle: &TokenStream,
    callee: &TokenStream,
    method: bool,
    nested: Option<&TokenStream>,
) -> TokenStream {
    let item = &function.item;
    let (attrs, vis, name, generics) = (&item.attrs, &item.vis, &item.sig.ident, &item.sig.generics);
    let (bounds, output) = (&generics.where_clause, &item.sig.output);
    let inputs = item.sig.inputs.iter().zip(&function.arguments).map(|(input, a)| input_of(input, &a.name));
    let own = match &function.output {
        Some(ty) => quote!(#ty),
        None => quote!(()),
    };
    let track = (!attrs.iter().any(|a| a.path().is_ident("track_caller"))).then(|| quote!(#[track_caller]));
    let parameters = turbofish(generics);
    let instance = match method || !parameters.is_empty() {
        true => quote!(#p::instance_of(#callee #parameters)),
        false => quote!(""),
    };
    let (visit, v, r) = (hidden("visit"), hidden("v"), hidden("r"));
    let (run, done, pending) = (hidden("run"), hidden("done"), hidden("pending"));
    let names: Vec<&Ident> = function.arguments.iter().map(|a| &a.name).collect();
    let visits = function.arguments.iter().map(|a| visit_of(a, p, &v));
    let held: Vec<Ident> = (0..names.len()).map(|i| hidden(&format!("held_{i}"))).collect();
    let holds = function.arguments.iter().zip(&held).map(|(a, held)| hold_of(a, held, p, &r));
    let passes = function.arguments.iter().zip(&held).map(|(a, held)| match a.form {
        Form::Owned | Form::Object => quote!(#held),
        Form::Lent => quote!(&*#held),
        Form::Optional => quote!(#held.as_deref()),
    });
    let unused_r = function.arguments.is_empty().then(|| quote!(let _ = &#r;));
    let unused_v = function.arguments.is_empty().then(|| quote!(let _ = &#v;));
    quote! {
        #(#attrs)*
        #track
        #vis fn #name #generics (#(#inputs),*) #output #bounds {
            #nested
            let #visit = |#v: &mut #p::Visitor| { #unused_v #(#visits)* };
            match #p::call::<#own>(#handle, #instance, &#visit) {
                #p::Route::Run(#run) => #run.run(move || #callee #parameters (#(#names),*)),
                #p::Route::Done(#done) => #done,
                #p::Route::Trace(#pending) => #pending.trace(&#visit, |#r| {
                    #unused_r
                    #(#holds)*
                    #callee #parameters (#(#passes),*)
                }),
            }
        }
    }
}

/// A name that the user's code cannot meet.
fn hidden(name: &str) -> Ident {
    Ident::new(&format!("__{name}"), Span::mixed_site())
}

/// A parameter with a plain name for its pattern.
fn input_of(input: &FnArg, name: &Ident) -> TokenStream {
    match input {
        FnArg::Receiver(receiver) => {
            let mut receiver = receiver.clone();
            receiver.mutability = None;
            receiver.to_token_stream()
        }
        FnArg::Typed(typed) => {
            let ty = &typed.ty;
            let attrs = &typed.attrs;
            quote!(#(#attrs)* #name: #ty)
        }
    }
}

fn visit_of(argument: &Argument, p: &TokenStream, v: &Ident) -> TokenStream {
    let name = &argument.name;
    let text = name.to_string();
    match argument.form {
        Form::Owned => quote!(#p::argument(#v, #text, &#name);),
        Form::Lent | Form::Object => quote!(#p::argument(#v, #text, #name);),
        Form::Optional => quote!(#p::optional(#v, #text, #name);),
    }
}

fn hold_of(argument: &Argument, held: &Ident, p: &TokenStream, r: &Ident) -> TokenStream {
    let name = &argument.name;
    match argument.form {
        Form::Owned => quote!(let #held = #p::own(#r, &#name);),
        Form::Lent => quote!(let #held = #p::lend(#r, #name);),
        Form::Object => quote!(let #held = #p::same(#r, #name);),
        Form::Optional => quote!(let #held = #p::lend_optional(#r, #name);),
    }
}

/// `::<T, N>` for the type and const parameters, empty without.
fn turbofish(generics: &Generics) -> TokenStream {
    let names: Vec<&Ident> = generics
        .params
        .iter()
        .filter_map(|g| match g {
            GenericParam::Type(t) => Some(&t.ident),
            GenericParam::Const(c) => Some(&c.ident),
            _ => None,
        })
        .collect();
    if names.is_empty() { TokenStream::new() } else { quote!(::<#(#names),*>) }
}

/// The static that holds the cache, and a reference to it.
fn static_function(function: &Function, options: &Options, p: &TokenStream) -> TokenStream {
    let name = function.item.sig.ident.to_string();
    let specs = options.signature.iter().map(|spec| {
        let path = &spec.path;
        let dtype = match &spec.dtype {
            None => quote!(::core::option::Option::None),
            Some(dtype) => {
                let variant = Ident::new(&variant_of(&dtype.to_string()), Span::mixed_site());
                quote!(::core::option::Option::Some(#p::DType::#variant))
            }
        };
        let dims = spec.dims.iter().map(|d| match d {
            Dim::Any => quote!(#p::DimSpec::Any),
            Dim::Fixed(n) => quote!(#p::DimSpec::Fixed(#n)),
            Dim::Named(name) => {
                let name = name.to_string();
                quote!(#p::DimSpec::Named(#name))
            }
        });
        quote!(#p::TensorSpec { path: #path, dtype: #dtype, dims: &[#(#dims),*] })
    });
    let mut set: Vec<TokenStream> = vec![];
    if !options.signature.is_empty() {
        set.push(quote!(signature: &[#(#specs),*]));
    }
    if let Some(n) = options.max_traces {
        set.push(quote!(max_traces: ::core::option::Option::Some(#n)));
    }
    if let Some(n) = options.max_bytes {
        set.push(quote!(max_bytes: ::core::option::Option::Some(#n)));
    }
    if options.relax_shapes {
        set.push(quote!(relax_shapes: true));
    }
    if options.fast_math {
        set.push(quote!(fast_math: true));
    }
    if let Some(inline) = options.inline {
        set.push(quote!(inline: #inline));
    }
    let value = match set.is_empty() {
        true => quote!(#p::Options::DEFAULT),
        false => quote!(#p::Options { #(#set,)* ..#p::Options::DEFAULT }),
    };
    quote! {
        static FUNCTION: #p::Function = #p::Function::new(#name, #value);
        &FUNCTION
    }
}

/// `f32` → `F32`, `bool` → `Bool`.
fn variant_of(dtype: &str) -> String {
    if dtype == "bool" { "Bool".into() } else { dtype.to_uppercase() }
}

/// `mod f` beside `fn f`.
fn beside(function: &Function, p: &TokenStream, static_function: &TokenStream) -> TokenStream {
    let name = &function.item.sig.ident;
    let (outer, vis) = (&function.item.vis, inside(&function.item.vis));
    let doc = format!(" The traces of [`{name}`](fn@{name}).");
    let generic = !turbofish(&function.item.sig.generics).is_empty();
    let graph = (!generic).then(|| {
        quote! {
            #[doc(hidden)]
            #vis struct Own;
            /// The graph for these arguments, traced if need be, without running it: takes the function's arguments.
            #[allow(non_upper_case_globals)]
            #vis const graph: <Own as #p::Traceable>::To<#p::Graph> = <Own as #p::Traceable>::GRAPH;
            /// The trace for these arguments, made if need be: takes the function's arguments.
            #[allow(non_upper_case_globals)]
            #vis const concrete: <Own as #p::Traceable>::To<#p::Concrete> = <Own as #p::Traceable>::CONCRETE;
            /// What a call with these arguments computes and moves, without running it: takes the function's arguments.
            #[allow(non_upper_case_globals)]
            #vis const cost: <Own as #p::Traceable>::To<#p::Costs> = <Own as #p::Traceable>::COST;
            /// The memory that a call with these arguments needs, without running it: takes the function's arguments.
            #[allow(non_upper_case_globals)]
            #vis const memory: <Own as #p::Traceable>::To<#p::MemoryNeeds> = <Own as #p::Traceable>::MEMORY;
        }
    });
    let traceable = (!generic).then(|| traceable(function, p));
    quote! {
        #[doc = #doc]
        #[allow(dead_code)]
        #outer mod #name {
            /// The function's options, traces and retraces.
            #vis fn function() -> &'static #p::Function {
                #static_function
            }
            /// How many times the body was traced.
            #vis fn trace_count() -> usize {
                function().trace_count()
            }
            /// What the traces that there are serve, one a line.
            #vis fn signatures() -> #p::Signatures {
                function().signatures()
            }
            /// Why the last calls that were traced were traced.
            #vis fn misses() -> ::std::vec::Vec<#p::Miss> {
                function().misses()
            }
            /// Drops all traces.
            #vis fn clear_cache() {
                function().clear_cache()
            }
            #graph
        }
        #traceable
    }
}

/// `graph`, `concrete`, `cost` and `memory` as function pointers: their types can only be written where the user's names are known, which
/// is not inside `mod f`.
fn traceable(function: &Function, p: &TokenStream) -> TokenStream {
    let name = &function.item.sig.ident;
    let generics = &function.item.sig.generics;
    let lifetimes: Vec<_> = generics.lifetimes().collect();
    let every = (!lifetimes.is_empty()).then(|| quote!(for<#(#lifetimes),*>));
    let types: Vec<&Type> = function.arguments.iter().filter_map(|a| a.ty.as_ref()).collect();
    let names: Vec<Ident> = (0..types.len()).map(|i| hidden(&format!("a{i}"))).collect();
    let one = |constant: &str, answer: &str, of: &str| {
        let ident = |name| Ident::new(name, Span::mixed_site());
        let (constant, answer, of) = (ident(constant), ident(answer), ident(of));
        quote! {
            const #constant: Self::To<#p::#answer> = {
                fn traced #generics (#(#names: #types),*) -> #p::Result<#p::#answer> {
                    #name::function().#of(move || #name(#(#names),*))
                }
                traced
            };
        }
    };
    let graph = one("GRAPH", "Graph", "graph_of");
    let concrete = one("CONCRETE", "Concrete", "concrete_of");
    let cost = one("COST", "Costs", "cost_of");
    let memory = one("MEMORY", "MemoryNeeds", "memory_of");
    quote! {
        #[allow(non_local_definitions)]
        const _: () = {
            impl #p::Traceable for #name::Own {
                type To<Answer> = #every fn(#(#types),*) -> #p::Result<Answer>;
                #graph
                #concrete
                #cost
                #memory
            }
        };
    }
}

/// The same visibility, seen from a module inside.
fn inside(vis: &Visibility) -> TokenStream {
    match vis {
        Visibility::Inherited => quote!(pub(super)),
        Visibility::Restricted(r) => {
            let path = &r.path;
            match path.segments.first() {
                Some(first) if first.ident == "self" => quote!(pub(super)),
                Some(first) if first.ident == "super" => quote!(pub(in super::#path)),
                _ => vis.to_token_stream(),
            }
        }
        Visibility::Public(_) => quote!(pub),
    }
}
