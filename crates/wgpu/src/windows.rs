//! Convolutions and pools: from a call's shapes and attributes to the geometry that their kernels know.

use crate::form::moved;
use crate::kernels::conv::Geometry;
use crate::kernels::copies;
use crate::kernels::pool::Pool;
use crate::lower::{Call, Refusal};
use crate::plan::{Builder, Place};
use tenfold_core::op::{Attr, GpuKernel};

const X: Place = Place::Input(0);
const Y: Place = Place::Input(1);
const OUT: Place = Place::Output(0);

impl Call<'_> {
    /// A kernel of windows that slide; `None` for any other.
    pub fn windowed(&self, b: &mut Builder<'_>, kernel: GpuKernel) -> Option<Result<(), Refusal>> {
        use GpuKernel::*;
        Some(match kernel {
            Conv | ConvInputGrad | ConvFilterGrad => self.convolution(b, kernel, false),
            DepthwiseConv | DepthwiseConvInputGrad | DepthwiseConvFilterGrad => {
                self.convolution(b, kernel, true)
            }
            MaxPool | MaxPoolGrad | MaxPoolGradGrad | MaxPoolWithArgmax | AvgPool | AvgPoolGrad => {
                self.pooling(b, kernel)
            }
            _ => return None,
        })
    }

    fn convolution(&self, b: &mut Builder<'_>, kernel: GpuKernel, depthwise: bool) -> Result<(), Refusal> {
        let forms = [self.form(0)?, self.form(1)?, self.out_form(0)?];
        let result = self.out_shape(0);
        let (first, second) = (self.shape(0), self.shape(1));
        // A sum over nothing is zero, and an empty extent cannot be divided by in a kernel.
        if [&first, &second].iter().any(|shape| shape.contains(&0)) {
            let n = result.iter().product();
            return Ok(copies::fill(b, moved(forms[2].dtype), OUT, n, 0.0)?);
        }
        use GpuKernel::*;
        let (input, filter, output) = match kernel {
            Conv | DepthwiseConv => (&first, &second, &result),
            ConvInputGrad | DepthwiseConvInputGrad => (&result, &first, &second),
            _ => (&first, &result, &second),
        };
        if result.contains(&0) {
            return Ok(());
        }
        let axes = input.len() - 2;
        let mut geometry = self.geometry(input, &filter[..axes], output);
        geometry.groups = match depthwise {
            true => geometry.in_channels,
            false => geometry.in_channels / filter[axes],
        };
        match kernel {
            Conv | DepthwiseConv => geometry.forward(b, forms, [X, Y, OUT])?,
            // The kernel takes dy first, the op the filter.
            ConvInputGrad | DepthwiseConvInputGrad => geometry.input_grad(b, forms, [Y, X, OUT])?,
            _ => geometry.filter_grad(b, forms, [X, Y, OUT])?,
        }
        Ok(())
    }

    fn pooling(&self, b: &mut Builder<'_>, kernel: GpuKernel) -> Result<(), Refusal> {
        let form = self.form(0)?;
        let (first, result) = (self.shape(0), self.out_shape(0));
        if result.contains(&0) {
            return Ok(());
        }
        let size: Vec<usize> = self.numbers("ksize", first.len() - 2, 1);
        use GpuKernel::*;
        match kernel {
            MaxPool => self.geometry(&first, &size, &result).pool(b, Pool::Max, form, [X, OUT])?,
            AvgPool => self.geometry(&first, &size, &result).pool(b, Pool::Average, form, [X, OUT])?,
            MaxPoolGradGrad => self.geometry(&first, &size, &result).pool_pick(b, form, [X, Y, OUT])?,
            MaxPoolWithArgmax => {
                let (batch, whole) =
                    (self.attrs.bool("include_batch_in_index"), moved(self.outputs[1].dtype));
                let places = [X, OUT, Place::Output(1)];
                self.geometry(&first, &size, &result).pool_with_argmax(b, form, whole, batch, places)?;
            }
            MaxPoolGrad => {
                let geometry = self.geometry(&first, &size, &self.shape(1));
                geometry.pool_grad(b, Pool::Max, form, &[X, Y, OUT])?;
            }
            _ => self.geometry(&result, &size, &first).pool_grad(b, Pool::Average, form, &[X, OUT])?,
        }
        Ok(())
    }

    /// The integers of an attribute, one for each spatial axis; `absent` where the op has no such attribute.
    fn numbers(&self, name: &str, axes: usize, absent: usize) -> Vec<usize> {
        match self.attrs.get(name) {
            Some(Attr::Ints(list)) => list.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect(),
            _ => vec![absent; axes],
        }
    }

    /// The geometry of windows of `size` over `input` that give `output`, both with batch and channels, in one group.
    fn geometry(&self, input: &[usize], size: &[usize], output: &[usize]) -> Geometry {
        let axes = input.len() - 2;
        let deep = |list: &[usize], absent: usize| {
            let mut all = [absent; 3];
            all[3 - axes..].copy_from_slice(list);
            all
        };
        Geometry {
            batch: input[0],
            input: deep(&input[1..=axes], 1),
            size: deep(size, 1),
            stride: deep(&self.numbers("strides", axes, 1), 1),
            dilation: deep(&self.numbers("dilations", axes, 1), 1),
            pad: deep(&self.numbers("padding_low", axes, 0), 0),
            output: deep(&output[1..=axes], 1),
            in_channels: input[axes + 1],
            out_channels: output[axes + 1],
            groups: 1,
        }
    }
}
