//! Opening: creates a store, or opens one to write, to read, or in memory.
//!
//! At rest a store is one file in rollback-journal mode, so that it can be copied, mailed and
//! mounted read-only. While a server or an import has it open it is in WAL mode, so that readers
//! never wait.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::doubt::{guard, lacks_log, tidy};
use super::file::{
    IN_MEMORY, create_private, file_uri, has_beside, kept_format, memory_uri, require_store,
};
use super::foreign_log::refuse_foreign_log;
use super::format::{APPLICATION_ID, FORMAT, SCHEMA, format_of};
use super::handle::Store;
use super::mark::add_mark;
use super::pending_upgrade::require_room;
use super::place::StorePlace;
use super::pool::{ALONE, PATIENCE, Pool, WriteConnections, connect};
use super::rest::AT_REST;
use super::sql::{self, one, run};
use super::upgrade;
use crate::error::{Error, Kind, Result};
use crate::random;

impl Store {
    /// Opens the store in the file `path`; creates one where the file is missing or empty.
    ///
    /// # Errors
    /// `NotAStore` for any other file, which is left untouched; `ReadOnly`, `Io`.
    pub fn create(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        let is_store = kept_format(path)?.is_some();
        refuse_foreign_log(path)?;
        if !is_store {
            create_private(path)?;
        }
        let lacks_log = lacks_log(path);
        tidy(path);
        let store = open_read_write(StorePlace::of(path), file_uri(path, "mode=rw"))?;
        ensure_schema(&store).map_err(|error| error.at_file(path))?;
        Ok(store.in_doubt(lacks_log))
    }

    /// Opens an existing store: for reading and writing where possible, else for reading only.
    ///
    /// # Errors
    /// `NotFound` where there is no file, else as [`Store::create`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        require_store(path)?;
        refuse_foreign_log(path)?;
        let lacks_log = lacks_log(path);
        tidy(path);
        let opened = match open_read_write(StorePlace::of(path), file_uri(path, "mode=rw")) {
            Err(error) if matches!(error.kind(), Kind::ReadOnly | Kind::Io | Kind::Full) => {
                open_to_read(path, lacks_log, open_with)
            }
            opened => opened,
        };
        Ok(opened?.in_doubt(lacks_log))
    }

    /// Opens an existing store for reading only; nothing on the disk is changed.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        require_store(path)?;
        refuse_foreign_log(path)?;
        let lacks_log = lacks_log(path);
        Ok(open_to_read(path, lacks_log, open_with)?.in_doubt(lacks_log))
    }

    /// Opens an existing store for reading only, in the format that it has.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub(super) fn open_as_it_is(path: &Path) -> Result<Store> {
        require_store(path)?;
        refuse_foreign_log(path)?;
        let lacks_log = lacks_log(path);
        Ok(open_to_read(path, lacks_log, open_unchanged)?.in_doubt(lacks_log))
    }

    /// Opens the store at `path`, which other threads of this process may have open; creates one where
    /// the file is empty. It looks at the file with SQLite alone: whoever else closed the file would end
    /// the locks of those threads.
    ///
    /// # Errors
    /// `Io` where there is no file, else as [`Store::create`].
    pub(super) fn open_shared(path: &Path) -> Result<Store> {
        let store = open_read_write(StorePlace::unwatched(path), file_uri(path, "mode=rw"))?;
        ensure_schema(&store)?;
        Ok(store)
    }

    /// Creates a store in memory, which ends with its last handle: for tests.
    ///
    /// # Errors
    /// Only where the system gives no memory or no random numbers.
    pub fn in_memory() -> Result<Store> {
        let store = open_read_write(StorePlace::unwatched(Path::new(IN_MEMORY)), memory_uri())?;
        ensure_schema(&store)?;
        Ok(store)
    }

    /// True for a store in memory, which ends with its process and which no other program can open.
    pub fn is_in_memory(&self) -> bool {
        self.path() == Path::new(IN_MEMORY)
    }

    /// The store in memory that takes the jobs, tokens and audit rows of a read-only store; `None`
    /// for a store that can be written.
    ///
    /// # Errors
    /// As [`Store::in_memory`].
    pub(super) fn stand_in(&self) -> Result<Option<&Store>> {
        self.stand_in_or(Store::in_memory)
    }

    /// The store that takes jobs, tokens and audit rows: this one where it can be written, else its
    /// stand-in.
    ///
    /// # Errors
    /// As [`Store::in_memory`].
    pub(super) fn writable(&self) -> Result<&Store> {
        Ok(self.stand_in()?.unwrap_or(self))
    }
}

/// Opens a store for reading, by `open`, which takes the parameters of its URI.
fn open_to_read(
    path: &Path,
    lacks_log: bool,
    open: fn(&Path, &str) -> Result<Store>,
) -> Result<Store> {
    if has_beside(path, "-journal") {
        // A writer was killed, or is writing now, so the file may hold half of a transaction.
        // SQLite undoes that half, but only on a connection that may write.
        let conn = connect(&file_uri(path, "mode=rw"), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        sql::setting(&conn, "last_seq").map_err(|error| error.at(path.display()))?;
    }
    // Without a log, a connection that only reads would leave an empty one behind. One that may write
    // removes it when it closes last.
    let guard = lacks_log.then(|| guard(path)).flatten();
    match open(path, "mode=ro") {
        // A file in WAL mode needs a writable folder. Where no log lies beside it, the file can be
        // read by itself.
        Err(error)
            if matches!(error.kind(), Kind::Io | Kind::ReadOnly | Kind::Full)
                && !has_beside(path, "-wal")
                && !has_beside(path, "-journal") =>
        {
            open(path, "mode=ro&immutable=1")
        }
        // Without the index of the log (`-shm`), which only a writable folder can have, each connection
        // makes its own in memory: https://www.sqlite.org/wal.html#use_of_wal_without_shared_memory
        Err(error)
            if matches!(error.kind(), Kind::Io | Kind::ReadOnly | Kind::Full)
                && has_beside(path, "-wal")
                && !has_beside(path, "-shm") =>
        {
            open(path, &format!("mode=ro&{ALONE}")).map_err(|error| match error.kind() {
                Kind::Io | Kind::ReadOnly | Kind::Full => log_unreadable(path),
                _ => error.at(path.display()),
            })
        }
        Err(error) => Err(error.at(path.display())),
        Ok(store) => Ok(store.keeping(guard)),
    }
}

/// Opens a store for reading with the given URI parameters; an older format as a copy in memory.
fn open_with(path: &Path, parameters: &str) -> Result<Store> {
    let store = open_unchanged(path, parameters)?;
    let format = format_of(&*store.reader()?)?;
    if format == FORMAT { Ok(store) } else { upgraded_copy(&store, format) }
}

/// Says what to do about a log that cannot be read.
fn log_unreadable(path: &Path) -> Error {
    let what = format!(
        "{0}: the last writes are in {0}-wal, which cannot be read here; copy both files into a folder that you \
         can write, or open the store once as a user who can write this folder",
        path.display()
    );
    Error::new(Kind::Io, what)
}

/// Opens a store for reading with the given URI parameters, in the format that it has.
fn open_unchanged(path: &Path, parameters: &str) -> Result<Store> {
    let store = Store::new(Pool::new(StorePlace::of(path), file_uri(path, parameters), None));
    one(&*store.reader()?, "SELECT count(*) FROM setting", (), |_| Ok(()))?;
    Ok(store)
}

/// Copies a store of an older format into memory, in the present format.
fn upgraded_copy(store: &Store, format: u32) -> Result<Store> {
    let uri = memory_uri();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let copy = connect(&uri, flags)?;
    upgrade::copy(store.pool().uri(), format, &copy)?;
    Ok(Store::new(Pool::new(StorePlace::unwatched(store.path()), uri, None)).keeping(Some(copy)))
}

/// Opens the database at `uri` to read and write, and upgrades it where its format is older.
pub(super) fn open_read_write(place: StorePlace, uri: String) -> Result<Store> {
    let at = |error: Error| error.at(place.path().display());
    let writing = WriteConnections::open(&uri).map_err(at)?;
    place.check()?;
    {
        let mut conn = writing.import();
        if has_schema(&conn).map_err(at)? {
            verify_writable(&conn).map_err(at)?;
            if format_of(&conn)? < FORMAT {
                let transaction = conn
                    .transaction_with_behavior(TransactionBehavior::Immediate)
                    .map_err(|error| at(error.into()))?;
                require_room(place.path())?;
                upgrade::upgrade(&transaction).map_err(at)?;
                place.check()?;
                transaction.commit().map_err(|error| at(error.into()))?;
            }
        }
    }
    Ok(Store::new(Pool::new(place, uri, Some(writing))))
}

/// Creates the tables where they are missing. Another process may do the same at this moment.
fn ensure_schema(store: &Store) -> Result<()> {
    let mut conn = store.pool().writing()?.import();
    // Most stores have them, and need not wait for another process to end a write.
    if has_schema(&conn)? {
        return Ok(());
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !has_schema(&transaction)? {
        let key = random::bytes::<32>()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        let sql = "INSERT INTO setting (name, value)
                   VALUES ('signing_key', ?1), ('store_id', randomblob(16))";
        run(&transaction, sql, [key])?;
        add_mark(&transaction, 0)?;
        sql::set_setting(&transaction, AT_REST, 1)?;
        for name in ["last_seq", "last_write_time", "last_transaction_time"] {
            sql::set_setting(&transaction, name, 0)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// True where the database has any tables.
fn has_schema(conn: &Connection) -> Result<bool> {
    one(conn, "SELECT count(*) > 0 FROM sqlite_schema", (), |row| row.get(0))
}

/// Verifies that the store can be written, by a write that is rolled back. A read-only folder shows
/// only when SQLite creates a journal, so a value has to change. Where another process is writing
/// at this moment, the store can be written.
///
/// # Errors
/// `ReadOnly` or `Io` where it cannot be written.
fn verify_writable(conn: &Connection) -> Result<()> {
    conn.busy_timeout(Duration::ZERO)?;
    let tried = conn
        .execute_batch(
            "BEGIN IMMEDIATE; UPDATE setting SET value = value + 1 WHERE name = 'last_seq'",
        )
        .map_err(Error::from);
    if !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    conn.busy_timeout(PATIENCE)?;
    match tried {
        Err(error) if matches!(error.kind(), Kind::Busy | Kind::Full) => Ok(()),
        tried => tried,
    }
}
