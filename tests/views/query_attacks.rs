//! SQL that wants more than its tables, or does not end.

use serde_json::json;

use super::{library, parameters, post, resource, text, view};
use crate::support::client::Answer;
use crate::support::{Dir, Served};

/// A server with a table `kept`, which SQL names `t`.
fn served_with(options: &[&str]) -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", super::DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    let mut kept = view("Patient", &[("id", "id")]);
    kept["name"] = json!("kept");
    dir.write("kept.json", kept.to_string());
    assert_eq!(dir.run(["view", "add", "s.db", "kept.json"]).code, 0);
    let served = dir.serve(&[&["s.db"], options].concat());
    (dir, served)
}

fn run(served: &Served, sql: &str) -> Answer {
    let tables = [("t", "kept"), ("made", "http://example.org/ViewDefinition/values")];
    let body = parameters(&[
        resource("subjectResource", &library(sql, &tables)),
        json!({"name": "_format", "valueCode": "csv"}),
    ]);
    post(served, "/fhir/$sql-run", "", &body)
}

#[test]
fn sql_reads_its_own_tables_and_changes_nothing() {
    let (dir, served) = served_with(&[]);
    let before = dir.count(
        "s.db",
        "SELECT total_changes() + (SELECT max(seq) FROM resource) + (SELECT count(*) FROM kept)",
    );
    for sql in [
        "SELECT * FROM main.resource",
        "SELECT * FROM current_version",
        "SELECT count(*) FROM current_version",
        "SELECT count(*) FROM user",
        "SELECT 1 FROM main.user",
        "SELECT EXISTS (SELECT 1 FROM token)",
        "SELECT id IN user FROM t",
        "SELECT * FROM client",
        "SELECT * FROM patient",
        "SELECT _row FROM main.kept",
        "SELECT * FROM main.kept",
        "WITH t AS (SELECT * FROM main.resource) SELECT * FROM t",
        "WITH kept AS (SELECT body FROM resource) SELECT * FROM kept",
        "WITH made AS (SELECT 1 FROM user) SELECT count(*) FROM made",
        "SELECT * FROM t UNION SELECT app_user_id FROM user",
        "SELECT * FROM t ORDER BY (SELECT count(*) FROM job)",
        "SELECT * FROM sqlite_schema",
        "SELECT count(*) FROM sqlite_master",
        "SELECT count(*) FROM temp.sqlite_schema",
        "SELECT * FROM pragma_table_info('user')",
        "SELECT count(*) FROM pragma_database_list",
        "SELECT count(*) FROM dbstat",
        "PRAGMA table_list",
        "PRAGMA query_only = 0",
        "ATTACH 'other.db' AS other",
        "DETACH temp",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT x",
        "VACUUM",
        "VACUUM INTO 'copy.db'",
        "ANALYZE",
        "REINDEX",
        "EXPLAIN SELECT * FROM t",
        "EXPLAIN QUERY PLAN SELECT * FROM t",
        "INSERT INTO t VALUES ('x')",
        "INSERT INTO made VALUES ('x', 'x', 1) RETURNING id",
        "UPDATE made SET id = 'x'",
        "DELETE FROM made RETURNING id",
        "DELETE FROM main.kept",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x AS SELECT * FROM t",
        "CREATE TEMP TRIGGER x AFTER INSERT ON made BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE temp.x USING fts5(a)",
        "DROP TABLE made",
        "ALTER TABLE made RENAME TO x",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE kept",
        "SELECT load_extension('x')",
        "SELECT random()",
        "SELECT randomblob(10)",
        "SELECT zeroblob(100000000)",
        "SELECT last_insert_rowid()",
        "SELECT sqlite_version()",
        "SELECT fts3_tokenizer('x')",
        "SELECT readfile('/etc/passwd')",
        "",
    ] {
        let answer = run(&served, sql);
        assert_eq!(answer.status, 422, "{sql}: {}", answer.text());
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{sql}");
    }
    assert_eq!(
        dir.count(
            "s.db",
            "SELECT total_changes() + (SELECT max(seq) FROM resource) + (SELECT count(*) FROM kept)"
        ),
        before
    );
    dir.check("s.db");
    // What is allowed goes on.
    for (sql, rows) in [
        ("SELECT count(*) AS n FROM t", "n\r\n3\r\n"),
        ("SELECT count(*) AS n FROM made", "n\r\n2\r\n"),
        ("WITH x AS (SELECT id FROM T) SELECT count(*) AS n FROM x", "n\r\n3\r\n"),
        (
            "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 3) SELECT sum(n) AS n FROM x",
            "n\r\n6\r\n",
        ),
        ("SELECT value FROM json_each('[7]')", "value\r\n7\r\n"),
        (
            "SELECT id, row_number() OVER (ORDER BY id DESC) AS n FROM t ORDER BY n LIMIT 1",
            "id,n\r\nc,1\r\n",
        ),
    ] {
        assert_eq!(text(&run(&served, sql)), rows, "{sql}");
    }
}

#[test]
fn sql_that_does_not_end_is_ended_and_many_rows_are_refused() {
    let (_dir, served) = served_with(&["--sql-time", "1s", "--sql-rows", "5"]);
    for sql in [
        "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x",
        "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT max(y.n) FROM x, x AS y",
    ] {
        let answer = run(&served, sql);
        answer.assert_outcome(422, "took longer than 1 s");
        assert_eq!(answer.json()["issue"][0]["code"], "timeout");
    }
    let counting =
        "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT n FROM x";
    let answer = run(&served, counting);
    answer.assert_outcome(422, "more than 5 rows");
    assert_eq!(answer.json()["issue"][0]["code"], "too-costly");
    assert_eq!(text(&run(&served, &format!("{counting} LIMIT 5"))).lines().count(), 6);
    // The limit of the client is one too.
    let body = parameters(&[
        resource("subjectResource", &library(counting, &[])),
        json!({"name": "_limit", "valueInteger": 3}),
    ]);
    assert_eq!(
        text(&post(&served, "/fhir/$sql-run", "", &body)),
        "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n"
    );
}
