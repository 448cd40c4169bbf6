//! The connections of this process, found among its open files: `tiny_http` hides its sockets.

use std::net::{Shutdown, SocketAddr};

use socket2::Socket;

/// A copy of the socket that is connected to `client`.
pub fn find(client: SocketAddr) -> Option<Socket> {
    sockets().find(|socket| client_of(socket) == Some(client))
}

/// The clients that are connected to a port of this process.
pub fn clients_at(port: u16) -> Vec<SocketAddr> {
    let is_at_port = |socket: &Socket| {
        let local = socket.local_addr().ok().and_then(|address| address.as_socket());
        local.is_some_and(|address| address.port() == port)
    };
    sockets().filter(is_at_port).filter_map(|socket| client_of(&socket)).collect()
}

/// Ends the connection to a client, also in the middle of a response.
pub fn disconnect(client: SocketAddr) {
    if let Some(socket) = find(client) {
        let _ = socket.shutdown(Shutdown::Both);
    }
}

fn client_of(socket: &Socket) -> Option<SocketAddr> {
    socket.peer_addr().ok()?.as_socket()
}

/// Copies of this process's sockets, one after the other.
#[cfg(unix)]
fn sockets() -> impl Iterator<Item = Socket> {
    use std::os::fd::BorrowedFd;
    let open = std::fs::read_dir("/dev/fd").into_iter().flatten().flatten();
    open.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|number| *number > 2)
        .filter_map(|number| {
            // SAFETY: the descriptor is borrowed for calls that fail harmlessly if another thread
            // has closed it since. The copy belongs to us and stays open.
            let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
            socket2::SockRef::from(&descriptor).r#type().ok()?;
            let copy = Socket::from(descriptor.try_clone_to_owned().ok()?);
            if copy.r#type().is_err() {
                // The number has become a file of SQLite in the meantime. Closing the copy of that
                // file would drop this process's locks on it.
                std::mem::forget(copy);
                return None;
            }
            Some(copy)
        })
}

/// On other systems connections stay as `tiny_http` leaves them.
#[cfg(not(unix))]
fn sockets() -> impl Iterator<Item = Socket> {
    std::iter::empty()
}
