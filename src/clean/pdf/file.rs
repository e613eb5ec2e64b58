//! The file's structure (ISO 32000-2, 7.5): where its objects lie. Only the newest revision is seen.
//!
//! Taken as viewers take it: cross-reference tables and streams, both in one file, object streams, earlier revisions
//! (their entries count where no later one does), bytes before the header, wrong stream lengths. If the table is broken or
//! an object is not where it says, the file is searched for `N G obj` instead, where the last one of a number counts.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use memchr::memmem;

use super::{
    filter::{self, Bytes, Filter, Step},
    lexer::{Lexer, Stop, Token, is_regular, is_space},
    object::{Dict, Object, Stream},
};
use crate::clean::{Kind, Refusal, work::Work};

const KIND: Kind = Kind::Pdf;
/// The most filters of one stream; more than two are never needed.
const MOST_FILTERS: usize = 8;
/// The most revisions that are followed.
const MOST_REVISIONS: usize = 4096;
/// Objects that are needed to read one: a stream's length, which may lie in an object stream, whose length and so on.
const MOST_OPEN: usize = 64;

/// Why an object or a file was not taken.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The table is wrong; another try without it may do.
    Table,
    Refused(Refusal),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Where an object lies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Free,
    At(usize),
    /// In an object stream, at an index.
    In(u32, usize),
}

/// An object stream, undone, and where its objects begin.
struct Packed {
    bytes: Bytes,
    objects: Vec<(u32, usize)>,
}

/// An opened file.
pub(super) struct File<'a, 'w> {
    data: &'a [u8],
    pub(super) work: &'a mut Work<'w>,
    places: HashMap<u32, Place>,
    pub(super) trailer: Dict,
    /// How many revisions there are, as far as the table tells.
    pub(super) revisions: usize,
    rebuilt: bool,
    objects: HashMap<u32, Object>,
    packed: HashMap<u32, Rc<Packed>>,
    /// Objects whose reading has begun; a stream's length may point into a circle.
    open: BTreeSet<u32>,
    /// Offsets of `endstream`, sought once.
    ends: Option<Vec<usize>>,
    /// How many more objects may be parsed.
    left: u32,
    /// How many more bytes may be parsed: objects that lie in each other are read again and again.
    bytes_left: usize,
}

impl<'a, 'w> File<'a, 'w> {
    /// Opens a file by its table.
    pub(super) fn open(data: &'a [u8], work: &'a mut Work<'w>) -> Result<Self, Trouble> {
        let mut file = Self::new(data, work);
        let mark = memmem::rfind(data, b"startxref").ok_or(Trouble::Table)?;
        let offset = match file.lexer(mark + 9).token() {
            Token::Number(offset) => usize::try_from(offset.whole()).map_err(|_| Trouble::Table)?,
            _ => return Err(Trouble::Table),
        };
        file.table(offset)?;
        if file.trailer.has(b"Encrypt") {
            return Err(Refusal::Encrypted { kind: KIND }.into());
        }
        let root = file.trailer.get(b"Root").clone();
        match file.get(&root)?.as_dict() {
            Some(root) if root.has(b"Pages") => Ok(file),
            _ => Err(Trouble::Table),
        }
    }

    /// Opens a file by searching it.
    pub(super) fn rebuild(data: &'a [u8], work: &'a mut Work<'w>) -> Result<Self, Trouble> {
        let mut file = Self::new(data, work);
        file.rebuilt = true;
        file.search()?;
        if file.trailer.has(b"Encrypt") {
            return Err(Refusal::Encrypted { kind: KIND }.into());
        }
        Ok(file)
    }

    fn new(data: &'a [u8], work: &'a mut Work<'w>) -> Self {
        let left = work.limits().parts;
        Self {
            data,
            work,
            places: HashMap::new(),
            trailer: Dict::default(),
            revisions: 0,
            rebuilt: false,
            objects: HashMap::new(),
            packed: HashMap::new(),
            open: BTreeSet::new(),
            ends: None,
            left,
            bytes_left: data.len().saturating_mul(8).saturating_add(64 << 20),
        }
    }

    fn lexer(&self, at: usize) -> Lexer<'a> {
        Lexer::new(self.data, at, self.left, self.work.limits().nesting)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Refusal> {
        let left = self.bytes_left.checked_sub(bytes);
        self.bytes_left = left.unwrap_or(0);
        left.map(|_| ()).ok_or(Refusal::TooLarge { kind: KIND })
    }

    /// Numbers of objects that the file uses.
    pub(super) fn used(&self) -> usize {
        self.places.values().filter(|place| **place != Place::Free).count()
    }

    /// How many objects have been read.
    pub(super) fn read(&self) -> usize {
        self.objects.len() + self.packed.len()
    }

    fn broken(&self) -> Trouble {
        if self.rebuilt { Refusal::Damaged { kind: KIND }.into() } else { Trouble::Table }
    }

    /// The newest table and those before it.
    fn table(&mut self, offset: usize) -> Result<(), Trouble> {
        let (mut next, mut seen) = (Some(offset), BTreeSet::new());
        while let Some(at) = next {
            if !seen.insert(at) || seen.len() > MOST_REVISIONS {
                break;
            }
            let mut lexer = self.lexer(at);
            let trailer = match lexer.token() {
                Token::Word(b"xref") => {
                    let at = lexer.at;
                    let trailer = self.classic(at)?;
                    if let Some(at) = trailer.get(b"XRefStm").as_usize() {
                        self.cross_stream(at)?;
                    }
                    trailer
                }
                Token::Number(_) => self.cross_stream(at)?,
                _ => return Err(Trouble::Table),
            };
            self.revisions += 1;
            next = trailer.get(b"Prev").as_usize();
            if self.trailer.0.is_empty() {
                self.trailer = trailer;
            }
        }
        Ok(())
    }

    /// `xref`: sections of entries, then the trailer. Entries that are known already are of a later revision.
    fn classic(&mut self, at: usize) -> Result<Dict, Trouble> {
        let mut lexer = self.lexer(at);
        loop {
            let first = match lexer.token() {
                Token::Number(first) => u32::try_from(first.whole()).map_err(|_| Trouble::Table)?,
                Token::Word(b"trailer") => break,
                _ => return Err(Trouble::Table),
            };
            let Token::Number(count) = lexer.token() else {
                return Err(Trouble::Table);
            };
            for index in 0..u32::try_from(count.whole()).map_err(|_| Trouble::Table)? {
                let (Token::Number(at), Token::Number(_), Token::Word(kind)) =
                    (lexer.token(), lexer.token(), lexer.token())
                else {
                    return Err(Trouble::Table);
                };
                let at = usize::try_from(at.whole()).map_err(|_| Trouble::Table)?;
                let place = if kind == b"n" && at > 0 { Place::At(at) } else { Place::Free };
                self.place(first.saturating_add(index), place)?;
            }
        }
        let at = lexer.at;
        let (object, _) = self.parse(at)?;
        Ok(object.as_dict().ok_or(Trouble::Table)?.clone())
    }

    fn place(&mut self, number: u32, place: Place) -> Result<(), Trouble> {
        if self.places.len() > self.work.limits().parts as usize {
            return Err(Refusal::TooLarge { kind: KIND }.into());
        }
        self.places.entry(number).or_insert(place);
        Ok(())
    }

    /// A cross-reference stream (7.5.8).
    fn cross_stream(&mut self, at: usize) -> Result<Dict, Trouble> {
        let (_, object) = self.object_at(at)?.ok_or(Trouble::Table)?;
        let Object::Stream(stream) = object else {
            return Err(Trouble::Table);
        };
        let dict = stream.dict.clone();
        let bytes = self.decoded(&stream)?;
        let mut widths = [0; 3];
        for (width, object) in widths.iter_mut().zip(dict.get(b"W").items()) {
            *width = object.as_usize().filter(|width| *width <= 8).ok_or(Trouble::Table)?;
        }
        let entry: usize = widths.iter().sum();
        if entry == 0 {
            return Err(Trouble::Table);
        }
        let whole = [Object::int(0), dict.get(b"Size").clone()];
        let index = match dict.get(b"Index").items() {
            [] => whole.as_slice(),
            index => index,
        };
        let mut entries = bytes.chunks_exact(entry);
        for section in index.chunks_exact(2) {
            let [Some(first), Some(count)] =
                [section.first(), section.last()].map(|number| number.and_then(Object::as_u32))
            else {
                return Err(Trouble::Table);
            };
            for (offset, entry) in (0..count).zip(&mut entries) {
                let (kind, rest) = entry.split_at_checked(widths[0]).unwrap_or_default();
                let (second, third) = rest.split_at_checked(widths[1]).unwrap_or_default();
                let kind = if kind.is_empty() { 1 } else { big_endian(kind) };
                let second = big_endian(second);
                let place = match kind {
                    1 => Place::At(usize::try_from(second).map_err(|_| Trouble::Table)?),
                    2 => {
                        let stream = u32::try_from(second).map_err(|_| Trouble::Table)?;
                        let index =
                            usize::try_from(big_endian(third)).map_err(|_| Trouble::Table)?;
                        Place::In(stream, index)
                    }
                    _ => Place::Free,
                };
                self.place(first.saturating_add(offset), place)?;
            }
        }
        Ok(dict)
    }

    /// Everything that looks like an object, in the order of the file; the last of a number stays.
    fn search(&mut self) -> Result<(), Trouble> {
        let mut catalog = None;
        for found in memmem::find_iter(self.data, b"obj") {
            let Some((number, at)) = self.header_before(found) else {
                continue;
            };
            let Some(object) = self.found_at(found + 3)? else {
                continue;
            };
            self.places.insert(number, Place::At(at));
            if self.places.len() > self.work.limits().parts as usize {
                return Err(Refusal::TooLarge { kind: KIND }.into());
            }
            let Some(dict) = object.as_dict() else {
                continue;
            };
            match dict.get(b"Type").as_name() {
                Some(b"Catalog") if dict.has(b"Pages") => catalog = Some(Object::Ref(number)),
                Some(b"XRef") => self.newer_trailer(dict),
                // what is broken may be another's, or no longer in use
                Some(b"ObjStm") => {
                    if let Err(Trouble::Refused(refusal @ Refusal::TooLarge { .. })) =
                        self.packed_at(number, at)
                    {
                        return Err(refusal.into());
                    }
                }
                _ => {}
            }
        }
        for found in memmem::find_iter(self.data, b"trailer") {
            if let Some(object) = self.found_at(found + 7)?
                && let Some(dict) = object.as_dict()
            {
                self.newer_trailer(dict);
            }
        }
        // objects may have been read while others were still to be found
        self.objects.clear();
        let root = self.trailer.get(b"Root").clone();
        let whole = self.get(&root)?.as_dict().is_some_and(|root| root.has(b"Pages"));
        if !whole {
            let catalog = catalog.or(self.packed_catalog()?);
            self.trailer.set(b"Root", catalog.ok_or(Refusal::Damaged { kind: KIND })?);
        }
        Ok(())
    }

    /// What is read at a place that was found by searching; none if that is no object.
    fn found_at(&mut self, at: usize) -> Result<Option<Object>, Trouble> {
        match self.parse(at) {
            Ok((object, _)) => Ok(Some(object)),
            Err(_) if self.left == 0 || self.bytes_left == 0 => {
                Err(Refusal::TooLarge { kind: KIND }.into())
            }
            Err(_) => Ok(None),
        }
    }

    fn newer_trailer(&mut self, dict: &Dict) {
        self.revisions += 1;
        for (key, value) in &dict.0 {
            if matches!(&**key, b"Root" | b"Info" | b"ID" | b"Encrypt") {
                self.trailer.0.insert(key.clone(), value.clone());
            }
        }
    }

    /// Enters what an object stream holds, found by searching.
    fn packed_at(&mut self, number: u32, at: usize) -> Result<(), Trouble> {
        let (_, object) = self.object_at(at)?.ok_or(Trouble::Table)?;
        let Object::Stream(stream) = object else {
            return Err(Trouble::Table);
        };
        let packed = self.unpack(&stream)?;
        for (index, (inner, _)) in packed.objects.iter().enumerate() {
            self.places.insert(*inner, Place::In(number, index));
        }
        self.packed.insert(number, Rc::new(packed));
        Ok(())
    }

    fn packed_catalog(&mut self) -> Result<Option<Object>, Trouble> {
        let mut numbers: Vec<u32> = self.places.keys().copied().collect();
        numbers.sort_unstable();
        for number in numbers {
            if matches!(self.places.get(&number), Some(Place::In(..)))
                && let object = self.get(&Object::Ref(number))?
                && let Some(dict) = object.as_dict()
                && dict.get(b"Type").is_name(b"Catalog")
            {
                return Ok(Some(Object::Ref(number)));
            }
        }
        Ok(None)
    }

    /// The number in `N G ` before `obj`, and where it begins.
    fn header_before(&self, obj: usize) -> Option<(u32, usize)> {
        let head = self.data.get(obj.saturating_sub(32)..obj)?;
        let digits = |bytes: &'a [u8]| -> Option<(&'a [u8], &'a [u8])> {
            let bytes = bytes.trim_ascii_end();
            let count = bytes.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            (count > 0).then(|| bytes.split_at(bytes.len() - count))
        };
        let (before, _) = digits(head)?;
        if before.last().copied().is_none_or(|byte| !is_space(byte)) {
            return None;
        }
        let (before, number) = digits(before)?;
        let number = std::str::from_utf8(number).ok()?.parse().ok()?;
        Some((number, obj - head.len() + before.len()))
    }

    /// The object that `object` is or refers to; `Null` if there is none.
    pub(super) fn get(&mut self, object: &Object) -> Result<Object, Trouble> {
        let mut object = object.clone();
        for _ in 0..32 {
            let Object::Ref(number) = object else {
                return Ok(object);
            };
            object = self.load(number)?;
        }
        Ok(Object::Null)
    }

    /// A dictionary's value, resolved.
    pub(super) fn value(&mut self, dict: &Dict, key: &[u8]) -> Result<Object, Trouble> {
        self.get(dict.get(key))
    }

    fn load(&mut self, number: u32) -> Result<Object, Trouble> {
        if let Some(object) = self.objects.get(&number) {
            return Ok(object.clone());
        }
        let place = self.places.get(&number).copied().unwrap_or(Place::Free);
        if place == Place::Free || !self.open.insert(number) {
            return Ok(Object::Null);
        }
        if self.open.len() > MOST_OPEN {
            return Err(Refusal::TooLarge { kind: KIND }.into());
        }
        let object = self.load_from(number, place);
        self.open.remove(&number);
        let object = object?;
        self.objects.insert(number, object.clone());
        Ok(object)
    }

    fn load_from(&mut self, number: u32, place: Place) -> Result<Object, Trouble> {
        match place {
            Place::Free => Ok(Object::Null),
            Place::At(at) => match self.object_at(at)? {
                Some((found, object)) if found == number => Ok(object),
                _ => Err(self.broken()),
            },
            Place::In(stream, index) => {
                let packed = self.packed(stream)?;
                let listed = packed.objects.get(index).filter(|(found, _)| *found == number);
                let at =
                    listed.or_else(|| packed.objects.iter().find(|(found, _)| *found == number));
                let Some((_, at)) = at else {
                    return Ok(Object::Null);
                };
                let nesting = self.work.limits().nesting;
                let mut lexer = Lexer::new(&packed.bytes, *at, self.left, nesting);
                let object = lexer.object()?;
                self.left = lexer.left;
                let parsed = lexer.at.saturating_sub(*at);
                self.spend(parsed)?;
                // an object stream holds no streams
                Ok(if matches!(object, Object::Ref(_)) { Object::Null } else { object })
            }
        }
    }

    fn packed(&mut self, number: u32) -> Result<Rc<Packed>, Trouble> {
        if let Some(packed) = self.packed.get(&number) {
            return Ok(Rc::clone(packed));
        }
        let Object::Stream(stream) = self.load(number)? else {
            return Err(self.broken());
        };
        self.objects.remove(&number);
        let packed = Rc::new(self.unpack(&stream)?);
        self.packed.insert(number, Rc::clone(&packed));
        Ok(packed)
    }

    fn unpack(&mut self, stream: &Stream) -> Result<Packed, Trouble> {
        let number = |file: &mut Self, key: &[u8]| -> Result<usize, Trouble> {
            let value = file.value(&stream.dict, key)?;
            value.as_usize().ok_or_else(|| file.broken())
        };
        let (count, first) = (number(self, b"N")?, number(self, b"First")?);
        let bytes = self.decoded(stream)?;
        let mut lexer = Lexer::new(&bytes, 0, 0, 0);
        let mut objects = Vec::new();
        for _ in 0..count {
            let (Token::Number(number), Token::Number(offset)) = (lexer.token(), lexer.token())
            else {
                break;
            };
            if let (Ok(number), Ok(offset)) =
                (u32::try_from(number.whole()), usize::try_from(offset.whole()))
            {
                objects.push((number, first.saturating_add(offset)));
            }
        }
        Ok(Packed { bytes, objects })
    }

    /// The object with its header at `at`, and its number; none if nothing there is one.
    fn object_at(&mut self, at: usize) -> Result<Option<(u32, Object)>, Trouble> {
        let mut lexer = self.lexer(at);
        let (Token::Number(number), Token::Number(_)) = (lexer.token(), lexer.token()) else {
            return Ok(None);
        };
        lexer.skip_space();
        let Some(after) = lexer.rest().strip_prefix(b"obj") else {
            return Ok(None);
        };
        let at = self.data.len() - after.len();
        let Ok(number) = u32::try_from(number.whole()) else {
            return Ok(None);
        };
        let (object, at) = self.parse(at)?;
        let Object::Dict(dict) = &object else {
            return Ok(Some((number, object)));
        };
        let Some(start) = at else {
            return Ok(Some((number, object)));
        };
        let end = self.stream_end(dict, start)?;
        let stream = Stream { dict: Dict::clone(dict), start, end };
        Ok(Some((number, Object::Stream(Rc::new(stream)))))
    }

    /// One object, and where a stream's data begins if it is one.
    fn parse(&mut self, at: usize) -> Result<(Object, Option<usize>), Trouble> {
        let mut lexer = self.lexer(at);
        let mut list = Vec::new();
        let stop = lexer.objects(&mut list);
        self.left = lexer.left;
        self.spend(lexer.at.saturating_sub(at))?;
        let stream = stop? == Stop::Word(b"stream");
        let object = list.into_iter().next().unwrap_or(Object::Null);
        if !stream {
            return Ok((object, None));
        }
        let skipped = match lexer.rest() {
            [b'\r', b'\n', ..] => 2,
            [b'\n' | b'\r', ..] => 1,
            [b' ', b'\r', b'\n', ..] => 3,
            [b' ', b'\n', ..] => 2,
            _ => 0,
        };
        Ok((object, Some(lexer.at + skipped)))
    }

    /// Where the data ends: where its length says, if `endstream` is there, otherwise before the next `endstream`.
    fn stream_end(&mut self, dict: &Dict, start: usize) -> Result<usize, Trouble> {
        let length = match self.value(dict, b"Length") {
            Ok(length) => length.as_usize(),
            Err(Trouble::Table) => None,
            Err(refused) => return Err(refused),
        };
        if let Some(end) = length.and_then(|length| start.checked_add(length))
            && let Some(rest) = self.data.get(end..)
        {
            let spaces = rest.iter().take(4).take_while(|byte| is_space(**byte)).count();
            if rest.get(spaces..).is_some_and(|rest| rest.starts_with(b"endstream")) {
                return Ok(end);
            }
        }
        let data = self.data;
        let ends = self.ends.get_or_insert_with(|| memmem::find_iter(data, b"endstream").collect());
        let next = ends.get(ends.partition_point(|end| *end < start));
        let end = next.copied().unwrap_or(data.len());
        let bytes = data.get(start..end).unwrap_or_default();
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Ok(start + bytes.len())
    }

    /// A stream's bytes as they lie in the file.
    pub(super) fn raw(&self, stream: &Stream) -> &'a [u8] {
        self.data.get(stream.start..stream.end).unwrap_or_default()
    }

    /// The steps to undo, in order. `filter` and `parameters` are the keys' values.
    pub(super) fn steps(
        &mut self,
        filter: &Object,
        parameters: &Object,
    ) -> Result<Vec<Step>, Trouble> {
        let (filter, parameters) = (self.get(filter)?, self.get(parameters)?);
        let filters =
            if let Object::Name(_) = filter { vec![filter] } else { filter.items().to_vec() };
        let parameters = match parameters {
            Object::Array(list) => list.to_vec(),
            other => vec![other],
        };
        if filters.len() > MOST_FILTERS {
            return Err(Refusal::Damaged { kind: KIND }.into());
        }
        let mut steps = Vec::new();
        for (index, filter) in filters.iter().enumerate() {
            let filter = self.get(filter)?;
            let given = self.get(parameters.get(index).unwrap_or(&Object::Null))?;
            let mut parameters = Dict::default();
            for (key, value) in given.as_dict().iter().flat_map(|dict| &dict.0) {
                parameters.0.insert(key.clone(), self.get(value)?);
            }
            let filter = Filter::of(filter.as_name().unwrap_or_default());
            steps.push(Step { filter, parameters });
        }
        Ok(steps)
    }

    /// A stream's bytes, all filters undone.
    pub(super) fn decoded(&mut self, stream: &Stream) -> Result<Bytes, Trouble> {
        let filter = stream.dict.get(b"Filter").clone();
        let parameters = stream.dict.get(b"DecodeParms").clone();
        let steps = self.steps(&filter, &parameters)?;
        let raw = self.raw(stream);
        let mut bytes: Option<Bytes> = None;
        for step in &steps {
            if step.filter == Filter::Crypt {
                continue;
            }
            let data = bytes.as_deref().map_or(raw, Vec::as_slice);
            bytes = Some(filter::undo(step, data, self.work)?);
        }
        match bytes {
            Some(bytes) => Ok(bytes),
            None => {
                self.work.inflated(KIND, raw.len() as u64)?;
                Ok(Bytes::new(raw.to_vec()))
            }
        }
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Whether the file is linearised (annex F), which takes a second table that is no revision.
pub(super) fn is_linearised(data: &[u8]) -> bool {
    let head = data.get(..data.len().min(1024)).unwrap_or_default();
    memmem::find(head, b"/Linearized")
        .and_then(|at| head.get(at + 11))
        .is_some_and(|byte| !is_regular(*byte) || byte.is_ascii_digit())
}
