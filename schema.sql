-- A fhirlite store, format 2. Open it with the sqlite3 shell and look around:
--
--   sqlite3 demo.db '.mode box' 'SELECT * FROM type_summary'
--   sqlite3 demo.db "SELECT json_extract(body, '$.birthDate') FROM resource WHERE type = 'Patient'"
--
-- Reading is always safe, also while fhirlite has the file open. Write to it with fhirlite only:
-- seq and the size column carry promises that a hand-made row would break.
--
-- Times are integers: microseconds since 1970-01-01T00:00:00Z. The views show them as text.

-- Facts about this store.
--   last_seq               the last number given to a write
--   last_write_time        the time that the last write stamped its resources with
--   last_transaction_time  the last transactionTime handed out with a manifest
--   last_pruned            the write that ended the last version that was let go
--   signing_key            makes the file names in manifests unforgeable (32 random bytes)
CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;

-- The current state: one row for each resource, a plain table.
CREATE TABLE resource (
  seq          INTEGER PRIMARY KEY,  -- the number of the write that made this version
  type         TEXT    NOT NULL,     -- resourceType
  id           TEXT    NOT NULL,     -- logical id: unique within its type
  version_id   TEXT    NOT NULL,     -- meta.versionId
  last_updated INTEGER NOT NULL,     -- meta.lastUpdated, microseconds since 1970 UTC
  assigned     INTEGER NOT NULL,     -- what the import set: 1 meta.lastUpdated, 2 meta.versionId, 3 both
  size         INTEGER NOT NULL,     -- bytes of body
  hash         BLOB    NOT NULL,     -- SHA-256 of the text as it came in: a repeated import changes nothing
  body         TEXT    NOT NULL      -- the resource, JSON on one line, its own bytes
);

-- Versions that were replaced or deleted. "The store at t" is every version, here or above, with
-- seq <= t and, if it is here, ended > t. So an export cut at t stays what it is. A server lets them
-- go when no export can need them any more (see --job-ttl); of a deleted resource the row stays,
-- without its body, because that it was deleted is worth knowing (`deleted` files with _since).
CREATE TABLE history (
  seq          INTEGER PRIMARY KEY,
  type         TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  version_id   TEXT    NOT NULL,
  last_updated INTEGER NOT NULL,
  assigned     INTEGER NOT NULL,
  size         INTEGER NOT NULL,
  hash         BLOB    NOT NULL,
  ended        INTEGER NOT NULL,     -- the number of the write that replaced or deleted it
  ended_at     INTEGER NOT NULL,     -- when, microseconds since 1970 UTC
  deleted      INTEGER NOT NULL,     -- 1 deleted, 0 replaced
  body         TEXT    NOT NULL      -- empty, and size 0, once it was let go
);

-- Business identifiers (identifier at a resource's root) of every version; seq says of which.
-- Conditional references and ifNoneExist are resolved by it.
CREATE TABLE identifier (
  seq    INTEGER NOT NULL,
  type   TEXT    NOT NULL,
  system TEXT,
  value  TEXT    NOT NULL
);

-- Conditional references (Practitioner?identifier=...) that found nothing or several. The end of
-- each import tries those of the current versions again.
CREATE TABLE unresolved (
  reference TEXT    NOT NULL,
  seq       INTEGER NOT NULL,        -- the version that holds the reference
  PRIMARY KEY (reference, seq)
) WITHOUT ROWID;

-- The Patient compartment: a row for each patient that a version is about, by the links of
-- https://hl7.org/fhir/R4/compartmentdefinition-patient.html. Patients themselves have none.
CREATE TABLE compartment (
  seq     INTEGER NOT NULL,          -- the version
  patient TEXT    NOT NULL,          -- the Patient's id, whether there is such a Patient or not
  PRIMARY KEY (seq, patient)
) WITHOUT ROWID;

-- Versions with attachments whose URL is relative (Binary/1). Exports make these absolute, which
-- makes each so many times longer.
CREATE TABLE attachment (
  seq           INTEGER PRIMARY KEY, -- the version
  relative_urls INTEGER NOT NULL     -- how many
);

-- Accepted exports. Each is cut from the store at its snapshot, so it can be worked out (again) at
-- any time; what a live job can see is kept.
CREATE TABLE job (
  id               TEXT PRIMARY KEY, -- 32 hexadecimal digits, in the polling location
  state            TEXT    NOT NULL, -- running, complete, failed
  request          TEXT    NOT NULL, -- what was asked for, checked, as JSON
  snapshot         INTEGER NOT NULL, -- the last write that it sees
  transaction_time INTEGER NOT NULL, -- microseconds since 1970 UTC, like the others
  created_at       INTEGER NOT NULL,
  expires_at       INTEGER NOT NULL,
  failure          TEXT              -- why it failed
);

-- The files of a complete job. What is in them is selected, not copied: the versions numbered first
-- to last of one type (with the job's _since and _until), or those listed in rows.
CREATE TABLE job_file (
  job          TEXT    NOT NULL,
  number       INTEGER NOT NULL,     -- its place in the manifest
  kind         TEXT    NOT NULL,     -- output, deleted, error
  name         TEXT    NOT NULL,     -- the last segment of its URL
  type         TEXT,                 -- of its resources; NULL where they are organized by patient
  count        INTEGER NOT NULL,     -- lines
  bytes        INTEGER NOT NULL,
  continues_in TEXT,                 -- the name of the file that its last block goes on in
  first        INTEGER,
  last         INTEGER,
  rows         BLOB,                 -- blocks: length of a header's text, the text, number of versions, steps from one seq to the next; all LEB128, steps zigzag
  body         TEXT,                 -- the lines themselves, of an error file
  PRIMARY KEY (job, number)
) WITHOUT ROWID;

-- (id, type) and not (type, id): ids differ early, so comparing them is cheaper.
CREATE UNIQUE INDEX resource_identity ON resource (id, type);
CREATE INDEX resource_by_time ON resource (type, last_updated, seq, size);
CREATE INDEX resource_by_seq  ON resource (type, seq, last_updated, size);
CREATE INDEX history_identity ON history (type, id, ended);
CREATE INDEX history_by_seq   ON history (type, seq, ended, last_updated, size);
CREATE INDEX history_by_end   ON history (ended);
CREATE INDEX history_kept     ON history (ended, ended_at) WHERE size > 0;
CREATE INDEX history_deleted  ON history (ended, ended_at) WHERE deleted = 1;
CREATE INDEX identifier_by_value ON identifier (value, type, seq);
CREATE INDEX compartment_by_patient ON compartment (patient, seq);

-- How much of what.
CREATE VIEW type_summary AS
  SELECT type,
         count(*)  AS resources,
         sum(size) AS bytes,
         strftime('%Y-%m-%dT%H:%M:%fZ', min(last_updated) / 1e6, 'unixepoch') AS oldest,
         strftime('%Y-%m-%dT%H:%M:%fZ', max(last_updated) / 1e6, 'unixepoch') AS newest
    FROM resource GROUP BY type;

-- Every version of every resource, with times to read; ended is empty for the current one.
CREATE VIEW version AS
  SELECT type, id, version_id, seq,
         strftime('%Y-%m-%dT%H:%M:%fZ', last_updated / 1e6, 'unixepoch') AS last_updated,
         NULL AS ended, 0 AS deleted, body
    FROM resource
  UNION ALL
  SELECT type, id, version_id, seq,
         strftime('%Y-%m-%dT%H:%M:%fZ', last_updated / 1e6, 'unixepoch'),
         strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1e6, 'unixepoch'), deleted, body
    FROM history;

-- What is about whom.
CREATE VIEW patient_resource AS
  SELECT patient, type, id, seq, body FROM compartment JOIN resource USING (seq);

-- Patients with what people look for first.
CREATE VIEW patient AS
  SELECT id,
         json_extract(body, '$.name[0].family')   AS family,
         json_extract(body, '$.name[0].given[0]') AS given,
         json_extract(body, '$.gender')           AS gender,
         json_extract(body, '$.birthDate')        AS birth_date,
         json_extract(body, '$.address[0].city')  AS city
    FROM resource WHERE type = 'Patient';

-- Observations: one row each, components left in the body.
CREATE VIEW observation AS
  SELECT id,
         json_extract(body, '$.subject.reference')      AS subject,
         json_extract(body, '$.encounter.reference')    AS encounter,
         json_extract(body, '$.status')                 AS status,
         json_extract(body, '$.code.coding[0].system')  AS system,
         json_extract(body, '$.code.coding[0].code')    AS code,
         coalesce(json_extract(body, '$.code.text'),
                  json_extract(body, '$.code.coding[0].display')) AS display,
         coalesce(json_extract(body, '$.valueQuantity.value'),
                  json_extract(body, '$.valueString'),
                  json_extract(body, '$.valueCodeableConcept.text'),
                  json_extract(body, '$.valueCodeableConcept.coding[0].display')) AS value,
         json_extract(body, '$.valueQuantity.unit')     AS unit,
         coalesce(json_extract(body, '$.effectiveDateTime'),
                  json_extract(body, '$.effectivePeriod.start')) AS effective
    FROM resource WHERE type = 'Observation';

-- Conditions of patients.
CREATE VIEW condition AS
  SELECT id,
         json_extract(body, '$.subject.reference')      AS subject,
         json_extract(body, '$.clinicalStatus.coding[0].code') AS clinical_status,
         json_extract(body, '$.code.coding[0].system')  AS system,
         json_extract(body, '$.code.coding[0].code')    AS code,
         coalesce(json_extract(body, '$.code.text'),
                  json_extract(body, '$.code.coding[0].display')) AS display,
         coalesce(json_extract(body, '$.onsetDateTime'),
                  json_extract(body, '$.onsetPeriod.start')) AS onset
    FROM resource WHERE type = 'Condition';
