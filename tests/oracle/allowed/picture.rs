//! JPEG, PNG, WebP, GIF, TIFF, HEIC and AVIF.

use super::{Allowed, Values, row};

pub(super) const ALLOWED: &[Allowed] = &[
    row("File:FileType", Values::Of(&["JPEG", "PNG"]), "the kind"),
    row("File:FileTypeExtension", Values::Of(&["jpg", "png"]), "the kind"),
    row("File:MIMEType", Values::Of(&["image/jpeg", "image/png"]), "the kind"),
    row("File:ImageWidth", Values::Number, "frame header: decoding needs it"),
    row("File:ImageHeight", Values::Number, "frame header: decoding needs it"),
    row("File:BitsPerSample", Values::Of(&["8", "12"]), "frame header: decoding needs it"),
    row(
        "File:ColorComponents",
        Values::Of(&["1", "2", "3", "4"]),
        "frame header: decoding needs it",
    ),
    row(
        "File:EncodingProcess",
        Values::Of(&[
            "Baseline DCT, Huffman coding",
            "Extended sequential DCT, Huffman coding",
            "Progressive DCT, Huffman coding",
            "Extended sequential DCT, arithmetic coding",
            "Progressive DCT, arithmetic coding",
        ]),
        "frame header: decoding needs it",
    ),
    row(
        "File:YCbCrSubSampling",
        Values::Of(&[
            "YCbCr4:4:4 (1 1)",
            "YCbCr4:4:0 (1 2)",
            "YCbCr4:4:1 (1 4)",
            "YCbCr4:2:2 (2 1)",
            "YCbCr4:2:0 (2 2)",
            "YCbCr4:2:1 (2 4)",
            "YCbCr4:1:1 (4 1)",
            "YCbCr4:1:0 (4 2)",
        ]),
        "frame header: decoding needs it",
    ),
    row(
        "JFIF:JFIFVersion",
        Values::Of(&["1.01"]),
        "that it is JFIF decides the colours; one value",
    ),
    row("JFIF:ResolutionUnit", Values::Of(&["None"]), "a JFIF field; one value"),
    row("JFIF:XResolution", Values::Of(&["1"]), "a JFIF field; one value"),
    row("JFIF:YResolution", Values::Of(&["1"]), "a JFIF field; one value"),
    row("Adobe:DCTEncodeVersion", Values::Of(&["100"]), "a field of Adobe's segment; one value"),
    row("Adobe:APP14Flags0", Values::Of(&["(none)"]), "a field of Adobe's segment; one value"),
    row("Adobe:APP14Flags1", Values::Of(&["(none)"]), "a field of Adobe's segment; one value"),
    row(
        "Adobe:ColorTransform",
        Values::Of(&["Unknown (RGB or CMYK)", "YCbCr", "YCCK"]),
        "decides the colours",
    ),
    row("File:ExifByteOrder", Values::Of(&["Big-endian (Motorola, MM)"]), "one value"),
    row("IFD0:Orientation", Values::Of(TURNED), "the picture is shown turned without it"),
    row("PNG:ImageWidth", Values::Number, "IHDR: decoding needs it"),
    row("PNG:ImageHeight", Values::Number, "IHDR: decoding needs it"),
    row("PNG:BitDepth", Values::Of(&["1", "2", "4", "8", "16"]), "IHDR: decoding needs it"),
    row(
        "PNG:ColorType",
        Values::Of(&["Grayscale", "RGB", "Palette", "Grayscale with Alpha", "RGB with Alpha"]),
        "IHDR: decoding needs it",
    ),
    row("PNG:Compression", Values::Of(&["Deflate/Inflate"]), "IHDR; one value"),
    row("PNG:Filter", Values::Of(&["Adaptive"]), "IHDR; one value"),
    row(
        "PNG:Interlace",
        Values::Of(&["Noninterlaced", "Adam7 Interlace"]),
        "IHDR: decoding needs it",
    ),
    row("PNG:Palette", Values::Binary, "PLTE: the colours of the pixels"),
    row("PNG:Transparency", Values::Numbers, "tRNS: which colours are transparent"),
];

/// The ways to turn a picture that are not upright.
const TURNED: &[&str] = &[
    "Mirror horizontal",
    "Rotate 180",
    "Mirror vertical",
    "Mirror horizontal and rotate 270 CW",
    "Rotate 90 CW",
    "Mirror horizontal and rotate 90 CW",
    "Rotate 270 CW",
];
