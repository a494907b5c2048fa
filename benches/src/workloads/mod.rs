//! Tenfold's programs, written from the facade as its users write theirs. Each builds what it needs, runs five steps where there is a
//! loss, and hands out cases.

mod attention;
mod calls;
mod cnn;
mod eager;
mod elementwise;
mod first_call;
mod gan;
mod mlp;
mod model;
mod products;
mod recurrent;

use crate::harness::Case;
use crate::weights;
use std::collections::HashMap;
use std::path::Path;
use tenfold as tf;
use tf::{Tensor, Variable};

/// The arrays that everyone starts from, by name.
pub struct Arrays(HashMap<String, Tensor>);

impl Arrays {
    /// Reads a file that [`crate::weights::write`] wrote.
    ///
    /// # Errors
    ///
    /// If it is not there or not such a file.
    pub fn read(file: &Path) -> Result<Arrays, Box<dyn std::error::Error>> {
        let bytes = std::fs::read(file)?;
        let file = safetensors::SafeTensors::deserialize(&bytes)?;
        let mut arrays = HashMap::new();
        for (name, view) in file.tensors() {
            let words = view.data().as_chunks::<4>().0.iter();
            let tensor = match view.dtype() {
                safetensors::Dtype::F32 => {
                    Tensor::from_vec(words.map(|w| f32::from_le_bytes(*w)).collect(), view.shape())
                }
                _ => Tensor::from_vec(words.map(|w| i32::from_le_bytes(*w)).collect(), view.shape()),
            };
            arrays.insert(name, tensor?);
        }
        Ok(Arrays(arrays))
    }
    /// An input.
    ///
    /// # Panics
    ///
    /// If there is no such array.
    pub fn tensor(&self, name: &str) -> Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("the weights have no `{name}`")).clone()
    }
    /// A fresh variable that begins as this array.
    pub fn variable(&self, name: &str) -> Variable {
        Variable::named(name, self.tensor(name))
    }
}

/// The workloads that Tenfold has a program for.
pub const HERE: [&str; 11] = ["W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "W9", "W10", "W13"];

/// The cases of one workload; `folder` is where [`crate::weights::write`] wrote.
///
/// # Errors
///
/// If the weights are not there, or an op fails.
pub fn cases(workload: &str, folder: &Path) -> Result<Vec<Case>, Box<dyn std::error::Error>> {
    let arrays = Arrays::read(&folder.join(weights::ALL))?;
    Ok(tf::catch(|| match workload {
        "W1" => eager::cases(),
        "W2" => calls::cases(),
        "W3" => first_call::cases(),
        "W4" => elementwise::cases(),
        "W5" => products::cases(),
        "W6" => mlp::cases(&arrays),
        "W7" => cnn::cases(&arrays),
        "W8" => gan::cases(&arrays),
        "W9" => attention::cases(&arrays),
        "W10" => recurrent::cases(&arrays),
        _ => Ok(Vec::new()),
    })??)
}

/// W13, a whole process: 100 pairs of W8. Gives the mode and the last loss.
///
/// # Errors
///
/// If the weights are not there, or an op fails.
pub fn process(folder: &Path) -> Result<(&'static str, f32), Box<dyn std::error::Error>> {
    let arrays = Arrays::read(&folder.join(weights::GAN))?;
    Ok(tf::catch(|| gan::process(&arrays))??)
}

/// The fifth loss of `step`.
fn fifth(mut step: impl FnMut() -> Tensor) -> tf::Result<f32> {
    for _ in 0..4 {
        step();
    }
    step().item()
}
