//! Where the time goes: every step of every plan, every eager op, traces and compilations, with the user's lines.
//!
//! Nothing is measured until [`start`]; until then a call of a function pays one load of a flag, and so does an eager op.

use crate::error::{Error, Place, Result};
use crate::files;
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

static ACTIVE: AtomicBool = AtomicBool::new(false);
static SESSION: Mutex<Option<Session>> = Mutex::new(None);
static NEXT_THREAD: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

struct Session {
    began: Instant,
    spans: Vec<Span>,
    dropped: usize,
    threads: Vec<(u64, String)>,
}

/// Spans that one profile keeps at most: beyond that they are counted only.
const MOST: usize = 1 << 20;

/// What a span is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// A call of a function, from its cache.
    Call,
    /// The body of a function run once to make its graph.
    Trace,
    /// A graph made ready to run.
    Compile,
    /// A step of a plan: one kernel, or a group of element-wise ops as one.
    Step,
    /// An op that ran eagerly.
    Eager,
    /// What the user named with [`span`].
    User,
}

impl What {
    /// Its name, as trace files have it.
    pub fn name(self) -> &'static str {
        match self {
            What::Call => "call",
            What::Trace => "trace",
            What::Compile => "compile",
            What::Step => "step",
            What::Eager => "eager",
            What::User => "user",
        }
    }
}

/// One stretch of time in one thread.
#[derive(Clone, Debug)]
pub struct Span {
    /// What it is about.
    pub what: What,
    /// The op, the ops of a group, or the function.
    pub name: Cow<'static, str>,
    /// The user's line.
    pub at: Option<Place>,
    /// Since the profile began.
    pub begins: Duration,
    /// How long it took, with what ran inside it.
    pub took: Duration,
    /// A number for its thread.
    pub thread: u64,
}

/// Whether anything is measured.
#[inline]
pub(crate) fn is_active() -> bool {
    ACTIVE.load(Ordering::Relaxed)
}

fn session() -> MutexGuard<'static, Option<Session>> {
    SESSION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A span that ends when it is dropped.
pub(crate) struct Open {
    what: What,
    name: Cow<'static, str>,
    at: Option<Place>,
    began: Instant,
}

/// Begins a span, if anything is measured.
#[inline]
pub(crate) fn open<N: Into<Cow<'static, str>>>(
    what: What,
    name: impl FnOnce() -> N,
    at: Option<Place>,
) -> Option<Open> {
    is_active().then(|| Open { what, name: name().into(), at, began: Instant::now() })
}

impl Drop for Open {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let thread = THREAD.with(|id| {
            if id.get() == 0 {
                id.set(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
            }
            id.get()
        });
        let mut session = session();
        // What began before the profile is not in it.
        let Some(session) = session.as_mut().filter(|s| s.began <= self.began) else { return };
        if session.threads.iter().all(|t| t.0 != thread) {
            let name =
                std::thread::current().name().map_or_else(|| format!("thread {thread}"), str::to_owned);
            session.threads.push((thread, name));
        }
        if session.spans.len() == MOST {
            session.dropped += 1;
        } else {
            let begins = self.began.duration_since(session.began);
            let name = std::mem::take(&mut self.name);
            session.spans.push(Span { what: self.what, name, at: self.at, begins, took, thread });
        }
    }
}

/// Begins to measure, in all threads.
///
/// Source: `tf.profiler.experimental.start`.
///
/// ```
/// # use tenfold_core as tf;
/// tf::profiler::start()?;
/// let x = tf::ones([64, 64]);
/// let y = x.matmul(&x).tanh();
/// let profile = tf::profiler::stop()?;
/// # drop(y);
/// println!("{profile}");
/// assert!(profile.spans().iter().any(|s| s.name == "matmul"));
/// # Ok::<(), tf::Error>(())
/// ```
///
/// # Errors
///
/// If a profile is being measured already.
#[track_caller]
pub fn start() -> Result<()> {
    let mut session = session();
    if session.is_some() {
        return Err(Error::new(
            crate::Kind::AlreadyExists,
            "profiler",
            "a profile is being measured already",
        )
        .with_hint("end it with tf::profiler::stop()")
        .at(Place::caller()));
    }
    *session = Some(Session { began: Instant::now(), spans: vec![], dropped: 0, threads: vec![] });
    ACTIVE.store(true, Ordering::Relaxed);
    Ok(())
}

/// Ends the measurement: what was measured since [`start`].
///
/// Source: `tf.profiler.experimental.stop`.
///
/// # Errors
///
/// If nothing was being measured.
#[track_caller]
pub fn stop() -> Result<Profile> {
    ACTIVE.store(false, Ordering::Relaxed);
    match session().take() {
        Some(Session { mut spans, dropped, threads, .. }) => {
            spans.sort_by_key(|s| (s.begins, std::cmp::Reverse(s.took)));
            Ok(Profile { spans, dropped, threads })
        }
        None => Err(Error::new(crate::Kind::FailedPrecondition, "profiler", "nothing is being measured")
            .with_hint("begin with tf::profiler::start()")
            .at(Place::caller())),
    }
}

/// Runs `f` as a span with a name of its own, for example one step of a training.
///
/// Source: `tf.profiler.experimental.Trace`.
///
/// ```
/// # use tenfold_core as tf;
/// tf::profiler::start()?;
/// tf::profiler::span("step 1", || tf::ones([2]).sum());
/// assert_eq!(tf::profiler::stop()?.spans()[0].name, "step 1");
/// # Ok::<(), tf::Error>(())
/// ```
#[track_caller]
pub fn span<R>(name: &str, f: impl FnOnce() -> R) -> R {
    let _open = open(What::User, || name.to_string(), Some(Place::caller()));
    f()
}

/// What was measured between [`start`] and [`stop`]. As text it is the table of the costliest ops.
#[derive(Clone, Debug)]
pub struct Profile {
    spans: Vec<Span>,
    dropped: usize,
    threads: Vec<(u64, String)>,
}

/// One line of the table of ops: all spans of one name at one line.
#[derive(Clone, Debug)]
pub struct Cost {
    /// What the spans are about.
    pub what: What,
    /// The op, the ops of a group, or the function.
    pub name: Cow<'static, str>,
    /// The user's line.
    pub at: Option<Place>,
    /// How often it ran.
    pub count: usize,
    /// All its time, without what was measured inside it.
    pub own: Duration,
}

impl Profile {
    /// All spans, in the order in which they began.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }
    /// How many spans are not among them, because a profile keeps a million.
    pub fn dropped(&self) -> usize {
        self.dropped
    }
    /// The threads by their numbers: the names that they were started with.
    pub fn threads(&self) -> &[(u64, String)] {
        &self.threads
    }
    /// What took longest, each line's own time: what was measured inside a span counts there and not twice.
    pub fn costs(&self) -> Vec<Cost> {
        let mut own: Vec<Duration> = self.spans.iter().map(|s| s.took).collect();
        // Spans of a thread nest: those that are open when another begins.
        let mut open: rustc_hash::FxHashMap<u64, Vec<usize>> = rustc_hash::FxHashMap::default();
        for (i, span) in self.spans.iter().enumerate() {
            let stack = open.entry(span.thread).or_default();
            while stack.last().is_some_and(|k| self.spans[*k].begins + self.spans[*k].took <= span.begins) {
                stack.pop();
            }
            if let Some(around) = stack.last() {
                own[*around] = own[*around].saturating_sub(span.took);
            }
            stack.push(i);
        }
        let mut places: rustc_hash::FxHashMap<(What, &str, Option<Place>), usize> =
            rustc_hash::FxHashMap::default();
        let mut costs: Vec<Cost> = vec![];
        for (span, own) in self.spans.iter().zip(own) {
            let place = *places.entry((span.what, &span.name, span.at)).or_insert_with(|| {
                let none = Duration::ZERO;
                costs.push(Cost {
                    what: span.what,
                    name: span.name.clone(),
                    at: span.at,
                    count: 0,
                    own: none,
                });
                costs.len() - 1
            });
            costs[place].count += 1;
            costs[place].own += own;
        }
        costs.sort_by_key(|c| std::cmp::Reverse(c.own));
        costs
    }
    /// Writes a trace file for Perfetto (<https://ui.perfetto.dev>) or `chrome://tracing`.
    ///
    /// Source: the Trace Event Format, complete events (`"ph": "X"`, times in microseconds), and names of the process and its
    /// threads (`"ph": "M"`).
    ///
    /// # Errors
    ///
    /// If the file cannot be written; what stood there before stays then.
    pub fn write_trace(&self, file: impl AsRef<Path>) -> Result<()> {
        let micros = |d: Duration| d.as_nanos() as f64 / 1e3;
        let program = std::env::args_os().next().unwrap_or_default();
        let program = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let named = |what: &str, thread: u64, name: &str| {
            serde_json::json!({
                "name": what, "ph": "M", "pid": 1, "tid": thread, "args": { "name": name },
            })
        };
        let threads = self.threads.iter().map(|(thread, name)| named("thread_name", *thread, name));
        let spans = self.spans.iter().map(|s| {
            serde_json::json!({
                "name": s.name, "cat": s.what.name(), "ph": "X", "pid": 1, "tid": s.thread,
                "ts": micros(s.begins), "dur": micros(s.took),
                "args": { "line": s.at.map(|at| at.to_string()) },
            })
        });
        let names = std::iter::once(named("process_name", 0, &program)).chain(threads);
        let events: Vec<serde_json::Value> = names.chain(spans).collect();
        let text = serde_json::json!({ "displayTimeUnit": "ns", "traceEvents": events }).to_string();
        files::replace(file.as_ref(), |file| std::fs::write(file, &text).map_err(Error::from))
    }
}

/// Lines of the table.
const LINES: usize = 20;

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let costs = self.costs();
        let all: Duration = costs.iter().map(|c| c.own).sum();
        let share = |d: Duration| 100.0 * d.as_secs_f64() / all.as_secs_f64().max(1e-12);
        writeln!(
            f,
            "{:>10} {:>6} {:>8} {:>10}  {:<8} {:<40} line",
            "own", "share", "count", "each", "what", "op"
        )?;
        for cost in costs.iter().take(LINES) {
            let each = cost.own / cost.count.max(1) as u32;
            let mut name: String = cost.name.chars().take(40).collect();
            if name.len() < cost.name.len() {
                name.replace_range(name.char_indices().nth(39).map_or(0.., |c| c.0..), "…");
            }
            let line = cost.at.map(|at| at.to_string()).unwrap_or_default();
            writeln!(
                f,
                "{:>10} {:>5.1}% {:>8} {:>10}  {:<8} {name:<40} {line}",
                shown(cost.own),
                share(cost.own),
                cost.count,
                shown(each),
                cost.what.name(),
            )?;
        }
        if costs.len() > LINES {
            let rest: Duration = costs[LINES..].iter().map(|c| c.own).sum();
            writeln!(f, "{:>10} {:>5.1}%  in {} more lines", shown(rest), share(rest), costs.len() - LINES)?;
        }
        writeln!(f, "{:>10} {:>6} {:>8}  in all", shown(all), "", self.spans.len())?;
        if self.dropped > 0 {
            writeln!(f, "{} spans more were not kept: measure for a shorter time", self.dropped)?;
        }
        Ok(())
    }
}

/// A time with three digits.
fn shown(d: Duration) -> String {
    let s = d.as_secs_f64();
    match s {
        _ if s >= 1.0 => format!("{s:.2} s"),
        _ if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        _ => format!("{:.2} µs", s * 1e6),
    }
}
