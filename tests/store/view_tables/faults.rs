//! Resources that a view refuses, tables that somebody changed, and what `check` and `view refresh` do about both.

use super::{add, patient, rows, tables, try_to_add, view};
use crate::support::Dir;

/// A view whose column `phone` takes one value.
fn phones() -> String {
    view("phones", "Patient", &[("id", "id", "id"), ("phone", "telecom.value", "string")])
}

fn telecom(values: &[&str]) -> String {
    let values: Vec<String> = values.iter().map(|of| format!(r#"{{"value":"{of}"}}"#)).collect();
    format!(r#","telecom":[{}]"#, values.join(","))
}

#[test]
fn a_resource_that_a_view_refuses_is_imported_and_has_a_fault_in_place_of_rows() {
    let dir = Dir::new();
    dir.write("p.ndjson", patient("a", &telecom(&["1"])) + &patient("b", &telecom(&["1", "2"])));
    dir.import(0, &["s.db", "p.ndjson"]);
    let ran = try_to_add(&dir, "s.db", &[&phones()]);
    assert_eq!((ran.code, &*ran.stdout), (1, "phones: added\n"));
    let told = "phones: select[0].column[1].path: Patient/b: `telecom.value` gives 2 values, but the column holds one";
    assert!(ran.stderr.starts_with(told), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("phones: the view refuses 1 resource, which has no rows\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(rows(&dir, "s.db", "phones").len(), 1);
    dir.check("s.db");
    // An import is not refused either.
    dir.write(
        "q.ndjson",
        patient("a", &telecom(&["1", "2", "3"])) + &patient("c", &telecom(&["9", "8"])),
    );
    let report = dir.import(0, &["s.db", "q.ndjson"]);
    assert_eq!(
        (&report["updated"], &report["created"], &report["rejected"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!(rows(&dir, "s.db", "phones").len(), 0);
    let listed = dir.run(["view", "list", "s.db"]).stdout;
    assert!(listed.contains("the view refuses 3 resources, which have no rows"), "{listed}");
    dir.check("s.db");
    // A fault goes with its version.
    dir.write("r.ndjson", patient("a", &telecom(&["1"])));
    dir.import(0, &["s.db", "r.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/b"]).code, 0);
    assert_eq!(rows(&dir, "s.db", "phones").len(), 1);
    assert_eq!(
        dir.count("s.db", "SELECT count(*) FROM view_fault WHERE fault LIKE '%Patient/c:%'"),
        1
    );
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM view_fault"), 1);
    dir.check("s.db");
    let before = tables(&dir, "s.db");
    assert_eq!(dir.run(["view", "refresh", "s.db"]).code, 1);
    assert_eq!(tables(&dir, "s.db"), before);
}

#[test]
fn check_finds_what_a_table_should_not_have_and_refresh_mends_it() {
    let dir = Dir::new();
    let lines: String = (0..6).map(|at| patient(&format!("p{at}"), &telecom(&["1"]))).collect();
    dir.write("p.ndjson", lines + &patient("bad", &telecom(&["1", "2"])));
    dir.import(0, &["s.db", "p.ndjson"]);
    assert_eq!(try_to_add(&dir, "s.db", &[&phones()]).code, 1);
    dir.check("s.db");
    let before = tables(&dir, "s.db");
    for (edit, told) in [
        ("DELETE FROM phones WHERE id = 'p2'", "of 1 resources, such as Patient/p2"),
        ("UPDATE phones SET phone = 5 WHERE id = 'p3'", "of 1 resources, such as Patient/p3"),
        ("UPDATE phones SET phone = NULL", "of 6 resources, such as Patient/p0"),
        (
            "INSERT INTO phones SELECT id, phone, _row + 1 FROM phones WHERE id = 'p1'",
            "of 1 resources, such as Patient/p1",
        ),
        ("UPDATE phones SET _row = _row + 1 WHERE id = 'p1'", "of 1 resources, such as Patient/p1"),
        (
            "INSERT INTO phones VALUES ('x', 'y', 99 << 20)",
            "has 1 rows of no Patient that there is",
        ),
        ("INSERT INTO phones VALUES ('x', 'y', -1)", "has 1 rows of no Patient that there is"),
        ("DELETE FROM view_fault", "of 1 resources, such as Patient/bad"),
        ("UPDATE view_fault SET fault = 'x'", "of 1 resources, such as Patient/bad"),
        ("INSERT INTO view_fault VALUES (1, 2, 'x')", "of 1 resources, such as Patient/p1"),
        ("INSERT INTO view_fault VALUES (1, 99, 'x')", "has 1 rows of no Patient that there is"),
        ("DELETE FROM phones", "of 6 resources"),
        (
            "ALTER TABLE phones ADD COLUMN mine; UPDATE phones SET phone = 'x' WHERE id = 'p5'",
            "of 1 resources, such as Patient/p5",
        ),
        ("ALTER TABLE phones RENAME COLUMN phone TO telephone", "of 6 resources"),
        ("DROP TABLE phones", "the table phones cannot be read"),
    ] {
        dir.open("s.db").execute_batch(edit).unwrap();
        let ran = dir.run(["check", "s.db"]);
        assert!(ran.code == 8 && ran.stderr.contains(told), "{edit}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("`fhirlite view refresh STORE phones` makes it anew"),
            "{}",
            ran.stderr
        );
        assert_eq!(dir.run(["view", "refresh", "s.db", "phones"]).code, 1, "{edit}");
        dir.check("s.db");
        assert_eq!(tables(&dir, "s.db"), before, "{edit}");
    }
    dir.open("s.db").execute_batch("INSERT INTO view_fault VALUES (7, 2, 'x')").unwrap();
    let ran = dir.run(["check", "s.db"]);
    assert!(ran.stderr.contains("1 rows of view_fault belong to no view"), "{}", ran.stderr);
}

#[test]
fn an_index_of_an_operator_outlives_a_refresh() {
    let dir = Dir::new();
    dir.write("p.ndjson", patient("a", &telecom(&["1"])));
    dir.import(0, &["s.db", "p.ndjson"]);
    add(&dir, "s.db", &[&phones()]);
    dir.open("s.db").execute_batch("CREATE INDEX by_phone ON phones (phone)").unwrap();
    assert_eq!(dir.run(["view", "refresh", "s.db"]).code, 0);
    let indexed = "SELECT count(*) FROM phones INDEXED BY by_phone WHERE phone = '1'";
    assert_eq!(dir.count("s.db", indexed), 1);
    dir.write("q.ndjson", patient("b", &telecom(&["2"])));
    dir.import(0, &["s.db", "q.ndjson"]);
    dir.check("s.db");
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM phones"), 2);
}

#[test]
fn an_import_that_a_changed_table_does_not_take_says_what_to_do() {
    for edit in ["DROP TABLE phones", "CREATE UNIQUE INDEX once ON phones (phone)"] {
        let dir = Dir::new();
        dir.write("p.ndjson", patient("a", &telecom(&["1"])));
        dir.import(0, &["s.db", "p.ndjson"]);
        add(&dir, "s.db", &[&phones()]);
        dir.open("s.db").execute_batch(edit).unwrap();
        dir.write("q.ndjson", patient("b", &telecom(&["1"])));
        let ran = dir.run(["import", "s.db", "q.ndjson"]);
        assert_eq!(ran.code, 8, "{}", ran.stderr);
        assert!(
            ran.stderr
                .contains("s.db: the table of the view phones was changed by another program"),
            "{}",
            ran.stderr
        );
        assert_eq!(dir.count("s.db", "SELECT count(*) FROM current_version"), 1);
        assert_eq!(dir.run(["view", "remove", "s.db", "phones"]).code, 0);
        dir.import(0, &["s.db", "q.ndjson"]);
        dir.check("s.db");
    }
}

#[test]
fn a_table_with_rows_of_another_fhirlite_is_kept_and_made_anew() {
    let dir = Dir::new();
    dir.write("p.ndjson", patient("a", &telecom(&["1"])));
    dir.import(0, &["s.db", "p.ndjson"]);
    add(&dir, "s.db", &[&phones()]);
    // As a later fhirlite would leave it.
    dir.open("s.db")
        .execute_batch("UPDATE view_definition SET rules = 99; UPDATE phones SET phone = '+1'")
        .unwrap();
    let outdated =
        "phones of Patient: has rows of another fhirlite; `fhirlite view refresh` makes them anew";
    assert!(dir.run(["view", "list", "s.db"]).stdout.contains(outdated));
    dir.check("s.db");
    dir.write("q.ndjson", patient("b", &telecom(&["2"])));
    dir.import(0, &["s.db", "q.ndjson"]);
    assert_eq!(dir.count("s.db", "SELECT rules FROM view_definition"), 0);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM phones"), 2);
    assert!(dir.run(["view", "list", "s.db"]).stdout.contains(outdated));
    assert_eq!(dir.run(["view", "refresh", "s.db"]).code, 0);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM phones WHERE phone IN ('1', '2')"), 2);
    dir.check("s.db");
}
