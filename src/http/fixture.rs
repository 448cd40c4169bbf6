//! A server for one test, in the process of the test: resources, faults on purpose, and the requests that came.
//!
//! It is what `serve :memory: --simulate` is for tests in other languages (`docs/simulate.md`). It speaks no TLS.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tempfile::TempDir;

use super::context::{TOKEN, export_path};
use super::engine::Limits;
use super::filled::{FillOutcome, filled};
use super::options::Options;
use super::sample::sample_data;
use super::server::Server;
use super::simulate::{FaultRules, JournalEntry};
use super::simulated::SimulatedServer;
use crate::error::{Error, Kind, Result};
use crate::import::{Import, Report};
use crate::store::Store;

/// What a server for one test should have.
#[derive(Default)]
pub struct Fixture {
    store: Option<Store>,
    folder: Option<TempDir>,
    faults: String,
    auth_required: bool,
}

impl Fixture {
    /// A server without resources and faults, whose store is in memory.
    pub fn new() -> Fixture {
        Fixture::default()
    }

    /// Puts the store into a new temporary folder, which goes with the server, for more than 1 GiB. Say it before the
    /// resources.
    ///
    /// # Errors
    /// `Io` where the folder cannot be made; `Usage` where there are resources already.
    pub fn in_folder(mut self) -> Result<Fixture> {
        if self.store.is_some() {
            let what = "the store has resources already; say in_folder before them";
            return Err(Error::new(Kind::Usage, what));
        }
        let made = TempDir::with_prefix("fhirlite-");
        let folder = made.map_err(|error| Error::io("a temporary folder", error))?;
        self.store = Some(Store::create(folder.path().join("fixture.db"))?);
        self.folder = Some(folder);
        Ok(self)
    }

    /// Adds resources: a JSON array of them, a resource, a Bundle, or NDJSON of either.
    ///
    /// # Errors
    /// `Invalid` for text with a fault; none of it is taken then.
    pub fn resources(mut self, text: &str) -> Result<Fixture> {
        fill(self.store()?, text.as_bytes())?;
        Ok(self)
    }

    /// Adds the resources in files, folders or archives.
    ///
    /// # Errors
    /// `NotFound` for a path that does not exist; `Invalid` where something in it is no resource.
    pub fn path(mut self, path: impl AsRef<Path>) -> Result<Fixture> {
        let path = path.as_ref();
        let import = Import::new().strict(true);
        let report = import.paths(self.store()?, &[path.to_owned()], &mut ())?;
        if report.rejected > 0 {
            let what = format!(
                "{}: {} items are no resources; `fhirlite import` says which",
                path.display(),
                report.rejected
            );
            return Err(Error::new(Kind::Invalid, what));
        }
        Ok(self)
    }

    /// Adds the sample data of fhirlite.
    ///
    /// # Errors
    /// `NotFound` in a build without the cargo feature `sample-data`.
    pub fn sample(mut self) -> Result<Fixture> {
        fill(self.store()?, sample_data()?)?;
        Ok(self)
    }

    /// Sets the faults of the start: rules such as `file: cut_bytes=1000; times=1`, one a line, or a JSON array. A reset
    /// brings them back.
    #[must_use = "the rules are those of the returned fixture"]
    pub fn faults(self, rules: impl Into<String>) -> Fixture {
        Fixture { faults: rules.into(), ..self }
    }

    /// Requires authentication of every client. [`FixtureServer::store`] registers clients.
    #[must_use = "the returned fixture requires it"]
    pub fn auth_required(self, required: bool) -> Fixture {
        Fixture { auth_required: required, ..self }
    }

    /// Starts the server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// `Invalid` for wrong rules; where the system has no port, no thread or no memory.
    pub fn start(mut self) -> Result<FixtureServer> {
        let mut options = Options::new()
            .simulate(FaultRules::parse(&self.faults)?)
            .auth_required(self.auth_required)
            // Nothing that a client left behind holds the test up.
            .limits(Limits { grace: Duration::ZERO, ..Limits::default() });
        if let Some(folder) = &self.folder {
            options = options.copies_in(folder.path());
        }
        let server = Server::start(self.store()?, &options)?;
        let none = || Error::new(Kind::Internal, "the server of a fixture does not simulate");
        let simulated = server.simulated().ok_or_else(none)?;
        Ok(FixtureServer { server, simulated, _folder: self.folder })
    }

    fn store(&mut self) -> Result<&Store> {
        if self.store.is_none() {
            self.store = Some(Store::in_memory()?);
        }
        self.store.as_ref().ok_or_else(|| Error::new(Kind::Internal, "there is no store"))
    }
}

/// A running server for one test. It ends when it is dropped, and waits for nobody.
pub struct FixtureServer {
    server: Server,
    simulated: Arc<SimulatedServer>,
    /// Goes after the server.
    _folder: Option<TempDir>,
}

/// A request that came, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenRequest {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query as it came, without secrets.
    pub query: String,
    /// The headers, with `…` for secrets. Names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// The status of the answer.
    pub status: u16,
    /// The number of bytes of its body that were sent.
    pub bytes: u64,
    /// The rules that changed the answer, in their short form; empty for none.
    pub fault: String,
}

impl SeenRequest {
    fn of(entry: &JournalEntry) -> SeenRequest {
        SeenRequest {
            method: entry.method.clone(),
            path: entry.path.clone(),
            query: entry.query.clone(),
            headers: entry.headers.clone(),
            status: entry.status,
            bytes: entry.bytes.load(Ordering::SeqCst),
            fault: entry.fault.clone(),
        }
    }
}

impl FixtureServer {
    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The HL7 base: FHIR, and Bulk Data below it.
    pub fn fhir_url(&self) -> String {
        format!("{}/fhir", self.url())
    }

    /// The kick-off of 1upHealth's export.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn oneup_url(&self) -> Result<String> {
        let version = self.store().fhir_version()?.unwrap_or_default();
        Ok(format!("{}{}", self.url(), export_path(version)))
    }

    /// The token endpoint that SMART clients are told.
    pub fn token_url(&self) -> String {
        format!("{}{}", self.url(), TOKEN[1])
    }

    /// The store that is served, until the next reset: to register clients and users, and to read. What the fixture
    /// began with is another one.
    pub fn store(&self) -> Store {
        self.simulated.context().store.clone()
    }

    /// Adds resources, as [`Fixture::resources`] does. Bundle entries with the method `DELETE` delete.
    ///
    /// # Errors
    /// As [`Fixture::resources`].
    pub fn add(&self, text: &str) -> Result<Report> {
        fill(&self.store(), text.as_bytes())
    }

    /// Replaces the rules, and begins all counts anew; an empty text ends the faults.
    ///
    /// # Errors
    /// `Invalid` for wrong rules; the ones before stay.
    pub fn set_faults(&self, rules: &str) -> Result<()> {
        self.simulated.replace_rules(FaultRules::parse(rules)?);
        Ok(())
    }

    /// The requests so far, the oldest first. A request is there before its answer is.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.simulated.requests().iter().map(SeenRequest::of).collect()
    }

    /// Moves the server's clock ahead: tokens and jobs expire.
    pub fn advance_clock(&self, by: Duration) {
        self.simulated.advance(by);
    }

    /// Puts all back to what it was at the start: resources, clients, jobs, the clock, rules, requests.
    ///
    /// # Errors
    /// Where the store of the start cannot be copied; all stays as it is then.
    pub fn reset(&self) -> Result<()> {
        self.simulated.reset()
    }
}

/// Imports all of some data, or nothing.
fn fill(store: &Store, data: &[u8]) -> Result<Report> {
    match filled(store, data, None)? {
        FillOutcome::Done(report) => Ok(report),
        FillOutcome::Refused(issues) => {
            let reasons: Vec<String> = issues.into_iter().map(|issue| issue.diagnostics).collect();
            Err(Error::new(Kind::Invalid, reasons.join("\n")))
        }
    }
}
