//! Stores of formats 1 and 2: they are upgraded when they are served, and keep their exports.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kinds::{all_kinds, as_stu3, assert_all_ways};
use super::{
    Kickoff, assert_gone, by_get, by_name, cancel, changed, delete_from, deletions, download,
    filled, import, manifest, start,
};
use crate::support::{Dir, Served};

/// Writes a store of format 1 with the resources of `s.db`, which are more than the fixture has.
fn format_1(dir: &Dir, name: &str) {
    dir.fixture(1, "1.db");
    let old = dir.open("1.db");
    old.execute("ATTACH ?1 AS s", [dir.path("s.db").to_str()]).expect("attached");
    old.execute_batch(
        "DELETE FROM resource; DELETE FROM history;
         INSERT INTO resource
           SELECT seq, type, id, version_id, last_updated, assigned, size, hash, body FROM s.resource;
         INSERT INTO history
           SELECT seq, type, id, version_id, last_updated, assigned, size, hash, ended, ended_at,
                  deleted, body FROM s.history;
         INSERT INTO identifier SELECT * FROM s.identifier;
         INSERT OR REPLACE INTO setting SELECT * FROM s.setting WHERE name <> 'store_id';
         DETACH s",
    )
    .expect("filled");
    drop(old);
    std::fs::copy(dir.path("1.db"), dir.path(name)).expect("a copy");
}

/// The names and the SQL of the tables, indexes and views of a store, without comments.
fn schema(dir: &Dir, store: &str) -> Vec<(String, String)> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let db = dir.open(store);
    let mut statement = db.prepare(sql).expect("a schema");
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    let parts: Vec<(String, String)> = rows.collect::<Result<_, _>>().expect("texts");
    let code = |line: &str| {
        line.split("--").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let plain = |sql: String| sql.lines().map(code).collect::<Vec<_>>().join("\n");
    parts.into_iter().map(|(name, sql)| (name, plain(sql))).collect()
}

/// The versions in a table, each with the patients that it is about.
fn compartments(dir: &Dir, store: &str, table: &str) -> Vec<(String, String)> {
    let sql = format!(
        "SELECT type || '/' || id || ' ' || version_id, patient
           FROM {table} JOIN compartment USING (seq) ORDER BY 1, 2"
    );
    let db = dir.open(store);
    let mut statement = db.prepare(&sql).expect("a statement");
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

#[test]
fn serving_a_store_of_format_1_upgrades_it() {
    let dir = filled();
    import(&dir, &changed("de"));
    delete_from(&dir, &["Observation/a2"]);
    format_1(&dir, "old.db");
    assert_eq!(dir.count("old.db", "SELECT user_version FROM pragma_user_version"), 1);
    assert!(!schema(&dir, "old.db").iter().any(|(name, _)| name == "compartment"));
    let served = dir.serve(&["old.db"]);
    assert_eq!(dir.count("old.db", "SELECT user_version FROM pragma_user_version"), 8);
    assert_eq!(schema(&dir, "old.db"), schema(&dir, "s.db"));
    // The same resources, imported into a new store, are about the same patients.
    let bodies: String = dir.bodies("s.db").into_iter().map(|(_, body)| body + "\n").collect();
    dir.write("bodies.ndjson", bodies);
    dir.import(0, &["new.db", "bodies.ndjson"]);
    let about = compartments(&dir, "new.db", "resource");
    assert_eq!(about.len(), 7);
    assert_eq!(compartments(&dir, "old.db", "resource"), about);
    let superseded = compartments(&dir, "s.db", "history");
    assert!(superseded.len() > 5);
    assert_eq!(compartments(&dir, "old.db", "history"), superseded);
    for column in ["count(*)", "sum(relative)", "sum(removed)"] {
        let sql = format!("SELECT {column} FROM attachment_url");
        assert_eq!(dir.count("old.db", &sql), dir.count("s.db", &sql), "{column}");
    }
    for table in ["reference", "reference_type", "provenance_target"] {
        let sql = format!("SELECT count(*) FROM {table}");
        assert!(dir.count("s.db", &sql) > 0, "{table}");
        assert_eq!(dir.count("old.db", &sql), dir.count("s.db", &sql), "{table}");
    }
    assert_same_exports(&dir, &served);
    drop(served);
    dir.check("old.db");
}

/// Fails unless the server exports the same as a server of `s.db`.
fn assert_same_exports(dir: &Dir, served: &Served) {
    let other = dir.serve(&["s.db"]);
    let files = |served: &Served, kickoff: &Kickoff| {
        let manifest = as_stu3(&manifest(served, &start(served, kickoff)));
        let host = format!("http://{}", served.authority());
        let plain = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8").replace(&host, "");
        let files = by_name(download(served, &manifest)).into_iter();
        files.map(|(name, bytes)| (name, plain(bytes))).collect::<Vec<_>>()
    };
    for kickoff in all_kinds() {
        let got = files(served, &kickoff);
        // How lines are cut into files may depend on the length of the host's name.
        let joined = |files: &[(String, String)]| -> String {
            files.iter().map(|(_, text)| &**text).collect()
        };
        assert_eq!(joined(&got), joined(&files(&other, &kickoff)), "{}", kickoff.target);
        assert!(!got.is_empty());
    }
}

#[test]
fn a_read_only_store_of_format_1_is_served_and_not_changed() {
    // A store that was not closed cleanly is still in WAL mode.
    for mode in ["DELETE", "WAL"] {
        let dir = filled();
        import(&dir, &changed("de"));
        delete_from(&dir, &["Observation/a2"]);
        std::fs::create_dir(dir.path("ro")).expect("a folder");
        format_1(&dir, "ro/old.db");
        let db = dir.open("ro/old.db");
        let set: String = db
            .query_row(&format!("PRAGMA journal_mode = {mode}"), (), |row| row.get(0))
            .expect("a mode");
        assert!(set.eq_ignore_ascii_case(mode), "{set}");
        drop(db);
        let before = dir.read("ro/old.db");
        let Some(unprivileged) = dir.without_rights() else { return };
        let served = unprivileged.serve_with_log(&["ro/old.db"]);
        assert_same_exports(&dir, &served);
        assert_eq!(served.manifest("")["output"].as_array().map(Vec::len), Some(7));
        assert_eq!(served.end("-TERM"), 0);
        assert!(dir.read("ro/old.db") == before, "the file was changed");
        let files: Vec<_> = std::fs::read_dir(dir.path("ro")).expect("a folder").collect();
        assert_eq!(files.len(), 1, "{files:?}");
    }
}

/// `tests/formats/2.db.gz` was made with these commands, from files of the lines in [`FORMAT_2`]:
///
/// ```sh
/// fhirlite import 2.db 1.ndjson && fhirlite delete 2.db Patient/c
/// fhirlite serve 2.db --base-url http://fixture.example --job-ttl 300000d
/// curl 'HOST/fhir/Patient/$export?_since=2000-01-01T00:00:00Z'
/// curl 'HOST/fhir/Group/g/$export?organizeOutputBy=Patient&_elements=status'
/// curl 'HOST/fhir/$export'
/// fhirlite import 2.db 2.ndjson && fhirlite delete 2.db Observation/b1
/// ```
#[test]
fn a_store_of_format_2_is_read_with_its_exports() {
    let dir = Dir::new();
    dir.fixture(2, "s.db");
    dir.check("s.db");
    let served = dir.serve(&["s.db"]);
    let db = dir.open("s.db");
    let mut statement = db.prepare("SELECT id FROM job ORDER BY created_at").expect("jobs");
    let ids: Vec<String> = statement
        .query_map((), |row| row.get(0))
        .expect("rows")
        .collect::<Result<_, _>>()
        .expect("ids");
    let files: Vec<BTreeMap<String, Vec<u8>>> = ids
        .iter()
        .map(|id| {
            let mut manifest = manifest(&served, &format!("/fhir/jobs/{id}"));
            // A manifest that was handed out keeps its counts, which had the headers in them.
            for entry in manifest["output"].as_array_mut().expect("a list") {
                if entry.get("type").is_none() {
                    assert_eq!(entry["count"], 10);
                    entry["count"] = 7.into();
                }
            }
            assert!(manifest["request"].as_str().unwrap().starts_with("http://fixture.example/"));
            let files = download(&served, &manifest);
            for (path, bytes) in &files {
                assert_all_ways(&served, path, bytes);
            }
            by_name(files)
        })
        .collect();
    let line = |start: &str| {
        let found = FORMAT_2[0].lines().find(|line| line.starts_with(start)).expect("a line");
        format!("{found}\n")
    };
    let patient = |id: &str| line(&format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\""));
    let observation =
        |id: &str| line(&format!("{{\"resourceType\":\"Observation\",\"id\":\"{id}\""));
    let group = line("{\"resourceType\":\"Group\"");
    let patients = patient("a") + &patient("b");
    let observations = observation("a1") + &observation("b1");
    let deleted = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/c"}}]}"#;
    let text = |files: &BTreeMap<String, Vec<u8>>| -> Vec<(String, String)> {
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).expect("UTF-8");
        files.iter().map(|(name, bytes)| (name.clone(), text(bytes))).collect()
    };
    let named = |files: &[(&str, &str)]| -> Vec<(String, String)> {
        files.iter().map(|(name, text)| (format!("{name}.ndjson"), (*text).to_owned())).collect()
    };
    assert_eq!(files.len(), 3);
    assert_eq!(
        text(&files[0]),
        named(&[
            ("Group", &group),
            ("Observation", &observations),
            ("Patient", &patients),
            ("deleted", &format!("{deleted}\n")),
        ])
    );
    assert_eq!(
        text(&files[2]),
        named(&[("Group", &group), ("Observation", &observations), ("Patient", &patients)])
    );
    let blocks = text(&files[1]);
    let [(name, blocks), (error, missing)] = &blocks[..] else { panic!("{blocks:?}") };
    assert_eq!((&**name, &**error), ("blocks.ndjson", "error.ndjson"));
    assert!(missing.contains("Patient/nowhere"), "{missing}");
    let lines: Vec<Value> =
        blocks.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let seen = |line: &Value| match line["resourceType"].as_str() {
        Some("Parameters") => line["parameter"][0]["valueReference"]["reference"].to_string(),
        _ => format!("{} {} {}", line["id"], line["status"], line["gender"]),
    };
    assert_eq!(
        lines.iter().map(seen).collect::<Vec<_>>(),
        [
            "\"Patient/a\"",
            "\"a\" null null",
            "\"a1\" \"final\" null",
            "\"g\" null null",
            "\"Patient/b\"",
            "\"b\" null null",
            "\"b1\" \"final\" null",
            "\"g\" null null",
            "\"Patient/nowhere\"",
            "\"g\" null null",
        ]
    );
    // The store can be exported and changed further.
    assert_eq!(deletions(&served, "/fhir/Patient/$export"), ["Patient/c", "Observation/b1"]);
    let now =
        manifest(&served, &start(&served, &by_get("/fhir/Patient/$export?_type=Observation")));
    assert_eq!(text(&by_name(download(&served, &now)))[0].1, FORMAT_2[1]);
    let status = format!("/fhir/jobs/{}", ids[0]);
    assert_eq!(cancel(&served, &status).status, 202);
    assert_gone(&served, &[status]);
    assert_eq!(import(&dir, FORMAT_2[0])["created"], 2);
    drop(served);
    dir.check("s.db");
}

/// The lines that were imported into the fixture of format 2, first and last.
const FORMAT_2: [&str; 2] = [
    r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"gender":"male"}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"gender":"female"}
{"resourceType":"Patient","id":"c","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"}}
{"resourceType":"Observation","id":"a1","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"status":"final","subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"b1","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"status":"final","subject":{"reference":"Patient/b"}}
{"resourceType":"Group","id":"g","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}},{"entity":{"reference":"Patient/nowhere"}}]}
"#,
    r#"{"resourceType":"Observation","id":"a1","meta":{"versionId":"2","lastUpdated":"2022-01-01T00:00:00Z"},"status":"amended","subject":{"reference":"Patient/a"}}
"#,
];
