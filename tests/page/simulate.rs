//! The form of faults: what it makes is what a client meets, and nothing happens but by its button.

use serde_json::Value;

use super::exports::{HOSTILE, assert_harmless, filled, post, text_in};
use crate::support::Served;
use crate::support::client::send;
use crate::support::oneup::encoded;

/// The rule that the form makes of some fields, in HTML.
fn rule(served: &Served, fields: &[(&str, &str)]) -> String {
    let answer = served.get(&format!("/simulate?part=rule&{}", encoded(fields)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

#[test]
fn the_form_makes_what_a_client_meets() {
    let dir = filled();
    let served = dir.serve(&["s.db", "--simulate"]);
    let fields =
        [("at", "search"), ("status", "503"), ("message", "wait; a | b/c"), ("times", "1")];
    let html = rule(&served, &fields);
    let short = text_in(&html, "data-label=\"the rule\"><pre>");
    assert_eq!(short, "search: times=1; status=503; message=\"wait; a | b/c\"");
    let json: Value =
        serde_json::from_str(&text_in(&html, "data-label=\"the rule in JSON\"><pre>"))
            .expect("JSON");
    assert_eq!(json["at"], "search");
    let packed = text_in(&html, "data-label=\"the URL in base64url\"><pre>");
    let answer = served.get(&format!("{packed}/Patient"));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("wait; a | b/c"), "{}", answer.text());
    assert_eq!(served.get(&format!("{packed}/Patient")).status, 200, "once");
    // The same is met by a URL that people can read, where the rule fits in one.
    let html =
        rule(&served, &[("at", "status"), ("drop", "output"), ("drop", "error"), ("polls", "2")]);
    let url = text_in(&html, "data-label=\"the URL\"><pre>");
    assert_eq!(url, format!("{}/status:polls=2;drop=output,error/fhir", served.url));
    let started = served.get(&format!("{url}/$export"));
    let location = started.header("content-location").expect("a Content-Location").to_owned();
    assert_eq!([(); 3].map(|()| served.get(&location).status), [202, 202, 200]);
    // As the launcher has it.
    let html = rule(&served, &[("at", "status"), ("rows_per_file", "1")]);
    assert_eq!(text_in(&html, "data-label=\"the settings\"><pre>"), "{\"page\":1}");
    let url = text_in(&html, "data-label=\"the URL of the launcher\"><pre>");
    let started = served.get(&format!("{url}/$export?_type=Patient"));
    let location = started.header("content-location").expect("a Content-Location").to_owned();
    assert_eq!(served.get(&location).json()["output"].as_array().map(Vec::len), Some(2));
    let html = rule(&served, &[("at", "file"), ("bom", "true")]);
    assert!(html.contains("The launcher has no setting"), "{html}");
}

#[test]
fn faults_come_in_force_by_the_button_alone() {
    let dir = filled();
    let served = dir.serve(&["s.db", "--simulate"]);
    let html = rule(&served, &[("at", "read"), ("status", "500")]);
    assert_eq!(served.get("/faults").text(), "[]");
    let short = text_in(&html, "data-label=\"the rule\"><pre>");
    let answer = post(&served, "/simulate", "", &[("rules", &short)]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/simulate")));
    assert_eq!(served.get("/faults").text(), r#"[{"at":"read","status":500}]"#);
    assert_eq!(served.get("/fhir/Patient/a").status, 500);
    // One is added to those in force.
    let html = rule(&served, &[("at", "file"), ("bom", "true")]);
    let both = text_in(&html, "<textarea name=\"rules\" hidden>");
    assert_eq!(both, "read: status=500\nfile: bom");
    let typed = both.replace('\n', "\r\n");
    assert_eq!(post(&served, "/simulate", "", &[("rules", &typed)]).status, 303);
    let html = served.get("/simulate").text();
    assert!(html.contains("<li><code class=\"long\">file: bom</code></li>"), "{html}");
    // Wrong ones change nothing, and what was typed stays.
    let answer = post(&served, "/simulate", "", &[("rules", "file: bom\nfile: nonsense")]);
    assert_eq!(answer.status, 400);
    let html = answer.text();
    assert!(text_in(&html, "role=\"alert\">").contains("line 2: "), "{html}");
    assert!(html.contains("file: nonsense</textarea>"), "{html}");
    assert!(served.get("/faults").text().contains("\"bom\":true"));
    for from in ["", "Origin: https://evil.example\r\n"] {
        let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n";
        let answer =
            send(served.authority(), "POST", "/simulate", &format!("{form}{from}"), b"rules=");
        assert_eq!(answer.status, 403);
    }
    assert_eq!(post(&served, "/simulate", "", &[("rules", "")]).status, 303);
    assert_eq!(served.get("/faults").text(), "[]");
}

#[test]
fn every_place_has_the_fields_of_its_faults() {
    let dir = filled();
    let served = dir.serve(&["s.db", "--simulate"]);
    let html = served.get("/simulate").text();
    let (_, places) = html.split_once("<select id=\"at\" name=\"at\">").expect("the places");
    let (places, _) = places.split_once("</select>").expect("their end");
    let places: Vec<&str> = places
        .split("<option")
        .skip(1)
        .map(|it| it[it.find('>').expect("one") + 1..].split('<').next().expect("a name"))
        .collect();
    assert_eq!(places.len(), 8, "{places:?}");
    for place in places {
        let html = served.get(&format!("/simulate?at={place}")).text();
        // What a rule at the place may say is what the API says of it.
        let wrong = format!("{place}: nonsense=1");
        let refused = send(
            served.authority(),
            "PUT",
            "/faults",
            &format!("Content-Length: {}\r\n", wrong.len()),
            wrong.as_bytes(),
        );
        let text =
            refused.json()["issue"][0]["diagnostics"].as_str().expect("diagnostics").to_owned();
        let (_, names) = text.split_once("there are ").expect("a list");
        let names: Vec<&str> = names.split(", ").collect();
        assert!(names.len() > 8, "{text}");
        for name in names {
            assert!(html.contains(&format!("name=\"{name}\"")), "{place} has no {name}");
        }
        assert!(!html.contains('`'), "{html}");
    }
    for (fields, word) in [
        (&[("at", "nowhere")][..], "at is nowhere; there are token"),
        (&[("at", "file"), ("status", "99")], "status is 99; give a whole number from 200 to 599"),
        (&[("at", "file"), ("polls", "1")], "polls means nothing at file"),
        (&[("at", "file"), ("times", "1")], "but not what happens"),
        (&[("at", "status"), ("polls", "1"), ("seconds", "1")], "exclude each other"),
    ] {
        let html = rule(&served, fields);
        assert!(text_in(&html, "class=\"problem\">").contains(word), "{html}");
        assert!(!html.contains("<pre>"), "{html}");
    }
}

#[test]
fn the_last_requests_of_clients_are_shown_and_nothing_is_code() {
    let dir = filled();
    let served = dir.serve(&["s.db", "--simulate"]);
    assert!(served.get("/simulate").text().contains("There was none yet"));
    for number in 0..60 {
        served.get(&format!("/fhir/Patient/n{number}?x=%3Cscript%3Ealert(1)"));
    }
    served.get("/fhir/%E2%80%AE'%22><script>alert(1)</script>");
    let html = served.get("/simulate").text();
    assert_harmless(&html);
    assert!(html.contains("/fhir/Patient/n59") && !html.contains("/fhir/Patient/n5?"), "{html}");
    assert_eq!(html.matches("<td class=\"number\">404</td>").count(), 50, "{html}");
    assert!(!html.contains("GET /simulate"), "{html}");
    for hostile in HOSTILE {
        for name in ["at", "message", "type", "x", "retry_after"] {
            for more in ["", "&at=search&status=500", "&part=rule&at=search&status=500"] {
                let answer =
                    served.get(&format!("/simulate?{}{more}", encoded(&[(name, hostile)])));
                assert_harmless(&answer.text().replace(['\u{1b}', '\0'], ""));
            }
        }
        let answer = post(&served, "/simulate", "", &[("rules", hostile)]);
        assert_eq!(answer.status, 400);
        assert_harmless(&answer.text().replace(['\u{1b}', '\0'], ""));
    }
}

#[test]
fn a_server_that_does_not_simulate_has_no_such_screen() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    assert_eq!(served.get("/simulate").status, 404);
    assert!(!served.get("/").text().contains("/simulate"));
    assert_eq!(post(&served, "/simulate", "", &[("rules", "")]).status, 404);
    let simulated = dir.serve(&["s.db", "--simulate"]);
    assert!(simulated.get("/").text().contains("href=\"/simulate\""));
}
