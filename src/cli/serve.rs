//! `fhirlite serve`: serves a store until a signal ends it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::UnknownArgumentValueParser;
use fhirlite::clients::{ClientAuthentication, issue_token, register};
use fhirlite::{
    Access, EXIT_OK, EXIT_REJECTED, Error, Import, Inputs, Kind, Options, Result, Server, Store,
    UpdateCadence,
};

use super::limits::LimitArgs;
use super::listen::ListenArgs;
use super::listen::host_name;
use super::logs::LogArgs;
use super::output::{opened, print, tell};
use super::progress::{ImportDisplay, totals};
use super::signals::Signals;
use super::simulation::SimulationArgs;
use super::store_file::{ImportTarget, remove_unused, tell_nothing_found};
use super::tls::TlsArgs;
use super::upgrade::announced;
use super::value::duration;
use super::web_pages::WebPageArgs;

/// The name of a store that lies in memory alone.
const IN_MEMORY: &str = ":memory:";

/// How long the access token of a store in memory is valid.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Serve Bulk Data $export and NDJSON files from a store; makes the store if there is none
///
/// Prints `listening on http://HOST:PORT` when it is ready, a line for each address; SIGINT and SIGTERM end it, a second one at once.
/// The manifest of the 1upHealth dialect is at /bulk-data/r4/$export (dstu2 or stu3 for a store of that
/// version), the HL7 base is /fhir. The STORE `:memory:` is nowhere on the disk: it holds what the PATHs hold,
/// and ends with the server.
#[derive(clap::Args)]
pub struct ServeArgs {
    /// The store's file, or :memory:
    store: PathBuf,
    /// Import these first: files, folders, archives, or - for standard input
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    listen: ListenArgs,
    /// What others call it.
    #[arg(long, short, hide = true, num_args = 0..=1, default_missing_value = "8080",
          value_parser = UnknownArgumentValueParser::suggest_arg("--listen")
              .and_suggest("--listen 8081 is port 8081 of 127.0.0.1"))]
    port: Option<String>,
    /// The beginning of the URLs in manifests, if clients reach this server by another name
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// With `required`, only registered clients may read (see `fhirlite client`), and only their data
    #[arg(long, value_name = "WHO", value_enum, default_value = "off")]
    auth: Auth,
    /// Allow an address that other machines can reach without --auth required or without TLS: everyone there,
    /// or everyone on the way, can read everything
    #[arg(long)]
    insecure: bool,
    /// How long finished exports stay, and replaced versions at least: 90s, 15m, 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    job_ttl: Duration,
    /// Import all or nothing: if one item is rejected, the store stays as it was and is not served
    #[arg(long)]
    strict: bool,
    /// How often clients should expect /fhir/$bulk-publish to change: a duration such as P1D or PT15M
    #[arg(long, value_name = "DURATION", default_value_t)]
    update_cadence: UpdateCadence,
    /// Print no progress, warnings or summary of the import
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    pages: WebPageArgs,
    #[command(flatten)]
    simulation: SimulationArgs,
    /// Print one line of JSON when it is ready, with url, port and pid, instead of the lines for people
    #[arg(long)]
    ready_json: bool,
    /// End when standard input ends, as it does when the program that started this one ends
    #[arg(long)]
    exit_with_parent: bool,
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
        .auth_required(auth_required)
        .insecure(args.insecure)
        .job_ttl(args.job_ttl)
        .update_cadence(args.update_cadence);
    options = args.pages.add_to(args.limits.add_to(options));
    options = args.simulation.add_to(args.listen.add_to(options)?)?;
    let tls = args.tls.tls(hosts(&args.listen, args.base_url.as_deref()))?;
    if let Some(tls) = &tls {
        options = options.tls(tls.clone());
    }
    if let Some(url) = args.base_url {
        options = options.base_url(url);
    }
    let (log, options) = args.log.start(options)?;
    // A wrong address is reported before anything is done.
    let bound = Server::bind(&options)?;
    let in_memory = args.store == Path::new(IN_MEMORY);
    // A simulation can be given resources later.
    if in_memory && args.paths.is_empty() && !args.simulation.is_on() {
        let what =
            "`:memory:` holds what is imported at the start, and there is nothing: name a PATH";
        return Err(Error::new(Kind::Usage, what));
    }
    let target = ImportTarget { command: "serve", store: &args.store, paths: &args.paths };
    target.check_name()?;
    let inputs = Inputs::find(&args.paths).map_err(|error| target.hinted(error))?;
    let is_new = !in_memory && target.is_new();
    let signals = Signals::catch(args.tls.hang_up())?;
    if args.exit_with_parent {
        if args.paths.iter().any(|path| path == Path::new("-")) {
            let what = "--exit-with-parent waits for the end of standard input, so it cannot be imported; name a file \
                        instead of -";
            return Err(Error::new(Kind::Usage, what));
        }
        signals.end_with_input()?;
    }
    // A store with clients exists. It may be read-only, unless there is something to import.
    let exists = auth_required || (args.paths.is_empty() && args.store.exists());
    let store = if in_memory {
        Store::in_memory()
    } else if args.simulation.is_on() && args.paths.is_empty() {
        Store::open_read_only(announced(&args.store))
    } else if exists {
        Store::open(announced(&args.store))
    } else {
        Store::create(announced(&args.store))
    };
    let store = opened(store.map_err(|error| target.hinted(error))?).with_stop(signals.flag());
    if in_memory && auth_required {
        add_client(&store)?;
    }
    bound.check(&store)?;
    let mut code = EXIT_OK;
    if !args.paths.is_empty() {
        let mut display = ImportDisplay::new(args.quiet, None, signals.flag())?;
        let done = Import::new().strict(args.strict).run(&store, &inputs, &mut display);
        display.finish()?;
        let report = match done {
            Err(error) if in_memory => return Err(of_memory(error)),
            Err(error) if is_new => {
                remove_unused(store);
                return Err(error);
            }
            done => done?,
        };
        if !args.quiet {
            totals(&report).iter().for_each(tell);
        }
        if report.found_nothing {
            tell_nothing_found();
        }
        if report.rejected > 0 || report.found_nothing {
            code = EXIT_REJECTED;
        }
        if report.rejected > 0 && args.strict {
            tell("nothing was imported and nothing is served, because of --strict");
            if is_new {
                remove_unused(store);
            }
            return Ok(code);
        }
    }
    // An import has said this already.
    if args.paths.is_empty()
        && !args.quiet
        && let Some(lead) = store.clock_lead()?
    {
        tell(format_args!("warning: {}: {lead}", store.path().display()));
    }
    if store.access() == Access::ReadOnly && !args.quiet && !args.simulation.is_on() {
        tell(
            "the store cannot be written: it is served read-only; exports, tokens and the audit are forgotten when the server ends",
        );
    }
    let server = bound.serve(&store)?;
    args.simulation.announce(&store.path().display().to_string());
    if args.ready_json {
        print(ready_line(&server))?;
    } else {
        for url in server.urls() {
            print(format!("listening on {url}"))?;
        }
    }
    signals.wait(|| {
        if let Some(tls) = &tls {
            match tls.reload() {
                Ok(()) => log.inform(&format!(
                    "the certificate was read anew: sha256 Fingerprint={}",
                    tls.fingerprint()
                )),
                Err(error) => log.warn(&format!("the certificate stays as it was: {error}")),
            }
        }
    });
    // A second signal ends the wait for requests under way.
    let cut = server.end(|| signals.is_repeated());
    drop(log);
    match cut {
        0 => {}
        1 => tell("fhirlite: 1 request was cut before its end"),
        cut => tell(format_args!("fhirlite: {cut} requests were cut before their end")),
    }
    Ok(code)
}

/// The line for a program that waits until the server is ready.
fn ready_line(server: &Server) -> String {
    let (port, pid) = (server.address().port(), std::process::id());
    format!("{{\"url\":{},\"port\":{port},\"pid\":{pid}}}", serde_json::Value::from(server.url()))
}

/// The hosts by which clients reach the server, as far as its options name them.
fn hosts(listen: &ListenArgs, base_url: Option<&str>) -> Vec<String> {
    let authority = base_url.and_then(|url| url.split("://").nth(1)?.split('/').next());
    let without_port = |authority: &str| match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host_name(host),
        _ => host_name(authority),
    };
    listen.hosts().chain(authority.and_then(without_port)).collect()
}

/// Says of an error what is special about a store in memory.
fn of_memory(error: Error) -> Error {
    match error.kind() {
        Kind::Interrupted => Error::new(Kind::Interrupted, "interrupted; nothing is kept"),
        // SQLite's own limit.
        Kind::Full => Error::new(
            Kind::Full,
            "`:memory:` holds 1 GiB at most, and the input is more; name a file instead",
        ),
        _ => error,
    }
}

/// Adds a client to a store in memory, which no other command can do, and prints an access token.
fn add_client(store: &Store) -> Result<()> {
    let all = Some("system/*.rs");
    let new = register(store, Some("memory"), &ClientAuthentication::NewKey, all)?;
    let token = issue_token(store, &new.client, None, None, Some(TOKEN_LIFETIME))?.access_token;
    tell(format_args!("access token, for 24 hours or until the server ends: {token}"));
    Ok(())
}
