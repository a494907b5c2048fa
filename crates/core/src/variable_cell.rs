//! A place for a variable that its owner makes when it is first needed.

use crate::trace::{Rebuild, Structure, Visitor, init_scope};
use crate::variable::Variable;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// An empty place for a variable, filled once: for layers that learn their sizes from the first input. Clones are handles to
/// the same place.
///
/// A variable may only be created on the first call, outside the graph: [`VariableCell::get_or_init`] does so inside a
/// traced function too. The place, not its content, is in the cache key, so that filling it does not cause a second trace.
///
/// ```
/// # use tenfold_core as tf;
/// let kernel = tf::VariableCell::new();
/// let v = kernel.get_or_init(|| tf::Variable::new(tf::ones([2, 2])));
/// assert_eq!(kernel.get().unwrap().id(), v.id());
/// ```
#[derive(Clone)]
pub struct VariableCell(Arc<Inner>);

struct Inner {
    id: u64,
    variable: OnceLock<Variable>,
}

impl VariableCell {
    /// An empty place.
    pub fn new() -> VariableCell {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        VariableCell(Arc::new(Inner { id, variable: OnceLock::new() }))
    }
    /// The variable, if there is one.
    pub fn get(&self) -> Option<&Variable> {
        self.0.variable.get()
    }
    /// The variable, made outside of every graph if there is none yet. Values that depend on symbolic tensors cannot be
    /// used to make it; their shapes can.
    pub fn get_or_init(&self, make: impl FnOnce() -> Variable) -> &Variable {
        self.0.variable.get_or_init(|| init_scope(make))
    }
}

impl Default for VariableCell {
    fn default() -> VariableCell {
        VariableCell::new()
    }
}

impl fmt::Debug for VariableCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(v) => write!(f, "VariableCell({v:?})"),
            None => f.write_str("VariableCell(empty)"),
        }
    }
}

impl Structure for VariableCell {
    fn visit(&self, v: &mut Visitor) {
        v.cell(self.0.id, self.get());
    }
    fn rebuild(&self, _: &mut Rebuild<'_>) -> VariableCell {
        self.clone()
    }
}
