//! The statements that list what happened to resources, newest first: by which index each of them goes.
//!
//! Every write has a number. It is the `seq` of the version that it made, or the `ended` of the version that it
//! deleted. Versions of a type are found in the order of their numbers, and so are deletions, so a statement with a limit
//! reads about as many rows as it returns. Where it does not, the function says so. What the statements run is in
//! `history.rs`.
//!
//! The values: ?1 is the code of the type, ?2 the number before which it happened, ?3 the earliest time, ?4 the limit, ?5
//! the id.

use super::reach::Reach;
use super::tables::{CURRENT, ENDED};

/// What a list of writes is limited to, as far as it changes the statements.
#[derive(Clone, Copy)]
pub(super) struct HistoryShape {
    pub reach: Reach,
    /// Only those of one resource.
    pub has_id: bool,
    /// Only those since a time.
    pub has_since: bool,
    /// So few versions are that young that it is better to find them by their time and sort them.
    pub are_few: bool,
}

impl HistoryShape {
    fn is_of_user(self) -> bool {
        matches!(self.reach, Reach::User(_))
    }

    /// The current versions: their numbers.
    pub(super) fn current(self, what: &str) -> String {
        let index = match self {
            _ if self.has_id => "current_identity",
            _ if self.is_of_user() => "current_by_owner",
            _ if self.are_few => "current_by_time",
            _ => "current_by_type",
        };
        let id = if self.has_id { " AND id = ?5" } else { "" };
        let since = if self.has_since { " AND last_updated >= ?3" } else { "" };
        let reach = self.reach.condition(CURRENT);
        format!(
            "SELECT {what} FROM {CURRENT} INDEXED BY {index}
              WHERE type = ?1 AND seq < ?2{id}{since}{reach}"
        )
    }

    /// The replaced and deleted versions that still have a body: their numbers.
    pub(super) fn ended(self, what: &str) -> String {
        let index = match self {
            _ if self.has_id => "ended_identity",
            _ if self.is_of_user() => "ended_by_owner",
            _ => "ended_by_type",
        };
        // A resource has one version after the other. So the last one before a number ended first of those that
        // ended at this number or later.
        let id = if self.has_id {
            " AND id = ?5
              AND ended <= coalesce((SELECT min(ended) FROM ended_version
                                      WHERE type = ?1 AND id = ?5 AND ended >= ?2), 9223372036854775807)"
        } else {
            ""
        };
        let since = if self.has_since { " AND last_updated >= ?3" } else { "" };
        let reach = self.reach.condition(ENDED);
        format!(
            "SELECT {what} FROM {ENDED} INDEXED BY {index}
              WHERE type = ?1 AND seq < ?2 AND size > 0{id}{since}{reach}"
        )
    }

    /// The deletions: the numbers of the writes and of the versions, and the types. Those of other types than `types` are
    /// passed over one by one. `types` are codes; all types where there are none.
    pub(super) fn deletions(self, what: &str, types: &[i64]) -> String {
        let index = match self {
            _ if self.has_id => "ended_identity",
            _ if self.is_of_user() => "ended_by_owner",
            _ => "ended_deleted",
        };
        let codes: Vec<String> = types.iter().map(i64::to_string).collect();
        let of_types = match types {
            [] => String::new(),
            _ => format!(" AND type IN ({})", codes.join(", ")),
        };
        let id = if self.has_id { " AND id = ?5" } else { "" };
        let since = if self.has_since { " AND ended_at >= ?3" } else { "" };
        let reach = self.reach.condition(ENDED);
        format!(
            "SELECT {what} FROM {ENDED} INDEXED BY {index}
              WHERE deleted = 1 AND ended > ?1 AND ended < ?2{of_types}{id}{since}{reach}"
        )
    }

    /// The order of [`HistoryShape::ended`].
    pub(super) fn order_of_ended(self) -> &'static str {
        if self.has_id { "ended" } else { "seq" }
    }
}

#[cfg(test)]
mod tests {
    use super::super::handle::Store;
    use super::super::sql::all;
    use super::*;

    /// How SQLite goes about a statement.
    fn plan(sql: &str, values: usize) -> String {
        let store = Store::in_memory().unwrap();
        let conn = store.reader().unwrap();
        let values = vec![rusqlite::types::Value::Integer(1); values];
        let sql = format!("EXPLAIN QUERY PLAN {sql}");
        let steps: Vec<String> =
            all(&conn, &sql, rusqlite::params_from_iter(values), |row| row.get(3)).unwrap();
        steps.join("; ")
    }

    #[test]
    fn a_page_is_read_in_the_order_of_an_index() {
        for reach in [Reach::Everything, Reach::User(1), Reach::Users(1), Reach::Client(1)] {
            for (has_id, has_since) in [(false, false), (true, false), (false, true), (true, true)]
            {
                let shape = HistoryShape { reach, has_id, has_since, are_few: false };
                let is_of_user = matches!(reach, Reach::User(_)) && !has_id;
                let values = if has_id { 5 } else { 4 };
                let order = shape.order_of_ended();
                let current = format!("{} ORDER BY seq DESC LIMIT ?4", shape.current("seq"));
                let ended = format!("{} ORDER BY {order} DESC LIMIT ?4", shape.ended("seq"));
                let deletions = shape.deletions("ended, type, seq", &[1]);
                let deletions = format!("{deletions} ORDER BY ended DESC LIMIT ?4");
                for (sql, index) in [
                    (
                        &current,
                        if has_id {
                            "current_identity (id=? AND type=?"
                        } else if is_of_user {
                            "current_by_owner (owner=? AND type=? AND rowid<?"
                        } else {
                            "current_by_type (type=? AND rowid<?"
                        },
                    ),
                    (
                        &ended,
                        if has_id {
                            "ended_identity (type=? AND id=? AND ended<?"
                        } else if is_of_user {
                            "ended_by_owner (owner=? AND rowid<?"
                        } else {
                            "ended_by_type (type=? AND rowid<?"
                        },
                    ),
                    (
                        &deletions,
                        if has_id {
                            "ended_identity (type=? AND id=? AND ended>? AND ended<?"
                        } else if is_of_user {
                            "ended_by_owner (owner=?"
                        } else {
                            "ended_deleted (ended>? AND ended<?"
                        },
                    ),
                ] {
                    let steps = plan(sql, values);
                    assert!(steps.contains(index), "{sql}: {steps}");
                    // The deletions of one user are sorted; a user has few.
                    let is_sorted = steps.contains("TEMP B-TREE");
                    assert_eq!(is_sorted, is_of_user && sql == &deletions, "{sql}: {steps}");
                }
            }
        }
        let few = HistoryShape {
            reach: Reach::Everything,
            has_id: false,
            has_since: true,
            are_few: true,
        };
        let steps = plan(&format!("{} ORDER BY seq DESC LIMIT ?4", few.current("seq")), 4);
        assert!(steps.contains("current_by_time (type=? AND last_updated>?"), "{steps}");
    }
}
