//! What a kick-off is answered with.

use super::{DATA, serve, text};
use crate::support::bulk::{kick_off, location};

#[test]
fn a_kick_off_is_answered_with_an_outcome_that_names_the_polling_location() {
    let (_store, server) = serve(DATA);
    let authority = server.address().to_string();
    let headers = "Prefer: respond-async, handling=lenient, separate-export-status\r\n";
    for (edition, path) in [("$export", "/fhir/$export"), ("$export-v4", "/fhir/$export-v4")] {
        let started = kick_off(&authority, path, &[], headers);
        assert!(started.head.starts_with("HTTP/1.1 202 Accepted\r\n"), "{}", started.head);
        assert_eq!(started.header("content-type"), Some("application/fhir+json"));
        assert_eq!(
            started.header("preference-applied"),
            Some("respond-async, separate-export-status, handling=lenient")
        );
        assert_eq!(
            text(&started, &started),
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational","diagnostics":"accepted; its status is at https://demo.example.org/fhir/jobs/JOB"}]}
"#,
            "{edition}"
        );
        let location = location(&started);
        let id = location
            .strip_prefix("https://demo.example.org/fhir/jobs/")
            .expect("its polling location");
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
}
