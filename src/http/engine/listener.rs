//! The listening socket: an address first, connections later, none once it is told to stop.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use super::wake::Wake;
use crate::error::{Error, Kind, Result};

/// The time after which a silent connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// The number of connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A socket that has its address and accepts no connections yet.
pub struct Listener {
    socket: Socket,
    address: SocketAddr,
}

impl Listener {
    /// Binds `address`, which may be a name and may have port 0. A port alone, also after a colon, is one
    /// of 127.0.0.1: who wants to be reached from elsewhere says so.
    ///
    /// # Errors
    /// `Usage` for a text that is no address, `Listen` where the address is taken.
    pub fn bind(address: &str) -> Result<Listener> {
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
                    "{address:?} is no address to listen on, such as 127.0.0.1:8080 or 8080"
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

    fn of(socket: Socket) -> Result<Listener> {
        let address = socket.local_addr().map_err(|error| refused("the socket", error))?;
        match address.as_socket() {
            Some(address) => Ok(Listener { socket, address }),
            None => Err(Error::new(Kind::Internal, "a TCP socket without an address")),
        }
    }

    /// The address with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets clients connect.
    ///
    /// # Errors
    /// `Listen` where another process listens on the address by now.
    pub fn listen(self) -> Result<Door> {
        let refused = |error| refused(&self.address.to_string(), error);
        self.socket.listen(BACKLOG).map_err(refused)?;
        // `accept` waits by other means than this socket, so that it can be woken.
        self.socket.set_nonblocking(true).map_err(refused)?;
        Ok(Door { listener: self.socket.into(), is_anywhere: self.address.ip().is_unspecified() })
    }
}

/// A socket at which clients arrive.
pub struct Door {
    listener: TcpListener,
    /// True if the listener has several addresses, so that connections differ in theirs.
    is_anywhere: bool,
}

/// A client that has arrived.
pub struct Arrival {
    /// The connection.
    pub socket: TcpStream,
    /// The client's address.
    pub client: SocketAddr,
    /// The address at which it arrived, if the server listens on several.
    pub local: Option<SocketAddr>,
}

impl Door {
    /// Waits for the next client; `None` once `wake` is given.
    ///
    /// # Errors
    /// Where the system refuses, for example because too many files are open.
    pub fn accept(&self, wake: &Wake) -> io::Result<Option<Arrival>> {
        while wake.wait_for_client(&self.listener)? {
            match self.listener.accept() {
                Ok((socket, client)) => {
                    // On some systems a socket is like its listener.
                    socket.set_nonblocking(false)?;
                    let local = socket.local_addr().ok().filter(|_| self.is_anywhere);
                    return Ok(Some(Arrival { socket, client, local }));
                }
                // The client has gone again, or another process was faster.
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind as E;
    matches!(
        error.kind(),
        E::WouldBlock | E::Interrupted | E::ConnectionAborted | E::ConnectionReset
    )
}

fn refused(address: &str, error: io::Error) -> Error {
    let error = Error::io(format!("cannot listen on {address}"), error);
    Error::caused(Kind::Listen, error.to_string(), error)
}

fn bind_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit these options on Linux.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 6),
    )?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// The number of connections that the limit of open files leaves room for, `wanted` at most. Raises that
/// limit as far as the system allows.
#[cfg(unix)]
pub fn affordable(wanted: usize) -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    /// The files of the store, of its jobs and of the process itself.
    const OTHERS: u64 = 96;
    /// A connection, and the store's file and log while a request reads them.
    const PER_CONNECTION: u64 = 3;
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A refusal means fewer connections.
    let _ = setrlimit(Resource::Nofile, limit);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = files.saturating_sub(OTHERS) / PER_CONNECTION;
    wanted.clamp(1, usize::try_from(room).unwrap_or(usize::MAX).max(1))
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub fn affordable(wanted: usize) -> usize {
    wanted.max(1)
}
