use super::RUN_TIME_DIM;
use super::while_loop::same_size;
use crate::dim::{Bindings, Dim};
use crate::graph::{Graph, Value};
use crate::op::{Attrs, Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, sig};
use crate::shape::{Meta, Shape};

/// One of two graphs over the same operands, as a scalar says.
///
/// The last `kept` results are there for the gradient alone: what the effects inside gave.
pub static IF: OpDef = OpDef {
    name: "if",
    tf: &[
        Tf::differs("StatelessIf", "branches are functions of the library there, graphs of the node here"),
        Tf::differs("If", "the same node stands for it, whose effect is that of its graphs"),
    ],
    sig: sig!(condition: _ bool, operands: _ any ..0; then: Graph, otherwise: Graph, kept: Int),
    effect: Effect::Pure,
    infer,
    cpu: Cpu::Engine("the engine runs the graphs inside"),
    gpu: Gpu::Engine,
    grad: Grad::None("its gradient is written down where the node is made"),
    exact: Exact::Bits,
    composed: None,
    samples: Vec::new,
};

fn infer(x: &Infer<'_>) -> Result<Metas, Fault> {
    if x.shape(0).rank() != 0 {
        return Err(Fault::new("the condition must be a scalar").hint("reduce it first: all() or any()"));
    }
    let (then, otherwise) = (x.attrs.graph("then"), x.attrs.graph("otherwise"));
    takes(then, &x.inputs[1..])?;
    takes(otherwise, &x.inputs[1..])?;
    let (a, b) = (then.outputs.len(), otherwise.outputs.len());
    if a != b {
        return Err(Fault::new("both sides must have as many results").numbers(format!("{a} ≠ {b}")));
    }
    let pairs = then.outputs.iter().zip(&otherwise.outputs).enumerate();
    pairs.map(|(k, (a, b))| meet(k, then.meta(*a), otherwise.meta(*b))).collect()
}

/// What an `if` gives with these sides, where the sizes are known by now that only the run decides: what differed between the
/// sides may differ.
pub(crate) fn settled_sides(attrs: &Attrs, recorded: &Metas, bindings: &Bindings) -> Result<Metas, Fault> {
    let (then, otherwise) = (attrs.graph("then"), attrs.graph("otherwise"));
    let one = |(k, recorded): (usize, &Meta)| {
        let known = |v: &Value, graph: &Graph| {
            let dims = recorded.shape.iter().zip(graph.meta(*v).shape.iter());
            let dim = |(recorded, d): (&Dim, &Dim)| if recorded.is_run_time() { *recorded } else { *d };
            Meta::new(recorded.dtype, dims.map(dim).collect::<Shape>())
        };
        let (a, b) = (known(&then.outputs[k], then), known(&otherwise.outputs[k], otherwise));
        let met = meet(k, &a, &b)?;
        Ok(Meta::new(met.dtype, met.shape.iter().map(|d| d.partial(bindings)).collect::<Shape>()))
    };
    recorded.iter().enumerate().map(one).collect()
}

/// A graph inside a node takes its operands.
pub(super) fn takes(graph: &Graph, operands: &[&Meta]) -> Result<(), Fault> {
    let fits = graph.inputs.len() == operands.len()
        && graph.inputs.iter().zip(operands).all(|(v, m)| alike(graph.meta(*v), m));
    match fits {
        true => Ok(()),
        false => Err(Fault::new(format!("the graph `{}` does not take these operands", graph.name))),
    }
}

fn alike(a: &Meta, b: &Meta) -> bool {
    a.dtype == b.dtype
        && a.shape.rank() == b.shape.rank()
        && a.shape.iter().zip(b.shape.iter()).all(|(a, b)| a.may_equal(*b))
}

/// The meta of a result that is one of two.
fn meet(k: usize, a: &Meta, b: &Meta) -> Result<Meta, Fault> {
    let differ = || {
        Fault::new(format!("result {k} is {a} on one side and {b} on the other"))
            .hint("both sides must give the same dtype and shape")
    };
    if a.dtype != b.dtype || a.shape.rank() != b.shape.rank() {
        return Err(differ());
    }
    let dim = |(a, b): (&Dim, &Dim)| match () {
        () if a == b => Ok(*a),
        () if a.is_run_time() || b.is_run_time() => Ok(Dim::symbol(RUN_TIME_DIM)),
        // When the named size gets its number, this is asked again.
        () if same_size(*a, *b) => Ok(if a.is_known() { *a } else { *b }),
        () => Err(differ()),
    };
    let shape = a.shape.iter().zip(b.shape.iter()).map(dim).collect::<Result<Shape, Fault>>()?;
    Ok(Meta { dtype: a.dtype, shape })
}
