//! A small model of the items: what the checks and the emitted code need to know of them.

use crate::errors::{self, Errors, Rejection};
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::meta::ParseNestedMeta;
use syn::{
    Data, DeriveInput, Error, Fields, FnArg, GenericArgument, Generics, Ident, ItemFn, Member, Pat, Path,
    PathArguments, ReceiverKind, Result, ReturnType, Token, Type,
};

/// A function under `#[function]`.
pub struct Function {
    pub item: ItemFn,
    pub arguments: Vec<Argument>,
    /// The result's type; `None` is `()`.
    pub output: Option<Type>,
    pub receiver: bool,
    /// Whether the body has control flow that was lowered.
    pub lowered: bool,
}

/// One parameter, `self` included.
pub struct Argument {
    /// Its name in reports and in the entry.
    pub name: Ident,
    pub form: Form,
    /// The type as written; `None` for `self`.
    pub ty: Option<Type>,
}

/// How an argument is passed.
#[derive(PartialEq, Debug)]
pub enum Form {
    /// `T`
    Owned,
    /// `&T`, `&[T]`, `&str`
    Lent,
    /// `&dyn Trait`
    Object,
    /// `Option<&T>`
    Optional,
}

pub fn function(item: TokenStream) -> Result<Function> {
    let item: ItemFn =
        syn::parse2(item).map_err(|e| Error::new(e.span(), errors::NOT_A_FUNCTION.with(&[&e])))?;
    let arguments = item.sig.inputs.iter().enumerate().map(|(i, input)| argument(i, input)).collect();
    let output = match &item.sig.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some((**ty).clone()),
    };
    let receiver = item.sig.receiver().is_some();
    Ok(Function { item, arguments, output, receiver, lowered: false })
}

fn argument(i: usize, input: &FnArg) -> Argument {
    match input {
        FnArg::Receiver(receiver) => {
            let form = match receiver.kind {
                ReceiverKind::Reference(..) => Form::Lent,
                _ => Form::Owned,
            };
            Argument { name: Ident::from(receiver.self_token), form, ty: None }
        }
        FnArg::Typed(typed) => {
            let name = match &*typed.pat {
                Pat::Ident(p) if p.subpat.is_none() => p.ident.clone(),
                _ => Ident::new(&format!("argument_{i}"), Span::mixed_site()),
            };
            Argument { name, form: form(&typed.ty), ty: Some((*typed.ty).clone()) }
        }
    }
}

fn form(ty: &Type) -> Form {
    match ty {
        Type::Reference(r) => match &*r.elem {
            Type::TraitObject(_) => Form::Object,
            _ => Form::Lent,
        },
        Type::Path(p) if optional(&p.path) => Form::Optional,
        _ => Form::Owned,
    }
}

/// Whether a path is `Option<&T>`.
fn optional(path: &Path) -> bool {
    let Some(last) = path.segments.last() else { return false };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return false };
    last.ident == "Option"
        && matches!(arguments.args.first(), Some(GenericArgument::Type(Type::Reference(_))))
}

/// A struct or enum under `#[derive(Module)]`.
pub struct Structure {
    pub name: Ident,
    pub generics: Generics,
    pub variants: Vec<Variant>,
    pub root: Option<Path>,
}

/// A struct's only variant, or one of an enum.
pub struct Variant {
    /// `None` for a struct.
    pub name: Option<Ident>,
    pub fields: Vec<Field>,
}

pub struct Field {
    pub member: Member,
    pub skip: bool,
}

pub fn structure(item: TokenStream, errors: &mut Errors) -> Result<Structure> {
    let item: DeriveInput = syn::parse2(item)?;
    let mut root = None;
    for attribute in item.attrs.iter().filter(|a| a.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                root = Some(meta.value()?.call(Path::parse_mod_style)?);
                return Ok(());
            }
            unknown(&meta, errors, errors::ON_TYPE)
        })?;
    }
    let variants = match &item.data {
        Data::Struct(s) => vec![Variant { name: None, fields: fields(&s.fields, errors)? }],
        Data::Enum(e) => {
            let variant = |v: &syn::Variant| {
                Ok(Variant { name: Some(v.ident.clone()), fields: fields(&v.fields, errors)? })
            };
            e.variants.iter().map(variant).collect::<Result<_>>()?
        }
        Data::Union(u) => {
            return Err(Error::new_spanned(u.union_token.to_token_stream(), errors::UNION));
        }
    };
    Ok(Structure { name: item.ident, generics: item.generics, variants, root })
}

/// Refuses an option of `#[module(..)]`, and passes over its value, so that what comes after is read.
fn unknown(meta: &ParseNestedMeta<'_>, errors: &mut Errors, why: Rejection) -> Result<()> {
    errors.on(&meta.path, why);
    while !meta.input.is_empty() && !meta.input.peek(Token![,]) {
        meta.input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn fields(fields: &Fields, errors: &mut Errors) -> Result<Vec<Field>> {
    let mut list = vec![];
    for (field, member) in fields.iter().zip(fields.members()) {
        let mut skip = false;
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("module")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") && (meta.input.is_empty() || meta.input.peek(Token![,])) {
                    skip = true;
                    return Ok(());
                }
                unknown(&meta, errors, errors::ON_FIELD)
            })?;
        }
        list.push(Field { member, skip });
    }
    Ok(list)
}
