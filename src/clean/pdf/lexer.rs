//! Tokens and objects (ISO 32000-2, 7.2 and 7.3), of files, content streams and CMaps alike; lenient as viewers are.

use std::rc::Rc;

use super::object::{Decimal, Dict, Object};
use crate::clean::{Kind, Refusal};

/// One token.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(Decimal),
    String(Rc<[u8]>),
    Name(Rc<[u8]>),
    ArrayOpen,
    ArrayClose,
    DictOpen,
    DictClose,
    /// A keyword, an operator, or one brace.
    Word(&'a [u8]),
    End,
}

/// Why a list of objects ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop<'a> {
    Closed,
    Word(&'a [u8]),
    End,
}

/// Reads tokens from `data`.
pub(super) struct Lexer<'a> {
    data: &'a [u8],
    pub(super) at: usize,
    /// How many objects may still be made.
    pub(super) left: u32,
    nesting: u32,
}

pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

pub(super) const fn is_regular(byte: u8) -> bool {
    !is_space(byte)
        && !matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

pub(super) fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(data: &'a [u8], at: usize, left: u32, nesting: u32) -> Self {
        Self { data, at, left, nesting }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    /// Leaves out white space and comments.
    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                let rest = self.rest();
                self.at += memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            } else if is_space(byte) {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    pub(super) fn token(&mut self) -> Token<'a> {
        self.skip_space();
        let start = self.at;
        let Some(byte) = self.next() else {
            return Token::End;
        };
        match byte {
            b'0'..=b'9' | b'+' | b'-' | b'.' => {
                self.at = start;
                Token::Number(self.number())
            }
            b'/' => Token::Name(self.name()),
            b'(' => Token::String(self.string()),
            b'<' if self.peek() == Some(b'<') => {
                self.at += 1;
                Token::DictOpen
            }
            b'<' => Token::String(self.hex_string()),
            b'>' if self.peek() == Some(b'>') => {
                self.at += 1;
                Token::DictClose
            }
            b'[' => Token::ArrayOpen,
            b']' => Token::ArrayClose,
            b')' | b'>' | b'{' | b'}' => {
                Token::Word(self.data.get(start..self.at).unwrap_or_default())
            }
            _ => {
                while self.peek().is_some_and(is_regular) {
                    self.at += 1;
                }
                Token::Word(self.data.get(start..self.at).unwrap_or_default())
            }
        }
    }

    /// Signs, digits, a point, digits; further signs are passed over, a second point begins another number.
    fn number(&mut self) -> Decimal {
        let (mut negative, mut mantissa, mut scale, mut point) = (false, 0_i64, 0_u8, false);
        let mut whole_digits = 0_u8;
        let begin = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'-' if self.at == begin => negative = true,
                b'+' | b'-' => {}
                b'.' if !point => point = true,
                b'0'..=b'9' => {
                    let digit = i64::from(byte - b'0');
                    if point {
                        if scale < Decimal::MOST_SCALE && whole_digits + scale < 17 {
                            mantissa = mantissa * 10 + digit;
                            scale += 1;
                        }
                    } else if whole_digits < 17 {
                        mantissa = mantissa * 10 + digit;
                        whole_digits += u8::from(mantissa != 0);
                    }
                }
                _ => break,
            }
            self.at += 1;
        }
        Decimal::new(if negative { -mantissa } else { mantissa }, scale)
    }

    fn name(&mut self) -> Rc<[u8]> {
        let start = self.at;
        let rest = self.rest();
        let len = rest.iter().position(|&byte| !is_regular(byte)).unwrap_or(rest.len());
        self.at = start + len;
        let raw = rest.get(..len).unwrap_or_default();
        if memchr::memchr(b'#', raw).is_none() {
            return raw.into();
        }
        let mut name = Vec::with_capacity(raw.len());
        let mut bytes = raw;
        while let [first, after @ ..] = bytes {
            bytes = after;
            match (first, after) {
                (b'#', [high, low, rest @ ..]) => match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => {
                        name.push(high << 4 | low);
                        bytes = rest;
                    }
                    _ => name.push(b'#'),
                },
                _ => name.push(*first),
            }
        }
        name.into()
    }

    fn string(&mut self) -> Rc<[u8]> {
        let start = self.at;
        let rest = self.rest();
        // most strings have nothing to undo
        let plain = rest.iter().position(|byte| matches!(byte, b'(' | b')' | b'\\' | b'\r'));
        if let Some(len) = plain
            && rest.get(len) == Some(&b')')
        {
            self.at = start + len + 1;
            return rest.get(..len).unwrap_or_default().into();
        }
        let mut string = Vec::new();
        let mut depth = 1_u32;
        while let Some(byte) = self.next() {
            match byte {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
                b'\\' => {
                    self.escape(&mut string);
                    continue;
                }
                b'\r' => {
                    self.at += usize::from(self.peek() == Some(b'\n'));
                    string.push(b'\n');
                    continue;
                }
                _ => {}
            }
            string.push(byte);
        }
        string.into()
    }

    fn escape(&mut self, string: &mut Vec<u8>) {
        let Some(byte) = self.next() else {
            return;
        };
        string.push(match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'\n' => return,
            b'\r' => {
                self.at += usize::from(self.peek() == Some(b'\n'));
                return;
            }
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit @ b'0'..=b'7') = self.peek() else {
                        break;
                    };
                    code = code * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                code.to_le_bytes()[0]
            }
            other => other,
        });
    }

    fn hex_string(&mut self) -> Rc<[u8]> {
        let rest = self.rest();
        let end = memchr::memchr(b'>', rest);
        let digits = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.at += end.map_or(rest.len(), |end| end + 1);
        let mut string = Vec::with_capacity(digits.len() / 2 + 1);
        let mut high = None;
        for digit in digits.iter().filter_map(|&byte| hex(byte)) {
            match high.take() {
                None => high = Some(digit),
                Some(high) => string.push(high << 4 | digit),
            }
        }
        string.extend(high.map(|high| high << 4));
        string.into()
    }

    /// Objects up to a closing bracket of the level that was begun, a keyword that is no object, or the end.
    pub(super) fn objects(&mut self, list: &mut Vec<Object>) -> Result<Stop<'a>, Refusal> {
        loop {
            let before = self.at;
            let object = match self.token() {
                Token::Number(number) => Object::Number(number),
                Token::String(string) => Object::String(string),
                Token::Name(name) => Object::Name(name),
                Token::ArrayOpen => {
                    let mut items = Vec::new();
                    self.level(&mut items)?;
                    Object::Array(items.into())
                }
                Token::DictOpen => {
                    let mut items = Vec::new();
                    self.level(&mut items)?;
                    Object::Dict(Rc::new(pairs(items)))
                }
                Token::ArrayClose | Token::DictClose => return Ok(Stop::Closed),
                Token::Word(b"true") => Object::Bool(true),
                Token::Word(b"false") => Object::Bool(false),
                Token::Word(b"null") => Object::Null,
                Token::Word(b"R") => match list.as_slice() {
                    [.., number, generation] if generation.as_u32().is_some() => {
                        let number = number.as_u32();
                        list.truncate(list.len() - 2);
                        number.map_or(Object::Null, Object::Ref)
                    }
                    _ => continue,
                },
                Token::Word(word) => {
                    if matches!(word, b"endobj" | b"obj" | b"endstream") {
                        self.at = before;
                    }
                    return Ok(Stop::Word(word));
                }
                Token::End => return Ok(Stop::End),
            };
            self.left = self.left.checked_sub(1).ok_or(Refusal::TooLarge { kind: Kind::Pdf })?;
            list.push(object);
        }
    }

    /// One object that is no reference; `Null` if there is none.
    pub(super) fn object(&mut self) -> Result<Object, Refusal> {
        self.left = self.left.checked_sub(1).ok_or(Refusal::TooLarge { kind: Kind::Pdf })?;
        let mut items = Vec::new();
        Ok(match self.token() {
            Token::Number(number) => Object::Number(number),
            Token::String(string) => Object::String(string),
            Token::Name(name) => Object::Name(name),
            Token::ArrayOpen => {
                self.level(&mut items)?;
                Object::Array(items.into())
            }
            Token::DictOpen => {
                self.level(&mut items)?;
                Object::Dict(Rc::new(pairs(items)))
            }
            Token::Word(b"true") => Object::Bool(true),
            Token::Word(b"false") => Object::Bool(false),
            _ => Object::Null,
        })
    }

    /// Everything up to the closing bracket; keywords that belong nowhere are passed over.
    fn level(&mut self, items: &mut Vec<Object>) -> Result<(), Refusal> {
        self.nesting = self.nesting.checked_sub(1).ok_or(Refusal::TooLarge { kind: Kind::Pdf })?;
        loop {
            match self.objects(items)? {
                Stop::Word(b"endobj" | b"obj" | b"endstream") | Stop::Closed | Stop::End => break,
                Stop::Word(_) => {}
            }
        }
        self.nesting += 1;
        Ok(())
    }
}

/// Names and the values behind them.
pub(super) fn pairs(items: Vec<Object>) -> Dict {
    let mut dict = Dict::default();
    let mut items = items.into_iter();
    while let Some(key) = items.next() {
        if let Object::Name(key) = key
            && let Some(value) = items.next()
        {
            dict.0.insert(key, value);
        }
    }
    dict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(text: &[u8]) -> Vec<Object> {
        let mut list = Vec::new();
        Lexer::new(text, 0, 1000, 8).objects(&mut list).unwrap();
        list
    }

    #[test]
    fn objects_as_viewers_read_them() {
        let string = |text: &[u8]| Object::String(text.into());
        assert_eq!(
            objects(b"(a\\(\\)\\101\\\r\nb(c)\r\n)<4 14>/A#42#4 1.50 -.5 --3 5-6 % gone\n 12 0 R"),
            [
                string(b"a()Ab(c)\n"),
                string(b"A@"),
                Object::name(b"AB#4"),
                Object::Number(Decimal::new(15, 1)),
                Object::Number(Decimal::new(-5, 1)),
                Object::Number(Decimal::from(-3)),
                Object::Number(Decimal::from(56)),
                Object::Ref(12),
            ]
        );
        let dict = objects(b"<</A[1/B<</C null>>]/A true/D 3 0 R>>");
        let dict = dict[0].as_dict().unwrap();
        assert_eq!((dict.get(b"A"), dict.get(b"D")), (&Object::Bool(true), &Object::Ref(3)));
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let mut list = Vec::new();
        assert!(Lexer::new(&[b'['; 100], 0, 1000, 8).objects(&mut list).is_err());
        assert!(Lexer::new(&b"0 ".repeat(100), 0, 99, 8).objects(&mut list).is_err());
    }
}
