//! PDF, office documents, books, archives, drawings and texts.

use super::{Allowed, Values, row};

pub(super) const ALLOWED: &[Allowed] = &[
    row("File:FileType", Values::Of(&["PDF"]), "the kind"),
    row("File:FileTypeExtension", Values::Of(&["pdf"]), "the kind"),
    row("File:MIMEType", Values::Of(&["application/pdf"]), "the kind"),
    row("PDF:PDFVersion", Values::Of(&["1.7"]), "the same in every file"),
    row("PDF:Linearized", Values::Of(&["No"]), "the same in every file"),
    row("PDF:PageCount", Values::Number, "how many pages there are"),
];
