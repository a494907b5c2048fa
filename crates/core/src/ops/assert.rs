use crate::door::try_apply;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::op::{
    Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, bools, err, floats, ok, sig,
};
use crate::tensor::template::{fill, places};
use crate::tensor::{Tensor, free_faces};

/// Fails, with a sentence, unless all elements of the condition are true.
pub static ASSERT: OpDef = OpDef {
    name: "assert",
    tf: &[Tf::differs("Assert", "the condition is a scalar there, and the sentence the first of its data")],
    sig: sig!(condition: _ bool, values: _ any ..0; template: Str),
    effect: Effect::Io,
    infer,
    cpu: Cpu::Engine("whether it holds decides if the program goes on"),
    gpu: Gpu::Engine,
    grad: Grad::None("it has no result"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([bools([2], &[true, true])]).attr("template", "both"),
            ok([bools([0], &[])]).attr("template", "nothing to doubt"),
            ok([bools([], &[true]), floats([2], &[1.0, 2.0])]).attr("template", "x is {}"),
            err([bools([2], &[true, false]), floats([], &[3.0])], "assertion failed: x is")
                .attr("template", "x is {}"),
            err([floats([], &[1.0]).of(DType::F32)], "must be bool").attr("template", "no"),
            err([bools([], &[true])], "1 place").attr("template", "x is {}"),
        ]
    },
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    places(x.attrs.str("template"), x.inputs.len() - 1)?;
    Ok(Metas::new())
}

/// What the engine does when it gets to an assertion.
pub(crate) fn run_assert(inputs: &[&Tensor], attrs: &Attrs) -> Result<()> {
    let holds = inputs[0].to_vec::<bool>()?;
    let (wrong, all) = (holds.iter().filter(|holds| !**holds).count(), holds.len());
    if wrong == 0 {
        return Ok(());
    }
    let mut text = format!("assertion failed: {}", fill(attrs.str("template"), &inputs[1..])?);
    if all > 1 {
        text = format!("{text} ({wrong} of {all} elements)");
    }
    Err(Error::invalid("assert", text))
}

free_faces! {
    /// Fails unless all elements of a bool condition are true, with a sentence in which each `{}` is replaced by the
    /// values of the next tensor.
    ///
    /// In a traced function it is checked at each call: it is never optimised away, and if it fails nothing that stands after
    /// it has happened. The macro [`assert!`](macro@crate::assert) spares the brackets.
    ///
    /// Source: `tf.debugging.Assert`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let x = tf::constant([1.0, 2.0]);
    /// tf::assert(&x.greater(0.0), "x must be positive, is {}", &[&x]);
    /// assert!(tf::try_assert(&x.greater(1.5), "x is {}", &[&x]).unwrap_err().to_string().contains("x is [1.0 2.0]"));
    /// ```
    pub fn assert / try_assert(condition: &Tensor, template: &'static str, values: &[&Tensor]) -> () = {
        let inputs: Vec<&Tensor> = std::iter::once(condition).chain(values.iter().copied()).collect();
        try_apply(&ASSERT, &inputs, Attrs::new().with("template", template)).map(drop)
    };
}

/// Fails unless all elements of a bool tensor are true, eagerly and in traced functions: [`assert`](fn@crate::assert) as
/// a macro.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant([1.0, 2.0]);
/// tf::assert!(x.greater(0.0), "x is {}", x);
/// tf::assert!(x.greater(0.0));
/// ```
#[macro_export]
macro_rules! assert {
    ($condition:expr $(,)?) => {
        $crate::assert!($condition, "the condition does not hold")
    };
    ($condition:expr, $template:literal $(, $value:expr)* $(,)?) => {
        $crate::ops::assert(
            ::std::borrow::Borrow::<$crate::Tensor>::borrow(&$condition),
            $template,
            &[$(::std::borrow::Borrow::<$crate::Tensor>::borrow(&$value)),*],
        )
    };
}
