//! Reads an archive back, and nothing that is not one.
//!
//! Whoever may seal to a reviewer may put anything into an envelope, so this is a reader of bytes
//! from a stranger. It takes exactly the form that [`archive`](super::archive) writes: each header
//! to the bit, the entries that `tip.json` names in their order, zeros wherever nothing belongs,
//! the length of a size class. A folder, a link, a device, a second file of one name or a name with
//! a `..` in it cannot be said in that form. What comes out are [`EntryName`]s, not texts, so that
//! a path made from one lies in the folder it is joined to.
//!
//! Contents are streamed; memory is bounded by [`report::MAX_BYTES`]. They may be anything: a file
//! called `.jpg` need not be one.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use super::{
    SizeClass, TipReport,
    archive::{END, at_most},
    entry::EntryName,
    report::{self, ReportError},
    ustar::{self, BLOCK, Foreign},
};

/// Why bytes are no archive of Sealpost's. What had been unpacked before is not to be trusted.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The source failed: for an envelope, it is damaged.
    #[error("the archive could not be read")]
    Io(#[from] io::Error),
    /// The source ended early.
    #[error("the archive ends before it is complete")]
    Ended,
    /// A header's checksum is wrong.
    #[error("a header in the archive is damaged")]
    Checksum,
    /// A link, folder, device or extended header.
    #[error("the archive holds something that is not a plain file")]
    NotAFile,
    /// A name of another form.
    #[error("a file in the archive has a name that Sealpost never gives")]
    Name,
    /// Another owner, mode, time or layout.
    #[error("a header in the archive is not written as Sealpost writes it")]
    Form,
    /// An entry that `tip.json` does not list, or at another place.
    #[error("{0} is in the archive where it does not belong")]
    OutOfPlace(EntryName),
    /// An entry that `tip.json` lists is not there.
    #[error("{0} is missing from the archive")]
    Missing(EntryName),
    /// Padding that is not zero.
    #[error("the archive has bytes hidden between its files")]
    Padding,
    /// Padded to another length.
    #[error("the archive does not have the length of a size class")]
    Length,
    /// More than [`report::MAX_BYTES`].
    #[error("tip.json is larger than 1 MiB")]
    ReportTooLarge,
    /// See [`ReportError`].
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Asked again after an error.
    #[error("the archive could not be unpacked to its end")]
    Broken,
}

impl From<Foreign> for UnpackError {
    fn from(foreign: Foreign) -> Self {
        match foreign {
            Foreign::Checksum => Self::Checksum,
            Foreign::Type => Self::NotAFile,
            Foreign::Name => Self::Name,
            Foreign::Form => Self::Form,
        }
    }
}

/// An archive being read from front to back.
pub struct Unpack<R> {
    source: R,
    /// Bytes read of the archive so far.
    position: u64,
    report: TipReport,
    /// The bytes of `tip.json`, which were read first.
    json: io::Cursor<Vec<u8>>,
    /// What must follow.
    expected: VecDeque<EntryName>,
    /// Bytes of the entry at hand that have not been read.
    left: u64,
    /// Zero bytes that follow them.
    padding: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// `tip.json` has been read but not handed out.
    Start,
    Entries,
    /// Everything has been read and was as it must be.
    End,
    Broken,
}

/// A file in an archive; reads its contents. What is not read is skipped.
pub struct Entry<'a, R> {
    name: EntryName,
    size: u64,
    unpack: &'a mut Unpack<R>,
}

impl<R: Read> Unpack<R> {
    /// Begins to read: `tip.json` is read and checked.
    pub fn open(mut source: R) -> Result<Self, UnpackError> {
        let mut block = [0; BLOCK];
        fill(&mut source, &mut block)?;
        let (name, size) = ustar::parse(&block)?;
        if name != EntryName::Report {
            return Err(UnpackError::OutOfPlace(name));
        }
        if size > report::MAX_BYTES {
            return Err(UnpackError::ReportTooLarge);
        }
        let mut json = Vec::new();
        // not `vec![0; size]`: memory is taken for bytes that come, not for bytes that are promised
        if source.by_ref().take(size).read_to_end(&mut json)? as u64 != size {
            return Err(UnpackError::Ended);
        }
        let report = TipReport::from_json(&json)?;
        let mut expected = VecDeque::from(report.entries());
        expected.pop_front();
        Ok(Self {
            source,
            position: BLOCK as u64 + size,
            report,
            json: io::Cursor::new(json),
            expected,
            left: 0,
            padding: ustar::padding(size),
            state: State::Start,
        })
    }

    /// What `tip.json` says.
    pub fn report(&self) -> &TipReport {
        &self.report
    }

    /// The next entry: `tip.json`, `message.txt`, the cleaned files, the originals. None once the
    /// whole archive has been read, the padding at its end included: only then has the tip been
    /// found to be whole.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_, R>>, UnpackError> {
        // a step that fails leaves this behind
        let state = std::mem::replace(&mut self.state, State::Broken);
        let (name, size) = match state {
            State::Start => (EntryName::Report, self.json.get_ref().len() as u64),
            State::Entries => match self.advance()? {
                Some(entry) => entry,
                None => {
                    self.state = State::End;
                    return Ok(None);
                }
            },
            State::End => {
                self.state = State::End;
                return Ok(None);
            }
            State::Broken => return Err(UnpackError::Broken),
        };
        self.state = State::Entries;
        Ok(Some(Entry { name, size, unpack: self }))
    }

    fn advance(&mut self) -> Result<Option<(EntryName, u64)>, UnpackError> {
        self.skip()?;
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        if block == [0; BLOCK] {
            self.end()?;
            return Ok(None);
        }
        let (name, size) = ustar::parse(&block)?;
        if self.expected.pop_front().as_ref() != Some(&name) {
            return Err(UnpackError::OutOfPlace(name));
        }
        self.left = size;
        self.padding = ustar::padding(size);
        // told at once, not after gigabytes have been unpacked
        SizeClass::for_len(self.position + size + self.padding + END).ok_or(UnpackError::Length)?;
        Ok(Some((name, size)))
    }

    /// Passes over what the caller did not read, and the padding.
    fn skip(&mut self) -> Result<(), UnpackError> {
        let mut scratch = [0; 8192];
        while self.left > 0 {
            let part = at_most(&mut scratch, self.left);
            fill(&mut self.source, part)?;
            self.left -= part.len() as u64;
            self.position += part.len() as u64;
        }
        let padding = std::mem::take(&mut self.padding);
        self.zeros(padding)
    }

    /// After the first of the two zero blocks.
    fn end(&mut self) -> Result<(), UnpackError> {
        if let Some(name) = self.expected.pop_front() {
            return Err(UnpackError::Missing(name));
        }
        self.zeros(BLOCK as u64)?;
        let class = SizeClass::for_len(self.position).ok_or(UnpackError::Length)?;
        self.zeros(class.bytes() - self.position)?;
        match fill(&mut self.source, &mut [0]) {
            Err(UnpackError::Ended) => Ok(()),
            Ok(()) => Err(UnpackError::Length),
            Err(error) => Err(error),
        }
    }

    fn zeros(&mut self, mut count: u64) -> Result<(), UnpackError> {
        let mut scratch = [0; 8192];
        while count > 0 {
            let part = at_most(&mut scratch, count);
            count -= part.len() as u64;
            self.position += part.len() as u64;
            fill(&mut self.source, part)?;
            if part.iter().any(|b| *b != 0) {
                return Err(UnpackError::Padding);
            }
        }
        Ok(())
    }

    fn fill(&mut self, buf: &mut [u8]) -> Result<(), UnpackError> {
        fill(&mut self.source, buf)?;
        self.position += buf.len() as u64;
        Ok(())
    }
}

impl<R> Entry<'_, R> {
    /// Its name, from which a path may be made.
    pub fn name(&self) -> &EntryName {
        &self.name
    }

    /// Bytes of its contents.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl<R: Read> Read for Entry<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.name == EntryName::Report {
            return self.unpack.json.read(buf);
        }
        let part = at_most(buf, self.unpack.left);
        if part.is_empty() {
            return Ok(0);
        }
        match self.unpack.source.read(part) {
            Ok(0) => {
                self.unpack.state = State::Broken;
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, UnpackError::Ended))
            }
            Ok(n) => {
                self.unpack.left -= n as u64;
                self.unpack.position += n as u64;
                Ok(n)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::Interrupted {
                    self.unpack.state = State::Broken;
                }
                Err(error)
            }
        }
    }
}

fn fill(source: &mut impl Read, buf: &mut [u8]) -> Result<(), UnpackError> {
    let mut at = 0;
    while at < buf.len() {
        match source.read(&mut buf[at..]) {
            Ok(0) => return Err(UnpackError::Ended),
            Ok(n) => at += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tip::testing::{Counting, Sample, any_sample, clean_tip, read_all};

    fn packed(message: &str, samples: &[Sample]) -> Vec<u8> {
        read_all(clean_tip(message, samples).archive(&Counting::new()).unwrap())
    }

    fn unpacked(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, UnpackError> {
        let mut unpack = Unpack::open(archive)?;
        let mut files = Vec::new();
        while let Some(mut entry) = unpack.next_entry()? {
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents)?;
            assert_eq!(contents.len() as u64, entry.size());
            files.push((entry.name().to_string(), contents));
        }
        Ok(files)
    }

    /// Reads none of the contents.
    fn skimmed(archive: &[u8]) -> Result<usize, UnpackError> {
        let mut unpack = Unpack::open(archive)?;
        let mut entries = 0;
        while unpack.next_entry()?.is_some() {
            entries += 1;
        }
        Ok(entries)
    }

    /// `tip.json` is at 0, `message.txt` at 1024, `files/01.jpg` at 2048, `originals/02.bin` at
    /// 3584, the end at 4608.
    fn sample() -> Vec<u8> {
        let file = Sample::Cleaned(vec![b'f'; 600], "jpg".to_owned());
        packed("message", &[file, Sample::Original(vec![b'o'; 10])])
    }

    const HEADERS: [usize; 4] = [0, 1024, 2048, 3584];

    fn forged(change: impl FnOnce(&mut Vec<u8>)) -> UnpackError {
        let mut archive = sample();
        change(&mut archive);
        for at in HEADERS {
            // where a header was removed or moved there may be none
            if archive[at + 257..].starts_with(b"ustar") {
                ustar::set_checksum(&mut archive[at..at + BLOCK]);
            }
        }
        let read = unpacked(&archive).expect_err("a forged archive is refused");
        let skimmed = skimmed(&archive).expect_err("a forged archive is refused unread");
        assert_eq!(read.to_string(), skimmed.to_string());
        read
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(
            message in ".{0,400}",
            samples in prop::collection::vec(any_sample(), 0..6),
        ) {
            let archive = packed(&message, &samples);
            let mut wanted = vec![("message.txt".to_owned(), message.into_bytes())];
            for (index, sample) in samples.iter().enumerate() {
                if let Sample::Cleaned(bytes, ext) = sample {
                    wanted.push((format!("files/{:02}.{ext}", index + 1), bytes.clone()));
                }
            }
            for (index, sample) in samples.iter().enumerate() {
                if let Sample::Original(bytes) = sample {
                    wanted.push((format!("originals/{:02}.bin", index + 1), bytes.clone()));
                }
            }
            let mut files = unpacked(&archive).unwrap();
            let (name, json) = files.remove(0);
            prop_assert_eq!(name, "tip.json");
            let report = TipReport::from_json(&json).unwrap();
            prop_assert_eq!(report.files().len(), samples.len());
            prop_assert_eq!(&files, &wanted);
            prop_assert_eq!(skimmed(&archive).unwrap(), wanted.len() + 1);
        }

        #[test]
        fn no_mutation_panics_and_only_contents_can_change(
            at in 0usize..6000,
            to: u8,
            cut in 0usize..90_000,
        ) {
            let whole = sample();
            let mut archive = whole.clone();
            let before = std::mem::replace(&mut archive[at], to);
            let contents = (512..1024).contains(&at) // tip.json: its nonce is any
                || (1536..1543).contains(&at)
                || (2560..3160).contains(&at)
                || (4096..4106).contains(&at);
            prop_assert!(unpacked(&archive).is_err() || contents || before == to);
            archive.truncate(cut);
            prop_assert!(unpacked(&archive).is_err() || cut >= whole.len());
        }

        #[test]
        fn blocks_in_another_order_are_refused(
            order in Just((0..10).collect::<Vec<usize>>()).prop_shuffle(),
        ) {
            let whole = sample();
            let mut archive = whole.clone();
            for (to, from) in order.iter().enumerate() {
                archive[to * 512..][..512].copy_from_slice(&whole[from * 512..][..512]);
            }
            prop_assert!(unpacked(&archive).is_err() || archive == whole);
        }

        #[test]
        fn any_bytes_can_be_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert!(unpacked(&bytes).is_err());
        }
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        for name in ["../01.jpg", "/files/01.jpg", "files/../../x.jpg", "files/01", "x", "a\\b"] {
            let error = forged(|archive| {
                archive[2048..2148].fill(0);
                archive[2048..2048 + name.len()].copy_from_slice(name.as_bytes());
            });
            assert!(matches!(error, UnpackError::Name), "{name}: {error}");
        }
    }

    #[test]
    fn only_plain_files_are_taken() {
        // hard link, symbolic link, devices, folder, pipe, pax and GNU extensions, old tar
        for kind in b"12345 67xgLKSV\0" {
            let error = forged(|archive| archive[2048 + 156] = *kind);
            assert!(matches!(error, UnpackError::NotAFile), "{kind}: {error}");
        }
    }

    #[test]
    fn a_header_has_one_form() {
        // mode, uid, gid, mtime, link name, magic, version, owner, group, devices, prefix, rest
        for field in [100, 108, 116, 136, 157, 262, 263, 265, 297, 329, 337, 345, 511] {
            let error = forged(|archive| archive[2048 + field] ^= 1);
            assert!(matches!(error, UnpackError::Form), "{field}: {error}");
        }
        for at in HEADERS {
            let mut archive = sample();
            archive[at + 148] ^= 1;
            assert!(matches!(unpacked(&archive), Err(UnpackError::Checksum)), "{at}");
        }
    }

    #[test]
    fn entries_are_those_of_the_report_in_their_order() {
        let twice = forged(|archive| archive.copy_within(2048..2560, 3584));
        assert!(matches!(twice, UnpackError::OutOfPlace(_)), "{twice}");
        let other = forged(|archive| archive[2048 + 6..2048 + 8].copy_from_slice(b"03"));
        assert!(matches!(other, UnpackError::OutOfPlace(_)), "{other}");
        let first = forged(|archive| archive.copy_within(1024..1536, 0));
        assert!(matches!(first, UnpackError::OutOfPlace(_)), "{first}");
        let missing = forged(|archive| archive[3584..4608].fill(0));
        assert!(matches!(missing, UnpackError::Missing(_)), "{missing}");
        let unlisted = forged(|archive| archive.copy_within(3584..4608, 4608));
        assert!(matches!(unlisted, UnpackError::OutOfPlace(_)), "{unlisted}");
    }

    #[test]
    fn nothing_hides_between_or_behind() {
        for at in [1023, 1600, 3200, 4107, 4608 + 512, 4608 + 1024, 80 * 1024 - 1] {
            let error = forged(|archive| archive[at] = 1);
            assert!(matches!(error, UnpackError::Padding), "{at}: {error}");
        }
        let longer = forged(|archive| archive.push(0));
        assert!(matches!(longer, UnpackError::Length), "{longer}");
        let next_class = forged(|archive| archive.resize(88 * 1024, 0));
        assert!(matches!(next_class, UnpackError::Length), "{next_class}");
    }

    #[test]
    fn an_archive_that_ends_early_is_not_taken_for_whole() {
        let whole = sample();
        for cut in [0, 1, 511, 512, 600, 1024, 2600, 4608, 5120, 5632, whole.len() - 1] {
            for outcome in [unpacked(&whole[..cut]).map(|_| ()), skimmed(&whole[..cut]).map(|_| ())]
            {
                let error = outcome.expect_err("it is cut");
                let ended = match &error {
                    UnpackError::Io(error) => error.kind() == io::ErrorKind::UnexpectedEof,
                    error => matches!(error, UnpackError::Ended),
                };
                assert!(ended, "{cut}: {error}");
            }
        }
    }

    #[test]
    fn sizes_are_not_believed() {
        let huge =
            forged(|archive| archive[2048 + 124..2048 + 135].copy_from_slice(b"77777777777"));
        assert!(matches!(huge, UnpackError::Length), "{huge}");
        let report = forged(|archive| archive[124..135].copy_from_slice(b"00004000001"));
        assert!(matches!(report, UnpackError::ReportTooLarge), "{report}");
        let signed = forged(|archive| archive[124..135].copy_from_slice(b"-0000000001"));
        assert!(matches!(signed, UnpackError::Form), "{signed}");
    }

    #[test]
    fn after_an_error_there_is_no_end() {
        let mut archive = sample();
        archive[3200] = 1;
        let mut unpack = Unpack::open(archive.as_slice()).unwrap();
        while unpack.next_entry().is_ok() {}
        for _ in 0..3 {
            assert!(matches!(unpack.next_entry(), Err(UnpackError::Broken)));
        }
        let whole = sample();
        let mut unpack = Unpack::open(whole.as_slice()).unwrap();
        while unpack.next_entry().unwrap().is_some() {}
        assert!(unpack.next_entry().unwrap().is_none());
    }
}
