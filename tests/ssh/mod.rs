//! Stock OpenSSH as the operator's second program: keys in files, keys in a hardware key made of
//! software (`tests/authenticator`), and the very commands that `sealpost-operator` prints.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use sealpost::{publication, roster::NewsroomId};
use tempfile::TempDir;

use crate::newsroom::Newsroom;

/// A key pair that `ssh-keygen` made outside the newsroom's folder.
pub(crate) struct Key {
    pub(crate) private: PathBuf,
    pub(crate) public: PathBuf,
    pub(crate) id: NewsroomId,
}

impl Key {
    /// In a file.
    pub(crate) fn in_file(newsroom: &Newsroom, name: &str) -> Self {
        Self::made(newsroom, name, &["-t", "ed25519"])
    }

    /// In a hardware key; the file holds its handle.
    pub(crate) fn in_hardware(newsroom: &Newsroom, name: &str) -> Self {
        Self::made(newsroom, name, &["-t", "ed25519-sk", "-w", text(&authenticator())])
    }

    fn made(newsroom: &Newsroom, name: &str, kind: &[&str]) -> Self {
        let private = newsroom.path(name);
        let file = ["-q", "-N", "", "-C", "made by a test", "-f", text(&private)];
        must(ssh_keygen().args(kind).args(file));
        Self::at(private)
    }

    /// One that is there.
    pub(crate) fn at(private: PathBuf) -> Self {
        let public = private.with_extension("pub");
        let id = publication::read_pin(text(&public)).unwrap();
        Self { private, public, id }
    }

    /// Signs a file by `ssh-keygen -Y sign`, in place of a signature that is there.
    pub(crate) fn sign(&self, namespace: &str, file: &Path) {
        self.sign_with_flags("01", namespace, file);
    }

    /// The same with what the hardware key claims of the moment, in hexadecimal.
    pub(crate) fn sign_with_flags(&self, flags: &str, namespace: &str, file: &Path) {
        let _ = fs::remove_file(signature(file));
        let what = ["-q", "-Y", "sign", "-f", text(&self.private), "-n", namespace, text(file)];
        must(ssh_keygen().args(what).env("AUTHENTICATOR_FLAGS", flags));
    }

    /// Whether `ssh-keygen -Y verify` takes a roster's signature as this key's.
    pub(crate) fn openssh_accepts(&self, json: &Path, signature: &Path) -> bool {
        let folder = TempDir::new().unwrap();
        let allowed = folder.path().join("allowed_signers");
        let public = fs::read_to_string(&self.public).unwrap();
        fs::write(&allowed, format!("newsroom {public}")).unwrap();
        let how = ["-Y", "verify", "-I", "newsroom", "-n", "sealpost-roster"];
        let files = ["-f", text(&allowed), "-s", text(signature)];
        let roster = fs::File::open(json).unwrap();
        ssh_keygen().args(how).args(files).stdin(roster).output().unwrap().status.success()
    }
}

/// Runs the commands that the operator was told, word for word but for KEY.
pub(crate) fn sign_as_told(newsroom: &Newsroom, told: &str, keys: &[&Key]) {
    let lines: Vec<_> = told.lines().collect();
    let mut signed = 0;
    for pair in lines.windows(2) {
        let Some(who) = pair[0].strip_prefix("Sign with ") else { continue };
        let key = keys.iter().find(|key| who.starts_with(&key.id.to_string()));
        let key = key.unwrap_or_else(|| panic!("nobody has {who}"));
        let command = pair[1].trim().replace(" -f KEY ", &format!(" -f {} ", text(&key.private)));
        must(Command::new("sh").args(["-c", &command]).current_dir(newsroom.path("")));
        signed += 1;
    }
    assert_eq!(signed, keys.len(), "{told}");
}

/// Signs what an act left waiting, and finishes it.
pub(crate) fn sign_and_finish(newsroom: &Newsroom, told: &str, keys: &[&Key]) -> String {
    sign_as_told(newsroom, told, keys);
    newsroom.ok("operator", "finish --dir operator")
}

/// Where `ssh-keygen -Y sign` puts the signature of a file.
pub(crate) fn signature(file: &Path) -> PathBuf {
    PathBuf::from(format!("{}.sig", text(file)))
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ssh_keygen() -> Command {
    Command::new("ssh-keygen")
}

fn must(command: &mut Command) -> Output {
    let done = command
        .env("SSH_SK_PROVIDER", authenticator())
        .stdin(Stdio::null())
        .output()
        .expect("ssh-keygen is installed (Debian: openssh-client)");
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{command:?}: {error}");
    done
}

/// The hardware key made of software, compiled once.
fn authenticator() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = root.join("tests/authenticator/authenticator.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authenticator.so");
        // beside and renamed: another run of the tests may be using the one that is there
        let new = library.with_extension(std::process::id().to_string());
        let built = Command::new("gcc")
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o"])
            .args([&new, &source])
            .arg("-lcrypto")
            .status()
            .expect("gcc is installed");
        assert!(built.success(), "libcrypto's headers are there (Debian: libssl-dev)");
        fs::rename(new, &library).unwrap();
        library
    };
    BUILT.get_or_init(build).clone()
}
