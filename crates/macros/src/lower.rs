//! Control flow over tensors: what is put around `if`, `match`, `while`, `loop` and `for` (RFC 3). The statements stay.

use crate::analyse::{self, Breaks, Effects, Place, bound, names_in};
use crate::emit::control::{self, Around, Carried};
use crate::errors::Errors;
use crate::{check, lists, shapes};
use proc_macro2::{Span, TokenStream};
use std::collections::{BTreeMap, BTreeSet};
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{BinOp, Block, Expr, ExprLit, FnArg, Ident, Lit, Local, Pat, Signature, Stmt, Type, UnOp};

/// Lowers a function's body; whether there was anything to lower.
pub fn body(sig: &Signature, block: &mut Block, p: &TokenStream, errors: &mut Errors) -> bool {
    let mut lower = Lower {
        p,
        errors,
        scopes: vec![BTreeMap::new()],
        live: vec![],
        next: 0,
        expected: None,
        changed: false,
    };
    for input in &sig.inputs {
        if let FnArg::Typed(typed) = input {
            lower.declare(&typed.pat, true);
        }
    }
    if let syn::ReturnType::Type(_, ty) = &sig.output
        && !matches!(**ty, Type::ImplTrait(_))
    {
        lower.expected = Some((**ty).clone());
    }
    lists::lower(block, p);
    lower.block(block, true);
    let changed = lower.changed;
    if changed {
        block.stmts.insert(0, control::traits(p));
    }
    changed
}

/// What is known of a variable.
#[derive(Clone, Copy)]
struct Known {
    mutable: bool,
    /// It has a value here.
    set: bool,
}

struct Lower<'a> {
    p: &'a TokenStream,
    errors: &'a mut Errors,
    scopes: Vec<BTreeMap<String, Known>>,
    /// What is mentioned behind the present statement, in each block around it.
    live: Vec<BTreeSet<String>>,
    next: usize,
    /// The type of the body's last expression.
    expected: Option<Type>,
    changed: bool,
}

impl Lower<'_> {
    fn declare(&mut self, pat: &Pat, set: bool) {
        let mut names = vec![];
        bound(pat, &mut names);
        if let Some(scope) = self.scopes.last_mut() {
            for (name, mutable) in names {
                scope.insert(name.to_string(), Known { mutable: mutable || !set, set });
            }
        }
    }
    fn known(&self, name: &str) -> Option<Known> {
        self.scopes.iter().rev().find_map(|s| s.get(name)).copied()
    }
    /// From here on it has a value.
    fn set(&mut self, name: &str) {
        if let Some(known) = self.scopes.iter_mut().rev().find_map(|s| s.get_mut(name)) {
            known.set = true;
        }
    }
    fn is_live(&self, name: &str) -> bool {
        self.live.iter().any(|names| names.contains(name))
    }
    fn hidden(&mut self, name: &str, span: Span) -> Ident {
        self.next += 1;
        self.changed = true;
        Ident::new(&format!("__{name}_{}", self.next), Span::mixed_site().located_at(span))
    }
    /// A block whose statements come one after the other.
    fn block(&mut self, block: &mut Block, whole: bool) {
        self.scopes.push(BTreeMap::new());
        let mentioned: Vec<BTreeSet<String>> = block.stmts.iter().map(names_in).collect();
        let n = block.stmts.len();
        for (i, stmt) in block.stmts.iter_mut().enumerate() {
            let behind = mentioned[i + 1..].iter().flatten().cloned().collect();
            self.live.push(behind);
            match stmt {
                Stmt::Local(local) => self.local(local),
                Stmt::Expr(e, semi) => {
                    let tail = i + 1 == n && semi.is_none();
                    let expected = if tail && whole { self.expected.clone() } else { None };
                    self.statement(e, tail, expected);
                }
                Stmt::Macro(m) => {
                    if let Some(lowered) = self.assertion(&m.mac) {
                        *stmt = Stmt::Expr(lowered, Some(Default::default()));
                    }
                }
                Stmt::Item(_) => {}
            }
            self.live.pop();
        }
        self.scopes.pop();
    }
    fn local(&mut self, local: &mut Local) {
        let set = local.init.is_some();
        if let Some(init) = &mut local.init {
            let ty = match &local.pat {
                Pat::Type(t) if !names_in(&t.ty).contains("_") => Some((*t.ty).clone()),
                _ => None,
            };
            self.value(&mut init.expr, ty);
            if let Some((_, diverge)) = &mut init.diverge {
                self.visit_expr_mut(diverge);
            }
        } else {
            // It is assigned on several ways, and what is around them assigns it once more.
            let pat = match &mut local.pat {
                Pat::Type(t) => &mut *t.pat,
                pat => pat,
            };
            if let Pat::Ident(p) = pat
                && p.mutability.is_none()
            {
                p.mutability = Some(syn::token::Mut { span: p.ident.span() });
            }
        }
        self.declare(&local.pat, set);
    }
    fn statement(&mut self, e: &mut Expr, tail: bool, expected: Option<Type>) {
        match e {
            Expr::Assign(a) => {
                let names = analyse::Effects::of([&Expr::Assign(a.clone())]).assigned;
                self.visit_expr_mut(e);
                names.values().for_each(|place| self.set(&place.root.to_string()));
            }
            _ if tail => self.value(e, expected),
            Expr::If(_) | Expr::Match(_) | Expr::Loop(_) => {
                let names: Vec<String> =
                    Effects::of([&*e]).assigned.values().map(|place| place.root.to_string()).collect();
                self.construct(e, false, None);
                names.iter().for_each(|name| self.set(name));
            }
            _ => self.visit_expr_mut(e),
        }
    }
    /// An expression whose value is used, as a whole.
    fn value(&mut self, e: &mut Expr, ty: Option<Type>) {
        match e {
            Expr::If(_) | Expr::Match(_) | Expr::Loop(_) => self.construct(e, true, ty),
            Expr::Block(b) if b.label.is_none() && b.attrs.is_empty() => {
                let outer = std::mem::replace(&mut self.expected, ty);
                self.block(&mut b.block, true);
                self.expected = outer;
            }
            _ => self.visit_expr_mut(e),
        }
    }
    fn construct(&mut self, e: &mut Expr, used: bool, ty: Option<Type>) {
        match e {
            Expr::If(i) if analyse::has_let(&i.cond) => {
                self.visit_expr_mut(&mut i.cond);
                self.scopes.push(BTreeMap::new());
                self.declare_lets(&i.cond.clone());
                self.inner(&mut i.then_branch);
                self.scopes.pop();
                if let Some((_, other)) = &mut i.else_branch {
                    self.value(other, None);
                }
            }
            Expr::If(_) => self.lower_if(e, used, ty),
            Expr::Match(_) => self.lower_match(e, used, ty),
            Expr::Loop(_) => self.lower_loop(e, used),
            _ => visit_mut::visit_expr_mut(self, e),
        }
    }
    fn declare_lets(&mut self, cond: &Expr) {
        match cond {
            Expr::Let(l) => self.declare(&l.pat, true),
            Expr::Binary(b) => {
                self.declare_lets(&b.left);
                self.declare_lets(&b.right);
            }
            Expr::Paren(p) => self.declare_lets(&p.expr),
            _ => {}
        }
    }
    fn inner(&mut self, block: &mut Block) {
        let outer = self.expected.take();
        self.block(block, false);
        self.expected = outer;
    }
    /// The variables that a construct may have changed, as its end must name them.
    fn carried(&self, effects: &Effects, wanted: impl Fn(&Place, Known) -> bool) -> Vec<Carried> {
        let mut list = vec![];
        for place in effects.assigned.values() {
            let root = place.root.to_string();
            let Some(known) = self.known(&root) else { continue };
            if wanted(place, known) {
                let by_reference = place.name != root || matches!(place.expr, Expr::Unary(_));
                let set = known.mutable || by_reference;
                list.push(Carried { place: place.clone(), check: true, set, sizes: None });
            }
        }
        list
    }
    fn lower_if(&mut self, e: &mut Expr, used: bool, ty: Option<Type>) {
        let Expr::If(source) = e else { return };
        let span = source.if_token.span;
        let mut effects = Effects::of_block(&source.then_branch);
        if let Some((_, other)) = &source.else_branch {
            effects = effects.and(Effects::of([&**other]));
        }
        let gone = analyse::expr_diverges(&Expr::If(source.clone()));
        let carried = self.carried(&effects, |place, _| self.is_live(&place.root.to_string()));
        self.visit_expr_mut(&mut source.cond);
        control::keep(&mut source.cond);
        // Each side begins with what is known before it.
        let before = self.scopes.clone();
        self.inner(&mut source.then_branch);
        self.scopes = before;
        let has_else = source.else_branch.is_some();
        if let Some((_, other)) = &mut source.else_branch {
            match &mut **other {
                Expr::Block(b) => self.inner(&mut b.block),
                other => self.value(other, None),
            }
        }
        let value = (used && has_else && !gone).then_some(ty);
        let around = self.around(span, value, gone && used, carried, effects);
        let Expr::If(source) = e else { return };
        *e = control::if_else(source, &around);
    }
    fn lower_match(&mut self, e: &mut Expr, used: bool, ty: Option<Type>) {
        let Expr::Match(source) = e else { return };
        let literals = integers(source);
        let effects = Effects::of(source.arms.iter().map(|a| &*a.body));
        let carried = self.carried(&effects, |place, _| self.is_live(&place.root.to_string()));
        self.visit_expr_mut(&mut source.expr);
        let before = self.scopes.clone();
        for arm in &mut source.arms {
            self.scopes = before.clone();
            self.scopes.push(BTreeMap::new());
            self.declare(&arm.pat, true);
            if let Pat::Guard(guarded) = &mut arm.pat {
                self.visit_expr_mut(&mut guarded.guard);
                if !analyse::has_let(&guarded.guard) {
                    control::guard(self.p, &mut guarded.guard);
                    self.changed = true;
                }
            }
            match &mut *arm.body {
                Expr::Block(b) if b.label.is_none() => self.inner(&mut b.block),
                body => self.value(body, None),
            }
        }
        self.scopes = before;
        let Some(literals) = literals else {
            self.changed |= control::patterns(self.p, source, &odd_patterns(source));
            return;
        };
        let span = source.match_token.span;
        let gone = source.arms.iter().all(|arm| analyse::expr_diverges(&arm.body));
        let around = self.around(span, (used && !gone).then_some(ty), gone && used, carried, effects);
        let Expr::Match(source) = e else { return };
        *e = control::match_integers(source, &literals, &around);
    }
    /// What stands around an `if` or a `match` that begins at `span`; `value` is there if its value is used.
    fn around(
        &mut self,
        span: Span,
        value: Option<Option<Type>>,
        never: bool,
        carried: Vec<Carried>,
        effects: Effects,
    ) -> Around<'_> {
        let turn = self.hidden("turn", span);
        let value = value.map(|ty| (self.hidden("value", span), ty));
        Around { p: self.p, turn, value, carried, effects, never }
    }
    /// What a loop carries from turn to turn.
    fn turning(&self, effects: &Effects, body: &Block, head: &BTreeSet<String>) -> Vec<Carried> {
        self.carried(effects, |place, known| {
            let root = place.root.to_string();
            let first = analyse::assigned_first(body, &root) && !head.contains(&root);
            known.set && (self.is_live(&root) || !first)
        })
    }
    fn lower_loop(&mut self, e: &mut Expr, used: bool) {
        let Expr::Loop(source) = e else { return };
        let span = source.loop_token.span;
        let effects = Effects::of_block(&source.body);
        let mut carried = self.turning(&effects, &source.body, &BTreeSet::new());
        shapes::give(&mut source.attrs, &mut carried, self.errors);
        // Assigned for the first time inside: they come out with `break`.
        let fresh =
            self.carried(&effects, |place, known| !known.set && self.is_live(&place.root.to_string()));
        let breaks = analyse::breaks(&source.body, source.label.as_ref());
        self.turn(&mut source.body, &[]);
        let state = self.hidden("loop", span);
        let value = (breaks == Breaks::Value).then(|| self.hidden("value", span));
        let _ = used;
        let Expr::Loop(source) = e else { return };
        *e = control::bare_loop(self.p, source, &state, value.as_ref(), &carried, &fresh, breaks);
    }
    /// The body of a loop: what it mentions is looked at again in the next turn.
    fn turn(&mut self, body: &mut Block, head: &[&Expr]) {
        let mut names = names_in(body);
        head.iter().for_each(|e| names.extend(names_in(*e)));
        self.live.push(names);
        self.inner(body);
        self.live.pop();
    }
    fn lower_while(&mut self, e: &mut Expr) {
        let Expr::While(source) = e else { return };
        if analyse::has_let(&source.cond) {
            self.visit_expr_mut(&mut source.cond);
            self.scopes.push(BTreeMap::new());
            self.declare_lets(&source.cond.clone());
            let cond = source.cond.clone();
            self.turn(&mut source.body, &[&cond]);
            self.scopes.pop();
            return;
        }
        let span = source.while_token.span;
        let effects = Effects::of_block(&source.body).and(Effects::of([&*source.cond]));
        let mut carried = self.turning(&effects, &source.body, &names_in(&source.cond));
        shapes::give(&mut source.attrs, &mut carried, self.errors);
        let cond = source.cond.clone();
        self.turn(&mut source.body, &[&cond]);
        self.visit_expr_mut(&mut source.cond);
        control::keep(&mut source.cond);
        let state = self.hidden("loop", span);
        let forever = matches!(&*source.cond, Expr::Lit(ExprLit { lit: Lit::Bool(b), .. }) if b.value);
        let Expr::While(source) = e else { return };
        *e = match forever {
            true => control::while_true(self.p, source, &state, &carried),
            false => {
                let test = self.hidden("test", span);
                control::while_loop(self.p, source, &state, &test, &carried, &effects)
            }
        };
    }
    fn lower_for(&mut self, e: &mut Expr) {
        let Expr::ForLoop(source) = e else { return };
        let span = source.for_token.span;
        let effects = Effects::of_block(&source.body);
        let mut carried = self.turning(&effects, &source.body, &BTreeSet::new());
        shapes::give(&mut source.attrs, &mut carried, self.errors);
        self.visit_expr_mut(&mut source.expr);
        let attributes = source.attrs.len();
        source.attrs.retain(|a| !check::is_stage(a));
        control::ranges(self.p, &mut source.expr, source.attrs.len() < attributes);
        self.scopes.push(BTreeMap::new());
        self.declare(&source.pat, true);
        self.turn(&mut source.body, &[]);
        self.scopes.pop();
        let state = self.hidden("loop", span);
        let Expr::ForLoop(source) = e else { return };
        *e = control::for_loop(self.p, source, &state, &carried, &effects);
    }
    /// `assert!` over what may be a tensor.
    fn assertion(&mut self, mac: &syn::Macro) -> Option<Expr> {
        if !mac.path.is_ident("assert") {
            return None;
        }
        let parser = syn::punctuated::Punctuated::<Expr, syn::Token![,]>::parse_terminated;
        let mut arguments: Vec<Expr> = mac.parse_body_with(parser).ok()?.into_iter().collect();
        if arguments.is_empty() {
            return None;
        }
        let mut condition = arguments.remove(0);
        let text = quote::ToTokens::to_token_stream(&condition).to_string();
        self.visit_expr_mut(&mut condition);
        self.changed = true;
        Some(control::assertion(self.p, mac, &condition, &arguments, &text))
    }
}

/// The integers that the arms of a match ask for; `None` if it asks for something else.
fn integers(source: &syn::ExprMatch) -> Option<Vec<i64>> {
    fn collect(pat: &Pat, list: &mut Vec<i64>) -> Option<()> {
        match pat {
            Pat::Wild(_) => Some(()),
            Pat::Or(o) => o.cases.iter().try_for_each(|p| collect(p, list)),
            Pat::Paren(p) => collect(&p.pat, list),
            Pat::Lit(l) => integer(&Expr::Lit(l.clone())).map(|n| list.push(n)),
            other => {
                // A negative literal.
                let text = quote::ToTokens::to_token_stream(other).to_string().replace(' ', "");
                text.parse().ok().map(|n| list.push(n))
            }
        }
    }
    let mut list = vec![];
    source.arms.iter().try_for_each(|arm| collect(&arm.pat, &mut list))?;
    (!list.is_empty()).then_some(list)
}

/// Patterns of numbers that a tensor cannot be matched with.
fn odd_patterns(source: &syn::ExprMatch) -> Vec<Span> {
    fn collect(pat: &Pat, list: &mut Vec<Span>) {
        match pat {
            Pat::Or(o) => o.cases.iter().for_each(|p| collect(p, list)),
            Pat::Paren(p) => collect(&p.pat, list),
            Pat::Guard(g) => collect(&g.pat, list),
            Pat::Range(_) => list.push(pat.span()),
            Pat::Lit(l) if integer(&Expr::Lit(l.clone())).is_none() => list.push(pat.span()),
            _ => {}
        }
    }
    let mut list = vec![];
    source.arms.iter().for_each(|arm| collect(&arm.pat, &mut list));
    list
}

fn integer(e: &Expr) -> Option<i64> {
    match e {
        Expr::Lit(ExprLit { lit: Lit::Int(n), .. }) => n.base10_parse().ok(),
        Expr::Unary(u) if matches!(u.op, UnOp::Neg(_)) => integer(&u.expr).map(|n| -n),
        _ => None,
    }
}

impl VisitMut for Lower<'_> {
    fn visit_expr_mut(&mut self, e: &mut Expr) {
        // What stands beside it in the same statement may be looked at afterwards.
        match e {
            Expr::Closure(_) | Expr::Async(_) | Expr::Const(_) => {}
            Expr::If(_) | Expr::Match(_) | Expr::Loop(_) => self.construct(e, true, None),
            Expr::While(_) => self.lower_while(e),
            Expr::ForLoop(_) => self.lower_for(e),
            Expr::Block(b) => self.inner(&mut b.block),
            Expr::Unsafe(b) => self.inner(&mut b.block),
            Expr::Macro(m) => {
                if let Some(lowered) = self.assertion(&m.mac) {
                    *e = lowered;
                } else {
                    if let Some(mut elements) = analyse::elements(&m.mac) {
                        elements.iter_mut().for_each(|e| self.visit_expr_mut(e));
                        m.mac.tokens = quote::ToTokens::into_token_stream(elements);
                    }
                }
            }
            Expr::Binary(b) => {
                self.visit_expr_mut(&mut b.left);
                self.visit_expr_mut(&mut b.right);
                if matches!(b.op, BinOp::And(_) | BinOp::Or(_)) {
                    control::keep(&mut b.left);
                    control::keep(&mut b.right);
                }
                if let Some(lowered) = binary(self.p, b) {
                    self.changed = true;
                    *e = lowered;
                }
            }
            _ => visit_mut::visit_expr_mut(self, e),
        }
    }
    fn visit_item_mut(&mut self, _: &mut syn::Item) {}
    fn visit_type_mut(&mut self, _: &mut Type) {}
}

fn binary(p: &TokenStream, b: &syn::ExprBinary) -> Option<Expr> {
    let literal = |e: &Expr| match e {
        Expr::Lit(_) => true,
        Expr::Unary(u) => matches!(u.op, UnOp::Neg(_)) && matches!(*u.expr, Expr::Lit(_)),
        _ => false,
    };
    let (name, flipped) = match b.op {
        BinOp::Eq(_) => ("eq", "eq"),
        BinOp::Ne(_) => ("ne", "ne"),
        BinOp::Lt(_) => ("lt", "gt"),
        BinOp::Le(_) => ("le", "ge"),
        BinOp::Gt(_) => ("gt", "lt"),
        BinOp::Ge(_) => ("ge", "le"),
        BinOp::And(_) | BinOp::Or(_) => {
            if analyse::has_let(&b.left) || analyse::has_let(&b.right) || analyse::escapes(&b.right) {
                return None;
            }
            return Some(control::logic(p, b));
        }
        _ => return None,
    };
    match (literal(&b.left), literal(&b.right)) {
        (true, true) => None,
        (true, false) => Some(control::comparison(p, &b.right, flipped, &b.left, b.op.span())),
        (false, _) => Some(control::comparison(p, &b.left, name, &b.right, b.op.span())),
    }
}
