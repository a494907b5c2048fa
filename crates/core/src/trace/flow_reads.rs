//! Variables that nodes with graphs read, and that nobody writes meanwhile.
//!
//! A gradient computes the forward part again, when such a variable may hold something else. So its value is taken once, before
//! the node, and not kept turn by turn. The graphs of the gradient read the variable as the forward ones do, so that the tapes
//! know it; at the end each read becomes that value.

use super::context;
use super::flow::{Draft, Sub};
use crate::door;
use crate::error::{Error, Kind, Result};
use crate::graph::{Graph, Node, Value};
use crate::op::{Attrs, Effect};
use crate::ops;
use crate::tape;
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::thread::LocalKey;

type List<T> = LocalKey<RefCell<Vec<T>>>;

thread_local! {
    /// What variables held, for the gradients that are being made: graphs begin with it, in case they read them.
    static GIVEN: RefCell<Vec<Tensor>> = const { RefCell::new(Vec::new()) };
    /// Slots that graphs write whose nodes are being made anew for a gradient: nodes inside keep what they read of them.
    static WRITTEN: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Puts more into a list of this thread, for as long as it lives.
struct Scope<T: 'static>(&'static List<T>, usize);

impl<T> Scope<T> {
    fn new(list: &'static List<T>, more: impl IntoIterator<Item = T>) -> Scope<T> {
        let before = list.with_borrow(Vec::len);
        list.with_borrow_mut(|l| l.extend(more));
        Scope(list, before)
    }
}

impl<T> Drop for Scope<T> {
    fn drop(&mut self) {
        self.0.with_borrow_mut(|l| l.truncate(self.1));
    }
}

/// Whether a gradient may compute a node with this effect again, instead of keeping what it gave.
fn recomputable(effect: Effect) -> bool {
    matches!(effect, Effect::Pure | Effect::MayFail)
}

/// Which variables give one value wherever the graphs of a node read them.
#[derive(Clone, Default)]
pub(super) struct Steady {
    /// The slots of those that may not; `None` if none does.
    written: Option<Vec<usize>>,
}

impl Steady {
    /// Those that nobody writes.
    ///
    /// # Errors
    ///
    /// If the node was made for a gradient already and is in a graph that writes a variable which it reads.
    pub(super) fn of(draft: &Draft) -> Result<Steady> {
        let mut written = vec![];
        for (_, graph) in draft.attrs.graphs() {
            graph.nodes.iter().for_each(|n| n.each_write(&mut |slot| written.push(slot)));
        }
        if draft.attrs.int("kept") > 0 {
            let steady = Steady { written: Some(written) };
            return if WRITTEN.with_borrow(|w| steady.loses(draft, w)) {
                Err(lost(draft))
            } else {
                Ok(steady)
            };
        }
        // Derivatives of higher orders go back through the very values that were read.
        written.extend(WRITTEN.with_borrow(Clone::clone));
        Ok(Steady { written: (tape::depth() <= 1).then_some(written) })
    }
    /// Whether the node has not kept what it read of one of these.
    fn loses(&self, draft: &Draft, slots: &[usize]) -> bool {
        let slot = |n: &Node| n.slot().filter(|_| n.is(&ops::READ_VARIABLE));
        unkept(draft).any(|n| slot(n).is_some_and(|s| slots.contains(&s) && self.has(s)))
    }
    fn has(&self, slot: usize) -> bool {
        self.written.as_ref().is_some_and(|w| !w.contains(&slot))
    }
    /// Whether a gradient may compute the node again, instead of keeping what it gave.
    pub(super) fn again(&self, node: &Node) -> bool {
        match node.slot() {
            Some(slot) if node.is(&ops::READ_VARIABLE) => self.has(slot),
            _ => recomputable(node.op.effect) && node.graphs().all(|g| g.nodes.iter().all(|n| self.again(n))),
        }
    }
    /// What is made from now on is inside the node.
    pub(super) fn inside(&self) -> impl Drop + use<> {
        Scope::new(&WRITTEN, self.written.clone().unwrap_or_default())
    }
}

/// What a gradient of the node computes again.
fn unkept(draft: &Draft) -> impl Iterator<Item = &Node> {
    let kept = draft.attrs.int("kept") as usize;
    draft.attrs.graphs().filter(|(name, _)| *name != "condition").flat_map(move |(_, graph)| {
        let kept = &graph.outputs[graph.outputs.len() - kept..];
        let known = |i: usize| kept.contains(&Value { node: i as u32, output: 0 });
        graph.nodes.iter().enumerate().filter(move |(i, _)| !known(*i)).map(|(_, node)| node)
    })
}

#[cold]
fn lost(draft: &Draft) -> Error {
    let text = "a loop or branch whose gradient is taken inside a loop or branch reads a variable that is written there too, and \
                another tape asks for a derivative of that";
    Error::new(Kind::Unimplemented, draft.op.name, text)
        .with_hint("read the variable before the inner loop or branch")
}

/// What the variables held that a node reads.
pub(super) struct Held {
    slots: Vec<usize>,
    values: Vec<Tensor>,
}

impl Held {
    /// Reads them now, into the graph that has the node.
    pub(super) fn now(draft: &Draft, steady: &Steady, variables: &[Variable]) -> Held {
        let mut slots = vec![];
        for node in unkept(draft) {
            node.each_read(&mut |slot| slots.push(slot));
        }
        slots.sort_unstable();
        slots.dedup();
        slots.retain(|slot| steady.has(*slot));
        // A read that the tapes know may be there already, and must be taken if this graph is made from one that has it.
        let known = |slot: &usize| {
            let follows = tape::follows(&variables[*slot]);
            context::last_read(*slot).filter(|x| !follows || tape::tracks(x))
        };
        let value = |slot: &usize| known(slot).unwrap_or_else(|| door::read_variable(&variables[*slot]));
        let values = slots.iter().map(value).collect();
        Held { slots, values }
    }
    /// Graphs that begin from now on have the values among their inputs.
    pub(super) fn given(&self) -> impl Drop + use<> {
        Scope::new(&GIVEN, self.values.iter().cloned())
    }
    /// Puts the values in the place of the reads.
    ///
    /// # Errors
    ///
    /// If a graph reads one of the variables and began without its value: a bug.
    pub(super) fn put(&self, sub: &mut Sub) -> Result<()> {
        let first = sub.graph.inputs.len() - sub.captures.len();
        let place = |x: &Tensor| sub.captures.iter().position(|c| c.id() == x.id());
        let known = self.slots.iter().zip(&self.values);
        let known: Vec<(usize, Value)> =
            known.filter_map(|(slot, x)| Some((*slot, sub.graph.inputs[first + place(x)?]))).collect();
        replace(&mut sub.graph, &known)
    }
}

/// Gives a graph that begins what variables held.
pub(super) fn begin() -> Result<()> {
    GIVEN.with_borrow(|given| given.iter().try_for_each(context::capture))
}

/// Makes each read of these slots the value that is known, in graphs of nodes too.
fn replace(graph: &mut Graph, known: &[(usize, Value)]) -> Result<()> {
    if known.is_empty() {
        return Ok(());
    }
    for node in &mut graph.nodes {
        if node.is(&ops::READ_VARIABLE) {
            let slot = node.attrs.int("slot") as usize;
            if let Some((_, value)) = known.iter().find(|k| k.0 == slot) {
                node.op = &ops::IDENTITY;
                node.inputs = SmallVec::from_elem(*value, 1);
                node.attrs = Attrs::new();
            }
            continue;
        }
        let mut reads = vec![];
        if node.graphs().next().is_some() {
            node.each_read(&mut |slot| reads.push(slot));
        }
        let wanted: Vec<(usize, Value)> = known.iter().filter(|k| reads.contains(&k.0)).copied().collect();
        if wanted.is_empty() {
            continue;
        }
        // Where the values are among the operands that each turn, or either side, has as they are.
        let (before, stays) = match node.is(&ops::IF) {
            true => (1, 1..node.inputs.len()),
            false => {
                let rows = node.attrs.int("rows") as usize;
                (0, node.attrs.int("carried") as usize..node.inputs.len() - rows)
            }
        };
        let mut places = vec![];
        for (slot, value) in &wanted {
            let place = stays.clone().find(|k| node.inputs[*k] == *value);
            let place =
                place.ok_or_else(|| Error::internal(node.op.name, "a graph lacks what a variable held"))?;
            places.push((*slot, place - before));
        }
        node.attrs = std::mem::take(&mut node.attrs).with_graphs(|inside| {
            let mut inside = inside.clone();
            let known: Vec<(usize, Value)> =
                places.iter().map(|(slot, k)| (*slot, inside.inputs[*k])).collect();
            replace(&mut inside, &known)?;
            Ok::<_, Error>(inside)
        })?;
    }
    Ok(())
}
