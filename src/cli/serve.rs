//! `fhirlite serve`: serves a store until a signal ends it.

use std::path::PathBuf;
use std::time::Duration;

use fhirlite::{
    Access, EXIT_OK, EXIT_REJECTED, Import, Inputs, Options, Result, Server, Store,
};

use super::output::print;
use super::progress::{ImportDisplay, totals};
use super::signals::Signals;
use super::value::duration;

/// Serve Bulk Data $export and NDJSON files from a store; makes the store if there is none
///
/// Prints `listening on http://HOST:PORT` when it is ready; SIGINT and SIGTERM end it. The manifest of
/// the 1upHealth dialect is at /bulk-data/r4/$export, the HL7 base is /fhir.
#[derive(clap::Args)]
pub struct ServeArgs {
    /// The store's file
    store: PathBuf,
    /// Import these first: files, folders, archives, or - for standard input
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The address to listen on; port 0 takes a free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    listen: String,
    /// The beginning of the URLs in manifests, if clients reach this server by another name
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// With `required`, only registered clients may read (see `fhirlite client`), and only their data
    #[arg(long, value_name = "WHO", value_enum, default_value = "off")]
    auth: Auth,
    /// Allow an address that other machines can reach, without --auth required: everyone there can
    /// read everything
    #[arg(long)]
    insecure: bool,
    /// How long finished exports stay, and replaced versions at least: 90s, 15m, 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    job_ttl: Duration,
    /// Print no progress, warnings or summary of the import
    #[arg(long, short)]
    quiet: bool,
}

/// Whether requests must be authenticated.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Auth {
    /// Everyone who reaches the address may read everything
    Off,
    /// Only registered clients may read, and only their data
    Required,
}

pub fn run(args: ServeArgs) -> Result<u8> {
    let auth_required = args.auth == Auth::Required;
    let mut options = Options::new()
        .listen(args.listen)
        .auth_required(auth_required)
        .insecure(args.insecure)
        .job_ttl(args.job_ttl)
        .log(|error| eprintln!("fhirlite: {error}"));
    if let Some(url) = args.base_url {
        options = options.base_url(url);
    }
    // A wrong address is reported before anything is done.
    let bound = Server::bind(&options)?;
    let inputs = Inputs::find(&args.paths)?;
    let signals = Signals::catch()?;
    // A store with clients exists. It may be read-only, unless there is something to import.
    let exists = auth_required || (args.paths.is_empty() && args.store.exists());
    let store = if exists { Store::open(&args.store)? } else { Store::create(&args.store)? };
    bound.check(&store)?;
    let mut code = EXIT_OK;
    if !args.paths.is_empty() {
        let mut display = ImportDisplay::new(args.quiet, None, signals.flag())?;
        let done = Import::new().run(&store, &inputs, &mut display);
        display.finish()?;
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
    let server = bound.serve(&store)?;
    print(format!("listening on {}", server.url()))?;
    signals.wait();
    drop(server);
    Ok(code)
}
