//! Tests through the real door: the built binary, real files, real sockets, a real SQLite file.

mod bundles;
mod cli;
mod clients;
mod docs;
mod editions;
mod following;
mod hostile;
mod http;
mod import;
mod independent;
mod interactions;
mod jobs;
mod library;
mod limits;
mod offline;
mod properties;
mod sentences;
mod serving;
mod snapshots;
mod store;
mod support;
