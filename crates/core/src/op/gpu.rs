//! Kernel families as the GPU crate sees them: about a dozen arms, not ops.

/// How the GPU computes an op.
#[derive(Clone, Copy, Debug)]
pub enum Gpu {
    /// A WGSL expression over the inputs `x`, `y`, `z` (already broadcast), giving one element of the result. `bool` is
    /// WGSL's `bool` inside the expression, and `BITS` the width of the dtype. Helper functions of the crate's prelude may be
    /// called. The first pair whose dtype class has the first input's dtype wins.
    Elementwise(&'static [(super::Class, &'static str)]),
    /// The result shares the input's memory: reshape, identity.
    View,
    /// The copies of `Cpu::Reindex` describe it.
    Reindex,
    /// A reduction over the attribute `axes`.
    Reduce(ReduceKind),
    /// A scan along the attribute `axis`, with `exclusive` and `reverse`.
    Scan(ScanKind),
    /// A kernel of its own.
    Kernel(GpuKernel),
    /// Handled by the engine: constants, variables, prints.
    Engine,
    /// Runs on the CPU only, with the reason that the user will read.
    CpuOnly(&'static str),
}

/// Reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ReduceKind {
    Sum,
    /// The sum over how many there are.
    Mean,
    Prod,
    Max,
    Min,
    All,
    Any,
    ArgMax,
    ArgMin,
}

/// Scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum ScanKind {
    Sum,
    Prod,
    LogSumExp,
}

/// How an update meets what is at its place; updates to one place come in the order of their indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Combine {
    /// Replaces it.
    Update,
    /// Adds; integers wrap.
    Add,
    /// Subtracts; integers wrap.
    Sub,
    /// Multiplies; integers wrap.
    Mul,
    /// Replaces it if strictly less.
    Min,
    /// Replaces it if strictly greater.
    Max,
}

/// Kernels that are no family; the GPU crate has one file for each group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the op of the same name documents it")]
pub enum GpuKernel {
    /// Batched product with `transpose_a`, `transpose_b`.
    Matmul,
    Conv,
    ConvInputGrad,
    ConvFilterGrad,
    DepthwiseConv,
    DepthwiseConvInputGrad,
    DepthwiseConvFilterGrad,
    MaxPool,
    MaxPoolGrad,
    MaxPoolGradGrad,
    MaxPoolWithArgmax,
    AvgPool,
    AvgPoolGrad,
    /// Rows of `params` along `axis` at `indices`.
    Gather,
    GatherNd,
    /// Into zeros of a shape, adding.
    ScatterNd,
    /// Into what belongs to no element: zero of a sum, one of a product, the ends of the dtype's range.
    UnsortedSegment(Combine),
    /// Into a tensor.
    TensorScatterNd(Combine),
    OneHot,
    /// Ranks by counting.
    Argsort,
    TopK,
    InTopK,
    Searchsorted,
    InvertPermutation,
    /// The counter-based generators.
    StatelessUniform,
    StatelessNormal,
    StatelessTruncatedNormal,
    StatelessUniformInt,
    StatelessUniformFullInt,
    Range,
    /// `sum_to_shape`: the reverse of broadcasting.
    SumTo,
    /// Writes a window of a tensor.
    Pad,
}
