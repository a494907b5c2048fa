//! `#[tf::shape(x: [_, 4])]` before a loop: the shape that a variable has in every turn.

use crate::emit::control::Carried;
use crate::errors::{self, Errors};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprArray, Result, Token};

/// The shape of one variable.
pub struct Declared {
    place: Expr,
    /// `None` is a size that turns change.
    sizes: Vec<Option<Expr>>,
}

impl Parse for Declared {
    fn parse(input: ParseStream<'_>) -> Result<Declared> {
        let place = input.parse()?;
        input.parse::<Token![:]>()?;
        let sizes: ExprArray = input.parse()?;
        let size = |e| if matches!(e, Expr::Infer(_)) { None } else { Some(e) };
        Ok(Declared { place, sizes: sizes.elems.into_iter().map(size).collect() })
    }
}

/// Whether an attribute is `#[tf::shape(..)]`.
pub fn is_shape(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|s| s.ident == "shape")
}

/// What it declares.
pub fn declared(attribute: &Attribute) -> Result<impl Iterator<Item = Declared> + use<>> {
    let all = attribute.parse_args_with(Punctuated::<Declared, Token![,]>::parse_terminated)?;
    Ok(all.into_iter())
}

/// Gives what a loop carries the shapes that are declared before it, and takes the attributes away.
pub fn give(attributes: &mut Vec<Attribute>, carried: &mut [Carried], errors: &mut Errors) {
    let known = |list: &[Carried]| match list {
        [] => "nothing".to_string(),
        list => list.iter().map(|c| c.place.name.clone()).collect::<Vec<_>>().join(", "),
    };
    // What cannot be read has been reported.
    for declared in attributes.iter().filter(|a| is_shape(a)).filter_map(|a| declared(a).ok()).flatten() {
        let name = declared.place.to_token_stream().to_string().replace(' ', "");
        match carried.iter_mut().find(|c| c.place.name == name) {
            Some(found) => found.sizes = Some(declared.sizes),
            None => {
                let text = errors::SHAPE_OF_NOTHING.with(&[&name, &known(carried)]);
                errors.at(declared.place.span(), text);
            }
        }
    }
    attributes.retain(|a| !is_shape(a));
}
