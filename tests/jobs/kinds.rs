//! Every kind of export, and every way to download a file.

use serde_json::Value;

use super::{Kickoff, LONG_AGO, by_get, by_post};
use crate::support::client;
use crate::support::{Served, gunzip};

/// Kick-offs whose exports have every kind of file.
pub fn all_kinds() -> Vec<Kickoff> {
    let strange = "_typeFilter=Patient%3F_sort%3Dname&nonsense=1";
    let lenient = "Prefer: handling=lenient\r\n";
    let path = "/fhir/Patient/$export";
    vec![
        by_get("/fhir/$export"),
        by_get("/fhir/$export?_maximumFileSize=250"),
        by_get(format!("/fhir/$export?_since={LONG_AGO}")),
        by_get("/fhir/$export?_elements=Observation.status,Patient.id"),
        by_get("/fhir/$export?organizeOutputBy=Patient"),
        by_get(path),
        by_get(format!("{path}?_since={LONG_AGO}&_maximumFileSize=300")),
        by_get(format!(
            "{path}?includeAssociatedData=RelevantProvenanceResources&_type=Observation"
        )),
        by_get(format!("{path}?organizeOutputBy=Patient&_maximumFileSize=400")),
        by_get(format!("{path}?organizeOutputBy=Patient&_elements=status&_since={LONG_AGO}")),
        by_get("/fhir/$export?_typeFilter=Observation%3Fstatus%3Dfinal&_maximumFileSize=250"),
        by_get(format!("{path}?_typeFilter=Patient%3Fgender%3Dfemale&_since={LONG_AGO}")),
        by_get("/fhir/Group/g/$export"),
        by_get(format!("/fhir/Patient/a/$export?_since={LONG_AGO}")),
        by_post("/fhir/Group/g/$export-v4", &[("organizeOutputBy", "Patient")]),
        Kickoff { headers: lenient, ..by_get(format!("/fhir/$export?{strange}")) },
        Kickoff { headers: "Prefer: respond-async\r\n", ..by_get("/bulk-data/r4/$export") },
    ]
}

/// A manifest with its problems under `error`, also if it is one of STU4, which has `outcome`.
pub fn as_stu3(manifest: &Value) -> Value {
    let mut manifest = manifest.clone();
    if let Some(outcome) = manifest.get("outcome").cloned() {
        manifest["error"] = outcome;
    }
    manifest
}

/// Fails unless every way to download a file returns these bytes.
pub fn assert_all_ways(served: &Served, path: &str, bytes: &[u8]) {
    let whole = served.get(path);
    assert_eq!(whole.status, 200, "{path}: {}", whole.text());
    assert!(
        whole.body == bytes,
        "{path}: {} is not {}",
        whole.text(),
        String::from_utf8_lossy(bytes)
    );
    assert_eq!(whole.header("content-type"), Some("application/fhir+ndjson"));
    assert_eq!(whole.header("content-length"), Some(&*bytes.len().to_string()));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let head = client::send(served.authority(), "HEAD", path, "", b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(&*bytes.len().to_string()));

    let length = bytes.len();
    let first_line = bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    for (from, to) in [
        (0, 1),
        (0, length),
        (1, length - 1),
        (first_line - 1, first_line),
        (first_line.min(length - 1), length),
        (length / 3, length / 3 * 2 + 1),
        (length - 1, length),
    ] {
        let part = served.get_with(path, &format!("Range: bytes={from}-{}\r\n", to - 1));
        assert_eq!(part.status, 206, "{path} {from}..{to}");
        assert!(part.body == bytes[from..to], "{path} {from}..{to}: {}", part.text());
        let said = format!("bytes {from}-{}/{length}", to - 1);
        assert_eq!(part.header("content-range"), Some(&*said));
        assert_eq!(part.header("content-length"), Some(&*(to - from).to_string()));
    }
    let end = served.get_with(path, "Range: bytes=-5\r\n");
    assert_eq!((end.status, &end.body[..]), (206, &bytes[length - 5..]));
    let after = served.get_with(path, &format!("Range: bytes={length}-\r\n"));
    after.assert_outcome(416, "range");
    assert_eq!(after.header("content-range"), Some(&*format!("bytes */{length}")));

    let packed = served.get_with(path, "Accept-Encoding: gzip\r\n");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(gunzip(&packed.body) == bytes, "{path}: compressed it is something else");

    let etag = whole.header("etag").expect("an ETag");
    let packed_etag = packed.header("etag").expect("an ETag");
    assert_ne!(etag, packed_etag);
    let known = served.get_with(path, &format!("If-None-Match: {etag}\r\n"));
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), Some(etag));
    let known = served
        .get_with(path, &format!("If-None-Match: {packed_etag}\r\nAccept-Encoding: gzip\r\n"));
    assert_eq!((known.status, known.body.len()), (304, 0));
    let other = served.get_with(path, "If-None-Match: \"other\"\r\n");
    assert!(other.status == 200 && other.body == bytes);
}
