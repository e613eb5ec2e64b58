//! PDF, office documents, books, archives, drawings and texts.

use super::Allowed;

pub(super) const ALLOWED: &[Allowed] = &[];
