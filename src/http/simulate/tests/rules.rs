//! Reading and writing rules.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

#[test]
fn both_forms_mean_the_same() {
    for (short, json) in [
        ("file: cut_bytes=1000; times=1", json!({"at": "file", "cut_bytes": 1000, "times": 1})),
        (
            "kickoff: status=429; retry_after=1; times=1",
            json!({"at": "kickoff", "status": 429, "retry_after": "1", "times": 1}),
        ),
        ("status: polls=3", json!({"at": "status", "polls": 3})),
        (
            "file: type=Observation; cut_bytes=1000; cut=reset; times=1",
            json!({"at":"file","type":"Observation","cut_bytes":1000,"cut":"reset","times":1}),
        ),
        ("file: bom", json!({"at": "file", "bom": true})),
        ("file: bom=false; crlf=true", json!({"at": "file", "bom": false, "crlf": true})),
        (
            " read :status = 503 ;message = \"a; \\\"b\\\" \"; ",
            json!({"at": "read", "status": 503, "message": "a; \"b\" "}),
        ),
        ("token: clock_offset=-90", json!({"at": "token", "clock_offset": -90})),
        (
            "file: probability=0.25; seed=7; gzip=checksum",
            json!({"at": "file", "probability": 0.25, "seed": 7, "gzip": "checksum"}),
        ),
    ] {
        let of_short = FaultRule::of_short(short).unwrap();
        let of_json = FaultRule::of_json(&json).unwrap();
        assert_eq!(of_short, of_json, "{short}");
        assert_eq!(of_short.to_json(), json);
        assert_eq!(FaultRule::of_short(&of_short.to_short()).unwrap(), of_short);
    }
    assert_eq!(rule("file:times=1;cut_bytes=1").to_short(), "file: times=1; cut_bytes=1");
}

#[test]
fn what_is_wrong_is_named_with_what_there_is() {
    for (json, words) in [
        (json!([]), vec!["rule is []", "\"at\""]),
        (json!({"status": 500}), vec!["at is missing", "kickoff"]),
        (json!({"at": "kick-off", "status": 500}), vec!["kick-off", "token, kickoff, status"]),
        (json!({"at": 1, "status": 500}), vec!["at is 1", "kickoff"]),
        (
            json!({"at": "file", "cut_byte": 1}),
            vec!["\"cut_byte\" is no member", "file", "cut_bytes"],
        ),
        (
            json!({"at": "token", "polls": 1}),
            vec!["polls means nothing at token, only at status", "lifetime"],
        ),
        (
            json!({"at": "file", "cut_bytes": "1"}),
            vec!["cut_bytes is \"1\"", "a whole number from 0"],
        ),
        (json!({"at": "file", "cut_bytes": 1.5}), vec!["cut_bytes is 1.5"]),
        (json!({"at": "file", "cut_bytes": -1}), vec!["cut_bytes is -1"]),
        (json!({"at": "file", "status": 99}), vec!["status is 99", "200 to 599"]),
        (json!({"at": "file", "bom": 1}), vec!["bom is 1", "true or false"]),
        (
            json!({"at": "file", "gzip": "broken"}),
            vec!["gzip", "broken", "cut, checksum, announced"],
        ),
        (json!({"at": "status", "drop": "error,links"}), vec!["error,links", "transactionTime"]),
        (json!({"at": "status", "deleted": "Patient"}), vec!["deleted", "Type/id"]),
        (json!({"at": "file", "type": "observation", "bom": true}), vec!["observation", "Patient"]),
        (
            json!({"at": "status", "retry_after": "later", "polls": 1}),
            vec!["later", "date+SECONDS"],
        ),
        (json!({"at": "file", "probability": 1.5, "bom": true}), vec!["1.5", "from 0 to 1"]),
        (json!({"at": "status", "count_offset": 0}), vec!["count_offset is 0", "not 0"]),
        (json!({"at": "file", "message": "a\nb", "status": 500}), vec!["message", "one line"]),
        (json!({"at": "file", "times": 1}), vec!["not what happens", "cut_bytes"]),
        (json!({"at": "file", "nth": 2, "times": 1, "bom": true}), vec!["nth and times exclude"]),
        (
            json!({"at": "status", "polls": 2, "times": 1}),
            vec!["polls counts by job already; leave times out"],
        ),
        (json!({"at": "file", "cut": "reset"}), vec!["cut needs cut_bytes or cut_rows"]),
        (json!({"at": "file", "seed": 1, "bom": true}), vec!["seed needs probability"]),
        (
            json!({"at": "file", "redirect": "loop", "status": 500}),
            vec!["redirect needs a status from 300"],
        ),
        (
            json!({"at": "file", "body": {}, "status": 500}),
            vec!["body is {}", "outcome, text, empty"],
        ),
    ] {
        let message = FaultRule::of_json(&json).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{json}: {message}");
    }
    for (short, word) in [
        ("cut_bytes=1", "no colon"),
        ("files: cut_bytes=1", "at is files"),
        ("file: cut_bytes", "give cut_bytes= and a whole number"),
        ("file: cut_bytes=1; cut_bytes=2", "there twice"),
        ("file: ;", "\"\" is no member"),
        ("file: message=\"a", "quote without an end"),
        ("file: message=\"a\"b; status=500", "behind its quotes"),
        ("file:", "not what happens"),
    ] {
        let message = FaultRule::of_short(short).unwrap_err().to_string();
        assert!(message.contains(word), "{short}: {message}");
    }
}

#[test]
fn lists_come_in_every_form() {
    let rules = vec![rule("file: bom"), rule("status: polls=2")];
    let json = rules_to_json(&rules);
    assert_eq!(parse_rules(&json.to_string()).unwrap(), rules);
    assert_eq!(parse_rules("# two\n\nfile: bom\n  status: polls=2\r\n").unwrap(), rules);
    assert_eq!(parse_rules(r#"{"at":"file","bom":true}"#).unwrap(), rules[..1]);
    let mixed = r#"["file: bom", {"at":"status","polls":2}]"#;
    assert_eq!(parse_rules(mixed).unwrap(), rules);
    assert_eq!(parse_rules(" [] ").unwrap(), []);
    assert_eq!(parse_rules("").unwrap(), []);
    for (text, word) in [
        ("file: bom\nfile: bon", "line 2: \"bon\""),
        (r#"[{"at":"file","bom":true},{"at":"file"}]"#, "rule 2: the rule at file says"),
        ("[{]", "not valid JSON"),
    ] {
        let message = parse_rules(text).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    let many = vec![json!({"at": "file", "bom": true}); 1001];
    assert!(rules_of_json(&Json::Array(many)).unwrap_err().to_string().contains("1001"));
}

/// A value of a form.
fn value(form: ValueForm) -> BoxedStrategy<FaultValue> {
    let text = |words: &'static [&'static str]| {
        prop::sample::select(words).prop_map(|word| FaultValue::Text(word.to_owned()))
    };
    match form {
        ValueForm::Count { least, most } => (least..=most).prop_map(FaultValue::Count).boxed(),
        ValueForm::Offset { most } => (-most..=most)
            .prop_filter("0 is no offset", |offset| *offset != 0)
            .prop_map(FaultValue::Offset)
            .boxed(),
        ValueForm::Share => (0_u32..=1_000_000).prop_map(FaultValue::Share).boxed(),
        ValueForm::Flag => any::<bool>().prop_map(FaultValue::Flag).boxed(),
        ValueForm::Word(words) => text(words).boxed(),
        ValueForm::Words(words) => prop::sample::subsequence(words, 1..=words.len())
            .prop_map(|words| FaultValue::Text(words.join(",")))
            .boxed(),
        ValueForm::Text { .. } => "[ -~äß€😀]{1,20}".prop_map(FaultValue::Text).boxed(),
        ValueForm::Wait => {
            text(&["1", "-1", "0.5", "date", "date+9", "past", "junk", "absent"]).boxed()
        }
        ValueForm::TypeName => text(&["Patient", "Observation"]).boxed(),
        ValueForm::Ids => text(&["Patient/a", "Patient/a,Observation/b-1.c"]).boxed(),
    }
}

/// A place with some of its members; many of these are no rules.
pub fn any_rule() -> impl Strategy<Value = FaultRule> {
    let members = |place: FaultPlace| {
        let there: Vec<FaultMember> =
            FaultMember::ALL.iter().copied().filter(|member| member.is_at(place)).collect();
        prop::sample::subsequence(there, 1..=4).prop_flat_map(move |members| {
            let values: Vec<_> = members.iter().map(|member| value(member.form())).collect();
            values
                .prop_map(move |values| (place, members.clone().into_iter().zip(values).collect()))
        })
    };
    prop::sample::select(FaultPlace::ALL.to_vec()).prop_flat_map(members).prop_filter_map(
        "no rule",
        |(place, members): (FaultPlace, Vec<(FaultMember, FaultValue)>)| {
            FaultRule::new(place, members).ok()
        },
    )
}

proptest! {
    #[test]
    fn every_rule_comes_back_in_both_forms(rule in any_rule()) {
        prop_assert_eq!(&FaultRule::of_json(&rule.to_json()).unwrap(), &rule);
        let through_text: Json = serde_json::from_str(&rule.to_json().to_string()).unwrap();
        prop_assert_eq!(&FaultRule::of_json(&through_text).unwrap(), &rule);
        let short = rule.to_short();
        prop_assert_eq!(&FaultRule::of_short(&short).unwrap(), &rule);
        prop_assert_eq!(&parse_rules(&short).unwrap(), &vec![rule]);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z_:;=\" {}\\[\\],0-9]{0,60}") {
        let _ = parse_rules(&text);
        let _ = FaultRule::of_short(&text);
        let _ = segment_settings(&text);
    }
}
