//! Which views are taken, and under which names; listing and removing them.

use serde_json::{Value, json};

use super::{add, patient, rows, tables, try_to_add, view};
use crate::support::Dir;

const ID: &[(&str, &str, &str)] = &[("id", "id", "id")];

fn store() -> Dir {
    let dir = Dir::new();
    dir.write("p.ndjson", patient("a", "") + &patient("b", ""));
    dir.import(0, &["s.db", "p.ndjson"]);
    dir
}

#[test]
fn names_that_a_table_cannot_have_are_refused_with_the_reason() {
    let dir = store();
    dir.open("s.db")
        .execute_batch("CREATE TABLE own (x); CREATE INDEX own_index ON own (x); CREATE VIEW seen AS SELECT 1; DROP VIEW condition; CREATE VIEW condition AS SELECT 2")
        .unwrap();
    let no_name = r#"{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}]}"#;
    for (view, told) in [
        (no_name.to_owned(), "name: the view has none; its table is named by it"),
        (view("a-b", "Patient", ID), "name: "),
        (view("_row", "Patient", ID), "name: "),
        (view("sqlite_x", "Patient", ID), "no table may have a name with `sqlite_`"),
        (view("Pragma_x", "Patient", ID), "no table may have a name with `pragma_`"),
        (view("json_each", "Patient", ID), "SQLite itself has a table `json_each`"),
        (view("Resource", "Patient", ID), "the store has a view `Resource`"),
        (view("current_version", "Patient", ID), "the store has a table `current_version`"),
        (view("current_by_time", "Patient", ID), "the store has an index `current_by_time`"),
        (view("view_definition", "Patient", ID), "the store has a table `view_definition`"),
        (view("own", "Patient", ID), "the store has a table `own`"),
        (view("OWN_INDEX", "Patient", ID), "the store has an index `OWN_INDEX`"),
        (view("seen", "Patient", ID), "the store has a view `seen`"),
        (view("condition", "Condition", ID), "the store has a view `condition`"),
        (view("x", "Patient", &[("_row", "id", "id")]), "select[0].column[0].name"),
        (
            view("x", "Patient", &[("id", "id", "id"), ("ID", "id", "id")]),
            "SQLite takes the columns `id` and `ID` for the same",
        ),
        (view("x", "Patient", &[("id", "nope(", "id")]), "select[0].column[0].path"),
        ("{\"resourceType\":\"Bundle\"}".to_owned(), "a Bundle; a file holds one ViewDefinition"),
        (
            format!("{0}\n{0}", view("x", "Patient", ID)),
            "a file holds one ViewDefinition, neither NDJSON nor a list",
        ),
    ] {
        // The view before it is not added either.
        let ran = try_to_add(&dir, "s.db", &[&super::view("first", "Patient", ID), &view]);
        assert_eq!(ran.code, 2, "{view}: {}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stderr.contains("view-1.json") && ran.stderr.contains(told),
            "{view}: {}",
            ran.stderr
        );
    }
    let twice = [&view("one", "Patient", ID)[..], &view("ONE", "Patient", ID)];
    assert!(
        try_to_add(&dir, "s.db", &twice)
            .stderr
            .contains("view-0.json has a view of the name ONE too")
    );
    assert_eq!(dir.run(["view", "list", "s.db"]).stdout, "");
    assert_eq!(
        dir.count(
            "s.db",
            "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'first' OR name LIKE 'one'"
        ),
        0
    );
    assert_eq!(dir.run(["view", "add", "s.db"]).code, 2);
    assert_eq!(dir.run(["view", "add", "nope.db", "--starter"]).code, 3);
    dir.check("s.db");
}

#[test]
fn a_keyword_is_a_name_that_must_be_quoted() {
    let dir = store();
    add(&dir, "s.db", &[&view("order", "Patient", &[("group", "id", "id")])]);
    assert_eq!(dir.count("s.db", "SELECT count(\"group\") FROM \"order\""), 2);
    dir.write("c.ndjson", patient("c", ""));
    dir.import(0, &["s.db", "c.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/a"]).code, 0);
    assert_eq!(rows(&dir, "s.db", "order").len(), 2);
    dir.check("s.db");
    assert_eq!(dir.run(["view", "refresh", "s.db", "ORDER"]).code, 0);
    assert_eq!(dir.run(["view", "remove", "s.db", "Order"]).code, 0);
    dir.check("s.db");
}

#[test]
fn a_view_that_is_there_is_left_alone_and_another_of_its_name_is_refused() {
    let dir = store();
    let one = view("people", "Patient", ID);
    add(&dir, "s.db", &[&one]);
    let before = tables(&dir, "s.db");
    // White space is no difference.
    let again = try_to_add(&dir, "s.db", &[&one.replace(',', ",\n ")]);
    assert_eq!((again.code, &*again.stdout), (0, "people: is there already\n"));
    let other = try_to_add(&dir, "s.db", &[&view("People", "Patient", &[("key", "id", "id")])]);
    assert_eq!(other.code, 2);
    assert!(
        other
            .stderr
            .contains("the store keeps another view people; `fhirlite view remove` it first"),
        "{}",
        other.stderr
    );
    assert_eq!(tables(&dir, "s.db"), before);
}

#[test]
fn views_are_listed_and_removed() {
    let dir = store();
    add(&dir, "s.db", &[&view("people", "Patient", ID), &view("jobs", "PractitionerRole", ID)]);
    assert_eq!(
        dir.run(["view", "list", "s.db"]).stdout,
        "jobs of PractitionerRole: its table has the rows of every resource\npeople of Patient: its table has the rows of every resource\n"
    );
    let list: Value =
        serde_json::from_str(&dir.run(["view", "list", "s.db", "--json"]).stdout).unwrap();
    assert_eq!(
        list,
        json!([{"name": "jobs", "type": "PractitionerRole", "state": "ready", "faults": 0},
               {"name": "people", "type": "Patient", "state": "ready", "faults": 0}])
    );
    let info: Value = serde_json::from_str(&dir.run(["info", "s.db", "--json"]).stdout).unwrap();
    assert_eq!(info["views"], list);
    assert!(dir.run(["info", "s.db"]).stdout.contains("view people of Patient: its table has"));
    let ran = dir.run(["view", "remove", "s.db", "jobs", "nope"]);
    assert_eq!(
        (ran.code, &*ran.stdout, &*ran.stderr),
        (1, "jobs: removed\n", "the store keeps no view nope\n")
    );
    let ran = dir.run(["view", "refresh", "s.db", "people", "nope"]);
    assert!(ran.code == 3 && ran.stderr.contains("the store keeps no view nope"), "{}", ran.stderr);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'jobs'"), 0);
    assert_eq!(rows(&dir, "s.db", "people").len(), 2);
    dir.check("s.db");
}

#[test]
fn a_store_that_cannot_be_written_is_left_alone() {
    let dir = Dir::new();
    dir.write("p.ndjson", patient("a", ""));
    std::fs::create_dir(dir.path("ro")).unwrap();
    dir.import(0, &["ro/s.db", "p.ndjson"]);
    add(&dir, "ro/s.db", &[&view("people", "Patient", ID)]);
    dir.write("v.json", view("others", "Patient", ID));
    let Some(unprivileged) = dir.without_rights() else { return };
    for args in [
        &["view", "add", "ro/s.db", "v.json"][..],
        &["view", "refresh", "ro/s.db"],
        &["view", "remove", "ro/s.db", "people"],
    ] {
        let ran = unprivileged.run(args);
        assert_eq!(ran.code, 6, "{args:?}: {}", ran.stderr);
    }
    let listed = unprivileged.run(&["view", "list", "ro/s.db"]).stdout;
    assert!(
        listed.contains("people of Patient: its table has the rows of every resource"),
        "{listed}"
    );
    assert_eq!(rows(&dir, "ro/s.db", "people").len(), 1);
}
