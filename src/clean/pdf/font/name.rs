//! Names that may stay.

/// The name of every embedded font; a viewer does not look for another then.
pub(super) const EMBEDDED: &[u8] = b"AAAAAA+F";

/// Families that viewers have or replace by something alike, longest first where one begins another. The first name is
/// looked for in the font's name without blanks and in small letters, the second is written.
const FAMILIES: &[(&[u8], &str)] = &[
    (b"arialnarrow", "ArialNarrow"),
    (b"arialblack", "Arial-Black"),
    (b"arialunicodems", "ArialUnicodeMS"),
    (b"arial", "Arial"),
    (b"helvetica", "Helvetica"),
    (b"timesnewroman", "TimesNewRoman"),
    (b"times", "Times"),
    (b"couriernew", "CourierNew"),
    (b"courier", "Courier"),
    (b"symbol", "Symbol"),
    (b"zapfdingbats", "ZapfDingbats"),
    (b"wingdings", "Wingdings"),
    (b"webdings", "Webdings"),
    (b"verdana", "Verdana"),
    (b"tahoma", "Tahoma"),
    (b"trebuchet", "TrebuchetMS"),
    (b"georgia", "Georgia"),
    (b"calibri", "Calibri"),
    (b"cambria", "Cambria"),
    (b"consolas", "Consolas"),
    (b"segoeui", "SegoeUI"),
    (b"garamond", "Garamond"),
    (b"palatino", "Palatino"),
    (b"bookantiqua", "BookAntiqua"),
    (b"centurygothic", "CenturyGothic"),
    (b"malgungothic", "MalgunGothic"),
    (b"batangche", "BatangChe"),
    (b"batang", "Batang"),
    (b"gulimche", "GulimChe"),
    (b"gulim", "Gulim"),
    (b"dotumche", "DotumChe"),
    (b"dotum", "Dotum"),
    (b"gungsuh", "Gungsuh"),
    (b"hysmyeongjo", "HYSMyeongJo-Medium"),
    (b"hygothic", "HYGoThic-Medium"),
    (b"nsimsun", "NSimSun"),
    (b"simsun", "SimSun"),
    (b"simhei", "SimHei"),
    (b"kaiti", "KaiTi"),
    (b"fangsong", "FangSong"),
    (b"microsoftyahei", "MicrosoftYaHei"),
    (b"microsoftjhenghei", "MicrosoftJhengHei"),
    (b"stsong", "STSong-Light"),
    (b"stheiti", "STHeiti"),
    (b"stkaiti", "STKaiti"),
    (b"pmingliu", "PMingLiU"),
    (b"mingliu", "MingLiU"),
    (b"msung", "MSung-Light"),
    (b"mhei", "MHei-Medium"),
    (b"dfkai", "DFKai-SB"),
    (b"msmincho", "MS-Mincho"),
    (b"ms-mincho", "MS-Mincho"),
    (b"mspmincho", "MS-PMincho"),
    (b"msgothic", "MS-Gothic"),
    (b"ms-gothic", "MS-Gothic"),
    (b"mspgothic", "MS-PGothic"),
    (b"heiseimin", "HeiseiMin-W3"),
    (b"heiseikakugo", "HeiseiKakuGo-W5"),
    (b"kozmin", "KozMinPro-Regular"),
    (b"kozgo", "KozGoPro-Medium"),
    // the same as they lie in files of Chinese and Korean programs, in GBK and EUC-KR
    (b"\xcb\xce\xcc\xe5", "SimSun"),
    (b"\xba\xda\xcc\xe5", "SimHei"),
    (b"\xbf\xac\xcc\xe5", "KaiTi"),
    (b"\xb7\xc2\xcb\xce", "FangSong"),
    (b"\xb9\xd9\xc5\xc1", "Batang"),
    (b"\xb1\xbc\xb8\xb2", "Gulim"),
    (b"\xb5\xb8\xbf\xf2", "Dotum"),
    (b"\xb8\xbc\xc0\xba\xb0\xed\xb5\xf1", "MalgunGothic"),
];

/// The name of a font that is not embedded: its family, or a standard font by its flags (table 121).
pub(super) fn substitute(name: &[u8], flags: u32) -> Vec<u8> {
    let name: Vec<u8> =
        name.iter().filter(|byte| **byte != b' ').map(u8::to_ascii_lowercase).collect();
    let has = |part: &[u8]| memchr::memmem::find(&name, part).is_some();
    let family = FAMILIES.iter().find(|(family, _)| has(family)).map(|(_, family)| *family);
    let family = family.unwrap_or(match flags {
        _ if flags & 1 != 0 => "Courier",
        _ if flags & 2 != 0 => "Times",
        _ => "Helvetica",
    });
    let bold = has(b"bold") || flags & (1 << 18) != 0 && !has(b"black");
    let italic = has(b"italic") || has(b"oblique");
    let slanted = if matches!(family, "Helvetica" | "Courier") { "Oblique" } else { "Italic" };
    let separator = match family {
        "Helvetica" | "Courier" | "Times" => "-",
        _ => ",",
    };
    let style = match (bold, italic) {
        (false, false) if family == "Times" => "-Roman".to_owned(),
        (false, false) => String::new(),
        (true, false) => format!("{separator}Bold"),
        (false, true) => format!("{separator}{slanted}"),
        (true, true) => format!("{separator}Bold{slanted}"),
    };
    if matches!(family, "Symbol" | "ZapfDingbats") {
        return family.as_bytes().to_vec();
    }
    format!("{family}{style}").into_bytes()
}

/// The encodings of simple fonts.
pub(super) fn is_encoding(name: &[u8]) -> bool {
    matches!(
        name,
        b"StandardEncoding" | b"MacRomanEncoding" | b"WinAnsiEncoding" | b"MacExpertEncoding"
    )
}

/// The collections that have CMaps (9.7.5.2) and the one of no characters.
pub(super) fn is_ordering(name: &[u8]) -> bool {
    matches!(
        name,
        b"Identity" | b"GB1" | b"CNS1" | b"Japan1" | b"Japan2" | b"Korea1" | b"KR" | b"UCS"
    )
}

/// The predefined CMaps (table 116) by their parts.
pub(super) fn is_cmap(name: &[u8]) -> bool {
    let Some(name) = name.strip_suffix(b"-H").or_else(|| name.strip_suffix(b"-V")) else {
        return matches!(name, b"H" | b"V");
    };
    const PARTS: &[&[u8]] = &[
        b"Identity",
        b"GB-EUC",
        b"GBpc-EUC",
        b"GBK-EUC",
        b"GBKp-EUC",
        b"GBK2K",
        b"UniGB-UCS2",
        b"UniGB-UTF16",
        b"UniGB-UTF8",
        b"UniGB-UTF32",
        b"B5pc",
        b"HKscs-B5",
        b"ETen-B5",
        b"ETenms-B5",
        b"CNS-EUC",
        b"UniCNS-UCS2",
        b"UniCNS-UTF16",
        b"UniCNS-UTF8",
        b"UniCNS-UTF32",
        b"83pv-RKSJ",
        b"90ms-RKSJ",
        b"90msp-RKSJ",
        b"90pv-RKSJ",
        b"Add-RKSJ",
        b"EUC",
        b"Ext-RKSJ",
        b"UniJIS-UCS2",
        b"UniJIS-UCS2-HW",
        b"UniJIS-UTF16",
        b"UniJIS-UTF8",
        b"UniJIS-UTF32",
        b"UniJIS2004-UTF16",
        b"UniJIS2004-UTF32",
        b"RKSJ",
        b"KSC-EUC",
        b"KSCms-UHC",
        b"KSCms-UHC-HW",
        b"KSCpc-EUC",
        b"KSC-Johab",
        b"UniKS-UCS2",
        b"UniKS-UTF16",
        b"UniKS-UTF8",
        b"UniKS-UTF32",
    ];
    PARTS.contains(&name)
}

/// Whether a name looks like one of a glyph (Adobe Glyph List specification): letters, digits, dots, underscores.
pub(super) fn is_glyph(name: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=31).contains(&name.len()) && name.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fonts_that_are_not_embedded_have_known_names() {
        assert_eq!(
            substitute(b"ABCDEF+Times New Roman,BoldItalic", 0),
            b"TimesNewRoman,BoldItalic"
        );
        assert_eq!(substitute(b"Helvetica-BoldOblique", 32), b"Helvetica-BoldOblique");
        assert_eq!(substitute(b"Times-Roman", 34), b"Times-Roman");
        assert_eq!(substitute(b"CompanySansOfMine", 33), b"Courier");
        for (family, written) in FAMILIES {
            let again = substitute(written.as_bytes(), 0);
            assert_eq!(substitute(&again, 0), again, "{family:?}");
        }
    }
}
