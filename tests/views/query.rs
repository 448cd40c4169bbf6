//! SQL of Libraries: natively over tables of the store, over rows that are made for it, with values that are bound.

use serde_json::{Value, json};

use super::{DATA, URL, library, parameters, post, refused, resource, served, text, view};
use crate::support::client::Answer;
use crate::support::{Dir, Served};

const RUN: &str = "/fhir/$sql-run";
const VALUES: &str = "http://example.org/ViewDefinition/values";

fn code(name: &str, value: &str) -> Value {
    json!({"name": name, "valueCode": value})
}

fn run_in(served: &Served, library: &Value, format: &str, more: &[Value]) -> Answer {
    let mut list = vec![resource("subjectResource", library), code("_format", format)];
    list.extend_from_slice(more);
    post(served, RUN, "", &parameters(&list))
}

fn run(served: &Served, library: &Value, more: &[Value]) -> Answer {
    run_in(served, library, "csv", more)
}

#[test]
fn sql_joins_views_that_are_stored_or_come_along() {
    let (_dir, served) = served();
    let sql = "SELECT p.family, v.value FROM p JOIN v ON v.patient = p.id ORDER BY v.value DESC";
    let of_both = library(sql, &[("p", &format!("{URL}|1.9")), ("v", VALUES)]);
    assert_eq!(
        text(&run(&served, &of_both, &[])),
        "family,value\r\n\"Reed, the second\",7\r\nMoss,1.5\r\n"
    );
    assert_eq!(
        text(&run_in(&served, &of_both, "ndjson", &[])),
        "{\"family\":\"Reed, the second\",\"value\":7}\n{\"family\":\"Moss\",\"value\":1.5}\n"
    );
    let parquet = run_in(&served, &of_both, "parquet", &[]);
    assert!(parquet.body.starts_with(b"PAR1"), "{}", parquet.text());
    // A view of the request goes before one of the store.
    let mut given = view("Patient", &[("id", "id"), ("family", "gender")]);
    given["url"] = json!(URL);
    given["version"] = json!("1.9");
    let context = resource("context", &given);
    assert_eq!(
        text(&run(&served, &of_both, std::slice::from_ref(&context))),
        "family,value\r\nmale,7\r\nfemale,1.5\r\n"
    );
    let unused = library("SELECT 1 AS one", &[]);
    refused(&run(&served, &unused, &[context]), 400, "invalid", "context", "no table of the SQL");
    let missing = library("SELECT * FROM x", &[("x", "http://example.org/none")]);
    refused(&run(&served, &missing, &[]), 404, "not-found", "", "fhirlite view add");
    // Limits come after the SQL.
    let three = library("SELECT id FROM p ORDER BY id DESC", &[("p", &format!("{URL}|1.9"))]);
    let limited = [json!({"name": "_limit", "valueInteger": 2})];
    assert_eq!(text(&run(&served, &three, &limited)), "id\r\nc\r\nb\r\n");
}

#[test]
fn a_library_is_stored_or_comes_along_under_each_name_of_the_operation() {
    let dir = Dir::new();
    let mut stored = library("SELECT count(*) AS n FROM p", &[("p", URL)]);
    stored["id"] = json!("q");
    stored["url"] = json!("http://example.org/Library/q");
    dir.write("in.ndjson", format!("{DATA}{stored}\n"));
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    for path in [
        "/fhir/$sql-run?_format=csv&subjectReference=Library/q",
        "/fhir/$sql-run?_format=csv&subjectCanonical=http://example.org/Library/q",
        "/fhir/$sqlquery-run?_format=csv&queryReference=Library/q",
        "/fhir/Library/$sqlquery-run?_format=csv&queryReference=Library/q",
        "/fhir/Library/q/$sqlquery-run?_format=csv",
        "/fhir/Library/q/$sql-run?_format=csv",
    ] {
        assert_eq!(text(&served.get(path)), "n\r\n3\r\n", "{path}");
    }
    let body = parameters(&[resource("queryResource", &stored), code("_format", "csv")]);
    assert_eq!(text(&post(&served, "/fhir/$sqlquery-run", "", &body)), "n\r\n3\r\n");
}

#[test]
fn tables_of_the_store_are_read_as_they_are_and_filters_make_rows_anew() {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    let mut kept = view("Patient", &[("id", "id"), ("gender", "gender")]);
    kept["name"] = json!("kept");
    kept["url"] = json!("http://example.org/kept");
    dir.write("kept.json", kept.to_string());
    assert_eq!(dir.run(["view", "add", "s.db", "kept.json"]).code, 0);
    // What the table has, no view would make: so these rows tell where others come from.
    dir.open("s.db").execute("UPDATE kept SET gender = 'of the table'", ()).unwrap();
    let served = dir.serve(&["s.db"]);
    let all = |name: &str| library("SELECT id, gender FROM T ORDER BY id", &[("t", name)]);
    for name in ["http://example.org/kept", "kept", "ViewDefinition/kept"] {
        let rows = text(&run(&served, &all(name), &[]));
        assert_eq!(rows, "id,gender\r\na,of the table\r\nb,of the table\r\nc,of the table\r\n");
    }
    let of_group = [json!({"name": "group", "valueReference": {"reference": "Group/g"}})];
    assert_eq!(text(&run(&served, &all("kept"), &of_group)), "id,gender\r\na,female\r\nc,\r\n");
    let of_one = [json!({"name": "patient", "valueReference": {"reference": "Patient/b"}})];
    assert_eq!(text(&run(&served, &all("kept"), &of_one)), "id,gender\r\nb,male\r\n");
    // Between two queries the store may change.
    dir.write("more.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"z\",\"gender\":\"other\"}\n");
    dir.import(0, &["s.db", "more.ndjson"]);
    assert!(text(&run(&served, &all("kept"), &[])).ends_with("z,other\r\n"));
}

#[test]
fn values_are_bound_by_name_and_type() {
    let (_dir, served) = served();
    let mut asks = library(
        "SELECT id FROM p WHERE family = :family OR (:flag AND id = :id) OR id = :nothing",
        &[("p", &format!("{URL}|1.9"))],
    );
    asks["parameter"] = json!([
        {"name": "family", "type": "string", "use": "in"},
        {"name": "flag", "type": "boolean", "use": "in"},
        {"name": "id", "type": "id", "use": "in"},
        {"name": "nothing", "type": "date", "use": "in"},
    ]);
    let given = |list: &[Value]| [resource("parameters", &parameters(list))];
    let family = |text: &str| json!({"name": "family", "valueString": text});
    let rows = |list: &[Value]| text(&run(&served, &asks, &given(list)));
    assert_eq!(rows(&[family("Moss")]), "id\r\na\r\n");
    assert_eq!(rows(&[family("' OR 1=1 --")]), "id\r\n");
    assert_eq!(
        rows(&[
            json!({"name": "flag", "valueBoolean": true}),
            json!({"name": "id", "valueId": "b"})
        ]),
        "id\r\nb\r\n"
    );
    assert_eq!(rows(&[]), "id\r\n");
    for (list, word) in [
        (vec![json!({"name": "colour", "valueString": "x"})], "declares no parameter \"colour\""),
        (
            vec![json!({"name": "family", "valueCode": "x"})],
            "expects the type string, in valueString; it has valueCode",
        ),
        (vec![family("a"), family("b")], "given twice"),
    ] {
        refused(&run(&served, &asks, &given(&list)), 400, "invalid", "parameters", word);
    }
    asks["parameter"][0]["min"] = json!(1);
    refused(&run(&served, &asks, &given(&[])), 400, "invalid", "parameters", "\"family\" lacks");
}

#[test]
fn faults_of_a_library_name_their_place() {
    let (_dir, served) = served();
    let sql = |sql: &str| library(sql, &[("p", URL)]);
    let mut no_sql = sql("SELECT 1");
    no_sql["content"][0]["contentType"] = json!("application/sql;dialect=postgresql");
    let mut twice = sql("SELECT 1");
    twice["relatedArtifact"] = json!([twice["relatedArtifact"][0], twice["relatedArtifact"][0]]);
    for (library, word) in [
        (no_sql, "content: no attachment"),
        (twice, "relatedArtifact[1]: the label"),
        (sql("SELEC 1"), "syntax error, at byte 0"),
        (sql("SELECT nobody FROM p"), "no such column: nobody"),
        (sql("SELECT 1 AS a, 2 AS a"), "two columns of the result have the name \"a\""),
        (sql("SELECT :x"), "placeholder \":x\""),
        (sql("SELECT ?"), "placeholder \"?\""),
    ] {
        refused(&run(&served, &library, &[]), 422, "invalid", "subjectResource", word);
    }
    let given = resource("resource", &json!({"resourceType": "Patient"}));
    refused(
        &run(&served, &sql("SELECT 1"), &[given]),
        400,
        "invalid",
        "resource",
        "for a ViewDefinition",
    );
    let export = parameters(&[
        json!({"name": "subject", "part": [resource("subjectResource", &sql("SELECT 1"))]}),
    ]);
    let answer = post(&served, "/fhir/$sql-export", "Prefer: respond-async\r\n", &export);
    refused(&answer, 400, "not-supported", "subject[0].subjectResource", "by $sql-run");
}
