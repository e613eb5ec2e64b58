//! MP3, FLAC, Ogg, WAV, AIFF and AMR.

use super::{Allowed, Values, row};

pub(super) const ALLOWED: &[Allowed] = &[
    row("File:FileType", Values::Of(&["AIFF", "AIFC"]), "the kind"),
    row("File:FileTypeExtension", Values::Of(&["aiff", "aifc"]), "the kind"),
    row("File:MIMEType", Values::Of(&["audio/x-aiff"]), "the kind"),
    row(
        "AIFF:FormatVersionTime",
        Values::Of(&["1990:05:23 14:40:00"]),
        "the version of AIFF-C; there is one",
    ),
    row("AIFF:NumChannels", Values::Number, "COMM: decoding needs it"),
    row("AIFF:NumSampleFrames", Values::Number, "COMM: decoding needs it"),
    row("AIFF:SampleSize", Values::Number, "COMM: decoding needs it"),
    row("AIFF:SampleRate", Values::Number, "COMM: decoding needs it"),
    row(
        "AIFF:CompressionType",
        Values::Of(&[
            "None",
            "Little-endian, no compression",
            "a-law",
            "mu-law",
            "Unknown (raw )",
            "Unknown (twos)",
            "Unknown (ima4)",
            "Unknown (in24)",
            "Unknown (42ni)",
            "Unknown (in32)",
            "Unknown (23ni)",
            "Unknown (fl32)",
            "Unknown (FL32)",
            "Unknown (fl64)",
            "Unknown (FL64)",
            "A-law",
            "Mu-law",
        ]),
        "COMM: decoding needs it",
    ),
    row("AIFF:CompressorName", Values::Of(&[""]), "COMM has a place for it; it is empty"),
    row("Composite:Duration", Values::Any, "computed from frames and rate"),
];
