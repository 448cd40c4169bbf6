//! What the searches within a search have found: a chain (`patient.gender=male`), and its reverse
//! (`_has:Observation:patient:code=1234-5`). One level is followed.
//!
//! <https://hl7.org/fhir/R4/search.html#chaining>, <https://hl7.org/fhir/R4/search.html#has>. The store
//! runs each inner search first and collects `Type/id` from what it finds; then the outer search is
//! pure again.

use std::collections::HashSet;

/// What one inner search found: `Type/id` of each resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer(pub(super) HashSet<String>);

/// What the inner searches of a search found, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(Vec<Answer>);

impl Answers {
    /// True where the answer at a place names `Type/id`.
    pub(super) fn contains(&self, at: usize, name: &str) -> bool {
        self.0.get(at).is_some_and(|answer| answer.0.contains(name))
    }
}

impl FromIterator<Answer> for Answers {
    fn from_iter<I: IntoIterator<Item = Answer>>(answers: I) -> Answers {
        Answers(answers.into_iter().collect())
    }
}
