//! A recipient's text: Bech32 (BIP 173) of exactly one length, read fast, because a publication
//! holds thousands of them and each is read whenever it comes in.
//!
//! ```text
//! age1pq 1  1,946 characters of data                     6 of checksum
//!           └ 1,216 bytes, 5 bits a character, 2 bits over: zero
//! ```
//!
//! The checksum is a remainder of polynomials over GF(32). Its state is 30 bits, six characters,
//! and stepping it is linear: what some characters make of a state is the exclusive or of what they
//! make of each of its six, which a table holds. So it goes six characters at a time, and through
//! both halves of the data at once.

use super::{PREFIX, PUBLIC_KEY_LEN, RECIPIENT_TEXT_LEN};

/// BIP 173, "Bech32": the character of each value.
const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// BIP 173, "Checksum": what each of the state's top five bits adds.
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
/// What stands before the data, with the separator.
const BEFORE: usize = PREFIX.len() + 1;
/// Data and checksum.
const SYMBOLS: usize = RECIPIENT_TEXT_LEN - BEFORE;
const CHECKSUM: usize = 6;
const HALF: usize = SYMBOLS / 2;
/// Characters that fill whole bytes: eight for five bytes. Two more stand for the last byte.
const WHOLE: usize = PUBLIC_KEY_LEN / 5 * 8;

/// In the place of a character that is none of the alphabet's.
const FOREIGN: u8 = 0xff;

static VALUE: [u8; 256] = values();
static SIX_ON: Steps = six_on();
static HALF_ON: Steps = half_on();

/// For each of the six places in a state, and each value there, what some zeros make of it.
type Steps = [[u32; 32]; 6];

/// The state when the prefix has gone through.
const AFTER_PREFIX: u32 = after_prefix();

/// The bytes of which `text` is the one text; none for any other.
pub(super) fn decode(text: &str) -> Option<[u8; PUBLIC_KEY_LEN]> {
    let data = text.strip_prefix(PREFIX)?.strip_prefix('1')?;
    let data: &[u8; SYMBOLS] = data.as_bytes().try_into().ok()?;
    let mut symbols = [0; SYMBOLS];
    let mut all = 0;
    for (symbol, character) in symbols.iter_mut().zip(data) {
        *symbol = VALUE[usize::from(*character)];
        all |= *symbol;
    }
    // a value has five bits
    if all > 31 || checksum(&symbols) != 1 {
        return None;
    }
    bytes(&symbols)
}

fn checksum(symbols: &[u8; SYMBOLS]) -> u32 {
    let (first, second) = symbols.split_at(HALF);
    let [(first, first_rest), (second, second_rest)] = [first, second].map(<[u8]>::as_chunks::<6>);
    let (mut high, mut low) = (AFTER_PREFIX, 0);
    // two states that do not wait for each other
    for (first, second) in first.iter().zip(second) {
        high = six(high, first);
        low = six(low, second);
    }
    let one = |state, symbol: &u8| step(state, *symbol);
    high = first_rest.iter().fold(high, one);
    low = second_rest.iter().fold(low, one);
    zeros(high, &HALF_ON) ^ low
}

/// Six characters on.
fn six(state: u32, symbols: &[u8; 6]) -> u32 {
    let symbols = symbols.iter().fold(0, |all, symbol| all << 5 | u32::from(*symbol));
    zeros(state, &SIX_ON) ^ symbols
}

/// As many zeros on as the table has been made for.
const fn zeros(state: u32, steps: &Steps) -> u32 {
    steps[0][(state >> 25 & 31) as usize]
        ^ steps[1][(state >> 20 & 31) as usize]
        ^ steps[2][(state >> 15 & 31) as usize]
        ^ steps[3][(state >> 10 & 31) as usize]
        ^ steps[4][(state >> 5 & 31) as usize]
        ^ steps[5][(state & 31) as usize]
}

/// The data's bytes; none if the bits that are left over are not zero.
fn bytes(symbols: &[u8; SYMBOLS]) -> Option<[u8; PUBLIC_KEY_LEN]> {
    let (whole, rest) = symbols[..SYMBOLS - CHECKSUM].split_at(WHOLE);
    let mut out = [0; PUBLIC_KEY_LEN];
    let (fives, last) = out.as_chunks_mut::<5>();
    for (five, eight) in fives.iter_mut().zip(whole.as_chunks::<8>().0) {
        let bits = eight.iter().fold(0, |all, symbol| all << 5 | u64::from(*symbol));
        let [_, _, _, bytes @ ..] = bits.to_be_bytes();
        *five = bytes;
    }
    let ([last], [high, low]) = (last, rest) else { return None };
    *last = high << 3 | low >> 2;
    (low & 3 == 0).then_some(out)
}

/// One character on (BIP 173, `bech32_polymod`).
const fn step(state: u32, symbol: u8) -> u32 {
    let top = state >> 25;
    let mut next = (state & 0x1ff_ffff) << 5 ^ symbol as u32;
    let mut bit = 0;
    while bit < 5 {
        if top >> bit & 1 == 1 {
            next ^= GENERATOR[bit];
        }
        bit += 1;
    }
    next
}

const fn values() -> [u8; 256] {
    let mut values = [FOREIGN; 256];
    let mut value = 0_u8;
    while value < 32 {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
}

/// The table for `times` as many zeros as `of` is for, and `ones` more.
const fn table(of: &Steps, times: usize, ones: usize) -> Steps {
    let mut table = [[0; 32]; 6];
    let mut place = 0;
    while place < 6 {
        let mut value = 0_u32;
        while value < 32 {
            let mut state = value << (25 - 5 * place);
            let mut done = 0;
            while done < times {
                state = zeros(state, of);
                done += 1;
            }
            done = 0;
            while done < ones {
                state = step(state, 0);
                done += 1;
            }
            table[place][value as usize] = state;
            value += 1;
        }
        place += 1;
    }
    table
}

const fn six_on() -> Steps {
    table(&[[0; 32]; 6], 0, 6)
}

const fn half_on() -> Steps {
    table(&six_on(), HALF / 6, HALF % 6)
}

/// BIP 173: the high bits of the prefix's characters, a zero, their low bits.
const fn after_prefix() -> u32 {
    let prefix = PREFIX.as_bytes();
    let mut state = 1;
    let mut at = 0;
    while at < prefix.len() {
        state = step(state, prefix[at] >> 5);
        at += 1;
    }
    state = step(state, 0);
    at = 0;
    while at < prefix.len() {
        state = step(state, prefix[at] & 31);
        at += 1;
    }
    state
}

#[cfg(test)]
mod tests {
    use bech32::primitives::decode::CheckedHrpstring;
    use proptest::prelude::*;

    use super::*;
    use crate::recipient::{LongBech32, text_of};

    /// What another implementation reads, which knows nothing of one length and one case.
    fn elsewhere(text: &str) -> Option<Vec<u8>> {
        let parsed = CheckedHrpstring::new::<LongBech32>(text).ok()?;
        Some(parsed.byte_iter().collect())
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), PUBLIC_KEY_LEN)
    }

    proptest! {
        #[test]
        fn it_reads_what_another_implementation_writes(key in key()) {
            let text = text_of(&key);
            prop_assert_eq!(text.len(), RECIPIENT_TEXT_LEN);
            prop_assert_eq!(decode(&text).map(Vec::from), Some(key));
        }

        #[test]
        fn it_takes_nothing_that_another_implementation_refuses(
            key in key(), at in any::<prop::sample::Index>(), by in prop::sample::select(ALPHABET.to_vec()),
            twice in any::<bool>(),
        ) {
            let mut text = text_of(&key).into_bytes();
            let at = at.index(text.len());
            text[at] = by;
            if twice {
                text.swap(at, RECIPIENT_TEXT_LEN - 1);
            }
            let text = String::from_utf8(text).unwrap();
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(elsewhere(&text), Some(bytes.to_vec()));
                prop_assert_eq!(text_of(&bytes), text);
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,40}|age1pq1.{1940,1960}") {
            prop_assert_eq!(decode(&text), None);
        }
    }
}
