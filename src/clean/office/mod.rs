//! Documents that are ZIP archives of XML parts.

pub(super) mod epub;
pub(super) mod hwpx;
pub(super) mod odf;
pub(super) mod ooxml;
