//! Bad input: an answer or an error, never another panic and never an abort.

use tenfold_core as tf;
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
