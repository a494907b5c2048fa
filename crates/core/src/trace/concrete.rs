//! One trace in the user's hands.

use super::function::Function;
use super::needs::MemoryNeeds;
use super::program::Program;
use super::signature::Trace;
use crate::error::{Error, Kind, Place, Result, catch};
use crate::graph::{Costs, Graph};
use crate::shape::Meta;
use crate::tensor::Tensor;
use crate::variable::Variable;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// One trace of a function: its graph, called with tensors in the order of its inputs.
///
/// Source: `tf.types.experimental.ConcreteFunction`.
#[derive(Clone)]
pub struct Concrete {
    trace: Arc<Trace>,
}

impl Concrete {
    /// The function's name.
    pub fn name(&self) -> &'static str {
        self.trace.function
    }
    /// The graph as it was traced, open dimensions included.
    pub fn graph(&self) -> &Graph {
        &self.trace.graph
    }
    /// The tensors among the arguments, in order: their paths and metas.
    pub fn structured_input_signature(&self) -> Vec<(String, Meta)> {
        let graph = &self.trace.graph;
        let n = graph.inputs.len() - self.trace.captures.len();
        graph.inputs[..n]
            .iter()
            .zip(&graph.input_names)
            .map(|(v, n)| (n.clone(), graph.meta(*v).clone()))
            .collect()
    }
    /// The metas of the tensors in the result, in order.
    pub fn structured_outputs(&self) -> Vec<Meta> {
        self.trace.graph.outputs.iter().map(|v| self.trace.graph.meta(*v).clone()).collect()
    }
    /// Tensors from outside that the body used: inputs after the arguments.
    pub fn captured_inputs(&self) -> &[Tensor] {
        &self.trace.captures
    }
    /// The variables that the graph reads and writes.
    pub fn variables(&self) -> &[Variable] {
        &self.trace.variables
    }
    /// The compiled plan for these arguments, as text.
    ///
    /// # Errors
    ///
    /// If the arguments do not fit.
    pub fn plan(&self, arguments: &[Tensor]) -> Result<String> {
        Ok(self.trace.program(arguments)?.planned()?.describe())
    }
    /// What a call with these arguments costs: operations and bytes, op by op, from shapes alone. Nothing runs.
    ///
    /// Source: `tf.compat.v1.profiler` counts the same, of a graph that has run.
    ///
    /// # Errors
    ///
    /// If the arguments do not fit.
    pub fn cost(&self, arguments: &[Tensor]) -> Result<Costs> {
        self.trace.program(arguments)?.costs()
    }
    /// What memory a call with these arguments needs. It is planned if need be; nothing runs.
    ///
    /// # Errors
    ///
    /// If the arguments do not fit, or the graph cannot be compiled.
    pub fn memory(&self, arguments: &[Tensor]) -> Result<MemoryNeeds> {
        self.trace.program(arguments)?.needs()
    }
    /// Runs it on the tensors of the arguments and gives the tensors of the result.
    ///
    /// # Errors
    ///
    /// If number, ranks, dtypes or sizes do not fit, or the run fails.
    #[track_caller]
    pub fn call(&self, arguments: &[Tensor]) -> Result<Vec<Tensor>> {
        let at = Place::caller();
        let wanted = self.trace.graph.inputs.len() - self.trace.captures.len();
        if arguments.len() != wanted {
            let text = format!("{} tensors were given, the function takes {wanted}", arguments.len());
            return Err(Error::invalid(self.name(), text).at(at));
        }
        if let Some(spec) = arguments.iter().find(|x| x.is_spec()) {
            return Err(crate::tensor::no_value(spec).at(at));
        }
        self.trace
            .program(arguments)
            .map_err(|e| e.at(at))?
            .call(arguments, at)
            .map(|results| results.into_vec())
    }
}

impl fmt::Debug for Concrete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::signature::line(&self.trace))
    }
}

struct Request {
    function: &'static Function,
    found: Option<(Concrete, Arc<Program>)>,
}

thread_local! {
    /// The innermost one is the one that is answered.
    static REQUESTS: RefCell<Vec<Request>> = const { RefCell::new(Vec::new()) };
}

/// Whether calls of this function are asked for their trace, not for their result.
pub(crate) fn is_requested(function: &'static Function) -> bool {
    REQUESTS.with_borrow(|r| r.last().is_some_and(|r| std::ptr::eq(r.function, function)))
}

/// Answers a request for this function's trace, if there is one.
pub(crate) fn answer(function: &'static Function, trace: &Arc<Trace>, program: &Arc<Program>) -> bool {
    REQUESTS.with_borrow_mut(|r| match r.last_mut() {
        Some(request) if std::ptr::eq(request.function, function) => {
            request.found = Some((Concrete { trace: trace.clone() }, program.clone()));
            true
        }
        _ => false,
    })
}

/// The trace of the call of `function` in `f`, and its program for the sizes of that call.
pub(crate) fn request<R>(
    function: &'static Function,
    f: impl FnOnce() -> R,
) -> Result<(Concrete, Arc<Program>)> {
    struct Done;
    impl Drop for Done {
        fn drop(&mut self) {
            REQUESTS.with_borrow_mut(|r| r.pop());
        }
    }
    REQUESTS.with_borrow_mut(|r| r.push(Request { function, found: None }));
    let done = Done;
    let outcome = catch(f).map(drop);
    let found = REQUESTS.with_borrow_mut(|r| r.last_mut().and_then(|r| r.found.take()));
    drop(done);
    outcome?;
    found.ok_or_else(|| {
        let text = "the call was not traced: the function was not called, or gave an error while tracing";
        Error::new(Kind::FailedPrecondition, function.name(), text)
    })
}
