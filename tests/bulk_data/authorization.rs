//! Exports of a server that requires authorization.

use serde_json::Value;

use super::client::{
    EDITIONS, PUBLISH, assert_outcome_body, files, kick_off, list, manifests, text,
};
use super::data::{DATA, filled};
use crate::support::bulk::{ended_at, location, path};
use crate::support::oneup::{Client, bearer};
use crate::support::smart::{EVERYTHING, protected, register};
use crate::support::{Dir, Served};

/// Serves a store of [`DATA`] to the client `reader`, and Group/theirs to anna, a user of the client `app`.
fn serve() -> (Dir, Served) {
    let dir = Dir::new();
    register(&dir, "reader", "--new-key", "key.pem", EVERYTHING);
    Client::add(&dir, "s.db", "app");
    assert_eq!(dir.run(["user", "add", "s.db", "anna", "--client", "app"]).code, 0);
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    dir.write("theirs.ndjson", r#"{"resourceType":"Group","id":"theirs","actual":true}"#);
    dir.import(0, &["s.db", "theirs.ndjson", "--user", "anna"]);
    let served = protected(&dir);
    (dir, served)
}

/// Issues a token; the header that presents it.
fn token(dir: &Dir, options: &[&str]) -> String {
    let ran = dir.run(["token", "issue", "s.db"].iter().chain(options));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    bearer(ran.stdout.trim_end())
}

/// Runs a whole export with these headers; the polling location and the manifest.
fn export(served: &Served, target: &str, headers: &str) -> (String, Value) {
    let location = location(&kick_off(served, target, headers, &[]));
    let answer = ended_at(served.authority(), path(&location), headers);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    (location, answer.json())
}

/// The manifest of everything in each edition, and the published one.
fn manifests_with(served: &Served, headers: &str) -> Vec<Value> {
    let of = |edition: &&str| export(served, &format!("/fhir/{edition}"), headers).1;
    let published = served.get_with(PUBLISH, headers);
    assert_eq!(published.status, 200, "{}", published.text());
    EDITIONS.iter().map(of).chain([published.json()]).collect()
}

/// export: When SMART Backend Services Authorization is used, Bulk Data Status Requests and Bulk
/// Data Output File Requests with `requiresAccessToken=true` SHALL be protected the same way as
/// the Bulk Data Kick-off Request, including an access token with scopes that cover all
/// resources being exported.
#[test]
fn kick_offs_statuses_and_files_need_a_token_that_covers_all_types() {
    let (dir, served) = serve();
    let everything = token(&dir, &["--client", "reader"]);
    let patients = token(&dir, &["--client", "reader", "--scope", "system/Patient.rs"]);
    for edition in EDITIONS {
        let target = format!("/fhir/{edition}");
        let started = kick_off(&served, &target, "", &[]);
        assert_eq!(started.status, 401, "{edition}");
        assert_outcome_body(&started);
        let (location, manifest) = export(&served, &target, &everything);
        let mut urls = vec![location];
        urls.extend(files(&manifest).into_iter().map(|file| text(&file["url"])));
        assert!(urls.len() > 5, "{manifest}");
        for url in urls {
            assert_eq!(served.get(&url).status, 401, "{url}");
            assert_eq!(served.get_with(&url, &patients).status, 403, "{url}");
            assert_eq!(served.get_with(&url, &everything).status, 200, "{url}");
        }
    }
}

/// export: A Data Provider SHALL also restrict access to specific groups based on underlying
/// business rules.
#[test]
fn a_group_can_be_exported_by_its_owner_only() {
    let (dir, served) = serve();
    let reader = token(&dir, &["--client", "reader"]);
    let anna = token(&dir, &["--user", "anna", "--client", "app"]);
    for edition in EDITIONS {
        for (group, headers, status) in [
            ("g", &reader, 202),
            ("g", &anna, 404),
            ("theirs", &anna, 202),
            ("theirs", &reader, 404),
        ] {
            let target = format!("/fhir/Group/{group}/{edition}");
            let started = kick_off(&served, &target, headers, &[]);
            assert_eq!(started.status, status, "{target}: {}", started.text());
            assert_outcome_body(&started);
        }
    }
}

/// export: The Data Provider's FHIR server SHALL limit the data returned to only those FHIR
/// resources for which the Data Consumer is authorized.
///
/// export: As discussed in [Privacy and Security
/// Considerations](#privacy-and-security-considerations) above, a Data Provider SHALL limit the
/// data returned to only those FHIR resources for which the Data Consumer is authorized.
#[test]
fn only_authorized_resources_are_exported() {
    let (dir, served) = serve();
    let scope = "system/Patient.rs system/Observation.rs";
    let some = token(&dir, &["--client", "reader", "--scope", scope]);
    let anna = token(&dir, &["--user", "anna", "--client", "app"]);
    let is_some =
        |line: &&str| line.contains(":\"Patient\",") || line.contains(":\"Observation\",");
    let mut expected: Vec<&str> = DATA.lines().filter(is_some).collect();
    expected.sort_unstable();
    for edition in EDITIONS {
        let lines = |headers: &str| -> Vec<String> {
            let (_, manifest) = export(&served, &format!("/fhir/{edition}"), headers);
            let files = list(&manifest["output"]).iter();
            let texts = files.map(|file| served.get_with(&text(&file["url"]), headers).text());
            let mut lines: Vec<String> = texts
                .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
                .collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&some), expected, "{edition}");
        let [group] = &lines(&anna)[..] else { panic!("{edition}: more than the Group") };
        assert!(group.contains("\"theirs\""), "{edition}: {group}");
    }
}

/// manifest field `requiresAccessToken`: Value SHALL be true if both the Data Provider's file
/// server and the Data Provider's FHIR API server control access using OAuth 2.0 bearer tokens.
///
/// publish, manifest field `requiresAccessToken`: Value SHALL be true when both the manifest
/// endpoint and published file endpoints control access using OAuth 2.0 bearer tokens.
#[test]
fn a_manifest_tells_whether_its_files_need_a_token() {
    let (dir, served) = serve();
    for manifest in manifests_with(&served, &token(&dir, &["--client", "reader"])) {
        assert_eq!(manifest["requiresAccessToken"], true, "{manifest}");
    }
    let (_dir, open) = filled();
    for manifest in manifests(&open) {
        assert_eq!(manifest["requiresAccessToken"], false, "{manifest}");
    }
}

/// export, async: When the `url` element is populated with an absolute URL and the
/// `requiresAccessToken` field in the manifest is set to `true`, the URL location SHALL be
/// accessible by a Data Consumer with a valid access token and SHALL NOT require the use of
/// additional authentication credentials.
///
/// publish: When the `url` element is populated with an absolute URL and the `requiresAccessToken`
/// element in the manifest is set to `true`, the URL location SHALL be accessible by a Data
/// Consumer with a valid access token, and SHALL NOT require the use of additional
/// authentication credentials.
#[test]
fn an_attachment_needs_the_token_and_nothing_else() {
    let (dir, served) = serve();
    let headers = token(&dir, &["--client", "reader"]);
    for manifest in manifests_with(&served, &headers) {
        let mut output = list(&manifest["output"]).iter();
        let file = output.find(|file| file["type"] == "DocumentReference").expect("documents");
        let document = served.get_with(&text(&file["url"]), &headers).json();
        let url = text(&document["content"][0]["attachment"]["url"]);
        assert_eq!(url, format!("{}/fhir/Binary/note", served.url));
        assert_eq!(served.get(&url).status, 401);
        let answer = served.get_with(&url, &headers);
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"hello"[..]));
    }
}
