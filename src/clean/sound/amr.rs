//! AMR (RFC 4867 §5).

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
