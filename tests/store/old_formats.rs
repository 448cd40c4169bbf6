//! Stores of older formats: `tests/formats/` has one of each.
//!
//! `jobs/old_formats.rs` has the exports of formats 1 and 2.

use super::A;
use crate::support::oneup::{bearer, exported};
use crate::support::{Dir, until};

/// Tokens, a secret and a file name that are valid in the store of format 3.
const ALICE: &str = "ceeefaf69b3620172f873ad0f66d66d4dbff7503b7d3f1bb1713f6dd17cbec38";
const RESEARCH: &str = "3116ecb66a31113af9a0070d2da56ff06ba8ed957e119e99cca8779897a819dd";
const SECRET: &str = "fixture-secret-of-app-0123456789";
const FILE: &str = "/bulk-data/r4/$export/Patient/eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdGFydCI6IjEiLCJlbmQiOiIxIiwidG90YWwiOjEsInVzZXJJZCI6IjEyNzUyNzIyNSIsInR5cGUiOiJQYXRpZW50Iiwic25hcHNob3QiOjUsImV4cG9ydCI6IjFiNWY2MjFiYTQ1OTc4ZDcifQ.XJKVr6tQclIeQtw4TvzVU5mOYC-v8xi3eP9nVwuIfRY.ndjson";

#[test]
fn a_store_of_format_1_is_read() {
    let dir = Dir::new();
    dir.fixture(1, "1.db");
    dir.check("1.db");
    assert_eq!(dir.get("1.db", "Patient/a"), A.replace("\"1\"", "\"2\""));
    assert_eq!(dir.count("1.db", "SELECT count(*) FROM history"), 1);
    dir.write("a.json", A);
    assert_eq!(dir.import(0, &["1.db", "a.json"])["updated"], 1);
    dir.check("1.db");
}

/// `tests/formats/3.db.gz` was made with these commands:
///
/// ```sh
/// fhirlite client add 3.db --client-id app --secret-file secret
/// fhirlite client add 3.db --client-id research --new-key key.pem --scope 'system/*.rs'
/// # of alice and of bob
/// fhirlite user add 3.db alice --client app && fhirlite import 3.db alice.ndjson --user alice
/// fhirlite import 3.db common.ndjson
/// fhirlite token issue 3.db --user alice --ttl 300000d
/// fhirlite token issue 3.db --client research --ttl 300000d
/// fhirlite serve 3.db --auth required --base-url http://fixture.example --job-ttl 300000d
/// curl 'HOST/fhir/Patient/$export'   # research
/// curl 'HOST/bulk-data/r4/$export?_type=Patient' and its file   # alice
/// fhirlite import 3.db alice-active.ndjson --user alice
/// ```
#[test]
fn a_store_of_format_3_is_read_with_its_clients_and_tokens() {
    let dir = Dir::new();
    dir.fixture(3, "3.db");
    dir.check("3.db");
    let served = dir.serve(&["3.db", "--auth", "required"]);
    let to = served.authority();
    let alice = exported(to, &bearer(ALICE));
    assert_eq!(
        alice.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        ["Observation", "Patient"]
    );
    assert!(alice[1].1.contains("\"active\":true") && alice[1].1.contains("\"versionId\":\"2\""));
    // The file of the signed name is as it was then.
    let before = served.get_with(FILE, &bearer(ALICE));
    assert_eq!(before.status, 200);
    assert!(before.text().contains("\"versionId\":\"1\"") && !before.text().contains("active"));
    assert_eq!(served.get_with(FILE, &bearer(RESEARCH)).status, 403);
    let db = dir.open("3.db");
    let job: String = db.query_row("SELECT id FROM job", (), |row| row.get(0)).expect("a job");
    let status = format!("/fhir/jobs/{job}");
    assert_eq!(served.get_with(&status, &bearer(ALICE)).status, 404);
    let manifest = served.get_with(&status, &bearer(RESEARCH)).json();
    assert_eq!(manifest["requiresAccessToken"], true);
    let file = served.get_with(&format!("{status}/Patient.ndjson"), &bearer(RESEARCH));
    assert_eq!(file.status, 200);
    assert!(file.text().contains("\"common\"") && !file.text().contains("alice"));
    let headers =
        format!("client_id: app\r\nclient_secret: {SECRET}\r\nx-oneup-user-id: client\r\n");
    assert!(exported(to, &headers)[1].1.contains("\"bob\""));
    // The audit is complete once the server has ended.
    assert_eq!(served.end("-TERM"), 0);
    let audit = dir.run(["audit", "3.db"]).stdout;
    assert!(audit.lines().any(|line| line.contains("alice") && line.contains(" 212 ")), "{audit}");
    dir.check("3.db");
}

/// Tokens and a file name that are valid in the store of format 4.
const ALICE_OF_4: &str = "f7c2dc575d07e75649fde1f00487514830f60cd7a136511bb09babfb687faa6c";
const RESEARCH_OF_4: &str = "7306b10acf63ae38224c9b11a6c874180985c3a65a0e0a28ac4d155ea21f88df";
const FILE_OF_4: &str = "/bulk-data/r4/$export/Patient/eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdGFydCI6IjEiLCJlbmQiOiIxIiwidG90YWwiOjEsInVzZXJJZCI6IjgyODYwNTIyNiIsInR5cGUiOiJQYXRpZW50Iiwic25hcHNob3QiOjUsIm1hcmsiOiIzY2VmOWU0YzlhOGY1NGE0M2Y2YmI5OTdlYzc3NTk2MCIsImV4cG9ydCI6ImVkZDc2YTFhNzdjYjY2YmMifQ.ikFppDWvyyf1j7p4vpISmmAZGB82chIhSmRk9S-IJik.ndjson";

/// `tests/formats/4.db.gz` was made like that of format 3, by the last program of format 4; alice has a Basic that
/// was deleted, and a photo in a Binary.
#[test]
fn a_store_of_format_4_is_read_with_its_exports_and_gets_checksums() {
    let dir = Dir::new();
    dir.fixture(4, "4.db");
    // As it is, and as the next program that writes leaves it.
    dir.check("4.db");
    dir.write("a.json", A);
    let served = dir.serve(&["4.db", "--auth", "required"]);
    let before = served.get_with(FILE_OF_4, &bearer(ALICE_OF_4));
    assert_eq!(before.status, 200, "{}", before.text());
    assert!(before.text().contains("\"versionId\":\"1\"") && !before.text().contains("active"));
    let db = dir.open("4.db");
    let job: String = db.query_row("SELECT id FROM job", (), |row| row.get(0)).expect("a job");
    drop(db);
    let file = format!("/fhir/jobs/{job}/Organization.ndjson");
    let file = served.get_with(&file, &bearer(RESEARCH_OF_4));
    assert!(file.status == 200 && file.text().contains("Ünïversity"), "{}", file.text());
    assert_eq!(served.end("-TERM"), 0);
    assert_eq!(dir.import(0, &["4.db", "a.json"])["created"], 1);
    assert_eq!(dir.count("4.db", "SELECT user_version FROM pragma_user_version"), 8);
    let without = "SELECT count(*) FROM (SELECT row_checksum, body_checksum FROM resource UNION ALL
                                          SELECT row_checksum, body_checksum FROM history)
                    WHERE row_checksum = 0 OR body_checksum = 0";
    assert_eq!(dir.count("4.db", without), 0);
    dir.check("4.db");
}

/// `tests/formats/5.db.gz` is that of format 4 after the last program of format 5 imported a patient with a photo, an
/// observation of the patient, its provenance and a Basic; imported the observation changed; and deleted the Basic.
#[test]
fn a_store_of_format_5_is_read_with_its_history_and_exports() {
    let dir = Dir::new();
    dir.fixture(5, "5.db");
    let rows = |db: &rusqlite::Connection, view: &str| -> Vec<String> {
        let sql = format!(
            "SELECT json_array(seq, type, id, version_id, last_updated, owner, assigned, size, hex(hash),
                               body_checksum, row_checksum, body) FROM {view} ORDER BY seq"
        );
        let mut statement = db.prepare(&sql).expect("columns");
        let rows = statement.query_map((), |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    };
    let compartments = "SELECT group_concat(seq || ' ' || patient) FROM
                          (SELECT seq, patient FROM compartment ORDER BY seq, patient)";
    let about = |db: &rusqlite::Connection| -> String {
        db.query_row(compartments, (), |row| row.get(0)).expect("patients")
    };
    let db = dir.open("5.db");
    let before = (rows(&db, "resource"), rows(&db, "history"), about(&db));
    drop(db);
    assert_eq!((before.0.len(), before.1.len()), (8, 4));
    // Reading upgrades a copy in memory, writing the file.
    dir.check("5.db");
    dir.write("a.json", A);
    let ran = dir.run(["import", "5.db", "a.json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("5.db: is upgraded from format 5 to 8"), "{}", ran.stderr);
    assert_eq!(dir.count("5.db", "SELECT user_version FROM pragma_user_version"), 8);
    let db = dir.open("5.db");
    let after = (rows(&db, "resource"), rows(&db, "history"), about(&db));
    assert_eq!(after.0[..8], before.0);
    assert_eq!(after.1, before.1);
    assert_eq!(after.2, before.2);
    assert_eq!(dir.run(["import", "5.db", "a.json"]).stderr.matches("upgraded").count(), 0);
    drop(db);
    dir.check("5.db");
    let served = dir.serve(&["5.db", "--auth", "required"]);
    let before = served.get_with(FILE_OF_4, &bearer(ALICE_OF_4));
    assert!(before.status == 200 && before.text().contains("\"versionId\":\"1\""));
}

/// `tests/formats/6.db.gz` is that of format 5 after the last program of format 6 imported a patient with a photo, an
/// observation of the patient, its provenance and a Basic; imported the observation changed; and deleted the Basic.
#[test]
fn a_store_of_format_6_gets_tables_and_nothing_of_it_is_written_anew() {
    let dir = Dir::new();
    dir.fixture(6, "6.db");
    let kept = "SELECT (SELECT group_concat(json_array(seq, type, id, last_updated, hex(hash), row_checksum)) FROM
                         (SELECT * FROM current_version WHERE seq <= 20 ORDER BY seq)) ||
                       (SELECT group_concat(json_array(seq, type, id, ended, row_checksum)) FROM
                         (SELECT * FROM ended_version ORDER BY seq))";
    let rows = |db: &rusqlite::Connection| -> String {
        db.query_row(kept, (), |row| row.get(0)).expect("rows")
    };
    let db = dir.open("6.db");
    let before = rows(&db);
    // What an operator added stays.
    db.execute_batch(
        "CREATE VIEW mine AS SELECT id FROM resource; CREATE INDEX own ON current_version (hash)",
    )
    .expect("added");
    drop(db);
    // Reading upgrades a copy in memory, writing the file.
    dir.check("6.db");
    let found = dir.run(["search", "6.db", "Observation?code=29463-7&date=2024-02-29"]);
    assert!(found.code == 0 && found.stdout.contains("\"six-weight\""), "{}", found.stderr);
    assert_eq!(dir.count("6.db", "SELECT user_version FROM pragma_user_version"), 6);
    let ran = dir.run(["index", "6.db", "Observation", "code", "date"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr, "6.db: is upgraded from format 6 to 8\n");
    assert_eq!(dir.count("6.db", "SELECT user_version FROM pragma_user_version"), 8);
    let db = dir.open("6.db");
    assert_eq!(rows(&db), before);
    drop(db);
    let own = "SELECT count(*) FROM sqlite_schema WHERE name IN ('mine', 'own')";
    assert_eq!(dir.count("6.db", own), 2);
    // The version that ended has its keys too.
    let observations = "SELECT count(DISTINCT seq) FROM search_key JOIN version USING (seq) WHERE id = 'six-weight'";
    assert_eq!(dir.count("6.db", observations), 2);
    dir.write("a.json", A);
    dir.import(0, &["6.db", "a.json"]);
    dir.check("6.db");
    let served = dir.serve(&["6.db", "--auth", "required"]);
    let before = served.get_with(FILE_OF_4, &bearer(ALICE_OF_4));
    assert!(before.status == 200 && before.text().contains("\"versionId\":\"1\""));
}

/// `tests/formats/7.db.gz` is that of format 6 after the last program of format 7 indexed `code` and `date` of
/// Observation; imported a patient with a photo, two observations of the patient and a Basic; imported one of the
/// observations changed; and deleted the Basic.
#[test]
fn a_store_of_format_7_gets_tables_for_views_and_nothing_of_it_is_written_anew() {
    let dir = Dir::new();
    dir.fixture(7, "7.db");
    let kept = "SELECT (SELECT group_concat(json_array(seq, type, id, last_updated, hex(hash), row_checksum)) FROM
                         (SELECT * FROM current_version WHERE seq <= 26 ORDER BY seq)) ||
                       (SELECT group_concat(json_array(seq, type, id, ended, row_checksum)) FROM
                         (SELECT * FROM ended_version ORDER BY seq)) ||
                       (SELECT group_concat(json_array(seq, parameter, key)) FROM search_key)";
    let rows = |db: &rusqlite::Connection| -> String {
        db.query_row(kept, (), |row| row.get(0)).expect("rows")
    };
    let before = rows(&dir.open("7.db"));
    // Reading upgrades a copy in memory, writing the file.
    dir.check("7.db");
    assert_eq!(dir.run(["view", "list", "7.db"]).stdout, "");
    assert_eq!(dir.count("7.db", "SELECT user_version FROM pragma_user_version"), 7);
    let ran = dir.run(["view", "add", "7.db", "--starter"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr, "7.db: is upgraded from format 7 to 8\n");
    assert_eq!(dir.count("7.db", "SELECT user_version FROM pragma_user_version"), 8);
    assert_eq!(rows(&dir.open("7.db")), before);
    let weight = "SELECT count(*) FROM observation WHERE id = 'seven-weight' AND value = 78.1";
    assert_eq!(dir.count("7.db", weight), 1);
    let pressure = "SELECT systolic || '/' || diastolic FROM blood_pressure";
    let pressure: String = dir.open("7.db").query_row(pressure, (), |row| row.get(0)).unwrap();
    assert_eq!(pressure, "120/80");
    dir.write("a.json", A);
    dir.import(0, &["7.db", "a.json"]);
    assert_eq!(dir.count("7.db", "SELECT count(*) FROM patient WHERE id = 'a'"), 1);
    dir.check("7.db");
    let served = dir.serve(&["7.db", "--auth", "required"]);
    let before = served.get_with(FILE_OF_4, &bearer(ALICE_OF_4));
    assert!(before.status == 200 && before.text().contains("\"versionId\":\"1\""));
}

/// A table of somebody's own that has the name of a new one is not taken for it.
#[test]
fn an_upgrade_is_refused_where_a_table_has_the_name_of_a_new_one() {
    let dir = Dir::new();
    dir.fixture(7, "7.db");
    dir.open("7.db").execute_batch("CREATE TABLE view_fault (mine)").expect("added");
    dir.write("a.json", A);
    let ran = dir.run(["import", "7.db", "a.json"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("a table view_fault of somebody's own"), "{}", ran.stderr);
    assert_eq!(dir.count("7.db", "SELECT user_version FROM pragma_user_version"), 7);
    dir.open("7.db").execute_batch("ALTER TABLE view_fault RENAME TO mine").expect("renamed");
    dir.import(0, &["7.db", "a.json"]);
    dir.check("7.db");
}

/// An upgrade that takes long, here because another program has the file locked, says every few seconds how far it is.
#[test]
fn an_upgrade_that_takes_long_says_how_far_it_is() {
    let dir = Dir::new();
    dir.fixture(5, "5.db");
    let other = dir.open("5.db");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let errors = std::fs::File::create(dir.path("errors")).expect("a file");
    dir.write("a.json", A);
    let mut upgrade = dir
        .command(["import", "5.db", "a.json"])
        .stderr(errors)
        .spawn()
        .expect("the program starts");
    let told = || std::fs::read_to_string(dir.path("errors")).expect("text");
    until("progress is told", || {
        told().contains("5.db: is being upgraded, 0 of up to ").then_some(())
    });
    other.execute_batch("ROLLBACK").expect("unlocked");
    assert!(upgrade.wait().expect("it ends").success(), "{}", told());
    assert_eq!(dir.count("5.db", "SELECT user_version FROM pragma_user_version"), 8);
}

/// The operator adds a view, an index and a table with the `sqlite3` shell.
#[test]
fn an_upgrade_keeps_the_views_and_tables_of_the_operator() {
    for format in [1, 2, 4, 5] {
        let dir = Dir::new();
        dir.fixture(format, "s.db");
        dir.open("s.db")
            .execute_batch(
                "CREATE VIEW mine AS SELECT type, id FROM resource;
                 CREATE INDEX \"my index\" ON identifier (system);
                 CREATE INDEX gone ON resource (version_id);
                 CREATE TABLE before (a); INSERT INTO before VALUES (1);",
            )
            .expect("added");
        let count = |sql: &str| dir.count("s.db", sql);
        let resources = count("SELECT count(*) FROM mine");
        dir.write("a.json", r#"{"resourceType":"Basic","id":"new"}"#);
        dir.import(0, &["s.db", "a.json"]);
        assert_eq!(count("SELECT user_version FROM pragma_user_version"), 8);
        assert_eq!(count("SELECT count(*) FROM mine"), resources + 1);
        assert_eq!(count("SELECT count(*) FROM sqlite_schema WHERE name = 'my index'"), 1);
        // Its table is a view now.
        assert_eq!(count("SELECT count(*) FROM sqlite_schema WHERE name = 'gone'"), 0);
        assert_eq!(count("SELECT a FROM before"), 1);
        assert_eq!(count("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'fhirlite%'"), 0);
        dir.check("s.db");
    }
}

/// Format 4 has views that earlier ones lack. What an operator named like one of them stays.
#[test]
fn an_upgrade_keeps_what_has_the_name_of_a_new_view() {
    for format in [1, 2, 3] {
        let dir = Dir::new();
        dir.fixture(format, "s.db");
        dir.open("s.db")
            .execute_batch(
                "CREATE TABLE procedure (a); INSERT INTO procedure VALUES (7);
                 CREATE VIEW encounter AS SELECT 8 AS b;
                 CREATE INDEX immunization ON procedure (a);",
            )
            .expect("added");
        dir.check("s.db");
        dir.write("a.json", r#"{"resourceType":"Condition","id":"new","onsetString":"once"}"#);
        dir.import(0, &["s.db", "a.json"]);
        assert_eq!(dir.count("s.db", "SELECT a FROM procedure"), 7);
        assert_eq!(dir.count("s.db", "SELECT b FROM encounter"), 8);
        let sql =
            "SELECT count(*) FROM sqlite_schema WHERE name = 'immunization' AND type = 'index'";
        assert_eq!(dir.count("s.db", sql), 1);
        assert_eq!(dir.count("s.db", "SELECT count(*) FROM condition WHERE onset = 'once'"), 1);
        dir.check("s.db");
    }
}
