//! The code that is written for a fixed set of items, for people to read: `tests/expansions` holds it.

use proc_macro2::TokenStream;
use std::path::Path;

fn tokens(text: &str) -> TokenStream {
    text.parse().unwrap()
}

/// Compares with the committed text; `TENFOLD_BLESS=1` writes it anew.
fn committed(name: &str, source: &str, expanded: TokenStream) {
    let file: syn::File = syn::parse2(expanded).unwrap();
    let shown = format!("// {}\n\n{}", source.trim().replace('\n', "\n// "), lines(quote::quote!(#file)));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("expansions/{name}.txt"));
    if std::env::var_os("TENFOLD_BLESS").is_some_and(|v| v == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &shown).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == shown, "{name} is not as committed; TENFOLD_BLESS=1 writes it:\n{shown}");
}

/// Tokens with a new line after every brace and semicolon: enough to read and to compare.
fn lines(tokens: TokenStream) -> String {
    let mut flat = tokens.to_string().replace('\n', " ");
    for (long, short) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" . ", "."),
        (" ,", ","),
        (" ;", ";"),
        ("& ", "&"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" : ", ": "),
        ("# [", "#["),
        (" < ", "<"),
        (" >", ">"),
    ] {
        flat = flat.replace(long, short);
    }
    let mut text = String::new();
    let mut depth = 0usize;
    let mut fresh = false;
    for c in flat.chars() {
        if fresh && c == ' ' {
            continue;
        }
        if c == '}' {
            depth = depth.saturating_sub(1);
            text.truncate(text.trim_end().len());
        }
        if c == '}' || fresh {
            text.push('\n');
            text.push_str(&"    ".repeat(depth));
        }
        text.push(c);
        depth += (c == '{') as usize;
        fresh = matches!(c, '{' | '}' | ';');
    }
    text + "\n"
}

fn function(name: &str, args: &str, item: &str) {
    let source =
        if args.is_empty() { format!("#[function]\n{item}") } else { format!("#[function({args})]\n{item}") };
    committed(name, &source, crate::expand_function(tokens(args), tokens(item)));
}

#[test]
fn a_function() {
    function("function", "", "/// Adds one.\npub fn f(x: &Tensor) -> Tensor { x + 1.0 }");
}

#[test]
fn every_form_of_argument() {
    function(
        "arguments",
        "",
        "fn g<'a>(a: Tensor, (b, c): (Tensor, f32), d: &'a [Tensor], e: &str, f: Option<&Tensor>, g: &dyn Layer) { }",
    );
}

#[test]
fn options_and_a_method() {
    function(
        "method",
        "signature = [x: f32[batch, 3], y: [_]], max_traces = 2, max_bytes = \"1.5 KiB\", relax_shapes, inline = false, crate = ::tenfold_core",
        "pub(crate) fn step<T: Element>(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> { x.try_add(y) }",
    );
}

#[test]
fn a_generic_function() {
    function(
        "generic",
        "",
        "pub fn h<T: Element, const N: usize>(x: &Tensor) -> Tensor { x.cast(T::DTYPE) * N }",
    );
}

#[test]
fn control_flow() {
    function(
        "control_flow",
        "",
        "fn f(n: &Tensor, x: Tensor) -> Tensor {
            let y;
            if n > 0 && n < 10 { y = x.clone(); } else { y = -x.clone(); }
            let mut s = y;
            for i in 0..n { if i == 3 { break } s = s * 2.0; }
            'outer: while s.sum() < 100.0 { s += 1.0; if n == 7 { return s } }
            let z = loop { s = s.square(); if s.sum() > 5.0 { break s.sum() } };
            match n { 0 => z, _ => s }
        }",
    );
}

#[test]
fn a_module() {
    let item = "pub struct Mlp<L> { layers: Vec<L>, scale: Option<Tensor>, #[module(skip)] name: String }";
    committed("module", &format!("#[derive(Module)]\n{item}"), crate::expand_derive(tokens(item), true));
    let item = "enum Step { First, Next(Tensor), Last { x: Tensor } }";
    committed(
        "structure",
        &format!("#[derive(Structure)]\n{item}"),
        crate::expand_derive(tokens(item), false),
    );
}

#[test]
fn errors_keep_the_item_and_come_all_at_once() {
    let shown = crate::expand_function(
        tokens("nonsense, signature = [z: [n]]"),
        tokens("async fn f(x: &mut Tensor) {}"),
    );
    let text = shown.to_string();
    assert_eq!(text.matches("compile_error").count(), 4, "{text}");
    assert!(text.starts_with("async fn f"));
    let text = crate::expand_function(tokens(""), tokens("struct NotAFunction;")).to_string();
    assert!(text.starts_with("struct NotAFunction") && text.contains("compile_error"), "{text}");
}

/// Everything that is refused has a file under `tests/ui` whose text says so, and every file there shows something on the
/// list; the others say why they are there.
#[test]
fn every_rejection_has_a_ui_test() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    for rejection in crate::errors::ALL {
        let path = ui.join(rejection.file).with_extension("stderr");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        for part in rejection.text.split("{}") {
            assert!(text.contains(part), "{} does not say: {part}", path.display());
        }
    }
    // `self` is an argument too; more than one error; what the compiler says where the macro cannot know; no body.
    let others = ["mutable_self", "several_at_once", "trait_method", "without_a_body"];
    for entry in std::fs::read_dir(&ui).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let known = others.contains(&name) || crate::errors::ALL.iter().any(|r| r.file == name);
        assert!(known, "tests/ui/{name}: the list of rejections does not name it");
        assert!(path.with_extension("stderr").exists(), "tests/ui/{name} has no text");
    }
}
