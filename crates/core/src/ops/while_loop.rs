use super::RUN_TIME_DIM;
use super::cond::takes;
use crate::dim::Dim;
use crate::dtype::DType;
use crate::op::{Cpu, Effect, Exact, Fault, Gpu, Grad, Infer, Metas, OpDef, Tf, sig};
use crate::shape::{Meta, Shape};

/// A graph again and again, as long as another graph's scalar says so.
///
/// The first `carried` operands begin what is carried from turn to turn, the last `rows` give the body one row a turn, the
/// others stay. The condition takes what is carried and what stays, the body the rows too; it gives the next carried values
/// and then *extras*. Results are the last carried values, and each extra stacked, one row a turn. `trips` is the number of
/// turns, if it is known before the loop begins: then the condition is not asked. With `reverse` the first turn has the last
/// row, of operands and of stacks. The last `kept` extras are there for the gradient alone: what each turn began with, and
/// what its effects gave.
pub static WHILE: OpDef = OpDef {
    name: "while",
    tf: &[
        Tf::differs(
            "StatelessWhile",
            "the graphs are functions of the library there and carry what stays; stacks are lists of tensors",
        ),
        Tf::differs("While", "the same node stands for it, whose effect is that of its graphs"),
    ],
    sig: sig!(
        operands: _ any ..0;
        condition: Graph, body: Graph, carried: Int, rows: Int, trips: Shape, reverse: Bool, kept: Int
    ),
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
    let (condition, body) = (x.attrs.graph("condition"), x.attrs.graph("body"));
    let count = |name| usize::try_from(x.attrs.int(name)).unwrap_or(usize::MAX);
    let (carried, rows) = (count("carried"), count("rows"));
    if carried.saturating_add(rows) > x.inputs.len() || carried > body.outputs.len() {
        return Err(Fault::new(format!("{carried} values cannot be carried beside {rows} rows")));
    }
    let &[trips] = &x.attrs.shape("trips")[..] else {
        return Err(Fault::new("the number of turns must be one dimension"));
    };
    let (whole, stacks) = x.inputs.split_at(x.inputs.len() - rows);
    takes(condition, whole)?;
    let mut inputs: Vec<Meta> = whole.iter().map(|m| (*m).clone()).collect();
    for stack in stacks {
        let Some((first, row)) = stack.shape.split_first() else {
            return Err(Fault::new("a scalar has no rows"));
        };
        if !first.may_equal(trips) {
            return Err(Fault::new("one row a turn is taken").numbers(format!("{first} ≠ {trips}")));
        }
        inputs.push(Meta::new(stack.dtype, row.iter().copied().collect::<Shape>()));
    }
    takes(body, &inputs.iter().collect::<Vec<_>>())?;
    match condition.outputs.as_slice() {
        [v] if condition.meta(*v).dtype == DType::Bool && condition.meta(*v).shape.rank() == 0 => {}
        [v] => {
            let meta = condition.meta(*v);
            return Err(Fault::new(format!("the condition must be a bool scalar, it is {meta}")));
        }
        _ => return Err(Fault::new("the condition must be one scalar")),
    }
    let mut metas: Metas = x.inputs[..carried].iter().map(|m| (*m).clone()).collect();
    for (k, v) in body.outputs[..carried].iter().enumerate() {
        let inside = body.meta(body.inputs[k]);
        stays(body.input_names.get(k).map_or("a value", String::as_str), x.inputs[k], inside, body.meta(*v))?;
        let sizes = inside.shape.iter().zip(x.inputs[k].shape.iter());
        for (dim, (inside, before)) in metas[k].shape.dims_mut().iter_mut().zip(sizes) {
            if opens(*inside, *before) {
                *dim = Dim::symbol(RUN_TIME_DIM);
            }
        }
    }
    // A size that is decided inside is not known outside.
    let known = |d: &Dim| !d.is_run_time() || x.inputs.iter().any(|m| m.shape.iter().any(|o| o == d));
    for v in &body.outputs[carried..] {
        let row = body.meta(*v);
        let dims = row.shape.iter().map(|d| if known(d) { *d } else { Dim::symbol(RUN_TIME_DIM) });
        let shape: Shape = std::iter::once(trips).chain(dims).collect();
        metas.push(Meta { dtype: row.dtype, shape });
    }
    Ok(metas)
}

/// A carried value has the same dtype and shape after each turn, but for sizes that are open `inside`.
fn stays(name: &str, before: &Meta, inside: &Meta, after: &Meta) -> Result<(), Fault> {
    let dim = |((a, i), b): ((&Dim, &Dim), &Dim)| opens(*i, *a) || same_size(*a, *b);
    let same = before.dtype == after.dtype
        && before.shape.rank() == after.shape.rank()
        && before.shape.iter().zip(inside.shape.iter()).zip(after.shape.iter()).all(dim);
    match same {
        true => Ok(()),
        false => Err(carried_changes(name, before, after)),
    }
}

/// Whether each turn of a loop may decide a size anew: `inside` is what the body has for it, `before` what goes in.
pub(crate) fn opens(inside: Dim, before: Dim) -> bool {
    inside != before && inside.is_open()
}

/// Whether two dimensions may be one size in a graph: two numbers must be equal, and two named sizes must be the same.
pub(crate) fn same_size(a: Dim, b: Dim) -> bool {
    a == b || a.is_known() != b.is_known() || a.is_run_time() || b.is_run_time()
}

/// The fault of a carried value that changes, while tracing or at run time.
#[cold]
pub(crate) fn carried_changes(name: &str, before: &Meta, after: &Meta) -> Fault {
    Fault::new(format!("`{name}` changes in the loop: it is {before} before a turn and {after} after it"))
        .hint("what a loop carries keeps its dtype and shape; gather rows in a list, or begin with the final shape")
}
