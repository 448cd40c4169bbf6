//! Stands in for `tls.rs` in builds without the cargo feature `tls`: no server has a certificate there.

use std::io;
use std::sync::Arc;

use socket2::Socket;

use super::stream::Stream;

/// The certificate of a server, which cannot be had in this build.
#[derive(Clone, Debug)]
pub enum Tls {}

impl Tls {
    /// A stream over a new connection.
    pub fn stream(&self, _socket: Arc<Socket>) -> io::Result<Box<dyn Stream>> {
        match *self {}
    }
}
