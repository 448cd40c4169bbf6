//! Ids that fhirlite derived before format 4, from `fullUrl` and text alone: a store keeps them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::bundles::bundle;
use super::derived_ids::post;
use crate::support::Dir;

/// The id that an entry had then.
fn former_id(full_url: &str, resource: &Value) -> String {
    let digest = Sha256::digest(format!("{full_url}\0{resource}"));
    digest[..16].iter().map(|b| format!("{b:02x}")).collect()
}

/// The line that an entry became then: with its id, and with links by `urn:` to other entries rewritten.
fn line(full_url: &str, resource: &Value, links: &[(&str, &str)]) -> String {
    let id = former_id(full_url, resource);
    let kind = &resource["resourceType"];
    let mut line = resource.to_string().replacen(
        &format!(r#""resourceType":{kind}"#),
        &format!(r#""resourceType":{kind},"id":"{id}""#),
        1,
    );
    for (urn, name) in links {
        line = line.replace(&format!("\"{urn}\""), &format!("\"{name}\""));
    }
    line + "\n"
}

fn patient(identifier: Option<&str>) -> Value {
    match identifier {
        Some(value) => {
            json!({"resourceType": "Patient", "identifier": [{"system": "s", "value": value}]})
        }
        None => json!({"resourceType": "Patient"}),
    }
}

fn observation(code: &str) -> Value {
    json!({"resourceType": "Observation", "code": {"text": code}, "subject": {"reference": "urn:uuid:1"}})
}

/// A Bundle of a patient and an Observation, both known by numbers.
fn file(patient: &Value, observation: &Value) -> String {
    bundle(
        "transaction",
        json!([post("urn:uuid:1", patient.clone()), post("urn:uuid:2", observation.clone())]),
    )
}

/// What a store had of such a Bundle.
fn lines(patient: &Value, observation: &Value) -> String {
    let name = format!("Patient/{}", former_id("urn:uuid:1", patient));
    line("urn:uuid:1", patient, &[]) + &line("urn:uuid:2", observation, &[("urn:uuid:1", &name)])
}

fn import(dir: &Dir, text: &str, name: &str) -> [u64; 3] {
    dir.write(name, text);
    let report = dir.import(0, &["s.db", name]);
    ["created", "updated", "unchanged"].map(|name| report[name].as_u64().unwrap())
}

#[test]
fn a_store_keeps_the_ids_that_it_has() {
    for patient in [patient(Some("a")), patient(None)] {
        let dir = Dir::new();
        let observation = observation("x");
        assert_eq!(import(&dir, &lines(&patient, &observation), "old.ndjson"), [2, 0, 0]);
        let before = dir.bodies("s.db");
        for _ in 0..2 {
            assert_eq!(import(&dir, &file(&patient, &observation), "file.json"), [0, 0, 2]);
            assert_eq!(dir.bodies("s.db"), before);
        }
        // Also where something was deleted meanwhile, and comes back.
        let observation_id = former_id("urn:uuid:2", &observation);
        assert_eq!(dir.run(["delete", "s.db", &format!("Observation/{observation_id}")]).code, 0);
        assert_eq!(import(&dir, &file(&patient, &observation), "file.json"), [1, 0, 1]);
        let places = |bodies: &[(String, String)]| {
            bodies.iter().map(|(place, _)| place.clone()).collect::<Vec<_>>()
        };
        assert_eq!(places(&dir.bodies("s.db")), places(&before));
        dir.check("s.db");
    }
}

#[test]
fn links_that_were_not_followed_then_are_mended_under_the_same_id() {
    let dir = Dir::new();
    let composition = json!({"resourceType": "Composition", "text": {"div": "<a href='urn:uuid:1'/>"}, "subject": {"reference": "urn:uuid:1"}});
    let patient = patient(Some("a"));
    let name = format!("Patient/{}", former_id("urn:uuid:1", &patient));
    let old = line("urn:uuid:1", &patient, &[])
        + &line("urn:uuid:2", &composition, &[("urn:uuid:1", &name)]);
    import(&dir, &old, "old.ndjson");
    for changes in [[0, 1, 1], [0, 0, 2]] {
        assert_eq!(import(&dir, &file(&patient, &composition), "file.json"), changes);
    }
    let id = former_id("urn:uuid:2", &composition);
    let body: Value = serde_json::from_str(&dir.get("s.db", &format!("Composition/{id}"))).unwrap();
    assert_eq!(body["text"]["div"], format!("<a href='{name}'/>"));
}

#[test]
fn an_id_of_before_is_not_taken_for_another_resource() {
    // Two files collided then: the store has both patients, and one Observation, which is b's.
    let dir = Dir::new();
    let (a, b, x) = (patient(Some("a")), patient(Some("b")), observation("x"));
    let name = |patient: &Value| format!("Patient/{}", former_id("urn:uuid:1", patient));
    import(&dir, &(line("urn:uuid:1", &a, &[]) + &lines(&b, &x)), "old.ndjson");
    assert_eq!(import(&dir, &file(&a, &x), "a.json"), [1, 0, 1], "a's Observation comes back");
    assert_eq!(import(&dir, &file(&b, &x), "b.json"), [0, 0, 2]);
    assert_eq!(import(&dir, &file(&a, &x), "a.json"), [0, 0, 2]);
    let subjects = "SELECT count(DISTINCT subject) FROM observation";
    assert_eq!((dir.count("s.db", subjects), dir.bodies("s.db").len()), (2, 4));
    assert_eq!(
        dir.get("s.db", &format!("Observation/{}", former_id("urn:uuid:2", &x)))
            .matches(&name(&b))
            .count(),
        1
    );
    // A patient without any data, who is known by the Observation alone, is another one with another.
    let dir = Dir::new();
    let nameless = patient(None);
    import(&dir, &lines(&nameless, &x), "old.ndjson");
    assert_eq!(import(&dir, &file(&nameless, &observation("y")), "y.json"), [2, 0, 0]);
    assert_eq!(import(&dir, &file(&nameless, &x), "x.json"), [0, 0, 2]);
    assert_eq!(dir.count("s.db", subjects), 2);
    dir.check("s.db");
}
