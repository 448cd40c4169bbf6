//! What Python and programs in it do with the same bytes: SQLite alone, DuckDB, sqlite-utils.

use std::path::Path;
use std::process::{Command, Stdio};

use super::sample::{Result, Sample, measured};

/// SQLite alone inserts the lines: no journal, one transaction, on the disk at the end.
const SQLITE: &str = r#"
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.execute("PRAGMA journal_mode = off")
db.execute("PRAGMA synchronous = off")
db.execute("CREATE TABLE t (line TEXT)")
db.execute("BEGIN")
with open(sys.argv[1], encoding="utf-8", newline="\n") as lines:
    db.executemany("INSERT INTO t VALUES (?)", ((line[:-1],) for line in lines))
db.execute("COMMIT")
db.close()
file = os.open(sys.argv[2], os.O_RDWR)
os.fsync(file)
"#;

/// DuckDB reads the lines as JSON and keeps them with type and id.
const DUCKDB: &str = r#"
import duckdb, sys
db = duckdb.connect(sys.argv[2])
db.execute("""CREATE TABLE t AS SELECT json ->> '$.resourceType' AS type, json ->> '$.id' AS id, json
                FROM read_json_objects(?, format = 'newline_delimited', maximum_object_size = 67108864)""", [sys.argv[1]])
db.close()
"#;

/// sqlite-utils inserts the lines with type and id.
const SQLITE_UTILS: &str = r#"
import json, sqlite_utils, sys
def rows():
    with open(sys.argv[1], encoding="utf-8", newline="\n") as lines:
        for line in lines:
            resource = json.loads(line)
            yield {"type": resource["resourceType"], "id": resource["id"], "json": line[:-1]}
sqlite_utils.Database(sys.argv[2])["t"].insert_all(rows(), pk=("type", "id"), batch_size=10000)
"#;

/// Reads every body of a store once, or those of a type.
const READ_BODIES: &str = r#"
import sqlite3, sys
of_type = "WHERE type = ?" if sys.argv[2:] else ""
print(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True).execute(
    f"SELECT sum(length(body)) FROM resource {of_type}", sys.argv[2:]).fetchone())
"#;

/// Prints the versions of what is there.
const VERSIONS: &str = r#"
import platform, sqlite3
from importlib import metadata
def version(name):
    try: return metadata.version(name)
    except metadata.PackageNotFoundError: return "missing"
print(f"Python {platform.python_version()} with SQLite {sqlite3.sqlite_version}, "
      f"DuckDB {version('duckdb')}, sqlite-utils {version('sqlite-utils')}")
"#;

/// A way to bring lines into a database.
#[derive(Clone, Copy)]
pub enum Loader {
    /// SQLite alone.
    Sqlite,
    /// DuckDB.
    DuckDb,
    /// sqlite-utils.
    SqliteUtils,
}

impl Loader {
    fn script(self) -> &'static str {
        match self {
            Loader::Sqlite => SQLITE,
            Loader::DuckDb => DUCKDB,
            Loader::SqliteUtils => SQLITE_UTILS,
        }
    }

    /// True if Python has it.
    pub fn is_there(self) -> bool {
        let module = match self {
            Loader::Sqlite => "sqlite3",
            Loader::DuckDb => "duckdb",
            Loader::SqliteUtils => "sqlite_utils",
        };
        let mut command = python(&format!("import {module}"));
        command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// Loads `input` into a new database at `to`, and measures it.
    pub fn load(self, input: &Path, to: &Path) -> Result<Sample> {
        if to.exists() {
            std::fs::remove_file(to)?;
        }
        measured(python(self.script()).arg(input).arg(to))
    }
}

/// Reads every body of a store once, and measures it.
pub fn read_bodies(store: &Path) -> Result<Sample> {
    measured(python(READ_BODIES).arg(store).stdout(Stdio::null()))
}

/// Reads the bodies of a type once, and measures it.
pub fn read_bodies_of(store: &Path, resource_type: &str) -> Result<Sample> {
    measured(python(READ_BODIES).arg(store).arg(resource_type).stdout(Stdio::null()))
}

/// The versions of Python and of what it has.
pub fn versions() -> String {
    let output = python(VERSIONS).output().ok().filter(|output| output.status.success());
    output.map_or("Python is missing".to_owned(), |output| {
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    })
}

/// Python with a script; more arguments may follow.
pub fn python(script: &str) -> Command {
    let name = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(name);
    command.args(["-c", script]);
    command
}
