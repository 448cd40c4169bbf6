//! `_history` of a resource, a type and the store. SQLite itself says what must be there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{FHIR_JSON, filled, link, list, text};
use crate::support::client::send;
use crate::support::{Dir, Served, seal};

/// An event as a test compares it: method, URL, status, time in microseconds, body.
pub type Event = (String, String, String, i64, Value);

/// A folder with a store `s.db`: Patients with several versions, one deleted, one deleted and there again.
pub fn with_changes() -> Dir {
    let dir = Dir::new();
    let patient = |id: &str, gender: &str| {
        format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"gender\":\"{gender}\"}}\n")
    };
    let observation = "{\"resourceType\":\"Observation\",\"id\":\"a\",\"meta\":{\"versionId\":\"v.7\",\"lastUpdated\":\"2020-06-15T10:00:00Z\"}}\n";
    let of = |gender: &str| ["a", "b.-9", "gone", "back"].map(|id| patient(id, gender)).concat();
    for gender in ["male", "female", "other"] {
        dir.write("in.ndjson", of(gender) + observation);
        dir.import(0, &["s.db", "in.ndjson"]);
    }
    assert_eq!(dir.run(["delete", "s.db", "Patient/gone", "Patient/back"]).code, 0);
    dir.write("in.ndjson", patient("back", "unknown"));
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

/// What SQLite finds in the views, newest first. `condition` is about the columns of both views.
pub fn expected(dir: &Dir, condition: &str) -> Vec<(i64, Event)> {
    let sql = format!(
        "WITH version AS (SELECT seq, NULL AS ended, NULL AS ended_at, 0 AS deleted, type, id, last_updated, size, body, owner
                            FROM resource
                          UNION ALL
                          SELECT seq, ended, ended_at, deleted, type, id, last_updated, size, body, owner FROM history),
              event AS (SELECT seq AS number, type, id, last_updated AS time, body, owner,
                               (SELECT max(old.deleted) FROM version AS old
                                 WHERE old.type = version.type AND old.id = version.id AND old.ended <= version.seq
                                   AND old.seq = (SELECT max(seq) FROM version AS one WHERE one.type = version.type
                                                     AND one.id = version.id AND one.seq < version.seq)) AS before
                          FROM version WHERE size > 0
                        UNION ALL
                        SELECT ended, type, id, ended_at, 'null', owner, 2 FROM version WHERE deleted = 1)
         SELECT number, type, id, time, body, before FROM event WHERE {condition} ORDER BY number DESC"
    );
    let db = dir.open("s.db");
    let mut statement = db.prepare(&sql).unwrap();
    let rows = statement.query_map((), |row| {
        let (name, id): (String, String) = (row.get(1)?, row.get(2)?);
        let body: String = row.get(4)?;
        let (method, url, status) = match row.get::<_, Option<i64>>(5)? {
            None => ("POST", name, "201"),
            Some(1) => ("PUT", format!("{name}/{id}"), "201"),
            Some(0) => ("PUT", format!("{name}/{id}"), "200"),
            Some(_) => ("DELETE", format!("{name}/{id}"), "204"),
        };
        let body = serde_json::from_str(&body).unwrap();
        Ok((row.get(0)?, (method.to_owned(), url, status.to_owned(), row.get(3)?, body)))
    });
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The Bundle at a path, which must be a history.
fn page(served: &Served, target: &str) -> Value {
    let answer = served.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    assert_eq!(answer.header("content-type"), FHIR_JSON);
    let bundle = answer.json();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("history")));
    bundle
}

fn event(served: &Served, entry: &Value) -> Event {
    let (request, response) = (&entry["request"], &entry["response"]);
    let time = text(&response["lastModified"]);
    let time = fhirlite::Instant::parse(time).unwrap_or_else(|| panic!("{time}")).0.micros();
    let resource = &entry["resource"];
    if resource.is_object() {
        let name = format!("{}/{}", text(&resource["resourceType"]), text(&resource["id"]));
        assert_eq!(entry["fullUrl"], format!("{}/fhir/{name}", served.url));
        assert_eq!(
            response["etag"],
            format!("W/\"{}\"", text(&resource["meta"]["versionId"])),
            "{entry}"
        );
    }
    let [method, url] = ["method", "url"].map(|key| text(&request[key]).to_owned());
    (method, url, text(&response["status"])[..3].to_owned(), time, resource.clone())
}

pub fn events(served: &Served, bundle: &Value) -> Vec<Event> {
    list(&bundle["entry"]).iter().map(|entry| event(served, entry)).collect()
}

/// All events from a page on; the number of pages.
fn pages(served: &Served, first: &Value) -> (Vec<Event>, usize) {
    let (mut all, mut number, mut next) = (events(served, first), 1, first.clone());
    while let Some(url) = link(&next, "next").map(str::to_owned) {
        next = page(served, &url);
        assert_eq!(link(&next, "self"), Some(url.as_str()));
        assert!(!list(&next["entry"]).is_empty(), "{url}");
        all.extend(events(served, &next));
        number += 1;
    }
    (all, number)
}

pub fn only(numbered: Vec<(i64, Event)>) -> Vec<Event> {
    numbered.into_iter().map(|(_, event)| event).collect()
}

#[test]
fn a_history_has_every_version_and_deletion_newest_first() {
    let dir = with_changes();
    let served = dir.serve(&["s.db"]);
    for (path, condition, number) in [
        ("Patient/a/_history", "type = 'Patient' AND id = 'a'", 3),
        ("Patient/b.-9/_history", "type = 'Patient' AND id = 'b.-9'", 3),
        ("Patient/gone/_history", "type = 'Patient' AND id = 'gone'", 4),
        ("Patient/back/_history", "type = 'Patient' AND id = 'back'", 5),
        ("Observation/a/_history", "type = 'Observation' AND id = 'a'", 1),
        ("Patient/_history", "type = 'Patient'", 15),
        ("Observation/_history", "type = 'Observation'", 1),
        ("Device/_history", "type = 'Device'", 0),
        ("_history", "TRUE", 16),
    ] {
        let expected = only(expected(&dir, condition));
        assert_eq!(expected.len(), number, "{path}");
        let whole = page(&served, &format!("/fhir/{path}"));
        assert_eq!(whole["total"], number, "{path}");
        assert_eq!(link(&whole, "self"), Some(format!("{}/fhir/{path}", served.url).as_str()));
        assert_eq!(events(&served, &whole), expected, "{path}");
        for count in [1, 2, 7] {
            let first = page(&served, &format!("/fhir/{path}?_count={count}"));
            assert!(list(&first["entry"]).len() <= count);
            let (all, pages) = pages(&served, &first);
            assert_eq!(all, expected, "{path} by {count}");
            assert_eq!(pages, number.div_ceil(count).max(1), "{path} by {count}");
        }
        let counted = page(&served, &format!("/fhir/{path}?_count=0"));
        assert_eq!((&counted["total"], counted.get("entry")), (&json!(number), None), "{path}");
        // The answer to HEAD has the same head.
        let head = send(served.authority(), "HEAD", &format!("/fhir/{path}"), "", b"");
        let get = served.get(&format!("/fhir/{path}"));
        assert_eq!((head.undated(), head.body.len()), (get.undated(), 0), "{path}");
    }
    // A deletion has no resource, and every entry has what bdl-3 and bdl-4 demand.
    for entry in list(&page(&served, "/fhir/_history")["entry"]) {
        let is_deletion = entry["request"]["method"] == "DELETE";
        assert_eq!(entry["resource"].is_null(), is_deletion, "{entry}");
        assert!(entry["response"]["status"].is_string() && entry["search"].is_null());
    }
}

/// <https://hl7.org/fhir/R4/http.html#history>: `_since` is for "versions that were created at or after the given
/// instant in time".
#[test]
fn since_leaves_out_what_is_older_and_keeps_the_instant_itself() {
    let dir = with_changes();
    let served = dir.serve(&["s.db"]);
    let all = expected(&dir, "TRUE");
    let times: BTreeSet<i64> = all.iter().map(|(_, (.., time, _))| *time).collect();
    assert!(times.len() > 4);
    for time in times {
        let since = fhirlite::Instant::from_micros(time).to_string();
        for (path, condition) in [
            ("_history", "TRUE"),
            ("Patient/_history", "type = 'Patient'"),
            ("Patient/back/_history", "type = 'Patient' AND id = 'back'"),
        ] {
            let expected = only(expected(&dir, &format!("time >= {time} AND {condition}")));
            let first = page(&served, &format!("/fhir/{path}?_since={since}&_count=3"));
            assert_eq!(pages(&served, &first).0, expected, "{path} {since}");
            let counted = page(&served, &format!("/fhir/{path}?_since={since}&_count=0"));
            assert_eq!(counted["total"], expected.len(), "{path} {since}");
        }
    }
    assert_eq!(page(&served, "/fhir/_history?_since=2099-01-01")["total"], 0);
    let zoned = page(&served, "/fhir/_history?_since=2099-01-01T00:00:00+02:00");
    assert_eq!(zoned["total"], 0);
    assert_eq!(page(&served, "/fhir/Patient/a/_history?_since=2099-01-01")["total"], 0);
}

#[test]
fn what_changes_between_pages_is_neither_lost_nor_repeated() {
    let dir = with_changes();
    let served = dir.serve(&["s.db"]);
    for (path, condition) in [("_history", "TRUE"), ("Patient/_history", "type = 'Patient'")] {
        let before = only(expected(&dir, condition));
        let mut next = page(&served, &format!("/fhir/{path}?_count=2"));
        let mut found = events(&served, &next);
        let mut round = 0;
        while let Some(url) = link(&next, "next").map(str::to_owned) {
            // Every version that a page has shown or will show ends, and new ones come.
            let patient = |id: &str| {
                format!(
                    "{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"active\":true,\"multipleBirthInteger\":{round}}}\n"
                )
            };
            let lines = ["a", "b.-9", "back", "gone", &format!("new{round}")].map(patient).concat();
            dir.write("in.ndjson", lines);
            dir.import(0, &["s.db", "in.ndjson"]);
            assert_eq!(dir.run(["delete", "s.db", "Patient/back"]).code, 0);
            round += 1;
            next = page(&served, &url);
            found.extend(events(&served, &next));
        }
        assert!(round > 5);
        assert_eq!(found, before, "{path}");
    }
}

#[test]
fn a_history_that_is_imported_makes_the_same_store() {
    let dir = with_changes();
    let served = dir.serve(&["s.db"]);
    dir.write("history.json", served.get("/fhir/_history").text());
    dir.import(0, &["t.db", "history.json"]);
    assert_eq!(dir.bodies("t.db"), dir.bodies("s.db"));
    let sql = "SELECT count(*) FROM history WHERE size > 0";
    assert_eq!(dir.count("t.db", sql), dir.count("s.db", sql));
}

#[test]
fn pruned_versions_are_absent_and_the_oldest_entry_says_so() {
    let dir = with_changes();
    let db = dir.open("s.db");
    db.execute_batch("UPDATE history SET ended_at = ended_at - 8 * 86400000000").unwrap();
    seal(&db);
    drop(db);
    let served = dir.serve(&["s.db"]);
    let last = |bundle: &Value| list(&bundle["entry"]).last().unwrap().clone();
    let before = page(&served, "/fhir/Patient/a/_history");
    assert_eq!(last(&before)["response"]["outcome"], Value::Null);
    assert_eq!(dir.run(["prune", "s.db"]).code, 0);
    for (path, condition, number) in [
        ("Patient/a/_history", "type = 'Patient' AND id = 'a'", 1),
        ("Patient/gone/_history", "type = 'Patient' AND id = 'gone'", 1),
        ("_history", "TRUE", 5),
    ] {
        let bundle = page(&served, &format!("/fhir/{path}"));
        let (found, expected) = (events(&served, &bundle), only(expected(&dir, condition)));
        assert_eq!(
            (found.len(), expected.len(), &bundle["total"]),
            (number, number, &json!(number))
        );
        let parts = |(.., time, body): &Event| (*time, body.clone());
        assert_eq!(
            found.iter().map(parts).collect::<Vec<_>>(),
            expected.iter().map(parts).collect::<Vec<_>>(),
            "{path}"
        );
        let outcome = &last(&bundle)["response"]["outcome"];
        assert!(text(&outcome["issue"][0]["diagnostics"]).contains("pruned"), "{path}: {bundle}");
    }
    // Whoever made this version, it was no creation.
    assert_eq!(events(&served, &page(&served, "/fhir/Patient/a/_history"))[0].0, "PUT");
}

#[test]
fn what_is_wrong_is_refused_and_what_never_was_is_404() {
    let (_dir, served) = filled();
    served.get("/fhir/Patient/nobody/_history").assert_outcome(404, "Patient/nobody");
    served.get("/fhir/Patient/nobody/_history?_since=2020-01-01").assert_outcome(404, "nobody");
    served.get("/fhir/Martian/_history").assert_outcome(404, "");
    served.get("/fhir/Martian/a/_history").assert_outcome(404, "");
    assert_eq!(events(&served, &page(&served, "/fhir/Observation/gone/_history")).len(), 2);
    for (query, name) in [
        ("_at=2020", "_at"),
        ("_list=x", "_list"),
        ("_sort=_lastUpdated", "_sort"),
        ("_since=yesterday", "_since"),
        ("_since=", "_since"),
        ("_count=x", "_count"),
        ("_count=-1", "_count"),
        ("_before=x", "_before"),
        ("_before=-1", "_before"),
        ("_before=1;DROP%20TABLE%20resource", "_before"),
        ("_since=2020%27%20OR%201=1--", "_since"),
        ("x%27=1", "x'"),
    ] {
        for path in ["Patient/a/_history", "Patient/_history", "_history"] {
            served.get(&format!("/fhir/{path}?{query}")).assert_outcome(400, name);
        }
    }
    // Text that would mean something to SQL or to a URL is an id that nobody has.
    for id in [
        "a%27%20OR%20%271%27=%271",
        "%25",
        "a%00",
        "a%0D%0AX:%20y",
        "%3Cscript%3E",
        "a%2F..",
        "%E2%80%AE",
    ] {
        served.get(&format!("/fhir/Patient/{id}/_history")).assert_outcome(404, "is not here");
    }
    // With lenient handling a parameter that is not known is left out of the links.
    let lenient = "Prefer: handling=lenient\r\n";
    let bundle = served.get_with("/fhir/Patient/_history?_at=2020&_count=1", lenient).json();
    let own = format!("{}/fhir/Patient/_history?_count=1", served.url);
    assert_eq!(link(&bundle, "self"), Some(own.as_str()));
    assert!(!link(&bundle, "next").unwrap().contains("at=2020"));
    served.get_with("/fhir/Patient/_history", "Accept: text/html\r\n").assert_outcome(406, "JSON");
    send(served.authority(), "POST", "/fhir/_history", "", b"").assert_outcome(405, "POST");
}
