//! Calls Tenfold's functions by TensorFlow's names, and runs the recorded cases through them.
//!
//! One row of the table names a TensorFlow function and holds a closure that calls ours with a case's arguments. A
//! function without a row is "not there yet"; [`coverage`] writes down which is which.

/// A row for a function of one tensor.
macro_rules! unary {
    ($name:literal, $f:ident) => {
        ($name, |a| vec![tenfold_core::$f(a.first())])
    };
}

/// A row for a function of two tensors.
macro_rules! binary {
    ($name:literal, $f:ident) => {
        ($name, |a| vec![tenfold_core::$f(a.first(), a.second())])
    };
}

mod args;
mod array;
mod composed;
mod elementwise;
mod linalg;
mod nn;
mod random;
mod run;
mod windows;

pub use args::Args;
pub use run::{Outcome, check, cotangents, evaluate, inputs, to_array, to_tensor};

use crate::fixtures::Case;
use std::collections::BTreeMap;
use tenfold_core::Tensor;

/// Calls one of Tenfold's functions with the arguments of a case. It uses the panicking faces; the caller catches.
pub type Call = fn(&Args<'_>) -> Vec<Tensor>;

/// One row: TensorFlow's public name and the call.
pub type Row = (&'static str, Call);

/// The table: every TensorFlow function that the recordings call and Tenfold has.
pub fn table() -> BTreeMap<&'static str, Call> {
    let parts: [&[Row]; 7] =
        [array::ROWS, composed::ROWS, elementwise::ROWS, linalg::ROWS, nn::ROWS, random::ROWS, windows::ROWS];
    let mut table = BTreeMap::new();
    for (name, call) in parts.into_iter().flatten() {
        assert!(table.insert(*name, *call).is_none(), "{name} has two rows");
    }
    table
}

/// Recorded cases of existing functions that do not pass, each with the reason. The suite checks that each still fails.
pub const EXCUSED: &[(&str, &str)] = &[("math_abs/8", NO_COMPLEX)];

const NO_COMPLEX: &str = "there are no complex numbers yet";

/// Why the case may fail, if it may.
pub fn excuse(id: &str) -> Option<&'static str> {
    EXCUSED.iter().find(|(case, _)| *case == id).map(|(_, reason)| *reason)
}

/// The text of `docs/op-coverage.md` for these cases.
pub fn coverage(cases: &[Case]) -> String {
    let table = table();
    let mut ops: Vec<(&str, Vec<&Case>)> = Vec::new();
    for case in cases {
        match ops.iter_mut().find(|(op, _)| *op == case.op) {
            Some((_, cases)) => cases.push(case),
            None => ops.push((&case.op, vec![case])),
        }
    }
    ops.sort_by_key(|(op, _)| *op);
    let there = ops.iter().filter(|(op, _)| table.contains_key(op)).count();
    let run = cases.iter().filter(|case| table.contains_key(case.op.as_str())).count();
    let excused = cases.iter().filter(|case| excuse(&case.id).is_some()).count();
    let mut text = format!(
        "# TensorFlow functions, and which of them are there\n\n\
         Generated from the cases recorded from TensorFlow 2.21 and the table in `crates/testing/src/cases.rs`; written anew by\n\
         `TENFOLD_BLESS=1 cargo test -p tenfold-tests --test recorded`. A function passes if every recorded value and gradient agrees\n\
         within the recorded tolerance, and if every call that TensorFlow refuses is refused.\n\n\
         {there} of {} functions are there; {} of {} cases run and pass, {excused} are excused with a reason.\n\n\
         | function | cases | status |\n| --- | --- | --- |\n",
        ops.len(),
        run - excused,
        cases.len(),
    );
    for (op, cases) in ops {
        let reasons: Vec<String> =
            cases.iter().filter_map(|case| Some(format!("`{}`: {}", case.id, excuse(&case.id)?))).collect();
        let status = match (table.contains_key(op), reasons.is_empty()) {
            (false, _) => "not there yet".to_owned(),
            (true, true) => "passes".to_owned(),
            (true, false) => format!("passes, but for {}", reasons.join("; ")),
        };
        text += &format!("| `{op}` | {} | {status} |\n", cases.len());
    }
    text
}
