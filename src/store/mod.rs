//! The store: one SQLite file. The only place that knows `rusqlite`.
//!
//! [`Store`] opens the file and hands out connections; `writer` is its one way in, `snapshot` the
//! way out. `schema.sql` at the top of the project describes the tables.

mod bulk;
mod check;
mod info;
mod open;
mod snapshot;
mod sql;
mod writer;

pub use check::Finding;
pub use info::{Info, TypeInfo};
pub use open::{Access, Store};
pub use snapshot::{Row, Selection, Snapshot};
pub use writer::{Change, Match, Stamping, Writer};
