//! A store as a whole: counts, sizes, times.

use std::collections::BTreeMap;

use serde::Serialize;

use super::clock::clock_lead;
use super::fhir_version::fhir_version;
use super::format::FORMAT;
use super::handle::Store;
use super::index::{IndexedParameter, indexes};
use super::prune::{Pruned, USUAL_AGE};
use super::sql::{all, one, pages, setting};
use super::views::{StoredView, views};
use crate::error::Result;
use crate::fhir::version::FhirVersion;
use crate::time::Instant;

/// Counts, sizes and times of a store.
#[derive(Debug, Serialize)]
pub struct Info {
    /// The version of the file format.
    pub format: u32,
    /// The version of FHIR; `None` where it is not known yet, and counts as R4.
    #[serde(rename = "fhirVersion")]
    pub fhir_version: Option<FhirVersion>,
    /// Resources in the current state.
    pub resources: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Versions that were replaced or deleted and are kept.
    pub history: u64,
    /// Conditional references of current versions that found nothing or several so far.
    pub unresolved: u64,
    /// The number of the last write.
    pub last_seq: i64,
    /// The last transactionTime handed out with a manifest.
    #[serde(rename = "lastTransactionTime")]
    pub last_transaction_time: Option<String>,
    /// Seconds by which the store's times lie ahead of this machine's clock, if more than a minute.
    #[serde(rename = "clockLeadSeconds")]
    pub clock_lead_seconds: Option<u64>,
    /// True where the file may lack the last writes: it was copied while a program had it open.
    #[serde(rename = "mayLackWrites")]
    pub may_lack_writes: bool,
    /// Bytes of the file.
    #[serde(rename = "fileSize")]
    pub file_size: u64,
    /// What [`Store::prune_older_than`] with an age of seven days would remove.
    pub prunable: Pruned,
    /// Bytes of free pages: what [`Store::compact`] gives back at least.
    #[serde(rename = "freeBytes")]
    pub free_bytes: u64,
    /// The search parameters that are kept indexed ([`Store::index`]).
    pub indexes: Vec<IndexedParameter>,
    /// The views that are kept in tables ([`Store::add_views`]).
    pub views: Vec<StoredView>,
    /// The current state, type by type.
    pub types: BTreeMap<String, TypeInfo>,
}

/// Counts, sizes and times of one type.
#[derive(Debug, Serialize)]
pub struct TypeInfo {
    /// Resources of the type.
    pub resources: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// The oldest `meta.lastUpdated`.
    pub oldest: String,
    /// The newest `meta.lastUpdated`.
    pub newest: String,
}

impl Store {
    /// Reads the counts, sizes and times of the store.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn info(&self) -> Result<Info> {
        let conn = self.reader()?;
        let count = |sql: &str| one(&conn, sql, (), |row| row.get(0));
        let types: BTreeMap<String, TypeInfo> = all(
            &conn,
            "SELECT name, count(*), sum(size), min(last_updated), max(last_updated)
               FROM current_version JOIN resource_type ON code = type GROUP BY type",
            (),
            |row| {
                let info = TypeInfo {
                    resources: row.get(1)?,
                    bytes: row.get(2)?,
                    oldest: Instant::from_micros(row.get(3)?).to_string(),
                    newest: Instant::from_micros(row.get(4)?).to_string(),
                };
                Ok((row.get(0)?, info))
            },
        )?
        .into_iter()
        .collect();
        let handed_out = setting(&conn, "last_transaction_time")?;
        Ok(Info {
            format: FORMAT,
            fhir_version: fhir_version(&conn)?,
            resources: types.values().map(|of| of.resources).sum(),
            bytes: types.values().map(|of| of.bytes).sum(),
            history: count("SELECT count(*) FROM ended_version")?,
            unresolved: count("SELECT count(*) FROM unresolved JOIN current_version USING (seq)")?,
            last_seq: setting(&conn, "last_seq")?,
            last_transaction_time: (handed_out != 0)
                .then(|| Instant::from_micros(handed_out).to_string()),
            clock_lead_seconds: clock_lead(&conn, self.now())?.map(|lead| lead.length().as_secs()),
            may_lack_writes: self.doubt().is_some(),
            file_size: std::fs::metadata(self.path()).map_or(0, |meta| meta.len()),
            prunable: self.prunable(&conn, USUAL_AGE)?,
            free_bytes: pages(&conn)?.free_bytes(),
            indexes: indexes(&conn)?,
            views: views(&conn)?,
            types,
        })
    }
}
