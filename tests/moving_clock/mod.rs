//! A clock for the real programs that a test puts forward: Debian's libfaketime, loaded into each
//! of them.

use std::{ffi::OsString, path::PathBuf, time::SystemTime};

use sealpost::clock::Day;
use tempfile::TempDir;

/// What moves the clock of every program that is started with [`MovingClock::environment`], and of
/// those that run already.
pub(crate) struct MovingClock {
    library: PathBuf,
    folder: TempDir,
}

impl MovingClock {
    /// `None`, and a line, where libfaketime is missing; CI may not skip it.
    pub(crate) fn find() -> Option<Self> {
        let mut found = std::fs::read_dir("/usr/lib")
            .unwrap()
            .map(|entry| entry.unwrap().path().join("faketime/libfaketimeMT.so.1"));
        let library = found.find(|path| path.exists());
        assert!(library.is_some() || !crate::newsroom::in_ci(), "CI needs Debian's faketime");
        if library.is_none() {
            eprintln!("skipped: no libfaketime (Debian's package faketime)");
        }
        Some(Self { library: library?, folder: TempDir::new().unwrap() })
    }

    /// Puts the clock to noon (UTC) of this day; from there it runs as ever.
    #[expect(clippy::disallowed_methods, reason = "how far it is put forward")]
    pub(crate) fn noon_of(&self, day: Day) {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let noon = day.start().0 + 12 * 60 * 60;
        let forward = noon - i64::try_from(since_1970.as_secs()).unwrap();
        // as a whole or not at all: programs read it whenever they ask for the time
        let beside = self.folder.path().join("new");
        std::fs::write(&beside, format!("{forward:+}\n")).unwrap();
        std::fs::rename(beside, self.hands()).unwrap();
    }

    fn hands(&self) -> PathBuf {
        self.folder.path().join("hands")
    }

    /// The variables by which a program sees a clock that is ahead of the right one by so much (`+8d`), however this
    /// one stands.
    pub(crate) fn ahead(&self, by: &str) -> Vec<(&'static str, OsString)> {
        let mut environment = self.environment();
        environment.retain(|(name, _)| *name != "FAKETIME_TIMESTAMP_FILE");
        environment.push(("FAKETIME", by.into()));
        environment
    }

    /// The variables by which a program sees this clock. Only the time of day is moved: waiting
    /// takes as long as ever.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("LD_PRELOAD", self.library.clone().into()),
            ("FAKETIME_TIMESTAMP_FILE", self.hands().into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ]
    }
}
