//! The HTTP engine: sockets, threads and framing around a [`RequestHandler`].
//!
//! HTTP/1.1 as <https://www.rfc-editor.org/rfc/rfc9112> has it, blocking: a thread for each connection,
//! handlers that are functions, bodies that are written straight from the store to the socket. A crate
//! does not do this: those that block have neither limits nor time-outs, and the others are not blocking.
//!
//! - `listener` has the addresses, `unix_socket` the files of Unix sockets; `doors` and `wake` accept connections.
//! - `running` begins and ends; `connections` knows which connections are open, `connection_threads` lends them
//!   threads, `open_files` says how many there may be.
//! - `stream` is what a connection reads and writes; `tls` has the certificate, `tls_stream` the connections with it.
//! - `connection` is the life of one: `inbound` reads, `head_end` and `head` make requests of bytes,
//!   `framing`, `body` and `chunks` know their bodies.
//! - `places` and `downloads` say who is worked for; `response` and `outbound` write the answers.
//! - `numbers` says how much there is to do; `limits` holds the numbers that are granted, `seldom` keeps the log
//!   short, `refusal` the answers to what is no request.
//!
//! Another engine replaces this folder. The rest of `http` knows only what is exported here.

mod body;
mod chunks;
mod connection;
mod connection_threads;
mod connections;
mod doors;
mod downloads;
mod framing;
#[cfg(test)]
mod fuzzed;
mod handler;
mod head;
mod head_end;
mod inbound;
mod limits;
mod listener;
mod numbers;
mod open_files;
mod outbound;
mod place;
mod places;
mod refusal;
mod response;
mod running;
#[cfg(test)]
mod scripted;
mod seldom;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "tls_off.rs"]
mod tls;
#[cfg(feature = "tls")]
mod tls_stream;
#[cfg(unix)]
mod unix_socket;
mod wake;

pub use handler::RequestHandler;
pub use limits::Limits;
pub use listener::{ListenOn, Listener};
pub use numbers::EngineState;
pub use place::ListenPlace;
pub use running::Engine;
pub use tls::Tls;
