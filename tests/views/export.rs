//! `$sql-export`: from the kick-off over the status to the result and its files, through restarts and cancellation.

use serde_json::{Value, json};

use super::{parameters, post, refused, resource, served, text, view};
use crate::support::bulk::{ended_at, location, path};
use crate::support::client::{get, send};
use crate::support::{Dir, Held, Served, gunzip};

const EXPORT: &str = "/fhir/$sql-export";
const ASYNC: &str = "Prefer: respond-async\r\n";

fn subject(parts: &[Value]) -> Value {
    json!({"name": "subject", "part": parts})
}

fn reference(name: &str, to: &str) -> Value {
    json!({"name": name, "valueReference": {"reference": to}})
}

fn string(name: &str, value: &str) -> Value {
    json!({"name": name, "valueString": value})
}

/// The result of an export that was accepted, once it is over.
fn result(served: &Served, status: &str) -> Value {
    let ended = ended_at(served.authority(), path(status), "");
    assert_eq!(ended.status, 303, "{}", ended.text());
    assert!(ended.body.is_empty());
    let answer = served.get(path(ended.header("location").unwrap()));
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("expires").is_some());
    answer.json()
}

/// The value of a parameter.
fn value<'r>(result: &'r Value, name: &str, element: &str) -> Option<&'r str> {
    let list = result["parameter"].as_array().unwrap();
    list.iter().find(|one| one["name"] == name)?[element].as_str()
}

/// The names and locations of outputs.
fn outputs(result: &Value) -> Vec<(String, String)> {
    let list = result["parameter"].as_array().unwrap().iter().filter(|one| one["name"] == "output");
    let part = |one: &Value, at: usize, element: &str| {
        one["part"][at][element].as_str().unwrap().to_owned()
    };
    list.map(|one| (part(one, 0, "valueString"), part(one, 1, "valueUri"))).collect()
}

#[test]
fn an_export_leads_to_a_result_with_a_file_for_each_view() {
    let (_dir, served) = served();
    let given = view("Practitioner", &[("id", "id")]);
    let body = parameters(&[
        string("clientTrackingId", "mine"),
        json!({"name": "_format", "valueCode": "csv"}),
        subject(&[
            string("name", "demographics"),
            reference("subjectReference", "ViewDefinition/people"),
        ]),
        subject(&[
            json!({"name": "subjectCanonical", "valueCanonical": "http://example.org/ViewDefinition/values"}),
        ]),
        subject(&[string("name", "all the/doctors"), resource("subjectResource", &given)]),
        subject(&[resource("subjectResource", &view("Encounter", &[("id", "id")]))]),
    ]);
    let started = post(&served, EXPORT, ASYNC, &body);
    assert_eq!(started.header("preference-applied"), Some("respond-async"));
    let accepted = started.json();
    assert_eq!(value(&accepted, "status", "valueCode"), Some("accepted"));
    let status = location(&started);
    assert_eq!(value(&accepted, "location", "valueUri"), Some(&*status));
    let result = result(&served, &status);
    assert_eq!(result["resourceType"], "Parameters");
    assert_eq!(value(&result, "exportId", "valueString"), status.rsplit('/').next());
    assert_eq!(value(&result, "clientTrackingId", "valueString"), Some("mine"));
    assert_eq!(value(&result, "status", "valueCode"), Some("completed"));
    assert_eq!(value(&result, "_format", "valueCode"), Some("csv"));
    assert!(value(&result, "exportStartTime", "valueInstant").is_some());
    let outputs = outputs(&result);
    let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["demographics", "measured", "all the/doctors", "output4"]);
    let rows = [
        "id,gender,family\r\na,female,Moss\r\nb,male,\"Reed, the second\"\r\nc,,Ash\r\n",
        "id,patient,value\r\no1,a,1.50\r\no2,b,7\r\n",
        "id\r\nd\r\ne\r\n",
        "id\r\n",
    ];
    for ((name, url), rows) in outputs.iter().zip(rows) {
        let file = served.get(path(url));
        assert_eq!(text(&file), rows, "{name}");
        assert_eq!(file.header("content-type"), Some("text/csv"));
        assert_eq!(file.header("content-length"), Some(&*rows.len().to_string()));
        let part = served.get_with(path(url), "Range: bytes=1-2\r\n");
        assert_eq!((part.status, part.text()), (206, rows[1..3].to_owned()));
        let zipped = served.get_with(path(url), "Accept-Encoding: gzip\r\n");
        assert_eq!(String::from_utf8(gunzip(&zipped.body)).unwrap(), rows);
    }
    // The names of version 2: one view, in the form that is the default.
    let body = parameters(&[
        json!({"name": "view", "part": [reference("viewReference", "ViewDefinition/doctors")]}),
    ]);
    for (target, name) in [
        ("/fhir/$viewdefinition-export", "doctors"),
        ("/fhir/ViewDefinition/$viewdefinition-export", "doctors"),
    ] {
        let result = self::result(&served, &location(&post(&served, target, ASYNC, &body)));
        assert_eq!(value(&result, "_format", "valueCode"), None);
        let [(of, url)] = &self::outputs(&result)[..] else { panic!("{result}") };
        assert_eq!(of, name);
        assert_eq!(text(&served.get(path(url))), "{\"id\":\"d\"}\n{\"id\":\"e\"}\n");
    }
    let of_one = post(&served, "/fhir/ViewDefinition/doctors/$sql-export", ASYNC, &parameters(&[]));
    assert_eq!(self::outputs(&self::result(&served, &location(&of_one)))[0].0, "doctors");
}

#[test]
fn an_export_has_what_its_filters_leave() {
    let (_dir, served) = served();
    let of = |more: &[Value]| {
        let mut list = vec![
            subject(&[reference("subjectReference", "ViewDefinition/values")]),
            json!({"name": "header", "valueBoolean": false}),
            json!({"name": "_format", "valueCode": "csv"}),
        ];
        list.extend_from_slice(more);
        let result = result(&served, &location(&post(&served, EXPORT, ASYNC, &parameters(&list))));
        text(&served.get(path(&outputs(&result)[0].1)))
    };
    assert_eq!(of(&[]), "o1,a,1.50\r\no2,b,7\r\n");
    assert_eq!(of(&[reference("patient", "Patient/b")]), "o2,b,7\r\n");
    assert_eq!(of(&[reference("group", "Group/g")]), "o1,a,1.50\r\n");
    assert_eq!(of(&[json!({"name": "_since", "valueInstant": "2999-01-01T00:00:00Z"})]), "");
}

#[test]
fn what_is_wrong_is_said_at_the_kick_off() {
    let (_dir, served) = served();
    let people = || subject(&[reference("subjectReference", "ViewDefinition/people")]);
    for (list, status, code, expression, word) in [
        (vec![], 400, "required", "subject", "no subject"),
        (vec![people(), people()], 400, "invalid", "subject", "output name \"people\""),
        (vec![subject(&[string("name", "x")])], 400, "invalid", "subject[0]", "no subject"),
        (
            vec![people(), subject(&[reference("subjectReference", "ViewDefinition/none")])],
            404,
            "not-found",
            "subject[1].subjectReference",
            "is not here",
        ),
        (
            vec![subject(&[resource("subjectResource", &view("Patient", &[("id", "id.x()")]))])],
            422,
            "invalid",
            "subject[0].subjectResource",
            "select[0].column[0].path",
        ),
        (
            vec![people(), json!({"name": "_limit", "valueInteger": 1})],
            400,
            "invalid",
            "_limit",
            "$sql-run",
        ),
        (
            vec![people(), json!({"name": "_format", "valueCode": "fhir"})],
            400,
            "invalid",
            "_format",
            "for $sql-run",
        ),
        (
            vec![people(), json!({"name": "_format", "valueCode": "xlsx"})],
            400,
            "not-supported",
            "_format",
            "not supported",
        ),
        (vec![people(), string("source", "x")], 400, "not-supported", "source", "does not support"),
        (
            vec![people(), reference("group", "Group/none")],
            400,
            "not-found",
            "group",
            "is not here",
        ),
        (
            vec![subject(&[
                reference("subjectReference", "ViewDefinition/people"),
                resource("parameters", &parameters(&[])),
            ])],
            400,
            "invalid",
            "subject[0].parameters",
            "declares no parameters",
        ),
        (
            vec![subject(&[
                reference("subjectReference", "ViewDefinition/people"),
                string("colour", "x"),
            ])],
            400,
            "not-supported",
            "subject[0].colour",
            "does not support",
        ),
    ] {
        refused(&post(&served, EXPORT, ASYNC, &parameters(&list)), status, code, expression, word);
    }
    // All subjects are looked at.
    let list = [
        subject(&[reference("subjectReference", "ViewDefinition/none")]),
        subject(&[reference("subjectReference", "Patient/a")]),
    ];
    let answer = post(&served, EXPORT, ASYNC, &parameters(&list));
    assert_eq!((answer.status, answer.json()["issue"].as_array().unwrap().len()), (400, 2));
    refused(
        &post(&served, EXPORT, "", &parameters(&[people()])),
        400,
        "required",
        "",
        "Prefer: respond-async",
    );
    refused(&served.get_with(EXPORT, ASYNC), 400, "required", "", "by POST");
}

#[test]
fn a_view_that_meets_a_fault_fails_its_export_and_the_result_says_why() {
    let (_dir, served) = served();
    let body = parameters(&[subject(&[reference("subjectReference", "ViewDefinition/families")])]);
    let status = location(&post(&served, EXPORT, ASYNC, &body));
    let ended = ended_at(served.authority(), path(&status), "");
    assert_eq!(ended.status, 303);
    for _ in 0..2 {
        let failed = served.get(path(ended.header("location").unwrap()));
        failed.assert_outcome(500, "select[0].column[0].path: Patient/c");
    }
}

#[test]
fn an_export_outlives_its_server_and_shows_its_own_snapshot() {
    let dir = Dir::new();
    dir.write("in.ndjson", super::DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let held = Held::new(&dir);
    let body = parameters(&[
        json!({"name": "_format", "valueCode": "json"}),
        subject(&[reference("subjectReference", "ViewDefinition/people")]),
    ]);
    let status = location(&post(&served, EXPORT, ASYNC, &body));
    served.signal("-KILL");
    drop(served);
    held.release();
    dir.write("more.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\",\"gender\":\"other\"}\n{\"resourceType\":\"Patient\",\"id\":\"z\"}\n");
    dir.import(0, &["s.db", "more.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "ViewDefinition/people"]).code, 0);
    let again = dir.serve(&["s.db"]);
    let result = result(&again, &status);
    let url = outputs(&result)[0].1.clone();
    let rows = again.get(path(&url)).json();
    let genders: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row["gender"]).collect();
    assert_eq!(genders, [&json!("female"), &json!("male"), &Value::Null]);
    assert_eq!(again.end("-TERM"), 0);
    let third = dir.serve(&["s.db"]);
    assert_eq!(third.get(path(&url)).json(), rows);
}

#[test]
fn an_export_that_is_cancelled_is_gone_with_its_files() {
    let (_dir, served) = served();
    let body = parameters(&[subject(&[reference("subjectReference", "ViewDefinition/people")])]);
    let status = location(&post(&served, EXPORT, ASYNC, &body));
    let result = result(&served, &status);
    let file = outputs(&result)[0].1.clone();
    let to = served.authority();
    assert_eq!(get(to, path(&file), "").status, 200);
    assert_eq!(send(to, "DELETE", path(&status), "", b"").status, 202);
    for target in [path(&status), path(&file), &format!("{}/result", path(&status))] {
        assert_eq!(get(to, target, "").status, 404, "{target}");
    }
}
