//! The views that the store keeps, and those that it could: a list, a preview of each, adding and removing.
//!
//! A view is added from the ready ones or from the text of a ViewDefinition. Its faults are told with their places.

use std::sync::LazyLock;

use askama::Template;

use super::document::document;
use super::posted_form::fields;
use super::shell::{Shell, see_other};
use super::sql_screen::closed;
use super::views_shown::{PreviewTable, of_definition};
use super::words::escaped;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::view::{STARTER_VIEWS, ViewDefinition};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::{Response, explanation};
use crate::http::sql::{CountedView, MOST_COUNTED, counted_views, is_plain_open};
use crate::store::ViewState;

/// A ready view, as the list shows it.
struct ReadyView {
    name: &'static str,
    definition: &'static str,
    title: String,
    resource: String,
}

/// The ready views.
static READY: LazyLock<Vec<ReadyView>> = LazyLock::new(|| {
    let ready = STARTER_VIEWS.into_iter().filter_map(|(name, definition)| {
        let view = ViewDefinition::from_json(definition).ok()?;
        let title = view.about().title.clone().unwrap_or_default();
        Some(ReadyView { name, definition, title, resource: view.resource().to_owned() })
    });
    ready.collect()
});

#[derive(Template)]
#[template(path = "views.html")]
struct ViewsScreen {
    shell: Shell,
    kept: Vec<KeptRow>,
    ready: Vec<&'static ReadyView>,
    /// The text of the form.
    definition: String,
    /// What is wrong with the text.
    faults: Vec<String>,
    preview: Option<PreviewTable>,
}

/// A view that the store keeps, as the list shows it.
pub(super) struct KeptRow {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) resource: String,
    pub(super) state: &'static str,
    pub(super) rows: String,
    pub(super) faults: u64,
}

impl KeptRow {
    pub(super) fn of(counted: &CountedView) -> KeptRow {
        let CountedView { view, rows } = counted;
        KeptRow {
            name: view.name.clone(),
            path: format!("/views/{}", escaped(&view.name)),
            resource: view.resource_type.clone(),
            state: match view.state {
                ViewState::Ready => "ready",
                ViewState::Unfinished => "unfinished: rows of resources are missing",
                ViewState::Outdated => {
                    "made by the rules of another fhirlite: `fhirlite view refresh` makes its rows anew"
                }
            },
            rows: match rows {
                None => "its table is missing".to_owned(),
                Some(rows) if *rows >= MOST_COUNTED => format!("{MOST_COUNTED} or more"),
                Some(rows) => rows.to_string(),
            },
            faults: view.faults,
        }
    }
}

/// Answers with the list; by POST it adds a view, or shows the first rows of one that is not added.
///
/// # Errors
/// `Invalid` for another form; where the store cannot be read or written.
pub fn views(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    if !is_plain_open(request) {
        return closed(request, "Views");
    }
    if request.method != "POST" {
        return list(request, (String::new(), Vec::new()), None);
    }
    let form = fields(request)?;
    let field = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    if let Some(name) = field("ready") {
        let ready = READY.iter().find(|view| view.name == name);
        let Some(view) = ready else { return Err(no_view(name)) };
        return match add(request, view.definition)? {
            Ok(response) => Ok(response),
            Err(fault) => list(request, (String::new(), vec![fault]), None),
        };
    }
    let Some(text) = field("definition") else {
        let what = "the form has neither ready nor definition; send it from /views";
        return Err(Error::new(Kind::Invalid, what));
    };
    let given = |faults| (text.clone(), faults);
    let view = match ViewDefinition::from_json(text) {
        Ok(view) => view,
        Err(faults) => {
            let faults = faults.iter().map(ToString::to_string).collect();
            return list(request, given(faults), None);
        }
    };
    if field("do").is_some_and(|what| what == "preview") {
        let preview = of_definition(request, &view)?;
        return list(request, given(Vec::new()), Some(preview));
    }
    match add(request, text)? {
        Ok(response) => Ok(response),
        Err(fault) => list(request, given(vec![fault]), None),
    }
}

fn list(
    request: &AuthenticatedRequest<'_>,
    (definition, faults): (String, Vec<String>),
    preview: Option<PreviewTable>,
) -> Result<Response> {
    let kept = counted_views(request)?;
    let is_kept = |name: &str| kept.iter().any(|of| of.view.name.eq_ignore_ascii_case(name));
    let status = if faults.is_empty() { 200 } else { 422 };
    let screen = ViewsScreen {
        shell: Shell::new(request.context, "Views", "views"),
        ready: READY.iter().filter(|view| !is_kept(view.name)).collect(),
        kept: kept.iter().map(KeptRow::of).collect(),
        definition,
        faults,
        preview,
    };
    document(request, status, &screen)
}

/// Adds a view and leads to it. The inner error is what is wrong with the view.
pub(super) fn add(
    request: &AuthenticatedRequest<'_>,
    definition: &str,
) -> Result<std::result::Result<Response, String>> {
    let added = request.context.store.add_view(definition, &mut |_| !request.watch.has_left());
    match added {
        Ok(view) => Ok(Ok(see_other(request.context, &format!("/views/{}", escaped(&view.name))))),
        Err(error) if error.kind() == Kind::Usage => Ok(Err(explanation(&error, &request.id))),
        Err(error) => Err(error),
    }
}

/// The definition of a ready view.
pub(super) fn ready_definition(name: &str) -> Option<&'static str> {
    let ready = READY.iter().find(|view| view.name.eq_ignore_ascii_case(name));
    ready.map(|view| view.definition)
}

/// Says that there is no view of a name.
pub(super) fn no_view(name: &str) -> Error {
    let what = format!("there is no view {}; /views lists those that there are", short(name));
    Error::new(Kind::NotFound, what)
}
