//! Which instruction set the kernels run on, found once.

use std::sync::OnceLock;

/// An instruction set that kernels are compiled for. Every kernel gives the same bits on all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    /// AVX-512 F with FMA: 512-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with FMA: 256-bit vectors.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What the compiler makes of plain Rust for the target.
    Portable,
}

impl Isa {
    /// The widest instruction set of this machine.
    pub(crate) fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Isa::available()[0])
    }

    /// The instruction sets of this machine, widest first; `Portable` is always the last.
    pub(crate) fn available() -> Vec<Isa> {
        let mut found = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            if is_x86_feature_detected!("avx512f") {
                found.push(Isa::Avx512);
            }
            found.push(Isa::Avx2);
        }
        found.push(Isa::Portable);
        found
    }
}
