//! Inferred = actual; eager = traced, planned, interpreted, after each pass, read back from text, and with symbols.

use super::{Answer, Case, Numbers, same_bits_all};
use tenfold_core::graph::Graph;
use tenfold_core::graph::passes::{PASSES, optimise};
use tenfold_core::op::Infer;
use tenfold_core::testing::{Traced, interpreter, trace};
use tenfold_core::{Device, Dim, Error, GradientTape, Meta, Result, Shape, Tensor, Variable};

/// The results have the dtypes and shapes that the op's rule says.
///
/// # Errors
///
/// What is wrong, or the call's error.
pub fn inferred_is_actual(case: &Case) -> Answer {
    if !case.succeeds() {
        return Ok(());
    }
    let inputs = case.inputs();
    let metas: Vec<&Meta> = inputs.iter().map(Tensor::meta).collect();
    let inferred = (case.op.infer)(&Infer { inputs: &metas, attrs: &case.sample.attrs })
        .map_err(|fault| format!("the shape rule refuses it: {fault:?}"))?;
    let actual = case.call(&inputs).map_err(|e| format!("fails: {e}"))?;
    let actual: Vec<&Meta> = actual.iter().map(Tensor::meta).collect();
    let agrees = |i: &Meta, a: &Meta| {
        // A size that only the run decides is inferred as `?`.
        let sizes = i.shape.iter().zip(a.shape.iter()).all(|(x, y)| x == y || x.name() == Some("?"));
        i.dtype == a.dtype && i.shape.rank() == a.shape.rank() && sizes
    };
    let same = inferred.len() == actual.len() && inferred.iter().zip(&actual).all(|(i, a)| agrees(i, a));
    if same { Ok(()) } else { Err(format!("inferred {inferred:?}, actual {actual:?}")) }
}

/// What a case computes: its results and, if it has a rule, the gradients of its float inputs along fixed cotangents.
struct Work<'a> {
    case: &'a Case,
    inputs: Vec<Tensor>,
    /// One for each float result.
    cotangents: Vec<Tensor>,
    /// The inputs with gradients.
    sources: Vec<usize>,
}

impl<'a> Work<'a> {
    fn new(case: &'a Case, inputs: Vec<Tensor>) -> std::result::Result<Work<'a>, String> {
        let results = case.call(&inputs).map_err(|e| format!("eager: fails: {e}"))?;
        let sources = super::gradients::differentiable(case, &inputs)?;
        let mut numbers = Numbers::new(7);
        let floats = results.iter().filter(|y| case.has_rule() && y.dtype().is_float());
        let cotangents = floats.map(|y| numbers.tensor(y.dtype(), y.shape())).collect();
        Ok(Work { case, inputs, cotangents, sources })
    }
    fn arguments(&self) -> Vec<Tensor> {
        self.inputs.iter().chain(&self.cotangents).cloned().collect()
    }
    /// The results, then the gradients, of arguments in the order of [`Work::arguments`].
    fn run(&self, arguments: &[Tensor]) -> Result<Vec<Tensor>> {
        let (inputs, cotangents) = arguments.split_at(self.inputs.len());
        let sources: Vec<Tensor> = self.sources.iter().map(|i| inputs[*i].clone()).collect();
        let tape = GradientTape::without_variables();
        sources.iter().for_each(|x| tape.watch(x));
        let mut results = self.case.call(inputs)?;
        if cotangents.is_empty() || sources.is_empty() {
            return Ok(results);
        }
        let floats = results.iter().filter(|y| y.dtype().is_float());
        let targets = floats.zip(cotangents).map(|(y, w)| y.try_multiply(w)).collect::<Result<Vec<_>>>()?;
        results.extend(tape.try_gradient(&targets, &sources)?);
        Ok(results)
    }
}

/// Runs a graph, and checks what it gives and what it leaves in the variables.
struct Runs<'a> {
    variables: &'a [Variable],
    /// Their values before each run.
    before: Vec<Tensor>,
    want: Vec<Tensor>,
    /// Their values after it.
    after: Vec<Tensor>,
}

impl<'a> Runs<'a> {
    /// What `f` gives eagerly.
    fn of(variables: &'a [Variable], f: impl FnOnce() -> Result<Vec<Tensor>>) -> Result<Runs<'a>> {
        let read = || variables.iter().map(Variable::read).collect::<Vec<_>>();
        let before = read();
        let want = f()?;
        Ok(Runs { variables, before, want, after: read() })
    }
    fn restore(&self) -> Result<()> {
        self.variables.iter().zip(&self.before).try_for_each(|(v, x)| v.try_assign(x))
    }
    /// Plan (twice, for its pooled memory) and interpreter give the same bits.
    fn check(&self, graph: &Graph, made: &Traced, inputs: &[Tensor], what: &str) -> Answer {
        let fail = |e: Error| format!("{what}: fails: {e}\n{graph}");
        graph.verify().map_err(fail)?;
        let plan = Device::cpu().backend().compile(graph).map_err(fail)?;
        let reference = interpreter(graph);
        for (name, run) in [("plan", &plan), ("plan, second run", &plan), ("interpreter", &reference)] {
            self.restore().map_err(fail)?;
            let got = run.run(inputs, &made.variables).map_err(fail)?;
            let after: Vec<Tensor> = self.variables.iter().map(Variable::read).collect();
            let same = same_bits_all(&got, &self.want)
                .and_then(|()| same_bits_all(&after, &self.after).map_err(|e| format!("variables: {e}")));
            same.map_err(|e| format!("{what}, {name}: {e}\n{graph}"))?;
        }
        self.restore().map_err(fail)
    }
}

/// The text of a graph reads back to the same nodes.
fn reads_back(graph: &Graph) -> Answer {
    let text = graph.to_string();
    let back = Graph::parse(&text).map_err(|e| format!("its text does not read back: {e}\n{text}"))?;
    let nodes = graph.nodes.iter().zip(&back.nodes);
    let same = |(a, b): (&tenfold_core::graph::Node, &tenfold_core::graph::Node)| {
        (a.op, &a.inputs, &a.attrs, &a.outputs, a.at, a.scope, a.backward)
            == (b.op, &b.inputs, &b.attrs, &b.outputs, b.at, b.scope, b.backward)
    };
    let whole = graph.nodes.len() == back.nodes.len()
        && graph.inputs == back.inputs
        && graph.outputs == back.outputs
        && graph.variables == back.variables
        && nodes.into_iter().all(same);
    match whole && back.to_string() == text {
        true => Ok(()),
        false => Err(format!("its text reads back to another graph:\n{text}\n{back}")),
    }
}

/// Eager, traced, after each pass, planned and interpreted: the same bits, gradients included; and the graph's text
/// reads back. Once with the inputs as arguments, once with them as constants of the graph.
///
/// # Errors
///
/// The first stage that differs, and how.
pub fn eager_is_traced(case: &Case) -> Answer {
    if !case.succeeds() {
        return Ok(());
    }
    eager_is_traced_with(case, case.inputs())
}

/// [`eager_is_traced`] with other inputs than the sample's.
pub(super) fn eager_is_traced_with(case: &Case, inputs: Vec<Tensor>) -> Answer {
    let fail = |what: &'static str| move |e: Error| format!("{what}: fails: {e}");
    let work = Work::new(case, inputs)?;
    let arguments = work.arguments();
    same_when_traced(&arguments, &[], &|x| work.run(x))?;
    let runs = Runs::of(&[], || work.run(&arguments)).map_err(fail("eager"))?;
    let made = trace(Device::cpu(), &[], |_| work.run(&arguments)).map_err(fail("trace of constants"))?;
    reads_back(&made.graph)?;
    let graph = optimise(&made.graph, tenfold_core::Device::cpu()).map_err(fail("optimise constants"))?;
    runs.check(&graph, &made, &made.captures, "constants")
}

/// A function of tensors and variables gives the same bits, and leaves the same values in the variables: eager, traced,
/// after each pass, planned and interpreted; and its graph's text reads back.
///
/// # Errors
///
/// The first stage that differs or fails, and how.
pub fn same_when_traced(
    inputs: &[Tensor],
    variables: &[Variable],
    f: &dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>,
) -> Answer {
    let fail = |what: &'static str| move |e: Error| format!("{what}: fails: {e}");
    let runs = Runs::of(variables, || f(inputs)).map_err(fail("eager"))?;
    runs.restore().map_err(fail("variables"))?;
    let metas: Vec<Meta> = inputs.iter().map(|x| x.meta().clone()).collect();
    let made = trace(Device::cpu(), &metas, f).map_err(fail("trace"))?;
    reads_back(&made.graph)?;
    let given: Vec<Tensor> = inputs.iter().chain(&made.captures).cloned().collect();
    runs.check(&made.graph, &made, &given, "traced")?;
    let mut graph = made.graph.clone();
    for pass in PASSES {
        graph = (pass.run)(graph, tenfold_core::Device::cpu()).map_err(fail(pass.name))?;
        runs.check(&graph, &made, &given, pass.name)?;
    }
    Ok(())
}

/// A trace whose first dimensions are symbols, bound to the sample's sizes, gives eager's bits; first with a symbol for
/// each input, then with one for each size.
///
/// # Errors
///
/// What differs, or that the trace or the binding is refused.
pub fn symbolic_is_concrete(case: &Case) -> Answer {
    if !case.succeeds() {
        return Ok(());
    }
    let fail = |what: &str| {
        let what = what.to_string();
        move |e: Error| format!("{what}: fails: {e}")
    };
    let work = Work::new(case, case.inputs())?;
    let arguments = work.arguments();
    let runs = Runs::of(&[], || work.run(&arguments)).map_err(fail("eager gradient"))?;
    let inputs = work.inputs.len();
    for (way, name) in ["a symbol for each input", "a symbol for each size"].into_iter().enumerate() {
        let meta = |(i, x): (usize, &Tensor)| {
            let mut shape: Shape = x.shape().clone();
            if let (true, Some(first)) = (i < inputs, shape.dims_mut().first_mut()) {
                let tag = if way == 0 { format!("i{i}") } else { format!("n{first}") };
                *first = Dim::symbol(&tag);
            }
            Meta::new(x.dtype(), shape)
        };
        let metas: Vec<Meta> = arguments.iter().enumerate().map(meta).collect();
        // Some ops want a number there (a filter's size), and say so.
        let Ok(made) = trace(Device::cpu(), &metas, |x| work.run(x)) else { continue };
        reads_back(&made.graph)?;
        let given: Vec<Tensor> = arguments.iter().chain(&made.captures).cloned().collect();
        let given_metas: Vec<&Meta> = given.iter().map(Tensor::meta).collect();
        let bound = made.graph.bind(&given_metas).map_err(fail("bind"))?;
        runs.check(&bound, &made, &given, name)?;
        let graph = optimise(&bound, tenfold_core::Device::cpu()).map_err(fail("optimise"))?;
        runs.check(&graph, &made, &given, "optimised")?;
    }
    Ok(())
}
