//! Lets a test change the views `resource` and `history` as if they were tables: triggers of
//! its own connection bring what it writes into the tables behind them.

use rusqlite::Connection;

/// The columns of both kinds of versions.
const COLUMNS: [&str; 10] = [
    "seq",
    "id",
    "version_id",
    "last_updated",
    "owner",
    "assigned",
    "size",
    "hash",
    "body_checksum",
    "row_checksum",
];

const ENDED: [&str; 3] = ["ended", "ended_at", "deleted"];

/// Adds the triggers, where the database is a store that has these views.
pub fn let_edit(db: &Connection) {
    let sql = "SELECT count(*) FROM sqlite_schema
                WHERE type = 'view' AND name IN ('resource', 'history')";
    // What is damaged, locked or no database has no views to change.
    if db.query_row(sql, (), |row| row.get::<_, i64>(0)).ok() != Some(2) {
        return;
    }
    for (view, table, other, ended) in [
        ("resource", "current_version", "ended_version", &ENDED[..0]),
        ("history", "ended_version", "current_version", &ENDED[..]),
    ] {
        let columns: Vec<&str> = COLUMNS.iter().chain(ended).copied().collect();
        let value = |column: &&str| match *column {
            "owner" | "body_checksum" | "row_checksum" => format!("coalesce(new.{column}, 0)"),
            _ => format!("new.{column}"),
        };
        let names = columns.join(", ");
        let values: Vec<String> = columns.iter().map(value).collect();
        let changes: Vec<String> =
            columns.iter().zip(&values).map(|(name, value)| format!("{name} = {value}")).collect();
        let (values, changes) = (values.join(", "), changes.join(", "));
        let code = "(SELECT code FROM resource_type WHERE name IS new.type)";
        let add_type = "INSERT INTO resource_type (name) SELECT new.type
                         WHERE NOT EXISTS (SELECT 1 FROM resource_type WHERE name IS new.type)";
        let forget = format!(
            "DELETE FROM version_body
              WHERE seq = old.seq AND NOT EXISTS (SELECT 1 FROM {other} WHERE seq = old.seq)"
        );
        let keep = "INSERT OR REPLACE INTO version_body (seq, body) VALUES (new.seq, new.body)";
        db.execute_batch(&format!(
            "CREATE TEMP TRIGGER {view}_added INSTEAD OF INSERT ON main.{view} BEGIN
               {add_type};
               INSERT INTO {table} (type, {names}) VALUES ({code}, {values});
               {keep};
             END;
             CREATE TEMP TRIGGER {view}_changed INSTEAD OF UPDATE ON main.{view} BEGIN
               {add_type};
               UPDATE {table} SET type = {code}, {changes} WHERE seq = old.seq;
               {forget};
               {keep};
             END;
             CREATE TEMP TRIGGER {view}_removed INSTEAD OF DELETE ON main.{view} BEGIN
               DELETE FROM {table} WHERE seq = old.seq;
               {forget};
             END"
        ))
        .expect("triggers");
    }
    let_totals_follow(db);
}

/// Lets the totals follow what a test changes.
fn let_totals_follow(db: &Connection) {
    let change = |row: &str, sign: &str| {
        format!(
            "INSERT INTO type_total (type, resources, bytes) VALUES ({row}.type, {sign} 1, {sign} {row}.size)
             ON CONFLICT (type) DO UPDATE
                SET resources = resources + excluded.resources, bytes = bytes + excluded.bytes;"
        )
    };
    let (come, go) = (change("new", "+"), change("old", "-"));
    let all = [
        ("added", "INSERT", come.clone()),
        ("removed", "DELETE", go.clone()),
        ("changed", "UPDATE", go + &come),
    ];
    for (name, event, body) in all {
        db.execute_batch(&format!(
            "CREATE TEMP TRIGGER total_{name} AFTER {event} ON main.current_version WHEN TRUE BEGIN {body} END"
        ))
        .expect("a trigger");
    }
}

/// Gives a store the tables of versions that stores had before format 6, in the place of the present ones.
pub fn bring_back_former_tables(db: &Connection) {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'view'";
    let mut statement = db.prepare(sql).expect("a schema");
    let rows = statement.query_map((), |row| row.get(0)).expect("names");
    let views: Vec<String> = rows.collect::<Result<_, _>>().expect("names");
    drop(statement);
    let mut sql = String::new();
    for view in ["resource", "history"] {
        sql += &format!("CREATE TABLE former_{view} AS SELECT * FROM {view};");
    }
    for view in views {
        sql += &format!("DROP VIEW {view};");
    }
    for table in ["current_version", "ended_version", "version_body", "resource_type", "type_total"]
    {
        sql += &format!("DROP TABLE {table};");
    }
    for table in ["reference", "reference_target", "reference_type", "provenance_target"] {
        sql += &format!("DROP TABLE {table};");
    }
    for table in ["resource", "history"] {
        sql += &format!("ALTER TABLE former_{table} RENAME TO {table};");
    }
    db.execute_batch(&sql).expect("the former tables");
}
