//! What gradients of loops keep: measured, in a process of its own. The bits are the eager ones.

#![allow(clippy::unwrap_used, clippy::assign_op_pattern, reason = "a test may panic")]

use tenfold as tf;
use tenfold_tests::both;
use tf::{Tensor, Variable};

const TURNS: usize = 64;
/// Elements of what is carried and of the variable.
const SIZE: usize = 1 << 14;
/// Their bytes.
const ONE: usize = 4 * SIZE;

/// The memory that the first call of `f` takes, what its plan holds for later calls too, in values of [`SIZE`] elements.
fn values_at_most(f: impl Fn()) -> usize {
    let before = tf::memory::stats().used;
    tf::memory::reset_peak();
    f();
    (tf::memory::stats().peak - before) / ONE
}

#[test]
fn gradients_of_loops_keep_little() {
    let x = tf::random::stateless_normal([SIZE], [1, 2]);
    let w = Variable::new(tf::random::stateless_normal([SIZE], [3, 4]));

    // One value a turn: what it began with. The variable is read in each turn and is not kept for each.
    #[tf::function]
    fn flat(x: &Tensor, w: &Variable) -> Tensor {
        let tape = tf::GradientTape::new();
        let mut h = x.clone();
        #[tf::stage]
        for _ in 0..TURNS {
            if h.sum() > 1e9 {
                h = h * w;
            }
            h = (h * w).tanh() + x * w;
        }
        tape.gradient(&h.square().sum(), w)
    }
    let flat_values = values_at_most(|| drop(flat(&x, &w)));
    assert_eq!(both(|| vec![flat(&x, &w)]).len(), SIZE);

    // A loop in a loop: one value for each turn of the outer one, and the inner turns of one of them.
    #[tf::function]
    fn nested(x: &Tensor, w: &Variable) -> Tensor {
        let tape = tf::GradientTape::new();
        let mut h = x.clone();
        #[tf::stage]
        for _ in 0..TURNS / 8 {
            #[tf::stage]
            for _ in 0..8 {
                if h.sum() > 1e9 {
                    h = h * w;
                }
                h = (h * w).tanh() + x * w;
            }
        }
        tape.gradient(&h.square().sum(), w)
    }
    let nested_values = values_at_most(|| drop(nested(&x, &w)));
    assert_eq!(both(|| vec![nested(&x, &w)]), both(|| vec![flat(&x, &w)]));
    // What products give is kept beside, unless the tape does without.
    let square = |x: &Tensor| x.reshape([128, 128]);
    let (m, v) = (square(&x), Variable::new(square(&w.read()) * 0.05));
    #[tf::function]
    fn products(x: &Tensor, w: &Variable, recompute: bool) -> Tensor {
        let tape = tf::GradientTape::new();
        if recompute {
            tape.recompute_loops();
        }
        let mut h = x.clone();
        for _ in 0..tf::constant(TURNS as i32) {
            h = h.matmul(w).tanh();
        }
        tape.gradient(&h.square().sum(), w)
    }
    let kept = values_at_most(|| drop(products(&m, &v, false)));
    let recomputed = values_at_most(|| drop(products(&m, &v, true)));
    assert_eq!(both(|| vec![products(&m, &v, false)]), both(|| vec![products(&m, &v, true)]));
    assert!((2 * TURNS..2 * TURNS + 20).contains(&kept), "{kept} values were kept");
    assert!((TURNS..TURNS + 20).contains(&recomputed), "{recomputed} values were kept");
    assert!((TURNS..TURNS + 28).contains(&flat_values), "{flat_values} values were kept");
    assert!((16..40).contains(&nested_values), "{nested_values} values were kept");
}
