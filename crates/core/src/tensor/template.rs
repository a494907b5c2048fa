//! Sentences with places for values.

use super::Tensor;
use super::display::values;
use crate::error::Result;
use crate::op::Fault;

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Place,
}

/// The pieces of a template; `{{` and `}}` are braces.
fn pieces(template: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = vec![];
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        pieces.push(Piece::Text(&rest[..at]));
        let (piece, length) = match rest.get(at..at + 2)? {
            "{{" => (Piece::Text("{"), 2),
            "}}" => (Piece::Text("}"), 2),
            "{}" => (Piece::Place, 2),
            _ => return None,
        };
        pieces.push(piece);
        rest = &rest[at + length..];
    }
    pieces.push(Piece::Text(rest));
    Some(pieces)
}

/// That a template has as many places as there are values.
pub(crate) fn places(template: &str, values: usize) -> std::result::Result<(), Fault> {
    let Some(pieces) = pieces(template) else {
        return Err(Fault::new(format!(
            "the template {template:?} has a brace that is neither `{{}}` nor doubled"
        ))
        .hint("write {{ and }} for braces"));
    };
    let places = pieces.iter().filter(|piece| matches!(piece, Piece::Place)).count();
    match places == values {
        true => Ok(()),
        false => {
            let s = if places == 1 { "" } else { "s" };
            Err(Fault::new(format!(
                "the template {template:?} has {places} place{s} for values, got {values}"
            )))
        }
    }
}

/// The sentence: each place filled with the values of the next tensor.
pub(crate) fn fill(template: &str, tensors: &[&Tensor]) -> Result<String> {
    let mut next = tensors.iter();
    let mut text = String::new();
    for piece in pieces(template).unwrap_or_default() {
        match piece {
            Piece::Text(words) => text.push_str(words),
            Piece::Place => {
                if let Some(x) = next.next() {
                    text.push_str(&values(x, None)?);
                }
            }
        }
    }
    Ok(text)
}
