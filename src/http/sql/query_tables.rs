//! The tables of a Library's SQL: which views they are, and their rows.
//!
//! <https://sql-on-fhir.org/ig/operations-common.html#context>. A caller who sees the whole store reads the tables that it keeps.
//! For others, for filtered rows and for views without a table, rows are made anew: those of what the caller could export.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::artefact::{Artefact, is_canonical, kept_view, of_canonical};
use super::filters::RowFilters;
use super::input::SqlInput;
use super::refusal::{SqlOutcome, SqlRefusal};
use crate::error::{Error, Kind, Result};
use crate::export::{Plan, Purpose};
use crate::fhir::json::Tree;
use crate::fhir::name::short;
use crate::fhir::sql_library::{SqlLibrary, SqlTable};
use crate::fhir::view::ViewDefinition;
use crate::http::authenticated::AuthenticatedRequest;
use crate::store::{QuerySession, Reach, Snapshot, ViewState};

/// The parameter with views that the server does not have.
const CONTEXT: &str = "context";

/// A table of the SQL, and its view.
pub struct QueryTable {
    label: String,
    view: ViewDefinition,
    /// The name of the table that the store keeps, if it is complete.
    kept: Option<String>,
}

/// A view that comes with the request.
struct ContextView {
    url: String,
    version: String,
    json: String,
    is_used: bool,
}

/// Finds the view of each table.
///
/// # Errors
/// A refusal with 404 for a view that is not here, with 422 for one with faults, with 400 for a wrong `context`.
pub fn find(
    request: &AuthenticatedRequest<'_>,
    session: &QuerySession,
    snapshot: &Snapshot,
    library: &SqlLibrary,
    input: &SqlInput<'_>,
) -> SqlOutcome<Vec<QueryTable>> {
    let mut context = context(input)?;
    let kept = session.views()?;
    let mut tables = Vec::with_capacity(library.tables.len());
    for table in &library.tables {
        let given = context.iter_mut().find(|view| view.is_for(&table.view));
        let (json, kept) = match given {
            Some(view) => {
                view.is_used = true;
                (view.json.clone(), None)
            }
            None => match kept_view(&kept, &table.view) {
                Some(view) => {
                    let is_ready = view.state == ViewState::Ready;
                    (view.definition.clone(), is_ready.then(|| view.name.clone()))
                }
                None => (stored(request, snapshot, table)?, None),
            },
        };
        let view = ViewDefinition::from_json(&json)
            .map_err(|faults| SqlRefusal::of_view(&short(&table.view), &faults))?;
        tables.push(QueryTable { label: table.label.clone(), view, kept });
    }
    match context.iter().find(|view| !view.is_used) {
        None => Ok(tables),
        Some(view) => {
            let what = format!("no table of the SQL is the view {} of context", short(&view.url));
            Err(SqlRefusal::invalid(CONTEXT, what))
        }
    }
}

/// Gives the session the tables, with the rows of what the caller could export.
///
/// # Errors
/// `Forbidden` where the scope lacks a type; those of [`QuerySession::add_row`].
pub fn fill(
    request: &AuthenticatedRequest<'_>,
    session: &mut QuerySession,
    snapshot: &Snapshot,
    tables: &[QueryTable],
    filters: &RowFilters,
) -> SqlOutcome<()> {
    let types: BTreeSet<String> =
        tables.iter().map(|table| table.view.resource().to_owned()).collect();
    if types.is_empty() {
        return Ok(());
    }
    // Kept tables too show types that the scope must cover.
    let mut export = filters.export_of(request, snapshot, types)?;
    let sees_all = request.permission.reach == Reach::Everything && filters.are_none();
    let (shown, made): (Vec<&QueryTable>, Vec<&QueryTable>) =
        tables.iter().partition(|table| sees_all && table.kept.is_some());
    for table in shown {
        let name = table.kept.as_deref().unwrap_or_default();
        session.show(&table.label, name, table.view.columns())?;
    }
    if made.is_empty() {
        return Ok(());
    }
    export.filter.types = Some(made.iter().map(|table| table.view.resource().to_owned()).collect());
    let plan = Plan::new(snapshot.clone(), &export)?;
    for table in made {
        session.add_table(&table.label, table.view.columns())?;
        let is_of_view = |of: &Option<String>| of.as_deref() == Some(table.view.resource());
        for file in &plan.files {
            if file.purpose == Purpose::Output && is_of_view(&file.resource_type) {
                let mut rows = TableRows { session, table, line: Vec::new(), fault: None };
                let written = plan.write(file, &mut rows);
                match rows.fault {
                    Some(fault) => return Err(fault.into()),
                    None => written?,
                }
            }
        }
    }
    if !snapshot.is_whole()? {
        let what = "the store no longer has all that the rows are made of; ask again";
        return Err(Error::new(Kind::Busy, what).into());
    }
    Ok(())
}

/// The views of `context`.
fn context(input: &SqlInput<'_>) -> SqlOutcome<Vec<ContextView>> {
    let mut views: Vec<ContextView> = Vec::new();
    for json in input.resources(CONTEXT) {
        let Artefact::View(json) = Artefact::of(json.to_owned()) else {
            let what = "context takes ViewDefinitions alone";
            return Err(SqlRefusal::new(400, "not-supported", CONTEXT, what));
        };
        let tree = Tree::parse(&json).map_err(|why| SqlRefusal::invalid(CONTEXT, why))?;
        let text =
            |name: &str| tree.get(name).and_then(Tree::as_text).unwrap_or_default().to_owned();
        let (url, version) = (text("url"), text("version"));
        drop(tree);
        if url.is_empty() || views.iter().any(|view| view.url == url) {
            let what = "each view of context should have a url of its own";
            return Err(SqlRefusal::invalid(CONTEXT, what));
        }
        views.push(ContextView { url, version, json, is_used: false });
    }
    Ok(views)
}

impl ContextView {
    fn is_for(&self, canonical: &str) -> bool {
        is_canonical(canonical, &self.url, &self.version)
    }
}

/// The view that is stored as a resource.
fn stored(
    request: &AuthenticatedRequest<'_>,
    snapshot: &Snapshot,
    table: &SqlTable,
) -> SqlOutcome<String> {
    let (label, view) = (&table.label, short(&table.view));
    match of_canonical(request, snapshot, &table.view)? {
        Some(Artefact::View(json)) => Ok(json),
        Some(Artefact::Query(_) | Artefact::Other(_)) => {
            let what = format!(
                "the table {label} of the SQL is {view}, which is no ViewDefinition; SQL over other SQL is not supported"
            );
            Err(SqlRefusal::new(422, "not-supported", "", what))
        }
        None => {
            let what = format!(
                "the table {label} of the SQL is the view {view}, which is not here; give it in context, import it, or let the operator add it by `fhirlite view add`"
            );
            Err(SqlRefusal::new(404, "not-found", "", what))
        }
    }
}

/// Takes resources line by line, and adds the rows of each to a table.
struct TableRows<'a> {
    session: &'a mut QuerySession,
    table: &'a QueryTable,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Why no more is taken.
    fault: Option<Error>,
}

impl TableRows<'_> {
    fn add(&mut self, line: &[u8]) -> Result<()> {
        self.session.check_time()?;
        let damaged = |why: String| Error::new(Kind::Damaged, format!("a body is no JSON: {why}"));
        let text = std::str::from_utf8(line).map_err(|error| damaged(error.to_string()))?;
        let QueryTable { label, view, .. } = self.table;
        view.rows_of_body(text, &mut |values| self.session.add_row(label, view.columns(), values))
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<()> {
        while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(&bytes[..end]);
            self.add(&line)?;
            bytes = &bytes[end + 1..];
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }
}

impl Write for TableRows<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.take(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(fault) => {
                self.fault = Some(fault);
                Err(io::Error::other("no more resources are taken"))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
