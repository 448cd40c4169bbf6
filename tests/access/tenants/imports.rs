//! Imports of one user have the same result whatever other owners have in the store.

use serde_json::{Value, json};

use crate::support::Dir;
use crate::support::compare::normal;

/// The versions of the user `one` after these imports, without their times. `before` and `after` change the store too.
fn theirs(imports: &[&str], before: impl Fn(&Dir), after: impl Fn(&Dir)) -> Vec<(String, String)> {
    let dir = Dir::new();
    assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "A"]).code, 0);
    for user in ["one", "two"] {
        assert_eq!(dir.run(["user", "add", "s.db", user]).code, 0);
    }
    before(&dir);
    for text in imports {
        dir.write("one.ndjson", text);
        let ran = dir.run(["import", "s.db", "one.ndjson", "--user", "one"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    after(&dir);
    let sql = "SELECT type || '/' || id, body FROM resource WHERE owner = (SELECT id FROM user WHERE app_user_id = 'one')
        UNION ALL SELECT type || '/' || id || ' before', body FROM history
         WHERE owner = (SELECT id FROM user WHERE app_user_id = 'one') ORDER BY 1";
    let db = dir.open("s.db");
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, normal(&row.get::<_, String>(1)?))));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Imports a text for a user, or without owner.
fn import(dir: &Dir, text: &str, user: Option<&str>) {
    dir.write("other.ndjson", text);
    let user = user.map(|user| ["--user", user]).unwrap_or_default();
    let args =
        ["import", "s.db", "other.ndjson"].into_iter().chain(user).filter(|arg| !arg.is_empty());
    let ran = dir.run(args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn versions_count_from_one_after_a_deletion_by_another_owner() {
    let taken = |dir: &Dir| {
        import(dir, "{\"resourceType\":\"Basic\",\"id\":\"x\",\"v\":0}\n", None);
        assert_eq!(dir.run(["delete", "s.db", "Basic/x"]).code, 0);
    };
    let text = "{\"resourceType\":\"Basic\",\"id\":\"x\",\"v\":1}\n";
    assert_eq!(theirs(&[text], taken, |_| ()), theirs(&[text], |_| (), |_| ()));
}

#[test]
fn a_history_is_imported_whole_after_a_deletion_by_another_owner() {
    let taken = |dir: &Dir| {
        import(dir, "{\"resourceType\":\"Basic\",\"id\":\"x\",\"v\":0}\n", None);
        assert_eq!(dir.run(["delete", "s.db", "Basic/x"]).code, 0);
    };
    let version = |v: u32| {
        json!({"resource": {"resourceType": "Basic", "id": "x", "v": v, "meta": {"versionId": v.to_string()}},
            "request": {"method": "PUT", "url": "Basic/x"}})
    };
    let deletion = json!({"request": {"method": "DELETE", "url": "Basic/x"}});
    let entries = [version(3), deletion, version(1)];
    let text = json!({"resourceType": "Bundle", "type": "history", "entry": entries}).to_string();
    assert_eq!(theirs(&[&text], taken, |_| ()), theirs(&[&text], |_| (), |_| ()));
}

#[test]
fn no_reference_leads_to_a_refused_resource() {
    let dir = Dir::new();
    assert_eq!(dir.run(["client", "add", "s.db"]).code, 0);
    for user in ["one", "two"] {
        assert_eq!(dir.run(["user", "add", "s.db", user]).code, 0);
    }
    let practitioner =
        json!({"resourceType": "Practitioner", "id": "d", "identifier": [{"value": "1"}]});
    import(&dir, &practitioner.to_string(), Some("two"));
    let link = json!({"reference": "Practitioner?identifier=1"});
    let patient = json!({"resourceType": "Patient", "id": "p", "generalPractitioner": [link]});
    let entry = [practitioner, patient].map(|resource| {
        let url = format!("{}/{}", resource["resourceType"], resource["id"]).replace('"', "");
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    });
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entry});
    dir.write("one.json", bundle.to_string());
    let report = dir.import(1, &["s.db", "one.json", "--user", "one"]);
    assert_eq!(report["rejected"], 1);
    let kept: Value = serde_json::from_str(&dir.get("s.db", "Patient/p")).unwrap();
    assert_eq!(kept["generalPractitioner"], json!([link]));
}
