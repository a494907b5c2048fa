//! A concrete graph with what it refers to, ready to be called: run, recorded on tapes, or put into another graph.

use super::Custom;
use super::differentiate::{Derivatives, call_recorded};
use super::function::Options;
use super::replay::replay;
use crate::device::{Device, Executable, Results};
use crate::error::{Error, Place, Result};
use crate::graph::{Graph, Value, passes};
use crate::op::Attrs;
use crate::ops;
use crate::profiler::{self, What};
use crate::tape;
use crate::tensor::Tensor;
use crate::variable::Variable;
use smallvec::SmallVec;
use std::sync::{Arc, OnceLock};

/// A graph without symbols, its captured tensors and variables, and its executable.
pub(crate) struct Program {
    /// For the record of a tape.
    pub(crate) name: &'static str,
    pub(crate) graph: Graph,
    /// What stands behind the inputs after the arguments.
    pub(crate) captures: Vec<Tensor>,
    pub(crate) variables: Vec<Variable>,
    /// Gradients that the user gave.
    pub(crate) customs: Vec<Custom>,
    pub(crate) device: Device,
    pub(super) wishes: Wishes,
    executable: OnceLock<Planned>,
    /// Floating-point tensors from outside, or made in the body, that are constants of the graph: the nodes.
    constants: Vec<u32>,
    /// The same with these constants as captures, for a tape that depends on one of them.
    open: OnceLock<Arc<Program>>,
    pub(crate) derivatives: Derivatives,
}

/// What the user wishes of the runs of a function, its gradients' included.
#[derive(Clone, Copy, Default)]
pub(crate) struct Wishes {
    /// A run must not need more memory.
    pub(super) max_bytes: Option<usize>,
    /// Rewrites that change bits are welcome.
    pub(super) fast_math: bool,
}

impl From<&Options> for Wishes {
    fn from(options: &Options) -> Wishes {
        Wishes { max_bytes: options.max_bytes, fast_math: options.fast_math }
    }
}

/// An executable, and why it must not run.
struct Planned {
    executable: Arc<dyn Executable>,
    refusal: Option<Error>,
}

impl Program {
    pub(crate) fn new(
        name: &'static str,
        graph: Graph,
        captures: Vec<Tensor>,
        variables: Vec<Variable>,
        customs: Vec<Custom>,
        device: Device,
    ) -> Program {
        let constant =
            |i: &u32| *graph.node(*i).op == ops::CONSTANT && graph.node(*i).outputs[0].dtype.is_float();
        Program {
            name,
            constants: (0..graph.nodes.len() as u32).filter(constant).collect(),
            open: OnceLock::new(),
            graph,
            captures,
            variables,
            customs,
            device,
            wishes: Wishes::default(),
            executable: OnceLock::new(),
            derivatives: Derivatives::default(),
        }
    }
    /// The executable.
    ///
    /// # Errors
    ///
    /// If the graph cannot be compiled, or would need more memory than it may.
    #[inline]
    pub(crate) fn executable(&self) -> Result<&Arc<dyn Executable>> {
        let planned = self.plan()?;
        match &planned.refusal {
            None => Ok(&planned.executable),
            Some(refusal) => Err(refusal.clone()),
        }
    }
    /// The executable to be looked at, however much it needs.
    pub(crate) fn planned(&self) -> Result<&Arc<dyn Executable>> {
        Ok(&self.plan()?.executable)
    }
    /// It is compiled when first asked for.
    #[inline]
    fn plan(&self) -> Result<&Planned> {
        match self.executable.get() {
            Some(ready) => Ok(ready),
            None => self.compile(),
        }
    }
    #[cold]
    fn compile(&self) -> Result<&Planned> {
        // The first nodes are the arguments, and their line is the call's.
        let at = self.graph.nodes.first().map(|n| n.at);
        let _span = profiler::open(What::Compile, || self.name, at);
        // What is differentiated or put into another graph stays as it was traced: the passes are for what runs.
        let made = match self.graph.is_concrete() {
            true => passes::compile(&self.graph, self.device, self.wishes.fast_math)?,
            false => self.device.backend().compile(&self.graph)?,
        };
        let refusal = self.refusal(&*made);
        Ok(self.executable.get_or_init(|| Planned { executable: made, refusal }))
    }
    /// All inputs: the arguments and the captures. Without captures nothing is copied.
    pub(crate) fn inputs<'a>(
        &self,
        arguments: &'a [Tensor],
        room: &'a mut SmallVec<[Tensor; 8]>,
    ) -> &'a [Tensor] {
        if self.captures.is_empty() {
            return arguments;
        }
        room.extend(arguments.iter().chain(&self.captures).cloned());
        room
    }
    /// Runs it on tensors that fit.
    pub(crate) fn run(&self, arguments: &[Tensor]) -> Result<Results> {
        let mut room = SmallVec::new();
        let inputs = self.inputs(arguments, &mut room);
        for (i, x) in inputs.iter().enumerate() {
            if x.device() != self.device {
                return Err(self.misplaced(i, x));
            }
        }
        self.executable()?
            .run(inputs, &self.variables)
            .map_err(|e| e.within(format!("function `{}`", self.name)))
    }
    #[cold]
    fn misplaced(&self, i: usize, x: &Tensor) -> Error {
        let name = self.graph.input_names.get(i).map(String::as_str).unwrap_or("an input");
        let text = format!("`{name}` is on {}, the function runs on {}", x.device(), self.device);
        Error::invalid(self.name, text)
            .with_hint(format!("move it before the call: {name}.to(\"{}\")?", self.device))
    }
    /// Calls it: into the graph that is being traced, onto the tapes that record, or just so.
    pub(crate) fn call(self: &Arc<Program>, arguments: &[Tensor], at: Place) -> Result<Results> {
        if super::is_tracing() {
            let mut room = SmallVec::new();
            let inputs = self.inputs(arguments, &mut room);
            let made =
                super::explore::unit(|| Ok(replay(self, inputs)?.outputs.into_iter().map(Some).collect()))?;
            return Ok(made.into_iter().flatten().collect());
        }
        if tape::is_recording() {
            if self.constants.iter().any(|i| tape::tracks(self.graph.node(*i).attrs.tensor("value"))) {
                return call_recorded(self.open.get_or_init(|| Arc::new(self.opened())), arguments, at);
            }
            if self.is_followed(arguments) {
                return call_recorded(self, arguments, at);
            }
        }
        self.run(arguments).map_err(|e| e.at(at))
    }
    /// The program in which the constants are captures, so that a gradient finds them.
    fn opened(&self) -> Program {
        let (mut graph, mut captures) = (self.graph.clone(), self.captures.clone());
        for i in &self.constants {
            let index = graph.inputs.len();
            let node = &mut graph.nodes[*i as usize];
            let meta = node.outputs[0].clone();
            captures.push(node.attrs.tensor("value").clone());
            node.op = &ops::INPUT;
            node.attrs =
                Attrs::new().with("index", index).with("dtype", meta.dtype).with("shape", &meta.shape);
            graph.inputs.push(Value { node: *i, output: 0 });
            graph.input_names.push(format!("constant_{i}"));
        }
        let (variables, customs) = (self.variables.clone(), self.customs.clone());
        let opened = Program::new(self.name, graph, captures, variables, customs, self.device);
        Program { wishes: self.wishes, ..opened }
    }
    /// Whether a tape depends on an input, or would follow a read inside.
    fn is_followed(&self, arguments: &[Tensor]) -> bool {
        arguments.iter().chain(&self.captures).any(tape::tracks) || self.variables.iter().any(tape::follows)
    }
}
