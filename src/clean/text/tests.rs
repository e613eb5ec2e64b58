use std::io::Cursor;

use encoding_rs::{BIG5, EUC_KR, GB18030, GBK};
use proptest::prelude::*;

use super::*;
use crate::clean::Limits;

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
    let (found, len) = (cleaned.report().found.clone(), cleaned.len());
    let mut output = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
    assert_eq!(output.len() as u64, len);
    Ok((output, found))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(cleaned(bytes).unwrap().0).unwrap()
}

fn refusal(bytes: &[u8]) -> Refusal {
    match cleaned(bytes) {
        Err(CleanError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

const KOREAN: &str = "회사에서 지난 화요일에 있었던 회의의 내용을 알려 드립니다. 그 자리에는 이사 세 명이 있었고, \
                      돈을 어디로 보낼 것인지 이야기하는 것을 제가 들었습니다. 이름은 말하지 않겠습니다.";
const CHINESE: &str = "我在这家公司工作了三年。上个月他们要我们把所有的文件都删除，说是为了公司的安全。我知道这是不对的，\
                       所以把文件的一部分留了下来。请不要说出我的名字。";
const TAIWAN: &str = "我在這家公司工作了三年。上個月他們要我們把所有的文件都刪除，說是為了公司的安全。我知道這是不對的，\
                      所以把文件的一部分留了下來。請不要說出我的名字。";

#[test]
fn what_scripts_and_emoji_need_stays() {
    for kept in [
        "회의는 화요일\n\t这是真的\x0c\n\n  indented,  \"quoted\";csv\n",
        "family 👩‍👩‍👧, heart ❤️‍🔥, pilot 👨🏽‍✈️, keycap 1️⃣, ☺ and ☺️, ©️, ⌚\u{fe0e}",
        "می‌خواهم क्‍ष हिन्दी ᠠ᠋ בעברית\u{200e}! ه\u{200d} র\u{200d}্যাব ক্\u{200c}ষ عام\u{200f}5",
        "हक्\u{200d}",
        "ᄀᅠ　전각　공백 ｶﾅ",
        "no end of line",
    ] {
        assert_eq!(cleaned(kept.as_bytes()).unwrap(), (kept.into(), BTreeSet::new()), "{kept}");
    }
}

#[test]
fn what_is_invisible_goes() {
    let hidden = "\u{200b}\u{2060}\u{feff}\u{ad}\u{200d}\u{200c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\
                  \u{61c}\u{180e}\u{34f}\u{fe00}\u{fe0f}\u{e0041}\u{e007f}\u{e0100}\u{2062}\u{206a}\u{115f}\u{1160}\
                  \u{fff9}\u{1d173}\u{ffff}\u{10ffff}";
    for character in hidden.chars() {
        for (before, after) in [("word", " word\n"), ("말", "씀"), ("汉", "字"), ("", "a")] {
            let marked = format!("x{before}{character}{after}");
            let (output, found) = cleaned(marked.as_bytes()).unwrap();
            assert_eq!(output, format!("x{before}{after}").as_bytes(), "{marked:?}");
            assert_eq!(found, [Found::Identifier].into());
        }
    }
    // joiners and selectors that have nothing to do, or come twice
    assert_eq!(
        text("👩\u{200d}\u{200d}👧\u{200d} 1\u{fe0f} ☺\u{fe0f}\u{fe0f}".as_bytes()),
        "👩\u{200d}👧 1 ☺\u{fe0f}"
    );
    assert_eq!(text("می\u{200c}\u{200c}\u{200d}خ👩\u{200d}".as_bytes()), "می\u{200c}خ👩");
    for (marked, plain) in [
        ("של\u{200f}ום של\u{200e}ום בעברית\u{200f} \u{200f}!", "שלום שלום בעברית !"),
        ("سل\u{61c}ام\u{200f} \u{200f}a", "سلام a"),
        ("בעברית\u{200e}\nבעברית\u{200e}", "בעברית\nבעברית"),
        ("د\u{200c}ر س\u{200d}لا\u{200c}م\u{200c}", "در سلام"),
        ("हि\u{200d}न्दी\u{200c} हि\u{200c}न", "हिन्दी हिन"),
        ("→\u{fe0e} •\u{fe0f} ①\u{fe0f} ☺\u{fe0e} ⚡\u{fe0f}", "→ • ① ☺ ⚡"),
        ("→\u{200d}→ ①\u{200d}②", "→→ ①②"),
    ] {
        assert_eq!(text(marked.as_bytes()), plain);
    }
    assert_eq!(text("a\u{a0}b\u{2009}c\u{3164}d\u{2800}e".as_bytes()), "a b c d e");
}

#[test]
fn lines_end_alike() {
    let (output, found) = cleaned(b"one \t\r\ntwo\rthree\n\r\n \t \nfour\r\n \n\n").unwrap();
    assert_eq!(String::from_utf8(output).unwrap(), "one\ntwo\nthree\n\n\nfour\n");
    assert_eq!(found, [Found::Software, Found::Other].into());
    assert_eq!(text("a\u{2028}b\u{a0}\u{2029}c \u{3000}".as_bytes()), "a\nb\nc");
    assert_eq!(text(b" \n\n"), "");
    assert_eq!(text(b"\n\n a  \n\n"), "\n\n a\n");
    // across what is read at a time
    for length in WINDOW - 3..WINDOW + 3 {
        let long = "x".repeat(length);
        assert_eq!(
            text(format!("{long} \r\n{long}\u{200d} \r\n").as_bytes()),
            format!("{long}\n{long}\n")
        );
    }
}

#[test]
fn a_long_list_with_crlf_needs_no_memory() {
    let line = "2026-11-22 13:44;+82 2 1234 5678;회의, 화요일\r\n";
    let long = line.repeat((65 << 20) / line.len());
    let cleaned = crate::clean::clean(&mut Cursor::new(&long), &Limits::default()).unwrap();
    assert!(cleaned.held() < 1 << 20);
    let mut output = String::new();
    cleaned.replay(Cursor::new(&long)).read_to_string(&mut output).unwrap();
    assert!(output == long.replace('\r', ""));
}

#[test]
fn marks_go_and_utf_16_becomes_utf_8() {
    let text = "회의는 화요일 👩‍👩‍👧\n\t这是真的";
    let expected = (text.as_bytes().to_vec(), [Found::Software].into());
    assert_eq!(cleaned(format!("\u{feff}{text}").as_bytes()).unwrap(), expected);
    let little =
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let big =
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    assert_eq!(cleaned(&little).unwrap(), expected);
    assert_eq!(cleaned(&big).unwrap(), expected);
    assert_eq!(refusal(&little[..little.len() - 1]), Refusal::Encoding);
    assert_eq!(refusal(b"\xff\xfe\x00\xd8a\0"), Refusal::Encoding);
    assert_eq!(refusal(b"\xff\xfea\0\0\0"), Refusal::Ambiguous);
}

#[test]
fn older_encodings_are_told_by_what_is_written_often() {
    for (text, encoding) in
        [(KOREAN, EUC_KR), (CHINESE, GBK), (CHINESE, GB18030), (TAIWAN, BIG5), (TAIWAN, GBK)]
    {
        let (bytes, _, unmappable) = encoding.encode(text);
        assert!(!unmappable);
        let expected = (text.as_bytes().to_vec(), [Found::Software].into());
        assert_eq!(cleaned(&bytes).unwrap(), expected, "{encoding:?}");
        // much ASCII beside it, and a length that cuts characters
        let long = format!("name;value\n{text}").repeat(700);
        let (bytes, ..) = encoding.encode(&long);
        assert_eq!(cleaned(&bytes).unwrap().0, long.as_bytes(), "{encoding:?}");
        // one byte that is none
        assert_eq!(refusal(&[&bytes, b"\xff".as_slice()].concat()), Refusal::Encoding);
    }
    for unsure in
        [b"\xb0\xa1\xb3\xaa".as_slice(), &EUC_KR.encode("김철수 박영희").0, b"caf\xe9 au lait"]
    {
        assert_eq!(refusal(unsure), Refusal::Encoding);
    }
    // Japanese and Russian are not told
    for (text, encoding) in [
        (
            "会議は火曜日にあります。私はそこにいました。名前は言わないでください。",
            encoding_rs::SHIFT_JIS,
        ),
        (
            "会議は火曜日にあります。私はそこにいました。名前は言わないでください。",
            encoding_rs::EUC_JP,
        ),
        ("Совещание будет во вторник, я там был и всё слышал.", encoding_rs::WINDOWS_1251),
    ] {
        assert_eq!(refusal(&encoding.encode(text).0), Refusal::Encoding);
    }
}

#[test]
fn controls_are_refused() {
    assert_eq!(refusal("cut \u{ac00}".as_bytes().split_last().unwrap().1), Refusal::Encoding);
    let late = [" ".repeat(300_000).as_bytes(), b"\x1b[2J"].concat();
    assert_eq!(refusal(&late), Refusal::Ambiguous);
    assert_eq!(refusal("a\u{9b}2J".as_bytes()), Refusal::Ambiguous);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn invisible_marks_make_no_difference(
        words in proptest::collection::vec(("[가-힣a-z汉字]{1,9}", 0..6_usize, any::<bool>()), 0..40),
    ) {
        let marks = ["", "\u{200b}", "\u{2060}\u{200c}", "\u{e0061}", "\u{202e}\u{202c}", "\u{feff}"];
        let (mut plain, mut marked) = (String::new(), String::new());
        for (word, mark, line) in words {
            plain.push_str(&word);
            plain.push(if line { '\n' } else { ' ' });
            marked.push_str(&word);
            marked.push_str(marks[mark]);
            marked.push_str(if line { " \u{2009}\r\n" } else { "\u{a0}" });
        }
        if !plain.is_empty() {
            prop_assert_eq!(text(marked.as_bytes()), text(plain.as_bytes()));
        }
    }

    #[test]
    fn any_text_is_cleaned_for_good(
        parts in proptest::collection::vec(prop_oneof![
            "\\PC{0,4}",
            "[\u{200b}-\u{200f}\u{fe0e}\u{fe0f}👩👧☺1\u{20e3}می \u{a0}\t\r\n]{0,8}",
            Just("\u{3000} \r".to_owned()),
        ], 0..40),
        fill in 0..3_usize,
    ) {
        let file = format!("x{}{}", " long ".repeat(fill * 6000), parts.concat());
        if let Ok((once, _)) = cleaned(file.as_bytes()) {
            prop_assert!(once.len() <= file.len());
            prop_assert!(!once.is_empty());
            prop_assert_eq!(cleaned(&once).unwrap(), (once, BTreeSet::new()));
        }
    }

    #[test]
    fn whatever_passes_is_utf_8(bytes in proptest::collection::vec(any::<u8>(), 1..64)) {
        for head in [b"text: ".as_slice(), b"\xff\xfe", b"\xb1\xd7\xb0\xcd\xc0\xcc"] {
            if let Ok((output, _)) = cleaned(&[head, &bytes].concat()) {
                let output = String::from_utf8(output).unwrap();
                prop_assert!(!output.chars().any(|c| c.is_control() && !"\t\n\x0c".contains(c)));
            }
        }
    }
}
