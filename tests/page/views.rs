//! The views of a store: list, preview, add, remove.

use serde_json::{Value, json};

use crate::support::client::{Answer, send};
use crate::support::oneup::encoded;
use crate::support::{Dir, Served, served};

const HOSTILE: &str = "</pre></textarea><script>alert(1)</script>\u{202e}\u{1b}\"'";

fn patients() -> String {
    let patient = |id: &str, family: &str| json!({"resourceType": "Patient", "id": id, "name": [{"family": family}]});
    format!("{}\n{}\n", patient("a", "Doe"), patient("b", HOSTILE))
}

fn definition(name: &str, path: &str) -> Value {
    json!({"resourceType": "ViewDefinition", "name": name, "title": HOSTILE, "description": HOSTILE,
        "resource": "Patient", "select": [{"column": [{"name": "family", "path": path, "description": HOSTILE}]}]})
}

/// Sends a form as the page's own screens do.
fn post(served: &Served, path: &str, fields: &[(&str, &str)]) -> Answer {
    post_from(served, path, &served.url, fields)
}

fn post_from(served: &Served, path: &str, origin: &str, fields: &[(&str, &str)]) -> Answer {
    let body = encoded(fields);
    let headers = format!(
        "Origin: {origin}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
        body.len()
    );
    send(served.authority(), "POST", path, &headers, body.as_bytes())
}

fn kept(dir: &Dir) -> i64 {
    dir.count("s.db", "SELECT count(*) FROM view_definition")
}

/// Fails where hostile data is markup.
fn assert_text(html: &str) {
    assert_eq!(html.matches("<script").count(), 1, "{html}");
    assert!(html.contains("&#60;script&#62;"), "{html}");
}

#[test]
fn a_ready_view_is_looked_at_added_read_and_removed() {
    let (dir, served) = served(&patients());
    let list = served.get("/views").text();
    assert!(
        list.contains("The store keeps no view yet") && list.contains("value=\"patient\""),
        "{list}"
    );
    let before = served.get("/views/patient").text();
    assert!(before.contains("All 2 rows") && before.contains("<bdi>Doe</bdi>"), "{before}");
    assert_eq!(kept(&dir), 0, "looking at a view adds nothing");

    let added = post(&served, "/views", &[("ready", "patient")]);
    assert_eq!((added.status, added.header("location")), (303, Some("/views/patient")));
    assert_eq!(kept(&dir), 1);
    let list = served.get("/views").text();
    assert!(
        list.contains("<td class=\"number\">2</td>") && list.contains("<td>ready</td>"),
        "{list}"
    );
    assert!(!list.contains("value=\"patient\""), "{list}");
    let rows = served.get("/sql?sql=SELECT+family+FROM+patient+ORDER+BY+id").text();
    assert!(rows.contains("<code>patient</code> <span class=\"fine\">view, kept</span>"), "{rows}");
    assert!(rows.contains("<bdi>Doe</bdi>"), "{rows}");
    let hidden = served.get("/sql?sql=SELECT+_row+FROM+patient");
    assert_eq!(hidden.status, 422, "{}", hidden.text());

    let removed = post(&served, "/views/patient", &[("do", "remove")]);
    assert_eq!((removed.status, removed.header("location")), (303, Some("/views")));
    assert_eq!(kept(&dir), 0);
    // The SQL view of the same name is there again.
    assert!(served.get("/sql?sql=SELECT+family+FROM+patient").text().contains("<bdi>Doe</bdi>"));
    let again = post(&served, "/views/patient", &[("do", "remove")]);
    assert_eq!(again.status, 404, "{}", again.text());
    let added = post(&served, "/views/patient", &[("do", "add")]);
    assert_eq!((added.status, kept(&dir)), (303, 1));
}

#[test]
fn a_view_of_ones_own_is_tried_and_then_added() {
    let (dir, served) = served(&patients());
    let text = definition("mine", "name.family.first()").to_string();
    let tried = post(&served, "/views", &[("definition", &text), ("do", "preview")]);
    assert_eq!(tried.status, 200, "{}", tried.text());
    let html = tried.text();
    assert!(html.contains("All 2 rows") && html.contains("<bdi>Doe</bdi>"), "{html}");
    assert_text(&html);
    assert_eq!(kept(&dir), 0);
    let added = post(&served, "/views", &[("definition", &text), ("do", "add")]);
    assert_eq!((added.status, added.header("location")), (303, Some("/views/mine")));
    let html = served.get("/views/mine").text();
    assert!(html.contains("Remove mine"), "{html}");
    assert_text(&html);
    // Another view of the name is refused, and its text is not lost.
    let other = definition("mine", "id").to_string();
    let refused = post(&served, "/views", &[("definition", &other), ("do", "add")]);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("the store keeps another view mine"), "{}", refused.text());
    assert!(refused.text().contains("&#34;path&#34;:&#34;id&#34;"), "{}", refused.text());
    assert_eq!(kept(&dir), 1);
}

#[test]
fn faults_are_told_with_their_places() {
    let (dir, served) = served(&patients());
    for (text, told) in [
        (definition("mine", "name.(").to_string(), "select[0].column[0].path"),
        (definition("<b>", "id").to_string(), "name:"),
        (definition("client", "id").to_string(), "name:"),
        (definition("sqlite_x", "id").to_string(), "name:"),
        (HOSTILE.to_owned(), "this is no JSON"),
        (String::new(), "this is no JSON"),
        ("{}".to_owned(), "resource"),
        (
            format!("{{\"resourceType\":\"ViewDefinition\",\"resource\":{}}}", json!(HOSTILE)),
            "resource:",
        ),
        ("[".repeat(9000), "no JSON"),
    ] {
        let answer = post(&served, "/views", &[("definition", &text), ("do", "add")]);
        assert_eq!(answer.status, 422, "{text}: {}", answer.text());
        let html = answer.text();
        let alert = html.split_once("role=\"alert\"").expect("an alert").1;
        let alert = alert.split_once("</div>").expect("its end").0;
        assert!(alert.contains(told), "{text}: {alert}");
        assert_eq!(html.matches("<script").count(), 1, "{html}");
    }
    for (path, fields, status) in [
        ("/views", &[("ready", "<script>")][..], 404),
        ("/views", &[("other", "x")], 400),
        ("/views/patient", &[("do", "<script>")], 400),
        ("/views/%3Cscript%3E", &[("do", "remove")], 404),
    ] {
        let answer = post(&served, path, fields);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.text().matches("<script").count(), 1, "{path}");
    }
    assert_eq!(served.get("/views/nothing").status, 404);
    assert_eq!(kept(&dir), 0);
}

#[test]
fn resources_that_a_view_refuses_are_named() {
    let (_dir, served) = served(&patients());
    // One value is wanted, and a Patient may have several.
    let two =
        json!({"resourceType": "Patient", "id": "two", "name": [{"family": "A"}, {"family": "B"}]});
    let put = crate::support::Dir::new();
    put.write("in.ndjson", format!("{}{two}\n", patients()));
    put.import(0, &["s.db", "in.ndjson"]);
    let several = put.serve(&["s.db"]);
    let text = definition("mine", "name.family").to_string();
    let tried = post(&several, "/views", &[("definition", &text), ("do", "preview")]).text();
    assert!(tried.contains("Patient/two:") && tried.contains("<bdi>Doe</bdi>"), "{tried}");
    let added = post(&several, "/views", &[("definition", &text), ("do", "add")]);
    assert_eq!(added.status, 303);
    let html = several.get("/views/mine").text();
    assert!(html.contains("<dt>Resources refused</dt><dd>1</dd>"), "{html}");
    // Without such a resource nothing is refused.
    let fine = post(&served, "/views", &[("definition", &text), ("do", "preview")]).text();
    assert!(!fine.contains("The view refuses"), "{fine}");
}

#[test]
fn another_site_changes_nothing() {
    let (dir, served) = served(&patients());
    for origin in ["http://evil.example", "null", ""] {
        for (path, fields) in
            [("/views", [("ready", "patient")]), ("/views/patient", [("do", "add")])]
        {
            let answer = post_from(&served, path, origin, &fields);
            assert_eq!(answer.status, 403, "{origin} {path}: {}", answer.text());
        }
    }
    assert_eq!(kept(&dir), 0);
    // GET adds nothing either.
    assert_eq!(served.get("/views?ready=patient&do=add").status, 200);
    assert_eq!(served.get("/views/patient?do=add").status, 200);
    assert_eq!(kept(&dir), 0);
}
