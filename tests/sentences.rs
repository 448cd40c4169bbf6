//! The Bulk Data implementation guide, sentence by sentence: each SHALL of its export, async and
//! publish pages that binds a server and that a client can see, above the test that holds the
//! server to it. At the end, the ones that are left out, and why.
//!
//! The quotes are of the guide's continuous build (STU4, July 2026), lists run together. Where the
//! async page has a sentence of the export page, it says "server" for "Data Provider". What the two
//! editions of the operation share is tried on both: `$export` (STU2 and 3) and `$export-v4`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bulk::location;
use crate::support::client::{self, Answer};
use crate::support::{self, Dir, Served};

/// The operation's names: one for each edition of the guide.
const EDITIONS: [&str; 2] = ["$export", "$export-v4"];
const PUBLISH: &str = "/fhir/$bulk-publish";

/// Three patients and what is about them, around them, and about nobody.
const DATA: &str = r#"{"resourceType":"Organization","id":"org","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}
{"resourceType":"Organization","id":"far","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}
{"resourceType":"Practitioner","id":"doc","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}
{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"}}
{"resourceType":"Patient","id":"c","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"}}
{"resourceType":"Encounter","id":"ea","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"},"participant":[{"individual":{"reference":"Practitioner/doc"}}],"serviceProvider":{"reference":"Organization/org"}}
{"resourceType":"Observation","id":"oa1","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"oa2","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"ob","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"subject":{"reference":"Patient/b"}}
{"resourceType":"Observation","id":"oc","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"subject":{"reference":"Patient/c"}}
{"resourceType":"Binary","id":"note","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"contentType":"text/plain","data":"aGVsbG8="}
{"resourceType":"DocumentReference","id":"da","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"},"content":[{"attachment":{"contentType":"text/plain","url":"Binary/note"}}]}
{"resourceType":"Provenance","id":"va1","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"target":[{"reference":"Observation/oa1"}],"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Provenance","id":"va2","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"target":[{"reference":"Observation/oa1"}],"recorded":"2021-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Provenance","id":"vb","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"target":[{"reference":"Observation/ob"}],"recorded":"2022-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Provenance","id":"vf","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"target":[{"reference":"Organization/far"}],"recorded":"2022-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Group","id":"g","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}}]}
{"resourceType":"Group","id":"lost","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/gone"}}]}
"#;

/// What an export of all patients holds.
const OF_PATIENTS: &str = "\
    DocumentReference/da Encounter/ea Group/g Group/lost Observation/oa1 Observation/oa2 \
    Observation/ob Observation/oc Organization/org Patient/a Patient/b Patient/c \
    Practitioner/doc Provenance/va1 Provenance/va2 Provenance/vb";
/// What an export of Group/g holds.
const OF_GROUP: &str = "\
    DocumentReference/da Encounter/ea Group/g Observation/oa1 Observation/oa2 Observation/ob \
    Organization/org Patient/a Patient/b Practitioner/doc Provenance/va1 Provenance/va2 \
    Provenance/vb";
/// What an export of Patient/a alone holds: both groups are about others, too.
const OF_A: &str = "\
    DocumentReference/da Encounter/ea Observation/oa1 Observation/oa2 Organization/org Patient/a \
    Practitioner/doc Provenance/va1 Provenance/va2";

fn served() -> (Dir, Served) {
    support::served(DATA)
}

/// A store whose exports by patient take long enough to be seen running.
fn slow() -> (Dir, Served) {
    let mut data = String::new();
    for patient in 0..100 {
        data += &format!("{{\"resourceType\":\"Patient\",\"id\":\"p{patient}\"}}\n");
        for n in 0..300 {
            let subject = json!({"reference": format!("Patient/p{patient}")});
            let id = format!("o{patient}-{n}");
            data +=
                &json!({"resourceType": "Observation", "id": id, "subject": subject}).to_string();
            data.push('\n');
        }
    }
    let dir = Dir::new();
    dir.write("in.ndjson", data);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// A store that takes kick-offs at Patient level and then lacks what these exports are made from.
fn failing() -> (Dir, Served) {
    let (dir, served) = served();
    dir.open("s.db").execute_batch("DROP TABLE compartment").expect("dropped");
    (dir, served)
}

fn string(name: &str, value: &str) -> Value {
    json!({"name": name, "valueString": value})
}

fn size(name: &str, bytes: u32) -> Value {
    json!({"name": name, "valuePositiveInt": bytes})
}

fn since(instant: &str) -> Value {
    json!({"name": "_since", "valueInstant": instant})
}

/// POST with Parameters of these entries; with none, nothing is sent.
fn kick_off(served: &Served, path: &str, headers: &str, parameters: &[Value]) -> Answer {
    let body = match parameters {
        [] => String::new(),
        some => json!({"resourceType": "Parameters", "parameter": some}).to_string(),
    };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/fhir+json\r\n" };
    let headers = format!("{kind}Content-Length: {}\r\n{headers}", body.len());
    client::send(served.authority(), "POST", path, &headers, body.as_bytes())
}

/// Whether a status answer is of an export that is under way.
fn running(answer: &Answer) -> bool {
    answer.status == 202 || answer.header("x-export-status").is_some_and(|s| s.starts_with("202"))
}

/// Asks until the export has ended: at once for as long as it takes on an idle machine, then as
/// seldom as the server wishes.
fn ended(served: &Served, location: &str) -> Answer {
    for poll in 0..1060 {
        let answer = served.get(location);
        if !running(&answer) {
            return answer;
        }
        let wait = answer.header("retry-after").expect("a Retry-After").parse().expect("seconds");
        if poll < 1000 {
            thread::yield_now();
        } else {
            thread::sleep(Duration::from_secs(wait));
        }
    }
    panic!("{location} does not end");
}

/// The manifest of a whole export.
fn manifest(served: &Served, path: &str, parameters: &[Value]) -> Value {
    let answer = ended(served, &location(&kick_off(served, path, "", parameters)));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// A manifest's page and those that it leads to.
fn pages(served: &Served, first: &str) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(url) = next {
        assert!(pages.len() < 50, "the pages have no end");
        let answer = served.get(&url);
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        let page = answer.json();
        next = list(&page["link"]).first().map(|link| text(&link["url"]));
        pages.push(page);
    }
    pages
}

/// Each kind of manifest of everything: both editions' and the published one.
fn manifests(served: &Served) -> Vec<Value> {
    let of = |edition| manifest(served, &format!("/fhir/{edition}"), &[]);
    EDITIONS.into_iter().map(of).chain(pages(served, PUBLISH)).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The file entries under each of `keys`.
fn files<'a>(manifest: &'a Value, keys: &[&str]) -> Vec<&'a Value> {
    keys.iter().flat_map(|key| list(&manifest[*key])).collect()
}

/// Every file entry that a manifest can have.
const ALL: [&str; 4] = ["output", "deleted", "error", "outcome"];

fn download(served: &Served, file: &Value) -> Vec<u8> {
    let answer = served.get(&text(&file["url"]));
    assert_eq!(answer.status, 200, "{file}: {}", answer.text());
    answer.body
}

fn lines(served: &Served, file: &Value) -> Vec<Value> {
    let text = String::from_utf8(download(served, file)).expect("UTF-8");
    assert!(text.ends_with('\n'), "{file}: {text:?}");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON on each line")).collect()
}

/// `Type/id` of every resource in the output, in order of these.
fn ids<'a>(served: &Served, manifests: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut ids: Vec<String> = manifests
        .into_iter()
        .flat_map(|manifest| list(&manifest["output"]))
        .flat_map(|file| lines(served, file))
        .map(|line| format!("{}/{}", text(&line["resourceType"]), text(&line["id"])))
        .collect();
    ids.sort();
    ids
}

/// The same of every resource in the store.
fn all_ids() -> Vec<String> {
    let mut ids: Vec<String> = DATA
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| format!("{}/{}", text(&line["resourceType"]), text(&line["id"])))
        .collect();
    ids.sort();
    ids
}

fn words(ids: &str) -> Vec<String> {
    ids.split(' ').map(str::to_owned).collect()
}

/// What of a manifest is the same on each of its pages.
fn common(page: &Value) -> Value {
    let mut page = page.clone();
    for key in ALL.into_iter().chain(["link"]) {
        page.as_object_mut().expect("an object").remove(key);
    }
    page
}

fn assert_outcome_body(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("application/fhir+json"));
    let outcome = answer.json();
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
    assert!(!list(&outcome["issue"]).is_empty(), "{outcome}");
}

fn delete(served: &Served, location: &str) -> Answer {
    let path = location.strip_prefix(&served.url).expect("a URL of this server");
    client::send(served.authority(), "DELETE", path, "", b"")
}

// The kick-off.

/// export: The Data Provider's FHIR Resource Server SHALL support invocation of this operation
/// using HTTP POST and the [FHIR Asynchronous Bulk Interaction Pattern](async.html).
#[test]
fn post_starts_an_export_at_every_level() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        for (level, expected) in
            [("", all_ids()), ("Patient/", words(OF_PATIENTS)), ("Group/g/", words(OF_GROUP))]
        {
            let path = format!("/fhir/{level}{edition}");
            let headers = "Accept: application/fhir+json\r\nPrefer: respond-async\r\n";
            for parameters in [vec![], vec![string("_outputFormat", "ndjson")]] {
                let started = kick_off(&served, &path, headers, &parameters);
                let answer = ended(&served, &location(&started));
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                assert_eq!(ids(&served, [&answer.json()]), expected, "{path}");
            }
        }
    }
}

/// export: Request parameters SHALL be supplied using the FHIR [Parameters
/// Resource](https://www.hl7.org/fhir/parameters.html).
#[test]
fn parameters_come_as_a_parameters_resource() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        let path = format!("/fhir/{edition}");
        // To the instant that b was changed at: later ones only.
        let parameters = [string("_type", "Patient"), since("2021-01-01T00:00:00Z")];
        let found = ids(&served, [&manifest(&served, &path, &parameters)]);
        assert_eq!(found, ["Patient/c"]);
        for (kind, body, status) in [
            ("application/x-www-form-urlencoded", "_type=Patient", 415),
            ("application/fhir+json", r#"{"resourceType":"Patient"}"#, 400),
            ("application/fhir+json", r#"{"_type":"Patient"}"#, 400),
            ("application/fhir+json", r#"{"resourceType":"Parameters""#, 400),
        ] {
            let headers = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
            let answer = client::send(served.authority(), "POST", &path, &headers, body.as_bytes());
            assert_eq!(answer.status, status, "{edition} {body}");
            assert_outcome_body(&answer);
        }
    }
}

/// export: A Data Consumer SHALL NOT represent multiple values by comma-delimiting them within a
/// single parameter value.
#[test]
fn a_list_with_commas_is_refused_and_repeats_are_not() {
    let (_dir, served) = served();
    let path = "/fhir/$export-v4";
    for [name, several, one, other] in [
        ["_type", "Patient,Group", "Patient", "Group"],
        ["_elements", "Patient.id,Group.id", "Patient.id", "Group.id"],
    ] {
        kick_off(&served, path, "", &[string(name, several)]).assert_outcome(400, name);
        let repeated = manifest(&served, path, &[string(name, one), string(name, other)]);
        let mut expected = all_ids();
        if name == "_type" {
            expected.retain(|id| id.starts_with("Patient/") || id.starts_with("Group/"));
        }
        assert_eq!(ids(&served, [&repeated]), expected, "{name}");
    }
}

/// async: Servers SHALL support the HTTP methods, URLs, headers, and other parameters that normally
/// apply to the interaction being invoked.
#[test]
fn each_method_and_way_of_asking_that_an_operation_has_is_there() {
    let (_dir, served) = served();
    // An operation that changes nothing can be invoked by GET (STU2 and 3); one that does, as
    // STU4 says of itself (affectsState), cannot.
    let query = "?_type=Patient&_since=2020-06-01T00:00:00Z";
    for path in ["/fhir/$export", "/fhir/%24export", "/fhir/Patient/$export"] {
        let target = format!("{path}{query}");
        let by_get = ended(&served, &location(&served.get(&target))).json();
        let by_post = manifest(&served, &target, &[]);
        assert_eq!(ids(&served, [&by_get]), ["Patient/b", "Patient/c"], "GET {path}");
        assert_eq!(ids(&served, [&by_post]), ["Patient/b", "Patient/c"], "POST {path}");
    }
    for level in ["", "Patient/", "Patient/a/", "Group/g/"] {
        let answer = served.get(&format!("/fhir/{level}$export-v4"));
        assert_eq!(answer.status, 405, "{level}");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
        assert_outcome_body(&answer);
    }
}

/// async: Servers SHALL also support the `Prefer` header described below, and SHOULD support the
/// `Accept` header and `_outputFormat` parameter described below.
#[test]
fn prefer_respond_async_is_understood_and_applied() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        for prefer in ["respond-async", "Respond-Async", "respond-async, wait=10"] {
            let headers = format!("Prefer: {prefer}\r\nAccept: application/fhir+json\r\n");
            let started = kick_off(&served, &format!("/fhir/{edition}"), &headers, &[]);
            assert_eq!(started.status, 202, "{prefer}: {}", started.text());
            assert_eq!(started.header("preference-applied"), Some("respond-async"), "{prefer}");
        }
    }
}

/// async, parameter `_outputFormat`: For request types where the server supports either the FHIR
/// Asynchronous Bulk Interaction Pattern or the [Asynchronous Interaction Request
/// Pattern](https://hl7.org/fhir/async-bundle.html), requests that include the `_outputFormat`
/// parameter SHALL trigger the FHIR Asynchronous Bulk Interaction Pattern.
#[test]
fn an_output_format_alone_asks_for_the_asynchronous_pattern() {
    let (_dir, served) = served();
    let format = string("_outputFormat", "application/fhir+ndjson");
    for started in [
        served.get("/fhir/$export?_outputFormat=application/fhir%2Bndjson"),
        kick_off(&served, "/fhir/$export", "", std::slice::from_ref(&format)),
        kick_off(&served, "/fhir/$export-v4", "", std::slice::from_ref(&format)),
    ] {
        let done = ended(&served, &location(&started));
        assert_eq!(done.header("content-type"), Some("application/json"));
        assert_eq!(ids(&served, [&done.json()]), all_ids());
    }
}

/// export, parameter `_outputFormat`: The Data Provider SHALL support [Newline Delimited
/// JSON](https://github.com/ndjson/ndjson-spec), but MAY choose to support additional output
/// formats.
///
/// export, parameter `_outputFormat`: The Data Provider SHALL accept the full content type of
/// `application/fhir+ndjson` as well as the abbreviated representations `application/ndjson` and
/// `ndjson`.
///
/// async, parameter `_outputFormat`: Currently, [NDJSON](http://ndjson.org/) SHALL be supported,
/// though servers MAY also support other output formats.
///
/// async, parameter `_outputFormat`: Servers SHALL support the full content type of
/// `application/fhir+ndjson` as well as abbreviated representations including `application/ndjson`
/// and `ndjson`.
#[test]
fn ndjson_goes_by_each_of_its_names() {
    let (_dir, served) = served();
    for name in ["application/fhir+ndjson", "application/ndjson", "ndjson"] {
        for edition in EDITIONS {
            let format = [string("_outputFormat", name)];
            let manifest = manifest(&served, &format!("/fhir/{edition}"), &format);
            assert_eq!(ids(&served, [&manifest]), all_ids(), "{name}");
            if edition == "$export-v4" {
                assert_eq!(manifest["outputFormat"], "application/fhir+ndjson", "{name}");
            }
        }
        let target = format!("/fhir/$export?_outputFormat={}", name.replace('+', "%2B"));
        assert_eq!(ended(&served, &location(&served.get(&target))).status, 200, "{name}");
    }
}

/// export, async: If this header value is included by a Data Consumer and is supported by a Data
/// Provider, the Data Provider SHALL return the header `Preference-Applied` with values of
/// `respond-async` and `separate-export-status` in its response.
///
/// export, async: When a Prefer header value of `separate-export-status` is provided in the kickoff
/// request and supported by the Data Provider, the response SHALL include the header
/// `Preference-Applied` with values of `respond-async` and `separate-export-status`.
#[test]
fn preferences_that_are_followed_are_named() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        for (prefer, expected) in [
            ("Prefer: respond-async\r\n", &["respond-async"][..]),
            (
                "Prefer: respond-async,separate-export-status\r\n",
                &["respond-async", "separate-export-status"],
            ),
            (
                "Prefer: separate-export-status, respond-async\r\n",
                &["respond-async", "separate-export-status"],
            ),
            (
                "Prefer: respond-async\r\nPrefer: separate-export-status\r\n",
                &["respond-async", "separate-export-status"],
            ),
        ] {
            let answer = kick_off(&served, &format!("/fhir/{edition}"), prefer, &[]);
            assert_eq!(answer.status, 202, "{}", answer.text());
            let head = answer.head.to_ascii_lowercase();
            let applied: BTreeSet<&str> = head
                .lines()
                .filter_map(|line| line.strip_prefix("preference-applied:"))
                .flat_map(|values| values.split(','))
                .map(str::trim)
                .collect();
            assert_eq!(applied, expected.iter().copied().collect(), "{prefer}");
        }
    }
}

/// export: The Data Provider SHALL return a successful kick-off response with: HTTP status `202
/// Accepted`; `Content-Location` header with the absolute URL of an endpoint for subsequent status
/// requests (polling location)
///
/// async: The server SHALL return a successful kick-off response with: HTTP status `202 Accepted`;
/// `Content-Location` header with the absolute URL of an endpoint for subsequent status requests
#[test]
fn a_kick_off_is_answered_with_where_to_ask() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        for level in ["", "Patient/", "Patient/a/", "Group/g/"] {
            let started = kick_off(&served, &format!("/fhir/{level}{edition}"), "", &[]);
            assert!(started.head.starts_with("HTTP/1.1 202 Accepted\r\n"), "{}", started.head);
            let location = started.header("content-location").expect("a Content-Location");
            let id = location.strip_prefix(&format!("{}/fhir/jobs/", served.url));
            let id = id.unwrap_or_else(|| panic!("{location} is not absolute"));
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{location}");
            assert_eq!(ended(&served, location).status, 200);
        }
    }
}

/// export: The Data Provider SHALL return an error response with: HTTP status `4XX` or `5XX`; FHIR
/// `OperationOutcome` resource in the body in JSON format
///
/// async: The server SHALL return an error response with: HTTP status `4XX` or `5XX`; FHIR
/// `OperationOutcome` resource in the body
#[test]
fn a_kick_off_that_is_refused_says_why() {
    let (_dir, served) = served();
    let patient = json!({"name": "patient", "valueReference": {"reference": "Patient/a"}});
    for edition in EDITIONS {
        for (level, headers, parameter, status) in [
            ("", "", string("_colour", "blue"), 400),
            ("", "", string("_outputFormat", "text/csv"), 400),
            ("", "", since("yesterday"), 400),
            ("", "", string("_type", "Unicorn"), 400),
            ("Patient/", "", string("_type", "Practitioner"), 400),
            ("", "", string("organizeOutputBy", "Observation"), 400),
            ("", "", patient.clone(), 400),
            ("Patient/a/", "", patient.clone(), 400),
            ("", "Accept: text/html\r\n", string("_type", "Patient"), 406),
            ("Group/nobody/", "", string("_type", "Patient"), 404),
            ("Patient/nobody/", "", string("_type", "Patient"), 404),
        ] {
            let path = format!("/fhir/{level}{edition}");
            let answer = kick_off(&served, &path, headers, std::slice::from_ref(&parameter));
            assert_eq!(answer.status, status, "{path} {parameter}: {}", answer.text());
            assert_outcome_body(&answer);
            assert_eq!(answer.header("content-location"), None, "{path} {parameter}");
        }
    }
}

// What the parameters mean.

/// export, parameter `_type`: The response SHALL be filtered to only include resources of the
/// specified resource type(s).
#[test]
fn only_the_types_asked_for_are_returned() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        for (level, types, expected) in [
            ("", &["Organization"][..], "Organization/far Organization/org"),
            ("", &["Binary", "Patient"], "Binary/note Patient/a Patient/b Patient/c"),
            ("Patient/", &["Encounter"], "Encounter/ea"),
            ("Patient/", &["Patient", "Group"], "Group/g Group/lost Patient/a Patient/b Patient/c"),
            ("Group/g/", &["Patient"], "Patient/a Patient/b"),
            (
                "Group/g/",
                &["Observation", "Encounter"],
                "Encounter/ea Observation/oa1 Observation/oa2 Observation/ob",
            ),
        ] {
            let asked: Vec<Value> = types.iter().map(|name| string("_type", name)).collect();
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &asked);
            assert_eq!(ids(&served, [&manifest]), words(expected), "{edition} {level}");
            for file in list(&manifest["output"]) {
                assert!(types.contains(&text(&file["type"]).as_str()), "{file}");
            }
        }
    }
}

/// export, parameter `_type`: If this parameter is omitted, the Data Provider SHALL return all
/// supported resources within the scope of the Data Consumer's authorization, though
/// implementations MAY limit the resources returned to specific subsets of FHIR, such as those
/// defined in the [US Core Implementation Guide](http://www.hl7.org/fhir/us/core/).
#[test]
fn without_types_everything_is_returned_byte_for_byte() {
    let (_dir, served) = served();
    let absolute = DATA.replace("Binary/note", &format!("{}/fhir/Binary/note", served.url));
    for edition in EDITIONS {
        let manifest = manifest(&served, &format!("/fhir/{edition}"), &[]);
        let mut left: BTreeSet<&str> = absolute.lines().collect();
        for file in list(&manifest["output"]) {
            let body = download(&served, file);
            let of_type = format!("{{\"resourceType\":{},", file["type"]);
            let expected: Vec<&str> =
                absolute.lines().filter(|line| line.starts_with(&of_type)).collect();
            assert_eq!(String::from_utf8(body).unwrap(), expected.join("\n") + "\n", "{file}");
            assert_eq!(file["count"], expected.len(), "{file}");
            left.retain(|line| !expected.contains(line));
        }
        assert!(left.is_empty(), "{edition}: {left:?}");
    }
}

/// export, parameter `patient`: When provided, the Data Provider SHALL NOT return resources in the
/// patient compartments belonging to patients outside of this list.
#[test]
fn nothing_of_patients_outside_the_list_is_returned() {
    let (_dir, served) = served();
    let of = |id: &str| {
        let reference = format!("Patient/{id}");
        json!({"name": "patient", "valueReference": {"reference": reference}})
    };
    for edition in EDITIONS {
        let patients = format!("/fhir/Patient/{edition}");
        let group = format!("/fhir/Group/g/{edition}");
        for (path, parameters, expected) in [
            (&patients, vec![of("a")], OF_A),
            (&patients, vec![of("c")], "Observation/oc Patient/c"),
            (&patients, vec![of("b"), of("a")], OF_GROUP),
            (&patients, vec![of("a"), string("_type", "Patient")], "Patient/a"),
            // Not even the group itself, which is in the compartment of each member.
            (&group, vec![of("a")], OF_A),
            (&group, vec![of("a"), of("b")], OF_GROUP),
            (&group, vec![of("b"), string("_type", "Observation")], "Observation/ob"),
        ] {
            let found = ids(&served, [&manifest(&served, path, &parameters)]);
            assert_eq!(found, words(expected), "{path} {parameters:?}");
        }
    }
}

/// export: If an <code>includeAssociatedData</code> value relevant to provenance is not specified,
/// or if this parameter is not supported by the Data Provider, the Data Provider SHALL include all
/// available Provenance resources whose `Provenance.target` is a resource in the Patient
/// compartment in a patient level export request, and all available Provenance resources in a
/// system level export request unless a specific resource set is specified using the
/// <code>_type</code> parameter and this set does not include Provenance.
#[test]
fn provenance_comes_along_unless_types_leave_it_out() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        for (level, types, expected) in [
            ("Patient/", &[][..], &["va1", "va2", "vb"][..]),
            ("Patient/", &["Provenance"], &["va1", "va2", "vb"]),
            ("Patient/", &["Provenance", "Patient"], &["va1", "va2", "vb"]),
            ("", &[], &["va1", "va2", "vb", "vf"]),
            ("", &["Provenance"], &["va1", "va2", "vb", "vf"]),
            ("", &["Observation"], &[]),
        ] {
            let asked: Vec<Value> = types.iter().map(|name| string("_type", name)).collect();
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &asked);
            let found: Vec<String> = ids(&served, [&manifest])
                .iter()
                .filter_map(|id| Some(id.strip_prefix("Provenance/")?.to_owned()))
                .collect();
            assert_eq!(found, expected, "{edition} {level} {types:?}");
        }
    }
}

/// export, parameter `includeAssociatedData`: When provided, a Data Provider with support for the
/// parameter and requested values SHALL return or omit a pre-defined set of FHIR resources
/// associated with the request.
///
/// export, parameter `includeAssociatedData`: If multiple conflicting values are included, the Data
/// Provider SHALL apply the least restrictive value (value that will return the largest dataset).
#[test]
fn associated_provenance_is_what_each_value_says_and_the_larger_one_counts() {
    let (_dir, served) = served();
    let coding = |code: &str| {
        json!({"name": "includeAssociatedData", "valueCoding": {
            "system": "http://hl7.org/fhir/uv/bulkdata/CodeSystem/include-associated-data",
            "code": code,
        }})
    };
    let plain = |code: &str| string("includeAssociatedData", code);
    let (latest, relevant) = ("LatestProvenanceResources", "RelevantProvenanceResources");
    for (level, codes, types, expected) in [
        ("Patient/", &[latest][..], &[][..], &["va2", "vb"][..]),
        ("Patient/", &[relevant], &[], &["va1", "va2", "vb"]),
        ("Patient/", &[latest, relevant], &[], &["va1", "va2", "vb"]),
        ("Patient/", &[relevant, latest], &[], &["va1", "va2", "vb"]),
        ("Patient/", &[latest], &["Observation"], &["va2", "vb"]),
        ("Patient/", &[relevant], &["Encounter"], &[]),
        ("Group/g/", &[latest], &[], &["va2", "vb"]),
        ("", &[latest], &[], &["va2", "vb", "vf"]),
        ("", &[relevant], &["Organization"], &["vf"]),
    ] {
        for edition in EDITIONS {
            let one = |code: &&str| if edition == "$export" { plain(code) } else { coding(code) };
            let mut asked: Vec<Value> = codes.iter().map(one).collect();
            asked.extend(types.iter().map(|name| string("_type", name)));
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &asked);
            let found: Vec<String> = ids(&served, [&manifest])
                .iter()
                .filter_map(|id| Some(id.strip_prefix("Provenance/")?.to_owned()))
                .collect();
            assert_eq!(found, expected, "{edition} {level} {codes:?} {types:?}");
        }
    }
}

/// export: FHIR [search result parameters](https://www.hl7.org/fhir/search.html#modifyingresults)
/// (such as _sort, _include, and _elements) SHALL NOT be used as `_typeFilter` criteria.
///
/// export: Additionally, a query in the `_typeFilter` parameter SHALL have the [search
/// context](https://hl7.org/fhir/search.html#searchcontexts) of a single FHIR Resource Type.
///
/// export, parameter `_typeFilter`: FHIR search result parameters such as `_include` and `_sort`
/// SHALL NOT be used, and a query in the `_typeFilter` parameter SHALL have the search context of a
/// single FHIR Resource Type.
#[test]
fn type_filters_that_no_server_may_take_are_refused() {
    let (_dir, served) = served();
    for filter in [
        "Patient?_sort=birthdate",
        "Patient?_include=Patient:organization",
        "Patient?_revinclude=Observation:subject",
        "Patient?_elements=id",
        "Patient?_count=1",
        "?_lastUpdated=gt2020-01-01",
        "Patient/a/Observation?status=final",
    ] {
        for edition in EDITIONS {
            let path = format!("/fhir/Patient/{edition}");
            kick_off(&served, &path, "", &[string("_typeFilter", filter)])
                .assert_outcome(400, "_typeFilter");
        }
    }
}

/// async, parameter `_minimumFileSize`: The value SHALL be a positive integer.
///
/// async, parameter `_maximumFileSize`: The value SHALL be a positive integer and SHALL be greater
/// than `_minimumFileSize` if both are specified.
#[test]
fn file_sizes_are_positive_and_in_order() {
    let (_dir, served) = served();
    let (min, max) = ("_minimumFileSize", "_maximumFileSize");
    for (query, named) in [
        ("_minimumFileSize=0", min),
        ("_minimumFileSize=-1", min),
        ("_minimumFileSize=1.5", min),
        ("_minimumFileSize=many", min),
        ("_maximumFileSize=0", max),
        ("_maximumFileSize=-1", max),
        ("_maximumFileSize=1e3", max),
        ("_minimumFileSize=500&_maximumFileSize=500", "FileSize"),
        ("_minimumFileSize=500&_maximumFileSize=499", "FileSize"),
    ] {
        served.get(&format!("/fhir/$export?{query}")).assert_outcome(400, named);
    }
    for edition in EDITIONS {
        let path = format!("/fhir/{edition}");
        for (parameters, named) in [
            (vec![json!({"name": min, "valuePositiveInt": 0})], min),
            (vec![json!({"name": max, "valuePositiveInt": -1})], max),
            (vec![json!({"name": max, "valuePositiveInt": 0.5})], max),
            (vec![size(min, 500), size(max, 500)], "FileSize"),
            (vec![size(min, 501), size(max, 500)], "FileSize"),
        ] {
            kick_off(&served, &path, "", &parameters).assert_outcome(400, named);
        }
        for good in [vec![size(min, 1)], vec![size(max, 1)], vec![size(min, 500), size(max, 501)]] {
            assert_eq!(ids(&served, [&manifest(&served, &path, &good)]), all_ids(), "{good:?}");
        }
    }
}

/// async, parameter `_maximumFileSize`: If a server supports this parameter, it SHALL construct
/// files that do not exceed this size.
#[test]
fn no_file_is_larger_than_asked_for() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        for most in [400, 500, 1000] {
            let path = format!("/fhir/{edition}");
            let manifest = manifest(&served, &path, &[size("_maximumFileSize", most)]);
            let mut observations = 0;
            for file in list(&manifest["output"]) {
                let length = download(&served, file).len();
                assert!(length <= most as usize, "{length} bytes: {file}");
                observations += u32::from(file["type"] == "Observation");
                if edition == "$export-v4" {
                    assert_eq!(file["fileSize"], length, "{file}");
                }
            }
            // Four of some 140 bytes each.
            assert_eq!(observations, if most == 1000 { 1 } else { 2 }, "{most}");
            assert_eq!(ids(&served, [&manifest]), all_ids(), "{most}");
        }
    }
}

// How files are organized.

/// export, parameter `organizeOutputBy`: When omitted, Data Providers SHALL organize each output
/// file with resources of only a single type.
///
/// export: When the `organizeOutputBy` kickoff parameter is not populated, each output file SHALL
/// contain resources of only one type, and a Data Provider MAY create more than one file for each
/// resource type returned.
///
/// async: When the `outputOrganizedBy` element in the manifest is not populated, each output file
/// SHALL contain resources of only one type, and a server MAY create more than one file for each
/// resource type returned.
///
/// publish: When the `outputOrganizedBy` element in the manifest is not populated, each output file
/// SHALL contain resources of only one type, and a Data Provider MAY create more than one file for
/// each resource type returned.
///
/// manifest field `outputOrganizedBy`: When each output file contains a single resource type, this
/// element SHALL be omitted and an individual type element SHALL be included for each file in the
/// output array.
///
/// manifest field `outputOrganizedByDetail`: SHALL NOT be populated in the absence of the
/// outputOrganizedBy element.
///
/// manifest field `output.type`: When the manifest does not include an outputOrganizedBy value,
/// this element SHALL be populated.
#[test]
fn a_file_is_of_one_type_and_says_which() {
    let (_dir, served) = served();
    let mut all = manifests(&served);
    for edition in EDITIONS {
        let path = format!("/fhir/Patient/{edition}");
        all.push(manifest(&served, &path, &[size("_maximumFileSize", 400)]));
    }
    for manifest in &all {
        assert_eq!(manifest.get("outputOrganizedBy"), None);
        assert_eq!(manifest.get("outputOrganizedByDetail"), None);
        assert!(!list(&manifest["output"]).is_empty());
        for file in list(&manifest["output"]) {
            for line in lines(&served, file) {
                assert_eq!(line["resourceType"], text(&file["type"]), "{file}");
            }
        }
    }
}

/// export, parameter `organizeOutputBy`: When provided, a Data Provider with support for the
/// parameter SHALL organize the resources in output files by instances of the specified resource
/// type, including a header for each resource of the type specified in the parameter, followed by
/// the resource and resources in the output that contain references to that resource.
///
/// export: When the `organizeOutputBy` kickoff parameter is populated with a resource type, the
/// output files SHALL be populated with blocks consisting of a header `Parameters` resource
/// containing a parameter named `header` with a reference to a resource of the type in the kickoff
/// parameter, followed by the resource referenced in this header and resources that reference the
/// resource referenced in the header (together a "resource block").
///
/// async: When the `outputOrganizedBy` element is populated with a resource type, the output files
/// SHALL be populated with blocks consisting of a header `Parameters` resource containing a
/// parameter named `header` with a reference to a resource of the type specified by
/// `outputOrganizedBy`, followed by the resource referenced in this header and resources that
/// reference the resource referenced in the header (together a "resource block").
///
/// manifest field `output.type`: When the manifest includes the outputOrganizedBy element, this
/// element SHALL NOT be populated.
#[test]
fn a_block_is_a_header_the_patient_and_what_is_about_it() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        let by_patient = [string("organizeOutputBy", "Patient")];
        let manifest = manifest(&served, &format!("/fhir/Group/g/{edition}"), &by_patient);
        assert_eq!(manifest["outputOrganizedBy"], "Patient");
        let [file] = list(&manifest["output"]) else { panic!("{manifest}") };
        assert_eq!(file.get("type"), None);
        assert_eq!(file.get("continuesInFile"), None);
        let lines = lines(&served, file);
        assert_eq!(file["count"], lines.len());
        let mut blocks: Vec<Vec<String>> = Vec::new();
        for line in &lines {
            if line["resourceType"] == "Parameters" {
                let patient = &line["parameter"][0]["valueReference"]["reference"];
                assert_eq!(
                    *line,
                    json!({"resourceType": "Parameters", "parameter": [
                        {"name": "header", "valueReference": {"reference": patient}}
                    ]})
                );
                blocks.push(vec![text(patient)]);
            } else {
                let id = format!("{}/{}", text(&line["resourceType"]), text(&line["id"]));
                blocks.last_mut().expect("a header first").push(id);
            }
        }
        // The patient is next to its header; the order of the others is the server's.
        let found: Vec<(String, String, Vec<String>)> = blocks
            .into_iter()
            .map(|block| {
                let [header, patient, others @ ..] = &block[..] else { panic!("{block:?}") };
                let mut others = others.to_vec();
                others.sort();
                (header.clone(), patient.clone(), others)
            })
            .collect();
        let block = |patient: &str, others: &str| {
            (format!("Patient/{patient}"), format!("Patient/{patient}"), words(others))
        };
        let of_a = "\
            DocumentReference/da Encounter/ea Observation/oa1 Observation/oa2 \
            Organization/org Practitioner/doc Provenance/va1 Provenance/va2";
        let of_b = "Observation/ob Practitioner/doc Provenance/vb";
        assert_eq!(found, [block("a", of_a), block("b", of_b)], "{edition}");
    }
}

/// export: If a resource block does span more than one file, the header SHALL be repeated at the
/// start of each file where the block continues, and the association between these files SHALL be
/// documented in the manifest using the `continuesInFile` field in the relevant `output` array
/// items.
///
/// async: If a resource block does span more than one file, the header SHALL be repeated at the
/// start of each file where the block continues, and the association between these files SHALL be
/// documented in the manifest using the `continuesInFile` element in the relevant `output` array
/// items.
#[test]
fn a_block_that_goes_on_in_another_file_has_its_header_there_too() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        let path = format!("/fhir/Group/g/{edition}");
        let mut parameters = vec![string("organizeOutputBy", "Patient")];
        let whole = manifest(&served, &path, &parameters);
        let whole = lines(&served, &whole["output"][0]);
        parameters.push(size("_maximumFileSize", 700));
        let manifest = manifest(&served, &path, &parameters);
        assert_eq!(manifest["outputOrganizedBy"], "Patient");
        let output = list(&manifest["output"]);
        let mut joined: Vec<Value> = Vec::new();
        let mut continued = 0;
        let mut last_header = Value::Null;
        for (number, file) in output.iter().enumerate() {
            assert!(download(&served, file).len() <= 700, "{file}");
            let mut lines = lines(&served, file);
            assert_eq!(lines[0]["resourceType"], "Parameters", "{file}");
            let goes_on = lines[0] == last_header;
            if goes_on {
                lines.remove(0);
                continued += 1;
            }
            if number > 0 {
                let said = output[number - 1].get("continuesInFile");
                assert_eq!(said, goes_on.then_some(&file["url"]), "before {file}");
            }
            joined.extend(lines);
            let mut headers = joined.iter().filter(|line| line["resourceType"] == "Parameters");
            last_header = headers.next_back().expect("a header").clone();
        }
        assert_eq!(output.last().expect("files").get("continuesInFile"), None);
        // The block of a is some 1800 bytes, so it takes three files at the least.
        assert!(continued >= 2, "{manifest}");
        assert_eq!(joined, whole, "{edition}");
    }
}

// The status.

/// export: The Data Provider SHALL indicate an in-progress export job as follows:
///
/// async: The server SHALL indicate an in-progress asynchronous job with the following response
/// status and headers:
///
/// export: When a Prefer header value of `separate-export-status` is provided in the kickoff
/// request and supported by the Data Provider, the HTTP status code in the response to a Bulk Data
/// Status request SHALL reflect the status request itself, and not the export job.
///
/// export: In this case, when the HTTP status code of the Bulk Data Status request is `200 OK`, the
/// response SHALL also include an `X-Export-Status` header with an HTTP status code that reflects
/// the status of the export job.
///
/// async: When a Prefer header value of `separate-export-status` is provided in the kick-off
/// request and supported by the server, the HTTP status code in the response to a Bulk Data Status
/// Request SHALL reflect the status request itself, and not the asynchronous job.
///
/// async: In this case, when the HTTP status code of the Bulk Data Status Request is `200 OK`, the
/// response SHALL also include an `X-Export-Status` header with an HTTP status code that reflects
/// the status of the asynchronous job.
///
/// async: When a Prefer header value of `separate-export-status` was provided in the kick-off
/// request and is supported by the server, the HTTP status code in the response to this request
/// SHALL reflect the status request itself, and not the asynchronous job.
///
/// async: In this case, when the HTTP status code of this request is `200 OK`, the response SHALL
/// also include an `X-Export-Status` header with an HTTP status code that reflects the status of
/// the asynchronous job.
#[test]
fn an_export_under_way_is_202_there_or_in_a_header_of_its_own() {
    let (_dir, served) = slow();
    for (edition, prefer, under_way, done) in [
        ("$export", "respond-async", (202, None), (200, None)),
        ("$export-v4", "respond-async", (202, None), (200, None)),
        (
            "$export",
            "respond-async,separate-export-status",
            (200, Some("202 Accepted")),
            (200, Some("200 OK")),
        ),
        (
            "$export-v4",
            "respond-async,separate-export-status",
            (200, Some("202 Accepted")),
            (200, Some("200 OK")),
        ),
    ] {
        let path = format!("/fhir/Patient/{edition}");
        let mut seen = false;
        // An export may end before it is asked for; not so each time.
        for _ in 0..20 {
            let headers = format!("Prefer: {prefer}\r\n");
            let by_patient = [string("organizeOutputBy", "Patient")];
            let location = location(&kick_off(&served, &path, &headers, &by_patient));
            let first = served.get(&location);
            let shown = (first.status, first.header("x-export-status"));
            if shown == under_way {
                seen = true;
                let progress = first.header("x-progress").expect("an X-Progress");
                assert!(progress.len() < 100, "{progress}");
                let wait = first.header("retry-after").expect("a Retry-After");
                assert!(wait.parse::<u32>().is_ok(), "{wait}");
            } else {
                assert_eq!(shown, done, "{path} {prefer}");
            }
            let last = ended(&served, &location);
            assert_eq!((last.status, last.header("x-export-status")), done, "{path} {prefer}");
            if seen {
                break;
            }
        }
        assert!(seen, "{path} {prefer}: twenty exports had ended at once");
    }
}

/// export: The Data Provider SHALL indicate a completed export job as follows:
///
/// async: The server SHALL indicate a completed asynchronous job with the following response status
/// and headers:
///
/// export: The response SHALL include a `Content-Type` header of `application/json` and a body
/// containing the output manifest described below.
///
/// async: The response SHALL include a `Content-Type` header of `application/json` and a body
/// containing the operation-specific manifest described below.
#[test]
fn a_completed_export_is_200_and_its_manifest() {
    let (_dir, served) = served();
    for (edition, members) in [
        ("$export", &["error", "output", "request", "requiresAccessToken", "transactionTime"][..]),
        (
            "$export-v4",
            &[
                "manifestType",
                "outcome",
                "output",
                "outputFormat",
                "requiresAccessToken",
                "transactionTime",
            ],
        ),
    ] {
        for (prefer, export_status) in
            [("respond-async", None), ("respond-async, separate-export-status", Some("200 OK"))]
        {
            for level in ["", "Patient/"] {
                let path = format!("/fhir/{level}{edition}");
                let headers = format!("Prefer: {prefer}\r\n");
                let done = ended(&served, &location(&kick_off(&served, &path, &headers, &[])));
                assert!(done.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", done.head);
                assert_eq!(done.header("x-export-status"), export_status, "{path}");
                assert_eq!(done.header("content-type"), Some("application/json"));
                assert!(done.header("expires").is_some_and(|date| date.ends_with(" GMT")));
                let manifest = done.json();
                let object = manifest.as_object().expect("an object");
                let mut found: Vec<&str> = object.keys().map(String::as_str).collect();
                found.sort_unstable();
                assert_eq!(found, members, "{path}");
                for file in list(&manifest["output"]) {
                    let mut keys: Vec<&str> =
                        file.as_object().unwrap().keys().map(String::as_str).collect();
                    keys.sort_unstable();
                    let v4 = &["count", "fileSize", "type", "url"][..];
                    let v3 = &["count", "type", "url"][..];
                    assert_eq!(keys, if edition == "$export" { v3 } else { v4 }, "{file}");
                }
            }
        }
    }
}

/// export: The Data Provider SHALL indicate an export job failure as follows:
///
/// async: The server SHALL indicate an asynchronous job failure with the following response status
/// and headers:
#[test]
fn a_failed_export_is_an_error_there_or_in_a_header_of_its_own() {
    let (_dir, served) = failing();
    for edition in EDITIONS {
        for (prefer, status, export_status) in [
            ("respond-async", 500, None),
            ("respond-async, separate-export-status", 200, Some("500")),
        ] {
            let path = format!("/fhir/Patient/{edition}");
            let headers = format!("Prefer: {prefer}\r\n");
            let location = location(&kick_off(&served, &path, &headers, &[]));
            // What has failed stays so.
            for _ in 0..2 {
                let failed = ended(&served, &location);
                assert_eq!(failed.status, status, "{path} {prefer}: {}", failed.text());
                let said = failed.header("x-export-status").map(|value| &value[..3]);
                assert_eq!(said, export_status, "{path} {prefer}");
                assert_outcome_body(&failed);
                assert_eq!(failed.json()["issue"][0]["severity"], "error");
            }
        }
    }
}

/// export, async: When the body is a FHIR `OperationOutcome` resource, the response SHALL include a
/// `Content-Type` header of `application/fhir+json`.
#[test]
fn an_operation_outcome_is_fhir_json() {
    let (_dir, served) = failing();
    let started = kick_off(&served, "/fhir/Patient/$export-v4", "", &[]);
    let location = location(&started);
    let unknown = format!("{}/fhir/jobs/{}", served.url, "0".repeat(32));
    for (answer, status) in [
        (started, 202),
        (ended(&served, &location), 500),
        (served.get(&unknown), 404),
        (delete(&served, &unknown), 404),
        (delete(&served, &location), 202),
        (served.get(&location), 404),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_outcome_body(&answer);
    }
}

/// export: In this case, the `Response.outcome` array of the completion response body SHALL be
/// populated with one or more files in NDJSON format containing FHIR `OperationOutcome` resources
/// to indicate what went wrong (see below).
///
/// async: In this case, the response `outcome` array of the completion manifest SHALL be populated
/// with one or more files containing FHIR `OperationOutcome` resources to indicate what went wrong.
///
/// export, async: In the case of a partial success, the Data Provider SHALL use a `200` status code
/// instead of `4XX` or `5XX`.
#[test]
fn what_is_missing_is_told_in_a_file_and_the_rest_is_there() {
    let (_dir, served) = served();
    // Patient/gone is a member of the group and is nowhere.
    for (edition, key) in [("$export", "error"), ("$export-v4", "outcome")] {
        let path = format!("/fhir/Group/lost/{edition}");
        let done = ended(&served, &location(&kick_off(&served, &path, "", &[])));
        assert_eq!(done.status, 200, "{}", done.text());
        let manifest = done.json();
        let [file] = list(&manifest[key]) else { panic!("{manifest}") };
        let mut expected = json!({"url": file["url"], "count": 1});
        if edition == "$export" {
            expected["type"] = json!("OperationOutcome");
        } else {
            expected["fileSize"] = json!(download(&served, file).len());
            expected["countSeverity"] = json!([{"code": "warning", "count": 1}]);
        }
        assert_eq!(*file, expected);
        let lines = lines(&served, file);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["resourceType"], "OperationOutcome");
        assert_eq!(lines[0]["issue"][0]["severity"], "warning");
        assert!(lines[0].to_string().contains("Patient/gone"), "{}", lines[0]);
        let mut rest = words(OF_A);
        rest.insert(2, "Group/lost".to_owned());
        assert_eq!(ids(&served, [&manifest]), rest);
    }
}

/// export: When provided, a manifest SHALL only contain files that are available for retrieval by
/// the Data Consumer.
///
/// export: Once returned, the Data Provider SHALL NOT alter a manifest when it is returned in
/// subsequent requests, with the exception of optionally adding a `link` field pointing to a
/// manifest with additional output files or updating output file URLs that have expired.
///
/// export: The output files referenced in the manifest SHALL NOT be altered once they have been
/// included in a manifest that has been returned to a Data Consumer.
#[test]
fn a_manifest_holds_what_is_there_and_stays_as_it_was() {
    let (dir, served) = slow();
    for edition in EDITIONS {
        let parameters = [
            json!({"name": "allowPartialManifests", "valueBoolean": true}),
            size("_maximumFileSize", 100_000),
        ];
        let path = format!("/fhir/Patient/{edition}");
        let location = location(&kick_off(&served, &path, "", &parameters));
        let mut first_pages: Vec<Value> = Vec::new();
        let mut contents: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut look = |answer: &Answer| {
            if answer.header("content-type") != Some("application/json") {
                return;
            }
            let all =
                if answer.status == 200 { pages(&served, &location) } else { vec![answer.json()] };
            first_pages.push(all[0].clone());
            for file in all.iter().flat_map(|page| files(page, &ALL)) {
                let bytes = download(&served, file);
                let before = contents.entry(text(&file["url"])).or_insert_with(|| bytes.clone());
                assert!(*before == bytes, "{file} is another than before");
            }
        };
        for _ in 0..1000 {
            let answer = served.get(&location);
            look(&answer);
            if !running(&answer) {
                break;
            }
        }
        look(&ended(&served, &location));
        let change = format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p1\",\"active\":true,\"language\":\"{edition}\"}}\n"
        );
        dir.write("change.ndjson", change);
        assert_eq!(dir.import(0, &["s.db", "change.ndjson"])["updated"], 1);
        let gone = if edition == "$export" { "Observation/o1-1" } else { "Observation/o1-2" };
        assert_eq!(dir.run(["delete", "s.db", gone]).code, 0);
        look(&served.get(&location));
        assert!(first_pages.len() >= 3 && contents.len() > 10, "{}", contents.len());
        let without_link = |page: &Value| {
            let mut page = page.clone();
            page.as_object_mut().expect("an object").remove("link");
            page
        };
        for page in &first_pages {
            assert_eq!(without_link(page), without_link(&first_pages[0]));
        }
    }
}

// The manifest.

/// export, async: The files SHALL be accessible to the Data Consumer at the URLs advertised.
///
/// export, async: If the `requiresAccessToken` field is set to `false` and no additional
/// authorization-related extensions are present in the relevant manifest entry, then the URLs SHALL
/// be dereferenceable directly as capability URLs.
///
/// publish: These files SHALL be accessible to the Data Consumer at the URLs advertised.
///
/// publish: If the `requiresAccessToken` element is set to `false` and no additional
/// authorization-related extensions are present in the relevant manifest entry, then the referenced
/// URLs SHALL be dereferenceable directly (a "capability URL").
#[test]
fn every_url_of_a_manifest_opens_its_file() {
    let (dir, served) = served();
    assert_eq!(dir.run(["delete", "s.db", "Observation/ob"]).code, 0);
    let mut all = pages(&served, PUBLISH);
    for edition in EDITIONS {
        let path = format!("/fhir/{edition}");
        let asked = [since("2019-01-01T00:00:00Z"), string("_colour", "blue")];
        let started = kick_off(&served, &path, "Prefer: handling=lenient\r\n", &asked);
        let done = ended(&served, &location(&started)).json();
        let kinds = if edition == "$export" { "error" } else { "outcome" };
        for key in ["output", "deleted", kinds] {
            assert!(!list(&done[key]).is_empty(), "{edition} has no {key}: {done}");
        }
        all.push(done);
    }
    for manifest in &all {
        assert_eq!(manifest["requiresAccessToken"], false);
        assert!(!list(&manifest["output"]).is_empty());
        for file in files(manifest, &ALL) {
            assert!(text(&file["url"]).starts_with(&format!("{}/", served.url)), "{file}");
            let count = lines(&served, file).len();
            assert!(file.get("count").is_none_or(|said| *said == count), "{count}: {file}");
        }
    }
}

/// manifest field `transactionTime`: The bulk data files referenced in this manifest SHOULD NOT
/// include any resources modified after this instant, and SHALL include any matching resources
/// modified up to and including this instant.
#[test]
fn the_transaction_time_parts_what_is_in_from_what_is_not() {
    let (dir, served) = served();
    let instant =
        |value: &Value| chrono::DateTime::parse_from_rfc3339(&text(value)).expect("an instant");
    for (round, edition) in EDITIONS.into_iter().enumerate() {
        for level in ["", "Patient/"] {
            let path = format!("/fhir/{level}{edition}");
            let name = format!("{}{round}", level.trim_end_matches('/'));
            let add = |id: &str| {
                dir.write(
                    "add.ndjson",
                    format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}\n"),
                );
                assert_eq!(dir.import(0, &["s.db", "add.ndjson", "--stamp"])["created"], 1);
            };
            let (before, after) = (format!("before{name}"), format!("after{name}"));
            add(&before);
            let location = location(&kick_off(&served, &path, "", &[]));
            // It was asked for before this came.
            add(&after);
            let manifest = ended(&served, &location).json();
            let time = instant(&manifest["transactionTime"]);
            for line in list(&manifest["output"]).iter().flat_map(|file| lines(&served, file)) {
                assert!(instant(&line["meta"]["lastUpdated"]) <= time, "{time}: {line}");
            }
            let found = ids(&served, [&manifest]);
            assert!(found.contains(&format!("Patient/{before}")), "{path}: {found:?}");
            assert!(!found.contains(&format!("Patient/{after}")), "{path}: {found:?}");
            let next = since(&text(&manifest["transactionTime"]));
            let next = self::manifest(&served, &path, &[next]);
            assert_eq!(ids(&served, [&next]), [format!("Patient/{after}")], "{path}");
        }
    }
}

/// manifest field `deleted`: Each line in the output files SHALL contain a FHIR Bundle with a type
/// of transaction which SHALL contain one or more entry items that reflect a deleted resource.
///
/// manifest field `deleted`: In each entry, the request.url and request.method elements SHALL be
/// populated and request.method SHALL be set to DELETE.
#[test]
fn deletions_are_transaction_bundles() {
    let (dir, served) = served();
    for gone in ["Observation/ob", "Patient/c", "Organization/far"] {
        assert_eq!(dir.run(["delete", "s.db", gone]).code, 0);
    }
    for edition in EDITIONS {
        for (level, expected) in [
            ("", &["Observation/ob", "Patient/c", "Organization/far"][..]),
            ("Patient/", &["Observation/ob", "Patient/c"]),
            ("Group/g/", &["Observation/ob"]),
        ] {
            let path = format!("/fhir/{level}{edition}");
            let manifest = manifest(&served, &path, &[since("2021-06-01T00:00:00Z")]);
            let [file] = list(&manifest["deleted"]) else { panic!("{path}: {manifest}") };
            assert_eq!(file["count"], expected.len());
            let bundles: Vec<Value> = expected
                .iter()
                .map(|url| {
                    json!({"resourceType": "Bundle", "type": "transaction", "entry": [
                        {"request": {"method": "DELETE", "url": url}}
                    ]})
                })
                .collect();
            assert_eq!(lines(&served, file), bundles, "{path}");
        }
    }
}

/// export, async: Resources that appear in `deleted` SHALL NOT also appear in `output`.
#[test]
fn what_came_back_after_its_deletion_is_not_deleted() {
    let (dir, served) = served();
    for gone in ["Observation/ob", "Observation/oc"] {
        assert_eq!(dir.run(["delete", "s.db", gone]).code, 0);
    }
    let back = DATA.lines().find(|line| line.contains(r#""id":"oc""#)).expect("the line");
    dir.write("back.ndjson", back.replace(r#""versionId":"1""#, r#""versionId":"3""#));
    dir.import(0, &["s.db", "back.ndjson"]);
    for edition in EDITIONS {
        for level in ["", "Patient/"] {
            let asked = [since("2021-06-01T00:00:00Z"), string("_type", "Observation")];
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &asked);
            assert_eq!(ids(&served, [&manifest]), ["Observation/oa2", "Observation/oc"]);
            let deleted: Vec<String> = list(&manifest["deleted"])
                .iter()
                .flat_map(|file| lines(&served, file))
                .map(|bundle| text(&bundle["entry"][0]["request"]["url"]))
                .collect();
            assert_eq!(deleted, ["Observation/ob"], "{edition} {level}");
        }
    }
}

/// export: All fields in the linked manifest SHALL be populated with the same values as the
/// manifest with the link, apart from the `output`, `deleted`, `outcome`, and `link` arrays.
///
/// manifest field `link.url`: All fields in the linked manifest SHALL be populated with the same
/// values as this manifest, apart from the contents of output, deleted, outcome, and link.
///
/// manifest field `link.relation`: Value SHALL be 'next', indicating the URL points to the location
/// of another manifest.
///
/// manifest field `link`: Manifest links SHALL use a relation value of 'next'.
#[test]
fn pages_of_a_manifest_are_alike_but_for_their_files() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        for organized in [false, true] {
            let path = format!("/fhir/Patient/{edition}");
            // One resource in a file, or a header and a few.
            let mut asked = vec![size("_maximumFileSize", if organized { 400 } else { 1 })];
            if organized {
                asked.push(string("organizeOutputBy", "Patient"));
            }
            let whole = manifest(&served, &path, &asked);
            assert_eq!(whole.get("link"), None, "{path}");
            asked.push(json!({"name": "allowPartialManifests", "valueBoolean": true}));
            let location = location(&kick_off(&served, &path, "", &asked));
            assert_eq!(ended(&served, &location).status, 200);
            let pages = pages(&served, &location);
            assert!(pages.len() > 1, "{path}: {}", pages[0]);
            for (number, page) in pages.iter().enumerate() {
                assert_eq!(common(page), common(&pages[0]), "page {number}");
                if number + 1 == pages.len() {
                    assert_eq!(page.get("link"), None, "page {number}");
                } else {
                    let url = format!("{location}/manifest/{}", number + 2);
                    assert_eq!(page["link"], json!([{"relation": "next", "url": url}]));
                }
            }
            let files = |page: &Value| {
                list(&page["output"]).iter().map(|file| download(&served, file)).collect::<Vec<_>>()
            };
            let paged: Vec<Vec<u8>> = pages.iter().flat_map(files).collect();
            assert!(paged == files(&whole), "{path}: other files on the pages");
        }
    }
}

// The end of an export.

/// export, async: The Data Provider SHALL return a successful delete response with HTTP status `202
/// Accepted`.
///
/// export, async: Following the delete request, when subsequent requests are made to the polling
/// location, the Data Provider SHALL return a `404 Not Found` error and an associated FHIR
/// `OperationOutcome` resource in JSON format.
#[test]
fn a_deleted_export_is_gone() {
    let (_dir, served) = slow();
    for edition in EDITIONS {
        for prefer in ["", "Prefer: respond-async, separate-export-status\r\n"] {
            // Under way, complete, and complete at once.
            for (level, wait) in [("Patient/", false), ("Patient/", true), ("", false)] {
                let path = format!("/fhir/{level}{edition}");
                let location = location(&kick_off(&served, &path, prefer, &[]));
                if wait {
                    assert_eq!(ended(&served, &location).status, 200);
                }
                let deleted = delete(&served, &location);
                assert!(deleted.head.starts_with("HTTP/1.1 202 Accepted\r\n"), "{}", deleted.head);
                for _ in 0..3 {
                    served.get(&location).assert_outcome(404, "");
                    delete(&served, &location).assert_outcome(404, "");
                }
            }
        }
    }
}

/// export, async: The Data Provider SHALL return an error response with: HTTP status `4XX` or
/// `5XX`; FHIR `OperationOutcome` resource in the body in JSON format
#[test]
fn a_deletion_of_what_is_not_there_is_an_error() {
    let (_dir, served) = served();
    let location = location(&kick_off(&served, "/fhir/$export", "", &[]));
    for id in ["0".repeat(32), "0".repeat(31), "x".repeat(32)] {
        delete(&served, &format!("{}/fhir/jobs/{id}", served.url)).assert_outcome(404, "");
    }
    // The one that is there is still there, until it is named itself.
    assert_eq!(ended(&served, &location).status, 200);
    assert_eq!(delete(&served, &location).status, 202);
    delete(&served, &location).assert_outcome(404, "");
}

// The files.

/// export, async: Returned content SHALL include only the most recent version of any returned
/// resources unless the Data Consumer explicitly requests different behavior in a fashion supported
/// by the Data Provider.
///
/// publish: A single data file SHALL include only the most recent version of any resource, though
/// manifests that are updated incrementally MAY include an updated version of the resource in a
/// subsequent file.
#[test]
fn only_the_latest_version_is_returned() {
    let (dir, served) = served();
    for version in ["2", "3"] {
        let changed = DATA
            .lines()
            .filter(|line| line.contains("Observation\",") || line.contains("Patient\","))
            .map(|line| line.replace(r#""versionId":"1""#, &format!("\"versionId\":\"{version}\"")))
            .collect::<Vec<_>>();
        dir.write("change.ndjson", changed.join("\n"));
        assert_eq!(dir.import(0, &["s.db", "change.ndjson"])["updated"], 7);
    }
    for manifest in manifests(&served).iter().chain([
        &manifest(&served, "/fhir/Patient/$export", &[]),
        &manifest(&served, "/fhir/Group/g/$export-v4", &[since("2019-01-01T00:00:00Z")]),
    ]) {
        let mut seen = BTreeSet::new();
        for line in list(&manifest["output"]).iter().flat_map(|file| lines(&served, file)) {
            let kind = text(&line["resourceType"]);
            let latest = if kind == "Observation" || kind == "Patient" { "3" } else { "1" };
            assert_eq!(line["meta"]["versionId"], latest, "{line}");
            assert!(seen.insert(format!("{kind}/{}", line["id"])), "{line} comes twice");
        }
        assert!(seen.contains("Observation/\"oa1\""), "{seen:?}");
    }
}

/// export, async: A Data Provider SHALL provide files as uncompressed, with `gzip` compression, or
/// with another compression format from the `Accept-Encoding` header.
///
/// export, async: When compression is used, a Data Provider SHALL communicate this to the Data
/// Consumer by including a `Content-Encoding` header in the response.
///
/// publish: A Data Provider SHALL provide output files as uncompressed, with `gzip` compression, or
/// with another compression format from the `Accept-Encoding` header.
///
/// publish: When compression is used, a Data Provider SHALL communicate this to the Data Consumer
/// by including a `Content-Encoding` header in the response.
#[test]
fn files_are_plain_or_gzip_and_say_so() {
    let (_dir, served) = served();
    for manifest in manifests(&served) {
        for file in list(&manifest["output"]) {
            let url = text(&file["url"]);
            let plain = download(&served, file);
            for (accepted, encoding) in [
                ("", None),
                ("Accept-Encoding: identity\r\n", None),
                ("Accept-Encoding: br\r\n", None),
                ("Accept-Encoding: gzip;q=0\r\n", None),
                ("Accept-Encoding: gzip\r\n", Some("gzip")),
                ("Accept-Encoding: br, gzip\r\n", Some("gzip")),
            ] {
                let answer = served.get_with(&url, accepted);
                assert_eq!(answer.status, 200);
                assert_eq!(answer.header("content-encoding"), encoding, "{accepted} {url}");
                let body = if encoding.is_some() {
                    let mut unpacked = Vec::new();
                    let mut gzip = flate2::read::GzDecoder::new(&answer.body[..]);
                    gzip.read_to_end(&mut unpacked).expect("gzip");
                    unpacked
                } else {
                    answer.body
                };
                assert!(body == plain, "{accepted} {url}");
            }
        }
    }
}

/// export, async: The Data Provider SHALL return a successful file response with: HTTP status `200
/// OK`; `Content-Type` header that matches the file format being delivered; Body of FHIR resources
/// in newline delimited JSON, [NDJSON](https://github.com/ndjson/ndjson-spec), or another requested
/// format
///
/// publish: The Data Provider SHALL return a successful file response with: HTTP status `200 OK`;
/// `Content-Type` header that matches the file format being delivered; Body of FHIR resources in
/// [NDJSON](https://github.com/ndjson/ndjson-spec) - Newline-Delimited JSON, or other requested
/// format
///
/// export, async, publish: For files in NDJSON format, the `Content-Type` header SHALL be
/// `application/fhir+ndjson`.
#[test]
fn files_are_ndjson_by_name_and_nature() {
    let (dir, served) = served();
    assert_eq!(dir.run(["delete", "s.db", "Observation/ob"]).code, 0);
    let mut all = manifests(&served);
    for edition in EDITIONS {
        // One file of each kind, and one of blocks.
        let asked = [since("2019-01-01T00:00:00Z")];
        all.push(manifest(&served, &format!("/fhir/Group/lost/{edition}"), &asked));
        all.push(manifest(&served, &format!("/fhir/Patient/{edition}"), &asked));
        let asked = [string("organizeOutputBy", "Patient")];
        all.push(manifest(&served, &format!("/fhir/Group/g/{edition}"), &asked));
    }
    let mut kinds = BTreeSet::new();
    for manifest in &all {
        for key in ALL {
            for file in list(&manifest[key]) {
                kinds.insert(key);
                for accept in ["", "Accept: application/fhir+ndjson\r\n", "Accept: */*\r\n"] {
                    let answer = served.get_with(&text(&file["url"]), accept);
                    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
                    assert_eq!(answer.header("content-type"), Some("application/fhir+ndjson"));
                    assert!(answer.body.ends_with(b"}\n"), "{file}");
                }
                for line in lines(&served, file) {
                    assert!(line["resourceType"].is_string(), "{file}: {line}");
                }
            }
        }
    }
    assert_eq!(kinds, ALL.into_iter().collect());
}

/// export, async, publish: The Data Provider SHALL return an error response with HTTP status `4XX`
/// or `5XX`.
#[test]
fn a_file_that_is_not_there_is_an_error() {
    let (_dir, served) = served();
    for edition in EDITIONS {
        let location = location(&kick_off(&served, &format!("/fhir/{edition}"), "", &[]));
        let manifest = ended(&served, &location).json();
        let url = text(&manifest["output"][0]["url"]);
        assert_eq!(served.get(&url).status, 200);
        for name in ["Unicorn.ndjson", "Patient.999.ndjson", "Patient", "..%2F..%2Fs.db"] {
            served.get(&format!("{location}/{name}")).assert_outcome(404, "");
        }
        assert_eq!(delete(&served, &location).status, 202);
        served.get(&url).assert_outcome(404, "");
    }
    for page in pages(&served, PUBLISH) {
        for file in list(&page["output"]) {
            // A name that nothing was ever published under.
            let url = text(&file["url"]);
            let (folder, _) = url.rsplit_once('/').expect("a path");
            let answer = served.get(&format!("{folder}/never.ndjson"));
            assert!((400..600).contains(&answer.status), "{}", answer.status);
        }
    }
}

/// export: Binary Resources whose content is associated with an individual patient SHALL be
/// serialized as DocumentReference Resources with the `content.attachment` element populated as
/// described in the [Attachments](#attachments) section below.
#[test]
fn a_patients_binary_is_behind_its_document_reference() {
    let (_dir, served) = served();
    let url = format!("{}/fhir/Binary/note", served.url);
    for edition in EDITIONS {
        for level in ["Patient/", "Patient/a/", "Group/g/"] {
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &[]);
            let of = |kind: &str| -> Vec<Value> {
                let of_kind = list(&manifest["output"]).iter().filter(|file| file["type"] == kind);
                of_kind.flat_map(|file| lines(&served, file)).collect()
            };
            assert_eq!(of("Binary"), [] as [Value; 0], "{edition} {level}");
            let documents = of("DocumentReference");
            assert_eq!(documents.len(), 1, "{edition} {level}");
            let attachment = json!({"contentType": "text/plain", "url": url});
            assert_eq!(documents[0]["content"], json!([{"attachment": attachment}]));
        }
    }
}

/// export, async: If the `data` element is not populated and the `url` element is populated, the
/// `url` element SHALL be an absolute URL that can be dereferenced to the attachment's content.
///
/// publish: If the data element is not populated and the `url` element is populated, the `url`
/// element SHALL be an absolute URL that can be dereferenced to the attachment's content.
///
/// export, async: When the `url` element is populated and the `requiresAccessToken` field in the
/// manifest is set to `false`, the URL location SHALL be accessible by a Data Consumer without an
/// access token.
///
/// publish: When the `url` element is populated and the `requiresAccessToken` element in the
/// manifest is set to `false`, the URL location SHALL be accessible by a Data Consumer without an
/// access token.
#[test]
fn an_attachments_url_leads_to_its_content() {
    let (_dir, served) = served();
    let mut all = manifests(&served);
    all.push(manifest(&served, "/fhir/Patient/$export", &[]));
    all.push(manifest(&served, "/fhir/Group/g/$export-v4", &[]));
    for manifest in &all {
        assert_eq!(manifest["requiresAccessToken"], false);
        let file =
            list(&manifest["output"]).iter().find(|file| file["type"] == "DocumentReference");
        let lines = lines(&served, file.expect("a file of documents"));
        let attachment = &lines[0]["content"][0]["attachment"];
        let url = text(&attachment["url"]);
        assert_eq!(url, format!("{}/fhir/Binary/note", served.url));
        // What is read of a Binary without asking for FHIR's formats is its content
        // (https://hl7.org/fhir/R4/binary.html#rest).
        let answer = served.get(&url);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), attachment["contentType"].as_str());
        assert_eq!(answer.body, b"hello");
    }
}

// What the server says of itself.

/// export: To provide clarity to developers on which capabilities are implemented by a particular
/// Data Provider, Data Providers SHALL ensure that their CapabilityStatement accurately reflects
/// the implemented Bulk Data Operations.
#[test]
fn the_capability_statement_names_the_operations_that_are_there() {
    let (_dir, served) = served();
    let answer = served.get("/fhir/metadata");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/fhir+json"));
    let statement = answer.json();
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    let rest = &statement["rest"][0];
    assert_eq!(rest["mode"], "server");
    let mut named: BTreeMap<(String, String), String> = BTreeMap::new();
    let everything = json!({"type": "", "operation": rest["operation"]});
    for resource in list(&rest["resource"]).iter().chain([&everything]) {
        for operation in list(&resource["operation"]) {
            let place = (text(&resource["type"]), text(&operation["name"]));
            named.insert(place, text(&operation["definition"]));
        }
    }
    let places: Vec<(&str, &str)> =
        named.keys().map(|(kind, name)| (kind.as_str(), name.as_str())).collect();
    assert_eq!(
        places,
        [
            ("", "bulk-publish"),
            ("", "export"),
            ("", "export-v4"),
            ("Group", "export"),
            ("Group", "export-v4"),
            ("Patient", "export"),
            ("Patient", "export-v4"),
        ]
    );
    for ((kind, name), definition) in &named {
        let level = match kind.as_str() {
            "" => String::new(),
            "Group" => "Group/g/".to_owned(),
            other => format!("{other}/"),
        };
        let path = format!("/fhir/{level}${name}");
        if name == "bulk-publish" {
            assert_eq!(served.get(&path).status, 200);
        } else {
            assert_eq!(kick_off(&served, &path, "", &[]).status, 202, "{path}");
        }
        // Its own definition is there to be read; another's is the guide's.
        if definition.starts_with(&served.url) {
            let (url, _version) = definition.split_once('|').unwrap_or((definition, ""));
            let found = served.get(url).json();
            assert_eq!(found["resourceType"], "OperationDefinition", "{definition}");
            assert_eq!(found["code"], name.as_str(), "{definition}");
        } else {
            let guide = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/";
            assert!(definition.starts_with(guide), "{definition}");
        }
        // Only one edition is STU4.
        if name == "export" {
            assert!(!definition.ends_with("|4.0.0"), "{path}: {definition}");
            let v4 = &named[&(kind.clone(), "export-v4".to_owned())];
            assert_ne!(v4, definition, "{path}");
        }
    }
    // What is not named is not there.
    for name in ["bulk-submit", "bulk-submit-status", "everything"] {
        kick_off(&served, &format!("/fhir/${name}"), "", &[]).assert_outcome(404, "");
    }
}

// Publishing.

/// publish: A Data Provider SHALL support retrieval of a Bulk Publish manifest through an HTTP GET
/// request to an endpoint that terminates with a `$bulk-publish` segment.
///
/// publish: The Data Provider SHALL return a manifest response with: HTTP status `200 OK`;
/// `Content-Type` header of `application/json`; Body of a root manifest page (see [Manifest
/// Elements](#manifest-elements))
#[test]
fn the_published_manifest_is_one_get_away() {
    let (_dir, served) = served();
    for path in [PUBLISH, "/fhir/%24bulk-publish"] {
        let answer = served.get(path);
        assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let manifest = answer.json();
        assert!(manifest["transactionTime"].is_string(), "{manifest}");
        assert_eq!(manifest["requiresAccessToken"], false);
        assert_eq!(ids(&served, &pages(&served, path)), all_ids());
    }
}

/// publish: When included, the `ETag` value SHALL change when the manifest body changes.
#[test]
fn another_published_manifest_has_another_etag() {
    let (dir, served) = served();
    let mut seen: Vec<(Option<String>, Vec<u8>)> = Vec::new();
    for round in 0..4 {
        if round > 0 {
            let more =
                format!("{{\"resourceType\":\"Patient\",\"id\":\"more\",\"round\":{round}}}\n");
            dir.write("more.ndjson", more);
            dir.import(0, &["s.db", "more.ndjson"]);
        }
        let answer = served.get(PUBLISH);
        assert_eq!(answer.status, 200);
        let etag = answer.header("etag").map(str::to_owned);
        for (old_etag, old_body) in &seen {
            assert_ne!(*old_body, answer.body, "an import leaves the manifest as it was");
            assert!(etag.is_none() || *old_etag != etag, "{etag:?} again");
        }
        seen.push((etag, answer.body));
    }
}

/// publish: The Data Provider MAY update the manifest at any time and SHALL use the
/// `transactionTime` element to indicate when the files were generated.
///
/// publish: The files referenced by the manifest SHOULD NOT include any FHIR resources modified
/// after this instant, and SHALL include any matching resources modified up to and including this
/// instant.
///
/// publish, manifest field `transactionTime`: The published files referenced in this manifest
/// SHOULD NOT include any resources modified after this instant, and SHALL include any matching
/// resources modified up to and including this instant.
#[test]
fn the_published_files_hold_all_up_to_their_time() {
    let (dir, served) = served();
    let instant =
        |value: &Value| chrono::DateTime::parse_from_rfc3339(&text(value)).expect("an instant");
    let mut expected = all_ids();
    let mut last = None;
    for id in ["n1", "n2", "n3"] {
        dir.write("more.ndjson", format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}\n"));
        dir.import(0, &["s.db", "more.ndjson", "--stamp"]);
        expected.push(format!("Patient/{id}"));
        expected.sort();
        let pages = pages(&served, PUBLISH);
        assert_eq!(ids(&served, &pages), expected);
        for page in &pages {
            let time = instant(&page["transactionTime"]);
            assert!(last.is_none_or(|last| last < time), "{last:?} is not before {time}");
            for line in list(&page["output"]).iter().flat_map(|file| lines(&served, file)) {
                assert!(instant(&line["meta"]["lastUpdated"]) <= time, "{time}: {line}");
            }
        }
        last = Some(instant(&pages[0]["transactionTime"]));
    }
}

/// publish: File URLs SHALL NOT be reused between updates unless their contents have remained the
/// same, and files that no longer appear in a manifest SHOULD remain available for a grace period
/// following an update to avoid interrupting downloads that are in progress.
///
/// publish: For a given file URL, file contents are immutable: if the content changes, the Data
/// Provider SHALL publish it at a new URL.
#[test]
fn a_published_url_means_the_same_bytes_for_ever() {
    let (dir, served) = served();
    let mut published: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut urls_of_patients = BTreeSet::new();
    for round in 0..4 {
        match round {
            1 => {
                let changed = r#"{"resourceType":"Patient","id":"a","active":true}"#;
                dir.write("change.ndjson", changed);
                assert_eq!(dir.import(0, &["s.db", "change.ndjson"])["updated"], 1);
            }
            2 => {
                let added = r#"{"resourceType":"Patient","id":"d"}"#;
                dir.write("add.ndjson", added);
                assert_eq!(dir.import(0, &["s.db", "add.ndjson"])["created"], 1);
            }
            3 => assert_eq!(dir.run(["delete", "s.db", "Patient/b"]).code, 0),
            _ => {}
        }
        for page in pages(&served, PUBLISH) {
            for file in files(&page, &ALL) {
                let bytes = download(&served, file);
                let url = text(&file["url"]);
                if file["type"] == "Patient" {
                    assert!(urls_of_patients.insert(url.clone()), "{url} again");
                }
                published.entry(url).or_insert(bytes);
            }
        }
        // Those that are no longer named are still there, too: it has only been a moment.
        for (url, bytes) in &published {
            let answer = served.get(url);
            assert_eq!(answer.status, 200, "{url}");
            assert!(answer.body == *bytes, "{url} is another than before");
        }
    }
    assert_eq!(urls_of_patients.len(), 4);
}

/// publish: All fields in the linked manifest SHALL be populated with the same values as the
/// manifest with the link, apart from the `output`, `deleted`, `outcome`, and `link` arrays.
///
/// publish: The `link` element in the manifest page returned at `[base]/$bulk-publish` SHALL NOT
/// include a `url` with a value of `#pending`.
#[test]
fn the_published_pages_are_alike_and_the_first_is_not_pending() {
    let (_dir, served) = served();
    let root = served.get(PUBLISH).json();
    assert!(list(&root["link"]).len() <= 1, "{root}");
    for link in list(&root["link"]) {
        assert_eq!(link["relation"], "next");
        assert!(text(&link["url"]).starts_with(&served.url), "{link}");
    }
    let pages = pages(&served, PUBLISH);
    for page in &pages {
        assert_eq!(common(page), common(&pages[0]));
    }
    // Nothing is on two pages or on none.
    assert_eq!(ids(&served, &pages), all_ids());
}

/// publish: When the body is a FHIR `OperationOutcome` resource, the response SHALL include a
/// `Content-Type` header of `application/fhir+json`.
///
/// publish: The Data Provider SHALL return an error response with HTTP status `4XX` or `5XX`.
#[test]
fn a_request_for_the_published_manifest_that_cannot_be_is_an_error() {
    let (_dir, served) = served();
    assert_eq!(served.get(PUBLISH).status, 200);
    for (method, path) in [
        ("POST", PUBLISH.to_owned()),
        ("PUT", PUBLISH.to_owned()),
        ("GET", format!("{PUBLISH}/nothing")),
        ("GET", "/fhir/Patient/$bulk-publish".to_owned()),
    ] {
        let answer = client::send(served.authority(), method, &path, "Content-Length: 0\r\n", b"");
        assert!((400..600).contains(&answer.status), "{method} {path}: {}", answer.status);
        assert_outcome_body(&answer);
    }
}

// Left out:
//
// The transport is a proxy's, and there are no users and no tokens here:
//
//   export: All exchanges described herein between a Data Consumer and a Data Provider SHALL be
//     secured using [Transport Layer Security (TLS) Protocol Version 1.2
//     (RFC5246)](https://tools.ietf.org/html/rfc5246) or a more recent version of TLS.
//   export: When SMART Backend Services Authorization is used, Bulk Data Status Requests and Bulk
//     Data Output File Requests with `requiresAccessToken=true` SHALL be protected the same way as
//     the Bulk Data Kick-off Request, including an access token with scopes that cover all
//     resources being exported.
//   export: A Data Provider SHALL also restrict access to specific groups based on underlying
//     business rules.
//   export: The Data Provider's FHIR server SHALL limit the data returned to only those FHIR
//     resources for which the Data Consumer is authorized.
//   export: As discussed in [Privacy and Security
//     Considerations](#privacy-and-security-considerations) above, a Data Provider SHALL limit the
//     data returned to only those FHIR resources for which the Data Consumer is authorized.
//   manifest field `requiresAccessToken`: Value SHALL be true if both the Data Provider's file
//     server and the Data Provider's FHIR API server control access using OAuth 2.0 bearer tokens.
//   publish, manifest field `requiresAccessToken`: Value SHALL be true when both the manifest
//     endpoint and published file endpoints control access using OAuth 2.0 bearer tokens.
//   export, async: When the `url` element is populated with an absolute URL and the
//     `requiresAccessToken` field in the manifest is set to `true`, the URL location SHALL be
//     accessible by a Data Consumer with a valid access token and SHALL NOT require the use of
//     additional authentication credentials.
//   publish: When the `url` element is populated with an absolute URL and the `requiresAccessToken`
//     element in the manifest is set to `true`, the URL location SHALL be accessible by a Data
//     Consumer with a valid access token, and SHALL NOT require the use of additional
//     authentication credentials.
//
// They bind the client:
//
//   export, async: If the `requiresAccessToken` field in the manifest is set to `true`, the request
//     SHALL include a valid access token.
//   publish: If the `requiresAccessToken` element in the manifest is set to `true`, the request
//     SHALL include a valid access token.
//   export, async, publish: A Data Consumer SHALL NOT provide a SMART Backend Services access token
//     when dereferencing a URL from a manifest entry where `requiresAccessToken` is `false`.
//   export, async, publish: A Data Consumer SHALL accept files that are uncompressed or encoded
//     with `gzip` compression, and MAY accept files encoded with other compression formats.
//   publish: A Data Consumer SHALL process a manifest one page at a time by (1) inserting or
//     updating all FHIR resources in files in the `output` array in array order, followed by (2)
//     deleting all resources listed in files in the `deleted` array in array order.
//   publish: When the same resource type and logical id appear more than once, the Data Consumer
//     SHALL keep the latest version by manifest order, unless it is later removed by a `deleted`
//     entry.
//
// They bind those who support `_typeFilter`, which is refused with a 400 for now:
//
//   export: Resources with a resource type specified in this query that do not meet the criteria in
//     the search expression in the query SHALL NOT be returned, with the exception of related
//     resources being included by the Data Provider to provide context about the resources being
//     exported (see [processing model](#processing-model)).
//   export: When more than one `_typeFilter` parameter is provided with a query for the same
//     resource type, the Data Provider SHALL include resources of that resource type that meet the
//     criteria in any of the parameters (a logical "or").
//   export, parameter `_typeFilter`: When provided, a Data Provider with support for the parameter
//     and requested search queries SHALL filter the data in the response for resource types
//     referenced in the `_typeFilter` expression to only include resources that meet the specified
//     criteria.
//
// They bind those who publish incremental updates or organize what they publish by patient; here
// each published manifest is whole and by type:
//
//   publish: When doing so, the Data Provider SHALL indicate to the Data Consumer that it will be
//     adding additional pages to the manifest chain by including a single `link` element with a
//     `relation` that has a value of `next` and a `url` element that has a value of `#pending` in
//     the last page of the manifest chain.
//   publish: To indicate that additional pages will be added to it with incremental updates, the
//     Data Provider SHALL include a single instance of a `link` element that has a `relation`
//     element with a value of `next`, and a `url` element pointing to the location of a "stub"
//     manifest that does not contain files, but does contain a `#pending` next link URL.
//   publish: When an incremental update is available, the Data Provider SHALL update the link
//     element in the last manifest page in the chain from `#pending` to the URL of the new manifest
//     page.
//   publish: A Data Provider SHALL end a manifest chain and indicate that a Data Consumer should
//     reset their dataset to a new snapshot by replacing a `#pending` link URL value with a value
//     of `#closed`, or by replacing the `#pending` link URL with a manifest that has a next link
//     URL of `#closed`.
//   publish: When the `outputOrganizedBy` element is populated with a resource type, the output
//     files SHALL be populated with blocks consisting of a header `Parameters` resource containing
//     a parameter named `header` with a reference to a resource of the type specified by
//     `outputOrganizedBy`, followed by the resource referenced in this header and resources that
//     reference the resource referenced in the header (together a "resource block").
//   publish: If a resource block does span more than one file, the header SHALL be repeated at the
//     start of each file where the block continues, and the association between these files SHALL
//     be documented in the manifest using the `continuesInFile` element in the relevant `output`
//     array items.
