//! Jobs: accepted exports and their files, as rows. What happens to a job is in `export/`.
//!
//! The rows are in the store's own file, so that jobs survive a restart of the server. Those of a
//! read-only store are in its stand-in, in memory.

use std::time::Duration;

use rusqlite::{Connection, Row};

use super::handle::Store;
use super::prune::LAST_PRUNED;
use super::reach::{NOBODY, Reach};
use super::sql::{all, maybe, run, setting};
use crate::error::{Error, Kind, Result};
use crate::time::Instant;

/// How long a kick-off waits for an import. Then its job is set aside.
const KICK_OFF_PATIENCE: Duration = Duration::from_millis(500);

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Its files are being planned.
    Running,
    /// Its files are known.
    Complete,
    /// Its files could not be planned.
    Failed,
}

impl JobState {
    /// Its name in the table `job`.
    pub(super) fn name(self) -> &'static str {
        match self {
            JobState::Running => "running",
            JobState::Complete => "complete",
            JobState::Failed => "failed",
        }
    }

    fn from_name(name: &str) -> JobState {
        match name {
            "running" => JobState::Running,
            "complete" => JobState::Complete,
            _ => JobState::Failed,
        }
    }
}

/// One accepted export.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// 32 hexadecimal digits; on an open server everyone who knows them may poll.
    pub id: String,
    /// Its state.
    pub state: JobState,
    /// The reach of its reader. Only readers with the same reach may see the job.
    pub reader: Reach,
    /// The export request, as JSON.
    pub request: String,
    /// The last write that it sees.
    pub snapshot: i64,
    /// Its transactionTime.
    pub transaction_time: Instant,
    /// When it was accepted.
    pub created_at: Instant,
    /// When it is deleted, unless it still runs.
    pub expires_at: Instant,
    /// Why it failed.
    pub failure: Option<String>,
}

/// One file of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRow {
    /// `output`, `deleted` or `error`.
    pub kind: String,
    /// The last segment of its URL.
    pub name: String,
    /// The type of its lines; `None` where they are organized by patient.
    pub resource_type: Option<String>,
    /// Its lines.
    pub count: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The name of the file that continues its last block.
    pub continues_in: Option<String>,
    /// The numbers of its first and last version, where its versions are a range.
    pub range: Option<(i64, i64)>,
    /// Its versions, where they are listed.
    pub rows: Option<Vec<u8>>,
    /// Its text, where its content is neither a range nor a list.
    pub body: Option<String>,
}

impl Store {
    /// Adds a job that `make` makes inside the transaction, with its files if they are known already.
    /// Where an import keeps the store to itself for longer than a moment, the job is set aside.
    ///
    /// # Errors
    /// `Busy` where versions that the job sees were pruned in the meantime; else where the disk refuses.
    /// Then no job is added.
    pub(crate) fn add_job(&self, make: impl Fn() -> JobRow, files: &[FileRow]) -> Result<()> {
        let store = self.writable()?;
        let mut is_pruned = false;
        let added = store.transaction_within(KICK_OFF_PATIENCE, |conn| {
            let job = make();
            is_pruned = setting(conn, LAST_PRUNED)? > job.snapshot;
            if is_pruned { Ok(()) } else { insert_job(conn, &job, files) }
        });
        match added {
            Ok(()) if is_pruned => Err(pruned()),
            Err(error) if error.kind() == Kind::Busy => match store.set_aside(&make(), files)? {
                true => Ok(()),
                false => Err(error),
            },
            added => added,
        }
    }

    /// Reads a job; `None` where there is none, or it had expired by `now`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn job(&self, id: &str, now: Instant) -> Result<Option<JobRow>> {
        // A job that moves from beside the store into it is always in one of the two.
        let aside = self.writable()?.job_set_aside(id)?.map(|(job, _)| job);
        let here = job_row(&*self.writable()?.reader()?, id)?;
        Ok(here.or(aside).filter(|job| job.state == JobState::Running || job.expires_at > now))
    }

    /// Reads a job that was set aside, with its files.
    fn job_set_aside(&self, id: &str) -> Result<Option<(JobRow, Vec<FileRow>)>> {
        Ok(self.with_aside(|aside| self.job_in(aside, id))?.flatten())
    }

    /// Reads a job from the store of jobs set aside.
    fn job_in(&self, aside: &Store, id: &str) -> Result<Option<(JobRow, Vec<FileRow>)>> {
        let conn = aside.pool().writing()?.import();
        let Some((job, files)) = job_with_files(&conn, id)? else { return Ok(None) };
        Ok(self.is_ours(&conn, &job)?.then_some((job, files)))
    }

    /// Lists the ids of jobs that have been running since `before`, the oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn running_jobs(&self, before: Instant) -> Result<Vec<String>> {
        let sql = "SELECT id FROM job WHERE state = 'running' AND created_at <= ?1
                    ORDER BY created_at, rowid";
        let store = self.writable()?;
        let running =
            |conn: &Connection| all(conn, sql, [before.micros()], |row| row.get::<_, String>(0));
        let aside = store.with_aside(|aside| running(&aside.pool().writing()?.import()))?;
        let mut ids = aside.unwrap_or_default();
        ids.extend(running(&*store.reader()?)?);
        Ok(ids)
    }

    /// Completes a running job; `false` where it was deleted in the meantime.
    ///
    /// # Errors
    /// As [`Store::add_job`].
    pub(crate) fn complete_job(
        &self,
        id: &str,
        files: &[FileRow],
        expires_at: impl Fn() -> Instant,
    ) -> Result<bool> {
        self.change_job(id, |conn| {
            let sql = "UPDATE job SET state = 'complete', expires_at = ?2
                        WHERE id = ?1 AND state = 'running'";
            let is_there = run(conn, sql, (id, expires_at().micros()))? > 0;
            if is_there {
                add_files(conn, id, files)?;
            }
            Ok(is_there)
        })
    }

    /// Marks a running job as failed.
    ///
    /// # Errors
    /// As [`Store::add_job`].
    pub(crate) fn fail_job(&self, id: &str, failure: &str, expires_at: Instant) -> Result<()> {
        let sql = "UPDATE job SET state = 'failed', failure = ?2, expires_at = ?3
                    WHERE id = ?1 AND state = 'running'";
        self.change_job(id, |conn| Ok(run(conn, sql, (id, failure, expires_at.micros()))? > 0))
            .map(drop)
    }

    /// Changes a job where it is: beside the store, else in it. `false` where it is no more.
    fn change_job(&self, id: &str, change: impl Fn(&Connection) -> Result<bool>) -> Result<bool> {
        let store = self.writable()?;
        let is_aside = store.with_aside(|aside| {
            Ok(store.job_in(aside, id)?.is_some() && aside.transaction(&change)?)
        })?;
        if is_aside == Some(true) {
            return Ok(true);
        }
        store.transaction(change)
    }

    /// Deletes a job with its files; `false` where there is none.
    ///
    /// # Errors
    /// As [`Store::add_job`].
    pub(crate) fn delete_job(&self, id: &str) -> Result<bool> {
        let store = self.writable()?;
        let was_aside = store.with_aside(|aside| aside.delete_job_here(id))?.unwrap_or(false);
        // What was only set aside needs no other write to end.
        let is_here = job_row(&*store.reader()?, id)?.is_some();
        Ok(is_here && store.delete_job_here(id)? || was_aside)
    }

    /// Deletes a job from this file alone.
    pub(super) fn delete_job_here(&self, id: &str) -> Result<bool> {
        self.transaction(|conn| {
            run(conn, "DELETE FROM job_file WHERE job = ?1", [id])?;
            Ok(run(conn, "DELETE FROM job WHERE id = ?1", [id])? > 0)
        })
    }

    /// Lists the ids of jobs that had expired by `now`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn expired_jobs(&self, now: Instant) -> Result<Vec<String>> {
        let sql = "SELECT id FROM job WHERE state <> 'running' AND expires_at <= ?1";
        all(&*self.writable()?.reader()?, sql, [now.micros()], |row| row.get(0))
    }

    /// Lists a job's files in the order of its manifest, without the lists of their versions.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn job_files(&self, id: &str) -> Result<Vec<FileRow>> {
        let sql = "SELECT kind, name, type, count, bytes, continues_in, first, last, NULL,
                          CASE kind WHEN 'error' THEN body END
                     FROM job_file WHERE job = ?1 ORDER BY number";
        let store = self.writable()?;
        let aside = store.job_set_aside(id)?;
        let here = all(&*store.reader()?, sql, [id], file_row)?;
        Ok(if here.is_empty() { aside.map_or(here, |(_, files)| files) } else { here })
    }

    /// Reads one of a job's files.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn job_file(&self, id: &str, name: &str) -> Result<Option<FileRow>> {
        let sql = "SELECT kind, name, type, count, bytes, continues_in, first, last, rows, body
                     FROM job_file WHERE job = ?1 AND name = ?2";
        let store = self.writable()?;
        let aside = store.job_set_aside(id)?;
        let here = maybe(&*store.reader()?, sql, (id, name), file_row)?;
        Ok(here.or_else(|| aside?.1.into_iter().find(|file| file.name == name)))
    }
}

/// What a job gets to hear whose versions are gone.
pub(super) fn pruned() -> Error {
    Error::new(Kind::Busy, "what was to be exported has changed too long ago; try again")
}

/// Deletes the jobs of readers with this reach, and their files.
pub(super) fn end_exports(conn: &Connection, reader: Reach) -> Result<()> {
    let reader = reader.to_string();
    let sql = "DELETE FROM job_file WHERE job IN (SELECT id FROM job WHERE reader = ?1)";
    run(conn, sql, [&reader])?;
    run(conn, "DELETE FROM job WHERE reader = ?1", [&reader]).map(drop)
}

/// Adds a job, with its files if they are known.
pub(super) fn insert_job(conn: &Connection, job: &JobRow, files: &[FileRow]) -> Result<()> {
    let values = (
        &job.id,
        job.state.name(),
        job.reader.to_string(),
        &job.request,
        job.snapshot,
        job.transaction_time.micros(),
        job.created_at.micros(),
        job.expires_at.micros(),
        &job.failure,
    );
    let sql = "INSERT INTO job (id, state, reader, request, snapshot, transaction_time,
                                created_at, expires_at, failure)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    run(conn, sql, values)?;
    add_files(conn, &job.id, files)
}

/// Reads a job of this file, with all of its files.
pub(super) fn job_with_files(
    conn: &Connection,
    id: &str,
) -> Result<Option<(JobRow, Vec<FileRow>)>> {
    let Some(job) = job_row(conn, id)? else { return Ok(None) };
    let sql = "SELECT kind, name, type, count, bytes, continues_in, first, last, rows, body
                 FROM job_file WHERE job = ?1 ORDER BY number";
    Ok(Some((job, all(conn, sql, [id], file_row)?)))
}

/// Reads a job of this file.
fn job_row(conn: &Connection, id: &str) -> Result<Option<JobRow>> {
    let sql = "SELECT id, state, reader, request, snapshot, transaction_time, created_at,
                      expires_at, failure
                 FROM job WHERE id = ?1";
    maybe(conn, sql, [id], job_of_row)
}

/// The job in a row with all columns of the table, in order.
pub(super) fn job_of_row(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    Ok(JobRow {
        id: row.get(0)?,
        state: JobState::from_name(&row.get::<_, String>(1)?),
        // Nobody sees a job whose reader cannot be parsed.
        reader: row.get::<_, String>(2)?.parse().unwrap_or(Reach::User(NOBODY)),
        request: row.get(3)?,
        snapshot: row.get(4)?,
        transaction_time: Instant::from_micros(row.get(5)?),
        created_at: Instant::from_micros(row.get(6)?),
        expires_at: Instant::from_micros(row.get(7)?),
        failure: row.get(8)?,
    })
}

fn add_files(conn: &Connection, job: &str, files: &[FileRow]) -> Result<()> {
    for (number, file) in files.iter().enumerate() {
        let (first, last) = file.range.unzip();
        let sql = "INSERT INTO job_file (job, number, kind, name, type, count, bytes, continues_in,
                                         first, last, rows, body)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
        let values = rusqlite::params![
            job,
            number,
            file.kind,
            file.name,
            file.resource_type,
            file.count,
            file.bytes,
            file.continues_in,
            first,
            last,
            file.rows,
            file.body
        ];
        run(conn, sql, values)?;
    }
    Ok(())
}

fn file_row(row: &Row<'_>) -> rusqlite::Result<FileRow> {
    Ok(FileRow {
        kind: row.get(0)?,
        name: row.get(1)?,
        resource_type: row.get(2)?,
        count: row.get(3)?,
        bytes: row.get(4)?,
        continues_in: row.get(5)?,
        range: row.get::<_, Option<i64>>(6)?.zip(row.get(7)?),
        rows: row.get(8)?,
        body: row.get(9)?,
    })
}
