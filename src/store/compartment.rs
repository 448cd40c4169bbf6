//! Lookups in the table `compartment`: which versions are about which patients.
//!
//! The lists hold the numbers of all versions up to the snapshot, also of those that it does not show
//! any more; the caller looks each number up.

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
        all(&self.conn, "SELECT patient FROM compartment WHERE seq = ?1", [seq], |row| row.get(0))
    }

    /// True where a version is in the compartment of any patient.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn is_in_any_compartment(&self, seq: i64) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM compartment WHERE seq = ?1)";
        one(&self.conn, sql, [seq], |row| row.get(0))
    }
}
