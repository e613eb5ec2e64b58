//! Canaries in PDF documents, drawings and texts.

use std::{fs, io::Write as _, path::Path, process::Command};

use super::{CANARY, Canaries, Planted};
use crate::kinds::{empty_folder, run};

pub(super) fn planted() -> Vec<Planted> {
    let mut planted = pdf();
    planted.extend(drawings());
    planted.push(text());
    planted
}

/// A PDF of `objects`, which are numbered from 1; the first is its catalog. `trailer` stands in the trailer.
fn pdf_of(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.extend([format!("{} 0 obj\n", index + 1).as_bytes(), object, b"\nendobj\n"].concat());
    }
    let start = file.len();
    write!(file, "xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).unwrap();
    for place in places {
        writeln!(file, "{place:010} 00000 n ").unwrap();
    }
    let size = objects.len() + 1;
    write!(file, "trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{start}\n%%EOF\n")
        .unwrap();
    file
}

fn stream(dictionary: &str, body: &[u8]) -> Vec<u8> {
    let start = format!("<< {dictionary} /Length {} >>\nstream\n", body.len());
    [start.as_bytes(), body, b"\nendstream"].concat()
}

const CONTENT: &[u8] =
    b"BT /F1 24 Tf 20 100 Td (The meeting) Tj ET q 60 0 0 60 100 20 cm /I1 Do Q 0 0 1 rg 20 20 50 50 re f";

/// What every PDF here shows: a page with words, a picture and a square.
fn page(
    more_of_catalog: &str,
    more_of_page: &str,
    more_of_image: &str,
    image: &[u8],
) -> Vec<Vec<u8>> {
    let image_dictionary = format!(
        "/Type /XObject /Subtype /Image /Width 64 /Height 48 /ColorSpace /DeviceRGB \
         /BitsPerComponent 8 /Filter /DCTDecode {more_of_image}"
    );
    vec![
        format!("<< /Type /Catalog /Pages 2 0 R {more_of_catalog} >>").into_bytes(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R >> /XObject << /I1 6 0 R >> >> {more_of_page} >>"
        )
        .into_bytes(),
        stream("", CONTENT),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
        stream(&image_dictionary, image),
    ]
}

fn pdf() -> Vec<Planted> {
    let folder = empty_folder("documents");
    let arguments = ["-size", "64x48", "-seed", "7", "plasma:red-blue", "-strip"];
    let image = super::make("convert", &arguments, &folder.join("image.jpg"));
    let plain = pdf_of(&page("", "", "", &image), "");

    let mut canaries = Canaries::default();
    let mut next = || canaries.next();
    let catalog = format!(
        "/Metadata 7 0 R /Names << /EmbeddedFiles << /Names [({}) 8 0 R] >> /JavaScript << /Names [(a) << /S \
         /JavaScript /JS (app.alert\\('{}'\\)) >>] >> >> /OpenAction << /S /URI /URI (http://{}/) >> /Lang ({}) \
         /PieceInfo << /Zq << /LastModified (D:20030719) /Private ({}) >> >> /Zq ({})",
        next(),
        next(),
        next(),
        next(),
        next(),
        next()
    );
    let on_page = format!(
        "/Annots [<< /Type /Annot /Subtype /Text /Rect [0 0 1 1] /F 2 /T ({}) /Contents ({}) /NM ({}) /M (D:20030719) >>] \
         /LastModified (D:20030719112233) /PieceInfo << /Zq << /Private <{}> >> >> /Metadata 7 0 R",
        next(),
        next(),
        next(),
        hex(&next())
    );
    let of_image = format!("/Metadata 7 0 R /Name /{} /Zq ({})", next(), next());
    let comment = next();
    let length = u16::try_from(comment.len() + 2).unwrap().to_be_bytes();
    let marked = [&image[..2], b"\xff\xfe", &length, comment.as_bytes(), &image[2..]].concat();
    let mut objects = page(&catalog, &on_page, &of_image, &marked);
    let packet = format!(
        "<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF \
         xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' \
         xmlns:dc='http://purl.org/dc/elements/1.1/' dc:source='{}'/></rdf:RDF></x:xmpmeta>",
        next()
    );
    objects.push(stream("/Type /Metadata /Subtype /XML", packet.as_bytes()));
    objects.push(format!("<< /Type /Filespec /F ({}) /EF << /F 9 0 R >> >>", next()).into_bytes());
    objects.push(stream("/Type /EmbeddedFile", next().as_bytes()));
    objects.push(
        format!(
            "<< /Author ({}) /Title ({}) /Creator <feff{}> /CreationDate (D:20030719) /Zq ({}) >>",
            next(),
            next(),
            utf16_hex(&next()),
            next()
        )
        .into_bytes(),
    );
    // nothing points at this one
    objects.push(format!("[({})]", next()).into_bytes());
    let trailer =
        format!("/Info 10 0 R /ID [<{}> <{}>] /Zq ({})", hex(&next()), hex(&next()), next());
    let mut bytes = pdf_of(&objects, &trailer);
    bytes.extend_from_slice(format!("% {}\n", next()).as_bytes());
    let parts = Planted::new("pdf", "parts", &plain, bytes.clone()).with(canaries);

    // the same in object streams, all of it compressed
    let (from, to) = (folder.join("parts.pdf"), folder.join("packed.pdf"));
    fs::write(&from, &bytes).unwrap();
    let packing = ["--object-streams=generate", "--recompress-flate", "--stream-data=compress"];
    run(Command::new("qpdf").args(packing).arg(&from).arg(&to), "qpdf");
    let packed = fs::read(&to).unwrap();
    let layers = crate::search::Layers::of(&packed);
    let mut held = Canaries(parts.canaries.clone());
    // qpdf drops what nothing points at, and makes numbers of its own
    held.0.retain(|canary| !layers.traces(canary).is_empty());
    assert!(held.0.len() >= 15, "qpdf kept {:?} only", held.0);
    let packed = Planted::new("pdf", "parts in object streams", &plain, packed).with(held);

    vec![parts, packed, earlier(&plain), by_exiftool(&bytes, &plain, &folder)]
}

/// An earlier revision (ISO 32000-1 7.5.6): words that were on the page, before they were replaced.
fn earlier(plain: &[u8]) -> Planted {
    let mut canaries = Canaries::default();
    let old = format!("BT /F1 24 Tf 20 100 Td ({}) Tj ET", canaries.next());
    let mut file = plain.to_vec();
    // the revision before: another content of the page, and notes
    let append = |file: &mut Vec<u8>, objects: &[(u32, Vec<u8>)]| {
        let text = String::from_utf8_lossy(file).into_owned();
        let before = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().to_owned();
        let mut table = "xref\n".to_owned();
        for (number, object) in objects {
            table.push_str(&format!("{number} 1\n{:010} 00000 n \n", file.len()));
            file.extend([format!("{number} 0 obj\n").as_bytes(), object, b"\nendobj\n"].concat());
        }
        let start = file.len();
        write!(
            file,
            "{table}trailer\n<< /Size 8 /Root 1 0 R /Prev {before} >>\nstartxref\n{start}\n%%EOF\n"
        )
        .unwrap();
    };
    append(
        &mut file,
        &[(4, stream("", old.as_bytes())), (7, format!("({})", canaries.next()).into_bytes())],
    );
    append(&mut file, &[(4, stream("", CONTENT)), (7, b"null".to_vec())]);
    Planted::new("pdf", "an earlier revision", plain, file).with(canaries)
}

/// What ExifTool says that it has removed: it writes another revision, and the one before is still there.
fn by_exiftool(marked: &[u8], plain: &[u8], folder: &Path) -> Planted {
    let path = folder.join("exiftool.pdf");
    fs::write(&path, marked).unwrap();
    let mut command = Command::new("exiftool");
    run(
        command.args(["-q", "-m", "-overwrite_original", "-all="]).arg(&path),
        "libimage-exiftool-perl",
    );
    let bytes = fs::read(&path).unwrap();
    let mut canaries = Canaries::default();
    canaries.0.extend((0..40).map(|number| format!("{CANARY}{number:03}")));
    canaries.0.retain(|canary| memchr::memmem::find(&bytes, canary.as_bytes()).is_some());
    Planted::new("pdf", "parts that ExifTool has removed", plain, bytes).with(canaries)
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn utf16_hex(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("{unit:04x}")).collect()
}

fn drawings() -> Vec<Planted> {
    let drawing = |before: &str, of_root: &str, inside: &str, of_path: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{before}<svg xmlns=\"http://www.w3.org/2000/svg\" \
             width=\"60\" height=\"40\" viewBox=\"0 0 60 40\"{of_root}>{inside}<path d=\"M10 10h20v20z\" \
             fill=\"#f00\"{of_path}/></svg>\n"
        )
        .into_bytes()
    };
    let plain = drawing("", "", "", "");
    let mut canaries = Canaries::default();
    let mut next = || canaries.next();
    let before = format!("<!-- {} --><?zq {}?>", next(), next());
    let root = format!(
        " xmlns:inkscape=\"http://www.inkscape.org/namespaces/inkscape\" \
         xmlns:sodipodi=\"http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd\" xmlns:zq=\"{}\" \
         inkscape:export-filename=\"/home/{}/a.png\" sodipodi:docname=\"{}.svg\" id=\"{}\"",
        next(),
        next(),
        next(),
        next()
    );
    let inside = format!(
        "<metadata>{}</metadata><title>{}</title><desc>{}</desc><sodipodi:namedview zq:a=\"{}\"/>\
         <zq:b>{}</zq:b><defs><path id=\"{}\" d=\"M0 0\"/></defs>",
        next(),
        next(),
        next(),
        next(),
        next(),
        next()
    );
    let path =
        format!(" data-name=\"{}\" inkscape:label=\"{}\" class=\"{}\"", next(), next(), next());
    let bytes = drawing(&before, &root, &inside, &path);
    let marked = Planted::new("svg", "elements and attributes", &plain, bytes).with(canaries);

    let mut canaries = Canaries::default();
    let inside = format!("<script>/* {} */</script>", canaries.next());
    let path = format!(" onclick=\"alert('{}')\"", canaries.next());
    let bytes = drawing("", "", &inside, &path);
    let scripts = Planted::new("svg", "scripts", &plain, bytes).with(canaries);
    // metadata is dropped with what is in it, but a drawing may be refused for what might be seen of it
    vec![marked.not_alike(), scripts.or_refused("scripts may draw")]
}

/// A text holds nothing but its words: what tells an editor are marks, line ends and blanks behind lines.
fn text() -> Planted {
    let words = "They meet on Tuesdays.\n\nAt the river.\n";
    let marked = format!("\u{feff}{}", words.replace('\n', " \t\r\n"));
    // there is nowhere for a canary; this one is the blanks
    let canaries = Canaries(vec![" \t\r\n".to_owned()]);
    assert!(!words.contains(CANARY));
    Planted::new("txt", "marks, line ends and blanks", words.as_bytes(), marked.into_bytes())
        .with(canaries)
}
