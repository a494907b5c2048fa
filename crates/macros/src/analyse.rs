//! What a piece of a body does to the variables around it: what it assigns, what it mentions, how it leaves.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::{BTreeMap, BTreeSet};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, Ident, Label, Local, Macro, Member, Pat, Stmt};

/// Methods that change what they are called on, for collections of the host.
const MUTATORS: &[&str] = &[
    "append",
    "clear",
    "dedup",
    "drain",
    "extend",
    "insert",
    "pop",
    "pop_back",
    "pop_front",
    "push",
    "push_back",
    "push_front",
    "push_str",
    "remove",
    "resize",
    "retain",
    "sort",
    "sort_by",
    "sort_by_key",
    "sort_unstable",
    "swap_remove",
    "truncate",
];

/// Methods with an effect outside the program.
const SENDERS: &[&str] = &["send", "try_send", "write_all", "flush"];

/// A place that is assigned: a variable, or a field of one.
#[derive(Clone)]
pub struct Place {
    /// The variable.
    pub root: Ident,
    /// The place: the variable, or fields of it.
    pub expr: Expr,
    /// How it reads in messages.
    pub name: String,
}

/// What a piece of code does.
#[derive(Default)]
pub struct Effects {
    /// Places outside of it that it assigns, by name.
    pub assigned: BTreeMap<String, Place>,
    /// Host effects, each with the type that stands for it.
    pub effects: Vec<(proc_macro2::Span, &'static str)>,
    /// Receivers of methods with effects.
    pub senders: Vec<Ident>,
}

impl Effects {
    /// Of some expressions.
    pub fn of<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> Effects {
        let mut walk = Walk::default();
        exprs.into_iter().for_each(|e| walk.visit_expr(e));
        walk.done()
    }
    /// Of a block.
    pub fn of_block(block: &Block) -> Effects {
        let mut walk = Walk::default();
        walk.visit_block(block);
        walk.done()
    }
    /// Of both.
    pub fn and(mut self, other: Effects) -> Effects {
        self.assigned.extend(other.assigned);
        self.effects.extend(other.effects);
        self.senders.extend(other.senders);
        self.merged()
    }
    /// A variable that is assigned whole covers its fields.
    fn merged(mut self) -> Effects {
        let whole: BTreeSet<String> =
            self.assigned.values().filter(|p| p.root == p.name).map(|p| p.name.clone()).collect();
        self.assigned.retain(|name, p| p.root == *name || !whole.contains(&p.root.to_string()));
        self
    }
}

#[derive(Default)]
struct Walk {
    scopes: Vec<BTreeSet<String>>,
    found: Effects,
}

impl Walk {
    fn done(self) -> Effects {
        self.found.merged()
    }
    fn declare(&mut self, pat: &Pat) {
        let mut names = vec![];
        bound(pat, &mut names);
        if let Some(scope) = self.scopes.last_mut() {
            scope.extend(names.into_iter().map(|n| n.0.to_string()));
        }
    }
    fn scoped(&mut self, f: impl FnOnce(&mut Walk)) {
        self.scopes.push(BTreeSet::new());
        f(self);
        self.scopes.pop();
    }
    /// Something is assigned.
    fn assign(&mut self, left: &Expr) {
        match left {
            Expr::Tuple(t) => t.elems.iter().for_each(|e| self.assign(e)),
            Expr::Array(t) => t.elems.iter().for_each(|e| self.assign(e)),
            Expr::Paren(p) => self.assign(&p.expr),
            Expr::Group(g) => self.assign(&g.expr),
            Expr::Struct(s) => s.fields.iter().for_each(|f| self.assign(&f.expr)),
            Expr::Call(c) => c.args.iter().for_each(|e| self.assign(e)),
            _ => {
                if let Some(place) = place(left)
                    && !self.scopes.iter().any(|s| s.contains(&place.root.to_string()))
                {
                    self.found.assigned.insert(place.name.clone(), place);
                }
            }
        }
    }
}

/// The place that an expression names: an index changes the whole collection.
fn place(expr: &Expr) -> Option<Place> {
    match expr {
        Expr::Path(p) => {
            let root = p.path.get_ident()?.clone();
            if root == "self" {
                return None;
            }
            Some(Place { name: root.to_string(), expr: expr.clone(), root })
        }
        Expr::Field(f) => {
            let base = place(&f.base)?;
            let member = match &f.member {
                Member::Named(n) => n.to_string(),
                Member::Unnamed(i) => i.index.to_string(),
            };
            Some(Place { name: format!("{}.{member}", base.name), expr: expr.clone(), root: base.root })
        }
        Expr::Index(i) => place(&i.expr),
        Expr::Paren(p) => place(&p.expr),
        Expr::Group(g) => place(&g.expr),
        Expr::Unary(u) if matches!(u.op, syn::UnOp::Deref(_)) => {
            let base = place(&u.expr)?;
            Some(Place { name: base.name, expr: expr.clone(), root: base.root })
        }
        _ => None,
    }
}

impl<'a> Visit<'a> for Walk {
    fn visit_block(&mut self, block: &'a Block) {
        self.scoped(|w| visit::visit_block(w, block));
    }
    fn visit_local(&mut self, local: &'a Local) {
        visit::visit_local(self, local);
        self.declare(&local.pat);
    }
    fn visit_expr_let(&mut self, e: &'a syn::ExprLet) {
        visit::visit_expr_let(self, e);
        self.declare(&e.pat);
    }
    fn visit_expr_if(&mut self, e: &'a syn::ExprIf) {
        self.scoped(|w| visit::visit_expr_if(w, e));
    }
    fn visit_expr_while(&mut self, e: &'a syn::ExprWhile) {
        self.scoped(|w| visit::visit_expr_while(w, e));
    }
    fn visit_expr_for_loop(&mut self, e: &'a syn::ExprForLoop) {
        self.visit_expr(&e.expr);
        self.scoped(|w| {
            w.declare(&e.pat);
            w.visit_block(&e.body);
        });
    }
    fn visit_arm(&mut self, arm: &'a syn::Arm) {
        self.scoped(|w| {
            w.declare(&arm.pat);
            visit::visit_arm(w, arm);
        });
    }
    fn visit_expr_closure(&mut self, e: &'a syn::ExprClosure) {
        self.scoped(|w| {
            e.inputs.iter().for_each(|p| w.declare(p));
            w.visit_expr(&e.body);
        });
    }
    fn visit_expr_assign(&mut self, e: &'a syn::ExprAssign) {
        self.visit_expr(&e.right);
        self.assign(&e.left);
    }
    fn visit_expr_binary(&mut self, e: &'a syn::ExprBinary) {
        visit::visit_expr_binary(self, e);
        if is_assignment(&e.op) {
            self.assign(&e.left);
        }
    }
    fn visit_expr_reference(&mut self, e: &'a syn::ExprReference) {
        visit::visit_expr_reference(self, e);
        if e.mutability.is_some() {
            self.assign(&e.expr);
        }
    }
    fn visit_expr_method_call(&mut self, e: &'a syn::ExprMethodCall) {
        visit::visit_expr_method_call(self, e);
        let method = e.method.to_string();
        if MUTATORS.contains(&method.as_str()) {
            self.assign(&e.receiver);
        }
        if SENDERS.contains(&method.as_str())
            && let Some(place) = place(&e.receiver)
        {
            self.found.senders.push(place.root);
        }
    }
    fn visit_macro(&mut self, m: &'a Macro) {
        let Some(last) = m.path.segments.last() else { return };
        // `tf::print!` and `tf::assert!` are ops.
        if m.path.segments.len() > 1 {
            return;
        }
        let effect = match last.ident.to_string().as_str() {
            "println" | "print" | "eprintln" | "eprint" | "dbg" | "write" | "writeln" => "Printing",
            "panic" | "unreachable" | "todo" | "unimplemented" => "Panicking",
            _ => return,
        };
        self.found.effects.push((m.path.span(), effect));
    }
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

/// The elements of a `vec!`, which are expressions like others.
pub fn elements(mac: &Macro) -> Option<Punctuated<Expr, syn::Token![,]>> {
    mac.path.is_ident("vec").then(|| mac.parse_body_with(Punctuated::parse_terminated).ok()).flatten()
}

/// Whether an operator assigns.
pub fn is_assignment(op: &BinOp) -> bool {
    matches!(
        op,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}

/// The names that a pattern binds, and whether they may be changed.
pub fn bound(pat: &Pat, names: &mut Vec<(Ident, bool)>) {
    struct Names<'n>(&'n mut Vec<(Ident, bool)>);
    impl<'a> Visit<'a> for Names<'_> {
        fn visit_pat_ident(&mut self, p: &'a syn::PatIdent) {
            self.0.push((p.ident.clone(), p.mutability.is_some()));
            visit::visit_pat_ident(self, p);
        }
        fn visit_expr(&mut self, _: &'a Expr) {}
    }
    Names(names).visit_pat(pat);
}

/// The names that tokens mention, inside strings to be formatted too.
pub fn mentioned(tokens: TokenStream, names: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(i) => {
                names.insert(i.to_string());
            }
            TokenTree::Group(g) => {
                mentioned(g.stream(), names);
            }
            TokenTree::Literal(l) => {
                let text = l.to_string();
                for piece in text.split('{').skip(1) {
                    let end = piece.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(piece.len());
                    if end > 0 {
                        names.insert(piece[..end].to_string());
                    }
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

/// The names that something mentions.
pub fn names_in(x: &impl ToTokens) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    mentioned(x.to_token_stream(), &mut names);
    names
}

/// Whether an expression leaves what is around it: `?`, `return`, `break`, `continue`.
pub fn escapes(expr: &Expr) -> bool {
    escape(|find| find.visit_expr(expr))
}

/// Whether a block has something that leaves what is around it.
pub fn block_escapes(block: &Block) -> bool {
    escape(|find| find.visit_block(block))
}

struct Escapes(bool);

fn escape(walk: impl FnOnce(&mut Escapes)) -> bool {
    let mut find = Escapes(false);
    walk(&mut find);
    find.0
}

impl<'a> Visit<'a> for Escapes {
    fn visit_expr(&mut self, e: &'a Expr) {
        match e {
            Expr::Try(_)
            | Expr::Return(_)
            | Expr::Break(_)
            | Expr::Continue(_)
            | Expr::Await(_)
            | Expr::Yield(_) => self.0 = true,
            Expr::Closure(_) => {}
            _ => visit::visit_expr(self, e),
        }
    }
    fn visit_item(&mut self, _: &'a syn::Item) {}
}

/// Whether a condition binds names.
pub fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(b) => has_let(&b.left) || has_let(&b.right),
        Expr::Paren(p) => has_let(&p.expr),
        Expr::Group(g) => has_let(&g.expr),
        _ => false,
    }
}

/// How `break` leaves one loop.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Breaks {
    Never,
    Plain,
    Value,
}

/// How a loop's own body leaves it.
pub fn breaks(body: &Block, label: Option<&Label>) -> Breaks {
    struct Find<'l> {
        depth: usize,
        label: Option<&'l Label>,
        found: Breaks,
    }
    impl<'a> Visit<'a> for Find<'_> {
        fn visit_expr(&mut self, e: &'a Expr) {
            match e {
                Expr::Closure(_) | Expr::Async(_) => {}
                Expr::Loop(_) | Expr::While(_) | Expr::ForLoop(_) => {
                    self.depth += 1;
                    visit::visit_expr(self, e);
                    self.depth -= 1;
                }
                Expr::Break(b) => {
                    let own = match &b.label {
                        None => self.depth == 0,
                        Some(l) => self.label.is_some_and(|own| own.name == *l),
                    };
                    if own {
                        self.found = if b.expr.is_some() { Breaks::Value } else { Breaks::Plain };
                    }
                    visit::visit_expr(self, e);
                }
                _ => visit::visit_expr(self, e),
            }
        }
        fn visit_item(&mut self, _: &'a syn::Item) {}
    }
    let mut find = Find { depth: 0, label, found: Breaks::Never };
    find.visit_block(body);
    find.found
}

/// Whether a block always leaves by its last statement.
pub fn diverges(block: &Block) -> bool {
    match block.stmts.last() {
        Some(Stmt::Expr(e, _)) => expr_diverges(e),
        _ => false,
    }
}

/// Whether an expression always leaves.
pub fn expr_diverges(e: &Expr) -> bool {
    match e {
        Expr::Return(_) | Expr::Break(_) | Expr::Continue(_) => true,
        Expr::Block(b) => b.label.is_none() && diverges(&b.block),
        Expr::If(i) => {
            diverges(&i.then_branch) && i.else_branch.as_ref().is_some_and(|(_, e)| expr_diverges(e))
        }
        _ => false,
    }
}

/// Whether the turn of a loop assigns a variable before anything else looks at it.
pub fn assigned_first(body: &Block, name: &str) -> bool {
    for stmt in &body.stmts {
        if let Stmt::Expr(Expr::Assign(a), _) = stmt
            && let Expr::Path(p) = &*a.left
            && p.path.is_ident(name)
        {
            return !names_in(&a.right).contains(name);
        }
        if names_in(stmt).contains(name) {
            return false;
        }
    }
    false
}
