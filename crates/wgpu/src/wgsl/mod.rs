//! WGSL that kernels share: helper functions by name, and the expansion of an op's expression.
//!
//! The helpers are ordinary WGSL in `float.wgsl`, `int.wgsl` and `common.wgsl`. An expression calls them by their plain
//! name (`max(x, y)`, `floor_div(x, y)`); which type's version it gets, and which further helpers that one needs, is
//! decided here. A helper hides the WGSL function of the same name.

use rustc_hash::FxHashMap;
use std::sync::LazyLock;

const FLOAT: &str = include_str!("float.wgsl");
const INT: &str = include_str!("int.wgsl");
const COMMON: &str = include_str!("common.wgsl");

static HELPERS: LazyLock<[FxHashMap<&'static str, &'static str>; 3]> =
    LazyLock::new(|| [functions(FLOAT), functions(INT), functions(COMMON)]);

/// The functions of a file by name; each begins at the start of a line and ends with a `}` there.
fn functions(file: &'static str) -> FxHashMap<&'static str, &'static str> {
    let starts = file.match_indices("\nfn ").map(|(i, _)| i + 1);
    starts
        .filter_map(|start| {
            let text = &file[start..];
            let end = text.find("\n}\n")? + 3;
            Some((text[3..].split('(').next()?, &text[..end]))
        })
        .collect()
}

/// The helper `name` for an element type, and its name in the kernel.
fn helper(name: &str, ty: &str) -> Option<(String, String)> {
    let [float, int, common] = &*HELPERS;
    if ty == "f32"
        && let Some(text) = float.get(name)
    {
        return Some((format!("{name}_f32"), (*text).to_string()));
    }
    if matches!(ty, "i32" | "u32" | "i64" | "u64")
        && let Some(text) = int.get(name)
    {
        return Some((
            format!("{name}_{ty}"),
            replace_words(text, |word, _| (word == "T").then(|| ty.to_string())),
        ));
    }
    common.get(name).map(|text| (name.to_string(), (*text).to_string()))
}

/// Helper functions that a kernel needs, each once, callees before callers.
#[derive(Clone, Debug, Default)]
pub struct Helpers {
    text: String,
    known: Vec<String>,
}

impl Helpers {
    /// The definitions.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `code` of element type `ty`, with its helper calls resolved.
    pub fn resolve(&mut self, code: &str, ty: &str) -> String {
        replace_words(code, |word, called| if called { self.call(word, ty) } else { None })
    }

    /// The kernel's name of the helper `name` for `ty`, whose definition is added if it is new.
    fn call(&mut self, name: &str, ty: &str) -> Option<String> {
        let (full, text) = helper(name, ty)?;
        if !self.known.contains(&full) {
            self.known.push(full.clone());
            // The helper's own name, in its first line, becomes the full name like any call.
            let body = self.resolve(&text, ty);
            self.text.push_str(&body);
        }
        Some(full)
    }

    /// An op's expression over `x`, `y`, `z`, which stand for `operands`.
    pub fn expression(&mut self, code: &str, ty: &str, operands: &[String]) -> String {
        let named = replace_words(code, |word, called| {
            let position = ["x", "y", "z"].iter().position(|name| *name == word && !called)?;
            operands.get(position).cloned()
        });
        // Operands hold names of variables only, so that resolving after naming touches the op's calls alone.
        self.resolve(&named, ty)
    }
}

/// `code` with identifiers replaced; `f` gets each one and whether a call's parenthesis follows. Members (`.x`) and
/// comments are left alone.
fn replace_words(code: &str, mut f: impl FnMut(&str, bool) -> Option<String>) -> String {
    let mut out = String::with_capacity(code.len() + 64);
    let bytes = code.as_bytes();
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut i = 0;
    while i < bytes.len() {
        let start = i;
        if bytes[i..].starts_with(b"//") {
            while i < bytes.len() && bytes[i] != b'\n' {
                i += 1;
            }
        } else if word(bytes[i]) {
            while i < bytes.len() && word(bytes[i]) {
                i += 1;
            }
            let member = start > 0 && bytes[start - 1] == b'.';
            let called = bytes.get(i) == Some(&b'(');
            if !member
                && !bytes[start].is_ascii_digit()
                && let Some(new) = f(&code[start..i], called)
            {
                out.push_str(&new);
                continue;
            }
        } else {
            i += 1;
            while !code.is_char_boundary(i) {
                i += 1;
            }
        }
        out.push_str(&code[start..i]);
    }
    out
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
