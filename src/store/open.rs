//! Opening: what a file must be to be a store, how it is shared, what is known of it.
//!
//! At rest a store is one file in rollback-journal mode, so that it can be copied, mailed and
//! mounted read-only. While it is served or added to it is in WAL mode, so that readers never wait.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::check::{self, Finding};
use super::file::{
    APPLICATION_ID, Found, create_private, file_uri, has_beside, inspect, memory_uri, require,
};
use super::snapshot::Snapshot;
use super::sql::{self, PATIENCE};
use super::upgrade;
use super::writer::Writer;
use crate::error::{Error, Kind, Result};
use crate::sync::lock;
use crate::time::Clock;
use crate::{random, time};

pub(super) const SCHEMA: &str = include_str!("../../schema.sql");
/// The version of `schema.sql`, in the header as `user_version`.
pub(super) const FORMAT: u32 = 3;
/// Larger than SQLite's default: bodies of a kilobyte fill it better and load faster.
const PAGE_SIZE: u32 = 16 * 1024;
/// Page cache of one connection that writes, in KiB; negative is SQLite's way to say so.
pub(super) const WRITER_CACHE: i32 = -64 * 1024;
/// Read connections kept for the next reader.
const MOST_IDLE: usize = 8;
/// Page cache of one connection that reads, in KiB.
const READER_CACHE: i32 = -1024;
/// How long a job waits to be written down while an import keeps the store to itself; then its
/// client is told to come again.
pub(super) const JOB_PATIENCE: Duration = Duration::from_secs(10);
/// How long one waits before looking again whether the connection for jobs is free.
const TURN: Duration = Duration::from_millis(5);
/// Whether a store can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading and writing.
    ReadWrite,
    /// The file or its folder cannot be written.
    ReadOnly,
}

/// A store, open. Clones share it; the last one to go leaves a single file behind.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// The file, or a name among this process's in-memory databases.
    path: PathBuf,
    uri: String,
    access: Access,
    clock: Clock,
    readers: Mutex<Vec<Connection>>,
    /// The `store_id`, which no other store has.
    identity: OnceLock<Vec<u8>>,
    /// `None` where the store is read-only.
    writing: Option<Writing>,
    /// Where a read-only store keeps its jobs and tokens: in memory.
    scratch: OnceLock<Store>,
    /// Keeps a copy in memory alive, where the store is one.
    _copy: Option<Mutex<Connection>>,
}

/// The connections that write. Each of them waits differently for other processes'.
struct Writing {
    /// Adds to the store.
    writer: Mutex<Connection>,
    /// Only notes which transactionTime was handed out.
    notes: Mutex<Connection>,
    /// Keeps jobs, and lets go of what they need no more.
    jobs: Mutex<Connection>,
}

/// A read connection on loan.
pub(super) struct Reader<'a> {
    pool: &'a Mutex<Vec<Connection>>,
    conn: Option<Connection>,
}

impl Store {
    /// Opens the store in the file `path`; makes one where there is no file or an empty one.
    ///
    /// # Errors
    /// `NotAStore` for a file that is something else (it is left untouched), `ReadOnly`, `Io`.
    pub fn create(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        if matches!(inspect(path)?, Found::Nothing) {
            create_private(path)?;
        }
        let uri = file_uri(path, "mode=rw");
        let store = Store::read_write(path.to_owned(), uri)?;
        store.ensure_schema()?;
        Ok(store)
    }

    /// Opens an existing store: to write if that can be done, else read-only.
    ///
    /// # Errors
    /// `NotFound` where there is no file, else as [`Store::create`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        require(path)?;
        match Store::read_write(path.to_owned(), file_uri(path, "mode=rw")) {
            Err(error) if matches!(error.kind(), Kind::ReadOnly | Kind::Io) => {
                Store::open_read_only(path)
            }
            opened => opened,
        }
    }

    /// Opens an existing store for reading only; nothing on the disk is touched.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        require(path)?;
        let readable = |options: &str| -> Result<Store> {
            let uri = file_uri(path, options);
            let store = Store::of(path.to_owned(), uri, Access::ReadOnly, None, None);
            sql::setting(&*store.reader()?, "last_seq")?;
            let format = upgrade::format(&*store.reader()?)?;
            match format {
                FORMAT => Ok(store),
                _ => store.upgraded_copy(format),
            }
        };
        if has_beside(path, "-journal") {
            // Somebody was killed while writing, or is writing now. What is in the file may be half
            // of something: SQLite takes it back, but only where it may write.
            let conn = connect(&file_uri(path, "mode=rw"), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            sql::setting(&conn, "last_seq").map_err(|error| error.at(path.display()))?;
        }
        match readable("mode=ro") {
            // A store that was not closed cleanly is in WAL mode, which needs a writable folder;
            // without a log beside it the file alone is everything.
            Err(error)
                if matches!(error.kind(), Kind::Io | Kind::ReadOnly)
                    && !has_beside(path, "-wal")
                    && !has_beside(path, "-journal") =>
            {
                readable("mode=ro&immutable=1")
            }
            Err(error) => Err(error.at(path.display())),
            opened => opened,
        }
    }

    /// A new store in memory, gone with its last handle: for tests.
    ///
    /// # Errors
    /// Only where memory or randomness cannot be had.
    pub fn in_memory() -> Result<Store> {
        let store = Store::read_write(PathBuf::from(":memory:"), memory_uri())?;
        store.ensure_schema()?;
        Ok(store)
    }

    /// The same content in the present format, in memory.
    fn upgraded_copy(self, format: u32) -> Result<Store> {
        let uri = memory_uri();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let copy = connect(&uri, flags)?;
        upgrade::copy(&self.inner.uri, format, &copy)?;
        let copy = Some(Mutex::new(copy));
        Ok(Store::of(self.path().to_owned(), uri, Access::ReadOnly, None, copy))
    }

    fn of(
        path: PathBuf,
        uri: String,
        access: Access,
        writing: Option<Writing>,
        copy: Option<Mutex<Connection>>,
    ) -> Store {
        Store {
            inner: Arc::new(Inner {
                path,
                uri,
                access,
                clock: Clock::system(),
                readers: Mutex::default(),
                identity: OnceLock::new(),
                writing,
                scratch: OnceLock::new(),
                _copy: copy,
            }),
        }
    }

    fn read_write(path: PathBuf, uri: String) -> Result<Store> {
        let open = || -> Result<Connection> {
            let conn =
                connect(&uri, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
            if conn.is_readonly("main")? {
                return Err(Error::new(Kind::ReadOnly, "the store's file cannot be written"));
            }
            Ok(conn)
        };
        let at = |error: Error| error.at(path.display());
        let (mut writer, notes, jobs) =
            (open().map_err(at)?, open().map_err(at)?, open().map_err(at)?);
        writer.pragma_update(None, "page_size", PAGE_SIZE)?;
        writer.pragma_update(None, "cache_size", WRITER_CACHE)?;
        // Indexes are sorted with a second thread.
        writer.pragma_update(None, "threads", 2)?;
        if is_made(&writer).map_err(at)? {
            probe(&writer).map_err(at)?;
            if upgrade::format(&writer)? < FORMAT {
                let transaction =
                    writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                upgrade::upgrade(&transaction).map_err(at)?;
                transaction.commit()?;
            }
        }
        notes.busy_timeout(Duration::ZERO)?;
        let writing = Writing {
            writer: Mutex::new(writer),
            notes: Mutex::new(notes),
            jobs: Mutex::new(jobs),
        };
        Ok(Store::of(path, uri, Access::ReadWrite, Some(writing), None))
    }

    /// Makes the tables unless they are there, also against another process doing the same.
    fn ensure_schema(&self) -> Result<()> {
        let mut conn = self.write_connection()?;
        let transaction =
            conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        if !is_made(&transaction)? {
            let key = random::bytes::<32>()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
            sql::run(&transaction, "INSERT INTO setting VALUES ('signing_key', ?1)", [key])?;
            sql::run(&transaction, "INSERT INTO setting VALUES ('store_id', randomblob(16))", ())?;
            for name in ["last_seq", "last_write_time", "last_transaction_time"] {
                sql::set_setting(&transaction, name, 0)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// The same store with another clock. To be called before the store is shared.
    pub fn with_clock(mut self, clock: Clock) -> Store {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.clock = clock;
        }
        self
    }

    /// Whether it can be written.
    pub fn access(&self) -> Access {
        self.inner.access
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The time by the store's clock.
    pub(crate) fn now(&self) -> time::Instant {
        self.inner.clock.now()
    }

    /// Lets readers and a writer go on side by side (WAL). Called by whoever keeps the store open.
    pub(crate) fn share(&self) -> Result<()> {
        let Some(Writing { notes, .. }) = &self.inner.writing else {
            return Ok(());
        };
        let conn = lock(notes);
        // Another process that holds the file keeps it in the mode it has: slower, not wrong.
        match conn.pragma_update(None, "journal_mode", "WAL").map_err(Error::from) {
            Err(error) if error.kind() == Kind::Busy => Ok(()),
            done => done,
        }
    }

    /// The way in; waits until no other part of this process is writing.
    ///
    /// # Errors
    /// `ReadOnly` for a store that cannot be written.
    pub(crate) fn writer(&self) -> Result<Writer<'_>> {
        Writer::new(self, self.write_connection()?)
    }

    /// The store as it is now, under a transactionTime that no later write will fall behind.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::take(self)
    }

    /// The store as it was at `seq`, for a manifest that said `time`.
    pub(crate) fn snapshot_at(&self, seq: i64, time: time::Instant) -> Snapshot {
        Snapshot::at(self, seq, time)
    }

    /// The current version of a resource, as its JSON text.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn get(&self, resource_type: &str, id: &str) -> Result<Option<String>> {
        let sql = "SELECT body FROM resource WHERE type = ?1 AND id = ?2";
        sql::maybe(&*self.reader()?, sql, (resource_type, id), |row| row.get(0))
    }

    /// The key that signs the names of files.
    pub(crate) fn signing_key(&self) -> Result<Vec<u8>> {
        bytes(&*self.reader()?, "signing_key")
    }

    /// Gives the store another key: the file names that were signed with the old one mean nothing any
    /// more.
    ///
    /// # Errors
    /// `ReadOnly`, `Busy`, or where the disk refuses.
    pub fn rotate_signing_key(&self) -> Result<()> {
        let key = random::bytes::<32>()?;
        let sql = "UPDATE setting SET value = ?1 WHERE name = 'signing_key'";
        sql::run(&*self.write_connection()?, sql, [key]).map(drop)
    }

    /// Looks for contradictions in the whole file, calling `found` for each.
    ///
    /// # Errors
    /// Where the file cannot even be read.
    pub fn check(&self, found: &mut dyn FnMut(Finding)) -> Result<()> {
        check::run(&*self.reader()?, found)
    }

    pub(super) fn write_connection(&self) -> Result<MutexGuard<'_, Connection>> {
        Ok(lock(&self.writing()?.writer))
    }

    /// The connection for jobs, for whoever gets hold of it within `patience`; so long it then waits
    /// for others' writes at most, all in all.
    pub(super) fn job_connection(&self, patience: Duration) -> Result<MutexGuard<'_, Connection>> {
        let started = Instant::now();
        let jobs = &self.writing()?.jobs;
        loop {
            let left = patience.saturating_sub(started.elapsed());
            match jobs.try_lock() {
                Ok(conn) => {
                    conn.busy_timeout(left)?;
                    return Ok(conn);
                }
                // A panic elsewhere leaves nothing half-done behind it.
                Err(TryLockError::Poisoned(_)) => jobs.clear_poison(),
                Err(TryLockError::WouldBlock) if left.is_zero() => {
                    return Err(Error::new(Kind::Busy, "the store is being written to; try again"));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(left.min(TURN)),
            }
        }
    }

    fn writing(&self) -> Result<&Writing> {
        self.inner.writing.as_ref().ok_or_else(|| {
            Error::new(
                Kind::ReadOnly,
                format!(
                    "{}: the store, or the folder it lies in, cannot be written",
                    self.inner.path.display()
                ),
            )
        })
    }

    /// Does something short in a transaction of its own, once nobody else writes.
    ///
    /// # Errors
    /// `ReadOnly`, `Busy` where an import keeps the store to itself for too long, those of `work`, or
    /// where the disk refuses. Then nothing of it is done.
    pub(super) fn briefly<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.within(JOB_PATIENCE, work)
    }

    /// The same, waiting for so long.
    pub(super) fn within<T>(
        &self,
        patience: Duration,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let mut conn = self.job_connection(patience)?;
        let transaction =
            conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Where what is only for a while is kept: jobs, tokens.
    pub(super) fn passing(&self) -> Result<&Store> {
        Ok(self.scratch()?.unwrap_or(self))
    }

    /// Where a store that cannot be written keeps these; `None` for others.
    pub(super) fn scratch(&self) -> Result<Option<&Store>> {
        if self.inner.writing.is_some() {
            return Ok(None);
        }
        let scratch = &self.inner.scratch;
        match scratch.get() {
            Some(store) => Ok(Some(store)),
            None => {
                let made = Store::in_memory()?.with_clock(self.inner.clock.clone());
                Ok(Some(scratch.get_or_init(|| made)))
            }
        }
    }

    /// The connection that notes handed-out times, if the store can be written.
    pub(super) fn note_connection(&self) -> Option<MutexGuard<'_, Connection>> {
        self.inner.writing.as_ref().map(|writing| lock(&writing.notes))
    }

    pub(super) fn reader(&self) -> Result<Reader<'_>> {
        let pool = &self.inner.readers;
        let idle = lock(pool).pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.inner.connect_reader()?,
        };
        Ok(Reader { pool, conn: Some(conn) })
    }
}

impl Inner {
    fn connect_reader(&self) -> Result<Connection> {
        let conn = connect(
            &self.uri,
            match self.access {
                Access::ReadOnly => OpenFlags::SQLITE_OPEN_READ_ONLY,
                Access::ReadWrite => OpenFlags::SQLITE_OPEN_READ_WRITE,
            },
        )?;
        conn.pragma_update(None, "cache_size", READER_CACHE)?;
        // Another store in the place of ours would answer with other bytes to the same names.
        let identity = identity(&conn)?;
        match *self.identity.get_or_init(|| identity.clone()) == identity {
            true => Ok(conn),
            false => Err(Error::new(
                Kind::Damaged,
                format!("{}: another store has taken its place; start again", self.path.display()),
            )),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Readers first: the journal mode changes only for the last connection. Where another
        // process has the store open this fails, and that process does it.
        lock(&self.readers).clear();
        if let Some(Writing { writer, notes, jobs }) = self.writing.take() {
            drop((notes.into_inner(), jobs.into_inner()));
            let writer = writer.into_inner().unwrap_or_else(PoisonError::into_inner);
            if !self.uri.contains("vfs=memdb") {
                let _ = writer.busy_timeout(Duration::ZERO);
                // A connection learns by reading that another one has changed the mode.
                let _ = sql::setting(&writer, "last_seq");
                let _ = writer.pragma_update(None, "journal_mode", "DELETE");
            }
        }
    }
}

impl Deref for Reader<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.conn.as_ref().expect("a reader has its connection until it is dropped")
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.conn.as_mut().expect("a reader has its connection until it is dropped")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take()
            && conn.is_autocommit()
        {
            let mut pool = lock(self.pool);
            if pool.len() < MOST_IDLE {
                pool.push(conn);
            }
        }
    }
}

fn connect(uri: &str, access: OpenFlags) -> Result<Connection> {
    let flags = access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(uri, flags)?;
    conn.busy_timeout(PATIENCE)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// What no other store has; before format 3 that was its key.
fn identity(conn: &Connection) -> Result<Vec<u8>> {
    let sql = "SELECT value FROM setting WHERE name IN ('store_id', 'signing_key')
                ORDER BY name = 'signing_key' LIMIT 1";
    sql::one(conn, sql, (), |row| row.get(0))
}

/// One of the settings that are bytes.
fn bytes(conn: &Connection, name: &str) -> Result<Vec<u8>> {
    sql::one(conn, "SELECT value FROM setting WHERE name = ?1", [name], |row| row.get(0))
}

/// Finds out whether the store can be written: a folder that cannot be shows only when a journal is
/// to be made, so a byte has to change. Whoever is writing at this moment shows that it can be.
fn probe(conn: &Connection) -> Result<()> {
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
        Err(error) if error.kind() == Kind::Busy => Ok(()),
        tried => tried,
    }
}

fn is_made(conn: &Connection) -> Result<bool> {
    sql::one(conn, "SELECT count(*) > 0 FROM sqlite_schema", (), |row| row.get(0))
}
