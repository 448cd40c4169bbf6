//! The connections to a store's file: how they are opened, shared and locked, and how long each waits.
//!
//! Any number of readers borrow connections from a pool of idle ones. Three connections write, each
//! behind a lock of its own, because each waits differently for writes of other processes.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::checksum;
use super::place::StorePlace;
use super::readers::{ReadConnection, Readers};
use super::rest::come_to_rest;
use super::sql::one;
use crate::error::{Error, Kind, Result};
use crate::fhir::view::KeptViews;
use crate::sync::{OneAtATime, lock};

/// How long a statement waits for another process's write to end, and how long the revocation of
/// credentials waits for an import.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long other short writes (a job, a token) wait for an import. Then the client gets 503 and
/// tries again.
pub(super) const SHORT_PATIENCE: Duration = Duration::from_secs(10);

/// The URI parameter of a database that no other process can have open: nothing is locked, and the index
/// of a write-ahead log is in this process's memory.
pub(super) const ALONE: &str = if cfg!(windows) { "vfs=win32-none" } else { "vfs=unix-none" };

/// The pause between two attempts to lock the connection for short writes.
const RETRY: Duration = Duration::from_millis(5);

/// Larger than SQLite's default of 4 KiB: bodies of about a kilobyte fill such pages better and load
/// faster.
const PAGE_SIZE: u32 = 16 * 1024;

/// The write-ahead log is cut to so many bytes whenever it begins again at its start.
pub(super) const LOG_BYTES: u64 = 16 << 20;

/// Page cache of the import's connection. SQLite takes a negative number as KiB.
pub(super) const WRITER_CACHE: i32 = -64 * 1024;

/// Page cache of one reading connection, likewise in KiB.
const READER_CACHE: i32 = -768;

/// The connections to one store.
pub(super) struct Pool {
    /// Where the file is, and whether it is still there.
    place: StorePlace,
    uri: String,
    readers: Readers,
    large_body: OneAtATime,
    /// The number of a write, and whether any version up to it has a large body.
    large_known: Mutex<Option<(i64, bool)>>,
    /// The views that were read last.
    views_known: Mutex<Arc<KeptViews>>,
    /// The `store_id` that the first reading connection found.
    store_id: OnceLock<Value>,
    /// `None` where the store is read-only.
    writing: Option<WriteConnections>,
    /// Taken by the thread that uses the file of jobs set aside.
    aside: Mutex<()>,
}

/// The connections that write.
pub(super) struct WriteConnections {
    /// Imports and deletes resources. Waits [`PATIENCE`].
    import: Mutex<Connection>,
    /// Records the transactionTimes handed out. Does not wait.
    times: Mutex<Connection>,
    /// Makes every other write, all of them short. Waits as long as the caller says.
    short: Mutex<Connection>,
}

/// Opens a connection with the options that all connections here share.
pub(super) fn connect(uri: &str, access: OpenFlags) -> Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(uri, flags)?;
    conn.busy_timeout(PATIENCE)?;
    conn.set_prepared_statement_cache_capacity(128);
    // Else SQLite compiles a kept statement anew for each use, to look at the values bound to it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    checksum::register(&conn)?;
    if uri.contains(ALONE) {
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    }
    Ok(conn)
}

impl WriteConnections {
    /// Opens the connections that write to the database at `uri`, which is created where it is
    /// missing.
    ///
    /// # Errors
    /// `ReadOnly` or `Io` where the file cannot be opened for writing.
    pub(super) fn open(uri: &str) -> Result<WriteConnections> {
        let open = || -> Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
            let conn = connect(uri, flags)?;
            if conn.is_readonly("main")? {
                return Err(Error::new(Kind::ReadOnly, "the store's file cannot be written"));
            }
            Ok(conn)
        };
        let (import, times, short) = (open()?, open()?, open()?);
        for conn in [&import, &times, &short] {
            conn.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        }
        import.pragma_update(None, "page_size", PAGE_SIZE)?;
        import.pragma_update(None, "cache_size", WRITER_CACHE)?;
        // A second thread sorts the rows of indexes.
        import.pragma_update(None, "threads", 2)?;
        times.busy_timeout(Duration::ZERO)?;
        Ok(WriteConnections {
            import: Mutex::new(import),
            times: Mutex::new(times),
            short: Mutex::new(short),
        })
    }

    /// Locks the connection for imports.
    pub(super) fn import(&self) -> MutexGuard<'_, Connection> {
        lock(&self.import)
    }
}

impl Pool {
    /// A pool for the database at `uri`, read-only without `writing`. Reading connections are opened
    /// when they are first needed.
    pub(super) fn new(place: StorePlace, uri: String, writing: Option<WriteConnections>) -> Pool {
        Pool {
            place,
            uri,
            readers: Readers::default(),
            large_body: OneAtATime::default(),
            large_known: Mutex::default(),
            views_known: Mutex::default(),
            store_id: OnceLock::new(),
            writing,
            aside: Mutex::default(),
        }
    }

    /// Keeps other threads from the file of jobs set aside.
    pub(super) fn lock_aside(&self) -> MutexGuard<'_, ()> {
        lock(&self.aside)
    }

    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Where the file is, and whether it is still there.
    pub(super) fn place(&self) -> &StorePlace {
        &self.place
    }

    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.writing.is_none()
    }

    /// True for a database in this process's memory.
    pub(super) fn is_in_memory(&self) -> bool {
        self.uri.contains("vfs=memdb")
    }

    /// Borrows a reading connection.
    ///
    /// # Errors
    /// `Replaced` where the file is no longer the one that was opened; `Io`.
    pub(super) fn reader(&self) -> Result<ReadConnection<'_>> {
        self.place.check()?;
        self.readers.lend(|| self.connect_reader(PATIENCE))
    }

    /// Reads with `work` over a new connection, which waits for others at most `patience`.
    ///
    /// # Errors
    /// As [`Pool::reader`]; those of `work`.
    pub(super) fn with_new_reader<T>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        work(&self.connect_reader(patience)?)
    }

    /// Opens a connection for SQL of a client, which cannot write the file. It waits for others at most `patience`.
    ///
    /// # Errors
    /// As [`Pool::connect`].
    pub(super) fn connect_for_query(&self, patience: Duration) -> Result<Connection> {
        let uri = self.uri.replace("mode=rw", "mode=ro");
        let conn = self.connect_by(&uri, OpenFlags::SQLITE_OPEN_READ_ONLY, patience)?;
        conn.pragma_update(None, "cache_size", READER_CACHE)?;
        Ok(conn)
    }

    fn connect_reader(&self, patience: Duration) -> Result<Connection> {
        let flags = if self.is_read_only() {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        };
        let conn = self.connect(flags, patience)?;
        conn.pragma_update(None, "cache_size", READER_CACHE)?;
        Ok(conn)
    }

    /// Opens one more connection, to the same file as the others. It waits for others at most `patience`.
    ///
    /// # Errors
    /// `Replaced` where the file is another one by now; `Io`.
    pub(super) fn connect(&self, access: OpenFlags, patience: Duration) -> Result<Connection> {
        self.connect_by(&self.uri, access, patience)
    }

    fn connect_by(&self, uri: &str, access: OpenFlags, patience: Duration) -> Result<Connection> {
        self.place.check()?;
        let conn = connect(uri, access)?;
        conn.busy_timeout(patience)?;
        // The first statement opens the log, by its name.
        let opened = self.place.check().and_then(|()| self.verify(&conn));
        if let Err(error) = opened {
            leave_as_it_is(&conn);
            return Err(error);
        }
        Ok(conn)
    }

    /// Verifies that a new connection reads the same store as the others.
    fn verify(&self, conn: &Connection) -> Result<()> {
        let found = store_id(conn)?;
        self.place.check()?;
        if *self.store_id.get_or_init(|| found.clone()) == found {
            Ok(())
        } else {
            Err(self.place.replaced())
        }
    }

    /// Who has a large body in memory.
    pub(super) fn large_body(&self) -> &OneAtATime {
        &self.large_body
    }

    /// What is known of large bodies: the number of a write, and whether any version up to it has one.
    pub(super) fn large_known(&self) -> MutexGuard<'_, Option<(i64, bool)>> {
        lock(&self.large_known)
    }

    /// The views that were read last.
    pub(super) fn views_known(&self) -> &Mutex<Arc<KeptViews>> {
        &self.views_known
    }

    /// The connections that write.
    ///
    /// # Errors
    /// `ReadOnly` for a store that cannot be written, `Replaced`.
    pub(super) fn writing(&self) -> Result<&WriteConnections> {
        self.place.check()?;
        self.writing.as_ref().ok_or_else(|| {
            Error::new(
                Kind::ReadOnly,
                format!(
                    "{}: the store, or the folder it lies in, cannot be written",
                    self.path().display()
                ),
            )
        })
    }

    /// Locks the connection that records transactionTimes; `None` for a read-only store.
    ///
    /// # Errors
    /// `Replaced` where the file is no longer the one that was opened.
    pub(super) fn times(&self) -> Result<Option<MutexGuard<'_, Connection>>> {
        self.place.check()?;
        Ok(self.writing.as_ref().map(|writing| lock(&writing.times)))
    }

    /// Locks the connection for short writes. Waits for this lock and for writes of other processes
    /// at most `patience` in total.
    ///
    /// # Errors
    /// `Busy` where the lock is not free in time, `ReadOnly`.
    pub(super) fn short(&self, patience: Duration) -> Result<MutexGuard<'_, Connection>> {
        let started = Instant::now();
        let short = &self.writing()?.short;
        loop {
            let left = patience.saturating_sub(started.elapsed());
            match short.try_lock() {
                Ok(conn) => {
                    conn.busy_timeout(left)?;
                    return Ok(conn);
                }
                Err(TryLockError::Poisoned(_)) => short.clear_poison(),
                Err(TryLockError::WouldBlock) if left.is_zero() => {
                    return Err(Error::new(Kind::Busy, "the store is being written to; try again"));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(left.min(RETRY)),
            }
        }
    }

    /// Runs `work` in a short write transaction. Waits for other writes at most `patience`.
    ///
    /// # Errors
    /// `Busy` where an import takes longer than `patience`, `ReadOnly`, the errors of `work`, `Full`, `Io`.
    /// Then nothing is written.
    pub(super) fn transaction<T>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let mut conn = self.short(patience)?;
        let write = || {
            let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            self.place.check()?;
            transaction.commit()?;
            Ok(done)
        };
        write().map_err(|error: Error| error.at_file(self.path()))
    }
}

impl Pool {
    /// Lets the connections close without a checkpoint, and without removing the log by its name: another
    /// file may have the names of this store.
    fn leave_as_it_is(&self) {
        self.readers.for_each_idle(leave_as_it_is);
        if let Some(WriteConnections { import, times, short }) = &self.writing {
            for conn in [import, times, short] {
                leave_as_it_is(&lock(conn));
            }
        }
    }
}

/// Lets a connection close without a checkpoint, and without removing the log by its name.
///
/// <https://www.sqlite.org/c3ref/c_dbconfig_defensive.html#sqlitedbconfignockptonclose>
fn leave_as_it_is(conn: &Connection) {
    // This sets a flag, and fails only for an option that SQLite does not know.
    let _ = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
}

impl Drop for Pool {
    /// Leaves a single file behind: the last connection to a file takes it out of WAL mode. Where
    /// another process has the file open, that process does it, and this one only brings the log into
    /// the file.
    fn drop(&mut self) {
        if !self.place.may_come_to_rest() {
            self.leave_as_it_is();
        }
        // The journal mode changes only for a connection that is alone.
        self.readers.close_idle();
        if let Some(WriteConnections { import, times, short }) = self.writing.take() {
            drop((times.into_inner(), short.into_inner()));
            let conn = import.into_inner().unwrap_or_else(PoisonError::into_inner);
            if self.is_in_memory() || !self.place.may_come_to_rest() {
                return;
            }
            let rested = come_to_rest(&conn);
            drop(conn);
            // On a full disk there is room once the log is gone.
            if rested.is_err()
                && self.place.may_come_to_rest()
                && let Ok(conn) = connect(&self.uri, OpenFlags::SQLITE_OPEN_READ_WRITE)
            {
                let _ = come_to_rest(&conn);
            }
        }
    }
}

/// Reads what tells a store from every other: its `store_id`, before format 3 its `signing_key`.
///
/// It may be of any type: `check` says what is wrong with it.
fn store_id(conn: &Connection) -> Result<Value> {
    let sql = "SELECT value FROM setting WHERE name IN ('store_id', 'signing_key')
                ORDER BY name = 'signing_key' LIMIT 1";
    one(conn, sql, (), |row| row.get(0))
}
