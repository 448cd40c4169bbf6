//! Batches of reads: each entry as the request by itself.

use serde_json::{Value, json};

use super::{FHIR_JSON, filled, filled_dir, list, reads_in_audit, text};
use crate::support::Dir;
use crate::support::client::{Answer, get, send};
use crate::support::oneup::{Tenants, bearer};

fn post(authority: &str, bundle: &Value, headers: &str) -> Answer {
    let body = bundle.to_string();
    let headers = format!(
        "{headers}Content-Type: application/fhir+json\r\nContent-Length: {}\r\n",
        body.len()
    );
    send(authority, "POST", "/fhir/", &headers, body.as_bytes())
}

fn batch_of(entries: &[Value]) -> Value {
    json!({"resourceType": "Bundle", "type": "batch", "entry": entries})
}

fn read(url: &str) -> Value {
    json!({"request": {"method": "GET", "url": url}})
}

/// The entries of the answer to a batch, which must succeed.
fn answers(authority: &str, entries: &[Value], headers: &str) -> Vec<Value> {
    let answer = post(authority, &batch_of(entries), headers);
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, FHIR_JSON),
        "{}",
        answer.text()
    );
    let bundle = answer.json();
    assert_eq!(
        (&bundle["resourceType"], &bundle["type"]),
        (&json!("Bundle"), &json!("batch-response"))
    );
    let answers = list(&bundle["entry"]).to_vec();
    assert_eq!(answers.len(), entries.len());
    answers
}

fn status(entry: &Value) -> u16 {
    text(&entry["response"]["status"])[..3].parse().unwrap()
}

#[test]
fn each_entry_is_answered_as_the_request_by_itself() {
    let (_dir, served) = filled();
    let urls = [
        "Patient/a",
        "Patient/b/_history/7",
        "Patient/nobody",
        "Observation/gone",
        "Patient?_id=a,c",
        "?_type=Patient,Group&_id=a,g",
        "Patient?nonsense=1",
        "Patient?identifier=a%5C,b%5C%7Cc",
        "Martian/a",
        "Patient/a/_history",
        "_history?_count=2",
        "Patient/a/$everything",
        "OperationDefinition/export",
        "Patient//_history/1",
        "Patient/a%27%20OR%201=1--",
        "Patient/../metadata",
    ];
    let entries: Vec<Value> = urls.iter().map(|url| read(url)).collect();
    for (url, entry) in urls.iter().zip(answers(served.authority(), &entries, "")) {
        let alone = served.get(&format!("/fhir/{url}"));
        let response = &entry["response"];
        assert_eq!(status(&entry), alone.status, "{url}: {entry}");
        let body = if alone.status < 400 { &entry["resource"] } else { &response["outcome"] };
        assert_eq!(*body, alone.json(), "{url}");
        assert_eq!(entry["resource"].is_null(), alone.status >= 400, "{url}");
        assert_eq!(response["etag"].as_str(), alone.header("etag"), "{url}");
        let modified = response["lastModified"].as_str();
        assert!(modified.is_none_or(|time| fhirlite::Instant::parse(time).is_some()), "{entry}");
        assert_eq!(modified.is_some(), alone.header("last-modified").is_some(), "{url}");
    }
    let b = &answers(served.authority(), &[read("Patient/b")], "")[0];
    assert_eq!(b["response"]["lastModified"], "2020-06-15T12:00:00.000Z");
    // A Binary is a resource in a Bundle, not its content.
    let binary = &answers(served.authority(), &[read("Binary/text")], "")[0];
    assert_eq!(binary["resource"]["contentType"], "text/plain");
    // URLs below the base, in each form.
    let own = format!("{}/fhir/Patient/a", served.url);
    let forms: Vec<Value> = ["/Patient/a", "/fhir/Patient/a", &own, "Patient/%61"]
        .iter()
        .map(|url| read(url))
        .collect();
    for entry in answers(served.authority(), &forms, "") {
        assert_eq!((status(&entry), &entry["resource"]["id"]), (200, &json!("a")));
    }
    let metadata = &answers(served.authority(), &[read("metadata")], "")[0];
    assert_eq!(metadata["resource"]["resourceType"], "CapabilityStatement");
    let lenient =
        answers(served.authority(), &[read("Patient?x=1&_id=a")], "Prefer: handling=lenient\r\n");
    assert_eq!(
        (status(&lenient[0]), &lenient[0]["resource"]["entry"][1]["search"]["mode"]),
        (200, &json!("outcome"))
    );
}

#[test]
fn conditions_and_heads_count_in_entries() {
    let (_dir, served) = filled();
    let with = |method: &str, known: &str| json!({"request": {"method": method, "url": "Patient/b", "ifNoneMatch": known}});
    let entries = [
        with("GET", "W/\"7\""),
        with("GET", "W/\"8\""),
        with("HEAD", "W/\"8\""),
        with("HEAD", "*"),
    ];
    let answers = answers(served.authority(), &entries, "If-None-Match: W/\"7\"\r\n");
    assert_eq!(answers.iter().map(status).collect::<Vec<_>>(), [304, 200, 200, 304]);
    let has_resource: Vec<bool> =
        answers.iter().map(|entry| entry["resource"].is_object()).collect();
    assert_eq!(has_resource, [false, true, false, false]);
    assert!(answers.iter().all(|entry| entry["response"]["etag"] == "W/\"7\""));
}

#[test]
fn an_entry_that_is_refused_fails_no_other() {
    let (dir, served) = filled();
    let before = dir.bodies("s.db");
    let of = |method: &str, url: &str| json!({"request": {"method": method, "url": url}, "resource": {"resourceType": "Patient", "id": "new"}});
    let refused = [
        (of("POST", "Patient"), 405, "nothing is written"),
        (of("PUT", "Patient/new"), 405, "nothing is written"),
        (of("DELETE", "Patient/a"), 405, "nothing is written"),
        (of("PATCH", "Patient/a"), 405, "nothing is written"),
        (of("POST", ""), 405, "nothing is written"),
        (of("get", "Patient/a"), 405, "nothing is written"),
        (read(""), 404, ""),
        (read("$export"), 400, "within a batch"),
        (read("Patient/$export"), 400, "within a batch"),
        (read("Patient/a/$export"), 400, "within a batch"),
        (read("Group/g/$export-v4"), 400, "within a batch"),
        (read("$bulk-publish"), 400, "within a batch"),
        (read("$bulk-publish/Patient/a.b.c.ndjson"), 400, "within a batch"),
        (read("jobs/0"), 400, "within a batch"),
        (read("jobs/0/Patient.ndjson"), 400, "within a batch"),
        (read("oauth2/token"), 404, ""),
        (read("../bulk-data/r4/$export"), 404, ""),
        (read("/bulk-data/r4/$export"), 404, ""),
        (read("http://example.org/fhir/Patient/a"), 400, "not below"),
        (read("urn:uuid:1"), 400, "not below"),
        (read("Binary/text?_format=text/plain"), 406, ""),
        (json!({}), 400, "no request"),
        (json!(1), 400, "no JSON object"),
        (json!({"request": {"method": "GET"}}), 400, "url"),
        (json!({"request": {"url": "Patient/a"}}), 400, "method"),
    ];
    let mut entries = vec![read("Patient/a")];
    for (entry, ..) in &refused {
        entries.extend([entry.clone(), read("Patient/a")]);
    }
    let answers = answers(served.authority(), &entries, "");
    for (number, (entry, expected, word)) in refused.iter().enumerate() {
        let answer = &answers[2 * number + 1];
        assert_eq!(status(answer), *expected, "{entry}: {answer}");
        let outcome = &answer["response"]["outcome"];
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{entry}");
        assert!(text(&outcome["issue"][0]["diagnostics"]).contains(word), "{entry}: {outcome}");
        assert!(answer["resource"].is_null());
    }
    assert!(answers.iter().step_by(2).all(|answer| answer["resource"]["id"] == "a"));
    assert_eq!(dir.bodies("s.db"), before);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0, "no export was begun");
}

#[test]
fn what_is_no_batch_is_refused_as_a_whole() {
    let (_dir, served) = filled();
    let to = served.authority();
    let of_type =
        |kind: &str| json!({"resourceType": "Bundle", "type": kind, "entry": [read("Patient/a")]});
    post(to, &of_type("transaction"), "").assert_outcome(400, "transaction");
    post(to, &of_type("history"), "").assert_outcome(400, "history");
    post(to, &json!({"resourceType": "Patient", "type": "batch"}), "")
        .assert_outcome(400, "Patient");
    post(to, &json!([]), "").assert_outcome(400, "");
    post(to, &batch_of(&[]), "Accept: text/html\r\n").assert_outcome(406, "JSON");
    send(
        to,
        "POST",
        "/fhir/",
        "Content-Type: application/fhir+json\r\nContent-Length: 1\r\n",
        b"{",
    )
    .assert_outcome(400, "batch");
    send(to, "POST", "/fhir/", "Content-Type: text/plain\r\nContent-Length: 2\r\n", b"{}")
        .assert_outcome(415, "Bundle");
    let many: Vec<Value> = (0..1001).map(|_| read("Patient/a")).collect();
    post(to, &batch_of(&many), "").assert_outcome(413, "1000");
    assert_eq!(answers(to, &many[..1000], "").len(), 1000);
    let long = batch_of(&[read(&"x".repeat(1 << 20))]);
    assert_eq!(post(to, &long, "").status, 413);
    assert!(answers(to, &[], "").is_empty());
    let empty = json!({"resourceType": "Bundle", "type": "batch"});
    assert_eq!(post(to, &empty, "").json().get("entry"), None);
    send(to, "GET", "/fhir", "", b"").assert_outcome(404, "metadata");
    send(to, "PUT", "/fhir", "Content-Length: 0\r\n", b"").assert_outcome(405, "POST");
}

#[test]
fn answers_that_are_too_long_together_are_refused_one_by_one() {
    let dir = Dir::new();
    let patient = |id: &str, bytes: usize| {
        let text = "x".repeat(bytes);
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"name\":[{{\"text\":\"{text}\"}}]}}\n"
        )
    };
    let lines = patient("half", 4 << 20)
        + &patient("other", 4 << 20)
        + &patient("huge", 9 << 20)
        + &patient("small", 1);
    dir.write("in.ndjson", lines);
    let served = dir.serve(&["s.db", "in.ndjson", "--quiet"]);
    let urls = ["Patient/huge", "Patient/half", "Patient/other", "Patient/small", "Patient/huge"];
    let entries: Vec<Value> = urls.iter().map(|url| read(url)).collect();
    let answers = answers(served.authority(), &entries, "");
    assert_eq!(answers.iter().map(status).collect::<Vec<_>>(), [413, 200, 413, 200, 413]);
    assert!(
        text(&answers[0]["response"]["outcome"]["issue"][0]["diagnostics"]).contains("by itself")
    );
}

#[test]
fn a_batch_gives_the_caller_what_single_requests_give() {
    let world = Tenants::new();
    let scope = "system/Patient.rs system/Observation.r";
    let added =
        ["client", "add", "s.db", "--client-id", "c", "--new-key", "c.pem", "--scope", scope];
    assert_eq!(world.dir.run(added).code, 0);
    let token = world.dir.run(["token", "issue", "s.db", "--client", "c"]).stdout;
    let urls: Vec<String> = ["anna", "ben", "carl", "nobody"]
        .iter()
        .flat_map(|of| {
            [
                format!("Patient/{of}"),
                format!("Observation/{of}-1"),
                format!("Patient/{of}/$everything"),
            ]
        })
        .chain(["Patient", "Observation", "_history?_count=0"].map(str::to_owned))
        .collect();
    let entries: Vec<Value> = urls.iter().map(|url| read(url)).collect();
    let callers = [
        world.app.headers(&world.anna.to_string()),
        world.app.headers("client"),
        world.other.headers("client"),
        bearer(token.trim()),
    ];
    let mut sent = 0;
    for headers in &callers {
        let answers = answers(world.to(), &entries, headers);
        for (url, answer) in urls.iter().zip(&answers) {
            let alone = get(world.to(), &format!("/fhir/{url}"), headers);
            assert_eq!(status(answer), alone.status, "{url}: {answer}");
            let body = if alone.status < 400 {
                &answer["resource"]
            } else {
                &answer["response"]["outcome"]
            };
            assert_eq!(*body, alone.json(), "{url}");
            sent += usize::from(alone.status == 200);
        }
    }
    post(world.to(), &batch_of(&entries), "").assert_outcome(401, "");
    // The audit has each entry twice: of the batch, and by itself.
    let Tenants { dir, served, .. } = world;
    assert_eq!(reads_in_audit(&dir, served).len(), 2 * sent);
}

#[test]
fn entries_of_head_are_not_in_the_audit() {
    let dir = filled_dir();
    let added = [
        "client",
        "add",
        "s.db",
        "--client-id",
        "c",
        "--new-key",
        "c.pem",
        "--scope",
        "system/*.rs",
    ];
    assert_eq!(dir.run(added).code, 0);
    let token = bearer(dir.run(["token", "issue", "s.db", "--client", "c"]).stdout.trim());
    let served = dir.serve(&["s.db", "--auth", "required"]);
    let entries =
        ["HEAD", "GET"].map(|method| json!({"request": {"method": method, "url": "Patient/a"}}));
    let answers = answers(served.authority(), &entries, &token);
    assert_eq!(
        (&answers[0]["resource"], &answers[1]["resource"]["id"]),
        (&Value::Null, &json!("a"))
    );
    let noted = reads_in_audit(&dir, served);
    assert_eq!(noted, [("read".to_owned(), "/fhir/Patient/a".to_owned())]);
}
