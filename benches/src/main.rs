//! `cargo run --release -p benches -- peers`: Tenfold and whichever peers are installed, in turns, on the same work.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that speaks to a person")]

use benches::limits::Limits;
use benches::report::{self, Row};
use benches::session::{self, Framework, Options};
use benches::{harness, limits, peers, picture, weights, workloads};
use clap::{Args, Parser, Subcommand};
use serde_json::json;
use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

/// Tenfold's speed, alone and beside other frameworks.
#[derive(Parser, Debug)]
#[command(name = "benches")]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Tenfold and the peers that are installed, in turns.
    Peers {
        #[command(flatten)]
        run: Run,
        #[command(flatten)]
        which: peers::Which,
        /// Where the table goes as Markdown.
        #[arg(long)]
        markdown: Option<PathBuf>,
        /// Where the picture goes.
        #[arg(long)]
        picture: Option<PathBuf>,
    },
    /// Tenfold alone.
    Own {
        #[command(flatten)]
        run: Run,
        /// Every case once, only to see that it runs and that its loss is right.
        #[arg(long)]
        short: bool,
    },
    /// The table of figures that were written with `--json`.
    Table {
        /// Files of JSON lines; of equal rows the last counts.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where the table goes as Markdown.
        #[arg(long)]
        markdown: Option<PathBuf>,
        /// Where the picture goes.
        #[arg(long)]
        picture: Option<PathBuf>,
    },
    /// What this machine can do at best.
    Limits {
        /// Threads at once.
        #[arg(long, default_value_t = 2)]
        threads: usize,
    },
    /// Tenfold's program for one workload: what the other commands start.
    #[command(hide = true)]
    Serve {
        workload: String,
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        threads: usize,
        #[arg(long)]
        least: f64,
    },
}

#[derive(Args, Debug)]
struct Run {
    /// Workloads, such as W1,W6; all of them if none is named.
    #[arg(long, value_delimiter = ',')]
    workloads: Vec<String>,
    /// Threads for everyone.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// How often each case is measured.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds that one measurement takes at least.
    #[arg(long, default_value_t = 0.1)]
    least: f64,
    /// One line for each figure is added to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    match Program::parse().command {
        Command::Peers { run, which, markdown, picture } => {
            let (found, missing) = which.find();
            for text in missing {
                println!("{text}");
            }
            let all = [vec![tenfold()?], found].concat();
            let (rows, limits) = measure(&run, &all)?;
            finish(&rows, &[limits], markdown, picture)
        }
        Command::Own { mut run, short } => {
            if short {
                (run.rounds, run.least) = (1, 0.0);
            }
            let (rows, _) = measure(&run, &[tenfold()?])?;
            match rows.iter().find(|row| !row.agrees()) {
                Some(row) => Err(format!("{} {} {}: wrong loss", row.workload, row.variant, row.mode).into()),
                None => Ok(()),
            }
        }
        Command::Table { files, markdown, picture } => {
            let (rows, limits) = report::read(&files)?;
            print!("{}", report::text(&report::groups(&rows), &limits));
            finish(&rows, &limits, markdown, picture)
        }
        Command::Limits { threads } => {
            println!("{}", limits::measure(threads).json());
            Ok(())
        }
        Command::Serve { workload, data, threads: _, least } => match workload.as_str() {
            "W13" => {
                let (mode, loss) = workloads::process(&data)?;
                println!("{}", json!({ "mode": mode, "loss": loss, "peak_mb": session::peak_memory() }));
                Ok(())
            }
            _ => harness::serve(workloads::cases(&workload, &data)?, least),
        },
    }
}

/// This very program, as one of the frameworks.
fn tenfold() -> Result<Framework, Box<dyn Error>> {
    Ok(Framework { name: "tenfold", command: vec![std::env::current_exe()?, "serve".into()] })
}

/// Measures and prints, workload by workload.
fn measure(run: &Run, frameworks: &[Framework]) -> Result<(Vec<Row>, Limits), Box<dyn Error>> {
    let folder = session::folder()?;
    weights::write(&folder)?;
    let &Run { threads, rounds, least, .. } = run;
    let options = Options { threads, rounds, least, folder };
    let names = workloads::HERE.map(str::to_owned);
    let wanted = if run.workloads.is_empty() { names.as_slice() } else { run.workloads.as_slice() };
    if let Some(unknown) = wanted.iter().find(|w| !names.contains(w)) {
        let absent = "W11 (data pipelines) and W12 (models from files) need what Tenfold does not have yet";
        return Err(
            format!("there is no workload `{unknown}`; there are {}. {absent}.", names.join(", ")).into()
        );
    }
    // Measured before each workload: a busy neighbour makes a limit too low, nothing makes it too high.
    let mut limits = Limits { threads, ..Limits::default() };
    let mut all = Vec::new();
    for workload in wanted {
        if least > 0.0 {
            limits = limits.best(&limits::measure(threads));
            let Limits { f32, f64, memory, l2, .. } = limits;
            println!(
                "limits, {threads} thread(s): f32 {f32:.0} GFLOP/s, f64 {f64:.0} GFLOP/s, memory {memory:.0} GB/s, L2 {l2:.0} GB/s"
            );
        }
        let (rows, complaints) = session::run(workload, frameworks, &options)?;
        print!("{}", report::text(&report::groups(&rows), &[limits]));
        for complaint in complaints {
            println!("    left out: {complaint}");
        }
        if let Some(path) = &run.json {
            // At once: a run that is stopped keeps what it has.
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
            for line in rows.iter().map(Row::json).chain([limits.json()]) {
                writeln!(file, "{line}")?;
            }
        }
        all.extend(rows);
    }
    Ok((all, limits))
}

fn finish(
    rows: &[Row],
    limits: &[Limits],
    markdown: Option<PathBuf>,
    picture: Option<PathBuf>,
) -> Result<(), Box<dyn Error>> {
    let groups = report::groups(rows);
    let folder = session::folder()?;
    let markdown = markdown.unwrap_or_else(|| folder.join("peers.md"));
    std::fs::write(&markdown, report::markdown(&groups, limits))?;
    let picture = picture.unwrap_or_else(|| folder.join("peers.png"));
    picture::draw(&picture, &groups)?;
    println!("the table is in {}, the picture in {}", markdown.display(), picture.display());
    Ok(())
}
