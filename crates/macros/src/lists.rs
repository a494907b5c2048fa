//! Lists that are only pushed to and stacked: over tensors nobody knows how long they get, so they become something that can
//! be filled by a loop of the graph.

use crate::analyse::elements;
use crate::emit::control;
use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeSet;
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, ExprCall, ExprMethodCall, Ident, Local, Macro, Pat};

/// Replaces them.
pub fn lower(block: &mut Block, p: &TokenStream) {
    let mut found = Find::default();
    found.visit_block(block);
    let tokens = block.to_token_stream();
    let is_list = |name: &&Ident| {
        let of = |list: &[Ident]| list.iter().filter(|n| n == name).count();
        let (made, pushed, stacked) = (of(&found.made), of(&found.pushed), of(&found.stacked));
        // Every other mention wants a `Vec`.
        made == 1 && pushed > 0 && stacked > 0 && mentions(tokens.clone(), name) == 1 + pushed + stacked
    };
    let names: BTreeSet<String> = found.made.iter().filter(is_list).map(Ident::to_string).collect();
    if !names.is_empty() {
        Replace { names, p }.visit_block_mut(block);
    }
}

#[derive(Default)]
struct Find {
    made: Vec<Ident>,
    pushed: Vec<Ident>,
    stacked: Vec<Ident>,
}

impl<'a> Visit<'a> for Find {
    fn visit_local(&mut self, local: &'a Local) {
        if let Some(name) = made(local) {
            self.made.push(name.clone());
        }
        visit::visit_local(self, local);
    }
    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        if call.method == "push"
            && let Some(name) = variable(&call.receiver)
        {
            self.pushed.push(name.clone());
        }
        visit::visit_expr_method_call(self, call);
    }
    fn visit_expr_call(&mut self, call: &'a ExprCall) {
        if let Some(name) = stacked(call) {
            self.stacked.push(name.clone());
        }
        visit::visit_expr_call(self, call);
    }
    fn visit_macro(&mut self, m: &'a Macro) {
        if let Some(elements) = elements(m) {
            let mut inside = Find::default();
            elements.iter().for_each(|e| inside.visit_expr(e));
            self.pushed.extend(inside.pushed);
            self.stacked.extend(inside.stacked);
        }
    }
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

struct Replace<'p> {
    names: BTreeSet<String>,
    p: &'p TokenStream,
}

impl VisitMut for Replace<'_> {
    fn visit_local_mut(&mut self, local: &mut Local) {
        if made(local).is_some_and(|name| self.names.contains(&name.to_string())) {
            control::list(self.p, local);
            return;
        }
        visit_mut::visit_local_mut(self, local);
    }
    fn visit_expr_call_mut(&mut self, call: &mut ExprCall) {
        if stacked(call).is_some_and(|name| self.names.contains(&name.to_string())) {
            control::stack(self.p, call);
        }
        visit_mut::visit_expr_call_mut(self, call);
    }
    fn visit_macro_mut(&mut self, m: &mut Macro) {
        if let Some(mut elements) = elements(m) {
            elements.iter_mut().for_each(|e| self.visit_expr_mut(e));
            m.tokens = elements.into_token_stream();
        }
    }
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
}

/// `let mut name = vec![]`, `Vec::new()`, `Vec::with_capacity(..)`.
fn made(local: &Local) -> Option<&Ident> {
    let pat = match &local.pat {
        Pat::Type(typed) => &*typed.pat,
        pat => pat,
    };
    let Pat::Ident(pat) = pat else { return None };
    let empty = match &*local.init.as_ref()?.expr {
        Expr::Macro(m) => m.mac.path.is_ident("vec") && m.mac.tokens.is_empty(),
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => {
                let names: Vec<String> = path.path.segments.iter().map(|s| s.ident.to_string()).collect();
                let last: Vec<&str> = names.iter().rev().take(2).map(String::as_str).collect();
                matches!(last.as_slice(), ["new" | "with_capacity", "Vec"])
            }
            _ => false,
        },
        _ => false,
    };
    (empty && pat.mutability.is_some() && pat.subpat.is_none()).then_some(&pat.ident)
}

/// `tf::stack(&name, ..)`.
fn stacked(call: &ExprCall) -> Option<&Ident> {
    let Expr::Path(function) = &*call.func else { return None };
    let segments = &function.path.segments;
    let named = segments.len() > 1 && segments.last().is_some_and(|s| s.ident == "stack");
    match call.args.first()? {
        Expr::Reference(list) if named && list.mutability.is_none() => variable(&list.expr),
        _ => None,
    }
}

fn variable(e: &Expr) -> Option<&Ident> {
    match e {
        Expr::Path(p) => p.path.get_ident(),
        _ => None,
    }
}

/// How often tokens mention a name.
fn mentions(tokens: TokenStream, name: &Ident) -> usize {
    let one = |token| match token {
        TokenTree::Ident(i) => usize::from(i == *name),
        TokenTree::Group(g) => mentions(g.stream(), name),
        TokenTree::Literal(l) => l.to_string().matches(&format!("{{{name}")).count(),
        TokenTree::Punct(_) => 0,
    };
    tokens.into_iter().map(one).sum()
}
