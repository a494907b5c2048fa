//! `#[derive(Module)]` and `#[derive(Structure)]`.

use crate::parse::{Field, Structure, Variant};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{GenericParam, Ident, parse_quote};

pub fn structure(structure: &Structure, module: bool) -> TokenStream {
    let p = super::private(&structure.root);
    let name = &structure.name;
    let mut generics = structure.generics.clone();
    for parameter in &mut generics.params {
        if let GenericParam::Type(t) = parameter {
            t.bounds.push(parse_quote!(#p::Structure));
        }
    }
    let (parameters, arguments, bounds) = generics.split_for_impl();
    let visits = structure.variants.iter().enumerate().map(|(i, v)| visit(structure, v, i, &p));
    let rebuilds = structure.variants.iter().map(|v| rebuild(v, &p));
    let never =
        structure.variants.is_empty().then(|| quote!(_ => ::core::unreachable!("an enum without variants"),));
    let module = module.then(|| {
        quote! {
            #[automatically_derived]
            impl #parameters #p::Module for #name #arguments #bounds {}
        }
    });
    quote! {
        #[automatically_derived]
        impl #parameters #p::Structure for #name #arguments #bounds {
            fn visit(&self, __v: &mut #p::Visitor) {
                match self { #(#visits)* #never }
            }
            fn rebuild(&self, __r: &mut #p::Rebuild<'_>) -> Self {
                match self { #(#rebuilds)* #never }
            }
        }
        #[automatically_derived]
        impl #parameters #p::State for #name #arguments #bounds {}
        #module
    }
}

fn path(variant: &Variant) -> TokenStream {
    match &variant.name {
        None => quote!(Self),
        Some(name) => quote!(Self::#name),
    }
}

fn bind(i: usize) -> Ident {
    Ident::new(&format!("__field_{i}"), Span::mixed_site())
}

fn pattern(variant: &Variant, wanted: fn(&Field) -> bool) -> TokenStream {
    let path = path(variant);
    let fields = variant.fields.iter().enumerate().filter(|f| wanted(f.1)).map(|(i, f)| {
        let (member, bind) = (&f.member, bind(i));
        quote!(#member: #bind,)
    });
    quote!(#path { #(#fields)* .. })
}

fn visit(structure: &Structure, variant: &Variant, number: usize, p: &TokenStream) -> TokenStream {
    let pattern = pattern(variant, |f| !f.skip);
    let enum_name = structure.name.to_string();
    let which = variant.name.as_ref().map(|_| quote!(__v.shape(#enum_name, #number);));
    let fields = variant.fields.iter().enumerate().filter(|f| !f.1.skip).map(|(i, f)| {
        let (bind, text) = (bind(i), f.member.to_token_stream().to_string());
        quote!(__v.field(#text, |__v| #p::Structure::visit(#bind, __v));)
    });
    quote! {
        #pattern => { let _ = &__v; #which #(#fields)* }
    }
}

fn rebuild(variant: &Variant, p: &TokenStream) -> TokenStream {
    let (path, pattern) = (path(variant), pattern(variant, |_| true));
    let fields = variant.fields.iter().enumerate().map(|(i, f)| {
        let (member, bind) = (&f.member, bind(i));
        match f.skip {
            true => quote!(#member: ::core::clone::Clone::clone(#bind),),
            false => quote!(#member: #p::Structure::rebuild(#bind, __r),),
        }
    });
    quote! {
        #pattern => { let _ = &__r; #path { #(#fields)* } }
    }
}
