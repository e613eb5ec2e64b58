//! age's public test vectors (npm cctv-age 0.2.0), opened by the reviewer's opener.

#![expect(clippy::print_stdout, reason = "the counts are part of the result")]

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use crate::js::Node;
use data_encoding::HEXLOWER;
use sealpost::reviewer::{
    opener::{OpenError, open_with},
    sealing_key::SealingSecret,
};

/// All of them, and those with a post-quantum key.
const COUNT: usize = 143;
const HYBRID: usize = 19;

struct Vector {
    name: String,
    /// The values of each key of the vector's own header.
    told: BTreeMap<String, Vec<String>>,
    file: Vec<u8>,
}

impl Vector {
    fn all(folder: &Path) -> Vec<Self> {
        let headers = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<Self> = headers
            .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
            .map(|path| Self::read(&path))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn read(header: &Path) -> Self {
        let mut told = BTreeMap::<_, Vec<_>>::new();
        for line in fs::read_to_string(header).unwrap().lines() {
            let (key, value) = line.split_once(": ").unwrap();
            told.entry(key.to_owned()).or_default().push(value.to_owned());
        }
        let name = header.file_stem().unwrap().to_string_lossy().into_owned();
        Self { name, told, file: fs::read(header.with_extension("age")).unwrap() }
    }

    fn values(&self, key: &str) -> &[String] {
        self.told.get(key).map_or(&[], Vec::as_slice)
    }

    fn expected(&self) -> &str {
        &self.values("expect")[0]
    }

    fn is_hybrid(&self) -> bool {
        self.values("identity").iter().any(|text| text.starts_with("AGE-SECRET-KEY-PQ-"))
    }

    fn identities(&self) -> Vec<Box<dyn age::Identity>> {
        let keys = self.values("identity").iter().map(|text| match SealingSecret::parse(text) {
            Ok(secret) => Box::new(secret) as Box<dyn age::Identity>,
            Err(_) => Box::new(text.parse::<age::x25519::Identity>().unwrap()),
        });
        let passphrases = self.values("passphrase").iter().map(|text| {
            let mut identity = age::scrypt::Identity::new(text.as_str().into());
            identity.set_max_work_factor(20);
            Box::new(identity) as Box<dyn age::Identity>
        });
        keys.chain(passphrases).collect()
    }

    /// What was given out, and how it ended.
    fn open(&self) -> (Vec<u8>, Result<(), OpenError>) {
        let mut given = Vec::new();
        let identities = self.identities();
        let identities = identities.iter().map(|identity| &**identity);
        let armored = !self.values("armored").is_empty();
        let ended = if armored {
            let dearmored = age::armor::ArmoredReader::new(self.file.trim_ascii_start());
            open_with(dearmored, identities).and_then(|opened| drain(opened, &mut given))
        } else {
            open_with(&self.file[..], identities).and_then(|opened| drain(opened, &mut given))
        };
        (given, ended)
    }

    /// Whether the ending is the expected one, and no byte was given out that should not be.
    fn is_right(&self) -> bool {
        let (given, ended) = self.open();
        use OpenError::{Damaged, Malformed, NotForYou, TooMuchWork, Truncated};
        let as_expected = matches!(
            (self.expected(), &ended),
            ("success", Ok(()))
                | ("no match", Err(NotForYou))
                | ("HMAC failure", Err(Damaged))
                | ("header failure", Err(Malformed(_) | Truncated | TooMuchWork(_)))
                | ("payload failure", Err(Damaged | Truncated))
                | ("armor failure", Err(Damaged | Truncated | Malformed(_)))
        );
        let hash = ring::digest::digest(&ring::digest::SHA256, &given);
        let as_hashed = match self.values("payload") {
            [expected] => *expected == HEXLOWER.encode(hash.as_ref()),
            _ => given.is_empty() || self.expected() == "armor failure",
        };
        if !as_expected || !as_hashed {
            println!(
                "{}: expected {}, ended {ended:?}, gave {} bytes",
                self.name,
                self.expected(),
                given.len()
            );
        }
        as_expected && as_hashed
    }
}

fn drain(mut opened: impl Read, given: &mut Vec<u8>) -> Result<(), OpenError> {
    opened.read_to_end(given).map(drop).map_err(OpenError::from)
}

#[test]
fn each_vector_ends_as_it_should() {
    let Some(node) = Node::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    node.run("vectors", folder.path());
    let all = Vector::all(folder.path());
    let wrong: Vec<&str> =
        all.iter().filter(|vector| !vector.is_right()).map(|vector| &*vector.name).collect();
    let hybrid: Vec<&Vector> = all.iter().filter(|vector| vector.is_hybrid()).collect();
    let hybrid_wrong = hybrid.iter().filter(|vector| wrong.contains(&&*vector.name)).count();
    println!(
        "cctv-age vectors: {} of {} right; hybrid: {} of {}; exceptions: {wrong:?}",
        all.len() - wrong.len(),
        all.len(),
        hybrid.len() - hybrid_wrong,
        hybrid.len(),
    );
    assert_eq!((all.len(), hybrid.len()), (COUNT, HYBRID));
    assert_eq!(hybrid_wrong, 0);
    assert!(wrong.is_empty(), "{wrong:?}");
}
