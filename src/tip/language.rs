//! The languages of the form.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The language in which a source read the form. It goes with the tip, so that an answer can be
/// written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Language {
    /// `en`
    #[serde(rename = "en")]
    English,
    /// `ko`
    #[serde(rename = "ko")]
    Korean,
    /// `zh-Hans`
    #[serde(rename = "zh-Hans")]
    ChineseSimplified,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 3] = [Self::English, Self::Korean, Self::ChineseSimplified];

    /// The BCP 47 tag, as it stands in `lang` attributes, in the form's address and in `tip.json`.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
            Self::ChineseSimplified => "zh-Hans",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A text that is no [`Language::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the languages are en, ko and zh-Hans")]
pub struct NotALanguage;

impl FromStr for Language {
    type Err = NotALanguage;

    fn from_str(text: &str) -> Result<Self, NotALanguage> {
        Self::ALL.into_iter().find(|language| language.code() == text).ok_or(NotALanguage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_has_one_code_everywhere() {
        for language in Language::ALL {
            assert_eq!(language.code().parse(), Ok(language));
            let json = serde_json::to_string(&language).unwrap();
            assert_eq!(json, format!("\"{language}\""));
            assert_eq!(serde_json::from_str::<Language>(&json).unwrap(), language);
        }
        for wrong in ["", "EN", "zh", "zh-hans", "ko "] {
            assert_eq!(wrong.parse::<Language>(), Err(NotALanguage), "{wrong}");
        }
    }
}
