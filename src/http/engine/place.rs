//! Where a server listens, as text and in which company.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What the address of a Unix socket begins with.
pub const UNIX: &str = "unix:";

/// Where clients find a listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenPlace {
    /// An address with its real port.
    Tcp(SocketAddr),
    /// The path of a Unix socket, or the name of one that has no path.
    Unix(PathBuf),
}

impl ListenPlace {
    /// True where only this machine reaches the place.
    pub fn is_private(&self) -> bool {
        match self {
            ListenPlace::Tcp(address) => address.ip().to_canonical().is_loopback(),
            ListenPlace::Unix(_) => true,
        }
    }
}

impl fmt::Display for ListenPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenPlace::Tcp(address) => write!(f, "{address}"),
            ListenPlace::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}
