//! The options of `#[function(..)]`.

use crate::errors::{self, Errors};
use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Lit, LitBool, LitInt, Path, Result, Token, bracketed};

/// The options, as written.
#[derive(Default)]
pub struct Options {
    pub signature: Vec<Spec>,
    pub max_traces: Option<usize>,
    pub max_bytes: Option<usize>,
    pub relax_shapes: bool,
    pub fast_math: bool,
    pub inline: Option<bool>,
    pub associated: bool,
    /// Where Tenfold is, if not at `::tenfold`.
    pub root: Option<Path>,
}

/// The dimensions of the tensor at a path.
pub struct Spec {
    /// The argument that the path begins with.
    pub argument: Ident,
    /// `x`, `batch.0`.
    pub path: String,
    pub dtype: Option<Ident>,
    pub dims: Vec<Dim>,
}

pub enum Dim {
    Named(Ident),
    Any,
    Fixed(usize),
}

const KNOWN: &str = "signature = [..], max_traces = n, max_bytes = \"2 GiB\", relax_shapes, fast_math, inline = false, associated, crate = ::path";
const DTYPES: [&str; 13] =
    ["f16", "bf16", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "bool"];

/// Reads the options; what is wrong with them goes to `errors`.
pub fn options(args: TokenStream, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    let parser = |input: ParseStream| {
        let mut seen: Vec<String> = vec![];
        while !input.is_empty() {
            one(input, &mut options, &mut seen, errors)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(args) {
        errors.push(error);
    }
    options
}

fn one(input: ParseStream, options: &mut Options, seen: &mut Vec<String>, errors: &mut Errors) -> Result<()> {
    if input.peek2(Token![:]) || input.peek2(Token![.]) {
        options.signature.push(spec(input, errors)?);
        return Ok(());
    }
    let key = input.call(Ident::parse_any)?;
    let name = key.to_string();
    if seen.contains(&name) {
        errors.at(key.span(), errors::OPTION_TWICE.with(&[&name]));
    }
    seen.push(name.clone());
    match name.as_str() {
        "signature" => {
            input.parse::<Token![=]>()?;
            let list;
            bracketed!(list in input);
            while !list.is_empty() {
                options.signature.push(spec(&list, errors)?);
                if !list.is_empty() {
                    list.parse::<Token![,]>()?;
                }
            }
        }
        "max_traces" => {
            input.parse::<Token![=]>()?;
            let n: Lit = input.parse().map_err(|e| Error::new(e.span(), errors::NO_TRACES))?;
            let number = if let Lit::Int(n) = &n { n.base10_parse::<usize>().ok() } else { None };
            match number {
                None | Some(0) => errors.at(n.span(), errors::NO_TRACES),
                n => options.max_traces = n,
            }
        }
        "max_bytes" => {
            input.parse::<Token![=]>()?;
            let n: Lit = input.parse().map_err(|e| Error::new(e.span(), errors::NO_BYTES))?;
            match bytes(&n) {
                None | Some(0) => errors.at(n.span(), errors::NO_BYTES),
                n => options.max_bytes = n,
            }
        }
        "relax_shapes" => options.relax_shapes = flag(input)?,
        "fast_math" => options.fast_math = flag(input)?,
        "inline" => options.inline = Some(flag(input)?),
        "associated" => options.associated = flag(input)?,
        "crate" => {
            input.parse::<Token![=]>()?;
            options.root = Some(input.call(Path::parse_mod_style)?);
        }
        _ => {
            errors.at(key.span(), errors::NO_OPTION.with(&[&name, &KNOWN]));
            // What belongs to it is skipped, so that the options after it are read.
            while !input.is_empty() && !input.peek(Token![,]) {
                input.parse::<proc_macro2::TokenTree>()?;
            }
        }
    }
    Ok(())
}

/// `4096`, `"2 GiB"`, `"1.5 MB"`.
fn bytes(literal: &Lit) -> Option<usize> {
    const UNITS: [(&str, usize); 9] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("B", 1),
    ];
    match literal {
        Lit::Int(n) => n.base10_parse().ok(),
        Lit::Str(text) => {
            let text = text.value();
            let (number, unit) = UNITS.iter().find_map(|(name, n)| Some((text.strip_suffix(name)?, n)))?;
            let number = number.trim();
            if !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
                return None;
            }
            let bytes = number.parse::<f64>().ok()? * *unit as f64;
            (bytes < usize::MAX as f64).then_some(bytes as usize)
        }
        _ => None,
    }
}

/// `key`, `key = true`, `key = false`.
fn flag(input: ParseStream) -> Result<bool> {
    if !input.peek(Token![=]) {
        return Ok(true);
    }
    input.parse::<Token![=]>()?;
    let value = input.parse::<LitBool>().map_err(|e| Error::new(e.span(), errors::NOT_A_FLAG))?;
    Ok(value.value)
}

/// `x: [batch, 3]`, `x: f32[batch, _]`, `pair.0: [n]`.
fn spec(input: ParseStream, errors: &mut Errors) -> Result<Spec> {
    let argument = input.call(Ident::parse_any)?;
    let mut path = argument.to_string();
    while input.peek(Token![.]) {
        input.parse::<Token![.]>()?;
        let part = match input.peek(LitInt) {
            true => input.parse::<LitInt>()?.to_string(),
            false => input.parse::<Ident>()?.to_string(),
        };
        path = format!("{path}.{part}");
    }
    input.parse::<Token![:]>()?;
    let dtype = match input.peek(syn::token::Bracket) {
        true => None,
        false => Some(input.parse::<Ident>()?),
    };
    if let Some(dtype) = &dtype
        && !DTYPES.contains(&dtype.to_string().as_str())
    {
        errors.at(dtype.span(), errors::NO_DTYPE.with(&[dtype, &DTYPES.join(", ")]));
    }
    let list;
    bracketed!(list in input);
    let dims = Punctuated::<Dim, Token![,]>::parse_terminated_with(&list, dim)?;
    Ok(Spec { argument, path, dtype, dims: dims.into_iter().collect() })
}

fn dim(input: ParseStream) -> Result<Dim> {
    if input.peek(Token![_]) {
        input.parse::<Token![_]>()?;
        return Ok(Dim::Any);
    }
    if input.peek(LitInt) {
        let number = input.parse::<LitInt>()?;
        let size = number.base10_parse().map_err(|_| Error::new(number.span(), errors::DIMENSION))?;
        return Ok(Dim::Fixed(size));
    }
    input.parse::<Ident>().map(Dim::Named).map_err(|e| Error::new(e.span(), errors::DIMENSION))
}
