//! Lookups in the tables `attachment_url` and `security_context`: what attachments lead to, and which
//! Binary is about a patient.

use super::lookup::{Lookup, VersionHeader, version_header};
use super::reach::Reach;
use super::read::VisibleStore;
use super::selection::Selection;
use super::snapshot::Snapshot;
use super::sql::{all, one};
use crate::error::Result;
use crate::time::Instant;

/// A URL of an attachment that names nothing in a snapshot.
pub struct DanglingUrl {
    /// The version that has the attachment.
    pub seq: i64,
    /// The URL: `Type/id` that it names, else its beginning.
    pub url: String,
}

/// The condition for a row of `attachment_url` whose URLs an export at the snapshot `seq` makes
/// absolute: they are relative, and the reader sees the resource that they name.
fn is_made_absolute(reach: Reach, seq: &str) -> String {
    let reach = reach.condition("target");
    format!(
        "relative > 0
         AND (EXISTS (SELECT 1 FROM resource AS target
                       WHERE target.id = target_id AND target.type = target_type
                         AND target.seq <= {seq}{reach})
           OR EXISTS (SELECT 1 FROM history AS target
                       WHERE target.type = target_type AND target.id = target_id
                         AND target.ended > {seq} AND target.seq <= {seq} AND target.size > 0{reach}))"
    )
}

/// The condition for a version that is about a patient: it is in a compartment, or is a Patient.
fn is_about_a_patient(version: &str) -> String {
    format!(
        "({version}.type = 'Patient'
          OR EXISTS (SELECT 1 FROM compartment WHERE compartment.seq = {version}.seq))"
    )
}

/// Joins what `of` makes for `resource` and for `history`; its second argument is the condition under
/// which the snapshot ?1 still shows the version in `alias`.
fn of_both(alias: &str, between: &str, of: impl Fn(&str, &str) -> String) -> String {
    let still_shown = format!(" AND {alias}.ended > ?1 AND {alias}.size > 0");
    format!("{} {between} {}", of("resource", ""), of("history", &still_shown))
}

impl Snapshot {
    /// The bytes by which the selected versions grow where a base of `base` bytes makes the URLs of
    /// their attachments absolute. Less than nothing where the URLs get shorter.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn growth(&self, selection: &Selection, base: u64) -> Result<i64> {
        let what = "coalesce(sum(relative * ?7 - removed), 0)";
        self.sum_of_urls(selection, what, &is_made_absolute(self.reach(), "?6"), base)
    }

    /// True if a selected version has an attachment whose URL is relative.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn has_relative_urls(&self, selection: &Selection) -> Result<bool> {
        Ok(self.sum_of_urls(selection, "count(*) + ?7", "relative > 0", 0)? > 0)
    }
}

impl Lookup<'_> {
    /// Lists the versions up to the snapshot that grow where a base of `base` bytes makes the URLs of
    /// their attachments absolute, in order, each with the bytes. Versions that the snapshot does not
    /// show are among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn growing(&self, base: u64) -> Result<Vec<(i64, i64)>> {
        let sql = format!(
            "SELECT seq, sum(relative * ?2 - removed) FROM attachment_url
              WHERE seq <= ?1 AND {} GROUP BY seq ORDER BY seq",
            is_made_absolute(self.reach, "?1")
        );
        all(&self.conn, &sql, (self.seq, base), |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// The bytes by which a version up to the snapshot grows, as in [`Lookup::growing`].
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn growth_of(&self, seq: i64, base: u64) -> Result<i64> {
        self.begin()?;
        let sql = format!(
            "SELECT coalesce(sum(relative * ?2 - removed), 0) FROM attachment_url
              WHERE seq = ?3 AND seq <= ?1 AND {}",
            is_made_absolute(self.reach, "?1")
        );
        one(&self.conn, &sql, (self.seq, base, seq), |row| row.get(0))
    }

    /// Lists the relative URLs of attachments that name nothing in the snapshot, in order of the
    /// versions that have them: of the versions numbered `first` to `last`, up to `most`. Versions that
    /// the snapshot does not show are among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn dangling_urls(&self, first: i64, last: i64, most: usize) -> Result<Vec<DanglingUrl>> {
        self.begin()?;
        let sql = format!(
            "SELECT seq, CASE target_type WHEN '' THEN target_id
                                          ELSE target_type || '/' || target_id END
               FROM attachment_url
              WHERE seq >= ?2 AND seq <= ?3 AND seq <= ?1 AND relative > 0 AND NOT ({})
              ORDER BY seq LIMIT ?4",
            is_made_absolute(self.reach, "?1")
        );
        all(&self.conn, &sql, (self.seq, first, last, most), |row| {
            Ok(DanglingUrl { seq: row.get(0)?, url: row.get(1)? })
        })
    }

    /// Lists the Binaries of the snapshot that attachments of its patients and of what is about patients
    /// name.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn binaries_of_patients(&self) -> Result<Vec<VersionHeader>> {
        let holder = |table: &str, seen: &str| {
            format!(
                "EXISTS (SELECT 1 FROM {table} AS holder
                          WHERE holder.seq = attachment_url.seq{seen}{} AND {})",
                self.reach.condition("holder"),
                is_about_a_patient("holder")
            )
        };
        let has_holder = of_both("holder", "OR", holder);
        let of = |table: &str, seen: &str| {
            format!(
                "SELECT {} FROM attachment_url INDEXED BY attachment_url_by_target
                   CROSS JOIN {table} AS target
                     ON target.type = 'Binary' AND target.id = attachment_url.target_id
                  WHERE attachment_url.target_type = 'Binary' AND attachment_url.seq <= ?1
                    AND target.seq <= ?1{seen}{} AND ({has_holder})",
                header_of("target"),
                self.reach.condition("target")
            )
        };
        all(&self.conn, &of_both("target", "UNION", of), [self.seq], version_header)
    }

    /// Lists the Binaries of the snapshot whose `securityContext` names a patient, or a resource of the
    /// snapshot that is about one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn binaries_in_patients_context(&self) -> Result<Vec<VersionHeader>> {
        let context = |table: &str, seen: &str| {
            format!(
                "EXISTS (SELECT 1 FROM {table} AS context
                          WHERE context.type = security_context.type
                            AND context.id = security_context.id AND context.seq <= ?1{seen}{} AND {})",
                self.reach.condition("context"),
                is_about_a_patient("context")
            )
        };
        let is_in_context = of_both("context", "OR", context);
        let of = |table: &str, seen: &str| {
            format!(
                "SELECT {} FROM security_context
                   CROSS JOIN {table} AS target ON target.seq = security_context.seq
                  WHERE target.seq <= ?1{seen}{}
                    AND (security_context.type = 'Patient' OR {is_in_context})",
                header_of("target"),
                self.reach.condition("target")
            )
        };
        all(&self.conn, &of_both("target", "UNION", of), [self.seq], version_header)
    }

    /// Lists the ids of Binaries of the server at `base` to which attachments of the snapshot lead, each
    /// with the types and numbers of the versions that have these. Only versions with `meta.lastUpdated` between
    /// the two times count.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn binaries_led_to(
        &self,
        base: &str,
        since: Option<Instant>,
        until: Option<Instant>,
    ) -> Result<Vec<(String, String, i64)>> {
        let of = |table: &str, seen: &str| {
            format!(
                "SELECT attachment_url.target_id, holder.type, holder.seq FROM attachment_url
                   CROSS JOIN {table} AS holder ON holder.seq = attachment_url.seq
                  WHERE attachment_url.target_type = 'Binary' AND attachment_url.base IN ('', ?2)
                    AND attachment_url.seq <= ?1
                    AND holder.last_updated > ?3 AND holder.last_updated < ?4{seen}{}",
                self.reach.condition("holder")
            )
        };
        let sql = of_both("holder", "UNION", of);
        let (since, until) =
            (since.map_or(i64::MIN, Instant::micros), until.map_or(i64::MAX, Instant::micros));
        all(&self.conn, &sql, (self.seq, base, since, until), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
    }
}

/// The columns of a [`VersionHeader`].
fn header_of(table: &str) -> String {
    ["seq", "type", "id", "last_updated", "size"].map(|name| format!("{table}.{name}")).join(", ")
}

impl VisibleStore {
    /// Lists the types of resources whose attachments lead to a Binary of the server at `base`: of
    /// current versions, and of those that an export may still show.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn types_with_attachment(&self, id: &str, base: &str) -> Result<Vec<String>> {
        let of = |table: &str, more: &str| {
            format!(
                "SELECT {table}.type FROM attachment_url JOIN {table} USING (seq)
                  WHERE target_id = ?1 AND target_type = 'Binary' AND base IN ('', ?2){more}{}",
                self.reach().condition(table)
            )
        };
        let sql =
            format!("{} UNION {}", of("resource", ""), of("history", " AND history.size > 0"));
        all(&*self.store().reader()?, &sql, (id, base), |row| row.get(0))
    }
}
