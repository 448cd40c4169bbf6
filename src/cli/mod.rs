//! The operator's side: one file per command, each arguments → one library call → what is printed.

mod check;
mod completions;
mod delete;
mod export;
mod get;
mod import;
mod info;
mod progress;
mod serve;

use std::io::Write;

use clap::{Parser, Subcommand};
use fhirlite::type_and_id;
use fhirlite::{Error, Kind, Result};

/// SQLite for FHIR: FHIR JSON in one SQLite file, Bulk Data $export straight from it.
#[derive(Parser)]
#[command(name = "fhirlite", version, term_width = 100, after_help = EXIT_CODES)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  all well
  1  done, but something was rejected (or was not there to be deleted)
  2  wrong usage
  3  no such file, store or resource
  4  not a fhirlite store, or one of another format
  5  another process keeps the store busy
  6  the store cannot be written
  7  the disk or the system refused
  8  the store is damaged
  9  the address cannot be listened on
 10  a fault of fhirlite's own

Example:
  fhirlite serve demo.db sample-data";

#[derive(Subcommand)]
enum Command {
    Import(import::Args),
    Serve(serve::Args),
    Export(export::Args),
    Info(info::Args),
    Get(get::Args),
    Delete(delete::Args),
    Check(check::Args),
    Completions(completions::Args),
}

/// Parses the command line and does what it says; the exit code.
pub fn run() -> Result<u8> {
    match Args::parse().command {
        Command::Import(args) => import::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Export(args) => export::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Prints a line; a reader that has gone is an error like any other, and a normal end for `main`.
fn print(line: impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Error::io("standard output", error))
}

/// Reads `Type/id`.
fn resource(text: &str) -> Result<(String, String)> {
    match type_and_id(text) {
        Some((resource_type, id)) if text.len() == resource_type.len() + 1 + id.len() => {
            Ok((resource_type.to_owned(), id.to_owned()))
        }
        _ => Err(Error::new(
            Kind::Usage,
            format!("{text}: not of the form Type/id, such as Patient/123"),
        )),
    }
}
