//! The report of an import: counts that add up, and every item that was not taken.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::shown::{shortened, shortened_in_front, shown};
use crate::store::Change;

/// The counts of an import.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Resources that the store did not have.
    pub created: u64,
    /// Resources that the store had with other content.
    pub updated: u64,
    /// Resources that the store had with the same content.
    pub unchanged: u64,
    /// Resources deleted.
    pub deleted: u64,
    /// Items that were not taken. The observer heard of each.
    pub rejected: u64,
    /// Remarks on items that were taken, or that held nothing to import. The observer heard of each.
    pub warnings: u64,
    /// Things that were left out because they are no data. The observer heard of them, file by file.
    pub left_out: u64,
    /// Conditional and `urn:` references that find no resource or several.
    pub unresolved: u64,
    /// Resources whose `meta.lastUpdated` is not after the last transactionTime handed out.
    pub late: u64,
    /// Resources whose `meta.lastUpdated` lies after the import: they count as changed at its time.
    pub ahead: u64,
    /// Resources taken, by type: their sum is `created` + `updated` + `unchanged`.
    pub types: BTreeMap<String, u64>,
    /// Bytes of text read, unpacked.
    pub bytes: u64,
    /// The duration.
    pub seconds: f64,
    /// True where the inputs held nothing to import, and nothing to reject either.
    #[serde(skip)]
    pub found_nothing: bool,
}

impl Report {
    pub(super) fn count(&mut self, change: Change, resource_type: &str) {
        match change {
            Change::Created => self.created += 1,
            Change::Updated => self.updated += 1,
            Change::Unchanged => self.unchanged += 1,
            // Counted as a reject.
            Change::Refused { .. } => return,
            Change::Restored(undone) => {
                self.updated -= undone;
                self.unchanged += undone + 1;
            }
        }
        match self.types.get_mut(resource_type) {
            Some(count) => *count += 1,
            None => drop(self.types.insert(resource_type.to_owned(), 1)),
        }
    }
}

/// A remark on a place in the input: `patients.ndjson:1204: Observation without id`.
///
/// It is displayed on one line, without characters that rule a terminal, and with the end of a long name and
/// the beginning of a long reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The file, or `archive.zip/member`.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// The remark.
    pub reason: String,
}

/// The most characters of a file's name, and of a reason, that a remark displays.
const NAME_LENGTH: usize = 500;
const REASON_LENGTH: usize = 1000;

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, reason) =
            (shortened_in_front(&self.file, NAME_LENGTH), shortened(&self.reason, REASON_LENGTH));
        let (file, reason) = (shown(&file), shown(&reason));
        match self.line {
            0 => write!(f, "{file}: {reason}"),
            line => write!(f, "{file}:{line}: {reason}"),
        }
    }
}

/// The progress of an import.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Bytes read from the disk. A packed file counts as packed.
    pub read: u64,
    /// Bytes to read in total, where known.
    pub total: Option<u64>,
    /// Items read.
    pub items: u64,
    /// The file being read.
    pub file: &'a str,
}

/// Listens to an import while it runs. `()` ignores everything.
pub trait Observer {
    /// An item was not taken.
    fn rejected(&mut self, _remark: &Remark) {}
    /// An item was taken, but it is odd.
    fn remarked(&mut self, _remark: &Remark) {}
    /// Another piece was read.
    fn progressed(&mut self, _progress: Progress<'_>) {}
    /// Asked between resources, and some times a second while no input comes: true stops the import.
    /// Inputs that have been read to their ends stay in the store; [`Import::run`](super::Import::run)
    /// returns `Interrupted`.
    fn should_stop(&mut self) -> bool {
        false
    }
}

impl Observer for () {}
