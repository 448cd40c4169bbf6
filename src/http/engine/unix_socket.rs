//! The file of a Unix socket: who may use it, whose it is, and when it goes.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::error::{Error, Kind, Result};

/// Only the user who runs the server may connect.
const MODE: u32 = 0o600;

/// The file of a socket that this process has bound. It is removed with this value, unless another process
/// has put its own there.
pub struct UnixSocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl UnixSocketFile {
    /// Binds a new socket to `path`. The file of a server that has ended is replaced.
    ///
    /// # Errors
    /// `Listen` where another server is there, where `path` is something else than a socket, or where the
    /// system refuses.
    pub fn bind(path: &Path) -> Result<(Socket, UnixSocketFile)> {
        let io = |error| refused(path, error);
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(io)?;
        socket.bind(&SockAddr::unix(path).map_err(io)?).map_err(io)?;
        // Nobody can connect before the socket listens, so the mode is right from the first client on.
        fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(io)?;
        let identity = identity(path).map_err(io)?;
        Ok((socket, UnixSocketFile { path: path.to_owned(), identity }))
    }

    /// True if the file is still that of this socket.
    pub fn is_own(&self) -> bool {
        identity(&self.path).is_ok_and(|identity| identity == self.identity)
    }
}

impl Drop for UnixSocketFile {
    fn drop(&mut self) {
        if self.is_own() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes the file of a server that has ended.
fn remove_stale(path: &Path) -> Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(path, error)),
    };
    if !metadata.file_type().is_socket() {
        let what = format!(
            "cannot listen on unix:{0}: {0} is there and is no socket; name another path, or remove it",
            path.display()
        );
        return Err(Error::new(Kind::Listen, what));
    }
    match UnixStream::connect(path) {
        // The file is there, and no process listens.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(|error| refused(path, error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refused(path, error)),
        Ok(_) => {
            let what = format!(
                "cannot listen on unix:{}: another process listens there; end it, or name another path",
                path.display()
            );
            Err(Error::new(Kind::Listen, what))
        }
    }
}

fn refused(path: &Path, error: io::Error) -> Error {
    let error = Error::io(format!("cannot listen on unix:{}", path.display()), error);
    Error::caused(Kind::Listen, error.to_string(), error)
}
