use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::clean::{Limits, Report};

const ROOT: &str = "xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0' \
    xmlns:style='urn:oasis:names:tc:opendocument:xmlns:style:1.0' \
    xmlns:text='urn:oasis:names:tc:opendocument:xmlns:text:1.0' \
    xmlns:table='urn:oasis:names:tc:opendocument:xmlns:table:1.0' \
    xmlns:draw='urn:oasis:names:tc:opendocument:xmlns:drawing:1.0' \
    xmlns:fo='urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0' \
    xmlns:svg='urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0' \
    xmlns:xlink='http://www.w3.org/1999/xlink' xmlns:dc='http://purl.org/dc/elements/1.1/' \
    xmlns:config='urn:oasis:names:tc:opendocument:xmlns:config:1.0' \
    xmlns:of='urn:oasis:names:tc:opendocument:xmlns:of:1.2' \
    xmlns:officeooo='http://openoffice.org/2009/office' office:version='1.3'";

fn document(styles: &str, body: &str) -> String {
    format!(
        "<office:document-content {ROOT}><office:automatic-styles>{styles}</office:automatic-styles>\
         <office:body>{body}</office:body></office:document-content>"
    )
}

fn package(mimetype: &str, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Kind::Odt);
    let mimetype = format!("application/vnd.oasis.opendocument.{mimetype}");
    writer.add("mimetype", mimetype.as_bytes(), Pack::Store).unwrap();
    for (name, bytes) in members {
        writer.add(name, bytes, Pack::Deflate).unwrap();
    }
    writer.finish().unwrap().to_vec()
}

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, Report), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
    let report = cleaned.report().clone();
    let mut out = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut out)?;
    Ok((out, report))
}

fn refusal(bytes: &[u8]) -> Refusal {
    match cleaned(bytes) {
        Err(CleanError::Refused(refusal)) => refusal,
        other => panic!("not refused: {:?}", other.map(|cleaned| cleaned.1)),
    }
}

/// All members, each with its name.
fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let limits = Limits::default();
    let mut work = Work::new(&limits);
    let archive = Archive::open(bytes, Kind::Odt, &mut work).unwrap();
    let read = |entry| archive.read(entry, &mut Work::new(&limits)).unwrap().to_vec();
    archive.entries().iter().map(|entry| (entry.name().to_owned(), read(entry))).collect()
}

fn content(bytes: &[u8]) -> String {
    let (_, content) = members(bytes).into_iter().find(|(name, _)| name == "content.xml").unwrap();
    String::from_utf8(content).unwrap()
}

/// A PNG of one pixel with a text chunk.
fn png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in [
        (b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\0\0\0\0".as_slice()),
        (b"tEXt", b"Author\0canary"),
        (b"IDAT", b"\x78\x01\x01\x02\0\xfd\xff\0\x09\0\x0b\0\x0a"),
        (b"IEND", b""),
    ] {
        png.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
        let chunk = [name.as_slice(), body].concat();
        png.extend_from_slice(&chunk);
        png.extend_from_slice(&crc32fast::hash(&chunk).to_be_bytes());
    }
    png
}

/// A text with `canary` in every place that is no content.
fn full(canary: &str) -> Vec<u8> {
    let styles = format!(
        "<style:font-face style:name='{canary}1' svg:font-family='Arial' style:font-adornments='{canary}'/>\
         <style:style style:name='{canary}' style:display-name='{canary}' style:family='paragraph' \
         style:parent-style-name='Text_20_body'><style:text-properties fo:color='#FF0000' \
         fo:font-weight='{canary}' officeooo:rsid='{canary}' fo:language='{canary}'/></style:style>"
    );
    let body = format!(
        "<office:text><office:forms>{canary}</office:forms><text:tracked-changes><text:changed-region>\
         <text:deletion><dc:creator>{canary}</dc:creator><text:p>{canary}</text:p></text:deletion>\
         </text:changed-region></text:tracked-changes><text:variable-decls><text:variable-decl \
         text:name='{canary}'/></text:variable-decls>\
         <!--{canary}--><text:h text:style-name='{canary}' text:outline-level='1' xml:id='{canary}'>One\
         <text:bookmark text:name='{canary}'/><office:annotation office:name='{canary}'><dc:creator>\
         {canary}</dc:creator><text:p>{canary}</text:p></office:annotation></text:h>\
         <text:p>by <text:author-name text:fixed='{canary}'>Kim</text:author-name> \
         <text:a xlink:href='http://{canary}/'>link</text:a> <text:date text:date-value='{canary}'>today\
         </text:date><text:page-number>1</text:page-number><text:unknown-field>kept</text:unknown-field>\
         <text:change-start text:change-id='{canary}'/></text:p>\
         <draw:frame draw:name='{canary}' svg:width='1cm'><draw:image xlink:href='Pictures/{canary}.png'/>\
         <svg:title>{canary}</svg:title></draw:frame>\
         <draw:frame><draw:image xlink:href='http://{canary}/'/></draw:frame>\
         <draw:frame><draw:object xlink:href='./{canary}'/><draw:image xlink:href='./ObjectReplacements/x'/>\
         </draw:frame><draw:frame><draw:object-ole xlink:href='./{canary}2'/></draw:frame>\
         </office:text>"
    );
    let object = document(
        "",
        &format!(
            "<office:chart><table:table table:name='local-table'/>\
        <office:annotation>{canary}</office:annotation></office:chart>"
        ),
    );
    let settings = format!(
        "<office:document-settings {ROOT}><office:settings><config:config-item-set config:name='ooo:view-settings'>\
         {canary}</config:config-item-set><config:config-item-set config:name='ooo:configuration-settings'>\
         <config:config-item config:name='PrinterName' config:type='string'>{canary}</config:config-item>\
         <config:config-item config:name='TabOverflow' config:type='boolean'>true</config:config-item>\
         <config:config-item config:name='AddFrameOffsets' config:type='boolean'>{canary}</config:config-item>\
         </config:config-item-set></office:settings></office:document-settings>"
    );
    let meta = format!(
        "<x><dc:creator>{canary}</dc:creator><meta:generator>{canary}</meta:generator></x>"
    );
    let content = document(&styles, &body);
    let picture = format!("Pictures/{canary}.png");
    let object_content = format!("{canary}/content.xml");
    package(
        "text",
        &[
            ("content.xml", content.as_bytes()),
            ("settings.xml", settings.as_bytes()),
            ("meta.xml", meta.as_bytes()),
            (&picture, &png()),
            (&object_content, object.as_bytes()),
            ("Thumbnails/thumbnail.png", &png()),
            ("manifest.rdf", canary.as_bytes()),
            ("layout-cache", canary.as_bytes()),
            ("Configurations2/x", canary.as_bytes()),
            ("META-INF/manifest.xml", canary.as_bytes()),
            ("META-INF/documentsignatures.xml", canary.as_bytes()),
        ],
    )
}

#[test]
fn nothing_but_the_content_is_left() {
    let (out, report) = cleaned(&full("canary")).unwrap();
    for (name, bytes) in members(&out) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!name.contains("canary") && !text.contains("canary"), "{name}: {text}");
    }
    let text = content(&out);
    assert!(text.contains(">One</text:h>"), "{text}");
    assert!(
        text.contains(
            "by Kim <text:span text:style-name=\"Internet_20_link\">link</text:span> today"
        ),
        "{text}"
    );
    assert!(text.contains("<text:page-number>1</text:page-number>kept</text:p>"), "{text}");
    assert!(
        text.contains("xlink:href=\"Pictures/1.png\"")
            && text.contains("xlink:href=\"./Object 1\"")
    );
    assert!(
        text.contains("fo:color=\"#FF0000\"")
            && text.contains("parent-style-name=\"Text_20_body\"")
    );
    for found in [
        Found::Person,
        Found::Time,
        Found::Software,
        Found::Comment,
        Found::Preview,
        Found::Device,
        Found::Identifier,
        Found::History,
        Found::Attachment,
        Found::Active,
        Found::Other,
    ] {
        assert!(report.found.contains(&found), "{found:?}");
    }
    let names: Vec<String> = members(&out).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "mimetype",
            "Pictures/1.png",
            "content.xml",
            "settings.xml",
            "Object 1/content.xml",
            "META-INF/manifest.xml",
        ]
    );
}

#[test]
fn files_that_differ_in_what_goes_become_the_same() {
    let (one, _) = cleaned(&full("canary")).unwrap();
    let (other, _) = cleaned(&full("kim")).unwrap();
    assert_eq!(one, other);
    let (again, report) = cleaned(&one).unwrap();
    assert_eq!(again, one);
    assert_eq!(report.found, BTreeSet::new());
}

#[test]
fn sheets_keep_their_names_and_formulas() {
    let body = "<office:spreadsheet><table:table table:name='Totals'><table:table-row>\
        <table:table-cell table:formula='of:=SUM([.A1])' office:value-type='float' office:value='1'>\
        <text:p>1</text:p></table:table-cell><table:table-cell \
        table:formula='of:=[&apos;file:///home/kim/x.ods&apos;#$A.A1]' office:value='2'/><table:table-cell \
        table:formula='x:=1'/></table:table-row></table:table><table:table \
        table:name='&apos;file:///home/kim/x.ods&apos;#$A'/></office:spreadsheet>";
    let content_xml = document("", body);
    let file = package("spreadsheet", &[("content.xml", content_xml.as_bytes())]);
    let text = content(&cleaned(&file).unwrap().0);
    assert!(
        text.contains("table:name=\"Totals\"") && text.contains("\"of:=SUM([.A1])\""),
        "{text}"
    );
    assert!(!text.contains("kim") && !text.contains("x:=") && text.contains("office:value=\"2\""));
}

#[test]
fn programs_and_locked_documents_are_refused() {
    let content = document("", "<office:text/>");
    let with = |name: &str, bytes: &str| {
        package("text", &[("content.xml", content.as_bytes()), (name, bytes.as_bytes())])
    };
    let module = |text: &str| {
        format!(
            "<?xml version='1.0'?>\n<script:module xmlns:script='x' script:name='M'>{text}</script:module>"
        )
    };
    let program = with("Basic/Standard/M.xml", &module("Sub Main\nShell(\"x\")\nEnd Sub"));
    assert_eq!(refusal(&program), Refusal::Macros { kind: Kind::Odt });
    assert_eq!(refusal(&with("Scripts/python/a.py", "x")), Refusal::Macros { kind: Kind::Odt });
    let empty = module("REM  *****  BASIC  *****\n\nSub Main\n\nEnd Sub\n");
    assert!(cleaned(&with("Basic/Standard/M.xml", &empty)).is_ok());
    assert!(cleaned(&with("Basic/script-lc.xml", "x")).is_ok());
    let locked = "<manifest:encryption-data/>";
    assert_eq!(
        refusal(&with("META-INF/manifest.xml", locked)),
        Refusal::Encrypted { kind: Kind::Odt }
    );
    assert_eq!(refusal(&package("text", &[("x", b"")])), Refusal::Damaged { kind: Kind::Odt });
    let xml = package("text", &[("content.xml", b"<x/>")]);
    assert_eq!(refusal(&xml), Refusal::Damaged { kind: Kind::Odt });
}

#[test]
fn formulas_and_addresses_of_other_files_are_dropped() {
    let outside = [
        "[&apos;../../canary/x.ods&apos;#$Sheet1.A1]",
        "[&apos;canary.ods&apos;#Sheet1.A1]",
        "SUM([&apos;it&apos;&apos;s canary&apos; #$A.A1])",
        "[canary.ods#$A.A1]",
        "INDIRECT(&quot;&apos;../canary.ods&apos;#$A.A1&quot;)",
        "HYPERLINK(&quot;..\\canary&quot;)",
        "&quot;open canary #",
    ];
    let inside = [
        "[$&apos;#1&apos;.A1]+[.#REF!]+#N/A",
        "&quot;a &apos;b&apos;#c&quot;&amp;[.A1]",
        "[$&apos;it&apos;&apos;s&apos;.A1]",
        "SUM([.A1:.B2])",
    ];
    let sheet = |text: &str| {
        let body = format!(
            "<office:spreadsheet><table:table table:name='#1' table:print-ranges=\"{text}\"><table:shapes>\
             <draw:frame table:end-cell-address=\"{text}\"/></table:shapes><table:table-row>\
             <table:table-cell table:formula=\"of:={text}\" office:value='7'/></table:table-row></table:table>\
             <table:named-expressions><table:named-range table:name='r' table:base-cell-address=\"{text}\" \
             table:cell-range-address=\"{text}\"/></table:named-expressions></office:spreadsheet>"
        );
        let styles = format!(
            "<style:style style:name='a' style:family='table-cell'><style:map style:condition=\"{text}\" \
             style:base-cell-address=\"{text}\"/></style:style>"
        );
        let file = package("spreadsheet", &[("content.xml", document(&styles, &body).as_bytes())]);
        let (out, report) = cleaned(&file).unwrap();
        (content(&out), report.found.contains(&Found::Active))
    };
    for text in outside {
        let (out, found) = sheet(text);
        assert!(!out.contains("canary") && out.contains("office:value=\"7\"") && found, "{out}");
    }
    for text in inside {
        let (out, found) = sheet(text);
        let kept = out.matches("formula=").count() + out.matches("-address=").count();
        assert!((5..=6).contains(&kept) && out.contains("table:name=\"#1\"") && !found, "{out}");
    }
    let value = |text| value::clean(value::Sort::Cells, text, &mut value::Names::default());
    assert_eq!(value("contains-text(\"#a\")").as_deref(), Some("contains-text(\"#a\")"));
    assert_eq!(value("formula-is('../x'#$A.A1)"), None);
    for attribute in ["base-cell-address", "target-range-address", "value"] {
        let row = table::ROWS.iter().find(|row| row.space == "calcext").unwrap();
        assert!(row.attributes.contains(&(attribute, value::Sort::Cells)), "{attribute}");
    }
}

#[test]
fn text_that_is_hidden_is_dropped() {
    let styles = "<style:style style:name='H' style:family='text'><style:text-properties text:display='none'/>\
        </style:style><style:style style:name='S' style:family='text' style:parent-style-name='H'>\
        <style:text-properties text:display='true'/></style:style><style:style style:name='C' \
        style:family='paragraph' style:parent-style-name='P'/><style:style style:name='P' \
        style:family='paragraph'><style:text-properties text:display='none'/></style:style>";
    let body = "<office:text><text:p>one<text:span text:style-name='H'>canary<text:s/><text:span>canary\
        </text:span><text:author-name>canary</text:author-name><text:span text:style-name='S'>two</text:span>\
        <draw:frame><draw:text-box><text:p>canary</text:p></draw:text-box></draw:frame></text:span>three</text:p>\
        <text:p text:style-name='C'>canary<text:a>canary</text:a></text:p><text:section text:display='none'>\
        <text:p>canary</text:p></text:section><text:section text:display='condition' text:is-hidden='true'>\
        <text:p>canary</text:p></text:section><text:section text:display='condition'><text:p>four</text:p>\
        </text:section><text:p><text:hidden-text text:is-hidden='true'>canary</text:hidden-text>\
        <text:hidden-text text:is-hidden='false'>five</text:hidden-text></text:p></office:text>";
    let file = package("text", &[("content.xml", document(styles, body).as_bytes())]);
    let (out, report) = cleaned(&file).unwrap();
    let text = content(&out);
    assert!(!text.contains("canary") && report.found.contains(&Found::Other), "{text}");
    for shown in [">one<", ">two<", ">three<", ">four<", ">five<"] {
        let shown = shown.trim_matches(['<', '>']);
        assert!(text.contains(shown), "{shown} in {text}");
    }
    let (again, report) = cleaned(&out).unwrap();
    assert_eq!((again, report.found), (out, BTreeSet::new()));
    // automatic styles are of one part alone, common ones of the document
    let hiding = |place: &str| {
        let styles = format!(
            "<office:document-styles {ROOT}><office:{place}><style:style style:name='H' style:family='text'>\
             <style:text-properties text:display='none'/></style:style></office:{place}></office:document-styles>"
        );
        let body = "<office:text><text:p><text:span text:style-name='H'>kept</text:span></text:p></office:text>";
        let content_xml = document("", body);
        let parts: [(&str, &[u8]); 2] =
            [("styles.xml", styles.as_bytes()), ("content.xml", content_xml.as_bytes())];
        content(&cleaned(&package("text", &parts)).unwrap().0)
    };
    assert!(hiding("automatic-styles").contains("kept"));
    assert!(!hiding("styles").contains("kept"));
}

#[test]
fn notes_of_the_speaker_are_dropped() {
    let body = "<office:presentation><draw:page draw:name='page1'><draw:frame><draw:text-box><text:p>shown\
        </text:p></draw:text-box></draw:frame><presentation:notes \
        xmlns:presentation='urn:oasis:names:tc:opendocument:xmlns:presentation:1.0'><draw:frame><draw:text-box>\
        <text:p>canary</text:p></draw:text-box></draw:frame></presentation:notes></draw:page></office:presentation>";
    let file = package("presentation", &[("content.xml", document("", body).as_bytes())]);
    let (out, report) = cleaned(&file).unwrap();
    let text = content(&out);
    assert!(text.contains("shown") && !text.contains("canary"), "{text}");
    assert!(report.found.contains(&Found::Comment));
}

#[test]
fn metafiles_are_cleaned_as_in_ooxml() {
    let mut emf = vec![0; 108];
    emf[0] = 1;
    emf[4] = 108;
    emf[40..44].copy_from_slice(b" EMF");
    emf.extend(b"\x46\0\0\0\x14\0\0\0\x06\0\0\0canary\0\0");
    emf.extend(b"\x0e\0\0\0\x14\0\0\0\0\0\0\0\x10\0\0\0\x14\0\0\0");
    let body = "<office:text><text:p><draw:frame><draw:image xlink:href='Pictures/a.emf'/></draw:frame><draw:frame>\
        <draw:image xlink:href='Pictures/b.emf'/></draw:frame></text:p></office:text>";
    let file = package(
        "text",
        &[
            ("content.xml", document("", body).as_bytes()),
            ("Pictures/a.emf", &emf),
            ("Pictures/b.emf", &emf[..100]),
        ],
    );
    let (out, report) = cleaned(&file).unwrap();
    let text = content(&out);
    assert!(text.contains("Pictures/1.emf") && !text.contains("Pictures/2"), "{text}");
    assert!(report.found.contains(&Found::Other) && report.found.contains(&Found::Attachment));
    let written = members(&out);
    let (_, picture) = written.iter().find(|(name, _)| name == "Pictures/1.emf").unwrap();
    assert!(
        picture.starts_with(&[1, 0, 0, 0]) && memchr::memmem::find(picture, b"canary").is_none()
    );
    let (_, manifest) = written.last().unwrap();
    assert!(memchr::memmem::find(manifest, b"\"image/x-emf\"").is_some());
    assert_eq!(cleaned(&out).unwrap().0, out);
}

#[test]
fn names_of_shapes_are_known_words() {
    let word = |text| value::clean(value::Sort::Word, text, &mut value::Names::default());
    for known in [
        "rectangle",
        "round-rectangle",
        "flowchart-direct-access-storage",
        "fontwork-fade-up-and-left",
        "mso-spt202",
        "non-primitive",
        "ooxml-non-primitive",
        "ooxml-actionButtonBackPrevious",
        "ooxml-flowChartPredefinedProcess",
        "ooxml-round2SameRect",
        "ooxml-star5",
        "chart:filled-radar",
        "x-symbol",
        "utf-8",
    ] {
        assert_eq!(word(known).as_deref(), Some(known));
    }
    for other in [
        "",
        "jane",
        "jane-doe",
        "ooxml-JaneDoe",
        "mso-spt20260714",
        "rectangle-7-8-9",
        "star star",
        "-5",
        "up-up-up-up-up-up-up",
    ] {
        assert_eq!(word(other), None, "{other}");
    }
}

#[test]
fn pictures_are_counted() {
    let frames: String = (0..20)
        .map(|n| format!("<draw:frame><draw:image xlink:href='Pictures/{n}'/></draw:frame>"))
        .collect();
    let body = format!("<office:text><text:p>{frames}</text:p></office:text>");
    let file = package("text", &[("content.xml", document("", &body).as_bytes())]);
    let limits = Limits { members: 10, ..Limits::default() };
    let refused = crate::clean::clean(&mut Cursor::new(&file), &limits).err();
    assert!(matches!(refused, Some(CleanError::Refused(Refusal::TooLarge { kind: Kind::Odt }))));
}

#[test]
fn tables_are_in_order() {
    for row in table::ROWS {
        assert!(row.elements.is_sorted(), "{}", row.space);
        assert!(row.attributes.is_sorted_by_key(|(name, _)| name), "{}", row.space);
    }
    assert!(table::WORDS.is_sorted() && table::KNOWN.is_sorted() && table::SETTINGS.is_sorted());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(cuts in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        let mut text = document("", "<office:text><text:p text:style-name='P1'>a<text:s text:c='2'/></text:p></office:text>").into_bytes();
        for (at, byte) in cuts {
            let at = 700 + at % (text.len() - 700);
            text[at] = byte;
        }
        if let Ok((once, _)) = cleaned(&package("text", &[("content.xml", &text)])) {
            let (twice, report) = cleaned(&once).unwrap();
            prop_assert_eq!(twice, once);
            prop_assert_eq!(report.found, BTreeSet::new());
        }
    }
}
