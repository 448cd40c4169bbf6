//! The HTTP engine: sockets, threads and framing around a [`RequestHandler`].
//!
//! Another engine replaces this folder. The rest of `http` knows only [`Listener`], [`Engine`] and
//! [`RequestHandler`]. This engine is built on `tiny_http` 0.12, which brings neither time-outs nor
//! limits, and whose responses do not show that they are truncated. So the files here set the
//! sockets' options, count the requests, end silent connections and write responses themselves.

mod accepting;
mod answering;
mod body;
mod handler;
mod listener;
mod pending;
mod response_writer;
mod running;
mod slots;
mod sockets;
mod watch;

pub use handler::RequestHandler;
pub use listener::Listener;
pub use running::Engine;
