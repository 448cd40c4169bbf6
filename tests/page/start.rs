//! The first screen: what the store is, and how to get at it.

use super::browse_html::{link_of, plain, rows, screen, screen_with};
use crate::support::bulk::kick_off;
use crate::support::{Dir, project, served};

const DATA: &str = r#"{"resourceType":"Patient","id":"a","meta":{"lastUpdated":"2020-06-15T10:00:00Z"}}
{"resourceType":"Patient","id":"b","meta":{"lastUpdated":"2021-06-15T10:00:00Z"}}
{"resourceType":"Condition","id":"c","meta":{"lastUpdated":"2022-06-15T10:00:00Z"},"subject":{"reference":"Patient/a"},"asserter":{"reference":"Practitioner?identifier=nobody"}}
"#;

#[test]
fn it_says_what_the_store_is() {
    let (dir, served) = served(DATA);
    let html = screen(&served, "/");
    assert!(html.contains("<h1>s.db</h1>"));
    let table = rows(&html);
    let names: Vec<&str> = table.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, ["Condition", "Patient"]);
    let patients = &table[1];
    assert_eq!(patients[1], "2");
    assert_eq!(patients[4..], ["2020-06-15 10:00:00 UTC", "2021-06-15 10:00:00 UTC"]);
    assert_eq!(link_of(&html, "Patient"), "/browse/Patient");
    let text = plain(&html);
    for wanted in ["3, ", "Unresolved references1", "Earlier versions kept0", "This server is open"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    // A bar is a drawing; the longest is that of the most resources.
    assert!(
        html.contains(r#"width="50" height="10"#) && html.contains(r#"width="100" height="10"#)
    );
    drop(served);

    dir.write("more.ndjson", DATA.replace("2020-06-15", "2023-06-15"));
    dir.import(0, &["s.db", "more.ndjson"]);
    let view = project().join("views/patient.json");
    assert_eq!(dir.run(["index", "s.db", "Patient", "birthdate"]).code, 0);
    assert_eq!(dir.run(["view", "add", "s.db", view.to_str().expect("UTF-8")]).code, 0);
    let served = dir.serve(&["s.db"]);
    let text = plain(&screen(&served, "/"));
    for wanted in [
        "Earlier versions kept1",
        "Indexed search parametersPatient.birthdate",
        "Views as tablespatient",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}

#[test]
fn addresses_are_those_that_the_client_uses() {
    let (_dir, served) = served(DATA);
    let text = plain(&screen(&served, "/"));
    for wanted in [
        format!("{}/fhir/$export", served.url),
        format!("curl -s '{}/bulk-data/r4/$export?_type=Patient'", served.url),
        format!("smart-fetch bulk --fhir-url {}/fhir --no-default-filters", served.url),
        format!("pandas.read_csv(\"{}/browse/Patient.csv\")", served.url),
        format!("fhirUrl: \"{}/fhir\",\n  tokenUrl: \"none\"", served.url),
    ] {
        assert!(text.contains(&wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("Token endpoint"));
}

#[test]
fn a_store_behind_a_proxy_has_links_below_its_path() {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db", "--base-url", "https://data.example.org/demo"]);
    let html = screen(&served, "/");
    assert_eq!(link_of(&html, "Patient"), "/demo/browse/Patient");
    assert!(plain(&html).contains("https://data.example.org/demo/fhir/$export"));
    let list = screen(&served, "/browse/Condition");
    assert_eq!(link_of(&list, "a"), "/demo/browse/Patient/a");
}

#[test]
fn the_last_exports_are_listed_for_those_who_began_them() {
    let (_dir, served) = served(DATA);
    assert!(!screen(&served, "/").contains("Last exports"));
    let started = kick_off(served.authority(), "/fhir/Patient/$export", &[], "");
    assert_eq!(started.status, 202);
    let location = started.header("content-location").expect("a location");
    let id = location.rsplit('/').next().expect("an id");
    let html = screen(&served, "/");
    assert!(html.contains(&format!("href=\"/exports/{id}\"")), "{html}");
    assert!(plain(&html).contains("/fhir/Patient/$export"));
}

#[test]
fn an_empty_store_says_how_to_fill_it() {
    let dir = Dir::new();
    dir.write("in.ndjson", r#"{"resourceType":"Basic","id":"b"}"#);
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Basic/b"]).code, 0);
    let served = dir.serve(&["s.db"]);
    for target in ["/", "/browse"] {
        assert!(screen(&served, target).contains("fhirlite import"), "{target}");
    }
    screen_with(&served, "/browse/Patient", 200, "");
}
