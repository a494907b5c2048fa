//! Processes that take turns: one for each framework, all warm, asked for one measurement after another.

use crate::figures::{Figure, figures};
use crate::report::Row;
use serde_json::Value;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A framework and how its program is started; the program takes the workload and [`Options`] as arguments.
#[derive(Clone, Debug)]
pub struct Framework {
    /// `tenfold`, `jax`, ..
    pub name: &'static str,
    /// Program and first arguments.
    pub command: Vec<PathBuf>,
}

/// How a session is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads for everyone.
    pub threads: usize,
    /// How often each case is measured.
    pub rounds: usize,
    /// Seconds that a measurement takes at least.
    pub least: f64,
    /// Where the weights are, and the programs' complaints go.
    pub folder: PathBuf,
}

/// A pause before another process is measured, so that threads of the last one that wait by spinning have gone to sleep.
const PAUSE: Duration = Duration::from_millis(30);

fn pause(options: &Options) {
    if options.least > 0.0 {
        std::thread::sleep(PAUSE);
    }
}

/// A program that has warmed up and waits.
struct Player<'a> {
    of: &'a Framework,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    cases: Vec<(String, String, Option<f64>)>,
    gone: bool,
}

impl Framework {
    fn command(&self, workload: &str, options: &Options) -> Result<Command, Box<dyn Error>> {
        let mut words = self.command.clone();
        if options.threads == 1 && cfg!(target_os = "linux") {
            // Several frameworks have threads that no option bounds.
            let last = std::thread::available_parallelism()?.get() - 1;
            words.splice(0..0, ["taskset".into(), "-c".into(), last.to_string().into()]);
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg(workload);
        command.arg("--data").arg(&options.folder);
        command.arg("--threads").arg(options.threads.to_string());
        command.arg("--least").arg(options.least.to_string());
        let threads = ["TENFOLD_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"];
        let threads = threads.into_iter().chain(["OPENBLAS_NUM_THREADS", "MATMUL_NUM_THREADS"]);
        command.envs(threads.map(|name| (name, options.threads.to_string())));
        command.envs([("TF_CPP_MIN_LOG_LEVEL", "3"), ("CUDA_VISIBLE_DEVICES", ""), ("JAX_PLATFORMS", "cpu")]);
        let log = self.log(workload, options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(log)?);
        Ok(command)
    }
    fn log(&self, workload: &str, options: &Options) -> PathBuf {
        options.folder.join(format!("{}-{workload}.log", self.name))
    }
    /// The last words of a program that ended before its time.
    fn complaint(&self, workload: &str, options: &Options) -> String {
        let text = std::fs::read_to_string(self.log(workload, options)).unwrap_or_default();
        let last =
            text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it ended without a word");
        format!("{}: {}", self.name, last.trim())
    }
    fn start(&self, workload: &str, options: &Options) -> Result<Player<'_>, Box<dyn Error>> {
        let mut child = self.command(workload, options)?.spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = (input.ok_or("no standard input")?, output.ok_or("no standard output")?);
        let mut player =
            Player { of: self, child, input, output: BufReader::new(output), cases: Vec::new(), gone: false };
        loop {
            let line = player.line()?;
            if line.get("ready").is_some() {
                return Ok(player);
            }
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            player.cases.push((text("variant"), text("mode"), line["loss"].as_f64()));
        }
    }
}

impl Player<'_> {
    /// The next line that is an object; a library may print what it likes between.
    fn line(&mut self) -> Result<Value, Box<dyn Error>> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line)? == 0 {
                self.child.wait()?;
                return Err("the program ended".into());
            }
            if let Ok(value @ Value::Object(_)) = serde_json::from_str(&line) {
                return Ok(value);
            }
        }
    }
    fn measure(&mut self, case: usize) -> Result<f64, Box<dyn Error>> {
        writeln!(self.input, "{case}")?;
        self.input.flush()?;
        Ok(self.line()?["seconds"].as_f64().ok_or("no seconds in the answer")?)
    }
    /// Closes the input, at which the program ends.
    fn end(self) {
        let Player { mut child, input, .. } = self;
        drop(input);
        let _ = child.wait();
    }
}

/// Runs one workload in all frameworks, in turns; what went wrong stands in the second list.
///
/// # Errors
///
/// If a program cannot be started at all.
pub fn run(
    workload: &str,
    frameworks: &[Framework],
    options: &Options,
) -> Result<(Vec<Row>, Vec<String>), Box<dyn Error>> {
    if workload == "W13" {
        return processes(frameworks, options);
    }
    let mut complaints = Vec::new();
    let mut players = Vec::new();
    for framework in frameworks {
        match framework.start(workload, options) {
            Ok(player) => players.push(player),
            Err(_) => complaints.push(framework.complaint(workload, options)),
        }
    }
    let mut rows = Vec::new();
    for figure in figures().into_iter().filter(|f| f.workload == workload) {
        let mut places = Vec::new();
        for (p, player) in players.iter().enumerate() {
            for (c, (_, mode, loss)) in player.cases.iter().enumerate().filter(|(_, c)| c.0 == figure.variant)
            {
                rows.push(Row::new(&figure, player.of.name, mode, *loss, options.threads));
                places.push((p, c, rows.len() - 1));
            }
        }
        for round in 0..options.rounds {
            // Nobody is always the first after a pause.
            let shift = round * places.len() / options.rounds.max(1);
            places.rotate_left(shift);
            for &(p, c, row) in &places {
                let player = &mut players[p];
                if player.gone {
                    continue;
                }
                pause(options);
                match player.measure(c) {
                    Ok(seconds) => rows[row].values.push(figure.value(seconds)),
                    Err(_) => {
                        player.gone = true;
                        complaints.push(player.of.complaint(workload, options));
                    }
                }
            }
            places.rotate_right(shift);
        }
    }
    players.into_iter().for_each(Player::end);
    rows.retain(|row| !row.values.is_empty());
    Ok((rows, complaints))
}

/// W13: whole processes, start to end. The child says its loss and, at its end, the most memory that it had.
fn processes(frameworks: &[Framework], options: &Options) -> Result<(Vec<Row>, Vec<String>), Box<dyn Error>> {
    let figure = |variant| crate::figures::find("W13", variant).ok_or("W13 is not in the table");
    let figures: [Figure; 2] = [figure("wall")?, figure("peak_memory")?];
    let mut rows: Vec<[Row; 2]> = Vec::new();
    let mut complaints = Vec::new();
    for round in 0..options.rounds {
        for framework in frameworks {
            pause(options);
            let started = Instant::now();
            let output = framework.command("W13", options)?.stdin(Stdio::null()).output()?;
            let wall = started.elapsed().as_secs_f64();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let said = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let Some(said) = said.into_iter().find(|v| v.get("peak_mb").is_some()) else {
                if round == 0 && !output.status.success() {
                    complaints.push(framework.complaint("W13", options));
                }
                continue;
            };
            let (loss, mode) = (said["loss"].as_f64(), said["mode"].as_str().unwrap_or_default());
            let known = rows.iter().position(|r| r[0].framework == framework.name);
            let at = known.unwrap_or_else(|| {
                rows.push(figures.map(|f| Row::new(&f, framework.name, mode, loss, options.threads)));
                rows.len() - 1
            });
            rows[at][0].values.push(figures[0].value(wall));
            rows[at][1].values.push(figures[1].value(said["peak_mb"].as_f64().unwrap_or(f64::NAN)));
        }
    }
    let (wall, memory): (Vec<Row>, Vec<Row>) = rows.into_iter().map(<(Row, Row)>::from).unzip();
    Ok((wall.into_iter().chain(memory).collect(), complaints))
}

/// The most memory that this process had so far, in MB, where the system says it.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// The folder for weights and logs: `benches` in the folder that this program was built into.
///
/// # Errors
///
/// If the program does not know where it is.
pub fn folder() -> Result<PathBuf, Box<dyn Error>> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).unwrap_or(Path::new("."));
    Ok(target.join("benches"))
}
