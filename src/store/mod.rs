//! The store: one SQLite file. The only place that knows `rusqlite`.
//!
//! [`Store`] opens the file and hands out connections; `writer` is its one way in, `snapshot` the
//! way out. `schema.sql` at the top of the project describes the tables.

mod audit;
mod bulk;
mod check;
mod client;
mod file;
mod info;
mod job;
mod open;
mod owner;
mod prune;
mod reach;
mod read;
mod snapshot;
mod sql;
mod token;
mod upgrade;
mod user;
mod view;
mod writer;

pub use audit::{Event, Exported};
pub use check::Finding;
pub use client::{Client, Credentials};
pub use info::{Info, TypeInfo};
pub use job::{FileRow, JobRow, State};
pub use open::{Access, Store};
pub use owner::NOBODY;
pub use reach::Reach;
pub use read::{ReadOutcome, Seen, StoredVersion};
pub use snapshot::{Row, Selection, Snapshot, TypeTotal};
pub use token::{Exchanged, Grant, NewToken, TokenKind};
pub use user::User;
pub use view::{Tombstone, Version, View};
pub use writer::{Change, Match, Stamping, Writer};
