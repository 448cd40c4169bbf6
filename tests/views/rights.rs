//! Rows within the scopes of a token and the reach of a user: none that the caller could not export.

use serde_json::{Value, json};

use super::{DATA, library, parameters, post, resource, text, view};
use crate::support::bulk::{ended_at, location, path};
use crate::support::client::Answer;
use crate::support::oneup::Tenants;
use crate::support::smart::{EVERYTHING, register};
use crate::support::{Dir, Served, until};

fn issued(dir: &Dir, scope: &str) -> String {
    let ran = dir.run(["token", "issue", "s.db", "--client", "app", "--scope", scope]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    format!("Authorization: Bearer {}\r\n", ran.stdout.trim_end())
}

fn run(served: &Served, headers: &str, name: &str, of: &Value, more: &[Value]) -> Answer {
    let list =
        [&[resource(name, of), json!({"name": "_format", "valueCode": "csv"})], more].concat();
    post(served, "/fhir/$sql-run", headers, &parameters(&list))
}

/// A protected server of [`DATA`] with a table `kept` of Patients.
fn protected() -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    let mut kept = view("Patient", &[("id", "id")]);
    kept["name"] = json!("kept");
    dir.write("kept.json", kept.to_string());
    assert_eq!(dir.run(["view", "add", "s.db", "kept.json"]).code, 0);
    register(&dir, "app", "--new-key", "key.pem", EVERYTHING);
    let served = dir.serve(&["s.db", "--auth", "required"]);
    (dir, served)
}

#[test]
fn a_scope_limits_the_types_that_rows_are_made_of() {
    let (dir, served) = protected();
    let (people, values) = (view("Patient", &[("id", "id")]), view("Observation", &[("id", "id")]));
    let doctors = view("Practitioner", &[("id", "id")]);
    let sql = library("SELECT count(*) AS n FROM p", &[("p", "kept")]);
    let of_values = library(
        "SELECT count(*) AS n FROM v",
        &[("v", "http://example.org/ViewDefinition/values")],
    );
    let all = issued(&dir, "system/*.rs");
    let patients = issued(&dir, "system/Patient.rs");
    let reading = issued(&dir, "system/Patient.r system/ViewDefinition.rs");
    let doctors_only = issued(&dir, "system/Practitioner.rs");
    let by = |headers: &str, name, of: &Value| run(&served, headers, name, of, &[]).status;
    for (headers, name, of, status) in [
        ("", "subjectResource", &people, 401),
        (&*all, "subjectResource", &people, 200),
        (&all, "subjectResource", &values, 200),
        (&all, "subjectResource", &of_values, 200),
        (&patients, "subjectResource", &people, 200),
        (&patients, "subjectResource", &values, 403),
        (&patients, "subjectResource", &sql, 200),
        // A view that is stored is a resource, which the scope must cover.
        (&patients, "subjectResource", &of_values, 403),
        (&reading, "subjectResource", &people, 403),
        (&doctors_only, "subjectResource", &doctors, 200),
        (&doctors_only, "subjectResource", &sql, 403),
    ] {
        assert_eq!(by(headers, name, of), status, "{headers} {of}");
    }
    let get = |headers: &str, target: &str| served.get_with(target, headers).status;
    assert_eq!(get(&patients, "/fhir/ViewDefinition/people/$sql-run"), 403);
    assert_eq!(get(&all, "/fhir/ViewDefinition/people/$sql-run"), 200);
    assert_eq!(get(&patients, "/fhir/$sql-run?subjectReference=kept"), 200);
    assert_eq!(
        get(&patients, "/fhir/$sql-run?subjectCanonical=http://example.org/ViewDefinition/people"),
        403
    );
    // Which practitioner a patient has is in the Patient.
    let of_patient = [json!({"name": "patient", "valueReference": {"reference": "Patient/c"}})];
    assert_eq!(run(&served, &doctors_only, "subjectResource", &doctors, &of_patient).status, 403);
    assert_eq!(text(&run(&served, &all, "subjectResource", &doctors, &of_patient)), "id\r\nd\r\n");
    // Rows of the request's own resources show nothing of the store.
    let own = [resource("resource", &json!({"resourceType": "Observation", "id": "mine"}))];
    assert_eq!(text(&run(&served, &patients, "subjectResource", &values, &own)), "id\r\nmine\r\n");
}

#[test]
fn a_job_is_seen_by_its_own_scope_alone() {
    let (dir, served) = protected();
    let body = parameters(&[
        json!({"name": "subject", "part": [resource("subjectResource", &view("Patient", &[("id", "id")]))]}),
        json!({"name": "subject", "part": [resource("subjectResource", &view("Practitioner", &[("id", "id")]))]}),
        json!({"name": "patient", "valueReference": {"reference": "Patient/c"}}),
    ]);
    let all = issued(&dir, "system/*.rs");
    let doctors = issued(&dir, "system/Practitioner.rs");
    let prefer = "Prefer: respond-async\r\n";
    assert_eq!(
        post(&served, "/fhir/$sql-export", &format!("{prefer}{doctors}"), &body).status,
        403
    );
    let started = post(&served, "/fhir/$sql-export", &format!("{prefer}{all}"), &body);
    let status = location(&started);
    let ended = ended_at(served.authority(), path(&status), &all);
    assert_eq!(ended.status, 303);
    let result = path(ended.header("location").unwrap()).to_owned();
    let file = format!("{}/output2.ndjson", path(&status));
    for target in [path(&status), &result, &file] {
        assert_eq!(served.get_with(target, "").status, 401, "{target}");
        assert_eq!(served.get_with(target, &doctors).status, 403, "{target}");
    }
    assert_eq!(text(&served.get_with(&file, &all)), "{\"id\":\"d\"}\n");
    until("the audit has the export", || {
        let audit = dir.run(["audit", "s.db", "--json"]);
        audit.stdout.contains("$sql-export").then_some(())
    });
}

#[test]
fn users_see_rows_of_their_own_resources_alone() {
    let tenants = Tenants::new();
    let mut kept = view("Patient", &[("id", "id")]);
    kept["name"] = json!("kept");
    tenants.dir.write("kept.json", kept.to_string());
    assert_eq!(tenants.dir.run(["view", "add", "s.db", "kept.json"]).code, 0);
    let sql = library("SELECT id FROM p ORDER BY id", &[("p", "kept")]);
    for (headers, wanted) in [
        (tenants.app.headers(&tenants.anna.to_string()), vec!["anna"]),
        (tenants.app.headers(&tenants.ben.to_string()), vec!["ben"]),
        (tenants.app.headers("client"), vec!["anna", "ben"]),
        (tenants.other.headers(&tenants.carl.to_string()), vec!["carl"]),
    ] {
        for of in [&kept, &sql] {
            let rows = text(&run(&tenants.served, &headers, "subjectResource", of, &[]));
            let mut ids: Vec<&str> = rows.lines().skip(1).collect();
            ids.sort_unstable();
            assert_eq!(ids, wanted, "{headers}");
        }
    }
    // Another user's patient is not here.
    let others = [json!({"name": "patient", "valueReference": {"reference": "Patient/anna"}})];
    let answer = run(
        &tenants.served,
        &tenants.app.headers(&tenants.ben.to_string()),
        "subjectResource",
        &kept,
        &others,
    );
    answer.assert_outcome(400, "is not here");
    assert_eq!(run(&tenants.served, "", "subjectResource", &kept, &[]).status, 401);
    // The audit is written beside the answers.
    let sql = "SELECT count(*) FROM audit WHERE event = 'search' AND request LIKE '%sql-run%'";
    until("each answer with rows is in the audit", || {
        (tenants.dir.count("s.db", sql) == 8).then_some(())
    });
}

#[test]
fn files_of_a_user_end_with_the_user() {
    let tenants = Tenants::new();
    let headers = tenants.app.headers(&tenants.anna.to_string());
    let body = parameters(&[
        json!({"name": "subject", "part": [resource("subjectResource", &view("Patient", &[("id", "id")]))]}),
    ]);
    let started = post(
        &tenants.served,
        "/fhir/$sql-export",
        &format!("Prefer: respond-async\r\n{headers}"),
        &body,
    );
    let status = location(&started);
    assert_eq!(ended_at(tenants.to(), path(&status), &headers).status, 303);
    let file = format!("{}/output1.ndjson", path(&status));
    assert_eq!(tenants.get(&file, &headers).status, 200);
    for other in [
        tenants.app.headers(&tenants.ben.to_string()),
        tenants.app.headers("client"),
        tenants.other.headers(&tenants.carl.to_string()),
    ] {
        assert_eq!(tenants.get(&file, &other).status, 404);
        assert_eq!(tenants.get(path(&status), &other).status, 404);
    }
    let of_client = post(
        &tenants.served,
        "/fhir/$sql-export",
        &format!("Prefer: respond-async\r\n{}", tenants.app.headers("client")),
        &body,
    );
    let status = location(&of_client);
    let client = tenants.app.headers("client");
    assert_eq!(ended_at(tenants.to(), path(&status), &client).status, 303);
    let file = format!("{}/output1.ndjson", path(&status));
    assert_eq!(tenants.get(&file, &client).status, 200);
    assert_eq!(tenants.dir.run(["user", "deactivate", "s.db", "anna"]).code, 0);
    assert_eq!(tenants.get(&file, &client).status, 404);
}
