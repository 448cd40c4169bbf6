//! SQLite for FHIR: FHIR JSON in one SQLite file, Bulk Data `$export` straight from it.
//!
//! This is the library behind the `fhirlite` program. As a fixture for tests of a Bulk Data client it is
//! a store, an import, and a server on a free port:
//!
//! ```
//! use fhirlite::{Import, Options, Server, Store};
//!
//! # fn main() -> fhirlite::Result<()> {
//! let store = Store::in_memory()?;
//! let patients = r#"{"resourceType":"Patient","id":"a"}
//! {"resourceType":"Patient","id":"b"}"#;
//! let report = Import::new().text(&store, "patients.ndjson", patients)?;
//! assert_eq!((report.created, report.rejected), (2, 0));
//!
//! let server = Server::start(&store, &Options::default())?;
//! let manifest = format!("{}/bulk-data/r4/$export", server.url());
//! // … point the client under test at it. The server stops when it is dropped.
//! # let _ = manifest;
//! # Ok(())
//! # }
//! ```
//!
//! An export without a server is a plan on a snapshot. The plan lists files and writes their lines:
//!
//! ```
//! # fn main() -> fhirlite::Result<()> {
//! # use fhirlite::{Import, Plan, ExportRequest, Store};
//! # let store = Store::in_memory()?;
//! # Import::new().text(&store, "a", r#"{"resourceType":"Patient","id":"a"}"#)?;
//! let plan = Plan::new(store.snapshot()?, &ExportRequest::default())?;
//! for file in &plan.files {
//!     let mut ndjson = Vec::new();
//!     plan.write(file, &mut ndjson)?;
//!     assert_eq!(ndjson.len() as u64, file.bytes);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The program needs the cargo feature `cli`, SMART clients with a JWKS URL need `jwks-url`, and a server with
//! a certificate of its own needs `tls`. They are on by default, and a fixture needs none of them.
//!
//! Inside, data flows one way. No level knows the levels above it:
//!
//! | level | module | job |
//! |---|---|---|
//! | 5 | `http` | the network |
//! | 4 | `import`, `export`, `search`, `access` | into the store, out of it, which resources meet a search, and who may read what; none knows another |
//! | 3 | `source`, `store` | input files, and the SQLite file |
//! | 2 | `fhir` | the vocabulary: pure |
//! | 1 | `error`, `shown`, `time`, `random`, `sync` | the floor |

#![warn(missing_docs, unnameable_types)]
// The page asks for lists and words that nothing else asks for. They are small, and a library without it keeps them.
#![cfg_attr(not(feature = "page"), allow(dead_code, unused_imports))]

mod access;
mod error;
mod export;
mod fhir;
mod http;
mod import;
mod random;
mod search;
mod shown;
mod source;
mod spilled;
mod store;
mod sync;
mod time;
mod view;

/// Clients, their users and tokens: who may read from a server with [`Options::auth_required`].
///
/// ```
/// use fhirlite::clients::{ClientAuthentication, add_user, issue_token, register};
/// use fhirlite::{Import, Options, Server, Store};
///
/// # fn main() -> fhirlite::Result<()> {
/// let store = Store::in_memory()?;
/// let app = register(&store, Some("app"), &ClientAuthentication::NewSecret, None)?;
/// let alice = add_user(&store, &app.client, "alice")?;
/// let patient = r#"{"resourceType":"Patient","id":"alice"}"#;
/// Import::new().user(&alice).text(&store, "alice.json", patient)?;
///
/// let server = Server::start(&store, &Options::new().auth_required(true))?;
/// let token = issue_token(&store, &app.client, Some(&alice), None, None)?.access_token;
/// // … a request to server.url() with `Authorization: Bearer` and the token reads her resources.
/// # let _ = (server, token);
/// # Ok(())
/// # }
/// ```
pub mod clients {
    pub use crate::access::{
        ClientAuthentication, ClientChange, NewClient, Registration, TokenResponse, add_user,
        describe_keys, find_client, issue_operator_token, issue_token, register, rotate,
        set_user_active,
    };
    pub use crate::store::{AccessRecord, Client, Credentials, ExportRecord, User};
}

/// SQL on FHIR views: flat rows of resources, as a ViewDefinition says.
///
/// ```
/// use fhirlite::views::{ViewDefinition, ViewFormat, ViewRun, ViewWriter};
/// use fhirlite::{ExportRequest, Import, Plan, Store};
///
/// # fn main() -> fhirlite::Result<()> {
/// let store = Store::in_memory()?;
/// let patient = r#"{"resourceType":"Patient","id":"a","name":[{"family":"Moss"}]}"#;
/// Import::new().text(&store, "a.json", patient)?;
///
/// let view = r#"{"resource":"Patient","select":[{"column":[
///     {"name":"id","path":"getResourceKey()"},{"name":"family","path":"name.family.first()"}]}]}"#;
/// let view = ViewDefinition::from_json(view).expect("a view without faults");
/// let mut request = ExportRequest::default();
/// request.for_view(&view);
/// let plan = Plan::new(store.snapshot()?, &request)?;
///
/// let mut csv = Vec::new();
/// let mut writer = ViewWriter::new(ViewFormat::Csv { header: true }, view.columns(), &mut csv)?;
/// ViewRun::new(&view).write(&plan, &mut writer, &mut |_| Ok(()))?;
/// writer.finish()?;
/// assert_eq!(String::from_utf8_lossy(&csv), "id,family\r\na,Moss\r\n");
/// # Ok(())
/// # }
/// ```
pub mod views {
    pub use crate::export::{NamedViews, ViewFolderSummary, ViewRun, ViewSummary};
    pub use crate::fhir::view::{
        ColumnKind, ColumnTag, STARTER_VIEWS, ViewAbout, ViewColumn, ViewDefinition, ViewError,
        ViewIdentifier,
    };
    pub use crate::store::{AddedView, StoredView, ViewProgress, ViewState};
    pub use crate::view::{ViewFormat, ViewWriter};
}

/// A server for one test: resources, faults on purpose, and the requests that came. `docs/simulate.md` has the rules.
///
/// ```
/// use fhirlite::fixture::Fixture;
///
/// # fn get(url: &str) -> u16 {
/// #     use std::io::{Read, Write};
/// #     let (host, path) = url["http://".len()..].split_once('/').expect("a path");
/// #     let mut connection = std::net::TcpStream::connect(host).expect("a connection");
/// #     let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
/// #     connection.write_all(request.as_bytes()).expect("a request");
/// #     let mut answer = String::new();
/// #     connection.read_to_string(&mut answer).expect("an answer");
/// #     answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
/// # }
/// # fn main() -> fhirlite::Result<()> {
/// let fixture = Fixture::new()
///     .resources(r#"[{"resourceType":"Patient","id":"a"}]"#)?
///     .faults("read: status=503; times=1")
///     .start()?;
/// let url = format!("{}/Patient/a", fixture.fhir_url());
/// // A client that tries once more gets the patient. `get` stands for the client under test.
/// let statuses = [get(&url), get(&url)];
/// assert_eq!(statuses, [503, 200]);
/// assert_eq!(fixture.requests()[0].fault, "read: times=1; status=503");
/// # Ok(())
/// # }
/// ```
pub mod fixture {
    pub use crate::http::{Fixture, FixtureServer, SeenRequest};
}

/// Runs the examples of the page as tests.
#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
mod library_page {}

pub use error::{EXIT_OK, EXIT_REJECTED, Error, Kind, Log, Result};
pub use export::{
    AssociatedData, Edition, ExportFilter, ExportOption, ExportRequest, ExportSummary, File,
    FileLimits, Folder, Level, Plan, Purpose, ResourceShape, UpdateCadence, export_options, id_of,
    instant,
};
pub use fhir::name::type_and_id;
pub use fhir::version::FhirVersion;
#[cfg(feature = "tls")]
pub use http::Tls;
pub use http::{
    AnsweredRequest, BoundServer, FaultRules, Limits, ListenOn, MetricsAccess, Options, Server,
};
pub use import::{Import, Observer, Progress, Remark, Report};
pub use random::fix_randomness;
pub use search::search;
pub use shown::{shortened, shown, shown_json};
pub use source::{Input, Inputs};
pub use store::{
    Access, BackupSummary, ClockLead, Compaction, CompactionCost, Finding, IndexProgress,
    IndexState, IndexedParameter, Info, PendingUpgrade, Pruned, Snapshot, Store, TypeInfo,
};
pub use time::{Clock, Instant, InstantForm};
