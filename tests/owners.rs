//! Whose a resource is: `import --user`, and what is refused of somebody else's.

use serde_json::{Value, json};

use crate::support::oneup::Client;
use crate::support::{Dir, Ran};

/// A store with the users anna and ben, where Patient/a is anna's, Patient/b ben's, Patient/n nobody's;
/// each with an identifier of the same name.
fn owned() -> Dir {
    let dir = Dir::new();
    Client::add(&dir, "s.db", "app");
    for (name, id) in [("anna", "a"), ("ben", "b"), ("", "n")] {
        dir.write("in.ndjson", patient(id, "") + "\n");
        if name.is_empty() {
            dir.import(0, &["s.db", "in.ndjson"]);
            continue;
        }
        assert_eq!(dir.run(["user", "add", "s.db", name]).code, 0);
        dir.import(0, &["s.db", "in.ndjson", "--user", name]);
    }
    dir
}

fn patient(id: &str, more: &str) -> String {
    format!(
        "{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"identifier\":[{{\"system\":\"urn:x\",\"value\":\"{id}\"}}]{more}}}"
    )
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Every version there ever was, with its owner and whether it is current.
fn versions(dir: &Dir) -> Vec<String> {
    let sql = "SELECT seq || ' ' || type || '/' || id || ' of ' || owner || ': ' || body FROM resource
               UNION ALL SELECT seq || ' ' || type || '/' || id || ' of ' || owner || ' until ' || ended || ': ' || body
                 FROM history ORDER BY 1";
    let db = dir.open("s.db");
    let mut statement = db.prepare(sql).expect("the tables");
    let rows = statement.query_map((), |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

fn owner(dir: &Dir, resource: &str) -> String {
    let (resource_type, id) = resource.split_once('/').expect("Type/id");
    let sql =
        "SELECT coalesce(app_user_id, 'nobody') FROM resource LEFT JOIN user ON user.id = owner
                WHERE type = ?1 AND resource.id = ?2";
    let db = dir.open("s.db");
    db.query_row(sql, (resource_type, id), |row| row.get(0)).expect("a resource")
}

/// Imports a text for a user (empty: nobody).
fn import(dir: &Dir, user: &str, text: &str, more: &[&str]) -> Ran {
    dir.write("x.json", text);
    let for_whom: &[&str] = if user.is_empty() { &[] } else { &["--user", user] };
    dir.run([&["import", "s.db", "x.json"][..], for_whom, more].concat())
}

fn bundle(kind: &str, entries: &[Value]) -> String {
    let entries: Vec<String> = entries.iter().map(Value::to_string).collect();
    format!(
        "{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"entry\":[\n{}\n]}}",
        entries.join(",\n")
    )
}

fn entry(method: &str, url: &str, resource: Option<&str>) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if let Some(resource) = resource {
        entry["resource"] = value(resource);
    }
    entry
}

#[test]
fn what_is_somebody_elses_is_rejected_and_stays() {
    let dir = owned();
    assert_eq!(owner(&dir, "Patient/a"), "anna");
    assert_eq!(
        (owner(&dir, "Patient/b"), owner(&dir, "Patient/n")),
        ("ben".into(), "nobody".into())
    );
    let before = versions(&dir);
    let changed = |id: &str| patient(id, ",\"active\":true");
    let same = |id: &str| patient(id, "");
    for (user, id, theirs) in [
        ("ben", "a", "user \"anna\""),
        ("anna", "b", "user \"ben\""),
        ("", "a", "user \"anna\""),
        ("anna", "n", "nobody in particular"),
    ] {
        let url = format!("Patient/{id}");
        // The new one of the same input is taken, unless --strict says all or nothing.
        let mut nth = 0;
        let texts = [
            (format!("{}\n{}\n", patient("new", ""), changed(id)), 2),
            // Even where nothing would change.
            (format!("{}\n{}\n", patient("new", ""), same(id)), 2),
            (
                bundle(
                    "collection",
                    &[
                        json!({"resource": value(&patient("new", ""))}),
                        json!({"resource": value(&changed(id))}),
                    ],
                ),
                3,
            ),
            (
                bundle(
                    "transaction",
                    &[
                        entry("PUT", "Patient/new", Some(&patient("new", ""))),
                        entry("PUT", &url, Some(&changed(id))),
                    ],
                ),
                3,
            ),
            (
                bundle(
                    "batch",
                    &[
                        entry("PUT", "Patient/new", Some(&patient("new", ""))),
                        entry("DELETE", &url, None),
                    ],
                ),
                3,
            ),
            (
                bundle(
                    "history",
                    &[
                        entry("PUT", &url, Some(&changed(id))),
                        entry("PUT", "Patient/new", Some(&patient("new", ""))),
                    ],
                ),
                2,
            ),
            (
                bundle(
                    "history",
                    &[
                        entry("DELETE", &url, None),
                        entry("PUT", "Patient/new", Some(&patient("new", ""))),
                    ],
                ),
                2,
            ),
            (
                bundle(
                    "history",
                    &[
                        entry("PUT", &url, Some(&same(id))),
                        entry("PUT", "Patient/new", Some(&patient("new", ""))),
                    ],
                ),
                2,
            ),
        ];
        for (text, line) in texts {
            nth += 1;
            let strict = import(&dir, user, &text, &["--strict"]);
            assert_eq!(strict.code, 1, "{user} {id} {nth}: {}", strict.stderr);
            assert_eq!(versions(&dir), before, "{user} {id} {nth}");
            let ran = import(&dir, user, &text, &["--rejects", "rejects"]);
            assert_eq!(ran.code, 1, "{user} {id} {nth}: {}", ran.stderr);
            let rejects = dir.text("rejects");
            let start =
                format!("x.json:{line}: Patient/{id} belongs to {theirs} and was left alone");
            assert!(rejects.starts_with(&start), "{nth} {text}: {rejects}");
            assert_eq!(rejects.lines().count(), 1, "{rejects}");
            assert!(ran.stderr.contains(&start), "{}", ran.stderr);
            let name = if user.is_empty() { "nobody" } else { user };
            assert_eq!(owner(&dir, "Patient/new"), name, "{nth}");
            // The new one goes, with what is left of it, so that each begins as the first did.
            let sql = "DELETE FROM identifier WHERE value = 'new'; DELETE FROM resource WHERE id = 'new'; \
                       UPDATE setting SET value = 3 WHERE name = 'last_seq'";
            dir.open("s.db").execute_batch(sql).expect("gone");
            assert_eq!(versions(&dir), before, "{user} {id} {nth}");
        }
    }
    dir.check("s.db");
}

#[test]
fn searches_of_bundles_see_ones_own_and_what_is_nobodys() {
    let dir = owned();
    let before = versions(&dir);
    let post = |id: &str, value_of: &str| {
        let mut post = entry("POST", "Patient", Some(&patient(id, "")));
        post["request"]["ifNoneExist"] = json!(format!("identifier=urn:x|{value_of}"));
        bundle("transaction", &[post])
    };
    // Ben's is there for ben and not for anna; nobody's for both.
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
    // A conditional DELETE or PUT finds nothing of somebody else's either.
    let delete = bundle("transaction", &[entry("DELETE", "Patient?identifier=urn:x|b", None)]);
    assert_eq!(import(&dir, "anna", &delete, &[]).code, 0);
    assert_eq!(owner(&dir, "Patient/b"), "ben");
    let put = bundle(
        "transaction",
        &[entry("PUT", "Patient?identifier=urn:x|b", Some(&patient("p", "")))],
    );
    assert_eq!(import(&dir, "anna", &put, &[]).code, 0);
    assert_eq!((owner(&dir, "Patient/p"), owner(&dir, "Patient/b")), ("anna".into(), "ben".into()));
    // What is nobody's is found, and not taken.
    let delete = bundle("transaction", &[entry("DELETE", "Patient?identifier=urn:x|n", None)]);
    let ran = import(&dir, "anna", &delete, &[]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("Patient/n belongs to nobody in particular"), "{}", ran.stderr);
    dir.check("s.db");
}

#[test]
fn conditional_references_lead_to_ones_own_and_to_nobodys() {
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
    // Late, at the end of somebody else's import: still only for whom it is.
    import(&dir, "ben", &patient("l", ""), &[]);
    assert_eq!(
        [subject("late"), subject("blate"), subject("nlate")],
        [open("l"), json!("Patient/l"), open("l")]
    );
    assert_eq!(
        (owner(&dir, "Observation/blate"), owner(&dir, "Observation/late")),
        ("ben".into(), "anna".into())
    );
    // Another one of that identifier: anna's now has one, nobody's still none.
    import(&dir, "anna", &patient("m", "").replace("\"value\":\"m\"", "\"value\":\"l\""), &[]);
    assert_eq!(
        [subject("late"), subject("blate"), subject("nlate")],
        [json!("Patient/m"), json!("Patient/l"), open("l")]
    );
    // What is nobody's, found at the end of a user's import, stays nobody's.
    import(&dir, "", &lines(&[("nx", "x")]), &[]);
    import(&dir, "", &patient("x", ""), &[]);
    assert_eq!(
        (subject("nx"), owner(&dir, "Observation/nx")),
        (json!("Patient/x"), "nobody".into())
    );
    dir.check("s.db");
}

#[test]
fn importing_again_changes_nothing_and_a_deleted_resource_stays_whose_it_was() {
    let dir = owned();
    let before = versions(&dir);
    for (user, id) in [("anna", "a"), ("ben", "b"), ("", "n")] {
        let ran = import(&dir, user, &patient(id, ""), &["--json"]);
        let said = value(&ran.stdout);
        assert_eq!(
            (ran.code, &said["unchanged"], &said["created"]),
            (0, &json!(1), &json!(0)),
            "{said}"
        );
    }
    assert_eq!(versions(&dir), before);
    // It can be changed by its owner, who stays that.
    import(&dir, "anna", &patient("a", ",\"active\":true"), &[]);
    assert_eq!(owner(&dir, "Patient/a"), "anna");
    for id in ["a", "n"] {
        assert_eq!(dir.run(["delete", "s.db", &format!("Patient/{id}")]).code, 0);
    }
    for user in ["ben", ""] {
        let ran = import(&dir, user, &patient("a", ""), &[]);
        assert_eq!(ran.code, 1, "{user}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("x.json:1: Patient/a belongs to user \"anna\""),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource WHERE id = 'a'"), 0);
    assert_eq!(import(&dir, "anna", &patient("a", ""), &[]).code, 0);
    assert_eq!(owner(&dir, "Patient/a"), "anna");
    // Nobody's is free once it is deleted, and then is theirs for good.
    assert_eq!(import(&dir, "ben", &patient("n", ""), &[]).code, 0);
    assert_eq!(owner(&dir, "Patient/n"), "ben");
    assert_eq!(dir.run(["delete", "s.db", "Patient/n"]).code, 0);
    assert_eq!(import(&dir, "", &patient("n", ""), &[]).code, 1);
    // By a Bundle of one's own, deleted and made again.
    let again = bundle(
        "batch",
        &[
            entry("DELETE", "Patient/b", None),
            entry("PUT", "Patient/b", Some(&patient("b", ",\"active\":false"))),
        ],
    );
    assert_eq!(import(&dir, "ben", &again, &[]).code, 0);
    assert_eq!(owner(&dir, "Patient/b"), "ben");
    // The user's names and state are beside the point.
    assert_eq!(dir.run(["user", "deactivate", "s.db", "anna"]).code, 0);
    assert_eq!(import(&dir, "ben", &patient("a", ""), &[]).code, 1);
    assert_eq!(import(&dir, "anna", &patient("a", ",\"active\":true"), &[]).code, 0);
    dir.check("s.db");
}

#[test]
fn it_must_be_clear_who_the_user_is() {
    let dir = owned();
    let before = versions(&dir);
    let ran = import(&dir, "nobody", &patient("z", ""), &[]);
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("fhirlite user add"), "{}", ran.stderr);
    Client::add(&dir, "s.db", "else");
    assert_eq!(dir.run(["user", "add", "s.db", "anna", "--client", "else"]).code, 0);
    let ran = import(&dir, "anna", &patient("z", ""), &[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("--client"), "{}", ran.stderr);
    assert_eq!(import(&dir, "ben", &patient("z", ""), &["--client", "else"]).code, 3);
    assert_eq!(import(&dir, "anna", &patient("z", ""), &["--client", "none"]).code, 3);
    assert_eq!(import(&dir, "", &patient("z", ""), &["--client", "app"]).code, 2);
    assert_eq!(versions(&dir), before);
    // The same name, another user.
    let ran = import(&dir, "anna", &patient("a", ""), &["--client", "else"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(import(&dir, "anna", &patient("z", ""), &["--client", "else"]).code, 0);
    assert_eq!(
        import(&dir, "anna", &patient("z", ",\"active\":true"), &["--client", "app"]).code,
        1
    );
    // There is no store to make for a user who cannot be there.
    let ran = dir.run(["import", "missing.db", "x.json", "--user", "anna"]);
    assert_eq!(ran.code, 3);
    assert!(!dir.path("missing.db").exists());
    dir.check("s.db");
}
