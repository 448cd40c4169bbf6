//! Hostile text in every place of a search that takes text: values, parameter names, modifiers, chained names, `_has`,
//! ids, pages. Nothing but an answer or a refusal comes back, what is found is what has that text, and the store stays.
//!
//! <https://hl7.org/fhir/R4/search.html#escaping>

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{ids, link};
use crate::support::client::{Answer, send};
use crate::support::{Dir, Served};

/// Texts that mean something to SQL, to `LIKE`, to JSON, to HTTP, to FHIRPath or to the grammar of searches.
const TEXTS: [&str; 68] = [
    "'",
    "''",
    "\"",
    "`",
    "' OR '1'='1",
    "'; DROP TABLE version; --",
    "\") OR 1=1 --",
    "x' UNION SELECT body FROM resource --",
    "');DELETE FROM version;--",
    "\\",
    "\\\\",
    "\\'",
    "%",
    "%%",
    "_",
    "____",
    "%_%",
    "a%",
    "a_",
    "[a-z]",
    "*",
    "?",
    "a\u{0}b",
    "\u{0}",
    "\r\nX-Injected: yes",
    "\n",
    "\t",
    ";",
    "--",
    "/*",
    "*/",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "..%2f",
    "%00",
    "%2500",
    "%27",
    "\u{202e}txt",
    "\u{feff}x",
    "𝕏",
    "é",
    "e\u{301}",
    "\u{fffd}",
    "ﷺ",
    "👩‍👩‍👧",
    "((((((((",
    "[[[[[[[[",
    "{\"a\":1}",
    "NULL",
    "null",
    "true",
    "NaN",
    "Infinity",
    "1e999999",
    "-0",
    "99999999999999999999999999",
    "gt",
    "ap",
    "|",
    "||",
    "$",
    ",",
    ",,,",
    ":",
    "a.b.c",
    "Patient.name.where(true)",
];

/// The text with escapes: one value of a search.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if matches!(c, ',' | '|' | '$' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A server of a Patient for each text: `p7` has `TEXTS[7]` as its name, number, tag, profile and link.
fn filled() -> (Dir, Served) {
    let dir = Dir::new();
    let mut lines = String::new();
    for (at, text) in TEXTS.iter().enumerate() {
        let patient = json!({"resourceType": "Patient", "id": format!("p{at}"),
            "meta": {"lastUpdated": "2020-01-01T00:00:00Z", "tag": [{"system": text, "code": text, "display": text}]},
            "name": [{"family": text}], "identifier": [{"system": "urn:x", "value": text}],
            "telecom": [{"system": "phone", "value": text}]});
        let observation = json!({"resourceType": "Observation", "id": format!("o{at}"),
            "code": {"coding": [{"code": text}], "text": text}, "valueString": text,
            "subject": {"reference": format!("Patient/p{at}")}});
        lines += &format!("{patient}\n{observation}\n");
    }
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// What is in the file: its tables, and every version with its text.
fn content(dir: &Dir) -> Vec<String> {
    let db = dir.open("s.db");
    let all = |sql: &str| -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let mut content = all("SELECT name || coalesce(sql, '') FROM sqlite_schema ORDER BY name");
    content.extend(all("SELECT seq || type || '/' || id || body FROM resource ORDER BY seq"));
    content
}

/// Fails unless this is a Bundle with 200, or an OperationOutcome with 400 or 404.
fn assert_answered(answer: &Answer, what: &str) {
    assert!(
        [200, 400, 404].contains(&answer.status),
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
    assert_eq!(answer.header("x-injected"), None, "{what}");
    let kind = &answer.json()["resourceType"];
    let expected = if answer.status == 200 { "Bundle" } else { "OperationOutcome" };
    assert_eq!(*kind, expected, "{what}: {}", answer.text());
}

/// The ids on all pages.
fn found(served: &Served, target: &str) -> BTreeSet<String> {
    let mut answer = served.get(target);
    let mut found = BTreeSet::new();
    loop {
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let page = answer.json();
        for id in ids(&page) {
            assert!(found.insert(id.clone()), "{target}: {id} comes twice");
        }
        match link(&page, "next") {
            Some(next) => answer = served.get(next),
            None => return found,
        }
    }
}

/// `p` or `o` with the places of the texts that are meant.
fn named(letter: char, is_meant: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let places = TEXTS.iter().enumerate().filter(|(_, text)| is_meant(text));
    places.map(|(at, _)| format!("{letter}{at}")).collect()
}

#[test]
fn a_hostile_value_finds_what_has_it_and_nothing_else() {
    let (dir, served) = filled();
    let before = content(&dir);
    for text in TEXTS {
        let value = encoded(&escaped(text));
        let same = |other: &str| other == text;
        for (query, expected) in [
            (format!("Patient?family:exact={value}"), named('p', same)),
            (format!("Patient?identifier={value}"), named('p', same)),
            (format!("Patient?identifier=urn:x%7C{value}"), named('p', same)),
            (format!("Patient?identifier=%7C{value}"), BTreeSet::new()),
            (format!("Patient?identifier={value}%7C{value}"), BTreeSet::new()),
            (format!("Patient?phone={value}"), named('p', same)),
            (format!("Patient?_tag={value}"), named('p', same)),
            (format!("Patient?_tag={value}%7C{value}"), named('p', same)),
            (format!("Patient?_tag:not={value}"), named('p', |other| other != text)),
            (format!("Observation?code={value}"), named('o', same)),
            (format!("Observation?value-string:exact={value}"), named('o', same)),
            (format!("Observation?subject:Patient.family:exact={value}"), named('o', same)),
            (format!("Patient?_has:Observation:patient:code={value}"), named('p', same)),
            (format!("Observation?code:not={value}&code={value}"), BTreeSet::new()),
        ] {
            assert_eq!(found(&served, &format!("/fhir/{query}")), expected, "{query}");
        }
        // Without case alone, where there are no accents that would not count.
        if text.is_ascii() {
            let small = text.to_ascii_lowercase();
            let starts =
                |other: &str| other.is_ascii() && other.to_ascii_lowercase().starts_with(&small);
            let has = |other: &str| other.is_ascii() && other.to_ascii_lowercase().contains(&small);
            let ascii = named('p', str::is_ascii);
            for (query, expected) in [
                (format!("Patient?family={value}"), named('p', starts)),
                (format!("Patient?family:contains={value}"), named('p', has)),
            ] {
                let found = found(&served, &format!("/fhir/{query}"));
                assert_eq!(
                    found.intersection(&ascii).cloned().collect::<BTreeSet<_>>(),
                    expected,
                    "{query}"
                );
            }
        }
    }
    assert_eq!(content(&dir), before);
    dir.check("s.db");
}

#[test]
fn hostile_text_in_any_place_is_answered_or_refused() {
    let (dir, served) = filled();
    let before = content(&dir);
    let long = "x".repeat(5000);
    for text in TEXTS.iter().copied().chain([long.as_str()]) {
        let text = encoded(text);
        for target in [
            // Values of every kind, without the escapes that would make them one value.
            format!("Patient?family={text}"),
            format!("Patient?identifier={text}"),
            format!("Patient?_id={text}"),
            format!("Patient?_lastUpdated={text}"),
            format!("Patient?_profile={text}"),
            format!("Patient?_source={text}"),
            format!("Patient?birthdate=ge{text}"),
            format!("Patient?identifier:of-type={text}%7C{text}%7C{text}"),
            format!("Patient?gender:missing={text}"),
            format!("Observation?value-quantity={text}"),
            format!("Observation?value-quantity=5%7C{text}%7C{text}"),
            format!("Observation?code-value-quantity={text}%24{text}"),
            format!("Observation?subject={text}"),
            format!("Observation?subject=Patient/{text}"),
            format!("Observation?subject:identifier={text}"),
            format!("Observation?patient={text}"),
            format!("RiskAssessment?probability={text}"),
            format!("ValueSet?url:below={text}"),
            format!("Patient?_has:Observation:patient:code={text}"),
            // Names.
            format!("Patient?{text}=x"),
            format!("Patient?{text}"),
            format!("Patient?family:{text}=x"),
            format!("Observation?subject:{text}=p1"),
            format!("Observation?subject.{text}=x"),
            format!("Observation?subject:{text}.family=x"),
            format!("Observation?subject:Patient.{text}=x"),
            format!("Patient?_has:{text}:patient:code=x"),
            format!("Patient?_has:Observation:{text}:code=x"),
            format!("Patient?_has:Observation:patient:{text}=x"),
            format!("Patient?_has:{text}=x"),
            // Pages and results.
            format!("Patient?_count={text}"),
            format!("Patient?_after={text}"),
            format!("Patient?_sort={text}"),
            format!("Patient?_include={text}"),
            format!("Patient?_elements={text}"),
            format!("Patient?_summary={text}"),
            // Types.
            format!("{text}?family=x"),
        ] {
            assert_answered(&served.get(&format!("/fhir/{target}")), &target);
        }
        // Ids. A text may make another path of it, `Patient/..`, or an operation, so a body of any type may come.
        let answer = served.get(&format!("/fhir/Patient/{text}"));
        assert!([400, 404].contains(&answer.status), "Patient/{text}: {}", answer.text());
    }
    assert_eq!(content(&dir), before);
}

#[test]
fn a_form_takes_hostile_text_like_a_url() {
    let (dir, served) = filled();
    let before = content(&dir);
    let post = |body: &str| {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        let headers = format!("{kind}Content-Length: {}\r\n", body.len());
        send(served.authority(), "POST", "/fhir/Patient/_search", &headers, body.as_bytes())
    };
    for (at, text) in TEXTS.iter().enumerate() {
        let answer = post(&format!("family:exact={}", encoded(&escaped(text))));
        assert_answered(&answer, text);
        assert_eq!(ids(&answer.json()), [format!("p{at}")], "{text:?}");
        assert_answered(&post(&format!("{}={0}", encoded(text))), text);
        assert_answered(&post(&format!("family={text}")), text);
    }
    // Long, many and deep: each is read once, and neither the stack nor the clock runs out.
    let identifiers = vec!["urn:x|zzz"; 3000].join(",");
    let names = "family=a&".repeat(400);
    let chain = format!("general-practitioner:Practitioner.{}family=x", "x.".repeat(2000));
    let reverse = format!("{}code=x", "_has:Observation:patient:".repeat(500));
    for body in [
        format!("family={}", "x".repeat(60_000)),
        format!("family:contains={}", "\\".repeat(60_001)),
        format!("birthdate={}", "9".repeat(60_000)),
        format!("{}=x", "x".repeat(60_000)),
        format!("family:{}=x", "x".repeat(60_000)),
        format!("identifier={identifiers}"),
        names,
        chain,
        reverse,
        format!("_has:{}=x", ":".repeat(5000)),
        format!("family={}", "%F0%9F%98%80".repeat(5000)),
        format!("family={}", "e%CC%81".repeat(5000)),
    ] {
        assert_answered(&post(&body), &body[..60]);
    }
    // Text that is not UTF-8, and percent signs without digits.
    for body in [
        "family=%ff%fe",
        "family=%",
        "family=%zz",
        "family=%c3",
        "%ff=x",
        "family=%ed%a0%80",
        "=",
        "&&&",
        "=&=",
    ] {
        assert_answered(&post(body), body);
        let target = format!("/fhir/Patient?{body}");
        assert_answered(&served.get(&target), &target);
    }
    assert_eq!(content(&dir), before);
    dir.check("s.db");
}
