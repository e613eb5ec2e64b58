//! Content streams (ISO 32000-2, 7.8 and annex A): read operator by operator and written anew.
//!
//! | part | what becomes of it |
//! |---|---|
//! | operators that paint, show text or set what painting needs | kept with as many operands as they take |
//! | names of resources | replaced by numbers in the order of their first use; what is not used is not kept |
//! | inline images | become images of their own |
//! | marked content (MP, DP, BMC, BDC, EMC) and its properties | dropped; what lies in a hidden layer is not painted |
//! | comments, white space, unknown operators, operands too many, BX, EX, Q without q | dropped |

use std::{collections::HashMap, rc::Rc};

use super::{
    document::{Step, Walk},
    file::Trouble,
    filter::{Bytes, Filter, inflate},
    lexer::{Lexer, Stop, Token, is_space, pairs},
    object::{Dict, Object},
    writer::{write_name, write_string},
};
use crate::clean::Found;

/// Operands that are kept for one operator; DeviceN has at most 32 colorants.
const MOST_OPERANDS: usize = 40;
/// Objects within one operator's operands.
const MOST_OBJECTS: u32 = 1 << 20;
/// `q` within `q` that are followed.
const MOST_SAVED: u32 = 1 << 16;

/// Categories of resources, and the letter that their new names begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Category {
    Font,
    XObject,
    State,
    Space,
    Pattern,
    Shading,
}

impl Category {
    const fn key(self) -> (&'static [u8], char) {
        match self {
            Self::Font => (b"Font", 'F'),
            Self::XObject => (b"XObject", 'X'),
            Self::State => (b"ExtGState", 'G'),
            Self::Space => (b"ColorSpace", 'C'),
            Self::Pattern => (b"Pattern", 'P'),
            Self::Shading => (b"Shading", 'S'),
        }
    }
}

type Name = Rc<[u8]>;

/// New names for what is used.
pub(super) struct Names {
    source: Rc<Dict>,
    known: HashMap<(Category, Name), Option<Name>>,
    kept: HashMap<Category, Dict>,
    counts: HashMap<Category, usize>,
}

impl Names {
    pub(super) fn new(source: Rc<Dict>) -> Self {
        Self { source, known: HashMap::new(), kept: HashMap::new(), counts: HashMap::new() }
    }

    /// A new name for `value`.
    pub(super) fn add(&mut self, category: Category, value: Object) -> Rc<[u8]> {
        let count = self.counts.entry(category).or_default();
        let (_, letter) = category.key();
        let name: Rc<[u8]> = format!("{letter}{count}").into_bytes().into();
        *count += 1;
        self.kept.entry(category).or_default().set(&name, value);
        name
    }

    pub(super) fn resources(self) -> Dict {
        let mut resources = Dict::default();
        for (category, dict) in self.kept {
            if !dict.0.is_empty() {
                resources.set(category.key().0, dict.object());
            }
        }
        resources
    }
}

struct Rewriter<'c, 'd, 'a, 'w> {
    walk: &'c mut Walk<'a, 'w>,
    lexer: Lexer<'d>,
    names: Names,
    out: Bytes,
    saved: u32,
    in_text: bool,
    /// For each open marked content, whether it is a hidden layer.
    marked: Vec<bool>,
    hidden: usize,
    /// Where the path that is not painted yet lies in what is written, and whether it is to clip.
    path: Vec<(usize, usize)>,
    clips: bool,
    /// What hidden content has set, and what it had set at each `q`.
    held: Rc<Held>,
    held_before: Vec<Rc<Held>>,
}

/// Operators of hidden content that set what visible content may still use; written when it does.
#[derive(Clone, Default)]
struct Held {
    states: Vec<Setting>,
    font: Vec<Setting>,
    fill: Vec<Setting>,
    stroke: Vec<Setting>,
}

type Setting = (Vec<u8>, Vec<Object>);

/// Graphics states that are held; later ones mostly replace what earlier ones set.
const MOST_HELD: usize = 16;

impl Held {
    fn is_empty(&self) -> bool {
        [&self.states, &self.font, &self.fill, &self.stroke].into_iter().all(Vec::is_empty)
    }

    /// The colour that an operator sets, and whether it sets the space too.
    fn colour(&mut self, operator: &[u8]) -> Option<(&mut Vec<Setting>, bool)> {
        Some(match operator {
            b"cs" | b"g" | b"rg" | b"k" => (&mut self.fill, true),
            b"sc" | b"scn" => (&mut self.fill, false),
            b"CS" | b"G" | b"RG" | b"K" => (&mut self.stroke, true),
            b"SC" | b"SCN" => (&mut self.stroke, false),
            _ => return None,
        })
    }

    /// Forgets what `operator` sets anew.
    fn forget(&mut self, operator: &[u8]) {
        if operator == b"Tf" {
            self.font.clear();
        } else if let Some((list, space)) = self.colour(operator) {
            list.retain(|(known, _)| {
                !space && !matches!(&**known, b"sc" | b"scn" | b"SC" | b"SCN")
            });
        }
    }
}

impl<'a, 'w> Walk<'a, 'w> {
    /// Rewrites `data`, which uses `resources`.
    pub(super) fn content(
        &mut self,
        data: &[u8],
        resources: Rc<Dict>,
    ) -> Result<(Bytes, Names), Trouble> {
        self.content_with(data, Names::new(resources))
    }

    /// The same for one of several streams that share resources.
    pub(super) fn content_with(
        &mut self,
        data: &[u8],
        names: Names,
    ) -> Result<(Bytes, Names), Trouble> {
        let nesting = self.file.work.limits().nesting;
        let mut rewriter = Rewriter {
            walk: self,
            lexer: Lexer::new(data, 0, MOST_OBJECTS, nesting),
            names,
            out: Bytes::new(Vec::with_capacity(data.len())),
            saved: 0,
            in_text: false,
            marked: Vec::new(),
            hidden: 0,
            path: Vec::new(),
            clips: false,
            held: Rc::default(),
            held_before: Vec::new(),
        };
        rewriter.run()?;
        Ok((rewriter.out, rewriter.names))
    }
}

impl Rewriter<'_, '_, '_, '_> {
    fn run(&mut self) -> Step {
        let mut operands = Vec::new();
        loop {
            operands.clear();
            self.lexer.left = MOST_OBJECTS;
            match self.lexer.objects(&mut operands)? {
                Stop::End => break,
                // a bracket that closes nothing
                Stop::Closed => {}
                Stop::Word(b"BI") => self.inline_image()?,
                Stop::Word(b"endobj" | b"obj" | b"endstream") => {
                    self.lexer.token();
                }
                Stop::Word(operator) => {
                    let from = operands.len().saturating_sub(MOST_OPERANDS);
                    self.operator(operator, operands.get(from..).unwrap_or_default())?;
                }
            }
        }
        // nothing paints it any more
        self.cut_path();
        if self.in_text {
            self.out.extend_from_slice(b"ET\n");
        }
        for _ in 0..self.saved {
            self.out.extend_from_slice(b"Q\n");
        }
        Ok(())
    }

    fn operator(&mut self, operator: &[u8], operands: &[Object]) -> Step {
        if self.hidden > 0 {
            if self.hold(operator, operands) {
                return Ok(());
            }
        } else {
            self.release(operator)?;
        }
        let from = self.out.len();
        self.operate(operator, operands)?;
        match operator {
            b"m" | b"l" | b"c" | b"v" | b"y" | b"re" | b"h" | b"W" | b"W*" => {
                self.clips |= matches!(operator, b"W" | b"W*");
                let to = self.out.len();
                match self.path.last_mut() {
                    Some((_, end)) if *end == from => *end = to,
                    _ => self.path.push((from, to)),
                }
            }
            _ if is_painting(operator) || operator == b"n" => {
                if self.hidden > 0 && !self.clips {
                    self.out.truncate(from);
                    self.cut_path();
                }
                self.path.clear();
                self.clips = false;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes the path out of what is written; a path that is neither painted nor clips shows nothing.
    fn cut_path(&mut self) {
        let Some((first, _)) = self.path.first().copied() else {
            return;
        };
        let (mut between, mut at) = (Bytes::default(), first);
        for (from, to) in std::mem::take(&mut self.path) {
            between.extend_from_slice(self.out.get(at..from).unwrap_or_default());
            at = to;
        }
        between.extend_from_slice(self.out.get(at..).unwrap_or_default());
        self.out.truncate(first);
        self.out.extend_from_slice(&between);
    }

    /// Holds back what hidden content sets; whether `operator` is such.
    fn hold(&mut self, operator: &[u8], operands: &[Object]) -> bool {
        if !matches!(operator, b"gs" | b"Tf") && Held::default().colour(operator).is_none() {
            return false;
        }
        let held = Rc::make_mut(&mut self.held);
        held.forget(operator);
        let list = match operator {
            b"gs" => &mut held.states,
            b"Tf" => &mut held.font,
            _ => match held.colour(operator) {
                Some((list, _)) => list,
                None => return false,
            },
        };
        if list.len() >= MOST_HELD {
            list.remove(0);
        }
        list.push((operator.to_vec(), operands.to_vec()));
        true
    }

    /// Writes what was held back and is used by a visible operator.
    fn release(&mut self, operator: &[u8]) -> Step {
        if self.held.is_empty() {
            return Ok(());
        }
        let mut held = Held::clone(&self.held);
        held.forget(operator);
        let paints = is_painting(operator)
            || matches!(operator, b"sh" | b"Do" | b"Tj" | b"TJ" | b"'" | b"\"" | b"BI");
        let sets =
            matches!(operator, b"gs" | b"Tf" | b"w" | b"J" | b"j" | b"M" | b"d" | b"ri" | b"i");
        let mut used = Vec::new();
        if paints || sets {
            used.append(&mut held.states);
        }
        if paints {
            for list in [&mut held.font, &mut held.fill, &mut held.stroke] {
                used.append(list);
            }
        } else if let Some((list, false)) = held.colour(operator) {
            used.append(list);
        }
        self.held = Rc::new(held);
        for (operator, operands) in used {
            self.operate(&operator, &operands)?;
        }
        Ok(())
    }

    fn operate(&mut self, operator: &[u8], operands: &[Object]) -> Step {
        match operator {
            b"q" if self.saved < MOST_SAVED => {
                self.saved += 1;
                self.held_before.push(Rc::clone(&self.held));
                self.plain(operator);
            }
            b"Q" if self.saved > 0 => {
                self.saved -= 1;
                self.held = self.held_before.pop().unwrap_or_default();
                self.plain(operator);
            }
            b"BT" if !self.in_text => {
                self.in_text = true;
                self.plain(operator);
            }
            b"ET" if self.in_text => {
                self.in_text = false;
                self.plain(operator);
            }
            b"h" | b"W" | b"W*" | b"n" | b"T*" => self.plain(operator),
            _ if is_painting(operator) => {
                let operator = if operator == b"F" { b"f" } else { operator };
                self.plain(if self.hidden > 0 { b"n" } else { operator });
            }
            b"w" | b"J" | b"j" | b"M" | b"i" | b"Tc" | b"Tw" | b"Tz" | b"TL" | b"Ts" | b"Tr"
            | b"g" | b"G" => self.numbers(operator, operands, 1),
            b"m" | b"l" | b"d0" | b"Td" | b"TD" => self.numbers(operator, operands, 2),
            b"rg" | b"RG" => self.numbers(operator, operands, 3),
            b"v" | b"y" | b"re" | b"k" | b"K" => self.numbers(operator, operands, 4),
            b"c" | b"cm" | b"Tm" | b"d1" => self.numbers(operator, operands, 6),
            b"sc" | b"SC" | b"scn" | b"SCN" => self.colour(operator, operands)?,
            b"d" => self.dash(operands),
            b"ri" => {
                if let [.., Object::Name(name)] = operands
                    && is_intent(name)
                {
                    self.named(name, operator);
                }
            }
            b"cs" | b"CS" => self.space(operator, operands)?,
            b"gs" => self.resource(Category::State, operator, operands)?,
            b"sh" if self.hidden == 0 => self.resource(Category::Shading, operator, operands)?,
            b"Do" if self.hidden == 0 => self.resource(Category::XObject, operator, operands)?,
            b"Tf" => self.font(operands)?,
            b"Tj" | b"TJ" | b"'" | b"\"" => self.text(operator, operands),
            b"BMC" | b"BDC" => self.begin_marked(operands)?,
            b"EMC" => self.hidden -= usize::from(self.marked.pop() == Some(true)),
            b"MP" | b"DP" => self.walk.find(Found::Other),
            _ => {}
        }
        Ok(())
    }

    fn plain(&mut self, operator: &[u8]) {
        self.out.extend_from_slice(operator);
        self.out.push(b'\n');
    }

    fn named(&mut self, name: &[u8], operator: &[u8]) {
        write_name(name, &mut self.out);
        self.out.push(b' ');
        self.plain(operator);
    }

    /// An operator with as many numbers; with fewer it does nothing.
    fn numbers(&mut self, operator: &[u8], operands: &[Object], count: usize) {
        let Some(from) = operands.len().checked_sub(count) else {
            return;
        };
        let operands = operands.get(from..).unwrap_or_default();
        if operands.iter().all(|operand| operand.as_number().is_some()) {
            self.write_numbers(operands);
            self.plain(operator);
        }
    }

    fn write_numbers(&mut self, operands: &[Object]) {
        for number in operands.iter().filter_map(Object::as_number) {
            number.write(&mut self.out);
            self.out.push(b' ');
        }
    }

    /// Colour components, and a pattern's name behind them.
    fn colour(&mut self, operator: &[u8], operands: &[Object]) -> Step {
        if let Some((Object::Name(name), components)) = operands.split_last() {
            if let Some(name) = self.name(Category::Pattern, name)? {
                self.write_numbers(components);
                self.named(
                    &name,
                    if operator == b"sc" || operator == b"scn" { b"scn" } else { b"SCN" },
                );
            }
        } else if operands.iter().any(|operand| operand.as_number().is_some()) {
            self.write_numbers(operands);
            self.plain(operator);
        }
        Ok(())
    }

    fn dash(&mut self, operands: &[Object]) {
        if let [.., Object::Array(dashes), Object::Number(phase)] = operands
            && dashes.len() <= 64
        {
            self.out.push(b'[');
            self.write_numbers(dashes);
            if self.out.last() == Some(&b' ') {
                self.out.pop();
            }
            self.out.extend_from_slice(b"] ");
            phase.write(&mut self.out);
            self.out.push(b' ');
            self.plain(b"d");
        }
    }

    fn space(&mut self, operator: &[u8], operands: &[Object]) -> Step {
        let Some(Object::Name(name)) = operands.last() else {
            return Ok(());
        };
        if matches!(&**name, b"DeviceGray" | b"DeviceRGB" | b"DeviceCMYK" | b"Pattern") {
            self.named(name, operator);
            return Ok(());
        }
        self.resource(Category::Space, operator, operands)
    }

    /// An operator that takes nothing but a resource.
    fn resource(&mut self, category: Category, operator: &[u8], operands: &[Object]) -> Step {
        if let Some(Object::Name(name)) = operands.last()
            && let Some(name) = self.name(category, name)?
        {
            self.named(&name, operator);
        }
        Ok(())
    }

    /// The new name of a resource that is there.
    fn name(&mut self, category: Category, name: &Rc<[u8]>) -> Result<Option<Rc<[u8]>>, Trouble> {
        let key = (category, Rc::clone(name));
        if let Some(known) = self.names.known.get(&key) {
            return Ok(known.clone());
        }
        let source = Rc::clone(&self.names.source);
        let list = self.walk.file.value(&source, category.key().0)?;
        let value = list.as_dict().map_or(Object::Null, |list| list.get(name).clone());
        let value = self.walk.resource(category, &value, &source)?;
        let new = value.map(|value| self.names.add(category, value));
        self.names.known.insert(key, new.clone());
        Ok(new)
    }

    /// Text in a font that is missing must not be shown in the one before.
    fn font(&mut self, operands: &[Object]) -> Step {
        if let [.., Object::Name(name), Object::Number(size)] = operands {
            let name = self.name(Category::Font, name)?;
            write_name(name.as_deref().unwrap_or(b"None"), &mut self.out);
            self.out.push(b' ');
            size.write(&mut self.out);
            self.out.push(b' ');
            self.plain(b"Tf");
        }
        Ok(())
    }

    fn text(&mut self, operator: &[u8], operands: &[Object]) {
        match (operator, operands) {
            (b"Tj", [.., Object::String(string)]) if self.hidden == 0 => {
                write_string(string, &mut self.out);
                self.plain(b"Tj");
            }
            (b"TJ", [.., Object::Array(items)]) if self.hidden == 0 => {
                self.out.push(b'[');
                let mut after_number = false;
                for item in items.iter() {
                    match item {
                        Object::String(string) => {
                            write_string(string, &mut self.out);
                            after_number = false;
                        }
                        Object::Number(number) => {
                            if after_number {
                                self.out.push(b' ');
                            }
                            number.write(&mut self.out);
                            after_number = true;
                        }
                        _ => {}
                    }
                }
                self.out.push(b']');
                self.plain(b"TJ");
            }
            (b"'", [.., Object::String(string)]) => {
                if self.hidden > 0 {
                    self.plain(b"T*");
                } else {
                    write_string(string, &mut self.out);
                    self.plain(b"'");
                }
            }
            (
                b"\"",
                [.., word @ Object::Number(_), letter @ Object::Number(_), Object::String(string)],
            ) => {
                self.numbers(b"Tw", std::slice::from_ref(word), 1);
                self.numbers(b"Tc", std::slice::from_ref(letter), 1);
                self.text(b"'", &[Object::String(Rc::clone(string))]);
            }
            _ => {}
        }
    }

    fn begin_marked(&mut self, operands: &[Object]) -> Step {
        let mut hidden = false;
        if let [.., Object::Name(tag), properties] = operands {
            let source = Rc::clone(&self.names.source);
            let given = match properties {
                Object::Name(name) => {
                    let list = self.walk.file.value(&source, b"Properties")?;
                    list.as_dict().map_or(Object::Null, |list| list.get(name).clone())
                }
                other => other.clone(),
            };
            if &**tag == b"OC" {
                hidden = !self.walk.is_visible(&given)?;
            } else if let Some(properties) = self.walk.file.get(&given)?.as_dict() {
                let free = properties.0.keys().any(|key| &**key != b"MCID");
                if free {
                    self.walk.find(Found::Comment);
                }
            }
        }
        self.walk.find(Found::Other);
        if self.marked.len() < 1 << 20 {
            self.marked.push(hidden);
            self.hidden += usize::from(hidden);
        }
        Ok(())
    }

    /// `BI` keys `ID` data `EI` (8.9.7).
    fn inline_image(&mut self) -> Step {
        let mut items = Vec::new();
        if self.lexer.objects(&mut items)? != Stop::Word(b"ID") {
            return Ok(());
        }
        let mut dict = Dict::default();
        for (key, value) in pairs(items).0 {
            dict.set(long_key(&key), value);
        }
        // each is counted before anything is done for it: it may be written in a few bytes
        self.walk.file.work.member(crate::clean::Kind::Pdf)?;
        let sized = dict.has(b"Width") && dict.has(b"Height");
        self.expand_space(&mut dict)?;
        if self.lexer.peek().is_some_and(is_space) {
            self.lexer.at += 1;
        }
        let steps = self.walk.file.steps(dict.get(b"Filter"), dict.get(b"DecodeParms"))?;
        let rest = self.lexer.rest();
        let len = match steps.first().map(|step| step.filter) {
            None => self.walk.image_len(&dict)?.map(|len| len.min(rest.len())),
            Some(Filter::Flate) if sized => {
                let most = usize::try_from(self.walk.file.work.inflatable()).unwrap_or(usize::MAX);
                let inflated = inflate(rest, most);
                self.walk
                    .file
                    .work
                    .inflated(crate::clean::Kind::Pdf, inflated.bytes.len() as u64)?;
                inflated.ended
            }
            _ => None,
        };
        let (len, after) = end_of_image(rest, len.unwrap_or(0));
        self.lexer.at += after;
        let data = rest.get(..len).unwrap_or_default();
        if self.hidden == 0 && sized {
            self.release(b"BI")?;
            let image = self.walk.inline_image(&dict, data, &steps)?;
            let name = self.names.add(Category::XObject, image);
            self.named(&name, b"Do");
        }
        Ok(())
    }

    /// A space by a short name, or one of the resources.
    fn expand_space(&mut self, dict: &mut Dict) -> Step {
        let space = dict.get(b"ColorSpace").clone();
        let source = Rc::clone(&self.names.source);
        let full = match &space {
            Object::Name(name) => match long_space(name) {
                Some(long) => Object::name(long),
                None => {
                    let list = self.walk.file.value(&source, b"ColorSpace")?;
                    list.as_dict().map_or(Object::Null, |list| list.get(name).clone())
                }
            },
            Object::Array(items) => {
                let long = |item: &Object| {
                    let name = item.as_name().and_then(long_space);
                    name.map_or_else(|| item.clone(), Object::name)
                };
                Object::array(items.iter().map(long).collect())
            }
            _ => return Ok(()),
        };
        dict.set(b"ColorSpace", full);
        Ok(())
    }
}

/// Operators that paint a path.
fn is_painting(operator: &[u8]) -> bool {
    matches!(operator, b"S" | b"s" | b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*")
}

/// Where an inline image's data ends and where its `EI` does, beginning to look at `from`.
fn end_of_image(rest: &[u8], from: usize) -> (usize, usize) {
    let tail = rest.get(from..).unwrap_or_default();
    for at in memchr::memmem::find_iter(tail, b"EI") {
        let before = at.checked_sub(1).and_then(|at| tail.get(at));
        let after = tail.get(at + 2..).unwrap_or_default();
        let text = after.iter().take(16).all(|byte| is_space(*byte) || (32..127).contains(byte));
        if before.is_none_or(|byte| is_space(*byte))
            && after.first().is_none_or(|byte| is_space(*byte))
            && text
        {
            let end = if from > 0 { from } else { from + at.saturating_sub(1) };
            return (end, from + at + 2);
        }
    }
    (if from > 0 { from } else { rest.len() }, rest.len())
}

fn long_key(key: &[u8]) -> &[u8] {
    match key {
        b"BPC" => b"BitsPerComponent",
        b"CS" => b"ColorSpace",
        b"D" => b"Decode",
        b"DP" => b"DecodeParms",
        b"F" => b"Filter",
        b"H" => b"Height",
        b"IM" => b"ImageMask",
        b"I" => b"Interpolate",
        b"W" => b"Width",
        other => other,
    }
}

fn long_space(name: &[u8]) -> Option<&'static [u8]> {
    Some(match name {
        b"G" | b"DeviceGray" => b"DeviceGray",
        b"RGB" | b"DeviceRGB" => b"DeviceRGB",
        b"CMYK" | b"DeviceCMYK" => b"DeviceCMYK",
        b"I" | b"Indexed" => b"Indexed",
        _ => return None,
    })
}

/// Rendering intents (8.6.5.8).
pub(super) fn is_intent(name: &[u8]) -> bool {
    matches!(
        name,
        b"AbsoluteColorimetric" | b"RelativeColorimetric" | b"Saturation" | b"Perceptual"
    )
}

/// The operators of a calculator function (7.10.5), written anew.
pub(super) fn calculator(data: &[u8]) -> Bytes {
    const OPERATORS: &[&[u8]] = &[
        b"abs",
        b"add",
        b"atan",
        b"ceiling",
        b"cos",
        b"cvi",
        b"cvr",
        b"div",
        b"exp",
        b"floor",
        b"idiv",
        b"ln",
        b"log",
        b"mod",
        b"mul",
        b"neg",
        b"round",
        b"sin",
        b"sqrt",
        b"sub",
        b"truncate",
        b"and",
        b"bitshift",
        b"eq",
        b"false",
        b"ge",
        b"gt",
        b"le",
        b"lt",
        b"ne",
        b"not",
        b"or",
        b"true",
        b"xor",
        b"if",
        b"ifelse",
        b"copy",
        b"dup",
        b"exch",
        b"index",
        b"pop",
        b"roll",
        b"{",
        b"}",
    ];
    let mut lexer = Lexer::new(data, 0, 0, 0);
    let mut out = Bytes::new(Vec::with_capacity(data.len()));
    loop {
        match lexer.token() {
            Token::End => return out,
            Token::Number(number) => number.write(&mut out),
            Token::Word(word) if OPERATORS.contains(&word) => out.extend_from_slice(word),
            _ => continue,
        }
        out.push(b' ');
    }
}
