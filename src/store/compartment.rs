//! Lookups in the table `compartment`: which versions are about which patients.
//!
//! The lists hold the numbers of all versions up to the snapshot, also of those that it does not show
//! any more; the caller looks each number up.

use std::ops::ControlFlow;

use super::lookup::Lookup;
use super::sql::{all, one};
use crate::error::Result;

impl Lookup<'_> {
    /// Lists the versions in a patient's compartment, in order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn in_compartment_of(&self, patient: &str) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT seq FROM compartment WHERE patient = ?1 AND seq <= ?2{} ORDER BY seq",
            self.reach.condition_on("compartment.seq")
        );
        all(&self.conn, &sql, (patient, self.seq), |row| row.get(0))
    }

    /// Lists the versions in the compartment of any patient, in order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn in_any_compartment(&self) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT DISTINCT seq FROM compartment WHERE seq <= ?1{} ORDER BY seq",
            self.reach.condition_on_many("compartment.seq")
        );
        all(&self.conn, &sql, [self.seq], |row| row.get(0))
    }

    /// Calls `each` with the versions in the compartment of any patient, in order and perhaps repeated. Those
    /// beyond the reach are among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn for_each_in_any_compartment(&self, mut each: impl FnMut(i64)) -> Result<()> {
        let mut statement =
            self.conn.prepare_cached("SELECT seq FROM compartment WHERE seq <= ?1 ORDER BY seq")?;
        let mut rows = statement.query([self.seq])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?);
        }
        Ok(())
    }

    /// Calls `each` with the ids of the patients in whose compartment a version is, until it breaks off.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn for_each_patient_of(
        &self,
        seq: i64,
        mut each: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<()> {
        self.begin()?;
        let sql = "SELECT patient FROM compartment WHERE seq = ?1";
        let mut statement = self.conn.prepare_cached(sql)?;
        let mut rows = statement.query([seq])?;
        while let Some(row) = rows.next()? {
            let patient: String = row.get(0)?;
            if each(&patient).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Lists the ids of patients who have a compartment, in order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn patients(&self) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT DISTINCT patient FROM compartment WHERE seq <= ?1{} ORDER BY patient",
            self.reach.condition_on_many("compartment.seq")
        );
        all(&self.conn, &sql, [self.seq], |row| row.get(0))
    }

    /// Lists the ids of the patients in whose compartment a version is.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn patients_of(&self, seq: i64) -> Result<Vec<String>> {
        self.begin()?;
        all(&self.conn, "SELECT patient FROM compartment WHERE seq = ?1", [seq], |row| row.get(0))
    }

    /// True where a version is in the compartment of any patient.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn is_in_any_compartment(&self, seq: i64) -> Result<bool> {
        self.begin()?;
        let sql = "SELECT EXISTS (SELECT 1 FROM compartment WHERE seq = ?1)";
        one(&self.conn, sql, [seq], |row| row.get(0))
    }
}
