//! Opening: envelopes, notices, and nothing that the specification forbids.
//!
//! The header is first read by our own strict parser ([`form`](crate::seal::form)), then by the
//! `age` crate, which checks its MAC; the post-quantum stanzas are opened by [`SealingSecret`], the
//! chunks by ring. Source: C2SP `age.md`.

use std::{
    cell::Cell,
    io::{self, BufRead, BufReader, Cursor, Read},
};

use age::secrecy::ExposeSecret as _;
use age_core::format::{FileKey, Stanza};

use super::{chunks::Chunks, sealing_key::SealingSecret};
use crate::{
    seal::{
        NONCE_LEN,
        form::{FormError, HeaderForm},
        payload_key,
    },
    secret::{Secret, SecretBytes, SecretKey},
};

/// Why something could not be opened, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No key fits any stanza.
    #[error(
        "this is not sealed to any of your keys: it is for other reviewers, or its key was \
         destroyed when its time was over"
    )]
    NotForYou,
    /// The header is not one of age version 1.
    #[error("this is no envelope, or its header is damaged; fetch it again ({0})")]
    Malformed(String),
    /// A seal does not fit what it seals.
    #[error(
        "this has been damaged or changed since it was sealed; fetch it again, and if that does \
         not help, tell the operator"
    )]
    Damaged,
    /// The end is missing.
    #[error("the end is missing; fetch it again, whole")]
    Truncated,
    /// The passphrase opens nothing here.
    #[error("the passphrase is wrong; try again")]
    WrongPassphrase,
    /// A passphrase file that asks for too much work; see
    /// [`protect`](super::protect).
    #[error(
        "opening this would take 2^{0} rounds of work, which no file of Sealpost's asks for; \
         restore the file from its copy"
    )]
    TooMuchWork(u8),
    /// The bytes could not be read.
    #[error("it could not be read")]
    Io(#[source] io::Error),
}

/// Begins to open an age file that was sealed to one of `keys`.
///
/// # Errors
/// All that the header shows. What the chunks show comes as an error of [`Opened`]'s `read`.
pub fn open<R: Read>(file: R, keys: &[SealingSecret]) -> Result<Opened<R>, OpenError> {
    open_with(file, keys.iter().map(|key| key as &dyn age::Identity))
}

/// Opens an armored age file, such as a notice from a mail, whole. White space around it is
/// allowed; nothing else is.
///
/// # Errors
/// See [`OpenError`]; a damaged armor is [`OpenError::Damaged`] or [`OpenError::Truncated`].
pub fn open_armored(text: &[u8], keys: &[SealingSecret]) -> Result<SecretBytes, OpenError> {
    let file = age::armor::ArmoredReader::new(text.trim_ascii_start());
    open(file, keys)?.read_whole(text.len())
}

/// Begins to open an age file of any kind with any identities of the `age` crate.
///
/// # Errors
/// As [`open`].
pub fn open_with<'a, R: Read>(
    file: R,
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<Opened<R>, OpenError> {
    let mut file = BufReader::new(file);
    let mut head = HeaderForm::read(&mut file)?.into_text();
    let mut nonce = [0; NONCE_LEN];
    file.read_exact(&mut nonce)?;
    head.extend_from_slice(&nonce);
    let file_key = file_key(&head, identities)?;
    Ok(Opened { chunks: Chunks::new(file, &payload_key(&file_key, &nonce)) })
}

/// The key of the file whose header and nonce these are, by the `age` crate: from the first
/// identity that opens a stanza, and only if the header's MAC is right.
fn file_key<'a>(
    head: &[u8],
    identities: impl Iterator<Item = &'a dyn age::Identity>,
) -> Result<SecretKey<16>, OpenError> {
    let found = Cell::new(None);
    let overheard: Vec<Overheard<'_>> =
        identities.map(|identity| Overheard { identity, found: &found }).collect();
    let checked = age::Decryptor::new_buffered(Cursor::new(head))?;
    checked.decrypt(overheard.iter().map(|identity| identity as &dyn age::Identity))?;
    found.take().ok_or(OpenError::NotForYou)
}

/// An identity whose file key is kept: the `age` crate does not give it out.
struct Overheard<'a> {
    identity: &'a dyn age::Identity,
    found: &'a Cell<Option<SecretKey<16>>>,
}

impl Overheard<'_> {
    fn keep(
        &self,
        opened: Option<Result<FileKey, age::DecryptError>>,
    ) -> Option<Result<FileKey, age::DecryptError>> {
        if let Some(Ok(key)) = &opened {
            self.found.set(Some(Secret::filled(|kept| kept.copy_from_slice(key.expose_secret()))));
        }
        opened
    }
}

impl age::Identity for Overheard<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.keep(self.identity.unwrap_stanza(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        self.keep(self.identity.unwrap_stanzas(stanzas))
    }
}

/// The plaintext of an age file, read once from front to back.
///
/// Each chunk is checked before any of it is given, but whether the whole has come is known only
/// when `read` gives 0: until then, nothing that was read may be taken for complete. An error of
/// `read` is an [`OpenError`] inside (`OpenError::from` finds it), and stays.
pub struct Opened<R> {
    chunks: Chunks<BufReader<R>>,
}

impl<R: Read> Opened<R> {
    /// All of it; it must be shorter than `room`, as it is if that is the file's length.
    pub(super) fn read_whole(mut self, room: usize) -> Result<SecretBytes, OpenError> {
        let mut plaintext = Secret::new(Vec::with_capacity(room));
        self.read_to_end(plaintext.expose_mut())?;
        Ok(plaintext)
    }
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.chunks.read(out)
    }
}

/// For whoever can use the plaintext where it lies, a chunk at a time.
impl<R: Read> BufRead for Opened<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.chunks.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.chunks.consume(amount);
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(told) => told,
            Err(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => Self::Truncated,
                io::ErrorKind::InvalidData => Self::Damaged,
                _ => Self::Io(error),
            },
        }
    }
}

impl From<FormError> for OpenError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Io(error) => error.into(),
            FormError::Truncated => Self::Truncated,
            FormError::Malformed { .. } | FormError::TooLong => Self::Malformed(error.to_string()),
        }
    }
}

impl From<age::DecryptError> for OpenError {
    fn from(error: age::DecryptError) -> Self {
        use age::DecryptError as Age;
        match error {
            Age::NoMatchingKeys | Age::DecryptionFailed | Age::KeyDecryptionFailed => {
                Self::NotForYou
            }
            Age::InvalidMac => Self::Damaged,
            Age::InvalidHeader | Age::UnknownFormat => {
                Self::Malformed("a stanza has not the right form".to_owned())
            }
            Age::ExcessiveWork { required, .. } => Self::TooMuchWork(required),
            Age::Io(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64_NOPAD;

    use super::*;
    use crate::{
        random::SystemEntropy,
        seal::{CHUNK_LEN, Recipients, TAG_LEN, seal_armored, seal_stream},
    };

    fn key() -> SealingSecret {
        SealingSecret::generate(&SystemEntropy::new())
    }

    fn seal(plaintext: &[u8], to: &[&SealingSecret]) -> Vec<u8> {
        let to = Recipients::new(to.iter().map(|key| key.recipient()).collect()).unwrap();
        let len = plaintext.len() as u64;
        let mut sealed = seal_stream(plaintext, len, &to, &SystemEntropy::new());
        let mut file = Vec::new();
        while let Some(piece) = sealed.next_chunk().unwrap() {
            file.extend_from_slice(piece);
        }
        assert_eq!(file.len() as u64, sealed.len());
        file
    }

    fn opened(file: &[u8], keys: &[SealingSecret]) -> Result<Vec<u8>, OpenError> {
        let mut plaintext = Vec::new();
        open(file, keys)?.read_to_end(&mut plaintext)?;
        Ok(plaintext)
    }

    #[test]
    fn what_is_sealed_opens_for_each_reviewer_and_no_other() {
        let (a, b, c) = (key(), key(), key());
        let file = seal(b"a tip", &[&a, &b]);
        for key in [a, b] {
            assert_eq!(opened(&file, &[key]).unwrap(), b"a tip");
        }
        assert!(matches!(opened(&file, &[c]), Err(OpenError::NotForYou)));
        assert!(matches!(opened(&file, &[]), Err(OpenError::NotForYou)));
    }

    #[test]
    fn the_right_one_of_several_keys_is_found() {
        let (a, b) = (key(), key());
        let file = seal(b"a tip", &[&key(), &b]);
        assert_eq!(opened(&file, &[a, b, key()]).unwrap(), b"a tip");
    }

    #[test]
    fn every_length_around_the_edges_of_chunks() {
        let key = [key()];
        for len in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN, 200_000] {
            let plaintext: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            assert!(opened(&seal(&plaintext, &[&key[0]]), &key).unwrap() == plaintext, "{len}");
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused() {
        let key = [key()];
        let small = seal(b"tip", &[&key[0]]);
        for cut in 0..small.len() {
            assert!(opened(&small[..cut], &key).is_err(), "{cut}");
        }
        let large = seal(&vec![7; 2 * CHUNK_LEN], &[&key[0]]);
        let head = large.len() - 2 * (CHUNK_LEN + TAG_LEN);
        for cut in [head - 16, head, head + CHUNK_LEN + TAG_LEN] {
            let refused = opened(&large[..cut], &key);
            assert!(matches!(refused, Err(OpenError::Truncated)), "{cut}");
            for near in [cut - 1, cut + 1] {
                assert!(opened(&large[..near], &key).is_err(), "{near}");
            }
        }
        assert!(opened(&large, &key).is_ok());
    }

    #[test]
    fn anything_after_the_end_is_refused() {
        let key = [key()];
        for len in [0, 3, CHUNK_LEN] {
            let mut file = seal(&vec![7; len], &[&key[0]]);
            file.push(0);
            assert!(opened(&file, &key).is_err(), "{len}");
            file.resize(file.len() + CHUNK_LEN + TAG_LEN, 0);
            assert!(opened(&file, &key).is_err(), "{len}");
        }
    }

    #[test]
    fn chunks_that_change_places_are_refused() {
        let key = [key()];
        let file = seal(&vec![7; 3 * CHUNK_LEN], &[&key[0]]);
        let sealed = CHUNK_LEN + TAG_LEN;
        let head = file.len() - 3 * sealed;
        let mut swapped = file.clone();
        swapped[head..head + 2 * sealed].rotate_left(sealed);
        assert!(matches!(opened(&swapped, &key), Err(OpenError::Damaged)));
        let mut doubled = file[..head + sealed].to_vec();
        doubled.extend_from_slice(&file[head..]);
        assert!(matches!(opened(&doubled, &key), Err(OpenError::Damaged)));
    }

    #[test]
    fn each_flipped_bit_is_noticed() {
        let key = [key()];
        let file = seal(b"tip", &[&key[0]]);
        let refused_with_a_flip_in = |bytes: std::ops::Range<usize>| {
            for at in bytes {
                for bit in 0..8 {
                    let mut flipped = file.clone();
                    flipped[at] ^= 1 << bit;
                    assert!(opened(&flipped, &key).is_err(), "bit {bit} of byte {at}");
                }
            }
        };
        let half = file.len() / 2;
        std::thread::scope(|scope| {
            scope.spawn(|| refused_with_a_flip_in(0..half));
            scope.spawn(|| refused_with_a_flip_in(half..file.len()));
        });
    }

    #[test]
    fn an_error_stays() {
        let key = [key()];
        let mut file = seal(&vec![7; 2 * CHUNK_LEN], &[&key[0]]);
        let second = file.len() - 100;
        file[second] ^= 1;
        let mut opened = open(&file[..], &key).unwrap();
        let mut first = vec![0; CHUNK_LEN];
        opened.read_exact(&mut first).unwrap();
        for _ in 0..3 {
            let error = opened.read(&mut first).unwrap_err();
            assert!(matches!(error.into(), OpenError::Damaged));
        }
    }

    /// The text of a file's header with its one stanza's share replaced.
    fn with_share(file: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let line = file.split(|&byte| byte == b'\n').nth(1).unwrap();
        let share = line.rsplit(|&byte| byte == b' ').next().unwrap();
        let start = "age-encryption.org/v1\n".len() + line.len() - share.len();
        let mut bytes = BASE64_NOPAD.decode(share).unwrap();
        change(&mut bytes);
        let mut changed = file[..start].to_vec();
        changed.extend_from_slice(BASE64_NOPAD.encode(&bytes).as_bytes());
        changed.extend_from_slice(&file[start + share.len()..]);
        changed
    }

    #[test]
    fn an_x25519_share_of_low_order_is_refused_before_anything_is_opened() {
        let key = [key()];
        let file = seal(b"tip", &[&key[0]]);
        let other = with_share(&file, |share| share[1088..].fill(9));
        assert!(matches!(opened(&other, &key), Err(OpenError::NotForYou)));
        for first in [0, 1] {
            let low = with_share(&file, |share| {
                share[1088..].fill(0);
                share[1088] = first;
            });
            assert!(matches!(opened(&low, &key), Err(OpenError::Malformed(_))));
        }
    }

    #[test]
    fn a_share_of_another_length_is_refused() {
        let key = [key()];
        let file = seal(b"tip", &[&key[0]]);
        let short = with_share(&file, |share| share.truncate(1119));
        let long = with_share(&file, |share| share.push(0));
        for wrong in [short, long] {
            assert!(matches!(opened(&wrong, &key), Err(OpenError::Malformed(_))));
        }
    }

    #[test]
    fn a_malformed_stanza_behind_the_right_one_is_refused_as_malformed() {
        let (a, b) = (key(), key());
        let file = String::from_utf8_lossy(&seal(b"tip", &[&a, &b])).into_owned();
        let last = file.rfind("-> mlkem768x25519 ").unwrap();
        let wrong = format!("{} extra {}", &file[..last + 17], &file[last + 18..]);
        assert!(matches!(opened(wrong.as_bytes(), &[a]), Err(OpenError::Malformed(_))));
    }

    #[test]
    fn an_armored_notice_opens() {
        let key = [key()];
        let text = seal_armored(b"a notice", &key[0].recipient(), &SystemEntropy::new());
        for around in [text.clone(), text.replace('\n', "\r\n"), format!("\n\r\n {text}\n \n")] {
            assert_eq!(open_armored(around.as_bytes(), &key).unwrap().expose(), b"a notice");
        }
        for wrong in [
            String::new(),
            format!("> {text}"),
            format!("{text}x"),
            text.replace("END", "BEGIN"),
            text[..text.len() - 40].to_owned(),
        ] {
            assert!(open_armored(wrong.as_bytes(), &key).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_of_the_reader_is_told_as_it_is() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::ErrorKind::PermissionDenied.into())
            }
        }
        let key = [key()];
        assert!(matches!(open(Broken, &key), Err(OpenError::Io(_))));
        let file = seal(&vec![7; 2 * CHUNK_LEN], &[&key[0]]);
        let mut opened = open(file[..file.len() - 100].chain(Broken), &key).unwrap();
        let error = opened.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(matches!(error.into(), OpenError::Io(_)));
    }
}
