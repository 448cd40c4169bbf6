//! `$sql-run` of views: how they are named, each parameter, each form, what is refused.

use serde_json::{Value, json};

use super::{DATA, PEOPLE, URL, parameters, post, refused, resource, served, text, view};
use crate::support::Dir;
use crate::support::client::send;

const KEYS: &str = "key\r\na\r\nb\r\nc\r\n";
const RUN: &str = "/fhir/$sql-run?_format=csv";

#[test]
fn a_view_is_named_by_reference_canonical_url_path_or_comes_along() {
    let (_dir, served) = served();
    let own = format!("{}/fhir/ViewDefinition/people", served.url);
    for (path, rows) in [
        ("/fhir/$sql-run?_format=csv&subjectReference=ViewDefinition/people".to_owned(), PEOPLE),
        (format!("{RUN}&subjectReference={own}"), PEOPLE),
        (format!("{RUN}&subjectCanonical={URL}%7C1.9"), PEOPLE),
        // Of several versions the highest active one.
        (format!("{RUN}&subjectCanonical={URL}"), KEYS),
        (format!("{RUN}&viewReference=ViewDefinition/people"), PEOPLE),
        (format!("{RUN}&viewReference={URL}"), KEYS),
        (
            "/fhir/$viewdefinition-run?_format=csv&viewReference=ViewDefinition/people".to_owned(),
            PEOPLE,
        ),
        (
            "/fhir/ViewDefinition/$sql-run?_format=csv&viewReference=ViewDefinition/people"
                .to_owned(),
            PEOPLE,
        ),
        (
            "/fhir/ViewDefinition/$run?_format=csv&viewReference=ViewDefinition/people".to_owned(),
            PEOPLE,
        ),
        ("/fhir/ViewDefinition/people/$run?_format=csv".to_owned(), PEOPLE),
        ("/fhir/ViewDefinition/people/$viewdefinition-run?_format=csv".to_owned(), PEOPLE),
        ("/fhir/ViewDefinition/people/$sql-run?_format=csv".to_owned(), PEOPLE),
    ] {
        assert_eq!(text(&served.get(&path)), rows, "{path}");
    }
    let named = |name: &str, value: Value| {
        parameters(&[
            json!({"name": name, "valueReference": value}),
            json!({"name": "_format", "valueCode": "csv"}),
        ])
    };
    let by_reference = named("subjectReference", json!({"reference": "ViewDefinition/people"}));
    assert_eq!(text(&post(&served, "/fhir/$sql-run", "", &by_reference)), PEOPLE);
    let given = view("Patient", &[("id", "id")]);
    for name in ["subjectResource", "viewResource"] {
        let body = parameters(&[resource(name, &given)]);
        let rows = text(&post(&served, "/fhir/$sql-run", "", &body));
        assert_eq!(rows, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n");
    }
}

#[test]
fn a_view_of_the_store_is_named_by_its_table_or_its_url() {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    let mut view = view("Patient", &[("id", "id")]);
    view["name"] = json!("kept_people");
    view["url"] = json!("http://example.org/kept");
    dir.write("view.json", view.to_string());
    assert_eq!(dir.run(["view", "add", "s.db", "view.json"]).code, 0);
    let served = dir.serve(&["s.db"]);
    for query in [
        "subjectReference=kept_people",
        "viewReference=kept_people",
        "subjectCanonical=http://example.org/kept",
    ] {
        assert_eq!(
            text(&served.get(&format!("{RUN}&{query}"))),
            "id\r\na\r\nb\r\nc\r\n",
            "{query}"
        );
    }
}

#[test]
fn filters_are_those_of_an_export() {
    let (_dir, served) = served();
    let ids = |query: &str| {
        let rows = text(&served.get(&format!("/fhir/ViewDefinition/people/$sql-run?{query}")));
        let id = |line: &str| {
            serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
        };
        rows.lines().map(id).collect::<Vec<_>>().join(" ")
    };
    for (query, wanted) in [
        ("", "a b c"),
        ("patient=Patient/b", "b"),
        ("patient=Patient/b&patient=Patient/a", "a b"),
        ("group=Group/g", "a c"),
        ("group=Group/g&patient=Patient/c", "c"),
        ("_limit=2", "a b"),
        ("_limit=0", ""),
        ("_since=2000-01-01T00:00:00Z", "a b c"),
        ("_since=2999-01-01T00:00:00Z", ""),
        ("_pretty=true", "a b c"),
    ] {
        assert_eq!(ids(query), wanted, "{query}");
    }
    // Of types outside of the compartment there is what patients refer to.
    let doctors = |query: &str| {
        text(&served.get(&format!("/fhir/ViewDefinition/doctors/$sql-run?_format=csv&{query}")))
    };
    assert_eq!(doctors("patient=Patient/c"), "id\r\nd\r\n");
    assert_eq!(doctors("patient=Patient/a"), "id\r\n");
}

#[test]
fn resources_of_the_request_stand_in_for_the_store() {
    let (_dir, served) = served();
    let patient = |id: &str| json!({"resourceType": "Patient", "id": id});
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": patient("x")}, {"resource": {"resourceType": "Observation", "id": "o"}}, {"fullUrl": "urn:x"},
    ]});
    let body = |more: &[Value]| {
        let mut list = vec![
            resource("subjectResource", &view("Patient", &[("id", "id")])),
            json!({"name": "_format", "valueCode": "csv"}),
        ];
        list.extend_from_slice(more);
        parameters(&list)
    };
    let given = [resource("resource", &bundle), resource("resource", &patient("y"))];
    assert_eq!(text(&post(&served, "/fhir/$sql-run", "", &body(&given))), "id\r\nx\r\ny\r\n");
    let limited = [&given[..], &[json!({"name": "_limit", "valueInteger": 1})]].concat();
    assert_eq!(text(&post(&served, "/fhir/$sql-run", "", &body(&limited))), "id\r\nx\r\n");
    let filtered =
        [&given[..], &[json!({"name": "patient", "valueReference": {"reference": "Patient/a"}})]]
            .concat();
    refused(
        &post(&served, "/fhir/$sql-run", "", &body(&filtered)),
        400,
        "invalid",
        "resource",
        "leave patient",
    );
}

#[test]
fn what_is_wrong_with_a_request_names_the_parameter() {
    let (_dir, served) = served();
    let people = "subjectReference=ViewDefinition/people";
    for (query, status, code, expression, word) in [
        ("", 400, "required", "subject", "no subject"),
        (&*format!("{people}&subjectCanonical={URL}"), 400, "invalid", "subject", "more than one"),
        (
            "subjectCanonical=http://example.org/none",
            404,
            "not-found",
            "subjectCanonical",
            "is not here",
        ),
        (
            "subjectReference=ViewDefinition/none",
            404,
            "not-found",
            "subjectReference",
            "is not here",
        ),
        (
            "subjectReference=http://elsewhere.example/fhir/ViewDefinition/people",
            404,
            "not-found",
            "subjectReference",
            "is not here",
        ),
        (
            "subjectReference=Patient/a",
            422,
            "invalid",
            "subjectReference",
            "neither a ViewDefinition",
        ),
        (
            &*format!("{people}&nobodyKnows=1"),
            400,
            "not-supported",
            "nobodyKnows",
            "does not support",
        ),
        (
            &*format!("{people}&source=s3://x"),
            400,
            "not-supported",
            "source",
            "does not support the parameter source",
        ),
        (
            &*format!("{people}&_format=xlsx"),
            400,
            "not-supported",
            "_format",
            "csv, ndjson, json, parquet",
        ),
        (&*format!("{people}&_format=fhir"), 400, "not-supported", "_format", "is not supported"),
        (&*format!("{people}&header=yes"), 400, "invalid", "header", "true or false"),
        (&*format!("{people}&_limit=-1"), 400, "invalid", "_limit", "a number"),
        (&*format!("{people}&_limit=1&_limit=2"), 400, "invalid", "_limit", "given twice"),
        (&*format!("{people}&_since=2020"), 400, "invalid", "_since", "an instant"),
        (
            &*format!("{people}&patient=Patient/none"),
            400,
            "not-found",
            "patient",
            "Patient/none is not here",
        ),
        (&*format!("{people}&patient=Group/g"), 400, "invalid", "patient", "Patient/123"),
        (
            &*format!("{people}&group=Group/none"),
            400,
            "not-found",
            "group",
            "Group/none is not here",
        ),
        (
            &*format!("{people}&group=Group/g&group=Group/g"),
            400,
            "not-supported",
            "group",
            "one group",
        ),
        (&*format!("{people}&resource=x"), 400, "invalid", "resource", "by POST"),
        (&*format!("{people}&subjectResource=x"), 400, "invalid", "subjectResource", "by POST"),
    ] {
        let answer = served.get(&format!("/fhir/$sql-run?{query}"));
        refused(&answer, status, code, expression, word);
    }
    // A subject that is not here goes before a filter, and both are told.
    let both =
        served.get("/fhir/$sql-run?subjectReference=ViewDefinition/none&patient=Patient/none");
    refused(&both, 404, "not-found", "subjectReference", "is not here");
    assert_eq!(both.json()["issue"][1]["expression"], json!(["patient"]));
    let values = resource("parameters", &parameters(&[]));
    let body = |more: &Value| {
        parameters(&[
            json!({"name": "subjectReference", "valueString": "ViewDefinition/people"}),
            more.clone(),
        ])
    };
    refused(
        &post(&served, "/fhir/$sql-run", "", &body(&values)),
        400,
        "invalid",
        "parameters",
        "declares no parameters",
    );
    let context = resource("context", &view("Patient", &[("id", "id")]));
    refused(
        &post(&served, "/fhir/$sql-run", "", &body(&context)),
        400,
        "invalid",
        "context",
        "depends on no other",
    );
    // Lenient handling lets be what is not known, but nothing that the rows depend on.
    let lenient = "Prefer: handling=lenient\r\n";
    let run = format!("/fhir/$sql-run?{people}");
    assert_eq!(served.get_with(&format!("{run}&nobodyKnows=1"), lenient).status, 200);
    assert_eq!(served.get_with(&format!("{run}&_since=2020"), lenient).status, 200);
    assert_eq!(served.get_with(&format!("{run}&source=x"), lenient).status, 400);
    assert_eq!(served.get_with(&format!("{run}&patient=Patient/none"), lenient).status, 400);
    assert_eq!(
        send(
            served.authority(),
            "POST",
            "/fhir/$sql-run",
            "Content-Type: text/plain\r\nContent-Length: 1\r\n",
            b"x"
        )
        .status,
        415
    );
}

#[test]
fn faults_of_a_view_name_their_place_in_it() {
    let (_dir, served) = served();
    let run = |view: &Value| {
        post(&served, "/fhir/$sql-run", "", &parameters(&[resource("subjectResource", view)]))
    };
    let mut undefined = view("Patient", &[("id", "id"), ("x", "name.where(use = %nobody)")]);
    refused(&run(&undefined), 422, "invalid", "subjectResource", "select[0].column[1].path");
    undefined["select"] = json!([{"unionAll": [{"column": [{"name": "a", "path": "id"}]}, {"column": [{"name": "b", "path": "id"}]}]}]);
    refused(&run(&undefined), 422, "invalid", "subjectResource", "select[0].unionAll[1]");
    // A fault that the view meets in a resource, before the first row is sent.
    let answer = served.get("/fhir/ViewDefinition/families/$sql-run");
    answer.assert_outcome(422, "select[0].column[0].path: Patient/c");
}
