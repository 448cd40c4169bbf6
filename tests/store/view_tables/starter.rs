//! The ready views that fhirlite brings along, and the SQL views whose place they take.

use std::process::Command;

use crate::support::{Dir, project, succeed, tool};

/// The queries of `docs/store.md`, in order.
fn queries() -> Vec<String> {
    let page = std::fs::read_to_string(project().join("docs/store.md")).unwrap();
    let of_line = |line: &str| {
        let line = line.strip_prefix("$ sqlite3 ")?;
        let query = line.split_once("demo.db \"")?.1;
        Some(query.strip_suffix('"')?.to_owned())
    };
    page.lines().filter_map(of_line).collect()
}

fn asked(sqlite3: &Command, dir: &Dir, query: &str) -> String {
    succeed(Command::new(sqlite3.get_program()).arg(dir.path("s.db")).arg(query))
}

#[test]
fn queries_of_the_documentation_go_on_working_with_the_ready_views() {
    let Some(sqlite3) = tool("sqlite3") else { return };
    let dir = Dir::new();
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
    let queries = queries();
    assert!(queries.len() >= 7, "{queries:?}");
    let before: Vec<String> = queries.iter().map(|query| asked(&sqlite3, &dir, query)).collect();
    let ran = dir.run(["view", "add", "s.db", "--starter"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout.lines().count(), 15);
    let in_place = "patient: added, in place of the SQL view of this name";
    assert!(ran.stdout.contains(in_place), "{}", ran.stdout);
    for (query, before) in queries.iter().zip(&before) {
        // A view sees one resource: the drug that a Medication names is a join, as docs/analysis.md says.
        let query = query
            .replace("m.display AS drug", "coalesce(m.display, drug.display) AS drug")
            .replace(
                "JOIN patient USING (patient) WHERE status",
                "JOIN patient USING (patient) LEFT JOIN medication AS drug ON drug.id = m.medication WHERE m.status",
            );
        assert_eq!(asked(&sqlite3, &dir, &query), *before, "{query}");
    }
    dir.check("s.db");
    // Removed, the SQL views are there again.
    let names = dir.run(["view", "list", "s.db"]).stdout;
    let names = names.lines().map(|line| line.split(' ').next().unwrap());
    assert_eq!(dir.run(["view", "remove", "s.db"].into_iter().chain(names)).code, 0);
    for (query, before) in queries.iter().zip(before) {
        assert_eq!(asked(&sqlite3, &dir, query), before, "{query}");
    }
    dir.check("s.db");
    assert_eq!(
        dir.count("s.db", "SELECT count(*) FROM sqlite_schema WHERE type = 'view'"),
        dir_of_new_store("SELECT count(*) FROM sqlite_schema WHERE type = 'view'")
    );
}

fn dir_of_new_store(query: &str) -> i64 {
    let dir = Dir::new();
    assert_eq!(dir.run(["client", "add", "n.db", "--client-id", "a"]).code, 0);
    dir.count("n.db", query)
}

#[test]
fn a_ready_view_has_every_column_of_the_sql_view_in_whose_place_it_comes() {
    let dir = Dir::new();
    assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "a"]).code, 0);
    let columns = |name: &str| -> Vec<String> {
        let db = dir.open("s.db");
        let sql = "SELECT name FROM pragma_table_info(?1)";
        let mut statement = db.prepare(sql).unwrap();
        let names = statement.query_map([name], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    };
    let replaced = [
        "patient",
        "observation",
        "observation_component",
        "condition",
        "medication_request",
        "encounter",
        "procedure",
        "immunization",
        "diagnostic_report",
    ];
    let before: Vec<Vec<String>> = replaced.iter().map(|name| columns(name)).collect();
    assert_eq!(dir.run(["view", "add", "s.db", "--starter"]).code, 0);
    for (name, before) in replaced.iter().zip(before) {
        let after = columns(name);
        assert!(before.iter().all(|column| after.contains(column)), "{name}: {before:?} {after:?}");
        assert_eq!(after.last().map(String::as_str), Some("_row"), "{name}");
    }
}
