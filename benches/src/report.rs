//! Tables: for a terminal, for a page, and one JSON line for each figure.

use crate::figures::{Figure, Limit, figures, find};
use crate::limits::Limits;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

/// What one framework reached in one mode.
#[derive(Clone, Debug)]
pub struct Row {
    /// Of the figure.
    pub workload: &'static str,
    /// Of the figure.
    pub variant: &'static str,
    /// `tenfold`, or a peer.
    pub framework: String,
    /// `eager`, `graph`, ..
    pub mode: String,
    /// Threads that it was allowed.
    pub threads: usize,
    /// The loss of the fifth step.
    pub loss: Option<f64>,
    /// One for each round, in the figure's unit.
    pub values: Vec<f64>,
}

impl Row {
    /// Without values yet.
    pub fn new(figure: &Figure, framework: &str, mode: &str, loss: Option<f64>, threads: usize) -> Row {
        let Figure { workload, variant, .. } = *figure;
        Row {
            workload,
            variant,
            framework: framework.into(),
            mode: mode.into(),
            threads,
            loss,
            values: vec![],
        }
    }
    /// The middle value, the upper one of two.
    pub fn median(&self) -> f64 {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    }
    /// The smallest value.
    pub fn min(&self) -> f64 {
        self.values.iter().copied().fold(f64::INFINITY, f64::min)
    }
    /// The largest value.
    pub fn max(&self) -> f64 {
        self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
    /// Whether the loss shows that this is the same work.
    pub fn agrees(&self) -> bool {
        find(self.workload, self.variant).is_some_and(|f| f.agrees(self.loss))
    }
    /// As one line of JSON.
    pub fn json(&self) -> Value {
        let unit = find(self.workload, self.variant).map(|f| f.unit.name());
        let metric = match unit {
            Some("GB/s" | "GFLOP/s" | "1/s") => "rate",
            Some("MB") => "memory",
            _ => "time",
        };
        json!({
            "workload": self.workload, "variant": self.variant, "framework": self.framework, "mode": self.mode,
            "metric": metric, "value": self.median(), "unit": unit, "min": self.min(), "max": self.max(),
            "threads": self.threads, "rounds": self.values.len(), "loss": self.loss, "agrees": self.agrees(),
        })
    }
    /// From such a line; of its values only the median and the ends are left. `None` for a line of something else.
    pub fn read(line: &Value) -> Option<Row> {
        let text = |key: &str| line[key].as_str();
        let figure = find(text("workload")?, text("variant")?)?;
        let threads = line["threads"].as_u64()? as usize;
        let mut row = Row::new(&figure, text("framework")?, text("mode")?, line["loss"].as_f64(), threads);
        row.values = ["min", "value", "max"].iter().filter_map(|key| line[*key].as_f64()).collect();
        Some(row)
    }
}

/// Rows of one figure and one number of threads, best first.
pub struct Group {
    /// The figure.
    pub figure: Figure,
    /// Threads that everyone was allowed.
    pub threads: usize,
    /// Not empty.
    pub rows: Vec<Row>,
}

impl Group {
    /// As it stands in tables: `W8 pair`, `W8 pair, one thread`.
    pub fn name(&self) -> String {
        let Figure { workload, variant, .. } = self.figure;
        if self.threads == 1 {
            format!("{workload} {variant}, one thread")
        } else {
            format!("{workload} {variant}")
        }
    }
    /// The best row of this framework.
    pub fn best(&self, framework: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.framework == framework)
    }
    /// The best row that is not Tenfold's and did the same work.
    pub fn best_peer(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.framework != "tenfold" && row.agrees())
    }
    /// How many times faster (or smaller) a row is than the best peer.
    pub fn ratio(&self, row: &Row) -> Option<f64> {
        let quotient = row.median() / self.best_peer()?.median();
        Some(if self.figure.unit.less_is_better() { 1.0 / quotient } else { quotient })
    }
    /// The share of what the machine can do.
    pub fn share(&self, row: &Row, limits: &[Limits]) -> Option<f64> {
        let limits = limits.iter().find(|l| l.threads == self.threads && l.f32 > 0.0)?;
        let (work, most) = match self.figure.limit {
            Limit::Own => return None,
            Limit::F32(work) => (work, limits.f32),
            Limit::F64(work) => (work, limits.f64),
            Limit::Memory(work) => (work, limits.memory),
            Limit::L2(work) => (work, limits.l2),
        };
        // The value of a call that takes no longer than the work at the limit's speed.
        let least = self.figure.value(work / (most * 1e9));
        let quotient = row.median() / least;
        Some(if self.figure.unit.less_is_better() { 1.0 / quotient } else { quotient })
    }
}

/// The rows by number of threads and figure, best first in each.
pub fn groups(rows: &[Row]) -> Vec<Group> {
    let threads: BTreeSet<usize> = rows.iter().map(|row| row.threads).collect();
    let mut groups = Vec::new();
    for threads in threads {
        for figure in figures() {
            let key = (figure.workload, figure.variant, threads);
            let same = rows.iter().filter(|row| (row.workload, row.variant, row.threads) == key);
            let mut rows: Vec<Row> = same.cloned().collect();
            let sign = if figure.unit.less_is_better() { 1.0 } else { -1.0 };
            rows.sort_by(|a, b| (sign * a.median()).total_cmp(&(sign * b.median())));
            if !rows.is_empty() {
                groups.push(Group { figure, threads, rows });
            }
        }
    }
    groups
}

/// Three significant digits.
pub fn short(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let digits = (2 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.digits$}");
    let Some((whole, _)) = text.split_once('.').or(Some((text.as_str(), ""))) else { return text };
    if whole.len() < 5 {
        return text;
    }
    let places = whole
        .char_indices()
        .map(|(i, c)| if i > 0 && (whole.len() - i) % 3 == 0 { format!(",{c}") } else { c.into() });
    places.collect()
}

/// A table for a terminal: every mode of everyone.
pub fn text(groups: &[Group], limits: &[Limits]) -> String {
    let mut out = String::new();
    for group in groups {
        let Figure { workload, variant, unit, .. } = group.figure;
        let _ = writeln!(out, "{workload} {variant} [{}], {} thread(s)", unit.name(), group.threads);
        for row in &group.rows {
            let name = format!("{} {}", row.framework, row.mode);
            let range = format!("[{} – {}]", short(row.min()), short(row.max()));
            let _ = write!(out, "    {name:34} {:>9}  {range:22}", short(row.median()));
            let ratio = group.ratio(row).map(|r| format!("{r:.2}×")).unwrap_or_default();
            let share = group.share(row, limits).map(|s| format!("{:.0} %", s * 100.0)).unwrap_or_default();
            let _ = write!(out, "{ratio:>8} {share:>7}");
            if let Some(loss) = row.loss {
                let _ = write!(out, "  loss {loss:.6}");
            }
            if !row.agrees() {
                let _ = write!(out, "  OTHER WORK: the reference is {:?}", group.figure.losses);
            }
            out.push('\n');
        }
    }
    out
}

/// A table for a page: the best mode of each framework, Tenfold's ratio to the best peer, its share of the limit.
pub fn markdown(groups: &[Group], limits: &[Limits]) -> String {
    let names: BTreeSet<&str> =
        groups.iter().flat_map(|g| &g.rows).map(|row| row.framework.as_str()).collect();
    let peers: Vec<&str> = names.into_iter().filter(|name| *name != "tenfold").collect();
    let mut out = format!("| figure | unit | Tenfold | {} | ratio | limit |\n", peers.join(" | "));
    let _ = writeln!(out, "| --- | --- |{}", " ---: |".repeat(peers.len() + 3));
    for group in groups {
        let cell = |framework: &str| match group.best(framework) {
            None => "–".to_owned(),
            Some(row) => {
                let remark = if row.agrees() { "" } else { ", other loss" };
                let text = format!("{} ({}{remark})", short(row.median()), row.mode);
                if group.best_peer().is_some_and(|best| std::ptr::eq(best, row)) {
                    format!("**{text}**")
                } else {
                    text
                }
            }
        };
        let own = group.best("tenfold");
        let range = own.map(|row| {
            let remark = if row.agrees() { "" } else { ", OTHER LOSS" };
            format!(
                "{} [{} – {}] ({}{remark})",
                short(row.median()),
                short(row.min()),
                short(row.max()),
                row.mode
            )
        });
        let ratio = own.and_then(|row| group.ratio(row)).map(|r| format!("{r:.2}"));
        let share = own.and_then(|row| group.share(row, limits)).map(|s| format!("{:.0} %", s * 100.0));
        let missing = || "–".to_owned();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            group.name(),
            group.figure.unit.name(),
            range.unwrap_or_else(missing),
            peers.iter().map(|peer| cell(peer)).collect::<Vec<_>>().join(" | "),
            ratio.unwrap_or_else(missing),
            share.unwrap_or_else(missing),
        );
    }
    out
}

/// Rows and limits of files of JSON lines; of equal rows the last counts, of limits the best.
///
/// # Errors
///
/// If a file cannot be read or a line is no JSON.
pub fn read(files: &[PathBuf]) -> Result<(Vec<Row>, Vec<Limits>), Box<dyn Error>> {
    let (mut rows, mut limits) = (Vec::<Row>::new(), Vec::<Limits>::new());
    for file in files {
        for line in std::fs::read_to_string(file)?.lines() {
            let line = serde_json::from_str(line)?;
            if let Some(row) = Row::read(&line) {
                let key = |r: &Row| (r.workload, r.variant, r.framework.clone(), r.mode.clone(), r.threads);
                rows.retain(|r| key(r) != key(&row));
                rows.push(row);
            } else if let Some(limit) = Limits::read(&line) {
                match limits.iter_mut().find(|l| l.threads == limit.threads) {
                    Some(known) => *known = known.best(&limit),
                    None => limits.push(limit),
                }
            }
        }
    }
    Ok((rows, limits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(framework: &str, value: f64, loss: f64) -> Row {
        let figure = find("W6", "batch32").expect("it is there");
        let mut row = Row::new(&figure, framework, "graph", Some(loss), 2);
        row.values = vec![value, value * 0.9, value * 1.1];
        row
    }

    #[test]
    fn a_peer_that_did_other_work_is_no_bar() {
        let rows = [row("tenfold", 100.0, 1.22722), row("fast", 900.0, 2.0), row("honest", 50.0, 1.22784)];
        let groups = groups(&rows);
        let group = &groups[0];
        assert_eq!(group.best_peer().expect("one").framework, "honest");
        assert_eq!(group.ratio(group.best("tenfold").expect("there")), Some(2.0));
        assert!(text(&groups, &[]).contains("OTHER WORK"));
        assert!(markdown(&groups, &[]).contains("900 (graph, other loss) | **50.0 (graph)**"));
    }

    #[test]
    fn rows_survive_a_file() {
        let row = row("jax", 100.0, 1.22784);
        let again = Row::read(&row.json()).expect("a row");
        assert_eq!((again.median(), again.min(), again.max()), (row.median(), row.min(), row.max()));
        assert_eq!((again.mode, again.loss, again.threads), (row.mode, row.loss, row.threads));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            ["0.0512", "1.23", "45.7", "1235", "26,400"],
            [0.05123, 1.2345, 45.67, 1234.6, 26400.2].map(short)[..]
        );
    }
}
