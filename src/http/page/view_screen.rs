//! One view: what it is, its first rows, its definition; adding and removing it.

use askama::Template;

use super::document::document;
use super::posted_form::fields;
use super::shell::{Shell, see_other};
use super::sql_screen::{closed, sql_path};
use super::views_screen::{KeptRow, add, no_view, ready_definition};
use super::views_shown::{PreviewTable, of_definition};
use crate::error::{Error, Kind, Result};
use crate::fhir::view::ViewDefinition;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::Response;
use crate::http::sql::{counted_views, is_plain_open};
use crate::shown::{shortened, shown};

/// The most characters of a definition that are shown.
const LONGEST_DEFINITION: usize = 30_000;
/// The reasons why resources have no rows.
const MOST_FAULTS: usize = 10;

#[derive(Template)]
#[template(path = "view.html")]
struct ViewScreen {
    shell: Shell,
    name: String,
    /// The path of this screen, below the root.
    path: String,
    title: String,
    description: String,
    /// The view as the store keeps it; `None` for a ready one that it does not keep.
    kept: Option<KeptRow>,
    /// Why resources have no rows.
    kept_faults: Vec<String>,
    /// Faults of the definition itself.
    faults: Vec<String>,
    preview: Option<PreviewTable>,
    definition: String,
    sql_path: String,
}

/// Answers with the screen of a view; by POST it adds or removes the view.
///
/// # Errors
/// `NotFound` for a view that there is not; `Invalid` for another form; where the store cannot be read or written.
pub fn view(request: &AuthenticatedRequest<'_>, name: &str) -> Result<Response> {
    if !is_plain_open(request) {
        return closed(request, "Views");
    }
    let views = counted_views(request)?;
    let kept = views.iter().find(|of| of.view.name.eq_ignore_ascii_case(name));
    let definition = match kept {
        Some(of) => of.view.definition.clone(),
        None => ready_definition(name).ok_or_else(|| no_view(name))?.to_owned(),
    };
    let mut faults = Vec::new();
    if request.method == "POST" {
        match changed(request, name, &definition)? {
            Ok(response) => return Ok(response),
            Err(fault) => faults.push(fault),
        }
    }
    let read = ViewDefinition::from_json(&definition);
    let (mut title, mut description, mut preview) = (String::new(), String::new(), None);
    let mut own = name.to_owned();
    match &read {
        Ok(view) => {
            let about = view.about();
            title = shown(about.title.as_deref().unwrap_or_default()).into_owned();
            description = shown(about.description.as_deref().unwrap_or_default()).into_owned();
            own = about.name.clone().unwrap_or(own);
            preview = Some(of_definition(request, view)?);
        }
        Err(of_view) => faults.extend(of_view.iter().map(ToString::to_string)),
    }
    let kept_faults = match kept.filter(|of| of.view.faults > 0) {
        Some(of) => request.context.store.view_faults(&of.view.name, MOST_FAULTS)?,
        None => Vec::new(),
    };
    let status = if faults.is_empty() { 200 } else { 422 };
    let kept = kept.map(KeptRow::of);
    let screen = ViewScreen {
        shell: Shell::new(request.context, format!("View {own}"), "views"),
        path: format!("/views/{}", super::words::escaped(name)),
        sql_path: sql_path(&format!("SELECT *\n  FROM \"{own}\"\n LIMIT 50")),
        kept_faults: kept_faults.iter().map(|fault| shown(fault).into_owned()).collect(),
        definition: shortened(&definition, LONGEST_DEFINITION).into_owned(),
        name: own,
        title,
        description,
        kept,
        faults,
        preview,
    };
    document(request, status, &screen)
}

/// Adds or removes the view, as the form says. The inner error is what is wrong with the view.
fn changed(
    request: &AuthenticatedRequest<'_>,
    name: &str,
    definition: &str,
) -> Result<std::result::Result<Response, String>> {
    let form = fields(request)?;
    let what = form.iter().find(|(field, _)| field == "do").map(|(_, value)| value.as_str());
    match what {
        Some("add") => add(request, definition),
        Some("remove") => {
            if !request.context.store.remove_view(name)? {
                return Err(no_view(name));
            }
            Ok(Ok(see_other(request.context, "/views")))
        }
        _ => Err(Error::new(Kind::Invalid, "the form should say do=add or do=remove")),
    }
}
