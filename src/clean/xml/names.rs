//! Names, and the namespaces they are in.
//!
//! The same few names come again and again. Each has a number in its document, under which is kept how it is written and
//! what the rules know of it; where a name stands in a tag it is looked up among those seen last, by its bytes and the
//! declarations in force.

use std::{cmp::Ordering, collections::HashMap};

/// A namespace that may be written.
#[derive(Debug)]
pub(in crate::clean) struct Space {
    /// What rules call it.
    pub(in crate::clean) id: &'static str,
    /// The prefix that is written; "" for the one that is written as the default namespace. No attribute is written in
    /// that one.
    pub(in crate::clean) prefix: &'static str,
    /// The name that is written.
    pub(in crate::clean) uri: &'static str,
    /// Other names that are taken for it.
    pub(in crate::clean) also: &'static [&'static str],
    /// Whether it is declared though no name in the document uses it, because values do.
    pub(in crate::clean) always: bool,
}

/// A name and its namespace. Names are equal by these two alone.
#[derive(Clone, Copy, Debug)]
pub(in crate::clean) struct Name<'i> {
    /// [`Space::id`]; "" for none, "?" for one that is not in the table, "xml" for that prefix.
    pub(in crate::clean) space: &'static str,
    /// The name without its prefix.
    pub(in crate::clean) local: &'i str,
    /// Its number in its document, counted from 1; 0 if it has none.
    symbol: u16,
}

impl<'i> Name<'i> {
    /// A name that the rules give.
    pub(super) const fn given(space: &'static str, local: &'i str) -> Self {
        Self { space, local, symbol: 0 }
    }

    /// Whether it is this one.
    pub(in crate::clean) fn is(&self, space: &str, local: &str) -> bool {
        self.local == local && self.space == space
    }

    fn symbol(&self) -> Option<u16> {
        (self.symbol > 0).then_some(self.symbol)
    }
}

impl PartialEq for Name<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.local == other.local && self.space == other.space
    }
}

impl Eq for Name<'_> {}

impl PartialOrd for Name<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let spaces = if std::ptr::eq(self.space, other.space) {
            Ordering::Equal
        } else {
            self.space.cmp(other.space)
        };
        spaces.then_with(|| self.local.cmp(other.local))
    }
}

/// What rules know of the names of one document, worked out once for each. Not for a second document.
pub(in crate::clean) struct Memo<V>(Vec<Option<V>>);

impl<V: Copy> Memo<V> {
    pub(in crate::clean) const fn new() -> Self {
        Self(Vec::new())
    }

    /// What is known of a name, which `work_out` gives the first time.
    pub(in crate::clean) fn of(&mut self, name: Name<'_>, work_out: impl FnOnce() -> V) -> V {
        let Some(at) = name.symbol().map(usize::from) else {
            return work_out();
        };
        if let Some(Some(known)) = self.0.get(at) {
            return *known;
        }
        let value = work_out();
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        if let Some(slot) = self.0.get_mut(at) {
            *slot = Some(value);
        }
        value
    }
}

/// As [`Memo`], for an attribute in an element. The places are few, so that no document makes it large: a pair that
/// meets another in its place takes it.
pub(in crate::clean) struct PairMemo<V>(Vec<Option<(u32, V)>>);

impl<V: Copy> PairMemo<V> {
    pub(in crate::clean) fn new() -> Self {
        Self(vec![None; 1 << PLACES])
    }

    /// What is known of `attribute` in `element`.
    pub(in crate::clean) fn of(
        &mut self,
        element: Name<'_>,
        attribute: Name<'_>,
        work_out: impl FnOnce() -> V,
    ) -> V {
        let (Some(element), Some(attribute)) = (element.symbol(), attribute.symbol()) else {
            return work_out();
        };
        let pair = u32::from(element) << 16 | u32::from(attribute);
        let slot = self.0.get_mut(place_of(u64::from(pair)));
        match slot {
            Some(Some((known, value))) if *known == pair => *value,
            Some(slot) => slot.insert((pair, work_out())).1,
            None => work_out(),
        }
    }
}

/// The most declarations that are in force at one place. They are looked through for each name.
const MAX_BINDINGS: usize = 256;
/// The most names of one document that have a number.
const MAX_SYMBOLS: usize = 1 << 14;
/// Bits of a place in the tables of names seen last.
const PLACES: u32 = 8;

/// A place in a table for something of this hash.
fn place_of(hash: u64) -> usize {
    let place = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACES);
    usize::try_from(place).unwrap_or(0)
}

fn hash(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let fold =
        |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(0, |hash, word| fold(hash, u64::from_le_bytes(*word)));
    let tail = match (rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    fold(hash, tail)
}

/// The declarations in force, and the names that they have been used for.
pub(super) struct Bindings<'i> {
    spaces: &'static [Space],
    used: Vec<bool>,
    list: Vec<Binding<'i>>,
    /// The number of the set of declarations in force, which no other set has.
    scope: u32,
    /// How many numbers have been given.
    scopes: u32,
    elements: Vec<Seen<'i>>,
    attributes: Vec<Seen<'i>>,
    symbols: Vec<Symbol>,
    /// For each namespace, by its place in the table and then the three that are in none, the numbers of its names.
    numbers: Vec<HashMap<&'i str, u16>>,
}

struct Binding<'i> {
    prefix: &'i str,
    space: &'static str,
    depth: usize,
    /// The scope around it.
    outer: u32,
}

/// A name as it stands in a tag, and what it was in a scope.
#[derive(Clone, Copy)]
struct Seen<'i> {
    raw: &'i str,
    scope: u32,
    local_at: usize,
    space: &'static str,
    symbol: u16,
}

/// How a name is written.
#[derive(Clone, Copy)]
struct Symbol {
    /// Its namespace's place in the table.
    row: Option<usize>,
    is_element: bool,
    is_attribute: bool,
}

impl<'i> Bindings<'i> {
    pub(super) fn new(spaces: &'static [Space]) -> Self {
        let used = spaces.iter().map(|space| space.always).collect();
        let none = Seen { raw: "", scope: 0, local_at: 0, space: "", symbol: 0 };
        Self {
            spaces,
            used,
            list: Vec::new(),
            scope: 0,
            scopes: 0,
            elements: vec![none; 1 << PLACES],
            attributes: vec![none; 1 << PLACES],
            symbols: Vec::new(),
            numbers: vec![HashMap::new(); spaces.len() + 3],
        }
    }

    /// Binds `prefix` for the element at `depth` and those in it; None if there are too many.
    pub(super) fn declare(&mut self, prefix: &'i str, uri: &str, depth: usize) -> Option<()> {
        let uri = uri.trim();
        let known = self.spaces.iter().find(|space| space.uri == uri || space.also.contains(&uri));
        let space = match known {
            Some(space) => space.id,
            None if uri.is_empty() => "",
            None => "?",
        };
        if self.list.len() >= MAX_BINDINGS {
            return None;
        }
        self.list.push(Binding { prefix, space, depth, outer: self.scope });
        self.scopes = self.scopes.checked_add(1)?;
        self.scope = self.scopes;
        Some(())
    }

    /// Ends what was declared for an element at `depth`.
    pub(super) fn close(&mut self, depth: usize) {
        while let Some(binding) = self.list.pop_if(|binding| binding.depth >= depth) {
            self.scope = binding.outer;
        }
    }

    /// The namespace of a prefix, or the default one; None if there is none.
    pub(super) fn space(&self, prefix: Option<&str>) -> Option<&'static str> {
        if prefix == Some("xml") {
            return Some("xml");
        }
        let prefix = prefix.unwrap_or("");
        self.list.iter().rev().find(|binding| binding.prefix == prefix).map(|b| b.space)
    }

    /// The name of an element.
    pub(super) fn element(&mut self, raw: &'i str) -> Name<'i> {
        self.name(raw, true)
    }

    /// The name of an attribute, which without a prefix is in no namespace.
    pub(super) fn attribute(&mut self, raw: &'i str) -> Name<'i> {
        self.name(raw, false)
    }

    fn name(&mut self, raw: &'i str, element: bool) -> Name<'i> {
        let seen = if element { &self.elements } else { &self.attributes };
        let at = place_of(hash(raw));
        let before = seen.get(at).filter(|seen| seen.raw == raw).copied();
        if let Some(seen) = before.filter(|seen| seen.scope == self.scope) {
            let local = raw.get(seen.local_at..).unwrap_or_default();
            return Name { space: seen.space, local, symbol: seen.symbol };
        }
        let (space, local) = match raw.split_once(':') {
            Some((prefix, local)) => (self.space(Some(prefix)).unwrap_or("?"), local),
            None if element => (self.space(None).unwrap_or(""), raw),
            None => ("", raw),
        };
        let symbol = match before.filter(|seen| std::ptr::eq(seen.space, space)) {
            Some(seen) => seen.symbol,
            None => self.number(space, local),
        };
        let seen = if element { &mut self.elements } else { &mut self.attributes };
        if let Some(slot) = seen.get_mut(at) {
            let local_at = raw.len() - local.len();
            *slot = Seen { raw, scope: self.scope, local_at, space, symbol };
        }
        Name { space, local, symbol }
    }

    fn number(&mut self, space: &'static str, local: &'i str) -> u16 {
        let row = self.row(space);
        let place = match space {
            "" => 0,
            "xml" => 1,
            _ => row.map_or(2, |row| row + 3),
        };
        if let Some(number) = self.numbers.get(place).and_then(|numbers| numbers.get(local)) {
            return *number;
        }
        let next = u16::try_from(self.symbols.len() + 1).unwrap_or(0);
        if self.symbols.len() >= MAX_SYMBOLS || next == 0 {
            return 0;
        }
        let name = Name::given(space, local);
        let (is_element, is_attribute) = self.uses(name, row);
        self.symbols.push(Symbol { row, is_element, is_attribute });
        if let Some(numbers) = self.numbers.get_mut(place) {
            numbers.insert(local, next);
        }
        next
    }

    fn symbol(&self, name: Name<'_>) -> Option<&Symbol> {
        self.symbols.get(usize::from(name.symbol()?) - 1)
    }

    fn row(&self, id: &str) -> Option<usize> {
        self.spaces.iter().position(|space| space.id == id)
    }

    /// Whether a name may be written at all.
    pub(super) fn is_writable(&self, name: Name<'_>, element: bool) -> bool {
        match self.symbol(name) {
            Some(symbol) if element => symbol.is_element,
            Some(symbol) => symbol.is_attribute,
            None => {
                let (is_element, is_attribute) = self.uses(name, self.row(name.space));
                if element { is_element } else { is_attribute }
            }
        }
    }

    /// Whether a name may be written as an element's, and as an attribute's.
    fn uses(&self, name: Name<'_>, row: Option<usize>) -> (bool, bool) {
        let plain = name.local.bytes().enumerate().all(|(at, byte)| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
            b'0'..=b'9' | b'-' | b'.' => at > 0,
            _ => false,
        });
        if !plain || name.local.is_empty() {
            return (false, false);
        }
        match name.space {
            // without a default namespace, names without a prefix are in none
            "" => (self.spaces.iter().all(|space| !space.prefix.is_empty()), true),
            "xml" => (false, true),
            _ => match row.and_then(|row| self.spaces.get(row)) {
                Some(space) => (true, !space.prefix.is_empty()),
                None => (false, false),
            },
        }
    }

    /// Writes a name with its prefix, which is declared from now on.
    pub(super) fn write(&mut self, out: &mut String, name: Name<'_>) {
        let row = match self.symbol(name) {
            Some(symbol) => symbol.row,
            None => self.row(name.space),
        };
        if name.space == "xml" {
            out.push_str("xml:");
        } else if let Some((at, space)) = row.and_then(|at| Some((at, self.spaces.get(at)?))) {
            if let Some(used) = self.used.get_mut(at) {
                *used = true;
            }
            if !space.prefix.is_empty() {
                out.push_str(space.prefix);
                out.push(':');
            }
        }
        out.push_str(name.local);
    }

    /// Writes the declarations of what is used.
    pub(super) fn write_declarations(&self, out: &mut String) {
        for (space, used) in self.spaces.iter().zip(&self.used) {
            if *used {
                out.push_str(if space.prefix.is_empty() { " xmlns" } else { " xmlns:" });
                out.push_str(space.prefix);
                out.push_str("=\"");
                super::escape::value(out, space.uri);
                out.push('"');
            }
        }
    }
}

/// XML's white space.
pub(super) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Takes the next attribute off `rest`: its name and its value as it is written. None at the tag's end.
pub(super) fn attribute<'i>(rest: &mut &'i str) -> Result<Option<(&'i str, &'i str)>, ()> {
    let tag = trim_start(rest);
    if tag.is_empty() {
        return Ok(None);
    }
    let (name, tag) = split_once(tag, b'=').ok_or(())?;
    let name = name.trim_end_matches(is_space);
    let tag = trim_start(tag);
    let quote = *tag.as_bytes().first().filter(|c| matches!(c, b'"' | b'\'')).ok_or(())?;
    let (value, tag) = split_once(tag.get(1..).ok_or(())?, quote).ok_or(())?;
    if name.is_empty() || name.bytes().any(|byte| is_space(char::from(byte))) {
        return Err(());
    }
    *rest = tag;
    Ok(Some((name, value)))
}

fn trim_start(text: &str) -> &str {
    let spaces = text.bytes().take_while(|byte| is_space(char::from(*byte))).count();
    text.get(spaces..).unwrap_or_default()
}

/// At an ASCII character.
fn split_once(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = memchr::memchr(at, text.as_bytes())?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}
