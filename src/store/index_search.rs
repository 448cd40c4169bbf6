//! What indexes of search parameters answer: the numbers of versions that a search may find, in order.
//!
//! An answer has versions that a snapshot does not show, and versions out of reach; whoever reads them leaves these
//! out, as with compartments.

use std::collections::BTreeSet;

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::index::usable_key;
use super::index_rows::{IndexCondition, condition, unknown};
use super::lookup::Lookup;
use super::sql::all;
use crate::error::Result;
use crate::fhir::search::{IndexLookup, IndexQuestion};

/// How many versions are looked up at once.
const AT_ONCE: usize = 1000;
/// More rows than this are not counted, to say which index narrows a search most.
const MOST_COUNTED: usize = 10_000;
/// An answer that is not in order is used up to so many versions; a search that would find more reads them all.
const MOST_SORTED: usize = 200_000;

/// An index that answers one question of a search.
#[derive(Clone, Debug)]
pub struct IndexAnswer {
    resource_type: String,
    question: IndexQuestion,
}

/// A part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexPage {
    /// These versions, and none between them.
    Versions {
        /// Their numbers.
        seqs: BTreeSet<i64>,
        /// The number from which more may follow.
        next: Option<i64>,
    },
    /// The index is not there any more, or would find too many.
    Unanswered,
}

impl Lookup<'_> {
    /// Finds the index that narrows a search most; `None` where there is none for its questions.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn best_index(
        &self,
        resource_type: &str,
        questions: Vec<IndexQuestion>,
    ) -> Result<Option<IndexAnswer>> {
        self.begin()?;
        let mut usable = Vec::new();
        for question in questions {
            if let Some(key) = usable_key(&self.conn, resource_type, question.code)? {
                usable.push((key, question));
            }
        }
        let mut best: Option<(usize, IndexQuestion)> = None;
        let is_alone = usable.len() == 1;
        for (key, question) in usable {
            let rows = if is_alone { 0 } else { self.count(key, &question.any)? };
            if best.as_ref().is_none_or(|(fewest, _)| rows < *fewest) {
                best = Some((rows, question));
            }
        }
        Ok(best
            .map(|(_, question)| IndexAnswer { resource_type: resource_type.to_owned(), question }))
    }

    /// Lists the next versions that an index finds with numbers from `first` up to `last`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn index_page(&self, answer: &IndexAnswer, first: i64, last: i64) -> Result<IndexPage> {
        self.begin()?;
        let IndexAnswer { resource_type, question } = answer;
        let Some(key) = usable_key(&self.conn, resource_type, question.code)? else {
            return Ok(IndexPage::Unanswered);
        };
        let (mut seqs, mut end) = (BTreeSet::new(), last);
        for lookup in question.any.iter().map(condition).chain([unknown()]) {
            let most = if lookup.is_in_order { AT_ONCE } else { MOST_SORTED };
            let found = self.versions(key, &lookup, (first, last), most)?;
            let is_cut = found.len() >= most;
            if is_cut && !lookup.is_in_order {
                return Ok(IndexPage::Unanswered);
            }
            if is_cut {
                // Behind its last one there may be more.
                end = end.min(found.last().copied().unwrap_or(last));
            }
            seqs.extend(found);
        }
        seqs.split_off(&end.saturating_add(1));
        Ok(IndexPage::Versions { seqs, next: (end < last).then_some(end + 1) })
    }

    /// The versions that one condition finds, at most `most`.
    fn versions(
        &self,
        key: i64,
        lookup: &IndexCondition,
        (first, last): (i64, i64),
        most: usize,
    ) -> Result<Vec<i64>> {
        let IndexCondition { table, condition, values, is_in_order } = lookup;
        let order = if *is_in_order { " ORDER BY seq" } else { "" };
        let sql = format!(
            "SELECT seq FROM {table}
              WHERE parameter = ?1 AND seq >= ?2 AND seq <= ?3 AND {condition}{order} LIMIT {most}"
        );
        let fixed: [Value; 3] = [key.into(), first.into(), last.into()];
        let fixed = fixed.iter().map(|value| value as &dyn rusqlite::ToSql);
        let all_values = params_from_iter(fixed.chain(values.iter().map(|value| &**value)));
        all(&self.conn, &sql, all_values, |row| row.get(0))
    }

    /// Counts the rows that are looked for, up to a bound.
    fn count(&self, key: i64, any: &[IndexLookup]) -> Result<usize> {
        let mut rows = 0;
        for lookup in any.iter().map(condition) {
            if rows >= MOST_COUNTED {
                break;
            }
            let most = MOST_COUNTED - rows;
            rows += self.versions(key, &lookup, (0, i64::MAX), most)?.len();
        }
        Ok(rows)
    }
}
