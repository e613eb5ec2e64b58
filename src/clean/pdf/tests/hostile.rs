//! Files made to cost more than they may, to break the walk, or to carry something past it.

use super::*;

const TOO_LARGE: Refusal = Refusal::TooLarge { kind: Kind::Pdf };

/// A file of one page with these objects beside it; 4 is its content.
fn page(catalog: &str, page: &str, more: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut objects = vec![
        (1, format!("<</Type/Catalog/Pages 2 0 R{catalog}>>").into_bytes()),
        (2, b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec()),
        (
            3,
            format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R{page}>>")
                .into_bytes(),
        ),
    ];
    objects.extend_from_slice(more);
    file(&objects, "/Root 1 0 R")
}

/// The content as it is after cleaning; cleaning twice is cleaning once.
fn stable(bytes: &[u8]) -> Vec<u8> {
    let once = cleaned(bytes).unwrap().0;
    assert!(cleaned(&once).unwrap().0 == once, "changes when cleaned again");
    opened(&once)
}

const LAYERED: &str = "/OCProperties<</D<</OFF[31 0 R]>>>>";

#[test]
fn expressions_of_layers_end() {
    let layers = "/Resources<</Properties<</L 30 0 R>>>>";
    let content = stream("", b"/OC /L BDC 0 0 9 9 re f EMC");
    // one that has itself as an operand
    let own = b"<</Type/OCMD/VE[/And 30 0 R 30 0 R]>>".to_vec();
    cleaned(&page(LAYERED, layers, &[(4, content.clone()), (30, own)])).unwrap();
    // a group that is hidden, as an operand
    let not = b"<</Type/OCMD/VE[/Not 31 0 R]>>".to_vec();
    let group = (31, b"<</Type/OCG>>".to_vec());
    let shown = page(LAYERED, layers, &[(4, content.clone()), (30, not), group.clone()]);
    assert!(has(&stable(&shown), b"re\nf"));
    // each of ten has the next one sixty times
    let mut objects = vec![(4, content), (30, b"<</Type/OCMD/VE 40 0 R>>".to_vec()), group];
    for number in 40..50 {
        let next = format!("{} 0 R ", number + 1).repeat(60);
        objects.push((number, format!("[/And {next}]").into_bytes()));
    }
    objects.push((50, b"[/Not 31 0 R]".to_vec()));
    let bytes = page(LAYERED, layers, &objects);
    assert_eq!(refusal(&bytes), TOO_LARGE);
}

#[test]
fn lengths_of_lengths_end() {
    let mut objects = vec![(4, b"<</Length 100 0 R>>stream\n\nendstream".to_vec())];
    for number in 100..20_000 {
        let next = number + 1;
        objects.push((number, format!("<</Length {next} 0 R>>stream\n\nendstream").into_bytes()));
    }
    assert_eq!(refusal(&page("", "", &objects)), TOO_LARGE);
}

#[test]
fn small_inline_images_cost_little() {
    let image = b"BI/F/Fl ID\nx\nEI\n";
    let sized = b"BI/W 1/H 1/BPC 8/CS/G/F/Fl ID\nx\nEI\n";
    let limits = Limits { members: 900, ..Limits::default() };
    for image in [image.as_slice(), sized] {
        let bytes = page("", "", &[(4, stream("", &image.repeat(1000)))]);
        cleaned(&bytes).unwrap();
        let refused = cleaned_within(&bytes, &limits);
        assert!(matches!(refused, Err(CleanError::Refused(refused)) if refused == TOO_LARGE));
    }
    // what is kept of a little is little
    let rest = vec![b' '; 1 << 22];
    assert!(inflate(&rest, 1 << 30).bytes.capacity() <= 1 << 16);
}

#[test]
fn trailers_without_end_are_refused() {
    // each has a comment up to the end of the file
    let mut bytes = b"%PDF-1.4\n".to_vec();
    bytes.extend_from_slice(&b"trailer%".repeat(20_000));
    bytes.extend_from_slice(&b" ".repeat(1 << 20));
    assert_eq!(refusal(&bytes), TOO_LARGE);
}

#[test]
fn lists_that_pages_share_are_counted() {
    let limits = Limits { members: 5000, ..Limits::default() };
    for key in ["Annots", "Contents"] {
        let kids = (100..200).map(|number| format!("{number} 0 R ")).collect::<String>();
        let mut objects = vec![
            (1, b"<</Type/Catalog/Pages 2 0 R>>".to_vec()),
            (2, format!("<</Type/Pages/Kids[{kids}]>>").into_bytes()),
            (9, format!("[{}]", "null ".repeat(100)).into_bytes()),
        ];
        for number in 100..200 {
            let page = format!("<</Type/Page/MediaBox[0 0 9 9]/{key} 9 0 R>>");
            objects.push((number, page.into_bytes()));
        }
        let bytes = file(&objects, "/Root 1 0 R");
        let refused = cleaned_within(&bytes, &limits);
        assert!(
            matches!(refused, Err(CleanError::Refused(refused)) if refused == TOO_LARGE),
            "{key}"
        );
    }
}

#[test]
fn pictures_of_unknown_size_are_not_kept() {
    let used = "/Resources<</XObject<</I 5 0 R>>>>";
    let text = b"CANARY in no picture";
    for (keys, data) in [
        ("/Width 1/Height 1/BitsPerComponent 8", text.to_vec()),
        ("/Width 1/Height 1/BitsPerComponent 8/Filter/FlateDecode", deflate(text).to_vec()),
        ("/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode", deflate(text).to_vec()),
        ("/Width 1/Height 1/ColorSpace/DeviceRGB/Filter/ASCIIHexDecode", b"43414e415259>".to_vec()),
    ] {
        let image = stream(&format!("/Subtype/Image{keys}"), &data);
        let mask = [
            b"/SMask 5 0 R".as_slice(),
            b"/ColorSpace/DeviceGray/Width 1/Height 1/BitsPerComponent 8",
        ]
        .concat();
        let masked =
            stream(&format!("/Subtype/Image{}", String::from_utf8(mask).unwrap()), b"\x07");
        let objects = [(4, stream("", b"/I Do")), (5, image.clone())];
        assert!(!has(&stable(&page("", used, &objects)), b"CANARY"), "{keys}");
        let objects = [(4, stream("", b"/M Do")), (5, image), (6, masked)];
        let used = "/Resources<</XObject<</M 6 0 R>>>>";
        assert!(!has(&stable(&page("", used, &objects)), b"CANARY"), "{keys}");
    }
}

#[test]
fn what_has_no_size_is_not_drawn() {
    let form = stream("/Subtype/Form/BBox[0 0 9 9]", b"BT (CANARY) Tj ET");
    for (rectangle, drawn) in [("0 0 0 0", false), ("5 5 5 9", false), ("5 5 9 9", true)] {
        let annotations =
            format!("/Annots[<</Subtype/Widget/FT/Sig/Rect[{rectangle}]/AP<</N 5 0 R>>>>]");
        let bytes = page("", &annotations, &[(4, stream("", b"")), (5, form.clone())]);
        assert_eq!(has(&stable(&bytes), b"CANARY"), drawn, "{rectangle}");
    }
}

#[test]
fn hidden_content_leaves_no_path_and_no_resource() {
    let resources = "/Resources<</Properties<</L 31 0 R>>/Font<</H 5 0 R/V 6 0 R>>\
        /ColorSpace<</S[/Indexed/DeviceRGB 1<010203040506>]>>/ExtGState<</G<</LW 7>>>>>>";
    let font = |name: &str| format!("<</Type/Font/Subtype/Type1/BaseFont/{name}>>").into_bytes();
    let rest = [(5, font("Courier")), (6, font("Helvetica")), (31, b"<</Type/OCG>>".to_vec())];
    let content_of = |content: &str| {
        let mut objects = vec![(4, stream("", content.as_bytes()))];
        objects.extend_from_slice(&rest);
        stable(&page(LAYERED, resources, &objects))
    };
    let hidden = "/OC /L BDC 11 12 m 13 14 l S /H 10 Tf /S cs 1 sc /G gs 15 16 17 18 re f EMC ";
    let all = content_of(&format!("{hidden}BT /V 9 Tf (text) Tj ET"));
    for gone in ["11 12", "13 14", "15 16"] {
        assert!(!has(&all, gone.as_bytes()), "{gone}");
    }
    assert!(!has(&all, b"Courier") && has(&all, b"Helvetica"));
    // what it set holds for what is visible behind it, but not beyond the state that was saved
    assert!(has(&all, b"/G0 gs\n"));
    let all = content_of(&format!("q {hidden}Q 0 0 5 5 re f"));
    assert!(!has(&all, b"/G0 gs") && !has(&all, b"Indexed") && has(&all, b"0 0 5 5 re\nf"));
    let all = content_of(&format!("{hidden}0 0 5 5 re f BT (text) Tj ET"));
    assert!(has(&all, b"0 0 5 5 re\n/G0 gs\n/F0 10 Tf\n/C0 cs\n1 sc\nf") && has(&all, b"Courier"));
    // a clip holds on
    let all = content_of("/OC /L BDC 11 12 13 14 re W n EMC 0 0 5 5 re f 1 2 m");
    assert!(has(&all, b"11 12 13 14 re\nW\nn\n0 0 5 5 re\nf\n") && !has(&all, b"1 2 m"));
}

fn jpx(header: &[u8], tile: &[u8], length: u32, data: &[u8]) -> Vec<u8> {
    let mut out = b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 ".to_vec();
    let image = b"\0\0\0\x01\0\0\0\x01\0\x01\x07\x07\0\0";
    let body = [&22_u32.to_be_bytes(), b"ihdr".as_slice(), image, header].concat();
    out.extend(u32::try_from(body.len() + 8).unwrap().to_be_bytes());
    out.extend_from_slice(b"jp2h");
    out.extend(body);
    out.extend_from_slice(b"\0\0\0\0jp2c\xff\x4f\xff\x90\0\x0a\0\0");
    out.extend(length.to_be_bytes());
    out.extend_from_slice(b"\0\x01");
    out.extend_from_slice(tile);
    out.extend_from_slice(b"\xff\x93");
    out.extend_from_slice(data);
    out
}

#[test]
fn jpeg_2000_has_no_room_for_more() {
    let clean = |data: &[u8]| super::super::picture::jpx(data).map(|picture| picture.bytes);
    let plain = clean(&jpx(b"", b"", 0, b"data\xff\xd9")).unwrap();
    assert!(has(&plain, b"data\xff\xd9") && clean(&plain).unwrap() == plain);
    for other in [
        jpx(b"", b"", 0, b"data\xff\xd9CANARY"),
        jpx(b"", b"", 99, b"data\xff\xd9CANARY"),
        jpx(b"", b"\xff\x70\0\x08CANARY", 0, b"data\xff\xd9"),
        jpx(b"", b"\xff\x64\0\x08CANARY", 0, b"data\xff\xd9"),
        jpx(b"\0\0\0\x0eihdrCANARY", b"", 0, b"data\xff\xd9"),
    ] {
        assert!(clean(&other).unwrap() == plain);
    }
    let channels = clean(&jpx(b"\0\0\0\x10cdef\0\0CANARY", b"", 0, b"\xff\xd9")).unwrap();
    assert!(has(&channels, b"cdef") && !has(&channels, b"CANARY"));
}

#[test]
fn shadings_of_no_mesh_have_no_data() {
    let resources = "/Resources<</Shading<</S 5 0 R>>>>";
    let keys = "/ShadingType 2/ColorSpace/DeviceGray/Coords[0 0 1 1]";
    let objects = [(4, stream("", b"/S sh")), (5, stream(keys, b"CANARY"))];
    let all = stable(&page("", resources, &objects));
    assert!(has(&all, b"/ShadingType 2") && !has(&all, b"CANARY"));
}

#[test]
fn a_broken_font_is_replaced_where_another_has_its_characters() {
    let used = "/Resources<</Font<</A 5 0 R>>>>";
    let master = b"%!PS-AdobeFont-1.0: CANARY\n/WeightVector [0 1] def currentfile eexec xxxxxxxx";
    let with = |keys: &str, flags: u32| {
        let font = format!(
            "<</Type/Font/Subtype/Type1/BaseFont/CANARY-Times{keys}/FontDescriptor 6 0 R>>"
        );
        let objects = [
            (4, stream("", b"BT /A 9 Tf (text) Tj ET")),
            (5, font.into_bytes()),
            (6, format!("<</Flags {flags}/FontFile 7 0 R>>").into_bytes()),
            (7, stream("", master)),
        ];
        page("", used, &objects)
    };
    let all = stable(&with("/Encoding/WinAnsiEncoding", 34));
    assert!(has(&all, b"/BaseFont /Times-Roman") && has(&all, b"(text)"));
    assert!(!has(&all, b"FontFile") && !has(&all, b"CANARY"));
    // its own characters have no other font
    for (keys, flags) in [("", 34), ("/Encoding/WinAnsiEncoding", 4)] {
        assert_eq!(refusal(&with(keys, flags)), Refusal::Damaged { kind: Kind::Pdf });
    }
}
