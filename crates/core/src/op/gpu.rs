//! Kernel families as the GPU crate sees them: about a dozen arms, not ops.

/// How the GPU computes an op.
#[derive(Clone, Copy, Debug)]
pub enum Gpu {
    /// A WGSL expression over the inputs `x`, `y`, `z` (already broadcast), giving one element of the result. `bool` is
    /// WGSL's `bool` inside the expression. Helper functions of the crate's prelude may be called. The first pair whose
    /// dtype class has the first input's dtype wins.
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
    AvgPool,
    AvgPoolGrad,
    /// Rows of `params` along `axis` at `indices`.
    Gather,
    GatherNd,
    /// Into zeros of a shape, adding.
    ScatterNd,
    UnsortedSegmentSum,
    OneHot,
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
