//! Changes between a kick-off and the download of its files: users, credentials, scopes.

use std::thread;

use serde_json::Value;

use crate::support::Dir;
use crate::support::bulk::{ended_at, kick_off, location, path, url_of};
use crate::support::client::{Answer, get, send};
use crate::support::oneup::{Client, Tenants, USER, bearer, exported, form};

/// The header that presents a token from the command line.
fn issued(dir: &Dir, args: &[&str]) -> String {
    let ran = dir.run(["token", "issue", "s.db"].iter().chain(args));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    bearer(ran.stdout.trim())
}

/// Runs a whole export; its polling location and its manifest.
fn job(to: &str, target: &str, headers: &str) -> (String, Value) {
    let place = path(&location(&get(to, target, headers))).to_owned();
    let done = ended_at(to, &place, headers);
    assert_eq!(done.status, 200, "{}", done.text());
    (place, done.json())
}

/// Downloads the first file of this type.
fn file(to: &str, manifest: &Value, resource_type: &str, headers: &str) -> Answer {
    get(to, path(&url_of(manifest, resource_type)), headers)
}

/// Updates a user.
fn put(here: &Tenants, more: &[(&str, &str)]) -> Answer {
    here.app.form(here.to(), "PUT", USER, more)
}

/// A file that was planned without a user's resources must not show them later, nor leave out others.
#[test]
fn an_export_ends_when_a_user_is_activated_or_deactivated() {
    let here = Tenants::new();
    let to = here.to();
    let all = here.app.headers("client");
    for (before, after) in [("false", "true"), ("true", "false")] {
        let set = |active| {
            let answer = put(&here, &[("app_user_id", "anna"), ("active", active)]);
            assert_eq!(answer.json()["active"], active == "true", "{}", answer.text());
        };
        set(before);
        let target = "/fhir/$export?_type=Observation";
        let (place, manifest) = job(to, target, &all);
        let signed = get(to, "/bulk-data/r4/$export?_type=Observation", &all).json();
        let whole = file(to, &manifest, "Observation", &all).text();
        assert_eq!(whole.lines().count(), if before == "true" { 40 } else { 20 });
        assert_eq!(file(to, &signed, "Observation", &all).text(), whole);
        // A request that changes nothing ends no export.
        set(before);
        assert_eq!(get(to, &place, &all).status, 200);
        set(after);
        get(to, &place, &all).assert_outcome(404, "no such export");
        assert_eq!(file(to, &manifest, "Observation", &all).status, 404);
        // A signed file is either unchanged or gone.
        let signed = file(to, &signed, "Observation", &all);
        assert!(signed.status == 404 || (after == "true" && signed.text() == whole));
    }
    put(&here, &[("app_user_id", "anna"), ("active", "true")]);
    assert_eq!(exported(to, &all), here.stored(&[here.anna, here.ben]));
    here.end();
}

#[test]
fn a_user_who_is_renamed_and_deactivated_at_once_is_inactive() {
    let here = Tenants::new();
    let number = here.anna.to_string();
    for round in 0..30 {
        put(&here, &[("oneup_user_id", &number), ("active", "true")]);
        thread::scope(|scope| {
            let name = format!("anna{round}");
            let off =
                scope.spawn(|| put(&here, &[("oneup_user_id", &number), ("active", "false")]));
            let named = put(&here, &[("oneup_user_id", &number), ("app_user_id", &name)]);
            assert_eq!(named.status, 200, "{}", named.text());
            assert_eq!(off.join().expect("an answer").status, 200);
        });
        let sql = format!("SELECT active FROM user WHERE id = {number}");
        assert_eq!(here.dir.count("s.db", &sql), 0, "round {round}");
    }
    here.end();
}

/// `includeAssociatedData` adds Provenance to any types, so the files of such an export need a scope with Provenance.
#[test]
fn a_token_without_provenance_in_scope_cannot_open_an_export_with_it() {
    let dir = Dir::new();
    dir.write(
        "in.ndjson",
        "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n\
         {\"resourceType\":\"Provenance\",\"id\":\"p\",\"target\":[{\"reference\":\"Patient/a\"}]}\n",
    );
    dir.import(0, &["s.db", "in.ndjson"]);
    let add = ["client", "add", "s.db", "--client-id", "c", "--new-key", "k", "--scope"];
    assert_eq!(dir.run(add.iter().chain(&["system/*.rs"])).code, 0);
    let served = dir.serve(&["s.db", "--auth", "required"]);
    let to = served.authority();
    let wide = issued(&dir, &["--client", "c"]);
    let narrow = issued(&dir, &["--client", "c", "--scope", "system/Patient.rs"]);
    let both =
        issued(&dir, &["--client", "c", "--scope", "system/Patient.rs system/Provenance.rs"]);
    let target = "/fhir/Patient/$export?_type=Patient";
    let (plain, _) = job(to, target, &wide);
    assert_eq!(get(to, &plain, &narrow).status, 200);
    let asked = [("_type", "Patient"), ("includeAssociatedData", "RelevantProvenanceResources")];
    let started = kick_off(to, "/fhir/Patient/$export", &asked, &wide);
    let place = path(&location(&started)).to_owned();
    let manifest = ended_at(to, &place, &wide).json();
    for (headers, status) in [(&wide, 200), (&both, 200), (&narrow, 403)] {
        assert_eq!(get(to, &place, headers).status, status);
        for name in ["Patient", "Provenance"] {
            assert_eq!(file(to, &manifest, name, headers).status, status, "{name}");
        }
    }
    kick_off(to, "/fhir/Patient/$export", &asked, &narrow).assert_outcome(403, "Provenance");
}

#[test]
fn a_rotation_replaces_only_what_it_names() {
    let dir = Dir::new();
    let app = Client::add(&dir, "s.db", "app");
    let add = ["client", "add", "s.db", "--client-id", "keyed", "--new-key", "one.pem"];
    assert_eq!(dir.run(add.iter().chain(&["--scope", "system/*.rs"])).code, 0);
    let rotate = |args: &[&str]| dir.run(["client", "rotate", "s.db"].iter().chain(args));
    let has = |client: &str, column: &str| {
        let sql = format!("SELECT {column} IS NOT NULL FROM client WHERE client_id = '{client}'");
        dir.count("s.db", &sql) == 1
    };
    // A client with keys: is a new key or a secret meant?
    let ran = rotate(&["keyed"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("--new-key") && ran.stderr.contains("--new-secret"));
    assert!(!has("keyed", "secret_hash"));
    // New keys replace the former ones.
    let kid = |dir: &Dir| -> String {
        let sql =
            "SELECT json_extract(jwks, '$.keys[0].kid') FROM client WHERE client_id = 'keyed'";
        dir.open("s.db").query_row(sql, (), |row| row.get(0)).expect("a kid")
    };
    let before = kid(&dir);
    assert_eq!(rotate(&["keyed", "--new-key", "two.pem"]).code, 0);
    assert_ne!(kid(&dir), before);
    let count = "SELECT json_array_length(jwks, '$.keys') FROM client WHERE client_id = 'keyed'";
    assert_eq!(dir.count("s.db", count), 1);
    // A secret is added only on demand, and can be removed.
    assert_eq!(rotate(&["keyed", "--new-secret"]).code, 0);
    assert!(has("keyed", "secret_hash") && has("keyed", "jwks"));
    assert_eq!(rotate(&["keyed", "--no-secret"]).code, 0);
    assert!(!has("keyed", "secret_hash") && has("keyed", "jwks"));
    // Keys are added to a secret and removed.
    assert_eq!(rotate(&["app", "--new-key", "app.pem", "--scope", "system/Patient.rs"]).code, 0);
    assert!(has("app", "secret_hash") && has("app", "jwks") && has("app", "scope"));
    assert_eq!(rotate(&["app", "--no-keys"]).code, 0);
    assert!(has("app", "secret_hash") && !has("app", "jwks") && !has("app", "scope"));
    // The last credential cannot be removed, and the secret is still the first one.
    assert_eq!(rotate(&["app", "--no-secret"]).code, 2);
    let served = dir.serve(&["s.db", "--auth", "required"]);
    assert_eq!(exported(served.authority(), &app.headers("client")), []);
    // Without options the secret is replaced.
    assert_eq!(rotate(&["app"]).code, 0);
    assert_eq!(served.get_with("/bulk-data/r4/$export", &app.headers("client")).status, 401);
    dir.check("s.db");
}

/// The body of a request without credentials is not read, and a body with credentials must be short.
#[test]
fn long_bodies_are_refused_before_they_are_read() {
    let here = Tenants::new();
    let to = here.to();
    let declared = |path: &str, length: usize| {
        let headers = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
        send(to, "POST", path, &headers, b"{")
    };
    // The answer comes although the body never does.
    for path in ["/fhir/$export", "/fhir/Group/g/$export-v4", "/fhir/Patient/_search"] {
        declared(path, 10 << 20).assert_outcome(401, "who asks");
    }
    for path in ["/oauth2/token", "/fhir/oauth2/token", USER] {
        declared(path, (64 << 10) + 1).assert_outcome(413, "65536");
    }
    // A shorter body is read.
    let long = "x".repeat(60_000);
    let answer = form(to, "POST", "/oauth2/token", &[("grant_type", &long)]);
    assert_eq!(answer.json()["error"], "unsupported_grant_type");
    here.end();
}

#[test]
fn the_audit_lists_the_published_dataset_and_prints_no_control_characters() {
    let here = Tenants::new();
    let to = here.to();
    let all = here.app.headers("client");
    let manifest = get(to, "/fhir/$bulk-publish", &all);
    let etag = manifest.header("etag").expect("an ETag").to_owned();
    let bytes = file(to, &manifest.json(), "Observation", &all).body.len();
    // The URLs stay the same until something changes.
    assert_eq!(get(to, "/fhir/$bulk-publish", &all).text(), manifest.text());
    assert_eq!(manifest.header("cache-control"), Some("private, no-cache"));
    let known = format!("{all}If-None-Match: {etag}\r\n");
    assert_eq!(get(to, "/fhir/$bulk-publish", &known).status, 304);
    // The audit prints the control characters of a URL encoded.
    let odd = "/bulk-data/r4/$export?_type=Patient,%1B[31mred%07";
    assert_eq!(get(to, odd, &all).status, 200);
    let Tenants { dir, served, .. } = here;
    assert_eq!(served.end("-TERM"), 0);
    let ran = dir.run(["audit", "s.db", "--json"]);
    let noted: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let published = &noted[0];
    assert_eq!(published["request"], "/fhir/$bulk-publish");
    assert_eq!((&published["files"], &published["bytes"]), (&1.into(), &bytes.into()));
    assert_eq!(noted.len(), 2, "{}", ran.stdout);
    let shown = dir.run(["audit", "s.db"]).stdout;
    assert!(shown.contains("%1B[31mred%07"), "{shown:?}");
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
}
