//! A document's bytes as text (XML 1.0 §4.3.3 and appendix F).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::clean::{Kind, Refusal};

/// How much of the beginning is searched for a declared encoding.
const HEAD: usize = 256;

/// The text of a part of a file of `kind`: by its mark, then by what it declares, otherwise UTF-8.
///
/// # Errors
/// [`Refusal::Damaged`] if it is not in its encoding, or has characters that XML has not.
pub(in crate::clean) fn decode(bytes: &[u8], kind: Kind) -> Result<Cow<'_, str>, Refusal> {
    let damaged = Refusal::Damaged { kind };
    let (encoding, body) = match Encoding::for_bom(bytes) {
        Some((encoding, mark)) => (encoding, bytes.get(mark..).unwrap_or_default()),
        None => (unmarked(bytes).ok_or(damaged)?, bytes),
    };
    let text = if encoding == UTF_8 {
        Cow::Borrowed(std::str::from_utf8(body).map_err(|_| damaged)?)
    } else {
        encoding.decode_without_bom_handling_and_without_replacement(body).ok_or(damaged)?
    };
    if text.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r'))
        || text.contains(['\u{fffe}', '\u{ffff}'])
    {
        return Err(damaged);
    }
    Ok(text)
}

fn unmarked(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [b'<', 0, ..] => return Some(UTF_16LE),
        [0, b'<', ..] => return Some(UTF_16BE),
        _ if !bytes.starts_with(b"<?xml") => return Some(UTF_8),
        _ => {}
    }
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let head = head.get(..memchr::memmem::find(head, b"?>").unwrap_or(head.len()))?;
    let Some(at) = memchr::memmem::find(head, b"encoding") else {
        return Some(UTF_8);
    };
    let label = head.get(at + 8..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, label) = label.split_first()?;
    let label = label.get(..label.iter().position(|byte| byte == quote)?)?;
    // a label that names UTF-16 is in bytes that are not
    Encoding::for_label(label)
        .map(|encoding| if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
}
