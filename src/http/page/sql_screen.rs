//! SQL over the store: a box, the tables beside it, the result as a table, a chart and a file.
//!
//! Each query is a link. What SQL may read and how long it may take, `http/sql` and the store say.

use askama::Template;

use super::document::document;
use super::shell::Shell;
use super::sql_chart::chart_svg;
use super::words::escaped;
use crate::error::{Error, Kind, Result};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::{Response, explanation};
use crate::http::sql::{
    PlainBounds, PlainCell, PlainRows, is_plain_open, plain_csv, plain_rows, plain_tables,
};
use crate::store::ReadableTable;

/// What of a result the screen shows: it stays below 60 kB over the wire.
const BOUNDS: PlainBounds = PlainBounds { rows: 200, cell: 160, bytes: 60_000 };
/// The most columns that are shown.
const MOST_COLUMNS: usize = 60;

/// Queries to begin with: what each finds, and its SQL.
const EXAMPLES: [(&str, &str); 6] = [
    (
        "Resources by type",
        "SELECT type, resources, bytes\n  FROM type_summary\n ORDER BY resources DESC",
    ),
    (
        "Patients by decade of birth",
        "SELECT substr(birth_date, 1, 3) || '0s' AS born, count(*) AS patients\n  FROM patient\n GROUP BY born\n ORDER BY born",
    ),
    (
        "What is observed most",
        "SELECT display, count(*) AS observations\n  FROM observation\n GROUP BY display\n ORDER BY observations DESC\n LIMIT 20",
    ),
    (
        "The systolic pressure of one patient",
        "SELECT effective, value, unit\n  FROM observation_component\n WHERE code = '8480-6'\n   AND patient = (SELECT patient FROM observation_component WHERE code = '8480-6' LIMIT 1)\n ORDER BY effective",
    ),
    (
        "Any element of the JSON",
        "SELECT id, body ->> '$.birthDate' AS born, body ->> '$.name[0].family' AS family\n  FROM resource\n WHERE type = 'Patient'\n LIMIT 50",
    ),
    (
        "Versions that were replaced or deleted",
        "SELECT type, id, version_id, ended, deleted\n  FROM version\n WHERE ended IS NOT NULL\n LIMIT 50",
    ),
];

#[derive(Template)]
#[template(path = "sql.html")]
struct SqlScreen {
    shell: Shell,
    sql: String,
    tables: Vec<ReadableTable>,
    examples: Vec<SqlExample>,
    /// True for SQL that another site brought: it is shown, and does not run.
    is_from_elsewhere: bool,
    /// Why the SQL cannot be run; empty where it could, or where there is none.
    fault: String,
    result: Option<ShownResult>,
}

/// A link to a query.
struct SqlExample {
    label: &'static str,
    path: String,
}

/// A result as the screen shows it.
struct ShownResult {
    columns: Vec<String>,
    /// How many columns are not shown.
    hidden: usize,
    rows: Vec<Vec<PlainCell>>,
    has_more: bool,
    /// SVG in which `sql_chart` escapes every text; empty for none.
    chart: String,
    csv_path: String,
}

impl ShownResult {
    /// True for a column of numbers alone.
    fn is_number(&self, column: &usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(*column));
        cells.all(|cell| cell.is_number || cell.text.is_none())
    }
}

#[derive(Template)]
#[template(path = "sql_closed.html")]
struct SqlClosedScreen {
    shell: Shell,
    what: &'static str,
}

/// Answers with the box, and with the result of the SQL in the URL.
///
/// # Errors
/// Where the store cannot be read.
pub fn sql(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    if !is_plain_open(request) {
        return closed(request, "SQL");
    }
    let sql = given_sql(request);
    let (mut fault, mut status, mut result) = (String::new(), 200, None);
    let is_from_elsewhere = !sql.trim().is_empty() && is_from_elsewhere(request);
    if !sql.trim().is_empty() && !is_from_elsewhere {
        match plain_rows(request, &sql, BOUNDS) {
            Ok(rows) => result = Some(shown_result(rows, &sql)),
            Err(error) => match of_sql(error) {
                error if error.kind() == Kind::Unprocessable => {
                    (status, fault) = (422, explanation(&error, &request.id));
                }
                error => return Err(error),
            },
        }
    }
    if result.is_some() {
        request.note_read("search", &[], 0)?;
    }
    let examples = EXAMPLES.map(|(label, sql)| SqlExample { label, path: sql_path(sql) });
    let screen = SqlScreen {
        shell: Shell::new(request.context, "SQL", "sql"),
        tables: plain_tables(request)?,
        examples: examples.into(),
        sql,
        is_from_elsewhere,
        fault,
        result,
    };
    document(request, status, &screen)
}

/// Answers with all rows of the result as CSV.
///
/// # Errors
/// Those of the SQL; `Forbidden` where no SQL is taken.
pub fn sql_csv(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    if !is_plain_open(request) {
        let what = "SQL is taken from this machine alone, by a server without authentication";
        return Err(Error::new(Kind::Forbidden, what));
    }
    if is_from_elsewhere(request) {
        let what = "another site asked for this file; open /sql and ask for it there";
        return Err(Error::new(Kind::Forbidden, what));
    }
    let csv = plain_csv(request, &given_sql(request)).map_err(of_sql)?;
    request.note_read("search", &[], csv.len())?;
    Ok(Response::new(200, "text/csv; charset=utf-8", csv)
        .with("Content-Disposition", "attachment; filename=\"result.csv\"")
        .with("Cache-Control", "no-store"))
}

/// The screen that says why there is none here.
///
/// # Errors
/// Where the screen cannot be made.
pub fn closed(request: &AuthenticatedRequest<'_>, what: &'static str) -> Result<Response> {
    let shell = Shell::new(request.context, what, "");
    document(request, 403, &SqlClosedScreen { shell, what })
}

/// The path of a query's screen, below the root.
pub fn sql_path(sql: &str) -> String {
    format!("/sql?sql={}", escaped(sql))
}

/// True where a browser says that a page of another site asks: its SQL could keep this server busy.
///
/// <https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>
fn is_from_elsewhere(request: &AuthenticatedRequest<'_>) -> bool {
    let site = request.header("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

fn given_sql(request: &AuthenticatedRequest<'_>) -> String {
    let given = request.query.iter().find(|(name, _)| name == "sql");
    given.map(|(_, sql)| sql.replace("\r\n", "\n")).unwrap_or_default()
}

/// What is the fault of the SQL, which also takes too much: a browser would ask again for what came too late.
fn of_sql(error: Error) -> Error {
    match error.kind() {
        Kind::TooSlow | Kind::TooMuch => Error::new(Kind::Unprocessable, error.to_string()),
        _ => error,
    }
}

fn shown_result(result: PlainRows, sql: &str) -> ShownResult {
    let chart = chart_svg(&result);
    let PlainRows { mut columns, mut rows, has_more } = result;
    let hidden = columns.len().saturating_sub(MOST_COLUMNS);
    columns.truncate(MOST_COLUMNS);
    rows.iter_mut().for_each(|row| row.truncate(MOST_COLUMNS));
    let csv_path = format!("/sql.csv?sql={}", escaped(sql));
    ShownResult { columns, hidden, rows, has_more, chart, csv_path }
}
