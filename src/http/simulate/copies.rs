//! Copies of a row, with other ids: a store of any size out of a small one.
//!
//! The first copy is the row itself. In the n-th one behind it, the id begins with `oN-`, as on the SMART Bulk Data
//! server (<https://github.com/smart-on-fhir/bulk-data-server>), and so does the id in each reference and link to a
//! resource: copies belong together. A row that is no resource stays as it is.

use std::borrow::Cow;

use crate::fhir::json::{Edits, members, quoted, string_of};
use crate::fhir::name::literal_reference;
use crate::fhir::reference::{LinkKind, rewritten};

/// The copy of a row with this number, from 0.
pub fn copied(row: &[u8], number: u64) -> Cow<'_, [u8]> {
    let copy = || {
        let text = std::str::from_utf8(row).ok()?;
        if number == 0 || serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
            return None;
        }
        let linked = rewritten(text, |kind, link| moved(kind, &link, number));
        let text = linked.as_deref().unwrap_or(text);
        let mut edits = Edits::default();
        for member in members(text).into_iter().filter(|member| member.name == "id") {
            if let Some(id) = string_of(&text[member.value.clone()]) {
                edits.replace(member.value, quoted(&format!("o{number}-{id}")));
            }
        }
        Some(edits.apply(text).into_bytes())
    };
    copy().map_or(Cow::Borrowed(row), Cow::Owned)
}

/// A reference to the copy of what `link` refers to; `None` for a link that stays. Only references to resources of the
/// same server move.
fn moved(kind: LinkKind, link: &str, number: u64) -> Option<String> {
    let (base, (name, id)) = literal_reference(link)?;
    let is_here = kind == LinkKind::Reference && base.is_empty();
    is_here.then(|| {
        let rest = &link[name.len() + 1 + id.len()..];
        format!("{name}/o{number}-{id}{rest}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_references_get_the_number_of_the_copy() {
        let row = br##"{"resourceType":"Observation", "id":"a","contained":[{"resourceType":"Device","id":"c"}],"subject":{"reference":"Patient/p"},"device":{"reference":"#c"},"focus":[{"reference":"https://example.org/fhir/Patient/p"},{"reference":"urn:uuid:1"}],"valueString":"Patient/p"}"##;
        assert_eq!(copied(row, 0), Cow::Borrowed(&row[..]));
        let copy = String::from_utf8(copied(row, 2).into_owned()).unwrap();
        let wanted = String::from_utf8_lossy(row)
            .replacen(r#""id":"a""#, r#""id":"o2-a""#, 1)
            .replacen(r#""reference":"Patient/p""#, r#""reference":"Patient/o2-p""#, 1);
        assert_eq!(copy, wanted);
        for row in [&b"no JSON"[..], b"\xff", b"7", b"{}"] {
            assert_eq!(copied(row, 1), Cow::Borrowed(row));
        }
    }
}
