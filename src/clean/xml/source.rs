//! A document's bytes as text (XML 1.0 §4.3.3 and appendix F).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use zeroize::Zeroizing;

use crate::clean::{Kind, Refusal};

/// How much of the beginning is searched for a declared encoding.
const HEAD: usize = 256;

/// The text of a part of a file of `kind`: by its mark, then by what it declares, otherwise UTF-8.
///
/// # Errors
/// [`Refusal::Damaged`] if it is not in its encoding, or has characters that XML has not.
pub(in crate::clean) fn decode(bytes: &[u8], kind: Kind) -> Result<Cow<'_, str>, Refusal> {
    let damaged = Refusal::Damaged { kind };
    let (encoding, mark) = encoding(bytes, kind)?;
    let body = bytes.get(mark..).unwrap_or_default();
    let text = if encoding == UTF_8 {
        Cow::Borrowed(std::str::from_utf8(body).map_err(|_| damaged)?)
    } else {
        encoding.decode_without_bom_handling_and_without_replacement(body).ok_or(damaged)?
    };
    if !is_xml(&text) {
        return Err(damaged);
    }
    Ok(text)
}

/// As [`decode`], in the same memory where the bytes are the text already.
///
/// # Errors
/// As [`decode`].
pub(in crate::clean) fn decode_whole(
    mut bytes: Zeroizing<Vec<u8>>,
    kind: Kind,
) -> Result<Zeroizing<String>, Refusal> {
    let (encoding, mark) = encoding(&bytes, kind)?;
    if encoding != UTF_8 {
        return Ok(Zeroizing::new(decode(&bytes, kind)?.into_owned()));
    }
    bytes.drain(..mark);
    let damaged = Refusal::Damaged { kind };
    let text = String::from_utf8(std::mem::take(&mut *bytes));
    let text = text.map(Zeroizing::new).map_err(|_| damaged)?;
    if is_xml(&text) { Ok(text) } else { Err(damaged) }
}

/// The encoding, and the length of the mark that says so.
fn encoding(bytes: &[u8], kind: Kind) -> Result<(&'static Encoding, usize), Refusal> {
    match Encoding::for_bom(bytes) {
        Some(marked) => Ok(marked),
        None => Ok((unmarked(bytes).ok_or(Refusal::Damaged { kind })?, 0)),
    }
}

/// Whether all characters are XML's (XML 1.0 §2.2).
fn is_xml(text: &str) -> bool {
    let control = |byte: &u8| *byte < 0x20 && !matches!(*byte, b'\t' | b'\n' | b'\r');
    // without an early end within a block, so that blocks are compared at once
    let controls = |block: &[u8]| block.iter().fold(false, |found, byte| found | control(byte));
    let has = |c: &str| memchr::memmem::find(text.as_bytes(), c.as_bytes()).is_some();
    !text.as_bytes().chunks(256).any(controls) && !has("\u{fffe}") && !has("\u{ffff}")
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
