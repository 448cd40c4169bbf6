//! Faults of views: each with its place, what is wrong, and what to do.

use super::super::{ViewDefinition, ViewError};
use crate::fhir::json::Tree;

/// All faults of a view, as messages.
fn faults(view: &str) -> Vec<String> {
    let tree = Tree::parse(view).unwrap();
    let faults = ViewDefinition::read(&tree).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

/// A view of patients with these selects.
fn of_patients(select: &str) -> String {
    format!(r#"{{"resource":"Patient","select":[{select}]}}"#)
}

#[test]
fn faults_of_a_view_name_their_places() {
    for (view, wanted) in [
        ("[]", "a ViewDefinition is a JSON object"),
        (r#"{"resourceType":"Patient"}"#, "resourceType: this is a Patient, no ViewDefinition"),
        ("{}", "resource: this element is missing"),
        ("{}", "select: a view has at least one select"),
        (
            r#"{"resource":"patient"}"#,
            "resource: there is no resource type `patient`; write Patient",
        ),
        (r#"{"resource":["Patient"]}"#, "resource: a text should stand here"),
        (
            r#"{"name":"my view"}"#,
            "name: `my view` is no name; one begins with a letter, and letters, digits and _ follow (A to Z, a to z)",
        ),
        (r#"{"select":{}}"#, "select: a list of objects should stand here"),
        (r#"{"select":[1]}"#, "select[0]: an object should stand here"),
        (
            r#"{"constant":[{"name":"a"}]}"#,
            "constant[0]: a constant has one value, such as valueString or valueInteger, not 0",
        ),
        (r#"{"constant":[{"valueString":"a"}]}"#, "constant[0].name: this element is missing"),
        (
            r#"{"constant":[{"name":"resource","valueString":"a"}]}"#,
            "constant[0]: `%resource` means something else in FHIRPath; choose another name",
        ),
        (
            r#"{"constant":[{"name":"a","valueInteger":"1"}]}"#,
            "constant[0]: valueInteger holds no integer",
        ),
        (
            r#"{"constant":[{"name":"a","valuePositiveInt":0}]}"#,
            "constant[0]: valuePositiveInt holds no positiveInt",
        ),
        (
            r#"{"constant":[{"name":"a","valueCode":"b"},{"name":"a","valueCode":"c"}]}"#,
            "constant[1].name: there is a constant `a` already",
        ),
        (r#"{"where":[{}]}"#, "where[0].path: this element is missing"),
        (
            r#"{"resource":"Patient","where":[{"path":"birthDate"}]}"#,
            "where[0].path: `birthDate` gives values of type date, but a condition is true or false; compare the value or end with `.exists()`",
        ),
    ] {
        let faults = faults(view);
        assert!(faults.iter().any(|fault| fault == wanted), "{view}: {faults:#?}");
    }
}

#[test]
fn misspelt_elements_are_faults() {
    for name in ["wheres", "Where", "Select", "forEach", "columns"] {
        let view = of_patients(r#"{"column":[{"name":"a","path":"id"}]}"#);
        let faults = faults(&view.replacen('{', &format!(r#"{{"{name}":[],"#), 1));
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].starts_with(&format!("{name}: a view has no such element")),
            "{faults:?}"
        );
    }
}

#[test]
fn faults_of_selects_name_their_places() {
    for (select, wanted) in [
        ("{}", "select[0]: a select has a column, a select or a unionAll"),
        (
            r#"{"column":[{"name":"a","path":"id"}],"foreach":"name"}"#,
            "select[0].foreach: there is no such element; there are column, select, forEach, forEachOrNull, repeat, unionAll",
        ),
        (r#"{"column":[{"path":"id"}]}"#, "select[0].column[0].name: this element is missing"),
        (r#"{"column":[{"name":"a"}]}"#, "select[0].column[0].path: this element is missing"),
        (
            r#"{"column":[{"name":"_a","path":"id"}]}"#,
            "select[0].column[0].name: `_a` is no name; one begins with a letter, and letters, digits and _ follow (A to Z, a to z)",
        ),
        (
            r#"{"column":[{"name":"a","path":"id","type":"strng"}]}"#,
            "select[0].column[0].type: there is no type `strng`; types are such as string, code, boolean, integer, decimal, date",
        ),
        (
            r#"{"column":[{"name":"a","path":"id","collection":"yes"}]}"#,
            "select[0].column[0].collection: true or false should stand here",
        ),
        (
            r#"{"column":[{"name":"a","path":"name"}]}"#,
            "select[0].column[0].path: `name` gives values of type HumanName, which have elements; name one of them, or give the column the type HumanName to have JSON",
        ),
        (
            r#"{"column":[{"name":"a","path":"name","type":"string"}]}"#,
            "select[0].column[0].type: the type is string, but `name` gives values of type HumanName",
        ),
        (
            r#"{"column":[{"name":"a","path":"id"}]},{"select":[{"column":[{"name":"a","path":"id"}]}]}"#,
            "select[1].select[0].column[0].name: there is a column `a` already",
        ),
        (
            r#"{"forEach":"name","repeat":["contact"],"column":[{"name":"a","path":"id"}]}"#,
            "select[0]: forEach and repeat stand together; a select has one of them",
        ),
        (
            r#"{"repeat":"contact","column":[{"name":"a","path":"id"}]}"#,
            "select[0].repeat: a list of texts should stand here",
        ),
        (
            r#"{"column":[{"name":"a","path":"%b"}]}"#,
            "select[0].column[0].path: `%b`, character 1: there is no constant `%b`",
        ),
        (
            r#"{"column":[{"name":"a","path":"id","tag":[{"name":"ansi/type"}]}]}"#,
            "select[0].column[0].tag[0].value: this element is missing",
        ),
        (
            r#"{"unionAll":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"b","path":"id"}]}]}"#,
            "select[0].unionAll[1]: the branches of a union have the same columns in the same order: this one has b, the first one has a",
        ),
        (
            r#"{"unionAll":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"a","path":"active"}]}]}"#,
            "select[0].unionAll[1].column[0].path: column `a` is of type boolean here and of type id in the first branch of the union; give both the same type and collection",
        ),
    ] {
        let faults = faults(&of_patients(select));
        assert!(faults.iter().any(|fault| fault == wanted), "{select}: {faults:#?}");
    }
}

#[test]
fn all_faults_are_found_at_once() {
    let faults = faults(
        r#"{"resource":"Patient","constant":[{"name":"c"}],"where":[{"path":"%c = 1"},{"path":"("}],"select":[{"forEach":"@@","column":[{"name":"1","path":"id.x("}]}]}"#,
    );
    let places: Vec<_> = faults.iter().map(|fault| fault.split(": ").next().unwrap()).collect();
    // What uses a constant with a fault is not told.
    assert_eq!(
        places,
        [
            "constant[0]",
            "where[1].path",
            "select[0].forEach",
            "select[0].column[0].name",
            "select[0].column[0].path"
        ]
    );
}

#[test]
fn a_branch_with_a_fault_is_not_compared() {
    let select = r#"{"unionAll":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"a","path":"("}]}]}"#;
    let faults = faults(&of_patients(select));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].starts_with("select[0].unionAll[1].column[0].path: `(`, character 2"),
        "{faults:?}"
    );
}

#[test]
fn selects_nest_to_a_bound() {
    let nested = |depth: usize| {
        let (open, close) = (r#"{"select":["#.repeat(depth), "]}".repeat(depth));
        of_patients(&format!(r#"{open}{{"column":[{{"name":"a","path":"id"}}]}}{close}"#))
    };
    assert_eq!(faults(&nested(31)), Vec::<String>::new());
    let faults = faults(&nested(32));
    assert!(faults[0].ends_with("selects nest at most 32 deep"), "{faults:?}");
}

#[test]
fn faults_that_a_resource_shows_name_it() {
    for (select, wanted) in [
        (
            r#"{"column":[{"name":"a","path":"name.family"}]}"#,
            "select[0].column[0].path: Patient/p: `name.family` gives 2 values, but the column holds one; take one of them, such as with `.first()`, or set `collection` to true",
        ),
        (
            r#"{"column":[{"name":"a","path":"gender","type":"boolean"}]}"#,
            "select[0].column[0].path: Patient/p: `gender` gives a text, but the column holds true or false; change its path or its type",
        ),
        (
            r#"{"column":[{"name":"a","path":"multipleBirth","type":"integer"}]}"#,
            "select[0].column[0].path: Patient/p: `multipleBirth` gives a number, but the column holds a whole number of 32 bits; change its path or its type",
        ),
        (
            r#"{"column":[{"name":"a","path":"address.extra"}]}"#,
            "select[0].column[0].path: Patient/p: `address.extra` gives an element that has elements, but the column holds a text; change its path or its type",
        ),
        (
            r#"{"repeat":["$this"],"column":[{"name":"a","path":"id"}]}"#,
            "select[0].repeat[0]: Patient/p: the `repeat` finds more and more, without an end",
        ),
    ] {
        let view = of_patients(select);
        let view = Tree::parse(&view).unwrap();
        let view =
            ViewDefinition::read(&view).unwrap_or_else(|faults| panic!("{select}: {faults:?}"));
        let resource = Tree::parse(
            r#"{"resourceType":"Patient","id":"p","gender":"female","name":[{"family":"A"},{"family":"B"}],"multipleBirthInteger":3000000000,"address":[{"extra":{}}]}"#,
        )
        .unwrap();
        let mut given = 0;
        let fault = view.rows::<ViewError>(&resource, &mut |_| {
            given += 1;
            Ok(())
        });
        assert_eq!((given, fault.unwrap_err().to_string().as_str()), (0, wanted));
    }
}
