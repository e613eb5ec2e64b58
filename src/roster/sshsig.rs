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
//!
//! A hardware key adds what it knows of the moment (OpenSSH's `PROTOCOL.u2f`):
//!
//! ```text
//! inside:  … | string (string "sk-ssh-ed25519@openssh.com" | string 64 bytes | u8 flags | u32 counter)
//! signed:  SHA-256(application) | u8 flags | u32 counter | SHA-256(what is signed above)
//! ```
//!
//! Of the flags (WebAuthn §6.1), user presence (0x01) must be set: somebody touched the key. User
//! verification (0x04: a PIN or a finger) may be set. Any other is refused: 0x08 and 0x10 say that
//! the key can be, or is, copied to somebody's cloud, 0x40 and 0x80 announce data that OpenSSH's form
//! has no place for. The counter is covered by the signature and counts for nothing else: the chain
//! keeps rosters in order.

use data_encoding::BASE64;
use ring::{digest, signature};

use super::{
    Application, NewsroomKey, RosterError,
    wire::{Reader, put_string},
};

/// What a roster's signature is for. A signature that the same key made for anything else (a
/// commit, a login, a mail) never counts.
pub const NAMESPACE: &str = "sealpost-roster";

/// The longest signature file, in bytes. Two signatures of hardware keys need about 900.
pub const MAX_SIGNATURE_FILE: usize = 8 * 1024;

const MAGIC: &[u8] = b"SSHSIG";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----\n";
const END: &str = "-----END SSH SIGNATURE-----\n";
const LINE: usize = 70;
/// Readers take longer lines than we write, since other writers' may differ.
const MAX_LINE: usize = 76;
/// A roster that announces the next newsroom key is signed by both.
const MAX_SIGNATURES: usize = 2;

/// Somebody touched the hardware key.
const USER_PRESENCE: u8 = 0x01;
/// The hardware key knew who did.
const USER_VERIFICATION: u8 = 0x04;
const KNOWN_FLAGS: u8 = USER_PRESENCE | USER_VERIFICATION;

/// A signature as a file claims it: nothing in it holds until [`verify`](Self::verify) says so.
pub struct UntrustedSignature {
    key: NewsroomKey,
    hash: Hash,
    signature: [u8; 64],
    /// There exactly if the key is a hardware key.
    moment: Option<Moment>,
}

/// What a hardware key says, and signs, of the moment of signing.
#[derive(Clone, Copy)]
struct Moment {
    flags: u8,
    counter: u32,
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
    /// [`RosterError::BadSignature`], [`RosterError::NoUserPresence`].
    pub fn verify(&self, message: &[u8]) -> Result<&NewsroomKey, RosterError> {
        let bytes = signed_bytes(self.hash, message);
        match (&self.key, self.moment) {
            (NewsroomKey::Ed25519(key), None) => self.verify_with(key, &bytes)?,
            (NewsroomKey::SkEd25519 { key, application }, Some(moment)) => {
                self.verify_with(key, &moment.signed_bytes(application, &bytes))?;
                if moment.flags & USER_PRESENCE == 0 {
                    return Err(RosterError::NoUserPresence);
                }
            }
            // `from_blob` lets no mixture in
            _ => return Err(RosterError::BadSignature),
        }
        Ok(&self.key)
    }

    fn verify_with(&self, key: &[u8; 32], bytes: &[u8]) -> Result<(), RosterError> {
        signature::UnparsedPublicKey::new(&signature::ED25519, key)
            .verify(bytes, &self.signature)
            .map_err(|_| RosterError::BadSignature)
    }

    /// Reads what is inside one signature's armor.
    ///
    /// # Errors
    /// [`RosterError::MalformedSignature`], [`RosterError::WrongNamespace`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, RosterError> {
        let malformed = RosterError::MalformedSignature;
        let fields = Fields::read(blob).ok_or(malformed("it is cut short or too long"))?;
        if fields.magic != MAGIC || fields.version != 1 || !fields.reserved.is_empty() {
            return Err(malformed("it is of an unknown version"));
        }
        if fields.namespace != NAMESPACE.as_bytes() {
            return Err(RosterError::WrongNamespace);
        }
        let key = NewsroomKey::from_wire(fields.key).ok_or(malformed(
            "its key is of an unsupported kind; use ssh-ed25519 or sk-ssh-ed25519@openssh.com",
        ))?;
        let (signature, moment) = signature_of(&key, fields.signature)
            .ok_or(malformed("its signature is not the kind of its key"))?;
        if moment.is_some_and(|moment| moment.flags & !KNOWN_FLAGS != 0) {
            return Err(malformed(
                "the hardware key sets flags other than user presence and verification",
            ));
        }
        let hash = match fields.hash {
            b"sha256" => Hash::Sha256,
            b"sha512" => Hash::Sha512,
            _ => return Err(malformed("its hash is neither sha256 nor sha512")),
        };
        Ok(Self { key, hash, signature, moment })
    }
}

impl Moment {
    /// `PROTOCOL.u2f`: what the hardware key signs when it is asked to sign `bytes`.
    fn signed_bytes(self, application: &Application, bytes: &[u8]) -> Vec<u8> {
        let sha256 = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
        let mut signed = sha256(application.as_str().as_bytes()).as_ref().to_vec();
        signed.push(self.flags);
        signed.extend_from_slice(&self.counter.to_be_bytes());
        signed.extend_from_slice(sha256(bytes).as_ref());
        signed
    }
}

/// What a newsroom key signs to sign `message` as a roster.
pub fn signing_bytes(message: &[u8]) -> Vec<u8> {
    signed_bytes(Hash::Sha512, message)
}

/// The file that says so: `signature` is over [`signing_bytes`], by the `ssh-ed25519` key `public`.
/// A hardware key's signature is never made here.
pub fn armored(public: &[u8; 32], signature: &[u8; 64]) -> String {
    let key = NewsroomKey::Ed25519(*public);
    let mut inner = Vec::new();
    put_string(&mut inner, key.kind().as_bytes());
    put_string(&mut inner, signature);
    armored_blob(&blob(&key, &inner))
}

fn blob(key: &NewsroomKey, signature: &[u8]) -> Vec<u8> {
    let mut blob = MAGIC.to_vec();
    blob.extend_from_slice(&1_u32.to_be_bytes());
    put_string(&mut blob, &key.to_wire());
    put_string(&mut blob, NAMESPACE.as_bytes());
    put_string(&mut blob, b"");
    put_string(&mut blob, Hash::Sha512.name());
    put_string(&mut blob, signature);
    blob
}

fn armored_blob(blob: &[u8]) -> String {
    let base64 = BASE64.encode(blob);
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

/// The signature and, from a hardware key, the moment; `None` if it is not of the key's kind.
fn signature_of(key: &NewsroomKey, wire: &[u8]) -> Option<([u8; 64], Option<Moment>)> {
    let mut reader = Reader(wire);
    let kind = reader.string()?;
    let signature = reader.string()?.try_into().ok()?;
    let moment = if key.is_hardware() {
        let [flags] = reader.take(1)?.try_into().ok()?;
        Some(Moment { flags, counter: reader.u32()? })
    } else {
        None
    };
    (kind == key.kind().as_bytes() && reader.is_empty()).then_some((signature, moment))
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

    /// The same by `ssh-keygen -t ed25519-sk` keys of the software authenticator in
    /// `tests/authenticator`, touched.
    const SIGNED_BY_HARDWARE: &str = "\
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAAEoAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAAAgUYcZ3R
pkaVQMm1PVWjIYLKNeWzBsQPqemgWbAZ+1MQgAAAAEc3NoOgAAAA9zZWFscG9zdC1yb3N0
ZXIAAAAAAAAABnNoYTUxMgAAAGcAAAAac2stc3NoLWVkMjU1MTlAb3BlbnNzaC5jb20AAA
BAFf9CphV789U8rKs7S11IoaHZ3Uu2sOLnqpFAsjblxuTbd9bsfD0PKmMLnilbNrjO4HHO
G6wDenv+Okj0DletAgEAAAAH
-----END SSH SIGNATURE-----
";

    fn pair() -> (Ed25519KeyPair, [u8; 32]) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let public = pair.public_key().as_ref().try_into().unwrap();
        (pair, public)
    }

    fn sign(message: &[u8]) -> (NewsroomKey, String) {
        let (pair, public) = pair();
        let signature = pair.sign(&signing_bytes(message));
        let file = armored(&public, signature.as_ref().try_into().unwrap());
        (NewsroomKey::Ed25519(public), file)
    }

    /// What a hardware key for `application` would sign, with these flags.
    fn sign_as_hardware(message: &[u8], application: &str, moment: Moment) -> Vec<u8> {
        let (pair, key) = pair();
        let application = Application::new(application).unwrap();
        let signature = pair.sign(&moment.signed_bytes(&application, &signing_bytes(message)));
        let key = NewsroomKey::SkEd25519 { key, application };
        let mut inner = Vec::new();
        put_string(&mut inner, key.kind().as_bytes());
        put_string(&mut inner, signature.as_ref());
        inner.push(moment.flags);
        inner.extend_from_slice(&moment.counter.to_be_bytes());
        blob(&key, &inner)
    }

    fn one(file: &str) -> Result<UntrustedSignature, RosterError> {
        Ok(UntrustedSignature::parse_file(file.as_bytes())?.remove(0))
    }

    #[test]
    fn a_signature_of_ssh_keygen_is_taken_and_written_alike() {
        let read = one(SIGNED).unwrap();
        assert!(read.verify(MESSAGE).is_ok());
        assert!(matches!(read.verify(b"hello\n"), Err(RosterError::BadSignature)));
        let NewsroomKey::Ed25519(public) = &read.key else { unreachable!() };
        assert_eq!(armored(public, &read.signature), SIGNED);
    }

    #[test]
    fn a_signature_of_a_hardware_key_is_taken() {
        let read = one(SIGNED_BY_HARDWARE).unwrap();
        assert_eq!(
            read.verify(MESSAGE).unwrap().id().to_string(),
            "SHA256:jlnrgqV7gHMCFNou6dlzYsYQhJED2sqtSr7TsG54lPc",
        );
        assert!(matches!(read.verify(b"hello\n"), Err(RosterError::BadSignature)));
        assert_eq!(armored_blob(&blob_of(SIGNED_BY_HARDWARE)), SIGNED_BY_HARDWARE);
    }

    #[test]
    fn a_hardware_key_must_have_been_touched() {
        let verified = |flags| {
            let blob = sign_as_hardware(MESSAGE, "ssh:", Moment { flags, counter: 1 });
            UntrustedSignature::from_blob(&blob)?.verify(MESSAGE).cloned()
        };
        // touched, with or without a PIN
        for flags in [0x01, 0x05] {
            assert!(verified(flags).is_ok(), "{flags:x}");
        }
        for flags in [0x00, 0x04] {
            assert!(matches!(verified(flags), Err(RosterError::NoUserPresence)), "{flags:x}");
        }
        for bit in [0x02, 0x08, 0x10, 0x20, 0x40, 0x80] {
            let refused = verified(0x01 | bit);
            assert!(matches!(refused, Err(RosterError::MalformedSignature(_))), "{bit:x}");
        }
    }

    #[test]
    fn kinds_of_keys_and_signatures_are_not_mixed() {
        let touched = Moment { flags: 1, counter: 1 };
        let hardware = sign_as_hardware(MESSAGE, "ssh:", touched);
        assert!(UntrustedSignature::from_blob(&hardware).is_ok());
        let (pair, public) = pair();
        let application = Application::new("ssh:").unwrap();
        let plain = NewsroomKey::Ed25519(public);
        let sk = NewsroomKey::SkEd25519 { key: public, application };
        let signature = pair.sign(&signing_bytes(MESSAGE));
        let inner = |kind: &NewsroomKey, more: &[u8]| {
            let mut inner = Vec::new();
            put_string(&mut inner, kind.kind().as_bytes());
            put_string(&mut inner, signature.as_ref());
            [&inner, more].concat()
        };
        let moment = [1, 0, 0, 0, 1];
        for (key, inner) in [
            (&sk, inner(&plain, &[])),
            (&sk, inner(&sk, &[])),
            (&sk, inner(&plain, &moment)),
            (&sk, inner(&sk, &[1, 0, 0, 0, 1, 0])),
            (&plain, inner(&sk, &[])),
            (&plain, inner(&plain, &moment)),
            (&plain, inner(&sk, &moment)),
        ] {
            assert!(UntrustedSignature::from_blob(&blob(key, &inner)).is_err());
        }
        // what a key in a file signed never counts as a hardware key's
        let unmoved = UntrustedSignature::from_blob(&blob(&sk, &inner(&sk, &moment))).unwrap();
        assert!(matches!(unmoved.verify(MESSAGE), Err(RosterError::BadSignature)));
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
        let blob = blob_of(SIGNED);
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

    fn blob_of(file: &str) -> Vec<u8> {
        let base64: String = file.lines().filter(|line| !line.starts_with('-')).collect();
        BASE64.decode(base64.as_bytes()).unwrap()
    }

    fn flipped(mut blob: Vec<u8>, bit: usize) -> Result<NewsroomKey, RosterError> {
        blob[bit / 8] ^= 1 << (bit % 8);
        UntrustedSignature::from_blob(&blob)?.verify(MESSAGE).cloned()
    }

    #[test]
    fn no_flipped_bit_survives() {
        for (file, bytes) in [(SIGNED, 185), (SIGNED_BY_HARDWARE, 228)] {
            let blob = blob_of(file);
            assert_eq!(blob.len(), bytes);
            for bit in 0..bytes * 8 {
                assert!(flipped(blob.clone(), bit).is_err(), "bit {bit}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_we_sign_verifies(message in prop::collection::vec(any::<u8>(), 0..200)) {
            let (key, file) = sign(&message);
            let read = one(&file).unwrap();
            prop_assert_eq!(read.verify(&message).unwrap(), &key);
        }

        #[test]
        fn what_a_hardware_key_signs_verifies(
            message in prop::collection::vec(any::<u8>(), 0..200),
            name in "[!-~]{0,124}",
            verified in any::<bool>(),
            counter in any::<u32>(),
        ) {
            let flags = if verified { 0x05 } else { 0x01 };
            let application = format!("ssh:{name}");
            let blob = sign_as_hardware(&message, &application, Moment { flags, counter });
            let read = one(&armored_blob(&blob)).unwrap();
            let by = read.verify(&message).unwrap();
            prop_assert_eq!(&by.to_string().parse::<NewsroomKey>().unwrap(), by);
        }

        #[test]
        fn any_bytes_are_read_or_refused(blob in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = UntrustedSignature::from_blob(&blob);
            let _ = UntrustedSignature::parse_file(&blob);
        }
    }
}
