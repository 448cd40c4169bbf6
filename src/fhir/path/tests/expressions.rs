//! Tables of cases for operators and functions.

use super::found;

/// Three numbers, a text and three dates, in elements that R4 defines.
const RESOURCE: &str = r#"{
    "resourceType": "Observation", "status": "final", "issued": "2020-05-01T10:00:00.000+02:00",
    "effectivePeriod": {"start": "2020-05", "end": "2020-06-01"},
    "note": [{"text": "b"}, {"text": "a"}, {"text": "b"}],
    "valueRange": {"low": {"value": 0.10}, "high": {"value": 0.2}},
    "category": [{"text": "x", "coding": [{"code": "1"}]}, {"coding": [{"code": "1"}], "text": "x"}]
}"#;

fn check(cases: &[(&str, &str)]) {
    for (expression, wanted) in cases {
        let found = found(expression, RESOURCE).join(", ");
        assert_eq!(found, *wanted, "{expression}");
    }
}

#[test]
fn arithmetic_is_exact_and_follows_precedence() {
    check(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 - 3 - 4", "-5"),
        ("-2 * 3", "-6"),
        ("--2", "2"),
        ("1 - -2", "3"),
        ("-(1.5)", "-1.5"),
        ("0.1 + 0.2", "0.3"),
        ("0.1 + 0.2 = 0.3", "true"),
        ("5 / 2", "2.5"),
        ("4 / 2", "2"),
        ("7 div 2", "3"),
        ("7 mod 2", "1"),
        ("7.5 mod 2", "1.5"),
        ("7.5 div 2", "3"),
        ("1 / 0", ""),
        ("1 div 0", ""),
        ("1 mod 0.0", ""),
        ("1 + {}", ""),
        ("9223372036854775807 + 1", ""),
        ("9223372036854775808", "9223372036854775808"),
        ("value.low.value + value.high.value", "0.30"),
        ("value.high.value / value.low.value", "2"),
        ("value.high.value * value.low.value", "0.020"),
        ("value.high.value - value.none", ""),
        ("'a' + 'b'", "\"ab\""),
        ("'a' + {}", ""),
        ("'a' & {}", "\"a\""),
        ("'a' & 'b' & 'c'", "\"abc\""),
    ]);
}

#[test]
fn comparisons_of_dates_know_what_they_do_not_know() {
    check(&[
        ("1 < 2", "true"),
        ("2 <= 1.99", "false"),
        ("2 >= 2.0", "true"),
        ("'a' > 'b'", "false"),
        ("'a' < {}", ""),
        ("value.low.value < value.high.value", "true"),
        ("issued = @2020-05-01T08:00:00Z", "true"),
        ("issued > @2020-05-01", ""),
        ("issued > @2020-04-30", "true"),
        ("issued < @2021", "true"),
        ("issued = '2020-05-01T08:00:00.0Z'", "true"),
        ("effective.start = @2020-05", "true"),
        ("effective.start = @2020-05-01", ""),
        ("effective.start != @2020-05-01", ""),
        ("effective.start = @2020-06-01", "false"),
        ("effective.start < effective.end", "true"),
        ("@T10:00 < @T10:01", "true"),
        ("@T10:00 = @2020", "false"),
        ("@2020-01-01T00:00:00+01:00 < @2020-01-01T00:00:00Z", "true"),
        ("@2020 = '2020'", "true"),
        ("@2020 = 'x'", "false"),
        ("@2020 < 'x'", ""),
    ]);
}

#[test]
fn equality_is_that_of_whole_collections() {
    check(&[
        ("1 = 1.00", "true"),
        ("1 = '1'", "false"),
        ("{} = {}", ""),
        ("note.text = note.text", "true"),
        ("note.text = note.text.tail()", "false"),
        ("note.text != note.text", "false"),
        ("status = 'final'", "true"),
        ("status != 'final'", "false"),
        ("nothing = 'x'", ""),
        ("nothing != 'x'", ""),
        ("category[0] = category[1]", "true"),
        ("note[0] = note[1]", "false"),
        ("true = (1 = 1)", "true"),
        ("'a' in note.text", "true"),
        ("'c' in note.text", "false"),
        ("{} in note.text", ""),
        ("note.text contains 'a'", "true"),
        ("nothing contains 'a'", "false"),
        ("note.text | 'c' | 'a'", "\"b\", \"a\", \"c\""),
        ("(1 | 1.0 | 2).count()", "2"),
        ("(category | category).count()", "1"),
        ("(@2020-01-01T00:00:00Z | @2020-01-01T01:00:00+01:00 | @2020).count()", "2"),
        ("(1|2|3|4|5|6|7|8|9|1.0|2.0|'2020'|@2020).count()", "10"),
    ]);
}

#[test]
fn logic_has_three_values() {
    let values = [("true", Some(true)), ("false", Some(false)), ("{}", None)];
    let shown = |value: Option<bool>| value.map_or_else(String::new, |value| value.to_string());
    for (left, a) in values {
        for (right, b) in values {
            let and = if a == Some(false) || b == Some(false) {
                Some(false)
            } else {
                a.zip(b).map(|_| true)
            };
            let or = if a == Some(true) || b == Some(true) {
                Some(true)
            } else {
                a.zip(b).map(|_| false)
            };
            let implies = if a == Some(false) || b == Some(true) { Some(true) } else { a.and(b) };
            for (operator, wanted) in [
                ("and", and),
                ("or", or),
                ("implies", implies),
                ("xor", a.zip(b).map(|(a, b)| a != b)),
            ] {
                let expression = format!("{left} {operator} {right}");
                assert_eq!(found(&expression, RESOURCE).join(", "), shown(wanted), "{expression}");
            }
        }
        let not = format!("({left}).not()");
        assert_eq!(found(&not, RESOURCE).join(", "), shown(a.map(|a| !a)), "{not}");
    }
    check(&[
        ("true or false and false", "true"),
        ("false and true or true", "true"),
        // A value that is no boolean is true, for it is there.
        ("status and true", "true"),
        ("status.not()", "false"),
        // What is decided is not evaluated further.
        ("false and (1 | 2)", "false"),
        ("true or 1 + 'a'", "true"),
        ("1 = 1 and 2 in 1 | 2", "true"),
    ]);
}

#[test]
fn functions_of_collections() {
    check(&[
        ("note.count()", "3"),
        ("note.exists()", "true"),
        ("note.exists(text = 'a')", "true"),
        ("note.exists(text = 'c')", "false"),
        ("nothing.exists()", "false"),
        ("nothing.empty()", "true"),
        ("note.empty()", "false"),
        ("note.all(text.exists())", "true"),
        ("note.all(text = 'b')", "false"),
        ("nothing.all(false)", "true"),
        ("note.where(text = 'b').count()", "2"),
        ("note.where(nothing = 1)", ""),
        ("note.where($index = 1).text", "\"a\""),
        ("note.text.where($this = 'a')", "\"a\""),
        ("note.select(text & $index.toString())", "\"b0\", \"a1\", \"b2\""),
        ("note.text.first()", "\"b\""),
        ("note.text.last()", "\"b\""),
        ("note.text.tail()", "\"a\", \"b\""),
        ("note.text.skip(1).take(1)", "\"a\""),
        ("note.text.skip(-1).count()", "3"),
        ("note.text.take(0)", ""),
        ("note.text.take({})", ""),
        ("note.text[1]", "\"a\""),
        ("note[1].text", "\"a\""),
        ("note.text[3]", ""),
        ("note.text[-1]", ""),
        ("note.text[{}]", ""),
        ("note.text[1 + 1]", "\"b\""),
        ("note.text.distinct()", "\"b\", \"a\""),
        ("status.single()", "\"final\""),
        ("iif(status = 'final', 'yes', 'no')", "\"yes\""),
        ("iif({}, 'yes', 'no')", "\"no\""),
        ("iif(false, 'yes')", ""),
        ("iif(true, 'yes', 1 + 'a')", "\"yes\""),
        ("nothing.iif(true, 'yes')", ""),
    ]);
}

#[test]
fn functions_of_values() {
    check(&[
        ("note.text.join()", "\"bab\""),
        ("note.text.join(', ')", "\"b, a, b\""),
        ("nothing.join(',')", ""),
        ("(1 | 2.50 | true).join(',')", "\"1,2.50,true\""),
        ("'Ab'.upper()", "\"AB\""),
        ("'Ab'.lower()", "\"ab\""),
        ("'aé'.length()", "2"),
        ("'abc'.startsWith('ab')", "true"),
        ("'abc'.endsWith('ab')", "false"),
        ("'abc'.contains('b')", "true"),
        ("'abc'.contains({})", ""),
        ("nothing.startsWith('a')", ""),
        ("1.toString()", "\"1\""),
        ("value.low.value.toString()", "\"0.10\""),
        ("true.toString()", "\"true\""),
        ("1.0.lowBoundary()", "0.95"),
        ("1.highBoundary()", "1.5"),
        ("value.low.value.highBoundary()", "0.105"),
        ("nothing.lowBoundary()", ""),
        ("effective.start.lowBoundary()", "@2020-05-01T00:00:00.000+14:00"),
        ("effective.end.highBoundary()", "@2020-06-01T23:59:59.999-12:00"),
        ("@2020-02.highBoundary()", "@2020-02-29"),
        ("@T10:30.highBoundary()", "@10:30:59.999"),
        ("issued.highBoundary()", "@2020-05-01T10:00:00.000+02:00"),
    ]);
}

#[test]
fn types_of_values_that_are_no_elements() {
    check(&[
        ("1 is Integer", "true"),
        ("1 is System.Integer", "true"),
        ("1.0 is Integer", "false"),
        ("1.0 is Decimal", "true"),
        ("'a' is String", "true"),
        ("true.is(Boolean)", "true"),
        ("@2020 is Date", "true"),
        ("@2020T is DateTime", "true"),
        ("@T10 is Time", "true"),
        ("status is String", "false"),
        ("status is string", "true"),
        ("status is code", "true"),
        ("status is FHIR.code", "true"),
        ("status is uri", "false"),
        ("{} is String", ""),
        ("(1 | 'a').ofType(Integer)", "1"),
        ("$this is Observation", "true"),
        ("$this is Resource", "true"),
        ("$this is Patient", "false"),
        ("1 as Integer is Integer", "true"),
    ]);
}
