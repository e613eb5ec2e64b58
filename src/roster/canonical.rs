//! The one way in which a signed document may be written: RFC 8785 (JSON Canonicalization Scheme),
//! restricted to objects, arrays, strings and integers.
//!
//! A signature covers bytes, and people and programs read content; here each content has exactly
//! one spelling. Bytes that differ from their own re-serialisation are refused, which takes care of
//! white space, the order of members, repeated members and needless escapes at once.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::RosterError;

/// The longest signed document, in bytes: a roster of [`super::MAX_REVIEWERS`], or a batch of
/// [`super::MAX_RECIPIENTS`] sealing keys of about 1,960 characters, fits with room to spare.
pub const MAX_DOCUMENT: usize = 256 * 1024;

/// RFC 8785 §3.2.2.3 writes numbers as ECMAScript does, which is exact for integers up to 2^53 - 1.
const MAX_INTEGER: i64 = (1 << 53) - 1;

/// Reads a document of kind `what`.
pub(super) fn parse<T: DeserializeOwned>(
    bytes: &[u8],
    what: &'static str,
) -> Result<T, RosterError> {
    let refused = |why| RosterError::NotCanonical { what, why };
    if bytes.len() > MAX_DOCUMENT {
        return Err(refused("it is longer than 256 KiB"));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|_| refused("it is no valid JSON"))?;
    check(&value).map_err(refused)?;
    if value.to_string().as_bytes() != bytes {
        return Err(refused("it is not written in the one canonical way"));
    }
    serde_json::from_value(value)
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

/// Writes a document. By way of [`Value`], whose members are sorted (the crate's `preserve_order`
/// feature must stay off; a test below notices).
#[expect(clippy::expect_used, reason = "our documents have string members only, which never fails")]
pub(super) fn to_bytes<T: Serialize>(document: &T) -> Vec<u8> {
    serde_json::to_value(document).expect("members are strings").to_string().into_bytes()
}

fn check(value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Null => Err("null is not allowed"),
        Value::Bool(_) => Err("true and false are not allowed"),
        Value::Number(number) => match number.as_i64() {
            Some(n) if n.abs() <= MAX_INTEGER => Ok(()),
            _ => Err("numbers must be integers below 2^53"),
        },
        Value::String(_) => Ok(()),
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            // ASCII, so that sorting by bytes is RFC 8785's sorting by UTF-16 units
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            if name.bytes().all(plain) { check(value) } else { Err("a member's name is not plain") }
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    fn documents() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::from),
            (-MAX_INTEGER..=MAX_INTEGER).prop_map(Value::from),
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
            if let Ok(document) = parse::<Value>(&bytes, "the test") {
                prop_assert_eq!(to_bytes(&document), bytes);
            }
        }
    }
}
