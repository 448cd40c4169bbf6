//! The store: one SQLite file. The only place that knows `rusqlite`.
//!
//! [`Store`] opens the file and hands out connections; `writer` is its one way in, `snapshot` the
//! way out. `schema.sql` at the top of the project describes the tables.

mod bulk;
mod check;
mod file;
mod info;
mod job;
mod open;
mod prune;
mod read;
mod snapshot;
mod sql;
mod upgrade;
mod view;
mod writer;

pub use check::Finding;
pub use info::{Info, TypeInfo};
pub use job::{FileRow, JobRow, State};
pub use open::{Access, Store};
pub use read::{Found, Kept};
pub use snapshot::{Row, Selection, Snapshot, TypeTotal};
pub use view::{Tombstone, Version, View};
pub use writer::{Change, Match, Stamping, Writer};
