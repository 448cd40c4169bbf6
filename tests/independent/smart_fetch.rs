//! `smart-fetch`, <https://pypi.org/project/smart-fetch/>, and an open server.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Dir, Served, project, succeed, tool};

/// The types that the client knows; it exports those of them that `/fhir/metadata` lists.
pub const KNOWN: &str =
    "'AllergyIntolerance', 'Condition', 'Device', 'DiagnosticReport', 'DocumentReference',
                     'Encounter', 'Immunization', 'MedicationDispense', 'MedicationRequest',
                     'Observation', 'Patient', 'Procedure', 'ServiceRequest', 'Specimen'";

/// Runs `smart-fetch bulk` without filters into a new folder; `Type/id` and text of each resource. `None` if the client is
/// missing.
pub fn fetch(
    dir: &Dir,
    base: &str,
    out: &str,
    more: &[&str],
) -> Option<BTreeSet<(String, String)>> {
    fetch_filtered(dir, base, out, &[&["--no-default-filters"], more].concat())
}

/// The same with the filters that the client has for Observation.
fn fetch_filtered(
    dir: &Dir,
    base: &str,
    out: &str,
    more: &[&str],
) -> Option<BTreeSet<(String, String)>> {
    let mut client = tool("smart-fetch")?;
    client.current_dir(dir.path("")).args(["bulk", "--fhir-url", base]);
    client.arg("--no-compression").args(more);
    succeed(client.arg(out));
    let files = std::fs::read_dir(dir.path(out)).unwrap().map(|entry| entry.unwrap().path());
    let ndjson = files.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.ends_with(".ndjson") && name != "log.ndjson"
    });
    let text: String = ndjson.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let read = |line: &str| {
        let resource: Value = serde_json::from_str(line).unwrap();
        let part = |name: &str| resource[name].as_str().unwrap().to_owned();
        (format!("{}/{}", part("resourceType"), part("id")), line.to_owned())
    };
    let resources: BTreeSet<_> = text.lines().map(read).collect();
    assert_eq!(resources.len(), text.lines().count(), "a resource comes twice");
    Some(resources)
}

/// The resources that SQLite finds in the store, with the URLs of attachments as in an export.
pub fn stored(dir: &Dir, served: &Served, condition: &str) -> BTreeSet<(String, String)> {
    let db = dir.open("s.db");
    let sql = format!(
        "SELECT type || '/' || id, replace(body, '\"url\":\"Binary/', '\"url\":\"{}/fhir/Binary/')
           FROM resource WHERE type IN ({KNOWN}) AND {condition}",
        served.url
    );
    let mut statement = db.prepare(&sql).unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Fails unless both hold the same resources, byte for byte.
pub fn assert_same(one: &BTreeSet<(String, String)>, other: &BTreeSet<(String, String)>) {
    let names = |of: BTreeSet<&(String, String)>| -> Vec<String> {
        of.into_iter().map(|(name, _)| name.clone()).collect()
    };
    let differ = (names(one.difference(other).collect()), names(other.difference(one).collect()));
    assert!(differ.0.is_empty() && differ.1.is_empty(), "{differ:?}");
}

#[test]
fn smart_fetch_completes_full_and_incremental_exports_at_each_level() {
    let dir = Dir::new();
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
    let served = dir.serve(&["s.db"]);
    let base = format!("{}/fhir", served.url);

    let Some(system) = fetch(&dir, &base, "system", &[]) else { return };
    assert_same(&system, &stored(&dir, &served, "TRUE"));

    let Some(patients) = fetch(&dir, &format!("{base}/Patient"), "patients", &[]) else { return };
    let theirs = "type = 'Patient' OR seq IN (SELECT seq FROM compartment)";
    assert_same(&patients, &stored(&dir, &served, &format!("({theirs})")));

    let group = served.get("/fhir/Group").json()["entry"][0]["resource"].clone();
    let id = group["id"].as_str().unwrap();
    let today = chrono::Utc::now().format("%Y-%m-%d").to_string();
    let members: Vec<String> = group["member"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|member| member["inactive"] != true)
        .filter(|member| member["period"]["end"].as_str().is_none_or(|end| end >= today.as_str()))
        .map(|member| {
            member["entity"]["reference"].as_str().unwrap().replace("Patient/", "'") + "'"
        })
        .collect();
    let members = members.join(", ");
    let theirs = format!(
        "(type = 'Patient' AND id IN ({members})
          OR seq IN (SELECT seq FROM compartment WHERE patient IN ({members})))"
    );
    let Some(of_group) = fetch(&dir, &base, "group", &["--group", id]) else { return };
    assert!(!of_group.is_empty() && of_group.len() < patients.len());
    assert_same(&of_group, &stored(&dir, &served, &theirs));

    // The next run exports what changed after the first one.
    let log = dir.text("system/log.ndjson");
    let time = log.split("\"transactionTime\": \"").nth(1).unwrap().split('"').next().unwrap();
    let (gone, _) = system.first().unwrap();
    assert_eq!(dir.run(["delete", "s.db", gone]).code, 0);
    dir.write("new.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"new\"}\n");
    dir.import(0, &["s.db", "new.ndjson"]);
    let since = ["--since", time];
    let Some(changed) = fetch(&dir, &base, "changed", &since) else { return };
    assert_same(&changed, &stored(&dir, &served, "id = 'new'"));
    let deleted = dir.text("changed/deleted/Bundle.001.ndjson");
    assert_eq!(deleted.lines().count(), 1);
    assert!(deleted.contains(gone.as_str()), "{deleted}");

    // The client deletes its jobs.
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0);
}

/// Its default filters are `Observation?category=` with nine categories, whose commas it encodes twice.
#[test]
fn smart_fetch_completes_with_its_default_filters_and_with_filters_of_its_user() {
    let dir = Dir::new();
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
    let subject = dir.get("s.db", "Patient/906e1f94-dfd3-466c-ada4-d36f902eba8c");
    assert!(!subject.is_empty());
    let uncategorized = r#"{"resourceType":"Observation","id":"none","status":"final","subject":{"reference":"Patient/906e1f94-dfd3-466c-ada4-d36f902eba8c"}}"#;
    dir.write("more.ndjson", format!("{uncategorized}\n"));
    dir.import(0, &["s.db", "more.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let base = format!("{}/fhir", served.url);
    let has_category = "EXISTS (SELECT 1 FROM json_each(body, '$.category') AS c, json_each(c.value, '$.coding') AS d
                             WHERE d.value ->> 'code' IN ('social-history', 'vital-signs', 'imaging', 'laboratory',
                                   'survey', 'exam', 'procedure', 'therapy', 'activity'))";
    let filtered = format!("(type <> 'Observation' OR {has_category})");
    let Some(system) = fetch_filtered(&dir, &base, "system", &[]) else { return };
    assert_same(&system, &stored(&dir, &served, &filtered));
    assert!(system.iter().any(|(name, _)| name.starts_with("Observation/")));
    let Some(patients) = fetch_filtered(&dir, &format!("{base}/Patient"), "patients", &[]) else {
        return;
    };
    let theirs = "(type = 'Patient' OR seq IN (SELECT seq FROM compartment))";
    assert_same(&patients, &stored(&dir, &served, &format!("{theirs} AND {filtered}")));
    let more = [
        "--type",
        "Patient,Observation",
        "--type-filter",
        "Observation?code=8867-4,29463-7",
        "--type-filter",
        "Patient?gender=female",
    ];
    let Some(chosen) = fetch_filtered(&dir, &base, "chosen", &more) else { return };
    let coded = "EXISTS (SELECT 1 FROM json_each(body, '$.code.coding') WHERE value ->> 'code' IN ('8867-4', '29463-7'))";
    let condition = format!(
        "(type = 'Observation' AND {coded} OR type = 'Patient' AND body ->> '$.gender' = 'female')"
    );
    assert_same(&chosen, &stored(&dir, &served, &condition));
}
