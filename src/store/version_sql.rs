//! The statements about versions that a writer runs often. What they run is in `version.rs`.

use super::checksum::{is_intact, row_sum_in_table};
use super::tables::{COLUMNS, CURRENT, ENDED};

/// The statements about versions that run often.
pub(super) struct VersionStatements {
    /// Reads the current version of a resource, and whether it is as it was stored.
    pub current: String,
    /// Inserts a current version.
    pub insert: String,
    /// Copies a current version to those that ended, if it is as it was stored.
    pub end: String,
    /// Copies a version back, likewise.
    pub restore: String,
}

impl VersionStatements {
    pub(super) fn new() -> VersionStatements {
        let ended = [("ended", "?2"), ("ended_at", "?3"), ("deleted", "?4")];
        // In a statement of its own: there the columns are those of the view.
        let is_intact_in = |view: &str| {
            let is_intact = is_intact(view, &[]);
            format!("EXISTS (SELECT 1 FROM {view} WHERE seq = ?1 AND {is_intact})")
        };
        VersionStatements {
            // What the caller asks for, not what an index may have led to.
            current: format!(
                "SELECT seq, version_id, hash, {} FROM resource WHERE type = ?1 AND id = ?2",
                is_intact("resource", &[("type", "?1"), ("id", "?2")])
            ),
            insert: format!(
                "INSERT INTO {CURRENT} ({COLUMNS}, row_checksum)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
            ),
            end: format!(
                "INSERT INTO {ENDED} ({COLUMNS}, ended, ended_at, deleted, row_checksum)
                 SELECT {COLUMNS}, ?2, ?3, ?4, {} FROM {CURRENT} WHERE seq = ?1 AND {}",
                row_sum_in_table("history", &ended),
                is_intact_in("resource")
            ),
            restore: format!(
                "INSERT INTO {CURRENT} ({COLUMNS}, row_checksum)
                 SELECT {COLUMNS}, {} FROM {ENDED} WHERE seq = ?1 AND {}",
                row_sum_in_table("resource", &[]),
                is_intact_in("history")
            ),
        }
    }
}
