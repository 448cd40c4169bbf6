//! `fhirlite serve`

use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

use fhirlite::Import;
use fhirlite::Inputs;
use fhirlite::{Access, Store};
use fhirlite::{EXIT_OK, EXIT_REJECTED, Error, Kind, Result};
use fhirlite::{Options, Server};

use super::progress::{Shown, totals};

/// Serve Bulk Data $export and NDJSON files from a store, which is made if it is not there
///
/// Prints `listening on http://HOST:PORT` once it answers; SIGINT and SIGTERM end it. The manifest of
/// the 1upHealth dialect is at /bulk-data/r4/$export, the HL7 base is /fhir.
#[derive(clap::Args)]
pub struct Args {
    /// The store's file
    store: PathBuf,
    /// What to import first: files, folders, archives, or - for standard input
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// What URLs in manifests begin with, where clients reach this server by another name
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Who may read: with `required` only who is known (see `fhirlite client`), and only what is theirs
    #[arg(long, value_name = "WHO", value_enum, default_value = "off")]
    auth: Auth,
    /// Allow an address that other machines reach without --auth required: everyone there can read
    /// everything
    #[arg(long)]
    insecure: bool,
    /// How long a finished export stays, and at least how long replaced versions are kept: 90s, 15m,
    /// 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = super::duration)]
    job_ttl: Duration,
    /// Neither progress nor warnings nor a summary of the import
    #[arg(long, short)]
    quiet: bool,
}

/// Whether anything has to be shown.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Auth {
    /// Whoever reaches the address may read everything
    Off,
    /// Only who is known, and only what is theirs
    Required,
}

pub fn run(args: Args) -> Result<u8> {
    let options = Options {
        listen: args.listen,
        base_url: args.base_url,
        auth_required: args.auth == Auth::Required,
        insecure: args.insecure,
        job_ttl: Some(args.job_ttl),
        log: Some(|error| eprintln!("fhirlite: {error}")),
    };
    // What is wrong with the address is said before anything is done.
    let reserved = Server::reserve(&options)?;
    let inputs = Inputs::find(&args.paths)?;
    // One with clients is there already, and may be read-only where nothing is to be imported.
    let is_there = options.auth_required || (args.paths.is_empty() && args.store.exists());
    let store = match is_there {
        true => Store::open(&args.store)?,
        false => Store::create(&args.store)?,
    };
    reserved.check(&store)?;
    let mut code = EXIT_OK;
    if !args.paths.is_empty() {
        let mut shown = Shown::new(args.quiet, None)?;
        let done = Import::new().run(&store, &inputs, &mut shown);
        shown.finish()?;
        let report = done?;
        if !args.quiet {
            eprintln!("{}", totals(&report));
        }
        if report.rejected > 0 {
            code = EXIT_REJECTED;
        }
    }
    if store.access() == Access::ReadOnly && !args.quiet {
        eprintln!(
            "the store cannot be written: it is served read-only; exports, tokens and the audit are forgotten when the server ends"
        );
    }
    // Until now a signal ends the process at once, as it does an import; the store survives that.
    let (stop, stopped) = channel();
    ctrlc::set_handler(move || stop.send(()).unwrap_or_default())
        .map_err(|error| Error::caused(Kind::Internal, "cannot listen for signals", error))?;
    let server = reserved.serve(&store)?;
    super::print(format!("listening on {}", server.url()))?;
    let _ = stopped.recv();
    drop(server);
    Ok(code)
}
