//! What convolution and pooling share: how windows slide, from arguments to attributes to the kernels' geometry.

use crate::cpu::conv::{ConvShape, DepthwiseShape};
use crate::cpu::pool::PoolShape;
use crate::cpu::window::{Window, same_padding};
use crate::dim::Dim;
use crate::error::{Error, Place, Result};
use crate::op::{Attr, Attrs, Fault, Infer, Metas, Sample};
use crate::shape::Shape;
use crate::tensor::Tensor;
use smallvec::SmallVec;

/// What surrounds the input of a convolution or pooling along its spatial axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As much as gives one window for each stride, rounded up: `⌈size / stride⌉` of them. The odd element is behind.
    Same,
    /// Nothing: windows lie inside the input.
    Valid,
    /// So many elements before and after, for each spatial axis.
    Explicit(Vec<(usize, usize)>),
}

/// A number for each spatial axis, or one for all of them: strides, dilations, the size of a pooling's window.
///
/// Lists with an entry for batch and channels too, as TensorFlow has them, may be given if these two are 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spatial(SmallVec<[i64; 4]>);

macro_rules! into_spatial {
    ($($t:ty)*) => { $(
        impl From<$t> for Spatial {
            fn from(one: $t) -> Spatial {
                Spatial(SmallVec::from_elem(one as i64, 1))
            }
        }
        impl<const N: usize> From<[$t; N]> for Spatial {
            fn from(list: [$t; N]) -> Spatial {
                Spatial::from(list.as_slice())
            }
        }
        impl From<&[$t]> for Spatial {
            fn from(list: &[$t]) -> Spatial {
                Spatial(list.iter().map(|n| *n as i64).collect())
            }
        }
    )* };
}
into_spatial!(i32 i64 usize);

impl Spatial {
    fn over(&self, axes: usize) -> Vec<i64> {
        match self.0.as_slice() {
            [one] => vec![*one; axes],
            [1, inner @ .., 1] if inner.len() == axes => inner.to_vec(),
            list => list.to_vec(),
        }
    }
}

/// The arguments of a windowed function, before they are attributes.
pub(super) struct Slide<'a> {
    pub(super) function: &'static str,
    pub(super) axes: usize,
    pub(super) strides: Spatial,
    pub(super) dilations: Spatial,
    pub(super) padding: &'a Padding,
}

impl Slide<'_> {
    /// Attributes `strides`, `padding_low`, `padding_high` after those of `first`, for windows of this size over `input`,
    /// which has batch and channels. SAME needs the spatial sizes.
    #[track_caller]
    pub(super) fn attrs(&self, first: Attrs, input: &Shape, size: &[Dim]) -> Result<Attrs> {
        let n = self.axes;
        let fault = |text: String| Err(Error::invalid(self.function, text).at(Place::caller()));
        if input.rank() != n + 2 || size.len() < n {
            return fault(format!(
                "{} takes {n} spatial axes between batch and channels: the input is {input}",
                self.function
            ));
        }
        let (strides, dilations) = (self.strides.over(n), self.dilations.over(n));
        let pairs = match self.padding {
            Padding::Valid => vec![(0, 0); n],
            Padding::Explicit(pairs) => pairs.clone(),
            Padding::Same => {
                let mut pairs = vec![];
                for (i, d) in input[1..=n].iter().enumerate() {
                    let (Some(d), Some(k)) = (d.size(), size[i].size()) else {
                        return fault(format!(
                            "Padding::Same needs the spatial sizes, which are not known: {input}"
                        ));
                    };
                    let at = |list: &[i64]| list.get(i).and_then(|v| usize::try_from(*v).ok());
                    // What has no padding is refused by the shape rule, in its own words.
                    let pair = at(&strides).zip(at(&dilations)).and_then(|(s, w)| same_padding(d, k, s, w));
                    pairs.push(pair.unwrap_or((0, 0)));
                }
                pairs
            }
        };
        let side =
            |pick: fn(&(usize, usize)) -> usize| pairs.iter().map(|p| pick(p) as i64).collect::<Vec<i64>>();
        Ok(first
            .with("strides", strides)
            .with("padding_low", side(|p| p.0))
            .with("padding_high", side(|p| p.1)))
    }
    /// [`Slide::attrs`], then `dilations`.
    #[track_caller]
    pub(super) fn dilated(&self, first: Attrs, input: &Shape, filter: &Tensor) -> Result<Attrs> {
        Ok(self.attrs(first, input, filter.shape())?.with("dilations", self.dilations.over(self.axes)))
    }
    /// The attributes of a pooling.
    #[track_caller]
    pub(super) fn pooled(&self, ksize: &Spatial, input: &Shape) -> Result<Attrs> {
        let ksize = ksize.over(self.axes);
        let size: Vec<Dim> = ksize.iter().map(|k| Dim::from(usize::try_from(*k).unwrap_or(0))).collect();
        if size.len() != self.axes {
            let text = format!("ksize must have a number for each spatial axis: {ksize:?}");
            return Err(Error::invalid(self.function, text).at(Place::caller()));
        }
        self.attrs(Attrs::new().with("ksize", ksize), input, &size)
    }
}

/// The attributes that say how windows slide, after those of `first`; what an op has besides is left out.
pub(super) fn again(first: Attrs, attrs: &Attrs) -> Attrs {
    let own = ["ksize", "strides", "padding_low", "padding_high", "dilations"];
    attrs
        .iter()
        .filter(|(name, _)| own.contains(name))
        .fold(first, |all, (name, value)| all.with(name, value.clone()))
}

/// A sample with strides, padding and dilations.
pub(super) fn slid(sample: Sample, strides: &[i64], padding: [&[i64]; 2], dilations: &[i64]) -> Sample {
    pooled(sample, strides, padding).attr("dilations", dilations)
}

/// A sample with strides and padding.
pub(super) fn pooled(sample: Sample, strides: &[i64], [low, high]: [&[i64]; 2]) -> Sample {
    sample.attr("strides", strides).attr("padding_low", low).attr("padding_high", high)
}

fn known(dim: Dim, what: &str) -> Result<usize, Fault> {
    dim.size().ok_or_else(|| {
        Fault::new(format!("{what} must be known"))
            .hint("only the batch may be left open in an input signature")
    })
}

fn all_known(dims: &[Dim], what: &str) -> Result<Vec<usize>, Fault> {
    dims.iter().map(|d| known(*d, what)).collect()
}

/// The batch, or 0 while it is a symbol.
fn batch(x: &Shape) -> usize {
    x[0].size().unwrap_or(0)
}

fn spatial_axes(x: &Shape) -> Result<usize, Fault> {
    match x.rank() {
        rank @ 3..=5 => Ok(rank - 2),
        rank => Err(Fault::new("the input must have batch, one to three spatial axes, and channels")
            .numbers(format!("rank {rank}"))),
    }
}

fn window(input: &[Dim], size: &[usize], attrs: &Attrs) -> Result<Window, Fault> {
    let n = input.len();
    let list = |name: &str, least: i64| match attrs.get(name) {
        Some(Attr::Ints(list)) => match list.iter().find(|v| **v < least) {
            _ if list.len() != n => {
                Err(Fault::new(format!("{name} must have a number for each spatial axis"))
                    .numbers(format!("{} ≠ {n}", list.len())))
            }
            Some(v) => Err(Fault::new(format!("{name} must be at least {least}")).numbers(v.to_string())),
            None => Ok(list.iter().map(|v| *v as usize).collect::<Vec<_>>()),
        },
        _ => Ok(vec![1; n]),
    };
    let input = all_known(input, "the spatial sizes of the input")?;
    let padding: Vec<_> = list("padding_low", 0)?.into_iter().zip(list("padding_high", 0)?).collect();
    Window::new(&input, size, &list("strides", 1)?, &list("dilations", 1)?, &padding)
        .ok_or_else(|| Fault::new("a window must not be empty, nor its positions overflow"))
}

/// The geometry of a convolution of `x` with `filter`; the groups follow from the channels.
pub(super) fn conv_shape(x: &Shape, filter: &Shape, attrs: &Attrs) -> Result<ConvShape, Fault> {
    let n = filter_axes(x, filter)?;
    let sizes = all_known(filter, "the sizes of the filter")?;
    let in_channels = known(x[n + 1], "the channels of the input")?;
    let (depth, out_channels) = (sizes[n], sizes[n + 1]);
    if depth == 0 || !in_channels.is_multiple_of(depth) {
        return Err(Fault::new("the filter's input channels must divide the input's")
            .numbers(format!("{in_channels} by {depth}")));
    }
    // TensorFlow refuses no groups too (`number of groups must be positive`), and does not answer with zeros.
    let groups = in_channels / depth;
    if groups == 0 {
        return Err(Fault::new("the input must have a channel").numbers(format!("{in_channels} by {depth}")));
    }
    if !out_channels.is_multiple_of(groups) {
        return Err(Fault::new("the groups must divide the output channels")
            .numbers(format!("{out_channels} by {groups}")));
    }
    let window = window(&x[1..=n], &sizes[..n], attrs)?;
    Ok(ConvShape { batch: batch(x), window, in_channels, out_channels, groups })
}

/// The geometry of a depthwise convolution of `x` with `filter`.
pub(super) fn depthwise_shape(x: &Shape, filter: &Shape, attrs: &Attrs) -> Result<DepthwiseShape, Fault> {
    let n = filter_axes(x, filter)?;
    let sizes = all_known(filter, "the sizes of the filter")?;
    let (channels, multiplier) = (known(x[n + 1], "the channels of the input")?, sizes[n + 1]);
    if sizes[n] != channels {
        return Err(Fault::new("the filter must have the input's channels")
            .numbers(format!("{} ≠ {channels}", sizes[n])));
    }
    let window = window(&x[1..=n], &sizes[..n], attrs)?;
    Ok(DepthwiseShape { batch: batch(x), window, channels, multiplier })
}

fn filter_axes(x: &Shape, filter: &Shape) -> Result<usize, Fault> {
    let n = spatial_axes(x)?;
    match filter.rank() == n + 2 {
        true => Ok(n),
        false => Err(Fault::new("the filter must have the spatial axes, then input and output channels")
            .numbers(format!("rank {} ≠ {}", filter.rank(), n + 2))),
    }
}

/// The geometry of a pooling of `x`.
pub(super) fn pool_shape(x: &Shape, attrs: &Attrs) -> Result<PoolShape, Fault> {
    let n = spatial_axes(x)?;
    let ksize = attrs.ints("ksize");
    let size: Vec<usize> = ksize.iter().map_while(|k| usize::try_from(*k).ok()).filter(|k| *k > 0).collect();
    if size.len() != n {
        return Err(Fault::new("ksize must have a positive number for each spatial axis")
            .numbers(format!("{ksize:?} for {n} axes")));
    }
    let window = window(&x[1..=n], &size, attrs)?;
    Ok(PoolShape { batch: batch(x), window, channels: known(x[n + 1], "the channels of the input")? })
}

/// The shape of the windows over `x`, with so many channels.
pub(super) fn windows_of(x: &Shape, window: &Window, channels: usize) -> Shape {
    let spatial = window.output[5 - x.rank()..].iter().map(|n| Dim::from(*n));
    [x[0]].into_iter().chain(spatial).chain([Dim::from(channels)]).collect()
}

/// The result of a gradient: `shape`, if `dy`, input 1 or the last, has the shape that the forward op gives.
pub(super) fn back_to(i: &Infer<'_>, shape: &Shape, forward: Shape) -> Result<Metas, Fault> {
    let dy = i.shape(i.inputs.len() - 1);
    match dy.rank() == forward.rank() && dy.iter().zip(forward.iter()).all(|(a, b)| a.may_equal(*b)) {
        true => i.one(i.dtype(0), shape.clone()),
        false => Err(Fault::new(format!("dy must have the shape of the windows, {forward}"))),
    }
}

/// The sizes that a kernel sees, as a shape.
pub(super) fn seen(sizes: &[usize]) -> Shape {
    Shape::from(sizes)
}

/// The body for the storage type of a float dtype.
macro_rules! with_float {
    ($dtype:expr, $t:ident => $body:expr) => {{
        macro_rules! as_type {
            ($s:ty) => {{
                type $t = $s;
                $body;
                Ok(())
            }};
        }
        match $dtype {
            $crate::DType::F16 => as_type!($crate::half::f16),
            $crate::DType::BF16 => as_type!($crate::half::bf16),
            $crate::DType::F32 => as_type!(f32),
            $crate::DType::F64 => as_type!(f64),
            _ => Err($crate::op::Fault::new("there is a kernel for floats only")),
        }
    }};
}
pub(super) use with_float;
