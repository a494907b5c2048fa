//! A small model of the items: what the checks and the emitted code need to know of them.

use crate::errors::Errors;
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::{
    Data, DeriveInput, Fields, FnArg, GenericArgument, Generics, Ident, ItemFn, Member, Pat, Path,
    PathArguments, ReceiverKind, Result, ReturnType, Type,
};

/// A function under `#[function]`.
pub struct Function {
    pub item: ItemFn,
    pub arguments: Vec<Argument>,
    /// The result's type; `None` is `()`.
    pub output: Option<Type>,
    pub receiver: bool,
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
    let item: ItemFn = syn::parse2(item)?;
    let arguments = item.sig.inputs.iter().enumerate().map(|(i, input)| argument(i, input)).collect();
    let output = match &item.sig.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some((**ty).clone()),
    };
    let receiver = item.sig.receiver().is_some();
    Ok(Function { item, arguments, output, receiver })
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
            errors.on(&meta.path, "on a type, `#[module(..)]` knows: crate = ::path");
            Ok(())
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
            let text = "a union cannot be a module: which of its fields holds is not known";
            return Err(syn::Error::new_spanned(u.union_token.to_token_stream(), text));
        }
    };
    Ok(Structure { name: item.ident, generics: item.generics, variants, root })
}

fn fields(fields: &Fields, errors: &mut Errors) -> Result<Vec<Field>> {
    let mut list = vec![];
    for (field, member) in fields.iter().zip(fields.members()) {
        let mut skip = false;
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("module")) {
            attribute.parse_nested_meta(|meta| {
                match meta.path.is_ident("skip") {
                    true => skip = true,
                    false => errors.on(&meta.path, "on a field, `#[module(..)]` knows: skip"),
                }
                Ok(())
            })?;
        }
        list.push(Field { member, skip });
    }
    Ok(list)
}
