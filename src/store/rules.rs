//! What must not be in a store, as SQL conditions for `check`.

/// A contradiction, and the SQL condition of the rows that have it.
pub(super) struct Rule {
    /// What is wrong.
    pub finding: &'static str,
    pub condition: &'static str,
}

const fn rule(finding: &'static str, condition: &'static str) -> Rule {
    Rule { finding, condition }
}

/// The condition of versions that still have a body. Pruning leaves deleted ones without.
pub(super) const HAS_BODY: &str = "(size <> 0 OR body <> '')";

/// Rules for versions with a body, in `resource` and in `history`.
pub(super) const VERSION_RULES: [Rule; 9] = [
    rule("size is not the length of the body", "size <> length(CAST(body AS BLOB))"),
    rule("the body is not JSON", "NOT json_valid(body)"),
    rule(
        "the body is of another type",
        "json_valid(body) AND json_extract(body, '$.resourceType') IS NOT type",
    ),
    rule("the body has another id", "json_valid(body) AND json_extract(body, '$.id') IS NOT id"),
    rule("the body has line breaks", "instr(body, char(10)) > 0"),
    rule(
        "seq is higher than that of the last write",
        "seq > (SELECT value FROM setting WHERE name = 'last_seq')",
    ),
    rule(
        "a column has a value of the wrong type",
        "typeof(last_updated) <> 'integer' OR typeof(size) <> 'integer' OR typeof(body) <> 'text'
         OR typeof(version_id) <> 'text' OR assigned NOT BETWEEN 0 AND 7 OR typeof(assigned) <> 'integer'",
    ),
    rule("the owner is not a user", "owner <> 0 AND owner NOT IN (SELECT id FROM user)"),
    rule("the hash is not a SHA-256", "typeof(hash) <> 'blob' OR length(hash) <> 32"),
];

/// Rules for all rows of `history`.
///
/// The subqueries find rows of `resource` by its unique index on (id, type), one each. The last rule
/// compares each version only with the next one of its resource: a subquery for the versions between
/// `seq` and `ended` would read those of all resources.
pub(super) const HISTORY_RULES: [Rule; 7] = [
    rule("the body is missing although the version was not deleted", "size = 0 AND deleted = 0"),
    rule("it ended before it began", "ended <= seq"),
    rule("deleted is neither 0 nor 1", "deleted NOT IN (0, 1)"),
    rule(
        "a user's resource has another owner now",
        "owner <> 0 AND EXISTS (SELECT 1 FROM resource r
                                 WHERE r.type = history.type AND r.id = history.id
                                   AND r.owner <> history.owner)",
    ),
    rule(
        "it ended after the last write",
        "ended > (SELECT value FROM setting WHERE name = 'last_seq')",
    ),
    rule(
        "two versions are current at once",
        "EXISTS (SELECT 1 FROM resource r
                  WHERE r.type = history.type AND r.id = history.id AND r.seq < history.ended)",
    ),
    rule(
        "two versions were current at once",
        "seq IN (SELECT seq FROM (SELECT seq, ended,
                                         lead(seq) OVER (PARTITION BY type, id ORDER BY seq) AS next
                                    FROM history)
                  WHERE next < ended)",
    ),
];

/// The settings that must exist, and what their values must be.
pub(super) const SETTING_RULES: [(&str, &str); 5] = [
    ("last_seq", "typeof(value) = 'integer' AND value >= 0"),
    ("last_write_time", "typeof(value) = 'integer'"),
    ("last_transaction_time", "typeof(value) = 'integer'"),
    ("signing_key", "typeof(value) = 'blob' AND length(value) = 32"),
    ("store_id", "typeof(value) = 'blob' AND length(value) = 16"),
];

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, StatementStatus};

    use super::*;
    use crate::store::format::model;

    /// A store of `count` patients, each imported twice with other content.
    fn imported_twice(count: i64) -> Connection {
        let conn = model().unwrap();
        let body = r#"'{"resourceType":"Patient","id":"' || n || '"}'"#;
        let (columns, values) = (
            "seq, type, id, version_id, last_updated, assigned, size, hash, body_checksum",
            format!("1, n, '1', 0, 3, length({body}), zeroblob(32), 0"),
        );
        conn.execute_batch(&format!(
            "INSERT INTO setting (name, value) VALUES ('last_seq', {count} * 2);
             CREATE TEMP TABLE number AS
               WITH RECURSIVE up(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {count})
               SELECT n FROM up;
             INSERT INTO resource_type (code, name) VALUES (1, 'Patient');
             INSERT INTO ended_version ({columns}, ended, ended_at, deleted, row_checksum)
               SELECT n, {values}, n + {count}, 0, 0, 0 FROM number;
             INSERT INTO current_version ({columns}, row_checksum)
               SELECT n + {count}, {values}, 0 FROM number;
             INSERT INTO version_body (seq, body) SELECT n, {body} FROM number;
             INSERT INTO version_body (seq, body) SELECT n + {count}, {body} FROM number;"
        ))
        .unwrap();
        conn
    }

    /// How many steps SQLite takes to find no row that meets a condition.
    fn steps(conn: &Connection, table: &str, Rule { finding, condition }: &Rule) -> i32 {
        let sql = format!("SELECT id FROM {table} WHERE {condition}");
        let mut statement = conn.prepare(&sql).unwrap();
        assert!(!statement.exists(()).unwrap(), "{table}: {finding}");
        statement.get_status(StatementStatus::VmStep)
    }

    #[test]
    fn every_rule_takes_steps_in_proportion_to_the_versions() {
        let (small, large) = (imported_twice(200), imported_twice(800));
        let pairs = VERSION_RULES
            .iter()
            .flat_map(|rule| [("resource", rule), ("history", rule)])
            .chain(HISTORY_RULES.iter().map(|rule| ("history", rule)));
        let mut total = 0;
        for (table, rule) in pairs {
            let (few, many) = (steps(&small, table, rule), steps(&large, table, rule));
            assert!(many < 5 * few.max(200), "{table}: {}: {few}, then {many} steps", rule.finding);
            total += few;
        }
        assert!(total > 20 * 200, "{total} steps are too few to have read the versions");
    }
}
