//! Random programs of plain Rust with control flow over tensors, written and compiled when the tests are built: results,
//! variables and gradients are the same bits eagerly and as a graph.
//!
//! `TENFOLD_CONTROL_PROGRAMS=200 TENFOLD_CONTROL_SEED=7 cargo test --test random_control` tries others.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tenfold as tf;
use tf::{Tensor, Variable};

#[allow(unused, clippy::all, reason = "programs that nobody wrote")]
mod programs {
    use super::{State, bump};
    use tenfold as tf;
    use tf::{Tensor, Variable};

    include!(concat!(env!("OUT_DIR"), "/random_control.rs"));
}

/// A program, called.
type Run = fn(&Tensor, &Tensor, &Tensor, bool, &Variable) -> Vec<Tensor>;

/// What programs carry beside plain tensors.
#[derive(Clone, tf::Structure)]
struct State {
    h: Tensor,
    v: Tensor,
    c: Tensor,
    rest: (Tensor, Vec<Tensor>),
}

/// Changes what it is given.
fn bump(x: &mut Tensor) {
    *x = &*x * 0.5 + 0.125;
}

/// One call of a program, and what is asked of it.
struct Call<'a> {
    run: Run,
    w: &'a Variable,
    x: f32,
    rows: usize,
    n: i32,
    on: bool,
}

impl Call<'_> {
    fn given(&self) -> (Tensor, Tensor, Tensor, &Variable) {
        let rows: Vec<f32> = (0..2 * self.rows).map(|i| (i as f32 * 0.7).sin()).collect();
        let rows = Tensor::from_vec(rows, [self.rows, 2]).unwrap();
        self.w.assign(0.75);
        (tf::constant(self.x), rows, tf::constant(self.n), self.w)
    }
    /// Results, and the variable afterwards.
    fn results(&self) -> Vec<Tensor> {
        let (x, rows, n, w) = self.given();
        let mut results = (self.run)(&x, &rows, &n, self.on, w);
        results.push(w.read());
        results
    }
    /// Gradients of the float results, and in every other call of a gradient: with one tape less is kept than with two.
    fn gradients(&self) -> Vec<Tensor> {
        let (x, rows, n, w) = self.given();
        let outer = (self.rows > 2).then(tf::GradientTape::new);
        outer.iter().for_each(|tape| tape.watch(&x));
        let tape = tf::GradientTape::persistent();
        tape.watch(&x);
        tape.watch(&rows);
        let results = (self.run)(&x, &rows, &n, self.on, w);
        let target = results[0].sin() + results[1].sin().sum() + results[2].sin().cast(tf::f32);
        let zeros = tf::GradientOptions::new().unconnected(tf::Unconnected::Zero);
        let found = tape.gradient_with(&target, &[&x, &rows], &zeros).unwrap();
        let [by_w] = tape.gradient_with(&target, &[w], &zeros).unwrap();
        let twice = outer.map(|tape| tape.gradient_with(&found[0].sin(), &[&x], &zeros).unwrap());
        found.into_iter().chain([by_w]).chain(twice.into_iter().flatten()).collect()
    }
}

/// Bits, with one zero: what a run turns out not to use has no gradient eagerly, and one of -0 in a graph (RFC 3).
fn bits(x: &Tensor) -> Vec<u64> {
    x.cast(tf::f64).to_vec::<f64>().unwrap().iter().map(|v| (v + 0.0).to_bits()).collect()
}

/// What differs, in a line.
fn differing(what: &str, eager: tf::Result<Vec<Tensor>>, traced: tf::Result<Vec<Tensor>>) -> Option<String> {
    match (eager, traced) {
        (Ok(eager), Ok(traced)) => {
            let pairs = eager.iter().zip(&traced).enumerate();
            let mut odd = pairs.filter(|(_, (a, b))| a.meta() != b.meta() || bits(a) != bits(b));
            odd.next().map(|(i, (a, b))| format!("{what} {i}: {a} eagerly, {b} as a graph"))
        }
        (Err(a), Err(b)) if a.kind() == b.kind() => None,
        (a, b) => {
            let text = |r: tf::Result<Vec<Tensor>>| r.map_or_else(|e| e.to_string(), |_| "results".into());
            Some(format!("{what}: {} eagerly, {} as a graph", text(a), text(b)))
        }
    }
}

#[test]
fn random_programs_give_the_same_bits() {
    let mut wrong = vec![];
    for (name, run) in programs::PROGRAMS {
        let w = Variable::new(0.75);
        for (x, rows, n, on) in
            [(0.9, 3, 5, true), (-0.4, 2, 2, false), (0.1, 3, 12, false), (-1.7, 2, -3, true)]
        {
            let call = Call { run: *run, w: &w, x, rows, n, on };
            tf::run_functions_eagerly(true);
            let eager = (tf::catch(|| call.results()), tf::catch(|| call.gradients()));
            tf::run_functions_eagerly(false);
            // The second time it is in the cache.
            let traced = (tf::catch(|| call.results()), tf::catch(|| call.gradients()));
            let found =
                differing("result", eager.0, traced.0).or_else(|| differing("gradient", eager.1, traced.1));
            wrong.extend(found.map(|text| format!("{name} at x = {x}, n = {n}, on = {on}: {text}")));
        }
    }
    let folder = env!("OUT_DIR");
    assert!(
        wrong.is_empty(),
        "{} of them, in {folder}/random_control.rs:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
