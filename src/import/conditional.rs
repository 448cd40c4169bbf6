//! Conditional references: each is replaced by the one resource that its search finds.
//!
//! <https://hl7.org/fhir/R4/http.html#trules>

use std::collections::BTreeMap;

use super::siblings::Siblings;
use crate::error::Result;
use crate::fhir::reference::{self, LinkKind};
use crate::fhir::search::Condition;
use crate::store::{Match, Writer};

/// The number of different unresolved references whose places are remembered.
const REMEMBERED: usize = 1000;

/// A text after its conditional references were looked up.
pub(super) struct Resolved {
    /// The text with the references that were resolved; `None` where nothing changed.
    pub(super) text: Option<String>,
    /// The references that found nothing or several resources.
    pub(super) open: Vec<String>,
}

/// Resolves the conditional references in a text that find exactly one resource, in the store or
/// among the earlier entries of a Bundle.
pub(super) fn resolve(
    writer: &mut Writer<'_>,
    text: &str,
    siblings: Option<&Siblings>,
) -> Result<Resolved> {
    let mut open = Vec::new();
    let mut failed = None;
    let text = reference::rewritten(text, |kind, link| {
        let condition = Condition::parse(&link).filter(|_| kind == LinkKind::Reference)?;
        let found = match condition {
            Ok(condition) => find_one(writer, &condition, siblings),
            Err(_) => Ok(None),
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

/// The place where a conditional reference without a target was met first, and how often it was met.
pub(super) struct MissedReference {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) times: u64,
}

/// The conditional references of an import that had no target when they came in.
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
