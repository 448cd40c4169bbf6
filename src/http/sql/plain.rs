//! SQL of the operator over the store's own tables, for the page: `store/query_open.rs` says which tables these are.
//!
//! It runs within the limits of `$sql-run`, and only where [`is_plain_open`] says so.

use super::query::rows;
use crate::error::Result;
use crate::fhir::view::ViewValue;
use crate::http::authenticated::AuthenticatedRequest;
use crate::shown::{shortened, shown};
use crate::store::{QuerySession, ReadableTable};
use crate::view::ViewFormat;

/// The rows of a result, as far as a screen shows them.
pub struct PlainRows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<PlainCell>>,
    /// True where there are more rows.
    pub has_more: bool,
}

/// A value of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainCell {
    /// The value as text, cut where it is long; `None` for NULL.
    pub text: Option<String>,
    /// True for a number.
    pub is_number: bool,
}

/// How much of a result a screen shows.
#[derive(Clone, Copy)]
pub struct PlainBounds {
    /// The most rows.
    pub rows: usize,
    /// The most characters of a value.
    pub cell: usize,
    /// The most bytes of all values together.
    pub bytes: usize,
}

/// True where this request may bring SQL over the store's own tables, and change the store's views: the server is open, only
/// this machine reaches it, and no proxy passes on requests from elsewhere.
pub fn is_plain_open(request: &AuthenticatedRequest<'_>) -> bool {
    let context = request.context;
    let is_of_this_machine = |url: &String| {
        let authority = url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        let host = authority.rsplit_once(':').filter(|(_, port)| !port.contains(']'));
        let host = host.map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
        let is_loopback = |address: std::net::IpAddr| address.is_loopback();
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_loopback)
    };
    context.is_private
        && !context.access.is_required()
        && request.peer.is_loopback()
        && context.base_url.as_ref().is_none_or(is_of_this_machine)
}

/// The tables and views that such SQL may read.
///
/// # Errors
/// Where the store cannot be read.
pub fn plain_tables(request: &AuthenticatedRequest<'_>) -> Result<Vec<ReadableTable>> {
    plain_session(request)?.readable_tables()
}

/// The first rows of a result.
///
/// # Errors
/// `Unprocessable` for SQL that cannot be run, with the words of SQLite; `TooSlow`, `TooMuch`.
pub fn plain_rows(
    request: &AuthenticatedRequest<'_>,
    sql: &str,
    bounds: PlainBounds,
) -> Result<PlainRows> {
    let session = opened(request)?;
    let mut prepared = session.prepare_plain(sql)?;
    let name = |name: String| shown(&shortened(&name, bounds.cell)).into_owned();
    let columns = prepared.columns().into_iter().map(name).collect();
    let (mut found, mut has_more, mut bytes) = (Vec::new(), false, 0);
    let most = request.context.query_limits.rows.min(bounds.rows as u64 + 1);
    prepared.for_each(Some(most), &mut |values| {
        if found.len() >= bounds.rows || bytes > bounds.bytes {
            has_more = true;
            return Ok(());
        }
        let cells: Vec<PlainCell> =
            values.iter().map(|value| plain_cell(value, bounds.cell)).collect();
        bytes += cells.iter().map(|cell| cell.text.as_ref().map_or(4, String::len)).sum::<usize>();
        found.push(cells);
        Ok(())
    })?;
    Ok(PlainRows { columns, rows: found, has_more })
}

/// All rows of a result as CSV.
///
/// # Errors
/// Those of [`plain_rows`].
pub fn plain_csv(request: &AuthenticatedRequest<'_>, sql: &str) -> Result<Vec<u8>> {
    let session = opened(request)?;
    let mut prepared = session.prepare_plain(sql)?;
    rows(&mut prepared, None, ViewFormat::Csv { header: true })
}

/// A session whose tables are those of the store.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn plain_session(request: &AuthenticatedRequest<'_>) -> Result<QuerySession> {
    let watch = request.watch.clone();
    request.context.store.query_session(request.context.query_limits, move || watch.has_left())
}

fn opened(request: &AuthenticatedRequest<'_>) -> Result<QuerySession> {
    let mut session = plain_session(request)?;
    let tables = session.readable_tables()?;
    session.open_to(&tables)?;
    Ok(session)
}

/// A value as a screen shows it, with at most `most` characters.
pub(super) fn plain_cell(value: &ViewValue<'_>, most: usize) -> PlainCell {
    let text = value.plain().map(|text| {
        let cut = shortened(&text, most);
        shown(&cut).into_owned()
    });
    PlainCell { text, is_number: matches!(value, ViewValue::Number(_)) }
}
