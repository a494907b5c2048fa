//! Matrices that a loop multiplies by in every turn: packed once, before the first one.
//!
//! One of the few files with `unsafe`: the packed elements lie in the arena of the turn's plan, where nothing else ever does, and
//! stay from one turn to the next.

use super::build::Builder;
use super::program::Target;
use super::{Arg, Frame, Place, Plan, Slot};
use crate::cpu::device::sizes;
use crate::cpu::gemm::{GemmShape, gemm_packed, pack, packed_len, packing_pays};
use crate::dtype::DType;
use crate::graph::Node;
use crate::op::{Finish, epilogue};
use crate::ops;
use crate::profiler::{self, What};
use crate::shape::Meta;
use smallvec::SmallVec;
use std::ops::Range;

/// A product by such a matrix.
pub(super) struct Packed {
    node: u32,
    /// Which argument of the plan the matrix is.
    argument: usize,
    /// Where it lies when it is packed.
    pub(super) panels: Slot,
    shape: GemmShape,
    dtype: DType,
}

/// The same before there is a place for it.
pub(super) struct Draft {
    node: u32,
    argument: usize,
    /// The type of what is packed, and how much it is.
    pub(super) meta: Meta,
    shape: GemmShape,
    dtype: DType,
}

/// Calls with the type of the elements.
macro_rules! with_dtype {
    ($dtype:expr, $t:ident => $run:expr) => {
        match $dtype {
            DType::F16 => with_dtype!(@ half::f16, $t, $run),
            DType::BF16 => with_dtype!(@ half::bf16, $t, $run),
            DType::F64 => with_dtype!(@ f64, $t, $run),
            _ => with_dtype!(@ f32, $t, $run),
        }
    };
    (@ $type:ty, $t:ident, $run:expr) => {{
        type $t = $type;
        $run
    }};
}

impl Builder<'_> {
    /// The products whose right operand is one of the arguments `fixed` and better packed.
    pub(super) fn packs(&self, fixed: &Range<usize>) -> Vec<Draft> {
        let draft = |(n, node): (usize, &Node)| {
            if !node.is(&ops::MATMUL) {
                return None;
            }
            let right = self.graph.node(self.root(node.inputs[1]).node);
            if *right.op != ops::INPUT {
                return None;
            }
            let argument = right.attrs.int("index") as usize;
            let (x, y, out) =
                (self.graph.meta(node.inputs[0]), self.graph.meta(node.inputs[1]), &node.outputs[0]);
            let (ta, tb) = (node.attrs.bool("transpose_a"), node.attrs.bool("transpose_b"));
            // Stacks of matrices with one on the right are one of more rows, unless each of them is turned.
            let plain = y.shape.rank() == 2 && (x.shape.rank() == 2 || !ta);
            let floats = matches!(y.dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64);
            if !fixed.contains(&argument) || !plain || !floats {
                return None;
            }
            let (rows, inner) = (sizes(out), sizes(y));
            let (n_cols, k) = (*rows.last()?, inner[if tb { 1 } else { 0 }]);
            let m = rows[..rows.len() - 1].iter().product();
            let shape = GemmShape::new(m, k, n_cols).transposed(ta, tb);
            let (pays, len) = with_dtype!(y.dtype, T => (packing_pays::<T>(&shape), packed_len::<T>(&shape)));
            let held = if y.dtype == DType::F64 { DType::F64 } else { DType::F32 };
            pays.then(|| Draft {
                node: n as u32,
                argument,
                meta: Meta::new(held, [len]),
                shape,
                dtype: y.dtype,
            })
        };
        self.graph.nodes.iter().enumerate().filter_map(draft).collect()
    }
}

impl Draft {
    /// With its place.
    pub(super) fn at(self, at: usize, place: Place) -> Packed {
        let Draft { node, argument, meta, shape, dtype } = self;
        let panels = Slot { at, place, sizes: sizes(&meta), bytes: meta.bytes().unwrap_or(0), meta };
        Packed { node, argument, panels, shape, dtype }
    }
}

impl Packed {
    /// A line about it.
    pub(super) fn describe(&self) -> String {
        let GemmShape { m, k, n, .. } = self.shape;
        format!("  packed before the first turn: the right operand of %{}, {m} by {k} by {n}\n", self.node)
    }
    /// The product of `a` and the packed matrix.
    pub(super) fn run(&self, a: &[u8], panels: &[u8], c: &mut [u8], finish: Option<&Finish<'_>>) {
        let shape = &self.shape;
        with_dtype!(self.dtype, T => {
            let (a, c) = (bytemuck::cast_slice::<u8, T>(a), bytemuck::cast_slice_mut::<u8, T>(c));
            epilogue(finish, 0, |e| gemm_packed(shape, a, bytemuck::cast_slice(panels), c, e));
        });
    }
}

impl Plan {
    /// Packs what turns multiply by, from the arguments of the first one.
    ///
    /// # Safety
    ///
    /// Arguments are readable and of the inputs' sizes.
    pub(super) unsafe fn pack(&self, frame: &mut Frame, args: &[Arg]) {
        for Packed { node, argument, panels, shape, dtype } in &self.packed {
            let node = &self.nodes[*node as usize];
            let _span = profiler::open(What::Step, || "matmul, packed for all turns", Some(node.at));
            let arg = args[*argument];
            // SAFETY: the argument is the caller's word; the panels are a part of this frame's arena that no step uses.
            let (from, to) = unsafe {
                (
                    std::slice::from_raw_parts(arg.ptr, arg.bytes),
                    std::slice::from_raw_parts_mut(frame.table[panels.at], panels.bytes),
                )
            };
            with_dtype!(*dtype, T => {
                pack::<T>(shape, bytemuck::cast_slice(from), bytemuck::cast_slice_mut(to));
            });
        }
    }
    /// Where what is packed lies in a frame.
    pub(super) fn panels(&self, frame: &Frame) -> SmallVec<[Target; 4]> {
        let target =
            |packed: &Packed| Target { ptr: frame.table[packed.panels.at], bytes: packed.panels.bytes };
        self.packed.iter().map(target).collect()
    }
    /// Lets a frame take what is packed from another one's, which must not be let go meanwhile.
    pub(super) fn borrow_panels(&self, frame: &mut Frame, panels: &[Target]) {
        for (packed, from) in self.packed.iter().zip(panels) {
            frame.table[packed.panels.at] = from.ptr;
        }
    }
    /// Ends that.
    pub(super) fn return_panels(&self, frame: &mut Frame) {
        for packed in &self.packed {
            if let Place::Arena(offset) = packed.panels.place {
                frame.table[packed.panels.at] = frame.arena.as_ptr().wrapping_add(offset);
            }
        }
    }
    /// What was packed for a product.
    pub(super) fn packed(&self, node: u32) -> Option<&Packed> {
        self.packed.iter().find(|packed| packed.node == node)
    }
}
