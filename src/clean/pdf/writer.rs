//! The cleaned file: streams in the order of their numbers, then object streams with everything else, then one
//! cross-reference stream (ISO 32000-2, 7.5.7 and 7.5.8). No identifier, no information dictionary, no times.

use std::collections::BTreeMap;

use super::{
    filter::{Bytes, deflate},
    object::{Dict, Object},
};
use crate::clean::{Kind, Refusal, replay::Pieces};

/// The four bytes tell programs that transfer files that this one is not text (7.5.2).
const HEADER: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n";
/// Objects of one object stream.
const PACKED: usize = 200;
/// What is smaller is copied at once, so that the plan has few pieces.
const SMALL: usize = 4096;

/// A stream's data.
pub(super) enum Data {
    Made(Bytes),
    /// A range of the input.
    Input {
        from: usize,
        to: usize,
    },
}

enum Body {
    Plain(Vec<u8>),
    Stream(Vec<u8>, Data),
}

/// Collects objects under their new numbers.
pub(super) struct Writer {
    bodies: BTreeMap<u32, Body>,
    next: u32,
    bytes: u64,
    most: u64,
}

impl Writer {
    /// A file of at most `most` bytes before its objects are packed.
    pub(super) const fn new(most: u64) -> Self {
        Self { bodies: BTreeMap::new(), next: 1, bytes: 0, most }
    }

    /// A number that nothing has yet.
    pub(super) const fn number(&mut self) -> u32 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn count(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.most {
            return Err(Refusal::TooLarge { kind: Kind::Pdf });
        }
        Ok(())
    }

    pub(super) fn put(&mut self, number: u32, object: &Object) -> Result<(), Refusal> {
        let mut text = Vec::new();
        write(object, &mut text);
        self.count(text.len())?;
        self.bodies.insert(number, Body::Plain(text));
        Ok(())
    }

    /// A stream whose data is coded as `dict` says.
    pub(super) fn put_stream(
        &mut self,
        number: u32,
        mut dict: Dict,
        data: Data,
    ) -> Result<(), Refusal> {
        let length = match &data {
            Data::Made(bytes) => bytes.len(),
            Data::Input { from, to } => to.saturating_sub(*from),
        };
        dict.set(b"Length", Object::int(length));
        let mut text = Vec::new();
        write_dict(&dict, &mut text);
        self.count(text.len() + length)?;
        self.bodies.insert(number, Body::Stream(text, data));
        Ok(())
    }

    /// A stream whose data is not coded yet.
    pub(super) fn put_deflated(
        &mut self,
        number: u32,
        mut dict: Dict,
        data: &[u8],
    ) -> Result<(), Refusal> {
        dict.set(b"Filter", Object::name(b"FlateDecode"));
        self.put_stream(number, dict, Data::Made(deflate(data)))
    }

    /// The whole file. `input` is the text that ranges are of, and lies in the file at `offset`.
    pub(super) fn finish(
        mut self,
        root: u32,
        input: &[u8],
        offset: u64,
    ) -> Result<Pieces, Refusal> {
        let plain: Vec<(u32, Vec<u8>)> = self
            .bodies
            .iter_mut()
            .filter_map(|(number, body)| match body {
                Body::Plain(text) => Some((*number, std::mem::take(text))),
                Body::Stream(..) => None,
            })
            .collect();
        // where each object is: in the file, or in which stream and at which place
        let mut places: BTreeMap<u32, (u8, u64, usize)> = BTreeMap::new();
        for group in plain.chunks(PACKED) {
            let stream = self.number();
            let (mut heads, mut texts) = (Vec::new(), Vec::new());
            for (index, (number, text)) in group.iter().enumerate() {
                heads.extend_from_slice(format!("{number} {} ", texts.len()).as_bytes());
                texts.extend_from_slice(text);
                texts.push(b'\n');
                places.insert(*number, (2, stream.into(), index));
            }
            let mut dict = Dict::default();
            dict.set(b"Type", Object::name(b"ObjStm"));
            dict.set(b"N", Object::int(group.len()));
            dict.set(b"First", Object::int(heads.len()));
            heads.extend_from_slice(&texts);
            self.put_deflated(stream, dict, &heads)?;
        }
        let mut pieces = Pieces::default();
        let too_large = |_| Refusal::TooLarge { kind: Kind::Pdf };
        pieces.literal(HEADER).map_err(too_large)?;
        for (number, body) in std::mem::take(&mut self.bodies) {
            let Body::Stream(dict, data) = body else {
                continue;
            };
            places.insert(number, (1, pieces.len(), 0));
            let head = [format!("{number} 0 obj\n").as_bytes(), &dict, b"stream\n"].concat();
            pieces.literal(&head).map_err(too_large)?;
            match data {
                Data::Made(bytes) => pieces.literal(&bytes).map_err(too_large)?,
                Data::Input { from, to } if to.saturating_sub(from) < SMALL => {
                    let bytes = input.get(from..to).unwrap_or_default();
                    pieces.literal(bytes).map_err(too_large)?;
                }
                Data::Input { from, to } => {
                    pieces.copy(offset + from as u64, offset + to as u64).map_err(too_large)?;
                }
            }
            pieces.literal(b"\nendstream\nendobj\n").map_err(too_large)?;
        }
        let end = self.table(root, &places, pieces.len());
        pieces.literal(&end).map_err(too_large)?;
        Ok(pieces)
    }

    /// The cross-reference stream and the end.
    fn table(&mut self, root: u32, places: &BTreeMap<u32, (u8, u64, usize)>, at: u64) -> Vec<u8> {
        let own = self.number();
        let mut entries = vec![0; 7];
        for number in 1..=own {
            let free = (0, 0, 0);
            let place =
                if number == own { (1, at, 0) } else { *places.get(&number).unwrap_or(&free) };
            entries.push(place.0);
            entries.extend(place.1.to_be_bytes().get(4..).unwrap_or_default());
            entries.extend((place.2 as u64).to_be_bytes().get(6..).unwrap_or_default());
        }
        let coded = deflate(&entries);
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"XRef"));
        dict.set(b"Size", Object::int(own as usize + 1));
        dict.set(b"W", Object::array([1, 4, 2].map(Object::int).to_vec()));
        dict.set(b"Root", Object::Ref(root));
        dict.set(b"Filter", Object::name(b"FlateDecode"));
        dict.set(b"Length", Object::int(coded.len()));
        let mut text = format!("{own} 0 obj\n").into_bytes();
        write_dict(&dict, &mut text);
        text.extend_from_slice(b"stream\n");
        text.extend_from_slice(&coded);
        let end = format!("\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n");
        text.extend_from_slice(end.as_bytes());
        text
    }
}

/// One object in its one form.
pub(super) fn write(object: &Object, out: &mut Vec<u8>) {
    match object {
        Object::Null | Object::Stream(_) => out.extend_from_slice(b"null"),
        Object::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Object::Number(number) => number.write(out),
        Object::String(string) => write_string(string, out),
        Object::Name(name) => write_name(name, out),
        Object::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b' ');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Object::Dict(dict) => write_dict(dict, out),
        Object::Ref(number) => out.extend_from_slice(format!("{number} 0 R").as_bytes()),
    }
}

fn write_dict(dict: &Dict, out: &mut Vec<u8>) {
    out.extend_from_slice(b"<<");
    for (key, value) in &dict.0 {
        write_name(key, out);
        out.push(b' ');
        write(value, out);
    }
    out.extend_from_slice(b">>");
}

pub(super) fn write_name(name: &[u8], out: &mut Vec<u8>) {
    out.push(b'/');
    for &byte in name {
        if byte.is_ascii_graphic() && super::lexer::is_regular(byte) && byte != b'#' {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("#{byte:02X}").as_bytes());
        }
    }
}

/// As a literal string, with a backslash only where there must be one.
pub(super) fn write_string(string: &[u8], out: &mut Vec<u8>) {
    out.push(b'(');
    for &byte in string {
        match byte {
            b'(' | b')' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => out.push(byte),
        }
    }
    out.push(b')');
}
