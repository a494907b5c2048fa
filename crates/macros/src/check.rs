//! What `#[function]` cannot honour, each at the user's own tokens. One test under `tests/ui` for each.

use crate::args::Options;
use crate::errors::{self, Errors, Rejection};
use crate::parse::Function;
use crate::{analyse, shapes};
use syn::visit::Visit;
use syn::{Attribute, Expr, FnArg, ReceiverKind, ReturnType, Safety, TypeImplTrait, TypeReference};

/// Collects everything that is wrong with a function.
pub fn function(function: &Function, options: &Options, errors: &mut Errors) {
    qualifiers(function, errors);
    arguments(function, errors);
    output(function, errors);
    signature(function, options, errors);
    Body(errors).visit_block(&function.item.block);
}

/// Looks for what a body must not do.
struct Body<'a>(&'a mut Errors);

impl<'ast> Visit<'ast> for Body<'_> {
    fn visit_expr(&mut self, e: &'ast Expr) {
        match e {
            Expr::Await(e) => self.0.on(&e.await_token, errors::AWAIT),
            Expr::Yield(e) => self.0.on(&e.yield_token, errors::YIELD),
            // A future is a value like others, and who awaits it is another affair.
            Expr::Async(_) => return,
            Expr::ForLoop(e) => {
                self.on_loop(&e.attrs, staged(&e.expr));
                self.visit_expr(&e.expr);
                return self.visit_block(&e.body);
            }
            Expr::While(e) if !analyse::has_let(&e.cond) => {
                self.on_loop(&e.attrs, false);
                self.visit_expr(&e.cond);
                return self.visit_block(&e.body);
            }
            Expr::Loop(e) => {
                self.on_loop(&e.attrs, false);
                return self.visit_block(&e.body);
            }
            _ => {}
        }
        syn::visit::visit_expr(self, e);
    }
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if is_stage(attribute) {
            self.0.on(attribute, errors::STAGE);
        }
        if shapes::is_shape(attribute) {
            self.0.on(attribute, errors::SHAPE);
        }
    }
    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

impl Body<'_> {
    /// The attributes of a loop.
    fn on_loop(&mut self, attributes: &[Attribute], staged: bool) {
        for attribute in attributes {
            let right = match shapes::is_shape(attribute) {
                true => shapes::declared(attribute).is_ok(),
                false => staged && is_stage(attribute),
            };
            if !right {
                self.visit_attribute(attribute);
            }
        }
    }
}

/// Whether an attribute is `#[tf::stage]`.
pub fn is_stage(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|s| s.ident == "stage")
}

/// Whether a `for` over this can be staged: a range, and what is called on it.
fn staged(items: &Expr) -> bool {
    match items {
        Expr::Paren(e) => staged(&e.expr),
        Expr::Group(e) => staged(&e.expr),
        Expr::MethodCall(e) => staged(&e.receiver),
        Expr::Range(range) => range.start.is_some() && range.end.is_some(),
        _ => false,
    }
}

fn qualifiers(function: &Function, errors: &mut Errors) {
    let sig = &function.item.sig;
    if let Some(token) = &sig.asyncness {
        errors.on(token, errors::ASYNC);
    }
    if let Some(token) = &sig.constness {
        errors.on(token, errors::CONST);
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.on(token, errors::UNSAFE);
    }
    if let Some(abi) = &sig.abi {
        errors.on(abi, errors::EXTERN);
    }
}

fn arguments(function: &Function, errors: &mut Errors) {
    for input in &function.item.sig.inputs {
        match input {
            FnArg::Receiver(receiver) => match &receiver.kind {
                ReceiverKind::Reference(_, _, Some(token)) => errors.on(token, errors::MUTABLE),
                ReceiverKind::Typed(_, ty) => errors.on(ty, errors::RECEIVER),
                _ => {}
            },
            FnArg::Typed(typed) => {
                Find { errors, references: None, impls: errors::IMPL_ARGUMENT }.visit_type(&typed.ty);
            }
        }
    }
}

fn output(function: &Function, errors: &mut Errors) {
    if let ReturnType::Type(_, ty) = &function.item.sig.output {
        Find { errors, references: Some(errors::BORROWED), impls: errors::IMPL_RESULT }.visit_type(ty);
    }
}

/// Looks for what a type must not contain.
struct Find<'a> {
    errors: &'a mut Errors,
    /// Why references are wrong here; else only mutable ones are.
    references: Option<Rejection>,
    impls: Rejection,
}

impl<'ast> Visit<'ast> for Find<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let fixed = reference.lifetime.as_ref().is_some_and(|l| l.ident == "static");
        match (self.references, &reference.mutability) {
            (_, Some(token)) => self.errors.on(token, errors::MUTABLE),
            (Some(text), None) if !fixed => self.errors.on(reference, text),
            _ => {}
        }
        syn::visit::visit_type_reference(self, reference);
    }
    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.errors.on(ty, self.impls);
    }
    /// The parameters of a function pointer are its own affair.
    fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
}

fn signature(function: &Function, options: &Options, errors: &mut Errors) {
    let names: Vec<String> = function.arguments.iter().map(|a| a.name.to_string()).collect();
    for (i, spec) in options.signature.iter().enumerate() {
        if !names.contains(&spec.argument.to_string()) {
            let text = errors::NO_ARGUMENT.with(&[&spec.argument, &names.join(", ")]);
            errors.at(spec.argument.span(), text);
        }
        if options.signature[..i].iter().any(|other| other.path == spec.path) {
            errors.at(spec.argument.span(), errors::SIGNED_TWICE.with(&[&spec.path]));
        }
    }
}
