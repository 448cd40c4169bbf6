//! Lists the versions of a type by `meta.lastUpdated`, so that the newest ones are found without a look at all.
//!
//! A list goes on behind a version that is known by its time and its number. Ranges by number are in `selection.rs`.

use rusqlite::Connection;

use super::lookup::{VersionHeader, version_header};
use super::reach::Reach;
use super::snapshot::Snapshot;
use super::sql::all;
use super::tables::{CURRENT, ENDED, IS_OF_TYPE};
use crate::error::Result;
use crate::time::Instant;

impl Snapshot {
    /// Lists up to `most` versions of a type in the order of their times, those of one time in the order of their
    /// numbers; with `newest_first` the other way round. It begins behind the version with the time and the number
    /// `after`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn by_time(
        &self,
        resource_type: &str,
        after: Option<(Instant, i64)>,
        newest_first: bool,
        most: u64,
    ) -> Result<Vec<VersionHeader>> {
        let (sign, order, first) = match newest_first {
            true => ("<", "DESC", (i64::MAX, i64::MAX)),
            false => (">", "ASC", (i64::MIN, i64::MIN)),
        };
        let (time, seq) = after.map_or(first, |(time, seq)| (time.micros(), seq));
        // Those of few users are found by their owners.
        let by_time = match self.reach() {
            Reach::Everything => " INDEXED BY current_by_time",
            _ => "",
        };
        let select = |table: &str, index: &str, seen: &str| {
            format!(
                "SELECT seq, ?1, id, last_updated, size FROM {table}{index}
                  WHERE {IS_OF_TYPE} AND (last_updated, seq) {sign} (?2, ?3) AND seq <= ?4{seen}{}
                  ORDER BY last_updated {order}, seq {order} LIMIT ?5",
                self.reach().condition(table)
            )
        };
        let key = (resource_type, time, seq, self.seq(), most);
        let list = |conn: &Connection, sql: &str| all(conn, sql, key, version_header);
        let mut conn = self.store().reader()?;
        let transaction = conn.transaction()?;
        let mut versions = list(&transaction, &select(CURRENT, by_time, ""))?;
        let superseded = select(ENDED, " INDEXED BY ended_by_end", " AND ended > ?4 AND size > 0");
        versions.extend(list(&transaction, &superseded)?);
        versions.sort_unstable_by_key(|version| (version.last_updated, version.seq));
        if newest_first {
            versions.reverse();
        }
        versions.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(versions)
    }
}
