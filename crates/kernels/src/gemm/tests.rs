//! Products against their definition, to the bit, and against `f64` sums.

use super::*;
use crate::clones::at_each_level;
use half::{bf16, f16};

/// Repeatable numbers: a splitmix64 stream.
pub struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `choices`.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[(self.next() % choices.len() as u64) as usize]
    }

    /// `len` numbers between -1 and 1.
    pub fn vec<S: Element<Acc = T>, T: Real + From<f32>>(&mut self, len: usize) -> Vec<S> {
        (0..len).map(|_| S::round(T::from((self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0))).collect()
    }
}

pub use crate::threads::insisting as with_threads;

/// The definition: chains of `K_BLOCK` fused multiply-adds, added in order.
fn defined<S: Element>(shape: &GemmShape, a: &[S], b: &[S], c: &mut [S]) {
    for z in 0..shape.batch {
        for i in 0..shape.m {
            for j in 0..shape.n {
                let at = z * shape.c_batch + i * shape.c_row + j;
                let mut total = shape.accumulate.then(|| c[at].widen());
                for k0 in (0..shape.k).step_by(K_BLOCK) {
                    let mut sum = S::Acc::ZERO;
                    for k in k0..shape.k.min(k0 + K_BLOCK) {
                        let x = a[z * shape.a.batch + i * shape.a.row + k * shape.a.col].widen();
                        let y = b[z * shape.b.batch + k * shape.b.row + j * shape.b.col].widen();
                        sum = x.fma(y, sum);
                    }
                    total = Some(total.map_or(sum, |t| t.plus(sum)));
                }
                c[at] = S::round(total.unwrap_or(S::Acc::ZERO));
            }
        }
    }
}

/// The result of `shape`, with what lies between its rows.
fn product<S: Element>(shape: &GemmShape, a: &[S], b: &[S], c: &[S]) -> Vec<S> {
    let mut c = c.to_vec();
    gemm(shape, a, b, &mut c, Epilogue::none());
    c
}

fn bytes<S: Element>(x: &[S]) -> &[u8] {
    bytemuck::cast_slice(x)
}

/// Checks one shape on every level and with one and two threads.
fn check<S: Element<Acc = T>, T: Real + From<f32>>(shape: &GemmShape, numbers: &mut Numbers) {
    let a = numbers.vec::<S, T>(shape.a.extent(shape.batch, shape.m, shape.k));
    let b = numbers.vec::<S, T>(shape.b.extent(shape.batch, shape.k, shape.n));
    let c = numbers.vec::<S, T>(shape.batch.max(1) * shape.c_batch.max(shape.m * shape.c_row));
    let mut expected = c.clone();
    defined(shape, &a, &b, &mut expected);
    at_each_level(|level| {
        for threads in [1, 2] {
            let found = with_threads(threads, || product(shape, &a, &b, &c));
            assert!(bytes(&found) == bytes(&expected), "{shape:?} at {level:?} with {threads} threads");
        }
    });
}

const EDGES: [usize; 9] = [0, 1, 2, 7, 17, 33, 63, 65, 129];

fn random_shape(numbers: &mut Numbers) -> GemmShape {
    let mut shape = GemmShape::new(numbers.pick(&EDGES), numbers.pick(&EDGES), numbers.pick(&EDGES));
    shape = if numbers.pick(&[true, false]) { shape.transpose_a() } else { shape };
    shape = if numbers.pick(&[true, false]) { shape.transpose_b() } else { shape };
    shape = shape.batched(numbers.pick(&[0, 1, 1, 1, 2, 3]));
    shape.accumulate = numbers.pick(&[true, false]);
    match numbers.pick(&[0, 0, 1, 2, 3]) {
        1 => shape.b = shape.b.repeated(),
        2 => {
            shape.a = Strides { row: 3, col: 3 * shape.m + 1, batch: 5 };
            shape.c_row += 3;
            shape.c_batch = shape.m * shape.c_row + 2;
        }
        3 => shape.b = Strides { row: 2 * shape.n, col: 2, batch: 1 },
        _ => {}
    }
    shape
}

#[test]
fn every_path_gives_the_defined_bits() {
    let mut numbers = Numbers(1);
    for _ in 0..120 {
        let shape = random_shape(&mut numbers);
        check::<f32, f32>(&shape, &mut numbers);
    }
    for _ in 0..40 {
        let shape = random_shape(&mut numbers);
        check::<f64, f64>(&shape, &mut numbers);
        check::<f16, f32>(&shape, &mut numbers);
        check::<bf16, f32>(&shape, &mut numbers);
    }
}

#[test]
fn long_sums_are_cut_at_the_same_places_everywhere() {
    let mut numbers = Numbers(2);
    for (m, k, n) in [
        (1, 2000, 1),
        (1, 5000, 1),
        (3, 1537, 5),
        (1, 1100, 40),
        (50, 513, 1),
        (20, 1024, 35),
        (130, 700, 33),
    ] {
        for shape in [GemmShape::new(m, k, n), GemmShape::new(m, k, n).transpose_a().transpose_b()] {
            let nothing = Strides { row: 1, col: 1, batch: 5 };
            check::<f32, f32>(&GemmShape { k: 0, a: nothing, b: nothing, ..shape.batched(2) }, &mut numbers);
            check::<f32, f32>(&shape, &mut numbers);
            check::<f16, f32>(&GemmShape { accumulate: true, ..shape }, &mut numbers);
        }
    }
}

/// Operands that are read in place, packed, or turned on the way, and tiles of every width.
#[test]
fn neither_packing_nor_reading_in_place_changes_a_bit() {
    let mut numbers = Numbers(7);
    for (m, k, n) in [
        (1, 100, 70),
        (2, 90, 300),
        (3, 33, 1100),
        (5, 30, 200),
        (6, 530, 150),
        (13, 20, 140),
        (49, 65, 70),
        (50, 64, 1030),
        (130, 70, 33),
        (130, 1024, 4),
        (61, 600, 3),
        (90, 50, 2),
        (77, 515, 1),
        (20, 10, 90),
        // Rows a page apart.
        (75, 1024, 1),
        (2, 1024, 35),
        (40, 2048, 3),
        // B packed once for all rows.
        (250, 520, 30),
        (245, 65, 270),
    ] {
        let plain = GemmShape::new(m, k, n);
        for shape in [plain, plain.transpose_a(), plain.transpose_b(), plain.transpose_a().transpose_b()] {
            check::<f32, f32>(&GemmShape { accumulate: m % 2 == 0, ..shape }, &mut numbers);
        }
        check::<f64, f64>(&plain.transpose_b().batched(2), &mut numbers);
    }
}

#[test]
fn work_shared_out_among_threads_keeps_its_bits() {
    let mut numbers = Numbers(3);
    let batched = GemmShape::new(24, 65, 40).batched(90);
    let shapes = [
        GemmShape::new(150, 300, 160),                    // cut into blocks
        GemmShape::new(9, 40_000, 20),                    // k shared out
        GemmShape::new(300, 200, 130).transpose_b(),      // transposed while packed
        GemmShape::new(40, 200, 900).transpose_b(),       // B broadcast
        GemmShape { b: batched.b.repeated(), ..batched }, // folded
        batched,
    ];
    for shape in shapes {
        let a = numbers.vec::<f32, f32>(shape.batch * shape.m * shape.k);
        let b = numbers.vec::<f32, f32>(shape.batch * shape.k * shape.n);
        let c = vec![0.0; shape.batch * shape.m * shape.n];
        let mut expected = c.clone();
        defined(&shape, &a, &b, &mut expected);
        for threads in [1, 2, 3] {
            let found = with_threads(threads, || product(&shape, &a, &b, &c));
            assert!(bytes(&found) == bytes(&expected), "{shape:?} with {threads} threads");
        }
    }
}

#[test]
fn sums_are_close_to_exact_ones() {
    let mut numbers = Numbers(4);
    let (m, k, n) = (17, 1300, 19);
    let a = numbers.vec::<f32, f32>(m * k);
    let b = numbers.vec::<f32, f32>(k * n);
    let found = product(&GemmShape::new(m, k, n), &a, &b, &vec![0.0; m * n]);
    for i in 0..m {
        for j in 0..n {
            let terms = (0..k).map(|q| f64::from(a[i * k + q]) * f64::from(b[q * n + j]));
            let (sum, size) = terms.fold((0.0, 0.0), |(s, z), t| (s + t, z + t.abs()));
            assert!((f64::from(found[i * n + j]) - sum).abs() <= 1e-6 * size);
        }
    }
}

#[test]
fn the_epilogue_gives_the_bits_of_separate_passes() {
    fn check<S: Element<Acc = T>, T: Real + From<f32>>(shape: &GemmShape, numbers: &mut Numbers) {
        let a = numbers.vec::<S, T>(shape.a.extent(shape.batch, shape.m, shape.k));
        let b = numbers.vec::<S, T>(shape.b.extent(shape.batch, shape.k, shape.n));
        let c = numbers.vec::<S, T>(shape.batch * shape.c_batch);
        let (bias, other) = (numbers.vec::<S, T>(shape.n), numbers.vec::<S, T>(c.len()));
        // A function of the element and of another one at its place.
        let function = |x: S, other: S| S::round(x.widen().fma(x.widen(), other.widen()));
        let mut expected = c.clone();
        defined(shape, &a, &b, &mut expected);
        for (batch, row) in (0..shape.batch).flat_map(|z| (0..shape.m).map(move |i| (z, i))) {
            let at = batch * shape.c_batch + row * shape.c_row;
            for (j, x) in expected[at..][..shape.n].iter_mut().enumerate() {
                *x = function(x.plus(bias[j]), other[at + j]);
            }
        }
        let finish = |place: usize, run: &mut [S]| {
            run.iter_mut().zip(&other[place..]).for_each(|(x, other)| *x = function(*x, *other));
        };
        let epilogue = Epilogue { bias: Some(&bias), finish: Some(&finish) };
        for threads in [1, 2] {
            let mut found = c.clone();
            with_threads(threads, || gemm(shape, &a, &b, &mut found, epilogue));
            assert!(bytes(&found) == bytes(&expected), "{shape:?} with {threads} threads");
        }
    }
    let mut numbers = Numbers(5);
    let sizes = [
        (5, 0, 7),       // no sum
        (4, 3, 5),       // small
        (30, 20, 10),    // B broadcast
        (200, 150, 300), // cut into blocks
        (300, 513, 40),  // rows done some at a time, in the last piece of k
        (4, 70_000, 33), // k shared out
        (33, 600, 1),    // vectors
        (1, 700, 1),     // one element
        (40, 200, 90),   // B broadcast where it lies transposed
    ];
    for (m, k, n) in sizes {
        let plain = GemmShape::new(m, k, n);
        let apart = GemmShape { c_row: n + 3, c_batch: m * (n + 3) + 1, ..plain };
        for shape in [plain, plain.transpose_b(), GemmShape { accumulate: true, ..apart }] {
            check::<f32, f32>(&shape, &mut numbers);
        }
        check::<f64, f64>(&plain.transpose_a().transpose_b(), &mut numbers);
        check::<bf16, f32>(&apart, &mut numbers);
        check::<f32, f32>(&if k < 1000 { plain.batched(3) } else { plain }, &mut numbers);
    }
}

#[test]
fn infinities_and_nan_stay_in_their_rows() {
    let mut a = vec![1f32; 40 * 20];
    (a[3 * 20], a[7 * 20 + 19]) = (f32::NAN, f32::INFINITY);
    let c = product(&GemmShape::new(40, 20, 33), &a, &[1.0; 20 * 33], &[0.0; 40 * 33]);
    for (i, row) in c.chunks(33).enumerate() {
        assert!(row.iter().all(|&x| match i {
            3 => x.is_nan(),
            7 => x == f32::INFINITY,
            _ => x == 20.0,
        }));
    }
}

#[test]
fn integers_wrap() {
    fn check<T: integer::Integer + PartialEq + std::fmt::Debug>(
        shape: &GemmShape,
        numbers: &mut Numbers,
        from: fn(i128) -> T,
        into: fn(T) -> i128,
    ) {
        let mut vec = |len| (0..len).map(|_| from(numbers.next() as i128)).collect::<Vec<T>>();
        let a = vec(shape.a.extent(shape.batch, shape.m, shape.k));
        let b = vec(shape.b.extent(shape.batch, shape.k, shape.n));
        let mut c = vec(shape.batch * shape.c_batch);
        let mut expected = c.clone();
        for z in 0..shape.batch {
            for (i, j) in (0..shape.m).flat_map(|i| (0..shape.n).map(move |j| (i, j))) {
                let c = &mut expected[z * shape.c_batch + i * shape.c_row + j];
                let start = if shape.accumulate { into(*c) } else { 0 };
                *c = from((0..shape.k).fold(start, |sum, k| {
                    let x = a[z * shape.a.batch + i * shape.a.row + k * shape.a.col];
                    let y = b[z * shape.b.batch + k * shape.b.row + j * shape.b.col];
                    sum.wrapping_add(into(x).wrapping_mul(into(y)))
                }));
            }
        }
        with_threads(2, || gemm_integer(shape, &a, &b, &mut c));
        assert!(c == expected, "{shape:?}");
    }
    let mut numbers = Numbers(6);
    for _ in 0..30 {
        let shape = random_shape(&mut numbers);
        check::<i32>(&shape, &mut numbers, |x| x as i32, |x| x.into());
        check::<u8>(&shape, &mut numbers, |x| x as u8, |x| x.into());
    }
    check::<i64>(&GemmShape::new(120, 90, 110), &mut numbers, |x| x as i64, |x| x.into());
}

#[test]
#[should_panic(expected = "B holds 5 elements, 6 are needed")]
fn a_short_operand_is_refused() {
    gemm(&GemmShape::new(1, 2, 3), &[0f32; 2], &[0.0; 5], &mut [0.0; 3], Epilogue::none());
}

#[test]
#[should_panic(expected = "the result holds 2 elements, 3 are needed")]
fn a_short_result_is_refused() {
    gemm(&GemmShape::new(1, 2, 3), &[0f32; 2], &[0.0; 6], &mut [0.0; 2], Epilogue::none());
}

#[test]
#[should_panic(expected = "overlap")]
fn overlapping_rows_are_refused() {
    let shape = GemmShape { c_row: 2, ..GemmShape::new(2, 1, 3) };
    gemm(&shape, &[0f32; 2], &[0.0; 3], &mut [0.0; 6], Epilogue::none());
}

#[test]
#[should_panic(expected = "overflows")]
fn a_size_beyond_the_address_space_is_refused() {
    gemm(&GemmShape::new(usize::MAX, 2, 1), &[0f32; 2], &[0.0; 2], &mut [0.0; 2], Epilogue::none());
}
