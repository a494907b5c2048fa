//! The static memory plan: where in one arena each value of a concrete graph lies, so that values whose lives do not
//! overlap share memory.

/// One value that needs memory: its size, and the first and last step that touch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Bytes.
    pub bytes: usize,
    /// The step that writes it.
    pub from: usize,
    /// The last step that reads it.
    pub to: usize,
}

/// Every block begins at a multiple of this.
pub const ALIGN: usize = 64;

/// The offset of each value, and the size of the arena.
///
/// Largest first, each at the lowest offset where no value that lives at the same time is in the way (the greedy-by-size
/// method of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
pub fn plan(lives: &[Life]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..lives.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(lives[*i].bytes), lives[*i].from, *i));
    let mut offsets = vec![0; lives.len()];
    let mut placed: Vec<usize> = vec![];
    let mut size = 0;
    for i in order {
        let life = lives[i];
        let bytes = life.bytes.next_multiple_of(ALIGN);
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|j| lives[**j].from <= life.to && life.from <= lives[**j].to)
            .map(|j| (offsets[*j], offsets[*j] + lives[*j].bytes.next_multiple_of(ALIGN)))
            .collect();
        taken.sort_unstable();
        let mut at = 0;
        for (from, to) in taken {
            if at + bytes <= from {
                break;
            }
            at = at.max(to);
        }
        offsets[i] = at;
        size = size.max(at + bytes);
        placed.push(i);
    }
    (offsets, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_that_overlap_do_not_share() {
        // A small generator is enough to make many shapes of lives.
        let mut seed = 7u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % n
        };
        let lives: Vec<Life> = (0..200)
            .map(|_| {
                let from = next(60) as usize;
                Life { bytes: next(5000) as usize, from, to: from + next(12) as usize }
            })
            .collect();
        let (offsets, size) = plan(&lives);
        for (i, a) in lives.iter().enumerate() {
            assert!(offsets[i] % ALIGN == 0 && offsets[i] + a.bytes <= size);
            for (j, b) in lives.iter().enumerate().skip(i + 1) {
                let together = a.from <= b.to && b.from <= a.to;
                let apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
                assert!(!together || apart || a.bytes == 0 || b.bytes == 0, "{a:?} {b:?}");
            }
        }
        let alive_at_once = (0..80)
            .map(|t| {
                lives
                    .iter()
                    .filter(|l| l.from <= t && t <= l.to)
                    .map(|l| l.bytes.next_multiple_of(ALIGN))
                    .sum()
            })
            .max()
            .unwrap_or(0usize);
        assert!(size < 2 * alive_at_once, "{size} for {alive_at_once}");
    }
}
