//! `fhirlite check`: looks for damage and contradictions in a store.
//!
//! Each rule is one pass over a table, so a check takes time in proportion to the versions that the
//! store has. The rules are in `rules.rs`.

use std::collections::HashMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::checksum::{BODY_SUM, row_sum, row_sum_with};
use super::clock::clock_lead;
use super::derived::Derived;
use super::fhir_version::fhir_version;
use super::format::{model, schema_objects};
use super::handle::Store;
use super::index::{ParameterRow, parameter_rows};
use super::index_check::{NOT_INDEXED, index_faults, is_indexed};
use super::mention::stored_mentions;
use super::rules::{HAS_BODY, HISTORY_RULES, Rule, SETTING_RULES, VERSION_RULES};
use super::sql::{all, one};
use super::tables::{CURRENT, ENDED, OF_A_VERSION};
use super::view_check::view_findings;
use crate::error::Result;
use crate::fhir::attachment::AttachmentUrls;
use crate::fhir::version::FhirVersion;
use crate::fhir::{Identifier, ResourceIdentity};
use crate::time::Instant;

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: `Type/id` with its version, or the file.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    fn in_file(what: String) -> Finding {
        Finding { place: "file".to_owned(), what }
    }
}

/// How many faults of pages and indexes SQLite tells.
const MOST_OF_PAGES: u32 = 1000;

/// How a finding names the version in a row of `resource` or `history`.
///
/// As bytes, because damaged ones may be no text.
const PLACE: &str = "CAST(coalesce(type, '') || '/' || coalesce(id, '') || ' version ' || coalesce(version_id, '') AS BLOB)";

/// What every version must meet, in `resource` and in `history`, also without a body.
const CHECKSUM_RULES: [&str; 2] =
    ["the body is not as it was stored", "the row is not as it was stored"];

/// The place in a row whose first column is [`PLACE`].
fn place(row: &Row<'_>) -> rusqlite::Result<String> {
    Ok(String::from_utf8_lossy(row.get_ref(0)?.as_bytes().unwrap_or_default()).into_owned())
}

impl Store {
    /// Looks for contradictions in the whole file, calling `found` for each.
    ///
    /// # Errors
    /// Where the file cannot be read at all.
    pub fn check(&self, found: &mut dyn FnMut(Finding)) -> Result<()> {
        let conn = self.reader()?;
        let fhir_version = fhir_version(&conn)?.unwrap_or_default();
        let (identifiers, parameters) = (HashMap::new(), Vec::new());
        Check { conn: &conn, now: self.now(), fhir_version, identifiers, parameters, found }.run()
    }
}

/// A check under way.
struct Check<'a> {
    conn: &'a Connection,
    now: Instant,
    fhir_version: FhirVersion,
    /// A sum over the identifiers of each version, in any order.
    identifiers: HashMap<i64, i64>,
    /// The search parameters that are kept indexed.
    parameters: Vec<ParameterRow>,
    found: &'a mut dyn FnMut(Finding),
}

impl Check<'_> {
    fn run(&mut self) -> Result<()> {
        self.integrity()?;
        self.schema()?;
        self.settings();
        self.fhir_version();
        self.clock();
        self.pass("write_mark", Check::marks);
        for table in ["resource", "history"] {
            for Rule { finding, condition } in VERSION_RULES {
                self.versions(table, finding, &format!("({condition}) AND {HAS_BODY}"));
            }
            self.pass(table, Check::meta);
            let [body, row] = CHECKSUM_RULES;
            self.versions(table, body, &format!("body_checksum IS NOT {BODY_SUM}"));
            self.versions(table, row, &format!("row_checksum IS NOT {}", row_sum_with(table, &[])));
        }
        self.pass("search_parameter", Check::indexes);
        match self.identifier_sums() {
            Ok(sums) => self.identifiers = sums,
            Err(error) => self.found_in_file(format!("identifier: {error}")),
        }
        for table in ["resource", "history"] {
            self.pass(table, Check::derived_rows);
        }
        for table in [CURRENT, ENDED] {
            self.versions_without_type(table);
        }
        self.pass("type_total", Check::totals);
        self.pass("view_definition", Check::views);
        for Rule { finding, condition } in HISTORY_RULES {
            self.versions("history", finding, condition);
        }
        for table in OF_A_VERSION.into_iter().chain(["identifier"]) {
            self.orphans(table);
        }
        Ok(())
    }

    fn found_in_file(&mut self, what: String) {
        (self.found)(Finding::in_file(what));
    }

    fn found_at(&mut self, place: String, what: &str) {
        (self.found)(Finding { place, what: what.to_owned() });
    }

    /// Runs a check of one table. If the table cannot be read, that is a finding.
    fn pass(&mut self, table: &str, check: fn(&mut Self, &str) -> Result<()>) {
        if let Err(error) = check(self, table) {
            self.found_in_file(format!("{table}: {error}"));
        }
    }

    /// SQLite's own check of pages and indexes.
    fn integrity(&mut self) -> Result<()> {
        let sql = format!("PRAGMA integrity_check({MOST_OF_PAGES})");
        let lines: Vec<String> = all(self.conn, &sql, (), |row| row.get(0))?;
        for line in lines.into_iter().filter(|line| line != "ok") {
            self.found_in_file(line);
        }
        Ok(())
    }

    /// Every table and index of the schema must exist.
    fn schema(&mut self) -> Result<()> {
        for object in schema_objects(&model()?)?.iter().filter(|object| object.kind != "view") {
            let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1)";
            if !one(self.conn, sql, [&object.name], |row| row.get::<_, bool>(0))? {
                self.found_in_file(format!("{} is missing", object.name));
            }
        }
        Ok(())
    }

    /// The version of FHIR must be one, where it is there.
    fn fhir_version(&mut self) {
        let sql = "SELECT count(*) FROM setting WHERE name = 'fhir_version'";
        let has_row = matches!(one(self.conn, sql, (), |row| row.get::<_, u64>(0)), Ok(1));
        if has_row && !matches!(fhir_version(self.conn), Ok(Some(_))) {
            self.found_in_file("the setting fhir_version has a wrong value".to_owned());
        }
    }

    /// The store's times must not lie ahead of the clock.
    fn clock(&mut self) {
        // A setting of another type was found before.
        if let Ok(Some(lead)) = clock_lead(self.conn, self.now) {
            self.found_in_file(lead.to_string());
        }
    }

    /// Every setting must exist and be of its type.
    fn settings(&mut self) {
        for (name, condition) in SETTING_RULES {
            let sql = format!("SELECT count(*) FROM setting WHERE name = ?1 AND {condition}");
            if !matches!(one(self.conn, &sql, [name], |row| row.get::<_, u64>(0)), Ok(1)) {
                self.found_in_file(format!("the setting {name} is missing or has a wrong value"));
            }
        }
    }

    /// Every mark must be of its form, and of a write that there was.
    fn marks(&mut self, table: &str) -> Result<()> {
        let sql = format!(
            "SELECT count(*) = 0 OR min(typeof(mark) = 'blob' AND length(mark) = 16) = 0
                    OR max(seq) > (SELECT value FROM setting WHERE name = 'last_seq')
               FROM {table}"
        );
        if one(self.conn, &sql, (), |row| row.get(0))? {
            self.found_in_file(format!("{table} has no row, or a row that no write made"));
        }
        Ok(())
    }

    /// Every total must be that of the current versions.
    fn totals(&mut self, table: &str) -> Result<()> {
        let sql = format!(
            "SELECT name FROM resource_type
               LEFT JOIN {table} AS kept ON kept.type = code
               LEFT JOIN (SELECT type, count(*) AS resources, sum(size) AS bytes
                            FROM current_version GROUP BY type) AS counted ON counted.type = code
              WHERE coalesce(kept.resources, 0) IS NOT coalesce(counted.resources, 0)
                 OR coalesce(kept.bytes, 0) IS NOT coalesce(counted.bytes, 0)"
        );
        for name in all::<String>(self.conn, &sql, (), |row| row.get(0))? {
            self.found_in_file(format!("{table} does not match the versions of {name}"));
        }
        Ok(())
    }

    /// Finds the versions in a table that meet `condition`.
    fn versions(&mut self, table: &str, what: &str, condition: &str) {
        let sql = format!("SELECT {PLACE} FROM {table} WHERE {condition}");
        let mut find = || -> Result<()> {
            let mut statement = self.conn.prepare(&sql)?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                self.found_at(place(row)?, what);
            }
            Ok(())
        };
        if let Err(error) = find() {
            self.found_in_file(format!("{table}: {what}: cannot be checked: {error}"));
        }
    }

    /// `last_updated` and `version_id` must be those of the body's `meta`.
    fn meta(&mut self, table: &str) -> Result<()> {
        let mut statement = self.conn.prepare(&format!(
            "SELECT {PLACE}, last_updated, json_extract(body, '$.meta.lastUpdated'),
                    json_extract(body, '$.meta.versionId') IS version_id, assigned & 4
               FROM {table} WHERE json_valid(body) AND {HAS_BODY}"
        ))?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let text = row.get_ref(2)?.as_str().unwrap_or_default();
            let in_body = Instant::parse(text).map(|(instant, _)| instant.micros());
            let stored = row.get_ref(1)?.as_i64().ok();
            // Bit 4 says that the body's time lies after the import.
            let is_right = match row.get_ref(4)?.as_i64() {
                Ok(4) => in_body > stored,
                _ => in_body == stored,
            };
            if in_body.is_none() || !is_right {
                self.found_at(place(row)?, "last_updated is not the body's meta.lastUpdated");
            }
            if !row.get::<_, bool>(3)? {
                self.found_at(place(row)?, "version_id is not the body's meta.versionId");
            }
        }
        Ok(())
    }

    /// Sums up the rows of `identifier` for each version.
    fn identifier_sums(&self) -> Result<HashMap<i64, i64>> {
        let mut sums = HashMap::new();
        let mut statement = self.conn.prepare("SELECT seq, type, system, value FROM identifier")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let values = [row.get_ref(1)?, row.get_ref(2)?, row.get_ref(3)?];
            let sum = sums.entry(row.get(0)?).or_insert(0i64);
            *sum = sum.wrapping_add(row_sum(values));
        }
        Ok(sums)
    }

    /// The sum that the identifiers in a body give. What cannot be read is found elsewhere.
    fn identifier_sum(resource_type: &str, body: &str) -> Option<i64> {
        let identity = ResourceIdentity::read(body, false).ok()?;
        let sum = |one: &Identifier| {
            let values = [Some(resource_type), one.system.as_deref(), one.value.as_deref()];
            row_sum(values.map(ValueRef::from))
        };
        Some(identity.identifiers.iter().map(sum).fold(0, i64::wrapping_add))
    }

    /// The rows of `identifier`, `compartment`, `attachment_url` and `security_context` must be those that
    /// the bodies give.
    fn derived_rows(&mut self, table: &str) -> Result<()> {
        let mut statement = self.conn.prepare(&format!(
            "SELECT {PLACE}, seq, type, body,
                    (SELECT type || '/' || id FROM security_context AS context
                      WHERE context.seq = {table}.seq)
               FROM {table} WHERE json_valid(body) AND {HAS_BODY}"
        ))?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            // Another type of value is found elsewhere.
            let (Ok(resource_type), Ok(body)) =
                (row.get_ref(2)?.as_str(), row.get_ref(3)?.as_str())
            else {
                continue;
            };
            let mut derived = Derived::from_body(self.fhir_version, resource_type, body);
            derived.patients.sort();
            let kept = self.identifiers.get(&row.get::<_, i64>(1)?).copied().unwrap_or(0);
            if Check::identifier_sum(resource_type, body).is_some_and(|sum| sum != kept) {
                self.found_at(place(row)?, "identifier does not match the identifiers in the body");
            }
            let sql = "SELECT patient FROM compartment WHERE seq = ?1 ORDER BY patient";
            let patients = all(self.conn, sql, [row.get::<_, i64>(1)?], |row| row.get(0));
            if patients.ok() != Some(derived.patients) {
                self.found_at(place(row)?, "compartment does not match the patients in the body");
            }
            let sql = "SELECT target_type, target_id, base, relative, removed FROM attachment_url
                        WHERE seq = ?1 ORDER BY target_type, target_id, base";
            let attachments = all(self.conn, sql, [row.get::<_, i64>(1)?], |row| {
                Ok(AttachmentUrls {
                    target_type: row.get(0)?,
                    target_id: row.get(1)?,
                    base: row.get(2)?,
                    relative: row.get(3)?,
                    removed: row.get(4)?,
                })
            });
            if attachments.ok() != Some(derived.attachments) {
                let what = "attachment_url does not match the attachments in the body";
                self.found_at(place(row)?, what);
            }
            let seq = row.get::<_, i64>(1)?;
            if !stored_mentions(self.conn, seq, resource_type, &derived.mentions).unwrap_or(false) {
                self.found_at(
                    place(row)?,
                    "reference or provenance_target does not match the references in the body",
                );
            }
            if !is_indexed(self.conn, &self.parameters, seq, resource_type, body).unwrap_or(false) {
                self.found_at(place(row)?, NOT_INDEXED);
            }
            let context = derived.security_context.map(|(name, id)| format!("{name}/{id}"));
            if row.get::<_, Option<String>>(4).ok() != Some(context) {
                self.found_at(place(row)?, "security_context is not that of the body");
            }
        }
        Ok(())
    }

    /// Every indexed parameter must be one of its type, and every row must belong to one.
    fn indexes(&mut self, _: &str) -> Result<()> {
        self.parameters = parameter_rows(self.conn)?;
        for fault in index_faults(self.conn, &self.parameters)? {
            self.found_in_file(fault);
        }
        Ok(())
    }

    /// Every table of a view must have the rows that the view makes.
    fn views(&mut self, _: &str) -> Result<()> {
        let Check { conn, found, .. } = self;
        view_findings(conn, &mut |what| found(Finding::in_file(what)))
    }

    /// Every row of `table` must belong to a version.
    fn orphans(&mut self, table: &str) {
        let condition = "seq NOT IN (SELECT seq FROM current_version)
                         AND seq NOT IN (SELECT seq FROM ended_version)";
        self.rows(table, condition, "belong to no version");
    }

    /// Every version must have a type. The views leave out one that has none.
    fn versions_without_type(&mut self, table: &str) {
        let condition = "type NOT IN (SELECT code FROM resource_type)";
        self.rows(table, condition, "have a type that resource_type lacks");
    }

    /// No row of `table` must meet `condition`.
    fn rows(&mut self, table: &str, condition: &str, what: &str) {
        let sql = format!("SELECT count(*) FROM {table} WHERE {condition}");
        match one(self.conn, &sql, (), |row| row.get::<_, u64>(0)) {
            Ok(0) => {}
            Ok(rows) => self.found_in_file(format!("{rows} rows of {table} {what}")),
            Err(error) => self.found_in_file(format!("{table}: {error}")),
        }
    }
}
