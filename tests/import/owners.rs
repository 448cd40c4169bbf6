//! Owners: `import --user`, and resources of another owner.

use serde_json::{Value, json};

use crate::support::oneup::Client;
use crate::support::{Dir, Ran};

/// A store with Patient/a of the user anna, Patient/b of ben, and Patient/n without owner. The identifier of each is its id.
pub fn owned() -> Dir {
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

pub fn patient(id: &str, more: &str) -> String {
    format!(
        "{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"identifier\":[{{\"system\":\"urn:x\",\"value\":\"{id}\"}}]{more}}}"
    )
}

pub fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Every version in the store, current or not, with its owner.
pub fn versions(dir: &Dir) -> Vec<String> {
    let sql = "SELECT seq || ' ' || type || '/' || id || ' of ' || owner || ': ' || body FROM resource
               UNION ALL SELECT seq || ' ' || type || '/' || id || ' of ' || owner || ' until ' || ended || ': ' || body
                 FROM history ORDER BY 1";
    let db = dir.open("s.db");
    let mut statement = db.prepare(sql).expect("the tables");
    let rows = statement.query_map((), |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// The owner of a resource, `nobody` if it has none.
pub fn owner(dir: &Dir, resource: &str) -> String {
    let (resource_type, id) = resource.split_once('/').expect("Type/id");
    let sql =
        "SELECT coalesce(app_user_id, 'nobody') FROM resource LEFT JOIN user ON user.id = owner
                WHERE type = ?1 AND resource.id = ?2";
    let db = dir.open("s.db");
    db.query_row(sql, (resource_type, id), |row| row.get(0)).expect("a resource")
}

/// Imports a text for a user, or for no owner if `user` is empty.
pub fn import(dir: &Dir, user: &str, text: &str, more: &[&str]) -> Ran {
    dir.write("x.json", text);
    let for_whom: &[&str] = if user.is_empty() { &[] } else { &["--user", user] };
    dir.run([&["import", "s.db", "x.json"][..], for_whom, more].concat())
}

pub fn bundle(kind: &str, entries: &[Value]) -> String {
    let entries: Vec<String> = entries.iter().map(Value::to_string).collect();
    format!(
        "{{\"resourceType\":\"Bundle\",\"type\":\"{kind}\",\"entry\":[\n{}\n]}}",
        entries.join(",\n")
    )
}

pub fn entry(method: &str, url: &str, resource: Option<&str>) -> Value {
    let mut entry = json!({"request": {"method": method, "url": url}});
    if let Some(resource) = resource {
        entry["resource"] = value(resource);
    }
    entry
}

#[test]
fn resources_of_another_owner_are_rejected_and_unchanged() {
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
        // The new resource of the same input is imported, unless --strict allows all or nothing.
        let mut nth = 0;
        let texts = [
            (format!("{}\n{}\n", patient("new", ""), changed(id)), 2),
            // Rejected even if nothing would change.
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
            // Without the new resource, the next case begins as this one did.
            let sql = "DELETE FROM identifier WHERE value = 'new'; DELETE FROM resource WHERE id = 'new'; \
                       DELETE FROM write_mark WHERE seq > 3; \
                       UPDATE setting SET value = 3 WHERE name = 'last_seq'";
            dir.open("s.db").execute_batch(sql).expect("gone");
            assert_eq!(versions(&dir), before, "{user} {id} {nth}");
        }
    }
    dir.check("s.db");
}

#[test]
fn a_resource_keeps_its_owner_through_changes_and_deletion() {
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
    // Its owner can change it, and stays the owner.
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
    // A deleted resource without owner is free for anyone, who then owns it for good.
    assert_eq!(import(&dir, "ben", &patient("n", ""), &[]).code, 0);
    assert_eq!(owner(&dir, "Patient/n"), "ben");
    assert_eq!(dir.run(["delete", "s.db", "Patient/n"]).code, 0);
    assert_eq!(import(&dir, "", &patient("n", ""), &[]).code, 1);
    // The owner deletes it and creates it again in one Bundle.
    let again = bundle(
        "batch",
        &[
            entry("DELETE", "Patient/b", None),
            entry("PUT", "Patient/b", Some(&patient("b", ",\"active\":false"))),
        ],
    );
    assert_eq!(import(&dir, "ben", &again, &[]).code, 0);
    assert_eq!(owner(&dir, "Patient/b"), "ben");
    // An inactive user still owns it.
    assert_eq!(dir.run(["user", "deactivate", "s.db", "anna"]).code, 0);
    assert_eq!(import(&dir, "ben", &patient("a", ""), &[]).code, 1);
    assert_eq!(import(&dir, "anna", &patient("a", ",\"active\":true"), &[]).code, 0);
    dir.check("s.db");
}

#[test]
fn the_user_of_an_import_must_be_unambiguous() {
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
    // A user with the same name, of another client.
    let ran = import(&dir, "anna", &patient("a", ""), &["--client", "else"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(import(&dir, "anna", &patient("z", ""), &["--client", "else"]).code, 0);
    assert_eq!(
        import(&dir, "anna", &patient("z", ",\"active\":true"), &["--client", "app"]).code,
        1
    );
    // A new store has no users, so none is created.
    let ran = dir.run(["import", "missing.db", "x.json", "--user", "anna"]);
    assert_eq!(ran.code, 3);
    assert!(!dir.path("missing.db").exists());
    dir.check("s.db");
}
