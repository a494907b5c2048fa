//! One dimension of a shape: a number, or a symbolic expression over named dimensions.
//!
//! A [`Dim`] is eight bytes and `Copy`. A number is itself; an expression is the negative index of an interned,
//! canonical polynomial, so that equal expressions are equal values. The table grows with the distinct expressions
//! that a program's signatures make, not with calls.

use std::collections::HashMap;
use std::fmt;
use std::ops::{Add, Mul, Sub};
use std::sync::{LazyLock, RwLock};

/// A dimension: known, or an expression over symbols such as `batch`.
///
/// ```
/// use tenfold_core::Dim;
/// let batch = Dim::symbol("batch");
/// assert_eq!((batch * Dim::from(784)).exact_div(Dim::from(784)), Some(batch));
/// assert_eq!(Dim::from(3), 3);
/// assert_eq!(batch.size(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Dim(i64);

/// A product of atoms, sorted; the empty product is 1.
type Monomial = Vec<Dim>;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Expr {
    /// A named dimension.
    Symbol(&'static str),
    /// Sum of coefficient × product of atoms, sorted by product, no zero coefficients, not a constant, not one atom.
    Poly(Vec<(Monomial, i64)>),
    /// `floor(a / b)`.
    Div(Dim, Dim),
    /// The result of broadcasting two sizes: the other one if one is 1.
    Broadcast(Dim, Dim),
    /// `max(a, b)`.
    Max(Dim, Dim),
}

#[derive(Default)]
struct Table {
    exprs: Vec<Expr>,
    index: HashMap<Expr, i64>,
    strings: HashMap<&'static str, ()>,
}

static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(RwLock::default);

fn table() -> std::sync::RwLockReadGuard<'static, Table> {
    TABLE.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn table_mut() -> std::sync::RwLockWriteGuard<'static, Table> {
    TABLE.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A string that lives as long as the program; equal strings are stored once.
pub(crate) fn intern(text: &str) -> &'static str {
    let mut table = table_mut();
    if let Some((known, ())) = table.strings.get_key_value(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.into());
    table.strings.insert(kept, ());
    kept
}

fn intern_expr(expr: Expr) -> Dim {
    let mut table = table_mut();
    if let Some(&i) = table.index.get(&expr) {
        return Dim(i);
    }
    let i = -(table.exprs.len() as i64) - 1;
    table.exprs.push(expr.clone());
    table.index.insert(expr, i);
    Dim(i)
}

/// What the symbols of a graph stand for in one call.
pub type Bindings = Vec<(Dim, usize)>;

impl Dim {
    /// The symbol of this name; equal names are the same symbol. Names that begin with `?` print as `?`.
    pub fn symbol(name: &str) -> Dim {
        intern_expr(Expr::Symbol(intern(name)))
    }
    /// The number, if it is known.
    #[inline]
    pub fn size(self) -> Option<usize> {
        (self.0 >= 0).then_some(self.0 as usize)
    }
    /// What tells this dimension from all others, as a number.
    #[inline]
    pub(crate) fn key(self) -> u64 {
        self.0 as u64
    }
    /// Whether the number is known.
    #[inline]
    pub fn is_known(self) -> bool {
        self.0 >= 0
    }
    fn expr(self) -> Expr {
        table().exprs[(-self.0 - 1) as usize].clone()
    }
    /// The name, if this is a plain symbol.
    pub fn name(self) -> Option<&'static str> {
        match (!self.is_known()).then(|| self.expr()) {
            Some(Expr::Symbol(name)) => Some(name),
            _ => None,
        }
    }
    fn terms(self) -> Vec<(Monomial, i64)> {
        match self.size() {
            Some(0) => vec![],
            Some(n) => vec![(vec![], n as i64)],
            None => match self.expr() {
                Expr::Poly(terms) => terms,
                _ => vec![(vec![self], 1)],
            },
        }
    }
    fn from_terms(mut terms: Vec<(Monomial, i64)>) -> Dim {
        terms.sort();
        let mut sum: Vec<(Monomial, i64)> = vec![];
        for (monomial, c) in terms {
            match sum.last_mut() {
                Some(last) if last.0 == monomial => last.1 += c,
                _ => sum.push((monomial, c)),
            }
        }
        sum.retain(|t| t.1 != 0);
        match sum.as_slice() {
            [] => Dim(0),
            [(m, c)] if m.is_empty() && *c >= 0 => Dim(*c),
            [(m, 1)] if m.len() == 1 => m[0],
            _ => intern_expr(Expr::Poly(sum)),
        }
    }
    /// `self / by` if it divides without remainder whatever the symbols are.
    pub fn exact_div(self, by: Dim) -> Option<Dim> {
        if let (Some(a), Some(b)) = (self.size(), by.size()) {
            return (b != 0 && a % b == 0).then(|| Dim::from(a / b));
        }
        if self == by {
            return Some(Dim(1));
        }
        let divisor = by.terms();
        let [(dm, dc)] = divisor.as_slice() else { return None };
        let mut quotient = vec![];
        for (mut m, c) in self.terms() {
            if c % dc != 0 {
                return None;
            }
            for atom in dm {
                let i = m.iter().position(|a| a == atom)?;
                m.remove(i);
            }
            quotient.push((m, c / dc));
        }
        Some(Dim::from_terms(quotient))
    }
    /// `floor(self / by)`.
    pub fn floor_div(self, by: Dim) -> Dim {
        if let (Some(a), Some(b)) = (self.size(), by.size()) {
            return Dim::from(a.checked_div(b).unwrap_or(0));
        }
        self.exact_div(by).unwrap_or_else(|| intern_expr(Expr::Div(self, by)))
    }
    /// The larger one.
    pub fn max(self, other: Dim) -> Dim {
        match (self.size(), other.size()) {
            (Some(a), Some(b)) => Dim::from(a.max(b)),
            (_, Some(0)) => self,
            (Some(0), _) => other,
            _ if self == other => self,
            _ => intern_expr(Expr::Max(Ord::min(self, other), Ord::max(self, other))),
        }
    }
    /// The size that broadcasting makes of two, `None` if they are known to differ.
    pub fn broadcast(self, other: Dim) -> Option<Dim> {
        match (self.size(), other.size()) {
            _ if self == other => Some(self),
            (Some(1), _) => Some(other),
            (_, Some(1)) => Some(self),
            (Some(_), Some(_)) => None,
            // A symbol beside a number larger than 1 (or 0) must be that number or 1: the number either way.
            (Some(_), None) => Some(self),
            (None, Some(_)) => Some(other),
            (None, None) => Some(intern_expr(Expr::Broadcast(Ord::min(self, other), Ord::max(self, other)))),
        }
    }
    /// Whether two dimensions may be equal: known numbers must be, symbols are decided at binding.
    pub fn may_equal(self, other: Dim) -> bool {
        self == other || !self.is_known() || !other.is_known()
    }
    /// The number under `bindings`, `None` if a symbol is not bound or a difference is negative.
    pub fn evaluate(self, bindings: &[(Dim, usize)]) -> Option<usize> {
        if let Some(n) = self.size() {
            return Some(n);
        }
        if let Some(bound) = bindings.iter().find(|b| b.0 == self) {
            return Some(bound.1);
        }
        match self.expr() {
            Expr::Symbol(_) => None,
            Expr::Poly(terms) => {
                let mut sum = 0i64;
                for (monomial, c) in terms {
                    let mut product = c;
                    for atom in monomial {
                        product = product.checked_mul(i64::try_from(atom.evaluate(bindings)?).ok()?)?;
                    }
                    sum = sum.checked_add(product)?;
                }
                usize::try_from(sum).ok()
            }
            Expr::Div(a, b) => a.evaluate(bindings)?.checked_div(b.evaluate(bindings)?),
            Expr::Broadcast(a, b) => {
                let (a, b) = (a.evaluate(bindings)?, b.evaluate(bindings)?);
                (a == b || a == 1 || b == 1).then_some(if a == 1 { b } else { a })
            }
            Expr::Max(a, b) => Some(a.evaluate(bindings)?.max(b.evaluate(bindings)?)),
        }
    }
    /// The dimension with the bound symbols replaced, the others left.
    pub(crate) fn partial(self, bindings: &[(Dim, usize)]) -> Dim {
        self.replaced(&|d| bindings.iter().find(|b| b.0 == d).map(|b| Dim::from(b.1)))
    }
    /// The dimension with what `by` knows in the place of its parts.
    pub(crate) fn replaced(self, by: &dyn Fn(Dim) -> Option<Dim>) -> Dim {
        if self.is_known() {
            return self;
        }
        if let Some(found) = by(self) {
            return found;
        }
        match self.expr() {
            Expr::Symbol(_) => self,
            Expr::Poly(terms) => terms.into_iter().fold(Dim(0), |sum, (monomial, c)| {
                let one = Dim::from(c.unsigned_abs() as usize);
                let term = monomial.iter().fold(one, |product, atom| product * atom.replaced(by));
                if c < 0 { sum - term } else { sum + term }
            }),
            Expr::Div(a, b) => a.replaced(by).floor_div(b.replaced(by)),
            Expr::Broadcast(a, b) => a.replaced(by).broadcast(b.replaced(by)).unwrap_or(self),
            Expr::Max(a, b) => a.replaced(by).max(b.replaced(by)),
        }
    }
    /// Calls `f` for each symbol in it of a size that only the run decides.
    pub(crate) fn each_run_time_symbol(self, f: &mut dyn FnMut(Dim)) {
        let f = std::cell::RefCell::new(f);
        self.replaced(&|d| {
            if d.name().is_some_and(|n| n.starts_with('?')) {
                (f.borrow_mut())(d);
            }
            None
        });
    }
    /// Whether it is a size that each turn of a loop may decide anew.
    pub(crate) fn is_open(self) -> bool {
        self.name().is_some_and(|name| name.starts_with(crate::ops::OPEN_DIM))
    }
    /// Whether it depends on a size that only the run decides.
    pub(crate) fn is_run_time(self) -> bool {
        if self.is_known() {
            return false;
        }
        match self.expr() {
            Expr::Symbol(name) => name.starts_with('?'),
            Expr::Poly(terms) => terms.iter().any(|(monomial, _)| monomial.iter().any(|a| a.is_run_time())),
            Expr::Div(a, b) | Expr::Broadcast(a, b) | Expr::Max(a, b) => a.is_run_time() || b.is_run_time(),
        }
    }
    /// The text form, read back by [`Dim::parse`]: every symbol by its full name.
    pub(crate) fn text(self) -> String {
        if let Some(n) = self.size() {
            return n.to_string();
        }
        match self.expr() {
            Expr::Symbol(name) => name.to_string(),
            Expr::Poly(terms) => {
                let term = |(m, c): &(Monomial, i64)| {
                    let mut factors: Vec<String> = m.iter().map(|a| a.text()).collect();
                    if *c != 1 || m.is_empty() {
                        factors.insert(0, c.to_string());
                    }
                    factors.join("*")
                };
                format!("({})", terms.iter().map(term).collect::<Vec<_>>().join("+"))
            }
            Expr::Div(a, b) => format!("div({},{})", a.text(), b.text()),
            Expr::Broadcast(a, b) => format!("broadcast({},{})", a.text(), b.text()),
            Expr::Max(a, b) => format!("max({},{})", a.text(), b.text()),
        }
    }
    /// Reads what [`Dim::text`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Dim> {
        let mut parser = Parser { rest: text };
        let dim = parser.sum()?;
        parser.rest.is_empty().then_some(dim)
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
    fn sum(&mut self) -> Option<Dim> {
        let mut terms = self.product()?;
        while self.eat('+') {
            terms.extend(self.product()?);
        }
        Some(Dim::from_terms(terms))
    }
    fn product(&mut self) -> Option<Vec<(Monomial, i64)>> {
        let mut terms: Vec<(Monomial, i64)> = vec![(vec![], 1)];
        loop {
            let factor = match self.rest.strip_prefix('-').is_some() {
                true => {
                    self.eat('-');
                    let Dim(n) = self.atom()?;
                    vec![(vec![], -n)]
                }
                false => self.atom()?.terms(),
            };
            terms = multiply(&terms, &factor);
            if !self.eat('*') {
                return Some(terms);
            }
        }
    }
    fn atom(&mut self) -> Option<Dim> {
        if self.eat('(') {
            let inner = self.sum()?;
            return self.eat(')').then_some(inner);
        }
        let end =
            self.rest.find(|c: char| !(c.is_alphanumeric() || "_?.@".contains(c))).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if let Ok(n) = word.parse::<i64>() {
            return Some(Dim(n));
        }
        if word.is_empty() {
            return None;
        }
        if !self.eat('(') {
            return Some(Dim::symbol(word));
        }
        let a = self.sum()?;
        let b = if self.eat(',') { self.sum()? } else { return None };
        let dim = match word {
            "div" => a.floor_div(b),
            "broadcast" => a.broadcast(b)?,
            "max" => a.max(b),
            _ => return None,
        };
        self.eat(')').then_some(dim)
    }
}

fn multiply(a: &[(Monomial, i64)], b: &[(Monomial, i64)]) -> Vec<(Monomial, i64)> {
    let mut product = vec![];
    for (ma, ca) in a {
        for (mb, cb) in b {
            let mut m: Monomial = ma.iter().chain(mb).copied().collect();
            m.sort();
            product.push((m, ca.saturating_mul(*cb)));
        }
    }
    product
}

impl Add for Dim {
    type Output = Dim;
    fn add(self, other: Dim) -> Dim {
        Dim::from_terms([self.terms(), other.terms()].concat())
    }
}

impl Sub for Dim {
    type Output = Dim;
    fn sub(self, other: Dim) -> Dim {
        let minus = other.terms().into_iter().map(|(m, c)| (m, -c));
        Dim::from_terms(self.terms().into_iter().chain(minus).collect())
    }
}

impl Mul for Dim {
    type Output = Dim;
    fn mul(self, other: Dim) -> Dim {
        if let (Some(a), Some(b)) = (self.size(), other.size()) {
            return Dim::from(a.saturating_mul(b));
        }
        Dim::from_terms(multiply(&self.terms(), &other.terms()))
    }
}

impl From<usize> for Dim {
    #[inline]
    fn from(n: usize) -> Dim {
        Dim(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl PartialEq<usize> for Dim {
    fn eq(&self, n: &usize) -> bool {
        self.size() == Some(*n)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        let text = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(&text);
        match self.name() {
            Some(name) if name.starts_with('?') => f.write_str("?"),
            _ => f.write_str(text),
        }
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_canonical() {
        let (b, t) = (Dim::symbol("b"), Dim::symbol("t"));
        assert_eq!((b + t) * Dim::from(2), t * Dim::from(2) + b + b);
        assert_eq!((b + t) - t, b);
        assert_eq!(b - b, 0);
        assert_eq!((b * t * Dim::from(6)).exact_div(t * Dim::from(3)), Some(b * Dim::from(2)));
        assert_eq!(b.exact_div(t), None);
    }

    #[test]
    fn text_reads_back_and_evaluates() {
        let (b, t) = (Dim::symbol("b"), Dim::symbol("?x.0"));
        let odd = (b * t + Dim::from(3)).floor_div(Dim::from(2)).max(b - Dim::from(1));
        for d in [Dim::from(7), b, b * t, odd, b.broadcast(t).unwrap(), b - t] {
            assert_eq!(Dim::parse(&d.text()), Some(d), "{}", d.text());
        }
        assert_eq!(odd.evaluate(&[(b, 5), (t, 2)]), Some(6));
        assert_eq!(b.broadcast(t).unwrap().evaluate(&[(b, 5), (t, 2)]), None);
        assert_eq!(b.evaluate(&[]), None);
    }
}
