//! The weights and inputs that every framework starts from, in one file that all of them read.
//!
//! They are the numbers of `numpy.random.RandomState(0)`, made here again, so that losses can be compared with those of programs that
//! never saw this file: the Mersenne twister is Matsumoto and Nishimura's (1998), normal numbers are Marsaglia's polar method (1964).

use safetensors::tensor::{Dtype, TensorView};
use std::error::Error;
use std::path::Path;

/// The words of the twister's state, and the distance that it mixes over.
const WORDS: usize = 624;
const DISTANCE: usize = 397;

/// `numpy.random.RandomState`.
struct RandomState {
    state: [u32; WORDS],
    next: usize,
    spare: Option<f64>,
}

impl RandomState {
    fn new(seed: u32) -> RandomState {
        let mut state = [seed; WORDS];
        for i in 1..WORDS {
            let last = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        RandomState { state, next: WORDS, spare: None }
    }

    fn bits(&mut self) -> u32 {
        if self.next == WORDS {
            for i in 0..WORDS {
                let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % WORDS] & 0x7fff_ffff);
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + DISTANCE) % WORDS] ^ (y >> 1) ^ odd;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// `rand()`: 53 bits.
    fn uniform(&mut self) -> f64 {
        let (high, low) = (self.bits() >> 5, self.bits() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// `randn()`.
    fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(scale * x);
                return scale * y;
            }
        }
    }

    /// `randint(0, 10)`.
    fn digit(&mut self) -> i32 {
        loop {
            let masked = self.bits() & 15;
            if masked < 10 {
                return masked as i32;
            }
        }
    }
}

/// The values of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Weights and inputs.
    F32(Vec<f32>),
    /// Labels.
    I32(Vec<i32>),
}

/// An array with its name, such as `w6.w1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The workload, a point, and what it is.
    pub name: String,
    /// Row-major.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub values: Values,
}

/// All arrays, in the order in which the generator fills them.
struct Filling {
    random: RandomState,
    arrays: Vec<Array>,
}

impl Filling {
    fn push(&mut self, name: &str, shape: &[usize], mut value: impl FnMut(&mut RandomState) -> f64) {
        let values = (0..shape.iter().product()).map(|_| value(&mut self.random) as f32).collect();
        self.arrays.push(Array { name: name.to_owned(), shape: shape.to_vec(), values: Values::F32(values) });
    }
    /// Normal numbers with variance 1 / fan-in.
    fn weight(&mut self, name: &str, shape: &[usize]) {
        let fan_in: usize = shape[..shape.len() - 1].iter().product();
        let scale = 1.0 / (fan_in as f64).sqrt();
        self.push(name, shape, |r| r.normal() * scale);
    }
    fn fill(&mut self, name: &str, size: usize, value: f64) {
        self.push(name, &[size], |_| value);
    }
    fn normal(&mut self, name: &str, shape: &[usize]) {
        self.push(name, shape, RandomState::normal);
    }
    fn digits(&mut self, name: &str, size: usize) {
        let values = (0..size).map(|_| self.random.digit()).collect();
        self.arrays.push(Array { name: name.to_owned(), shape: vec![size], values: Values::I32(values) });
    }
    /// Kernels and biases of layers: a weight of each shape, and zeros for its last axis.
    fn layers(&mut self, layers: &[(&str, &str, &[usize])]) {
        for (kernel, bias, shape) in layers {
            self.weight(kernel, shape);
            self.fill(bias, shape[shape.len() - 1], 0.0);
        }
    }
}

/// Everything that the workloads start from. Filters are `[height, width, in, out]`, images are channels last, gates are i, f, g, o.
pub fn arrays() -> Vec<Array> {
    let mut f = Filling { random: RandomState::new(0), arrays: Vec::new() };
    f.layers(&[
        ("w6.w1", "w6.b1", &[784, 512]),
        ("w6.w2", "w6.b2", &[512, 512]),
        ("w6.w3", "w6.b3", &[512, 10]),
    ]);
    for batch in [32, 512] {
        f.push(&format!("w6.x{batch}"), &[batch, 784], RandomState::uniform);
        f.digits(&format!("w6.y{batch}"), batch);
    }
    f.layers(&[
        ("w7.c1", "w7.cb1", &[3, 3, 1, 32]),
        ("w7.c2", "w7.cb2", &[3, 3, 32, 64]),
        ("w7.d1", "w7.db1", &[9216, 128]),
        ("w7.d2", "w7.db2", &[128, 10]),
    ]);
    f.push("w7.x", &[64, 28, 28, 1], RandomState::uniform);
    f.digits("w7.y", 64);
    f.normal("w7.cx", &[8, 56, 56, 64]);
    f.weight("w7.cw", &[3, 3, 64, 64]);
    f.layers(&[
        ("w8.g1", "w8.gb1", &[100, 64]),
        ("w8.g2", "w8.gb2", &[64, 64]),
        ("w8.g3", "w8.gb3", &[64, 1]),
        ("w8.d1", "w8.db1", &[1, 32]),
        ("w8.d2", "w8.db2", &[32, 1]),
    ]);
    f.push("w8.real", &[32, 1], |r| r.normal() * 0.5 + 2.0);
    f.normal("w8.z", &[32, 100]);
    f.layers(&[
        ("w9.wq", "w9.bq", &[256, 256]),
        ("w9.wk", "w9.bk", &[256, 256]),
        ("w9.wv", "w9.bv", &[256, 256]),
        ("w9.wo", "w9.bo", &[256, 256]),
        ("w9.f1", "w9.fb1", &[256, 1024]),
        ("w9.f2", "w9.fb2", &[1024, 256]),
    ]);
    for norm in ["w9.ln1", "w9.ln2"] {
        f.fill(&format!("{norm}g"), 256, 1.0);
        f.fill(&format!("{norm}b"), 256, 0.0);
    }
    f.normal("w9.x", &[8, 128, 256]);
    f.weight("w10.wx", &[128, 512]);
    f.weight("w10.wh", &[128, 512]);
    f.fill("w10.b", 512, 0.0);
    f.weight("w10.rx", &[128, 128]);
    f.weight("w10.rh", &[128, 128]);
    f.fill("w10.rb", 128, 0.0);
    f.normal("w10.x", &[64, 32, 128]);
    f.arrays
}

/// What the file of all arrays, and the small one with the arrays of W8 alone, are called.
pub const ALL: &str = "all.safetensors";
/// See [`ALL`].
pub const GAN: &str = "gan.safetensors";

/// Writes [`ALL`] and [`GAN`] into `folder`.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write(folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let arrays = arrays();
    let gan: Vec<Array> = arrays.iter().filter(|a| a.name.starts_with("w8.")).cloned().collect();
    save(&folder.join(ALL), &arrays)?;
    save(&folder.join(GAN), &gan)
}

fn save(path: &Path, arrays: &[Array]) -> Result<(), Box<dyn Error>> {
    let bytes = |values: &Values| -> (Dtype, Vec<u8>) {
        match values {
            Values::F32(v) => (Dtype::F32, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Values::I32(v) => (Dtype::I32, v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        }
    };
    let data: Vec<(Dtype, Vec<u8>)> = arrays.iter().map(|a| bytes(&a.values)).collect();
    let views = arrays
        .iter()
        .zip(&data)
        .map(|(a, (dtype, data))| Ok((&a.name, TensorView::new(*dtype, a.shape.clone(), data)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    // Another session may read the file while this one writes it.
    let unfinished = path.with_extension(std::process::id().to_string());
    safetensors::serialize_to_file(views, None, &unfinished)?;
    Ok(std::fs::rename(unfinished, path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_numpys() {
        // numpy 2.4.6: r = RandomState(0); r.randn(3), r.randint(0, 10, 5), r.rand(1), r.randn(1)
        let mut r = RandomState::new(0);
        let normal: Vec<f64> = (0..3).map(|_| r.normal()).collect();
        let digits: Vec<i32> = (0..5).map(|_| r.digit()).collect();
        let (uniform, spare) = (r.uniform(), r.normal());
        assert_eq!(normal, [1.764052345967664, 0.4001572083672233, 0.9787379841057392]);
        assert_eq!(digits, [9, 3, 5, 2, 4]);
        assert_eq!((uniform, spare), (0.2975346065444723, 2.240893199201458));
    }
}
