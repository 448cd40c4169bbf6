//! The listening socket: an address first, connections later.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::error::{Error, Kind, Result};

/// The longest time that a client takes no bytes of a response.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
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
    pub(super) fn listen(self) -> Result<TcpListener> {
        let refused = |error| refused(&self.address.to_string(), error);
        self.socket.listen(BACKLOG).map_err(refused)?;
        Ok(self.socket.into())
    }
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
    // Accepted sockets inherit these options on Linux. A receive time-out would also end accepting.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 6),
    )?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(SEND_TIMEOUT))?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Ends listening, also on other handles of the socket.
pub(super) fn stop_listening(listener: &TcpListener) {
    // Where the system cannot do that, closing the socket will do a moment later.
    let _ = socket2::SockRef::from(listener).shutdown(Shutdown::Both);
}

/// Raises the limit of open files as far as the system allows. A connection takes two descriptors.
#[cfg(unix)]
pub(super) fn allow_many_connections() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A refusal means fewer connections.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub(super) fn allow_many_connections() {}
