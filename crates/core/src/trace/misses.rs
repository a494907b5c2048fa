//! Why a call was traced again: typed data, and a warning when it happens too often.

use super::visitor::{Leaf, LeafKind};
use crate::error::Place;
use std::fmt::{self, Display};

/// One call that was traced.
#[derive(Clone, Debug, PartialEq)]
pub struct Miss {
    /// The function.
    pub function: &'static str,
    /// The call.
    pub at: Place,
    /// What differed from the most similar trace before. Empty for the first one.
    pub changes: Vec<Change>,
    /// What to write so that it does not happen again.
    pub suggestion: Option<String>,
}

/// One difference between the arguments of two traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where: `x`, `model.layers.0.kernel`.
    pub path: String,
    /// What was there, if anything.
    pub before: Option<String>,
    /// What is there now, if anything.
    pub after: Option<String>,
    /// The rule of the cache key that makes a difference of it.
    pub rule: Rule,
}

/// The rules of the cache key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Tensors of different sizes have different traces.
    Shape,
    /// Tensors of different ranks have different traces.
    Rank,
    /// Tensors of different dtypes have different traces.
    DType,
    /// Host values are constants of the graph.
    Value,
    /// A variable or object is referred to by identity.
    Identity,
    /// Another length, variant or kind of thing.
    Structure,
    /// A graph runs on one device.
    Device,
    /// A generic function has one trace for each instance.
    Instance,
    /// The trace was there, and the bounded cache dropped it or was cleared.
    Evicted,
}

impl Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rule::Shape => "tensors of different sizes have different traces",
            Rule::Rank => "tensors of different ranks have different traces",
            Rule::DType => "tensors of different dtypes have different traces",
            Rule::Value => "host values are constants of the graph",
            Rule::Identity => "variables and objects are referred to by identity",
            Rule::Structure => "the structure differs",
            Rule::Device => "a graph runs on one device",
            Rule::Instance => "each instance of a generic function has its own traces",
            Rule::Evicted => "the cache no longer had this trace",
        })
    }
}

impl Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |t: &Option<String>| t.clone().unwrap_or_else(|| "nothing".into());
        write!(f, "`{}` was {}, is {} ({})", self.path, text(&self.before), text(&self.after), self.rule)
    }
}

impl Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` was traced by the call at {}", self.function, self.at)?;
        for change in &self.changes {
            write!(f, "\n  {change}")?;
        }
        match &self.suggestion {
            Some(suggestion) => write!(f, "\n  hint: {suggestion}"),
            None => Ok(()),
        }
    }
}

/// What of a trace is compared.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) device: String,
    pub(crate) instance: &'static str,
}

/// The differences from the most similar of the traces before; none if there were none.
pub(crate) fn changes<'a>(before: impl Iterator<Item = &'a Known>, now: &Known) -> Vec<Change> {
    let nearest = before.map(|b| differences(b, now)).min_by_key(Vec::len);
    let evicted = || Change { path: "(cache)".into(), before: None, after: None, rule: Rule::Evicted };
    match nearest {
        Some(changes) if changes.is_empty() => vec![evicted()],
        Some(changes) => changes,
        None => vec![],
    }
}

fn differences(before: &Known, now: &Known) -> Vec<Change> {
    let mut changes = vec![];
    let mut push = |path: &str, b: Option<&str>, a: Option<&str>, rule| {
        let owned = |t: Option<&str>| t.map(str::to_owned);
        changes.push(Change { path: path.to_owned(), before: owned(b), after: owned(a), rule });
    };
    let same_place = |leaf: &Leaf, other: &&Leaf| {
        other.path == leaf.path
            && matches!(leaf.kind, LeafKind::Structure) == matches!(other.kind, LeafKind::Structure)
    };
    for leaf in &now.leaves {
        match before.leaves.iter().find(|b| same_place(leaf, b)) {
            None => push(&leaf.path, None, Some(&leaf.text), Rule::Structure),
            Some(b) => {
                if let Some(rule) = rule(&b.kind, &leaf.kind, b.text == leaf.text) {
                    push(&leaf.path, Some(&b.text), Some(&leaf.text), rule);
                }
            }
        }
    }
    for leaf in before.leaves.iter().filter(|b| !now.leaves.iter().any(|n| same_place(n, b))) {
        push(&leaf.path, Some(&leaf.text), None, Rule::Structure);
    }
    if before.device != now.device {
        push("(device)", Some(&before.device), Some(&now.device), Rule::Device);
    }
    if before.instance != now.instance {
        push("(instance)", Some(before.instance), Some(now.instance), Rule::Instance);
    }
    changes
}

fn rule(before: &LeafKind, now: &LeafKind, same_text: bool) -> Option<Rule> {
    match (before, now) {
        (LeafKind::Tensor(a), LeafKind::Tensor(b)) => match a == b {
            true => None,
            false if a.dtype != b.dtype => Some(Rule::DType),
            false if a.shape.rank() != b.shape.rank() => Some(Rule::Rank),
            false => Some(Rule::Shape),
        },
        (LeafKind::Variable(a), LeafKind::Variable(b)) | (LeafKind::Identity(a), LeafKind::Identity(b)) => {
            (a != b).then_some(Rule::Identity)
        }
        (LeafKind::Value, LeafKind::Value) => (!same_text).then_some(Rule::Value),
        (LeafKind::Structure, LeafKind::Structure) => (!same_text).then_some(Rule::Structure),
        _ => Some(Rule::Structure),
    }
}

/// Advice for these changes: the signature that would stop them, or what to pass otherwise. `before`: the latest first.
pub(crate) fn suggestion<'a>(
    changes: &[Change],
    before: impl Iterator<Item = &'a Known> + Clone,
    now: &Known,
) -> Option<String> {
    let mut names: Vec<((usize, usize), String)> = vec![];
    let mut specs = vec![];
    for change in changes.iter().filter(|c| c.rule == Rule::Shape) {
        let find = |known: &Known, text: &Option<String>| {
            let leaf =
                known.leaves.iter().find(|l| l.path == change.path && Some(&l.text) == text.as_ref())?;
            match &leaf.kind {
                LeafKind::Tensor(meta) => Some(meta.clone()),
                _ => None,
            }
        };
        let old = before.clone().find_map(|k| find(k, &change.before));
        let (Some(old), Some(new)) = (old, find(now, &change.after)) else { continue };
        let dims = old.shape.iter().zip(new.shape.iter()).enumerate().map(|(axis, (a, b))| {
            let (Some(a), Some(b)) = (a.size(), b.size()) else { return b.to_string() };
            if a == b {
                return a.to_string();
            }
            if let Some(known) = names.iter().find(|n| n.0 == (a, b)) {
                return known.1.clone();
            }
            let fresh =
                if axis == 0 && names.is_empty() { "batch".to_string() } else { format!("n{}", names.len()) };
            names.push(((a, b), fresh.clone()));
            fresh
        });
        let dims: Vec<String> = dims.collect();
        specs.push(format!("{}: {}[{}]", change.path, new.dtype, dims.join(", ")));
    }
    if !specs.is_empty() {
        return Some(format!(
            "one trace would serve both: #[tf::function(signature = [{}])]",
            specs.join(", ")
        ));
    }
    let change = changes.first()?;
    match change.rule {
        Rule::Value => Some(format!(
            "`{}` is a host value: pass a tensor (`tf::constant(..)`) if it changes from call to call",
            change.path
        )),
        Rule::Identity => {
            Some(format!("pass the same `{}` at each call: make it once, outside the loop", change.path))
        }
        Rule::DType => Some(format!("cast `{}` before the call", change.path)),
        _ => None,
    }
}
