//! Adding views whose rows a store keeps in tables, and removing them. `view_fill.rs` makes the rows of what is
//! in the store before.

use rusqlite::Connection;

use super::handle::Store;
use super::pool::PATIENCE;
use super::sql::{all, maybe, run, setting};
use super::view_fill::ViewProgress;
use super::view_name::{REPLACEABLE, object_of_schema, require_free};
use super::view_rows::{ROW, rows_of};
use super::view_table::declared_columns;
use super::views::{VIEW_RULES, ViewRow, ViewState, no_such_view, view_row};
use crate::error::{Error, Kind, Result};
use crate::fhir::json::{Tree, minified};
use crate::fhir::view::{ViewDefinition, ViewError, ViewText};

/// The most columns of a table in SQLite, of which `_row` is one: <https://www.sqlite.org/limits.html>.
const MOST_COLUMNS: usize = 2000;

/// What became of a view that was to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddedView {
    /// The name of the view and of its table.
    pub name: String,
    /// False where the store kept the view already.
    pub is_new: bool,
    /// True where the table took the place of an SQL view of the same name, which is there again once the view
    /// is removed.
    pub took_place: bool,
}

/// A view that can be kept.
struct CheckedView {
    text: ViewText,
    columns: Vec<String>,
}

impl Store {
    /// Keeps the rows of views in tables of their names, from now on and for the resources that are there.
    /// Each definition is the JSON text of a ViewDefinition, with the place that errors name. Either all of
    /// them are added or none. A view that is there already, with the same definition, is finished where it
    /// is not. Calls `progress` after each step; where it returns false, the rest is left to the next call.
    ///
    /// # Errors
    /// `Usage` for a text that is no such view, a name that a table cannot have, and a view whose name has
    /// another definition in the store; `Interrupted`; `Busy`, `ReadOnly`, or where the disk refuses. What was
    /// filled before the error stays.
    pub fn add_views(
        &self,
        definitions: &[(&str, &str)],
        progress: &mut dyn FnMut(ViewProgress) -> bool,
    ) -> Result<Vec<AddedView>> {
        let mut checked: Vec<(&str, CheckedView)> = Vec::with_capacity(definitions.len());
        for (place, definition) in definitions {
            let view = checked_view(definition).map_err(|error| error.at(place))?;
            let name = &view.text.name;
            if let Some((other, _)) =
                checked.iter().find(|(_, of)| of.text.name.eq_ignore_ascii_case(name))
            {
                let what = format!("{other} has a view of the name {name} too");
                return Err(Error::new(Kind::Usage, what).at(place));
            }
            checked.push((place, view));
        }
        self.use_file()?;
        let added = self.transaction_within(PATIENCE, |conn| {
            let add = |(place, view): &(&str, CheckedView)| {
                add_view(conn, view).map_err(|error| error.at(place))
            };
            checked.iter().map(add).collect::<Result<Vec<_>>>()
        })?;
        let names: Vec<&str> = added.iter().map(|view| view.name.as_str()).collect();
        self.fill_views(&names, progress)?;
        Ok(added)
    }

    /// Keeps the rows of a view in a table: [`Store::add_views`] for one.
    ///
    /// # Errors
    /// Those of [`Store::add_views`].
    pub fn add_view(
        &self,
        definition: &str,
        progress: &mut dyn FnMut(ViewProgress) -> bool,
    ) -> Result<AddedView> {
        let added = self.add_views(&[("the view", definition)], progress)?;
        added.into_iter().next().ok_or_else(|| Error::new(Kind::Internal, "no view was added"))
    }

    /// Makes the rows of views anew; those of all views where none is named. A table keeps the indexes that
    /// somebody added to it, unless its columns are others than the view's: then it is created anew.
    ///
    /// # Errors
    /// `NotFound` for a view that the store does not keep: then nothing was done. `Interrupted`; `Busy`,
    /// `ReadOnly`, or where the disk refuses.
    pub fn refresh_views(
        &self,
        names: &[String],
        progress: &mut dyn FnMut(ViewProgress) -> bool,
    ) -> Result<()> {
        self.use_file()?;
        let all: Vec<String>;
        let names = if names.is_empty() {
            all = self.views()?.into_iter().map(|view| view.name).collect();
            &all
        } else {
            names
        };
        self.transaction_within(PATIENCE, |conn| {
            for name in names {
                let row = view_row(conn, name)?.ok_or_else(|| no_such_view(name))?;
                begin_anew(conn, &row)?;
            }
            Ok(())
        })?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.fill_views(&names, progress)
    }

    /// Removes a view and its table; `false` where the store keeps no such view. An SQL view whose place the
    /// table took is there again.
    ///
    /// # Errors
    /// `Busy`, `ReadOnly`, or where the disk refuses. Then nothing is removed.
    pub fn remove_view(&self, name: &str) -> Result<bool> {
        self.use_file()?;
        self.transaction_within(PATIENCE, |conn| {
            let Some(row) = view_row(conn, name)? else { return Ok(false) };
            let ViewText { key, name, .. } = &row.text;
            if kind_of(conn, name)?.as_deref() == Some("table") {
                conn.execute_batch(&format!("DROP TABLE main.\"{name}\""))?;
            }
            run(conn, "DELETE FROM view_fault WHERE view = ?1", [key])?;
            run(conn, "DELETE FROM view_definition WHERE key = ?1", [key])?;
            if REPLACEABLE.contains(&name.to_ascii_lowercase().as_str())
                && kind_of(conn, name)?.is_none()
                && let Some(of_schema) = object_of_schema(name)?
            {
                conn.execute_batch(&of_schema.sql)?;
            }
            Ok(true)
        })
    }
}

/// Whether a table, an index or a view has a name.
fn kind_of(conn: &Connection, name: &str) -> Result<Option<String>> {
    let sql = "SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE";
    maybe(conn, sql, [name], |row| row.get(0))
}

/// Reads a view that is to be kept.
fn checked_view(text: &str) -> Result<CheckedView> {
    let refused = |what: String| Error::new(Kind::Usage, what);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    let tree = Tree::parse(text).map_err(|reason| {
        refused(format!("{reason}; a file holds one ViewDefinition, neither NDJSON nor a list"))
    })?;
    if matches!(tree.get("resourceType").and_then(Tree::as_text), Some("Bundle")) {
        return Err(refused("a Bundle; a file holds one ViewDefinition".to_owned()));
    }
    let definition = ViewDefinition::read(&tree).map_err(|faults| refused(told(&faults)))?;
    let Some(name) = definition.about().name.clone() else {
        return Err(refused("name: the view has none; its table is named by it".to_owned()));
    };
    let columns = table_columns(&definition).map_err(|fault| refused(fault.to_string()))?;
    let resource_type = definition.resource().to_owned();
    let text = ViewText { key: 0, name, resource_type, definition: text.to_owned() };
    Ok(CheckedView { text, columns })
}

/// Says what is wrong with a view.
fn told(faults: &[ViewError]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

/// The columns of the table of a view as `CREATE TABLE` lists them. No column of a view begins with `_`.
fn table_columns(definition: &ViewDefinition) -> std::result::Result<Vec<String>, ViewError> {
    let mut columns = declared_columns(definition.columns())?;
    columns.push(format!("{ROW} INTEGER PRIMARY KEY"));
    if columns.len() > MOST_COLUMNS {
        let count = columns.len() - 1;
        let reason = format!("the view has {count} columns; a table has {}", MOST_COLUMNS - 1);
        return Err(ViewError::new("select", reason));
    }
    Ok(columns)
}

fn create_table(conn: &Connection, name: &str, columns: &[String]) -> Result<()> {
    let columns = columns.join(", ");
    Ok(conn.execute_batch(&format!("CREATE TABLE main.\"{name}\" ({columns})"))?)
}

/// Adds a view with a table without rows, unless it is there.
fn add_view(conn: &Connection, view: &CheckedView) -> Result<AddedView> {
    let ViewText { name, resource_type, definition, .. } = &view.text;
    if let Some(row) = view_row(conn, name)? {
        if minified(&row.text.definition) != minified(definition) {
            let name = &row.text.name;
            let what = format!(
                "name: the store keeps another view {name}; `fhirlite view remove` it first, or give this one another name"
            );
            return Err(Error::new(Kind::Usage, what));
        }
        if row.state() == ViewState::Outdated {
            begin_anew(conn, &row)?;
        }
        return Ok(AddedView { name: row.text.name, is_new: false, took_place: false });
    }
    let of_schema = require_free(conn, name)?;
    if let Some(of_schema) = &of_schema {
        conn.execute_batch(&format!("DROP VIEW main.\"{of_schema}\""))?;
    }
    create_table(conn, name, &view.columns)?;
    let sql = "INSERT INTO view_definition (name, type, definition, rules, filled, last)
               VALUES (?1, ?2, ?3, ?4, 0, ?5)";
    run(conn, sql, (name, resource_type, definition, VIEW_RULES, setting(conn, "last_seq")?))?;
    Ok(AddedView { name: name.clone(), is_new: true, took_place: of_schema.is_some() })
}

/// Lets the rows of a view be made anew. They stay until then, so that readers miss none.
fn begin_anew(conn: &Connection, row: &ViewRow) -> Result<()> {
    let ViewText { key, name, definition, .. } = &row.text;
    let unread = |what: String| {
        let what = format!("the view {name} cannot be read by this fhirlite: {what}");
        Error::new(Kind::Usage, what)
    };
    let tree = Tree::parse(definition).map_err(unread)?;
    let read = ViewDefinition::read(&tree).map_err(|faults| unread(told(&faults)))?;
    let wanted = table_columns(&read).map_err(|fault| unread(fault.to_string()))?;
    let kind = kind_of(conn, name)?;
    let last = setting(conn, "last_seq")?;
    if kind.as_deref() == Some("table") && has_columns(conn, name, &wanted)? {
        // What no fill goes through: rows of versions that no write has made.
        let sql = format!("DELETE FROM main.\"{name}\" WHERE {ROW} < ?1 OR {ROW} > ?2");
        run(conn, &sql, (rows_of(1).0, rows_of(last).1))?;
    } else {
        match kind.as_deref() {
            Some("table") => conn.execute_batch(&format!("DROP TABLE main.\"{name}\""))?,
            None => {}
            Some(kind) => {
                let what =
                    format!("the store has {kind} {name} in place of the view's table; remove it");
                return Err(Error::new(Kind::Usage, what));
            }
        }
        create_table(conn, name, &wanted)?;
    }
    let sql = "DELETE FROM view_fault WHERE view = ?1 AND (seq < 1 OR seq > ?2)";
    run(conn, sql, (key, last))?;
    let sql = "UPDATE view_definition SET rules = ?2, filled = 0, last = ?3 WHERE key = ?1";
    run(conn, sql, (key, VIEW_RULES, last)).map(drop)
}

/// True where a table has these columns, declared in the same way.
fn has_columns(conn: &Connection, name: &str, wanted: &[String]) -> Result<bool> {
    let model = Connection::open_in_memory()?;
    create_table(&model, name, wanted)?;
    let declared = |conn: &Connection| -> Result<Vec<(String, String, i64)>> {
        let sql = "SELECT name, type, pk FROM pragma_table_info(?1)";
        all(conn, sql, [name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    };
    Ok(declared(conn)? == declared(&model)?)
}
