//! The signature base: the text that is signed (RFC 9421 §2.5).

use std::fmt::Write as _;

/// What a request asks for, as it stands in its first lines.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Case as sent (§2.2.1).
    pub method: &'a str,
    /// `Host`: any case; without the scheme's own port (§2.2.3).
    pub authority: &'a str,
    /// The path as sent, percent-encoding and all (§2.2.6).
    pub path: &'a str,
    /// The query as sent, without its `?`; `None` if there is no `?` (§2.2.7).
    pub query: Option<&'a str>,
}

/// One covered component.
#[derive(Clone, Copy, Debug)]
pub enum Component<'a> {
    /// `@method`
    Method,
    /// `@authority`
    Authority,
    /// `@path`
    Path,
    /// `@query`
    Query,
    /// A header.
    Field {
        /// In lower case.
        name: &'a str,
        /// Without white space at its ends; a value with a line break must not get here.
        value: &'a str,
    },
}

/// Builds the base: a line for each component, then `@signature-params`, which is `parameters`, the
/// value of `Signature-Input` after its label and `=`.
pub(super) fn signature_base(
    target: &Target<'_>,
    components: &[Component<'_>],
    parameters: &str,
) -> String {
    let mut base = String::with_capacity(512);
    for component in components {
        // writing to a String cannot fail
        let _ = match component {
            Component::Method => writeln!(base, "\"@method\": {}", target.method),
            Component::Authority => {
                writeln!(base, "\"@authority\": {}", target.authority.to_ascii_lowercase())
            }
            Component::Path => {
                let path = if target.path.is_empty() { "/" } else { target.path };
                writeln!(base, "\"@path\": {path}")
            }
            Component::Query => {
                writeln!(base, "\"@query\": ?{}", target.query.unwrap_or_default())
            }
            Component::Field { name, value } => writeln!(base, "\"{name}\": {}", value.trim()),
        };
    }
    base.push_str("\"@signature-params\": ");
    base.push_str(parameters);
    base
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};

    use super::*;

    /// RFC 9421, appendix B.2.6, with the key of B.1.4.
    #[test]
    fn the_rfcs_own_ed25519_case() {
        let target = Target {
            method: "POST",
            authority: "example.com",
            path: "/foo",
            query: Some("param=Value&Pet=dog"),
        };
        let components = [
            Component::Field { name: "date", value: "Tue, 20 Apr 2021 02:07:55 GMT" },
            Component::Method,
            Component::Path,
            Component::Authority,
            Component::Field { name: "content-type", value: "application/json" },
            Component::Field { name: "content-length", value: "18" },
        ];
        let parameters = concat!(
            r#"("date" "@method" "@path" "@authority" "content-type" "content-length")"#,
            r#";created=1618884473;keyid="test-key-ed25519""#
        );
        let base = signature_base(&target, &components, parameters);

        let public = b"JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=";
        let private = b"n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=";
        let expected = BASE64
            .decode(
                concat!(
                    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u",
                    "02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
                )
                .as_bytes(),
            )
            .unwrap();
        UnparsedPublicKey::new(&ED25519, BASE64.decode(public).unwrap())
            .verify(base.as_bytes(), &expected)
            .unwrap();
        // Ed25519 is deterministic: signing it anew gives the same bytes
        let seed = BASE64.decode(private).unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        assert_eq!(pair.sign(base.as_bytes()).as_ref(), expected);
    }

    /// RFC 9421 §2.2.6 and §2.2.7.
    #[test]
    fn an_empty_path_is_a_slash_and_no_query_a_question_mark() {
        let target = Target { method: "GET", authority: "A.example", path: "", query: None };
        let components = [Component::Path, Component::Query, Component::Authority];
        assert_eq!(
            signature_base(&target, &components, "()"),
            "\"@path\": /\n\"@query\": ?\n\"@authority\": a.example\n\"@signature-params\": ()"
        );
    }
}
