//! Bodies and methods that the endpoints refuse.

use crate::support::client::send;
use crate::support::oneup::{CODE, TOKEN, Tenants, USER};

#[test]
fn malformed_bodies_and_other_methods_are_refused() {
    let here = Tenants::new();
    let to = here.to();
    for path in [TOKEN, USER, CODE] {
        let with = |kind: &str, text: &str| {
            let headers = format!(
                "{}Content-Type: {kind}\r\nContent-Length: {}\r\n",
                here.app.credentials(),
                text.len()
            );
            send(to, "POST", path, &headers, text.as_bytes())
        };
        let json = "application/json";
        for (kind, text, status) in [
            (json, "{", 400),
            (json, "[]", 400),
            (json, "\"client_id\"", 400),
            (json, "null", 400),
            (json, "{\"app_user_id\":[\"anna\"]}", 400),
            (json, "{\"app_user_id\":{}}", 400),
            (json, "app_user_id=anna", 400),
            ("text/plain", "app_user_id=anna", 415),
            ("application/fhir+json", "{}", 415),
            ("multipart/form-data; boundary=x", "--x--", 415),
        ] {
            let answer = with(kind, text);
            assert_eq!(answer.status, status, "{path} {kind} {text}: {}", answer.text());
            let said = answer.json();
            if path == TOKEN {
                assert_eq!(said["error"], "invalid_request", "{said}");
            } else {
                assert_eq!(said["success"], false, "{said}");
            }
        }
        // A body that is too large is refused before it is sent.
        let long = format!("Content-Type: {json}\r\nContent-Length: {}\r\n", 64 << 20);
        assert_eq!(send(to, "POST", path, &long, b"").status, 413, "{path}");
        let allowed = if path == USER { "GET, POST, PUT, OPTIONS" } else { "POST, OPTIONS" };
        for method in ["DELETE", "PATCH", "HEAD", "GET", "PUT"] {
            if allowed.split(", ").any(|known| known == method) {
                continue;
            }
            let answer = send(to, method, path, &here.app.credentials(), b"");
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some(allowed)),
                "{method} {path}"
            );
        }
        assert_eq!(send(to, "OPTIONS", path, "", b"").status, 204, "{path}");
    }
    assert_eq!(here.dir.count("s.db", "SELECT count(*) FROM user"), 3);
    here.end();
}
