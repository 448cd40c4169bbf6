//! The lists of resources: the types of the store, and the resources of a type by search parameters.
//!
//! A list is a page of a search, by the same parameters and the same function as in the API.

use askama::Template;

use super::browse_columns::{ListColumns, ListRow};
use super::browse_form::SearchForm;
use super::browse_names::PatientNames;
use super::browse_types::{TypeRow, type_rows};
use super::document::document;
use super::shell::{Shell, root};
use super::words::{grouped, url_with};
use crate::error::{Error, Kind, Result};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::{Request, Response, explanation};
use crate::http::rest::{FoundPage, PageSize, Searched};
use crate::http::row::not_found;
use crate::shown::shown;

/// How many resources a list has.
const SIZE: PageSize = PageSize { usual: 50, most: 50 };
/// The parameters that name a page of a list.
const OF_PAGES: [&str; 3] = ["_after", "_snapshot", "_count"];

#[derive(Template)]
#[template(path = "browse_types.html")]
struct TypesScreen {
    shell: Shell,
    types: Vec<TypeRow>,
}

/// Answers with the types of the store.
pub fn types(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    let types = type_rows(request)?;
    let shell = Shell::new(request.context, "Browse", "browse");
    document(request, 200, &TypesScreen { shell, types })
}

#[derive(Template)]
#[template(path = "browse_list.html")]
struct ListScreen {
    shell: Shell,
    resource_type: String,
    form: SearchForm,
    /// Why the search cannot be run; empty where it can.
    problem: String,
    issues: Vec<String>,
    /// How many resources there are, and are shown.
    amount: String,
    label_heading: String,
    headings: Vec<&'static str>,
    rows: Vec<ListRow>,
    first_url: Option<String>,
    next_url: Option<String>,
    ndjson_url: String,
    csv_url: String,
    fhir_url: String,
}

/// Answers with a list.
pub fn list(request: &AuthenticatedRequest<'_>, resource_type: &str) -> Result<Response> {
    check_type(request, resource_type)?;
    let own: &Request = request;
    let root = root(request.context);
    let path = format!("{root}/browse/{resource_type}");
    // A form sends its empty fields too.
    let mut query = own.query.clone();
    query.retain(|(_, value)| !value.is_empty());
    if query.len() < own.query.len() {
        let clean = url_with(&path, &query, |_| false);
        return Ok(Response::empty(303).with("Location", clean));
    }
    let columns = ListColumns::of(resource_type);
    let is_of_page = |name: &str| OF_PAGES.contains(&name);
    let url = |path: &str| url_with(path, &query, is_of_page);
    let is_first = !query.iter().any(|(name, _)| name == "_after");
    let mut screen = ListScreen {
        shell: Shell::new(request.context, resource_type, "browse"),
        resource_type: resource_type.to_owned(),
        form: SearchForm::of(resource_type, &query),
        problem: String::new(),
        issues: Vec::new(),
        amount: String::new(),
        label_heading: columns.label_heading(resource_type),
        headings: columns.headings(),
        rows: Vec::new(),
        first_url: (!is_first).then(|| url(&path)),
        next_url: None,
        ndjson_url: url(&format!("{path}.ndjson")),
        csv_url: url(&format!("{path}.csv")),
        fhir_url: url(&format!("{root}/fhir/{resource_type}")),
    };
    let found = match FoundPage::find(request, own, &Searched::of_type(resource_type), SIZE) {
        Ok(found) => found,
        // The form shows what was given, so that it can be put right.
        Err(error) if error.kind() == Kind::Invalid => {
            screen.problem = shown(&explanation(&error, &own.id)).into_owned();
            return document(request, error.kind().status(), &screen);
        }
        Err(error) => return Err(error),
    };
    let page = &found.page;
    screen.rows = page.found.iter().map(|one| columns.row(&root, one)).collect();
    let named = name_patients(request, &mut screen.rows)?;
    screen.issues =
        found.issues.iter().map(|issue| shown(&issue.diagnostics).into_owned()).collect();
    screen.amount = amount(page.found.len(), page.total, is_first, page.has_more);
    screen.next_url = found.next_url(&path, &query)?;
    let length = page.found.iter().map(|one| one.body.len()).sum::<usize>() + named;
    request.note_read("search", &[], length)?;
    document(request, 200, &screen)
}

/// Puts the names of patients in place of their ids, where the caller may read them. Returns the bytes of what was read.
fn name_patients(request: &AuthenticatedRequest<'_>, rows: &mut [ListRow]) -> Result<usize> {
    let snapshot = request.seen.latest()?;
    let mut names = PatientNames::new(request, &snapshot)?;
    let cells = rows.iter_mut().flat_map(|row| &mut row.cells);
    for cell in cells.filter(|cell| !cell.patient.is_empty()) {
        if let Some(name) = names.of(&cell.patient)? {
            cell.text = name;
        }
    }
    Ok(names.read)
}

/// How many resources a list shows, of how many.
fn amount(shown: usize, total: Option<u64>, is_first: bool, has_more: bool) -> String {
    let shown_text = grouped(shown as u64);
    match total {
        Some(total) if total == shown as u64 => match total {
            0 => "None".to_owned(),
            1 => "One resource".to_owned(),
            _ => format!("{shown_text} resources"),
        },
        Some(total) => format!("{shown_text} of {} resources", grouped(total)),
        None if has_more => format!("{shown_text} resources on this page, and more follow"),
        None if is_first => format!("{shown_text} resources"),
        None => format!("The last {shown_text} resources"),
    }
}

/// Checks that a type is one of the store's version, or one that the caller sees in the store.
///
/// # Errors
/// `NotFound` for another one.
pub fn check_type(request: &AuthenticatedRequest<'_>, name: &str) -> Result<()> {
    if request.is_type(name)? {
        return Ok(());
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(not_found(request.context));
    }
    let what =
        format!("{name} is no type of resources here; /browse lists those that the store has");
    Err(Error::new(Kind::NotFound, what))
}
