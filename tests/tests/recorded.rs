//! Every recorded call of TensorFlow that Tenfold has a function for: values, gradients and refusals.

use tenfold_testing::cases::{EXCUSED, check, coverage, excuse, table};
use tenfold_testing::fixtures::op_cases;

#[test]
fn recorded_cases_pass() {
    let (cases, table) = (op_cases().expect("readable"), table());
    let (mut passed, mut excused, mut failures) = (0, 0, Vec::new());
    for case in &cases {
        let Some(call) = table.get(case.op.as_str()) else { continue };
        match (check(case, *call), excuse(&case.id)) {
            (Ok(()), None) => passed += 1,
            (Ok(()), Some(_)) => failures.push(format!("{}: passes now, take its excuse away", case.id)),
            (Err(_), Some(_)) => excused += 1,
            (Err(what), None) => failures.push(format!("{} ({}): {what}", case.id, case.op)),
        }
    }
    println!(
        "{passed} of {} recorded cases passed, {excused} excused, {} failed",
        cases.len(),
        failures.len()
    );
    assert!(passed > 0, "the table matches no recorded case");
    assert!(failures.is_empty(), "{} recorded cases fail:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn every_row_and_excuse_is_used() {
    let cases = op_cases().expect("readable");
    let unused = table().into_keys().filter(|op| cases.iter().all(|case| case.op != *op)).collect::<Vec<_>>();
    assert_eq!(unused, [""; 0], "rows that no recorded case calls");
    let ids = EXCUSED.iter().map(|(id, _)| *id).filter(|id| cases.iter().all(|case| case.id != *id));
    assert_eq!(ids.collect::<Vec<_>>(), [""; 0], "excuses for cases that are not recorded");
}

/// The page is generated; `TENFOLD_BLESS=1` writes it anew.
#[test]
fn the_coverage_page_is_fresh() {
    if std::env::var_os("TENFOLD_FIXTURES").is_some() {
        return; // Other recordings than the page's.
    }
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/op-coverage.md");
    let now = coverage(&op_cases().expect("readable"));
    if std::env::var_os("TENFOLD_BLESS").is_some() {
        std::fs::write(page, &now).expect("writable");
    }
    let written = std::fs::read_to_string(page).unwrap_or_default();
    assert_eq!(written, now, "docs/op-coverage.md is stale: run this with TENFOLD_BLESS=1");
}
