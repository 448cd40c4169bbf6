//! Owners: conditional requests and references see resources of the same owner and of none.

use serde_json::json;

use super::owners::{bundle, entry, import, owned, owner, patient, value, versions};
use crate::support::Ran;

#[test]
fn conditional_requests_find_own_resources_and_those_without_owner() {
    let dir = owned();
    let before = versions(&dir);
    let post = |id: &str, value_of: &str| {
        let mut post = entry("POST", "Patient", Some(&patient(id, "")));
        post["request"]["ifNoneExist"] = json!(format!("identifier=urn:x|{value_of}"));
        bundle("transaction", &[post])
    };
    // Ben's resource exists for ben and not for anna. One without owner exists for both.
    let report = |ran: Ran| (ran.code, value(&ran.stdout));
    for (user, of) in [("ben", "b"), ("anna", "a"), ("anna", "n"), ("ben", "n"), ("", "n")] {
        let (code, said) = report(import(&dir, user, &post("other", of), &["--json"]));
        assert_eq!((code, &said["unchanged"]), (0, &json!(1)), "{user} {of}: {said}");
        assert_eq!(versions(&dir), before, "{user} {of}");
    }
    let (code, said) = report(import(&dir, "anna", &post("new", "b"), &["--json"]));
    assert_eq!((code, &said["created"]), (0, &json!(1)), "{said}");
    assert_eq!(owner(&dir, "Patient/new"), "anna");
    let (code, said) = report(import(&dir, "", &post("anew", "a"), &["--json"]));
    assert_eq!((code, &said["created"]), (0, &json!(1)), "{said}");
    // A conditional DELETE or PUT finds no resource of another owner either.
    let delete = bundle("transaction", &[entry("DELETE", "Patient?identifier=urn:x|b", None)]);
    assert_eq!(import(&dir, "anna", &delete, &[]).code, 0);
    assert_eq!(owner(&dir, "Patient/b"), "ben");
    let put = bundle(
        "transaction",
        &[entry("PUT", "Patient?identifier=urn:x|b", Some(&patient("p", "")))],
    );
    assert_eq!(import(&dir, "anna", &put, &[]).code, 0);
    assert_eq!((owner(&dir, "Patient/p"), owner(&dir, "Patient/b")), ("anna".into(), "ben".into()));
    // It finds a resource without owner, but may not delete it.
    let delete = bundle("transaction", &[entry("DELETE", "Patient?identifier=urn:x|n", None)]);
    let ran = import(&dir, "anna", &delete, &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("Patient/n belongs to nobody in particular"), "{}", ran.stderr);
    dir.check("s.db");
}

#[test]
fn conditional_references_find_own_resources_and_those_without_owner() {
    let dir = owned();
    let subject = |id: &str| {
        value(&dir.get("s.db", &format!("Observation/{id}")))["subject"]["reference"].clone()
    };
    let observation = |id: &str, of: &str| {
        json!({"resourceType": "Observation", "id": id, "subject": {"reference": format!("Patient?identifier=urn:x|{of}")}}).to_string()
    };
    let lines = |of: &[(&str, &str)]| {
        of.iter().map(|(id, of)| observation(id, of) + "\n").collect::<String>()
    };
    import(&dir, "anna", &lines(&[("aa", "a"), ("ab", "b"), ("an", "n"), ("late", "l")]), &[]);
    import(&dir, "ben", &lines(&[("blate", "l"), ("ba", "a")]), &[]);
    import(&dir, "", &lines(&[("nlate", "l"), ("na", "a"), ("nn", "n")]), &[]);
    let open = |of: &str| json!(format!("Patient?identifier=urn:x|{of}"));
    assert_eq!(
        [subject("aa"), subject("an"), subject("nn")],
        ["Patient/a", "Patient/n", "Patient/n"]
    );
    assert_eq!([subject("ab"), subject("ba"), subject("na")], [open("b"), open("a"), open("a")]);
    // References that are resolved late, by another owner's import, follow the same rule.
    import(&dir, "ben", &patient("l", ""), &[]);
    assert_eq!(
        [subject("late"), subject("blate"), subject("nlate")],
        [open("l"), json!("Patient/l"), open("l")]
    );
    assert_eq!(
        (owner(&dir, "Observation/blate"), owner(&dir, "Observation/late")),
        ("ben".into(), "anna".into())
    );
    // With a second resource of that identifier, anna's reference is resolved too.
    import(&dir, "anna", &patient("m", "").replace("\"value\":\"m\"", "\"value\":\"l\""), &[]);
    assert_eq!(
        [subject("late"), subject("blate"), subject("nlate")],
        [json!("Patient/m"), json!("Patient/l"), open("l")]
    );
    // A reference of a resource without owner is resolved to another one without owner.
    import(&dir, "", &lines(&[("nx", "x")]), &[]);
    import(&dir, "", &patient("x", ""), &[]);
    assert_eq!(
        (subject("nx"), owner(&dir, "Observation/nx")),
        (json!("Patient/x"), "nobody".into())
    );
    dir.check("s.db");
}

#[test]
fn users_who_bring_the_same_without_ids_each_have_their_own() {
    let dir = owned();
    let report = |ran: Ran| {
        let report = value(&ran.stdout);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ["created", "updated", "unchanged"].map(|name| report[name].as_u64().unwrap())
    };
    let named =
        |url: &str, resource: serde_json::Value| json!({"fullUrl": url, "resource": resource});
    let entries = [
        named("urn:uuid:1", json!({"resourceType": "Patient", "active": true})),
        named(
            "urn:uuid:2",
            json!({"resourceType": "Observation", "subject": {"reference": "urn:uuid:1"}}),
        ),
        named("urn:uuid:3", json!({"resourceType": "Basic"})),
    ];
    let line = json!({"resourceType": "Basic", "language": "de"}).to_string();
    for (text, count) in [(bundle("collection", &entries), 3), (line.clone(), 1)] {
        for user in ["anna", "ben", ""] {
            assert_eq!(report(import(&dir, user, &text, &["--json"])), [count, 0, 0], "{user}");
        }
        for user in ["", "ben", "anna"] {
            assert_eq!(report(import(&dir, user, &text, &["--json"])), [0, 0, count], "{user}");
        }
    }
    let apart = "SELECT count(DISTINCT o.owner) FROM resource o JOIN resource p ON p.owner = o.owner
                  WHERE o.type = 'Observation' AND p.type || '/' || p.id = json_extract(o.body, '$.subject.reference')";
    assert_eq!(dir.count("s.db", apart), 3);
    // A user who has the line by the id that it had before keeps it.
    let dir = owned();
    import(&dir, "", &line, &[]);
    let id = dir
        .bodies("s.db")
        .into_iter()
        .find_map(|(place, _)| place.strip_prefix("Basic/").map(str::to_owned))
        .unwrap();
    assert_eq!(dir.run(["delete", "s.db", &format!("Basic/{id}")]).code, 0);
    let before = line.replacen("\"Basic\"", &format!("\"Basic\",\"id\":\"{id}\""), 1);
    assert_eq!(report(import(&dir, "anna", &before, &["--json"])), [1, 0, 0]);
    assert_eq!(report(import(&dir, "anna", &line, &["--json"])), [0, 0, 1]);
    assert_eq!(report(import(&dir, "ben", &line, &["--json"])), [1, 0, 0]);
    dir.check("s.db");
}
