//! Bad input: an answer or an error, never another panic and never an abort.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tenfold as tf;
use tenfold_core::{Kind, Tensor};
use tenfold_testing::suite::{self, every_case};

#[test]
fn any_ranks_dtypes_and_attributes_give_errors_only() {
    let wrong = suite::but_known("fuzz", |op| match suite::not_callable().contains(&op.name) {
        true => vec![],
        false => suite::fuzz(op, 200).into_iter().take(2).collect(),
    });
    suite::report(&wrong);
}

#[test]
fn special_values_pass_through_every_float_op() {
    every_case("specials", suite::specials);
}

#[test]
fn sizes_that_overflow_or_exceed_memory_are_errors() {
    let asks: [(&str, fn() -> tf::Result<Tensor>); 5] = [
        ("the product overflows", || tf::try_zeros([1 << 40, 1 << 40])),
        ("the bytes overflow", || tf::try_zeros([1 << 62])),
        ("no machine has it", || tf::try_zeros([1 << 50])),
        ("a broadcast", || tf::constant([1.0]).try_broadcast_to([1 << 31, 1 << 31])),
        ("two rows of many", || {
            let many = tf::zeros([1]).broadcast_to([1 << 20]);
            tf::reshape(&many, [1 << 20, 1])
                .try_add(many.broadcast_to([1, 1 << 20]).broadcast_to([1 << 30, 1 << 20]))
        }),
    ];
    for (what, ask) in asks {
        let error = tf::catch(ask).and_then(|r| r).expect_err(what);
        assert!(matches!(error.kind(), Kind::ResourceExhausted | Kind::InvalidArgument), "{what}: {error:?}");
    }
}

#[test]
fn empty_tensors_and_scalars_go_through_a_gradient() {
    for x in [tf::zeros([0, 3]), tf::zeros([2, 0]), tf::zeros(()), tf::zeros([0])] {
        let tape = tf::GradientTape::new();
        tape.watch(&x);
        let y = ((&x * 2.0 + 1.0).sqrt() / (&x + 3.0)).sum_to_shape(());
        let gradient = tape.gradient(&y, &x);
        assert_eq!(gradient.meta(), x.meta());
        assert_eq!(y.rank(), 0);
    }
}

#[test]
fn values_that_do_not_fill_a_shape_are_refused() {
    let bad = [
        Tensor::from_vec(vec![1.0f32, 2.0], [3]),
        Tensor::from_vec(vec![1i64], [usize::MAX, 2]),
        tf::try_constant([vec![1.0f32, 2.0], vec![3.0]]),
    ];
    for made in bad {
        assert_eq!(made.expect_err("refused").kind(), Kind::InvalidArgument);
    }
}

/// What is asked for, and what the refusal says.
type Ask = (&'static str, fn() -> Tensor);

fn image() -> Tensor {
    tf::ones([1, 4, 4, 1])
}

/// No allocator gives these; nothing is computed before memory is asked for.
const HUGE: &[Ask] = &[
    ("zeros", || tf::zeros([1usize << 58])),
    ("fill", || tf::fill([1usize << 40, 1 << 18], 1.0)),
    ("range", || tf::range(0i64, 1i64 << 60, 1i64)),
    ("linspace", || tf::linspace(0.0, 1.0, 1 << 58)),
    ("tile", || tf::ones([2]).tile(&[1 << 58])),
    ("repeat", || tf::ones([2]).repeat(1usize << 58, 0)),
    ("one_hot", || tf::constant([1, 2]).one_hot(1 << 58)),
    ("pad", || tf::ones([2]).pad(&[[1 << 58, 1 << 57]])),
    ("eye", || tf::eye(1 << 30)),
    ("bincount", || tf::bincount(&tf::constant([1, 2]), None, 1 << 58)),
    ("bincount of a huge number", || tf::bincount(&tf::constant([1i64, i64::MAX - 1]), None, 0)),
    ("segment_sum", || tf::constant([1.0, 2.0]).segment_sum(&tf::constant([1i64, 1 << 60]))),
    ("dynamic_stitch", || tf::dynamic_stitch(&[tf::constant([0i64, 1 << 60])], &[tf::constant([1.0, 2.0])])),
    ("repeat, by numbers of its own", || tf::ones([2]).repeat([1usize << 60, 1], 0)),
    ("sequence_mask", || tf::sequence_mask(&tf::constant([1, 2]), Some(1 << 60))),
    ("broadcast_to", || tf::ones([1]).broadcast_to([1usize << 58])),
    ("outer product", || {
        let long = tf::ones([1]).broadcast_to([1 << 12]);
        (0..4).fold(long.clone(), |x, _| x.reshape([-1, 1]) * &long)
    }),
    ("uniform", || tf::random::stateless_uniform([1usize << 58], [1, 2])),
    ("convolution", || {
        let border = tf::Padding::Explicit(vec![(1 << 29, 1 << 29), (1 << 29, 1 << 29)]);
        image().conv2d(&tf::ones([1, 1, 1, 1]), 1, border)
    }),
];

const ZERO_STRIDES: &[Ask] = &[
    ("a slice", || tf::ones([3]).slice(tf::s![0..3; 0])),
    ("a range", || tf::range(0, 5, 0)),
    ("a range of floats", || tf::range(0.0, 5.0, 0.0)),
    ("a convolution", || image().conv2d(&tf::ones([2, 2, 1, 1]), 0, tf::Padding::Valid)),
    ("its padding", || image().conv2d(&tf::ones([2, 2, 1, 1]), [1, 0], tf::Padding::Same)),
    ("its taps", || image().conv2d_with(&tf::ones([2, 2, 1, 1]), 1, tf::Padding::Valid, 0)),
    ("a maximum", || image().max_pool2d(2, 0, tf::Padding::Valid)),
    ("an average", || image().avg_pool2d(2, [0, 1], tf::Padding::Same)),
    ("a window", || image().avg_pool2d(0, 1, tf::Padding::Same)),
];

/// A scalar has no axis.
const SCALARS: &[Ask] = &[
    ("reduce_sum", || tf::constant(1.0).reduce_sum(0, false)),
    ("argmax", || tf::constant(1.0).argmax(0)),
    ("concat", || tf::concat(&[tf::constant(1.0), tf::constant(2.0)], 0)),
    ("matmul", || tf::constant(1.0).matmul(tf::constant(2.0))),
    ("slice", || tf::constant(1.0).slice(tf::s![0])),
    ("gather", || tf::constant(1.0).gather(&tf::constant(0), 0)),
    ("cumsum", || tf::constant(1.0).cumsum(0, false, false)),
    ("top_k", || tf::constant(1.0).top_k(1).0),
    ("reverse", || tf::constant(1.0).reverse(0)),
    ("transpose", || tf::constant(1.0).transpose([0])),
    ("squeeze", || tf::constant(1.0).squeeze(0)),
];

const EMPTY: &[Ask] = &[
    ("argmax", || tf::zeros([0]).argmax(0)),
    ("argmin", || tf::zeros([2, 0]).argmin(1)),
    ("gather", || tf::zeros([0, 2]).gather(&tf::constant([0]), 0)),
    ("slice", || tf::zeros([0]).slice(tf::s![0])),
    ("top_k", || tf::zeros([0]).top_k(1).0),
    ("reshape", || tf::zeros([0, 3]).reshape([2])),
    ("no channels", || tf::zeros([1, 4, 4, 0]).conv2d(&tf::ones([1, 1, 1, 2]), 1, tf::Padding::Valid)),
    ("no filter", || image().conv2d(&tf::zeros([0, 1, 1, 1]), 1, tf::Padding::Valid)),
    ("nothing to stack", || tf::stack(&[] as &[Tensor], 0)),
    ("nothing to concat", || tf::concat(&[] as &[Tensor], 0)),
];

/// One call as a graph: what cannot be refused while tracing is refused when it runs.
#[tf::function]
fn as_a_graph(list: usize, i: usize) -> Tensor {
    LISTS[list].1[i].1()
}

const LISTS: &[(&str, &[Ask])] =
    &[("huge", HUGE), ("zero stride", ZERO_STRIDES), ("rank 0", SCALARS), ("empty", EMPTY)];

#[test]
fn what_cannot_be_done_is_an_error_eagerly_and_in_graphs() {
    let mut wrong = vec![];
    for (l, (list, asks)) in LISTS.iter().enumerate() {
        for (i, (what, ask)) in asks.iter().enumerate() {
            for (how, answer) in [("eagerly", tf::catch(ask)), ("as a graph", tf::catch(|| as_a_graph(l, i)))]
            {
                use Kind::{InvalidArgument, OutOfRange, ResourceExhausted};
                match answer {
                    Ok(y) => wrong.push(format!("{list}: {what}, {how}: gives {}", y.meta())),
                    Err(e) if [InvalidArgument, OutOfRange, ResourceExhausted].contains(&e.kind()) => {}
                    Err(e) => wrong.push(format!("{list}: {what}, {how}: {:?}: {e}", e.kind())),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What TensorFlow answers for nothing.
#[test]
fn reductions_of_nothing_are_their_neutral_elements() {
    let x = tf::zeros([2, 0]);
    let one = |y: Tensor| y.to_vec::<f32>().unwrap();
    assert_eq!(one(x.reduce_sum(1, false)), [0.0, 0.0]);
    assert_eq!(one(x.reduce_prod(1, false)), [1.0, 1.0]);
    assert_eq!(one(x.reduce_max(1, false)), [f32::NEG_INFINITY; 2]);
    assert_eq!(one(x.reduce_min(1, false)), [f32::INFINITY; 2]);
    assert!(one(x.reduce_mean(1, false)).iter().all(|m| m.is_nan()));
    assert_eq!(one(x.matmul(tf::zeros([0, 2]))), [0.0; 4]);
    assert_eq!(one(tf::concat(&[tf::zeros([0]), tf::ones([1])], 0)), [1.0]);
    assert_eq!(
        tf::zeros([0, 4, 4, 1]).conv2d(&tf::ones([2, 2, 1, 3]), 1, tf::Padding::Valid).shape().to_vec(),
        [0, 3, 3, 3]
    );
    assert_eq!(tf::zeros([0, 3]).softmax(-1).shape().to_vec(), [0, 3]);
}

/// NaN is not lost on the way, and is not equal to itself.
#[test]
fn nan_stays_nan() {
    let x = tf::constant([1.0, f32::NAN, -1.0]);
    let bad = |y: Tensor| y.to_vec::<f32>().unwrap().iter().map(|v| v.is_nan()).collect::<Vec<_>>();
    for y in [&x + 1.0, &x * 0.0, x.square(), x.tanh(), tf::maximum(&x, 0.0), tf::minimum(0.0, &x), x.relu()]
    {
        assert_eq!(bad(y), [false, true, false]);
    }
    for y in [x.reduce_sum(0, true), x.mean().reshape([1]), x.reduce_max(0, true), x.reduce_min(0, true)] {
        assert_eq!(bad(y), [true]);
    }
    assert_eq!(bad(x.reshape([1, 3]).matmul(tf::zeros([3, 1]))), [true]);
    assert_eq!(x.equal(&x).to_vec::<bool>().unwrap(), [true, false, true]);
    assert_eq!(x.cast(tf::i32).shape().to_vec(), [3], "some number, no panic");
    let tape = tf::GradientTape::new();
    tape.watch(&x);
    assert_eq!(bad(tape.gradient(&x.exp(), &x)), [false, true, false]);
}
