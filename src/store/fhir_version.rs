//! The version of FHIR that a store holds, and what depends on it: the rows of `compartment`.
//!
//! A store whose version is not known yet counts as R4.

use rusqlite::Connection;

use super::derived::insert_compartments;
use super::handle::Store;
use super::snapshot::Snapshot;
use super::sql::{maybe, one, run};
use super::tables::{CURRENT, ENDED, types_in};
use crate::error::Result;
use crate::fhir::compartment;
use crate::fhir::version::FhirVersion;

/// Reads the version; `None` where it is not known yet.
pub(super) fn fhir_version(conn: &Connection) -> Result<Option<FhirVersion>> {
    let sql = "SELECT value FROM setting WHERE name = 'fhir_version' AND typeof(value) = 'text'";
    let name: Option<String> = maybe(conn, sql, (), |row| row.get(0))?;
    Ok(name.and_then(|name| name.parse().ok()))
}

/// Derives the rows of `compartment` anew for the types that `is_affected` names.
pub(super) fn derive_compartment(
    conn: &Connection,
    version: FhirVersion,
    is_affected: &dyn Fn(&str) -> bool,
) -> Result<()> {
    for (view, table) in [("resource", CURRENT), ("history", ENDED)] {
        for name in types_in(conn, table)?
            .into_iter()
            .filter(|name| compartment::has(name) && is_affected(name))
        {
            // Pruning leaves deleted versions without a body; their rows stay.
            let sql = format!("SELECT seq, body FROM {view} WHERE type = ?1 AND size > 0");
            let mut statement = conn.prepare(&sql)?;
            let mut rows = statement.query([&name])?;
            while let Some(row) = rows.next()? {
                let (seq, body): (i64, String) = (row.get(0)?, row.get(1)?);
                let patients = compartment::patients(version, &name, &body);
                run(conn, "DELETE FROM compartment WHERE seq = ?1", [seq])?;
                insert_compartments(conn, seq, &patients)?;
            }
        }
    }
    Ok(())
}

/// Sets R4 for a store of an older format that holds resources: that is how it was served.
pub(super) fn keep_as_served(conn: &Connection) -> Result<()> {
    let sql =
        "SELECT EXISTS (SELECT 1 FROM current_version) OR EXISTS (SELECT 1 FROM ended_version)";
    if one(conn, sql, (), |row| row.get(0))? {
        set_fhir_version(conn, FhirVersion::R4, true)?;
    }
    Ok(())
}

/// Reads the version that somebody gave the store; `None` where nobody did.
pub(super) fn given_fhir_version(conn: &Connection) -> Result<Option<FhirVersion>> {
    let sql = "SELECT EXISTS (SELECT 1 FROM setting WHERE name = 'fhir_version_told' AND value)";
    let is_told: bool = one(conn, sql, (), |row| row.get(0))?;
    Ok(fhir_version(conn)?.filter(|_| !is_told))
}

/// Writes the version. `is_told` says that nobody gave it: the content told it.
pub(super) fn set_fhir_version(
    conn: &Connection,
    version: FhirVersion,
    is_told: bool,
) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO setting (name, value)
               VALUES ('fhir_version', ?1), ('fhir_version_told', ?2)";
    run(conn, sql, (version.name(), is_told)).map(drop)
}

impl Store {
    /// The version of FHIR that the store holds; `None` where it is not known yet. Then it counts as
    /// R4.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn fhir_version(&self) -> Result<Option<FhirVersion>> {
        fhir_version(&*self.reader()?)
    }
}

impl Snapshot {
    /// The version of FHIR that the store holds.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn fhir_version(&self) -> Result<FhirVersion> {
        Ok(self.store().fhir_version()?.unwrap_or_default())
    }
}
