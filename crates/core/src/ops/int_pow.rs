use crate::cpu::elementwise;
use crate::cpu::int::Int;
use crate::op::{
    Call, Class, Cpu, Effect, Exact, Fault, Gpu, Grad, OpDef, Tf, blocks, err, floats, ints, ok, rule, sig,
};
use crate::with_store;

/// Power of integers.
pub static INT_POW: OpDef = OpDef {
    name: "int_pow",
    tf: &[Tf::differs("Pow", "integers only; pow has the floats")],
    sig: sig!(x: T int, y: T int),
    effect: Effect::MayFail,
    infer: rule::broadcast,
    cpu: Cpu::Kernel(kernel),
    gpu: Gpu::Elementwise(&[(Class::Int, "pow(x, y)")]),
    grad: Grad::None("integers have no gradient"),
    exact: Exact::Bits,
    composed: None,
    samples: || {
        vec![
            ok([floats([4], &[2.0, 3.0, 0.0, 1.0]), floats([4], &[3.0, 4.0, 0.0, 7.0])]),
            ok([floats([2, 1], &[2.0, 3.0]), floats([2], &[1.0, 2.0])]),
            ok([floats([0], &[]), floats([], &[2.0])]),
            err([ints([2], &[2, 3]), ints([2], &[1, -1])], "negative"),
            err([floats([2], &[1.0, 2.0]), floats([3], &[1.0, 2.0, 3.0])], "2 ≠ 3"),
        ]
    },
};

fn kernel(call: &mut Call<'_, '_>) -> Result<(), Fault> {
    let y = &call.inputs[1];
    let used = !call.outputs[0].bytes.is_empty() && y.dtype.is_signed();
    let negative = with_store!(y.dtype, T => y.cast::<T>().iter().any(|v| *v < bytemuck::Zeroable::zeroed()));
    if used && negative {
        return Err(Fault::new("an integer cannot have a negative power"));
    }
    elementwise::run_call(call, blocks!([x, y] int => Int::pow(x, y)))
}
