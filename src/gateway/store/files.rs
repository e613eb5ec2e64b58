//! The files of a store, or of a backup of one, read without opening it: a gateway may be using it
//! meanwhile.
//!
//! That takes no lock, because a file is whole as soon as it has its name, and does not change
//! afterwards. A name can vanish (deletion), or come to lead to a copy of the same bytes (the day's
//! turn). Some file systems let a listing miss a name that is being given to a copy: so each folder
//! is listed twice, and what either listing has, counts.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use ring::digest::{Context, SHA256};

use super::{
    StoreError,
    file_store::{Flaw, finished},
    folders, header,
    header::EnvelopeHeader,
    item::{self, Kind},
};
use crate::{clock::Day, tip::TipId};

const PIECE: usize = 256 << 10;

/// Folders within folders; a store has fewer.
const MAX_DEPTH: usize = 8;

/// A file of a store's, by the path that is relative to the store's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Part {
    /// The store's format.
    Format,
    /// An envelope.
    Envelope(TipId),
    /// An item and its key.
    Item(Kind, String),
}

impl Part {
    /// What belongs at this path; `None` where the store puts nothing that a backup would hold.
    pub(in crate::gateway) fn at(path: &str) -> Option<Self> {
        let mut names = path.split('/');
        match names.next()? {
            "format" => names.next().is_none().then_some(Self::Format),
            "envelopes" => {
                let (shard, name) = (names.next()?, names.next()?);
                let id = folders::id_of(name)?;
                (name.get(..2) == Some(shard) && names.next().is_none())
                    .then_some(Self::Envelope(id))
            }
            "items" => {
                let folder = names.next()?;
                let kind = Kind::ALL.into_iter().find(|kind| kind.folder() == folder)?;
                let key = names.next_back()?;
                let is_key = item::is_key(kind, key);
                let folder = is_key.then(|| folders::item_folders(Path::new(""), kind, key))?;
                let is_place = folder.first().is_some_and(|f| f.join(key) == Path::new(path));
                is_place.then(|| Self::Item(kind, key.to_owned()))
            }
            _ => None,
        }
    }

    /// True for what says that its envelope has been deleted.
    pub(in crate::gateway) fn tombstone_of(&self) -> Option<TipId> {
        match self {
            Self::Item(Kind::Tombstone, key) => folders::id_of(key),
            _ => None,
        }
    }
}

/// What reading a file to its end has shown.
pub(in crate::gateway) struct Read256 {
    /// SHA-256 of the whole file.
    pub(in crate::gateway) sha256: [u8; 32],
    /// Its length.
    pub(in crate::gateway) bytes: u64,
    /// The day whose beginning its times show.
    pub(in crate::gateway) day: Day,
}

/// Why a file was not read to its end.
pub(in crate::gateway) enum Trouble {
    /// There is something wrong with the file.
    Flaw(Flaw),
    /// Whoever takes its bytes could not, or would not.
    Taker(io::Error),
}

impl From<Flaw> for Trouble {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

/// True for a store, false for an empty folder, in which there will be one.
///
/// # Errors
/// [`StoreError::NotAStore`], [`StoreError::Newer`], [`StoreError::Io`].
pub(in crate::gateway) fn is_store(root: &Path) -> Result<bool, StoreError> {
    Ok(folders::read_format(root)?.is_some())
}

/// True while a process has the store in `root` open. Looking takes the lock for a moment, shared,
/// and changes nothing.
///
/// # Errors
/// A lock that cannot be looked at.
pub(in crate::gateway) fn is_in_use(root: &Path) -> io::Result<bool> {
    let lock = match File::open(root.join("lock")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        lock => lock?,
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(fs::TryLockError::WouldBlock) => Ok(true),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// The paths, relative to `root`, of all that may lie in a store but its index, its lock and what
/// is not finished, in order: those of envelopes first.
pub(in crate::gateway) fn folders_of_a_store() -> impl Iterator<Item = String> {
    let shards = (0..=u8::MAX).map(|shard| format!("envelopes/{shard:02x}"));
    let mut kinds = Kind::ALL.map(Kind::folder);
    kinds.sort_unstable();
    shards.chain(kinds.into_iter().map(|kind| format!("items/{kind}")))
}

/// The paths, relative to `root`, of the files anywhere below `root/folder`, in order. A folder that
/// is not there has none.
///
/// # Errors
/// A folder that cannot be read.
pub(in crate::gateway) fn below(root: &Path, folder: &str) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    for _twice in 0..2 {
        collect(root, folder, MAX_DEPTH, &mut paths)?;
    }
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

/// The folders that a store has and this one lacks, by the path that is relative to `root`: what was
/// in them is not gone, but not here. Of a missing folder the folders in it are not told. None in a
/// folder that is no store yet.
///
/// # Errors
/// [`StoreError::NotAStore`], [`StoreError::Newer`], [`StoreError::Io`].
pub(in crate::gateway) fn missing_folders(root: &Path) -> Result<Vec<String>, StoreError> {
    let mut missing: Vec<String> = Vec::new();
    if !is_store(root)? {
        return Ok(missing);
    }
    let shards = (0..=u8::MAX).map(|shard| format!("envelopes/{shard:02x}"));
    let mut folders: Vec<String> = ["envelopes", "items"].map(str::to_owned).into();
    folders.extend(shards);
    for kind in Kind::ALL {
        folders.push(format!("items/{}", kind.folder()));
        let inner = folders::item_folders(Path::new(""), kind, "").into_iter();
        folders.extend(inner.map(|folder| folder.to_string_lossy().into_owned()));
    }
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        if missing.iter().any(|outer| Path::new(&folder).starts_with(outer)) {
            continue;
        }
        match fs::metadata(root.join(&folder)) {
            Ok(found) if found.is_dir() => {}
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => missing.push(folder),
        }
    }
    Ok(missing)
}

/// What to say of one of [`missing_folders`].
pub(in crate::gateway) fn is_missing(folder: &str) -> String {
    format!(
        "{folder} is missing from the store: put it back, from where it was moved to or from a \
         backup"
    )
}

/// The folders among envelopes and items that are none of the store's.
///
/// # Errors
/// A folder that cannot be read.
pub(in crate::gateway) fn strangers(root: &Path) -> io::Result<Vec<String>> {
    let ours: BTreeSet<String> = folders_of_a_store().collect();
    let mut strangers = Vec::new();
    for folder in ["envelopes", "items"] {
        let entries = match folders::names(&root.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            names => names?.into_iter().map(|name| format!("{folder}/{name}")),
        };
        strangers.extend(entries.filter(|path| !ours.contains(path)));
    }
    Ok(strangers)
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::gateway) struct Amount {
    /// Envelopes.
    pub(in crate::gateway) envelopes: u64,
    /// Bytes of their files.
    pub(in crate::gateway) bytes: u64,
    /// Bytes of all other files of [`folders_of_a_store`].
    pub(in crate::gateway) other_bytes: u64,
}

/// Counts the files, without opening any.
///
/// # Errors
/// A folder or a file that cannot be looked at.
pub(in crate::gateway) fn amount(root: &Path) -> io::Result<Amount> {
    let mut amount = Amount::default();
    let mut paths = Vec::new();
    for folder in folders_of_a_store() {
        paths.clear();
        collect(root, &folder, MAX_DEPTH, &mut paths)?;
        for path in &paths {
            let length = match fs::symlink_metadata(root.join(path)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file?.len(),
            };
            if let Some(Part::Envelope(_)) = Part::at(path) {
                amount.envelopes += 1;
                amount.bytes += length;
            } else {
                amount.other_bytes += length;
            }
        }
    }
    Ok(amount)
}

fn collect(root: &Path, folder: &str, depth: usize, to: &mut Vec<String>) -> io::Result<()> {
    if depth == 0 {
        return Err(io::Error::other("it has folders within folders without end"));
    }
    let entries = match fs::read_dir(root.join(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let path = if folder.is_empty() { name.into() } else { format!("{folder}/{name}") };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(root, &path, depth - 1, to)?,
            Ok(_) => to.push(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens an envelope's file and checks its header and length; it then stands at the body.
pub(in crate::gateway) fn open_envelope(
    path: &Path,
    id: TipId,
) -> Result<(File, EnvelopeHeader), Flaw> {
    let mut file = folders::open_file(path)?;
    let mut bytes = [0; header::LEN];
    file.read_exact(&mut bytes)?;
    let header = EnvelopeHeader::parse(&bytes).map_err(|e| Flaw::Damaged(e.to_string()))?;
    if header.entry.id != id {
        return Err(Flaw::Damaged("it is another envelope, under a wrong name".into()));
    }
    let length = file.metadata()?.len().checked_sub(header::LEN_U64);
    if length != Some(header.entry.bytes) {
        return Err(Flaw::Damaged("its length is wrong".into()));
    }
    Ok((file, header))
}

/// The content of an item's file, with the file.
pub(in crate::gateway) fn read_item(
    path: &Path,
    kind: Kind,
    key: &str,
) -> Result<(Vec<u8>, Vec<u8>), Flaw> {
    let file = folders::read_file(path, item::MAX_FILE)?;
    match item::decode(kind, key, &file) {
        Some(content) => Ok((content.to_owned(), file)),
        None => Err(Flaw::Damaged("its checksum is wrong".into())),
    }
}

/// Reads a file to its end, checks all that can be checked, and gives each piece to `taker`: all of
/// them before the last check is made.
pub(in crate::gateway) fn read_checked(
    root: &Path,
    path: &str,
    part: &Part,
    taker: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Read256, Trouble> {
    let path = root.join(path);
    match part {
        Part::Envelope(id) => read_envelope(&path, *id, taker),
        Part::Item(kind, key) => whole(&read_item(&path, *kind, key)?.1, taker),
        Part::Format => {
            let file = folders::read_file(&path, folders::MAX_FORMAT).map_err(Flaw::from)?;
            folders::parse_format(&file)
                .ok_or_else(|| Flaw::Damaged("it names no format of a store".into()))?;
            whole(&file, taker)
        }
    }
}

fn whole(file: &[u8], taker: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<Read256, Trouble> {
    let mut sum = Context::new(&SHA256);
    sum.update(file);
    taker(file).map_err(Trouble::Taker)?;
    Ok(Read256 { sha256: finished(sum), bytes: file.len() as u64, day: Day(0) })
}

/// [`read_checked`] for an envelope at any place.
pub(super) fn read_envelope(
    path: &Path,
    id: TipId,
    taker: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> Result<Read256, Trouble> {
    let (mut file, header) = open_envelope(path, id)?;
    let (mut of_body, mut of_file) = (Context::new(&SHA256), Context::new(&SHA256));
    let head = header.encode();
    of_file.update(&head);
    taker(&head).map_err(Trouble::Taker)?;
    let mut piece = vec![0; PIECE];
    let mut bytes = header::LEN_U64;
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Flaw::from(error).into()),
        };
        let piece = piece.get(..read).unwrap_or_default();
        of_body.update(piece);
        of_file.update(piece);
        bytes += read as u64;
        taker(piece).map_err(Trouble::Taker)?;
    }
    if bytes != header.entry.bytes.saturating_add(header::LEN_U64) {
        return Err(Flaw::Damaged("its length is wrong".into()).into());
    }
    if finished(of_body) != header.sha256 {
        return Err(Flaw::Damaged("its body's checksum is wrong".into()).into());
    }
    Ok(Read256 { sha256: finished(of_file), bytes, day: header.entry.day })
}

/// True if two folders hold the very same at `path`: of an envelope header and length are compared,
/// of everything else the content. False for what is not sound in either.
pub(in crate::gateway) fn is_same(one: &Path, other: &Path, path: &str, part: &Part) -> bool {
    let (one, other) = (one.join(path), other.join(path));
    match part {
        Part::Envelope(id) => {
            let header = |path| open_envelope(path, *id).ok().map(|(_, header)| header);
            header(&one).is_some_and(|of_one| header(&other) == Some(of_one))
        }
        Part::Item(kind, key) => {
            let file = |path| read_item(path, *kind, key).ok().map(|(_, file)| file);
            file(&one).is_some_and(|of_one| file(&other) == Some(of_one))
        }
        Part::Format => {
            let file = |path| folders::read_file(path, folders::MAX_FORMAT).ok();
            file(&one).is_some_and(|of_one| file(&other) == Some(of_one))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "07070707070707070707070707070707";

    #[test]
    fn a_path_tells_what_belongs_there() {
        assert_eq!(Part::at("format"), Some(Part::Format));
        let envelope = Part::at(&format!("envelopes/07/{ID}"));
        assert_eq!(envelope, Some(Part::Envelope(TipId([7; 16]))));
        let mark = |path: &str| match Part::at(path) {
            Some(Part::Item(Kind::Fetched, key)) => key,
            _ => String::new(),
        };
        assert_eq!(mark(&format!("items/fetched/07/{ID}.b")), format!("{ID}.b"));
        for elsewhere in ["", "08/", "07/07/"] {
            assert_eq!(mark(&format!("items/fetched/{elsewhere}{ID}.b")), "");
        }
        let tombstone = Part::at(&format!("items/tombstones/07/{ID}")).unwrap();
        assert_eq!(tombstone.tombstone_of(), Some(TipId([7; 16])));
        for foreign in [
            "",
            "lock",
            "format/x",
            "index/db",
            "tmp/x",
            "quarantine/x",
            "envelopes",
            "envelopes/07",
            "envelopes/08/07070707070707070707070707070707",
            "envelopes/07/07070707070707070707070707070707/x",
            "envelopes/07/note",
            "items",
            "items/fetched",
            "items/other/x",
            "items/fetched/../x",
            "items/fetched//x",
            "items/fetched/.x",
            "items/tombstones/x",
            "/format",
            "../format",
        ] {
            assert_eq!(Part::at(foreign), None, "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn no_path_leads_out_of_the_folder(path in "(items/fetched/|envelopes/|)[./a-f0-9]{0,40}") {
            if Part::at(&path).is_some() {
                prop_assert!(!path.starts_with('/') && path.split('/').all(|n| !n.starts_with('.') && !n.is_empty()));
            }
        }
    }

    #[test]
    fn files_are_found_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["items/fetched/0/b", "items/fetched/a", "items/other"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        assert_eq!(
            below(folder.path(), "items/fetched").unwrap(),
            ["items/fetched/0/b", "items/fetched/a"]
        );
        assert_eq!(below(folder.path(), "").unwrap().len(), 3);
        assert!(below(folder.path(), "items/none").unwrap().is_empty());
    }

    #[test]
    fn a_store_in_use_is_known_without_taking_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_in_use(folder.path()).unwrap());
        let lock = File::create(folder.path().join("lock")).unwrap();
        assert!(!is_in_use(folder.path()).unwrap());
        lock.try_lock().unwrap();
        assert!(is_in_use(folder.path()).unwrap());
    }
}
