//! The tables of the store that SQL of the operator may read: those that hold resources, and views over them.
//!
//! Credentials, jobs, the audit and the store's own settings are never among them, nor is a table that another program has
//! added to the file. SQLite's authorizer holds that (`query_rules.rs`), also for what views read.

use std::collections::HashSet;

use super::query::{QuerySession, quoted};
use super::query_rules::restrict;
use super::sql::{all, one};
use super::view_rows::ROW;
use crate::error::Result;

/// The tables and views of `schema.sql` that hold resources or are made of them.
const READABLE: &str = "resource history type_summary version patient_resource patient resource_summary observation \
    observation_component condition medication_request encounter procedure immunization allergy_intolerance \
    diagnostic_report resource_type type_total current_version ended_version version_body identifier unresolved compartment \
    attachment_url security_context reference reference_target reference_type provenance_target search_parameter search_key \
    search_range view_definition view_fault";
/// All others of `schema.sql`: secrets, who may do what, who did what, and how the store keeps itself.
const HIDDEN: &str =
    "setting write_mark job job_file mended_time client user token assertion audit exported";

/// A table or a view that may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadableTable {
    /// Its name.
    pub name: String,
    /// True for a view of SQL; false for a table.
    pub is_view: bool,
    /// True for the table of a ViewDefinition.
    pub is_kept: bool,
    /// The names of its columns.
    pub columns: Vec<String>,
}

impl QuerySession {
    /// Lists the tables and views that SQL of the operator may read: those of ViewDefinitions first, tables last.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn readable_tables(&self) -> Result<Vec<ReadableTable>> {
        let kept: HashSet<String> =
            self.views()?.into_iter().map(|view| view.name.to_ascii_lowercase()).collect();
        let (readable, hidden) = (names(READABLE), names(HIDDEN));
        let sql = "SELECT name, type = 'view' FROM main.sqlite_schema WHERE type IN ('table', 'view') ORDER BY name";
        let found: Vec<(String, bool)> =
            all(&self.conn, sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut tables = Vec::new();
        for (name, is_view) in found {
            let small = name.to_ascii_lowercase();
            let is_kept = kept.contains(&small) && !is_view;
            if hidden.contains(small.as_str()) || !(is_kept || readable.contains(small.as_str())) {
                continue;
            }
            let sql = "SELECT name FROM pragma_table_info(?1, 'main') WHERE name <> ?2";
            let columns = all(&self.conn, sql, (&name, ROW), |row| row.get(0))?;
            tables.push(ReadableTable { name, is_view, is_kept, columns });
        }
        tables.sort_by_key(|table| (!table.is_kept, !table.is_view));
        Ok(tables)
    }

    /// Counts the rows of a table, up to `most`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn count_rows(&self, table: &ReadableTable, most: u64) -> Result<u64> {
        let name = quoted(&table.name);
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM main.{name} LIMIT ?1)");
        one(&self.conn, &sql, [most], |row| row.get(0))
    }

    /// Lets SQL read these tables, and closes everything else.
    ///
    /// # Errors
    /// Where SQLite refuses that.
    pub(crate) fn open_to(&mut self, tables: &[ReadableTable]) -> Result<()> {
        for table in tables {
            let name = table.name.to_ascii_lowercase();
            self.tables.stored.insert(name.clone());
            self.tables.named.insert(name);
        }
        restrict(&mut self.conn, self.tables.clone())
    }
}

fn names(list: &str) -> HashSet<&str> {
    list.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::format::{model, schema_objects};

    #[test]
    fn each_table_of_the_schema_is_readable_or_hidden() {
        let objects = schema_objects(&model().unwrap()).unwrap();
        let all: Vec<&str> = objects
            .iter()
            .filter(|object| object.kind == "table" || object.kind == "view")
            .map(|object| object.name.as_str())
            .filter(|name| !name.starts_with("sqlite_"))
            .collect();
        let (readable, hidden) = (names(READABLE), names(HIDDEN));
        for name in &all {
            let lists = [&readable, &hidden].into_iter().filter(|list| list.contains(name)).count();
            assert_eq!(lists, 1, "name {name} in one list of query_open.rs");
        }
        assert_eq!(all.len(), readable.len() + hidden.len());
    }
}
