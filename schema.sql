-- A fhirlite store, format 4. Query it with the sqlite3 shell:
--
--   sqlite3 demo.db '.mode box' 'SELECT * FROM type_summary'
--   sqlite3 demo.db "SELECT json_extract(body, '$.birthDate') FROM resource WHERE type = 'Patient'"
--
-- Reading is always safe, also while fhirlite has the file open. Only fhirlite should write to it:
-- exports rely on seq and size, and a hand-made row would break them.
--
-- Times are integers: microseconds since 1970-01-01T00:00:00Z. The views show them as text.

-- Facts about this store.
--   last_seq               the number of the last write
--   last_write_time        the time that the last write gave its resources
--   last_transaction_time  the last transactionTime handed out with a manifest
--   last_pruned            the number of the write that ended the last pruned version
--   signing_key            signs the file names in manifests (32 random bytes); `fhirlite key rotate`
--                          replaces it, and file names signed before are no longer accepted
--   store_id               tells this store from every other (16 random bytes)
CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;

-- The current state: one row for each resource.
CREATE TABLE resource (
  seq          INTEGER PRIMARY KEY,  -- the number of the write that made this version
  type         TEXT    NOT NULL,     -- resourceType
  id           TEXT    NOT NULL,     -- logical id: unique within its type
  version_id   TEXT    NOT NULL,     -- meta.versionId
  last_updated INTEGER NOT NULL,     -- meta.lastUpdated, microseconds since 1970 UTC
  owner        INTEGER NOT NULL DEFAULT 0, -- whose (user.id); 0: nobody's in particular
  assigned     INTEGER NOT NULL,     -- what the import set: 1 meta.lastUpdated, 2 meta.versionId, 3 both
  size         INTEGER NOT NULL,     -- bytes of body
  hash         BLOB    NOT NULL,     -- SHA-256 of the text as it came in: a repeated import changes nothing
  body         TEXT    NOT NULL      -- the resource, JSON on one line, its own bytes
);

-- Versions that were replaced or deleted. "The store at t" is every row of resource with seq <= t and
-- every row of history with seq <= t < ended. So an export cut at t never changes. A server prunes
-- versions that no export can need any more (see --job-ttl). The last version of a deleted resource
-- keeps its row, without the body, because exports with _since list deletions in `deleted` files.
CREATE TABLE history (
  seq          INTEGER PRIMARY KEY,
  type         TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  version_id   TEXT    NOT NULL,
  last_updated INTEGER NOT NULL,
  owner        INTEGER NOT NULL DEFAULT 0,
  assigned     INTEGER NOT NULL,
  size         INTEGER NOT NULL,
  hash         BLOB    NOT NULL,
  ended        INTEGER NOT NULL,     -- the number of the write that replaced or deleted it
  ended_at     INTEGER NOT NULL,     -- when, microseconds since 1970 UTC
  deleted      INTEGER NOT NULL,     -- 1 deleted, 0 replaced
  body         TEXT    NOT NULL      -- empty, and size 0, once it was let go
);

-- Business identifiers of every version: the elements `identifier` at the root of the resource.
-- Searches, conditional references and ifNoneExist use this table.
CREATE TABLE identifier (
  seq    INTEGER NOT NULL,
  type   TEXT    NOT NULL,
  system TEXT,
  value  TEXT    NOT NULL
);

-- Conditional references (Practitioner?identifier=...) that matched no resource or several. Each
-- import ends by trying those of the current versions again.
CREATE TABLE unresolved (
  reference TEXT    NOT NULL,
  seq       INTEGER NOT NULL,        -- the version that holds the reference
  PRIMARY KEY (reference, seq)
) WITHOUT ROWID;

-- The Patient compartment: a row for each patient in whose compartment a version is, by the links of
-- https://hl7.org/fhir/R4/compartmentdefinition-patient.html. Patients themselves have no rows.
CREATE TABLE compartment (
  seq     INTEGER NOT NULL,          -- the version
  patient TEXT    NOT NULL,          -- the Patient's id, whether there is such a Patient or not
  PRIMARY KEY (seq, patient)
) WITHOUT ROWID;

-- Versions with attachments whose URL is relative (Binary/1). An export makes each such URL absolute,
-- so this table gives the length of the exported line.
CREATE TABLE attachment (
  seq           INTEGER PRIMARY KEY, -- the version
  relative_urls INTEGER NOT NULL     -- how many
);

-- Accepted exports. Each shows the store at its snapshot, so its files can be computed at any time.
-- Versions that a job can see are not pruned.
CREATE TABLE job (
  id               TEXT PRIMARY KEY, -- 32 hexadecimal digits, in the polling location
  state            TEXT    NOT NULL, -- running, complete, failed
  reader           TEXT    NOT NULL DEFAULT 'open', -- for whom: open (an open server), a user.id, users-N or
                                     -- client-N (N: client.id): without or with what is nobody's
  request          TEXT    NOT NULL, -- what was asked for, checked, as JSON
  snapshot         INTEGER NOT NULL, -- the last write that it sees
  transaction_time INTEGER NOT NULL, -- microseconds since 1970 UTC, like the others
  created_at       INTEGER NOT NULL,
  expires_at       INTEGER NOT NULL,
  failure          TEXT              -- why it failed
);

-- The files of a complete job. A file's content is selected, not copied: the versions of one type
-- numbered first to last (with the job's _since and _until), or the versions listed in rows.
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

-- Clients, for servers that require authorization (serve --auth required). Of secrets, codes and
-- tokens only the SHA-256 is stored; all of them are random or long.
CREATE TABLE client (
  id          INTEGER PRIMARY KEY,
  client_id   TEXT    NOT NULL UNIQUE,
  secret_hash BLOB,                  -- NULL: it has none
  jwks        TEXT,                  -- its public keys, a JSON Web Key Set; NULL: none here
  jwks_url    TEXT,                  -- where they are instead
  scope       TEXT,                  -- what it may be granted with these, such as system/*.rs
  created_at  INTEGER NOT NULL,
  removed_at  INTEGER                -- since when it is none any more
);

-- Users of 1upHealth clients. A user owns the resources imported with --user.
CREATE TABLE user (
  id          INTEGER PRIMARY KEY,   -- oneup_user_id
  client      INTEGER NOT NULL,      -- client.id
  app_user_id TEXT    NOT NULL,      -- what the client calls the user
  active      INTEGER NOT NULL,      -- 0: nobody is given what is theirs
  created_at  INTEGER NOT NULL,
  UNIQUE (client, app_user_id)
);

-- Codes and tokens that were issued and have not expired.
CREATE TABLE token (
  hash       BLOB    PRIMARY KEY,
  kind       TEXT    NOT NULL,       -- code, access, refresh
  client     INTEGER NOT NULL,
  user       INTEGER,                -- NULL: the client itself
  scope      TEXT    NOT NULL,
  family     BLOB    NOT NULL,       -- shared by all that came of one code
  used       INTEGER NOT NULL,       -- 1: exchanged; should it come again, its family ends
  issued_at  INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Assertions that clients have signed in with. None is accepted twice.
CREATE TABLE assertion (
  client     INTEGER NOT NULL,
  jti        BLOB    NOT NULL,       -- SHA-256 of it
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (client, jti)
) WITHOUT ROWID;

-- The audit trail: which client got what, where authorization is required. Rows are only ever added.
CREATE TABLE audit (
  id       INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  event    TEXT    NOT NULL,         -- export: one was begun; file: one of its files was fetched; read; search
  export   TEXT,                     -- what an export and its files share: its job, or a number of its own
  client   TEXT,                     -- client_id
  user     TEXT,                     -- app_user_id; NULL: the client itself
  request  TEXT    NOT NULL,         -- the path, with its parameters but without secrets; of a POST those of its body too
  snapshot INTEGER,                  -- the last write that the export sees
  bytes    INTEGER NOT NULL,         -- sent, before any compression
  whole    INTEGER NOT NULL          -- 1: everything that was asked for was sent
);

-- (id, type) and not (type, id): ids differ in their first bytes, so comparing them is cheaper.
CREATE UNIQUE INDEX resource_identity ON resource (id, type);
CREATE INDEX resource_by_time ON resource (type, last_updated, seq, size, owner);
CREATE INDEX resource_by_seq  ON resource (type, seq, last_updated, size, owner);
CREATE INDEX resource_by_owner ON resource (owner, type, seq, last_updated, size) WHERE owner > 0;
CREATE INDEX history_identity ON history (type, id, ended);
CREATE INDEX history_by_seq   ON history (type, seq, ended, last_updated, size, owner);
CREATE INDEX history_by_end   ON history (ended);
CREATE INDEX history_kept     ON history (ended, ended_at) WHERE size > 0;
CREATE INDEX history_deleted  ON history (ended, ended_at) WHERE deleted = 1;
CREATE INDEX history_by_owner ON history (owner, seq) WHERE owner > 0;
CREATE INDEX identifier_by_value ON identifier (value, type, seq);
CREATE INDEX compartment_by_patient ON compartment (patient, seq);
CREATE INDEX token_by_family ON token (family);
CREATE INDEX token_by_holder ON token (client, user);
CREATE INDEX token_by_end    ON token (expires_at);
CREATE INDEX assertion_by_end ON assertion (expires_at);
CREATE INDEX audit_by_export ON audit (export, event, bytes);

-- Number and size of resources by type.
CREATE VIEW type_summary AS
  SELECT type,
         count(*)  AS resources,
         sum(size) AS bytes,
         strftime('%Y-%m-%dT%H:%M:%fZ', min(last_updated) / 1e6, 'unixepoch') AS oldest,
         strftime('%Y-%m-%dT%H:%M:%fZ', max(last_updated) / 1e6, 'unixepoch') AS newest
    FROM resource GROUP BY type;

-- Every version of every resource, with times as text. ended is NULL for the current version.
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

-- Exports in the audit trail, and how much of each was downloaded.
CREATE VIEW exported AS
  SELECT strftime('%Y-%m-%dT%H:%M:%fZ', at / 1e6, 'unixepoch') AS at, client, user, request, snapshot,
         (SELECT count(*) FROM audit AS file
           WHERE file.export = audit.export AND file.event = 'file') AS files,
         (SELECT coalesce(sum(bytes), 0) FROM audit AS file
           WHERE file.export = audit.export AND file.event = 'file') AS bytes
    FROM audit WHERE id IN (SELECT min(id) FROM audit WHERE event = 'export' GROUP BY export)
   ORDER BY id;

-- The Patient compartment of the current state.
CREATE VIEW patient_resource AS
  SELECT patient, type, id, seq, body FROM compartment JOIN resource USING (seq);

-- Patients: name, gender, date of birth and city.
CREATE VIEW patient AS
  SELECT id,
         json_extract(body, '$.name[0].family')   AS family,
         json_extract(body, '$.name[0].given[0]') AS given,
         json_extract(body, '$.gender')           AS gender,
         json_extract(body, '$.birthDate')        AS birth_date,
         json_extract(body, '$.address[0].city')  AS city
    FROM resource WHERE type = 'Patient';

-- Observations: one row each, without components.
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

-- Conditions: one row each.
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
