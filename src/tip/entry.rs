//! What an entry of an archive may be called. There are four forms and no other; none is ever made
//! from what a source's device called a file.

use std::{fmt, str::FromStr};

/// The place of a file among all that the source sent, from 1 to [`Ordinal::MAX`]; written with at
/// least two digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ordinal(u16);

impl Ordinal {
    /// The most files that a tip can have.
    pub const MAX: u16 = 999;

    /// None outside 1 to [`Ordinal::MAX`].
    pub fn new(number: usize) -> Option<Self> {
        let number = u16::try_from(number).ok()?;
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// The place, counted from 1.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Ordinal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// A file-name extension: one to five of `a`–`z` and `0`–`9`, without the dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extension(String);

impl Extension {
    /// None unless `text` is one to five lowercase letters or digits.
    pub fn new(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        (plain && (1..=5).contains(&text.len())).then(|| Self(text.to_owned()))
    }
}

impl Default for Extension {
    /// `bin`, which every kind can have.
    fn default() -> Self {
        Self("bin".to_owned())
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of an entry. As a path it is relative, has at most two parts, and each is made of
/// lowercase letters, digits and one dot: joined to a folder it cannot lead out of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EntryName {
    /// `tip.json`, see [`TipReport`](super::report::TipReport).
    Report,
    /// `message.txt`, what the source wrote, in UTF-8.
    Message,
    /// `files/01.jpg`: a cleaned file.
    File {
        /// Its place among all files sent.
        ordinal: Ordinal,
        /// That of the kind it was found to be.
        extension: Extension,
    },
    /// `originals/01.bin`: a file as it was sent, with all that it may tell of its source.
    Original {
        /// Its place among all files sent.
        ordinal: Ordinal,
    },
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Report => f.write_str("tip.json"),
            Self::Message => f.write_str("message.txt"),
            Self::File { ordinal, extension } => write!(f, "files/{ordinal}.{extension}"),
            Self::Original { ordinal } => write!(f, "originals/{ordinal}.bin"),
        }
    }
}

/// A text that names no entry of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no name that a file of a tip can have")]
pub struct NotAName;

impl FromStr for EntryName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let name = match text.split_once('/') {
            None if text == "tip.json" => Self::Report,
            None if text == "message.txt" => Self::Message,
            None => return Err(NotAName),
            Some((folder, file)) => in_folder(folder, file).ok_or(NotAName)?,
        };
        // one way to write a name: no plus sign, no third zero
        if name.to_string() == text { Ok(name) } else { Err(NotAName) }
    }
}

fn in_folder(folder: &str, file: &str) -> Option<EntryName> {
    let (number, extension) = file.split_once('.')?;
    let ordinal = Ordinal::new(number.parse().ok()?)?;
    match folder {
        "files" => Some(EntryName::File { ordinal, extension: Extension::new(extension)? }),
        "originals" => Some(EntryName::Original { ordinal }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_four_forms_read_as_they_are_written() {
        let names =
            ["tip.json", "message.txt", "files/01.jpg", "files/100.mp4", "originals/999.bin"];
        for text in names {
            assert_eq!(text.parse::<EntryName>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nothing_else_is_a_name() {
        for wrong in [
            "",
            ".",
            "..",
            "/",
            "tip.json/",
            "./tip.json",
            "/tip.json",
            "TIP.JSON",
            "message.txt\n",
            "files",
            "files/",
            "files/01",
            "files/01.",
            "files/.jpg",
            "files/1.jpg",
            "files/001.jpg",
            "files/00.jpg",
            "files/+1.jpg",
            "files/1000.jpg",
            "files/01.JPG",
            "files/01.jpeg2k",
            "files/01.tar.gz",
            "files/01.j/g",
            "files/../01.jpg",
            "files//01.jpg",
            "files\\01.jpg",
            "../files/01.jpg",
            "/files/01.jpg",
            "originals/01.jpg",
            "originals/../../x.bin",
            "files/\u{661}1.jpg",
            "files/01.jpg\0",
        ] {
            assert_eq!(wrong.parse::<EntryName>(), Err(NotAName), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_name_stays_in_its_folder(text in "[a-z./0-9+\\\\]{0,20}") {
            if let Ok(name) = text.parse::<EntryName>() {
                let shown = name.to_string();
                prop_assert_eq!(&shown, &text);
                let path = std::path::Path::new(&shown);
                let plain = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(path.components().all(plain) && path.components().count() <= 2);
            }
        }

        #[test]
        fn every_ordinal_and_extension_make_a_name(n in 1usize..=999, ext in "[a-z0-9]{1,5}") {
            let ordinal = Ordinal::new(n).unwrap();
            let extension = Extension::new(&ext).unwrap();
            let file = EntryName::File { ordinal, extension };
            prop_assert_eq!(file.to_string().parse(), Ok(file));
            let original = EntryName::Original { ordinal };
            prop_assert_eq!(original.to_string().parse(), Ok(original));
        }
    }

    #[test]
    fn ordinals_and_extensions_have_bounds() {
        for wrong in [0, 1000, usize::MAX] {
            assert_eq!(Ordinal::new(wrong), None);
        }
        for wrong in ["", "abcdef", "a.b", "a/b", "JPG", "é"] {
            assert_eq!(Extension::new(wrong), None, "{wrong}");
        }
    }
}
