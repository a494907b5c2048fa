//! A profile has every step of a plan and every eager op at the user's line, and what ran before or after is not in it.

use std::time::Duration;
use tenfold as tf;
use tf::Tensor;
use tf::profiler::{self, What};

#[tf::function]
fn layer(x: &Tensor, w: &Tensor) -> Tensor {
    (x.matmul(w) + 1.0).tanh()
}

fn has(profile: &profiler::Profile, what: What, name: &str) -> bool {
    profile.spans().iter().any(|s| s.what == what && s.name.contains(name))
}

/// One test, because there is one profiler.
#[test]
fn a_profile_from_beginning_to_end() {
    let error = profiler::stop().unwrap_err();
    assert_eq!(error.kind(), tf::Kind::FailedPrecondition);
    assert!(error.to_string().contains("profiler::start"), "{error}");

    let x = tf::ones([64, 64]);
    x.sigmoid();
    profiler::start().unwrap();
    assert_eq!(profiler::start().unwrap_err().kind(), tf::Kind::AlreadyExists);
    layer(&x, &x);
    let line = line!() + 1;
    let y = profiler::span("two calls", || layer(&x, &layer(&x, &x)).exp());
    let named = || std::thread::Builder::new().name("reader".into());
    std::thread::scope(|s| named().spawn_scoped(s, || x.square()).unwrap().join().unwrap());
    let profile = profiler::stop().unwrap();
    x.cos();

    assert!(!has(&profile, What::Eager, "sigmoid") && !has(&profile, What::Eager, "cos"));
    let calls = profile.spans().iter().filter(|s| s.what == What::Call).count();
    assert_eq!(calls, 3, "{profile}");
    assert!(has(&profile, What::Trace, "layer") && has(&profile, What::Compile, "layer"));
    let products: Vec<_> = profile.spans().iter().filter(|s| s.name.starts_with("matmul, ")).collect();
    assert!(products.len() == 3 && products.iter().all(|s| s.what == What::Step));
    assert!(products.iter().all(|s| s.at.unwrap().file.ends_with("profiler.rs") && s.took > Duration::ZERO));
    assert!(has(&profile, What::Step, "tanh"));
    let eager = profile.spans().iter().find(|s| s.name == "exp").unwrap();
    assert_eq!((eager.what, eager.at.unwrap().line), (What::Eager, line));
    let user = profile.spans().iter().find(|s| s.what == What::User).unwrap();
    assert!(user.begins <= eager.begins && user.took >= eager.took && user.thread == eager.thread);
    let square = profile.spans().iter().find(|s| s.name == "square").unwrap();
    assert_ne!(square.thread, user.thread);
    let mine = std::thread::current().name().unwrap().to_string();
    assert_eq!(profile.threads(), [(user.thread, mine.clone()), (square.thread, "reader".into())]);
    assert_eq!(profile.dropped(), 0);

    // What is inside a span counts there: the costs of a thread add up to its outermost spans.
    let all: Duration = profile.costs().iter().map(|c| c.own).sum();
    let outermost: Duration = profile
        .spans()
        .iter()
        .filter(|s| {
            !profile.spans().iter().any(|o| {
                !std::ptr::eq(*s, o)
                    && o.thread == s.thread
                    && o.begins <= s.begins
                    && o.begins + o.took >= s.begins + s.took
            })
        })
        .map(|s| s.took)
        .sum();
    assert!(all.abs_diff(outermost) < Duration::from_micros(20), "{all:?} {outermost:?}");
    assert_eq!(profile.costs().iter().find(|c| c.name.starts_with("matmul")).unwrap().count, 3);
    let table = profile.to_string();
    assert!(table.contains("matmul") && table.contains("profiler.rs"), "{table}");
    assert!(table.lines().last().unwrap().contains(&format!("{}  in all", profile.spans().len())), "{table}");
    let compiled = profile.spans().iter().find(|s| s.what == What::Compile).unwrap();
    assert!(compiled.at.unwrap().file.ends_with("profiler.rs"));

    let folder = std::env::temp_dir().join(format!("tenfold-profile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("trace.json");
    profile.write_trace(&file).unwrap();
    let trace: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let (names, events): (Vec<_>, Vec<_>) = events.iter().partition(|e| e["ph"] == "M");
    assert_eq!(events.len(), profile.spans().len());
    let name = |what: &str, thread: u64| {
        let found = names.iter().find(|e| e["name"] == what && e["tid"] == thread);
        found.unwrap()["args"]["name"].as_str().unwrap().to_string()
    };
    assert_eq!(
        (name("thread_name", user.thread), name("thread_name", square.thread)),
        (mine, "reader".into())
    );
    assert!(name("process_name", 0).starts_with("profiler"), "{names:?}");
    assert!(
        events.iter().all(|e| e["ph"] == "X" && e["ts"].is_f64() && e["dur"].is_f64() && e["tid"].is_u64())
    );
    assert!(
        events
            .iter()
            .any(|e| e["name"] == "exp" && e["args"]["line"].as_str().unwrap().contains("profiler.rs"))
    );
    assert!(profile.write_trace(folder.join("no/such/folder")).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
    drop(y);
}
