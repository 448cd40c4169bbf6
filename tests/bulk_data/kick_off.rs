//! Kick-offs: levels, methods, headers and parameters, and what a kick-off is answered with.

use std::collections::BTreeSet;

use serde_json::json;

use super::client::{EDITIONS, assert_outcome_body, ended, ids, kick_off, manifest, since, string};
use super::data::{OF_GROUP, OF_PATIENTS, filled, system_ids, words};
use crate::support::bulk::location;
use crate::support::client::send;

/// export: The Data Provider's FHIR Resource Server SHALL support invocation of this operation
/// using HTTP POST and the [FHIR Asynchronous Bulk Interaction Pattern](async.html).
#[test]
fn post_starts_an_export_at_every_level() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        for (level, expected) in
            [("", system_ids()), ("Patient/", words(OF_PATIENTS)), ("Group/g/", words(OF_GROUP))]
        {
            let path = format!("/fhir/{level}{edition}");
            let headers = "Accept: application/fhir+json\r\nPrefer: respond-async\r\n";
            for parameters in [vec![], vec![string("_outputFormat", "ndjson")]] {
                let started = kick_off(&served, &path, headers, &parameters);
                let answer = ended(&served, &location(&started));
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                assert_eq!(ids(&served, [&answer.json()]), expected, "{path}");
            }
        }
    }
}

/// export: Request parameters SHALL be supplied using the FHIR [Parameters
/// Resource](https://www.hl7.org/fhir/parameters.html).
#[test]
fn parameters_come_as_a_parameters_resource() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        let path = format!("/fhir/{edition}");
        // Patient/b was changed at that instant, so only later changes are exported.
        let parameters = [string("_type", "Patient"), since("2021-01-01T00:00:00Z")];
        let found = ids(&served, [&manifest(&served, &path, &parameters)]);
        assert_eq!(found, ["Patient/c"]);
        for (kind, body, status) in [
            ("application/x-www-form-urlencoded", "_type=Patient", 415),
            ("application/fhir+json", r#"{"resourceType":"Patient"}"#, 400),
            ("application/fhir+json", r#"{"_type":"Patient"}"#, 400),
            ("application/fhir+json", r#"{"resourceType":"Parameters""#, 400),
        ] {
            let headers = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
            let answer = send(served.authority(), "POST", &path, &headers, body.as_bytes());
            assert_eq!(answer.status, status, "{edition} {body}");
            assert_outcome_body(&answer);
        }
    }
}

/// export: A Data Consumer SHALL NOT represent multiple values by comma-delimiting them within a
/// single parameter value.
#[test]
fn stu4_refuses_lists_with_commas_and_accepts_repeated_parameters() {
    let (_dir, served) = filled();
    let path = "/fhir/$export-v4";
    for [name, several, one, other] in [
        ["_type", "Patient,Group", "Patient", "Group"],
        ["_elements", "Patient.id,Group.id", "Patient.id", "Group.id"],
    ] {
        kick_off(&served, path, "", &[string(name, several)]).assert_outcome(400, name);
        let repeated = manifest(&served, path, &[string(name, one), string(name, other)]);
        let mut expected = system_ids();
        if name == "_type" {
            expected.retain(|id| id.starts_with("Patient/") || id.starts_with("Group/"));
        }
        assert_eq!(ids(&served, [&repeated]), expected, "{name}");
    }
}

/// async: Servers SHALL support the HTTP methods, URLs, headers, and other parameters that normally
/// apply to the interaction being invoked.
#[test]
fn get_starts_an_export_of_stu3_and_only_post_one_of_stu4() {
    let (_dir, served) = filled();
    // GET may invoke an operation that changes nothing, such as that of STU2 and 3. That of STU4
    // has affectsState = true.
    let query = "?_type=Patient&_since=2020-06-01T00:00:00Z";
    for path in ["/fhir/$export", "/fhir/%24export", "/fhir/Patient/$export"] {
        let target = format!("{path}{query}");
        let by_get = ended(&served, &location(&served.get(&target))).json();
        let by_post = manifest(&served, &target, &[]);
        assert_eq!(ids(&served, [&by_get]), ["Patient/b", "Patient/c"], "GET {path}");
        assert_eq!(ids(&served, [&by_post]), ["Patient/b", "Patient/c"], "POST {path}");
    }
    for level in ["", "Patient/", "Patient/a/", "Group/g/"] {
        let answer = served.get(&format!("/fhir/{level}$export-v4"));
        assert_eq!(answer.status, 405, "{level}");
        assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
        assert_outcome_body(&answer);
    }
}

/// async: Servers SHALL also support the `Prefer` header described below, and SHOULD support the
/// `Accept` header and `_outputFormat` parameter described below.
#[test]
fn prefer_respond_async_is_understood_and_applied() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        for prefer in ["respond-async", "Respond-Async", "respond-async, wait=10"] {
            let headers = format!("Prefer: {prefer}\r\nAccept: application/fhir+json\r\n");
            let started = kick_off(&served, &format!("/fhir/{edition}"), &headers, &[]);
            assert_eq!(started.status, 202, "{prefer}: {}", started.text());
            assert_eq!(started.header("preference-applied"), Some("respond-async"), "{prefer}");
        }
    }
}

/// async, parameter `_outputFormat`: For request types where the server supports either the FHIR
/// Asynchronous Bulk Interaction Pattern or the [Asynchronous Interaction Request
/// Pattern](https://hl7.org/fhir/async-bundle.html), requests that include the `_outputFormat`
/// parameter SHALL trigger the FHIR Asynchronous Bulk Interaction Pattern.
#[test]
fn an_output_format_alone_starts_an_asynchronous_export() {
    let (_dir, served) = filled();
    let format = string("_outputFormat", "application/fhir+ndjson");
    for started in [
        served.get("/fhir/$export?_outputFormat=application/fhir%2Bndjson"),
        kick_off(&served, "/fhir/$export", "", std::slice::from_ref(&format)),
        kick_off(&served, "/fhir/$export-v4", "", std::slice::from_ref(&format)),
    ] {
        let done = ended(&served, &location(&started));
        assert_eq!(done.header("content-type"), Some("application/json"));
        assert_eq!(ids(&served, [&done.json()]), system_ids());
    }
}

/// export, parameter `_outputFormat`: The Data Provider SHALL support [Newline Delimited
/// JSON](https://github.com/ndjson/ndjson-spec), but MAY choose to support additional output
/// formats.
///
/// export, parameter `_outputFormat`: The Data Provider SHALL accept the full content type of
/// `application/fhir+ndjson` as well as the abbreviated representations `application/ndjson` and
/// `ndjson`.
///
/// async, parameter `_outputFormat`: Currently, [NDJSON](http://ndjson.org/) SHALL be supported,
/// though servers MAY also support other output formats.
///
/// async, parameter `_outputFormat`: Servers SHALL support the full content type of
/// `application/fhir+ndjson` as well as abbreviated representations including `application/ndjson`
/// and `ndjson`.
#[test]
fn each_name_of_ndjson_is_accepted() {
    let (_dir, served) = filled();
    for name in ["application/fhir+ndjson", "application/ndjson", "ndjson"] {
        for edition in EDITIONS {
            let format = [string("_outputFormat", name)];
            let manifest = manifest(&served, &format!("/fhir/{edition}"), &format);
            assert_eq!(ids(&served, [&manifest]), system_ids(), "{name}");
            if edition == "$export-v4" {
                assert_eq!(manifest["outputFormat"], "application/fhir+ndjson", "{name}");
            }
        }
        let target = format!("/fhir/$export?_outputFormat={}", name.replace('+', "%2B"));
        assert_eq!(ended(&served, &location(&served.get(&target))).status, 200, "{name}");
    }
}

/// export, async: If this header value is included by a Data Consumer and is supported by a Data
/// Provider, the Data Provider SHALL return the header `Preference-Applied` with values of
/// `respond-async` and `separate-export-status` in its response.
///
/// export, async: When a Prefer header value of `separate-export-status` is provided in the kickoff
/// request and supported by the Data Provider, the response SHALL include the header
/// `Preference-Applied` with values of `respond-async` and `separate-export-status`.
#[test]
fn applied_preferences_are_named() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        for (prefer, expected) in [
            ("Prefer: respond-async\r\n", &["respond-async"][..]),
            (
                "Prefer: respond-async,separate-export-status\r\n",
                &["respond-async", "separate-export-status"],
            ),
            (
                "Prefer: separate-export-status, respond-async\r\n",
                &["respond-async", "separate-export-status"],
            ),
            (
                "Prefer: respond-async\r\nPrefer: separate-export-status\r\n",
                &["respond-async", "separate-export-status"],
            ),
        ] {
            let answer = kick_off(&served, &format!("/fhir/{edition}"), prefer, &[]);
            assert_eq!(answer.status, 202, "{}", answer.text());
            let head = answer.head.to_ascii_lowercase();
            let applied: BTreeSet<&str> = head
                .lines()
                .filter_map(|line| line.strip_prefix("preference-applied:"))
                .flat_map(|values| values.split(','))
                .map(str::trim)
                .collect();
            assert_eq!(applied, expected.iter().copied().collect(), "{prefer}");
        }
    }
}

/// export: The Data Provider SHALL return a successful kick-off response with: HTTP status `202
/// Accepted`; `Content-Location` header with the absolute URL of an endpoint for subsequent status
/// requests (polling location)
///
/// async: The server SHALL return a successful kick-off response with: HTTP status `202 Accepted`;
/// `Content-Location` header with the absolute URL of an endpoint for subsequent status requests
#[test]
fn a_kick_off_is_answered_with_the_polling_location() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        for level in ["", "Patient/", "Patient/a/", "Group/g/"] {
            let started = kick_off(&served, &format!("/fhir/{level}{edition}"), "", &[]);
            assert!(started.head.starts_with("HTTP/1.1 202 Accepted\r\n"), "{}", started.head);
            let location = started.header("content-location").expect("a Content-Location");
            let id = location.strip_prefix(&format!("{}/fhir/jobs/", served.url));
            let id = id.unwrap_or_else(|| panic!("{location} is not absolute"));
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{location}");
            assert_eq!(ended(&served, location).status, 200);
        }
    }
}

/// export: The Data Provider SHALL return an error response with: HTTP status `4XX` or `5XX`; FHIR
/// `OperationOutcome` resource in the body in JSON format
///
/// async: The server SHALL return an error response with: HTTP status `4XX` or `5XX`; FHIR
/// `OperationOutcome` resource in the body
#[test]
fn a_refused_kick_off_is_answered_with_an_operation_outcome() {
    let (_dir, served) = filled();
    let patient = json!({"name": "patient", "valueReference": {"reference": "Patient/a"}});
    for edition in EDITIONS {
        for (level, headers, parameter, status) in [
            ("", "", string("_colour", "blue"), 400),
            ("", "", string("_outputFormat", "text/csv"), 400),
            ("", "", since("yesterday"), 400),
            ("", "", string("_type", "Unicorn"), 400),
            ("Patient/", "", string("_type", "Practitioner"), 400),
            ("", "", string("organizeOutputBy", "Observation"), 400),
            ("", "", patient.clone(), 400),
            ("Patient/a/", "", patient.clone(), 400),
            ("", "Accept: text/html\r\n", string("_type", "Patient"), 406),
            ("Group/nobody/", "", string("_type", "Patient"), 404),
            ("Patient/nobody/", "", string("_type", "Patient"), 404),
        ] {
            let path = format!("/fhir/{level}{edition}");
            let answer = kick_off(&served, &path, headers, std::slice::from_ref(&parameter));
            assert_eq!(answer.status, status, "{path} {parameter}: {}", answer.text());
            assert_outcome_body(&answer);
            assert_eq!(answer.header("content-location"), None, "{path} {parameter}");
        }
    }
}
