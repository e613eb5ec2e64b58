use std::io::{Cursor, Read as _};

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use proptest::prelude::*;

use super::*;
use crate::clean::{Limits, Report, clean as clean_file};

const R: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const W: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const X: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const P: &str = "http://schemas.openxmlformats.org/presentationml/2006/main";
const A: &str = "http://schemas.openxmlformats.org/drawingml/2006/main";

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, Report), Refusal> {
    match clean_file(&mut Cursor::new(bytes), &Limits::default()) {
        Ok(cleaned) => {
            let report = cleaned.report().clone();
            let mut out = Vec::new();
            cleaned.replay(Cursor::new(bytes)).read_to_end(&mut out).unwrap();
            Ok((out, report))
        }
        Err(CleanError::Refused(refusal)) => Err(refusal),
        Err(CleanError::Io(error)) => panic!("{error}"),
    }
}

fn rels(rows: &[(&str, &str, &str)]) -> String {
    let rows: String = rows
        .iter()
        .map(|(id, what, target)| {
            let mode = if target.starts_with("http") { " TargetMode=\"External\"" } else { "" };
            format!("<Relationship Id=\"{id}\" Type=\"{R}/{what}\" Target=\"{target}\"{mode}/>")
        })
        .collect();
    format!(
        "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{rows}</Relationships>"
    )
}

fn package(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer::new(Kind::Zip);
    let types = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>";
    if !parts.iter().any(|part| part.0 == "[Content_Types].xml") {
        writer.add("[Content_Types].xml", types.as_bytes(), Pack::Deflate).unwrap();
    }
    for (name, text) in parts {
        writer.add(name, text.as_bytes(), Pack::Deflate).unwrap();
    }
    writer.finish().unwrap().to_vec()
}

/// All members, one after another.
fn inflated(bytes: &[u8]) -> String {
    let limits = Limits::default();
    let work = &mut Work::new(&limits);
    let archive = Archive::open(bytes, Kind::Zip, work).unwrap();
    assert!(archive.found().is_empty());
    archive
        .entries()
        .iter()
        .map(|entry| {
            format!(
                "{}\n{}\n",
                entry.name(),
                String::from_utf8_lossy(&archive.read(entry, work).unwrap())
            )
        })
        .collect()
}

fn document(body: &str, settings: &str) -> Vec<u8> {
    package(&[
        (
            "_rels/.rels",
            &rels(&[
                ("r1", "officeDocument", "word/document.xml"),
                ("r2", "core-properties", "docProps/core.xml"),
            ]),
        ),
        ("docProps/core.xml", "<canary/>"),
        (
            "word/_rels/document.xml.rels",
            &rels(&[
                ("rIdCANARY", "styles", "styles.xml"),
                ("s", "settings", "settings.xml"),
                ("h", "hyperlink", "http://canary.example/"),
                ("h1", "header", "header1.xml"),
                ("c", "comments", "comments.xml"),
            ]),
        ),
        ("word/comments.xml", "<canary/>"),
        ("word/header1.xml", &format!("<w:hdr xmlns:w=\"{W}\"><w:p/></w:hdr>")),
        (
            "word/styles.xml",
            &format!(
                "<w:styles xmlns:w=\"{W}\"><w:style w:type=\"paragraph\" w:styleId=\"Canary\"><w:name w:val=\"canary\"/></w:style>\
                 <w:style w:type=\"paragraph\" w:styleId=\"Heading1\"><w:name w:val=\"heading 1\"/></w:style></w:styles>"
            ),
        ),
        ("word/settings.xml", &format!("<w:settings xmlns:w=\"{W}\">{settings}</w:settings>")),
        (
            "word/document.xml",
            &format!(
                "<q:document xmlns:q=\"{W}\" xmlns:w=\"{W}\" xmlns:r=\"{R}\" xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" \
                 xmlns:w14=\"urn:canary\" mc:Ignorable=\"w14\"><w:body>{body}<w:sectPr><w:headerReference w:type=\"default\" r:id=\"h1\"/></w:sectPr></w:body></q:document>"
            ),
        ),
    ])
}

fn text(body: &str) -> String {
    format!("<w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr><w:r><w:t>{body}</w:t></w:r></w:p>")
}

#[test]
fn documents_that_differ_in_metadata_alone_become_the_same() {
    let plain = document(&text("They meet."), "");
    let marked = document(
        "<w:bookmarkStart w:id=\"0\" w:name=\"_canary\"/><w:p w:rsidR=\"00CANARY\" w14:paraId=\"canary\"><w:pPr><w:pStyle w:val=\"Heading1\"/>\
         <w:pPrChange w:author=\"canary\" w:date=\"2020\"><w:pPr/></w:pPrChange></w:pPr><w:proofErr w:type=\"spellStart\"/>\
         <!-- canary --><w:del w:author=\"canary\"><w:r><w:delText>canary</w:delText></w:r></w:del>\
         <w:r><w:rPr><w:vanish/></w:rPr><w:t>canary</w:t></w:r>\
         <w:ins w:author=\"canary\"><w:hyperlink r:id=\"h\"><w:sdt><w:sdtPr><w:tag w:val=\"canary\"/></w:sdtPr><w:sdtContent>\
         <w:r w:rsidRPr=\"00CANARY\"><w:t canary=\"canary\">They meet.</w:t></w:r></w:sdtContent></w:sdt></w:hyperlink></w:ins>\
         <w:commentRangeStart w:id=\"0\"/><canary xmlns=\"urn:canary\">canary</canary></w:p><?canary canary?>",
        "<w:rsids><w:rsid w:val=\"00CANARY\"/></w:rsids><w:attachedTemplate r:id=\"canary\" xmlns:r=\"urn:x\"/>\
         <w:docVars><w:docVar w:name=\"canary\" w:val=\"canary\"/></w:docVars>",
    );
    let (one, _) = cleaned(&plain).unwrap();
    let (other, report) = cleaned(&marked).unwrap();
    assert_eq!(inflated(&one), inflated(&other));
    assert_eq!(one, other);
    for found in [
        Found::Person,
        Found::Time,
        Found::History,
        Found::Comment,
        Found::Identifier,
        Found::Active,
    ] {
        assert!(report.found.contains(&found), "{found:?}");
    }
    assert!(!inflated(&one).to_ascii_lowercase().contains("canary"), "{}", inflated(&one));
    assert!(inflated(&one).contains("<w:t>They meet.</w:t>"));
    let (again, report) = cleaned(&one).unwrap();
    assert_eq!(again, one);
    assert!(report.found.is_empty(), "{:?}", report.found);
}

#[test]
fn a_planted_value_stays_in_no_attribute_and_no_element() {
    for name in [
        "val",
        "id",
        "name",
        "fill",
        "type",
        "author",
        "ascii1",
        "instr",
        "anchor",
        "tooltip",
        "customStyle",
    ] {
        for element in [
            "p", "r", "rPr", "b", "jc", "color", "spacing", "tbl", "ffData", "docPr", "canary",
            "object", "pict",
        ] {
            let body = format!(
                "<w:p><w:{element} w:{name}=\"canary\" {name}=\"canary\"><w:{element}>canary</w:{element}></w:{element}></w:p>"
            );
            let (out, _) = cleaned(&document(&body, "")).unwrap();
            assert!(!inflated(&out).contains("canary"), "{name} of {element}: {}", inflated(&out));
        }
    }
}

/// The forms in which a text may stand in a value.
fn forms(text: &str) -> Vec<String> {
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut forms = vec![text.to_owned()];
    for bytes in [text.as_bytes(), &utf16] {
        forms.extend([HEXLOWER.encode(bytes), HEXUPPER.encode(bytes), BASE64.encode(bytes)]);
    }
    forms
}

/// The package with its XML in UTF-16.
fn in_utf16(bytes: &[u8], mark: &[u8], unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let limits = Limits::default();
    let work = &mut Work::new(&limits);
    let archive = Archive::open(bytes, Kind::Zip, work).unwrap();
    let mut writer = Writer::new(Kind::Zip);
    for entry in archive.entries() {
        let part = archive.read(entry, work).unwrap();
        let text = std::str::from_utf8(&part).unwrap();
        let part = [mark, &text.encode_utf16().flat_map(unit).collect::<Vec<_>>()].concat();
        writer.add(entry.name(), &part, Pack::Deflate).unwrap();
    }
    writer.finish().unwrap().to_vec()
}

#[test]
fn a_planted_value_stays_in_no_encoding() {
    let (plain, _) = cleaned(&document(&text("They meet."), "")).unwrap();
    let planted: String = forms("canary")
        .iter()
        .map(|form| {
            format!(
                "<!--{form}--><?x {form}?><w:bookmarkStart w:id=\"{form}\" w:name=\"{form}\"/><w:del w:author=\"{form}\" w:date=\"{form}\">\
                 <w:r><w:delText>{form}</w:delText></w:r></w:del><x{name} xmlns=\"urn:{form}\" a=\"{form}\">{form}</x{name}>",
                name = form.replace('=', "")
            )
        })
        .collect();
    let settings: String = forms("canary")
        .iter()
        .map(|form| {
            format!("<w:rsids><w:rsid w:val=\"{form}\"/></w:rsids><w:docVars w:val=\"{form}\"/>")
        })
        .collect();
    let marked = document(&format!("{planted}{}", text("They meet.")), &settings);
    let in_encodings = [
        marked.clone(),
        in_utf16(&marked, b"\xff\xfe", u16::to_le_bytes),
        in_utf16(&marked, b"\xfe\xff", u16::to_be_bytes),
    ];
    for marked in in_encodings {
        assert_eq!(cleaned(&marked).unwrap().0, plain);
    }
    // and where the element stays
    for form in forms("canary") {
        let body = format!(
            "<w:p w:rsidR=\"{form}\" w:id=\"{form}\"><w:pPr><w:jc w:val=\"{form}\"/><w:spacing w:before=\"{form}\"/></w:pPr>\
             <w:r w:rsidRPr=\"{form}\"><w:rPr><w:color w:val=\"{form}\" w:themeColor=\"{form}\"/><w:sz w:val=\"{form}\"/></w:rPr>\
             <w:br w:type=\"{form}\"/>{form}</w:r></w:p>"
        );
        let out = inflated(&cleaned(&document(&body, "")).unwrap().0);
        assert!(!out.contains(&form), "{form}: {out}");
    }
}

#[test]
fn rows_that_are_deleted_go_and_fields_become_text() {
    let row = |properties: &str, text: &str| {
        format!(
            "<w:tr><w:trPr>{properties}</w:trPr><w:tc><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc></w:tr>"
        )
    };
    let field = |code: &str, result: &str| {
        format!(
            "<w:r><w:fldChar w:fldCharType=\"begin\"/></w:r><w:r><w:instrText>{}</w:instrText></w:r><w:r><w:instrText>{}</w:instrText></w:r>\
             <w:r><w:fldChar w:fldCharType=\"separate\"/></w:r><w:r><w:t>{result}</w:t></w:r><w:r><w:fldChar w:fldCharType=\"end\"/></w:r>",
            &code[..3],
            &code[3..]
        )
    };
    let body = format!(
        "<w:tbl>{}{}</w:tbl><w:p>{}{}<w:fldSimple w:instr=\"USERNAME canary\"><w:r><w:t>three</w:t></w:r></w:fldSimple></w:p>",
        row("<w:del w:author=\"canary\"/>", "canary"),
        row("", "kept"),
        field("INCLUDETEXT canary", "one"),
        field("PAGE \\* canary roman", "two"),
    );
    let out = inflated(&cleaned(&document(&body, "")).unwrap().0);
    assert!(!out.contains("canary"), "{out}");
    for kept in ["kept", "one", "two", "three", "> PAGE \\* roman <"] {
        assert!(out.contains(kept), "{kept}: {out}");
    }
    assert_eq!(out.matches("fldCharType").count(), 3);
}

fn workbook(sheet: &str) -> Vec<u8> {
    package(&[
        ("_rels/.rels", &rels(&[("r1", "officeDocument", "/xl/workbook.xml")])),
        (
            "xl/_rels/workbook.xml.rels",
            &rels(&[
                ("a", "worksheet", "worksheets/sheet1.xml"),
                ("b", "sharedStrings", "sharedStrings.xml"),
                ("c", "externalLink", "externalLinks/1.xml"),
            ]),
        ),
        (
            "xl/workbook.xml",
            &format!(
                "<workbook xmlns=\"{X}\" xmlns:r=\"{R}\"><fileVersion appName=\"canary\"/><workbookPr codeName=\"canary\"/>\
                 <sheets><sheet name=\"Pay\" sheetId=\"77\" r:id=\"a\"/></sheets><definedNames><definedName name=\"canary\">Pay!$A$1</definedName>\
                 <definedName name=\"Rate\">Pay!$B$1</definedName></definedNames></workbook>"
            ),
        ),
        (
            "xl/sharedStrings.xml",
            &format!(
                "<sst xmlns=\"{X}\" count=\"9\"><si><t>canary</t></si><si><t>shown</t><rPh><t>canary</t></rPh></si></sst>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!("<worksheet xmlns=\"{X}\" xmlns:r=\"{R}\">{sheet}</worksheet>"),
        ),
    ])
}

#[test]
fn workbooks_keep_what_cells_show() {
    let bytes = workbook(
        "<sheetPr codeName=\"canary\"/><sheetData><row r=\"1\" spans=\"1:2\"><c r=\"A1\" t=\"s\"><v>1</v></c><c r=\"B1\"><f>Rate*2</f><v>4</v></c>\
         <c r=\"C1\"><f>'[1]canary'!A1</f><v>7</v></c></row></sheetData><sheetProtection password=\"canary\"/>\
         <hyperlinks><hyperlink ref=\"A1\" display=\"canary\"/></hyperlinks><pageSetup orientation=\"portrait\" r:id=\"canary\"/>\
         <legacyDrawing r:id=\"canary\"/>",
    );
    let (out, report) = cleaned(&bytes).unwrap();
    let text = inflated(&out);
    assert!(!text.contains("canary"), "{text}");
    for kept in [
        "<x:si/><x:si><x:t>shown</x:t></x:si>",
        "<x:f>Rate*2</x:f><x:v>4</x:v>",
        "<x:c r=\"C1\"><x:v>7</x:v></x:c>",
        "name=\"Pay\"",
        ">Pay!$B$1<",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert_eq!(report.kind, Kind::Xlsx);
    let (again, report) = cleaned(&out).unwrap();
    assert_eq!(inflated(&again), text);
    assert!(report.found.is_empty(), "{:?}", report.found);
}

#[test]
fn presentations_lose_notes_names_and_objects_but_not_their_pictures() {
    let object = "<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id=\"4\" name=\"canary\"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr><p:xfrm/>\
         <a:graphic><a:graphicData uri=\"http://schemas.openxmlformats.org/presentationml/2006/ole\"><mc:AlternateContent \
         xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\"><mc:Choice xmlns:v=\"urn:schemas-microsoft-com:vml\" Requires=\"v\">\
         <p:oleObj name=\"canary\" r:id=\"o\"><p:embed/></p:oleObj></mc:Choice><mc:Fallback><p:oleObj name=\"canary\" progId=\"canary\" r:id=\"o\"><p:embed/>\
         <p:pic><p:nvPicPr><p:cNvPr id=\"5\" name=\"canary\" descr=\"canary\"/><p:cNvPicPr/><p:nvPr/></p:nvPicPr><p:blipFill><a:blip r:embed=\"i\"/></p:blipFill><p:spPr/></p:pic>\
         </p:oleObj></mc:Fallback></mc:AlternateContent></a:graphicData></a:graphic></p:graphicFrame>";
    let slide = format!(
        "<p:sld xmlns:p=\"{P}\" xmlns:a=\"{A}\" xmlns:r=\"{R}\"><p:cSld name=\"canary\"><p:spTree>{object}<p:sp><p:nvSpPr><p:cNvPr id=\"2\" name=\"canary\">\
         <a:hlinkClick r:id=\"h\" tooltip=\"canary\"/></p:cNvPr><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p>\
         <a:fld id=\"{{canary}}\" type=\"datetime1\"><a:t>Monday</a:t></a:fld></a:p></p:txBody></p:sp></p:spTree></p:cSld>\
         <p:timing><p:canary/></p:timing><p:extLst><p:ext uri=\"canary\"/></p:extLst></p:sld>"
    );
    let picture = include_bytes!("tests/dot.png");
    let mut writer = Writer::new(Kind::Zip);
    let parts = [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>"
                .to_owned(),
        ),
        (
            "_rels/.rels",
            rels(&[
                ("r1", "officeDocument", "ppt/presentation.xml"),
                ("t", "thumbnail", "docProps/canary.jpeg"),
            ]),
        ),
        (
            "ppt/_rels/presentation.xml.rels",
            rels(&[("s", "slide", "slides/slide7.xml"), ("a", "commentAuthors", "canary.xml")]),
        ),
        (
            "ppt/presentation.xml",
            format!(
                "<p:presentation xmlns:p=\"{P}\" xmlns:r=\"{R}\"><p:sldIdLst><p:sldId id=\"999\" r:id=\"s\"/></p:sldIdLst></p:presentation>"
            ),
        ),
        ("ppt/slides/slide7.xml", slide),
        (
            "ppt/slides/_rels/slide7.xml.rels",
            rels(&[
                ("i", "image", "../media/canary.png"),
                ("n", "notesSlide", "../canary.xml"),
                ("o", "oleObject", "../canary.bin"),
                ("h", "hyperlink", "https://canary"),
            ]),
        ),
        ("ppt/canary.xml", "<canary/>".to_owned()),
        ("ppt/canary.bin", "canary".to_owned()),
    ];
    for (name, part) in &parts {
        writer.add(name, part.as_bytes(), Pack::Deflate).unwrap();
    }
    writer.add("ppt/media/canary.png", picture, Pack::Store).unwrap();
    let (out, report) = cleaned(&writer.finish().unwrap()).unwrap();
    let text = inflated(&out);
    assert!(!text.contains("canary"), "{text}");
    assert!(
        text.contains("<a:r><a:t>Monday</a:t></a:r>")
            && text.contains("<p:sldId id=\"256\" r:id=\"rId1\"/>"),
        "{text}"
    );
    assert!(
        text.contains("<p:spTree><p:pic>")
            && text.contains("<a:blip r:embed=\"rId1\"/>")
            && text.contains("ppt/media/image1.png"),
        "{text}"
    );
    for found in [Found::Comment, Found::Attachment, Found::Active, Found::Preview] {
        assert!(report.found.contains(&found), "{found:?}");
    }
    let (again, report) = cleaned(&out).unwrap();
    assert_eq!(inflated(&again), text);
    assert!(report.found.is_empty(), "{:?}", report.found);
}

#[test]
fn macros_and_locks_are_refused() {
    let types = "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"bin\" ContentType=\"application/vnd.ms-office.vbaProject\"/></Types>";
    let bytes = package(&[
        ("[Content_Types].xml", types),
        ("_rels/.rels", &rels(&[("r", "officeDocument", "word/document.xml")])),
        ("word/document.xml", &format!("<w:document xmlns:w=\"{W}\"/>")),
    ]);
    assert_eq!(cleaned(&bytes), Err(Refusal::Macros { kind: Kind::Docx }));
    let mut locked = vec![0; 1024];
    locked[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    locked[30] = 9;
    for (at, unit) in "EncryptedPackage".encode_utf16().enumerate() {
        locked[512 + 2 * at..514 + 2 * at].copy_from_slice(&unit.to_le_bytes());
    }
    assert_eq!(cleaned(&locked), Err(Refusal::Encrypted { kind: Kind::LegacyOffice }));
}

#[test]
fn metafiles_lose_comments() {
    let mut emf = vec![0; 100];
    emf[0] = 1;
    emf[4] = 100;
    emf[40..44].copy_from_slice(b" EMF");
    emf[88..94].copy_from_slice(b"canary");
    emf.extend_from_slice(b"\x46\0\0\0\x14\0\0\0\x06\0\0\0canary\0\0");
    emf.extend_from_slice(b"\x1b\0\0\0\x10\0\0\0\x01\0\0\0\x02\0\0\0");
    emf.extend_from_slice(b"\x0e\0\0\0\x14\0\0\0\0\0\0\0\x10\0\0\0\x14\0\0\0canary");
    let (out, extension, changed) = metafile::clean(&emf).unwrap().unwrap();
    assert_eq!((out.len(), extension, changed), (88 + 16 + 20, "emf", true));
    assert!(!String::from_utf8_lossy(&out).contains("canary"));
    assert_eq!(metafile::clean(&out).unwrap().unwrap(), (out, "emf", false));
    let mut wmf = b"\x01\0\x09\0\0\x03\0\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    wmf.extend_from_slice(b"\x08\0\0\0\x26\x06\x0f\0\x04\0cana\x00\x00");
    wmf.extend_from_slice(b"\x05\0\0\0\x13\x02\x01\0\x02\0\x03\0\0\0\0\0canary");
    let (out, _, changed) = metafile::clean(&wmf).unwrap().unwrap();
    assert_eq!((out.len(), changed), (18 + 10 + 6, true));
    assert_eq!(metafile::clean(&out).unwrap().unwrap(), (out, "wmf", false));
    assert!(metafile::clean(b"\x89PNG").is_none());
}

#[test]
fn calls_are_found_however_they_are_written() {
    for formula in [
        "_xlfn.IMAGE(\"canary\")",
        "filterxml(\"canary\",1)",
        "WebService (\"canary\")",
        "&#73;MAGE(\"canary\")",
        "'&#91;1]canary'!A1",
        "CUBEVALUE(\"canary\",1)",
    ] {
        let bytes = workbook(&format!(
            "<sheetData><row r=\"1\"><c r=\"A1\"><f>{formula}</f><v>7</v></c></row></sheetData>"
        ));
        let text = inflated(&cleaned(&bytes).unwrap().0);
        assert!(!text.contains("canary"), "{formula}: {text}");
        assert!(text.contains("<x:c r=\"A1\"><x:v>7</x:v></x:c>"), "{formula}: {text}");
    }
}

#[test]
fn runs_that_a_style_hides_are_dropped() {
    let style = |id: &str, inside: &str| {
        format!("<w:style w:type=\"character\" w:styleId=\"{id}\">{inside}</w:style>")
    };
    let styles = [
        style("Dark", "<w:rPr><w:vanish/></w:rPr>"),
        style("Based", "<w:basedOn w:val=\"Dark\"/>"),
        style("Shown", "<w:basedOn w:val=\"Dark\"/><w:rPr><w:vanish w:val=\"0\"/></w:rPr>"),
        style("Circle", "<w:basedOn w:val=\"Circle\"/>"),
    ]
    .concat();
    let run = |properties: &str, text: &str| {
        format!("<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>")
    };
    let body = format!(
        "<w:p>{}{}{}{}{}</w:p><w:p><w:pPr><w:pStyle w:val=\"Dark\"/></w:pPr>{}{}</w:p><w:p>{}</w:p>",
        run("<w:rStyle w:val=\"Dark\"/>", "canary"),
        run("<w:rStyle w:val=\"Based\"/>", "canary"),
        run("<w:rStyle w:val=\"Shown\"/>", "one"),
        run("<w:rStyle w:val=\"Dark\"/><w:vanish w:val=\"0\"/>", "two"),
        run("<w:rStyle w:val=\"Circle\"/>", "three"),
        run("", "canary"),
        run("<w:vanish w:val=\"off\"/>", "four"),
        run("", "five"),
    );
    let document = package(&[
        ("_rels/.rels", &rels(&[("r", "officeDocument", "word/document.xml")])),
        ("word/_rels/document.xml.rels", &rels(&[("s", "styles", "styles.xml")])),
        ("word/styles.xml", &format!("<w:styles xmlns:w=\"{W}\">{styles}</w:styles>")),
        (
            "word/document.xml",
            &format!("<w:document xmlns:w=\"{W}\"><w:body>{body}</w:body></w:document>"),
        ),
    ]);
    let (out, report) = cleaned(&document).unwrap();
    let text = inflated(&out);
    assert!(!text.contains("canary"), "{text}");
    for kept in ["one", "two", "three", "four", "five"] {
        assert!(text.contains(&format!("<w:t>{kept}</w:t>")), "{kept}: {text}");
    }
    assert!(report.found.contains(&Found::Comment));
    assert_eq!(cleaned(&out).unwrap().0, out);
}

#[test]
fn names_and_numbers_of_a_users_own_are_given_anew() {
    let numbering = "<w:abstractNum w:abstractNumId=\"0\"><w:lvl w:ilvl=\"0\" w:tplc=\"C0FFEE11\"/></w:abstractNum>\
         <w:num w:numId=\"1\" w:durableId=\"12345678\"/>";
    let shape = format!(
        "<w:p><w:r><w:drawing><a:custGeom xmlns:a=\"{A}\"><a:gdLst><a:gd name=\"canary\" fmla=\"*/ canary2 w 3\"/></a:gdLst><a:pathLst><a:path>\
         <a:lnTo><a:pt x=\"canary\" y=\"hc\"/></a:lnTo></a:path></a:pathLst></a:custGeom></w:drawing></w:r>\
         <w:r><w:rPr><w:rFonts w:ascii=\"Used\"/></w:rPr><w:pict><v:shape xmlns:v=\"urn:schemas-microsoft-com:vml\" path=\"m0,0 canary\"/></w:pict></w:r>\
         <w:r><w:fldChar w:fldCharType=\"begin\"/></w:r><w:r><w:instrText>EQ canary</w:instrText></w:r><w:r><w:fldChar w:fldCharType=\"end\"/></w:r></w:p>"
    );
    let document = package(&[
        ("_rels/.rels", &rels(&[("r", "officeDocument", "word/document.xml")])),
        (
            "word/_rels/document.xml.rels",
            &rels(&[("f", "fontTable", "fonts.xml"), ("n", "numbering", "numbering.xml")]),
        ),
        (
            "word/fonts.xml",
            &format!(
                "<w:fonts xmlns:w=\"{W}\"><w:font w:name=\"canary\"/><w:font w:name=\"Used\"/></w:fonts>"
            ),
        ),
        ("word/numbering.xml", &format!("<w:numbering xmlns:w=\"{W}\">{numbering}</w:numbering>")),
        (
            "word/document.xml",
            &format!("<w:document xmlns:w=\"{W}\"><w:body>{shape}</w:body></w:document>"),
        ),
    ]);
    let (out, _) = cleaned(&document).unwrap();
    let text = inflated(&out);
    for gone in ["canary", "C0FFEE", "12345678"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    for kept in ["<a:pt x=\"g", "y=\"hc\"", "<w:font w:name=\"Used\"/>"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    let (again, report) = cleaned(&out).unwrap();
    assert_eq!(inflated(&again), text);
    assert!(report.found.is_empty(), "{:?}", report.found);
}

#[test]
fn identifiers_of_table_styles_are_powerpoints_or_numbers() {
    let own = "{5C22544A-7EE6-4342-B048-85BDC9FD1C3A}";
    let other = "{C0FFEE00-7EE6-4342-B048-85BDC9FD1C3A}";
    let slides = format!(
        "<p:presentation xmlns:p=\"{P}\" xmlns:a=\"{A}\"><a:tbl><a:tblPr><a:tableStyleId>{other}</a:tableStyleId></a:tblPr></a:tbl></p:presentation>"
    );
    let bytes = package(&[
        ("_rels/.rels", &rels(&[("r", "officeDocument", "ppt/presentation.xml")])),
        ("ppt/_rels/presentation.xml.rels", &rels(&[("t", "tableStyles", "tableStyles.xml")])),
        ("ppt/presentation.xml", &slides),
        (
            "ppt/tableStyles.xml",
            &format!(
                "<a:tblStyleLst xmlns:a=\"{A}\" def=\"{own}\"><a:tblStyle styleId=\"{other}\" styleName=\"canary\"/></a:tblStyleLst>"
            ),
        ),
    ]);
    let text = inflated(&cleaned(&bytes).unwrap().0);
    let numbered = "{00000000-0000-0000-0000-000000000001}";
    assert!(!text.contains("C0FFEE"), "{text}");
    assert_eq!((text.matches(own).count(), text.matches(numbered).count()), (1, 2), "{text}");
}

#[test]
fn what_stands_for_a_picture_is_one() {
    let drawing = format!(
        "<w:p><w:r><w:drawing><a:blip xmlns:a=\"{A}\" xmlns:r=\"{R}\" r:embed=\"i\"/></w:drawing></w:r></w:p>"
    );
    let bytes = package(&[
        ("_rels/.rels", &rels(&[("r", "officeDocument", "word/document.xml")])),
        ("word/_rels/document.xml.rels", &rels(&[("i", "image", "media/image1.png")])),
        (
            "word/document.xml",
            &format!("<w:document xmlns:w=\"{W}\"><w:body>{drawing}</w:body></w:document>"),
        ),
        ("word/media/image1.png", "a text that nobody is shown"),
    ]);
    let refusal = Refusal::Inside { kind: Kind::Docx, inner: Kind::Text };
    assert_eq!(cleaned(&bytes), Err(refusal));
}

#[test]
fn many_relationships_take_no_longer_each() {
    let many = |count: usize| {
        let rows: Vec<_> = (0..count).map(|n| (format!("i{n}"), "image", "media/i.png")).collect();
        let rows: Vec<_> = rows.iter().map(|(id, what, to)| (id.as_str(), *what, *to)).collect();
        let blips: String =
            rows.iter().map(|row| format!("<a:blip r:embed=\"{}\"/>", row.0)).collect();
        let mut writer = Writer::new(Kind::Zip);
        let body = format!(
            "<w:document xmlns:w=\"{W}\" xmlns:a=\"{A}\" xmlns:r=\"{R}\"><w:body>{blips}</w:body></w:document>"
        );
        let types =
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>";
        for (name, text) in [
            ("[Content_Types].xml", types.to_owned()),
            ("_rels/.rels", rels(&[("r", "officeDocument", "word/document.xml")])),
            ("word/_rels/document.xml.rels", rels(&rows)),
            ("word/document.xml", body),
        ] {
            writer.add(name, text.as_bytes(), Pack::Deflate).unwrap();
        }
        writer.add("word/media/i.png", include_bytes!("tests/dot.png"), Pack::Store).unwrap();
        let bytes = writer.finish().unwrap();
        cleaned(&bytes).unwrap();
    };
    // each looked for among all would take minutes
    many(32_000);
}

#[test]
fn metafiles_hold_nothing_behind_their_fields() {
    let record = |number: u32, body: &[u8]| {
        let mut record = number.to_le_bytes().to_vec();
        record.extend_from_slice(&u32::try_from(body.len() + 8).unwrap().to_le_bytes());
        record.extend_from_slice(body);
        record
    };
    let wide = |text: &str, length: usize| {
        let mut bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes.resize(length, 0);
        bytes
    };
    let mut emf = vec![0; 88];
    (emf[0], emf[4]) = (1, 88);
    emf[40..44].copy_from_slice(b" EMF");
    let mut font = vec![7; 32];
    font.extend(wide("Arial\0canary", 64));
    font.extend(wide("canary", 128 + 64 + 32));
    font.extend_from_slice(b"can\0");
    emf.extend(record(82, &font));
    emf.extend(record(27, b"\x01\0\0\0\x02\0\0\0canary\0\0"));
    // two points, and more behind them
    let mut points = vec![0; 16];
    points.extend_from_slice(b"\x02\0\0\0\x01\0\x02\0\x03\0\x04\0canary\0\0");
    emf.extend(record(87, &points));
    let mut text = vec![0; 76 - 8];
    text[44 - 8] = 2;
    text[48 - 8] = 84;
    text[72 - 8] = 88;
    text.extend_from_slice(b"canary\0\0H\0i\0");
    text.extend_from_slice(&[9, 0, 0, 0, 9, 0, 0, 0]);
    text.extend_from_slice(b"canary\0\0");
    emf.extend(record(84, &text));
    emf.extend_from_slice(b"\x0e\0\0\0\x14\0\0\0\0\0\0\0\x10\0\0\0\x14\0\0\0");
    let (out, ..) = metafile::clean(&emf).unwrap().unwrap();
    let shown = String::from_utf8_lossy(&out).replace('\0', "");
    assert!(!shown.contains("can") && shown.contains("Arial") && shown.contains("Hi"), "{shown}");
    assert_eq!(metafile::clean(&out).unwrap().unwrap(), (out, "emf", false));

    let mut wmf = b"\xd7\xcd\xc6\x9aCA\0\0\0\0\x01\0\x01\0\x48\0NARY\0\0".to_vec();
    wmf.extend_from_slice(b"\x01\0\x09\0\0\x03\0\0\0\0\x01\0\0\0\0\0\0\0");
    wmf.extend_from_slice(b"\x14\0\0\0\xfb\x02");
    wmf.extend_from_slice(&[1; 18]);
    wmf.extend_from_slice(b"Arial\0canary\0\0\0\0");
    wmf.extend_from_slice(b"\x03\0\0\0\0\0");
    let (out, ..) = metafile::clean(&wmf).unwrap().unwrap();
    let shown = String::from_utf8_lossy(&out).replace('\0', "");
    assert!(
        !shown.contains("can")
            && !shown.contains("NARY")
            && !shown.contains("CA")
            && shown.contains("Arial"),
        "{shown}"
    );
    assert_eq!(metafile::clean(&out).unwrap().unwrap(), (out, "wmf", false));
}

proptest! {
    #[test]
    fn no_document_panics(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let mut body = text("one <!-- x --> two").into_bytes();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Ok((out, _)) = cleaned(&document(&String::from_utf8_lossy(&body), "")) {
            let (again, report) = cleaned(&out).unwrap();
            prop_assert_eq!(again, out);
            prop_assert!(report.found.is_empty());
        }
    }

    #[test]
    fn no_metafile_panics(start in prop_oneof![Just(b"\x01\0\x09\0\0\x03".as_slice()), Just(b"\xd7\xcd\xc6\x9a".as_slice())], bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        drop(metafile::clean(&[start, &bytes].concat()));
    }
}
