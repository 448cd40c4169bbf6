//! Which strings of a resource are links, told by the elements that they stand in.
//!
//! What a link leads to is not looked at.

use super::json::{self, StringValue};

/// The element of a Reference that holds the link.
pub(super) const REFERENCE: &str = "reference";
/// The element of an Attachment that holds the link.
pub(super) const URL: &str = "url";

/// The kind of element that a link stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `Reference.reference`.
    Reference,
    /// An address: an element of type url (`Attachment.url`, `valueUrl`, …), or a link in a narrative.
    Url,
    /// An address or a name: an element of type uri, oid or uuid (`Provenance.policy`, `valueUri`, …).
    Uri,
}

/// Elements of type uri that may name a resource, beside those whose names end in `Uri`. `system`
/// and the `type` of a reference are of type uri too, but name something else.
const URIS: [&str; 9] = [
    "uri",
    "policy",
    "authority",
    "source",
    "target",
    "issuer",
    "jurisdiction",
    "implicitRules",
    "detail",
];

/// Says whether a string may be a link, by its key: a reference, or an element of type url, uri, oid
/// or uuid that points at something. Never `system`, `value`, `display` and the like, nor an element
/// of type canonical, nor the `url` that is a resource's canonical name or names an extension.
pub(super) fn link_kind(string: &StringValue<'_, '_>) -> Option<LinkKind> {
    let key = json::unescaped(string.key);
    let ends_in = |ends: &[&str]| ends.iter().any(|end| key.ends_with(end));
    match key.as_ref() {
        REFERENCE => Some(LinkKind::Reference),
        URL if matches!(string.parent, "" | "contained" | "extension" | "modifierExtension") => {
            None
        }
        URL | "endpoint" | "address" => Some(LinkKind::Url),
        key if URIS.contains(&key) => Some(LinkKind::Uri),
        _ if ends_in(&["Url"]) => Some(LinkKind::Url),
        _ if ends_in(&["Uri", "Oid", "Uuid"]) => Some(LinkKind::Uri),
        _ => None,
    }
}
