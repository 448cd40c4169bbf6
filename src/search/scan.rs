//! [`scan`]: holds every version of a selection against searches on all cores, and gives away what is found in order.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use super::answered::{AnsweredSearch, held};
use super::recipient::Recipient;
use crate::error::Result;
use crate::fhir::json::Tree;
use crate::store::{SeenVersion, Selection, SelectionScan, Snapshot};
use crate::time::Instant;

/// The most versions that are looked at in one read transaction.
const AT_ONCE: u64 = 1024;
/// The most versions that are found before they are handed over, and of how many bytes.
const MOST_FOUND: usize = 256;
const MOST_BYTES: usize = 1 << 20;

/// A version that a thread has found.
struct ScannedVersion {
    seq: i64,
    size: u64,
    id: String,
    last_updated: Instant,
    /// Its JSON text; empty where nobody wants it.
    body: String,
}

impl ScannedVersion {
    fn of(version: &SeenVersion<'_>, body: &str) -> ScannedVersion {
        let SeenVersion { seq, size, id, last_updated, .. } = *version;
        ScannedVersion { seq, size, id: id.to_owned(), last_updated, body: body.to_owned() }
    }
}

/// What a thread has found in a part of its range.
#[derive(Default)]
struct ScannedPart {
    found: Vec<ScannedVersion>,
    bytes: usize,
    looked_at: u64,
    faults: Vec<String>,
}

/// Gives `recipient` what any of the searches finds. False where it wants no more. `watch` and `note` are those of the
/// finder.
///
/// # Errors
/// Where the store cannot be read; those of `watch`.
pub(super) fn scan(
    scan: &SelectionScan<'_>,
    (snapshot, any): (&Snapshot, &[AnsweredSearch<'_>]),
    recipient: &mut dyn Recipient,
    watch: &dyn Fn(u64) -> Result<()>,
    note: &mut dyn FnMut(String),
) -> Result<bool> {
    let (wants_text, wants_tree) = (recipient.wants_text(), recipient.wants_tree());
    let work = |range: &Selection, is_over: &AtomicBool| {
        search_part(snapshot, any, range, wants_text, is_over)
    };
    let scanned = scan.run(&work, &mut |part: ScannedPart| {
        watch(part.looked_at)?;
        part.faults.into_iter().for_each(&mut *note);
        for found in &part.found {
            if !give(found, wants_tree, recipient) && !recipient.rest()? {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(if recipient.rest()? { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(scanned.is_continue())
}

/// Searches the beginning of a range. Returns what it has found, and the number to go on from.
fn search_part(
    snapshot: &Snapshot,
    any: &[AnsweredSearch<'_>],
    range: &Selection,
    wants_text: bool,
    is_over: &AtomicBool,
) -> Result<(ScannedPart, Option<i64>)> {
    let mut part = ScannedPart::default();
    let next = snapshot.for_each_version(range, |version| {
        part.looked_at += 1;
        let ScannedPart { found, bytes, faults, .. } = &mut part;
        let mut note = |fault: String| faults.push(fault);
        held(any, &version, false, &mut note, |_| {
            let body = if wants_text { version.body } else { "" };
            *bytes += body.len();
            found.push(ScannedVersion::of(&version, body));
        });
        let is_full = part.found.len() >= MOST_FOUND || part.bytes >= MOST_BYTES;
        match is_full || is_over.load(Ordering::Relaxed) || part.looked_at >= AT_ONCE {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    Ok((part, next))
}

/// Gives `recipient` a version. False where it wants to rest.
fn give(found: &ScannedVersion, wants_tree: bool, recipient: &mut dyn Recipient) -> bool {
    let ScannedVersion { seq, size, id, last_updated, body } = found;
    let version = SeenVersion { seq: *seq, size: *size, id, last_updated: *last_updated, body };
    let tree = if wants_tree { Tree::parse(body) } else { Ok(Tree::Null) };
    // It was parsed before.
    let Ok(tree) = tree else { return true };
    recipient.take(&version, &tree)
}
