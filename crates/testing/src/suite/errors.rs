//! Samples that fail: the right words, kind and line, from every face, eager and traced, after each pass.

use super::{Answer, Case};
use tenfold_core::graph::passes::PASSES;
use tenfold_core::op::Outcome;
use tenfold_core::testing::{interpreter, trace};
use tenfold_core::{Device, Error, Kind, Meta, Place, Result, Tensor, catch, error};

/// What must be the same on every way: all but the column of the call.
fn essence(e: &Error) -> (Kind, String, String, Option<String>) {
    (e.kind(), e.op().to_string(), e.message().to_string(), e.hint().map(str::to_string))
}

/// The call, and the place where it stands.
#[track_caller]
fn call(case: &Case, inputs: &[Tensor]) -> (Result<Vec<Tensor>>, Place) {
    (case.call(inputs), Place::caller())
}

/// A sample that fails does so with its words, as `InvalidArgument` (or what an op says for values out of range), at the
/// caller's line; the panicking face, the trace, or the graph after each pass fails in the same words.
///
/// # Errors
///
/// Which way says what else.
pub fn refused(case: &Case) -> Answer {
    let Outcome::Err(words) = case.sample.outcome else { return Ok(()) };
    let inputs = case.inputs();
    let (eager, here) = call(case, &inputs);
    let Err(eager) = eager else { return Err(format!("succeeds, but should say `{words}`")) };
    if !eager.to_string().contains(words) {
        return Err(format!("does not say `{words}`: {eager}"));
    }
    if !matches!(eager.kind(), Kind::InvalidArgument | Kind::OutOfRange | Kind::Unimplemented) {
        return Err(format!("is {:?}: {eager}", eager.kind()));
    }
    let line = |e: &Error| e.place().map(|p| (p.file, p.line));
    if line(&eager) != Some((here.file, here.line)) {
        return Err(format!("names the place {:?}, not {here}", eager.place()));
    }
    let want = essence(&eager);
    let same = |what: &str, e: &Error| match essence(e) == want && e.place().is_some() {
        true => Ok(()),
        false => Err(format!("{what} says\n{e:?}\neager says\n{eager:?}")),
    };
    let raised = catch(|| case.call(&inputs).unwrap_or_else(|e| error::raise(e)));
    same("the panicking face", &raised.err().ok_or("the panicking face succeeds")?)?;
    let metas: Vec<Meta> = inputs.iter().map(|x| x.meta().clone()).collect();
    let made = match trace(Device::cpu(), &metas, |x| case.call(x)) {
        Err(e) => return same("the trace", &e),
        Ok(made) => made,
    };
    // It depends on values: then the graph must fail, and no pass may take the check away.
    let given: Vec<Tensor> = inputs.iter().chain(&made.captures).cloned().collect();
    let mut graph = made.graph.clone();
    graph.outputs.clear();
    for pass in std::iter::once(None).chain(PASSES.iter().map(Some)) {
        let name = pass.map_or("traced", |p| p.name);
        if let Some(pass) = pass {
            graph = (pass.run)(graph, tenfold_core::Device::cpu()).map_err(|e| format!("{name}: {e}"))?;
        }
        let plan = Device::cpu().backend().compile(&graph).map_err(|e| format!("{name}: {e}"))?;
        for (way, run) in [("plan", plan), ("interpreter", interpreter(&graph))] {
            match run.run(&given, &made.variables) {
                Ok(_) => return Err(format!("after {name} the {way} does not fail\n{graph}")),
                Err(e) => same(&format!("after {name} the {way}"), &e)?,
            }
        }
    }
    Ok(())
}
