//! Files with faults: their rows, their coding, and where they break off.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::read::GzDecoder;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

const ROWS: &str = "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n\
                    {\"resourceType\" : \"Basic\",\"id\":\"b\"}\n\
                    {\"resourceType\":\"Patient\",\"id\":\"c\"}\n";

/// The fault of some rules.
fn fault(rules: &[&str]) -> BodyFault {
    let rules: Vec<FaultRule> = rules.iter().map(|short| rule(short)).collect();
    BodyFault::new(&rules, RowPart::default(), false)
}

/// Keeps what is sent, and how long it took.
#[derive(Default)]
struct KeptOut {
    bytes: Vec<u8>,
    largest: usize,
    waited: Duration,
}

impl Write for KeptOut {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.largest = self.largest.max(bytes.len());
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl BodyOut for KeptOut {
    fn pause(&mut self, time: Duration) -> std::io::Result<()> {
        self.waited += time;
        Ok(())
    }
}

/// What is sent of a body that comes in pieces of a length, and how it ends.
fn kept(fault: &BodyFault, body: &[u8], length: usize) -> (KeptOut, BodyEnd) {
    let mut out = KeptOut::default();
    let mut writer = FaultyWriter::new(fault, &mut out);
    for piece in body.chunks(length.max(1)) {
        writer.write_all(piece).unwrap();
    }
    writer.flush().unwrap();
    let end = writer.finish().unwrap();
    (out, end)
}

/// The bytes that are sent of a body, and how it ends.
fn sent(fault: &BodyFault, body: &[u8], length: usize) -> (Vec<u8>, BodyEnd) {
    let (out, end) = kept(fault, body, length);
    (out.bytes, end)
}

/// What is sent of the three rows, as text.
fn text(rules: &[&str]) -> (String, BodyEnd) {
    let (bytes, end) = sent(&fault(rules), ROWS.as_bytes(), 7);
    (String::from_utf8(bytes).unwrap(), end)
}

fn lines() -> [&'static str; 3] {
    let lines: Vec<&str> = ROWS.lines().collect();
    lines.try_into().unwrap()
}

#[test]
fn rows_are_changed_as_asked() {
    let [a, b, c] = lines();
    for (short, wanted) in [
        ("file: duplicate_every=2", format!("{a}\n{b}\n{b}\n{c}\n")),
        ("file: blank_every=1", format!("{a}\n\n{b}\n\n{c}\n\n")),
        ("file: blank_every=2", format!("{a}\n{b}\n\n{c}\n")),
        ("file: crlf", format!("{a}\r\n{b}\r\n{c}\r\n")),
        ("file: bom", format!("\u{feff}{a}\n{b}\n{c}\n")),
        ("file: no_last_newline", format!("{a}\n{b}\n{c}")),
        ("file: broken_every=3", format!("{a}\n{b}\n{}\n", &c[..c.len() / 2])),
        (
            "file: other_type_every=1",
            format!(
                "{}\n{}\n{}\n",
                a.replace("Patient", "Basic"),
                b.replace("Basic", "Parameters"),
                c.replace("Patient", "Basic")
            ),
        ),
        (
            "file: duplicate_every=3; crlf; no_last_newline; bom",
            format!("\u{feff}{a}\r\n{b}\r\n{c}\r\n{c}"),
        ),
    ] {
        assert_eq!(text(&[short]), (wanted, BodyEnd::Whole), "{short}");
    }
    assert_eq!(text(&["file: bom", "file: crlf"]).0, format!("\u{feff}{a}\r\n{b}\r\n{c}\r\n"));
    assert_eq!(sent(&fault(&["file: bom"]), b"", 1).0, "\u{feff}".as_bytes());
    assert_eq!(sent(&fault(&["file: crlf"]), b"{}", 1).0, b"{}\r\n");
}

#[test]
fn a_separator_and_a_long_line_leave_the_resource_as_it_is() {
    let (changed, _) = text(&["file: separator_every=1"]);
    assert_eq!(changed.matches('\u{2028}').count(), 3);
    assert_eq!(changed.matches('\n').count(), 3);
    let first: Json = serde_json::from_str(changed.split('\n').next().unwrap()).unwrap();
    assert_eq!((&first["id"], &first["resourceType"]), (&"a".into(), &"Patient".into()));
    assert_eq!(
        sent(&fault(&["file: separator_every=1"]), b"{}\n[1]\n", 3).0.matches_line("[1]"),
        1
    );

    let length = 20_000_000;
    let fault = fault(&[&format!("file: long_line={length}")]);
    let (KeptOut { bytes: body, largest, .. }, _) = kept(&fault, ROWS.as_bytes(), 9);
    assert!(largest <= 64 << 10, "at most 64 KiB at once");
    let first = body.split(|byte| *byte == b'\n').next().unwrap();
    assert_eq!(first.len(), length);
    let long: Json = serde_json::from_slice(first).unwrap();
    assert_eq!(long, serde_json::from_str::<Json>(lines()[0]).unwrap());
}

/// Counts equal lines.
trait Lines {
    fn matches_line(&self, line: &str) -> usize;
}

impl Lines for Vec<u8> {
    fn matches_line(&self, line: &str) -> usize {
        self.split(|byte| *byte == b'\n').filter(|known| *known == line.as_bytes()).count()
    }
}

#[test]
fn bodies_break_off_where_and_how_they_should() {
    let [a, b, _] = lines();
    for (short, wanted, end) in [
        ("file: cut_bytes=10", &ROWS[..10], BodyEnd::Close),
        ("file: cut_bytes=0; cut=reset", "", BodyEnd::Reset),
        ("file: cut_bytes=40; cut=stall", &ROWS[..40], BodyEnd::Stall),
        ("file: cut_rows=1", &ROWS[..a.len() + 1], BodyEnd::Close),
        ("file: cut_rows=2; cut=reset", &ROWS[..a.len() + b.len() + 2], BodyEnd::Reset),
        ("file: cut_rows=0", "", BodyEnd::Close),
        ("file: cut_rows=3", ROWS, BodyEnd::Whole),
        ("file: cut_bytes=1000", ROWS, BodyEnd::Whole),
        ("file: length_offset=5", ROWS, BodyEnd::Close),
    ] {
        assert_eq!(text(&[short]), (wanted.to_owned(), end), "{short}");
    }
    let whole = format!("file: cut_bytes={}", ROWS.len());
    assert_eq!(text(&[&whole]), (ROWS.to_owned(), BodyEnd::Close));
    let (bytes, end) = sent(&fault(&["file: long_line=9000; cut_bytes=5000"]), ROWS.as_bytes(), 9);
    assert_eq!((bytes.len(), end), (5000, BodyEnd::Close));
}

#[test]
fn lengths_are_declared_wrongly_or_not_at_all() {
    for (short, length) in [
        ("file: length_offset=5", Some(105)),
        ("file: length_offset=-5", Some(95)),
        ("file: length_offset=-500", Some(0)),
        ("file: cut_bytes=5", Some(100)),
        ("file: gzip=announced", Some(100)),
        ("file: bom", None),
        ("file: gzip=cut", None),
    ] {
        assert_eq!(fault(&[short]).declared_length(100), length, "{short}");
    }
    assert!(fault(&["file: ranges=ignored"]).ignores_ranges);
}

#[test]
fn gzip_is_wrong_in_every_way() {
    let read = |bytes: &[u8]| {
        let mut text = String::new();
        let read = GzDecoder::new(bytes).read_to_string(&mut text);
        read.map(|_| text).map_err(|error| error.to_string())
    };
    let none: [&FaultRule; 0] = [];
    let right = BodyFault::new(none, RowPart::default(), true);
    assert_eq!(right.content_encoding(), Some("gzip"));
    let (gzip, end) = sent(&right, ROWS.as_bytes(), 7);
    assert_eq!((read(&gzip), end), (Ok(ROWS.to_owned()), BodyEnd::Whole));
    for short in ["file: gzip=cut", "file: gzip=checksum"] {
        let fault = fault(&[short]);
        assert_eq!(fault.content_encoding(), Some("gzip"));
        let (bytes, end) = sent(&fault, ROWS.as_bytes(), 7);
        assert!(read(&bytes).is_err(), "{short}");
        assert_eq!(end, BodyEnd::Whole);
    }
    let announced = fault(&["file: gzip=announced"]);
    assert_eq!(announced.content_encoding(), Some("gzip"));
    assert_eq!(sent(&announced, ROWS.as_bytes(), 7).0, ROWS.as_bytes());
    let rules = [rule("file: cut_rows=1; bom")];
    let cut = BodyFault::new(&rules, RowPart::default(), true);
    let (bytes, end) = sent(&cut, ROWS.as_bytes(), 7);
    let mut decoder = GzDecoder::new(&bytes[..]);
    let mut row = vec![0; lines()[0].len() + 4];
    decoder.read_exact(&mut row).unwrap();
    assert_eq!((row, end), (format!("\u{feff}{}\n", lines()[0]).into_bytes(), BodyEnd::Close));
}

#[test]
fn a_slow_body_says_how_long_to_wait() {
    let (out, _) = kept(&fault(&["file: bytes_per_second=20"]), b"0123456789\n", 5);
    assert!(out.largest <= 2);
    assert_eq!(out.waited.as_millis(), 550);
}

#[test]
fn a_part_has_its_rows() {
    let [a, b, c] = lines();
    let part =
        |start, end, is_deletions| RowPart { copies: None, rows: Some(start..end), is_deletions };
    for (part, wanted) in [
        (part(0, 1, false), format!("{a}\n")),
        (part(1, 3, false), format!("{b}\n{c}\n")),
        (part(3, 9, false), String::new()),
        (RowPart::default(), ROWS.to_owned()),
    ] {
        let none: [&FaultRule; 0] = [];
        let fault = BodyFault::new(none, part, false);
        let (bytes, end) = sent(&fault, ROWS.as_bytes(), 5);
        assert_eq!((String::from_utf8(bytes).unwrap(), end), (wanted, BodyEnd::Whole));
    }
    let none: [&FaultRule; 0] = [];
    let (bytes, _) = sent(&BodyFault::new(none, part(1, 2, true), false), ROWS.as_bytes(), 5);
    let deletion: Json = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(deletion["entry"][0]["request"]["method"], "DELETE");
    assert_eq!(deletion["entry"][0]["request"]["url"], "Basic/b");
}

#[test]
fn a_row_that_is_too_long_goes_through() {
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(17 << 20));
    let body = format!("{{}}\n{long}\n{{}}\n");
    let fault = fault(&["file: duplicate_every=1; crlf"]);
    let (bytes, _) = sent(&fault, body.as_bytes(), 1 << 20);
    assert!(bytes == format!("{{}}\r\n{{}}\r\n{long}\r\n{{}}\r\n{{}}\r\n").into_bytes());
}

proptest! {
    #[test]
    fn however_chunks_come_the_body_is_the_same(
        rows in prop::collection::vec("[a-z{}\":]{0,12}", 0..8),
        ends in any::<bool>(),
        length in 1_usize..20,
        which in prop::sample::subsequence(
            vec![
                "duplicate_every=2", "broken_every=3", "blank_every=2", "separator_every=2", "crlf",
                "bom", "no_last_newline", "long_line=30", "other_type_every=1",
            ],
            1..5,
        ),
        cut in prop::option::of(0_u64..80),
    ) {
        let mut body = rows.join("\n");
        if ends && !body.is_empty() {
            body.push('\n');
        }
        let cut = cut.map_or(String::new(), |bytes| format!("; cut_bytes={bytes}"));
        let fault = fault(&[&format!("file: {}{cut}", which.join("; "))]);
        let whole = sent(&fault, body.as_bytes(), usize::MAX);
        prop_assert_eq!(&sent(&fault, body.as_bytes(), length), &whole);
    }
}
