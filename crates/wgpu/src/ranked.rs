//! Ops that compare elements of a row: from a call's shapes to the kernels of `kernels::rank`.

use crate::form::moved;
use crate::kernels::rank::{self, Ranks, Taken};
use crate::lower::{Call, Refusal, unsupported};
use crate::plan::{Builder, Place};
use tenfold_core::op::GpuKernel;

/// Comparisons of one call at most: beyond it a GPU would be busy for seconds, and its driver may end the program.
const COMPARISONS: usize = 1 << 36;

const X: Place = Place::Input(0);
const Y: Place = Place::Input(1);
const OUT: Place = Place::Output(0);

impl Call<'_> {
    /// A kernel that compares the elements of a row; `None` for any other.
    pub fn ranked(&self, b: &mut Builder<'_>, kernel: GpuKernel) -> Option<Result<(), Refusal>> {
        Some(match kernel {
            GpuKernel::Argsort | GpuKernel::TopK => self.ranks(b, kernel == GpuKernel::TopK),
            GpuKernel::InTopK => self.in_top_k(b),
            GpuKernel::Searchsorted => self.searchsorted(b),
            GpuKernel::InvertPermutation => self.invert_permutation(b),
            _ => return None,
        })
    }

    /// Rows and their length: the last axis.
    fn rows(&self, i: usize) -> (usize, usize) {
        let shape = self.shape(i);
        let (n, rest) = shape.split_last().map_or((1, &[][..]), |(n, rest)| (*n, rest));
        (rest.iter().product(), n)
    }

    fn ranks(&self, b: &mut Builder<'_>, top: bool) -> Result<(), Refusal> {
        let form = self.form(0)?;
        let (rows, n) = self.rows(0);
        if rows.saturating_mul(n).saturating_mul(n) > COMPARISONS {
            return Err(unsupported(format!(
                "each element is compared with all of its row there, which is too slow for {rows} rows of {n}"
            )));
        }
        let taken = match top {
            true => Taken { k: self.attrs.int("k") as usize, values: Some(OUT), places: Place::Output(1) },
            false => Taken { k: n, values: None, places: OUT },
        };
        let descending = top || self.attrs.bool("descending");
        Ok(Ranks { rows, n, descending }.build(b, form, X, taken)?)
    }

    fn in_top_k(&self, b: &mut Builder<'_>) -> Result<(), Refusal> {
        let (rows, n) = self.rows(0);
        let k = self.attrs.int("k").clamp(0, i64::from(i32::MAX)) as u32;
        let (form, index) = (self.form(0)?, moved(self.inputs[1].dtype));
        Ok(rank::in_top_k(b, form, index, self.out_form(0)?, (rows, n, k), [X, Y, OUT])?)
    }

    fn searchsorted(&self, b: &mut Builder<'_>) -> Result<(), Refusal> {
        let (form, (_, n), (rows, m)) = (self.form(0)?, self.rows(0), self.rows(1));
        let right = self.attrs.bool("right");
        Ok(rank::searchsorted(b, form, right, (rows, n, m), [X, Y, OUT])?)
    }

    fn invert_permutation(&self, b: &mut Builder<'_>) -> Result<(), Refusal> {
        let n = self.shape(0).iter().product();
        let codes = [
            self.gpu.check_code(self.op.name, "an element is outside 0 to the number of elements"),
            self.gpu.check_code(self.op.name, "an element occurs twice"),
        ];
        Ok(rank::invert_permutation(b, moved(self.inputs[0].dtype), n, codes, X, OUT)?)
    }
}
