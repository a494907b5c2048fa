//! Which peers are installed, and what to do about those that are not.

use crate::session::Framework;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Which peers to ask, and where they are.
#[derive(Args, Debug)]
pub struct Which {
    /// Peers, such as jax,torch; all that are found if none is named.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// The Python that has the peers. TF_PYTHON, JAX_PYTHON and TORCH_PYTHON name others for one of them.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
}

/// A peer that is a Python module: its name, its module, the variables that may name its interpreter, what to install.
const MODULES: [(&str, &str, &[&str], &str); 3] = [
    ("tensorflow", "tensorflow", &["TF_PYTHON"], "tensorflow-cpu==2.21.0"),
    ("jax", "jax", &["JAX_PYTHON", "TF_PYTHON"], "jax==0.10.2 optax==0.2.8"),
    ("torch", "torch", &["TORCH_PYTHON"], "torch==2.15.0"),
];

/// Peers that are crates, in workspaces of their own.
const CRATES: [&str; 3] = ["candle", "burn", "gemm"];

impl Which {
    /// The peers that are there, and a sentence about each that is not.
    pub fn find(&self) -> (Vec<Framework>, Vec<String>) {
        let wanted = |name: &str| self.peers.is_empty() || self.peers.iter().any(|p| p == name);
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for (name, module, variables, packages) in MODULES.into_iter().filter(|m| wanted(m.0)) {
            let given = variables.iter().find_map(std::env::var_os).map(PathBuf::from);
            let python = given.unwrap_or_else(|| self.python.clone());
            if has_module(&python, module) {
                found.push(Framework { name, command: vec![python, here.join(format!("bench_{name}.py"))] });
            } else {
                let python = python.display();
                missing.push(format!(
                    "{name} is not there: `{python}` does not import {module}. Install it with `{python} -m pip install \
                     {packages}`, or name another Python with --python or {}.",
                    variables[0]
                ));
            }
        }
        for name in CRATES.into_iter().filter(|name| wanted(name)) {
            let manifest = here.join(name).join("Cargo.toml");
            let target = crate::session::folder().map(|f| f.join("peers")).unwrap_or_default();
            let program =
                target.join("release").join(format!("bench-{name}{}", std::env::consts::EXE_SUFFIX));
            if program.exists() {
                found.push(Framework { name, command: vec![program] });
            } else {
                missing.push(format!(
                    "{name} is not built. Build it with `RUSTFLAGS='-C target-cpu=native' cargo build --release \
                     --manifest-path {} --target-dir {}`.",
                    manifest.display(),
                    target.display()
                ));
            }
        }
        let known = |name: &&String| MODULES.iter().any(|m| m.0 == *name) || CRATES.contains(&name.as_str());
        missing.extend(self.peers.iter().filter(|p| !known(p)).map(|p| format!("there is no peer `{p}`")));
        (found, missing)
    }
}

fn has_module(python: &Path, module: &str) -> bool {
    let program = format!("import importlib.util as u, sys; sys.exit(u.find_spec('{module}') is None)");
    let status =
        Command::new(python).args(["-c", &program]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
