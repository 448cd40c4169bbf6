//! The fixture as another project's tests use it: a server for one test, with faults, in the process of the test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use fhirlite::Kind;
use fhirlite::clients::{ClientAuthentication, add_user, issue_token, register};
use fhirlite::fixture::{Fixture, FixtureServer};

use crate::support::client::{Answer, get};
use crate::support::project;

const PATIENTS: &str =
    r#"[{"resourceType":"Patient","id":"a"},{"resourceType":"Patient","id":"b"}]"#;

fn to(fixture: &FixtureServer) -> String {
    fixture.url().strip_prefix("http://").unwrap().to_owned()
}

fn ask(fixture: &FixtureServer, path: &str, headers: &str) -> Answer {
    get(&to(fixture), path, headers)
}

fn total(fixture: &FixtureServer) -> u64 {
    ask(fixture, "/fhir/Patient?_summary=count", "").json()["total"].as_u64().unwrap()
}

#[test]
fn a_client_that_tries_a_cut_download_again_gets_all_of_it() {
    let fixture = Fixture::new()
        .resources(PATIENTS)
        .unwrap()
        .faults("file: cut_bytes=10; times=1")
        .start()
        .unwrap();
    assert_eq!(fixture.fhir_url(), format!("{}/fhir", fixture.url()));
    let started = ask(&fixture, "/fhir/$export", "Prefer: respond-async\r\n");
    let job = started.header("content-location").unwrap().replace(&fixture.url(), "");
    let manifest = ask(&fixture, &job, "").json();
    let file = manifest["output"][0]["url"].as_str().unwrap().replace(&fixture.url(), "");
    // The whole is announced, and then cut.
    let mut connection = TcpStream::connect(to(&fixture)).unwrap();
    write!(connection, "GET {file} HTTP/1.1\r\nHost: {}\r\n\r\n", to(&fixture)).unwrap();
    let mut cut = Vec::new();
    connection.read_to_end(&mut cut).unwrap();
    let head = cut.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    assert_eq!(cut.len() - head - 4, 10);
    assert_eq!(ask(&fixture, &file, "").text().lines().count(), 2);
    let requests = fixture.requests();
    let files: Vec<_> =
        requests.iter().filter(|request| request.path.ends_with(".ndjson")).collect();
    assert_eq!(files.len(), 2);
    assert_eq!((files[0].bytes, files[0].fault.as_str()), (10, "file: times=1; cut_bytes=10"));
    assert_eq!((files[1].status, files[1].fault.as_str()), (200, ""));
    assert_eq!(requests[0].headers["prefer"], "respond-async");
}

#[test]
fn all_is_as_at_the_start_after_a_reset_in_memory_and_in_a_folder() {
    let in_folder = Fixture::new().in_folder().unwrap();
    for fixture in [Fixture::new(), in_folder] {
        let fixture =
            fixture.resources(PATIENTS).unwrap().faults("read: status=503").start().unwrap();
        assert_eq!(ask(&fixture, "/fhir/Patient/a", "").status, 503);
        fixture.set_faults("").unwrap();
        assert_eq!(ask(&fixture, "/fhir/Patient/a", "").status, 200);
        let report = fixture.add(r#"{"resourceType":"Patient","id":"c"}"#).unwrap();
        assert_eq!((report.created, total(&fixture)), (1, 3));
        for round in 0..2 {
            fixture.reset().unwrap();
            assert_eq!((fixture.requests().len(), total(&fixture)), (0, 2), "{round}");
            assert_eq!(ask(&fixture, "/fhir/Patient/a", "").status, 503);
            fixture.add(r#"{"resourceType":"Patient","id":"d"}"#).unwrap();
            assert_eq!(total(&fixture), 3);
        }
    }
}

#[test]
fn the_folder_goes_with_the_server() {
    let fixture = Fixture::new().in_folder().unwrap().resources(PATIENTS).unwrap().start().unwrap();
    let file = fixture.store().path().to_owned();
    assert!(file.is_file(), "{}", file.display());
    let to = to(&fixture);
    drop(fixture);
    assert!(!file.parent().unwrap().exists());
    assert!(TcpStream::connect(to).is_err(), "it goes on after it was dropped");
    let late = Fixture::new().resources(PATIENTS).unwrap().in_folder().err().unwrap();
    assert!(late.to_string().contains("before"), "{late}");
}

#[test]
fn a_download_that_stalls_for_ever_ends_with_the_fixture() {
    let faults = "search: cut_bytes=1; cut=stall";
    let fixture = Fixture::new().resources(PATIENTS).unwrap().faults(faults).start().unwrap();
    let mut connection = TcpStream::connect(to(&fixture)).unwrap();
    write!(connection, "GET /fhir/Patient HTTP/1.1\r\nHost: {}\r\n\r\n", to(&fixture)).unwrap();
    let mut first = [0];
    connection.read_exact(&mut first).unwrap();
    drop(fixture);
    // The rest of the head, one byte, and the end by close or reset.
    let mut rest = Vec::new();
    let _ = connection.read_to_end(&mut rest);
    assert!(rest.ends_with(b"\r\n\r\n{"), "{}", String::from_utf8_lossy(&rest));
}

#[test]
fn clients_and_users_are_registered_in_its_store() {
    let fixture = Fixture::new().auth_required(true).resources(PATIENTS).unwrap().start().unwrap();
    assert_eq!(ask(&fixture, "/fhir/Patient/a", "").status, 401);
    let (store, scope) = (fixture.store(), Some("system/*.rs"));
    let key = register(&store, Some("app"), &ClientAuthentication::NewKey, scope).unwrap();
    assert!(key.private_jwk.unwrap().contains("\"alg\":\"ES384\""));
    let token = issue_token(&store, &key.client, None, None, None).unwrap().access_token;
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(ask(&fixture, "/fhir/Patient/a", &bearer).status, 200);
    assert_eq!(fixture.requests()[1].headers["authorization"], "Bearer …");
    fixture.advance_clock(Duration::from_secs(3600));
    assert_eq!(ask(&fixture, "/fhir/Patient/a", &bearer).status, 401);
    let secret = register(&store, None, &ClientAuthentication::NewSecret, None).unwrap();
    let alice = add_user(&store, &secret.client, "alice").unwrap();
    let token = issue_token(&store, &secret.client, Some(&alice), None, None).unwrap();
    let bearer = format!("Authorization: Bearer {}\r\n", token.access_token);
    let path = fixture.oneup_url().unwrap().replace(&fixture.url(), "");
    assert_eq!(ask(&fixture, &path, &bearer).json()["output"].as_array().unwrap().len(), 0);
    assert_eq!(fixture.token_url(), format!("{}/oauth2/token", fixture.fhir_url()));
}

#[test]
fn resources_come_from_files_and_from_the_sample_data() {
    let path = project().join("sample-data/ndjson/Patient.ndjson");
    let fixture = Fixture::new().path(&path).unwrap().start().unwrap();
    let patients = std::fs::read_to_string(&path).unwrap().lines().count() as u64;
    assert_eq!(total(&fixture), patients);
    let fixture = Fixture::new().sample().unwrap().start().unwrap();
    assert!(total(&fixture) > patients);
    assert_eq!(Fixture::new().path("nowhere").err().unwrap().kind(), Kind::NotFound);
}

#[test]
fn wrong_resources_and_rules_are_refused_with_a_reason() {
    for (text, word) in [
        ("", "no resource"),
        ("{}", "resourceType"),
        (r#"[{"resourceType":"Patient","id":"a a"}]"#, "id"),
    ] {
        let error = Fixture::new().resources(text).err().unwrap();
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(error.to_string().contains(word), "{error}");
    }
    let error = Fixture::new().faults("file: bon").start().err().unwrap();
    assert!(error.to_string().contains("\"bon\""), "{error}");
    let fixture = Fixture::new().faults("search: status=500").start().unwrap();
    assert!(fixture.set_faults("search: stat=500").is_err());
    assert!(fixture.add("[").is_err());
    assert_eq!(ask(&fixture, "/fhir/Patient", "").status, 500);
}
