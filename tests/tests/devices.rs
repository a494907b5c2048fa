//! Devices through the facade: where things live, what is refused, and what a program reads then. A software adapter is
//! good enough; without any the tests are skipped, unless `TENFOLD_REQUIRE_GPU` is set.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::process::Command;
use tenfold as tf;
use tenfold_tests::gpu;
use tf::{Device, Kind, Tensor, Variable};

/// A tensor goes there and returns unchanged, and a tape follows it both ways.
#[test]
fn tensors_move_both_ways() {
    let Some(device) = gpu() else { return };
    let x = tf::constant([1.0, f32::NAN, -0.0, f32::MIN_POSITIVE / 4.0]);
    let there = x.to("GPU:0").unwrap();
    assert_eq!((x.device(), there.device()), (Device::cpu(), device));
    let back = there.to("CPU:0").unwrap();
    assert_eq!(back.device(), Device::cpu());
    assert_eq!(back.storage().unwrap().bytes(), x.storage().unwrap().bytes());
    // Case does not matter, and the first of a kind needs no number.
    assert_eq!(x.to("gpu").unwrap().device(), device);

    let x = tf::constant([2.0, 3.0]);
    let tape = tf::GradientTape::new();
    tape.watch(&x);
    let y = x.to(device).unwrap().square().to("CPU").unwrap() * 10.0;
    let d = tape.gradient(&y, &x);
    assert_eq!((d.device(), d.to_vec::<f32>().unwrap()), (Device::cpu(), vec![40.0, 60.0]));
}

/// A variable lives where it was made, and an assignment from elsewhere is refused with both names.
#[test]
fn variables_live_on_devices() {
    let Some(device) = gpu() else { return };
    let v = tf::with_device(device, || Variable::new(tf::constant([1.0, 2.0]))).unwrap();
    assert_eq!((v.device(), v.read().device()), (device, device));
    v.assign_add(tf::constant([10.0, 20.0]).to(device).unwrap());
    assert_eq!(v.read().to_vec::<f32>().unwrap(), [11.0, 22.0]);
    let error = v.try_assign(tf::constant([0.0, 0.0])).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("GPU:0") && text.contains("CPU:0"), "{text}");
    assert_eq!(v.read().to_vec::<f32>().unwrap(), [11.0, 22.0], "a refused assignment changes nothing");
}

/// Operands of two devices are refused: both are named, and what to do about it.
#[test]
fn mixed_devices_are_a_clear_error() {
    let Some(device) = gpu() else { return };
    #[tf::function]
    fn double(x: &Tensor) -> Tensor {
        x * 2.0
    }
    let (here, there) = (tf::ones([2]), tf::ones([2]).to(device).unwrap());
    let error = here.try_add(&there).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument);
    let text = format!("{error:?}");
    for part in ["CPU:0", "GPU:0", ".to("] {
        assert!(text.contains(part), "{text}");
    }
    // A traced function runs where its arguments are.
    assert_eq!(double(&here).device(), Device::cpu());
    assert_eq!(double(&there).device(), device);
    tf::assert_traces!(double, 2);
}

/// An unknown device is answered with those that there are.
#[test]
fn an_unknown_device_lists_what_there_is() {
    let Some(_) = gpu() else { return };
    for name in ["GPU:7", "TPU:0", ""] {
        let error = Device::named(name).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{error}");
        assert!(error.to_string().contains("CPU:0, GPU:0"), "{error}");
        assert!(tf::constant(1.0).to(name).is_err() && tf::with_device(name, || ()).is_err());
    }
}

/// A function whose variables live elsewhere than its arguments says which.
#[test]
fn a_function_with_variables_elsewhere_is_a_clear_error() {
    let Some(device) = gpu() else { return };
    #[tf::function]
    fn scale(v: &Variable, x: &Tensor) -> Tensor {
        x * v
    }
    let v = Variable::named("factor", tf::constant([2.0, 3.0]));
    let x = tf::ones([2]).to(device).unwrap();
    let error = tf::catch(|| scale(&v, &x)).unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidArgument, "{error:?}");
    let text = format!("{error:?}");
    assert!(text.contains("GPU:0") && text.contains("CPU:0"), "{text}");
    // It harms nothing.
    assert_eq!(scale(&v, &tf::ones([2])).to_vec::<f32>().unwrap(), [2.0, 3.0]);
}

/// What is too large for the device is an error that says so, eagerly and in a graph, and the device works on.
#[test]
fn what_does_not_fit_is_an_error() {
    let Some(device) = gpu() else { return };
    #[tf::function]
    fn spread(x: &Tensor) -> Tensor {
        x.broadcast_to([2000, 1024, 1024])
    }
    let x = tf::ones([1024, 1024]).to(device).unwrap();
    for result in [x.try_broadcast_to([2000, 1024, 1024]), tf::catch(|| spread(&x))] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::ResourceExhausted, "{error:?}");
        assert!(error.to_string().contains("limit"), "{error}");
    }
    assert_eq!(x.reduce_sum(.., false).item::<f32>().unwrap(), 1024.0 * 1024.0);
}

/// f64 goes there and returns, but computes on the CPU only: the reason is said, and what to do. 64-bit integers compute
/// where the adapter can; else they are refused likewise.
#[test]
fn wide_dtypes_compute_or_say_why_not() {
    let Some(device) = gpu() else { return };
    #[tf::function]
    fn root(x: &Tensor) -> Tensor {
        x.sqrt()
    }
    let wide = tf::constant_f64([4.0, 9.0]).to(device).unwrap();
    assert_eq!(wide.to("CPU").unwrap().to_vec::<f64>().unwrap(), [4.0, 9.0]);
    let calls = [
        (wide.try_sqrt(), "x.to(\"CPU\")"),
        (tf::catch(|| root(&wide)), "arguments (and variables) on the CPU"),
    ];
    for (result, advice) in calls {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::Unimplemented, "{error:?}");
        let text = format!("{error:?}");
        for part in ["sqrt", "f64", "use f32", advice, "devices.rs"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
    let large = tf::constant([1i64 << 40, -3]).to(device).unwrap();
    match (&large * &large).to_vec::<i64>() {
        Ok(values) => assert_eq!(values, [0, 9]),
        Err(error) => assert!(error.to_string().contains("64-bit integers"), "{error}"),
    }
}

/// Prints and assertions read the device, in graphs too.
#[test]
fn assertions_hold_on_the_gpu() {
    let Some(device) = gpu() else { return };
    #[tf::function]
    fn checked(v: &Variable, x: &Tensor) -> Tensor {
        v.assign_add(x);
        tf::assert!(x.greater(0.0), "x is {}", x);
        v.assign_add(x);
        x * 2.0
    }
    let v = tf::with_device(device, || Variable::new(tf::zeros([2]))).unwrap();
    let x = tf::constant([1.0, 2.0]).to(device).unwrap();
    assert_eq!(checked(&v, &x).to_vec::<f32>().unwrap(), [2.0, 4.0]);
    let error = tf::catch(|| checked(&v, &-&x)).unwrap_err();
    assert!(error.to_string().contains("x is [-1.0 -2.0]"), "{error}");
    assert_eq!(v.read().to_vec::<f32>().unwrap(), [1.0, 2.0], "nothing after a failed assertion happened");
}

/// Runs `check` in a process of its own with these variables of the environment: the test `name` of this file, which is
/// the caller, is called again there.
fn alone(name: &str, set: &[(&str, &str)], check: fn()) {
    const MARK: &str = "TENFOLD_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return check();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", name, "--nocapture"]).env_remove("TENFOLD_SOFTWARE_GPU").env(MARK, "1");
    let output = child.envs(set.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

/// Without a driver the error names what to install.
#[test]
#[cfg(target_os = "linux")]
fn without_an_adapter_the_error_says_what_to_install() {
    let nothing = [("VK_DRIVER_FILES", "/nonexistent"), ("VK_ICD_FILENAMES", "/nonexistent")];
    alone("without_an_adapter_the_error_says_what_to_install", &nothing, || {
        for name in ["GPU:0", "gpu"] {
            let error = Device::named(name).unwrap_err();
            assert_eq!(error.kind(), Kind::NotFound);
            let text = format!("{error:?}");
            for part in ["there are: CPU:0", "no GPU found", "Install the driver", "TENFOLD_SOFTWARE_GPU=1"] {
                assert!(text.contains(part), "{part} is not in {text}");
            }
        }
        assert_eq!(tf::devices().len(), 1);
        assert!(tf::ones([2]).to("GPU:0").is_err());
    });
}

/// A budget of memory is kept: what exceeds it is an error with the numbers, and room that is given back is used again.
#[test]
fn a_budget_of_memory_is_kept() {
    if gpu().is_none() {
        return;
    }
    let set = [("TENFOLD_GPU_MEMORY_LIMIT", "5242880"), ("TENFOLD_SOFTWARE_GPU", "1")];
    alone("a_budget_of_memory_is_kept", &set, || {
        let device = Device::named("GPU:0").unwrap();
        let half = tf::ones([512, 1024]).to(device).unwrap();
        for result in [half.try_broadcast_to([2, 512, 1024]), tf::ones([2048, 1024]).to(device)] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), Kind::ResourceExhausted, "{error:?}");
            assert!(error.to_string().contains("5242880"), "{error}");
        }
        for _ in 0..20 {
            let twice = &half * 2.0;
            assert_eq!(twice.reduce_sum(.., false).item::<f32>().unwrap(), 1024.0 * 1024.0);
        }
    });
}

/// The list in `docs/gpu.md` is the table's; `TENFOLD_BLESS=1` writes it anew.
#[test]
fn the_page_lists_what_stays_on_the_cpu() {
    use tenfold_core::op::Gpu;
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for op in tenfold_core::ops::ALL {
        if let Gpu::CpuOnly(why) = op.gpu {
            reasons.entry(why).or_default().push(format!("`{}`", op.name));
        }
    }
    let mut list = String::new();
    for (why, ops) in reasons {
        list += &format!("- {}: {why}.\n", ops.join(", "));
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gpu.md");
    let written = std::fs::read_to_string(page).unwrap();
    let (text, old) = written.split_once("-->\n\n").expect("the mark before the list");
    if std::env::var_os("TENFOLD_BLESS").is_some() {
        std::fs::write(page, format!("{text}-->\n\n{list}")).unwrap();
        return;
    }
    assert_eq!(old, list, "docs/gpu.md is stale: run this with TENFOLD_BLESS=1");
}
