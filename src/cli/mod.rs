//! The command line: one file per command, which turns arguments into library calls and prints the result.

mod audit;
mod backup;
mod check;
mod client;
mod compact;
mod completions;
mod count_display;
mod delete;
mod export;
mod export_form;
mod get;
mod import;
mod index;
mod info;
mod key;
mod limits;
mod list;
mod listen;
mod log_lines;
mod logs;
mod output;
mod progress;
mod prune;
mod rejects;
mod search;
mod serve;
mod signals;
mod simulation;
mod store_file;
mod text_file;
mod tls;
mod token;
mod upgrade;
mod user;
mod value;
mod view;
mod view_table;
mod web_pages;

use clap::{CommandFactory, Parser, Subcommand};
use fhirlite::{Result, shown};

pub use output::tell;

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
  1  done, but something was rejected, was not there, or may be missing; or there was nothing to import
  2  wrong usage
  3  no such file, store or resource
  4  not a fhirlite store, or one of another format
  5  another process keeps the store busy
  6  the store cannot be written
  7  the disk is full, or the disk or the system refused otherwise
  8  the store is damaged
  9  the address cannot be listened on
 10  a fault of fhirlite's own
130  a signal such as Ctrl-C stopped it

Example:
  fhirlite serve demo.db sample-data";

#[derive(Subcommand)]
enum Command {
    Import(import::ImportArgs),
    Serve(Box<serve::ServeArgs>),
    Export(export::ExportArgs),
    Info(info::InfoArgs),
    Index(index::IndexArgs),
    List(list::ListArgs),
    Get(get::GetArgs),
    Search(search::SearchArgs),
    View(view::ViewArgs),
    Delete(delete::DeleteArgs),
    Check(check::CheckArgs),
    Prune(prune::PruneArgs),
    Compact(compact::CompactArgs),
    Backup(backup::BackupArgs),
    Client(client::ClientArgs),
    User(user::UserArgs),
    Token(token::TokenArgs),
    Key(key::KeyArgs),
    Audit(audit::AuditArgs),
    Completions(completions::CompletionsArgs),
}

/// Parses the command line and runs its command. Returns the exit code.
pub fn run() -> Result<u8> {
    signals::outlive_file_size_limit()?;
    match parsed().command {
        Command::Import(args) => import::run(&args),
        Command::Serve(args) => serve::run(*args),
        Command::Export(args) => export::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Index(args) => index::run(&args),
        Command::List(args) => list::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Search(args) => search::run(&args),
        Command::View(args) => view::run(&args),
        Command::Delete(args) => delete::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Prune(args) => prune::run(&args),
        Command::Compact(args) => compact::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Client(args) => client::run(&args),
        Command::User(args) => user::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Key(args) => key::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Completions(args) => completions::run(&args, &mut CommandLine::command()),
    }
}

/// Parses the command line; ends the process where it is wrong or asks for help. clap repeats arguments as they
/// are, so an argument that would rule a terminal is told in plain text.
fn parsed() -> CommandLine {
    CommandLine::try_parse().unwrap_or_else(|error| {
        let message = error.render().to_string();
        if message.lines().all(|line| shown(line) == line) {
            error.exit();
        }
        message.lines().for_each(tell);
        std::process::exit(error.exit_code())
    })
}
