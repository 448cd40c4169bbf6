//! The statements about versions that a writer runs often. What they run is in `version.rs`.

use super::checksum::{is_intact, row_sum_with};

/// The statements about versions that run often.
pub(super) struct VersionStatements {
    /// Reads the current version of a resource, and whether it is as it was stored.
    pub current: String,
    /// Moves a version to `history`, if it is as it was stored.
    pub end: String,
    /// Moves a version back, likewise.
    pub restore: String,
}

impl VersionStatements {
    pub(super) fn new() -> VersionStatements {
        let columns = "seq, type, id, version_id, last_updated, owner, assigned, size, hash, body_checksum, body";
        let ended = [("ended", "?2"), ("ended_at", "?3"), ("deleted", "?4")];
        let (in_resource, in_history) = (is_intact("resource", &[]), is_intact("history", &[]));
        VersionStatements {
            // What the caller asks for, not what an index may have led to.
            current: format!(
                "SELECT seq, version_id, hash, {} FROM resource WHERE type = ?1 AND id = ?2",
                is_intact("resource", &[("type", "?1"), ("id", "?2")])
            ),
            end: format!(
                "INSERT INTO history ({columns}, ended, ended_at, deleted, row_checksum)
                 SELECT {columns}, ?2, ?3, ?4, {} FROM resource WHERE seq = ?1 AND {in_resource}",
                row_sum_with("history", &ended)
            ),
            restore: format!(
                "INSERT INTO resource ({columns}, row_checksum)
                 SELECT {columns}, {} FROM history WHERE seq = ?1 AND {in_history}",
                row_sum_with("resource", &[])
            ),
        }
    }
}
