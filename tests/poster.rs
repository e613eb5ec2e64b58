//! The operator's poster before programs that nobody here wrote: it is well-formed, it can be drawn,
//! and a scanner reads the address in its code.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use bip39::{Language, Mnemonic};
use sealpost::{
    clock::Day,
    operator::ceremony::Ceremony,
    random::SystemEntropy,
    roster::{Address, NewsroomId},
};

const ONION: &str = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion";
const OTHER: &str = "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion";
const TODAY: Day = Day(20_779);

const LANGUAGES: [(&str, Language); 3] =
    [("en", Language::English), ("ko", Language::Korean), ("zh-Hans", Language::SimplifiedChinese)];

/// A newsroom's folder in a temporary one, where the posters are put, too.
struct Newsroom {
    temporary: tempfile::TempDir,
    id: NewsroomId,
}

impl Newsroom {
    fn new(name: &str, addresses: &[Address]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("newsroom");
        let entropy = SystemEntropy::new();
        let mut ceremony = Ceremony::init(&dir, name, None, TODAY, &entropy).unwrap();
        for address in addresses {
            let draft = ceremony.next(TODAY, None).unwrap().address(address.clone());
            let key = ceremony.publication().roster().newsroom_key();
            let secret = ceremony.unlock(key, || unreachable!("there is no passphrase")).unwrap();
            ceremony.sign(&draft, &[secret]).unwrap();
        }
        let id = ceremony.publication().newsroom();
        Self { temporary, id }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    fn run(&self, dir: &Path, more: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_sealpost-operator"));
        program.args(["poster", "--dir"]).arg(dir).args(more).output().unwrap()
    }

    /// The poster's file.
    fn poster(&self, language: &str, more: &[&str]) -> PathBuf {
        let out = self.path(&format!("{language}.svg"));
        let arguments = [&["--language", language, "--out", out.to_str().unwrap()], more].concat();
        let output = self.run(&self.path("newsroom"), &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        out
    }
}

fn onion(host: &str) -> Address {
    Address::onion(host).unwrap()
}

fn desk() -> Address {
    Address::url("https://desk.example.org:8444", vec![[1; 32]]).unwrap()
}

/// The texts of a poster, one for each element.
fn texts(poster: &Path) -> Vec<String> {
    let svg = fs::read_to_string(poster).unwrap();
    let elements = svg.split("<text ").skip(1);
    let inner = elements.map(|one| one.split_once('>').unwrap().1.split('<').next().unwrap());
    inner.map(|text| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).collect()
}

/// What a program prints; None where it is missing, which is said, and is a failure when `CI` is
/// set.
fn printed(program: &str, arguments: &[&OsStr]) -> Option<String> {
    let output = match Command::new(program).args(arguments).output() {
        Ok(output) => output,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "{program} is needed here: {why}");
            eprintln!("skipped: {program} does not run ({why}); tests/run.sh installs it");
            return None;
        }
    };
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !error.contains("parser error"), "{program}: {error}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// What a scanner reads on the drawn poster.
fn scanned(poster: &Path) -> Option<String> {
    let picture = poster.with_extension("png");
    // 100 dots per inch: coarser than any printer
    let size = ["--width", "827", "--output"].map(OsStr::new);
    printed("rsvg-convert", &[&size[..], &[picture.as_os_str(), poster.as_os_str()]].concat())?;
    let code = ["--quiet", "--raw", "--set", "*.enable=0", "--set", "qrcode.enable=1"];
    let code = code.map(OsStr::new);
    printed("zbarimg", &[&code[..], &[picture.as_os_str()]].concat())
}

#[test]
fn the_code_is_the_address_in_every_language() {
    let newsroom = Newsroom::new("The Border Post", &[desk(), onion(ONION)]);
    for (language, _) in LANGUAGES {
        let poster = newsroom.poster(language, &[]);
        assert!(texts(&poster).contains(&ONION.to_owned()), "whole");
        let groups = texts(&poster).concat().replace(' ', "");
        assert_eq!(groups.matches(ONION).count(), 2, "and in groups");
        let Some(read) = scanned(&poster) else { return };
        assert_eq!(read.trim_end(), ONION, "{language}");
    }
}

#[test]
fn an_address_by_hand_is_taken_instead() {
    let newsroom = Newsroom::new("The Border Post", &[onion(ONION), desk()]);
    let long = format!("https://{}.example.org:65535", [&*"a".repeat(60); 3].join("."));
    for address in [OTHER, "https://tips.example.org", &long] {
        let poster = newsroom.poster("ko", &["--address", address]);
        assert!(texts(&poster).concat().contains(address));
        assert!(!texts(&poster).concat().contains(ONION));
        let Some(read) = scanned(&poster) else { return };
        assert_eq!(read.trim_end(), address);
    }
}

#[test]
fn the_fingerprint_is_the_same_in_words_in_hex_and_as_ssh_keygen_has_it() {
    let newsroom = Newsroom::new("The Border Post", &[onion(ONION)]);
    for (language, list) in LANGUAGES {
        let texts = texts(&newsroom.poster(language, &[]));
        let at = texts.iter().position(|text| text == "1").unwrap();
        let numbered: Vec<_> = texts[at..].chunks(2).take(24).collect();
        assert!((1..).zip(&numbered).all(|(number, pair)| pair[0] == number.to_string()));
        let words: Vec<_> = numbered.iter().map(|pair| &*pair[1]).collect();
        let read = Mnemonic::parse_in(list, words.join(" ")).unwrap().to_entropy();
        assert_eq!(read, newsroom.id.0, "{language}");
        assert!(texts.contains(&newsroom.id.to_string()));
        let hex = data_encoding::HEXLOWER.encode(&newsroom.id.0);
        assert!(texts.concat().replace(' ', "").contains(&hex));
    }
}

#[test]
fn any_name_makes_a_well_formed_page() {
    let names = ["<&>\"' ]]> &amp;", "\u{fffe}\u{ffff}", "日刊 <b>국경</b>", &"謝".repeat(80)];
    for name in names {
        let newsroom = Newsroom::new(name, &[onion(ONION)]);
        for (language, _) in LANGUAGES {
            let poster = newsroom.poster(language, &[]);
            let shown = name.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
            let all = texts(&poster).concat().replace(' ', "");
            assert!(all.starts_with(&shown.replace(' ', "")), "{all}");
            let arguments = [OsStr::new("--noout"), OsStr::new("--nonet"), poster.as_os_str()];
            let checked = printed("xmllint", &arguments);
            if checked.is_none() {
                return;
            }
        }
    }
}

#[test]
fn a_publication_alone_is_enough_and_standard_output_will_do() {
    let newsroom = Newsroom::new("The Border Post", &[onion(ONION)]);
    let file = fs::read_to_string(newsroom.poster("en", &[])).unwrap();
    let publication = newsroom.path("newsroom/publication");
    let output = newsroom.run(&publication, &["--language", "en"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), file);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(ONION) && said.contains(&newsroom.id.to_string()), "{said}");
}

#[test]
fn without_an_address_it_says_what_to_do() {
    let newsroom = Newsroom::new("The Border Post", &[desk()]);
    let output = newsroom.run(&newsroom.path("newsroom"), &["--language", "en"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--address"));
}
