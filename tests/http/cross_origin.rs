//! Requests from web pages of other origins.

use super::{EXPORT, every_path, two_types};
use crate::rest::filled;
use crate::support::bulk::kick_off;
use crate::support::client::send;

#[test]
fn other_origins_may_read_exports() {
    let (_dir, served) = two_types();
    let origin = "Origin: https://demo.example.org\r\n";
    for path in [EXPORT, "/nowhere"] {
        assert_eq!(served.get_with(path, origin).header("access-control-allow-origin"), Some("*"));
    }
    let preflight = format!(
        "{origin}Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: range, authorization\r\nAccess-Control-Request-Private-Network: true\r\n"
    );
    let answer = send(served.authority(), "OPTIONS", EXPORT, &preflight, b"");
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-methods"), Some("GET, HEAD, OPTIONS"));
    let allowed = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    assert!(
        ["range", "authorization", "if-none-match"].iter().all(|name| allowed.contains(name)),
        "{allowed}"
    );
    assert_eq!(answer.header("access-control-allow-private-network"), Some("true"));
}

#[test]
fn other_origins_may_use_every_path() {
    let (_dir, served) = filled();
    for (path, allow) in every_path(&served) {
        let plain = send(served.authority(), "OPTIONS", &path, "", b"");
        assert_eq!((plain.status, plain.body.len()), (204, 0), "{path}");
        assert_eq!(plain.header("allow"), Some(allow), "{path}");
        assert_eq!(plain.header("access-control-allow-methods"), None, "{path}");
        let asked = "Origin: https://app.example.org\r\nAccess-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: content-type, prefer\r\n";
        let preflight = send(served.authority(), "OPTIONS", &path, asked, b"");
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
        assert_eq!(preflight.header("access-control-allow-methods"), Some(allow), "{path}");
        let headers = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
        for name in ["accept", "authorization", "content-type", "if-none-match", "prefer", "range"]
        {
            assert!(headers.split(", ").any(|known| known == name), "{path}: {headers}");
        }
    }
    let origin = "Origin: https://app.example.org\r\n";
    let started = kick_off(served.authority(), "/fhir/$export", &[], origin);
    assert_eq!(started.header("access-control-allow-origin"), Some("*"));
    let exposed = started.header("access-control-expose-headers").unwrap().to_lowercase();
    for name in [
        "content-location",
        "retry-after",
        "x-progress",
        "x-export-status",
        "expires",
        "etag",
        "last-modified",
        "preference-applied",
    ] {
        assert!(exposed.split(", ").any(|known| known == name), "{name}: {exposed}");
    }
    let refused = served.get_with("/fhir/Patient?x=1", origin);
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (400, Some("*")));
    assert_eq!(send(served.authority(), "OPTIONS", "/nowhere", "", b"").status, 404);
}
