//! Which language a visitor reads.

use hyper::header::HeaderValue;

use crate::tip::Language;

/// Every language of the pages, in the order of the switch. The first is for those who ask for
/// none of them.
pub(crate) const ALL: [Language; 3] =
    [Language::English, Language::Korean, Language::ChineseSimplified];

/// The tag (BCP 47) of a language, which is also its page's path.
pub(crate) fn tag(language: Language) -> &'static str {
    match language {
        Language::English => "en",
        Language::Korean => "ko",
        Language::ChineseSimplified => "zh-Hans",
    }
}

/// The language of exactly this tag.
pub(crate) fn from_tag(wanted: &str) -> Option<Language> {
    ALL.into_iter().find(|language| tag(*language) == wanted)
}

/// The best of our languages by an `Accept-Language` header (RFC 9110 section 12.5.4). Only the
/// first part of a tag counts: who reads any Chinese is served better by ours than by English.
pub(crate) fn preferred(header: Option<&HeaderValue>) -> Language {
    let wishes = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut best = (0, Language::English);
    for wish in wishes.split(',') {
        let mut parts = wish.split(';').map(str::trim);
        let primary = parts.next().and_then(|tag| tag.split('-').next()).unwrap_or_default();
        let ours = ALL.into_iter().find(|language| {
            tag(*language).split('-').next().is_some_and(|t| t.eq_ignore_ascii_case(primary))
        });
        let weight = parts.find_map(|p| p.strip_prefix("q=")).map_or(1000, thousandths);
        if let Some(language) = ours
            && weight > best.0
        {
            best = (weight, language);
        }
    }
    best.1
}

/// A weight from `0` to `1` with at most three decimals; 0 for anything else.
fn thousandths(weight: &str) -> u16 {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|b| b.is_ascii_digit());
    match (whole, digits) {
        ("1", true) => 1000,
        ("0", true) => format!("{decimals:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(header: &str) -> Language {
        preferred(Some(&HeaderValue::from_str(header).unwrap()))
    }

    #[test]
    fn the_heaviest_wish_of_ours_is_met() {
        use Language::{ChineseSimplified, English, Korean};
        for (header, language) in [
            ("", English),
            ("en-US,en;q=0.5", English),
            ("ko-KR,ko;q=0.9,en-US;q=0.8", Korean),
            ("ko", Korean),
            ("zh-CN,zh;q=0.8,zh-TW;q=0.7", ChineseSimplified),
            ("zh-Hans", ChineseSimplified),
            ("fr;q=1.0, KO ; q=0.3, en;q=0.2", Korean),
            ("en;q=0.1, zh;q=0.101", ChineseSimplified),
            ("ko;q=0, de", English),
            ("ko;q=2", English),
            ("de,*", English),
        ] {
            assert_eq!(chosen(header), language, "{header:?}");
        }
        assert_eq!(preferred(None), English);
        assert_eq!(preferred(HeaderValue::from_bytes(b"\xff").ok().as_ref()), English);
    }

    #[test]
    fn tags_are_those_of_the_archive() {
        for language in ALL {
            assert_eq!(serde_json::to_value(language).unwrap(), tag(language));
            assert_eq!(from_tag(tag(language)), Some(language));
        }
        assert_eq!(from_tag("EN"), None);
    }

    proptest! {
        #[test]
        fn no_header_does_harm(header in "[ -~]{0,80}") {
            let _ = chosen(&header);
        }
    }
}
