//! Rows and columns that views make: exact values, types, empty iterations, bounds.

use super::super::{ColumnKind, ViewDefinition, ViewError};
use crate::fhir::json::Tree;

/// The rows of a resource as lines of JSON values.
fn lines(view: &str, resource: &str) -> Vec<String> {
    let (view, resource) = (Tree::parse(view).unwrap(), Tree::parse(resource).unwrap());
    let view = ViewDefinition::read(&view).unwrap_or_else(|faults| panic!("{faults:?}"));
    let mut lines = Vec::new();
    let all = view.rows::<ViewError>(&resource, &mut |row| {
        let mut line = String::new();
        for value in row {
            value.write_json(&mut line);
            line.push(' ');
        }
        lines.push(line.trim_end().to_owned());
        Ok(())
    });
    all.unwrap_or_else(|fault| panic!("{fault}"));
    lines
}

#[test]
fn values_are_exact() {
    let view = r#"{"resource":"Observation","select":[{"column":[
        {"name":"value","path":"value.ofType(Quantity).value"},
        {"name":"low","path":"referenceRange.low.value","collection":true},
        {"name":"code","path":"code","type":"CodeableConcept"},
        {"name":"text","path":"code.text"},
        {"name":"computed","path":"0.10 + 0.20"}]}]}"#;
    let resource = r#"{"resourceType":"Observation","id":"o",
        "code":{"coding":[{"code":"a\n\"b\"","x":[]},{}],"text":"\u00e9\t"},
        "valueQuantity":{"value":1.50000000000000000000000001},
        "referenceRange":[{"low":{"value":0.10}},{"low":{"value":1E2}}]}"#;
    assert_eq!(
        lines(view, resource),
        [
            r#"1.50000000000000000000000001 [0.10,1E2] {"coding":[{"code":"a\n\"b\"","x":[]},{}],"text":"é\t"} "é\t" 0.30"#
        ]
    );
}

#[test]
fn an_empty_iteration_gives_nothing_or_one_row_without_values() {
    let view = |iteration: &str| {
        format!(
            r#"{{"resource":"Patient","select":[{{"column":[{{"name":"id","path":"id"}}]}},{{"{iteration}":"contact","column":[{{"name":"one","path":"1"}},{{"name":"place","path":"%rowIndex"}}],"select":[{{"forEach":"telecom","column":[{{"name":"tel","path":"value"}}]}}],"unionAll":[{{"column":[{{"name":"u","path":"gender"}}]}}]}}]}}"#
        )
    };
    let patient = r#"{"resourceType":"Patient","id":"p"}"#;
    assert_eq!(lines(&view("forEach"), patient), Vec::<String>::new());
    assert_eq!(lines(&view("forEachOrNull"), patient), [r#""p" null 0 null null"#]);
    assert_eq!(
        lines(&view("forEachOrNull"), r#"{"resourceType":"Group","id":"p"}"#),
        Vec::<String>::new()
    );
}

#[test]
fn rows_multiply_in_the_order_of_their_selects() {
    let view = r#"{"resource":"Patient","select":[
        {"forEach":"name","column":[{"name":"a","path":"family"}]},
        {"forEach":"name.given","column":[{"name":"b","path":"$this"},{"name":"c","path":"%rowIndex"}]}]}"#;
    let patient =
        r#"{"resourceType":"Patient","name":[{"family":"X","given":["1","2"]},{"family":"Y"}]}"#;
    assert_eq!(
        lines(view, patient),
        [r#""X" "1" 0"#, r#""X" "2" 1"#, r#""Y" "1" 0"#, r#""Y" "2" 1"#]
    );
}

#[test]
fn too_many_rows_are_an_error_and_not_a_wait() {
    let select = r#"{"forEach":"name","select":[{"forEach":"%resource.name","unionAll":[{"column":[]  ,"select":[{"forEach":"$this","column":[{"name":"NAME","path":"family"}]}]}]}]}"#;
    let selects: Vec<_> =
        (0..4).map(|number| select.replace("NAME", &format!("n{number}"))).collect();
    let view = format!(r#"{{"resource":"Patient","select":[{}]}}"#, selects.join(","));
    let names = vec![r#"{"family":"A"}"#; 40].join(",");
    let resource = format!(r#"{{"resourceType":"Patient","id":"p","name":[{names}]}}"#);
    let (view, resource) = (Tree::parse(&view).unwrap(), Tree::parse(&resource).unwrap());
    let view = ViewDefinition::read(&view).unwrap();
    let fault = view.rows::<ViewError>(&resource, &mut |_| Ok(())).unwrap_err();
    assert_eq!(fault.to_string(), "select: Patient/p: the selects make more than 1000000 rows");
}

#[test]
fn iterations_without_rows_end_too() {
    let (open, close) = (r#"{"forEach":"%resource.name","select":["#.repeat(12), "]}".repeat(12));
    let none = r#"{"forEach":"{}","column":[{"name":"a","path":"1"}]}"#;
    let view = format!(r#"{{"resource":"Patient","select":[{open}{none}{close}]}}"#);
    let names = vec![r#"{"family":"A"}"#; 100].join(",");
    let resource = format!(r#"{{"resourceType":"Patient","id":"p","name":[{names}]}}"#);
    let (view, resource) = (Tree::parse(&view).unwrap(), Tree::parse(&resource).unwrap());
    let view = ViewDefinition::read(&view).unwrap();
    let fault = view.rows::<ViewError>(&resource, &mut |_| Ok(())).unwrap_err();
    assert!(fault.to_string().contains("too many steps here"), "{fault}");
}

#[test]
fn a_caller_may_stop() {
    let view = Tree::parse(
        r#"{"resource":"Patient","select":[{"forEach":"name","column":[{"name":"a","path":"family"}]}]}"#,
    );
    let view = ViewDefinition::read(&view.unwrap()).unwrap();
    let resource = r#"{"resourceType":"Patient","name":[{"family":"A"},{"family":"B"}]}"#;
    let resource = Tree::parse(resource).unwrap();
    let mut count = 0;
    let stopped = view.rows(&resource, &mut |_| {
        count += 1;
        Err(ViewError::new("", "enough"))
    });
    assert_eq!((count, stopped.unwrap_err().to_string().as_str()), (1, "enough"));
}

#[test]
fn columns_have_the_types_that_the_view_or_the_path_says() {
    let view = r#"{"resource":"Observation","constant":[{"name":"limit","valueDecimal":1.0}],"select":[
        {"column":[{"name":"id","path":"getResourceKey()"},{"name":"issued","path":"issued"},
          {"name":"high","path":"value.ofType(Quantity).value > %limit"},
          {"name":"unknown","path":"value"},{"name":"said","path":"value","type":"http://hl7.org/fhir/StructureDefinition/integer64"}]},
        {"forEach":"component","column":[{"name":"place","path":"%rowIndex"},{"name":"number","path":"value.ofType(integer)"},
          {"name":"codes","path":"code.coding.code","collection":true,"description":"All codes.","tags":[{"name":"ansi/type","value":"VARCHAR"}]},
          {"name":"coding","path":"code.coding","type":"Coding","collection":true}]}]}"#;
    let view = Tree::parse(view).unwrap();
    let view = ViewDefinition::read(&view).unwrap();
    let found: Vec<_> = view
        .columns()
        .iter()
        .map(|column| {
            (column.name.as_str(), column.type_name.as_deref(), column.kind, column.is_collection)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("id", Some("string"), ColumnKind::Text, false),
            ("issued", Some("instant"), ColumnKind::Text, false),
            ("high", Some("boolean"), ColumnKind::Boolean, false),
            ("unknown", None, ColumnKind::Text, false),
            ("said", Some("integer64"), ColumnKind::Integer64, false),
            ("place", Some("integer"), ColumnKind::Integer, false),
            ("number", Some("integer"), ColumnKind::Integer, false),
            ("codes", Some("code"), ColumnKind::Text, true),
            ("coding", Some("Coding"), ColumnKind::Json, true),
        ]
    );
    assert_eq!(view.columns()[7].description.as_deref(), Some("All codes."));
    assert_eq!(view.columns()[7].tags[0].value, "VARCHAR");
}

#[test]
fn both_forms_of_identifier_are_read() {
    for (identifier, wanted) in
        [(r#"{"system":"s","value":"v"}"#, 1), (r#"[{"value":"v"},{"value":"w"}]"#, 2), ("[]", 0)]
    {
        let view = format!(
            r#"{{"resourceType":"ViewDefinition","name":"n","identifier":{identifier},"resource":"Patient","select":[{{"column":[{{"name":"id","path":"id"}}]}}]}}"#
        );
        let view = ViewDefinition::read(&Tree::parse(&view).unwrap()).unwrap();
        assert_eq!(view.about().identifiers.len(), wanted);
        assert_eq!((view.about().name.as_deref(), view.resource()), (Some("n"), "Patient"));
    }
}

#[test]
fn threads_share_a_view() {
    fn shared<T: Send + Sync>() {}
    shared::<ViewDefinition>();
}
