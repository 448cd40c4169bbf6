//! Links between the entries of a Bundle: each becomes the `Type/id` of its entry's resource.
//!
//! <https://hl7.org/fhir/R4/http.html#trules>: "Servers SHALL replace all matching links in the bundle,
//! whether they are found in the resource ids, resource references, elements of type uri, url, oid,
//! uuid, and `<a href="" & <img src=""` in the narrative. Elements of type canonical are not
//! replaced."

use std::borrow::Cow;

use super::step::{EntryStep, LinkedResource};
use crate::fhir::full_url::{FullUrls, LinkForm, is_urn, uuid_of};
use crate::fhir::name::is_uuid;
use crate::fhir::reference::{self, LinkKind};
use crate::fhir::resource::Parsed;

/// The entries of a Bundle that links may lead to.
pub(super) struct BundleLinks<'a> {
    /// The whole text that the Bundle came in.
    pub(super) text: &'a str,
    pub(super) full_urls: &'a FullUrls,
    /// The `Type/id` of each entry's resource, where it has one.
    pub(super) names: Vec<Option<String>>,
}

/// The text of an entry's resource, with its links to other entries rewritten.
pub(super) struct LinkedText<'a> {
    pub(super) text: Cow<'a, str>,
    /// References that name no entry, and that nothing in the store can have as its name.
    pub(super) lost: Vec<String>,
}

impl BundleLinks<'_> {
    /// Rewrites the links of an entry.
    pub(super) fn rewritten<'s>(&'s self, step: &'s EntryStep) -> LinkedText<'s> {
        let text = step.resource_text(self.text);
        let mut lost = Vec::new();
        let rewritten = reference::rewritten(text, |kind, link| {
            let target = self.target(step.full_url.as_deref(), kind, &link);
            if target.is_none() && kind == LinkKind::Reference && is_lost(&link) {
                lost.push(link.into_owned());
            }
            target
        });
        LinkedText { text: rewritten.map_or(Cow::Borrowed(text), Cow::Owned), lost }
    }

    /// Makes the resource of an entry, with its links rewritten. `id` is for one without an id.
    pub(super) fn resource(&self, step: &EntryStep, id: &str) -> LinkedResource {
        let LinkedText { text, lost } = self.rewritten(step);
        let (resource, is_open) = match Parsed::parse(&text, Some(id)) {
            Ok(Parsed::Resource(resource)) => {
                let is_open = reference::has_open(&resource.text);
                (Ok(resource), is_open)
            }
            Ok(Parsed::Bundle) => (Err("a Bundle where a resource was expected".to_owned()), false),
            Err(reason) => (Err(reason), false),
        };
        LinkedResource { resource, is_open, lost, rows: None }
    }

    /// What a link becomes; `None` where it leads to no entry, or stays as it is.
    fn target(&self, from: Option<&str>, kind: LinkKind, link: &str) -> Option<String> {
        let linked = self.full_urls.find(from, link)?;
        let name = self.names[linked.entry].as_ref()?;
        let (resource_type, id) = name.split_once('/')?;
        // A URL in an element of type uri may be the name of a definition, which stays a name as long
        // as it says where the resource is.
        let stays = match (linked.form, kind) {
            (LinkForm::Urn, _) => false,
            (LinkForm::Url, LinkKind::Reference | LinkKind::Url) => linked.bare == name,
            (LinkForm::Url, LinkKind::Uri) | (LinkForm::Name, _) => linked.says(resource_type, id),
        };
        (!stays).then(|| format!("{name}{}", linked.rest))
    }
}

/// True for a `urn:` that is no UUID. One that is a UUID may still be found in the store.
pub(super) fn is_lost(link: &str) -> bool {
    is_urn(link) && !uuid_of(link).is_some_and(is_uuid)
}
