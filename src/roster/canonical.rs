//! The one way in which a signed document may be written: RFC 8785 (JSON Canonicalization Scheme),
//! restricted to objects, arrays, strings and integers.
//!
//! A signature covers bytes, and people and programs read content; here each content has exactly
//! one spelling. Bytes that differ from their own re-serialisation are refused: white space, members
//! out of order or repeated, needless escapes. What re-serialising would find out is found by one
//! walk over the bytes, which costs a publication of many reviewers less.

use memchr::{memchr, memchr2};
use serde::{Serialize, de::DeserializeOwned};

use super::RosterError;

/// The longest signed document, in bytes: a roster of [`super::MAX_REVIEWERS`], or a batch of
/// [`super::MAX_RECIPIENTS`] sealing keys of about 1,960 characters, fits with room to spare.
pub const MAX_DOCUMENT: usize = 256 * 1024;

/// RFC 8785 §3.2.2.3 writes numbers as ECMAScript does, which is exact for integers up to 2^53 - 1.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Objects and arrays within each other; ours have four levels.
const MAX_DEPTH: usize = 100;

/// Reads a document of kind `what`.
pub(super) fn parse<T: DeserializeOwned>(
    bytes: &[u8],
    what: &'static str,
) -> Result<T, RosterError> {
    let refused = |why| RosterError::NotCanonical { what, why };
    if bytes.len() > MAX_DOCUMENT {
        return Err(refused("it is longer than 256 KiB"));
    }
    walk(bytes).map_err(refused)?;
    serde_json::from_slice(bytes)
        .map_err(|error| RosterError::Malformed { what, reason: shown(&error.to_string()) })
}

/// A reason may quote the document, which may be a stranger's; it ends in a terminal or a log.
fn shown(reason: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() || c == ' ';
    let one = |c: char| {
        if plain(c) { c.to_string() } else { c.escape_default().to_string() }
    };
    reason.chars().take(200).map(one).collect()
}

/// Writes a document. By way of [`serde_json::Value`], whose members are sorted (the crate's `preserve_order`
/// feature must stay off; a test below notices).
#[expect(clippy::expect_used, reason = "our documents have string members only, which never fails")]
pub(super) fn to_bytes<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_value(document).expect("members are strings").to_string().into_bytes()
}

/// What stands where the canonical form has something else.
type Broken = &'static str;

const FORM: Broken = "it is not written in the one canonical way";

/// Walks over a whole document.
fn walk(bytes: &[u8]) -> Result<(), Broken> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    let mut rest = Rest(text.as_bytes());
    rest.value(MAX_DEPTH)?;
    if rest.0.is_empty() { Ok(()) } else { Err(FORM) }
}

/// What has not been walked over yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn value(&mut self, depth: usize) -> Result<(), Broken> {
        match self.0.first() {
            Some(b'"') => self.string(),
            Some(b'{') => self.members(deeper(depth)?),
            Some(b'[') => self.items(deeper(depth)?),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(b'n') => Err("null is not allowed"),
            Some(b't' | b'f') => Err("true and false are not allowed"),
            _ => Err(FORM),
        }
    }

    /// In the order of their names, and none twice.
    fn members(&mut self, depth: usize) -> Result<(), Broken> {
        self.byte(b'{')?;
        if self.byte(b'}').is_ok() {
            return Ok(());
        }
        let mut before = None;
        loop {
            let name = self.name()?;
            if before.is_some_and(|before| before >= name) {
                return Err(FORM);
            }
            before = Some(name);
            self.byte(b':')?;
            self.value(depth)?;
            if self.byte(b',').is_err() {
                return self.byte(b'}');
            }
        }
    }

    fn items(&mut self, depth: usize) -> Result<(), Broken> {
        self.byte(b'[')?;
        if self.byte(b']').is_ok() {
            return Ok(());
        }
        loop {
            self.value(depth)?;
            if self.byte(b',').is_err() {
                return self.byte(b']');
            }
        }
    }

    fn name(&mut self) -> Result<&'a [u8], Broken> {
        self.byte(b'"')?;
        let name = self.0.get(..memchr(b'"', self.0).ok_or(FORM)?).ok_or(FORM)?;
        // ASCII, so that sorting by bytes is RFC 8785's sorting by UTF-16 units
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_';
        if !name.iter().all(plain) {
            return Err("a member's name is not plain");
        }
        self.skip(name.len() + 1)?;
        Ok(name)
    }

    fn string(&mut self) -> Result<(), Broken> {
        self.byte(b'"')?;
        loop {
            let plain = memchr2(b'"', b'\\', self.0).ok_or(FORM)?;
            // no early end, so that many bytes are looked at at once
            let controls = self.0.iter().take(plain).fold(false, |any, b| any | (*b < 0x20));
            if controls {
                return Err(FORM);
            }
            self.skip(plain)?;
            if self.byte(b'"').is_ok() {
                return Ok(());
            }
            self.escape()?;
        }
    }

    /// RFC 8785 §3.2.2.2: the short escape where there is one, `\u00` and two small digits for
    /// every other control character, and for nothing else.
    fn escape(&mut self) -> Result<(), Broken> {
        match self.0 {
            [b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.skip(2),
            [b'\\', b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..]
            | [b'\\', b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => self.skip(6),
            _ => Err(FORM),
        }
    }

    fn integer(&mut self) -> Result<(), Broken> {
        let is_of_it = |b: &u8| b.is_ascii_digit() || *b == b'-';
        let length = self.0.iter().position(|b| !is_of_it(b)).unwrap_or(self.0.len());
        let text = self.0.get(..length).and_then(|text| std::str::from_utf8(text).ok());
        let number = text.and_then(|text| text.parse::<i64>().ok());
        match number {
            // -0, and zeros in front, have another spelling
            Some(n) if text != Some(&n.to_string()) => Err(FORM),
            Some(n) if n.unsigned_abs() <= MAX_INTEGER => self.skip(length),
            _ => Err("numbers must be integers below 2^53"),
        }
    }

    fn byte(&mut self, byte: u8) -> Result<(), Broken> {
        if self.0.first() == Some(&byte) { self.skip(1) } else { Err(FORM) }
    }

    fn skip(&mut self, count: usize) -> Result<(), Broken> {
        self.0 = self.0.get(count..).ok_or(FORM)?;
        Ok(())
    }
}

fn deeper(depth: usize) -> Result<usize, Broken> {
    depth.checked_sub(1).ok_or("it has too many levels")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn read(text: &str) -> Result<Value, RosterError> {
        parse(text.as_bytes(), "the test")
    }

    #[test]
    fn members_are_sorted_when_written() {
        let document = serde_json::json!({"b": 1, "a": {"d": "x", "c": [2, "y"]}});
        assert_eq!(to_bytes(&document), br#"{"a":{"c":[2,"y"],"d":"x"},"b":1}"#);
    }

    #[test]
    fn strings_are_escaped_as_rfc_8785_section_3_2_2_2_says() {
        let text = "\u{20ac}$\u{f}\nA'B\"\\\\\"/\u{8}\t\u{c}\r\u{7f}\u{1f600}";
        let written = "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\\b\\t\\f\\r\u{7f}\u{1f600}\"";
        assert_eq!(to_bytes(&text), written.as_bytes());
        assert_eq!(read(written).unwrap(), Value::from(text));
    }

    #[test]
    fn one_content_has_one_spelling() {
        for good in ["{}", "[]", r#"{"a":[0,-1,9007199254740991],"b":"ü"}"#] {
            assert!(read(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            " {}",
            "{}\n",
            "{ }",
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"a":2}"#,
            "[1.0]",
            "[1e2]",
            "[-0]",
            "[00]",
            "[9007199254740992]",
            "[-9007199254740992]",
            "[18446744073709551616]",
            "[null]",
            "[true]",
            r#"{"A":1}"#,
            r#"{"ä":1}"#,
            r#"["\u0041"]"#,
            r#"["\/"]"#,
            r#"["\u000F"]"#,
            r#"["\ud800"]"#,
            "{}{}",
            "\u{feff}{}",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(parse::<Value>(&vec![b'['; MAX_DOCUMENT], "x").is_err());
        assert!(parse::<Value>(&[b'"', 0xff, b'"'], "x").is_err());
    }

    #[test]
    fn every_character_has_one_spelling() {
        for character in (0..=0x7f_u8).map(char::from).chain(['\u{80}', '\u{2028}', '\u{1f600}']) {
            let literal = format!("\"{character}\"");
            let code = u32::from(character);
            let codes = [format!("\"\\u{code:04x}\""), format!("\"\\u{code:04X}\"")];
            let short = format!("\"\\{character}\"");
            for text in codes.iter().chain([&literal, &short]) {
                let bytes = text.as_bytes();
                assert_eq!(walk(bytes).is_ok(), is_its_own_re_serialisation(bytes), "{text}");
            }
        }
    }

    #[test]
    fn a_document_too_long_is_refused_unread() {
        let long = format!("\"{}\"", "a".repeat(MAX_DOCUMENT));
        assert!(read(&long).unwrap_err().to_string().contains("256 KiB"));
    }

    #[test]
    fn what_is_quoted_cannot_write_to_a_terminal() {
        #[derive(Debug, serde::Deserialize)]
        enum One {
            One,
        }
        assert!(matches!(parse::<One>(br#""One""#, "it"), Ok(One::One)));
        let refused = parse::<One>(br#""\u001b[2J""#, "it").unwrap_err();
        assert!(refused.to_string().contains(r"`\u{1b}[2J`"), "{refused}");
    }

    const LARGEST: i64 = (1 << 53) - 1;

    /// The rule itself, by another way: a document that is written again becomes the same bytes.
    fn is_its_own_re_serialisation(bytes: &[u8]) -> bool {
        fn is_allowed(value: &Value) -> bool {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            match value {
                Value::Null | Value::Bool(_) => false,
                Value::Number(n) => n.as_i64().is_some_and(|n| (-LARGEST..=LARGEST).contains(&n)),
                Value::String(_) => true,
                Value::Array(items) => items.iter().all(is_allowed),
                Value::Object(members) => {
                    members.iter().all(|(name, value)| name.bytes().all(plain) && is_allowed(value))
                }
            }
        }
        let value = serde_json::from_slice::<Value>(bytes);
        value.is_ok_and(|value| is_allowed(&value) && value.to_string().as_bytes() == bytes)
    }

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::from),
            (-LARGEST..=LARGEST).prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[a-z0-9_]{0,8}", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(document in documents()) {
            let bytes = to_bytes(&document);
            prop_assert_eq!(parse::<Value>(&bytes, "the test").unwrap(), document);
        }

        /// Near misses: a byte put into, or in the place of one of, a canonical document.
        #[test]
        fn what_is_read_was_written_that_way(
            document in documents(),
            place in any::<prop::sample::Index>(),
            byte in prop::sample::select(br#" {}[],:"\/0-1e.aubn"#.to_vec()),
            replaced in 0..2_usize,
        ) {
            let mut bytes = to_bytes(&document);
            let place = place.index(bytes.len());
            bytes.splice(place..place + replaced, [byte]);
            prop_assert_eq!(walk(&bytes).is_ok(), is_its_own_re_serialisation(&bytes));
        }

        #[test]
        fn any_bytes_are_walked_over(text in r#"[{}\[\]"\\\\a-f0-9u,:.\-\x08-\x20]{0,24}"#, bytes: Vec<u8>) {
            for bytes in [text.as_bytes(), &bytes] {
                prop_assert_eq!(walk(bytes).is_ok(), is_its_own_re_serialisation(bytes));
            }
            let string = format!("\"{text}\"");
            prop_assert_eq!(
                walk(string.as_bytes()).is_ok(),
                is_its_own_re_serialisation(string.as_bytes())
            );
        }
    }
}
