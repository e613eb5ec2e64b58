//! The number behind ten words: 106 random bits, and four of checksum.

use ring::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::{CHECKSUM_BITS, CHECKSUM_LABEL, NUMBER_LEN, WORDS};
use crate::{
    random::Entropy,
    secret::{Secret, SecretKey},
    words::BITS_PER_WORD,
};

const CHECKSUM: u128 = (1 << CHECKSUM_BITS) - 1;
const INDEX: u128 = (1 << BITS_PER_WORD) - 1;

/// Ten indices into a word list, the first word first.
pub(super) type Indices = Zeroizing<[u16; WORDS]>;

/// A number below 2^106.
pub(super) struct Number(Secret<u128>);

impl Number {
    pub(super) fn random(entropy: &dyn Entropy) -> Self {
        let bytes = SecretKey::<16>::filled(|bytes| {
            entropy.fill(&mut bytes[16 - NUMBER_LEN..]);
            bytes[16 - NUMBER_LEN] &= 0b11;
        });
        Self(Secret::new(u128::from_be_bytes(*bytes.expose())))
    }

    /// The number that these words stand for, if the checksum is that of the number.
    pub(super) fn from_indices(indices: &Indices) -> Option<Self> {
        let mut bits = Zeroizing::new(0_u128);
        for index in indices.iter() {
            *bits = (*bits << BITS_PER_WORD) | u128::from(*index);
        }
        let number = Self(Secret::new(*bits >> CHECKSUM_BITS));
        (u128::from(number.checksum()) == *bits & CHECKSUM).then_some(number)
    }

    /// The words of this number.
    pub(super) fn to_indices(&self) -> Indices {
        let mut bits =
            Zeroizing::new((self.0.expose() << CHECKSUM_BITS) | u128::from(self.checksum()));
        let mut indices = Indices::default();
        for index in indices.iter_mut().rev() {
            *index = (*bits & INDEX) as u16;
            *bits >>= BITS_PER_WORD;
        }
        indices
    }

    /// Fourteen bytes, big-endian; the highest six bits are zero.
    pub(super) fn to_bytes(&self) -> SecretKey<NUMBER_LEN> {
        let wide = Zeroizing::new(self.0.expose().to_be_bytes());
        SecretKey::filled(|bytes| bytes.copy_from_slice(&wide[16 - NUMBER_LEN..]))
    }

    /// The highest four bits of a SHA-256.
    fn checksum(&self) -> u8 {
        let mut context = Context::new(&SHA256);
        context.update(CHECKSUM_LABEL);
        context.update(self.to_bytes().expose());
        let digest = context.finish();
        digest.as_ref().first().map_or(0, |byte| byte >> (8 - CHECKSUM_BITS))
    }
}

#[cfg(test)]
impl Number {
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: u128 = (1 << 106) - 1;

    fn number(value: u128) -> Number {
        Number(Secret::new(value))
    }

    struct Ones;

    impl Entropy for Ones {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0xff);
        }
    }

    #[test]
    fn a_random_number_has_106_bits() {
        assert!(*Number::random(&Ones).0.expose() == MAX);
    }

    #[test]
    fn no_other_checksum_is_taken() {
        for value in [0, 1, MAX] {
            let indices = number(value).to_indices();
            for flipped in 1..16 {
                let mut other = indices.clone();
                other[9] ^= flipped;
                assert!(Number::from_indices(&other).is_none());
            }
        }
    }

    proptest! {
        #[test]
        fn words_give_their_number_back(value in 0..=MAX) {
            let indices = number(value).to_indices();
            prop_assert!(indices.iter().all(|index| *index < 2_048));
            prop_assert!(Number::from_indices(&indices).unwrap().is(&number(value)));
        }

        #[test]
        fn the_first_bit_is_the_first_words_highest(bit in 0_u32..106) {
            let indices = number(1 << bit).to_indices();
            let from_the_end = bit + CHECKSUM_BITS;
            let word = 9 - usize::try_from(from_the_end / BITS_PER_WORD).unwrap();
            prop_assert_eq!(indices[word] >> (from_the_end % BITS_PER_WORD) & 1, 1);
        }
    }
}
