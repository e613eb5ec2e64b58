use std::{collections::BTreeSet, io::Cursor, io::Read as _};

use proptest::prelude::*;

mod hostile;

use super::filter::{deflate, inflate};
use crate::clean::{CleanError, Found, Kind, Limits, Refusal};

fn cleaned_within(bytes: &[u8], limits: &Limits) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
    let cleaned = crate::clean::clean(&mut Cursor::new(bytes), limits)?;
    assert_eq!(cleaned.report().kind, Kind::Pdf);
    let (found, len) = (cleaned.report().found.clone(), cleaned.len());
    let mut output = Vec::new();
    cleaned.replay(Cursor::new(bytes)).read_to_end(&mut output)?;
    assert_eq!(output.len() as u64, len);
    Ok((output, found))
}

fn cleaned(bytes: &[u8]) -> Result<(Vec<u8>, BTreeSet<Found>), CleanError> {
    cleaned_within(bytes, &Limits::default())
}

fn refusal(bytes: &[u8]) -> Refusal {
    match cleaned(bytes) {
        Err(CleanError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn stream(keys: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<<{keys}/Length {}>>stream\n", data.len());
    [head.as_bytes(), data, b"\nendstream"].concat()
}

/// A file with a table; `trailer` is what its trailer has beside `/Size`.
fn file(objects: &[(u32, Vec<u8>)], trailer: &str) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut table = b"xref\n".to_vec();
    for (number, object) in objects {
        table.extend(format!("{number} 1\n{:010} 00000 n \n", out.len()).bytes());
        out.extend(format!("{number} 0 obj\n").bytes());
        out.extend_from_slice(object);
        out.extend_from_slice(b"\nendobj\n");
    }
    let at = out.len();
    out.extend_from_slice(&table);
    out.extend(format!("trailer<</Size 99 {trailer}>>\nstartxref\n{at}\n%%EOF\n").bytes());
    out
}

/// A file of one page that shows a text, an image and a form; in every place where metadata lies `mark` is called.
fn objects(mark: &mut dyn FnMut() -> String, metadata: bool) -> Vec<(u32, Vec<u8>)> {
    let mut extra = |text: &str| if metadata { text.replace('@', &mark()) } else { String::new() };
    let jpeg_comment = extra("@");
    let names = if metadata { ["Nineteen", "Picture", "Layer"] } else { ["A", "B", "C"] };
    let [font, image, layer] = names;
    let catalog = format!(
        "<</Type/Catalog/Pages 2 0 R{}{}{}{}{}{}/OCProperties<</D<</OFF[31 0 R]{}>>>>>>",
        extra("/Metadata 10 0 R/Lang(@)"),
        extra("/Outlines<</First<</Title(@)>>>>/OpenAction<</S/JavaScript/JS(@)>>"),
        extra("/Names<</EmbeddedFiles<</Names[(@)12 0 R]>>/JavaScript<</Names[(a)<</JS(@)>>]>>>>"),
        extra("/PieceInfo<</X<</Private(@)>>>>/StructTreeRoot<</K<</ActualText(@)>>>>"),
        extra("/ViewerPreferences<</X(@)>>/@ 1"),
        extra("/AcroForm<</Fields[20 0 R]/DA(@)>>"),
        extra("/Name(@)"),
    );
    let page = format!(
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 300]/Contents 4 0 R/Resources<</Font<</{font} 5 0 R>>\
         /XObject<</{image} 6 0 R/Own 25 0 R{}>>/Properties<</{layer} 31 0 R>>>>{}>>",
        extra("/Unused 7 0 R"),
        extra(
            "/Metadata 10 0 R/LastModified(@)/PieceInfo<</A<</Private(@)>>>>/AA<</O<</URI(@)>>>>"
        ),
    );
    let content = format!(
        "{}q BT /{font} 20 Tf 20 200 Td (visible) Tj ET Q {}/OC /{layer} BDC BT (hidden{}) Tj ET EMC\n\
         q 50.00 0 0 +50 100 100 cm /{image} Do Q /Own Do {}",
        extra("% @\n/P<</MCID 0/ActualText(@)>>BDC (@) "),
        extra("EMC "),
        extra("@"),
        extra("/@ MP BX (@) xyz EX /T<</X(@)>>DP "),
    );
    let coded = deflate(content.as_bytes());
    let mut list = vec![
        (1, catalog.into_bytes()),
        (2, b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec()),
        (3, page.into_bytes()),
        (4, stream("/Filter/FlateDecode", &coded)),
        (
            5,
            format!(
                "<</Type/Font/Subtype/Type1/BaseFont/{}/FontDescriptor<</Flags 32{}>>>>",
                if metadata { mark() } else { "Unknown".into() },
                extra2(metadata, mark, "/FontFamily(@)/CharSet(@)"),
            )
            .into_bytes(),
        ),
    ];
    let mut extra = |text: &str| if metadata { text.replace('@', &mark()) } else { String::new() };
    let image = format!(
        "/Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceRGB{}",
        extra("/Name/@/Metadata 10 0 R")
    );
    list.push((6, stream(&image, format!("\u{1}\u{2}\u{3}{jpeg_comment}").as_bytes())));
    let form = format!("/Type/XObject/Subtype/Form/BBox[0 0 9 9]{}", extra("/@ 1/LastModified(@)"));
    list.push((25, stream(&form, format!("1 0 0 rg 0 0 5 5 re f{}", extra(" %@\n")).as_bytes())));
    list.push((31, format!("<</Type/OCG/Name({})>>", extra("@")).into_bytes()));
    if metadata {
        list.push((7, stream(&image, mark().as_bytes())));
        let packet = format!("<x:xmpmeta><dc:creator>{}</dc:creator>", mark());
        list.push((10, stream("/Type/Metadata/Subtype/XML", packet.as_bytes())));
        list.push((12, format!("<</F({})/EF<</F 14 0 R>>>>", mark()).into_bytes()));
        list.push((14, stream("/Type/EmbeddedFile", mark().as_bytes())));
        list.push((40, format!("<</Author({})/CreationDate({})>>", mark(), mark()).into_bytes()));
        list.push((50, format!("({})", mark()).into_bytes()));
    }
    list
}

fn extra2(metadata: bool, mark: &mut dyn FnMut() -> String, text: &str) -> String {
    if metadata { text.replace('@', &mark()) } else { String::new() }
}

fn plain() -> Vec<u8> {
    file(&objects(&mut String::new, false), "/Root 1 0 R")
}

fn marked(mark: &mut dyn FnMut() -> String) -> Vec<u8> {
    let objects = objects(mark, true);
    let identifier = mark();
    file(&objects, &format!("/Root 1 0 R/Info 40 0 R/ID[({identifier})()]/{} 1", mark()))
}

/// A file and everything that its streams give.
fn opened(bytes: &[u8]) -> Vec<u8> {
    let mut all = bytes.to_vec();
    for at in memchr::memmem::find_iter(bytes, b"stream\n") {
        all.extend_from_slice(&inflate(&bytes[at + 7..], 1 << 20).bytes);
    }
    all
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

#[test]
fn what_the_page_shows_stays() {
    let (output, found) = cleaned(&plain()).unwrap();
    let all = opened(&output);
    for text in [
        "/F0 20 Tf\n20 200 Td\n(visible)Tj",
        "50 0 0 50 100 100 cm\n/X0 Do\nQ\n/X1 Do",
        "1 0 0 rg\n0 0 5 5 re\nf",
        "/MediaBox [0 0 300 300]",
        "\x01\x02\x03",
    ] {
        assert!(has(&all, text.as_bytes()), "{text}");
    }
    assert!(!has(&all, b"hidden"));
    // the layer's name, and what it hid
    assert_eq!(found, [Found::History, Found::Other].into());
}

#[test]
fn canaries_are_gone_and_told() {
    let mut count = 0;
    let bytes = marked(&mut || {
        count += 1;
        format!("CANARY{count}")
    });
    assert!(count > 20 && has(&bytes, b"CANARY20"));
    let (output, found) = cleaned(&bytes).unwrap();
    assert!(!has(&opened(&output), b"CANARY"));
    for kind in [
        Found::Person,
        Found::Time,
        Found::Comment,
        Found::Identifier,
        Found::Attachment,
        Found::Active,
        Found::Other,
    ] {
        assert!(found.contains(&kind), "{kind:?}");
    }
}

#[test]
fn metadata_alone_makes_no_difference() {
    let one = cleaned(&marked(&mut || "Alice".into())).unwrap().0;
    let other =
        cleaned(&marked(&mut || "a longer text of someone else".replace(' ', "_"))).unwrap().0;
    assert!(one == other);
    assert!(one == cleaned(&plain()).unwrap().0);
}

#[test]
fn cleaning_twice_changes_nothing() {
    let once = cleaned(&marked(&mut || "Alice".into())).unwrap().0;
    let (twice, found) = cleaned(&once).unwrap();
    assert!(once == twice);
    assert_eq!(found, BTreeSet::new());
}

#[test]
fn only_the_newest_revision_is_seen() {
    let first = plain();
    let table = memchr::memmem::rfind(&first, b"xref\n").unwrap();
    let table = memchr::memmem::rfind(&first[..table], b"xref\n").unwrap_or(table);
    let mut second = first.clone();
    let at = second.len();
    second.extend(b"4 0 obj\n");
    second.extend(stream("", b"q BT /A 20 Tf (corrected) Tj ET Q"));
    second.extend(b"\nendobj\n");
    let new = second.len();
    second.extend(format!("xref\n4 1\n{at:010} 00000 n \ntrailer<</Size 99/Root 1 0 R/Prev {table}>>\nstartxref\n{new}\n%%EOF\n").bytes());
    let (output, found) = cleaned(&second).unwrap();
    let all = opened(&output);
    assert!(has(&all, b"corrected") && !has(&all, b"visible"));
    assert!(found.contains(&Found::History));
}

#[test]
fn broken_structure_is_searched() {
    let whole = plain();
    let expected = cleaned(&whole).unwrap().0;
    let at = memchr::memmem::rfind(&whole, b"startxref").unwrap();
    let mut wrong = whole.clone();
    wrong[at + 10] = b'9';
    assert!(cleaned(&wrong).unwrap().0 == expected);
    // cut off before the table: the catalog is found by its type
    let table = memchr::memmem::find(&whole, b"xref\n").unwrap();
    assert!(cleaned(&whole[..table]).unwrap().0 == expected);
    // offsets that are all wrong
    let mut shifted = b"%PDF-1.4\n%moved\n".to_vec();
    shifted.extend_from_slice(&whole[9..]);
    assert!(cleaned(&shifted).unwrap().0 == expected);
    // garbage before the header, and a length that is wrong
    let (before, found) = cleaned(&[b"garbage\n", whole.as_slice()].concat()).unwrap();
    assert!(before == expected && found.contains(&Found::Trailing));
    let text = String::from_utf8_lossy(&whole).into_owned();
    assert!(text.contains("/Length 21>>"), "the form's length");
    let at = memchr::memmem::find(&whole, b"/Length 21>>").unwrap();
    let mut length = whole.clone();
    length[at + 8..at + 10].copy_from_slice(b"99");
    assert!(cleaned(&length).unwrap().0 == expected);
    // the same objects packed, as the writer does it, without the table
    let table = memchr::memmem::rfind(&expected, b"startxref").unwrap();
    assert!(cleaned(&expected[..table]).unwrap().0 == expected);
}

#[test]
fn refusals() {
    let objects = objects(&mut String::new, false);
    let encrypted = file(&objects, "/Root 1 0 R/Encrypt<</Filter/Standard>>");
    assert_eq!(refusal(&encrypted), Refusal::Encrypted { kind: Kind::Pdf });
    assert_eq!(refusal(b"%PDF-1.4\n"), Refusal::Damaged { kind: Kind::Pdf });
    let mut portfolio = objects.clone();
    portfolio[0].1 = b"<</Type/Catalog/Pages 2 0 R/Collection<<>>>>".to_vec();
    let portfolio = file(&portfolio, "/Root 1 0 R");
    assert_eq!(refusal(&portfolio), Refusal::Unsupported { kind: Kind::Pdf });
    let mut photo = objects;
    photo[5].1 = stream(
        "/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode",
        b"\xff\xd8\xff\xda",
    );
    let photo = file(&photo, "/Root 1 0 R");
    assert_eq!(refusal(&photo), Refusal::Inside { kind: Kind::Pdf, inner: Kind::Jpeg });
}

#[test]
fn what_is_made_of_a_file_is_bounded() {
    let bomb = deflate(&vec![b' '; 1 << 20]);
    let mut objects = objects(&mut String::new, false);
    objects[3].1 = stream("/Filter/FlateDecode", &bomb);
    let bomb = file(&objects, "/Root 1 0 R");
    let limits = Limits { inflated: 1 << 19, ..Limits::default() };
    let too_large = |limits: &Limits, bytes: &[u8]| {
        matches!(
            cleaned_within(bytes, limits),
            Err(CleanError::Refused(Refusal::TooLarge { kind: Kind::Pdf }))
        )
    };
    assert!(too_large(&limits, &bomb));
    assert!(too_large(&Limits { members: 3, ..Limits::default() }, &plain()));
    assert!(too_large(&Limits { parts: 20, ..Limits::default() }, &plain()));
    let deep = [b"%PDF-1.4\n1 0 obj".as_slice(), &[b'['; 1 << 16]].concat();
    assert!(cleaned(&deep).is_err());
}

#[test]
fn circles_end() {
    let mut objects = objects(&mut String::new, false);
    objects[1].1 = b"<</Type/Pages/Kids[3 0 R 2 0 R 1 0 R]/Parent 2 0 R/Count 1>>".to_vec();
    objects[6].1 = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 25 0 R\
        /Resources<</XObject<</Own 25 0 R>>>>>>stream\n/Own Do\nendstream"
        .to_vec();
    let bytes = file(&objects, "/Root 1 0 R/Prev 9");
    let once = cleaned(&bytes).unwrap().0;
    assert!(cleaned(&once).unwrap().0 == once);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever is changed: no panic, and what comes out is clean and stays as it is.
    #[test]
    fn changed_files_are_taken_or_refused(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<proptest::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = marked(&mut || "Alice".into());
        for (at, byte) in changes {
            let at = 9 + at.index(bytes.len() - 9);
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(9 + cut.index(bytes.len() - 9));
        }
        if let Ok((output, _)) = cleaned(&bytes) {
            prop_assert!(output.len() < bytes.len() + 2000);
            let (again, _) = cleaned(&output).unwrap();
            prop_assert!(again == output);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = cleaned(&[b"%PDF-1.4\n".as_slice(), &bytes].concat());
        let objects = [
            (1, b"<</Type/Catalog/Pages 2 0 R>>".to_vec()),
            (2, b"<</Kids[3 0 R]>>".to_vec()),
            (3, b"<</Type/Page/Contents 4 0 R/Resources<</Font<</A 6 0 R>>/XObject<</B 5 0 R>>>>>>".to_vec()),
            (4, stream("", &[b"/A 1 Tf /B Do ".as_slice(), &bytes].concat())),
            (5, stream("/Subtype/Image/Width 9/Height 9/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/LZWDecode/DecodeParms<</Predictor 12/Columns 5>>", &bytes)),
            (6, b"<</Subtype/TrueType/FontDescriptor<</FontFile 7 0 R>>/ToUnicode 4 0 R>>".to_vec()),
            (7, stream("", &bytes)),
        ];
        let _ = cleaned(&file(&objects, "/Root 1 0 R"));
    }
}
