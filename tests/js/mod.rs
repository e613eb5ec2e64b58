//! Runs `age.mjs` with node, on npm packages that are installed when they are missing, and scripts
//! that need none.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

const PACKAGES: [(&str, &str); 2] = [("age-encryption", "0.3.1"), ("cctv-age", "0.2.0")];

/// `None` where node or npm is missing, which is said, and is a failure when `CI` is set.
pub(crate) struct Node {
    packages: PathBuf,
}

impl Node {
    pub(crate) fn find() -> Option<&'static Self> {
        static NODE: OnceLock<Result<Node, String>> = OnceLock::new();
        match NODE.get_or_init(Self::install) {
            Ok(node) => Some(node),
            Err(why) => {
                skip(why);
                None
            }
        }
    }

    fn install() -> Result<Self, String> {
        let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../npm");
        is_new_enough()?;
        let installed = |(name, version): &(&str, &str)| {
            let path = packages.join("node_modules").join(name).join("package.json");
            std::fs::read_to_string(path)
                .is_ok_and(|text| text.contains(&format!("\"version\": \"{version}\"")))
        };
        if !PACKAGES.iter().all(installed) {
            std::fs::create_dir_all(&packages).map_err(|error| error.to_string())?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]);
            npm.arg("--prefix").arg(&packages);
            npm.args(PACKAGES.map(|(name, version)| format!("{name}@{version}")));
            finished(&mut npm)?;
        }
        Ok(Self { packages })
    }

    /// Runs `age.mjs` with a command and its file or folder.
    pub(crate) fn run(&self, command: &str, target: &Path) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js/age.mjs");
        let mut node = Command::new("node");
        node.arg(script).arg(&self.packages).arg(command).arg(target);
        if let Err(why) = finished(&mut node) {
            panic!("{why}");
        }
    }
}

/// What a script of this folder that needs no package prints about a file; `None` as
/// [`Node::find`].
pub(crate) fn run_alone(script: &str, file: &Path) -> Option<String> {
    if let Err(why) = is_new_enough() {
        skip(&why);
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/js").join(script);
    let printed = finished(Command::new("node").arg(script).arg(file));
    Some(printed.unwrap_or_else(|why| panic!("{why}")))
}

#[expect(clippy::print_stdout, reason = "what was skipped must be seen")]
fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "needed here: {why}");
    println!("skipped: {why}");
}

fn is_new_enough() -> Result<(), String> {
    let version = finished(Command::new("node").arg("--version"))?;
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    if major.parse::<u32>().map_or(true, |major| major < 20) {
        return Err(format!("node is too old ({}); 20 is needed", version.trim()));
    }
    Ok(())
}

/// What a program printed, or why it failed.
fn finished(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name} does not run ({error})"))?;
    if !done.status.success() {
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        let last = command.get_args().last().unwrap_or(OsStr::new(""));
        return Err(format!("{name} … {} failed: {told}", last.to_string_lossy()));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
