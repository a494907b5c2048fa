use crate::door::try_apply;
use crate::error::Result;
use crate::op::{Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, sig};
use crate::tensor::template::{fill, places};
use crate::tensor::{Tensor, free_faces};
use std::io::Write;
use std::sync::{Arc, LazyLock, RwLock};

/// Prints a sentence with the values of tensors, when the program gets there.
pub static PRINT: OpDef = OpDef {
    name: "print",
    tf: &[Tf::differs("PrintV2", "a StringFormat node makes its text there")],
    sig: sig!(values: _ any ..0; template: Str),
    effect: Effect::Io,
    infer,
    cpu: Cpu::Engine("what is printed is the caller's"),
    gpu: Gpu::Engine,
    grad: Grad::None("it has no result"),
    exact: Exact::Bits,
    composed: None,
    samples: Vec::new,
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    places(x.attrs.str("template"), x.inputs.len())?;
    Ok(Metas::new())
}

type Handler = Arc<dyn Fn(&str) + Send + Sync>;

static HANDLER: LazyLock<RwLock<Handler>> = LazyLock::new(|| {
    RwLock::new(Arc::new(|text| {
        // Nothing is left to do if even stderr fails.
        let _ = writeln!(std::io::stderr(), "{text}");
    }))
});

/// Decides what becomes of printed lines, from now on and in all threads. The default writes them to stderr, as
/// TensorFlow's does.
///
/// ```
/// # use tenfold_core as tf;
/// # use std::sync::{Arc, Mutex};
/// let lines = Arc::new(Mutex::new(Vec::new()));
/// let kept = lines.clone();
/// tf::set_print_handler(move |line| kept.lock().unwrap().push(line.to_string()));
/// tf::print!("x is {}", tf::constant([1, 2]));
/// assert_eq!(*lines.lock().unwrap(), ["x is [1 2]"]);
/// ```
pub fn set_print_handler(handler: impl Fn(&str) + Send + Sync + 'static) {
    *HANDLER.write().unwrap_or_else(|p| p.into_inner()) = Arc::new(handler);
}

/// What the engine does when it gets to a print.
pub(crate) fn run_print(values: &[&Tensor], attrs: &Attrs) -> Result<()> {
    let text = fill(attrs.str("template"), values)?;
    let handler = HANDLER.read().unwrap_or_else(|p| p.into_inner()).clone();
    handler(&text);
    Ok(())
}

free_faces! {
    /// Prints a line, each `{}` replaced by the values of the next tensor (large ones summarised; `{{` and `}}` are braces).
    ///
    /// In a traced function it prints at each call, in program order with every other effect, even if what it prints is not
    /// used otherwise. Where lines go: [`set_print_handler`]. The macro [`print!`](macro@crate::print) spares the brackets.
    ///
    /// Source: `tf.print`.
    ///
    /// ```
    /// # use tenfold_core as tf;
    /// let loss = tf::constant(0.25);
    /// tf::print("the loss is {}", &[&loss]);
    /// assert!(tf::try_print("two places {} {}", &[&loss]).is_err());
    /// ```
    pub fn print / try_print(template: &'static str, values: &[&Tensor]) -> () =
        try_apply(&PRINT, values, Attrs::new().with("template", template)).map(drop);
}

/// Prints a line with the values of tensors, in program order, eagerly and in traced functions:
/// [`print`](fn@crate::print) as a macro.
///
/// ```
/// # use tenfold_core as tf;
/// let x = tf::constant([1.0, 2.0]);
/// tf::print!("x is {}, its sum {}", x, x.sum());
/// ```
#[macro_export]
macro_rules! print {
    ($template:literal $(, $value:expr)* $(,)?) => {
        $crate::ops::print($template, &[$(::std::borrow::Borrow::<$crate::Tensor>::borrow(&$value)),*])
    };
}
