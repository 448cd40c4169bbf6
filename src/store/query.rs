//! SQL of clients over views: on a connection of its own, in one read transaction, within limits.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-SQLQuery.html>. A table of the SQL is a temporary view of a table that the
//! store keeps (`fhirlite view add`), or a temporary table that the caller fills. Then `query_rules.rs` closes everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Statement, params_from_iter};

use super::handle::Store;
use super::query_rules::{ReadableTables, restrict};
use super::snapshot::Snapshot;
use super::sql::{one, setting};
use super::view_table::declared_columns;
use super::views::{StoredView, views};
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::view::{BoundValue, ViewColumn, ViewValue, bound};
use crate::time::Instant as Moment;

/// After so many steps of SQLite's machine the time is looked at.
const STEPS: i32 = 10_000;
/// The most rows that are copied into temporary tables.
const MOST_COPIED: u64 = 2_000_000;

/// What SQL of a client may take.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// The longest time, tables that are filled included.
    pub time: Duration,
    /// The most rows of a result.
    pub rows: u64,
}

/// The tables of one query, and the transaction in which they are read.
pub struct QuerySession {
    pub(super) conn: Connection,
    store: Store,
    seq: i64,
    limits: QueryLimits,
    deadline: Instant,
    /// Set once the client has left.
    has_left: Arc<AtomicBool>,
    pub(super) tables: ReadableTables,
    copied: u64,
}

impl Store {
    /// Begins a query of the store as it is now. `has_left` says whether its client has left.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn query_session(
        &self,
        limits: QueryLimits,
        has_left: impl Fn() -> bool + Send + 'static,
    ) -> Result<QuerySession> {
        let deadline = Instant::now() + limits.time;
        let mut conn = self.pool().connect_for_query(limits.time)?;
        conn.execute_batch("BEGIN")?;
        let seq = setting(&conn, "last_seq")?;
        let left = Arc::new(AtomicBool::new(false));
        let noted = left.clone();
        conn.progress_handler(
            STEPS,
            Some(move || {
                if has_left() {
                    noted.store(true, Ordering::Relaxed);
                }
                Instant::now() >= deadline || noted.load(Ordering::Relaxed)
            }),
        )?;
        let (store, tables) = (self.clone(), ReadableTables::default());
        Ok(QuerySession { conn, store, seq, limits, deadline, has_left: left, tables, copied: 0 })
    }
}

impl QuerySession {
    /// The snapshot that the session reads.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let sql = "SELECT value FROM setting WHERE name = 'last_write_time'";
        let time = one(&self.conn, sql, (), |row| row.get(0))?;
        Ok(self.store.snapshot_at(self.seq, Moment::from_micros(time)))
    }

    /// The views that the store keeps in tables.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn views(&self) -> Result<Vec<StoredView>> {
        views(&self.conn)
    }

    /// Shows all rows of a table that the store keeps under the name `label`. The names of the columns are those of its view.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn show(&mut self, label: &str, table: &str, columns: &[ViewColumn]) -> Result<()> {
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let sql = format!(
            "CREATE TEMP VIEW {} AS SELECT {} FROM main.{}",
            quoted(label),
            names.join(", "),
            quoted(table)
        );
        self.conn.execute_batch(&sql).map_err(|error| self.refused(error))?;
        self.tables.temporary.insert(label.to_ascii_lowercase());
        self.tables.stored.insert(table.to_ascii_lowercase());
        Ok(())
    }

    /// Makes an empty table of the name `label` for rows of a view.
    ///
    /// # Errors
    /// `Unprocessable` for columns that no table can have.
    pub(crate) fn add_table(&mut self, label: &str, columns: &[ViewColumn]) -> Result<()> {
        let declared = declared_columns(columns)?.join(", ");
        let sql = format!("CREATE TEMP TABLE {} ({declared})", quoted(label));
        self.conn.execute_batch(&sql).map_err(|error| self.refused(error))?;
        self.tables.temporary.insert(label.to_ascii_lowercase());
        Ok(())
    }

    /// Adds a row to a table that was made for it.
    ///
    /// # Errors
    /// `TooMuch` beyond the most rows, `TooSlow` beyond the time; where there is no room for temporary files.
    pub(crate) fn add_row(
        &mut self,
        label: &str,
        columns: &[ViewColumn],
        values: &[&ViewValue<'_>],
    ) -> Result<()> {
        self.copied += 1;
        if self.copied > MOST_COPIED {
            let what = format!(
                "the tables of the SQL take more than {MOST_COPIED} rows; the operator may keep them in the store by `fhirlite view add`"
            );
            return Err(Error::new(Kind::TooMuch, what));
        }
        let places = vec!["?"; columns.len()].join(", ");
        let sql = format!("INSERT INTO temp.{} VALUES ({places})", quoted(label));
        let bound = columns.iter().zip(values).map(|(of, value)| bound(of, value));
        let inserted = self
            .conn
            .prepare_cached(&sql)
            .and_then(|mut statement| statement.execute(params_from_iter(bound)));
        inserted.map(drop).map_err(|error| self.refused(error))
    }

    /// Fails once the time is over.
    ///
    /// # Errors
    /// `TooSlow`.
    pub(crate) fn check_time(&self) -> Result<()> {
        if Instant::now() >= self.deadline { Err(self.too_slow()) } else { Ok(()) }
    }

    /// Closes everything but the tables that were shown and added. No more are added afterwards.
    ///
    /// # Errors
    /// Where SQLite refuses that.
    pub(crate) fn close(&mut self) -> Result<()> {
        restrict(&mut self.conn, self.tables.clone())
    }

    /// Compiles one statement that reads, and binds the values of its placeholders.
    ///
    /// # Errors
    /// `Unprocessable` where it is no such statement, or has a placeholder without a value; `TooSlow`.
    pub(crate) fn prepare(
        &self,
        sql: &str,
        values: &[(String, BoundValue<'static>)],
    ) -> Result<PreparedQuery<'_>> {
        let statement = self.statement(sql)?;
        let mut names: Vec<&str> = statement.column_names().collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return wrong(format!(
                "two columns of the result have the name {:?}; give one another name by AS",
                short(pair[0])
            ));
        }
        drop(names);
        self.bound_to(statement, values)
    }

    /// Compiles one statement that reads and has no placeholders. Columns of its result may have the same name.
    ///
    /// # Errors
    /// `Unprocessable` where it is no such statement; `TooSlow`.
    #[cfg(feature = "page")]
    pub(crate) fn prepare_plain(&self, sql: &str) -> Result<PreparedQuery<'_>> {
        let statement = self.statement(sql)?;
        if statement.parameter_count() > 0 {
            return wrong("the SQL has a placeholder; write the value in its place".to_owned());
        }
        Ok(PreparedQuery { session: self, statement })
    }

    fn statement(&self, sql: &str) -> Result<Statement<'_>> {
        let statement = self.conn.prepare(sql).map_err(|error| self.refused(error))?;
        if statement.column_count() == 0 || statement.is_explain() != 0 || !statement.readonly() {
            return wrong("the SQL should be one SELECT".to_owned());
        }
        Ok(statement)
    }

    fn bound_to<'s>(
        &'s self,
        mut statement: Statement<'s>,
        values: &[(String, BoundValue<'static>)],
    ) -> Result<PreparedQuery<'s>> {
        for place in 1..=statement.parameter_count() {
            let name = statement.parameter_name(place).unwrap_or("?").to_owned();
            let value = values.iter().find(|(of, _)| name.strip_prefix(':') == Some(of));
            let Some((_, value)) = value else {
                return wrong(format!(
                    "the SQL has the placeholder {:?}, which is no parameter of the Library",
                    short(&name)
                ));
            };
            statement.raw_bind_parameter(place, value).map_err(|error| self.refused(error))?;
        }
        Ok(PreparedQuery { session: self, statement })
    }

    fn too_slow(&self) -> Error {
        let what = format!(
            "the SQL took longer than {} s; let it read less, or ask the operator for more (--sql-time)",
            self.limits.time.as_secs_f64()
        );
        Error::new(Kind::TooSlow, what)
    }

    /// An error of SQLite, as far as it is the fault of the SQL.
    fn refused(&self, error: rusqlite::Error) -> Error {
        let what = match &error {
            rusqlite::Error::SqlInputError { msg, offset, .. } if *offset >= 0 => {
                format!("{msg}, at byte {offset} of the SQL")
            }
            rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
            rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
            rusqlite::Error::MultipleStatement => "it is more than one statement".to_owned(),
            other => other.to_string(),
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) if self.has_left.load(Ordering::Relaxed) => {
                Error::new(Kind::Interrupted, "the client left before its query was done")
            }
            Some(ErrorCode::OperationInterrupted) => self.too_slow(),
            Some(ErrorCode::AuthorizationForStatementDenied) => {
                let readable = match self.tables.named.is_empty() {
                    true => "the tables that relatedArtifact of the Library names",
                    false => "tables and views of the store that hold resources",
                };
                let what = format!(
                    "the SQL may only read {readable}, and call functions without effects: {what}"
                );
                Error::new(Kind::Unprocessable, what)
            }
            Some(ErrorCode::Unknown | ErrorCode::TooBig | ErrorCode::TypeMismatch)
            | Some(ErrorCode::ConstraintViolation | ErrorCode::ParameterOutOfRange)
            | None => Error::new(Kind::Unprocessable, format!("the SQL cannot be run: {what}")),
            Some(_) => error.into(),
        }
    }
}

/// A statement that is ready to run.
pub struct PreparedQuery<'s> {
    session: &'s QuerySession,
    statement: Statement<'s>,
}

impl PreparedQuery<'_> {
    /// The names of the columns of its result.
    pub(crate) fn columns(&self) -> Vec<String> {
        self.statement.column_names().map(str::to_owned).collect()
    }

    /// Runs the statement, and gives `each` row. It may run again.
    ///
    /// # Errors
    /// Those of `each`; `TooMuch` beyond the most rows, `TooSlow`; `Unprocessable` where SQLite meets a fault in a value.
    pub(crate) fn for_each(
        &mut self,
        most_rows: Option<u64>,
        each: &mut dyn FnMut(&[&ViewValue<'_>]) -> Result<()>,
    ) -> Result<()> {
        let session = self.session;
        let count = self.statement.column_count();
        let mut rows = self.statement.raw_query();
        let mut done = 0;
        while most_rows.is_none_or(|most| done < most) {
            let Some(row) = rows.next().map_err(|error| session.refused(error))? else { break };
            done += 1;
            if done > session.limits.rows {
                let what = format!(
                    "the result has more than {} rows; give the SQL a LIMIT, or ask the operator for more (--sql-rows)",
                    session.limits.rows
                );
                return Err(Error::new(Kind::TooMuch, what));
            }
            let values = (0..count)
                .map(|place| row.get_ref(place).map(shown))
                .collect::<rusqlite::Result<Vec<_>>>()
                .map_err(|error| session.refused(error))?;
            each(&values.iter().collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

/// A value of SQLite as one of a row. Blobs are base64.
fn shown(value: ValueRef<'_>) -> ViewValue<'_> {
    match value {
        ValueRef::Null => ViewValue::Null,
        ValueRef::Integer(value) => ViewValue::Number(value.to_string().into()),
        // JSON has no infinite numbers.
        ValueRef::Real(value) if value.is_finite() => {
            ViewValue::Number(format!("{value:?}").into())
        }
        ValueRef::Real(value) => ViewValue::Text(value.to_string().into()),
        ValueRef::Text(text) => ViewValue::Text(String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => ViewValue::Text(BASE64_STANDARD.encode(bytes).into()),
    }
}

/// Says what is wrong with the SQL.
fn wrong<T>(what: String) -> Result<T> {
    Err(Error::new(Kind::Unprocessable, what))
}

/// A name of SQL in quotes.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
