//! `smart-fetch crawl` and `smart-fetch hydrate`, <https://pypi.org/project/smart-fetch/>, which search and read.
//!
//! `crawl` asks `Type?patient=ID` for each patient and type, `hydrate` reads what resources refer to and asks
//! `PractitionerRole?practitioner=ID`. What they must bring is counted in the store, without a search.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::smart_fetch::{KNOWN, assert_same};
use crate::support::{Dir, Served, project, succeed, tool};

/// `Type/id` and text of each resource.
type Resources = BTreeSet<(String, String)>;

/// The categories that the client asks for when it crawls Observations.
const CATEGORIES: &str =
    "'social-history', 'vital-signs', 'imaging', 'laboratory', 'survey', 'exam', 'procedure',
                          'therapy', 'activity'";

/// The types that the client reads by reference.
const READ: [&str; 10] = [
    "Device",
    "DiagnosticReport",
    "Encounter",
    "Location",
    "Medication",
    "Observation",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Specimen",
];

/// A server of the sample data that logs its requests.
fn served(dir: &Dir) -> Served {
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
    dir.serve_with_log(&["s.db", "--log", "json", "--access-log"])
}

/// Runs the client. `None` if it is missing.
fn run(dir: &Dir, served: &Served, arguments: &[&str]) -> Option<()> {
    let mut client = tool("smart-fetch")?;
    let base = format!("{}/fhir", served.url);
    client.current_dir(dir.path("")).arg(arguments[0]);
    client.args(["--fhir-url", &base, "--no-compression"]).args(&arguments[1..]);
    succeed(&mut client);
    Some(())
}

/// What the client has in a folder, none twice. It writes JSON anew.
fn brought(dir: &Dir, folder: &str) -> Resources {
    let mut resources = Resources::new();
    for entry in std::fs::read_dir(dir.path(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!path.is_dir(), "{name}: the client writes its errors there");
        if !name.ends_with(".ndjson") || name == "log.ndjson" {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let resource: Value = serde_json::from_str(line).unwrap();
            let is_new = resources.insert((name_of(&resource), resource.to_string()));
            assert!(is_new, "{} comes twice", name_of(&resource));
        }
    }
    resources
}

fn name_of(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

/// The resources of the store that meet an SQL condition.
fn stored(dir: &Dir, condition: &str) -> Resources {
    let db = dir.open("s.db");
    let sql = format!("SELECT body FROM resource WHERE {condition}");
    let mut statement = db.prepare(&sql).unwrap();
    let bodies = statement.query_map((), |row| row.get::<_, String>(0)).unwrap();
    let named = |body: String| {
        let resource: Value = serde_json::from_str(&body).unwrap();
        (name_of(&resource), resource.to_string())
    };
    bodies.map(|body| named(body.unwrap())).collect()
}

/// The texts of all references in a resource.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("reference").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// These resources, what they refer to, and the roles of practitioners among them, until no more come.
fn hydrated(crawled: &Resources, all: &Resources) -> Resources {
    let read = |(name, text): &(String, String)| {
        (name.clone(), serde_json::from_str::<Value>(text).unwrap())
    };
    let all: BTreeMap<String, Value> = all.iter().map(read).collect();
    let mut names: BTreeSet<String> = crawled.iter().map(|(name, _)| name.clone()).collect();
    loop {
        let mut links = Vec::new();
        names.iter().for_each(|name| references(&all[name], &mut links));
        let is_read = |link: &&&str| {
            link.split_once('/').is_some_and(|(of, _)| READ.contains(&of))
                && all.contains_key(**link)
        };
        let mut more: BTreeSet<String> =
            links.iter().filter(is_read).map(|link| (*link).to_owned()).collect();
        for (name, resource) in &all {
            let practitioner = resource["practitioner"]["reference"].as_str();
            if name.starts_with("PractitionerRole/")
                && practitioner.is_some_and(|link| names.contains(link))
            {
                more.insert(name.clone());
            }
        }
        let before = names.len();
        names.extend(more);
        if names.len() == before {
            let kept = |name: String| (name.clone(), all[&name].to_string());
            return names.into_iter().map(kept).collect();
        }
    }
}

/// Ends the server. Each request in its log must have been answered with 200; how many of them have this in their path.
fn all_answered_with_200(dir: &Dir, served: Served, path: &str) -> usize {
    assert_eq!(served.end("-TERM"), 0);
    let log = dir.text("stderr");
    let requests: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &Value| line["event"] == "request")
        .collect();
    for request in &requests {
        assert_eq!(request["status"], 200, "{request}");
    }
    requests.iter().filter(|request| request["path"].as_str().unwrap().contains(path)).count()
}

#[test]
fn smart_fetch_crawls_and_hydrates_completely_and_every_request_succeeds() {
    let dir = Dir::new();
    let served = served(&dir);
    let all = stored(&dir, "TRUE");
    let ids = all.iter().filter_map(|(name, _)| name.strip_prefix("Patient/"));
    let ids = ids.collect::<Vec<_>>().join(",");
    if run(&dir, &served, &["crawl", "--id-list", &ids, "out"]).is_none() {
        return;
    }
    let has_category = format!(
        "EXISTS (SELECT 1 FROM json_each(body, '$.category') AS c, json_each(c.value, '$.coding') AS d
                  WHERE d.value ->> 'code' IN ({CATEGORIES}))"
    );
    let theirs = format!(
        "type IN ({KNOWN}) AND (type = 'Patient'
          OR coalesce(body ->> '$.subject.reference', body ->> '$.patient.reference') LIKE 'Patient/%')
         AND (type <> 'Observation' OR {has_category})"
    );
    let crawled = brought(&dir, "out");
    assert_same(&crawled, &stored(&dir, &theirs));
    assert!(crawled.len() > 2000, "{}", crawled.len());

    run(&dir, &served, &["hydrate", "out"]);
    let wanted = hydrated(&crawled, &all);
    let roles = wanted.iter().filter(|(name, _)| name.starts_with("PractitionerRole/")).count();
    assert!(wanted.len() > crawled.len() && roles > 0);
    assert_same(&brought(&dir, "out"), &wanted);

    let searches = all_answered_with_200(&dir, served, "/fhir/PractitionerRole");
    assert!(searches >= roles, "{searches}");
}

#[test]
fn smart_fetch_crawls_the_patients_that_it_is_told_of_and_what_is_new() {
    let dir = Dir::new();
    let served = served(&dir);
    let has_conditions = "EXISTS (SELECT 1 FROM resource AS c WHERE c.type = 'Condition'
                                     AND c.body ->> '$.subject.reference' = 'Patient/' || resource.id)";
    let all = stored(&dir, &format!("type = 'Patient' AND {has_conditions}"));
    let (name, text) = all.first().unwrap();
    let id = name.strip_prefix("Patient/").unwrap();
    let patient: Value = serde_json::from_str(text).unwrap();
    let identifier = &patient["identifier"][0];
    let [system, value] = ["system", "value"].map(|part| identifier[part].as_str().unwrap());
    let types = ["--type", "Patient,Condition"];
    let by_number = [&["crawl", "--id-list", value, "--id-system", system][..], &types, &["mrn"]];
    if run(&dir, &served, &by_number.concat()).is_none() {
        return;
    }
    let theirs = format!(
        "type = 'Patient' AND id = '{id}'
         OR type = 'Condition' AND body ->> '$.subject.reference' = 'Patient/{id}'"
    );
    let wanted = stored(&dir, &theirs);
    assert!(wanted.len() > 1);
    assert_same(&brought(&dir, "mrn"), &wanted);

    // `Condition?patient=ID&_lastUpdated=gtTIME`
    let times = "SELECT max(body ->> '$.meta.lastUpdated') FROM resource WHERE type = 'Condition'";
    let last: String = dir.open("s.db").query_row(times, (), |row| row.get(0)).unwrap();
    let new = serde_json::json!({"resourceType": "Condition", "id": "new", "subject": {"reference": name}});
    dir.write("new.ndjson", format!("{new}\n"));
    dir.import(0, &["s.db", "new.ndjson"]);
    let since = ["crawl", "--source-dir", "mrn", "--type", "Condition", "--since", &last, "since"];
    run(&dir, &served, &since);
    assert_same(&brought(&dir, "since"), &stored(&dir, "id = 'new'"));
    all_answered_with_200(&dir, served, "/fhir/Condition");
}
