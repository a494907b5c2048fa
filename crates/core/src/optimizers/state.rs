//! The variables of an optimizer, made when they are first needed.

use crate::device::with_device;
use crate::error::{OrRaise, Result};
use crate::ops;
use crate::tensor::Tensor;
use crate::trace::init_scope;
use crate::variable::Variable;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Learning rate, step counter and slots.
#[derive(Debug)]
pub(super) struct State {
    /// What tells this state from all others of the program's life.
    pub(super) id: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// The learning rate until its variable is made.
    rate: f64,
    learning_rate: Option<Variable>,
    iterations: Option<Variable>,
    /// For each variable, by identity: its slots.
    slots: FxHashMap<u64, Vec<Variable>>,
    /// Slots in the order of their making, with their names.
    order: Vec<(String, Variable)>,
}

impl State {
    pub(super) fn new(rate: f64) -> State {
        State {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            inner: Mutex::new(Inner { rate, ..Inner::default() }),
        }
    }
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(|p| p.into_inner())
    }
    /// A scalar of the optimizer, on the device of the variables that it serves.
    fn scalar(
        &self,
        like: &Variable,
        name: &str,
        value: impl FnOnce() -> Tensor,
        place: fn(&mut Inner) -> &mut Option<Variable>,
    ) -> Result<Variable> {
        let mut inner = self.lock();
        if let Some(v) = place(&mut inner) {
            return Ok(v.clone());
        }
        let made = init_scope(|| with_device(like.device(), || Variable::untrainable(name, value())))?;
        *place(&mut inner) = Some(made.clone());
        Ok(made)
    }
    /// The learning rate (f32), a variable so that it can be changed without a new trace.
    pub(super) fn learning_rate(&self, like: &Variable) -> Result<Variable> {
        let rate = self.lock().rate as f32;
        self.scalar(like, "learning_rate", || Tensor::from(rate), |i| &mut i.learning_rate)
    }
    /// The number of steps taken (i32).
    pub(super) fn iterations(&self, like: &Variable) -> Result<Variable> {
        self.scalar(like, "iterations", || Tensor::from(0i32), |i| &mut i.iterations)
    }
    /// The slots of `v`, zeros at first.
    pub(super) fn slots(&self, v: &Variable, names: &[&str]) -> Result<Vec<Variable>> {
        let mut inner = self.lock();
        if let Some(slots) = inner.slots.get(&v.id()) {
            return Ok(slots.clone());
        }
        let make = |name: &&str| Variable::untrainable(format!("{}/{name}", v.name()), zeros(v));
        let made: Vec<Variable> =
            init_scope(|| with_device(v.device(), || names.iter().map(make).collect()))?;
        let position = inner.slots.len();
        for (name, slot) in names.iter().zip(&made) {
            inner.order.push((format!("{position}.{name}"), slot.clone()));
        }
        inner.slots.insert(v.id(), made.clone());
        Ok(made)
    }
    /// Changes the learning rate, for traces made before as well.
    pub(super) fn set_rate(&self, rate: f64) -> Result<()> {
        let mut inner = self.lock();
        inner.rate = rate;
        inner.learning_rate.as_ref().map_or(Ok(()), |v| v.try_assign(rate))
    }
    pub(super) fn rate(&self) -> f64 {
        let inner = self.lock();
        let stored = inner.learning_rate.as_ref().and_then(|v| v.peek().to_f64_vec().ok());
        stored.map_or(inner.rate, |r| r[0])
    }
    pub(super) fn named(&self) -> Vec<(String, Variable)> {
        let inner = self.lock();
        let scalars = [("iterations", &inner.iterations), ("learning_rate", &inner.learning_rate)];
        let scalars = scalars.into_iter().filter_map(|(n, v)| v.clone().map(|v| (n.to_string(), v)));
        scalars.chain(inner.order.iter().cloned()).collect()
    }
}

fn zeros(v: &Variable) -> Tensor {
    ops::try_zeros_of(v.dtype(), v.shape()).or_raise()
}
