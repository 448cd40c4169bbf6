//! The command line: one file per command, which turns arguments into library calls and prints the result.

mod audit;
mod check;
mod client;
mod completions;
mod delete;
mod export;
mod get;
mod import;
mod info;
mod key;
mod progress;
mod serve;
mod token;
mod user;

use std::io::Write;
use std::time::Duration;

use clap::{Parser, Subcommand};
use fhirlite::type_and_id;
use fhirlite::{Error, Kind, Result};

/// SQLite for FHIR: FHIR JSON in one SQLite file, Bulk Data $export straight from it.
#[derive(Parser)]
#[command(name = "fhirlite", version, term_width = 100, after_help = EXIT_CODES)]
struct CommandLine {
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
    Import(import::ImportArgs),
    Serve(serve::ServeArgs),
    Export(export::ExportArgs),
    Info(info::InfoArgs),
    Get(get::GetArgs),
    Delete(delete::DeleteArgs),
    Check(check::CheckArgs),
    Client(client::ClientArgs),
    User(user::UserArgs),
    Token(token::TokenArgs),
    Key(key::KeyArgs),
    Audit(audit::AuditArgs),
    Completions(completions::CompletionsArgs),
}

/// Parses the command line and runs its command. Returns the exit code.
pub fn run() -> Result<u8> {
    match CommandLine::parse().command {
        Command::Import(args) => import::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Export(args) => export::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Client(args) => client::run(&args),
        Command::User(args) => user::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Prints a line. A closed pipe is an error here, and a normal end for `main`.
fn print(line: impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Error::io("standard output", error))
}

/// Prints a value as one line of JSON.
fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::caused(Kind::Internal, "the output is no JSON", error))?;
    print(text)
}

/// Reads a number with a unit: `90s`, `15m`, `24h`, `7d`.
fn duration(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || format!("{text:?} should be a number with s, m, h or d, such as 24h");
    let (at, unit) = text.char_indices().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        // A thousand years at most: microseconds must not overflow.
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.min(1000 * 365 * 86_400))),
        _ => Err(wrong()),
    }
}

/// Reads `Type/id`.
fn parse_resource(text: &str) -> Result<(String, String)> {
    match type_and_id(text) {
        Some((resource_type, id)) => Ok((resource_type.to_owned(), id.to_owned())),
        None => Err(Error::new(
            Kind::Usage,
            format!("{text}: not of the form Type/id, such as Patient/123"),
        )),
    }
}
