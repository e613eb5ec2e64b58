use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::clean::{Limits, Report};

fn cleaned(text: &[u8]) -> Result<(String, Report), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(text), &Limits::default())?;
    let report = cleaned.report().clone();
    let mut out = String::new();
    cleaned.replay(Cursor::new(text)).read_to_string(&mut out)?;
    Ok((out, report))
}

fn drawing(inner: &str) -> String {
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' \
         xmlns:inkscape='http://www.inkscape.org/namespaces/inkscape' \
         xmlns:sodipodi='http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd'>{inner}</svg>"
    )
}

fn inner(text: &str) -> String {
    let (out, _) = cleaned(drawing(text).as_bytes()).unwrap();
    let (_, out) = out.split_once("svg\"").unwrap();
    let out = out.trim_end().trim_start_matches(" xmlns:xlink=\"http://www.w3.org/1999/xlink\"");
    out.trim_start_matches(['>', '/']).trim_end_matches("</svg>").to_owned()
}

#[test]
fn tables_are_in_order() {
    for table in [table::ELEMENTS, table::ATTRIBUTES, table::PROPERTIES] {
        assert!(table.is_sorted());
    }
}

/// A PNG of one pixel with a text chunk.
fn png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    // zlib: one stored block of two bytes
    let data = b"\x78\x01\x01\x02\0\xfd\xff\0\x09\0\x0b\0\x0a".to_vec();
    for (name, body) in [
        (b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\0\0\0\0".as_slice()),
        (b"tEXt", b"Author\0canary"),
        (b"IDAT", &data),
        (b"IEND", b""),
    ] {
        png.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
        let chunk = [name.as_slice(), body].concat();
        png.extend_from_slice(&chunk);
        png.extend_from_slice(&crc32fast::hash(&chunk).to_be_bytes());
    }
    png
}

#[test]
fn nothing_but_the_drawing_is_left() {
    let text = drawing(
        "<!--canary--><title>canary</title><desc>canary</desc><?canary canary?>\
         <metadata><x:creator xmlns:x='http://purl.org/dc/elements/1.1/'>canary</x:creator></metadata>\
         <sodipodi:namedview inkscape:document-units='canary'/><script>canary</script>\
         <g id='canary' inkscape:label='canary' onclick='canary' data-name='canary' class='canary' \
           xml:lang='canary' style='canary:1;-inkscape-font-specification:canary;fill:canary;stroke:red'>\
         canary<path d='M0 0 1,1 zZcanary' canary='canary' fill='canary'/><animate to='canary'/>\
         <a xlink:href='http://canary/' xlink:title='canary'><rect width='1canary' height='2'/></a>\
         <use href='http://canary/#a'/><image href='http://canary/'/><image href='canary.png'/>\
         <foreignObject><p xmlns='http://www.w3.org/1999/xhtml'>canary</p></foreignObject></g>\
         <style>/*canary*/ @import 'canary'; .canary2{fill:red;canary:1;background:url(canary)}</style>\
         <filter id='canary3'><feFlood result='canary4'/><feTile in='canary4'/></filter>\
         <rect filter='url(#canary3)' mask='url(http://canary/#c)' clip-path='url(canary)'/>",
    );
    let (out, report) = cleaned(text.as_bytes()).unwrap();
    assert!(!out.contains("canary") && !out.contains("http://p"), "{out}");
    assert!(
        out.contains("<g style=\"stroke:red\"><path d=\"M0 0 1 1zZ\"/><g><rect height=\"2\"/></g>"),
        "{out}"
    );
    assert!(out.contains("<filter id=\"i1\"><feFlood result=\"r1\"/><feTile in=\"r1\"/></filter><rect filter=\"url(#i1)\"/>"), "{out}");
    for found in [Found::Person, Found::Comment, Found::Active, Found::Other] {
        assert!(report.found.contains(&found), "{found:?}");
    }
    let (again, report) = cleaned(out.as_bytes()).unwrap();
    assert_eq!(again, out);
    assert_eq!(report.found, BTreeSet::new());
}

#[test]
fn pictures_within_are_cleaned() {
    let wrapped = BASE64.encode(&png()).replace('A', "A&#10; ");
    let (out, report) =
        cleaned(drawing(&format!("<image href='data:image/png;base64,{wrapped}'/>")).as_bytes())
            .unwrap();
    let (_, data) = out.split_once("base64,").unwrap();
    let picture = BASE64.decode(data.split_once('"').unwrap().0.as_bytes()).unwrap();
    assert!(picture.starts_with(b"\x89PNG") && memchr::memmem::find(&picture, b"canary").is_none());
    assert!(report.found.contains(&Found::Person));
    let html =
        drawing("<image href='data:text/html,&lt;html>canary'/><image href='data:;base64,!'/>");
    let (out, report) = cleaned(html.as_bytes()).unwrap();
    assert!(!out.contains("image") && report.found.contains(&Found::Attachment), "{out}");
    let nested = drawing("<title>canary</title><rect/>");
    let data = BASE64.encode(nested.as_bytes());
    let (out, _) =
        cleaned(drawing(&format!("<image href='data:image/svg+xml;base64,{data}'/>")).as_bytes())
            .unwrap();
    let (_, data) = out.split_once("base64,").unwrap();
    let inner = BASE64.decode(data.split_once('"').unwrap().0.as_bytes()).unwrap();
    assert!(memchr::memmem::find(&inner, b"canary").is_none());
}

#[test]
fn names_follow_what_refers_to_them() {
    assert_eq!(
        inner("<style>.kim{fill:red}#lee{fill:blue}</style><g class='kim other' id='lee'/><g id='park'/>\
               <use xlink:href='#lee'/>"),
        "<style>.c1{fill:red}\n#i1{fill:blue}\n</style><g class=\"c1\" id=\"i1\"/><use xlink:href=\"#i1\"/>"
            .replace("<use", "<g/><use")
    );
}

#[test]
fn a_switch_becomes_its_fallback() {
    assert_eq!(
        inner(
            "<switch><foreignObject requiredExtensions='x'/><g systemLanguage='ko'/>\
               <g><rect/></g><text>no</text></switch><text>a <a href='#'>b</a> c</text>"
        ),
        "<g><g><rect/></g></g><text>a <tspan>b</tspan> c</text>"
    );
}

#[test]
fn illustrator_s_entities_are_known() {
    let text = "<?xml version='1.0' encoding='utf-8'?><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' \
        'http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd' [<!ENTITY ns_svg \
        'http://www.w3.org/2000/svg'>]><svg xmlns='&ns_svg;'><rect/></svg>";
    assert!(cleaned(text.as_bytes()).unwrap().0.contains("<rect/>"));
}

proptest! {
    #[test]
    fn twice_is_once(
        elements in proptest::collection::vec(
            ("(g|rect|use|switch|style|text|title|a|filter)", "(id|class|style|d|href|in|result|fill|x)", "(#?[ab]|fill:url\\(#a\\)|\\.a\\{fill:red\\}|M1,2|[0-9a-f#. ,-]{0,6})", any::<bool>()),
            0..10,
        ),
    ) {
        let mut text = String::new();
        for (name, attribute, value, _) in &elements {
            text.push_str(&format!("<{name} {attribute}='{value}'>{value}"));
        }
        for (name, ..) in elements.iter().rev() {
            text.push_str(&format!("</{name}> "));
        }
        let (once, _) = cleaned(drawing(&text).as_bytes()).unwrap();
        let (twice, report) = cleaned(once.as_bytes()).unwrap();
        prop_assert_eq!(&twice, &once);
        prop_assert_eq!(report.found, BTreeSet::new());
    }

    #[test]
    fn no_bytes_make_it_panic(cuts in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut bytes = drawing("<g id='a' style='fill:url(#b)'><path d='M0 0L1 1'/><text>a</text></g>").into_bytes();
        for (at, byte) in cuts {
            let at = 60 + at % (bytes.len() - 60);
            bytes[at] = byte;
        }
        if let Ok((once, report)) = cleaned(&bytes) && report.kind == Kind::Svg {
            prop_assert_eq!(&cleaned(once.as_bytes()).unwrap().0, &once);
        }
    }
}
