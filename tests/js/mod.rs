//! Runs `age.mjs` with node, on npm packages that are installed when they are missing.

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
    #[expect(clippy::print_stdout, reason = "what was skipped must be seen")]
    pub(crate) fn find() -> Option<&'static Self> {
        static NODE: OnceLock<Result<Node, String>> = OnceLock::new();
        match NODE.get_or_init(Self::install) {
            Ok(node) => Some(node),
            Err(why) => {
                assert!(std::env::var_os("CI").is_none(), "needed here: {why}");
                println!("skipped: {why}");
                None
            }
        }
    }

    fn install() -> Result<Self, String> {
        let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../npm");
        let version = output("node", ["--version"])?;
        let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
        if major.parse::<u32>().map_or(true, |major| major < 20) {
            return Err(format!("node is too old ({}); 20 is needed", version.trim()));
        }
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

fn output<const N: usize>(program: &str, arguments: [&str; N]) -> Result<String, String> {
    finished(Command::new(program).args(arguments))
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
