//! The rows of a Library with SQL, for `$sql-run`.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLRun.html>. The SQL runs natively, on a connection that can read the tables
//! of the Library alone (`store/query.rs`). Its rows are made before the answer begins: no read transaction waits for a client.

use super::bound_values::bound_values;
use super::filters::RowFilters;
use super::input::SqlInput;
use super::query_tables::{fill, find};
use super::refusal::{SqlOutcome, SqlRefusal};
use super::row_body::made;
use crate::error::{Error, Kind, Result};
use crate::fhir::sql_library::SqlLibrary;
use crate::fhir::view::{ColumnKind, ColumnTag, ViewColumn, ViewValue};
use crate::http::authenticated::AuthenticatedRequest;
use crate::store::PreparedQuery;
use crate::view::ViewFormat;

/// The most bytes of a result.
const MOST_BYTES: usize = 64 << 20;

/// The rows of a Library, which `json` is; `expression` names it in a refusal.
///
/// # Errors
/// A refusal with 422 for a Library with faults, SQL that cannot be run, or takes too much. Those of the tables.
pub fn query(
    request: &AuthenticatedRequest<'_>,
    input: &SqlInput<'_>,
    (json, expression): (&str, &str),
    (filters, most_rows): (&RowFilters, Option<u64>),
    format: ViewFormat,
) -> SqlOutcome<Vec<u8>> {
    if input.has("resource") {
        let what = "resource is for a ViewDefinition; a Library with SQL reads the store";
        return Err(SqlRefusal::invalid("resource", what));
    }
    let library =
        SqlLibrary::read(json).map_err(|why| SqlRefusal::new(422, "invalid", expression, why))?;
    let values = bound_values(&library, input.resources("parameters").next())?;
    let watch = request.watch.clone();
    let limits = request.context.query_limits;
    let mut session = request.context.store.query_session(limits, move || watch.has_left())?;
    let snapshot = session.snapshot()?.limited_to(request.permission.reach);
    let tables = find(request, &session, &snapshot, &library, input)?;
    let mut work = || -> SqlOutcome<Vec<u8>> {
        fill(request, &mut session, &snapshot, &tables, filters)?;
        session.close()?;
        let mut prepared = session.prepare(&library.sql, &values)?;
        Ok(rows(&mut prepared, most_rows, format)?)
    };
    work().map_err(|refusal| told(refusal, expression))
}

/// What takes too much is no fault of the request's form, so it is told like other SQL that cannot be run.
fn told(refusal: SqlRefusal, expression: &str) -> SqlRefusal {
    let SqlRefusal::Failed(error) = refusal else { return refusal };
    let code = match error.kind() {
        Kind::TooSlow => "timeout",
        Kind::TooMuch => "too-costly",
        Kind::Unprocessable => "invalid",
        _ => return SqlRefusal::Failed(error),
    };
    SqlRefusal::new(422, code, expression, error.to_string())
}

/// The rows in a form.
///
/// # Errors
/// Those of [`PreparedQuery::for_each`]; `TooMuch` where they have too many bytes.
pub(super) fn rows(
    prepared: &mut PreparedQuery<'_>,
    most_rows: Option<u64>,
    format: ViewFormat,
) -> Result<Vec<u8>> {
    let columns = columns(prepared, most_rows, format)?;
    made(format, &columns, |writer, buffer| {
        let mut batch = writer.new_batch()();
        prepared.for_each(most_rows, &mut |values| {
            batch.add(values);
            writer.append(&mut batch)?;
            if buffer.length() > MOST_BYTES {
                let what =
                    format!("the result has more than {MOST_BYTES} bytes; ask for fewer rows");
                return Err(Error::new(Kind::TooMuch, what));
            }
            Ok(())
        })
    })
}

/// The columns of the result. Parquet needs their types before the first row: the rows say them.
fn columns(
    prepared: &mut PreparedQuery<'_>,
    most_rows: Option<u64>,
    format: ViewFormat,
) -> Result<Vec<ViewColumn>> {
    let names = prepared.columns();
    let mut seen = vec![SeenValues::default(); names.len()];
    if format == ViewFormat::Parquet {
        prepared.for_each(most_rows, &mut |values| {
            seen.iter_mut().zip(values).for_each(|(seen, value)| seen.note(value));
            Ok(())
        })?;
    }
    Ok(names.into_iter().zip(seen).map(|(name, seen)| seen.column(name)).collect())
}

/// Which values a column has.
#[derive(Clone, Copy, Default)]
struct SeenValues {
    integers: bool,
    decimals: bool,
    others: bool,
}

impl SeenValues {
    fn note(&mut self, value: &ViewValue<'_>) {
        match value {
            ViewValue::Null => {}
            ViewValue::Number(lexeme) if lexeme.parse::<i64>().is_ok() => self.integers = true,
            ViewValue::Number(_) => self.decimals = true,
            _ => self.others = true,
        }
    }

    /// Numbers of SQLite are 64 bits long, integers or doubles.
    fn column(self, name: String) -> ViewColumn {
        let double = || ColumnTag { name: "ansi/type".to_owned(), value: "DOUBLE".to_owned() };
        let (kind, tags) = match self {
            SeenValues { others: false, decimals: true, .. } => {
                (ColumnKind::Decimal, vec![double()])
            }
            SeenValues { others: false, integers: true, .. } => (ColumnKind::Integer64, Vec::new()),
            _ => (ColumnKind::Text, Vec::new()),
        };
        ViewColumn { name, type_name: None, kind, is_collection: false, description: None, tags }
    }
}
