//! The listening socket: an address first, connections later, none once it is told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::doors::Door;
use super::place::{ListenPlace, UNIX};
#[cfg(unix)]
use super::unix_socket::UnixSocketFile;
use crate::error::{Error, Kind, Result};

/// The time after which a silent connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// The number of connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// What a server listens on: an address, or a socket that was opened elsewhere.
///
/// An address is `host:port`, such as `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`; a port alone, `8080`
/// or `:8080`, which is one of 127.0.0.1; or `unix:` and the path of a Unix socket, which only the user who
/// runs the server may use.
#[derive(Clone, Debug)]
pub struct ListenOn(Source);

#[derive(Clone, Debug)]
enum Source {
    Address(String),
    Opened(Arc<Socket>),
}

impl ListenOn {
    /// The host and port of an address as the operator wrote it; `None` for a Unix socket and an opened one.
    pub fn authority(&self) -> Option<&str> {
        match &self.0 {
            Source::Address(address) if !address.starts_with(UNIX) => Some(address),
            _ => None,
        }
    }
}

impl From<&str> for ListenOn {
    fn from(address: &str) -> ListenOn {
        ListenOn(Source::Address(address.to_owned()))
    }
}

impl From<String> for ListenOn {
    fn from(address: String) -> ListenOn {
        ListenOn(Source::Address(address))
    }
}

impl From<TcpListener> for ListenOn {
    fn from(listener: TcpListener) -> ListenOn {
        ListenOn(Source::Opened(Arc::new(listener.into())))
    }
}

#[cfg(unix)]
impl From<UnixListener> for ListenOn {
    fn from(listener: UnixListener) -> ListenOn {
        ListenOn(Source::Opened(Arc::new(listener.into())))
    }
}

/// A socket that has its address and accepts no connections yet.
pub struct Listener {
    socket: Socket,
    place: ListenPlace,
    #[cfg(unix)]
    file: Option<UnixSocketFile>,
}

impl Listener {
    /// Binds an address, which may be a name and may have port 0; or takes a socket that has its address.
    ///
    /// # Errors
    /// `Usage` for a text that is no address, `Listen` where the address is taken.
    pub fn bind(on: &ListenOn) -> Result<Listener> {
        match &on.0 {
            Source::Address(address) => match address.strip_prefix(UNIX) {
                Some(path) => bind_unix(path),
                None => bind_tcp(address),
            },
            Source::Opened(socket) => {
                let socket = socket.try_clone().map_err(|error| refused("the socket", error))?;
                Listener::of(socket)
            }
        }
    }

    fn of(socket: Socket) -> Result<Listener> {
        let address = socket.local_addr().map_err(|error| refused("the socket", error))?;
        let place = match address.as_socket() {
            Some(address) => ListenPlace::Tcp(address),
            #[cfg(unix)]
            None if address.is_unix() => {
                let nameless = || format!("@{}", name_without_path(&address)).into();
                ListenPlace::Unix(address.as_pathname().map_or_else(nameless, PathBuf::from))
            }
            None => return Err(Error::new(Kind::Usage, "the socket has no address to listen on")),
        };
        Ok(Listener {
            socket,
            place,
            #[cfg(unix)]
            file: None,
        })
    }

    /// Where clients find the socket.
    pub fn place(&self) -> &ListenPlace {
        &self.place
    }

    /// Lets clients connect.
    ///
    /// # Errors
    /// `Listen` where another process listens on the address by now.
    pub fn listen(self) -> Result<Door> {
        let refused = |error| refused(&self.place.to_string(), error);
        #[cfg(unix)]
        if self.file.as_ref().is_some_and(|file| !file.is_own()) {
            return Err(refused(io::ErrorKind::AddrInUse.into()));
        }
        if let ListenPlace::Tcp(_) = self.place {
            // Accepted sockets inherit these options on Linux.
            self.socket.set_tcp_nodelay(true).map_err(refused)?;
            let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 6);
            self.socket.set_tcp_keepalive(&keepalive).map_err(refused)?;
        }
        self.socket.listen(BACKLOG).map_err(refused)?;
        // `accept` waits by other means than this socket, so that it can be woken.
        self.socket.set_nonblocking(true).map_err(refused)?;
        Ok(Door {
            socket: self.socket,
            place: self.place,
            #[cfg(unix)]
            _file: self.file,
        })
    }
}

/// A port alone, also after a colon, is one of 127.0.0.1: who wants to be reached from elsewhere says so.
fn bind_tcp(address: &str) -> Result<Listener> {
    let port = address.strip_prefix(':').unwrap_or(address);
    let whole = if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
        format!("127.0.0.1:{port}")
    } else {
        address.to_owned()
    };
    let resolved: Vec<SocketAddr> = match whole.to_socket_addrs() {
        Ok(resolved) => resolved.collect(),
        Err(error) => {
            let what = format!(
                "{address:?} is no address to listen on, such as 127.0.0.1:8080 or 8080, [::1]:8080 or \
                 unix:/run/fhirlite.sock"
            );
            return Err(Error::caused(Kind::Usage, what, error));
        }
    };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in resolved {
        match bind_socket(address) {
            Ok(socket) => return Listener::of(socket),
            Err(error) => last = error,
        }
    }
    Err(refused(&whole, last))
}

fn bind_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(unix)]
fn bind_unix(path: &str) -> Result<Listener> {
    if path.is_empty() {
        let what =
            "\"unix:\" names no socket; write its path behind it, as in unix:/run/fhirlite.sock";
        return Err(Error::new(Kind::Usage, what));
    }
    let path = PathBuf::from(path);
    let (socket, file) = UnixSocketFile::bind(&path)?;
    Ok(Listener { socket, place: ListenPlace::Unix(path), file: Some(file) })
}

#[cfg(not(unix))]
fn bind_unix(path: &str) -> Result<Listener> {
    let what = format!("cannot listen on {UNIX}{path}: this system has no Unix sockets");
    Err(Error::new(Kind::Usage, what))
}

/// The name of a socket of Linux that has no path.
#[cfg(unix)]
fn name_without_path(address: &socket2::SockAddr) -> String {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_namespace() {
        return String::from_utf8_lossy(name).escape_debug().collect();
    }
    let _ = address;
    String::new()
}

fn refused(address: &str, error: io::Error) -> Error {
    let error = Error::io(format!("cannot listen on {address}"), error);
    Error::caused(Kind::Listen, error.to_string(), error)
}
