//! `$everything` of a patient. The export of the same patient says what must be there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{FHIR_JSON, bundle, filled, link, list, reads_in_audit, text};
use crate::support::bulk::{ended_at, kick_off, location, path};
use crate::support::client::{Answer, get, send};
use crate::support::oneup::{Tenants, bearer};
use crate::support::{Dir, project, served};

/// Resources by `Type/id`.
type Resources = BTreeMap<String, Value>;

fn name(resource: &Value) -> String {
    format!("{}/{}", text(&resource["resourceType"]), text(&resource["id"]))
}

/// The resources of an export, which must succeed.
fn exported(authority: &str, target: &str, headers: &str) -> Resources {
    let started = get(authority, target, headers);
    let manifest = ended_at(authority, path(&location(&started)), headers).json();
    let mut resources = Resources::new();
    for file in list(&manifest["output"]) {
        let file = get(authority, path(text(&file["url"])), headers);
        assert_eq!(file.status, 200, "{}", file.text());
        for line in file.text().lines() {
            let resource: Value = serde_json::from_str(line).unwrap();
            assert!(resources.insert(name(&resource), resource).is_none(), "{line} twice");
        }
    }
    resources
}

/// The resources of all pages, and the number of pages.
fn everything(authority: &str, target: &str, headers: &str) -> (Resources, usize) {
    let (mut resources, mut pages, mut total) = (Resources::new(), 0, Value::Null);
    let mut next = Some(target.to_owned());
    while let Some(target) = next {
        let answer = get(authority, path(&target), headers);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let bundle = answer.json();
        assert_eq!(bundle["type"], "searchset");
        for entry in list(&bundle["entry"]) {
            assert_eq!(entry["search"], json!({"mode": "match"}), "{entry}");
            let resource = &entry["resource"];
            let own = format!("/fhir/{}", name(resource));
            assert!(text(&entry["fullUrl"]).ends_with(&own), "{entry}");
            let was = resources.insert(name(resource), resource.clone());
            assert!(was.is_none(), "{own} twice");
        }
        pages += 1;
        assert!(pages == 1 || bundle["total"] == total, "{bundle}");
        total = bundle["total"].clone();
        next = link(&bundle, "next").map(str::to_owned);
    }
    assert_eq!(total, resources.len());
    (resources, pages)
}

/// The bodies of these resources as the store has them.
fn stored(dir: &Dir, of: &Resources) -> Resources {
    let bodies = dir.bodies("s.db").into_iter().filter(|(name, _)| of.contains_key(name));
    bodies.map(|(name, body)| (name, serde_json::from_str(&body).unwrap())).collect()
}

#[test]
fn everything_is_what_the_export_of_the_patient_has() {
    let dir = Dir::new();
    let sample = project().join("sample-data");
    dir.import(0, &["s.db", sample.to_str().unwrap()]);
    let served = dir.serve(&["s.db"]);
    let to = served.authority();
    let patients = bundle(&served, "/fhir/Patient?_count=4");
    let (mut seen, mut types) = (0, 0);
    for entry in list(&patients["entry"]) {
        let id = text(&entry["resource"]["id"]);
        for query in [
            "",
            "?_type=Observation,Practitioner",
            "?_since=2024-07-08T17:17:00Z",
            "?_type=Encounter&_since=2000-01-01T00:00:00Z",
        ] {
            let expected = exported(to, &format!("/fhir/Patient/{id}/$export{query}"), "");
            let (found, _) = everything(to, &format!("/fhir/Patient/{id}/$everything{query}"), "");
            assert_eq!(
                found.keys().collect::<Vec<_>>(),
                expected.keys().collect::<Vec<_>>(),
                "{id} {query}"
            );
            // The export makes the URLs of attachments absolute. Here they are as the store has them.
            assert_eq!(found, stored(&dir, &expected), "{id} {query}");
            seen += found.len();
        }
        let (found, pages) =
            everything(to, &format!("/fhir/Patient/{id}/$everything?_count=50"), "");
        assert_eq!(pages, found.len().div_ceil(50));
        let first = bundle(&served, &format!("/fhir/Patient/{id}/$everything?_count=1"));
        assert_eq!(first["entry"][0]["resource"], entry["resource"], "the Patient comes first");
        let kinds = found.keys().filter_map(|name| name.split('/').next());
        types = types.max(kinds.collect::<std::collections::BTreeSet<_>>().len());
    }
    assert!(seen > 400 && types > 8, "{seen} of {types} types");
}

const SHARED: &str = r#"{"resourceType":"Patient","id":"p","generalPractitioner":[{"reference":"Practitioner/d"}]}
{"resourceType":"Patient","id":"q","link":[{"other":{"reference":"Patient/p"},"type":"seealso"}]}
{"resourceType":"Practitioner","id":"d"}
{"resourceType":"Practitioner","id":"other"}
{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/p"},"performer":[{"reference":"Organization/x"}]}
{"resourceType":"Observation","id":"o2","subject":{"reference":"Patient/q"}}
{"resourceType":"Organization","id":"x","partOf":{"reference":"Organization/y"}}
{"resourceType":"Organization","id":"y"}
{"resourceType":"Group","id":"both","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/p"}},{"entity":{"reference":"Patient/q"}}]}
{"resourceType":"Group","id":"one","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/p"}}]}
{"resourceType":"Provenance","id":"v","target":[{"reference":"Observation/o1"}]}
{"resourceType":"Device","id":"free"}
{"resourceType":"Observation","id":"o3","subject":{"reference":"Patient/p"},"device":{"reference":"Device/free"}}
"#;

#[test]
fn pages_show_one_snapshot_whatever_is_imported_meanwhile() {
    let (dir, served) = served(SHARED);
    let to = served.authority();
    let expected = exported(to, "/fhir/Patient/p/$export", "");
    assert!(expected.contains_key("Organization/y") && !expected.contains_key("Group/both"));
    let mut found = Resources::new();
    let mut next = Some("/fhir/Patient/p/$everything?_count=2".to_owned());
    let mut round = 0;
    while let Some(target) = next {
        let page = bundle(&served, &target);
        assert_eq!(page["total"], expected.len());
        for entry in list(&page["entry"]) {
            let was = found.insert(name(&entry["resource"]), entry["resource"].clone());
            assert!(was.is_none(), "{entry} twice");
        }
        next = link(&page, "next").map(str::to_owned);
        // What is left changes, moves to another patient or goes, and more comes.
        let changed = SHARED.replace(
            "\"id\":\"o3\",\"subject\":{\"reference\":\"Patient/p\"}",
            "\"id\":\"o3\",\"subject\":{\"reference\":\"Patient/q\"}",
        );
        let changed = changed
            .replace("{\"resourceType\"", &format!("{{\"language\":\"x{round}\",\"resourceType\""));
        dir.write("in.ndjson", format!("{changed}{{\"resourceType\":\"Observation\",\"id\":\"n{round}\",\"subject\":{{\"reference\":\"Patient/p\"}}}}\n"));
        dir.import(0, &["s.db", "in.ndjson"]);
        assert_eq!(dir.run(["delete", "s.db", "Provenance/v", "Organization/y"]).code, 0);
        round += 1;
    }
    assert!(round > 3);
    assert_eq!(found, expected);
}

#[test]
fn parameters_come_in_the_url_or_as_a_resource() {
    let (_dir, served) = served(SHARED);
    let to = served.authority();
    let target = "/fhir/Patient/p/$everything";
    let posted = kick_off(to, target, &[("_type", "Observation"), ("_count", "1")], "");
    assert_eq!((posted.status, posted.header("content-type")), (200, FHIR_JSON));
    let by_get = served.get(&format!("{target}?_type=Observation&_count=1")).json();
    let posted = posted.json();
    assert_eq!((&posted["total"], &posted["entry"]), (&by_get["total"], &by_get["entry"]));
    assert_eq!(posted["total"], 2);
    // The links of an answer to POST are the same by GET.
    let own = format!("{}{target}?%5Ftype=Observation&%5Fcount=1", served.url);
    assert_eq!(link(&posted, "self"), Some(own.as_str()));
    assert_eq!(bundle(&served, &own)["entry"], posted["entry"]);
    let second = bundle(&served, link(&posted, "next").unwrap());
    assert_eq!((list(&second["entry"]).len(), link(&second, "next")), (1, None));
    assert_ne!(second["entry"], posted["entry"]);
    let empty = send(to, "POST", target, "Content-Length: 0\r\n", b"");
    assert_eq!(empty.json()["total"], bundle(&served, target)["total"]);
    let counted = bundle(&served, &format!("{target}?_count=0"));
    assert_eq!((&counted["total"], counted.get("entry")), (&empty.json()["total"], None));
    let head = send(to, "HEAD", target, "", b"");
    assert_eq!((head.undated(), head.body.len()), (served.get(target).undated(), 0));
}

#[test]
fn a_page_ends_where_its_bytes_are_many() {
    let long = |id: &str, megabytes: usize| {
        let text = "x".repeat(megabytes << 20);
        format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"{id}\",\"subject\":{{\"reference\":\"Patient/p\"}},\"valueString\":\"{text}\"}}\n"
        )
    };
    let sizes = [("a", 5), ("b", 5), ("c", 1), ("d", 9), ("e", 1), ("f", 1)];
    let lines: String = sizes.iter().map(|(id, megabytes)| long(id, *megabytes)).collect();
    let (_dir, served) = served(&format!("{{\"resourceType\":\"Patient\",\"id\":\"p\"}}\n{lines}"));
    for (path, pages) in [("Patient/p/$everything", [3, 2, 2]), ("_history", [3, 3, 1])] {
        let mut next = Some(format!("/fhir/{path}"));
        let (mut sizes, mut seen) = (Vec::new(), std::collections::BTreeSet::new());
        while let Some(target) = next {
            let page = served.get(&target).json();
            let entries = list(&page["entry"]);
            sizes.push(entries.len());
            for entry in entries {
                assert!(seen.insert(name(&entry["resource"])), "{target}");
            }
            next = link(&page, "next").map(str::to_owned);
        }
        assert_eq!((seen.len(), sizes), (7, pages.to_vec()), "{path}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let (dir, served) = filled();
    let target = "/fhir/Patient/a/$everything";
    let lenient = "Prefer: handling=lenient\r\n";
    for (query, name) in [
        ("start=2020-01-01", "start"),
        ("end=2020-01-01", "end"),
        ("_elements=id", "_elements"),
        ("_typeFilter=Observation%3Fcode=x", "_typeFilter"),
        ("_until=2020-01-01T00:00:00Z", "_until"),
        ("patient=Patient/b", "patient"),
        ("_since=yesterday", "_since"),
        ("_type=Martian", "_type"),
        ("_count=x", "_count"),
        ("_after=x", "_after"),
        ("_after=1&_snapshot=999999", "_snapshot"),
        ("_after=1&_snapshot=1%20OR%201=1", "_snapshot"),
        ("x%27;--=1", "x'"),
    ] {
        served.get(&format!("{target}?{query}")).assert_outcome(400, name);
    }
    // What would widen the answer is refused always.
    for query in ["start=2020", "end=2020"] {
        served
            .get_with(&format!("{target}?{query}"), lenient)
            .assert_outcome(400, query.split('=').next().unwrap());
    }
    let period = r#"{"resourceType":"Parameters","parameter":[{"name":"start","valuePeriod":{"start":"2020"}}]}"#;
    let headers = format!(
        "{lenient}Content-Type: application/fhir+json\r\nContent-Length: {}\r\n",
        period.len()
    );
    send(served.authority(), "POST", target, &headers, period.as_bytes())
        .assert_outcome(400, "start");
    let told = served.get_with(&format!("{target}?x=1"), lenient).json();
    let last = list(&told["entry"]).last().unwrap();
    assert_eq!(last["search"]["mode"], "outcome");
    assert!(text(&last["resource"]["issue"][0]["diagnostics"]).contains("\"x\""), "{last}");
    assert_eq!(told["total"], list(&told["entry"]).len() - 1);
    assert_eq!(link(&told, "self"), Some(format!("{}{target}", served.url).as_str()));
    for id in ["nobody", "a%27%20OR%201=1--", "%25", "a%2F..%2Fb", "%00", "..."] {
        served.get(&format!("/fhir/Patient/{id}/$everything")).assert_outcome(404, "is not here");
    }
    assert_eq!(dir.run(["delete", "s.db", "Patient/c"]).code, 0);
    served.get("/fhir/Patient/c/$everything").assert_outcome(410, "Patient/c");
    served.get("/fhir/Group/g/$everything").assert_outcome(404, "");
    served.get_with(target, "Accept: text/html\r\n").assert_outcome(406, "JSON");
    let form = "Content-Type: text/plain\r\nContent-Length: 1\r\n";
    send(served.authority(), "POST", target, form, b"x").assert_outcome(415, "Parameters");
}

#[test]
fn a_page_of_a_snapshot_that_was_pruned_is_gone() {
    let (dir, served) = served(SHARED);
    let page = bundle(&served, "/fhir/Patient/p/$everything?_count=2");
    let next = link(&page, "next").unwrap();
    assert_eq!(dir.run(["delete", "s.db", "Observation/o1"]).code, 0);
    assert_eq!(served.get(next).status, 200);
    dir.open("s.db").execute_batch("UPDATE setting SET value = (SELECT value FROM setting WHERE name = 'last_seq') WHERE name = 'last_pruned'; INSERT OR IGNORE INTO setting SELECT 'last_pruned', value FROM setting WHERE name = 'last_seq'").unwrap();
    served.get(next).assert_outcome(410, "pruned");
    assert_eq!(served.get("/fhir/Patient/p/$everything").status, 200);
}

#[test]
fn scopes_and_owners_apply_as_for_the_export() {
    let world = Tenants::new();
    let with_token = |client: &str, scope: &str| {
        let added = [
            "client",
            "add",
            "s.db",
            "--client-id",
            client,
            "--new-key",
            &format!("{client}.pem"),
            "--scope",
            scope,
        ];
        assert_eq!(world.dir.run(added).code, 0);
        let ran = world.dir.run(["token", "issue", "s.db", "--client", client]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        bearer(ran.stdout.trim())
    };
    let to = world.to();
    let narrow = with_token("narrow", "system/Observation.rs system/Patient.r");
    let wide = with_token("wide", "system/*.rs");
    for (of, headers, is_seen) in [
        ("anna", world.app.headers(&world.anna.to_string()), true),
        ("anna", world.app.headers("client"), true),
        ("ben", world.app.headers(&world.anna.to_string()), false),
        ("carl", world.app.headers("client"), false),
        ("nobody", world.app.headers("client"), false),
        ("nobody", wide.clone(), true),
        ("nobody", narrow.clone(), true),
        ("anna", wide.clone(), false),
    ] {
        let target = format!("/fhir/Patient/{of}/$everything");
        if !is_seen {
            get(to, &target, &headers).assert_outcome(404, "is not here");
            continue;
        }
        let expected = exported(to, &format!("/fhir/Patient/{of}/$export"), &headers);
        assert!(expected.len() >= 20, "{of}");
        assert_eq!(everything(to, &format!("{target}?_count=7"), &headers).0, expected, "{of}");
    }
    let asked = |query: &str, headers: &str| -> Answer {
        get(to, &format!("/fhir/Patient/nobody/$everything{query}"), headers)
    };
    assert_eq!(asked("", &narrow).json()["total"], 20, "no Patient, which may not be searched");
    asked("?_type=Patient", &narrow).assert_outcome(403, "Patient");
    asked("", "").assert_outcome(401, "");
    asked("", &with_token("reads", "system/*.r")).assert_outcome(403, "scope");
    let Tenants { dir, served, .. } = world;
    let noted = reads_in_audit(&dir, served);
    let of_anna = |(event, request): &&(String, String)| {
        event == "search" && request.starts_with("/fhir/Patient/anna/$everything")
    };
    assert_eq!(noted.iter().filter(of_anna).count(), 6, "three pages each: {noted:?}");
}
