//! What SQL of a client may do: read the tables that it was given, and call functions that change nothing.
//!
//! <https://www.sqlite.org/c3ref/set_authorizer.html>, <https://www.sqlite.org/security.html#untrusted_sql_inputs>. SQLite asks
//! about each table, function and action while it compiles a statement. What is not allowed here is refused: other tables,
//! writes, ATTACH, PRAGMA, transactions, virtual tables but those of JSON.

use std::collections::HashSet;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;

use super::sql::all;
use super::view_rows::ROW;
use crate::error::Result;

/// Bounds of a statement: <https://www.sqlite.org/limits.html>.
const BOUNDS: [(Limit, i32); 10] = [
    // Of a text, a blob and a row.
    (Limit::SQLITE_LIMIT_LENGTH, 4 << 20),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 256 << 10),
    (Limit::SQLITE_LIMIT_COLUMN, 2000),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
    (Limit::SQLITE_LIMIT_VDBE_OP, 1 << 20),
    (Limit::SQLITE_LIMIT_FUNCTION_ARG, 100),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500),
    (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, 500),
];

/// The functions of SQLite that read nothing but their arguments and change nothing. Those that give another result each
/// time are left out: a statement may run twice.
const FUNCTIONS: &str = "abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh \
    count cume_dist date datetime degrees dense_rank exp first_value floor format glob group_concat hex if ifnull iif instr \
    json json_array json_array_length json_each json_error_position json_extract json_group_array json_group_object \
    json_insert json_object json_patch json_quote json_remove json_replace json_set json_type json_valid julianday lag \
    last_value lead length like likelihood likely ln log log10 log2 lower ltrim max median min mod nth_value ntile nullif \
    octet_length percent_rank percentile percentile_cont percentile_disc pi pow power printf quote radians rank replace \
    round row_number rtrim sign sin sinh soundex sqrt strftime string_agg substr substring subtype sum tan tanh time \
    timediff total trim trunc typeof unhex unicode unistr unixepoch unlikely upper zeroblob -> ->>";
/// What names of SQLite's own tables begin with.
const OF_SQLITE: [&str; 2] = ["sqlite_", "pragma_"];
/// The tables that functions of JSON give.
const JSON_TABLES: [&str; 2] = ["json_each", "json_tree"];

/// The tables that a statement may read, by their names in small letters.
#[derive(Clone, Default)]
pub(super) struct ReadableTables {
    /// Temporary tables and views: those that the SQL names.
    pub(super) temporary: HashSet<String>,
    /// Tables of the store that such views read. All of their rows may be read.
    pub(super) stored: HashSet<String>,
    /// Those of the store's tables and views that the SQL itself may name.
    pub(super) named: HashSet<String>,
}

impl ReadableTables {
    /// True for a table that may be read. SQLite names the database where it has found the table. Where a statement uses
    /// no column, it tells the names as they are written: `taken` are those of tables, and others are those of `WITH`.
    fn allow(&self, database: Option<&str>, table: &str, column: &str, taken: &TakenNames) -> bool {
        let table = table.to_ascii_lowercase();
        if JSON_TABLES.contains(&table.as_str()) {
            return true;
        }
        match database {
            Some("temp") => self.temporary.contains(&table),
            Some("main") => self.stored.contains(&table) && column != ROW,
            // An unqualified name is that of a temporary table before all others.
            None => {
                self.temporary.contains(&table)
                    || self.named.contains(&table)
                    || column.is_empty() && !taken.has(&table)
            }
            Some(_) => false,
        }
    }
}

/// The names of all tables and views, in small letters: those of the store, and those that SQLite has by itself.
struct TakenNames(HashSet<String>);

impl TakenNames {
    fn read(conn: &Connection) -> Result<TakenNames> {
        let sql = "SELECT lower(name) FROM main.sqlite_schema
                    UNION SELECT lower(name) FROM temp.sqlite_schema
                    UNION SELECT lower(name) FROM pragma_module_list";
        Ok(TakenNames(all(conn, sql, (), |row| row.get(0))?.into_iter().collect()))
    }

    fn has(&self, table: &str) -> bool {
        OF_SQLITE.iter().any(|beginning| table.starts_with(beginning)) || self.0.contains(table)
    }
}

/// Lets statements of this connection read these tables, and nothing else, from now on.
pub(super) fn restrict(conn: &mut Connection, tables: ReadableTables) -> Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "query_only", true)?;
    for (limit, value) in BOUNDS {
        conn.set_limit(limit, value)?;
    }
    let taken = TakenNames::read(conn)?;
    let functions: HashSet<&str> = FUNCTIONS.split_whitespace().collect();
    conn.authorizer(Some(move |context: AuthContext<'_>| {
        let is_allowed = match context.action {
            AuthAction::Select | AuthAction::Recursive => true,
            AuthAction::Read { table_name, column_name } => {
                tables.allow(context.database_name, table_name, column_name, &taken)
            }
            AuthAction::Function { function_name } => {
                functions.contains(function_name.to_ascii_lowercase().as_str())
            }
            _ => false,
        };
        if is_allowed { Authorization::Allow } else { Authorization::Deny }
    }))?;
    Ok(())
}
