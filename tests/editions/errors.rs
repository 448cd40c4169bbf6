//! The OperationOutcomes of requests that fail.

use super::{DATA, serve};
use crate::support::client::send;

#[test]
fn each_error_has_its_status_code_and_diagnostics() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let never = "/fhir/jobs/0123456789abcdef0123456789abcdef";
    let outcome = |code: &str, text: &str| {
        let text = serde_json::to_string(text).unwrap();
        format!(
            "{{\"resourceType\":\"OperationOutcome\",\"issue\":[{{\"severity\":\"error\",\"code\":\"{code}\",\"diagnostics\":{text}}}]}}\n"
        )
    };
    for (method, target, headers, status, code, text) in [
        (
            "GET",
            "/fhir/$export?_since=yesterday",
            "",
            400,
            "invalid",
            "_since \"yesterday\" should be an instant such as 2021-01-01T12:30:00Z or 2021-01-01T12:30:00.000+02:00",
        ),
        (
            "GET",
            "/fhir/$export?_type=Patient,Martian",
            "",
            400,
            "invalid",
            "_type \"Martian\" is no resource type of the store's version of FHIR, and the store has none such",
        ),
        (
            "GET",
            "/fhir/$export?_outputFormat=text/csv&allergies=1",
            "",
            400,
            "invalid",
            "_outputFormat \"text/csv\" is not supported; application/fhir+ndjson is; parameter \"allergies\" is not known here; _outputFormat, _since, _until, _type, _elements, patient, includeAssociatedData, organizeOutputBy, allowPartialManifests, _minimumFileSize, _maximumFileSize and _typeFilter are",
        ),
        (
            "GET",
            "/fhir/Patient/$export?patient=Patient/a",
            "",
            400,
            "invalid",
            "patient \"Patient/a\" can only be given by POST, in a Parameters resource",
        ),
        (
            "GET",
            "/fhir/Patient/$export?_type=Organization",
            "",
            400,
            "invalid",
            "_type names only types outside of the Patient compartment; name one inside, or export at the system level",
        ),
        ("GET", "/fhir/Group/no/$export", "", 404, "not-found", "Group/no is not here"),
        ("GET", "/fhir/Patient/no/$export", "", 404, "not-found", "Patient/no is not here"),
        (
            "GET",
            "/fhir/$export-v4",
            "",
            405,
            "not-supported",
            "GET is not supported here; POST, OPTIONS are",
        ),
        (
            "GET",
            "/fhir/$export",
            "Accept: application/fhir+xml\r\n",
            406,
            "not-supported",
            "only JSON is spoken here; ask for application/fhir+json",
        ),
        (
            "POST",
            "/fhir/$export",
            "Content-Type: text/csv\r\nContent-Length: 1\r\n",
            415,
            "not-supported",
            "a body of \"text/csv\" is not read; send a Parameters resource as application/fhir+json",
        ),
        (
            "POST",
            "/fhir/$export",
            "Content-Type: application/json\r\nContent-Length: 1\r\n",
            400,
            "invalid",
            "the body is no Parameters resource: it is no JSON object",
        ),
        (
            "POST",
            "/fhir/$export",
            "Content-Type: application/json\r\nContent-Length: 16777217\r\n",
            413,
            "too-costly",
            "a request body may have 16777216 bytes",
        ),
        (
            "GET",
            never,
            "",
            404,
            "not-found",
            "there is no such export: it is over, was cancelled, or never was",
        ),
        (
            "DELETE",
            never,
            "",
            404,
            "not-found",
            "there is no such export: it is over, was cancelled, or never was",
        ),
        (
            "GET",
            "/fhir/jobs/0123456789abcdef0123456789abcdef/Patient.ndjson",
            "",
            404,
            "not-found",
            "there is no such file, or its export is over",
        ),
        ("GET", "/fhir/Patient/no", "", 404, "not-found", "Patient/no is not here"),
        ("GET", "/fhir/Observation/wrong", "", 410, "deleted", "Observation/wrong was deleted"),
        (
            "GET",
            "/fhir/Binary?name=a",
            "",
            400,
            "invalid",
            "parameter \"name\" cannot be searched for here; Binary has _id, _lastUpdated, _profile, _security, _source, _tag, identifier",
        ),
        (
            "GET",
            "/bulk-data/r4/$export?_elements=id",
            "",
            400,
            "invalid",
            "parameter \"_elements\" is not supported here; _type and _since are",
        ),
    ] {
        let answer = send(&authority, method, target, headers, b"1");
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/fhir+json"), "{target}");
        assert_eq!(answer.text(), outcome(code, text), "{method} {target}");
    }
}
