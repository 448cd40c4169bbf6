//! [`AnsweredSearch`]: a search that can be held against resources.

use crate::fhir::json::Tree;
use crate::fhir::search::{Answers, Candidate, Needles, Search};
use crate::store::SeenVersion;

/// A search with what its inner searches have found: they run once, however often it is used.
pub struct AnsweredSearch<'s> {
    pub(super) search: &'s Search,
    answers: Answers,
    needles: Needles,
}

impl<'s> AnsweredSearch<'s> {
    /// A search that has no inner search, or one with these answers.
    pub(super) fn new(search: &'s Search, answers: Answers) -> AnsweredSearch<'s> {
        AnsweredSearch { search, answers, needles: search.needles() }
    }
}

/// Holds a version against searches, and calls `found` with its body where any of them finds it; the body is null where
/// neither the searches nor `wants_tree` need it. `note` is told why a body could not be held against a search.
pub(super) fn held<T>(
    any: &[AnsweredSearch<'_>],
    version: &SeenVersion<'_>,
    wants_tree: bool,
    note: &mut dyn FnMut(String),
    found: impl FnOnce(&Tree<'_>) -> T,
) -> Option<T> {
    let SeenVersion { id, last_updated, body, .. } = *version;
    let may_match = |one: &&AnsweredSearch<'_>| {
        one.search.may_match(id, last_updated) && one.needles.may_occur_in(body)
    };
    let mut candidates = any.iter().filter(may_match).peekable();
    candidates.peek()?;
    let needs_tree = wants_tree || any.iter().any(|answered| answered.search.needs_body());
    let tree = if needs_tree { Tree::parse(body) } else { Ok(Tree::Null) };
    let tree = tree.map_err(&mut *note).ok()?;
    let candidate = Candidate { id, last_updated, body: &tree };
    for answered in candidates {
        match answered.search.matches(&candidate, &answered.answers) {
            Ok(true) => return Some(found(&tree)),
            Ok(false) => {}
            Err(fault) => note(fault),
        }
    }
    None
}
