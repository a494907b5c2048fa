//! Whole programs with control flow over tensors, eagerly and as graphs.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tenfold as tf;
use tf::Tensor;

/// Moves centres to the means of their points until none moves.
#[tf::function(points: [n, 2])]
fn k_means(points: &Tensor, centres: &Tensor) -> (Tensor, Tensor) {
    let mut centres = centres.clone();
    let mut turns = tf::constant(0);
    loop {
        let apart = points.expand_dims(1) - centres.expand_dims(0);
        let nearest = apart.square().reduce_sum(-1, false).argmin(1);
        let moved = points.unsorted_segment_mean(&nearest, 2);
        let still = (&moved - &centres).abs().max() < 1e-6;
        centres = moved;
        turns += 1;
        if still || turns >= 100 {
            break;
        }
    }
    (centres, turns)
}

/// The likeliest word, letter by letter, until an end or a letter too unlikely.
#[tf::function]
fn greedy(logits: &Tensor, end: i32, least: f32) -> (Tensor, Tensor) {
    let n = 8;
    let mut word = tf::TensorArray::new(tf::i32, n, tf::Shape::scalar());
    let mut state = tf::constant(0);
    let mut length = tf::constant(0);
    for i in 0..tf::constant(n as i32) {
        let row = logits.gather(&state, 0);
        let best = row.argmax(0).cast(tf::i32);
        if best == end || row.max() < f64::from(least) {
            break;
        }
        word = word.write(&i, &best);
        state = best;
        length += 1;
    }
    (word.stack(), length)
}

/// Running eagerly is a switch of the whole process.
static SWITCH: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn eagerly_and_traced<R>(f: impl Fn() -> R, same: impl Fn(&R, &R)) -> R {
    let _alone = SWITCH.lock().unwrap_or_else(|p| p.into_inner());
    tf::run_functions_eagerly(true);
    let eager = tf::catch(&f);
    tf::run_functions_eagerly(false);
    let (eager, traced) = (eager.unwrap(), f());
    same(&eager, &traced);
    traced
}

#[test]
fn k_means_until_nothing_moves() {
    let start = tf::constant([[0.0, 0.0], [1.0, 1.0]]);
    for n in [20usize, 33] {
        let values: Vec<f32> = (0..2 * n)
            .map(|i| {
                let offset = if (i / 2) % 2 == 0 { -3.0 } else { 4.0 };
                offset + ((i * 37) % 11) as f32 / 11.0
            })
            .collect();
        let points = Tensor::from_vec(values, [n, 2]).unwrap();
        let (centres, turns) = eagerly_and_traced(
            || k_means(&points, &start),
            |a, b| {
                let bits =
                    |x: &Tensor| x.to_vec::<f32>().unwrap().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&a.0), bits(&b.0));
                assert_eq!(a.1.item::<i32>().unwrap(), b.1.item::<i32>().unwrap());
            },
        );
        let centres = centres.to_vec::<f32>().unwrap();
        assert!(centres[..2].iter().all(|c| (-3.0..-2.0).contains(c)), "{centres:?}");
        assert!(centres[2..].iter().all(|c| (4.0..5.0).contains(c)), "{centres:?}");
        assert!((2..10).contains(&turns.item::<i32>().unwrap()));
    }
    tf::assert_traces!(k_means, 1);
}

#[test]
fn a_search_with_a_break() {
    let logits = tf::constant([
        [0.0, 3.0, 1.0, 0.0],
        [0.0, 0.0, 5.0, 1.0],
        [1.0, 0.0, 0.0, 2.0],
        [9.0, 0.0, 0.0, 0.0],
    ]);
    let words = |end, least| {
        let (word, length) = eagerly_and_traced(
            || greedy(&logits, end, least),
            |a, b| assert_eq!(a.0.to_vec::<i32>().unwrap(), b.0.to_vec::<i32>().unwrap()),
        );
        let n = length.item::<i32>().unwrap() as usize;
        word.to_vec::<i32>().unwrap()[..n].to_vec()
    };
    assert_eq!(words(3, 0.0), [1, 2]);
    assert_eq!(words(7, 0.0), [1, 2, 3, 0, 1, 2, 3, 0]);
    assert_eq!(words(7, 2.5), [1, 2]);
}
