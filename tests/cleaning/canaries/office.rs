//! Canaries in office documents, books and archives: in every part that may be there, in parts that may not, in attributes
//! and comments of XML, in files within files, and in the archive around them.

use super::{Canaries, Planted, smallest};
use crate::archive::{Around, Member, read, write};

pub(super) fn planted() -> Vec<Planted> {
    let mut planted = vec![zip()];
    for kind in ["docx", "xlsx", "pptx"] {
        planted.extend(smallest(kind).into_iter().flat_map(|plain| ooxml(kind, &plain)));
    }
    for kind in ["odt", "ods", "odp"] {
        planted.extend(smallest(kind).into_iter().flat_map(|plain| odf(kind, &plain)));
    }
    planted.extend([epub(), hwpx()]);
    planted
}

/// An archive's own places: times, extra fields, comments, bytes before and behind it.
fn around(kind: &'static str, plain: &[u8]) -> Planted {
    let mut canaries = Canaries::default();
    let field = canaries.next();
    let extra =
        [b"zq", &u16::try_from(field.len()).unwrap().to_le_bytes()[..], field.as_bytes()].concat();
    let around = Around {
        time: [0x5af1, 0x2ef3],
        extra,
        comment: canaries.next().into_bytes(),
        stored: true,
    };
    let mut bytes = write(&read(plain).unwrap(), &around);
    bytes.extend_from_slice(canaries.next().as_bytes());
    Planted::new(kind, "the archive", plain, bytes)
        .with(canaries)
        .or_refused("bytes behind the archive")
}

fn edited(plain: &[u8], edit: impl FnOnce(&mut Vec<Member>)) -> Vec<u8> {
    let mut members = read(plain).unwrap();
    edit(&mut members);
    write(&members, &Around { time: [0, 0x21], ..Around::default() })
}

fn text_of<'a>(members: &'a mut [Member], ends: &str) -> Option<&'a mut Vec<u8>> {
    members.iter_mut().find(|member| member.name.ends_with(ends)).map(|member| &mut member.bytes)
}

/// Puts `new` before the first of `before` in a member.
fn insert(members: &mut [Member], member: &str, before: &str, new: &str) {
    let bytes = text_of(members, member).unwrap_or_else(|| panic!("there is no {member}"));
    let at = memchr::memmem::find(bytes, before.as_bytes())
        .unwrap_or_else(|| panic!("{member} has no {before}"));
    bytes.splice(at..at, new.bytes());
}

/// Adds a member, or replaces what it is there.
fn put(members: &mut Vec<Member>, name: &str, bytes: impl Into<Vec<u8>>) {
    members.retain(|member| member.name != name);
    members.push(Member { name: name.to_owned(), bytes: bytes.into() });
}

/// Comments, processing instructions, and attributes of a namespace that nobody knows, in every part of XML.
fn in_every_part(kind: &'static str, plain: &[u8]) -> Planted {
    let mut canaries = Canaries::default();
    let bytes = edited(plain, |members| {
        for member in members {
            if !member.name.ends_with(".xml") || member.name.contains("mimetype") {
                continue;
            }
            let text = String::from_utf8_lossy(&member.bytes).into_owned();
            // behind the declaration, before the root
            let at = text.find("?>").map_or(0, |at| at + 2);
            let (declaration, rest) = text.split_at(at);
            if declaration.is_empty() || !rest.trim_start().starts_with('<') {
                continue;
            }
            let (comment, end) = (canaries.next(), canaries.next());
            member.bytes =
                format!("{declaration}<!-- {comment} -->{rest}<!-- {end} -->").into_bytes();
        }
    });
    Planted::new(kind, "comments in every part", plain, bytes).with(canaries)
}

fn ooxml(kind: &'static str, plain: &[u8]) -> Vec<Planted> {
    let (main, root) = match kind {
        "docx" => ("word/document.xml", "word"),
        "xlsx" => ("xl/workbook.xml", "xl"),
        _ => ("ppt/presentation.xml", "ppt"),
    };
    let mut canaries = Canaries::default();
    let bytes = edited(plain, |members| {
        let mut next = || canaries.next();
        let (core, custom) =
            ("http://schemas.openxmlformats.org/package/2006/metadata/core-properties", "a");
        put(
            members,
            "docProps/core.xml",
            format!(
                "<?xml version=\"1.0\"?><cp:coreProperties xmlns:cp=\"{core}\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
             <dc:creator>{}</dc:creator><cp:lastModifiedBy>{}</cp:lastModifiedBy><dc:title>{}</dc:title>\
             </cp:coreProperties>",
                next(),
                next(),
                next()
            ),
        );
        put(
            members,
            "docProps/app.xml",
            format!(
                "<?xml version=\"1.0\"?><Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties\">\
             <Company>{}</Company><Manager>{}</Manager><Template>{}</Template></Properties>",
                next(),
                next(),
                next()
            ),
        );
        put(
            members,
            "docProps/custom.xml",
            format!("<?xml version=\"1.0\"?><{custom}>{}</{custom}>", next()),
        );
        put(members, "docProps/thumbnail.jpeg", next());
        put(members, "customXml/item1.xml", format!("<?xml version=\"1.0\"?><a>{}</a>", next()));
        put(members, &format!("{root}/printerSettings/printerSettings1.bin"), utf16(&next()));
        put(
            members,
            &format!("{root}/people.xml"),
            format!("<?xml version=\"1.0\"?><a n=\"{}\"/>", next()),
        );
        put(members, "zq/unknown.bin", next());
        put(members, "[trash]/0000.dat", next());
        let relationship = |id: &str, kind: &str, target: &str| {
            format!(
                "<Relationship Id=\"{id}\" Type=\"http://schemas.openxmlformats.org/{kind}\" Target=\"{target}\"/>"
            )
        };
        let office = "officeDocument/2006/relationships";
        let more = [
            relationship("rZq1", &format!("{office}/custom-properties"), "docProps/custom.xml"),
            relationship(
                "rZq2",
                "package/2006/relationships/metadata/thumbnail",
                "docProps/thumbnail.jpeg",
            ),
            relationship("rZq3", &format!("{office}/customXml"), "customXml/item1.xml"),
            format!(
                "<Relationship Id=\"rZq4\" Type=\"http://zq.example/{}\" Target=\"http://{}.example/\" \
                 TargetMode=\"External\"/>",
                next(),
                next()
            ),
        ];
        insert(members, "_rels/.rels", "</Relationships>", &more.concat());
        insert(
            members,
            "[Content_Types].xml",
            "</Types>",
            "<Default Extension=\"dat\" ContentType=\"application/octet-stream\"/>",
        );
    });
    let parts = Planted::new(kind, "parts", plain, bytes).with(canaries);
    let mut planted = vec![parts, around(kind, plain), in_every_part(kind, plain)];

    if kind == "docx" {
        let mut canaries = Canaries::default();
        let bytes = edited(plain, |members| {
            let mut next = || canaries.next();
            insert(members, main, "</w:body>", "");
            let field = format!(
                "<w:p w:rsidR=\"00AB12CD\" w:rsidRDefault=\"00AB12CE\"><w:ins w:id=\"991\" w:author=\"{}\" \
                 w:date=\"2003-07-19T11:22:33Z\"><w:r><w:t>kept</w:t></w:r></w:ins><w:del w:id=\"992\" w:author=\"{}\" \
                 w:date=\"2003-07-19T11:22:33Z\"><w:r><w:delText>{}</w:delText></w:r></w:del></w:p>",
                next(),
                next(),
                next()
            );
            let place =
                if memchr::memmem::find(text_of(members, main).unwrap(), b"<w:sectPr").is_some() {
                    "<w:sectPr"
                } else {
                    "</w:body>"
                };
            insert(members, main, place, &field);
        });
        planted
            .push(Planted::new(kind, "tracked changes", plain, bytes).with(canaries).not_alike());
        planted.extend(embedded_in_word(plain));
    }
    planted
}

/// A workbook in a document, whose own properties hold a canary: it stays, as a cleaned file, or is left behind.
fn embedded_in_word(plain: &[u8]) -> Option<Planted> {
    let workbook = ooxml("xlsx", &smallest("xlsx")?).remove(0);
    let bytes = edited(plain, |members| {
        put(members, "word/embeddings/book.xlsx", workbook.bytes);
        let relationships = "word/_rels/document.xml.rels";
        let text = text_of(members, relationships).cloned().unwrap_or_else(|| {
            b"<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"></Relationships>".to_vec()
        });
        let text = String::from_utf8_lossy(&text).replace(
            "</Relationships>",
            "<Relationship Id=\"rZq9\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/package\" \
             Target=\"embeddings/book.xlsx\"/></Relationships>",
        );
        put(members, relationships, text);
        insert(
            members,
            "[Content_Types].xml",
            "</Types>",
            "<Override PartName=\"/word/embeddings/book.xlsx\" \
             ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet\"/>",
        );
    });
    let canaries = Canaries(workbook.canaries);
    Some(Planted::new("docx", "an embedded workbook", plain, bytes).with(canaries).not_alike())
}

fn odf(kind: &'static str, plain: &[u8]) -> Vec<Planted> {
    let mut canaries = Canaries::default();
    let bytes = edited(plain, |members| {
        let mut next = || canaries.next();
        put(
            members,
            "meta.xml",
            format!(
                "<?xml version=\"1.0\"?><office:document-meta xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
             xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:meta=\"urn:oasis:names:tc:opendocument:xmlns:meta:1.0\">\
             <office:meta><dc:creator>{}</dc:creator><meta:generator>{}</meta:generator>\
             <meta:user-defined meta:name=\"{}\">{}</meta:user-defined></office:meta></office:document-meta>",
                next(),
                next(),
                next(),
                next()
            ),
        );
        put(
            members,
            "settings.xml",
            format!(
                "<?xml version=\"1.0\"?><office:document-settings \
             xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
             xmlns:config=\"urn:oasis:names:tc:opendocument:xmlns:config:1.0\"><office:settings>\
             <config:config-item-set config:name=\"ooo:configuration-settings\"><config:config-item \
             config:name=\"PrinterName\" config:type=\"string\">{}</config:config-item></config:config-item-set>\
             </office:settings></office:document-settings>",
                next()
            ),
        );
        put(members, "Thumbnails/thumbnail.png", next());
        put(
            members,
            "Configurations2/accelerator/current.xml",
            format!("<?xml version=\"1.0\"?><a>{}</a>", next()),
        );
        put(members, "layout-cache", next());
        put(members, "manifest.rdf", format!("<?xml version=\"1.0\"?><a b=\"{}\"/>", next()));
        put(members, "zq/unknown.bin", next());
    });
    // the settings, of which those of the layout stay, are others
    let parts = Planted::new(kind, "parts", plain, bytes).with(canaries).not_alike();
    vec![parts, around(kind, plain), in_every_part(kind, plain)]
}

fn archive_of(members: &[(&str, &str)]) -> Vec<u8> {
    let members: Vec<Member> = (members.iter())
        .map(|(name, text)| Member { name: (*name).to_owned(), bytes: text.as_bytes().to_vec() })
        .collect();
    write(&members, &Around { time: [0, 0x21], ..Around::default() })
}

/// A book of one page.
fn epub() -> Planted {
    let plain = archive_of(&[
        ("mimetype", "application/epub+zip"),
        (
            "META-INF/container.xml",
            "<?xml version=\"1.0\"?><container version=\"1.0\" \
             xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\"><rootfiles><rootfile \
             full-path=\"OPS/package.opf\" media-type=\"application/oebps-package+xml\"/></rootfiles></container>",
        ),
        (
            "OPS/package.opf",
            "<?xml version=\"1.0\"?><package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" \
             unique-identifier=\"id\"><metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
             <dc:identifier id=\"id\">urn:uuid:00000000-0000-0000-0000-000000000000</dc:identifier>\
             <dc:title>Rivers</dc:title><dc:language>en</dc:language><meta \
             property=\"dcterms:modified\">2000-01-01T00:00:00Z</meta></metadata><manifest><item id=\"a\" \
             href=\"a.xhtml\" media-type=\"application/xhtml+xml\"/><item id=\"nav\" href=\"nav.xhtml\" \
             media-type=\"application/xhtml+xml\" properties=\"nav\"/></manifest><spine><itemref \
             idref=\"a\"/></spine></package>",
        ),
        (
            "OPS/a.xhtml",
            "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>a</title></head>\
             <body><p>At the river.</p></body></html>",
        ),
        (
            "OPS/nav.xhtml",
            "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\" \
             xmlns:epub=\"http://www.idpf.org/2007/ops\"><head><title>a</title></head><body><nav \
             epub:type=\"toc\"><ol><li><a href=\"a.xhtml\">a</a></li></ol></nav></body></html>",
        ),
    ]);
    let mut canaries = Canaries::default();
    let bytes = edited(&plain, |members| {
        let mut next = || canaries.next();
        let creator = format!(
            "<dc:contributor>{}</dc:contributor><meta name=\"calibre:series\" content=\"{}\"/>",
            next(),
            next()
        );
        insert(members, ".opf", "</metadata>", &creator);
        let head = format!("<meta name=\"generator\" content=\"{}\"/><!-- {} -->", next(), next());
        insert(members, "a.xhtml", "</head>", &head);
        put(members, "META-INF/calibre_bookmarks.txt", next());
        put(
            members,
            "META-INF/signatures.xml",
            format!("<?xml version=\"1.0\"?><a>{}</a>", next()),
        );
        put(members, "iTunesMetadata.plist", next());
        put(members, "zq.bin", next());
    });
    Planted::new("epub", "parts", &plain, bytes).with(canaries)
}

/// A Korean document of one line (KS X 6101), as Hancom's program lays it out.
fn hwpx() -> Planted {
    let plain = archive_of(&[
        ("mimetype", "application/hwp+zip"),
        (
            "version.xml",
            "<?xml version=\"1.0\"?><hv:HCFVersion xmlns:hv=\"http://www.hancom.co.kr/hwpml/2011/version\" \
             tagetApplication=\"WORDPROCESSOR\" major=\"5\" minor=\"0\" micro=\"5\" buildNumber=\"0\" \
             xmlVersion=\"1.4\"/>",
        ),
        (
            "Contents/header.xml",
            "<?xml version=\"1.0\"?><hh:head xmlns:hh=\"http://www.hancom.co.kr/hwpml/2011/head\" \
             version=\"1.4\" secCnt=\"1\"/>",
        ),
        (
            "Contents/section0.xml",
            "<?xml version=\"1.0\"?><hs:sec xmlns:hs=\"http://www.hancom.co.kr/hwpml/2011/section\" \
             xmlns:hp=\"http://www.hancom.co.kr/hwpml/2011/paragraph\"><hp:p id=\"0\" paraPrIDRef=\"0\" \
             styleIDRef=\"0\"><hp:run charPrIDRef=\"0\"><hp:t>At the river.</hp:t></hp:run></hp:p></hs:sec>",
        ),
        (
            "Contents/content.hpf",
            "<?xml version=\"1.0\"?><opf:package xmlns:opf=\"http://www.idpf.org/2007/opf/\" version=\"\" \
             unique-identifier=\"\" id=\"\"><opf:metadata><opf:title/></opf:metadata><opf:manifest><opf:item \
             id=\"header\" href=\"Contents/header.xml\" media-type=\"application/xml\"/><opf:item \
             id=\"section0\" href=\"Contents/section0.xml\" media-type=\"application/xml\"/></opf:manifest>\
             <opf:spine><opf:itemref idref=\"section0\"/></opf:spine></opf:package>",
        ),
        (
            "META-INF/container.xml",
            "<?xml version=\"1.0\"?><ocf:container \
             xmlns:ocf=\"urn:oasis:names:tc:opendocument:xmlns:container\"><ocf:rootfiles><ocf:rootfile \
             full-path=\"Contents/content.hpf\" media-type=\"application/hwpml-package+xml\"/></ocf:rootfiles>\
             </ocf:container>",
        ),
    ]);
    let mut canaries = Canaries::default();
    let bytes = edited(&plain, |members| {
        let mut next = || canaries.next();
        let metadata = format!(
            "<opf:meta name=\"creator\" content=\"text\">{}</opf:meta><opf:meta name=\"lastsaveby\" \
             content=\"text\">{}</opf:meta><opf:meta name=\"CreatedDate\" content=\"text\">{}</opf:meta>",
            next(),
            next(),
            next()
        );
        insert(members, "content.hpf", "</opf:metadata>", &metadata);
        put(members, "Preview/PrvText.txt", utf16(&next()));
        put(members, "Preview/PrvImage.png", next());
        put(members, "settings.xml", format!("<?xml version=\"1.0\"?><a>{}</a>", next()));
        put(members, "META-INF/container.rdf", format!("<?xml version=\"1.0\"?><a>{}</a>", next()));
        put(members, "Scripts/headerScripts", utf16(&next()));
    });
    let planted = Planted::new("hwpx", "parts", &plain, bytes).with(canaries);
    planted.or_refused("scripts may act")
}

/// An archive with a picture, a text and an archive in it, each with something of its own.
fn zip() -> Planted {
    let mut canaries = Canaries::default();
    let text = Member { name: "notes.txt".to_owned(), bytes: b"They meet on Tuesdays.\n".to_vec() };
    let marked =
        Member { name: text.name.clone(), bytes: [b"\xef\xbb\xbf", &*text.bytes].concat() };
    let field = canaries.next();
    let extra =
        [b"up", &u16::try_from(field.len()).unwrap().to_le_bytes()[..], field.as_bytes()].concat();
    let around = Around {
        time: [0x5af1, 0x2ef3],
        extra,
        comment: canaries.next().into_bytes(),
        stored: false,
    };
    let bare = Around { time: [0, 0x21], ..Around::default() };
    let of = |text: &Member, around: &Around| {
        let inner = write(std::slice::from_ref(text), around);
        let inner = Member { name: "more.zip".to_owned(), bytes: inner };
        write(&[text.clone(), inner], around)
    };
    let (bytes, plain) = (of(&marked, &around), of(&text, &bare));
    Planted::new("zip", "the archive and one in it", &plain, bytes).with(canaries)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
