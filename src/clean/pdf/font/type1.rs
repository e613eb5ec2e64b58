//! Type 1 programs (Adobe Type 1 Font Format): read for what rendering needs, and written anew around it.
//!
//! | part | what becomes of it |
//! |---|---|
//! | matrix, box, paint type, encoding | written anew |
//! | private dictionary | its hints by an allow-list |
//! | charstrings and subroutines | kept; the random bytes before them are zeros |
//! | comments, FontInfo, names, UniqueID, XUID, other PostScript, trailer | dropped |

use super::name;
use crate::clean::pdf::{
    filter::Bytes,
    lexer::{Lexer, Token, hex, is_regular, is_space},
    object::Decimal,
};

/// Keys of the encryptions (sections 7.1 and 7.3).
const PROGRAM_KEY: u16 = 55665;
const CHARSTRING_KEY: u16 = 4330;
/// Bytes before what is encrypted.
const LEAD: usize = 4;

/// Hints that stay.
const HINTS: &[&[u8]] = &[
    b"BlueValues",
    b"OtherBlues",
    b"FamilyBlues",
    b"FamilyOtherBlues",
    b"BlueScale",
    b"BlueShift",
    b"BlueFuzz",
    b"StdHW",
    b"StdVW",
    b"StemSnapH",
    b"StemSnapV",
    b"ForceBold",
    b"LanguageGroup",
    b"RndStemUp",
    b"ExpansionFactor",
];

/// A font program and the lengths of its three parts.
pub(super) struct Font {
    pub(super) program: Bytes,
    pub(super) lengths: [usize; 3],
}

/// The program written anew. None if it cannot be read.
pub(super) fn clean(data: &[u8]) -> Option<Font> {
    let data = unsegmented(data);
    let at = memchr::memmem::find(&data, b"eexec")? + 5;
    let (clear, coded) = data.split_at_checked(at)?;
    let private = decrypted_program(coded);
    let mut program = Bytes::default();
    head(clear, &mut program)?;
    let first = program.len();
    let body = body(&private)?;
    program.extend_from_slice(&encrypt(&body, PROGRAM_KEY));
    let lengths = [first, program.len() - first, 0];
    Some(Font { program, lengths })
}

/// Without the marks of a PFB file.
fn unsegmented(data: &[u8]) -> Bytes {
    let mut whole = Bytes::default();
    let mut rest = data;
    while let [0x80, 1 | 2, a, b, c, d, after @ ..] = rest {
        let len = usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
        let (part, after) = after.split_at_checked(len).unwrap_or((after, &[]));
        whole.extend_from_slice(part);
        rest = after;
    }
    if whole.is_empty() {
        whole.extend_from_slice(data);
    }
    whole
}

fn decrypted_program(coded: &[u8]) -> Bytes {
    let blanks = coded.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    let coded = coded.get(blanks.count()..).unwrap_or_default();
    let text = coded.iter().take(4).all(|&byte| hex(byte).is_some());
    if !text {
        return decrypt(coded, PROGRAM_KEY, LEAD);
    }
    let mut digits = coded.iter().filter(|byte| !is_space(**byte)).map_while(|byte| hex(*byte));
    let mut binary = Bytes::default();
    while let (Some(high), Some(low)) = (digits.next(), digits.next()) {
        binary.push(high << 4 | low);
    }
    decrypt(&binary, PROGRAM_KEY, LEAD)
}

fn step(key: u16, coded: u8) -> u16 {
    u16::from(coded).wrapping_add(key).wrapping_mul(52845).wrapping_add(22719)
}

fn decrypt(coded: &[u8], mut key: u16, lead: usize) -> Bytes {
    let mut plain = Bytes::new(Vec::with_capacity(coded.len()));
    for (index, &byte) in coded.iter().enumerate() {
        if index >= lead {
            plain.push(byte ^ key.to_be_bytes()[0]);
        }
        key = step(key, byte);
    }
    plain
}

fn encrypt(plain: &[u8], mut key: u16) -> Bytes {
    let mut coded = Bytes::new(Vec::with_capacity(plain.len() + LEAD));
    for &byte in [0; LEAD].iter().chain(plain) {
        let byte = byte ^ key.to_be_bytes()[0];
        coded.push(byte);
        key = step(key, byte);
    }
    coded
}

/// What stands before `eexec`.
fn head(clear: &[u8], out: &mut Bytes) -> Option<()> {
    // an instance of a multiple master says more than is read here
    if memchr::memmem::find(clear, b"/WeightVector").is_some() {
        return None;
    }
    let list = |key: &[u8], count: usize| -> Option<Vec<Decimal>> {
        let at = memchr::memmem::find(clear, key)? + key.len();
        let mut lexer = Lexer::new(clear, at, 0, 0);
        lexer.token();
        let mut numbers = Vec::new();
        while let (true, Token::Number(number)) = (numbers.len() < count, lexer.token()) {
            numbers.push(number);
        }
        (numbers.len() == count).then_some(numbers)
    };
    let numbers = |numbers: &[Decimal], out: &mut Bytes| {
        for (index, number) in numbers.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            number.write(out);
        }
    };
    let usual = [1, 0, 0, 1, 0, 0].map(|number| Decimal::new(number, 3)).to_vec();
    out.extend_from_slice(
        b"%!PS-AdobeFont-1.0: F 001.000\n12 dict begin\n/FontName /F def\n/FontType 1 def\n/PaintType ",
    );
    let outlined = memchr::memmem::find(clear, b"/PaintType 2").is_some();
    out.extend_from_slice(if outlined { b"2 def\n" } else { b"0 def\n" });
    out.extend_from_slice(b"/FontMatrix [");
    numbers(&list(b"/FontMatrix", 6).unwrap_or(usual), out);
    out.extend_from_slice(b"] readonly def\n");
    encoding(clear, out);
    out.extend_from_slice(b"/FontBBox {");
    numbers(&list(b"/FontBBox", 4).unwrap_or_else(|| vec![Decimal::default(); 4]), out);
    out.extend_from_slice(b"} readonly def\ncurrentdict end\ncurrentfile eexec\n");
    Some(())
}

fn encoding(clear: &[u8], out: &mut Bytes) {
    let key = b"/Encoding";
    let at = memchr::memmem::find(clear, key).map_or(clear.len(), |at| at + key.len());
    let mut lexer = Lexer::new(clear, at, 0, 0);
    let mut pairs: Vec<(i64, std::rc::Rc<[u8]>)> = Vec::new();
    let first = lexer.token();
    if matches!(first, Token::Word(b"StandardEncoding") | Token::End) {
        out.extend_from_slice(b"/Encoding StandardEncoding def\n");
        return;
    }
    let (mut code, mut listed) = (None, if first == Token::ArrayOpen { Some(0) } else { None });
    let mut pending = None;
    loop {
        match lexer.token() {
            Token::Number(number) => code = Some(number.whole()),
            Token::Name(name) => match &mut listed {
                Some(next) => {
                    pairs.push((*next, name));
                    *next += 1;
                }
                None => pending = Some(name),
            },
            Token::Word(b"put") => {
                if let (Some(code), Some(name)) = (code, pending.take()) {
                    pairs.push((code, name));
                }
            }
            // `0 1 255 {1 index exch /.notdef put} for`
            Token::Word(b"{" | b"}" | b"for") => (code, pending) = (None, None),
            Token::Word(b"def" | b"readonly") | Token::End => break,
            _ => {}
        }
    }
    out.extend_from_slice(b"/Encoding 256 array\n0 1 255 {1 index exch /.notdef put} for\n");
    for (code, name) in pairs.iter().take(1024) {
        if (0..256).contains(code) && name::is_glyph(name) && &**name != b".notdef" {
            out.extend_from_slice(format!("dup {code} /").as_bytes());
            out.extend_from_slice(name);
            out.extend_from_slice(b" put\n");
        }
    }
    out.extend_from_slice(b"readonly def\n");
}

/// Reads PostScript word by word, and bytes between words.
struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next word; a name has its slash, brackets and braces are words.
    fn word(&mut self) -> Option<&'a [u8]> {
        loop {
            let byte = *self.data.get(self.at)?;
            let start = self.at;
            self.at += 1;
            match byte {
                b'%' => {
                    let rest = self.data.get(self.at..)?;
                    self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
                }
                _ if is_space(byte) => {}
                _ => {
                    while (byte == b'/' || is_regular(byte))
                        && self.data.get(self.at).is_some_and(|byte| is_regular(*byte))
                    {
                        self.at += 1;
                    }
                    return self.data.get(start..self.at);
                }
            }
        }
    }

    fn number(&mut self) -> Option<usize> {
        std::str::from_utf8(self.word()?).ok()?.parse().ok()
    }

    /// `len RD bytes`, where one blank is before the bytes.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.number()?;
        self.word()?;
        let start = self.at.checked_add(1)?;
        self.at = start.checked_add(len)?;
        self.data.get(start..self.at)
    }
}

/// The private dictionary and the charstrings.
fn body(private: &[u8]) -> Option<Bytes> {
    let mut reader = Reader { data: private, at: 0 };
    let mut hints = Bytes::default();
    let mut lead = Some(LEAD);
    let (mut subroutines, mut glyphs) = (Vec::new(), Vec::new());
    while let Some(word) = reader.word() {
        let Some(key) = word.strip_prefix(b"/") else {
            continue;
        };
        match key {
            b"lenIV" => {
                let value = reader.word()?;
                lead = std::str::from_utf8(value).ok()?.parse().ok();
            }
            b"Subrs" if subroutines.is_empty() => {
                reader.number()?;
                subroutines = read_subroutines(&mut reader)?;
            }
            b"CharStrings" if glyphs.is_empty() => glyphs = read_glyphs(&mut reader)?,
            _ if HINTS.contains(&key) => hint(key, &mut reader, &mut hints),
            _ => {}
        }
    }
    if glyphs.is_empty() {
        return None;
    }
    let coded = |charstring: &[u8]| match lead {
        Some(lead) => encrypt(&decrypt(charstring, CHARSTRING_KEY, lead), CHARSTRING_KEY),
        None => encrypt(charstring, CHARSTRING_KEY),
    };
    let mut out = Bytes::default();
    out.extend_from_slice(
        b"dup /Private 20 dict dup begin\n/RD {string currentfile exch readstring pop} executeonly def\n\
        /ND {noaccess def} executeonly def\n/NP {noaccess put} executeonly def\n\
        /MinFeature {16 16} def\n/password 5839 def\n",
    );
    out.extend_from_slice(&hints);
    if let Some(count) = subroutines.iter().map(|(index, _)| index + 1).max() {
        out.extend_from_slice(b"/OtherSubrs [{} {} {} {}] def\n");
        out.extend_from_slice(format!("/Subrs {count} array\n").as_bytes());
        for (index, subroutine) in subroutines {
            let coded = coded(subroutine);
            out.extend_from_slice(format!("dup {index} {} RD ", coded.len()).as_bytes());
            out.extend_from_slice(&coded);
            out.extend_from_slice(b" NP\n");
        }
        out.extend_from_slice(b"ND\n");
    }
    out.extend_from_slice(
        format!("2 index /CharStrings {} dict dup begin\n", glyphs.len()).as_bytes(),
    );
    for (index, (glyph, charstring)) in glyphs.into_iter().enumerate() {
        let coded = coded(charstring);
        out.push(b'/');
        if name::is_glyph(glyph) {
            out.extend_from_slice(glyph);
        } else {
            out.extend_from_slice(format!("x{index}").as_bytes());
        }
        out.extend_from_slice(format!(" {} RD ", coded.len()).as_bytes());
        out.extend_from_slice(&coded);
        out.extend_from_slice(b" ND\n");
    }
    out.extend_from_slice(
        b"end\nend\nreadonly put\nnoaccess put\ndup /FontName get exch definefont pop\n\
        mark currentfile closefile\n",
    );
    Some(out)
}

/// Numbers, one or a list, and truth values.
fn hint(key: &[u8], reader: &mut Reader<'_>, out: &mut Bytes) {
    let mut lexer = Lexer::new(reader.data, reader.at, 0, 0);
    let mut value = Vec::new();
    loop {
        reader.at = lexer.at;
        match lexer.token() {
            Token::Number(number) if value.len() < 1024 => {
                number.write(&mut value);
                value.push(b' ');
            }
            Token::ArrayOpen | Token::Word(b"{") => value.push(b'['),
            Token::ArrayClose | Token::Word(b"}") => {
                value.extend_from_slice(b"] ");
                break;
            }
            Token::Word(word @ (b"true" | b"false")) => {
                value.extend_from_slice(word);
                value.push(b' ');
                break;
            }
            _ => break,
        }
        reader.at = lexer.at;
    }
    if !value.is_empty() {
        out.push(b'/');
        out.extend_from_slice(key);
        out.push(b' ');
        out.extend_from_slice(&value);
        out.extend_from_slice(b"def\n");
    }
}

/// `dup index len RD bytes NP`, as often as it comes.
fn read_subroutines<'a>(reader: &mut Reader<'a>) -> Option<Vec<(usize, &'a [u8])>> {
    let mut list = Vec::new();
    loop {
        let before = reader.at;
        match reader.word()? {
            b"dup" => {
                let index = reader.number().filter(|index| *index < 1 << 16)?;
                list.push((index, reader.bytes()?));
            }
            b"array" | b"NP" | b"|" | b"noaccess" | b"put" | b"readonly" => {}
            b"ND" | b"|-" | b"def" => return Some(list),
            word if word.starts_with(b"/") => {
                reader.at = before;
                return Some(list);
            }
            _ => {}
        }
    }
}

/// `/name len RD bytes ND`, up to `end`.
fn read_glyphs<'a>(reader: &mut Reader<'a>) -> Option<Vec<(&'a [u8], &'a [u8])>> {
    let mut list = Vec::new();
    loop {
        match reader.word() {
            Some([b'/', name @ ..]) => list.push((name, reader.bytes()?)),
            Some(b"end") if !list.is_empty() => return Some(list),
            Some(_) => {}
            None => return Some(list),
        }
        if list.len() > 1 << 16 {
            return None;
        }
    }
}
