//! Randomness as a parameter.

use ring::rand::{SecureRandom, SystemRandom};

/// A source of unpredictable bytes. Everything random in Sealpost is asked of one of these, so
/// that a test can say what it will be.
pub trait Entropy: Send + Sync {
    /// Fills `out`.
    ///
    /// # Panics
    /// When the operating system has no randomness to give: nothing safe can be done then.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's generator, by way of ring.
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// The generator of this machine. Programs make one and hand it on.
    #[expect(clippy::disallowed_methods, reason = "the one place where randomness comes from")]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "without randomness no tip may be sealed")]
    fn fill(&self, out: &mut [u8]) {
        self.0.fill(out).expect("the operating system's random generator works");
    }
}

/// Puts `list` in random order, each order as likely as any other (Fisher and Yates).
pub fn shuffle<T>(entropy: &dyn Entropy, list: &mut [T]) {
    for last in (1..list.len()).rev() {
        let other = below(entropy, last as u64 + 1);
        // it is at most `last`
        list.swap(last, usize::try_from(other).unwrap_or(last));
    }
}

/// A random number below `bound`, which is not zero, each as likely as any other.
fn below(entropy: &dyn Entropy, bound: u64) -> u64 {
    // the highest multiple of `bound`: above it, the low numbers would come once too often
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        let number = u64::from_be_bytes(bytes(entropy));
        if number < limit {
            return number % bound;
        }
    }
}

/// `N` fresh random bytes that are no secret, such as an id or a nonce.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_order_is_as_likely_as_any_other() {
        const ROUNDS: u32 = 24_000;
        let entropy = SystemEntropy::new();
        let mut seen: BTreeMap<[u8; 4], u32> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let mut list = [0, 1, 2, 3];
            shuffle(&entropy, &mut list);
            *seen.entry(list).or_default() += 1;
        }
        assert_eq!(seen.len(), 24);
        // 1,000 each are expected, with a deviation of 31
        assert!(seen.values().all(|count| (1_000 - 190..1_000 + 190).contains(count)), "{seen:?}");
        shuffle::<u8>(&entropy, &mut []);
    }
}
