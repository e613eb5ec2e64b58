//! Fonts (ISO 32000-2, 9): how characters become glyphs stays; names, notices, and numbers of copies are gone.
//!
//! | part | what becomes of it |
//! |---|---|
//! | font dictionaries, descriptors | written anew from the keys that rendering needs |
//! | names of embedded fonts | one name for all |
//! | names of other fonts | the family, if it is one that viewers know, with bold and italic; otherwise a standard font |
//! | font programs | see [`sfnt`], [`type1`] and [`cff`] |
//! | glyphs' names in encodings | kept if they look like names of glyphs; Type 3 glyphs are numbered |
//! | programs that cannot be read, multiple masters | left out where another font has the same characters, otherwise refused |
//! | CMaps | written anew, with ranges and nothing else |
//!
//! Not detected: identity in the shapes of glyphs, in what a font's hinting programs compute, or in which glyphs a
//! subset has.

mod cff;
mod cmap;
mod name;
mod sfnt;
mod type1;

use std::rc::Rc;

use super::{
    document::{KIND, Role, Step, Walk},
    file::Trouble,
    object::{Dict, Object, Stream},
};
use crate::clean::{Found, Refusal};

/// A descriptor's flag (table 121): the font has characters of its own.
const SYMBOLIC: u32 = 4;

/// A descriptor's font program.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Program {
    None,
    /// There is one, which cannot be read or says more than is read here.
    Broken,
    /// It is written, with this key of the descriptor and under this number.
    Written(&'static [u8], u32),
}

impl Walk<'_, '_> {
    pub(super) fn font(&mut self, number: u32, object: &Object, context: &Rc<Dict>) -> Step {
        let Some(from) = object.as_dict() else {
            return Err(Refusal::Damaged { kind: KIND }.into());
        };
        self.metadata(from)?;
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"Font"));
        let subtype = self.file.value(from, b"Subtype")?;
        let subtype = match subtype.as_name() {
            Some(name @ (b"Type0" | b"Type3" | b"TrueType" | b"MMType1")) => name,
            _ => b"Type1",
        };
        dict.set(b"Subtype", Object::name(subtype));
        let empty = Rc::clone(&self.empty);
        let unicode = from.get(b"ToUnicode").clone();
        if matches!(self.file.get(&unicode)?, Object::Stream(_)) {
            dict.set(b"ToUnicode", self.refer(Role::CMap, &unicode, &empty));
        }
        match subtype {
            b"Type0" => self.composite(from, &mut dict)?,
            b"Type3" => self.type3(from, &mut dict, context)?,
            _ => self.simple(from, &mut dict)?,
        }
        self.out.put(number, &dict.object())?;
        Ok(())
    }

    /// Type 1 and TrueType (9.6.2, 9.6.3).
    fn simple(&mut self, from: &Dict, dict: &mut Dict) -> Step {
        self.plain_keys(from, dict, &[b"FirstChar", b"LastChar", b"Widths"])?;
        let truetype = dict.get(b"Subtype").is_name(b"TrueType");
        let descriptor = self.file.value(from, b"FontDescriptor")?;
        let program = self.program_of(&descriptor, truetype)?;
        if program == Program::Broken && !self.has_usual_codes(from, &descriptor)? {
            return Err(Refusal::Damaged { kind: KIND }.into());
        }
        let name = self.font_name(from, &descriptor, program)?;
        dict.set(b"BaseFont", name.clone());
        dict.set(b"FontDescriptor", self.descriptor(&descriptor, name, program)?);
        let encoding = self.encoding(from, None)?;
        dict.set(b"Encoding", encoding);
        Ok(())
    }

    /// Type 0 (9.7).
    fn composite(&mut self, from: &Dict, dict: &mut Dict) -> Step {
        let empty = Rc::clone(&self.empty);
        let encoding = from.get(b"Encoding").clone();
        match self.file.get(&encoding)? {
            Object::Name(name) if name::is_cmap(&name) => dict.set(b"Encoding", Object::Name(name)),
            Object::Stream(_) => dict.set(b"Encoding", self.refer(Role::CMap, &encoding, &empty)),
            _ => dict.set(b"Encoding", Object::name(b"Identity-H")),
        }
        let descendants = self.file.value(from, b"DescendantFonts")?;
        let descendant = match &descendants {
            Object::Array(items) => self.file.get(items.first().unwrap_or(&Object::Null))?,
            other => other.clone(),
        };
        let Some(from) = descendant.as_dict() else {
            return Ok(());
        };
        let mut inner = Dict::default();
        inner.set(b"Type", Object::name(b"Font"));
        let truetype = self.file.value(from, b"Subtype")?.is_name(b"CIDFontType2");
        let subtype: &[u8] = if truetype { b"CIDFontType2" } else { b"CIDFontType0" };
        inner.set(b"Subtype", Object::name(subtype));
        let info = self.file.value(from, b"CIDSystemInfo")?;
        inner.set(b"CIDSystemInfo", self.system_info(&info)?);
        self.plain_keys(from, &mut inner, &[b"DW", b"DW2"])?;
        for key in [b"W".as_slice(), b"W2"] {
            let widths = from.get(key).clone();
            inner.set(key, self.nested_numbers(&widths)?);
        }
        let map = from.get(b"CIDToGIDMap").clone();
        match self.file.get(&map)? {
            Object::Name(_) => inner.set(b"CIDToGIDMap", Object::name(b"Identity")),
            Object::Stream(_) => {
                inner.set(b"CIDToGIDMap", self.refer(Role::GlyphMap, &map, &empty));
            }
            _ => {}
        }
        let descriptor = self.file.value(from, b"FontDescriptor")?;
        let program = self.program_of(&descriptor, false)?;
        if program == Program::Broken {
            // its glyphs have numbers that no other font has
            return Err(Refusal::Damaged { kind: KIND }.into());
        }
        let name = self.font_name(from, &descriptor, program)?;
        dict.set(b"BaseFont", name.clone());
        inner.set(b"BaseFont", name.clone());
        inner.set(b"FontDescriptor", self.descriptor(&descriptor, name, program)?);
        let target = self.out.number();
        self.out.put(target, &inner.object())?;
        dict.set(b"DescendantFonts", Object::array(vec![Object::Ref(target)]));
        Ok(())
    }

    /// Which characters a collection has (9.7.3).
    fn system_info(&mut self, info: &Object) -> Result<Object, Trouble> {
        let mut dict = Dict::default();
        let empty = Dict::default();
        let from = info.as_dict().unwrap_or(&empty);
        let ordering = match self.file.value(from, b"Ordering")? {
            Object::String(ordering) if name::is_ordering(&ordering) => ordering,
            _ => b"Identity".as_slice().into(),
        };
        dict.set(b"Registry", Object::String(b"Adobe".as_slice().into()));
        dict.set(b"Ordering", Object::String(ordering));
        let supplement = self.file.value(from, b"Supplement")?.as_usize().unwrap_or(0);
        dict.set(b"Supplement", Object::int(supplement));
        Ok(dict.object())
    }

    /// Numbers, and arrays of numbers (9.7.4.3).
    fn nested_numbers(&mut self, object: &Object) -> Result<Object, Trouble> {
        let Object::Array(array) = self.file.get(object)? else {
            return Ok(Object::Null);
        };
        let mut items = Vec::with_capacity(array.len());
        for item in array.iter() {
            items.push(match self.file.get(item)? {
                list @ Object::Array(_) => self.number_list(&list)?,
                number @ Object::Number(_) => number,
                _ => return Ok(Object::Null),
            });
        }
        Ok(Object::array(items))
    }

    /// Type 3 (9.6.4): its glyphs are streams of operators.
    fn type3(&mut self, from: &Dict, dict: &mut Dict, context: &Rc<Dict>) -> Step {
        let keys: [&[u8]; 5] = [b"FontBBox", b"FontMatrix", b"FirstChar", b"LastChar", b"Widths"];
        self.plain_keys(from, dict, &keys)?;
        let glyphs = self.file.value(from, b"CharProcs")?;
        let resources = self.file.value(from, b"Resources")?;
        let resources = super::document::rc_dict(&resources).unwrap_or_else(|| Rc::clone(context));
        let mut procedures = Dict::default();
        let mut names = Vec::new();
        let encoding = self.encoding(from, Some(&mut names))?;
        dict.set(b"Encoding", encoding);
        let mut shared = super::content::Names::new(resources);
        for (index, name) in names.iter().enumerate() {
            let glyph = glyphs.as_dict().map_or(Object::Null, |glyphs| glyphs.get(name).clone());
            let Object::Stream(glyph) = self.file.get(&glyph)? else {
                continue;
            };
            self.file.work.member(KIND)?;
            let data = self.file.decoded(&glyph)?;
            let (bytes, names) = self.content_with(&data, shared)?;
            shared = names;
            let target = self.out.number();
            self.out.put_deflated(target, Dict::default(), &bytes)?;
            procedures.set(format!("g{index}").as_bytes(), Object::Ref(target));
        }
        dict.set(b"CharProcs", procedures.object());
        dict.set(b"Resources", shared.resources().object());
        Ok(())
    }

    /// An encoding (9.6.5). Of a Type 3 font the glyphs are numbered in the order of their codes, into `numbered`.
    fn encoding(
        &mut self,
        from: &Dict,
        mut numbered: Option<&mut Vec<Rc<[u8]>>>,
    ) -> Result<Object, Trouble> {
        let encoding = self.file.value(from, b"Encoding")?;
        let base = |name: &[u8]| name::is_encoding(name).then(|| Object::name(name));
        let from = match &encoding {
            Object::Name(name) => return Ok(base(name).unwrap_or_default()),
            Object::Dict(dict) => dict,
            _ => return Ok(Object::Null),
        };
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"Encoding"));
        if let Object::Name(name) = self.file.value(from, b"BaseEncoding")? {
            dict.set(b"BaseEncoding", base(&name).unwrap_or_default());
        }
        let differences = self.file.value(from, b"Differences")?;
        let mut list = Vec::new();
        for item in differences.items().iter().take(1024) {
            match (self.file.get(item)?, &mut numbered) {
                (number @ Object::Number(_), _) => list.push(number),
                (Object::Name(name), Some(names)) => {
                    if &*name == b".notdef" {
                        list.push(Object::Name(name));
                        continue;
                    }
                    let known = names.iter().position(|known| *known == name);
                    let index = known.unwrap_or_else(|| {
                        names.push(name);
                        names.len() - 1
                    });
                    list.push(Object::name(format!("g{index}").as_bytes()));
                }
                (Object::Name(name), None) if name::is_glyph(&name) => {
                    list.push(Object::Name(name))
                }
                (Object::Name(_), None) => list.push(Object::name(b".notdef")),
                _ => {}
            }
        }
        if !list.is_empty() {
            dict.set(b"Differences", Object::array(list));
        }
        Ok(dict.object())
    }

    /// What a descriptor's font program is, written if it can be.
    fn program_of(&mut self, descriptor: &Object, by_name: bool) -> Result<Program, Trouble> {
        let Some(descriptor) = descriptor.as_dict() else {
            return Ok(Program::None);
        };
        let mut program = Program::None;
        for key in [b"FontFile".as_slice(), b"FontFile2", b"FontFile3"] {
            let reference = descriptor.get(key).clone();
            if let Object::Stream(stream) = self.file.get(&reference)? {
                match self.font_program(&reference, &stream, by_name)? {
                    // no viewer can use it either
                    Program::None => {}
                    Program::Broken => program = Program::Broken,
                    written @ Program::Written(..) => return Ok(written),
                }
            }
        }
        Ok(program)
    }

    /// Whether a font's codes mean what they mean in any font, so that another can stand for it.
    fn has_usual_codes(&mut self, font: &Dict, descriptor: &Object) -> Result<bool, Trouble> {
        let flags = match descriptor.as_dict() {
            Some(descriptor) => self.file.value(descriptor, b"Flags")?.as_u32().unwrap_or(0),
            None => 0,
        };
        let encoding = self.file.value(font, b"Encoding")?;
        let named = encoding.as_name().is_some_and(name::is_encoding);
        Ok(flags & SYMBOLIC == 0 && (named || encoding.as_dict().is_some()))
    }

    /// One name for all embedded fonts; for others one that a viewer finds a font by.
    fn font_name(
        &mut self,
        font: &Dict,
        descriptor: &Object,
        program: Program,
    ) -> Result<Object, Trouble> {
        if matches!(program, Program::Written(..)) {
            return Ok(Object::name(name::EMBEDDED));
        }
        let name = self.file.value(font, b"BaseFont")?;
        let flags = match descriptor.as_dict() {
            Some(descriptor) => self.file.value(descriptor, b"Flags")?.as_u32().unwrap_or(0),
            None => 0,
        };
        Ok(Object::name(&name::substitute(name.as_name().unwrap_or_default(), flags)))
    }

    /// A font descriptor (9.8) as an object of its own.
    fn descriptor(
        &mut self,
        descriptor: &Object,
        name: Object,
        program: Program,
    ) -> Result<Object, Trouble> {
        let Some(from) = descriptor.as_dict() else {
            return Ok(Object::Null);
        };
        self.metadata(from)?;
        let mut dict = Dict::default();
        dict.set(b"Type", Object::name(b"FontDescriptor"));
        dict.set(b"FontName", name);
        let keys: [&[u8]; 14] = [
            b"Flags",
            b"FontBBox",
            b"ItalicAngle",
            b"Ascent",
            b"Descent",
            b"Leading",
            b"CapHeight",
            b"XHeight",
            b"StemV",
            b"StemH",
            b"AvgWidth",
            b"MaxWidth",
            b"MissingWidth",
            b"FontWeight",
        ];
        self.plain_keys(from, &mut dict, &keys)?;
        if let Program::Written(key, number) = program {
            dict.set(key, Object::Ref(number));
        }
        let target = self.out.number();
        self.out.put(target, &dict.object())?;
        Ok(Object::Ref(target))
    }

    /// Writes a font program, unless it is of no format that viewers know, or broken.
    fn font_program(
        &mut self,
        reference: &Object,
        stream: &Stream,
        by_name: bool,
    ) -> Result<Program, Trouble> {
        let source =
            if let Object::Ref(number) = reference { Some((*number, by_name)) } else { None };
        if let Some(known) = source.and_then(|source| self.programs.get(&source)) {
            return Ok(*known);
        }
        self.metadata(&stream.dict)?;
        let data = self.file.decoded(stream)?;
        let mut dict = Dict::default();
        let (key, program): (&'static [u8], _) = match &**data {
            [0, 1, 0, 0, ..] | [b't', b'r', b'u', b'e', ..] | [b't', b't', b'c', b'f', ..] => {
                let program = sfnt::clean(&data, by_name);
                dict.set(b"Length1", Object::int(program.as_ref().map_or(0, |font| font.len())));
                (b"FontFile2", program)
            }
            [b'O', b'T', b'T', b'O', ..] => {
                dict.set(b"Subtype", Object::name(b"OpenType"));
                (b"FontFile3", sfnt::clean(&data, true))
            }
            [b'%', b'!', ..] | [0x80, 1, ..] => {
                let font = type1::clean(&data);
                let lengths = font.as_ref().map_or([0; 3], |font| font.lengths);
                for (key, length) in [b"Length1", b"Length2", b"Length3"].into_iter().zip(lengths) {
                    dict.set(key, Object::int(length));
                }
                (b"FontFile", font.map(|font| font.program))
            }
            [1, _, 4..=255, 1..=4, ..] => {
                let font = cff::clean(&data);
                let by_cid = font.as_ref().is_some_and(|font| font.by_cid);
                let kind: &[u8] = if by_cid { b"CIDFontType0C" } else { b"Type1C" };
                dict.set(b"Subtype", Object::name(kind));
                (b"FontFile3", font.map(|font| font.program))
            }
            _ => return Ok(Program::None),
        };
        let Some(program) = program else {
            self.find(Found::Other);
            if let Some(source) = source {
                self.programs.insert(source, Program::Broken);
            }
            return Ok(Program::Broken);
        };
        if *program != *data {
            self.find(Found::Other);
        }
        let number = self.out.number();
        self.out.put_deflated(number, dict, &program)?;
        if let Some(source) = source {
            self.programs.insert(source, Program::Written(key, number));
        }
        Ok(Program::Written(key, number))
    }

    pub(super) fn cmap(&mut self, number: u32, object: &Object) -> Step {
        let Object::Stream(stream) = object else {
            return Err(Refusal::Damaged { kind: KIND }.into());
        };
        let data = self.file.decoded(stream)?;
        let mut dict = Dict::default();
        let info = self.file.value(&stream.dict, b"CIDSystemInfo")?;
        if info.as_dict().is_some() {
            dict.set(b"CIDSystemInfo", self.system_info(&info)?);
            dict.set(b"Type", Object::name(b"CMap"));
            dict.set(b"CMapName", Object::name(b"Custom"));
            self.plain_keys(&stream.dict, &mut dict, &[b"WMode"])?;
        }
        match self.file.value(&stream.dict, b"UseCMap")? {
            Object::Name(name) if name::is_cmap(&name) => dict.set(b"UseCMap", Object::Name(name)),
            _ => {}
        }
        self.out.put_deflated(number, dict, &cmap::clean(&data))?;
        Ok(())
    }

    /// Two bytes for each of at most 65536 characters (9.7.4.2).
    pub(super) fn glyph_map(&mut self, number: u32, object: &Object) -> Step {
        let Object::Stream(stream) = object else {
            return Err(Refusal::Damaged { kind: KIND }.into());
        };
        let data = self.file.decoded(stream)?;
        let data = data.get(..data.len().min(1 << 17) & !1).unwrap_or_default();
        self.out.put_deflated(number, Dict::default(), data)?;
        Ok(())
    }
}
