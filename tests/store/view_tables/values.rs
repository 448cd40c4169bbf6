//! What the columns of a table hold, and who reads it.

use rusqlite::types::Value;

use super::{add, rows, view};
use crate::support::{Dir, succeed, tool};

#[test]
fn columns_hold_what_their_types_say_without_losing_a_digit() {
    let dir = Dir::new();
    dir.write(
        "o.ndjson",
        [
            r#"{"resourceType":"Observation","id":"007","status":"final","valueQuantity":{"value":5.40},"code":{"coding":[{"code":"a","userSelected":true},{"code":"b"}]},"effectiveDateTime":"2020","note":[{"text":"one"},{"text":"two"}]}"#,
            r#"{"resourceType":"Observation","id":"b","status":"final","valueQuantity":{"value":0.12345678901234567890},"code":{"text":"é \"x\""}}"#,
            r#"{"resourceType":"Observation","id":"c","status":"final","valueInteger":12345678901234567890,"code":{}}"#,
            r#"{"resourceType":"Observation","id":"d","status":"final","valueQuantity":{"value":140},"code":{}}"#,
        ]
        .join("\n"),
    );
    dir.import(0, &["s.db", "o.ndjson"]);
    let of = r#"{"name":"kinds","resource":"Observation","select":[{"column":[
        {"name":"id","path":"getResourceKey()","type":"id"},
        {"name":"selected","path":"code.coding.userSelected.first()","type":"boolean"},
        {"name":"amount","path":"value.ofType(Quantity).value","type":"decimal"},
        {"name":"double","path":"value.ofType(Quantity).value","type":"decimal","tag":[{"name":"ansi/type","value":"DOUBLE PRECISION"}]},
        {"name":"notes","path":"note.text","type":"string","collection":true},
        {"name":"first_coding","path":"code.coding.first()","type":"Coding"},
        {"name":"coding_count","path":"code.coding.count()","type":"integer"},
        {"name":"effective","path":"effective.ofType(dateTime)","type":"dateTime"},
        {"name":"order","path":"code.text","type":"string"}]}]}"#;
    add(&dir, "s.db", &[of]);
    let declared: String = dir
        .open("s.db")
        .query_row("SELECT group_concat(name || ' ' || type || ' ' || pk, ',') FROM pragma_table_info('kinds')", (), |row| row.get(0))
        .unwrap();
    assert_eq!(
        declared,
        "id TEXT 0,selected INTEGER 0,amount  0,double REAL 0,notes TEXT 0,first_coding TEXT 0,coding_count INTEGER 0,effective TEXT 0,order TEXT 0,_row INTEGER 1"
    );
    let text = |text: &str| Value::Text(text.to_owned());
    let expected = [
        vec![
            text("007"),
            Value::Integer(1),
            Value::Real(5.4),
            Value::Real(5.4),
            text(r#"["one","two"]"#),
            text(r#"{"code":"a","userSelected":true}"#),
            Value::Integer(2),
            text("2020"),
            Value::Null,
        ],
        vec![
            text("b"),
            Value::Null,
            text("0.12345678901234567890"),
            Value::Real(0.123_456_789_012_345_68),
            text("[]"),
            Value::Null,
            Value::Integer(0),
            Value::Null,
            text("é \"x\""),
        ],
    ];
    for (row, expected) in rows(&dir, "s.db", "kinds").iter().zip(expected) {
        assert_eq!(row[..9], expected);
    }
    // Numbers compare as numbers.
    let high = "SELECT count(*) FROM kinds WHERE amount > 99 AND typeof(amount) <> 'text'";
    assert_eq!(dir.count("s.db", high), 1);
    // The row of a version has its number.
    assert_eq!(
        dir.count("s.db", "SELECT count(*) FROM kinds JOIN resource ON seq = _row >> 20 WHERE kinds.id = resource.id"),
        4
    );
    dir.check("s.db");
}

#[test]
fn the_sqlite3_shell_reads_the_tables_while_a_server_has_the_store_open() {
    let Some(mut sqlite3) = tool("sqlite3") else { return };
    let dir = Dir::new();
    dir.write("p.json", r#"{"resourceType":"Patient","id":"a","birthDate":"1980-01-02"}"#);
    dir.import(0, &["s.db", "p.json"]);
    let served = dir.serve(&["s.db"]);
    // The server reads on while tables are added.
    add(
        &dir,
        "s.db",
        &[&view("people", "Patient", &[("id", "id", "id"), ("born", "birthDate", "date")])],
    );
    let read = succeed(sqlite3.arg(dir.path("s.db")).arg("SELECT id, born FROM people"));
    assert_eq!(read, "a|1980-01-02\n");
    dir.write("q.json", r#"{"resourceType":"Patient","id":"b","birthDate":"1990"}"#);
    dir.import(0, &["s.db", "q.json"]);
    assert_eq!(rows(&dir, "s.db", "people").len(), 2);
    assert_eq!(served.get("/fhir/Patient/b").status, 200);
    assert_eq!(served.end("-TERM"), 0);
    dir.check("s.db");
}

#[test]
fn copies_of_a_store_keep_its_tables() {
    let dir = Dir::new();
    dir.write("p.json", r#"{"resourceType":"Patient","id":"a"}"#);
    dir.import(0, &["s.db", "p.json"]);
    add(&dir, "s.db", &[&view("people", "Patient", &[("id", "id", "id")])]);
    let before = rows(&dir, "s.db", "people");
    for copy in [vec!["backup", "s.db", "copy.db"], vec!["compact", "s.db"]] {
        assert_eq!(dir.run(copy).code, 0);
    }
    for store in ["s.db", "copy.db"] {
        assert_eq!(rows(&dir, store, "people"), before);
        dir.write("q.json", r#"{"resourceType":"Patient","id":"b"}"#);
        dir.import(0, &[store, "q.json"]);
        assert_eq!(rows(&dir, store, "people").len(), 2);
        dir.check(store);
    }
}
