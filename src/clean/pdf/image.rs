//! Images (ISO 32000-2, 8.9): the picture stays, written as it was coded where that coding has no room for more.
//!
//! | coding | what becomes of it |
//! |---|---|
//! | Flate | kept if it gives exactly the picture's bytes, otherwise cut to them and coded anew |
//! | none, LZW, run length, ASCII | undone, cut to the picture's bytes, coded with Flate |
//! | DCT | cleaned as a JPEG; ASCII around it undone |
//! | JPX | boxes by an allow-list, no comments in the codestream |
//! | JBIG2 | segments by an allow-list |
//! | CCITT fax | kept as it is |
//!
//! Not detected: bytes behind the end of fax data, and what DCT, JPX and JBIG2 coders may hide in coded data itself.

use std::rc::Rc;

use super::{
    document::{KIND, Role, Step, Walk},
    file::Trouble,
    filter::{self, Bytes, Filter, Step as Coding, inflate},
    object::{Dict, Object, Stream},
    picture,
    writer::Data,
};
use crate::clean::{CleanError, Found, Kind, Refusal};

impl Walk<'_, '_> {
    pub(super) fn image(&mut self, number: u32, object: &Object, role: Role) -> Step {
        let Object::Stream(stream) = object else {
            return Err(Refusal::Damaged { kind: KIND }.into());
        };
        self.metadata(&stream.dict)?;
        for key in [b"Alternates".as_slice(), b"OPI", b"ID", b"AF"] {
            if stream.dict.has(key) {
                self.find(if key == b"ID" { Found::Identifier } else { Found::Other });
            }
        }
        let steps = self.file.steps(stream.dict.get(b"Filter"), stream.dict.get(b"DecodeParms"))?;
        let raw = self.file.raw(stream);
        let from = Some(&**stream);
        self.picture(number, &stream.dict, raw, from, &steps, role)
    }

    /// An image out of a stream of operators, as a reference.
    pub(super) fn inline_image(
        &mut self,
        dict: &Dict,
        data: &[u8],
        steps: &[Coding],
    ) -> Result<Object, Trouble> {
        let number = self.out.number();
        self.picture(number, dict, data, None, steps, Role::Image)?;
        Ok(Object::Ref(number))
    }

    fn picture(
        &mut self,
        number: u32,
        from: &Dict,
        raw: &[u8],
        stream: Option<&Stream>,
        steps: &[Coding],
        role: Role,
    ) -> Step {
        let len = self.image_len(from)?;
        let (last, before) = match steps.split_last() {
            Some((last, before)) => (Some(last), before),
            None => (None, steps),
        };
        if len.is_none() && last.is_none_or(|last| last.filter.gives_bytes()) {
            return self.unknown(number, from, role);
        }
        let mut dict = self.image_dict(from, role)?;
        let mut undone: Option<Bytes> = None;
        for step in before {
            let data = undone.as_deref().map_or(raw, Vec::as_slice);
            undone = Some(filter::undo(step, data, self.file.work)?);
        }
        let coded = undone.as_deref().map_or(raw, Vec::as_slice);
        let Some(last) = last else {
            let coded = len.and_then(|len| coded.get(..len)).unwrap_or(coded);
            return Ok(self.out.put_deflated(number, dict, coded)?);
        };
        match last.filter {
            Filter::Flate => {
                let here = stream.filter(|_| undone.is_none());
                return self.deflated(number, dict, coded, here, last, len);
            }
            Filter::Dct => {
                let jpeg = self.jpeg(coded)?;
                dict.set(b"Filter", Object::name(b"DCTDecode"));
                self.parameters(&mut dict, &last.parameters, &[b"ColorTransform"])?;
                self.out.put_stream(number, dict, Data::Made(jpeg))?;
            }
            Filter::Jpx => {
                let damaged = Refusal::Damaged { kind: KIND };
                let picture = picture::jpx(coded).ok_or(damaged)?;
                dict.set(b"Filter", Object::name(b"JPXDecode"));
                self.find_all(picture.found);
                self.out.put_stream(number, dict, Data::Made(picture.bytes))?;
            }
            Filter::Jbig2 => {
                let damaged = Refusal::Damaged { kind: KIND };
                let bytes = picture::jbig2(coded).ok_or(damaged)?;
                dict.set(b"Filter", Object::name(b"JBIG2Decode"));
                if let Object::Stream(globals) = last.parameters.get(b"JBIG2Globals") {
                    let globals = self.file.decoded(globals)?;
                    let globals = picture::jbig2(&globals).ok_or(damaged)?;
                    let target = self.out.number();
                    self.out.put_deflated(target, Dict::default(), &globals)?;
                    let mut parameters = Dict::default();
                    parameters.set(b"JBIG2Globals", Object::Ref(target));
                    dict.set(b"DecodeParms", parameters.object());
                }
                self.out.put_stream(number, dict, Data::Made(bytes))?;
            }
            Filter::Fax => {
                dict.set(b"Filter", Object::name(b"CCITTFaxDecode"));
                let keys: [&[u8]; 8] = [
                    b"K",
                    b"EndOfLine",
                    b"EncodedByteAlign",
                    b"Columns",
                    b"Rows",
                    b"EndOfBlock",
                    b"BlackIs1",
                    b"DamagedRowsBeforeError",
                ];
                self.parameters(&mut dict, &last.parameters, &keys)?;
                let bytes = Bytes::new(coded.to_vec());
                self.out.put_stream(number, dict, Data::Made(bytes))?;
            }
            _ => {
                let bytes = filter::undo(last, coded, self.file.work)?;
                let bytes = len.and_then(|len| bytes.get(..len)).unwrap_or(&bytes);
                self.out.put_deflated(number, dict, bytes)?;
            }
        }
        Ok(())
    }

    /// In place of a picture without a size, or without a space: which of its bytes are shown cannot be told, and
    /// viewers show none. An image of one sample, which paints nothing or masks nothing.
    fn unknown(&mut self, number: u32, from: &Dict, role: Role) -> Step {
        self.find(Found::Other);
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"XObject"));
        dict.set(b"Subtype", Object::name(b"Image"));
        for key in [b"Width".as_slice(), b"Height"] {
            dict.set(key, Object::int(1));
        }
        let soft = role == Role::SoftMask;
        let stencil = !soft || self.file.value(from, b"ImageMask")? == Object::Bool(true);
        dict.set(b"BitsPerComponent", Object::int(if stencil { 1 } else { 8 }));
        if stencil {
            dict.set(b"ImageMask", Object::Bool(true));
        } else {
            dict.set(b"ColorSpace", Object::name(b"DeviceGray"));
        }
        let sample = match (soft, stencil) {
            (true, true) => 0,
            (true, false) => 0xff,
            (false, _) => 0x80,
        };
        Ok(self.out.put_deflated(number, dict, &[sample])?)
    }

    /// Flate data that gives the picture and nothing more stays as it is.
    fn deflated(
        &mut self,
        number: u32,
        mut dict: Dict,
        coded: &[u8],
        stream: Option<&Stream>,
        coding: &Coding,
        len: Option<usize>,
    ) -> Step {
        let most = usize::try_from(self.file.work.inflatable()).unwrap_or(usize::MAX);
        let inflated = inflate(coded, most);
        self.file.work.inflated(KIND, inflated.bytes.len() as u64)?;
        let predictor = coding.parameters.get(b"Predictor").as_u32().unwrap_or(1) > 1;
        let whole = match (len, predictor) {
            (Some(len), false) => inflated.bytes.len() <= len,
            (Some(len), true) => {
                predicted_len(&coding.parameters, len)
                    .is_some_and(|len| inflated.bytes.len() <= len)
                    && rows_are_plain(&coding.parameters, &inflated.bytes)
            }
            // see `unknown`
            (None, _) => false,
        };
        if let Some(taken) = inflated.ended.filter(|_| whole) {
            dict.set(b"Filter", Object::name(b"FlateDecode"));
            if predictor {
                let keys: [&[u8]; 4] = [b"Predictor", b"Colors", b"BitsPerComponent", b"Columns"];
                self.parameters(&mut dict, &coding.parameters, &keys)?;
            }
            let data = match stream {
                Some(stream) => Data::Input { from: stream.start, to: stream.start + taken },
                None => Data::Made(Bytes::new(coded.get(..taken).unwrap_or_default().to_vec())),
            };
            return Ok(self.out.put_stream(number, dict, data)?);
        }
        drop(inflated);
        let bytes = filter::undo(coding, coded, self.file.work)?;
        let bytes = len.and_then(|len| bytes.get(..len)).unwrap_or(&bytes);
        Ok(self.out.put_deflated(number, dict, bytes)?)
    }

    fn parameters(&mut self, dict: &mut Dict, from: &Dict, keys: &[&[u8]]) -> Step {
        let mut parameters = Dict::default();
        self.plain_keys(from, &mut parameters, keys)?;
        if !parameters.0.is_empty() {
            dict.set(b"DecodeParms", parameters.object());
        }
        Ok(())
    }

    /// Keys of an image's dictionary (table 87) that decoding needs.
    fn image_dict(&mut self, from: &Dict, role: Role) -> Result<Dict, Trouble> {
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"XObject"));
        dict.set(b"Subtype", Object::name(b"Image"));
        let keys: [&[u8]; 7] = [
            b"Width",
            b"Height",
            b"BitsPerComponent",
            b"ImageMask",
            b"Decode",
            b"Interpolate",
            b"SMaskInData",
        ];
        self.plain_keys(from, &mut dict, &keys)?;
        let space = from.get(b"ColorSpace").clone();
        dict.set(b"ColorSpace", self.space(&space)?.unwrap_or_default());
        if role == Role::SoftMask {
            self.plain_keys(from, &mut dict, &[b"Matte"])?;
            return Ok(dict);
        }
        let empty = Rc::clone(&self.empty);
        let soft = from.get(b"SMask").clone();
        if matches!(self.file.get(&soft)?, Object::Stream(_)) {
            dict.set(b"SMask", self.refer(Role::SoftMask, &soft, &empty));
        }
        let mask = from.get(b"Mask").clone();
        match self.file.get(&mask)? {
            Object::Stream(_) => dict.set(b"Mask", self.refer(Role::SoftMask, &mask, &empty)),
            Object::Array(_) => {
                let colours = self.number_list(&mask)?;
                dict.set(b"Mask", colours);
            }
            _ => {}
        }
        Ok(dict)
    }

    /// How many bytes the picture has, if that can be said.
    pub(super) fn image_len(&mut self, dict: &Dict) -> Result<Option<usize>, Trouble> {
        let number = |walk: &mut Self, key: &[u8]| -> Result<Option<usize>, Trouble> {
            Ok(walk.file.value(dict, key)?.as_usize())
        };
        let (width, height) = (number(self, b"Width")?, number(self, b"Height")?);
        let mask = self.file.value(dict, b"ImageMask")? == Object::Bool(true);
        let (depth, components) = if mask {
            (Some(1), Some(1))
        } else {
            let space = dict.get(b"ColorSpace").clone();
            (number(self, b"BitsPerComponent")?, self.components(&space)?)
        };
        let bits = || width?.checked_mul(depth?)?.checked_mul(components?);
        Ok(bits().and_then(|bits| bits.div_ceil(8).checked_mul(height?)))
    }

    fn jpeg(&mut self, data: &[u8]) -> Result<Bytes, Trouble> {
        let inside = |inner| Refusal::Inside { kind: KIND, inner };
        // bytes before the picture, which viewers pass over
        let at = memchr::memmem::find(data, b"\xff\xd8").ok_or(inside(Kind::Unknown))?;
        match self.file.work.nested(KIND, data.get(at..).unwrap_or_default()) {
            Ok(nested) => {
                self.find_all(nested.report.found);
                Ok(nested.bytes)
            }
            Err(CleanError::Refused(refusal @ Refusal::TooLarge { kind: KIND })) => {
                Err(refusal.into())
            }
            Err(_) => Err(inside(Kind::Jpeg).into()),
        }
    }
}

/// The length of `len` bytes of a picture with a predictor's byte before each row.
fn predicted_len(parameters: &Dict, len: usize) -> Option<usize> {
    if parameters.get(b"Predictor").as_u32() == Some(2) {
        return Some(len);
    }
    let row = row_len(parameters)?;
    len.checked_add(len.div_ceil(row))
}

fn row_len(parameters: &Dict) -> Option<usize> {
    let number = |key: &[u8], default| match parameters.get(key) {
        Object::Null => Some(default),
        value => value.as_usize(),
    };
    let bits = number(b"Colors", 1)?.checked_mul(number(b"BitsPerComponent", 8)?)?;
    Some(bits.checked_mul(number(b"Columns", 1)?)?.div_ceil(8)).filter(|row| *row > 0)
}

/// Whether each row of a PNG predictor begins with one of the five predictors' numbers.
fn rows_are_plain(parameters: &Dict, bytes: &[u8]) -> bool {
    if parameters.get(b"Predictor").as_u32() == Some(2) {
        return true;
    }
    row_len(parameters).is_some_and(|row| {
        bytes.chunks(row + 1).all(|row| row.first().is_none_or(|predictor| *predictor <= 4))
    })
}
