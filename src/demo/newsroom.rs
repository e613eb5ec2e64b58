//! The newsroom's folder, and its people: each command is a process of its own, this very program
//! with the role as its first argument, as an operator or a reviewer would type it.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, bail};

/// The folder that holds all the demo makes.
pub(super) struct Newsroom {
    dir: PathBuf,
    program: PathBuf,
    passphrases: PathBuf,
}

impl Newsroom {
    /// Sets up in `dir`, which must be new or empty.
    pub(super) fn new(dir: &Path) -> anyhow::Result<Self> {
        crate::disk::private_folder(dir)?;
        if std::fs::read_dir(dir)?.next().is_some() {
            bail!("{} is not empty: name a new folder, or empty it first", dir.display());
        }
        let dir = dir.canonicalize()?;
        let passphrases = dir.join("passphrase");
        crate::disk::write_private(&passphrases, b"a demo has no secrets\n")?;
        Ok(Self { dir, program: std::env::current_exe()?, passphrases })
    }

    /// A path inside the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Runs one command of a role to its end; what it printed comes back.
    pub(super) fn run<A: AsRef<OsStr>>(&self, role: &str, args: &[A]) -> anyhow::Result<String> {
        let (ok, out, err) = self.attempt(role, args)?;
        if !ok {
            bail!("sealpost-{role} failed:\n{out}{err}");
        }
        Ok(out)
    }

    /// Runs one command that is meant to fail; its complaint comes back.
    pub(super) fn refused<A: AsRef<OsStr>>(
        &self,
        role: &str,
        args: &[A],
    ) -> anyhow::Result<String> {
        match self.attempt(role, args)? {
            (false, _, complaint) => Ok(complaint),
            (true, out, _) => bail!("sealpost-{role} did what it should have refused:\n{out}"),
        }
    }

    fn attempt<A: AsRef<OsStr>>(
        &self,
        role: &str,
        args: &[A],
    ) -> anyhow::Result<(bool, String, String)> {
        let done = self.command(role, args).stdin(Stdio::null()).output()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((done.status.success(), text(done.stdout), text(done.stderr)))
    }

    fn command<A: AsRef<OsStr>>(&self, role: &str, args: &[A]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(role)
            .args(args)
            .env("SEALPOST_PASSPHRASE_FILE", &self.passphrases)
            .current_dir(&self.dir);
        command
    }

    /// Starts the gateway; it serves until it is dropped.
    pub(super) fn serve(&self, config: &Path) -> anyhow::Result<RunningGateway> {
        let args = [OsStr::new("serve"), OsStr::new("--config"), config.as_os_str()];
        let mut process =
            self.command("gateway", &args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().context("the gateway's output is piped")?;
        let mut gateway = RunningGateway {
            process,
            output: BufReader::new(output),
            tips: String::new(),
            desk: String::new(),
        };
        gateway.tips = gateway.ready("tips")?;
        gateway.desk = gateway.ready("desk")?;
        Ok(gateway)
    }
}

/// A gateway that serves; it is told to stop when this is dropped.
pub(super) struct RunningGateway {
    process: Child,
    output: BufReader<ChildStdout>,
    /// The form's address.
    pub(super) tips: String,
    /// The desk's address.
    pub(super) desk: String,
}

impl RunningGateway {
    /// Reads the line that says where a listener is bound.
    fn ready(&mut self, serves: &str) -> anyhow::Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        line.trim()
            .strip_prefix(&format!("ready {serves} "))
            .map(str::to_owned)
            .context("the gateway did not start; its reason stands above")
    }

    /// The process's number, for those who want to watch it.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for RunningGateway {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // it may have ended by itself, at Ctrl-C for example: then there is nothing to do
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}
