//! The table of ops: one file each, one line each.
//!
//! A line names the file and its definition; everything else loops over [`ALL`]. Functions made of other ops have a file
//! and no definition.

use crate::op::OpDef;

pub(crate) use stateless_key_counter::{stream_of, words_of};

/// A dimension that only the run decides: a trace gives each such dimension a symbol of its own.
pub(crate) const RUN_TIME_DIM: &str = "?";

/// What names begin with of sizes that each turn of a loop may decide anew, where a body begins.
pub(crate) const OPEN_DIM: &str = "?~";

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
        acos::ACOS,
        acosh::ACOSH,
        add::ADD,
        argmax::ARGMAX,
        argmin::ARGMIN,
        argsort::ARGSORT,
        asin::ASIN,
        asinh::ASINH,
        assert::ASSERT,
        assign_variable::ASSIGN_VARIABLE,
        atan2::ATAN2,
        atan::ATAN,
        atanh::ATANH,
        avg_pool::AVG_POOL,
        avg_pool_grad::AVG_POOL_GRAD,
        bessel_i0::BESSEL_I0,
        bessel_i0e::BESSEL_I0E,
        bessel_i1::BESSEL_I1,
        bessel_i1e::BESSEL_I1E,
        bessel_j0::BESSEL_J0,
        bessel_j1::BESSEL_J1,
        bessel_k0::BESSEL_K0,
        bessel_k0e::BESSEL_K0E,
        bessel_k1::BESSEL_K1,
        bessel_k1e::BESSEL_K1E,
        bessel_y0::BESSEL_Y0,
        bessel_y1::BESSEL_Y1,
        betainc::BETAINC,
        bincount::BINCOUNT,
        bitcast::BITCAST,
        bitwise_and::BITWISE_AND,
        bitwise_or::BITWISE_OR,
        bitwise_xor::BITWISE_XOR,
        broadcast_to::BROADCAST_TO,
        cast::CAST,
        ceil::CEIL,
        concat::CONCAT,
        cond::IF,
        constant::CONSTANT,
        conv::CONV,
        conv_filter_grad::CONV_FILTER_GRAD,
        conv_input_grad::CONV_INPUT_GRAD,
        cos::COS,
        cosh::COSH,
        cumprod::CUMPROD,
        cumsum::CUMSUM,
        cumulative_logsumexp::CUMULATIVE_LOGSUMEXP,
        dawsn::DAWSN,
        depthwise_conv::DEPTHWISE_CONV,
        depthwise_conv_filter_grad::DEPTHWISE_CONV_FILTER_GRAD,
        depthwise_conv_input_grad::DEPTHWISE_CONV_INPUT_GRAD,
        digamma::DIGAMMA,
        divide::DIVIDE,
        divide_no_nan::DIVIDE_NO_NAN,
        dynamic_partition::DYNAMIC_PARTITION,
        dynamic_stitch::DYNAMIC_STITCH,
        elu::ELU,
        equal::EQUAL,
        erf::ERF,
        erfc::ERFC,
        erfinv::ERFINV,
        exp::EXP,
        expand_dims::EXPAND_DIMS,
        expint::EXPINT,
        expm1::EXPM1,
        floor::FLOOR,
        floordiv::FLOORDIV,
        floormod::FLOORMOD,
        fresnel_cos::FRESNEL_COS,
        fresnel_sin::FRESNEL_SIN,
        gather::GATHER,
        gather_nd::GATHER_ND,
        greater::GREATER,
        greater_equal::GREATER_EQUAL,
        histogram_fixed_width::HISTOGRAM_FIXED_WIDTH,
        identity::IDENTITY,
        igamma::IGAMMA,
        igamma_grad_a::IGAMMA_GRAD_A,
        igammac::IGAMMAC,
        in_top_k::IN_TOP_K,
        input::INPUT,
        int_pow::INT_POW,
        invert::INVERT,
        invert_permutation::INVERT_PERMUTATION,
        is_finite::IS_FINITE,
        is_inf::IS_INF,
        is_nan::IS_NAN,
        leaky_relu::LEAKY_RELU,
        left_shift::LEFT_SHIFT,
        less::LESS,
        less_equal::LESS_EQUAL,
        lgamma::LGAMMA,
        log1p::LOG1P,
        log::LOG,
        logical_and::LOGICAL_AND,
        logical_not::LOGICAL_NOT,
        logical_or::LOGICAL_OR,
        matmul::MATMUL,
        max_pool::MAX_POOL,
        max_pool_grad::MAX_POOL_GRAD,
        max_pool_grad_grad::MAX_POOL_GRAD_GRAD,
        max_pool_with_argmax::MAX_POOL_WITH_ARGMAX,
        maximum::MAXIMUM,
        minimum::MINIMUM,
        multiply::MULTIPLY,
        multiply_no_nan::MULTIPLY_NO_NAN,
        ndtri::NDTRI,
        negative::NEGATIVE,
        nextafter::NEXTAFTER,
        not_equal::NOT_EQUAL,
        num_elements::NUM_ELEMENTS,
        one_hot::ONE_HOT,
        pad::PAD,
        polygamma::POLYGAMMA,
        pow::POW,
        range::RANGE,
        print::PRINT,
        read_variable::READ_VARIABLE,
        reciprocal::RECIPROCAL,
        reduce_all::REDUCE_ALL,
        reduce_any::REDUCE_ANY,
        reduce_max::REDUCE_MAX,
        reduce_mean::REDUCE_MEAN,
        reduce_min::REDUCE_MIN,
        reduce_prod::REDUCE_PROD,
        reduce_sum::REDUCE_SUM,
        relu6::RELU6,
        relu::RELU,
        reshape::RESHAPE,
        reverse::REVERSE,
        right_shift::RIGHT_SHIFT,
        rng_read_and_skip::RNG_READ_AND_SKIP,
        roll::ROLL,
        round::ROUND,
        rsqrt::RSQRT,
        scatter_nd::SCATTER_ND,
        searchsorted::SEARCHSORTED,
        segment_max::SEGMENT_MAX,
        segment_mean::SEGMENT_MEAN,
        segment_min::SEGMENT_MIN,
        segment_prod::SEGMENT_PROD,
        segment_sum::SEGMENT_SUM,
        select::SELECT,
        selu::SELU,
        shape::SHAPE,
        sigmoid::SIGMOID,
        sign::SIGN,
        sin::SIN,
        sinh::SINH,
        softplus::SOFTPLUS,
        softsign::SOFTSIGN,
        spence::SPENCE,
        split::SPLIT,
        sqrt::SQRT,
        square::SQUARE,
        squared_difference::SQUARED_DIFFERENCE,
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
        tan::TAN,
        tanh::TANH,
        tensor_scatter_nd_add::TENSOR_SCATTER_ND_ADD,
        tensor_scatter_nd_max::TENSOR_SCATTER_ND_MAX,
        tensor_scatter_nd_min::TENSOR_SCATTER_ND_MIN,
        tensor_scatter_nd_sub::TENSOR_SCATTER_ND_SUB,
        tensor_scatter_nd_update::TENSOR_SCATTER_ND_UPDATE,
        tile::TILE,
        top_k::TOP_K,
        transpose::TRANSPOSE,
        truncatediv::TRUNCATEDIV,
        truncatemod::TRUNCATEMOD,
        unique::UNIQUE,
        unsorted_segment_max::UNSORTED_SEGMENT_MAX,
        unsorted_segment_min::UNSORTED_SEGMENT_MIN,
        unsorted_segment_prod::UNSORTED_SEGMENT_PROD,
        unsorted_segment_sum::UNSORTED_SEGMENT_SUM,
        unstack::UNSTACK,
        where_true::WHERE_TRUE,
        while_loop::WHILE,
        xdivy::XDIVY,
        xlog1py::XLOG1PY,
        xlogy::XLOGY,
        zeta::ZETA,
    }
    composites {
        add_n,
        blocks,
        clip_by_value,
        convolutions,
        crelu,
        einsum,
        erfcinv,
        eye,
        full,
        gelu,
        lbeta,
        linspace,
        log_poisson_loss,
        log_sigmoid,
        logical_xor,
        matrices,
        meshgrid,
        norm,
        polyval,
        pooling,
        reciprocal_no_nan,
        reduction,
        repeat,
        rint,
        saturate_cast,
        sigmoid_cross_entropy_with_logits,
        silu,
        sliding,
        softmax,
        statistics,
        truediv,
        unsorted_segment_mean,
        weighted_cross_entropy_with_logits,
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
