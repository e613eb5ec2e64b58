//! Text as it is written: each character in one way only.

use std::borrow::Cow;

/// Writes text between tags.
pub(super) fn text(out: &mut String, text: &str) {
    escaped(out, text, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

/// Writes a value that stands in double quotes.
pub(super) fn value(out: &mut String, value: &str) {
    escaped(out, value, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#9;"),
        b'\n' => Some("&#10;"),
        b'\r' => Some("&#13;"),
        _ => None,
    });
}

fn escaped(out: &mut String, text: &str, special: impl Fn(u8) -> Option<&'static str>) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte <= b'>' && special(byte).is_some()) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let byte = after.as_bytes().first().copied().unwrap_or_default();
        out.push_str(special(byte).unwrap_or_default());
        rest = after.get(1..).unwrap_or_default();
    }
    out.push_str(rest);
}

/// XML 1.0 §2.11: a line ends with a line feed.
pub(super) fn line_ends(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\r', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}
