//! PDF, office documents, books, archives, drawings and texts.

use super::{Allowed, Values, row};

pub(super) const ALLOWED: &[Allowed] = &[
    row(
        "File:FileType",
        Values::Of(&[
            "PDF", "DOCX", "XLSX", "PPTX", "ODT", "ODS", "ODP", "EPUB", "ZIP", "SVG", "TXT",
        ]),
        "the kind",
    ),
    row(
        "File:FileTypeExtension",
        Values::Of(&[
            "pdf", "docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "zip", "svg", "txt",
        ]),
        "the kind",
    ),
    row(
        "File:MIMEType",
        Values::Of(&[
            "application/pdf",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.oasis.opendocument.presentation",
            "application/epub+zip",
            "application/zip",
            "image/svg+xml",
            "text/plain",
        ]),
        "the kind",
    ),
    row("PDF:PDFVersion", Values::Of(&["1.7"]), "the same in every file"),
    row("PDF:Linearized", Values::Of(&["No"]), "the same in every file"),
    row("PDF:PageCount", Values::Number, "how many pages there are"),
    // of the first member of an archive
    row("ZIP:ZipRequiredVersion", Values::Of(&["10", "20"]), "follows from the compression"),
    row("ZIP:ZipBitFlag", Values::Of(&["0", "0x0800"]), "names are UTF-8 where they are not ASCII"),
    row("ZIP:ZipCompression", Values::Of(&["None", "Deflated"]), "reading needs it"),
    row("ZIP:ZipModifyDate", Values::Of(&["1980:01:01 00:00:00"]), "a field of ZIP; one value"),
    row("ZIP:ZipCRC", Values::Checksum, "of the content; reading needs it"),
    row("ZIP:ZipCompressedSize", Values::Number, "reading needs it"),
    row("ZIP:ZipUncompressedSize", Values::Number, "reading needs it"),
    row(
        "ZIP:ZipFileName",
        Values::Of(&["[Content_Types].xml", "mimetype", "01.txt", "01.jpg", "01.png"]),
        "the format's own name, or a number",
    ),
    // the package of a book
    row(
        "XML-dc:Identifier",
        Values::Of(&["urn:uuid:00000000-0000-4000-8000-000000000000"]),
        "EPUB demands one; the same in every book",
    ),
    row("XML-dc:IdentifierId", Values::Of(&["id"]), "one value"),
    row("XML-dc:Title", Values::Of(&["Book"]), "EPUB demands one; the same in every book"),
    row(
        "XML-dc:Language",
        Values::Of(&["en", "ko", "zh", "ja", "de", "fr", "es", "und"]),
        "EPUB demands one; readers choose fonts by it",
    ),
    row(
        "XML:Meta",
        Values::Of(&["2000:01:01 00:00:00Z"]),
        "EPUB demands one; the same in every book",
    ),
    row("XML:MetaProperty", Values::Of(&["dcterms:modified"]), "one value"),
    row("XML:Manifest*", Values::Any, "members by number, and their kinds"),
    row("XML:Spine*", Values::Any, "members by number"),
    // what a drawing is made of
    row("SVG*", Values::Drawing, "the drawing itself: numbers, colours, words of SVG's own"),
    // what the oracle counts in a text
    row("File:MIMEEncoding", Values::Of(&["us-ascii", "utf-8"]), "what the text is written in"),
    row("File:Newlines", Values::Of(&["Unix LF", "(none)"]), "the same in every text"),
    row("File:LineCount", Values::Number, "counted"),
    row("File:WordCount", Values::Number, "counted"),
];
