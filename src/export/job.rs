//! A job: an accepted kick-off, from the row that the store keeps of it to its files.
//!
//! <https://hl7.org/fhir/uv/bulkdata/async.html>. The store has the row before the client hears of
//! the job. The job is cut from a snapshot, so a server that starts anew plans the same files.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::edition::Edition;
use super::file::{Content, File, Purpose};
use super::parts::header_size;
use super::permission::Permission;
use super::queue::JobHold;
use super::request::ExportRequest;
use super::rows as listed;
use super::shape::{Lengths, ResourceShape};
use super::view_export::ViewExport;
use crate::error::{Error, Kind, Result};
use crate::store::{FileRow, JobRow, JobState, Reach, Snapshot, Store};
use crate::time::Instant;

/// The most bytes of a kept request.
const MOST_KEPT: usize = 1 << 20;

/// An accepted kick-off. The store keeps it as JSON: its fields keep their names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KickOff {
    /// The export.
    pub request: ExportRequest,
    /// The URL of the kick-off.
    pub url: String,
    /// The beginning of the URLs of its files, up to the job's id.
    pub files: String,
    /// The beginning of the URLs of its status and its manifest's pages, up to the job's id.
    pub status: String,
    /// The edition of its manifest.
    pub edition: Edition,
    /// Whether `X-Export-Status` tells its status instead of the status code.
    pub separate_status: bool,
    /// With whom the job takes turns: the `client_id`, or the address of a client that has none.
    #[serde(default)]
    pub client: String,
}

/// The status of a job.
pub enum JobStatus {
    /// A worker plans its files; the text is the value of `X-Progress`.
    Running(String),
    /// Its files could not be planned, for this reason.
    Failed(String),
    /// Its files can be downloaded.
    Complete {
        /// Its transactionTime.
        time: Instant,
        /// When the job ends.
        expires_at: Instant,
        /// Its files, in the order of the manifest.
        files: Vec<File>,
    },
}

/// A file of a job, open for reading.
pub struct OpenFile {
    /// The file.
    pub file: File,
    /// The snapshot that it is cut from.
    pub snapshot: Snapshot,
    /// How its resources change on their way out.
    pub shape: ResourceShape,
    /// The views of its job, if it has rows.
    pub views: Option<ViewExport>,
    /// Keeps the job.
    pub hold: JobHold,
}

/// A job as the store keeps it.
pub struct Job {
    row: JobRow,
    pub kick_off: KickOff,
}

impl Job {
    /// Keeps a new job on `snapshot`. With `files` it is complete, without them it is running.
    ///
    /// # Errors
    /// `TooMuch` if the request is too long; `Busy` if others keep the store busy for too long. The job is
    /// then not kept.
    pub fn keep(
        store: &Store,
        id: &str,
        kick_off: &KickOff,
        snapshot: &Snapshot,
        files: Option<&[File]>,
        ttl: Duration,
    ) -> Result<()> {
        let packed = KickOff { request: kick_off.request.packed(snapshot)?, ..kick_off.clone() };
        let request = serde_json::to_string(&packed)
            .map_err(|error| Error::caused(Kind::Internal, "a request", error))?;
        if request.len() > MOST_KEPT {
            let what = format!(
                "the export request takes {} bytes, and {MOST_KEPT} are kept at most; name fewer types or elements",
                request.len()
            );
            return Err(Error::new(Kind::TooMuch, what));
        }
        // The row is made while the store is locked: the job's time begins then.
        let row = || {
            let now = store.now();
            JobRow {
                id: id.to_owned(),
                state: if files.is_some() { JobState::Complete } else { JobState::Running },
                reader: snapshot.reach(),
                request: request.clone(),
                snapshot: snapshot.seq(),
                transaction_time: snapshot.time(),
                created_at: now,
                expires_at: now.later(ttl),
                failure: None,
            }
        };
        store.add_job(row, &rows(files.unwrap_or_default().to_vec()))
    }

    /// The job with this id. `None` if there is none, or if it has ended.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find(store: &Store, id: &str) -> Result<Option<Job>> {
        let Some(row) = store.job(id, store.now())? else { return Ok(None) };
        let kick_off = serde_json::from_str(&row.request).map_err(|error| {
            Error::caused(Kind::Damaged, format!("the request of job {id}: {error}"), error)
        })?;
        Ok(Some(Job { row, kick_off }))
    }

    /// The job with this id, if a client with this permission has it.
    ///
    /// # Errors
    /// `Forbidden` if the job was started with a wider scope; where the store cannot be read.
    pub fn find_for(store: &Store, id: &str, permission: &Permission) -> Result<Option<Job>> {
        let job = Job::find(store, id)?.filter(|job| job.row.reader == permission.reach);
        if let Some(job) = &job {
            permission.check(&job.kick_off.request)?;
        }
        Ok(job)
    }

    /// When it was accepted.
    #[cfg(feature = "page")]
    pub fn created_at(&self) -> Instant {
        self.row.created_at
    }

    /// Its state.
    #[cfg(feature = "page")]
    pub fn state(&self) -> JobState {
        self.row.state
    }

    /// True if its files are not planned yet.
    pub fn is_running(&self) -> bool {
        self.row.state == JobState::Running
    }

    /// The snapshot that it is cut from.
    pub fn snapshot(&self, store: &Store) -> Snapshot {
        store.snapshot_at(self.row.snapshot, self.row.transaction_time).limited_to(self.row.reader)
    }

    /// Its status; `progress` is what this process knows of its progress.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn status(&self, store: &Store, progress: Option<String>) -> Result<JobStatus> {
        let row = &self.row;
        Ok(match row.state {
            JobState::Running => {
                JobStatus::Running(progress.unwrap_or_else(|| "in progress".to_owned()))
            }
            JobState::Failed => JobStatus::Failed(row.failure.clone().unwrap_or_default()),
            JobState::Complete => {
                let filter = &self.kick_off.request.filter;
                let rows = store.job_files(&row.id)?.into_iter();
                JobStatus::Complete {
                    time: row.transaction_time,
                    expires_at: row.expires_at,
                    files: rows.map(|row| File::of_row(row, filter)).collect::<Result<_>>()?,
                }
            }
        })
    }

    /// Opens one of its files. `None` if there is no such file, or if the store no longer has all of
    /// it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn open(&self, store: &Store, name: &str, hold: JobHold) -> Result<Option<OpenFile>> {
        let Some(row) = store.job_file(&self.row.id, name)? else { return Ok(None) };
        let request = &self.kick_off.request;
        let file = File::of_row(row, &request.filter)?;
        let snapshot = self.snapshot(store);
        let shape = request.shape.clone();
        // Users may have changed after the file was planned.
        let views = request.views.clone();
        let is_there = |bytes_count| is_whole(&snapshot, &file, &shape, bytes_count);
        if snapshot.reach() != Reach::Everything && !is_there(views.is_none())? {
            return Ok(None);
        }
        Ok(Some(OpenFile { file, snapshot, shape, views, hold }))
    }
}

/// The rows of files.
pub fn rows(files: Vec<File>) -> Vec<FileRow> {
    files.into_iter().map(File::into_row).collect()
}

/// True if a file still holds what it held when it was planned. The bytes of rows are not those of their resources.
fn is_whole(
    snapshot: &Snapshot,
    file: &File,
    shape: &ResourceShape,
    bytes_count: bool,
) -> Result<bool> {
    match &file.content {
        Content::Range(selection) => {
            let Some(total) = snapshot.total(selection)? else { return Ok(false) };
            let has_known_length = bytes_count && !shape.must_be_made(&selection.resource_type);
            Ok(total.count == file.count
                && (!has_known_length
                    || shape.bytes_of(snapshot, selection, &total)? == file.bytes))
        }
        Content::Rows(rows) if file.purpose == Purpose::Output => {
            let bytes = bytes_of_rows(snapshot, rows, shape)?;
            Ok(bytes.is_some_and(|bytes| !bytes_count || bytes == file.bytes))
        }
        _ => Ok(true),
    }
}

/// The bytes of listed versions on their way out; `None` if one of them is gone.
fn bytes_of_rows(snapshot: &Snapshot, rows: &[u8], shape: &ResourceShape) -> Result<Option<u64>> {
    let (view, lengths) = (snapshot.lookup()?, Lengths::new(shape, snapshot)?);
    let mut bytes = 0;
    for block in listed::decode(rows) {
        let block = block?;
        bytes += block.patient.as_deref().map_or(0, header_size);
        for seq in block.seqs {
            let Some(version) = view.version(seq)? else { return Ok(None) };
            bytes += lengths.of(&version.resource_type, seq, version.size)? + 1;
        }
    }
    Ok(Some(bytes))
}
