//! Bodies that are too large to wait in memory for slow clients.

use std::io::Write;
use std::net::TcpStream;

use crate::support::{Dir, Served, until};

/// Larger than what waits in memory, and than what glibc keeps for the next time (32 MiB).
const LENGTH: usize = 40 << 20;

/// A Patient, a Binary and an Observation of `LENGTH` bytes, each between small ones of its type.
fn served() -> (Dir, Served) {
    let dir = Dir::new();
    let long = "x".repeat(LENGTH);
    let data = "QUJD".repeat(LENGTH / 4);
    let mut lines = String::new();
    for (id, text) in [("a", "short"), ("b", &long), ("c", "short")] {
        lines +=
            &format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"text":"{text}"}}]}}"#);
        lines +=
            &format!("\n{{\"resourceType\":\"Observation\",\"id\":\"{id}\",\"status\":\"final\",");
        lines += &format!(r#""code":{{"text":"{text}"}},"subject":{{"reference":"Patient/a"}}}}"#);
        lines.push('\n');
    }
    lines += &format!(
        r#"{{"resourceType":"Binary","id":"b","contentType":"text/plain","data":"{data}"}}"#
    );
    lines.push('\n');
    dir.write("in.ndjson", &lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// The lines of a type as they were imported.
fn expected(dir: &Dir, resource_type: &str) -> Vec<String> {
    let begin = format!(r#"{{"resourceType":"{resource_type}""#);
    let input = String::from_utf8(dir.read("in.ndjson")).expect("UTF-8");
    input.lines().filter(|line| line.starts_with(&begin)).map(str::to_owned).collect()
}

/// A body without the `meta` that the store adds.
fn without_meta(line: &str) -> String {
    let (before, rest) = line.split_once(r#","meta":{"#).expect("meta");
    let (_, after) = rest.split_once('}').expect("the end of meta");
    format!("{before}{after}")
}

#[test]
fn large_bodies_come_whole_by_every_way() {
    let (dir, served) = served();
    let patients = expected(&dir, "Patient");
    let read = served.get("/fhir/Patient/b");
    assert_eq!(
        (read.status, read.header("content-length")),
        (200, Some(read.body.len().to_string().as_str()))
    );
    assert!(without_meta(&read.text()) == patients[1], "another body");
    let content = served.get("/fhir/Binary/b");
    assert!(content.body == b"ABC".repeat(LENGTH / 4), "another content");
    for (resource_type, bytes) in served.files(&served.manifest("")) {
        let text = String::from_utf8(bytes).expect("UTF-8");
        let lines: Vec<String> = text.lines().map(without_meta).collect();
        assert!(lines == expected(&dir, &resource_type), "another file of {resource_type}");
    }
    // A range that begins within the large body, and one that ends there.
    let manifest = served.manifest("?_type=Patient");
    let url = manifest["output"][0]["url"].as_str().expect("a url");
    let whole = served.get(url).body;
    let middle = LENGTH / 2;
    for (first, last) in [(middle, whole.len() - 1), (0, middle), (middle, middle + 100)] {
        let part = served.get_with(url, &format!("Range: bytes={first}-{last}\r\n"));
        assert!(part.status == 206 && part.body == whole[first..=last], "bytes {first} to {last}");
    }
}

#[test]
fn a_page_ends_with_a_large_body_and_the_next_one_goes_on() {
    let (_dir, served) = served();
    let mut ids = Vec::new();
    let mut url = Some("/fhir/Patient?_count=10".to_owned());
    while let Some(next) = url {
        let page = served.get(&next).json();
        let entries = page["entry"].as_array().expect("entries");
        ids.push(
            entries
                .iter()
                .map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>(),
        );
        let links = page["link"].as_array().expect("links").iter();
        let mut next = links.filter(|link| link["relation"] == "next");
        url = next.next().map(|link| link["url"].as_str().expect("a url").to_owned());
    }
    assert_eq!(ids, [vec!["a", "b"], vec!["c"]]);
}

/// Clients that take nothing of a large body hold no memory of the server: with a body for each of them it would need 1,200 MiB.
#[test]
fn clients_that_take_nothing_hold_no_large_bodies_in_memory() {
    let (_dir, served) = served();
    let manifest = served.manifest("?_type=Observation");
    let file = manifest["output"][0]["url"].as_str().expect("a url");
    let file = file.strip_prefix(&served.url).expect("a URL of the server");
    served.get(file);
    let Some(before) = served.memory() else { return };
    let mut clients = Vec::new();
    for path in ["/fhir/Patient/b", file, "/fhir/Binary/b"].iter().cycle().take(30) {
        let mut client = TcpStream::connect(served.authority()).expect("connected");
        write!(client, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
        // The answer has begun, so its body is read from the store.
        client.peek(&mut [0]).expect("an answer");
        clients.push(client);
    }
    let after = until("the memory of those that were read is given back", || {
        let memory = served.memory()?;
        (memory < before + (300 << 20)).then_some(memory)
    });
    println!("{before} bytes before, {after} with {} clients", clients.len());
    assert_eq!(served.get("/health").status, 200);
}
