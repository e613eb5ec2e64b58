//! HWPX (KS X 6101, OWPML): known, and refused.
//!
//! Its container is the one of OpenDocument and its parts are XML, so the same treatment fits: `Contents/header.xml` and
//! `Contents/section*.xml` by an allow-list, `Contents/content.hpf`, `version.xml`, `settings.xml` and `META-INF/` written
//! anew, `BinData/` cleaned, `Preview/`, `Scripts/` and `DocHistory/` dropped. Without a program that shows whether the
//! outcome is still the same document, and without real files, no such list can be called right.

use std::io::{Read, Seek};

use crate::clean::{CleanError, Cleaned, Kind, Refusal, input::Input, work::Work};

/// Plans the cleaned file.
pub(in crate::clean) fn clean<R: Read + Seek>(
    _input: &mut Input<'_, R>,
    kind: Kind,
    _work: &mut Work<'_>,
) -> Result<Cleaned, CleanError> {
    Err(Refusal::Unsupported { kind }.into())
}
