//! Names that a document may give as it likes, but that programs must find again: of table styles and of shapes' guides.
//! Those that every copy of the program has stay; the others are numbered.

use super::values::is_guid;

/// The identifier of a table style of a presentation; `number` counts those that are not PowerPoint's own.
pub(super) fn table_style(value: &str, number: impl FnOnce(&str) -> usize) -> Option<String> {
    let value = value.to_ascii_uppercase();
    if TABLE_STYLES.contains(&value.as_str()) {
        return Some(value);
    }
    is_guid(&value).then(|| format!("{{00000000-0000-0000-0000-{:012X}}}", number(&value)))
}

/// A formula of a shape's guide (ECMA-376 part 1 §20.1.9.11), a guide's name, or a coordinate, which may be one.
pub(super) fn guide(value: &str, mut number: impl FnMut(&str) -> usize) -> Option<String> {
    if value.len() > 256 {
        return None;
    }
    let is_adjustment = |word: &str| {
        word.strip_prefix("adj").is_some_and(|n| matches!(n.as_bytes(), [] | [b'1'..=b'8']))
    };
    let words = value.split_whitespace().map(|word| {
        if is_coordinate(word) || is_adjustment(word) || GUIDES.contains(&word) {
            word.to_owned()
        } else {
            format!("g{}", number(word))
        }
    });
    Some(words.collect::<Vec<_>>().join(" "))
}

/// Whether a coordinate is a number.
pub(super) fn is_coordinate(word: &str) -> bool {
    word.len() <= 32 && word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

/// Operators and the guides that every shape has (§20.1.10.56), and the adjustments of stars.
const GUIDES: &[&str] = &[
    "*/", "+-", "+/", "?:", "abs", "at2", "cat2", "cos", "max", "min", "mod", "pin", "sat2", "sin",
    "sqrt", "tan", "val", "3cd4", "3cd8", "5cd8", "7cd8", "b", "cd2", "cd3", "cd4", "cd8", "h",
    "hc", "hd2", "hd3", "hd4", "hd5", "hd6", "hd8", "hd10", "l", "ls", "r", "ss", "ssd2", "ssd4",
    "ssd6", "ssd8", "ssd16", "ssd32", "t", "vc", "w", "wd2", "wd3", "wd4", "wd5", "wd6", "wd8",
    "wd10", "wd12", "wd32", "hf", "vf",
];

/// PowerPoint's own styles, whose definitions no document has.
const TABLE_STYLES: &[&str] = &[
    "{00A15C55-8517-42AA-B614-E9B94910E393}",
    "{0505E3EF-67EA-436B-97B2-0124C06EBD24}",
    "{0660B408-B3CF-4A94-85FC-2B1E0A45F4A2}",
    "{073A0DAA-6AF3-43AB-8588-CEC1D06C72B9}",
    "{08FB837D-C827-4EFA-A057-4D05807E0F7C}",
    "{0E3FDE45-AF77-4B5C-9715-49D594BDF05E}",
    "{10A1B5D5-9B99-4C35-A422-299274C87663}",
    "{125E5076-3810-47DD-B79F-674D7AD40C01}",
    "{16D9F66E-5EB9-4882-86FB-DCBF35E3C3E4}",
    "{17292A2E-F333-43FB-9621-5CBBE7FDCDCB}",
    "{18603FDC-E32A-4AB5-989C-0864C3EAD2B8}",
    "{1E171933-4619-4E11-9A3F-F7608DF75F80}",
    "{1FECB4D8-DB02-4DC6-A0A2-4F2EBAE1DC90}",
    "{21E4AEA4-8DFA-4A89-87EB-49C32662AFE0}",
    "{22838BEF-8BB2-4498-84A7-C5851F593DF1}",
    "{284E427A-3D55-4303-BF80-6455036E1DE7}",
    "{2A488322-F2BA-4B5B-9748-0D474271808F}",
    "{2D5ABB26-0587-4C30-8999-92F81FD0307C}",
    "{306799F8-075E-4A3A-A7F6-7FBC6576F1A4}",
    "{327F97BB-C833-4FB7-BDE5-3F7075034690}",
    "{35758FB7-9AC5-4552-8A53-C91805E547FA}",
    "{37CE84F3-28C3-443E-9E96-99CF82512B78}",
    "{3B4B98B0-60AC-42C2-AFA5-B58CD77FA1E5}",
    "{3C2FFA5D-87B4-456A-9821-1D502468CF0F}",
    "{46F890A9-2807-4EBB-B81D-B2AA78EC7F39}",
    "{5202B0CA-FC54-4496-8BCA-5EF66A818D29}",
    "{5940675A-B579-460E-94D1-54222C63F5DA}",
    "{5A111915-BE36-4E01-A7E5-04B1672EAD32}",
    "{5C22544A-7EE6-4342-B048-85BDC9FD1C3A}",
    "{5DA37D80-6434-44D0-A028-1B22A696006F}",
    "{5FD0F851-EC5A-4D38-B0AD-8093EC10F338}",
    "{616DA210-FB5B-4158-B5E0-FEB733F419BA}",
    "{638B1855-1B75-4FBE-930C-398BA8C253C6}",
    "{68D230F3-CF80-4859-8CE7-A43EE81993B5}",
    "{69012ECD-51FC-41F1-AA8D-1B2483CD663E}",
    "{69C7853C-536D-4A76-A0AE-DD22124D55A5}",
    "{69CF1AB2-1976-4502-BF36-3FF5EA218861}",
    "{6E25E649-3F16-4E02-A733-19D2CDBF48F0}",
    "{72833802-FEF1-4C79-8D5D-14CF1EAF98D9}",
    "{74C1A8A3-306A-4EB7-A6B1-4F7E0EB9C5D6}",
    "{775DCB02-9BB8-47FD-8907-85C794F793BA}",
    "{793D81CF-94F2-401A-BA57-92F5A7B2D0C5}",
    "{7DF18680-E054-41AD-8BC1-D1AEF772440D}",
    "{7E9639D4-E3E2-4D34-9284-5A2195B3D0D7}",
    "{85BE263C-DBD7-4A20-BB59-AAB30ACAA65A}",
    "{8799B23B-EC83-4686-B30A-512413B5E67A}",
    "{8A107856-5554-42FB-B03E-39F5DBC370BA}",
    "{8EC20E35-A176-4012-BC5E-935CFFF8708E}",
    "{8FD4443E-F989-4FC4-A0C8-D5A2AF1F390B}",
    "{912C8C85-51F0-491E-9774-3900AFEF0FD7}",
    "{91EBBBCC-DAD2-459C-BE2E-F6DE35CF9A28}",
    "{93296810-A885-4BE3-A3E7-6D5BEEA58F35}",
    "{9D7B26C5-4107-4FEC-AEDC-1716B250A1EF}",
    "{9DCAF9ED-07DC-4A11-8D7F-57B35C25682E}",
    "{AF606853-7671-496A-8E4F-DF71F8EC918B}",
    "{B301B821-A1FF-4177-AEE7-76D212191A09}",
    "{BC89EF96-8CEA-46FF-86C4-4CE0E7609802}",
    "{BDBED569-4797-4DF1-A0F4-6AAB3CD982D8}",
    "{C083E6E3-FA7D-4D7B-A595-EF9225AFEA82}",
    "{C4B1156A-380E-4F78-BDF5-A606A8083BF9}",
    "{D03447BB-5D67-496B-8E87-E561075AD55C}",
    "{D113A9D2-9D6B-4929-AA2D-F23B5EE8CBE7}",
    "{D27102A9-8310-4765-A935-A1911B00CA55}",
    "{D7AC3CCA-C797-4891-BE02-D94E43425B78}",
    "{E269D01E-BC32-4049-B463-5C60D7B0CCD2}",
    "{E8034E78-7F5D-4C2E-B375-FC64B27BC917}",
    "{E8B1032C-EA38-4F05-BA0D-38AFFFC7BED3}",
    "{E929F9F4-4A8F-4326-A1B4-22849713DDAB}",
    "{EB344D84-9AFB-497E-A393-DC336BA19D2E}",
    "{EB9631B5-78F2-41C9-869B-9F39066F8104}",
    "{ED083AE6-46FA-4A59-8FB0-9F97EB10719F}",
    "{F2DE63D5-997A-4646-A377-4702673A728D}",
    "{F5AB1C69-6EDB-4FF4-983F-18BD219EF322}",
    "{FABFCF23-3B69-468F-B69F-88F6DE6A72F2}",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_programs_own_names_stay() {
        let own = "{5c22544a-7ee6-4342-b048-85bdc9fd1c3a}";
        assert_eq!(table_style(own, |_| 1), Some(own.to_uppercase()));
        let other = "{c0ffee00-7ee6-4342-b048-85bdc9fd1c3a}";
        let numbered = "{00000000-0000-0000-0000-00000000000B}";
        assert_eq!(table_style(other, |_| 11).as_deref(), Some(numbered));
        assert_eq!(table_style("jane", |_| 1), None);
        assert_eq!(guide("*/ jane -3 adj2", |_| 7).as_deref(), Some("*/ g7 -3 adj2"));
        assert_eq!(guide("pin 0 wd2 21599999", |_| 7).as_deref(), Some("pin 0 wd2 21599999"));
        assert_eq!(guide("adjane", |_| 7).as_deref(), Some("g7"));
    }
}
