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
    /// Allow an address that other machines reach: everyone there can read everything
    #[arg(long)]
    insecure: bool,
    /// How long a finished export stays, and at least how long replaced versions are kept: 90s, 15m,
    /// 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    job_ttl: Duration,
    /// Neither progress nor warnings nor a summary of the import
    #[arg(long, short)]
    quiet: bool,
}

pub fn run(args: Args) -> Result<u8> {
    let options = Options {
        listen: args.listen,
        base_url: args.base_url,
        insecure: args.insecure,
        job_ttl: Some(args.job_ttl),
        log: Some(|error| eprintln!("fhirlite: {error}")),
    };
    // What is wrong with the address is said before anything is done.
    let reserved = Server::reserve(&options)?;
    let inputs = Inputs::find(&args.paths)?;
    let store = match args.paths.is_empty() && args.store.exists() {
        true => Store::open(&args.store)?,
        false => Store::create(&args.store)?,
    };
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
            "the store cannot be written: it is served read-only, and exports are forgotten when the server ends"
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
        // A thousand years are for ever; what is counted in microseconds must not overflow.
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.min(1000 * 365 * 86_400))),
        _ => Err(wrong()),
    }
}
