//! The other end of a connection, and how it got here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The other end of a connection, as the system tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A machine with this address.
    Address(IpAddr),
    /// A process on this machine, over a Unix socket.
    Unix,
}

impl Peer {
    /// The address that stands for the peer where clients are counted and take turns. Those on Unix sockets
    /// share one, which no machine has.
    pub fn address(self) -> IpAddr {
        match self {
            Peer::Address(address) => address.to_canonical(),
            Peer::Unix => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }
}

/// What a URL of this server begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

impl Scheme {
    /// The scheme as a URL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }

    /// The port of URLs that name none.
    pub fn port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The other end.
    pub peer: Peer,
    /// The address at which it arrived; `None` for a Unix socket.
    pub local: Option<SocketAddr>,
    /// Whether it speaks TLS.
    pub scheme: Scheme,
}
