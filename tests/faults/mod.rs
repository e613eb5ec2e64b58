//! Disks that fail: small ones that fill up (tmpfs), and calls that fail on demand (`faults.c`).

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::newsroom::{Gateway, Newsroom, Said, in_ci, program};

/// The name of the file that takes a disk's room.
pub(crate) const FILLER: &str = "filler";

/// A small disk mounted at a folder, until this is dropped.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where mounting is not permitted.
    pub(crate) fn mount(at: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let options = format!("size={size},mode=0700");
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", &options, "none"]).arg(&at).output();
        if done.is_ok_and(|done| done.status.success()) {
            return Some(Self(at));
        }
        assert!(!in_ci(), "mounting a tmpfs takes root");
        eprintln!("skipped: no tmpfs can be mounted here");
        None
    }

    /// Makes it larger or smaller while it is used.
    pub(crate) fn resize(&self, size: &str) {
        self.remount(&format!("size={size}"));
    }

    /// Mounts it again with another option.
    pub(crate) fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        assert!(
            Command::new("mount").args(["-o", &option]).arg(&self.0).status().unwrap().success()
        );
    }

    /// Takes all the room there is but `but` bytes.
    pub(crate) fn fill(&self, but: u64) -> PathBuf {
        let free = rustix::fs::statvfs(&self.0).unwrap();
        let free = free.f_bavail * free.f_frsize;
        let path = self.0.join(FILLER);
        let filler = fs::File::create(&path).unwrap();
        rustix::fs::fallocate(
            &filler,
            rustix::fs::FallocateFlags::empty(),
            0,
            free.saturating_sub(but),
        )
        .unwrap();
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // lazily: a gateway may still use it when a test has failed
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Faults that a gateway's files can be given.
pub(crate) struct Faults {
    control: PathBuf,
}

impl Faults {
    /// Serves from a disk that fails when told to; the faults are about files below the store.
    pub(crate) fn serve(newsroom: &Newsroom) -> (Self, Gateway, Said) {
        let control = newsroom.path("faults");
        let mut command = Command::new(program("gateway"));
        command
            .env("LD_PRELOAD", library())
            .env("FAULTS", &control)
            .env("FAULTS_BELOW", newsroom.path("gateway/store"));
        let (gateway, said) = newsroom.serve_as_and_hear(command);
        (Self { control }, gateway, said)
    }

    /// From now on these fail, each `CALL NUMBER PART` (see `faults.c`).
    pub(crate) fn begin(&self, faults: &str) {
        let beside = self.control.with_extension("new");
        fs::write(&beside, faults).unwrap();
        fs::rename(beside, &self.control).unwrap();
    }

    /// From now on nothing fails.
    pub(crate) fn end(&self) {
        fs::remove_file(&self.control).unwrap();
    }
}

fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/faults.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults.so");
        // beside and renamed: another run of the tests may be using the one that is there
        let new = library.with_extension(std::process::id().to_string());
        let built = Command::new("gcc")
            .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o"])
            .args([&new, &source])
            .status()
            .expect("gcc is installed");
        assert!(built.success());
        fs::rename(new, &library).unwrap();
        library
    })
}
