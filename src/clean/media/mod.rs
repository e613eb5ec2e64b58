//! ISO base media files (ISO/IEC 14496-12): films, recordings and still pictures made of boxes.

mod boxes;
pub(super) mod film;
pub(super) mod still;
