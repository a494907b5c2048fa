//! Products of tensors along named axes, made of transposes, sums and one matrix product for each pair.

use super::concat::refs;
use crate::dim::Dim;
use crate::error::{Error, Place, Result};
use crate::tensor::{Tensor, free_faces};
use std::borrow::Borrow;

/// A tensor whose axes have names.
struct Named {
    x: Tensor,
    labels: Vec<char>,
}

/// Axes that an ellipsis stands for are named by these, the last one first, so that they broadcast from the right.
const UNNAMED: char = '\u{e000}';

#[track_caller]
fn bad<T>(equation: &str, what: String) -> Result<T> {
    Err(Error::invalid("einsum", format!("{what}: equation is `{equation}`")).at(Place::caller()))
}

/// The names of one operand's axes, or of the result's, where an ellipsis stands for `many` axes.
#[track_caller]
fn names(equation: &str, term: &str, many: usize) -> Result<Vec<char>> {
    let mut names = vec![];
    let mut rest = term.trim();
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("...") {
            names.extend(
                (0..many).rev().map(|i| char::from_u32(UNNAMED as u32 + i as u32).unwrap_or(UNNAMED)),
            );
            rest = after;
            continue;
        }
        if !c.is_alphabetic() || c >= UNNAMED {
            return bad(equation, format!("`{c}` names no axis"));
        }
        names.push(c);
        rest = &rest[c.len_utf8()..];
    }
    Ok(names)
}

impl Named {
    /// A name that occurs twice takes the diagonal.
    #[track_caller]
    fn diagonals(mut self, equation: &str) -> Result<Named> {
        while let Some(at) = (1..self.labels.len()).find(|i| self.labels[..*i].contains(&self.labels[*i])) {
            let label = self.labels[at];
            let first = self.labels.iter().position(|l| *l == label).unwrap_or_default();
            if !self.x.shape()[first].may_equal(self.x.shape()[at]) {
                let (a, b) = (self.x.shape()[first], self.x.shape()[at]);
                return bad(equation, format!("axis `{label}` has two sizes ({a} ≠ {b})"));
            }
            let rest: Vec<usize> = (0..self.labels.len()).filter(|i| *i != first && *i != at).collect();
            let perm: Vec<i64> = rest.iter().chain(&[first, at]).map(|a| *a as i64).collect();
            self.x = self.x.try_transpose(perm)?.try_diag_part()?;
            self.labels = rest.iter().map(|i| self.labels[*i]).chain([label]).collect();
        }
        Ok(self)
    }
    /// Summed over the names that nobody asks for.
    #[track_caller]
    fn keep(mut self, wanted: impl Fn(char) -> bool) -> Result<Named> {
        let gone: Vec<i64> =
            (0..self.labels.len()).filter(|i| !wanted(self.labels[*i])).map(|i| i as i64).collect();
        if !gone.is_empty() {
            self.x = self.x.try_reduce_sum(gone, false)?;
            self.labels.retain(|l| wanted(*l));
        }
        Ok(self)
    }
    fn size(&self, label: char) -> Option<Dim> {
        self.labels.iter().position(|l| *l == label).map(|i| self.x.shape()[i])
    }
    /// With the axes in this order; names that are missing become axes of size 1.
    #[track_caller]
    fn arranged(&self, order: &[char]) -> Result<Tensor> {
        let perm: Vec<i64> =
            order.iter().filter_map(|l| self.labels.iter().position(|o| o == l)).map(|i| i as i64).collect();
        let x = if perm.is_sorted() { self.x.clone() } else { self.x.try_transpose(perm)? };
        if order.len() == self.labels.len() {
            return Ok(x);
        }
        x.try_reshape(order.iter().map(|l| self.size(*l).unwrap_or(Dim::from(1))).collect::<Vec<_>>())
    }
    /// The product of two, summed over the names of both that are not `wanted`.
    #[track_caller]
    fn times(&self, other: &Named, equation: &str, wanted: impl Fn(char) -> bool) -> Result<Named> {
        let both: Vec<char> = self.labels.iter().copied().filter(|l| other.labels.contains(l)).collect();
        for l in &both {
            let (Some(a), Some(b)) = (self.size(*l), other.size(*l)) else { continue };
            let stretched = *l >= UNNAMED && a.broadcast(b).is_some();
            if !a.may_equal(b) && !stretched {
                return bad(equation, format!("axis `{l}` has two sizes ({a} ≠ {b})"));
            }
        }
        let batch: Vec<char> = both.iter().copied().filter(|l| wanted(*l)).collect();
        let summed: Vec<char> = both.iter().copied().filter(|l| !wanted(*l)).collect();
        let free = |n: &Named, o: &Named| -> Vec<char> {
            n.labels.iter().copied().filter(|l| !o.labels.contains(l)).collect()
        };
        let (left, right) = (free(self, other), free(other, self));
        let product = |n: &Named, labels: &[char]| {
            labels.iter().fold(Dim::from(1), |p, l| p * n.size(*l).unwrap_or(Dim::from(1)))
        };
        let flat = |n: &Named, groups: [&[char]; 2]| -> Result<Tensor> {
            let x = n.arranged(&[&batch[..], groups[0], groups[1]].concat())?;
            let sizes = batch.iter().map(|l| n.size(*l).unwrap_or(Dim::from(1)));
            x.try_reshape(sizes.chain(groups.map(|g| product(n, g))).collect::<Vec<_>>())
        };
        let y = super::try_matmul(&flat(self, [&left, &summed])?, &flat(other, [&summed, &right])?)?;
        let labels = [&batch[..], &left, &right].concat();
        let outer = y.shape()[..batch.len()].to_vec();
        let inner = left.iter().map(|l| self.size(*l)).chain(right.iter().map(|l| other.size(*l))).flatten();
        let x = y.try_reshape(outer.into_iter().chain(inner).collect::<Vec<_>>())?;
        Ok(Named { x, labels })
    }
}

#[track_caller]
fn evaluate(equation: &str, xs: &[&Tensor]) -> Result<Tensor> {
    let (left, right) = match equation.split_once("->") {
        Some((left, right)) => (left, Some(right.trim())),
        None => (equation, None),
    };
    let terms: Vec<&str> = left.split(',').map(str::trim).collect();
    if terms.len() != xs.len() {
        return bad(equation, format!("names {} operands, got {}", terms.len(), xs.len()));
    }
    let mut operands = vec![];
    let mut widest = 0;
    for (term, x) in terms.iter().zip(xs) {
        let named = term.replacen("...", "", 1).chars().count();
        let many = match x.rank().checked_sub(named) {
            Some(0) => 0,
            Some(many) if term.contains("...") => many,
            _ => return bad(equation, format!("`{term}` does not name the axes of {}", x.meta())),
        };
        widest = widest.max(many);
        operands.push(Named { x: (*x).clone(), labels: names(equation, term, many)? }.diagonals(equation)?);
    }
    let wanted = match right {
        Some(right) => names(equation, right, widest)?,
        None => {
            // Without a result: what an ellipsis stands for, then every name that occurs once, in order.
            let all: Vec<char> = terms.iter().flat_map(|t| t.chars()).filter(|c| c.is_alphabetic()).collect();
            let mut once: Vec<char> =
                all.iter().copied().filter(|c| all.iter().filter(|o| *o == c).count() == 1).collect();
            once.sort_unstable();
            let dots = if left.contains("...") { "..." } else { "" };
            names(equation, &format!("{dots}{}", once.into_iter().collect::<String>()), widest)?
        }
    };
    for (i, l) in wanted.iter().enumerate() {
        if wanted[..i].contains(l) {
            return bad(equation, format!("`{l}` is twice in the result"));
        }
        if *l < UNNAMED && !operands.iter().any(|o| o.labels.contains(l)) {
            return bad(equation, format!("`{l}` is in no operand"));
        }
    }
    if operands.iter().flat_map(|o| &o.labels).any(|l| *l >= UNNAMED && !wanted.contains(l)) {
        return bad(equation, "the axes of an ellipsis cannot be summed over".to_string());
    }
    let mut rest = operands.into_iter();
    let Some(mut all) = rest.next() else { return bad(equation, "takes at least one operand".to_string()) };
    let mut rest: std::collections::VecDeque<Named> = rest.collect();
    let needed = |l: char, rest: &std::collections::VecDeque<Named>| {
        wanted.contains(&l) || rest.iter().any(|o| o.labels.contains(&l))
    };
    all = all.keep(|l| needed(l, &rest))?;
    while let Some(next) = rest.pop_front() {
        let next = next.keep(|l| needed(l, &rest) || all.labels.contains(&l))?;
        all = all.times(&next, equation, |l| needed(l, &rest))?;
    }
    all.keep(|l| wanted.contains(&l))?.arranged(&wanted)
}

/// Which axes [`tensordot`] contracts.
#[derive(Clone, Debug, PartialEq)]
pub enum Contract {
    /// So many last axes of the first with so many first axes of the second.
    Last(usize),
    /// These axes of the first with these of the second, in pairs.
    Axes(Vec<i64>, Vec<i64>),
}

free_faces! {
    /// The sum of products that the equation names: `"ij,jk->ik"` is the matrix product, `"ii->i"` the diagonal, `"ij->"`
    /// the sum, `"b...i,ij->b...j"` goes over any axes between. Without `->` the result has the names that occur once, in
    /// the order of the alphabet.
    ///
    /// Source: `tf.einsum`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (a, b) = (tf::constant([[1.0, 2.0]]), tf::constant([[3.0], [4.0]]));
    /// assert_eq!(tf::einsum("ij,jk->ik", &[&a, &b]).to_vec::<f32>().unwrap(), [11.0]);
    /// assert_eq!(tf::einsum("ij->ji", &[&b]).shape().to_vec(), [1, 2]);
    /// ```
    pub fn einsum / try_einsum(equation: &str, inputs: &[impl Borrow<Tensor>]) = {
        let _line = crate::door::pin();
        evaluate(equation, &refs(inputs))
    };
    /// The products of two tensors summed over pairs of axes; the free axes of the first stand before those of the second.
    ///
    /// Source: `tf.tensordot`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let (a, b) = (tf::ones([2, 3, 4]), tf::ones([4, 3]));
    /// let y = tf::tensordot(&a, &b, tf::Contract::Axes(vec![1, 2], vec![1, 0]));
    /// assert_eq!(y.to_vec::<f32>().unwrap(), [12.0, 12.0]);
    /// ```
    pub fn tensordot / try_tensordot(a: &Tensor, b: &Tensor, contract: Contract) = {
        let (x, y) = match contract {
            Contract::Last(n) => ((a.rank() as i64 - n as i64..a.rank() as i64).collect(), (0..n as i64).collect()),
            Contract::Axes(x, y) => (x, y),
        };
        let axes = |t: &Tensor, axes: &[i64]| axes.iter().map(|i| t.shape().axis(*i)).collect::<Option<Vec<usize>>>();
        let (Some(x), Some(y)) = (axes(a, &x), axes(b, &y)) else {
            let text = format!("an axis is out of range: a is {}, b is {}, axes {x:?} and {y:?}", a.meta(), b.meta());
            return Err(Error::invalid("tensordot", text).at(Place::caller()));
        };
        if x.len() != y.len() || x.iter().zip(&y).any(|(i, j)| !a.shape()[*i].may_equal(b.shape()[*j])) {
            let text = format!("the contracted axes do not fit: a is {}, b is {}, axes {x:?} and {y:?}", a.meta(), b.meta());
            return Err(Error::invalid("tensordot", text).at(Place::caller()));
        }
        let free = |t: &Tensor, used: &[usize]| (0..t.rank()).filter(|i| !used.contains(i)).collect::<Vec<_>>();
        let (left, right) = (free(a, &x), free(b, &y));
        let product = |t: &Tensor, axes: &[usize]| axes.iter().fold(Dim::from(1), |n, i| n * t.shape()[*i]);
        let perm = |first: &[usize], then: &[usize]| first.iter().chain(then).map(|i| *i as i64).collect::<Vec<_>>();
        let m = a.try_transpose(perm(&left, &x))?.try_reshape([product(a, &left), product(a, &x)])?;
        let n = b.try_transpose(perm(&y, &right))?.try_reshape([product(b, &y), product(b, &right)])?;
        let shape = left.iter().map(|i| a.shape()[*i]).chain(right.iter().map(|i| b.shape()[*i]));
        super::try_matmul(&m, &n)?.try_reshape(shape.collect::<Vec<_>>())
    };
}
