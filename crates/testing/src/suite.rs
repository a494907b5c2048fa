//! The op suite: every op of the table × every sample × every dtype of its signature, through every face.
//!
//! A check is a function of one [`Case`] that answers with what is wrong, in a sentence; [`every_case`] runs it over the
//! table and puts all failures into one report, so that one run shows the whole damage. The tests stand in
//! `tests/tests/op_suite.rs` and beside it.

mod agree;
mod bad;
mod errors;
mod gradients;
mod large;
mod traced;

pub use agree::{same_bits, same_bits_all, within};
pub use bad::{fuzz, specials};
pub use errors::refused;
pub use gradients::{has_no_gradient, numeric_gradients, twin_agrees};
pub use large::large_cases;
pub use traced::{eager_is_traced, inferred_is_actual, same_when_traced, symbolic_is_concrete};

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tenfold_core::op::{Cpu, Data, Grad, OpDef, Outcome, Sample};
use tenfold_core::{DType, Result, Tensor, door, ops};

/// What a check answers.
pub type Answer = std::result::Result<(), String>;

/// Ops that a generic call cannot reach, each with the reason. [`not_callable`] says which ones there are.
pub const ENGINE: &[(&str, &str)] = &[
    ("assign_variable", "it writes a slot of the running graph; variables' own tests call it"),
    ("constant", "it has no inputs to vary; every trace of the suite makes some"),
    ("if", "it has graphs; the tests of control flow make them"),
    ("input", "the caller of a graph gives it; every trace of the suite makes some"),
    ("print", "it has no result; the tests of effects listen to it"),
    ("read_variable", "it reads a slot of the running graph; variables' own tests call it"),
    ("rng_read_and_skip", "it writes a slot of the running graph; the random numbers' own tests call it"),
    ("while", "it has graphs; the tests of control flow make them"),
];

/// Checks that an op is known to fail: the check, the op, why.
pub const KNOWN: &[(&str, &str, &str)] =
    &[("twins", "softplus", "the composition has a kink at 0, where the op has none")];

/// The ops that the engine handles and that have no samples: what [`ENGINE`] must list, no more and no less.
pub fn not_callable() -> Vec<&'static str> {
    let mut names: Vec<_> = ops::ALL
        .iter()
        .filter(|op| matches!(op.cpu, Cpu::Engine(_)) && (op.samples)().is_empty())
        .map(|op| op.name)
        .collect();
    names.sort_unstable();
    names
}

/// One sample of one op in one dtype.
#[derive(Clone)]
pub struct Case {
    /// The op.
    pub op: &'static OpDef,
    /// The sample's position among the op's.
    pub number: usize,
    /// The sample.
    pub sample: Sample,
    /// The dtype of the inputs that the sample leaves open.
    pub dtype: DType,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, sample {}, {}", self.op.name, self.number, self.dtype)
    }
}

impl Case {
    /// The dtype of the `i`th input.
    fn dtype_of(&self, i: usize, data: &Data) -> DType {
        let fits = |d: &DType| self.op.sig.input(i).is_none_or(|input| input.class.has(*d));
        let usual = [self.dtype, DType::F32, DType::I32, DType::Bool];
        data.dtype.unwrap_or_else(|| usual.into_iter().find(fits).unwrap_or(self.dtype))
    }
    /// The inputs as tensors on the CPU.
    ///
    /// # Panics
    ///
    /// If the sample's values do not fill its shape.
    pub fn inputs(&self) -> Vec<Tensor> {
        let tensor = |(i, data): (usize, &Data)| {
            let made = Tensor::from_f64(&data.values, self.dtype_of(i, data), data.shape.clone());
            made.unwrap_or_else(|error| panic!("{self}: input {i} is no tensor: {error}"))
        };
        self.sample.inputs.iter().enumerate().map(tensor).collect()
    }
    /// The op on these inputs, with the sample's attributes.
    ///
    /// # Errors
    ///
    /// Those of the op.
    #[track_caller]
    pub fn call(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        Ok(door::try_apply(self.op, &inputs, self.sample.attrs.clone())?.into_iter().collect())
    }
    /// Whether the call is to succeed.
    pub fn succeeds(&self) -> bool {
        self.sample.outcome == Outcome::Ok
    }
    /// Whether the op has a gradient rule.
    pub fn has_rule(&self) -> bool {
        matches!(self.op.grad, Grad::Rule(_))
    }
}

/// Every sample of an op in every dtype that it is meant for.
pub fn cases(op: &'static OpDef) -> Vec<Case> {
    let of = |(number, sample): (usize, Sample)| {
        let open = sample.inputs.iter().position(|data| data.dtype.is_none());
        let class = open.and_then(|i| op.sig.input(i)).map(|input| input.class);
        let dtypes: Vec<DType> = match (open, class) {
            (Some(_), Some(class)) => {
                let only = sample.dtypes;
                class.dtypes().filter(|d| only.is_empty() || only.contains(d)).collect()
            }
            _ => vec![DType::F32],
        };
        dtypes.into_iter().map(move |dtype| Case { op, number, sample: sample.clone(), dtype })
    };
    (op.samples)().into_iter().enumerate().flat_map(of).collect()
}

/// Every case of the table.
pub fn all_cases() -> impl Iterator<Item = Case> {
    ops::ALL.iter().flat_map(|op| cases(op))
}

/// Runs a check over the cases and gives the failures, one line each; a panic is a failure too.
pub fn failures(cases: impl Iterator<Item = Case>, check: impl Fn(&Case) -> Answer) -> Vec<String> {
    let mut failures = vec![];
    for case in cases {
        let answer = catch_unwind(AssertUnwindSafe(|| check(&case)));
        match answer {
            Ok(Ok(())) => {}
            Ok(Err(what)) => failures.push(format!("{case}: {what}")),
            Err(payload) => failures.push(format!("{case}: panics: {}", panic_text(&*payload))),
        }
    }
    failures
}

/// The text of a panic that is not one of Tenfold's errors.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (_, Some(text)) => (*text).to_string(),
        _ => "with a payload that is no text".to_string(),
    }
}

/// Fails with the report of all failures, if there are any.
///
/// # Panics
///
/// If there are.
#[track_caller]
pub fn report(failures: &[String]) {
    let shown: Vec<&str> = failures.iter().map(String::as_str).take(60).collect();
    let more = failures.len() - shown.len();
    assert!(failures.is_empty(), "{} failures ({more} not shown):\n{}", failures.len(), shown.join("\n"));
}

/// Runs a check over every case of the table and fails with one report. Ops that [`KNOWN`] lists for this check must
/// fail in some case; what passes is taken off the list.
///
/// # Panics
///
/// If a case fails, or a listed op does not.
#[track_caller]
pub fn every_case(name: &str, check: impl Fn(&Case) -> Answer) {
    report(&but_known(name, |op| failures(cases(op).into_iter(), &check)));
}

/// The failures of all ops, without those that [`KNOWN`] expects of this check.
pub fn but_known(name: &str, failures_of: impl Fn(&'static OpDef) -> Vec<String>) -> Vec<String> {
    let mut all = vec![];
    for op in ops::ALL {
        let found = failures_of(op);
        match (KNOWN.iter().any(|k| (k.0, k.1) == (name, op.name)), found.is_empty()) {
            (true, true) => all.push(format!("{}: passes `{name}` now, take it off the list", op.name)),
            (false, _) => all.extend(found),
            (true, false) => {}
        }
    }
    all
}

/// Fixed numbers without a pattern: the same for every run and machine.
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }
    /// The next 64 bits (SplitMix64).
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n.max(1) as u64) as usize
    }
    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
    /// Between -1 and 1, away from zero.
    pub fn unit(&mut self) -> f64 {
        let size = 0.25 + 0.75 * (self.bits() >> 11) as f64 / (1u64 << 53) as f64;
        if self.bits() & 1 == 0 { size } else { -size }
    }
    /// A tensor of such values.
    ///
    /// # Panics
    ///
    /// If the shape is symbolic.
    pub fn tensor(&mut self, dtype: DType, shape: &tenfold_core::Shape) -> Tensor {
        let values: Vec<f64> = (0..shape.num_elements()).map(|_| self.unit()).collect();
        Tensor::from_f64(&values, dtype, shape).unwrap_or_else(|error| panic!("{error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_fails_or_panics_is_reported_with_its_case() {
        let of = |name: &str| cases(ops::by_name(name).expect("an op"));
        let lines = failures(of("sqrt").into_iter().take(2), |case| match case.dtype {
            DType::F16 => Err("wrong".to_string()),
            _ => panic!("boom"),
        });
        assert_eq!(lines, ["sqrt, sample 0, f16: wrong", "sqrt, sample 0, bf16: panics: boom"]);
    }

    #[test]
    fn dtypes_are_those_of_the_signature() {
        let dtypes: Vec<DType> = cases(ops::by_name("sqrt").expect("an op"))
            .iter()
            .filter(|c| c.number == 0)
            .map(|c| c.dtype)
            .collect();
        assert_eq!(dtypes, [DType::F16, DType::BF16, DType::F32, DType::F64]);
    }
}
