//! What is wrong is said with its column.

use super::super::{Path, PathContext};
use crate::fhir::json::Tree;

#[test]
fn wrong_expressions_are_refused_when_they_are_read() {
    for (expression, wanted) in [
        ("", "column 1: an expression should stand here, not the end"),
        ("a.", "column 3: the name of an element or of a function should stand here, not the end"),
        ("a b", "column 3: the end of the expression should stand here, not `b`"),
        ("a.where(b", "column 10: `)` should stand here, not the end"),
        ("(a", "column 3: `)` should stand here, not the end"),
        ("a[1", "column 4: `]` should stand here, not the end"),
        ("a = ", "column 5: an expression should stand here, not the end"),
        ("1 + * 2", "column 5: an expression should stand here, not `*`"),
        ("{1}", "column 2: `}` should stand here, not `1`"),
        ("a.first(1)", "column 3: `first` takes no argument, not 1"),
        ("a.where()", "column 3: `where` takes one argument, not 0"),
        ("a.exists(b, c)", "column 3: `exists` takes one argument at most, not 2"),
        ("iif(a)", "column 1: `iif` takes 2 to 3 arguments, not 1"),
        ("a.ofType(quantity)", "column 10: there is no type `quantity`"),
        ("a.ofType(Quanttiy)", "column 10: there is no type `Quanttiy`"),
        ("a = Observaton.code", "column 5: there is no type `Observaton`"),
        ("a is System.Quantity", "column 6: there is no type `Quantity`"),
        ("a as 'b'", "column 6: the name of a type should stand here, not the text 'b'"),
        ("a.getReferenceKey(1)", "column 19: the name of a type should stand here, not `1`"),
        ("$that", "column 1: there is no `$that`"),
        ("4 'mg'", "column 1: quantities with a unit cannot be written here"),
        ("a = 'é", "column 5: the quote that opens here is not closed"),
        ("'é' = #", "column 7: the character '#' has no meaning here"),
    ] {
        let error = Path::parse(expression).unwrap_err();
        assert_eq!(error.to_string(), wanted, "{expression}");
    }
}

#[test]
fn an_unknown_function_is_told_which_there_are() {
    let error = Path::parse("name.fist()").unwrap_err();
    assert_eq!(error.column(), 6);
    assert!(error.reason().starts_with("there is no function `fist`; there are as, "), "{error}");
    assert!(error.reason().ends_with("toString, upper, where"), "{error}");
}

#[test]
fn unknown_constants_are_found_before_any_resource_is() {
    let path = Path::parse("a = %b and %resource.c = %rowIndex or d(%e)");
    assert!(path.is_err());
    let path = Path::parse("a = %b and %resource.c = %rowIndex or d.where(%e)").unwrap();
    assert_eq!(path.check_constants(|name| name == "b" || name == "e"), Ok(()));
    let error = path.check_constants(|name| name == "b").unwrap_err();
    assert_eq!(error.to_string(), "column 47: there is no constant `%e`");
}

#[test]
fn what_does_not_fit_a_resource_is_an_error() {
    let resource =
        r#"{"resourceType":"Patient","name":[{"family":"a"},{"family":"b"}],"active":true}"#;
    let tree = Tree::parse(resource).unwrap();
    for (expression, wanted) in [
        ("name.family > 'a'", "column 13: `>` takes one value, not 2"),
        ("active > 'a'", "column 8: `>` does not take a boolean and a text"),
        ("name[0] < 1", "column 9: `<` does not take an element that has elements and a number"),
        ("1 + 'a'", "column 3: `+` does not take a number and a text"),
        ("@2020 - 1", "column 7: `-` does not take a date or time and a number"),
        ("'a' & 1", "column 5: `&` does not take a number"),
        ("-'a'", "column 1: `-` does not take a text"),
        ("name.family and true", "column 13: `and` takes one value, not 2"),
        ("name.where($this.family | 'x')", "column 6: `a condition` takes one value, not 2"),
        ("name.single()", "column 6: `single` takes one value, not 2"),
        ("name['a']", "column 5: `[]` does not take a text"),
        ("name.first().join()", "column 14: `join` does not take an element that has elements"),
        ("active.lowBoundary()", "column 8: `lowBoundary` does not take a boolean"),
        ("'a'.highBoundary()", "column 5: `highBoundary` does not take a text"),
        ("active.upper()", "column 8: `upper` does not take a boolean"),
        ("'a'.startsWith(1)", "column 5: `startsWith` does not take a number"),
        ("name.take('a')", "column 6: `take` does not take a text"),
        ("%b", "column 1: there is no constant `%b`"),
        // What comes behind the value that is wanted may be wrong too.
        ("(active | name.single()).first()", "column 16: `single` takes one value, not 2"),
        ("(active | name.single()).exists()", "column 16: `single` takes one value, not 2"),
        (
            "name.where(iif(family = 'b', 1 + 'a', true)).exists()",
            "column 32: `+` does not take a number and a text",
        ),
        ("name.select(iif(family = 'b', -'a', true))[0]", "column 31: `-` does not take a text"),
        ("name.first() = name.family.single()", "column 28: `single` takes one value, not 2"),
        ("name = name.family.single()", "column 20: `single` takes one value, not 2"),
    ] {
        let error = Path::parse(expression).unwrap().evaluate(&PathContext::of(&tree)).unwrap_err();
        assert_eq!(error.to_string(), wanted, "{expression}");
    }
}

#[test]
fn conditions_that_multiply_end_with_an_error() {
    let names = vec![r#"{"family":"a"}"#; 3000].join(",");
    let resource = format!(r#"{{"resourceType":"Patient","name":[{names}]}}"#);
    let tree = Tree::parse(&resource).unwrap();
    let inner = "%resource.name.all(%resource.name.all(family = 'a'))";
    let path = Path::parse(&format!("name.all({inner})")).unwrap();
    let error = path.evaluate(&PathContext::of(&tree)).unwrap_err();
    assert_eq!(error.reason(), "the evaluation takes too many steps here");
    assert!(
        Path::parse("name.family.distinct()").unwrap().evaluate(&PathContext::of(&tree)).is_ok()
    );
}
