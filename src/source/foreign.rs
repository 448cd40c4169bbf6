//! Formats that are not read, told from their first bytes, each with one line that names it and says
//! what to do.

use memchr::memmem;

/// The first bytes of a format, where they stand, and what to say about it.
struct Signature {
    at: usize,
    bytes: &'static [u8],
    reason: &'static str,
}

const fn at_start(bytes: &'static [u8], reason: &'static str) -> Signature {
    Signature { at: 0, bytes, reason }
}

const IMAGE: &str = "is an image, not FHIR JSON; leave it out";

/// Formats of bytes.
const SIGNATURES: &[Signature] = &[
    at_start(
        b"BZh",
        "is compressed with bzip2, which is not read; unpack it first: bzip2 -dc FILE | fhirlite import STORE -",
    ),
    at_start(
        b"7z\xbc\xaf\x27\x1c",
        "is a 7z archive, which is not read; unpack it first: 7z x FILE",
    ),
    at_start(b"Rar!\x1a\x07", "is a rar archive, which is not read; unpack it first: unrar x FILE"),
    at_start(
        &[0x04, 0x22, 0x4d, 0x18],
        "is compressed with lz4, which is not read; unpack it first: lz4 -dc FILE | fhirlite import STORE -",
    ),
    at_start(
        b"LZIP",
        "is compressed with lzip, which is not read; unpack it first: lzip -dc FILE | fhirlite import STORE -",
    ),
    at_start(
        &[0x5d, 0, 0],
        "is compressed with lzma, which is not read; unpack it first: xz --format=lzma -dc FILE | fhirlite import STORE -",
    ),
    at_start(
        &[0x1f, 0x9d],
        "is compressed with compress (.Z), which is not read; unpack it first: gzip -dc FILE | fhirlite import STORE -",
    ),
    at_start(
        b"SQLite format 3\0",
        "is an SQLite database, not FHIR JSON; if it is a fhirlite store, export it and import the folder: fhirlite export FILE FOLDER",
    ),
    at_start(
        b"PAR1",
        "is Parquet, not FHIR JSON; export the data as NDJSON from the tool that wrote it",
    ),
    at_start(
        b"Obj\x01",
        "is Avro, not FHIR JSON; export the data as NDJSON from the tool that wrote it",
    ),
    at_start(
        b"ORC",
        "is ORC, not FHIR JSON; export the data as NDJSON from the tool that wrote it",
    ),
    at_start(
        b"%PDF-",
        "is a PDF, not FHIR JSON; a PDF is imported inside a Binary or DocumentReference resource",
    ),
    at_start(b"\x89PNG\r\n", IMAGE),
    at_start(b"\xff\xd8\xff", IMAGE),
    at_start(b"GIF8", IMAGE),
    Signature { at: 128, bytes: b"DICM", reason: "is a DICOM image, not FHIR JSON; leave it out" },
    at_start(&[0xd0, 0xcf, 0x11, 0xe0], OFFICE),
    at_start(&[0xff, 0xfe, 0, 0], UTF_32),
    at_start(&[0, 0, 0xfe, 0xff], UTF_32),
    at_start(&[0xff, 0xfe], UTF_16),
    at_start(&[0xfe, 0xff], UTF_16),
];

const OFFICE: &str = "is an Office document, not FHIR JSON; save its data as FHIR JSON first";
const UTF_16: &str = "is UTF-16; FHIR JSON is UTF-8: convert it first (iconv -f UTF-16 -t UTF-8)";
const UTF_32: &str = "is UTF-32; FHIR JSON is UTF-8: convert it first (iconv -f UTF-32 -t UTF-8)";
const FHIR_XML: &str = "is FHIR in XML; fhirlite reads FHIR JSON: convert it first, for example with the HL7 FHIR validator";
const CDA: &str = "is a C-CDA document (XML), not FHIR JSON; convert it to FHIR R4 JSON first";
const HTML: &str =
    "is a page of HTML, not FHIR JSON; perhaps a login or an error page was saved in its place";
const XML: &str = "is XML, not FHIR JSON; convert it first";
const TURTLE: &str = "is RDF in Turtle; fhirlite reads FHIR JSON: convert it first, for example with the HL7 FHIR validator";
const HL7_V2: &str = "is a message of HL7 version 2, not FHIR JSON; convert it to FHIR first";
const CSV: &str = "is a table (CSV), not FHIR JSON; convert its rows to FHIR resources first";
const BINARY: &str = "is no text, so no FHIR JSON";
const TEXT: &str = "is text but no JSON, so no FHIR JSON: a resource begins with {";

/// The beginnings of HL7 version 2: a message, a file, a batch, a message in its frame.
const HL7_V2_STARTS: [&[u8]; 4] = [b"MSH|", b"FHS|", b"BHS|", b"\x0bMSH|"];
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What to say about the beginning of a text or of bytes that cannot be FHIR JSON; `None` for what may
/// be. A text of which any line begins as JSON does may be, whatever else it holds.
pub(super) fn reason(head: &[u8]) -> Option<&'static str> {
    let is_here = |s: &&Signature| head.get(s.at..).is_some_and(|rest| rest.starts_with(s.bytes));
    if let Some(signature) = SIGNATURES.iter().find(is_here) {
        return Some(signature.reason);
    }
    let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
    let first = *text.first()?;
    if matches!(text, [b'{' | b'[', 0, ..]) || text.starts_with(b"\0{") || text.starts_with(b"\0[")
    {
        return Some(if text[1..].starts_with(&[0, 0, 0]) { UTF_32 } else { UTF_16 });
    }
    if first == b'<' {
        return Some(markup(text));
    }
    if HL7_V2_STARTS.iter().any(|start| text.starts_with(start)) {
        return Some(HL7_V2);
    }
    if is_turtle(text) {
        return Some(TURTLE);
    }
    let begins_json = |line: &[u8]| {
        let line = line.trim_ascii_start();
        matches!(line.strip_prefix(BOM).unwrap_or(line).first(), Some(b'{' | b'['))
    };
    if text.split(|b| *b == b'\n').any(begins_json) {
        return None;
    }
    Some(if text.contains(&0) {
        BINARY
    } else if is_table(text) {
        CSV
    } else {
        TEXT
    })
}

/// What to say about a zip that is a document of an office program.
pub(super) fn document(head: &[u8]) -> Option<&'static str> {
    /// The place of the first member's name in a zip.
    const NAME: usize = 30;
    let name = head.get(NAME..)?;
    let starts: [&[u8]; 2] = [b"[Content_Types].xml", b"mimetypeapplication/vnd."];
    starts.iter().any(|start| name.starts_with(start)).then_some(OFFICE)
}

fn markup(text: &[u8]) -> &'static str {
    let has = |what: &str| memmem::find(text, what.as_bytes()).is_some();
    let lower = text[..text.len().min(15)].to_ascii_lowercase();
    if has("\"http://hl7.org/fhir\"") || has("'http://hl7.org/fhir'") {
        FHIR_XML
    } else if has("urn:hl7-org:v3") {
        CDA
    } else if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        HTML
    } else {
        XML
    }
}

fn is_turtle(text: &[u8]) -> bool {
    let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let lower = first.to_ascii_lowercase();
    (lower.starts_with(b"@prefix") || lower.starts_with(b"prefix ") || lower.starts_with(b"@base"))
        && first.contains(&b'<')
}

/// True where the first lines have the same number of commas, semicolons or tabs.
fn is_table(text: &[u8]) -> bool {
    [b',', b';', b'\t', b'|'].into_iter().any(|separator| {
        let count = |line: &[u8]| line.iter().filter(|b| **b == separator).count();
        let lines = text.split(|b| *b == b'\n').filter(|line| !line.is_empty()).take(3);
        let mut counts = lines.map(count);
        counts.next().is_some_and(|first| first > 0 && counts.all(|count| count == first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named() {
        let cases: [(&str, Option<&str>); 18] = [
            ("<?xml version=\"1.0\"?>\n<Patient xmlns=\"http://hl7.org/fhir\">", Some(FHIR_XML)),
            ("\u{feff}<ClinicalDocument xmlns=\"urn:hl7-org:v3\">", Some(CDA)),
            ("<!DOCTYPE html><title>{\n", Some(HTML)),
            ("<a>\n{\n", Some(XML)),
            ("@prefix fhir: <http://hl7.org/fhir/> .\n[ a fhir:Patient ] .", Some(TURTLE)),
            ("MSH|^~\\&|A|B\rPID|1", Some(HL7_V2)),
            ("id,name\n1,Ann\n2,Ben", Some(CSV)),
            ("id\tname\n1\tAnn", Some(CSV)),
            ("resourceType: Patient\nid: a", Some(TEXT)),
            ("{\0\"\0", Some(UTF_16)),
            ("\0{\0\"", Some(UTF_16)),
            ("SQLite format 3\0", Some(SIGNATURES[7].reason)),
            ("\u{1}\0\0", Some(BINARY)),
            ("# a remark\n{\"resourceType\":\"Patient\"}", None),
            ("rubbish, rubbish\n\u{feff}{\"resourceType\":\"Patient\"}", None),
            ("[{}]", None),
            (" \n\t", None),
            ("", None),
        ];
        for (text, reason_or_none) in cases {
            assert_eq!(reason(text.as_bytes()), reason_or_none, "{text:?}");
        }
    }
}
