//! Open references, which do not name their resource: a conditional reference is replaced by the one
//! resource that its search finds, a `urn:uuid:` link by the one resource whose id is that UUID.
//!
//! <https://hl7.org/fhir/R4/http.html#trules>. The Bulk Data server of SMART writes the members of its
//! Groups as `urn:uuid:` links to its patients, in NDJSON, where no entry explains them.

use std::collections::BTreeMap;

use super::links::is_lost;
use super::siblings::Siblings;
use crate::error::Result;
use crate::fhir::full_url::uuid_of;
use crate::fhir::name::{is_id, is_uuid};
use crate::fhir::reference::{self, LinkKind, is_open};
use crate::fhir::resource::Resource;
use crate::fhir::search::Condition;
use crate::store::{Match, Writer};

/// The type whose members may be written as links to what no Bundle explains.
const GROUP: &str = "Group";

/// The number of different unresolved references whose places are remembered.
const REMEMBERED: usize = 1000;

/// A text after its open references were looked up.
pub(super) struct Resolved {
    /// The text with the references that were resolved; `None` where nothing changed.
    pub(super) text: Option<String>,
    /// The references that found nothing or several resources.
    pub(super) open: Vec<String>,
}

/// Resolves the open references of a resource that are wanted and find exactly one resource, in the
/// store or among the `siblings`, where it is an entry of a Bundle.
pub(super) fn resolve(
    writer: &mut Writer<'_>,
    resource: &Resource,
    siblings: Option<&Siblings>,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Resolved> {
    let mut open = Vec::new();
    let mut failed = None;
    let is_group = resource.resource_type == GROUP;
    let text = reference::rewritten(&resource.text, |kind, link| {
        if kind != LinkKind::Reference || !is_open(&link) || !is_wanted(&link) {
            return None;
        }
        let found = match Condition::parse(&link) {
            Some(Ok(condition)) => find_one(writer, &condition, siblings),
            Some(Err(_)) => Ok(None),
            None => find_named(writer, &link, is_group).map(|found| found.one()),
        };
        match found {
            Ok(Some(target)) => return Some(target),
            Ok(None) => open.push(link.into_owned()),
            Err(error) => failed = Some(error),
        }
        None
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(Resolved { text, open }),
    }
}

/// True for an open reference that something in the store may have as its name. In a Bundle a `urn:`
/// link that is no UUID means an entry and nothing else.
pub(super) fn may_resolve(link: &str, in_bundle: bool) -> bool {
    !(in_bundle && is_lost(link))
}

/// Lists the open references in a text that something in the store may have as its name.
pub(super) fn open_links(text: &str, in_bundle: bool) -> Vec<String> {
    let mut links = Vec::new();
    reference::each_link(text, |kind, link| {
        if kind == LinkKind::Reference && is_open(&link) && may_resolve(&link, in_bundle) {
            links.push(link.into_owned());
        }
    });
    links
}

/// The resources that a `urn:` link may mean, as `Type/id`.
pub(super) struct NamedResources(Vec<String>);

impl NamedResources {
    /// The one resource, where it is one.
    pub(super) fn one(mut self) -> Option<String> {
        if self.0.len() == 1 { self.0.pop() } else { None }
    }

    /// Lists all of them.
    pub(super) fn all(self) -> Vec<String> {
        self.0
    }
}

/// Finds the resources whose id a `urn:uuid:` link holds. A member of a Group is a patient where there
/// is such a patient; any other reference has to hold a UUID, and may mean a resource of any type.
pub(super) fn find_named(
    writer: &mut Writer<'_>,
    link: &str,
    is_group: bool,
) -> Result<NamedResources> {
    let Some(id) = uuid_of(link).filter(|id| is_uuid(id) || is_group && is_id(id)) else {
        return Ok(NamedResources(Vec::new()));
    };
    let mut found = writer.find_by_id(id)?;
    let is_patient = |(resource_type, _): &(String, String)| resource_type == "Patient";
    if is_group && (!is_uuid(id) || found.iter().any(is_patient)) {
        found.retain(is_patient);
    }
    let names = found.into_iter().map(|(resource_type, id)| format!("{resource_type}/{id}"));
    Ok(NamedResources(names.collect()))
}

fn find_one(
    writer: &mut Writer<'_>,
    condition: &Condition,
    siblings: Option<&Siblings>,
) -> Result<Option<String>> {
    let mut ids = writer.find(condition)?;
    for id in siblings.map(|siblings| siblings.find(condition)).unwrap_or_default() {
        // An entry whose resource has another owner will be rejected.
        if writer.other_owner(&condition.resource_type, &id)?.is_none() {
            ids.push(id);
        }
    }
    Ok(match Match::of(ids) {
        Match::One(id) => Some(format!("{}/{id}", condition.resource_type)),
        Match::None | Match::Several(_) => None,
    })
}

/// The place where an open reference without a target was met first, and how often it was met.
pub(super) struct MissedReference {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) times: u64,
}

/// The open references of an import that had no target when they came in.
#[derive(Default)]
pub(super) struct MissedReferences(BTreeMap<String, MissedReference>);

impl MissedReferences {
    /// Adds references met on a line of a file. Beyond a limit new ones are not remembered.
    pub(super) fn add(&mut self, file: &str, line: u64, links: &[String]) {
        for link in links {
            let has_room = self.0.len() < REMEMBERED;
            match self.0.get_mut(link) {
                Some(missed) => missed.times += 1,
                None if has_room => {
                    let missed = MissedReference { file: file.to_owned(), line, times: 1 };
                    self.0.insert(link.clone(), missed);
                }
                None => {}
            }
        }
    }

    /// Takes out where a reference was met.
    pub(super) fn remove(&mut self, link: &str) -> Option<MissedReference> {
        self.0.remove(link)
    }
}
