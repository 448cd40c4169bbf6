//! The search parameters that a store keeps indexed: the table `search_parameter`.
//!
//! A parameter is added with the number of the last write. Each later write adds the keys of its versions by itself;
//! those up to that number are added by `index_fill.rs`, and until then no search uses them. What a search looks up
//! is in `index_search.rs`.

use std::sync::Arc;

use rusqlite::Connection;
use serde::Serialize;

use super::handle::Store;
use super::pool::PATIENCE;
use super::sql::{all, maybe, run, setting};
use crate::error::{Error, Kind, Result};
use crate::fhir::search::{INDEX_RULES, IndexedParameters, SearchParameter, unindexable};

/// The value of `filled` of a parameter whose rows are being removed.
pub(super) const GOES: i64 = -1;
/// The value of `rules` of a parameter whose rows nobody keeps any more.
const NO_RULES: u32 = 0;

/// How many rows are removed in one transaction.
const AT_ONCE: usize = 50_000;

/// How far an index is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum IndexState {
    /// Searches use it.
    Ready,
    /// It lacks versions that were there before it: `fhirlite index` adds them.
    Unfinished,
    /// It was made by the rules of another fhirlite: `fhirlite index` makes it anew.
    Outdated,
    /// It is being removed.
    Removed,
}

/// A search parameter that is kept indexed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexedParameter {
    /// The type of the resources.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// The name of the parameter.
    pub code: String,
    /// How far it is.
    pub state: IndexState,
}

/// A row of `search_parameter`.
#[derive(Clone, Debug)]
pub(super) struct ParameterRow {
    pub(super) key: i64,
    pub(super) resource_type: String,
    pub(super) code: String,
    rules: u32,
    pub(super) filled: i64,
    pub(super) last: i64,
}

impl ParameterRow {
    /// How far the index is.
    pub(super) fn state(&self) -> IndexState {
        match self {
            ParameterRow { filled: GOES, .. } => IndexState::Removed,
            ParameterRow { rules, .. } if *rules != INDEX_RULES => IndexState::Outdated,
            ParameterRow { filled, last, .. } if filled < last => IndexState::Unfinished,
            _ => IndexState::Ready,
        }
    }

    /// True where each write adds its rows.
    pub(super) fn is_kept(&self) -> bool {
        [IndexState::Ready, IndexState::Unfinished].contains(&self.state())
    }
}

/// Lists the rows of `search_parameter`, by type and code.
pub(super) fn parameter_rows(conn: &Connection) -> Result<Vec<ParameterRow>> {
    let sql =
        "SELECT key, type, code, rules, filled, last FROM search_parameter ORDER BY type, code";
    all(conn, sql, (), |row| {
        Ok(ParameterRow {
            key: row.get(0)?,
            resource_type: row.get(1)?,
            code: row.get(2)?,
            rules: row.get(3)?,
            filled: row.get(4)?,
            last: row.get(5)?,
        })
    })
}

/// The parameters whose rows each write adds.
pub(super) fn indexed_parameters(conn: &Connection) -> Result<IndexedParameters> {
    let rows = parameter_rows(conn)?.into_iter().filter(ParameterRow::is_kept);
    Ok(IndexedParameters::new(rows.map(|row| (row.key, row.resource_type, row.code))))
}

/// Gives up the indexes by rules of another fhirlite: a write that follows adds no rows to them.
pub(super) fn give_up_other_rules(conn: &Connection) -> Result<()> {
    let sql = "UPDATE search_parameter SET rules = ?2 WHERE rules NOT IN (?1, ?2)";
    run(conn, sql, (INDEX_RULES, NO_RULES)).map(drop)
}

impl Store {
    /// The search parameters whose keys each write adds, for those who make them of resources ahead.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn indexed_parameters(&self) -> Result<Arc<IndexedParameters>> {
        Ok(Arc::new(indexed_parameters(&*self.reader()?)?))
    }

    /// Lists the search parameters that are kept indexed, by type and name.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn indexes(&self) -> Result<Vec<IndexedParameter>> {
        indexes(&*self.reader()?)
    }

    /// Notes that parameters of a type are to be kept indexed from now on.
    ///
    /// # Errors
    /// `Usage` for a parameter that cannot be indexed; `Busy`, `ReadOnly`, or where the disk refuses. Then nothing is
    /// noted.
    pub(super) fn add_indexes(&self, resource_type: &str, codes: &[String]) -> Result<()> {
        for code in codes {
            check_indexable(resource_type, code)?;
            let row = self.parameter_row(resource_type, code)?;
            if row.is_some_and(|row| !row.is_kept()) {
                // Its rows are of no use any more.
                self.remove_index(resource_type, code)?;
            }
        }
        self.transaction_within(PATIENCE, |conn| {
            let last = setting(conn, "last_seq")?;
            for code in codes {
                let sql = "INSERT OR IGNORE INTO search_parameter (type, code, rules, filled, last)
                           VALUES (?1, ?2, ?3, 0, ?4)";
                run(conn, sql, (resource_type, code, INDEX_RULES, last))?;
            }
            Ok(())
        })
    }

    /// Removes the index of a parameter; `false` where there is none. The rows go in several transactions, so that
    /// other writers need not wait long; killed in between, the next call goes on.
    ///
    /// # Errors
    /// `Busy`, `ReadOnly`, or where the disk refuses.
    pub fn remove_index(&self, resource_type: &str, code: &str) -> Result<bool> {
        self.use_file()?;
        let Some(row) = self.parameter_row(resource_type, code)? else { return Ok(false) };
        self.transaction_within(PATIENCE, |conn| {
            let sql = "UPDATE search_parameter SET filled = ?2 WHERE key = ?1";
            run(conn, sql, (row.key, GOES))
        })?;
        for (table, columns, index) in [
            ("search_key", "seq, parameter, key", "search_key_by_key"),
            ("search_range", "seq, parameter, low, high", "search_range_by_low"),
        ] {
            let sql = format!(
                "DELETE FROM {table} WHERE ({columns}) IN
                   (SELECT {columns} FROM {table} INDEXED BY {index} WHERE parameter = ?1 LIMIT ?2)"
            );
            let some =
                || self.transaction_within(PATIENCE, |conn| run(conn, &sql, (row.key, AT_ONCE)));
            while some()? > 0 {}
        }
        self.transaction_within(PATIENCE, |conn| {
            let sql = "DELETE FROM search_parameter WHERE key = ?1 AND filled = ?2";
            run(conn, sql, (row.key, GOES))
        })?;
        Ok(true)
    }

    fn parameter_row(&self, resource_type: &str, code: &str) -> Result<Option<ParameterRow>> {
        let rows = parameter_rows(&*self.reader()?)?;
        Ok(rows.into_iter().find(|row| row.resource_type == resource_type && row.code == code))
    }
}

/// Lists the search parameters that are kept indexed, by type and name.
pub(super) fn indexes(conn: &Connection) -> Result<Vec<IndexedParameter>> {
    let rows = parameter_rows(conn)?.into_iter();
    let shown = rows.map(|row| IndexedParameter {
        state: row.state(),
        resource_type: row.resource_type,
        code: row.code,
    });
    Ok(shown.collect())
}

/// Requires that a type has a parameter that can be indexed.
fn check_indexable(resource_type: &str, code: &str) -> Result<()> {
    let wrong = |what: String| Err(Error::new(Kind::Usage, what));
    let Some(parameter) = SearchParameter::of(resource_type, code) else {
        let all = SearchParameter::all(resource_type);
        let known = all.iter().filter(|parameter| unindexable(parameter).is_none());
        let known: Vec<&str> = known.map(|parameter| parameter.code).collect();
        return wrong(format!(
            "{resource_type} has no search parameter {code}; it has {}",
            known.join(", ")
        ));
    };
    match unindexable(parameter) {
        Some(why) => wrong(format!("{code} of {resource_type} cannot be indexed: {why}")),
        None => Ok(()),
    }
}

/// The key of a parameter that searches can use; `None` where there is no such index.
pub(super) fn usable_key(
    conn: &Connection,
    resource_type: &str,
    code: &str,
) -> Result<Option<i64>> {
    let sql = "SELECT key FROM search_parameter
                WHERE type = ?1 AND code = ?2 AND rules = ?3 AND filled >= last";
    maybe(conn, sql, (resource_type, code, INDEX_RULES), |row| row.get(0))
}
