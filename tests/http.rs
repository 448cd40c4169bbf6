//! The 1upHealth dialect over real sockets: manifests, files, and everything a client gets wrong.

use serde_json::{Value, json};

use crate::support::client::{parse, raw, send};
use crate::support::{self, Dir, Served};

const EXPORT: &str = "/bulk-data/r4/$export";

/// Two types, known times, and a resource that is not ASCII.
const DATA: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-06-15T10:00:00.000Z"}}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2020-06-15T12:00:00+02:00"}}
{"resourceType":"Patient","id":"c","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"name":[{"family":"Nguyễn 王 😀"}]}
{"resourceType":"Observation","id":"o","meta":{"versionId":"1","lastUpdated":"2020-06-15T10:00:00.001Z"}}
"#;

fn lines(resource_type: &str) -> Vec<u8> {
    let kept = |line: &&str| line.contains(&format!(r#""resourceType":"{resource_type}""#));
    DATA.lines().filter(kept).map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

fn served() -> (Dir, Served) {
    support::served(DATA)
}

fn url(manifest: &Value, resource_type: &str) -> String {
    let output = manifest["output"].as_array().unwrap();
    let file =
        output.iter().find(|file| file["type"] == resource_type).expect("a file of that type");
    file["url"].as_str().unwrap().to_owned()
}

fn types(manifest: &Value) -> Vec<&str> {
    manifest["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["type"].as_str().unwrap())
        .collect()
}

#[test]
fn the_manifest_has_its_keys_and_no_others() {
    let (_dir, served) = served();
    let answer = served.get(EXPORT);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let order: Vec<usize> =
        ["\"transactionTime\"", "\"request\"", "\"requiresAccessToken\"", "\"output\""]
            .iter()
            .map(|key| answer.text().find(key).expect("the key"))
            .collect();
    assert!(order.is_sorted());
    let manifest = answer.json();
    assert_eq!(manifest.as_object().unwrap().len(), 4);
    assert_eq!(manifest["request"], format!("{}{EXPORT}", served.url));
    assert_eq!(manifest["requiresAccessToken"], false);
    let time = manifest["transactionTime"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{time}");
    assert_eq!(types(&manifest), ["Observation", "Patient"]);
    for file in manifest["output"].as_array().unwrap() {
        assert_eq!(file.as_object().unwrap().len(), 2);
        let prefix = format!("{}{EXPORT}/{}/", served.url, file["type"].as_str().unwrap());
        let name = file["url"]
            .as_str()
            .unwrap()
            .strip_prefix(&prefix)
            .expect("an absolute URL with a literal $");
        let token = name.strip_suffix(".ndjson").expect("the ending");
        assert_eq!(token.split('.').next(), Some("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9"));
    }
}

#[test]
fn files_are_the_bytes_that_came_in() {
    let (_dir, served) = served();
    let manifest = served.manifest("");
    for resource_type in ["Patient", "Observation"] {
        let answer = served.get(&url(&manifest, resource_type));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/fhir+ndjson"));
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        assert_eq!(answer.body, lines(resource_type));
    }
}

#[test]
fn an_empty_store_has_an_empty_output() {
    let dir = Dir::new();
    let served = dir.serve(&["new.db"]);
    assert_eq!(served.manifest("")["output"], json!([]));
}

#[test]
fn types_restrict() {
    let (_dir, served) = served();
    for (query, expected) in [
        ("?_type=Patient", vec!["Patient"]),
        ("?_type=Patient,Observation", vec!["Observation", "Patient"]),
        ("?_type=Patient&_type=Observation", vec!["Observation", "Patient"]),
        ("?_type=Observation%2CNobody", vec!["Observation"]),
        ("?_type=Nobody", vec![]),
        ("?_type=patient", vec![]),
        ("?_type=", vec!["Observation", "Patient"]),
    ] {
        assert_eq!(types(&served.manifest(query)), expected, "{query}");
    }
}

#[test]
fn since_is_strictly_after() {
    let (_dir, served) = served();
    let ids = |query: &str| -> String {
        let manifest = served.manifest(query);
        let bytes: Vec<u8> =
            served.files(&manifest).into_iter().flat_map(|(_, bytes)| bytes).collect();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    for (since, expected) in [
        ("2020-06-15", "oabc"),
        ("2020-06-15T09:59:59.999Z", "oabc"),
        ("2020-06-15T10:00:00Z", "oc"),
        ("2020-06-15T10:00:00.000Z", "oc"),
        ("2020-06-15T10:00:00.0009Z", "oc"),
        ("2020-06-15T10:00:00.001Z", "c"),
        ("2020-06-15T12:00:00%2B02:00", "oc"),
        ("2020-06-15T12:00:00+02:00", "oc"),
        ("2020-06-15T10:00:00", "oc"),
        ("2021-01-01", ""),
        ("2999-01-01", ""),
        ("0001-01-01", "oabc"),
    ] {
        assert_eq!(ids(&format!("?_since={since}")), expected, "{since}");
    }
    assert_eq!(ids("?_since=2020-06-15T10:00:00Z&_type=Patient"), "c");
    for since in
        ["yesterday", "2021", "2021-13-01", "2021-02-30", "", "2021-01-01T25:00:00Z", "1609459200"]
    {
        served
            .get(&format!("{EXPORT}?_since={since}"))
            .assert_outcome(400, "2021-01-01T12:30:00.000Z");
    }
    served
        .get(&format!("{EXPORT}?_since=2021-01-01&_since=2021-01-02"))
        .assert_outcome(400, "twice");
}

#[test]
fn a_parameter_that_is_not_known_is_no_success() {
    let (_dir, served) = served();
    served
        .get(&format!("{EXPORT}?_typeFilter=Patient%3Factive=true"))
        .assert_outcome(400, "_typeFilter");
    served.get(&format!("{EXPORT}?type=Patient")).assert_outcome(400, "type");
    served.get(&format!("{EXPORT}?_outputFormat=csv")).assert_outcome(400, "csv");
    for format in
        ["application/fhir%2Bndjson", "application/fhir+ndjson", "ndjson", "application/ndjson"]
    {
        assert_eq!(served.get(&format!("{EXPORT}?_outputFormat={format}")).status, 200, "{format}");
    }
}

#[test]
fn paths_and_methods() {
    let (_dir, served) = served();
    let authority = served.authority();
    assert_eq!(served.get("/bulk-data/r4/%24export").status, 200);
    assert_eq!(served.get(&format!("http://anything{EXPORT}")).status, 200);
    for path in [
        "/",
        "/x",
        "/bulk-data/r4",
        "/bulk-data/r4/$export/",
        "/bulk-data/r4/$export/Patient",
        "/BULK-DATA/r4/$export",
        "//bulk-data",
    ] {
        assert_eq!(served.get(path).status, 404, "{path}");
    }
    served.get("/nowhere").assert_outcome(404, EXPORT);
    served.get("bulk-data/r4/$export").assert_outcome(400, "path");
    served.get("/bulk-data/stu3/$export").assert_outcome(404, "r4");
    served.get("/bulk-data/r4/Group/1/$export").assert_outcome(404, "Group/1 is not here");
    let file = url(&served.manifest(""), "Patient");
    for path in [EXPORT, file.strip_prefix(&served.url).unwrap()] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
            let answer = send(authority, method, path, "Content-Length: 3\r\n", b"abc");
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
    }
}

#[test]
fn pages_from_elsewhere_may_read() {
    let (_dir, served) = served();
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
fn head_is_get_without_the_body() {
    let (_dir, served) = served();
    let path = url(&served.manifest(""), "Patient").strip_prefix(&served.url).unwrap().to_owned();
    let get = served.get(&path);
    let head = send(served.authority(), "HEAD", &path, "", b"");
    assert!(head.body.is_empty());
    let ranged = send(served.authority(), "HEAD", &path, "Range: bytes=0-9\r\n", b"");
    assert_eq!(ranged.status, 200);
    assert_eq!(ranged.header("content-length"), get.header("content-length"));
    for name in ["content-length", "content-type", "etag", "accept-ranges"] {
        assert_eq!(get.header(name), head.header(name), "{name}");
    }
    assert_eq!(send(served.authority(), "HEAD", EXPORT, "", b"").status, 200);
}

#[test]
fn ranges_are_pieces_of_the_file() {
    let (_dir, served) = served();
    let file = url(&served.manifest(""), "Patient");
    let whole = lines("Patient");
    let length = whole.len();
    let etag = served.get(&file).header("etag").unwrap().to_owned();
    for start in [0, 1, 100, whole.iter().position(|b| *b == b'\n').unwrap(), length - 1] {
        for end in [start, start + 1, start + 150, length + 10] {
            let answer = served.get_with(&file, &format!("Range: bytes={start}-{end}\r\n"));
            let last = end.min(length - 1);
            assert_eq!(answer.status, 206);
            assert_eq!(answer.body, &whole[start..=last], "{start}-{end}");
            assert_eq!(
                answer.header("content-range"),
                Some(format!("bytes {start}-{last}/{length}").as_str())
            );
        }
    }
    assert_eq!(served.get_with(&file, "Range: bytes=-7\r\n").body, &whole[length - 7..]);
    assert_eq!(served.get_with(&file, "Range: bytes=200-\r\n").body, &whole[200..]);
    assert_eq!(
        served.get_with(&file, &format!("Range: bytes=0-4\r\nIf-Range: {etag}\r\n")).status,
        206
    );
    for ignored in ["bytes=0-1,3-4", "lines=1-2", "bytes=9-2", "bytes=0-4\r\nIf-Range: \"other\""] {
        let answer = served.get_with(&file, &format!("Range: {ignored}\r\n"));
        assert_eq!((answer.status, answer.body.len()), (200, length), "{ignored}");
    }
    let beyond = served.get_with(&file, &format!("Range: bytes={length}-\r\n"));
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{length}").as_str()));
}

#[test]
fn validators_spare_a_download() {
    let (_dir, served) = served();
    let file = url(&served.manifest(""), "Patient");
    let etag = served.get(&file).header("etag").unwrap().to_owned();
    for known in [etag.clone(), format!("W/{etag}"), format!("\"x\", {etag}"), "*".to_owned()] {
        let answer = served.get_with(&file, &format!("If-None-Match: {known}\r\n"));
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), Some(etag.as_str()));
    }
    for (headers, status) in [
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-None-Match: \"x\"\r\nIf-None-Match: {etag}\r\n"), 304),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
        (format!("If-Match: {etag}\r\n"), 200),
    ] {
        assert_eq!(served.get_with(&file, &headers).status, status, "{headers}");
    }
}

#[test]
fn gzip_is_for_those_who_ask() {
    let (_dir, served) = served();
    let file = url(&served.manifest(""), "Patient");
    for accepted in ["gzip", "deflate, GZIP;q=0.5", "br, gzip"] {
        let answer = served.get_with(&file, &format!("Accept-Encoding: {accepted}\r\n"));
        assert_eq!(answer.header("content-encoding"), Some("gzip"), "{accepted}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(
            &mut flate2::read::GzDecoder::new(&answer.body[..]),
            &mut unpacked,
        )
        .unwrap();
        assert_eq!(unpacked, lines("Patient"));
    }
    for accepted in ["identity", "gzip;q=0", "gzip;Q=0.0", "br", "identity;q=1, gzip;q=0.1"] {
        let answer = served.get_with(&file, &format!("Accept-Encoding: {accepted}\r\n"));
        assert_eq!(
            (answer.header("content-encoding"), answer.body.clone()),
            (None, lines("Patient")),
            "{accepted}"
        );
    }
}

#[test]
fn a_file_name_that_is_not_ours_opens_nothing() {
    let (_dir, served) = served();
    let (_other_dir, other) = self::served();
    let manifest = served.manifest("");
    let file = url(&manifest, "Patient");
    let path = file.strip_prefix(&served.url).unwrap();
    let token = path.rsplit('/').next().unwrap().strip_suffix(".ndjson").unwrap();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    let encode = |text: &[u8]| {
        let table = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<u8> =
            text.iter().flat_map(|b| (0..8).rev().map(move |bit| b >> bit & 1)).collect();
        bits.chunks(6)
            .map(|six| {
                table[six.iter().chain(&[0; 5]).take(6).fold(0, |n, bit| n << 1 | *bit as usize)]
                    as char
            })
            .collect::<String>()
    };
    assert_eq!(encode(br#"{"typ":"JWT","alg":"HS256"}"#), header);
    let none = encode(br#"{"typ":"JWT","alg":"none"}"#);
    let longer = encode(
        br#"{"start":"0","end":"ffff","total":3,"userId":"open","type":"Patient","snapshot":9}"#,
    );
    let flipped = |text: &str| {
        let last = if text.ends_with('A') { 'B' } else { 'A' };
        format!("{}{last}", &text[..text.len() - 1])
    };
    let foreign = url(&other.manifest(""), "Patient");
    let foreign = foreign.rsplit('/').next().unwrap().strip_suffix(".ndjson").unwrap().to_owned();
    let forged = [
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{}", flipped(signature)),
        format!("{header}.{}.{signature}", flipped(payload)),
        format!("{header}.{longer}.{signature}"),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{}", &signature[..40]),
        format!("{}.{payload}.{signature}", flipped(header)),
        foreign,
        String::new(),
        "...".to_owned(),
        "x".repeat(5000),
    ];
    for token in forged {
        served
            .get(&format!("{EXPORT}/Patient/{token}.ndjson"))
            .assert_outcome(403, "not signed by this store");
    }
    served.get(&format!("{EXPORT}/Observation/{token}.ndjson")).assert_outcome(403, "another type");
    served.get(&format!("{EXPORT}/Patient/{token}")).assert_outcome(404, ".ndjson");
    assert_eq!(served.get(&file).status, 200);
}

#[test]
fn urls_begin_with_what_the_client_can_reach() {
    let (dir, served) = served();
    let authority = served.authority();
    let request = |host: &str| {
        let answer = raw(
            authority,
            format!("GET {EXPORT} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes(),
        );
        parse(&answer).json()["request"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        request("Host: demo.example.org:99\r\n"),
        format!("http://demo.example.org:99{EXPORT}")
    );
    assert_eq!(request("Host: [::1]:8\r\n"), format!("http://[::1]:8{EXPORT}"));
    for unusable in ["", "Host: \r\n", "Host: a\"b\r\n", "Host: a/b\r\n", "Host: <x>\r\n"] {
        assert_eq!(request(unusable), format!("{}{EXPORT}", served.url), "{unusable:?}");
    }
    drop(served);
    let behind = dir.serve(&["s.db", "--base-url", "https://demo.example.org/fhirlite/"]);
    let manifest = behind.manifest("?_type=Patient");
    assert_eq!(
        manifest["request"],
        format!("https://demo.example.org/fhirlite{EXPORT}?_type=Patient")
    );
    assert!(
        url(&manifest, "Patient")
            .starts_with(&format!("https://demo.example.org/fhirlite{EXPORT}/Patient/"))
    );
}

#[test]
fn a_connection_ends_with_its_response() {
    let (_dir, served) = served();
    let url = url(&served.manifest(""), "Patient");
    let path = url.strip_prefix(&served.url).unwrap();
    for head in [
        "HTTP/1.1\r\nHost: x",
        "HTTP/1.1\r\nHost: x\r\nConnection: keep-alive",
        "HTTP/1.0\r\nConnection: keep-alive",
    ] {
        let answer = raw(served.authority(), format!("GET {path} {head}\r\n\r\n").as_bytes());
        let answer = parse(&answer);
        assert_eq!((answer.status, &answer.body), (200, &lines("Patient")));
        assert_eq!(answer.header("connection"), Some("close"));
    }
    // HTTP/1.0 cannot take pieces, so it gets no gzip.
    let old = format!("GET {path} HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(parse(&raw(served.authority(), old.as_bytes())).body, lines("Patient"));
}

#[test]
fn bodies_that_would_end_the_process_do_not() {
    let (_dir, served) = served();
    let authority = served.authority();
    for length in ["100000000000000000", "18446744073709551615", "2000000", "1025"] {
        let declared = format!("Content-Length: {length}\r\n");
        let too_long = length.len() > 10;
        let (post, get) = if too_long { (413, 413) } else { (405, 200) };
        assert_eq!(send(authority, "POST", EXPORT, &declared, b"x").status, post, "{length}");
        assert_eq!(send(authority, "GET", EXPORT, &declared, b"x").status, get, "{length}");
    }
    for length in ["-5", "99999999999999999999999999", "x", "1, 2"] {
        let length = format!("Content-Length: {length}\r\n");
        let smuggled = format!("GET {EXPORT} HTTP/1.1\r\nHost: x\r\n\r\n");
        let request = format!("GET {EXPORT} HTTP/1.1\r\n{length}\r\n{smuggled}");
        let text = String::from_utf8(raw(authority, request.as_bytes())).unwrap();
        let alone = text.matches("HTTP/1.1").count() == 1;
        assert!(text.starts_with("HTTP/1.1 400 ") && alone, "{text}");
    }
    let chunks = b"5\r\nhello\r\n0\r\n\r\n";
    for body in [&chunks[..], b"zz\r\nhello", b""] {
        let answer = send(authority, "POST", EXPORT, "Transfer-Encoding: chunked\r\n", body);
        assert_eq!(answer.status, 405);
    }
    // Nothing follows the answer, whatever came behind the request.
    let file = url(&served.manifest(""), "Patient");
    let path = file.strip_prefix(&served.url).unwrap();
    for _ in 0..20 {
        let answer = send(authority, "GET", path, "Transfer-Encoding: chunked\r\n", chunks);
        assert_eq!(answer.body, lines("Patient"));
    }
    for (length, body) in [(0, ""), (5, "hello")] {
        let length = format!("Content-Length: {length}\r\n");
        assert_eq!(send(authority, "GET", EXPORT, &length, body.as_bytes()).status, 200);
    }
    for rubbish in
        ["\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n"]
    {
        let _ = raw(authority, rubbish.as_bytes());
    }
    assert_eq!(served.get(EXPORT).status, 200);
}

#[test]
fn connections_that_come_in_a_burst_are_all_answered() {
    use std::io::{Read, Write};
    let (_dir, served) = served();
    let request = format!("HEAD {EXPORT} HTTP/1.1\r\nHost: x\r\n\r\n");
    for _ in 0..5 {
        let mut sockets: Vec<_> =
            (0..24).map(|_| std::net::TcpStream::connect(served.authority()).unwrap()).collect();
        for socket in &mut sockets {
            socket.write_all(request.as_bytes()).unwrap();
        }
        // All stay open until the last one is answered.
        for socket in &mut sockets {
            let mut first = [0; 15];
            socket.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 200 OK");
        }
    }
}

#[test]
fn a_group_is_exported_with_everybody_on_its_list() {
    let dir = Dir::new();
    let member =
        |id: &str, more: &str| format!(r#"{{"entity":{{"reference":"Patient/{id}"}}{more}}}"#);
    let members = [
        member("a", ""),
        member("b", r#","inactive":true"#),
        member("c", r#","period":{"end":"2001"}"#),
    ];
    let mut lines = format!(
        "{{\"resourceType\":\"Group\",\"id\":\"g\",\"actual\":true,\"member\":[{}]}}\n",
        members.join(",")
    );
    for id in ["a", "b", "c", "d"] {
        lines += &format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}\n");
        lines += &format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"of-{id}\",\"subject\":{{\"reference\":\"Patient/{id}\"}}}}\n"
        );
    }
    dir.write("in.ndjson", lines);
    let served = dir.serve(&["s.db", "in.ndjson", "--quiet"]);
    let path = "/bulk-data/r4/Group/g/$export?_type=Patient,Observation";
    let manifest = served.get(path).json();
    let keys: Vec<_> = manifest.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["output", "request", "requiresAccessToken", "transactionTime"]);
    assert_eq!(manifest["request"], format!("{}{path}", served.url));
    let ids = |manifest: &Value| -> Vec<(String, Vec<String>)> {
        let lines = |bytes: &[u8]| -> Vec<String> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let id = |line: &str| {
                serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
            };
            text.lines().map(id).collect()
        };
        served.files(manifest).into_iter().map(|(name, bytes)| (name, lines(&bytes))).collect()
    };
    let of = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let all = [
        ("Observation".to_owned(), of(&["of-a", "of-b", "of-c"])),
        ("Patient".to_owned(), of(&["a", "b", "c"])),
    ];
    assert_eq!(ids(&manifest), all);
    served.get("/bulk-data/r4/Group/h/$export").assert_outcome(404, "Group/h is not here");

    // Who would rather wait may, here as well as at the path without a Group.
    for (path, patients) in [(path, 3), ("/bulk-data/r4/$export?_type=Patient,Observation", 4)] {
        let accepted = served.get_with(path, "Prefer: respond-async\r\n");
        assert_eq!(accepted.status, 202);
        let location = accepted.header("content-location").unwrap();
        assert!(
            location.starts_with(&format!("{}/bulk-data/r4/$export/job/", served.url)),
            "{location}"
        );
        let manifest = loop {
            let answer = served.get(location);
            if answer.status == 200 {
                break answer.json();
            }
            assert_eq!(answer.status, 202);
        };
        assert_eq!(manifest["output"][1]["count"], patients);
        let prefix = format!("{}/bulk-data/r4/$export/file/", served.url);
        assert!(manifest["output"][1]["url"].as_str().unwrap().starts_with(&prefix));
        assert_eq!(ids(&manifest)[1].1.len(), patients);
    }
}
