//! What cleaning one file has cost so far, counted also over the files that lie in it.

use std::io::Cursor;

use zeroize::Zeroizing;

use super::{CleanError, Kind, Limits, Refusal, Report, clean_within};

/// The account of one call of [`clean`](super::clean): what is inflated, how many members are opened and how deep files
/// lie in files is counted for all of them together.
pub(super) struct Work<'a> {
    limits: &'a Limits,
    inflated: u64,
    members: u32,
    depth: u32,
}

/// A file that lay in another and is clean.
pub(super) struct Nested {
    /// The cleaned file.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// What was found in it and what remains.
    pub(super) report: Report,
}

impl<'a> Work<'a> {
    pub(super) const fn new(limits: &'a Limits) -> Self {
        Self { limits, inflated: 0, members: 0, depth: 0 }
    }

    pub(super) const fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// Counts `bytes` that came out of an inflater, before they are kept. `kind` is the file that is refused.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] above [`Limits::inflated`].
    pub(super) fn inflated(&mut self, kind: Kind, bytes: u64) -> Result<(), Refusal> {
        self.inflated = self.inflated.saturating_add(bytes);
        if self.inflated > self.limits.inflated {
            return Err(Refusal::TooLarge { kind });
        }
        Ok(())
    }

    /// How many bytes may still come out of an inflater.
    pub(super) const fn inflatable(&self) -> u64 {
        self.limits.inflated.saturating_sub(self.inflated)
    }

    /// Counts a member of an archive, an object or a part.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] above [`Limits::members`].
    pub(super) fn member(&mut self, kind: Kind) -> Result<(), Refusal> {
        self.members = self.members.saturating_add(1);
        if self.members > self.limits.members {
            return Err(Refusal::TooLarge { kind });
        }
        Ok(())
    }

    /// Cleans a file that lies in one of `kind`.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] for `kind` when it lies deeper than [`Limits::depth`] or a limit is reached in it, otherwise
    /// the refusal of the file within: whether that refuses the whole, as [`Refusal::Inside`], is the caller's to say.
    pub(super) fn nested(&mut self, kind: Kind, file: &[u8]) -> Result<Nested, CleanError> {
        if self.depth >= self.limits.depth {
            return Err(Refusal::TooLarge { kind }.into());
        }
        self.depth += 1;
        let cleaned = clean_within(&mut Cursor::new(file), self);
        self.depth -= 1;
        let cleaned = cleaned?;
        let report = cleaned.report().clone();
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(usize::try_from(cleaned.len()).unwrap_or(0)));
        std::io::copy(&mut cleaned.replay(Cursor::new(file)), &mut *bytes)?;
        Ok(Nested { bytes, report })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_a_file_is_cleaned_down_to_the_limit() {
        let limits = Limits { depth: 1, ..Limits::default() };
        let mut work = Work::new(&limits);
        let nested = work.nested(Kind::Zip, b"\xef\xbb\xbfa text").unwrap();
        assert_eq!((&**nested.bytes, nested.report.kind), (b"a text".as_slice(), Kind::Text));
        work.depth = 1;
        let too_deep = work.nested(Kind::Zip, b"a text");
        assert!(matches!(
            too_deep,
            Err(CleanError::Refused(Refusal::TooLarge { kind: Kind::Zip }))
        ));
    }

    #[test]
    fn what_is_inflated_and_opened_is_counted() {
        let limits = Limits { inflated: 10, members: 1, ..Limits::default() };
        let mut work = Work::new(&limits);
        work.inflated(Kind::Pdf, 6).unwrap();
        assert_eq!(work.inflatable(), 4);
        assert_eq!(work.inflated(Kind::Pdf, 5), Err(Refusal::TooLarge { kind: Kind::Pdf }));
        assert_eq!(work.inflated(Kind::Pdf, u64::MAX), Err(Refusal::TooLarge { kind: Kind::Pdf }));
        work.member(Kind::Pdf).unwrap();
        assert!(work.member(Kind::Pdf).is_err());
    }
}
