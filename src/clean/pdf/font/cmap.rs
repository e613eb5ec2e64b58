//! CMaps (ISO 32000-2, 9.7.5.4 and 9.10.3; Adobe technical note 5014): ranges are kept, all else is fixed text.

use crate::clean::pdf::{
    filter::Bytes,
    lexer::{Lexer, Stop},
    object::Object,
    writer::write,
};

const BEGIN: &[u8] = b"/CIDInit/ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName/Custom def\n/CMapType 2 def\n";
const END: &[u8] = b"endcmap\nCMapName currentdict/CMap defineresource pop\nend\nend\n";
/// Objects of one section: 100 ranges are allowed, some writers put in all they have.
const MOST: u32 = 1 << 20;

/// The same map without its name, its comments and everything that is no range.
pub(super) fn clean(data: &[u8]) -> Bytes {
    let mut lexer = Lexer::new(data, 0, MOST, 8);
    let mut out = Bytes::new(Vec::with_capacity(data.len() + BEGIN.len() + END.len()));
    out.extend_from_slice(BEGIN);
    let mut list = Vec::new();
    loop {
        lexer.left = MOST;
        let word = match lexer.objects(&mut list) {
            Ok(Stop::Word(word)) => word,
            Ok(Stop::Closed) => continue,
            Ok(Stop::End) | Err(_) => break,
        };
        if word == b"def" {
            if let [.., Object::Name(name), Object::Number(mode)] = list.as_slice()
                && &**name == b"WMode"
            {
                out.extend_from_slice(b"/WMode ");
                out.extend_from_slice(if mode.whole() == 1 { b"1" } else { b"0" });
                out.extend_from_slice(b" def\n");
            }
        } else if let Some(kind) = word.strip_prefix(b"end") {
            section(kind, &list, &mut out);
        }
        list.clear();
    }
    out.extend_from_slice(END);
    out
}

/// One section: codes, and what they become.
fn section(kind: &[u8], list: &[Object], out: &mut Bytes) {
    let columns = match kind {
        b"codespacerange" | b"bfchar" | b"cidchar" | b"notdefchar" => 2,
        b"bfrange" | b"cidrange" | b"notdefrange" => 3,
        _ => return,
    };
    let rows: Vec<&[Object]> =
        list.chunks_exact(columns).filter(|row| row.iter().all(is_code)).collect();
    for rows in rows.chunks(100) {
        out.extend_from_slice(format!("{} begin", rows.len()).as_bytes());
        out.extend_from_slice(kind);
        out.push(b'\n');
        for row in rows {
            for item in *row {
                code(item, out);
            }
            out.push(b'\n');
        }
        out.extend_from_slice(b"end");
        out.extend_from_slice(kind);
        out.push(b'\n');
    }
}

fn is_code(object: &Object) -> bool {
    match object {
        Object::String(code) => code.len() <= 128,
        Object::Number(number) => number.is_whole(),
        Object::Array(items) => items.iter().all(|item| matches!(item, Object::String(_))),
        _ => false,
    }
}

fn code(object: &Object, out: &mut Bytes) {
    match object {
        Object::String(code) => {
            out.push(b'<');
            for byte in code.iter() {
                out.extend_from_slice(format!("{byte:02X}").as_bytes());
            }
            out.push(b'>');
        }
        Object::Array(items) => {
            out.push(b'[');
            for item in items.iter() {
                code(item, out);
            }
            out.push(b']');
        }
        other => {
            out.push(b' ');
            write(other, out);
        }
    }
}
