//! The table of ops: one file each, one line each.
//!
//! A line names the file and its definition; everything else loops over [`ALL`]. Functions made of other ops have a file
//! and no definition.

use crate::op::OpDef;

pub(crate) use stateless_key_counter::{stream_of, words_of};

/// A dimension that only the run decides: a trace gives each such dimension a symbol of its own.
pub(crate) const RUN_TIME_DIM: &str = "?";

macro_rules! table {
    (ops { $($file:ident::$def:ident,)* } composites { $($composite:ident,)* }) => {
        $(mod $file;)*
        $(mod $composite;)*
        $(pub use $file::*;)*
        $(pub use $composite::*;)*
        /// Every op.
        pub static ALL: &[&OpDef] = &[$(&$file::$def),*];
        #[cfg(test)]
        const FILES: &[&str] = &[$(stringify!($file),)* $(stringify!($composite),)*];
    };
}

table! {
    ops {
        abs::ABS,
        add::ADD,
        argmax::ARGMAX,
        argmin::ARGMIN,
        assign_variable::ASSIGN_VARIABLE,
        bitwise_and::BITWISE_AND,
        bitwise_or::BITWISE_OR,
        bitwise_xor::BITWISE_XOR,
        broadcast_to::BROADCAST_TO,
        cast::CAST,
        concat::CONCAT,
        constant::CONSTANT,
        cumprod::CUMPROD,
        cumsum::CUMSUM,
        divide::DIVIDE,
        equal::EQUAL,
        exp::EXP,
        expand_dims::EXPAND_DIMS,
        floordiv::FLOORDIV,
        floormod::FLOORMOD,
        gather::GATHER,
        gather_nd::GATHER_ND,
        greater::GREATER,
        greater_equal::GREATER_EQUAL,
        identity::IDENTITY,
        input::INPUT,
        int_pow::INT_POW,
        invert::INVERT,
        left_shift::LEFT_SHIFT,
        less::LESS,
        less_equal::LESS_EQUAL,
        log::LOG,
        logical_and::LOGICAL_AND,
        logical_not::LOGICAL_NOT,
        logical_or::LOGICAL_OR,
        logical_xor::LOGICAL_XOR,
        matmul::MATMUL,
        maximum::MAXIMUM,
        minimum::MINIMUM,
        multiply::MULTIPLY,
        negative::NEGATIVE,
        not_equal::NOT_EQUAL,
        num_elements::NUM_ELEMENTS,
        one_hot::ONE_HOT,
        pad::PAD,
        pow::POW,
        range::RANGE,
        read_variable::READ_VARIABLE,
        reduce_all::REDUCE_ALL,
        reduce_any::REDUCE_ANY,
        reduce_max::REDUCE_MAX,
        reduce_mean::REDUCE_MEAN,
        reduce_min::REDUCE_MIN,
        reduce_prod::REDUCE_PROD,
        reduce_sum::REDUCE_SUM,
        relu::RELU,
        reshape::RESHAPE,
        reverse::REVERSE,
        right_shift::RIGHT_SHIFT,
        rng_read_and_skip::RNG_READ_AND_SKIP,
        roll::ROLL,
        rsqrt::RSQRT,
        scatter_nd::SCATTER_ND,
        select::SELECT,
        shape::SHAPE,
        sigmoid::SIGMOID,
        sign::SIGN,
        split::SPLIT,
        sqrt::SQRT,
        square::SQUARE,
        squeeze::SQUEEZE,
        stack::STACK,
        stateless_key_counter::STATELESS_KEY_COUNTER,
        stateless_normal::STATELESS_NORMAL,
        stateless_truncated_normal::STATELESS_TRUNCATED_NORMAL,
        stateless_uniform::STATELESS_UNIFORM,
        stateless_uniform_full_int::STATELESS_UNIFORM_FULL_INT,
        stateless_uniform_int::STATELESS_UNIFORM_INT,
        stop_gradient::STOP_GRADIENT,
        strided_slice::STRIDED_SLICE,
        strided_slice_grad::STRIDED_SLICE_GRAD,
        subtract::SUBTRACT,
        sum_to_shape::SUM_TO_SHAPE,
        tanh::TANH,
        tensor_scatter_nd_add::TENSOR_SCATTER_ND_ADD,
        tensor_scatter_nd_max::TENSOR_SCATTER_ND_MAX,
        tensor_scatter_nd_min::TENSOR_SCATTER_ND_MIN,
        tensor_scatter_nd_sub::TENSOR_SCATTER_ND_SUB,
        tensor_scatter_nd_update::TENSOR_SCATTER_ND_UPDATE,
        tile::TILE,
        transpose::TRANSPOSE,
        unsorted_segment_max::UNSORTED_SEGMENT_MAX,
        unsorted_segment_min::UNSORTED_SEGMENT_MIN,
        unsorted_segment_prod::UNSORTED_SEGMENT_PROD,
        unsorted_segment_sum::UNSORTED_SEGMENT_SUM,
        unstack::UNSTACK,
    }
    composites {
        eye,
        full,
        linspace,
        norm,
        reduction,
        repeat,
        softmax,
        statistics,
        unsorted_segment_mean,
    }
}

/// The op with this name.
///
/// ```
/// assert!(tenfold_core::ops::by_name("sqrt").is_some());
/// ```
pub fn by_name(name: &str) -> Option<&'static OpDef> {
    ALL.iter().copied().find(|op| op.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::{Cpu, Gpu, Grad};

    #[test]
    fn names_are_unique_and_snake_case() {
        let mut names: Vec<_> = ALL.iter().map(|op| op.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|w| w[0] != w[1]), "{names:?}");
        assert!(
            names.iter().all(|n| n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        );
        assert!(ALL.iter().all(|op| by_name(op.name) == Some(op)));
    }

    #[test]
    fn every_file_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let stem = name.trim_end_matches(".rs").to_string();
            assert!(stem == "mod" || FILES.contains(&stem.as_str()), "{name} is not in the table");
        }
    }

    #[test]
    fn reasons_are_sentences() {
        for op in ALL {
            let reasons = [
                if let Grad::None(r) = op.grad { r } else { "stated reason" },
                if let Gpu::CpuOnly(r) = op.gpu { r } else { "stated reason" },
                if let Cpu::Engine(r) = op.cpu { r } else { "stated reason" },
            ];
            assert!(reasons.iter().all(|r| r.len() > 10 && r.contains(' ')), "{}: {reasons:?}", op.name);
        }
    }

    #[test]
    fn ops_with_inputs_have_samples() {
        for op in ALL {
            let engine = matches!(op.cpu, Cpu::Engine(_));
            assert!(engine || !(op.samples)().is_empty(), "{} has no samples", op.name);
        }
    }
}
