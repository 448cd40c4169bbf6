//! The name that a view gives to its table: which names are free, and the SQL views of `schema.sql` whose
//! place a table takes.

use rusqlite::Connection;

use super::format::{SchemaObject, model, schema_objects};
use super::sql::{maybe, one};
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;

/// The SQL views of resources in `schema.sql`. A table of the same name takes the place of one.
pub(super) const REPLACEABLE: [&str; 10] = [
    "patient",
    "observation",
    "observation_component",
    "condition",
    "medication_request",
    "encounter",
    "procedure",
    "immunization",
    "allergy_intolerance",
    "diagnostic_report",
];
/// The tables that SQLite brings along. It does not list all of them before they are used.
const OF_SQLITE: [&str; 5] = ["json_each", "json_tree", "jsonb_each", "jsonb_tree", "dbstat"];
/// What names of SQLite's own begin with, and those that an upgrade gives.
const TAKEN_BEGINNINGS: [&str; 3] = ["sqlite_", "pragma_", "fhirlite_"];
/// The most characters of a name, as of the names of FHIR's own definitions.
const MOST_LETTERS: usize = 255;

/// Requires that a view may give its table a name. Returns the SQL view of `schema.sql` that has the name and
/// gives way.
///
/// # Errors
/// `Usage` where the name is taken; it says by what.
pub(super) fn require_free(conn: &Connection, name: &str) -> Result<Option<String>> {
    let refused = |what: String| Err(Error::new(Kind::Usage, format!("name: {what}")));
    if name.len() > MOST_LETTERS {
        let name = short(name);
        return refused(format!("`{name}` is too long; a name has at most {MOST_LETTERS} letters"));
    }
    let small = name.to_ascii_lowercase();
    if let Some(beginning) = TAKEN_BEGINNINGS.iter().find(|of| small.starts_with(*of)) {
        return refused(format!(
            "no table may have a name with `{beginning}`; give the view another name"
        ));
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM pragma_module_list WHERE name = ?1 COLLATE NOCASE)";
    if OF_SQLITE.contains(&small.as_str()) || one(conn, sql, [name], |row| row.get(0))? {
        return refused(format!("SQLite itself has a table `{name}`; give the view another name"));
    }
    let of_schema = object_of_schema(name)?;
    let sql = "SELECT type, name, sql FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    let there = maybe(conn, sql, [name], |row| {
        Ok(SchemaObject {
            kind: row.get(0)?,
            name: row.get(1)?,
            sql: row.get::<_, Option<String>>(2)?.unwrap_or_default(),
        })
    })?;
    match (there, of_schema) {
        (None, None) => Ok(None),
        // Somebody dropped the SQL view.
        (None, Some(_)) if REPLACEABLE.contains(&small.as_str()) => Ok(None),
        (Some(there), Some(ours))
            if REPLACEABLE.contains(&small.as_str()) && there.sql == ours.sql =>
        {
            Ok(Some(ours.name))
        }
        (there, ours) => {
            let kind = there.or(ours).map_or_else(String::new, |object| object.kind);
            refused(format!(
                "the store has {} {kind} `{name}`; give the view another name",
                if kind == "index" { "an" } else { "a" }
            ))
        }
    }
}

/// The table, index or view of `schema.sql` that has a name.
pub(super) fn object_of_schema(name: &str) -> Result<Option<SchemaObject>> {
    let mut objects = schema_objects(&model()?)?.into_iter();
    Ok(objects.find(|object| object.name.eq_ignore_ascii_case(name)))
}
