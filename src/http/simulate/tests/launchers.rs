//! The URLs of the SMART Bulk Data server.

use serde_json::json;

use super::*;

fn rules(settings: &SegmentSettings) -> Vec<String> {
    settings.rules.iter().map(FaultRule::to_short).collect()
}

fn settings(json: &serde_json::Value) -> SegmentSettings {
    segment_settings(&to_segment(json)).unwrap().unwrap()
}

#[test]
fn urls_that_clients_have_hard_coded_are_understood() {
    // Of public configurations: a conformance test, a Java client, a Python notebook.
    let segment =
        "eyJlcnIiOiIiLCJwYWdlIjoxMDAwMCwiZHVyIjoxMCwidGx0IjoxNSwibSI6MSwic3R1Ijo0LCJkZWwiOjB9";
    let read = segment_settings(segment).unwrap().unwrap();
    assert_eq!(
        rules(&read),
        ["status: seconds=10", "token: lifetime=900", "status: rows_per_file=10000"]
    );
    assert_eq!((read.release, read.needs_token), (Some(4), false));
    let segment = "eyJlcnIiOiIiLCJwYWdlIjoxMDAwMCwiZHVyIjoxMCwidGx0IjoxNSwibSI6MSwic3R1Ijo0LCJkZWwiOjAsInNlY3VyZSI6MX0";
    for segment in [segment.to_owned(), format!("{segment}="), format!("{segment}==")] {
        let read = segment_settings(&segment).unwrap().unwrap();
        assert!(read.needs_token);
        assert_eq!(rules(&read)[0], "kickoff: token=absent; status=401");
        assert_eq!(read.rules.len(), 7);
    }
}

#[test]
fn every_key_becomes_rules() {
    for (json, wanted) in [
        (json!({}), vec![]),
        (json!({"other": [1], "err": 7, "dur": "x", "page": null, "stu": 9}), vec![]),
        (
            json!({"page": "20", "opp": 3}),
            vec!["status: rows_per_file=20", "status: files_per_page=3"],
        ),
        (json!({"del": 30}), vec!["status: deleted_percent=30"]),
        (json!({"m": 1}), vec![]),
        (
            json!({"page": 7, "m": "3", "del": 10}),
            vec!["status: copies=3", "status: deleted_percent=10", "status: rows_per_file=7"],
        ),
        (json!({"dur": 0, "tlt": 0, "secure": 0}), vec![]),
        (
            json!({"err": "token_invalid_scope"}),
            vec!["token: status=400; message=Simulated invalid scope error; error=invalid_scope"],
        ),
        (
            json!({"err": "transient_error", "dur": 3}),
            vec!["status: times=1; each; status=500; code=transient", "status: seconds=3"],
        ),
        (json!({"err": "some_file_generation_failed"}), vec!["status: keep_every=3"]),
        (json!({"err": "file_expired"}), vec!["file: status=410; message=The file expired"]),
        (
            json!({"err": "file_generation_failed"}),
            vec!["kickoff: status=500; message=File generation failed"],
        ),
    ] {
        assert_eq!(rules(&settings(&json)), wanted, "{json}");
    }
    for error in ["token_invalid_token", "token_expired_registration_token", "invalid_jti"] {
        assert!(rules(&settings(&json!({"err": error})))[0].starts_with("token: status=40"));
    }
    for error in ["request_invalid_token", "request_expired_token"] {
        let rules = rules(&settings(&json!({"err": error})));
        assert_eq!(rules.len(), 4);
        assert!(rules.iter().all(|rule| rule.contains("token=present; status=401; body=text")));
    }
    let huge = json!({"dur": u64::MAX, "tlt": u64::MAX, "page": u64::MAX, "opp": u64::MAX, "del": 1000, "m": u64::MAX});
    assert_eq!(settings(&huge).rules.len(), 6);
}

#[test]
fn segments_have_rules_in_every_form() {
    let one = json!({"at": "file", "bom": true});
    for json in
        [one.clone(), json!([one]), json!({"faults": [one], "name": "a"}), json!({"faults": one})]
    {
        assert_eq!(rules(&settings(&json)), ["file: bom"]);
    }
    for segment in ["Patient", "fhir", "", "e30x", &to_segment(&json!(7)), &to_segment(&json!("a"))]
    {
        assert_eq!(segment_settings(segment).unwrap(), None, "{segment}");
    }
    let short = segment_settings("file: bom; times=2|status:polls=1|mine").unwrap().unwrap();
    assert_eq!(short.rules, [rule("file: bom; times=2"), rule("status: polls=1")]);
    let message = segment_settings("file:bon").unwrap_err().to_string();
    assert!(message.starts_with("the rules in the path: \"bon\""), "{message}");
    assert_eq!(segment_settings("mine|file:bom").unwrap(), None);
    let long = to_segment(&json!({"name": "a".repeat(9000), "faults": []}));
    assert!(segment_settings(&long).unwrap_err().to_string().contains("/faults"));
}
