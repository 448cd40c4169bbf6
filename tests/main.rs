//! Tests through the real door: the built binary, real files, real sockets, a real SQLite file.
//!
//! Each folder is about one area. `support` is the harness. A test that needs a tool this machine lacks is left out, and
//! says so.

#[cfg(not(unix))]
compile_error!("the tests send signals and set permissions: run them on Unix");

mod access;
mod arrows;
mod bulk_data;
mod cli;
mod dependencies;
mod docs;
mod editions;
mod fhir_versions;
mod fixture;
mod http;
mod import;
mod independent;
mod jobs;
mod library;
mod oneup;
mod page;
mod rest;
mod serving;
mod simulate;
mod soak;
mod store;
mod support;
mod views;
