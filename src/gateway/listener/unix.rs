//! The unix socket on which a local tor daemon hands over an onion service's streams.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::UnixStream as StdUnixStream,
    },
    path::{Path, PathBuf},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader},
    net::{UnixListener, UnixStream},
};

use super::proxy_line::{self, Circuit};

/// The socket's owner and group may connect: tor runs as a user of its own, in the group.
const MODE: u32 = 0o660;

/// Small, so that all reads but the PROXY line's go straight to the socket.
const READ_AHEAD: usize = 512;

/// A listening socket whose file goes away with it.
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Binds `path`; takes the place of a socket that nobody listens on any more.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        let (stream, _) = self.listener.accept().await?;
        Ok(stream)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // a file left behind is taken away by the next start
        let _ = fs::remove_file(&self.path);
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file that is no socket",
        ));
    }
    match StdUnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(e) => Err(e),
    }
}

/// Reads the one PROXY line; what follows it is read from the stream that comes back.
pub(super) async fn after_proxy_line(
    stream: UnixStream,
) -> io::Result<(impl AsyncRead + AsyncWrite + Send + Unpin, Circuit)> {
    let (read, write) = stream.into_split();
    let mut read = BufReader::with_capacity(READ_AHEAD, read);
    let mut line = Vec::with_capacity(proxy_line::MAX_LINE);
    let at_most = u64::try_from(proxy_line::MAX_LINE).unwrap_or(u64::MAX);
    (&mut read).take(at_most).read_until(b'\n', &mut line).await?;
    let circuit = proxy_line::parse(&line).map_err(io::Error::other)?;
    Ok((tokio::io::join(read, write), circuit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_makes_way_and_a_live_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tips.sock");
        // a socket whose listener is gone, as after a power cut
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let second = Socket::bind(&path).err().unwrap();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "keep me").unwrap();
        assert!(Socket::bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "keep me");
    }
}
