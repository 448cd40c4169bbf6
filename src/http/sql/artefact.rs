//! ViewDefinitions and Libraries that are stored as resources, and the views that the store keeps in tables, found by a
//! reference, by their canonical URL or by the name of a table.
//!
//! <https://hl7.org/fhir/R4/references.html#canonical>. Of several with one URL the active ones go before others, and of
//! these the one with the highest version. Both types are few in a store, so they are read one after the other.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::json::Tree;
use crate::fhir::name::literal_reference;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::store::{Selection, Snapshot, StoredView};

/// The type of views.
pub const VIEW: &str = "ViewDefinition";
/// The type of resources that hold SQL.
pub const LIBRARY: &str = "Library";

/// A resource that may be the subject of an operation, or what it needs.
#[derive(Clone, Debug)]
pub enum Artefact {
    /// A ViewDefinition, as JSON.
    View(String),
    /// A Library of the type `sql-query`, as JSON.
    Query(String),
    /// Another resource: what it is.
    Other(String),
}

impl Artefact {
    /// The resource of a JSON text.
    pub fn of(json: String) -> Artefact {
        let Ok(tree) = Tree::parse(&json) else {
            return Artefact::Other("what is no JSON".to_owned());
        };
        let text = |tree: &Tree<'_>| tree.as_text().unwrap_or_default().to_owned();
        match tree.get("resourceType").map(text).as_deref() {
            Some(VIEW) => Artefact::View(json),
            Some(LIBRARY) => match kind_of(&tree) {
                Some("sql-query") => Artefact::Query(json),
                Some(other) => Artefact::Other(format!("a Library of the type {other}")),
                None => Artefact::Other("a Library without a type".to_owned()),
            },
            Some(other) => Artefact::Other(format!("a {other}")),
            None => Artefact::Other("what has no resourceType".to_owned()),
        }
    }
}

/// The code of a Library's type; one of SQL before others.
fn kind_of<'t>(library: &'t Tree<'t>) -> Option<&'t str> {
    let codings = library.get("type")?.get("coding")?.values();
    let codes = || codings.iter().filter_map(|coding| coding.get("code")?.as_text());
    codes().find(|code| code.starts_with("sql-")).or_else(|| codes().next())
}

/// The resource that a literal reference names, or the view of the table with this name; `None` where there is none.
///
/// # Errors
/// `Forbidden` where the caller may not read the type; where the store cannot be read.
pub fn of_reference(
    request: &AuthenticatedRequest<'_>,
    snapshot: &Snapshot,
    reference: &str,
) -> Result<Option<Artefact>> {
    let Some((base, (resource_type, id))) = literal_reference(reference) else {
        // The operator has added these for whoever may export their rows.
        let kept = request.context.store.views()?;
        let named = kept_view(&kept, reference).filter(|_| !reference.contains(':'));
        return Ok(named.map(|view| Artefact::View(view.definition.clone())));
    };
    let own = format!("{}{FHIR}/", request.base());
    if !base.is_empty() && base.trim_end_matches('/') != own.trim_end_matches('/') {
        return Ok(None);
    }
    request.check(resource_type, Interaction::Read)?;
    let lookup = snapshot.lookup()?;
    let Some(seq) = lookup.find(resource_type, id)? else { return Ok(None) };
    let body = lookup.read(seq, |_, body| body.to_owned())?;
    Ok(body.map(Artefact::of))
}

/// The view of the store or the resource with this canonical URL, behind which `|version` may stand; `None` where there is none.
///
/// # Errors
/// `Forbidden` where the caller may not search a type that could have it; where the store cannot be read.
pub fn of_canonical(
    request: &AuthenticatedRequest<'_>,
    snapshot: &Snapshot,
    canonical: &str,
) -> Result<Option<Artefact>> {
    if let Some(view) = kept_view(&request.context.store.views()?, canonical) {
        return Ok(Some(Artefact::View(view.definition.clone())));
    }
    let (url, version) = match canonical.split_once('|') {
        Some((url, version)) => (url, Some(version)),
        None => (canonical, None),
    };
    let mut best: Option<FoundArtefact> = None;
    let mut refusal = None;
    for resource_type in [VIEW, LIBRARY] {
        if let Err(error) = request.check(resource_type, Interaction::Search) {
            refusal = Some(error);
            continue;
        }
        let selection = Selection {
            resource_type: resource_type.to_owned(),
            since: None,
            until: None,
            first: 0,
            last: snapshot.seq(),
        };
        let mut fault = Ok(());
        snapshot.for_each_body(&selection, |_, body| {
            match FoundArtefact::of(body, url, version) {
                Ok(Some(candidate))
                    if best.as_ref().is_none_or(|best| candidate.is_at_least(best)) =>
                {
                    best = Some(candidate);
                }
                Ok(_) => {}
                Err(error) => fault = Err(error),
            }
            match fault.is_ok() {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        fault?;
    }
    match (best, refusal) {
        (Some(best), _) => Ok(Some(Artefact::of(best.json))),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Ok(None),
    }
}

/// True where a canonical URL names what has this URL and this version.
pub fn is_canonical(canonical: &str, url: &str, version: &str) -> bool {
    match canonical.split_once('|') {
        Some((of, wanted)) => of == url && wanted == version,
        None => canonical == url,
    }
}

/// The view of the store with this canonical URL, or with this name: not every view has a URL.
pub fn kept_view<'v>(kept: &'v [StoredView], canonical: &str) -> Option<&'v StoredView> {
    let name = canonical.strip_prefix("ViewDefinition/").unwrap_or(canonical);
    let is_it = |view: &&StoredView| {
        view.name.eq_ignore_ascii_case(name)
            || Tree::parse(&view.definition).is_ok_and(|tree| {
                let text = |name: &str| tree.get(name).and_then(Tree::as_text).unwrap_or_default();
                !text("url").is_empty() && is_canonical(canonical, text("url"), text("version"))
            })
    };
    kept.iter().find(is_it)
}

/// A resource with the canonical URL that is looked for.
struct FoundArtefact {
    is_active: bool,
    version: String,
    json: String,
}

impl FoundArtefact {
    fn of(body: &[u8], url: &str, version: Option<&str>) -> Result<Option<FoundArtefact>> {
        let damaged = |what: String| Error::new(Kind::Damaged, format!("a body: {what}"));
        let json = std::str::from_utf8(body).map_err(|error| damaged(error.to_string()))?;
        // Most resources do not have the URL anywhere.
        if !json.contains(url) {
            return Ok(None);
        }
        let tree = Tree::parse(json).map_err(damaged)?;
        let text = |name: &str| tree.get(name).and_then(Tree::as_text).unwrap_or_default();
        let is_it = text("url") == url && version.is_none_or(|version| text("version") == version);
        Ok(is_it.then(|| FoundArtefact {
            is_active: text("status") == "active",
            version: text("version").to_owned(),
            json: json.to_owned(),
        }))
    }

    fn is_at_least(&self, other: &FoundArtefact) -> bool {
        let order = self.is_active.cmp(&other.is_active);
        order.then_with(|| compare_versions(&self.version, &other.version)) != Ordering::Less
    }
}

/// Compares versions part by part, numbers as numbers: `1.10.0` is higher than `1.9`.
fn compare_versions(one: &str, other: &str) -> Ordering {
    let key = |text: &str| -> Vec<(u64, String)> {
        text.split(['.', '-']).map(|part| (part.parse().unwrap_or(0), part.to_owned())).collect()
    };
    key(one).cmp(&key(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        for (lower, higher) in [("1.9", "1.10.0"), ("", "1"), ("1.0.0", "1.0.1"), ("2", "10")] {
            assert_eq!(compare_versions(lower, higher), Ordering::Less, "{lower} {higher}");
        }
        assert_eq!(compare_versions("1.0", "1.0"), Ordering::Equal);
    }

    #[test]
    fn a_library_is_of_the_kind_that_its_type_says() {
        let library = |code: &str| {
            let json = format!(
                r#"{{"resourceType":"Library","type":{{"coding":[{{"code":"logic-library"}},{{"code":"{code}"}}]}}}}"#
            );
            Artefact::of(json)
        };
        assert!(matches!(library("sql-query"), Artefact::Query(_)));
        assert!(matches!(library("sql-view"), Artefact::Other(_)));
        assert!(matches!(library("x"), Artefact::Other(kind) if kind.contains("logic-library")));
        assert!(matches!(Artefact::of("{}".to_owned()), Artefact::Other(_)));
    }
}
