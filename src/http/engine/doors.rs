//! The sockets at which clients arrive, served by one thread.

use std::io;
use std::net::SocketAddr;

use socket2::Socket;

use super::place::ListenPlace;
#[cfg(unix)]
use super::unix_socket::UnixSocketFile;
use super::wake::Wake;
use crate::http::peer::Peer;

/// A socket at which clients arrive.
pub struct Door {
    /// The socket, whose calls do not wait.
    pub socket: Socket,
    /// Where clients find it.
    pub place: ListenPlace,
    /// Removed with the door.
    #[cfg(unix)]
    pub _file: Option<UnixSocketFile>,
}

/// A client that has arrived.
pub struct Arrival {
    /// The connection.
    pub socket: Socket,
    /// The client, or a proxy before it.
    pub peer: Peer,
    /// The address at which it arrived; `None` for a Unix socket.
    pub local: Option<SocketAddr>,
}

impl Door {
    /// The next client, without waiting for it.
    fn accept(&self) -> io::Result<Arrival> {
        let (socket, peer) = self.socket.accept()?;
        // On some systems a socket is like its listener.
        socket.set_nonblocking(false)?;
        let peer = peer.as_socket().map_or(Peer::Unix, |address| Peer::Address(address.ip()));
        let local = match &self.place {
            ListenPlace::Unix(_) => None,
            ListenPlace::Tcp(address) if address.ip().is_unspecified() => {
                let local = socket.local_addr().ok().and_then(|address| address.as_socket());
                // A socket for both versions of IP writes addresses of IPv4 in its own way.
                local.map(|local| SocketAddr::new(local.ip().to_canonical(), local.port()))
            }
            ListenPlace::Tcp(address) => Some(*address),
        };
        Ok(Arrival { socket, peer, local })
    }
}

/// All sockets of a server.
pub struct Doors {
    doors: Vec<Door>,
    /// The door that comes first where clients arrive at several.
    first: usize,
}

impl Doors {
    /// These doors; at least one.
    pub fn new(doors: Vec<Door>) -> Doors {
        Doors { doors, first: 0 }
    }

    /// Waits for the next client; `None` once `wake` is given.
    ///
    /// # Errors
    /// Where the system refuses, for example because too many files are open.
    pub fn accept(&mut self, wake: &Wake) -> io::Result<Option<Arrival>> {
        let sockets: Vec<&Socket> = self.doors.iter().map(|door| &door.socket).collect();
        while let Some(ready) = wake.wait_for_client(&sockets, self.first)? {
            self.first = (ready + 1) % sockets.len();
            match self.doors[ready].accept() {
                Ok(arrival) => return Ok(Some(arrival)),
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
