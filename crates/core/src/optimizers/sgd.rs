use super::state::State;
use super::{Optimizer, check};
use crate::dtype::DType;
use crate::error::{OrRaise, Result};
use crate::tensor::Tensor;
use crate::trace::{Rebuild, Structure, Visitor};
use crate::variable::Variable;
use std::sync::Arc;

/// Stochastic gradient descent: `w ← w - rate·g`, or with momentum `m ← momentum·m - rate·g`, `w ← w + m` (Nesterov:
/// `w ← w + momentum·m - rate·g`).
///
/// Source: `keras.optimizers.SGD`.
///
/// ```
/// # use tenfold_core as tf;
/// use tf::optimizers::Sgd;
/// let w = tf::Variable::new(tf::constant([1.0, 2.0]));
/// Sgd::new(0.5).apply_gradients([tf::constant([1.0, -1.0])], [w.clone()]);
/// assert_eq!(w.read().to_vec::<f32>().unwrap(), [0.5, 2.5]);
/// ```
#[derive(Clone, Debug)]
pub struct Sgd {
    state: Arc<State>,
    momentum: f64,
    nesterov: bool,
}

impl Sgd {
    /// Plain gradient descent with this learning rate.
    pub fn new(learning_rate: f64) -> Sgd {
        Sgd { state: Arc::new(State::new(learning_rate)), momentum: 0.0, nesterov: false }
    }
    /// With momentum, in [0, 1].
    ///
    /// # Panics
    ///
    /// If it is not in [0, 1].
    pub fn momentum(self, momentum: f64) -> Sgd {
        assert!((0.0..=1.0).contains(&momentum), "sgd: momentum must be in [0, 1], got {momentum}");
        Sgd { momentum, ..self }
    }
    /// With Nesterov's look ahead.
    pub fn nesterov(self) -> Sgd {
        Sgd { nesterov: true, ..self }
    }
    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        self.state.rate()
    }
    /// Changes the learning rate; traced steps use it from their next call on.
    ///
    /// # Panics
    ///
    /// If the device of the variables fails.
    #[track_caller]
    pub fn set_learning_rate(&self, rate: f64) {
        self.state.set_rate(rate).or_raise();
    }
    /// Applies one gradient to each variable.
    ///
    /// # Panics
    ///
    /// If the lists do not fit; the twin is [`Optimizer::try_apply_gradients`].
    #[track_caller]
    pub fn apply_gradients(&self, gradients: impl AsRef<[Tensor]>, variables: impl AsRef<[Variable]>) {
        self.try_apply_gradients(gradients.as_ref(), variables.as_ref()).or_raise();
    }
    /// What tells this optimizer from all others: clones share it.
    pub fn id(&self) -> u64 {
        self.state.id
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }
    #[track_caller]
    fn try_apply_gradients(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        check("sgd", gradients, variables)?;
        let _line = crate::door::pin();
        let Some(first) = variables.first() else { return Ok(()) };
        let rate = self.state.learning_rate(first)?;
        let iterations = self.state.iterations(first)?;
        crate::tape::stop_recording(|| {
            let rate = rate.read();
            for (g, v) in gradients.iter().zip(variables) {
                let rate = if v.dtype() == DType::F32 { rate.clone() } else { rate.try_cast(v.dtype())? };
                if self.momentum == 0.0 {
                    v.try_assign(v.read().try_subtract(g.try_multiply(&rate)?)?)?;
                    continue;
                }
                let slot = &self.state.slots(v, &["momentum"])?[0];
                let step = g.try_multiply(&rate)?;
                let m = slot.read().try_multiply(self.momentum)?.try_subtract(&step)?;
                slot.try_assign(&m)?;
                let next = match self.nesterov {
                    true => v.read().try_add(m.try_multiply(self.momentum)?)?.try_subtract(&step)?,
                    false => v.read().try_add(&m)?,
                };
                v.try_assign(next)?;
            }
            iterations.try_assign_add(1)
        })
    }
    fn named_variables(&self) -> Vec<(String, Variable)> {
        self.state.named()
    }
}

impl Structure for Sgd {
    fn visit(&self, v: &mut Visitor) {
        v.identity("sgd", self.id());
    }
    fn rebuild(&self, _: &mut Rebuild<'_>) -> Sgd {
        self.clone()
    }
}
