//! MP4, QuickTime, 3GP and M4A.

use super::Allowed;

pub(super) const ALLOWED: &[Allowed] = &[];
