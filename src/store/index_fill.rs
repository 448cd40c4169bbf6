//! Filling an index with the versions that were in the store before it: in many short transactions, so that readers
//! and other writers go on. Killed in between, the next call goes on where this one was.

use rusqlite::Connection;

use super::fill::{Bodies, next_bodies, on_all_cores};
use super::handle::Store;
use super::index::{ParameterRow, parameter_rows};
use super::index_rows::insert_entries;
use super::pool::PATIENCE;
use super::sql::{one, run};
use super::tables::{CURRENT, ENDED, IS_OF_TYPE};
use crate::error::{Error, Kind, Result};
use crate::fhir::search::IndexedParameters;

/// How many versions are indexed in one transaction, at most.
const AT_ONCE: usize = 1000;

/// How far a filling is.
#[derive(Clone, Copy, Debug)]
pub struct IndexProgress {
    /// Versions that have their keys by now.
    pub done: u64,
    /// Versions that there were at the beginning.
    pub all: u64,
}

impl Store {
    /// Keeps search parameters of a type indexed, from now on and for the versions that are there. Calls `progress`
    /// after each step; where it returns false, the rest is left to the next call.
    ///
    /// # Errors
    /// `Usage` for a parameter that cannot be indexed; `Interrupted`; `Busy`, `ReadOnly`, or where the disk refuses.
    /// What was indexed before the error stays.
    pub fn index(
        &self,
        resource_type: &str,
        codes: &[String],
        progress: &mut dyn FnMut(IndexProgress) -> bool,
    ) -> Result<()> {
        self.use_file()?;
        self.add_indexes(resource_type, codes)?;
        let all = self.versions_to_index(resource_type)?;
        let mut done = 0;
        loop {
            // Another process may fill the same ones, or remove one.
            let mut rows = parameter_rows(&*self.reader()?)?;
            rows.retain(|row| {
                row.resource_type == resource_type
                    && codes.contains(&row.code)
                    && row.is_kept()
                    && row.filled < row.last
            });
            let Some(first) = rows.iter().map(|row| row.filled).min() else { return Ok(()) };
            let last = rows.iter().map(|row| row.last).max().unwrap_or(first);
            done += self.index_some(resource_type, &rows, (first, last))?;
            if !progress(IndexProgress { done, all: all.max(done) }) {
                let what = format!(
                    "interrupted: {done} versions are indexed; the same command does the rest, and until then no search uses the index"
                );
                return Err(Error::new(Kind::Interrupted, what).at(self.path().display()));
            }
        }
    }

    /// Indexes some versions above the number `first`, up to `last`. Returns how many.
    fn index_some(
        &self,
        resource_type: &str,
        rows: &[ParameterRow],
        (first, last): (i64, i64),
    ) -> Result<u64> {
        let (bodies, is_end) = bodies(&*self.reader()?, resource_type, (first, last))?;
        let filled = bodies.last().map_or(last, |(seq, _)| if is_end { last } else { *seq });
        let names = rows.iter().map(|row| (row.key, row.resource_type.clone(), row.code.clone()));
        let parameters = IndexedParameters::new(names);
        let made =
            on_all_cores(&bodies, |seq, body| (seq, parameters.entries(resource_type, body)));
        self.transaction_within(PATIENCE, |conn| {
            // One may have been removed in the meantime, and its number be that of another one.
            let mut there = parameter_rows(conn)?;
            there.retain(|row| {
                let is_it = |known: &ParameterRow| {
                    (known.key, &known.code) == (row.key, &row.code) && known.last == row.last
                };
                row.is_kept() && row.resource_type == resource_type && rows.iter().any(is_it)
            });
            for (seq, mut entries) in made {
                entries.retain(|(parameter, _)| there.iter().any(|row| row.key == *parameter));
                // A version that was pruned in the meantime gets no rows.
                let sql = "SELECT EXISTS (SELECT 1 FROM version_body WHERE seq = ?1)";
                if one(conn, sql, [seq], |row| row.get(0))? {
                    insert_entries(conn, seq, &entries)?;
                }
            }
            for row in there {
                let sql = "UPDATE search_parameter SET filled = max(filled, min(?2, last)) WHERE key = ?1";
                run(conn, sql, (row.key, filled))?;
            }
            Ok(())
        })?;
        Ok(bodies.len() as u64)
    }

    /// Counts the versions of a type that have a body.
    fn versions_to_index(&self, resource_type: &str) -> Result<u64> {
        let count =
            |table: &str| format!("(SELECT count(*) FROM {table} WHERE {IS_OF_TYPE} AND size > 0)");
        let sql = format!("SELECT {} + {}", count(CURRENT), count(ENDED));
        one(&*self.reader()?, &sql, [resource_type], |row| row.get(0))
    }
}

/// Reads the next bodies of a type above the number `first`, up to `last`, in order. True with them where these are all.
fn bodies(
    conn: &Connection,
    resource_type: &str,
    (first, last): (i64, i64),
) -> Result<(Bodies, bool)> {
    let versions = |table: &str| {
        format!(
            "SELECT seq FROM {table} WHERE {IS_OF_TYPE} AND seq > ?2 AND seq <= ?3 AND size > 0"
        )
    };
    let sql = format!(
        "SELECT seq, body FROM ({} UNION ALL {} ORDER BY seq) JOIN version_body USING (seq)
          ORDER BY seq",
        versions(CURRENT),
        versions(ENDED)
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query((resource_type, first, last))?;
    next_bodies(rows, AT_ONCE)
}
