//! One resource: its JSON, its versions, what it is about, who references it.

use serde_json::{Value, json};

use super::browse_html::{link_of, links, plain, screen, screen_with};
use crate::support::{Dir, Served, served};

const DATA: &str = r#"{"resourceType":"Patient","id":"p","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Ada &amp; <b>Moss</b></p><script>alert(1)</script></div>"},"name":[{"text":"Ada Moss"}],"managingOrganization":{"reference":"Organization/o"}}
{"resourceType":"Organization","id":"o","name":"Ward"}
{"resourceType":"Encounter","id":"e","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/p"}}
{"resourceType":"Observation","id":"w","status":"final","code":{"text":"Weight"},"subject":{"reference":"Patient/p"},"encounter":{"reference":"Encounter/e"},"performer":[{"reference":"https://elsewhere.example.org/fhir/Practitioner/x"}]}
"#;

/// The JSON that a screen shows.
fn shown_json(html: &str) -> Value {
    let start = html.split("<pre class=\"json\"><code>").nth(1).expect("JSON");
    let text = plain(start.split("</code>").next().expect("its end"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_resource_shows_its_json_and_links_to_what_it_references() {
    let (_dir, served) = served(DATA);
    for name in ["Patient/p", "Observation/w", "Organization/o", "Encounter/e"] {
        let html = screen(&served, &format!("/browse/{name}"));
        assert_eq!(shown_json(&html), served.get(&format!("/fhir/{name}")).json());
        assert!(links(&html).contains(&format!("/fhir/{name}")));
    }
    let html = screen(&served, "/browse/Observation/w");
    for link in ["/browse/Patient/p", "/browse/Encounter/e"] {
        assert!(links(&html).contains(&link.to_owned()), "{link}");
    }
    assert!(
        html.contains("elsewhere.example.org") && !links(&html).join(" ").contains("Practitioner")
    );
    assert!(plain(&html).contains("In the compartment ofAda Moss"));
    // A patient leads to the timeline and to lists of the record.
    let html = screen(&served, "/browse/Patient/p");
    assert_eq!(link_of(&html, "Timeline"), "/browse/Patient/p/timeline");
    assert_eq!(link_of(&html, "Observation"), "/browse/Observation?patient=p");
    // A narrative is text.
    assert!(plain(&html).contains("Ada & Moss\nalert(1)") || plain(&html).contains("Ada & Moss"));
}

#[test]
fn references_to_this_server_by_its_url_are_links() {
    let dir = Dir::new();
    dir.write("in.ndjson", r#"{"resourceType":"Basic","id":"b","subject":{"reference":"https://data.example.org/fhir/Patient/p"},"author":{"reference":"https://other.example.org/fhir/Patient/q"}}"#);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db", "--base-url", "https://data.example.org"]);
    let html = screen(&served, "/browse/Basic/b");
    let links = links(html.split("<pre class=\"json\">").nth(1).expect("JSON"));
    assert!(links.contains(&"/browse/Patient/p".to_owned()));
    assert!(!links.contains(&"/browse/Patient/q".to_owned()));
}

/// A store in which Patient/p has two versions, and Patient/gone was deleted.
fn with_versions() -> (Dir, Served) {
    let dir = Dir::new();
    for (version, birth) in [("1", "1990-01-01"), ("2", "1991-02-03")] {
        let line = format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p\",\"gender\":\"female\",\"birthDate\":\"{birth}\"}}\n{{\"resourceType\":\"Patient\",\"id\":\"gone\",\"birthDate\":\"{birth}\"}}"
        );
        dir.write(&format!("{version}.ndjson"), line);
        dir.import(0, &["s.db", &format!("{version}.ndjson")]);
    }
    assert_eq!(dir.run(["delete", "s.db", "Patient/gone"]).code, 0);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

#[test]
fn versions_can_be_seen_and_compared() {
    let (_dir, served) = with_versions();
    let html = screen(&served, "/browse/Patient/p");
    assert_eq!(shown_json(&html)["birthDate"], "1991-02-03");
    let first = link_of(&html, "1");
    assert_eq!(first, "/browse/Patient/p?version=1");
    let html = screen(&served, &first);
    assert_eq!(shown_json(&html)["birthDate"], "1990-01-01");
    assert!(html.contains("which is not the current one"));
    let html = screen(&served, "/browse/Patient/p?version=1&with=2");
    let difference = plain(html.split("<pre class=\"difference\">").nth(1).expect("a difference"));
    for line in [
        "−   \"birthDate\": \"1990-01-01\"",
        "+   \"birthDate\": \"1991-02-03\"",
        "    \"gender\": \"female\"",
    ] {
        assert!(
            difference.lines().any(|one| one.trim_end_matches(',').contains(line)),
            "{line}: {difference}"
        );
    }
    let html = screen(&served, "/browse/Patient/p?version=2&with=2");
    assert!(html.contains("The two versions are the same"));
    for target in ["/browse/Patient/p?version=7", "/browse/Patient/p?version=1&with=x"] {
        screen_with(&served, target, 404, "");
    }
}

#[test]
fn what_was_deleted_or_never_was_says_so() {
    let (_dir, served) = with_versions();
    let html = screen_with(&served, "/browse/Patient/gone", 410, "");
    assert!(html.contains("was deleted"));
    let old = link_of(&html, "2");
    assert_eq!(shown_json(&screen(&served, &old))["birthDate"], "1991-02-03");
    let html = screen_with(&served, "/browse/Patient/never", 404, "");
    assert!(html.contains("Patient/never is not here"));
}

#[test]
fn who_references_a_resource_is_found() {
    let (_dir, served) = served(DATA);
    let text = |target: &str| plain(&screen(&served, target));
    let html = screen(&served, "/browse/Organization/o?referrers=1");
    assert!(
        links(&html).contains(&"/browse/Patient?organization=Organization%2Fo".to_owned()),
        "{html}"
    );
    let encounter = text("/browse/Encounter/e?referrers=1");
    assert!(encounter.contains("Observation by encounter: all"), "{encounter}");
    let patient = text("/browse/Patient/p?referrers=1");
    for wanted in ["Observation by subject", "Encounter by subject"] {
        assert!(patient.contains(wanted), "{wanted}: {patient}");
    }
    assert!(
        text("/browse/Observation/w?referrers=1").contains("Nothing in this store references it")
    );
    for link in links(&html).iter().filter(|link| link.starts_with("/browse/Patient?")) {
        assert_eq!(served.get(link).status, 200, "{link}");
    }
}

#[test]
fn a_large_resource_is_cut_and_can_be_downloaded() {
    let words: Vec<String> = (0..20_000)
        .map(|number| format!("word {number} of many {}", number * 7919 % 10_007))
        .collect();
    let long = json!({"resourceType": "Basic", "id": "long", "extension": words.iter().map(|word| json!({"url": "urn:x", "valueString": word})).collect::<Vec<_>>()});
    let line = json!({"resourceType": "Basic", "id": "line", "language": "x".repeat(500_000)});
    let huge = json!({"resourceType": "Basic", "id": "huge", "language": "x".repeat(3_000_000)});
    let (_dir, served) = served(&format!("{long}\n{line}\n{huge}\n"));
    assert!(screen(&served, "/browse/Basic/long").contains("longer than a screen"));
    assert!(screen(&served, "/browse/Basic/line").contains("(500000 characters)"));
    assert!(screen(&served, "/browse/Basic/huge").contains("too large for a screen"));
    screen(&served, "/browse/Basic");
}
