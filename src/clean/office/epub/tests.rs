use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::clean::{Limits, Report};

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, Report), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), &Limits::default())?;
    let report = cleaned.report().clone();
    let mut out = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut out)?;
    Ok((out, report))
}

fn members(bytes: &[u8]) -> Vec<(String, String)> {
    let limits = Limits::default();
    let mut work = Work::new(&limits);
    let archive = Archive::open(bytes, Kind::Epub, &mut work).unwrap();
    let read = |entry| archive.read(entry, &mut Work::new(&limits)).unwrap();
    let text = |entry| String::from_utf8_lossy(&read(entry)).into_owned();
    archive.entries().iter().map(|entry| (entry.name().to_owned(), text(entry))).collect()
}

fn packed(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(Kind::Epub);
    writer.add("mimetype", b"application/epub+zip", Pack::Store).unwrap();
    for (name, bytes) in members {
        writer.add(name, bytes, Pack::Deflate).unwrap();
    }
    writer.finish().unwrap().to_vec()
}

/// A PNG of one pixel.
fn png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in [
        (b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\0\0\0\0".as_slice()),
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

fn page(head: &str, body: &str) -> String {
    format!(
        "<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.1//EN' 'http://x'>\
         <html xmlns='http://www.w3.org/1999/xhtml' xmlns:epub='http://www.idpf.org/2007/ops'>\
         <head><title>x</title>{head}</head><body>{body}</body></html>"
    )
}

/// A book with `canary` in every place that is no content.
fn full(canary: &str, page_body: &str) -> Vec<u8> {
    let container = format!(
        "<container version='1.0' xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><rootfiles>\
         <rootfile full-path='E/{canary}.opf' media-type='application/oebps-package+xml'/></rootfiles></container>"
    );
    let opf = format!(
        "<package xmlns='http://www.idpf.org/2007/opf' version='3.0' unique-identifier='{canary}'><metadata \
         xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:identifier id='{canary}'>{canary}</dc:identifier>\
         <dc:title>{canary}</dc:title><dc:creator>{canary}</dc:creator><dc:language>ko-KR</dc:language>\
         <meta property='dcterms:modified'>{canary}</meta><meta name='cover' content='p{canary}'/>\
         <meta property='rendition:layout'>pre-paginated</meta></metadata><manifest>\
         <item id='n' href='nav.xhtml' media-type='application/xhtml+xml' properties='nav {canary}'/>\
         <item id='x' href='toc.ncx' media-type='application/x-dtbncx+xml'/>\
         <item id='{canary}' href='t/{canary}%201.xhtml' media-type='application/xhtml+xml'/>\
         <item id='c' href='{canary}.css' media-type='text/css'/>\
         <item id='p{canary}' href='{canary}.png' media-type='image/png'/>\
         <item id='f' href='{canary}.ttf' media-type='font/ttf'/><item id='j' href='{canary}.js' \
         media-type='text/javascript'/></manifest><spine toc='x' page-progression-direction='rtl'>\
         <itemref idref='{canary}'/><itemref idref='n' linear='no'/></spine></package>"
    );
    let nav = page(
        "",
        &format!(
            "<nav epub:type='toc {canary}'><ol><li><a href='t/{canary}%201.xhtml#{canary}'>One</a></li></ol></nav>"
        ),
    );
    let ncx = format!(
        "<ncx xmlns='http://www.daisy.org/z3986/2005/ncx/' version='2005-1'><head><meta name='dtb:uid' \
         content='{canary}'/></head><docTitle><text>{canary}</text></docTitle><docAuthor><text>{canary}</text>\
         </docAuthor><navMap><navPoint id='{canary}' class='{canary}' playOrder='1'><navLabel><text>One</text>\
         </navLabel><content src='t/{canary}%201.xhtml#{canary}'/></navPoint></navMap></ncx>"
    );
    let text = page(
        &format!(
            "<link rel='stylesheet' href='../{canary}.css' title='{canary}'/><meta name='author' \
            content='{canary}'/><script>{canary}</script>"
        ),
        &format!(
            "<!--{canary}--><h1 id='{canary}' class='{canary} no{canary}' title='{canary}' lang='{canary}' \
            onclick='{canary}' data-x='{canary}'>One&nbsp;two</h1><p id='p{canary}'><blah>kept</blah> \
            <a href='http://{canary}/'>out</a> <a href='#{canary}'>in</a> <img src='../{canary}.png' \
            alt='{canary}'/><img src='http://{canary}/'/></p><iframe src='{canary}'/>{page_body}"
        ),
    );
    let css = format!(
        "/*{canary}*/@font-face{{src:url({canary}.ttf)}}.{canary}{{color:red;background:url({canary}.png);{canary}:1}}"
    );
    packed(&[
        ("META-INF/container.xml", container.as_bytes()),
        (&format!("E/{canary}.opf"), opf.as_bytes()),
        ("E/nav.xhtml", nav.as_bytes()),
        ("E/toc.ncx", ncx.as_bytes()),
        (&format!("E/t/{canary} 1.xhtml"), text.as_bytes()),
        (&format!("E/{canary}.css"), css.as_bytes()),
        (&format!("E/{canary}.png"), &png()),
        (&format!("E/{canary}.ttf"), canary.as_bytes()),
        (&format!("E/{canary}.js"), canary.as_bytes()),
        ("E/.DS_Store", canary.as_bytes()),
        ("META-INF/com.apple.ibooks.display-options.xml", canary.as_bytes()),
    ])
}

/// A book whose package document names `items`.
fn naming(items: &str, spine: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let container = b"<container version='1.0' xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><rootfiles>\
        <rootfile full-path='b.opf' media-type='application/oebps-package+xml'/></rootfiles></container>";
    let opf = format!(
        "<package xmlns='http://www.idpf.org/2007/opf' version='3.0'><manifest>{items}</manifest><spine>{spine}\
         </spine></package>"
    );
    let mut members: Vec<(&str, &[u8])> =
        vec![("META-INF/container.xml", container), ("b.opf", opf.as_bytes())];
    members.extend_from_slice(files);
    packed(&members)
}

#[test]
fn items_are_counted_and_a_file_is_one_item() {
    let text = page("", "<p>one</p>");
    let item =
        |n: usize| format!("<item id='i{n}' href='a.xhtml' media-type='application/xhtml+xml'/>");
    let items: String = (0..20).map(item).collect();
    let book = naming(&items, "<itemref idref='i0'/>", &[("a.xhtml", text.as_bytes())]);
    let (out, _) = cleaned(&book).unwrap();
    assert_eq!(members(&out).iter().filter(|(name, _)| name.ends_with(".xhtml")).count(), 1);
    let limits = Limits { members: 10, ..Limits::default() };
    let refused = crate::clean::clean(&mut Cursor::new(&book), &limits).err();
    let too_large = Refusal::TooLarge { kind: Kind::Epub };
    assert!(matches!(refused, Some(CleanError::Refused(refusal)) if refusal == too_large));
}

#[test]
fn nothing_but_the_book_is_left() {
    let (out, report) = cleaned(&full("canary", "")).unwrap();
    let members = members(&out);
    for (name, text) in &members {
        assert!(!name.contains("canary") && !text.contains("canary"), "{name}: {text}");
    }
    let get = |name: &str| &members.iter().find(|(other, _)| other == name).unwrap().1;
    assert!(
        get("OEBPS/3.xhtml").contains(
            "<h1 class=\"c1\" id=\"i1\">One\u{a0}two</h1><p>kept <a>out</a> <a href=\"#i1\">in</a> \
         <img alt=\"\" src=\"5.png\"/></p></body>"
        ),
        "{}",
        get("OEBPS/3.xhtml")
    );
    assert!(
        get("OEBPS/1.xhtml")
            .contains("<nav epub:type=\"toc\"><ol><li><a href=\"3.xhtml#i1\">One</a>")
    );
    assert!(get("OEBPS/2.ncx").contains("<content src=\"3.xhtml#i1\"/>"));
    assert_eq!(get("OEBPS/4.css"), ".c1{color:red;background:url(5.png)}\n");
    let opf = get("OEBPS/package.opf");
    for kept in
        ["<dc:language>ko<", "pre-paginated", "rtl", "cover\" content=\"f5\"", "idref=\"f3\"/>"]
    {
        assert!(opf.contains(kept), "{kept} in {opf}");
    }
    for found in
        [Found::Person, Found::Time, Found::Comment, Found::Identifier, Found::Active, Found::Other]
    {
        assert!(report.found.contains(&found), "{found:?}");
    }
}

#[test]
fn books_that_differ_in_what_goes_become_the_same() {
    let (one, _) = cleaned(&full("canary", "")).unwrap();
    let (other, _) = cleaned(&full("kim", "")).unwrap();
    assert_eq!(one, other);
    let (again, report) = cleaned(&one).unwrap();
    assert_eq!(again, one);
    assert_eq!(report.found, BTreeSet::new());
}

#[test]
fn locked_books_are_refused() {
    let refusal = |name: &str, text: &str| {
        let container = b"<container xmlns='urn:oasis:names:tc:opendocument:xmlns:container'/>";
        let book = packed(&[("META-INF/container.xml", container), (name, text.as_bytes())]);
        match cleaned(&book) {
            Err(CleanError::Refused(refusal)) => refusal,
            other => panic!("not refused: {:?}", other.map(|cleaned| cleaned.1)),
        }
    };
    let encrypted = Refusal::Encrypted { kind: Kind::Epub };
    assert_eq!(refusal("META-INF/rights.xml", "x"), encrypted);
    let method = "<enc:EncryptionMethod Algorithm='http://www.w3.org/2001/04/xmlenc#aes128-cbc'/>";
    assert_eq!(refusal("META-INF/encryption.xml", method), encrypted);
    let font = "<enc:EncryptionMethod Algorithm='http://www.idpf.org/2008/embedding'/>";
    let damaged = Refusal::Damaged { kind: Kind::Epub };
    assert_eq!(refusal("META-INF/encryption.xml", font), damaged);
    assert_eq!(refusal("x", ""), damaged);
}

#[test]
fn tables_are_in_order() {
    for table in [table::ELEMENTS, table::ATTRIBUTES, table::TYPES, table::PROPERTIES, table::MATH]
    {
        assert!(table.is_sorted());
    }
}

proptest! {
    #[test]
    fn twice_is_once(
        elements in proptest::collection::vec(
            ("(p|div|blah|table|tr|td|ul|li|a|svg|form|ruby)", "(id|class|href|style|name|title|width)", "(#?[ab]|nav\\.xhtml#b|color:red|[0-9]{1,3})", " ?"),
            0..10,
        ),
    ) {
        let mut body = String::new();
        for (name, attribute, value, space) in &elements {
            body.push_str(&format!("<{name} {attribute}='{value}'>{space}{value}"));
        }
        for (name, ..) in elements.iter().rev() {
            body.push_str(&format!("</{name}>"));
        }
        let (once, _) = cleaned(&full("canary", &body)).unwrap();
        let (twice, report) = cleaned(&once).unwrap();
        prop_assert_eq!(twice, once);
        prop_assert_eq!(report.found, BTreeSet::new());
    }
}
