//! Relative URLs of attachments that an export cannot make absolute: notices tell them.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#attachments>. A URL that names nothing in the snapshot
//! stays as it is, because no absolute URL would lead to its content.

use crate::error::Result;
use crate::fhir::name::short;
use crate::fhir::outcome::Issue;
use crate::store::{Lookup, Snapshot, VersionHeader};

/// The number of URLs that notices tell one by one.
const MOST_NOTICES: u64 = 100;
/// The number of rows that are read at once.
const AT_ONCE: usize = 1000;

/// The notices about exported versions; `is_exported` says which these are.
///
/// # Errors
/// Where the store cannot be read.
pub fn dangling(
    snapshot: &Snapshot,
    is_exported: impl Fn(&VersionHeader) -> bool,
) -> Result<Vec<Issue>> {
    let view: Lookup<'_> = snapshot.lookup()?;
    let mut notices = Vec::new();
    let mut found = 0;
    let mut after = -1;
    loop {
        let urls = view.dangling_urls(after, AT_ONCE)?;
        let Some(last) = urls.last() else { break };
        // The rest of a version's URLs may come next.
        let is_last = urls.len() < AT_ONCE;
        let end = if is_last || urls[0].seq == last.seq { last.seq } else { last.seq - 1 };
        after = end;
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
        if is_last {
            break;
        }
    }
    if found > MOST_NOTICES {
        let text = format!("and {} more attachments name nothing here", found - MOST_NOTICES);
        notices.push(Issue::warning("not-found", text));
    }
    Ok(notices)
}
