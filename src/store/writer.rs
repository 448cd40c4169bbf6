//! [`Writer`]: the transactions that change resources. One writer at a time. Small input files share a
//! transaction, and each of them can be undone by itself.
//!
//! Every write takes the next `seq`. Everything that a transaction stamps gets the same time, which
//! is later than any transactionTime handed out before. So a version is in exactly one of export(t)
//! and export(_since=t).
//!
//! What a writer does to versions is in `version.rs`, conditional references are in `unresolved.rs`.

use std::sync::{Arc, MutexGuard};

use rusqlite::Connection;

use super::bulk::{BY_IDENTIFIER, BY_IDENTITY, DroppedIndexes, KnownResources, drop_indexes};
use super::checkpoint::LONG_LOG;
use super::checksum::row_sum_after;
use super::fhir_version::fhir_version;
use super::found_ids::FoundIds;
use super::handle::Store;
use super::index::{give_up_other_rules, indexed_parameters};
use super::mark::add_mark;
use super::mention::Mentioned;
use super::pool::WRITER_CACHE;
use super::reach::NOBODY;
use super::rest::is_in_use;
use super::sql::{one, run, set_setting, setting};
use super::tables::ENDED;
use super::type_codes::TypeCodes;
use super::type_total::add_writes_after;
use super::version_sql::VersionStatements;
use super::view_rows::ViewTables;
use super::views::note_other_rules;
use crate::error::Result;
use crate::fhir::search::IndexedParameters;
use crate::fhir::version::FhirVersion;
use crate::time::Instant;

/// Inputs of fewer bytes are not worth dropping the indexes for.
const BULK_BYTES: u64 = 8 << 20;

/// Page cache while indexes are missing and while they are created, in KiB (negative for SQLite).
const SORTING_CACHE: i32 = -16 * 1024;

/// A transaction that takes fewer microseconds counts as one moment.
pub(super) const ONE_MOMENT: i64 = 1_000_000;

/// Before every time that a resource can have.
const NEVER: Instant = Instant::from_micros(i64::MIN);

/// The writer of a store, and the transaction that it is in.
pub struct Writer<'a> {
    store: &'a Store,
    pub(super) conn: MutexGuard<'a, Connection>,
    /// All resources of the store, while the writer has put in every one of them itself.
    known: Option<KnownResources>,
    /// The indexes that this transaction has dropped.
    dropped: DroppedIndexes,
    /// Those of them that were missing when the input began.
    dropped_before: DroppedIndexes,
    pub(super) has_history: bool,
    pub(super) has_users: bool,
    /// Owner given to new versions.
    pub(super) owner: i64,
    /// Bytes of input so far.
    loaded: u64,
    /// The number of the last write.
    pub(super) seq: i64,
    /// `seq` when the transaction began.
    transaction_began: i64,
    /// `seq` when the input began.
    pub(super) began: i64,
    /// The last row of `identifier` when the input began.
    pub(super) identifiers_before: i64,
    /// `late` when the input began.
    late_before: u64,
    /// True while an input lies in a savepoint, because another one came before it in the transaction.
    in_savepoint: bool,
    /// The time that this transaction stamps.
    pub(super) time: Instant,
    /// `time` as FHIR writes it.
    pub(super) time_text: String,
    /// The last transactionTime handed out.
    pub(super) handed_out: Instant,
    pub(super) late: u64,
    pub(super) ahead: u64,
    /// The store's version of FHIR.
    pub(super) fhir_version: FhirVersion,
    pub(super) sql: VersionStatements,
    pub(super) type_codes: TypeCodes,
    /// The search parameters whose keys each version gets.
    pub(super) indexed: Arc<IndexedParameters>,
    /// The views whose rows each version gets.
    pub(super) views: ViewTables,
    /// What versions mentioned before.
    pub(super) mentioned: Mentioned,
    /// What conditions have found in this transaction.
    pub(super) found: FoundIds,
    /// How many bytes the `-wal` has before the next attempt to end it.
    least_log: u64,
}

impl Store {
    /// Locks the store's one writer. Waits until no other part of this process writes.
    ///
    /// # Errors
    /// `ReadOnly` for a store that cannot be written.
    pub(crate) fn writer(&self) -> Result<Writer<'_>> {
        let conn = self.pool().writing()?.import();
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM current_version) AND NOT EXISTS (SELECT 1 FROM ended_version)";
        let is_empty: bool = one(&conn, sql, (), |row| row.get(0))?;
        // An empty store is loaded without WAL: the log would double what is written, and no reader
        // has anything to wait for.
        if !is_empty {
            self.use_file()?;
        }
        Ok(Writer {
            store: self,
            known: is_empty.then(KnownResources::new),
            seq: setting(&conn, "last_seq")?,
            conn,
            dropped: DroppedIndexes::default(),
            dropped_before: DroppedIndexes::default(),
            transaction_began: 0,
            began: 0,
            identifiers_before: 0,
            late_before: 0,
            in_savepoint: false,
            has_history: true,
            has_users: true,
            owner: NOBODY,
            loaded: 0,
            time: Instant::default(),
            time_text: String::new(),
            handed_out: NEVER,
            late: 0,
            ahead: 0,
            fhir_version: FhirVersion::default(),
            sql: VersionStatements::new(),
            type_codes: TypeCodes::default(),
            indexed: Arc::default(),
            views: ViewTables::default(),
            mentioned: Mentioned::default(),
            found: FoundIds::default(),
            least_log: LONG_LOG,
        })
    }
}

impl Writer<'_> {
    /// True where the store holds nothing yet and is at rest: no server has it open, so nobody waits for
    /// this writer.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn is_first(&self) -> Result<bool> {
        Ok(self.known.is_some() && !is_in_use(&self.conn)?)
    }

    /// Begins a transaction for an input of about `bytes` (`None`: unknown), and for others of about
    /// `more` bytes after it. Waits for another process's transaction.
    ///
    /// # Errors
    /// `Busy` when that takes too long, `Replaced`.
    pub fn begin(&mut self, bytes: Option<u64>, more: u64) -> Result<()> {
        self.store.in_place()?;
        self.least_log = self.store.end_long_log(&self.conn, self.least_log)?;
        self.store.run_patiently(&self.conn, "BEGIN IMMEDIATE")?;
        let last_seq = setting(&self.conn, "last_seq")?;
        if last_seq != self.seq {
            self.known = None;
            self.seq = last_seq;
        }
        self.transaction_began = last_seq;
        self.type_codes = TypeCodes::default();
        self.found = FoundIds::default();
        self.mark_input()?;
        self.has_history =
            one(&self.conn, "SELECT EXISTS (SELECT 1 FROM ended_version)", (), |row| row.get(0))?;
        self.has_users = self.store_has_users()?;
        self.fhir_version = fhir_version(&self.conn)?.unwrap_or_default();
        give_up_other_rules(&self.conn)?;
        self.indexed = Arc::new(indexed_parameters(&self.conn)?);
        note_other_rules(&self.conn)?;
        self.views.update(&self.conn, self.store.pool().views_known())?;
        self.handed_out = match setting(&self.conn, "last_transaction_time")? {
            0 => NEVER,
            time => Instant::from_micros(time),
        };
        // A manifest may also have given the time of the last write, where its own time could not be
        // recorded. The new time is later than both.
        let given =
            self.handed_out.max(Instant::from_micros(setting(&self.conn, "last_write_time")?));
        self.time = self.store.now().max(given.next_millisecond());
        self.time_text = self.time.to_string();
        let is_bulk = match bytes {
            Some(bytes) => bytes + more >= BULK_BYTES.max(self.loaded),
            None => self.loaded == 0,
        };
        let mut cache = WRITER_CACHE;
        if is_bulk && self.known.is_some() {
            self.dropped = drop_indexes(&self.conn)?;
            // Rows are only appended, and no index is searched.
            cache = SORTING_CACHE;
        }
        self.conn.pragma_update(None, "cache_size", cache)?;
        self.loaded += bytes.unwrap_or(0);
        Ok(())
    }

    /// Begins an input of about `bytes` after the other inputs of the transaction that is open.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn begin_next(&mut self, bytes: Option<u64>) -> Result<()> {
        self.loaded += bytes.unwrap_or(0);
        self.conn.execute_batch("SAVEPOINT input")?;
        self.in_savepoint = true;
        self.mark_input()
    }

    /// Ends an input. It becomes permanent with the transaction.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn end_input(&mut self) -> Result<()> {
        if std::mem::take(&mut self.in_savepoint) {
            self.conn.execute_batch("RELEASE input")?;
        }
        Ok(())
    }

    /// Undoes the input, and nothing of the inputs before it. True where there are such inputs, so that
    /// the transaction is still open.
    ///
    /// # Errors
    /// Where the transaction has ended by itself, as after some errors of the disk.
    pub fn undo_input(&mut self) -> Result<bool> {
        if !std::mem::take(&mut self.in_savepoint) {
            return self.rollback().map(|()| false);
        }
        self.conn.execute_batch("ROLLBACK TO input; RELEASE input")?;
        self.type_codes = TypeCodes::default();
        self.dropped = std::mem::take(&mut self.dropped_before);
        (self.seq, self.late) = (self.began, self.late_before);
        self.mentioned = Mentioned::default();
        self.found = FoundIds::default();
        Ok(true)
    }

    /// Notes where an input begins.
    fn mark_input(&mut self) -> Result<()> {
        let sql = "SELECT coalesce(max(rowid), 0) FROM identifier";
        self.identifiers_before = one(&self.conn, sql, (), |row| row.get(0))?;
        (self.began, self.late_before) = (self.seq, self.late);
        self.dropped_before.clone_from(&self.dropped);
        Ok(())
    }

    /// Makes the transaction permanent.
    ///
    /// # Errors
    /// Where the disk refuses, and `Replaced`; then nothing of it is kept.
    pub fn commit(&mut self) -> Result<()> {
        self.restore_dropped(None)?;
        if self.seq > self.transaction_began {
            let time = self.set_end_of_history()?;
            add_writes_after(&self.conn, self.transaction_began)?;
            set_setting(&self.conn, "last_seq", self.seq)?;
            add_mark(&self.conn, self.seq)?;
            set_setting(&self.conn, "last_write_time", time.micros())?;
        }
        self.store.in_place()?;
        self.conn.execute_batch("COMMIT")?;
        // The store is no longer empty, so readers may come.
        self.store.enter_wal_mode()
    }

    /// Sets `ended_at` of what a long transaction replaced or deleted to now: other connections see
    /// those versions until the commit, and pruning counts from `ended_at`. Returns the time of the
    /// write as a whole.
    fn set_end_of_history(&self) -> Result<Instant> {
        let now = self.store.now();
        if now.micros() - self.time.micros() < ONE_MOMENT {
            return Ok(self.time);
        }
        let sql = format!(
            "UPDATE {ENDED} SET ended_at = ?2, row_checksum = {} WHERE ended > ?1",
            row_sum_after("history", &[("ended_at", "?2")])
        );
        run(&self.conn, &sql, (self.transaction_began, now.micros()))?;
        Ok(now)
    }

    /// Undoes the transaction.
    ///
    /// # Errors
    /// Where no transaction is open.
    pub fn rollback(&mut self) -> Result<()> {
        self.dropped = DroppedIndexes::default();
        self.known = None;
        self.in_savepoint = false;
        self.mentioned = Mentioned::default();
        self.found = FoundIds::default();
        self.conn.execute_batch("ROLLBACK")?;
        self.seq = setting(&self.conn, "last_seq")?;
        self.late = self.late_before;
        Ok(())
    }

    /// How many resources came with a `meta.lastUpdated` that is not after the last transactionTime
    /// handed out. An incremental export since that time does not include them.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// How many resources came with a `meta.lastUpdated` after the time of this import. They count as
    /// changed at that time.
    pub fn ahead(&self) -> u64 {
        self.ahead
    }

    /// Creates the index again that finds a resource by its type and id, where this transaction has
    /// dropped it.
    pub(super) fn restore_identity(&mut self) -> Result<()> {
        self.restore_dropped(Some(BY_IDENTITY))
    }

    /// Creates the index again that finds resources by their identifiers, where this transaction has
    /// dropped it.
    pub(super) fn restore_identifiers(&mut self) -> Result<()> {
        self.restore_dropped(Some(BY_IDENTIFIER))
    }

    pub(super) fn restore_dropped(&mut self, wanted: Option<&str>) -> Result<()> {
        if self.dropped.contains(wanted) {
            // Each sorting thread uses as much memory as the page cache.
            self.conn.pragma_update(None, "cache_size", SORTING_CACHE)?;
            self.dropped.restore(&self.conn, wanted)?;
            self.conn.pragma_update(None, "cache_size", WRITER_CACHE)?;
        }
        Ok(())
    }

    /// False where the store certainly never had the resource.
    pub(super) fn has_had(&self, resource_type: &str, id: &str) -> bool {
        self.known.as_ref().is_none_or(|known| known.contains(resource_type, id))
    }

    /// True if the resource may exist. Then the index that finds it exists too.
    pub(super) fn may_exist(&mut self, resource_type: &str, id: &str) -> Result<bool> {
        let Some(known) = &mut self.known else {
            return Ok(true);
        };
        if known.insert(resource_type, id) {
            if known.is_full() {
                // This resource is new; for the next ones the index answers.
                self.known = None;
                self.restore_identity()?;
            }
            return Ok(false);
        }
        self.restore_identity()?;
        Ok(true)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }
}
