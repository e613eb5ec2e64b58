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

/// `N` fresh random bytes that are no secret, such as an id or a nonce.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}
