//! Relative URLs of attachments that an export cannot make absolute: notices tell them.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#attachments>. A URL that names nothing in the snapshot
//! stays as it is, because no absolute URL would lead to its content.

use std::ops::RangeInclusive;

use super::cohort::Cohort;
use crate::error::Result;
use crate::fhir::name::short;
use crate::fhir::outcome::Issue;
use crate::store::{Lookup, Snapshot, VersionHeader};

/// The number of URLs that notices tell one by one.
const MOST_NOTICES: u64 = 100;
/// The number of rows that are read at once.
const AT_ONCE: usize = 1000;

/// The notices about exported versions. They are among those that `ranges` number, and `is_exported`
/// says which they are.
///
/// # Errors
/// Where the store cannot be read.
pub fn dangling(
    snapshot: &Snapshot,
    ranges: impl IntoIterator<Item = RangeInclusive<i64>>,
    is_exported: impl Fn(&VersionHeader) -> bool,
) -> Result<Vec<Issue>> {
    let view: Lookup<'_> = snapshot.lookup()?;
    let mut notices = Vec::new();
    let mut found = 0;
    let mut ranges = ranges.into_iter();
    let mut open = ranges.next();
    while let Some(range) = open {
        let urls = view.dangling_urls(*range.start(), *range.end(), AT_ONCE)?;
        let Some(last) = urls.last() else {
            open = ranges.next();
            continue;
        };
        // The rest of a version's URLs may come next.
        let is_last = urls.len() < AT_ONCE;
        let end = if is_last || urls[0].seq == last.seq { last.seq } else { last.seq - 1 };
        open = if is_last { ranges.next() } else { Some(end + 1..=*range.end()) };
        for url in urls.iter().filter(|url| url.seq <= end) {
            let Some(version) = view.version(url.seq)?.filter(&is_exported) else { continue };
            found += 1;
            if found <= MOST_NOTICES {
                let VersionHeader { resource_type, id, .. } = version;
                let url = short(&url.url);
                notices.push(Issue::warning(
                    "not-found",
                    format!("{resource_type}/{id}: the attachment {url:?} names nothing here, and stays as it is"),
                ));
            }
        }
    }
    if found > MOST_NOTICES {
        let text = format!("and {} more attachments name nothing here", found - MOST_NOTICES);
        notices.push(Issue::warning("not-found", text));
    }
    Ok(notices)
}

/// The notices about the versions `seqs`, which an export of a cohort holds; they are in order.
///
/// # Errors
/// Where the store cannot be read.
pub fn dangling_of(snapshot: &Snapshot, cohort: &Cohort<'_>, seqs: &[i64]) -> Result<Vec<Issue>> {
    let is_exported = |version: &VersionHeader| seqs.binary_search(&version.seq).is_ok();
    if cohort.is_limited() {
        return dangling(snapshot, seqs.iter().map(|seq| *seq..=*seq), is_exported);
    }
    dangling(snapshot, [0..=snapshot.seq()], is_exported)
}
