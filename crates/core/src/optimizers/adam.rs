use super::state::State;
use super::{Optimizer, check};
use crate::dtype::DType;
use crate::error::{OrRaise, Result};
use crate::ops;
use crate::tensor::{Scalar, Tensor};
use crate::trace::{Rebuild, Structure, Visitor};
use crate::variable::Variable;
use std::sync::Arc;

/// Adam, in the form of Keras: with `t` the number of the step,
/// `α = rate·√(1-β₂ᵗ)/(1-β₁ᵗ)`, `m ← m + (g-m)(1-β₁)`, `v ← v + (g²-v)(1-β₂)`, `w ← w - m·α/(√v + ε)`.
///
/// Source: Kingma and Ba, "Adam" (2015), end of section 2; `keras.optimizers.Adam`.
///
/// ```
/// # use tenfold_core as tf;
/// use tf::optimizers::Adam;
/// let w = tf::Variable::new(tf::constant([1.0]));
/// Adam::new(0.1).apply_gradients([tf::constant([3.0])], [w.clone()]);
/// assert!((w.read().to_vec::<f32>().unwrap()[0] - 0.9).abs() < 1e-5);
/// ```
#[derive(Clone, Debug)]
pub struct Adam {
    state: Arc<State>,
    options: AdamOptions,
}

/// The constants of [`Adam`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamOptions {
    /// The learning rate; 0.001.
    pub learning_rate: f64,
    /// Decay of the mean of gradients; 0.9.
    pub beta_1: f64,
    /// Decay of the mean of squares; 0.999.
    pub beta_2: f64,
    /// Added to the root, outside of it; 1e-7.
    pub epsilon: f64,
}

impl Default for AdamOptions {
    fn default() -> Self {
        AdamOptions { learning_rate: 0.001, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Default for Adam {
    fn default() -> Self {
        Adam::with(AdamOptions::default())
    }
}

impl Adam {
    /// Adam with this learning rate and Keras's other constants.
    pub fn new(learning_rate: f64) -> Adam {
        Adam::with(AdamOptions { learning_rate, ..AdamOptions::default() })
    }
    /// Adam with these constants.
    pub fn with(options: AdamOptions) -> Adam {
        Adam { state: Arc::new(State::new(options.learning_rate)), options }
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
    /// `α` of the next step, in f32.
    fn step_size(&self, rate: &Tensor, iterations: &Variable) -> Result<Tensor> {
        let t = iterations.read().try_cast(DType::F32)?.try_add(1.0)?;
        let power = |beta: f64| -> Result<Tensor> {
            let base = Scalar::Float(beta).tensor(DType::F32);
            let base = if t.remote().is_some() { base.to(t.device())? } else { base };
            ops::try_subtract(1.0, ops::try_pow(&base, &t)?)
        };
        let (one, two) = (power(self.options.beta_1)?, power(self.options.beta_2)?);
        rate.try_multiply(two.try_sqrt()?)?.try_divide(one)
    }
}

impl Optimizer for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }
    #[track_caller]
    fn try_apply_gradients(&self, gradients: &[Tensor], variables: &[Variable]) -> Result<()> {
        check("adam", gradients, variables)?;
        let _line = crate::door::pin();
        let Some(first) = variables.first() else { return Ok(()) };
        let rate = self.state.learning_rate(first)?;
        let iterations = self.state.iterations(first)?;
        let AdamOptions { beta_1, beta_2, epsilon, .. } = self.options;
        crate::tape::stop_recording(|| {
            let alpha = self.step_size(&rate.read(), &iterations)?;
            for (g, w) in gradients.iter().zip(variables) {
                let alpha =
                    if w.dtype() == DType::F32 { alpha.clone() } else { alpha.try_cast(w.dtype())? };
                let slots = self.state.slots(w, &["momentum", "velocity"])?;
                let (m, v) = (slots[0].read(), slots[1].read());
                let m = m.try_add(g.try_subtract(&m)?.try_multiply(1.0 - beta_1)?)?;
                let v = v.try_add(g.try_square()?.try_subtract(&v)?.try_multiply(1.0 - beta_2)?)?;
                slots[0].try_assign(&m)?;
                slots[1].try_assign(&v)?;
                let step = m.try_multiply(&alpha)?.try_divide(v.try_sqrt()?.try_add(epsilon)?)?;
                w.try_assign(w.read().try_subtract(step)?)?;
            }
            iterations.try_assign_add(1)
        })
    }
    fn named_variables(&self) -> Vec<(String, Variable)> {
        self.state.named()
    }
}

impl Structure for Adam {
    fn visit(&self, v: &mut Visitor) {
        v.identity("adam", self.id());
    }
    fn rebuild(&self, _: &mut Rebuild<'_>) -> Adam {
        self.clone()
    }
}
