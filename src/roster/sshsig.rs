//! OpenSSH's signatures of files, by which rosters are signed: what `ssh-keygen -Y sign -n
//! sealpost-roster` writes and `ssh-keygen -Y verify` checks (OpenSSH's `PROTOCOL.sshsig`).
//!
//! ```text
//! armor:   -----BEGIN SSH SIGNATURE-----
//!          base64, in lines of 70 characters
//!          -----END SSH SIGNATURE-----
//! inside:  "SSHSIG" | u32 1 | string public key | string namespace | string "" | string hash
//!          | string (string "ssh-ed25519" | string 64 bytes)
//! signed:  "SSHSIG" | string namespace | string "" | string hash | string hash(message)
//! ```

use data_encoding::BASE64;
use ring::{digest, signature};

use super::{
    NewsroomKey, RosterError,
    wire::{Reader, put_string},
};

/// What a roster's signature is for. A signature that the same key made for anything else (a
/// commit, a login, a mail) never counts.
pub const NAMESPACE: &str = "sealpost-roster";

/// The longest signature file, in bytes. Two signatures of today's keys need about 600.
pub const MAX_SIGNATURE_FILE: usize = 8 * 1024;

const MAGIC: &[u8] = b"SSHSIG";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
const LINE: usize = 70;
/// Readers take longer lines than we write, since other writers' may differ.
const MAX_LINE: usize = 76;
/// A roster that announces the next newsroom key is signed by both.
const MAX_SIGNATURES: usize = 2;

/// A signature as a file claims it: nothing in it holds until [`verify`](Self::verify) says so.
pub struct UntrustedSignature {
    key: NewsroomKey,
    hash: Hash,
    signature: [u8; 64],
}

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha512,
}

impl UntrustedSignature {
    /// Reads a signature file: one armored signature, or two, one after the other.
    ///
    /// # Errors
    /// [`RosterError::MalformedSignature`], [`RosterError::WrongNamespace`].
    pub fn parse_file(file: &[u8]) -> Result<Vec<Self>, RosterError> {
        let malformed = RosterError::MalformedSignature;
        if file.len() > MAX_SIGNATURE_FILE {
            return Err(malformed("it is longer than 8 KiB"));
        }
        let text = std::str::from_utf8(file).ok().filter(|text| text.is_ascii());
        let mut rest = text.ok_or(malformed("it is not ASCII"))?;
        let mut all = Vec::new();
        while !rest.is_empty() || all.is_empty() {
            let inside = rest.strip_prefix(BEGIN).and_then(|inside| inside.split_once(END));
            let (lines, next) = inside.ok_or(malformed("it is no SSH signature"))?;
            all.push(Self::from_blob(&unwrap_base64(lines)?)?);
            rest = next;
        }
        if all.len() > MAX_SIGNATURES {
            return Err(malformed("it holds more than two signatures"));
        }
        Ok(all)
    }

    /// The key that made this signature of `message`.
    ///
    /// # Errors
    /// [`RosterError::BadSignature`].
    pub fn verify(&self, message: &[u8]) -> Result<&NewsroomKey, RosterError> {
        let NewsroomKey::Ed25519(key) = &self.key;
        signature::UnparsedPublicKey::new(&signature::ED25519, key)
            .verify(&signed_bytes(self.hash, message), &self.signature)
            .map_err(|_| RosterError::BadSignature)?;
        Ok(&self.key)
    }

    fn from_blob(blob: &[u8]) -> Result<Self, RosterError> {
        let malformed = RosterError::MalformedSignature;
        let fields = Fields::read(blob).ok_or(malformed("it is cut short or too long"))?;
        if fields.magic != MAGIC || fields.version != 1 || !fields.reserved.is_empty() {
            return Err(malformed("it is of an unknown version"));
        }
        if fields.namespace != NAMESPACE.as_bytes() {
            return Err(RosterError::WrongNamespace);
        }
        let key = NewsroomKey::from_wire(fields.key);
        let key = key.ok_or(malformed("its key is of an unsupported kind; use ssh-ed25519"))?;
        let signature = ed25519_signature(fields.signature);
        let signature = signature.ok_or(malformed("its signature is not the kind of its key"))?;
        let hash = match fields.hash {
            b"sha256" => Hash::Sha256,
            b"sha512" => Hash::Sha512,
            _ => return Err(malformed("its hash is neither sha256 nor sha512")),
        };
        Ok(Self { key, hash, signature })
    }
}

/// What a newsroom key signs to sign `message` as a roster.
pub fn signing_bytes(message: &[u8]) -> Vec<u8> {
    signed_bytes(Hash::Sha512, message)
}

/// The file that says so: `signature` is `key`'s over [`signing_bytes`].
pub fn armored(key: &NewsroomKey, signature: &[u8; 64]) -> String {
    let mut inner = Vec::new();
    put_string(&mut inner, b"ssh-ed25519");
    put_string(&mut inner, signature);

    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&1_u32.to_be_bytes());
    put_string(&mut blob, &key.to_wire());
    put_string(&mut blob, NAMESPACE.as_bytes());
    put_string(&mut blob, b"");
    put_string(&mut blob, Hash::Sha512.name());
    put_string(&mut blob, &inner);

    let base64 = BASE64.encode(&blob);
    let mut armored = BEGIN.to_owned();
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(LINE));
        armored.push_str(line);
        armored.push('\n');
        rest = next;
    }
    armored + END
}

struct Fields<'a> {
    magic: &'a [u8],
    version: u32,
    key: &'a [u8],
    namespace: &'a [u8],
    reserved: &'a [u8],
    hash: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(blob: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(blob);
        let fields = Self {
            magic: reader.take(MAGIC.len())?,
            version: reader.u32()?,
            key: reader.string()?,
            namespace: reader.string()?,
            reserved: reader.string()?,
            hash: reader.string()?,
            signature: reader.string()?,
        };
        reader.is_empty().then_some(fields)
    }
}

fn ed25519_signature(wire: &[u8]) -> Option<[u8; 64]> {
    let mut reader = Reader(wire);
    let kind = reader.string()?;
    let signature = reader.string()?.try_into().ok()?;
    (kind == b"ssh-ed25519" && reader.is_empty()).then_some(signature)
}

fn unwrap_base64(lines: &str) -> Result<Vec<u8>, RosterError> {
    let malformed = RosterError::MalformedSignature;
    let ends_well = lines.ends_with('\n');
    if !ends_well || lines.lines().any(|line| line.is_empty() || line.len() > MAX_LINE) {
        return Err(malformed("its lines are broken"));
    }
    let base64 = lines.replace('\n', "");
    BASE64.decode(base64.as_bytes()).map_err(|_| malformed("it is no base64"))
}

fn signed_bytes(hash: Hash, message: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    put_string(&mut bytes, NAMESPACE.as_bytes());
    put_string(&mut bytes, b"");
    put_string(&mut bytes, hash.name());
    put_string(&mut bytes, digest::digest(hash.algorithm(), message).as_ref());
    bytes
}

impl Hash {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Sha256 => b"sha256",
            Self::Sha512 => b"sha512",
        }
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    /// Made by `ssh-keygen -Y sign -n sealpost-roster` (OpenSSH 9.2) over `hello`.
    const MESSAGE: &[u8] = b"hello";
    const SIGNED: &str = "\
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgCYmjUZPMu4Aw2PpBTxcoc2QZiz
p9T0TuigTazslt+ikAAAAPc2VhbHBvc3Qtcm9zdGVyAAAAAAAAAAZzaGE1MTIAAABTAAAA
C3NzaC1lZDI1NTE5AAAAQAyQ+2vcjzCLyihdxWBSPPBrkp8p01wXjNA7oisZRz8yudt8d1
IAuLPUBShv1KMgWR93Ag6vItN2X9FZXoq38gw=
-----END SSH SIGNATURE-----
";

    fn sign(message: &[u8]) -> (NewsroomKey, String) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key = NewsroomKey::Ed25519(pair.public_key().as_ref().try_into().unwrap());
        let signature = pair.sign(&signing_bytes(message));
        let file = armored(&key, signature.as_ref().try_into().unwrap());
        (key, file)
    }

    fn one(file: &str) -> Result<UntrustedSignature, RosterError> {
        Ok(UntrustedSignature::parse_file(file.as_bytes())?.remove(0))
    }

    #[test]
    fn a_signature_of_ssh_keygen_is_taken_and_written_alike() {
        let read = one(SIGNED).unwrap();
        assert!(read.verify(MESSAGE).is_ok());
        assert!(matches!(read.verify(b"hello\n"), Err(RosterError::BadSignature)));
        assert_eq!(armored(&read.key, &read.signature), SIGNED);
    }

    #[test]
    fn both_signatures_of_a_file_are_read() {
        let (key, file) = sign(MESSAGE);
        let both = format!("{file}{SIGNED}");
        let all = UntrustedSignature::parse_file(both.as_bytes()).unwrap();
        assert_eq!(all[0].verify(MESSAGE).unwrap(), &key);
        assert_ne!(all[1].verify(MESSAGE).unwrap(), &key);
        let three = format!("{both}{file}");
        assert!(UntrustedSignature::parse_file(three.as_bytes()).is_err());
    }

    #[test]
    fn another_namespace_is_refused() {
        let blob = BASE64.decode(lines_of(SIGNED).as_bytes()).unwrap();
        let at = blob.windows(15).position(|w| w == NAMESPACE.as_bytes()).unwrap();
        let mut other = blob;
        other[at..at + 15].copy_from_slice(b"sealpost-rostes");
        let refused = UntrustedSignature::from_blob(&other).err();
        assert!(matches!(refused, Some(RosterError::WrongNamespace)));
    }

    #[test]
    fn broken_armor_is_refused() {
        for bad in [
            "",
            "\n",
            "-----BEGIN SSH SIGNATURE-----\n",
            &SIGNED[1..],
            &SIGNED[..SIGNED.len() - 1],
            &format!(" {SIGNED}"),
            &format!("{SIGNED}\n"),
            &SIGNED.replace('\n', "\r\n"),
            &SIGNED.replacen("U1NI", "U1NI ", 1),
            &SIGNED.replacen("U1NI", "\nU1NI", 1),
            &SIGNED.replacen('=', "", 1),
            "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        ] {
            assert!(one(bad).is_err(), "{bad}");
        }
    }

    fn lines_of(file: &str) -> String {
        file.lines().filter(|line| !line.starts_with('-')).collect()
    }

    proptest! {
        #[test]
        fn what_we_sign_verifies(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let (key, file) = sign(&message);
            let read = one(&file).unwrap();
            prop_assert_eq!(read.verify(&message).unwrap(), &key);
        }

        #[test]
        fn no_flipped_bit_survives(bit in 0..(185_usize * 8)) {
            let mut blob = BASE64.decode(lines_of(SIGNED).as_bytes()).unwrap();
            prop_assert_eq!(blob.len(), 185);
            blob[bit / 8] ^= 1 << (bit % 8);
            let taken = UntrustedSignature::from_blob(&blob);
            prop_assert!(taken.and_then(|s| s.verify(MESSAGE).cloned()).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(blob in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = UntrustedSignature::from_blob(&blob);
            let _ = UntrustedSignature::parse_file(&blob);
        }
    }
}
