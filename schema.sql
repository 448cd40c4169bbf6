-- A fhirlite store, format 8. Query it with the sqlite3 shell:
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
--   at_rest                1 while nothing has the file open: it has everything. Else the log beside it may
--                          have more
--   log_mark               a random mark of the last time that the file was used: its log has the same one
--   signing_key            signs the file names in manifests (32 random bytes); `fhirlite key rotate`
--                          replaces it, and file names signed before are no longer accepted
--   fhir_version           the version of FHIR: DSTU2, STU3, R4, R4B or R5; missing while it is not known
--   fhir_version_told      1: the content told the version, nobody gave it
--   store_id               tells this store from every other (16 random bytes)
CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value NOT NULL
) WITHOUT ROWID;

-- A random mark for the last write of each transaction that changed resources. Copies of a store that go
-- on by themselves use the same numbers with other marks. So a file URL, which names a number and its
-- mark, never means the bytes of another history. Writes before the first row have none (format 3).
CREATE TABLE write_mark (
  seq  INTEGER PRIMARY KEY,
  mark BLOB    NOT NULL              -- 16 bytes
);

-- The types of resources. Other tables name a type by its number, which is shorter.
CREATE TABLE resource_type (
  code INTEGER PRIMARY KEY,
  name TEXT    NOT NULL UNIQUE       -- resourceType
);

-- How many current versions each type has, and how many bytes their bodies have, at the last commit. An export of
-- everything reads these rows instead of all versions.
CREATE TABLE type_total (
  type      INTEGER PRIMARY KEY,     -- resource_type.code
  resources INTEGER NOT NULL,
  bytes     INTEGER NOT NULL
);

-- The current versions: one row for each resource. The bodies are apart, so that whatever reads or sorts
-- these rows moves few bytes. Query the view resource, which has both.
CREATE TABLE current_version (
  seq          INTEGER PRIMARY KEY,  -- the number of the write that made this version
  type         INTEGER NOT NULL,     -- resource_type.code
  id           TEXT    NOT NULL,     -- logical id: unique within its type
  version_id   TEXT    NOT NULL,     -- meta.versionId
  last_updated INTEGER NOT NULL,     -- meta.lastUpdated, microseconds since 1970 UTC; earlier where assigned has 4
  owner        INTEGER NOT NULL DEFAULT 0, -- whose (user.id); 0: nobody's in particular
  assigned     INTEGER NOT NULL,     -- what the import set: 1 meta.lastUpdated, 2 meta.versionId; 4: meta.lastUpdated
                                     -- lay in the future, and last_updated is when it came. Their sum
  size         INTEGER NOT NULL,     -- bytes of body
  hash         BLOB    NOT NULL,     -- SHA-256 of the text as it came in: a repeated import changes nothing
  body_checksum INTEGER NOT NULL,    -- of the body, its type and seq: docs/store.md, Checksums
  row_checksum  INTEGER NOT NULL     -- of the columns before it, with the name of the type
);

-- Versions that were replaced or deleted: query the view history. "The store at t" is every row of
-- current_version with seq <= t and every row of ended_version with seq <= t < ended. So an export cut at t
-- never changes. A server prunes versions that no export can need any more (see --job-ttl), and so does
-- `fhirlite prune`. The last version of a deleted resource keeps its row, without the body, because exports
-- with _since list deletions in `deleted` files.
CREATE TABLE ended_version (
  seq          INTEGER PRIMARY KEY,
  type         INTEGER NOT NULL,
  id           TEXT    NOT NULL,
  version_id   TEXT    NOT NULL,
  last_updated INTEGER NOT NULL,
  owner        INTEGER NOT NULL DEFAULT 0,
  assigned     INTEGER NOT NULL,
  size         INTEGER NOT NULL,     -- 0 once the body was let go
  hash         BLOB    NOT NULL,
  body_checksum INTEGER NOT NULL,
  ended        INTEGER NOT NULL,     -- the number of the write that replaced or deleted it
  ended_at     INTEGER NOT NULL,     -- when, microseconds since 1970 UTC
  deleted      INTEGER NOT NULL,     -- 1 deleted, 0 replaced
  row_checksum  INTEGER NOT NULL     -- of the columns before it, with the name of the type
);

-- The bodies of both kinds of versions. A body stays where it is when its version ends.
CREATE TABLE version_body (
  seq  INTEGER PRIMARY KEY,          -- the version
  body TEXT    NOT NULL              -- the resource, JSON on one line, its own bytes
);

-- Business identifiers of every version: the elements `identifier` at the root of the resource.
-- Searches, conditional references and ifNoneExist use this table.
CREATE TABLE identifier (
  seq    INTEGER NOT NULL,
  type   TEXT    NOT NULL,
  system TEXT,
  value  TEXT    NOT NULL
);

-- Conditional references (Practitioner?identifier=...) and urn:uuid: references that matched no
-- resource or several. Each import ends by trying those of the current versions again.
CREATE TABLE unresolved (
  reference TEXT    NOT NULL,
  seq       INTEGER NOT NULL,        -- the version that holds the reference
  PRIMARY KEY (reference, seq)
) WITHOUT ROWID;

-- The Patient compartment: a row for each patient in whose compartment a version is, by the links of the
-- store's version of FHIR and those that docs/bulk-data.md adds. Patients themselves have no rows.
CREATE TABLE compartment (
  seq     INTEGER NOT NULL,          -- the version
  patient TEXT    NOT NULL,          -- the Patient's id, whether there is such a Patient or not
  PRIMARY KEY (seq, patient)
) WITHOUT ROWID;

-- URLs of attachments that are relative or name a Binary. An export makes each relative URL absolute
-- that names a resource of the store, so this table gives the length of the exported line. It also says
-- which Binary is about a patient, and who may read it.
CREATE TABLE attachment_url (
  seq         INTEGER NOT NULL,      -- the version that has the attachment
  target_type TEXT    NOT NULL,      -- the type that the URL names; empty where a relative URL names no resource
  target_id   TEXT    NOT NULL,      -- the id that it names; else the beginning of the URL
  base        TEXT    NOT NULL,      -- what stands before the type in an absolute URL; empty for a relative one
  relative    INTEGER NOT NULL,      -- how many such URLs are relative: Binary/1, ./Binary/1, /fhir/Binary/1
  removed     INTEGER NOT NULL,      -- bytes before the types in these
  PRIMARY KEY (seq, target_type, target_id, base)
) WITHOUT ROWID;

-- What the securityContext of a Binary names.
CREATE TABLE security_context (
  seq  INTEGER PRIMARY KEY,          -- the version of the Binary
  type TEXT    NOT NULL,
  id   TEXT    NOT NULL
);

-- What an export of patients brings along with a version: the resources that its references name, of types
-- that are in no compartment, such as Practitioner, Organization, Location and Medication.
CREATE TABLE reference (
  seq    INTEGER NOT NULL,           -- the version
  target INTEGER NOT NULL,           -- reference_target.key
  PRIMARY KEY (seq, target)
) WITHOUT ROWID;

-- The resources that `reference` names, whether there is such a resource or not. A row stays when the last
-- version that names it goes.
CREATE TABLE reference_target (
  key  INTEGER PRIMARY KEY,
  id   TEXT    NOT NULL,
  type TEXT    NOT NULL,
  UNIQUE (id, type)
);

-- Which types have ever referred to which other types. Resources of these are in a compartment as a rule: a
-- reference brings one along that is about no patient, and then the bodies tell the reference.
CREATE TABLE reference_type (
  target TEXT NOT NULL,              -- the type that is referred to
  type   TEXT NOT NULL,              -- the type of a version that has such a reference
  PRIMARY KEY (target, type)
) WITHOUT ROWID;

-- What each Provenance is about, as the 32 bits of a hash of Type/id: its body says whether it is. The hash is
-- the low half of XXH3-64, as a signed integer.
CREATE TABLE provenance_target (
  seq    INTEGER NOT NULL,           -- the version of the Provenance
  target INTEGER NOT NULL,           -- the hash of what it is about
  PRIMARY KEY (seq, target)
) WITHOUT ROWID;

-- Search parameters that are kept indexed (`fhirlite index`). A search uses one whose `filled` has reached `last`:
-- the command adds the rows of the versions up to `last`, and each later write adds its own.
CREATE TABLE search_parameter (
  key    INTEGER PRIMARY KEY,
  type   TEXT    NOT NULL,           -- the type of the resources
  code   TEXT    NOT NULL,           -- the name of the parameter
  rules  INTEGER NOT NULL,           -- by which rules the rows were made of the bodies
  filled INTEGER NOT NULL,           -- versions up to this number have their rows; -1: the rows are being removed
  last   INTEGER NOT NULL,           -- the last write before the parameter was indexed
  UNIQUE (type, code)
);

-- What an indexed parameter finds in each version, to look for by the same value or by the beginning of a text: a code
-- by itself and behind its system, the id and the URL of a reference, a URI. These are kept as the XXH3-64 of the
-- text, a signed integer. A text is kept as its beginning, without case and accents. A search looks at the bodies of
-- what it finds here. A version whose body could not be read for the parameter has the key ''.
CREATE TABLE search_key (
  seq       INTEGER NOT NULL,        -- the version
  parameter INTEGER NOT NULL,        -- search_parameter.key
  key       NOT NULL,                -- INTEGER or TEXT
  PRIMARY KEY (seq, parameter, key)
) WITHOUT ROWID;

-- The same for dates, numbers and quantities: where a value begins and ends. Times are microseconds since 1970, or the
-- lowest and the highest integer where a period is open; numbers are a little wider than in the body.
CREATE TABLE search_range (
  seq       INTEGER NOT NULL,
  parameter INTEGER NOT NULL,
  low       NOT NULL,                -- INTEGER or REAL
  high      NOT NULL,
  PRIMARY KEY (seq, parameter, low, high)
) WITHOUT ROWID;

-- Views of SQL on FHIR whose rows are kept in tables (`fhirlite view add`). The table has the name of the view, its
-- columns, and _row: the number of the version that the row is of * 1048576 + the number of the row, from 0. Only current
-- versions have rows. The command adds the rows of the versions up to `last`, and each later write adds its own.
CREATE TABLE view_definition (
  key        INTEGER PRIMARY KEY,
  name       TEXT    NOT NULL COLLATE NOCASE UNIQUE,
  type       TEXT    NOT NULL,       -- the type of the resources
  definition TEXT    NOT NULL,       -- the ViewDefinition, JSON as it was given
  rules      INTEGER NOT NULL,       -- by which rules the rows were made of the bodies
  filled     INTEGER NOT NULL,       -- versions up to this number have their rows
  last       INTEGER NOT NULL        -- the last write before the view was added, or before its table was made anew
);

-- Resources of which a view makes no rows, because of a fault such as several values in a column for one.
CREATE TABLE view_fault (
  view  INTEGER NOT NULL,            -- view_definition.key
  seq   INTEGER NOT NULL,            -- the version, a current one
  fault TEXT    NOT NULL,            -- the place in the view, the resource, and what is wrong
  PRIMARY KEY (view, seq)
) WITHOUT ROWID;

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
  count        INTEGER NOT NULL,     -- lines, without the headers of patients' blocks
  bytes        INTEGER NOT NULL,
  continues_in TEXT,                 -- the name of the file that its last block goes on in
  first        INTEGER,
  last         INTEGER,
  rows         BLOB,                 -- blocks: length of a header's text, the text, number of versions, steps from one seq to the next; all LEB128, steps zigzag
  body         TEXT,                 -- the lines themselves, of an error file
  PRIMARY KEY (job, number)
) WITHOUT ROWID;

-- Times that a clock which was ahead had given, and what each counts as since the clock was mended
-- (`fhirlite check --mend-clock`). A client may still ask for what came after one of them.
CREATE TABLE mended_time (
  mended_at INTEGER NOT NULL,        -- when the clock was mended, microseconds since 1970 UTC, like the others
  ahead     INTEGER NOT NULL,        -- the time that was given
  time      INTEGER NOT NULL,        -- what it counts as
  PRIMARY KEY (mended_at, ahead)
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

-- Codes and tokens that were issued and have not expired. Client 0 is the operator, with the scope operator.
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

-- The audit trail: which client got what, where authorization is required. Rows are only ever added. Further events,
-- whose request says what happened: refused, sign-in (tries to get in), token, code (what was issued), client, user,
-- key (what was changed).
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

-- (id, type) and not (type, id): ids differ in their first bytes, so comparing them is cheaper. Each index
-- ends with seq, which is the number of the row.
CREATE UNIQUE INDEX current_identity ON current_version (id, type);
CREATE INDEX current_by_type  ON current_version (type);
CREATE INDEX current_by_time  ON current_version (type, last_updated);
CREATE INDEX current_by_owner ON current_version (owner, type) WHERE owner > 0;
CREATE INDEX current_large    ON current_version (size) WHERE size > 8388608;
CREATE INDEX ended_identity ON ended_version (type, id, ended);
CREATE INDEX ended_by_type  ON ended_version (type);
CREATE INDEX ended_by_end   ON ended_version (ended);
CREATE INDEX ended_kept     ON ended_version (ended, ended_at) WHERE size > 0;
CREATE INDEX ended_deleted  ON ended_version (ended, ended_at) WHERE deleted = 1;
CREATE INDEX ended_by_owner ON ended_version (owner) WHERE owner > 0;
CREATE INDEX ended_large    ON ended_version (size) WHERE size > 8388608;
CREATE INDEX identifier_by_value ON identifier (value, type, seq);
CREATE INDEX compartment_by_patient ON compartment (patient, seq);
CREATE INDEX search_key_by_key ON search_key (parameter, key, seq);
CREATE INDEX search_range_by_low ON search_range (parameter, low, high, seq);
CREATE INDEX search_range_by_high ON search_range (parameter, high, seq);
CREATE INDEX provenance_target_by_target ON provenance_target (target, seq);
CREATE INDEX attachment_url_by_target ON attachment_url (target_id, target_type, seq);
CREATE INDEX token_by_family ON token (family);
CREATE INDEX token_by_holder ON token (client, user);
CREATE INDEX token_by_end    ON token (expires_at);
CREATE INDEX assertion_by_end ON assertion (expires_at);
CREATE INDEX audit_by_export ON audit (export, event, bytes);

-- The current state: one row for each resource, with its body. The columns are those of current_version;
-- type is the name.
CREATE VIEW resource AS
  SELECT seq, name AS type, current_version.id, version_id, last_updated, owner, assigned, size, hash,
         body_checksum, row_checksum, body
    FROM current_version
    JOIN resource_type ON resource_type.code = current_version.type
    LEFT JOIN version_body USING (seq);

-- Versions that were replaced or deleted, likewise. body is empty once it was let go.
CREATE VIEW history AS
  SELECT seq, name AS type, ended_version.id, version_id, last_updated, owner, assigned, size, hash,
         ended, ended_at, deleted, body_checksum, row_checksum, coalesce(body, '') AS body
    FROM ended_version
    JOIN resource_type ON resource_type.code = ended_version.type
    LEFT JOIN version_body USING (seq);

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

-- The views of resources. Each has a row for each resource of its type, whatever its body holds: an element
-- of another kind than FHIR says gives its JSON text, or NULL. unlikely() tells SQLite that a type has more
-- rows than the few that it would guess, so it finds those of one patient through compartment.

-- Patients: one row each. The name is the one in use: official before usual before others, a maiden or
-- old one only where there is no other, and one whose period is over after those whose is not.
CREATE VIEW patient AS
  SELECT id, id AS patient,
         coalesce(json_extract(name, '$.text'),
                  nullif(trim(coalesce((SELECT group_concat(value, ' ')
                                          FROM (SELECT value FROM json_each(name, '$.given') ORDER BY key)), '')
                              || ' ' || coalesce(json_extract(name, '$.family'), '')), '')) AS name,
         json_extract(name, '$.family') AS family,
         (SELECT value FROM json_each(name, '$.given') WHERE value IS NOT NULL LIMIT 1) AS given,
         json_extract(body, '$.gender') AS gender,
         json_extract(body, '$.birthDate') AS birth_date,
         CASE json_type(body, '$.deceasedBoolean') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
           ELSE json_extract(body, '$.deceasedDateTime') END AS deceased,
         json_extract(address, '$.city') AS city,
         json_extract(address, '$.state') AS state
    FROM (SELECT id, body,
                 (SELECT value FROM json_each(body, '$.name')
                   WHERE coalesce(json_extract(iif(type = 'object', value, NULL), '$.family'),
                                  json_extract(iif(type = 'object', value, NULL), '$.given[0]'),
                                  json_extract(iif(type = 'object', value, NULL), '$.given[1]'),
                                  json_extract(iif(type = 'object', value, NULL), '$.text')) IS NOT NULL
                   ORDER BY json_extract(iif(type = 'object', value, NULL), '$.use') IN ('old', 'maiden') IS TRUE,
                            json_extract(iif(type = 'object', value, NULL), '$.period.end')
                              < strftime('%Y-%m-%d', 'now') IS TRUE,
                            CASE json_extract(iif(type = 'object', value, NULL), '$.use') WHEN 'official'
                              THEN 0 WHEN 'usual' THEN 1
                              WHEN 'nickname' THEN 3 WHEN 'anonymous' THEN 4 ELSE 2 END,
                            key LIMIT 1) AS name,
                 (SELECT value FROM json_each(body, '$.address')
                   WHERE type = 'object'
                   ORDER BY json_extract(iif(type = 'object', value, NULL), '$.use') IS 'old', key
                     LIMIT 1) AS address
            FROM resource WHERE unlikely(type = 'Patient'));

-- Every resource with the patient whom it is about, and what it is. The views below read it.
--   patient    the Patient's id, where subject (patient, beneficiary) refers to a Patient: a key to join by
--   subject    that reference as it stands in the body
--   encounter  the Encounter's id
--   code       with system and display: of the element that says what it is, such as code or vaccineCode
CREATE VIEW resource_summary AS
  SELECT linked.seq, linked.type, linked.id, compartment.patient, subject,
         CASE WHEN (rtrim(encounter, replace(encounter, '/', '')) = 'Encounter/'
                    OR rtrim(encounter, replace(encounter, '/', '')) GLOB 'http*/Encounter/')
               AND encounter NOT GLOB '*[^-A-Za-z0-9._~:/%]*'
              THEN nullif(substr(encounter, length(rtrim(encounter, replace(encounter, '/', ''))) + 1), '')
         END AS encounter,
         json_extract(body, '$.status') AS status,
         CASE WHEN json_extract(coded, element || '.coding[0].code') IS NULL
         THEN (SELECT json_extract(value, '$.system') FROM json_each(coded, element || '.coding')
                WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1)
         ELSE json_extract(coded, element || '.coding[0].system') END AS system,
         coalesce(json_extract(coded, element || '.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(coded, element || '.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1)) AS code,
         coalesce(json_extract(coded, element || '.text'),
                  json_extract(coded, element || '.coding[0].display'),
                  (SELECT json_extract(value, '$.display') FROM json_each(coded, element || '.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.display') IS NOT NULL LIMIT 1),
                  json_extract(body, '$.medicationReference.display')) AS display,
         body
    FROM (SELECT seq, type, id, body, subject, element,
                 substr(subject, 1, instr(subject || '/_history/', '/_history/') - 1) AS link,
                 substr(encounter, 1, instr(encounter || '/_history/', '/_history/') - 1) AS encounter,
                 CASE WHEN drug IS NULL THEN body
                      WHEN drug GLOB '#*'
                      THEN (SELECT value FROM json_each(body, '$.contained')
                             WHERE json_extract(iif(type = 'object', value, NULL), '$.id') = substr(drug, 2))
                      WHEN rtrim(drug, replace(drug, '/', '')) = 'Medication/'
                        OR rtrim(drug, replace(drug, '/', '')) GLOB 'http*/Medication/'
                      THEN (SELECT medication.body FROM resource AS medication
                             WHERE medication.type = 'Medication'
                               AND medication.id = substr(drug, length(rtrim(drug, replace(drug, '/', ''))) + 1))
                 END AS coded
            FROM (SELECT seq, type, id, body,
                         coalesce(json_extract(body, '$.subject.reference'),
                                  json_extract(body, '$.patient.reference'),
                                  json_extract(body, '$.beneficiary.reference')) AS subject,
                         coalesce(json_extract(body, '$.encounter.reference'),
                                  json_extract(body, '$.context.reference'),
                                  json_extract(body, '$.context.encounter[0].reference')) AS encounter,
                         CASE WHEN type IN ('Claim', 'Coverage', 'Device', 'DocumentReference',
                                            'ExplanationOfBenefit', 'Specimen') THEN '$.type'
                              WHEN type = 'Immunization' THEN '$.vaccineCode'
                              WHEN type = 'Encounter' THEN '$.type[0]'
                              WHEN type IN ('CarePlan', 'CareTeam') THEN '$.category[0]'
                              WHEN type = 'Goal' THEN '$.description'
                              WHEN json_type(body, '$.medicationCodeableConcept') IS NOT NULL
                              THEN '$.medicationCodeableConcept'
                              ELSE '$.code' END AS element,
                         CASE
                           WHEN type GLOB 'Medication?*' AND json_type(body, '$.medicationCodeableConcept') IS NULL
                              THEN substr(json_extract(body, '$.medicationReference.reference'), 1,
                                          instr(json_extract(body, '$.medicationReference.reference') || '/_history/',
                                                '/_history/') - 1) END AS drug
                    FROM resource)) AS linked
         LEFT JOIN compartment
           ON compartment.seq = linked.seq
          AND compartment.patient = CASE WHEN rtrim(link, replace(link, '/', '')) = 'Patient/'
                                           OR rtrim(link, replace(link, '/', '')) GLOB 'http*/Patient/'
                                         THEN substr(link, length(rtrim(link, replace(link, '/', ''))) + 1) END;

-- Observations: one row each; their components are in observation_component. value is a number for a
-- quantity and an integer, else text: true, a time, start/end, low..high, numerator:denominator. A quantity
-- such as <5 has its sign in comparator. unit is the code where there is no unit.
CREATE VIEW observation AS
  SELECT id, patient, subject, encounter, status,
         coalesce(json_extract(body, '$.category[0].coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.category[0].coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(body, '$.category[0].text'),
                    json_extract(body, '$.category.coding[0].code')) AS category,
         system, code, display,
         json_extract(body, '$.valueQuantity.comparator') AS comparator,
         coalesce(json_extract(body, '$.valueQuantity.value'),
                  json_extract(body, '$.valueString'),
                  json_extract(body, '$.valueInteger'),
                  CASE json_type(body, '$.valueBoolean') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
                    ELSE json_extract(body, '$.valueBoolean') END,
                  json_extract(body, '$.valueCodeableConcept.text'),
                  json_extract(body, '$.valueCodeableConcept.coding[0].display'),
                  (SELECT json_extract(value, '$.display') FROM json_each(body, '$.valueCodeableConcept.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.display') IS NOT NULL LIMIT 1),
                  json_extract(body, '$.valueCodeableConcept.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.valueCodeableConcept.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(body, '$.valueDateTime'),
                  json_extract(body, '$.valueTime'),
                  CASE WHEN coalesce(json_extract(body, '$.valuePeriod.start'),
                    json_extract(body, '$.valuePeriod.end')) IS NOT NULL
                  THEN coalesce(json_extract(body, '$.valuePeriod.start'), '') || '/'
                    || coalesce(json_extract(body, '$.valuePeriod.end'), '') END,
                  CASE WHEN coalesce(json_extract(body, '$.valueRange.low.value'),
                    json_extract(body, '$.valueRange.high.value')) IS NOT NULL
                  THEN coalesce(json_extract(body, '$.valueRange.low.value'), '') || '..'
                    || coalesce(json_extract(body, '$.valueRange.high.value'), '') END,
                  CASE WHEN coalesce(json_extract(body, '$.valueRatio.numerator.value'),
                                     json_extract(body, '$.valueRatio.denominator.value')) IS NOT NULL
                  THEN coalesce(json_extract(body, '$.valueRatio.numerator.comparator'), '')
                    || coalesce(json_extract(body, '$.valueRatio.numerator.value'), '')
                    || ':' || coalesce(json_extract(body, '$.valueRatio.denominator.comparator'), '')
                    || coalesce(json_extract(body, '$.valueRatio.denominator.value'), '') END,
                  json_extract(body, '$.valueSampledData.data')) AS value,
         coalesce(json_extract(body, '$.valueQuantity.unit'), json_extract(body, '$.valueQuantity.code'),
                  json_extract(body, '$.valueRange.low.unit'), json_extract(body, '$.valueRange.low.code'),
                  json_extract(body, '$.valueRange.high.unit'), json_extract(body, '$.valueRange.high.code'),
                  coalesce(json_extract(body, '$.valueRatio.numerator.unit'),
                    json_extract(body, '$.valueRatio.numerator.code'))
                    || coalesce('/' || coalesce(json_extract(body, '$.valueRatio.denominator.unit'),
                                                json_extract(body, '$.valueRatio.denominator.code')), ''),
                  json_extract(body, '$.valueSampledData.origin.unit'),
                    json_extract(body, '$.valueSampledData.origin.code')) AS unit,
         coalesce(json_extract(body, '$.valueCodeableConcept.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.valueCodeableConcept.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL
                     LIMIT 1)) AS value_code,
         coalesce(json_extract(body, '$.dataAbsentReason.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.dataAbsentReason.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(body, '$.dataAbsentReason.text')) AS absent_reason,
         coalesce(json_extract(body, '$.interpretation[0].coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.interpretation[0].coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(body, '$.interpretation[0].text'),
                    json_extract(body, '$.interpretation.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.interpretation.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL
                     LIMIT 1)) AS interpretation,
         coalesce(json_extract(body, '$.effectiveDateTime'),
           json_extract(body, '$.effectivePeriod.start'), json_extract(body, '$.effectivePeriod.end'),
                  json_extract(body, '$.effectiveInstant'),
                    json_extract(body, '$.effectiveTiming.event[0]')) AS effective,
         json_extract(body, '$.issued') AS issued
    FROM resource_summary WHERE unlikely(type = 'Observation');

-- Components of observations, such as the systolic and the diastolic pressure: one row each. component
-- counts them from 1; the other columns are those of observation.
CREATE VIEW observation_component AS
  SELECT id, component, patient, subject, encounter, status,
         CASE WHEN json_extract(item, '$.code.coding[0].code') IS NULL
         THEN (SELECT json_extract(value, '$.system') FROM json_each(item, '$.code.coding')
                WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1)
         ELSE json_extract(item, '$.code.coding[0].system') END AS system,
         coalesce(json_extract(item, '$.code.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(item, '$.code.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1)) AS code,
         coalesce(json_extract(item, '$.code.text'),
                  json_extract(item, '$.code.coding[0].display'),
                  (SELECT json_extract(value, '$.display') FROM json_each(item, '$.code.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.display') IS NOT NULL
                     LIMIT 1)) AS display,
         json_extract(item, '$.valueQuantity.comparator') AS comparator,
         coalesce(json_extract(item, '$.valueQuantity.value'),
                  json_extract(item, '$.valueString'),
                  json_extract(item, '$.valueInteger'),
                  CASE json_type(item, '$.valueBoolean') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
                    ELSE json_extract(item, '$.valueBoolean') END,
                  json_extract(item, '$.valueCodeableConcept.text'),
                  json_extract(item, '$.valueCodeableConcept.coding[0].display'),
                  (SELECT json_extract(value, '$.display') FROM json_each(item, '$.valueCodeableConcept.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.display') IS NOT NULL LIMIT 1),
                  json_extract(item, '$.valueCodeableConcept.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(item, '$.valueCodeableConcept.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(item, '$.valueDateTime'),
                  json_extract(item, '$.valueTime'),
                  CASE WHEN coalesce(json_extract(item, '$.valuePeriod.start'),
                    json_extract(item, '$.valuePeriod.end')) IS NOT NULL
                  THEN coalesce(json_extract(item, '$.valuePeriod.start'), '') || '/'
                    || coalesce(json_extract(item, '$.valuePeriod.end'), '') END,
                  CASE WHEN coalesce(json_extract(item, '$.valueRange.low.value'),
                    json_extract(item, '$.valueRange.high.value')) IS NOT NULL
                  THEN coalesce(json_extract(item, '$.valueRange.low.value'), '') || '..'
                    || coalesce(json_extract(item, '$.valueRange.high.value'), '') END,
                  CASE WHEN coalesce(json_extract(item, '$.valueRatio.numerator.value'),
                                     json_extract(item, '$.valueRatio.denominator.value')) IS NOT NULL
                  THEN coalesce(json_extract(item, '$.valueRatio.numerator.comparator'), '')
                    || coalesce(json_extract(item, '$.valueRatio.numerator.value'), '')
                    || ':' || coalesce(json_extract(item, '$.valueRatio.denominator.comparator'), '')
                    || coalesce(json_extract(item, '$.valueRatio.denominator.value'), '') END,
                  json_extract(item, '$.valueSampledData.data')) AS value,
         coalesce(json_extract(item, '$.valueQuantity.unit'), json_extract(item, '$.valueQuantity.code'),
                  json_extract(item, '$.valueRange.low.unit'), json_extract(item, '$.valueRange.low.code'),
                  json_extract(item, '$.valueRange.high.unit'), json_extract(item, '$.valueRange.high.code'),
                  coalesce(json_extract(item, '$.valueRatio.numerator.unit'),
                    json_extract(item, '$.valueRatio.numerator.code'))
                    || coalesce('/' || coalesce(json_extract(item, '$.valueRatio.denominator.unit'),
                                                json_extract(item, '$.valueRatio.denominator.code')), ''),
                  json_extract(item, '$.valueSampledData.origin.unit'),
                    json_extract(item, '$.valueSampledData.origin.code')) AS unit,
         coalesce(json_extract(item, '$.valueCodeableConcept.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(item, '$.valueCodeableConcept.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL
                     LIMIT 1)) AS value_code,
         coalesce(json_extract(item, '$.dataAbsentReason.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(item, '$.dataAbsentReason.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(item, '$.dataAbsentReason.text')) AS absent_reason,
         coalesce(json_extract(item, '$.interpretation[0].coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(item, '$.interpretation[0].coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(item, '$.interpretation[0].text'),
                    json_extract(item, '$.interpretation.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(item, '$.interpretation.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL
                     LIMIT 1)) AS interpretation,
         coalesce(json_extract(body, '$.effectiveDateTime'),
           json_extract(body, '$.effectivePeriod.start'), json_extract(body, '$.effectivePeriod.end'),
                  json_extract(body, '$.effectiveInstant'),
                    json_extract(body, '$.effectiveTiming.event[0]')) AS effective
    FROM (SELECT summary.id, component.key + 1 AS component, patient, subject, encounter, status, body,
                 iif(component.type = 'object', component.value, NULL) AS item
            FROM resource_summary AS summary,
                 json_each(iif(json_type(body, '$.component') = 'array', body, '{}'), '$.component') AS component
           WHERE unlikely(summary.type = 'Observation'));

-- Conditions: one row each. onset and abatement are a time, an age (52 a), a range (40..50 a) or words.
CREATE VIEW condition AS
  SELECT id, patient, subject, encounter,
         coalesce(json_extract(body, '$.clinicalStatus.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.clinicalStatus.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL
                     LIMIT 1)) AS clinical_status,
         coalesce(json_extract(body, '$.verificationStatus.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.verificationStatus.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL
                     LIMIT 1)) AS verification_status,
         coalesce(json_extract(body, '$.category[0].coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.category[0].coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(body, '$.category[0].text'),
                    json_extract(body, '$.category.coding[0].code')) AS category,
         system, code, display,
         coalesce(json_extract(body, '$.onsetDateTime'),
                  json_extract(body, '$.onsetPeriod.start'),
                  json_extract(body, '$.onsetAge.value') || coalesce(' '
                    || coalesce(json_extract(body, '$.onsetAge.unit'), json_extract(body, '$.onsetAge.code')), ''),
                  CASE WHEN coalesce(json_extract(body, '$.onsetRange.low.value'),
                    json_extract(body, '$.onsetRange.high.value')) IS NOT NULL
                  THEN coalesce(json_extract(body, '$.onsetRange.low.value'), '') || '..'
                    || coalesce(json_extract(body, '$.onsetRange.high.value'), '')
                  || coalesce(' ' || coalesce(json_extract(body, '$.onsetRange.low.unit'),
                    json_extract(body, '$.onsetRange.low.code'),
                       json_extract(body, '$.onsetRange.high.unit'),
                         json_extract(body, '$.onsetRange.high.code')), '') END,
                  json_extract(body, '$.onsetString')) AS onset,
         coalesce(json_extract(body, '$.abatementDateTime'),
                  json_extract(body, '$.abatementPeriod.start'),
                  json_extract(body, '$.abatementAge.value') || coalesce(' '
                    || coalesce(json_extract(body, '$.abatementAge.unit'),
                      json_extract(body, '$.abatementAge.code')), ''),
                  CASE WHEN coalesce(json_extract(body, '$.abatementRange.low.value'),
                    json_extract(body, '$.abatementRange.high.value')) IS NOT NULL
                  THEN coalesce(json_extract(body, '$.abatementRange.low.value'), '') || '..'
                    || coalesce(json_extract(body, '$.abatementRange.high.value'), '')
                  || coalesce(' ' || coalesce(json_extract(body, '$.abatementRange.low.unit'),
                    json_extract(body, '$.abatementRange.low.code'),
                       json_extract(body, '$.abatementRange.high.unit'),
                         json_extract(body, '$.abatementRange.high.code')), '') END,
                  json_extract(body, '$.abatementString'),
                  CASE json_type(body, '$.abatementBoolean') WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
                    ELSE json_extract(body, '$.abatementBoolean') END) AS abatement,
         json_extract(body, '$.recordedDate') AS recorded
    FROM resource_summary WHERE unlikely(type = 'Condition');

-- Prescriptions: one row each. system, code and display are of the drug, also where a Medication names it.
CREATE VIEW medication_request AS
  SELECT id, patient, subject, encounter, status,
         json_extract(body, '$.intent') AS intent,
         system, code, display,
         json_extract(body, '$.dosageInstruction[0].text') AS dosage,
         json_extract(body, '$.authoredOn') AS authored
    FROM resource_summary WHERE unlikely(type = 'MedicationRequest');

-- Encounters: one row each. class is such as AMB or EMER; system, code and display are of the first type.
CREATE VIEW encounter AS
  SELECT id, patient, subject, id AS encounter, status,
         coalesce(json_extract(body, '$.class.code'), json_extract(body, '$.class[0].coding[0].code')) AS class,
         system, code, display,
         coalesce(json_extract(body, '$.reasonCode[0].text'),
                  json_extract(body, '$.reasonCode[0].coding[0].display'),
                  (SELECT json_extract(value, '$.display') FROM json_each(body, '$.reasonCode[0].coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.display') IS NOT NULL
                     LIMIT 1)) AS reason,
         json_extract(body, '$.period.start') AS started,
         json_extract(body, '$.period.end') AS ended
    FROM resource_summary WHERE unlikely(type = 'Encounter');

-- Procedures: one row each. performed is a time, an age, a range or words.
CREATE VIEW procedure AS
  SELECT id, patient, subject, encounter, status,
         coalesce(json_extract(body, '$.category[0].coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.category[0].coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(body, '$.category[0].text'),
                    json_extract(body, '$.category.coding[0].code')) AS category,
         system, code, display,
         coalesce(json_extract(body, '$.performedDateTime'),
                  json_extract(body, '$.performedPeriod.start'),
                  json_extract(body, '$.performedAge.value') || coalesce(' '
                    || coalesce(json_extract(body, '$.performedAge.unit'),
                      json_extract(body, '$.performedAge.code')), ''),
                  CASE WHEN coalesce(json_extract(body, '$.performedRange.low.value'),
                    json_extract(body, '$.performedRange.high.value')) IS NOT NULL
                  THEN coalesce(json_extract(body, '$.performedRange.low.value'), '') || '..'
                    || coalesce(json_extract(body, '$.performedRange.high.value'), '')
                  || coalesce(' ' || coalesce(json_extract(body, '$.performedRange.low.unit'),
                    json_extract(body, '$.performedRange.low.code'),
                       json_extract(body, '$.performedRange.high.unit'),
                         json_extract(body, '$.performedRange.high.code')), '') END,
                  json_extract(body, '$.performedString')) AS performed
    FROM resource_summary WHERE unlikely(type = 'Procedure');

-- Immunizations: one row each; status is not-done where one was refused.
CREATE VIEW immunization AS
  SELECT id, patient, subject, encounter, status,
         system, code, display,
         coalesce(json_extract(body, '$.occurrenceDateTime'),
           json_extract(body, '$.occurrenceString')) AS occurrence,
         json_extract(body, '$.lotNumber') AS lot_number
    FROM resource_summary WHERE unlikely(type = 'Immunization');

-- Allergies and intolerances: one row each.
CREATE VIEW allergy_intolerance AS
  SELECT id, patient, subject, encounter,
         coalesce(json_extract(body, '$.clinicalStatus.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.clinicalStatus.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL
                     LIMIT 1)) AS clinical_status,
         coalesce(json_extract(body, '$.verificationStatus.coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.verificationStatus.coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL
                     LIMIT 1)) AS verification_status,
         json_extract(body, '$.category[0]') AS category,
         system, code, display,
         json_extract(body, '$.criticality') AS criticality,
         coalesce(json_extract(body, '$.reaction[0].manifestation[0].text'),
                  json_extract(body, '$.reaction[0].manifestation[0].coding[0].display'),
                  (SELECT json_extract(value, '$.display') FROM json_each(body, '$.reaction[0].manifestation[0].coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.display') IS NOT NULL
                     LIMIT 1)) AS reaction,
         coalesce(json_extract(body, '$.onsetDateTime'),
                  json_extract(body, '$.onsetPeriod.start'),
                  json_extract(body, '$.onsetAge.value') || coalesce(' '
                    || coalesce(json_extract(body, '$.onsetAge.unit'), json_extract(body, '$.onsetAge.code')), ''),
                  CASE WHEN coalesce(json_extract(body, '$.onsetRange.low.value'),
                    json_extract(body, '$.onsetRange.high.value')) IS NOT NULL
                  THEN coalesce(json_extract(body, '$.onsetRange.low.value'), '') || '..'
                    || coalesce(json_extract(body, '$.onsetRange.high.value'), '')
                  || coalesce(' ' || coalesce(json_extract(body, '$.onsetRange.low.unit'),
                    json_extract(body, '$.onsetRange.low.code'),
                       json_extract(body, '$.onsetRange.high.unit'),
                         json_extract(body, '$.onsetRange.high.code')), '') END,
                  json_extract(body, '$.onsetString')) AS onset,
         json_extract(body, '$.recordedDate') AS recorded
    FROM resource_summary WHERE unlikely(type = 'AllergyIntolerance');

-- Diagnostic reports: one row each.
CREATE VIEW diagnostic_report AS
  SELECT id, patient, subject, encounter, status,
         coalesce(json_extract(body, '$.category[0].coding[0].code'),
                  (SELECT json_extract(value, '$.code') FROM json_each(body, '$.category[0].coding')
                   WHERE json_extract(iif(type = 'object', value, NULL), '$.code') IS NOT NULL LIMIT 1),
                  json_extract(body, '$.category[0].text'),
                    json_extract(body, '$.category.coding[0].code')) AS category,
         system, code, display,
         json_extract(body, '$.conclusion') AS conclusion,
         coalesce(json_extract(body, '$.effectiveDateTime'),
           json_extract(body, '$.effectivePeriod.start'), json_extract(body, '$.effectivePeriod.end')) AS effective,
         json_extract(body, '$.issued') AS issued
    FROM resource_summary WHERE unlikely(type = 'DiagnosticReport');
