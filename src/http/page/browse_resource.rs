//! One resource: its JSON, what is known of it, its versions, who references it.

use askama::Template;

use super::browse::check_type;
use super::browse_columns::ListColumns;
use super::browse_json::{JsonLine, LinkBase, json_lines};
use super::browse_names::PatientNames;
use super::browse_referrers::{Referrers, referrers};
use super::browse_versions::{LARGEST, VersionRow, difference, missing, version_rows};
use super::document::document;
use super::shell::{Shell, root};
use super::words::{bytes, cell_text, resource_path, when};
use crate::error::{Error, Kind, Result};
use crate::fhir::attachment_list::{AttachmentContent, ListedAttachment, attachments};
use crate::fhir::binary::BINARY;
use crate::fhir::compartment::{self, PATIENT};
use crate::fhir::json::Tree;
use crate::fhir::narrative_text::narrative_text;
use crate::fhir::search::SearchParameter;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::message::Response;
use crate::http::rest::{current, id_segment, version};
use crate::search::FoundResource;
use crate::shown::{shortened, shown};
use crate::store::{ReadOutcome, StoredVersion};

/// The most bytes of JSON on a screen.
const MOST_JSON: usize = 128 << 10;
/// The most characters of a narrative.
const MOST_NARRATIVE: usize = 4000;
/// The most patients in whose compartments a resource is said to be.
const MOST_PATIENTS: usize = 20;

/// A link with what it says.
pub struct NamedLink {
    /// What it says.
    pub text: String,
    /// Where it leads; empty for nowhere.
    pub href: String,
}

/// An attachment on a screen.
struct AttachmentRow {
    title: String,
    media: String,
    /// Where its content is.
    place: NamedLink,
}

#[derive(Template)]
#[template(path = "browse_resource.html")]
struct ResourceScreen {
    shell: Shell,
    resource_type: String,
    label: String,
    name: String,
    path: String,
    version: String,
    updated: String,
    size: String,
    /// True for a version that was replaced.
    is_former: bool,
    patients: Vec<NamedLink>,
    further_patients: usize,
    /// Lists of what is about a patient.
    record: Vec<NamedLink>,
    is_patient: bool,
    attachments: Vec<AttachmentRow>,
    narrative: String,
    lines: Vec<JsonLine>,
    /// Why not all of the JSON is shown; empty where it is.
    cut: &'static str,
    fhir_url: String,
    versions: Vec<VersionRow>,
    has_more_versions: bool,
    referrers: Option<Referrers>,
}

/// Answers with a resource, or with one of its versions.
pub fn resource(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    id: &str,
) -> Result<Response> {
    check_type(request, resource_type)?;
    let wanted = |name: &str| {
        request.query.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    };
    let outcome = current(request, resource_type, id)?;
    let newest = match &outcome {
        ReadOutcome::Here(kept) => Some(kept.seq),
        _ => None,
    };
    let kept = match (wanted("version").filter(|version| !version.is_empty()), outcome) {
        (Some(first), _) => {
            let kept = version(request, resource_type, id, first)?;
            if let Some(second) = wanted("with").filter(|version| !version.is_empty()) {
                let other = version(request, resource_type, id, second)?;
                return difference(request, resource_type, [kept, other]);
            }
            kept
        }
        (None, ReadOutcome::Here(kept)) => kept,
        (None, outcome) => return missing(request, resource_type, id, &outcome),
    };
    request.note_read("read", &[], kept.body.len())?;
    let root = root(request.context);
    let mut screen = of_version(request, &root, resource_type, &kept)?;
    screen.is_former = newest != Some(kept.seq);
    if !screen.is_former && request.query.iter().any(|(name, _)| name == "referrers") {
        screen.referrers = Some(referrers(request, &root, resource_type, &kept)?);
    }
    document(request, 200, &screen)
}

/// The screen of a version, without its referrers.
fn of_version(
    request: &AuthenticatedRequest<'_>,
    root: &str,
    resource_type: &str,
    kept: &StoredVersion,
) -> Result<ResourceScreen> {
    let path = resource_path(root, resource_type, &kept.id);
    let name = shown(&format!("{resource_type}/{}", kept.id)).into_owned();
    let is_small = kept.body.len() <= LARGEST;
    let text = if is_small { kept.body.as_str() } else { "{}" };
    let tree = Tree::parse(text).map_err(|fault| Error::new(Kind::Damaged, fault))?;
    let fhir = format!("{}{FHIR}/", request.base());
    let (lines, is_whole) = json_lines(&tree, LinkBase { root, fhir: &fhir }, MOST_JSON);
    let (versions, has_more_versions) = version_rows(request, resource_type, &kept.id, &path)?;
    let (patients, further_patients) = patients(request, root, resource_type, kept)?;
    let narrative = tree.get("text").and_then(|text| text.get("div")).and_then(Tree::as_text);
    let narrative = narrative.map(narrative_text).unwrap_or_default();
    let found = FoundResource {
        resource_type: resource_type.to_owned(),
        seq: kept.seq,
        id: kept.id.clone(),
        last_updated: kept.last_updated,
        body: text.to_owned(),
    };
    let label = ListColumns::of(resource_type).row(root, &found).label;
    Ok(ResourceScreen {
        shell: Shell::new(request.context, name.clone(), "browse"),
        resource_type: resource_type.to_owned(),
        label,
        version: shown(&kept.version_id).into_owned(),
        updated: when(kept.last_updated),
        size: bytes(kept.body.len() as u64),
        is_former: false,
        patients,
        further_patients,
        record: if resource_type == PATIENT {
            record(request, root, &kept.id)?
        } else {
            Vec::new()
        },
        is_patient: resource_type == PATIENT,
        attachments: attachment_rows(&tree, &fhir, resource_type, &path, root),
        narrative: multiline(&narrative),
        cut: match (is_small, is_whole) {
            (false, _) => "The resource is too large for a screen.",
            (true, false) => "The resource is longer than a screen: this is its beginning.",
            (true, true) => "",
        },
        lines: if is_small { lines } else { Vec::new() },
        fhir_url: format!("{root}{FHIR}/{resource_type}/{}", id_segment(&kept.id)),
        name,
        path,
        versions,
        has_more_versions,
        referrers: None,
    })
}

/// The patients in whose compartments a version is, up to a bound, and how many more there are.
fn patients(
    request: &AuthenticatedRequest<'_>,
    root: &str,
    resource_type: &str,
    kept: &StoredVersion,
) -> Result<(Vec<NamedLink>, usize)> {
    // Each patient is in the own compartment.
    if resource_type == PATIENT {
        return Ok((Vec::new(), 0));
    }
    let snapshot = request.seen.latest()?;
    let ids = snapshot.lookup()?.patients_of(kept.seq)?;
    let mut names = PatientNames::new(request, &snapshot)?;
    let mut links = Vec::new();
    for id in ids.iter().take(MOST_PATIENTS) {
        let name = names.of(id)?;
        let text = name.unwrap_or_else(|| shown(&format!("{PATIENT}/{id}")).into_owned());
        links.push(NamedLink { text, href: resource_path(root, PATIENT, id) });
    }
    Ok((links, ids.len().saturating_sub(MOST_PATIENTS)))
}

/// Text of several lines, each of which reads as it stands.
fn multiline(text: &str) -> String {
    let cut = shortened(text, MOST_NARRATIVE);
    cut.lines().map(shown).collect::<Vec<_>>().join("\n")
}

/// The lists of what is about a patient, of the types that the store has.
fn record(request: &AuthenticatedRequest<'_>, root: &str, id: &str) -> Result<Vec<NamedLink>> {
    let mut types = request.seen.latest()?.types()?;
    types.retain(|name| compartment::has(name) && SearchParameter::of(name, "patient").is_some());
    let link = |name: &String| NamedLink {
        text: name.clone(),
        href: format!("{root}/browse/{name}?patient={}", id_segment(id)),
    };
    Ok(types.iter().map(link).collect())
}

/// The attachments of a resource. `fhir` is the URL of this server's resources, `path` the path of the screen.
fn attachment_rows(
    tree: &Tree<'_>,
    fhir: &str,
    resource_type: &str,
    path: &str,
    root: &str,
) -> Vec<AttachmentRow> {
    let of_binary = |id: &str| format!("{root}{FHIR}/{BINARY}/{}", id_segment(id));
    let row = |(number, one): (usize, &ListedAttachment<'_>)| {
        let href = match one.content {
            AttachmentContent::Data(_) if resource_type == BINARY => {
                tree.get("id").and_then(Tree::as_text).map(of_binary).unwrap_or_default()
            }
            AttachmentContent::Data(_) => format!("{path}/attachments/{number}"),
            AttachmentContent::Binary(id) => of_binary(id),
            AttachmentContent::Elsewhere(_) => String::new(),
        };
        let text = match one.content {
            AttachmentContent::Elsewhere(url) => cell_text(url),
            _ => "Download".to_owned(),
        };
        let title = one.title.map(cell_text).unwrap_or_default();
        AttachmentRow { title, media: cell_text(one.content_type), place: NamedLink { text, href } }
    };
    attachments(tree, fhir).iter().enumerate().map(row).collect()
}
