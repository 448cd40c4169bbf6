//! The crate as another project's tests use it: a store in memory, a server on a free port, a clock
//! that stands still.

use fhirlite::{
    Clock, ExportRequest, Import, Input, Inputs, Instant, Kind, Observer, Options, Plan, Server,
    Store,
};

use crate::support::client::get;

fn noon() -> Clock {
    let (noon, _) = Instant::parse("2026-01-02T12:00:00.000Z").unwrap();
    Clock::from_fn(move || noon)
}

fn path(url: &str) -> &str {
    &url[url.find("/bulk-data").unwrap()..]
}

#[test]
fn a_manifest_is_the_same_text_every_time() {
    let store = Store::in_memory().unwrap().with_clock(noon());
    let text =
        "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n{\"resourceType\":\"Basic\",\"id\":\"b\"}\n";
    let report = Import::new().text(&store, "in.ndjson", text).unwrap();
    assert_eq!((report.created, report.rejected), (2, 0));
    let options = Options::new().base_url("https://demo.example.org");
    let server = Server::start(&store, &options).unwrap();
    let authority = server.address().to_string();
    let text = get(&authority, "/bulk-data/r4/$export?_type=Patient", "").text();
    let token = text.split("Patient/").nth(1).unwrap().split(".ndjson").next().unwrap();
    assert_eq!(
        text.replace(token, "TOKEN"),
        r#"{
  "transactionTime": "2026-01-02T12:00:00.000Z",
  "request": "https://demo.example.org/bulk-data/r4/$export?_type=Patient",
  "requiresAccessToken": false,
  "output": [
    {
      "type": "Patient",
      "url": "https://demo.example.org/bulk-data/r4/$export/Patient/TOKEN.ndjson"
    }
  ]
}
"#
    );
    assert_eq!(
        get(&authority, &format!("/bulk-data/r4/$export/Patient/{token}.ndjson"), "").text(),
        "{\"resourceType\":\"Patient\",\"id\":\"a\",\"meta\":{\"versionId\":\"1\",\"lastUpdated\":\"2026-01-02T12:00:00.000Z\"}}\n"
    );
    assert_eq!(
        get(&authority, "/nowhere", "").text(),
        "{\"resourceType\":\"OperationOutcome\",\"issue\":[{\"severity\":\"error\",\"code\":\"not-found\",\"diagnostics\":\"there is nothing here; /fhir/metadata says what there is, /bulk-data/r4/$export answers with a manifest of the files to download\"}]}\n"
    );
}

#[test]
fn a_store_in_memory_is_imported_to_while_it_is_served() {
    let store = Store::in_memory().unwrap();
    let server = Server::start(&store, &Options::default()).unwrap();
    let authority = server.address().to_string();
    let mut manifests = Vec::new();
    for round in 0..5 {
        let text: String = (0..=round)
            .map(|n| {
                format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"round\":{round}}}\n")
            })
            .collect();
        Import::new().text(&store, "in.ndjson", &text).unwrap();
        let manifest = get(&authority, "/bulk-data/r4/$export", "").json();
        let url = manifest["output"][0]["url"].as_str().unwrap().to_owned();
        let body = get(&authority, path(&url), "").body;
        manifests.push((url, body));
        for (url, body) in &manifests {
            assert_eq!(get(&authority, path(url), "").body, *body);
        }
    }
    assert_eq!(
        store.delete(&[("Patient".into(), "p0".into()), ("Patient".into(), "no".into())]).unwrap(),
        [true, false]
    );
    assert_eq!(store.info().unwrap().resources, 4);
    drop(server);
    assert!(std::net::TcpStream::connect(&authority).is_err(), "it goes on after it was dropped");
}

/// Stops an import after it has been asked so many times.
struct Stopping(u32);

impl Observer for Stopping {
    fn should_stop(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 == 0
    }
}

#[test]
fn an_observer_stops_an_import_between_two_resources() {
    let text: String =
        (0..10).map(|n| format!("{{\"resourceType\":\"Basic\",\"id\":\"NAME{n}\"}}\n")).collect();
    let input = |name: &str| {
        Input::memory(&format!("{name}.ndjson"), text.replace("NAME", name).as_bytes())
    };
    let inputs = Inputs { inputs: ["a", "b", "c"].map(input).into(), ..Inputs::default() };
    for strict in [false, true] {
        for times in 1..30 {
            let store = Store::in_memory().unwrap();
            let import = Import::new().strict(strict);
            let error = import.run(&store, &inputs, &mut Stopping(times)).unwrap_err();
            assert_eq!(error.kind(), Kind::Interrupted, "{error}");
            let there = store.info().unwrap().resources;
            assert_eq!(there % 10, 0, "{times}");
            assert!(if strict { there == 0 } else { there < times.into() }, "{times}: {there}");
            assert_eq!(import.run(&store, &inputs, &mut ()).unwrap().created, 30 - there);
        }
    }
}

#[test]
fn stores_in_memory_are_separate() {
    let (one, two) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
    Import::new().text(&one, "a", r#"{"resourceType":"Basic","id":"a"}"#).unwrap();
    assert!(one.get("Basic", "a").unwrap().is_some());
    assert!(two.get("Basic", "a").unwrap().is_none());
    let plan = Plan::new(two.snapshot().unwrap(), &ExportRequest::default()).unwrap();
    assert!(plan.files.is_empty());
}

#[test]
fn the_last_handle_closes_the_file() {
    let dir = crate::support::Dir::new();
    let path = dir.path("s.db");
    let store = Store::create(&path).unwrap();
    Import::new().text(&store, "a", r#"{"resourceType":"Basic","id":"a"}"#).unwrap();
    let snapshot = store.snapshot().unwrap();
    let server = Server::start(&store, &Options::default()).unwrap();
    drop((store, server, snapshot));
    assert!(!dir.path("s.db-wal").exists());
    dir.check("s.db");
}
