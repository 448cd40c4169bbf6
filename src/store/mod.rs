//! The store: one SQLite file. Only this folder uses `rusqlite`.
//!
//! [`Store`] is the handle on an open file. A [`Writer`] changes resources, a [`Snapshot`] reads them
//! as they were at one point. `schema.sql` at the top of the project describes the tables.
//!
//! | files | job |
//! |---|---|
//! | `sql`, `tables`, `format`, `file`, `pool`, `place`, `handle`, `rest`, `doubt`, `foreign_log`, `open`, `wait`, `checkpoint`, `pending_upgrade`, `upgrade`, `former_tables` | statements, schema, connections, opening |
//! | `reach`, `snapshot`, `mark`, `selection`, `bodies`, `scan`, `by_time`, `lookup`, `compartment`, `tombstone`, `condition`, `found_ids`, `earlier`, `read`, `history`, `history_sql` | reading |
//! | `writer`, `writer_version`, `version`, `version_sql`, `checksum`, `type_codes`, `type_total`, `unresolved`, `owner`, `bulk`, `derived`, `mention`, `fhir_version`, `prune` | writing resources |
//! | `index`, `index_rows`, `index_fill`, `index_search`, `index_check` | indexed search parameters |
//! | `fill` | what filling indexes and tables of views shares |
//! | `views`, `view_name`, `view_table`, `view_add`, `view_fill`, `view_rows`, `view_check` | the tables of views |
//! | `job`, `set_aside`, `folder_lock`, `client`, `user`, `token`, `issued`, `operator_token`, `audit`, `key` | jobs, credentials, the audit trail |
//! | `info`, `overview`, `list`, `check`, `rules`, `clock`, `backup`, `compact`, `unused` | the store as a whole |

mod ability;
mod attachment;
mod audit;
mod backup;
mod bodies;
mod bulk;
mod by_time;
mod check;
mod checkpoint;
mod checksum;
mod client;
mod clock;
mod compact;
mod compartment;
mod condition;
mod derived;
mod doubt;
mod earlier;
mod fhir_version;
mod file;
mod fill;
mod folder_lock;
mod foreign_log;
mod format;
mod former_tables;
mod found_ids;
mod handle;
mod history;
mod history_sql;
mod index;
mod index_check;
mod index_fill;
mod index_rows;
mod index_search;
mod info;
#[cfg(feature = "page")]
mod issued;
mod job;
mod job_list;
mod key;
mod large;
mod large_right;
mod list;
mod lookup;
mod mark;
mod measure;
mod mention;
mod open;
mod operator_token;
#[cfg(feature = "page")]
mod overview;
mod owner;
mod pending_upgrade;
mod place;
mod pool;
mod prune;
mod query;
#[cfg(feature = "page")]
mod query_open;
mod query_rules;
mod reach;
mod read;
mod readers;
mod rest;
mod rules;
mod scan;
mod selection;
mod set_aside;
mod snapshot;
mod sql;
mod tables;
mod token;
mod tombstone;
mod type_codes;
mod type_total;
mod unresolved;
mod unused;
mod upgrade;
mod user;
mod version;
mod version_sql;
mod view_add;
mod view_check;
mod view_fill;
mod view_name;
mod view_rows;
mod view_table;
mod views;
mod wait;
mod whole_copy;
mod writer;
mod writer_version;

pub use audit::{AccessRecord, Actor, AuditEvent, ExportRecord};
pub use backup::BackupSummary;
pub(crate) use bodies::SeenVersion;
pub use check::Finding;
pub use checkpoint::Checkpoints;
pub use client::{Client, Credentials};
pub use clock::ClockLead;
pub use compact::{Compaction, CompactionCost};
pub use condition::Match;
pub use handle::{Access, Store};
pub(crate) use history::{EventKind, HistoryEvent, HistoryQuery, TypedVersion};
pub use index::{IndexState, IndexedParameter};
pub use index_fill::IndexProgress;
pub use index_search::IndexPage;
pub use info::{Info, TypeInfo};
#[cfg(feature = "page")]
pub use issued::IssuedToken;
pub use job::{FileRow, JobRow, JobState};
pub use job_list::JobQuery;
pub use lookup::{Lookup, VersionHeader};
#[cfg(feature = "page")]
pub use overview::BoundedCount;
pub use pending_upgrade::PendingUpgrade;
pub use prune::Pruned;
pub use query::{PreparedQuery, QueryLimits, QuerySession};
#[cfg(feature = "page")]
pub use query_open::ReadableTable;
pub use reach::{NOBODY, Reach};
pub use read::{ReadOutcome, StoredVersion, VisibleStore};
pub(crate) use scan::{PartWork, SelectionScan};
pub use selection::{Selection, VersionSize};
pub use snapshot::Snapshot;
pub use token::{ExchangeOutcome, Grant, NewToken, TokenKind};
pub use tombstone::Tombstone;
pub use type_total::TypeTotal;
pub use user::User;
pub use version::{Change, Stamping};
pub use view_add::AddedView;
pub use view_fill::ViewProgress;
pub use views::{StoredView, ViewState};
pub use writer::Writer;
