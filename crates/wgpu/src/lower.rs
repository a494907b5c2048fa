//! From an op's definition to the launches of its family.

use crate::error::GpuError;
use crate::form::{Form, form, moved, same_on_host};
use crate::gpu::Gpu;
use crate::index::Walk;
use crate::kernels::elementwise::{Group, Input, Source, Step};
use crate::kernels::random::Draw;
use crate::kernels::{copies, elementwise, gemm, generate, random, reduce, scan, select};
use crate::plan::{Builder, Place, Program};
use tenfold_core::op::{self, Attr, Attrs, Combine, Cpu, GpuKernel, OpDef, ReduceKind, ScanKind};
use tenfold_core::{DType, Meta, ops};

/// Why an op has no program on this device.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The op or the dtype stays on the CPU; the sentence is for the user.
    Unsupported(String),
    /// The device's limits or a fault.
    Device(GpuError),
}

impl From<GpuError> for Refusal {
    fn from(error: GpuError) -> Refusal {
        Refusal::Device(error)
    }
}

pub(crate) fn unsupported(why: impl Into<String>) -> Refusal {
    Refusal::Unsupported(why.into())
}

/// The sizes of a concrete shape.
pub(crate) fn sizes(meta: &Meta) -> Vec<usize> {
    meta.shape.iter().map(|d| d.size().unwrap_or(0)).collect()
}

const THREE: (Place, Place, Place) = (Place::Input(0), Place::Input(1), Place::Output(0));
/// What is said of an index that names no element.
const OUTSIDE: &str = "an index is outside its axis";

/// Whether the result of a view has the bytes of its operand on the device: a bitcast between dtypes that do not lie
/// there as on the host has not.
pub(crate) fn shares_memory(op: &'static OpDef, from: &Meta, to: &Meta) -> Result<(), Refusal> {
    let same = |meta: &Meta| same_on_host(meta.dtype);
    match from.dtype == to.dtype || (same(from) && same(to)) {
        true => Ok(()),
        false => {
            Err(unsupported(format!("{} and {} lie otherwise there ({})", from.dtype, to.dtype, op.name)))
        }
    }
}

/// One call: an op, its attributes and the metas of its operands and results.
pub(crate) struct Call<'a> {
    pub gpu: &'a Gpu,
    pub op: &'static OpDef,
    pub attrs: &'a Attrs,
    pub inputs: &'a [&'a Meta],
    pub outputs: &'a [Meta],
}

impl Call<'_> {
    /// The form in which input `i` computes.
    pub fn form(&self, i: usize) -> Result<Form, Refusal> {
        self.computing(self.inputs[i].dtype)
    }

    /// The form in which output `i` computes.
    pub fn out_form(&self, i: usize) -> Result<Form, Refusal> {
        self.computing(self.outputs[i].dtype)
    }

    fn computing(&self, dtype: DType) -> Result<Form, Refusal> {
        form(dtype, self.gpu.caps()).map_err(Refusal::Unsupported)
    }

    /// The sizes of input `i`.
    pub fn shape(&self, i: usize) -> Vec<usize> {
        sizes(self.inputs[i])
    }

    /// The sizes of output `i`.
    pub fn out_shape(&self, i: usize) -> Vec<usize> {
        sizes(&self.outputs[i])
    }

    /// The program of this call.
    pub fn lower(&self) -> Result<Program, Refusal> {
        let mut builder = Builder::new(self.gpu);
        let b = &mut builder;
        match self.op.gpu {
            op::Gpu::Elementwise(_) => elementwise::build(&self.single()?, b)?,
            op::Gpu::Reindex => self.reindex(b)?,
            op::Gpu::Reduce(kind) => self.reduce(b, kind)?,
            op::Gpu::Scan(kind) => self.scan(b, kind)?,
            op::Gpu::Kernel(kernel) => self.kernel(b, kernel)?,
            op::Gpu::CpuOnly(why) => return Err(unsupported(why)),
            op::Gpu::View | op::Gpu::Engine => {
                return Err(Refusal::Device(GpuError::Internal(format!("{} has no kernel", self.op.name))));
            }
        }
        Ok(builder.finish())
    }

    /// Whether the op may be a step of an elementwise group: it is elementwise, or it repeats elements as they are.
    pub fn fuses(&self) -> bool {
        match self.op.gpu {
            op::Gpu::Elementwise(_) => true,
            // A load and a store keep every bit of these, a NaN's too.
            _ => {
                *self.op == ops::BROADCAST_TO
                    && matches!(self.inputs[0].dtype, DType::F32 | DType::I32 | DType::Bool)
            }
        }
    }

    /// The op as a step of an elementwise group, over these operands.
    pub fn step(&self, operands: Vec<Source>) -> Result<Step, Refusal> {
        let dtype = self.inputs.first().map_or(self.outputs[0].dtype, |meta| meta.dtype);
        let expression = match self.op.gpu {
            op::Gpu::Elementwise(table) => {
                table.iter().find(|(class, _)| class.has(dtype)).map(|(_, text)| *text)
            }
            _ => Some("x"),
        };
        let expression =
            expression.ok_or_else(|| unsupported(format!("there is no GPU kernel for {dtype}")))?;
        for i in 0..self.inputs.len() {
            self.form(i)?;
        }
        let is_float = dtype.is_float();
        // naga's `!=` on floats is the ordered one, which is false for NaN.
        let expression = if is_float && expression == "x != y" { "not_equal(x, y)" } else { expression };
        let calls = |names: &[&str]| dtype.is_int() && names.iter().any(|name| expression.starts_with(name));
        let refuses = if calls(&["trunc_div(", "trunc_mod(", "floor_div(", "floor_mod("]) {
            Some(("y == (y ^ y)", "an integer cannot be divided by zero"))
        } else if calls(&["pow("]) && dtype.is_signed() {
            Some(("y < (y ^ y)", "an integer cannot have a negative power"))
        } else {
            None
        };
        let refuses = refuses.map(|(test, text)| (test, self.gpu.check_code(self.op.name, text)));
        Ok(Step { expression, name: self.op.name, operands, form: self.out_form(0)?, refuses })
    }

    fn single(&self) -> Result<Group, Refusal> {
        let operands = (0..self.inputs.len()).map(Source::Input).collect();
        let inputs = (0..self.inputs.len())
            .map(|i| Ok(Input { place: Place::Input(i), form: self.form(i)?, shape: self.shape(i) }))
            .collect::<Result<_, Refusal>>()?;
        Ok(Group {
            shape: self.out_shape(0),
            inputs,
            steps: vec![self.step(operands)?],
            results: vec![(0, Place::Output(0))],
        })
    }

    fn reindex(&self, b: &mut Builder<'_>) -> Result<(), Refusal> {
        let Cpu::Reindex(describe) = self.op.cpu else {
            return Err(Refusal::Device(GpuError::Internal(format!("{} describes no copies", self.op.name))));
        };
        let described = describe(self.inputs, self.attrs, self.outputs);
        if let Some(value) = described.fill {
            for (i, meta) in self.outputs.iter().enumerate() {
                let n = sizes(meta).iter().product();
                copies::fill(b, moved(meta.dtype), Place::Output(i), n, value)?;
            }
        }
        for copy in described.copies {
            let walk = Walk {
                shape: copy.shape.to_vec(),
                strides: vec![copy.in_strides.to_vec(), copy.out_strides.to_vec()],
            };
            let places = (Place::Input(copy.input), Place::Output(copy.output));
            let form = moved(self.outputs[copy.output].dtype);
            copies::copy(b, form, places.0, places.1, walk, (copy.in_offset, copy.out_offset))?;
        }
        Ok(())
    }

    /// The attribute `axes`, or `axis`, as sorted positions of input 0.
    fn axes(&self) -> Vec<usize> {
        let rank = self.inputs[0].shape.rank() as i64;
        let given: Vec<i64> = match (self.attrs.get("axes"), self.attrs.get("axis")) {
            (Some(Attr::Ints(axes)), _) => axes.to_vec(),
            (_, Some(Attr::Int(axis))) => vec![*axis],
            _ => (0..rank).collect(),
        };
        let mut axes: Vec<usize> = given.iter().map(|a| a.rem_euclid(rank.max(1)) as usize).collect();
        axes.sort_unstable();
        axes
    }

    fn reduce(&self, b: &mut Builder<'_>, kind: ReduceKind) -> Result<(), Refusal> {
        let op = match kind {
            ReduceKind::Sum => reduce::Op::Sum,
            ReduceKind::Mean => {
                let (shape, axes) = (self.shape(0), self.axes());
                let n: usize = axes.iter().map(|a| shape[*a]).product();
                reduce::Op::Mean(u32::try_from(n).unwrap_or(u32::MAX))
            }
            ReduceKind::Prod => reduce::Op::Prod,
            ReduceKind::Max => reduce::Op::Max,
            ReduceKind::Min => reduce::Op::Min,
            ReduceKind::All => reduce::Op::All,
            ReduceKind::Any => reduce::Op::Any,
            ReduceKind::ArgMax => reduce::Op::ArgMax,
            ReduceKind::ArgMin => reduce::Op::ArgMin,
        };
        let forms = (self.form(0)?, self.out_form(0)?);
        let (shape, axes) = (self.shape(0), self.axes());
        Ok(reduce::reduce(b, op, forms, Place::Input(0), Place::Output(0), &shape, &axes)?)
    }

    fn scan(&self, b: &mut Builder<'_>, kind: ScanKind) -> Result<(), Refusal> {
        let shape = self.shape(0);
        let axis = self.axes()[0];
        let scan = scan::Scan {
            op: match kind {
                ScanKind::Sum => scan::Op::Sum,
                ScanKind::Prod => scan::Op::Prod,
                ScanKind::LogSumExp => scan::Op::LogSumExp,
            },
            outer: shape[..axis].iter().product(),
            extent: shape[axis],
            inner: shape[axis + 1..].iter().product(),
            exclusive: self.attrs.bool("exclusive"),
            reverse: self.attrs.bool("reverse"),
        };
        Ok(scan.build(b, self.form(0)?, Place::Input(0), Place::Output(0))?)
    }

    fn kernel(&self, b: &mut Builder<'_>, kernel: GpuKernel) -> Result<(), Refusal> {
        match kernel {
            GpuKernel::SumTo => self.sum_to(b),
            GpuKernel::Matmul => self.matmul(b),
            GpuKernel::OneHot => self.one_hot(b),
            GpuKernel::Gather => self.gather(b),
            GpuKernel::GatherNd => {
                let (nd, form) = (self.vectors(&self.shape(0), 1), moved(self.inputs[0].dtype));
                Ok(nd.gather(b, form, moved(self.inputs[1].dtype), THREE)?)
            }
            GpuKernel::ScatterNd => {
                let zero = 0.0;
                self.scatter(b, Combine::Add, self.vectors(&self.out_shape(0), 0), (0, 1), Some(zero))
            }
            GpuKernel::TensorScatterNd(combine) => {
                self.scatter(b, combine, self.vectors(&self.out_shape(0), 1), (1, 2), None)
            }
            GpuKernel::UnsortedSegment(combine) => {
                let out = self.out_shape(0);
                let nd = select::Nd {
                    inner: out[1..].iter().product(),
                    sizes: vec![out[0]],
                    count: self.shape(1).iter().product(),
                    batch: 1,
                    drop_negative: true,
                    code: self.gpu.check_code(self.op.name, OUTSIDE),
                };
                let form = self.out_form(0)?;
                let of_nothing = match combine {
                    Combine::Mul => 1.0,
                    Combine::Min => form.highest(),
                    Combine::Max => form.lowest(),
                    Combine::Update | Combine::Add | Combine::Sub => 0.0,
                };
                self.scatter(b, combine, nd, (1, 0), Some(of_nothing))
            }
            GpuKernel::StatelessUniform => self.random(b, Draw::Uniform),
            GpuKernel::StatelessNormal => self.random(b, Draw::Normal),
            GpuKernel::StatelessTruncatedNormal => self.random(b, Draw::Truncated),
            GpuKernel::StatelessUniformFullInt => self.random(b, Draw::Bits),
            GpuKernel::StatelessUniformInt => {
                let code = self.gpu.check_code(self.op.name, "low must be less than high");
                self.random(b, Draw::Between(code))
            }
            GpuKernel::Range => {
                let n = self.out_shape(0).iter().product();
                let (start, delta) = (self.attrs.float("start"), self.attrs.float("delta"));
                Ok(generate::range(b, self.out_form(0)?, Place::Output(0), n, start, delta)?)
            }
            other => self.windowed(b, other).or_else(|| self.ranked(b, other)).unwrap_or_else(|| {
                Err(Refusal::Device(GpuError::Internal(format!("{other:?} has no kernel"))))
            }),
        }
    }

    fn sum_to(&self, b: &mut Builder<'_>) -> Result<(), Refusal> {
        let (from, to) = (self.shape(0), self.out_shape(0));
        let skip = from.len() - to.len();
        let axes: Vec<usize> =
            (0..from.len()).filter(|&a| a < skip || (to[a - skip] == 1 && from[a] != 1)).collect();
        let forms = (self.form(0)?, self.out_form(0)?);
        Ok(reduce::reduce(b, reduce::Op::Sum, forms, Place::Input(0), Place::Output(0), &from, &axes)?)
    }

    fn random(&self, b: &mut Builder<'_>, draw: Draw) -> Result<(), Refusal> {
        let n = self.out_shape(0).iter().product();
        Ok(random::fill(b, draw, self.out_form(0)?, n)?)
    }

    fn gather(&self, b: &mut Builder<'_>) -> Result<(), Refusal> {
        let (params, indices) = (self.shape(0), self.shape(1));
        let batch = self.attrs.int("batch_dims") as usize;
        let axis = self.axes()[0];
        let gather = select::Gather {
            batch: params[..batch].iter().product(),
            outer: params[batch..axis].iter().product(),
            extent: params[axis],
            inner: params[axis + 1..].iter().product(),
            count: indices[batch..].iter().product(),
        };
        let (form, index) = (moved(self.inputs[0].dtype), moved(self.inputs[1].dtype));
        let code = self.gpu.check_code(self.op.name, OUTSIDE);
        Ok(gather.build(b, form, index, THREE, code)?)
    }

    /// The index vectors of input `indices` into a tensor of `shape`.
    fn vectors(&self, shape: &[usize], indices: usize) -> select::Nd {
        let indices = self.shape(indices);
        let (depth, count) =
            indices.split_last().map_or((0, 1), |(depth, rest)| (*depth, rest.iter().product()));
        select::Nd {
            sizes: shape[..depth].to_vec(),
            inner: shape[depth..].iter().product(),
            count,
            batch: 1,
            drop_negative: false,
            code: self.gpu.check_code(self.op.name, OUTSIDE),
        }
    }

    /// Combines the updates into input 0, or into `start` everywhere; `inputs` are the positions of indices and updates.
    fn scatter(
        &self,
        b: &mut Builder<'_>,
        combine: Combine,
        nd: select::Nd,
        inputs: (usize, usize),
        start: Option<f64>,
    ) -> Result<(), Refusal> {
        let form = match combine {
            Combine::Update => moved(self.outputs[0].dtype),
            _ => self.out_form(0)?,
        };
        let (index, output) = (moved(self.inputs[inputs.0].dtype), Place::Output(0));
        let n = self.out_shape(0).iter().product();
        match start {
            Some(value) => copies::fill(b, moved(form.dtype), output, n, value)?,
            None => {
                let walk = Walk { shape: vec![n], strides: vec![vec![1], vec![1]] };
                copies::copy(b, moved(form.dtype), Place::Input(0), output, walk, (0, 0))?;
            }
        }
        let places = (Place::Input(inputs.0), Place::Input(inputs.1), output);
        Ok(nd.scatter(b, combine, form, index, places)?)
    }

    fn one_hot(&self, b: &mut Builder<'_>) -> Result<(), Refusal> {
        let (shape, axis) = (self.shape(0), self.attrs.int("axis"));
        let at = if axis < 0 { shape.len() } else { axis as usize };
        let one_hot = select::OneHot {
            outer: shape[..at].iter().product(),
            depth: self.out_shape(0)[at],
            inner: shape[at..].iter().product(),
            on: self.attrs.float("on_value"),
            off: self.attrs.float("off_value"),
        };
        let (form, index) = (moved(self.outputs[0].dtype), moved(self.inputs[0].dtype));
        Ok(one_hot.build(b, form, index, [Place::Input(0), Place::Output(0)])?)
    }

    fn matmul(&self, b: &mut Builder<'_>) -> Result<(), Refusal> {
        let (x, y, out) = (self.shape(0), self.shape(1), self.out_shape(0));
        let (transpose_a, transpose_b) = (self.attrs.bool("transpose_a"), self.attrs.bool("transpose_b"));
        let rank = out.len();
        let (m, n) = (out[rank - 2], out[rank - 1]);
        let k = if transpose_a { x[x.len() - 2] } else { x[x.len() - 1] };
        let batch = &out[..rank - 2];
        let steps = |shape: &[usize], size: usize| -> Vec<isize> {
            crate::index::broadcast(&shape[..shape.len() - 2], batch)
                .iter()
                .map(|s| s * size as isize)
                .collect()
        };
        let product = gemm::Matmul {
            m,
            n,
            k,
            transpose_a,
            transpose_b,
            batch_shape: batch.to_vec(),
            batch_strides: [steps(&x, m * k), steps(&y, k * n)],
        };
        let forms = (self.form(0)?, self.form(1)?, self.out_form(0)?);
        Ok(product.build(b, forms, THREE)?)
    }
}
