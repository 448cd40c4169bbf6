//! Filling the tables of views with the resources that were in the store before: in many short transactions, so
//! that readers and other writers go on. Killed in between, the next call goes on where this one was.

use std::sync::Arc;

use rusqlite::Connection;

use super::fill::{Bodies, next_bodies, on_all_cores};
use super::handle::Store;
use super::pool::PATIENCE;
use super::sql::{one, run};
use super::tables::{CURRENT, IS_OF_TYPE};
use super::view_rows::ViewTables;
use super::views::{ViewRow, ViewState, view_rows};
use crate::error::{Error, Kind, Result};
use crate::fhir::view::{KeptView, KeptViews, MadeViewRows};

/// How many resources get their rows in one transaction, at most.
const AT_ONCE: usize = 2000;

/// How far a filling is.
#[derive(Clone, Copy, Debug)]
pub struct ViewProgress {
    /// Resources that were read by now.
    pub done: u64,
    /// Resources that there are to read.
    pub all: u64,
}

impl Store {
    /// Fills the tables of views. Views of one type are filled together. Calls `progress` after each step; where
    /// it returns false, the rest is left to the next call.
    ///
    /// # Errors
    /// `Interrupted`; `Busy`, `ReadOnly`, or where the disk refuses. What was filled before the error stays.
    pub(super) fn fill_views(
        &self,
        names: &[&str],
        progress: &mut dyn FnMut(ViewProgress) -> bool,
    ) -> Result<()> {
        let is_named =
            |row: &ViewRow| names.iter().any(|name| row.text.name.eq_ignore_ascii_case(name));
        let (mut done, mut all) = (0, None);
        loop {
            // Another process may fill the same ones, or remove one.
            let mut rows = view_rows(&*self.reader()?)?;
            rows.retain(|row| is_named(row) && row.state() == ViewState::Unfinished);
            let all = match all {
                Some(all) => all,
                None => *all.insert(self.resources_of(&rows)?),
            };
            let Some(resource_type) = rows.first().map(|row| row.text.resource_type.clone()) else {
                return Ok(());
            };
            rows.retain(|row| row.text.resource_type == resource_type);
            done += self.fill_some(&resource_type, &rows)?;
            if !progress(ViewProgress { done, all: all.max(done) }) {
                let what = format!(
                    "interrupted: {done} resources have their rows; the same command does the rest"
                );
                return Err(Error::new(Kind::Interrupted, what).at(self.path().display()));
            }
        }
    }

    /// Makes the rows of some resources of a type. Returns of how many.
    fn fill_some(&self, resource_type: &str, rows: &[ViewRow]) -> Result<u64> {
        let first = rows.iter().map(|row| row.filled).min().unwrap_or_default();
        let last = rows.iter().map(|row| row.last).max().unwrap_or_default();
        let (bodies, is_end) = bodies(&*self.reader()?, resource_type, (first, last))?;
        let filled = bodies.last().map_or(last, |(seq, _)| if is_end { last } else { *seq });
        let views = Arc::new(KeptViews::new(rows.iter().map(|row| row.text.clone()).collect()));
        let rows_of = |_, body: &str| MadeViewRows::stored(&views, resource_type, body);
        let made = on_all_cores(&bodies, rows_of);
        let tables = ViewTables::new(views.clone());
        self.transaction_within(PATIENCE, |conn| {
            let there = view_rows(conn)?;
            // A view may have been removed in the meantime, or somebody else may have filled it.
            let due = |view: &KeptView| {
                let row = rows.iter().find(|row| row.text.key == view.key)?;
                let now = there.iter().find(|now| now.is_same(row))?;
                Some((now.filled + 1, filled.min(now.last)))
            };
            let views = views.of(resource_type).iter();
            let due: Vec<_> = views.filter_map(|view| Some((view, due(view)?))).collect();
            for (view, (first, last)) in &due {
                tables.delete_between(conn, view, (*first, *last))?;
                let sql = "UPDATE view_definition SET filled = max(filled, ?2) WHERE key = ?1";
                run(conn, sql, (view.key, last))?;
            }
            for ((seq, body), made) in bodies.iter().zip(&made) {
                let sql = "SELECT EXISTS (SELECT 1 FROM current_version WHERE seq = ?1)";
                if one(conn, sql, [seq], |row| row.get(0))? {
                    let is_due = |range: (i64, i64)| (range.0..=range.1).contains(seq);
                    let views = due.iter().filter(|(_, range)| is_due(*range)).map(|(of, _)| *of);
                    tables.insert_of(conn, views, *seq, body, made.as_ref())?;
                }
            }
            Ok(())
        })?;
        Ok(bodies.len() as u64)
    }

    /// Counts the resources of the types of views.
    fn resources_of(&self, rows: &[ViewRow]) -> Result<u64> {
        let mut types: Vec<&str> = rows.iter().map(|row| row.text.resource_type.as_str()).collect();
        types.sort_unstable();
        types.dedup();
        let conn = self.reader()?;
        let mut count = 0;
        for name in types {
            let sql = format!("SELECT count(*) FROM {CURRENT} WHERE {IS_OF_TYPE}");
            count += one(&conn, &sql, [name], |row| row.get::<_, u64>(0))?;
        }
        Ok(count)
    }
}

/// Reads the next bodies of current versions of a type above the number `first`, up to `last`, in order. True with
/// them where these are all.
fn bodies(
    conn: &Connection,
    resource_type: &str,
    (first, last): (i64, i64),
) -> Result<(Bodies, bool)> {
    let sql = format!(
        "SELECT seq, body FROM (SELECT seq FROM {CURRENT} WHERE {IS_OF_TYPE} AND seq > ?2 AND seq <= ?3 ORDER BY seq)
           JOIN version_body USING (seq) ORDER BY seq"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let rows = statement.query((resource_type, first, last))?;
    next_bodies(rows, AT_ONCE)
}
