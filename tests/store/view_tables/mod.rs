//! `fhirlite view add`: views whose rows are kept in tables of the store.

mod faults;
mod interrupted;
mod names;
mod starter;
mod values;
mod writes;

use rusqlite::types::Value;

use crate::support::Dir;

/// Adds views from JSON texts, which must succeed.
fn add(dir: &Dir, store: &str, views: &[&str]) {
    let ran = try_to_add(dir, store, views);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Adds views from JSON texts.
fn try_to_add(dir: &Dir, store: &str, views: &[&str]) -> crate::support::Ran {
    let mut args = vec!["view".to_owned(), "add".to_owned(), store.to_owned()];
    for (number, view) in views.iter().enumerate() {
        let name = format!("view-{number}.json");
        dir.write(&name, view);
        args.push(name);
    }
    dir.run(args)
}

/// A view of one select with columns: their names, paths and types.
fn view(name: &str, of: &str, columns: &[(&str, &str, &str)]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|(name, path, kind)| format!(r#"{{"name":"{name}","path":"{path}","type":"{kind}"}}"#))
        .collect();
    let columns = columns.join(",");
    format!(
        r#"{{"resourceType":"ViewDefinition","name":"{name}","resource":"{of}","status":"active","select":[{{"column":[{columns}]}}]}}"#
    )
}

/// The rows of a table in order, each column as SQLite has it.
fn rows(dir: &Dir, store: &str, table: &str) -> Vec<Vec<Value>> {
    let db = dir.open(store);
    let mut statement = db.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY 1, 2")).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| row.get(at)).collect();
    statement.query_map((), row).unwrap().collect::<Result<_, _>>().unwrap()
}

/// What the tables of all views have, and their faults: each row as text.
fn tables(dir: &Dir, store: &str) -> Vec<String> {
    let db = dir.open(store);
    let mut statement = db.prepare("SELECT name FROM view_definition ORDER BY name").unwrap();
    let names: Vec<String> =
        statement.query_map((), |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let mut all: Vec<String> = names
        .iter()
        .flat_map(|name| {
            rows(dir, store, name).into_iter().map(move |row| format!("{name}: {row:?}"))
        })
        .collect();
    all.sort();
    let sql = "SELECT name || ' ' || seq || ' ' || fault FROM view_fault
                 JOIN view_definition ON key = view ORDER BY 1";
    let mut faults = db.prepare(sql).unwrap();
    all.extend(faults.query_map((), |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap));
    all
}

fn patient(id: &str, more: &str) -> String {
    format!(r#"{{"resourceType":"Patient","id":"{id}"{more}}}"#) + "\n"
}
