//! Right operands packed once for many products, as loops have them.
//!
//! A product packs its right operand, or reads it where it lies, for its own rows only. Where the same operand comes back turn
//! after turn, packing it before the first one leaves only what must be computed.

use super::block::{Whole, lies_well, pack_whole};
use super::element::{Element, Real};
use super::operand::Matrices;
use super::output::Rows;
use super::{Epilogue, GemmShape, Product};

/// Columns of a panel.
fn width<S: Element>(n: usize) -> usize {
    S::Acc::kernel(1, n, false).nr
}

/// Whether packing B once is worth it for a product of this shape that comes back many times: where B would else be packed or
/// turned each time.
///
/// On two threads of a Zen 4 a B that lies transposed runs at 150 GFLOP/s, and packed at 219, for 32·512·128; one whose rows are
/// a page or more apart, for 64·512·2048, at 165 and 229; what is read where it lies as well as packed, for 32·128·512, at 210 and
/// 206.
pub fn packing_pays<S: Element>(shape: &GemmShape) -> bool {
    let GemmShape { m, n, b, .. } = *shape;
    let lies = S::DIRECT
        && b.col == 1
        && lies_well(m.div_ceil(S::Acc::kernel(m, n, false).mr), b.row * size_of::<S>());
    // Columns that do not fill one vector are better taken one by one.
    !lies && n >= width::<S>(1)
}

/// Elements that [`pack`] writes for a product of this shape.
///
/// # Panics
/// If they are more than there can be.
pub fn packed_len<S: Element>(shape: &GemmShape) -> usize {
    let all = shape.n.next_multiple_of(width::<S>(shape.n));
    all.checked_mul(shape.k).expect("extent of a packed matrix overflows")
}

/// Packs B of a product for [`gemm_packed`]. It serves products of any number of rows.
///
/// # Panics
/// If `b` is too short, there are several B, or `panels` has not [`packed_len`] elements.
pub fn pack<S: Element>(shape: &GemmShape, b: &[S], panels: &mut [S::Acc]) {
    let GemmShape { k, n, .. } = *shape;
    assert!(shape.batch == 1 || shape.b.batch == 0, "one matrix is packed, not {}", shape.batch);
    let need = shape.b.extent(1, k, n);
    assert!(need <= b.len(), "matrix product: B holds {} elements, {need} are needed", b.len());
    let b = Matrices { data: b, outer: shape.b.col, k: shape.b.row, batch: 0 };
    pack_whole(&b, n, k, width::<S>(n), panels);
}

/// [`gemm`](super::gemm) with a B that [`pack`] has packed, to the same bits. How B lies has no meaning any more.
///
/// ```
/// use tenfold_kernels::gemm::{Epilogue, GemmShape, gemm_packed, pack, packed_len};
///
/// let shape = GemmShape::new(1, 2, 2);
/// let mut panels = vec![0.0f32; packed_len::<f32>(&shape)];
/// pack(&shape, &[1.0f32, 2.0, 3.0, 4.0], &mut panels);
/// let mut c = [0.0; 2];
/// gemm_packed(&shape, &[1.0f32, 10.0], &panels, &mut c, Epilogue::none());
/// assert_eq!(c, [31.0, 42.0]);
/// ```
///
/// # Panics
/// If A is too short, rows of C overlap, the bias has not `n` elements, `panels` has not [`packed_len`] elements, or each of
/// several products begins where its forerunner does not end.
pub fn gemm_packed<S: Element>(
    shape: &GemmShape,
    a: &[S],
    panels: &[S::Acc],
    c: &mut [S],
    epilogue: Epilogue<'_, S>,
) {
    let shape = GemmShape { b: shape.b.repeated(), ..*shape }.folded();
    let GemmShape { batch, m, k, n, .. } = shape;
    assert!(batch <= 1, "{batch} products that do not continue each other");
    let need = shape.a.extent(batch, m, k);
    assert!(need <= a.len(), "matrix product: A holds {} elements, {need} are needed", a.len());
    let ready = Whole::of(panels, n, k, width::<S>(n));
    let a = Matrices { data: a, outer: shape.a.row, k: shape.a.col, batch: 0 };
    let b = Matrices { data: &[], outer: 0, k: 0, batch: 0 };
    let product = Product { batch, k, n, a: &a, b: &b, swap: None };
    product.run_with(
        c,
        Rows::strided(m, shape.c_row, shape.c_batch),
        shape.accumulate,
        epilogue,
        Some(ready),
    );
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Numbers, with_threads};
    use super::super::{Epilogue, gemm};
    use super::*;
    use crate::clones::at_each_level;
    use half::{bf16, f16};

    /// One product with B packed against the same with B as it lies.
    fn check<S: Element<Acc = T>, T: Real + From<f32>>(shape: &GemmShape, numbers: &mut Numbers) {
        let GemmShape { batch, m, k, n, .. } = *shape;
        let a = numbers.vec::<S, T>(batch * m * k);
        let b = numbers.vec::<S, T>(k * n);
        let c = numbers.vec::<S, T>(batch * m * n);
        at_each_level(|level| {
            for threads in [1, 2] {
                with_threads(threads, || {
                    let (mut expected, mut found) = (c.clone(), c.clone());
                    let add = |place: usize, run: &mut [S]| {
                        run.iter_mut().enumerate().for_each(|(i, x)| *x = x.plus(a[(place + i) % a.len()]));
                    };
                    let epilogue = Epilogue { bias: Some(&c[..n]), finish: Some(&add) };
                    gemm(shape, &a, &b, &mut expected, epilogue);
                    let mut panels = vec![T::ONE; packed_len::<S>(shape)];
                    pack(shape, &b, &mut panels);
                    gemm_packed(shape, &a, &panels, &mut found, epilogue);
                    let [found, expected] = [&found, &expected].map(|x| bytemuck::cast_slice::<S, u8>(x));
                    let same = found == expected;
                    assert!(same, "{shape:?} at {level:?} with {threads} threads");
                });
            }
        });
    }

    #[test]
    fn a_packed_operand_gives_the_same_bits() {
        let numbers = &mut Numbers(21);
        for (m, k, n) in [
            (1, 1, 1),
            (1, 700, 5),
            (3, 33, 17),
            (32, 128, 512),
            (5, 1200, 40),
            (300, 20, 70),
            (64, 600, 100),
            (2, 2000, 3),
        ] {
            for (ta, tb, add) in
                [(false, false, false), (true, false, true), (false, true, true), (true, true, false)]
            {
                let mut shape = GemmShape::new(m, k, n).transposed(ta, tb);
                shape.accumulate = add;
                check::<f32, f32>(&shape, numbers);
                check::<f64, f64>(&shape, numbers);
                check::<f16, f32>(&shape, numbers);
                check::<bf16, f32>(&shape, numbers);
            }
            let mut several = GemmShape::new(m, k, n).batched(3);
            several.b = several.b.repeated();
            check::<f32, f32>(&several, numbers);
        }
    }

    #[test]
    fn packing_pays_where_rows_are_far_apart() {
        let pays = |shape: GemmShape| packing_pays::<f32>(&shape);
        assert!(!pays(GemmShape::new(32, 128, 512)));
        assert!(pays(GemmShape::new(32, 512, 128).transpose_b()));
        assert!(!pays(GemmShape::new(32, 128, 1).transpose_b()));
        assert!(pays(GemmShape::new(100, 512, 2048)));
        assert!(packing_pays::<f16>(&GemmShape::new(32, 128, 512)));
    }

    #[test]
    fn nothing_to_add_up_gives_zeros() {
        let shape = GemmShape::new(2, 0, 3);
        let mut c = [1.0f32; 6];
        gemm_packed(&shape, &[], &[], &mut c, Epilogue::none());
        assert_eq!(c, [0.0; 6]);
    }

    #[test]
    #[should_panic(expected = "elements of a packed operand")]
    fn panels_of_another_shape_are_refused() {
        gemm_packed(&GemmShape::new(1, 2, 2), &[1.0f32; 2], &[0.0; 4], &mut [0.0; 2], Epilogue::none());
    }

    #[test]
    #[should_panic(expected = "do not continue each other")]
    fn products_apart_are_refused() {
        let mut shape = GemmShape::new(2, 2, 2).batched(2);
        shape.a.batch = 5;
        let panels = vec![0.0f32; packed_len::<f32>(&shape)];
        gemm_packed(&shape, &[1.0f32; 9], &panels, &mut [0.0; 8], Epilogue::none());
    }
}
