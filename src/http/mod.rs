//! The network: one capability per file, as functions from a [`message::Request`] to a
//! [`message::Response`]; only `wire` knows what carries them.

mod credentials;
mod cross_origin;
mod download;
mod kickoff;
mod message;
mod metadata;
mod oneup;
mod operation;
mod prefer;
mod publish;
mod read;
mod route;
mod search;
mod server;
mod signed;
mod smart;
mod status;
mod token;
mod users;
mod visit;
mod wire;

pub use server::{Options, Reserved, Server};
