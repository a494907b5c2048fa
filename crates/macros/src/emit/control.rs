//! What is written around control flow. Blocks and labels are the user's own.

use crate::analyse::{self, Breaks, Effects, Place};
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Block, Expr, ExprBinary, ExprCall, ExprForLoop, ExprIf, ExprLoop, ExprMatch, ExprWhile, Ident, Local,
    Pat, RangeLimits, Type, parse_quote,
};

/// The variables at one place of a loop that begins at `span`: the call has the loop's line.
fn at(state: &Ident, span: Span) -> TokenStream {
    quote_spanned!(span=> #state.at())
}

/// A call of a hidden function with the line of the construct that begins at `span`.
fn call(p: &TokenStream, name: &str, span: Span, arguments: TokenStream) -> TokenStream {
    let (p, name) = (respanned(p, span), Ident::new(name, span));
    quote_spanned!(span=> #p::#name(#arguments))
}

/// A variable that a construct may change.
pub struct Carried {
    pub place: Place,
    /// Its type must allow it.
    pub check: bool,
    /// It can be assigned.
    pub set: bool,
    /// The shape that is declared for it; `None` in it is a size that turns change.
    pub sizes: Option<Vec<Option<Expr>>>,
}

fn with(p: &TokenStream, carried: &[Carried]) -> TokenStream {
    let each = carried.iter().filter(|c| c.set).map(|c| {
        let (expr, name) = (&c.place.expr, &c.place.name);
        let sized = c.sizes.as_ref().map(|sizes| {
            let size = |size: &Option<Expr>| match size {
                Some(size) => quote!(::core::option::Option::Some(#size)),
                None => quote!(::core::option::Option::None),
            };
            let sizes = sizes.iter().map(size);
            quote!(.sized(&[#(#sizes),*]))
        });
        // The hidden traits choose by what is known of the type.
        quote_spanned!(c.place.root.span().resolved_at(Span::mixed_site())=> .with(#name, #p::Wrap(&mut #expr).place()) #sized)
    });
    quote!(#(#each)*)
}

fn checks(p: &TokenStream, turn: &Ident, carried: &[Carried], effects: &Effects) -> TokenStream {
    let places = carried.iter().filter(|c| c.check).map(|c| {
        let expr = &c.place.expr;
        let span = c.place.root.span();
        quote_spanned!(span=> #turn.check(&#expr);)
    });
    let senders = effects.senders.iter().map(|name| quote_spanned!(name.span()=> #turn.check(&#name);));
    let others = effects.effects.iter().map(|(span, what)| {
        let (what, p) = (Ident::new(what, *span), respanned(p, *span));
        quote_spanned!(*span=> #turn.effect(#p::#what);)
    });
    quote!(#(#places)* #(#senders)* #(#others)*)
}

/// The same path at the user's tokens, so that an error about what it names is shown there.
fn respanned(p: &TokenStream, span: Span) -> TokenStream {
    let at = |mut token: proc_macro2::TokenTree| {
        token.set_span(span);
        token
    };
    p.clone().into_iter().map(at).collect()
}

/// What a lowered body begins with: the traits whose methods it calls.
pub fn traits(p: &TokenStream) -> syn::Stmt {
    parse_quote!(#[allow(unused_imports)] use #p::{HostScrutinee as _, HostSide as _, ViaAny as _, ViaState as _};)
}

/// What stands around an `if` or a `match`, beside the construct itself.
pub struct Around<'a> {
    /// Where the hidden functions are.
    pub p: &'a TokenStream,
    /// The name of what keeps track.
    pub turn: Ident,
    /// The name of the construct's value, if it is used, and its type, if it is written.
    pub value: Option<(Ident, Option<Type>)>,
    /// The variables that it may change.
    pub carried: Vec<Carried>,
    /// What it does beside.
    pub effects: Effects,
    /// Its value would be used, and every way leaves.
    pub never: bool,
}

/// `if` and `else`.
pub fn if_else(source: &ExprIf, around: &Around<'_>) -> Expr {
    let (p, turn) = (around.p, &around.turn);
    let (cond, then) = (&source.cond, &source.then_branch);
    let other = source.else_branch.as_ref().map(|(token, e)| {
        let e = match &**e {
            Expr::Block(_) => quote!(#e),
            e => quote!({ #e }),
        };
        quote!(#token #e)
    });
    around.put(
        {
            let call = call(p, "condition", source.if_token.span, quote!(#cond));
            quote_spanned!(turn.span()=> let #turn = #call;)
        },
        quote_spanned!(turn.span()=> if #turn.take() #then #other),
    )
}

/// `match` over integers.
pub fn match_integers(source: &ExprMatch, literals: &[i64], around: &Around<'_>) -> Expr {
    let (p, turn) = (around.p, &around.turn);
    let (scrutinee, arms) = (&source.expr, &source.arms);
    around.put(
        {
            let call = call(p, "matched", source.match_token.span, quote!(#scrutinee, &[#(#literals),*]));
            quote_spanned!(turn.span()=> let #turn = #call;)
        },
        quote_spanned!(turn.span()=> match #turn.pick() { #(#arms)* }),
    )
}

impl Around<'_> {
    fn put(&self, begin: TokenStream, branch: TokenStream) -> Expr {
        let Around { p, turn, carried, effects, .. } = self;
        let (checks, with) = (checks(p, turn, carried, effects), with(p, carried));
        match &self.value {
            None => {
                let never = self.never.then(|| quote!(::core::unreachable!()));
                parse_quote!({ #begin #branch; #checks #turn.join() #with .end(); #never })
            }
            Some((value, ty)) => {
                let ty = ty.as_ref().map(|ty| quote!(: #ty));
                let check = quote_spanned!(turn.span()=> #turn.check(&#value););
                parse_quote!({
                    #begin
                    let mut #value #ty = #branch;
                    #checks
                    #check
                    #turn.join().with("the value of the `if`", #p::Wrap(&mut #value).place()) #with .end();
                    #value
                })
            }
        }
    }
}

/// A guard of a `match`: no tensor can choose an arm so.
pub fn guard(p: &TokenStream, guard: &mut Expr) {
    let call = respanned(&quote!(#p::guard), guard.span());
    let call = quote_spanned!(guard.span()=> #call(#guard));
    *guard = parse_quote!(#call);
}

/// A `match` of the host: says at patterns that a tensor cannot have that it has none. Whether there was anything to say.
pub fn patterns(p: &TokenStream, source: &mut ExprMatch, odd: &[Span]) -> bool {
    let mut place = &*source.expr;
    while let Expr::Reference(r) = place {
        place = &r.expr;
    }
    if odd.is_empty() || !matches!(place, Expr::Path(_) | Expr::Field(_)) {
        return false;
    }
    let each = odd.iter().map(|span| {
        let p = respanned(p, *span);
        quote_spanned!(*span=> #p::Scrutinee(&#place).pattern(#p::Pattern);)
    });
    let scrutinee = &source.expr;
    let block = quote_spanned!(scrutinee.span()=> { #(#each)* #scrutinee });
    *source.expr = parse_quote!(#block);
    true
}

/// `while`.
pub fn while_loop(
    p: &TokenStream,
    source: &ExprWhile,
    state: &Ident,
    test: &Ident,
    carried: &[Carried],
    effects: &Effects,
) -> Expr {
    let (cond, body, label) = (&source.cond, &source.body, &source.label);
    let probe = match analyse::escapes(cond) {
        // It leaves the function, which a closure cannot: so it is a `bool`.
        true => quote!(true),
        false => quote!(#cond),
    };
    let (checks, with) = (checks(p, state, carried, effects), with(p, carried));
    let (leaves, at) = (leaves(state, body), at(state, source.while_token.span));
    parse_quote!({
        let mut #state = #p::while_loop(|| #probe);
        #leaves
        #checks
        #label while #at #with .turn() && { let #test = #cond; #at #with .test(#test) } #body
        #at #with .after();
    })
}

/// Tells a loop of the host that its turns may be left.
fn leaves(state: &Ident, body: &Block) -> Option<TokenStream> {
    analyse::block_escapes(body).then(|| quote!(#state.leaves();))
}

/// `while true`.
pub fn while_true(p: &TokenStream, source: &ExprWhile, state: &Ident, carried: &[Carried]) -> Expr {
    let (body, label) = (&source.body, &source.label);
    let (with, at) = (with(p, carried), at(state, source.while_token.span));
    parse_quote!({
        let mut #state = #p::bare();
        #label while true { #at #with .turn(); #body }
        #at #with .after();
    })
}

/// `loop`.
pub fn bare_loop(
    p: &TokenStream,
    source: &ExprLoop,
    state: &Ident,
    value: Option<&Ident>,
    carried: &[Carried],
    fresh: &[Carried],
    breaks: Breaks,
) -> Expr {
    let (body, label) = (&source.body, &source.label);
    let (with, at) = (with(p, carried), at(state, source.loop_token.span));
    let fresh = fresh.iter().filter(|c| c.set).map(|c| {
        let expr = &c.place.expr;
        quote!(.value(#p::Wrap(&mut #expr).place()))
    });
    let fresh = quote!(#(#fresh)*);
    let turns = quote!(#label loop { #at #with .turn(); #body });
    let begin = quote!(let mut #state = #p::bare(););
    match (breaks, value) {
        (Breaks::Never, _) => parse_quote!({ #begin #turns }),
        (_, None) => parse_quote!({ #begin #turns #at #with #fresh .after(); }),
        (_, Some(value)) => parse_quote!({
            #begin
            let mut #value = #turns;
            #at #with #fresh .value(#p::Wrap(&mut #value).place()).after();
            #value
        }),
    }
}

/// `for`.
pub fn for_loop(
    p: &TokenStream,
    source: &ExprForLoop,
    state: &Ident,
    carried: &[Carried],
    effects: &Effects,
) -> Expr {
    let (pat, items, body, label) = (&source.pat, &source.expr, &source.body, &source.label);
    let (checks, with) = (checks(p, state, carried, effects), with(p, carried));
    let begin = call(p, "for_loop", source.for_token.span, quote!(#items));
    let (leaves, at) = (leaves(state, body), at(state, source.for_token.span));
    parse_quote!({
        match #begin {
            mut #state => {
                #leaves
                #checks
                #label while let ::core::option::Option::Some(#pat) = #at #with .next() #body
                #at #with .after();
            }
        }
    })
}

/// `a..b` behind `in`, also under methods: one of tensors if an end is a tensor, or if the loop is staged.
pub fn ranges(p: &TokenStream, items: &mut Expr, staged: bool) {
    match items {
        Expr::Paren(inner) => ranges(p, &mut inner.expr, staged),
        Expr::Group(inner) => ranges(p, &mut inner.expr, staged),
        Expr::MethodCall(call) => ranges(p, &mut call.receiver, staged),
        Expr::Range(range) => {
            let (Some(start), Some(end)) = (&range.start, &range.end) else { return };
            let to = match range.limits {
                RangeLimits::HalfOpen(_) => quote!(to),
                RangeLimits::Closed(_) => quote!(up_to),
            };
            let span = start.span();
            let call = match staged {
                true => respanned(&quote!(#p::StagedRange::#to), span),
                false => quote!(#p::StartTo::#to),
            };
            let call = quote_spanned!(span=> #call(#start, #end));
            *items = parse_quote!(#call);
        }
        _ => {}
    }
}

/// A list that is only pushed to and stacked.
pub fn list(p: &TokenStream, local: &mut Local) {
    if let Pat::Type(typed) = &local.pat {
        local.pat = (*typed.pat).clone();
    }
    if let Some(init) = &mut local.init {
        *init.expr = parse_quote!(<#p::List as ::core::default::Default>::default());
    }
}

/// Its end.
pub fn stack(p: &TokenStream, call: &mut ExprCall) {
    let stack = respanned(&quote!(#p::List::stack), call.func.span());
    *call.func = parse_quote!(#stack);
}

/// `a < b`.
pub fn comparison(p: &TokenStream, left: &Expr, method: &str, right: &Expr, span: Span) -> Expr {
    let method = Ident::new(method, Span::mixed_site().located_at(span));
    let p = respanned(p, left.span());
    let call = quote_spanned!(span=> #p::Side(&(#left)).#method(&(#right)));
    parse_quote!(#call)
}

/// A variable that decides stays the user's: a `bool` is copied, a tensor must be too.
pub fn keep(condition: &mut Expr) {
    match condition {
        Expr::Paren(inner) => keep(&mut inner.expr),
        Expr::Group(inner) => keep(&mut inner.expr),
        Expr::Unary(not) if matches!(not.op, syn::UnOp::Not(_)) => keep(&mut not.expr),
        Expr::Path(_) | Expr::Field(_) => {
            let to_owned = Ident::new("to_owned", Span::mixed_site().located_at(condition.span()));
            *condition = parse_quote!(#condition.#to_owned());
        }
        _ => {}
    }
}

/// `a && b`, `a || b`.
pub fn logic(p: &TokenStream, b: &ExprBinary) -> Expr {
    let (left, right) = (&b.left, &b.right);
    let name = match b.op {
        syn::BinOp::And(_) => quote!(and),
        _ => quote!(or),
    };
    let span = match b.op {
        syn::BinOp::And(token) => token.spans[0],
        syn::BinOp::Or(token) => token.spans[0],
        _ => Span::call_site(),
    };
    let call = quote_spanned!(span=> #p::#name(#left, || #right));
    parse_quote!(#call)
}

/// `assert!(condition, "text", ..)`.
pub fn assertion(
    p: &TokenStream,
    mac: &syn::Macro,
    condition: &Expr,
    arguments: &[Expr],
    text: &str,
) -> Expr {
    let span = mac.path.segments.last().map_or_else(Span::call_site, |s| s.ident.span());
    let message = match arguments {
        [] => quote!(::std::string::String::from(#text)),
        _ => quote!(::std::format!(#(#arguments),*)),
    };
    let call = quote_spanned!(span=> #p::assert_that(#condition, || #message));
    parse_quote!(#call)
}
