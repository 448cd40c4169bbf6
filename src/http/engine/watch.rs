//! Watches a running engine: ends silent connections, and starts accepting anew where it has failed.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::accepting::Accepting;
use super::body::is_timeout;
use super::sockets::{clients_at, disconnect};
use crate::error::{Error, Kind};

/// The longest time that a connection may be open without a request.
const SILENT: Duration = Duration::from_secs(20);
/// The time between two looks at the connections, and the patience of [`knock`].
const ROUND: Duration = Duration::from_secs(5);

/// Watches until the engine stops.
pub fn watch(accepting: &Accepting, address: SocketAddr) {
    let answering = &accepting.answering;
    let mut silent_since: HashMap<SocketAddr, Instant> = HashMap::new();
    while !answering.stop.is_given_within(ROUND) {
        end_silent_connections(accepting, address.port(), &mut silent_since);
        // Where all slots are taken, waiting is right.
        let may_help = answering.slots.has_room() && accepting.may_grow();
        if may_help && !knock(address, ROUND) && !answering.stop.is_given() {
            let what = "the server accepts no connections; accepting anew";
            answering.handler.log(&Error::new(Kind::Io, what));
            if let Err(error) = accepting.start_thread() {
                answering.handler.log(&error);
            }
        }
    }
}

/// Ends the connections that have been silent for too long.
fn end_silent_connections(
    accepting: &Accepting,
    port: u16,
    silent_since: &mut HashMap<SocketAddr, Instant>,
) {
    // Connections first: a request that arrives in between makes its client a busy one.
    let connected = clients_at(port);
    let busy: HashSet<SocketAddr> = accepting.answering.clients().into_iter().collect();
    let silent: HashSet<SocketAddr> =
        connected.into_iter().filter(|client| !busy.contains(client)).collect();
    silent_since.retain(|client, _| silent.contains(client));
    for client in silent {
        if silent_since.entry(client).or_insert_with(Instant::now).elapsed() > SILENT {
            disconnect(client);
        }
    }
}

/// True if the server at `address` answers within `patience`, or if a connection is not even possible.
fn knock(address: SocketAddr, patience: Duration) -> bool {
    let address = match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, address.port()).into(),
    };
    let Ok(mut socket) = TcpStream::connect_timeout(&address, patience) else {
        return true;
    };
    let _ = socket.set_read_timeout(Some(patience));
    let sent = socket.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut first = [0];
    match sent.and_then(|()| socket.read(&mut first)) {
        Ok(_) => true,
        Err(error) => !is_timeout(&error),
    }
}
