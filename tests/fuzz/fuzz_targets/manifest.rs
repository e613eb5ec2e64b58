//! A backup's manifest: any bytes are read without a panic, what is read is written the same, and no
//! path leads out of the backup's folder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealpost::gateway::backup::manifest::Manifest;

fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    assert_eq!(manifest.encode(), bytes);
    for line in manifest.lines() {
        assert!(line.path.split('/').all(|name| !name.is_empty() && !name.starts_with('.')));
        assert_eq!(manifest.get(&line.path), Some(line.sha256));
    }
});
