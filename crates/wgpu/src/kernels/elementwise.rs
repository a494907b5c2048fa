//! Elementwise kernels: one op, or a group of them fused, from the same expression texts.
//!
//! Every operand of every expression passes an opaque identity (`operand_x` and its kin), and every result is rounded
//! to its dtype as if it had been stored. So neither the driver nor we can make a fused group differ from its ops run
//! one by one: there is nothing across which to contract, cancel or keep extra precision.

use crate::error::{GpuError, GpuResult};
use crate::form::Form;
use crate::index::{Walk, broadcast, offsets};
use crate::pipeline::{Kernel, Slot, word};
use crate::plan::{Builder, Operand, Place, count};
use crate::wgsl::Helpers;
use std::fmt::Write;

const THREADS: u32 = 256;

/// An operand of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// Input of the group.
    Input(usize),
    /// Result of an earlier step.
    Step(usize),
}

/// One op of a group: an expression over `x`, `y`, `z`.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub expression: &'static str,
    /// Name of the op, for the kernel's label.
    pub name: &'static str,
    pub operands: Vec<Source>,
    pub form: Form,
    /// A condition over the operands under which the op refuses, and the number of the message.
    pub refuses: Option<(&'static str, u32)>,
}

/// An input of a group: where it is and its shape.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub place: Place,
    pub form: Form,
    pub shape: Vec<usize>,
}

/// A group: every step has the shape `shape`.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub shape: Vec<usize>,
    pub inputs: Vec<Input>,
    pub steps: Vec<Step>,
    /// The steps whose results are stored, and where.
    pub results: Vec<(usize, Place)>,
}

/// How a kernel finds the element of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// At the result's own index.
    Same,
    /// The only one.
    Scalar,
    /// At the offset of this number.
    Strided(usize),
}

/// The kernel of a group, with its operands and words.
pub(super) struct Plan {
    access: Vec<Access>,
    walk: Walk,
}

pub(super) fn plan(group: &Group) -> Plan {
    let points: usize = group.shape.iter().product();
    let mut strided: Vec<Vec<isize>> = Vec::new();
    let access = group.inputs.iter().map(|input| {
        let n: usize = input.shape.iter().product();
        match n {
            1 => Access::Scalar,
            _ if n == points => Access::Same,
            _ => {
                let strides = broadcast(&input.shape, &group.shape);
                let known = strided.iter().position(|s| *s == strides);
                Access::Strided(known.unwrap_or_else(|| {
                    strided.push(strides);
                    strided.len() - 1
                }))
            }
        }
    });
    let access = access.collect();
    let shape = if strided.is_empty() { Vec::new() } else { group.shape.clone() };
    Plan { access, walk: Walk { shape, strides: strided }.collapse() }
}

pub(super) fn kernel(group: &Group, plan: &Plan) -> Kernel {
    let mut helpers = Helpers::default();
    let mut body = format!(
        "  let i = wg * {THREADS}u + lid;\n  if (i >= {}) {{ return; }}\n{}",
        word(0),
        offsets("i", plan.walk.shape.len(), plan.walk.strides.len(), 1, "o")
    );
    for (k, (input, access)) in group.inputs.iter().zip(&plan.access).enumerate() {
        let at = match access {
            Access::Same => "i".to_string(),
            Access::Scalar => "0u".to_string(),
            Access::Strided(s) => format!("o{s}"),
        };
        let _ = writeln!(body, "  let a{k} = {};", input.form.load(&format!("b{k}[{at}]")));
    }
    let first_code = 1 + plan.walk.word_count();
    let mut codes = 0;
    for (k, step) in group.steps.iter().enumerate() {
        let first_form = group_compute(group, step);
        let operands: Vec<String> = step
            .operands
            .iter()
            .zip(["operand_x", "operand_y", "operand_z"])
            .map(|(source, opaque)| {
                let name = match source {
                    Source::Input(i) => format!("a{i}"),
                    Source::Step(i) => format!("s{i}"),
                };
                let is_float = form_of(group, Some(source)).is_some_and(|form| form.compute == "f32");
                if is_float { helpers.resolve(&format!("{opaque}({name})"), "f32") } else { name }
            })
            .collect();
        // The operands are named once, so that an expression may mention one many times.
        for (operand, name) in operands.iter().zip(["x", "y", "z"]) {
            let _ = writeln!(body, "  let {name}{k} = {operand};");
        }
        let names: Vec<String> =
            ["x", "y", "z"].iter().take(operands.len()).map(|name| format!("{name}{k}")).collect();
        let compute = first_form.map_or(step.form.compute, |form| form.compute);
        if let Some((condition, _)) = step.refuses {
            let condition = helpers.expression(condition, compute, &names);
            let status = group.inputs.len() + group.results.len();
            let code = word(first_code + codes);
            let _ = writeln!(body, "  if ({condition}) {{ atomicMin(&b{status}[0], {code}); }}");
            codes += 1;
        }
        // The expression `x` alone, to another dtype, is a conversion.
        let value = match (step.expression, first_form) {
            ("x", Some(from)) if from.dtype != step.form.dtype => {
                helpers.resolve(&from.converted(&step.form, &names[0]), compute)
            }
            _ => {
                let bits = first_form.unwrap_or(step.form).dtype.size() * 8;
                let expression = step.expression.replace("BITS", &format!("{bits}u"));
                helpers.expression(&expression, compute, &names)
            }
        };
        let _ = writeln!(body, "  let e{k} = {value};");
        let rounded = helpers.resolve(&step.form.rounded(&format!("e{k}")), "f32");
        let _ = writeln!(body, "  let s{k} = {rounded};");
    }
    for (k, (step, _)) in group.results.iter().enumerate() {
        let form = group.steps[*step].form;
        let stored = helpers.resolve(&form.store(&format!("s{step}")), "f32");
        let _ = writeln!(body, "  b{}[i] = {stored};", group.inputs.len() + k);
    }
    let inputs = group.inputs.iter().map(|input| Slot::read(input.form.storage));
    let results = group.results.iter().map(|(step, _)| Slot::write(group.steps[*step].form.storage));
    let status = (codes > 0).then(|| Slot::write("atomic<u32>"));
    Kernel {
        label: group.steps.iter().map(|step| step.name).collect::<Vec<_>>().join("+"),
        slots: inputs.chain(results).chain(status).collect(),
        words: first_code + codes,
        threads: THREADS,
        items: helpers.text().to_string(),
        body,
    }
}

/// The form that an expression computes in: that of its first operand that is no condition.
fn group_compute(group: &Group, step: &Step) -> Option<Form> {
    let forms = || step.operands.iter().filter_map(|source| form_of(group, Some(source)));
    forms().find(|form| form.compute != "bool").or_else(|| forms().next())
}

fn form_of(group: &Group, source: Option<&Source>) -> Option<Form> {
    Some(match *source? {
        Source::Input(i) => group.inputs[i].form,
        Source::Step(i) => group.steps[i].form,
    })
}

/// The launches of a group. A tensor larger than one binding is cut into windows where every input is read at the
/// result's own index or is a scalar.
pub(crate) fn build(group: &Group, builder: &mut Builder<'_>) -> GpuResult<()> {
    let points: usize = group.shape.iter().product();
    if points == 0 {
        return Ok(());
    }
    let plan = plan(group);
    let kernel = kernel(group, &plan);
    let codes: Vec<u32> = group.steps.iter().filter_map(|step| step.refuses).map(|(_, code)| code).collect();
    let status = (!codes.is_empty()).then(|| Operand::from(Place::Status));
    let operands: Vec<(Place, Form, Access)> = group
        .inputs
        .iter()
        .zip(&plan.access)
        .map(|(input, access)| (input.place, input.form, *access))
        .chain(group.results.iter().map(|(step, place)| (*place, group.steps[*step].form, Access::Same)))
        .collect();
    let limit = builder.gpu.caps().max_binding;
    let widest = operands.iter().map(|(_, form, _)| form.size).max().unwrap_or(4);
    let per_window = usize::try_from(limit / widest / 4096 * 4096).unwrap_or(usize::MAX).max(4096);
    if points <= per_window {
        let mut words = vec![count(points)?];
        words.extend(plan.walk.words()?);
        words.extend(&codes);
        let operands = operands.into_iter().map(|(place, _, _)| Operand::from(place)).chain(status);
        return builder.launch(&kernel, operands, words, (points as u64).div_ceil(u64::from(THREADS)));
    }
    if plan.access.iter().any(|access| matches!(access, Access::Strided(_))) {
        return Err(GpuError::TooLarge(format!(
            "{}: broadcasting to {points} elements needs more than this device's binding limit of {limit} bytes",
            kernel.label
        )));
    }
    for first in (0..points).step_by(per_window) {
        let n = per_window.min(points - first);
        let windows = operands.iter().map(|(place, form, access)| Operand {
            place: *place,
            window: (*access == Access::Same).then(|| (form.bytes(first), form.bytes(n))),
        });
        let groups = (n as u64).div_ceil(u64::from(THREADS));
        let mut words = vec![count(n)?];
        words.extend(&codes);
        builder.launch(&kernel, windows.chain(status), words, groups)?;
    }
    Ok(())
}
