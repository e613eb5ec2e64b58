//! Whether one `syncfs(2)` may stand for the syncs of many files.

use std::{fs::File, path::Path};

use rustix::fs::FsWord;

/// File systems of which it is known: ext4 (and its forebears), XFS, btrfs, F2FS, tmpfs. What one in
/// another program or on another machine does is not.
const KNOWN: [FsWord; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];

/// True if `syncfs` makes all durable on the file system of `folder`, and tells of what could not be
/// written; false also where that cannot be found out.
pub(in crate::gateway) fn syncfs_tells_the_truth(folder: &Path) -> bool {
    let kind = File::open(folder).map(rustix::fs::fstatfs);
    let Ok(Ok(disk)) = kind else { return false };
    KNOWN.contains(&disk.f_type) && tells_errors(rustix::system::uname().release().to_bytes())
}

/// Before Linux 5.8, `syncfs` kept silent about what could not be written.
fn tells_errors(release: &[u8]) -> bool {
    let mut numbers = release
        .split(|byte| !byte.is_ascii_digit())
        .map(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else {
        return false;
    };
    (major, minor) >= (5, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_are_known_by_their_release() {
        for release in ["5.8", "5.10.0-28-amd64", "6.1.0", "10.0-rc1"] {
            assert!(tells_errors(release.as_bytes()), "{release}");
        }
        for release in ["5.7.19", "4.19.0-6-amd64", "", "six", "5", "5.", ".8"] {
            assert!(!tells_errors(release.as_bytes()), "{release}");
        }
    }

    #[test]
    fn what_cannot_be_looked_at_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!syncfs_tells_the_truth(&folder.path().join("none")));
        let memory = Path::new("/dev/shm");
        let release = rustix::system::uname();
        assert_eq!(syncfs_tells_the_truth(memory), tells_errors(release.release().to_bytes()));
    }
}
