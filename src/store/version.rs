//! What a writer does to versions: put, delete, end, restore.

use std::borrow::Cow;

use rusqlite::types::ValueRef;

use super::checksum::{BodySum, damaged_version, row_sum};
use super::derived::{insert_attachments, insert_compartments};
use super::handle::Store;
use super::index_rows::insert_entries;
use super::sql::{maybe, one, run};
use super::tables::{CURRENT, ENDED, IS_OF_TYPE, OF_A_VERSION};
use super::writer::Writer;
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment;
use crate::fhir::resource::{Assigned, Resource, Stamp};
use crate::fhir::version::FhirVersion;
use crate::fhir::view::MadeViewRows;

/// What a put did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The resource is new.
    Created,
    /// The resource had other content, which is history now.
    Updated,
    /// The resource had the same content.
    Unchanged,
    /// The resource had this content before the input and other content since. It is as it was
    /// before, and so many updates are undone.
    Restored(u64),
    /// The resource belongs to another owner and stays as it was.
    Refused {
        /// That owner: [`NOBODY`](super::reach::NOBODY) or a user.
        owner: i64,
    },
}

/// What to do with the `meta.lastUpdated` and `meta.versionId` of a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamping {
    /// Keep them; set only what is missing.
    #[default]
    Keep,
    /// Set both always, as a server does.
    Always,
}

/// What goes with a version that is put in.
#[derive(Clone, Copy, Default)]
pub(super) struct VersionRest<'r> {
    /// The open references left in it.
    pub(super) unresolved: &'r [String],
    /// The rows of views that were made of it before.
    pub(super) made: Option<&'r MadeViewRows>,
}

/// The current version of a resource.
struct CurrentVersion {
    seq: i64,
    version_id: String,
    hash: Vec<u8>,
    /// False where it is not as it was stored.
    is_intact: bool,
}

impl Writer<'_> {
    /// Creates or updates a resource; `unresolved` are the open references left in it, `made` the rows of views that
    /// were made of it before.
    ///
    /// # Errors
    /// `Invalid` for a `meta.lastUpdated` that is no time; else where the disk refuses.
    pub fn put(
        &mut self,
        resource: &Resource,
        stamping: Stamping,
        unresolved: &[String],
        made: Option<&MadeViewRows>,
    ) -> Result<Change> {
        let (resource_type, id) = (&resource.resource_type, &resource.id);
        let current = if self.may_exist(resource_type, id)? {
            if let Some(owner) = self.other_owner(resource_type, id)? {
                return Ok(Change::Refused { owner });
            }
            self.current(resource_type, id)?
        } else {
            None
        };
        let version_id = match &current {
            None => self.first_version(resource)?,
            Some(CurrentVersion { seq, is_intact: false, .. }) => {
                return Err(damaged_version(&self.conn, *seq));
            }
            Some(current) if current.hash == resource.hash => return Ok(Change::Unchanged),
            Some(CurrentVersion { seq, version_id, .. }) => {
                let sql = "SELECT body = ?2 FROM version_body WHERE seq = ?1";
                if one(&self.conn, sql, (seq, &*resource.text), |row| row.get(0))? {
                    return Ok(Change::Unchanged);
                }
                if *seq > self.began
                    && let Some(undone) = self.restore(resource)?
                {
                    return Ok(Change::Restored(undone));
                }
                self.version_after(version_id)
            }
        };
        let always = stamping == Stamping::Always;
        let replace = Assigned { last_updated: always, version_id: always };
        if let Some(current) = &current {
            self.end((resource_type, current.seq), self.seq + 1, false)?;
        }
        let (hash, rest) = (&resource.hash, VersionRest { unresolved, made });
        self.insert(resource, &version_id, replace, hash, rest)?;
        Ok(if current.is_some() { Change::Updated } else { Change::Created })
    }

    fn current(&self, resource_type: &str, id: &str) -> Result<Option<CurrentVersion>> {
        maybe(&self.conn, &self.sql.current, (resource_type, id), |row| {
            Ok(CurrentVersion {
                seq: row.get(0)?,
                version_id: row.get(1)?,
                hash: row.get(2)?,
                is_intact: row.get::<_, Option<bool>>(3)?.unwrap_or(false),
            })
        })
    }

    /// Undoes this input's updates of a resource, where `resource` has the content from before the
    /// input. Returns how many; `None` where the content is another one.
    ///
    /// Where one input holds several versions of a resource, importing it again goes through all of
    /// them and ends with the one that the store already had. Then nothing has changed, and history
    /// keeps no trace. A deletion in between is counted as one, and stays.
    fn restore(&mut self, resource: &Resource) -> Result<Option<u64>> {
        let (resource_type, id, began) = (&resource.resource_type, &resource.id, self.began);
        let key = (resource_type, id, began);
        let sql = "SELECT seq, hash FROM history WHERE type = ?1 AND id = ?2 AND ended > ?3 AND seq <= ?3
                      AND NOT EXISTS (SELECT 1 FROM history WHERE type = ?1 AND id = ?2 AND ended > ?3 AND deleted)";
        let before: Option<(i64, Vec<u8>)> =
            maybe(&self.conn, sql, key, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let Some((seq, _)) = before.filter(|(_, hash)| *hash == resource.hash) else {
            return Ok(None);
        };
        self.found.forget(resource_type);
        let sql = format!("SELECT seq FROM {CURRENT} WHERE {IS_OF_TYPE} AND id = ?2 AND seq > ?3");
        if let Some(newer) = maybe(&self.conn, &sql, key, |row| row.get(0))? {
            self.views.delete(&self.conn, resource_type, newer)?;
        }
        let mut undone = 0;
        for table in [CURRENT, ENDED] {
            let newer = format!("{table} WHERE {IS_OF_TYPE} AND id = ?2 AND seq > ?3");
            // These versions were counted as late when they came.
            let sql =
                format!("SELECT count(*) FROM {newer} AND assigned & 1 = 0 AND last_updated <= ?4");
            let late = (resource_type, id, began, self.handed_out.micros());
            self.late -= one(&self.conn, &sql, late, |row| row.get::<_, u64>(0))?;
            let sql = format!("SELECT count(*) FROM {newer} AND assigned & 4");
            self.ahead -= one(&self.conn, &sql, key, |row| row.get::<_, u64>(0))?;
            let sql = format!(
                "DELETE FROM identifier WHERE rowid > ?4 AND seq IN (SELECT seq FROM {newer})"
            );
            run(&self.conn, &sql, (resource_type, id, began, self.identifiers_before))?;
            for derived in OF_A_VERSION {
                let sql = format!("DELETE FROM {derived} WHERE seq IN (SELECT seq FROM {newer})");
                run(&self.conn, &sql, key)?;
            }
            undone += run(&self.conn, &format!("DELETE FROM {newer}"), key)? as u64;
        }
        if run(&self.conn, &self.sql.restore, [seq])? == 0 {
            return Err(damaged_version(&self.conn, seq));
        }
        run(&self.conn, "DELETE FROM ended_version WHERE seq = ?1", [seq])?;
        if !self.views.views.of(resource_type).is_empty() {
            let sql = "SELECT body FROM version_body WHERE seq = ?1";
            let body: String = one(&self.conn, sql, [seq], |row| row.get(0))?;
            self.views.insert(&self.conn, (resource_type, seq), &body, None)?;
        }
        Ok(Some(undone))
    }

    /// The `versionId` after this one: the next number. Where it is no number, the number of the
    /// write is unique too.
    pub(super) fn version_after(&self, version_id: &str) -> String {
        match version_id.parse::<u64>() {
            Ok(number) if number < u64::MAX => (number + 1).to_string(),
            _ => (self.seq + 1).to_string(),
        }
    }

    /// The `versionId` of a new resource: 1, or after a deletion the number after the deletion's.
    /// Versions of another owner are not counted.
    fn first_version(&self, resource: &Resource) -> Result<String> {
        if !self.has_history {
            return Ok("1".to_owned());
        }
        let sql = "SELECT version_id FROM history WHERE type = ?1 AND id = ?2 AND owner = ?3
                    ORDER BY ended DESC LIMIT 1";
        let key = (&resource.resource_type, &resource.id, self.owner);
        let last: Option<String> = maybe(&self.conn, sql, key, |row| row.get(0))?;
        Ok(match last {
            None => "1".to_owned(),
            Some(last) => self.version_after(&self.version_after(&last)),
        })
    }

    /// Inserts a current version, with its identifiers, derived rows and open references.
    pub(super) fn insert(
        &mut self,
        resource: &Resource,
        version_id: &str,
        replace: Assigned,
        hash: &[u8],
        VersionRest { unresolved, made }: VersionRest<'_>,
    ) -> Result<()> {
        let stamped = resource
            .stamped(&Stamp {
                version_id,
                last_updated: self.time,
                last_updated_text: &self.time_text,
                replace,
            })
            .map_err(|reason| Error::new(Kind::Invalid, reason))?;
        if !stamped.assigned.last_updated && stamped.last_updated <= self.handed_out {
            self.late += 1;
        }
        // What says that it will change later counts as changed now. Else it would be in every export
        // `_since` until that time.
        let is_ahead = stamped.last_updated > self.time;
        self.ahead += u64::from(is_ahead);
        self.found.forget(&resource.resource_type);
        self.seq += 1;
        let last_updated = stamped.last_updated.min(self.time).micros();
        let assigned = i64::from(stamped.assigned.last_updated)
            | i64::from(stamped.assigned.version_id) << 1
            | i64::from(is_ahead) << 2;
        let size = stamped.body.len() as i64;
        let of_type = BodySum::of_type(resource.resource_type.as_bytes());
        let body_checksum = of_type.of(self.seq, stamped.body.as_bytes());
        let row_checksum = row_sum([
            ValueRef::Integer(self.seq),
            ValueRef::Text(resource.resource_type.as_bytes()),
            ValueRef::Text(resource.id.as_bytes()),
            ValueRef::Text(stamped.version_id.as_bytes()),
            ValueRef::Integer(last_updated),
            ValueRef::Integer(self.owner),
            ValueRef::Integer(assigned),
            ValueRef::Integer(size),
            ValueRef::Blob(hash),
            ValueRef::Integer(body_checksum),
        ]);
        let type_code = self.type_codes.of(&self.conn, &resource.resource_type)?;
        run(
            &self.conn,
            &self.sql.insert,
            (
                self.seq,
                type_code,
                &resource.id,
                stamped.version_id,
                last_updated,
                self.owner,
                assigned,
                size,
                hash,
                body_checksum,
                row_checksum,
            ),
        )?;
        let sql = "INSERT INTO version_body (seq, body) VALUES (?1, ?2)";
        run(&self.conn, sql, (self.seq, stamped.body.as_ref()))?;
        for identifier in &resource.identifiers {
            let sql = "INSERT INTO identifier (seq, type, system, value) VALUES (?1, ?2, ?3, ?4)";
            let values = (self.seq, &resource.resource_type, &identifier.system, &identifier.value);
            run(&self.conn, sql, values)?;
        }
        let patients = match self.fhir_version {
            FhirVersion::R4 => Cow::Borrowed(&resource.patients),
            other => {
                Cow::Owned(compartment::patients(other, &resource.resource_type, &resource.text))
            }
        };
        insert_compartments(&self.conn, self.seq, &patients)?;
        let context = resource.security_context.as_ref();
        insert_attachments(&self.conn, self.seq, &resource.attachments, context)?;
        let (resource_type, mentions) = (&resource.resource_type, &resource.mentions);
        self.mentioned.insert(&self.conn, self.seq, resource_type, mentions)?;
        self.insert_entries(resource)?;
        let place = (resource_type.as_str(), self.seq);
        self.views.insert(&self.conn, place, &stamped.body, made)?;
        self.note_unresolved(self.seq, unresolved)
    }

    /// Inserts the keys of the version just inserted for the indexed search parameters.
    fn insert_entries(&self, resource: &Resource) -> Result<()> {
        let Resource { resource_type, text, entries, .. } = resource;
        match entries.as_ref().filter(|made| made.are_for(&self.indexed)) {
            Some(made) => insert_entries(&self.conn, self.seq, &made.entries),
            None => {
                let entries = self.indexed.entries(resource_type, text);
                insert_entries(&self.conn, self.seq, &entries)
            }
        }
    }

    /// Ends a current version; `by` is the number of the write that ends it.
    pub(super) fn end(
        &mut self,
        (resource_type, seq): (&str, i64),
        by: i64,
        deleted: bool,
    ) -> Result<()> {
        let values = (seq, by, self.time.micros(), deleted);
        if run(&self.conn, &self.sql.end, values)? == 0 {
            return Err(damaged_version(&self.conn, seq));
        }
        run(&self.conn, "DELETE FROM current_version WHERE seq = ?1", [seq])?;
        self.views.delete(&self.conn, resource_type, seq)?;
        self.has_history = true;
        Ok(())
    }

    /// Deletes a resource; `false` where there is none.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn delete(&mut self, resource_type: &str, id: &str) -> Result<bool> {
        self.restore_identity()?;
        let sql = "SELECT seq FROM resource WHERE type = ?1 AND id = ?2";
        let Some(seq) = maybe(&self.conn, sql, (resource_type, id), |row| row.get(0))? else {
            return Ok(false);
        };
        self.found.forget(resource_type);
        self.seq += 1;
        self.end((resource_type, seq), self.seq, true)?;
        Ok(true)
    }

    /// The content hash of the current version, if `self.owner` owns it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn current_hash(&mut self, resource_type: &str, id: &str) -> Result<Option<Vec<u8>>> {
        self.restore_identity()?;
        let sql = "SELECT hash FROM resource WHERE type = ?1 AND id = ?2 AND owner = ?3";
        maybe(&self.conn, sql, (resource_type, id, self.owner), |row| row.get(0))
    }

    /// True where `self.owner` owned the resource and it is deleted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn was_deleted(&mut self, resource_type: &str, id: &str) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM history
                                   WHERE type = ?1 AND id = ?2 AND owner = ?3 AND deleted)";
        let key = (resource_type, id, self.owner);
        let deleted: bool = one(&self.conn, sql, key, |row| row.get(0))?;
        Ok(deleted && self.current_hash(resource_type, id)?.is_none())
    }
}

impl Store {
    /// Deletes resources, all in one transaction; for each returns whether it existed. Exports that
    /// were handed out before keep them.
    ///
    /// # Errors
    /// `ReadOnly`, `Busy`, `Full`, or where the disk refuses. Nothing is deleted then.
    pub fn delete(&self, resources: &[(String, String)]) -> Result<Vec<bool>> {
        self.delete_all(resources).map_err(|error| error.at_file(self.path()))
    }

    fn delete_all(&self, resources: &[(String, String)]) -> Result<Vec<bool>> {
        let mut writer = self.writer()?;
        writer.begin(Some(0), 0)?;
        let mut existed = Vec::with_capacity(resources.len());
        for (resource_type, id) in resources {
            existed.push(writer.delete(resource_type, id)?);
        }
        writer.commit()?;
        Ok(existed)
    }
}
