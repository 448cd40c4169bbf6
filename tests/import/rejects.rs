//! Input that is rejected.

use serde_json::{Value, json};

use super::{A, B, C, all};
use crate::support::{Dir, gzip};

#[test]
fn invalid_items_are_reported_with_file_and_line_and_the_others_are_imported() {
    let deep = format!(
        r#"{{"resourceType":"Patient","id":"deep","x":{}{}}}"#,
        "[".repeat(2000),
        "]".repeat(2000)
    );
    let lines: Vec<(Vec<u8>, &str)> = vec![
        (br#"{"resourceType":"Patient","id":"ok1"}"#.to_vec(), ""),
        (br#"{"resourceType":"Patient","id":"x""#.to_vec(), "not valid JSON"),
        (br#"{"id":"x"}"#.to_vec(), "no resourceType"),
        (br#"{"resourceType":"Pat ient","id":"x"}"#.to_vec(), "letters"),
        (br#"{"resourceType":7,"id":"x"}"#.to_vec(), "letters"),
        (br#"{"resourceType":"Patient","id":"a b"}"#.to_vec(), "A-Z a-z 0-9"),
        (br#"{"resourceType":"Patient","id":""}"#.to_vec(), "A-Z a-z 0-9"),
        (br#"{"resourceType":"Patient","id":12}"#.to_vec(), "not a string"),
        (br#"{"resourceType":"Patient","id":null}"#.to_vec(), "not a string"),
        (br#"{"resourceType":"Patient","id":"x","meta":[]}"#.to_vec(), "meta"),
        (
            br#"{"resourceType":"Patient","id":"x","meta":{"lastUpdated":"yesterday"}}"#.to_vec(),
            "--stamp",
        ),
        (br#"{"resourceType":"Patient","id":"x","meta":{"versionId":3}}"#.to_vec(), "versionId"),
        (br#"{"resourceType":"Patient","id":"x","id":"y"}"#.to_vec(), "duplicate"),
        (br#"["resourceType"]"#.to_vec(), "object"),
        (b"{\"resourceType\":\"Patient\",\"id\":\"x\",\"n\":\"\xff\"}".to_vec(), "UTF-8"),
        (deep.into_bytes(), "deeper"),
        (br#"{"resourceType":"Patient","id":"ok2"}"#.to_vec(), ""),
    ];
    let dir = Dir::new();
    let text: Vec<&[u8]> = lines.iter().map(|(line, _)| line.as_slice()).collect();
    dir.write("in.ndjson", text.join(&b"\n"[..]));
    let bad = lines.iter().filter(|(_, reason)| !reason.is_empty()).count();
    let report = dir.import(1, &["s.db", "in.ndjson", "--rejects", "rejects.txt"]);
    assert_eq!(report["rejected"], bad);
    assert_eq!(report["created"], 2);
    let rejects = dir.text("rejects.txt");
    assert_eq!(rejects.lines().count(), bad);
    for (number, (_, reason)) in
        lines.iter().enumerate().filter(|(_, (_, reason))| !reason.is_empty())
    {
        let place = format!("in.ndjson:{}: ", number + 1);
        let line = rejects.lines().find(|line| line.starts_with(&place));
        assert!(line.is_some_and(|line| line.contains(reason)), "{place}{reason}: {line:?}");
    }
    dir.check("s.db");
}

#[test]
fn the_intact_part_of_a_damaged_file_is_imported() {
    let dir = Dir::new();
    let many: String = (0..2000)
        .map(|n| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"n\":{}}}\n", n * 7919))
        .collect();
    let packed = gzip(many.as_bytes());
    dir.write("a/truncated.ndjson.gz", &packed[..packed.len() / 2]);
    dir.write("a/broken.zip", b"PK\x03\x04rubbish");
    dir.write("a/empty.json", "");
    dir.write("a/utf16.json", b"\xff\xfe{\0}\0");
    dir.write("a/ok.json", A);
    let ran = dir.run(["import", "s.db", "a", "--json"]);
    assert_eq!(ran.code, 1);
    for reason in ["truncated.ndjson.gz:", "broken.zip: ", "utf16.json: is UTF-16"] {
        assert!(ran.stderr.contains(reason), "{reason} in {}", ran.stderr);
    }
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["rejected"], 3);
    let kept = dir.count("s.db", "SELECT count(*) FROM resource WHERE id LIKE 'p%'");
    assert!((100..2000).contains(&kept), "{kept} of the truncated file were whole");
    dir.check("s.db");
}

#[test]
fn an_invalid_first_line_does_not_spoil_the_rest() {
    let dir = Dir::new();
    dir.write("in.json", format!("{{\"resourceType\":oops}}\n{A}\n{B}\n"));
    let report = dir.import(1, &["s.db", "in.json"]);
    assert_eq!((&report["created"], &report["rejected"]), (&json!(2), &json!(1)));
}

#[test]
fn a_truncated_first_line_does_not_spoil_the_rest() {
    let dir = Dir::new();
    dir.write("in.json", format!("\n\n{{\"resourceType\":\"Patient\",\"id\":\"x\"\n{A}\n{B}\n"));
    let ran = dir.run(["import", "s.db", "in.json", "--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with("in.json:3: not valid JSON"), "{}", ran.stderr);
    assert_eq!(dir.bodies("s.db").len(), 2);
}

#[test]
fn a_strict_import_imports_all_or_nothing() {
    let dir = Dir::new();
    dir.import(0, &["s.db", dir.write("0.json", A).to_str().unwrap()]);
    let before = dir.bodies("s.db");
    dir.write("1.json", B);
    dir.write("2.json", "rubbish");
    dir.write("3.json", C);
    let report = dir.import(1, &["s.db", "1.json", "2.json", "3.json", "--strict"]);
    assert_eq!((&report["created"], &report["rejected"]), (&json!(0), &json!(1)));
    assert_eq!(dir.bodies("s.db"), before);
    assert_eq!(dir.import(0, &["s.db", "1.json", "3.json", "--strict"])["created"], 2);
    assert_eq!(dir.bodies("s.db"), all());
}

#[test]
fn rejects_never_overwrite_the_store_or_the_input() {
    let dir = Dir::new();
    dir.write("in.ndjson", A);
    dir.import(0, &["s.db", "in.ndjson"]);
    let before = (dir.read("s.db"), dir.read("in.ndjson"));
    std::fs::hard_link(dir.path("s.db"), dir.path("link.db")).unwrap();
    for rejects in ["s.db", "in.ndjson", "./in.ndjson", "link.db"] {
        let ran = dir.run(["import", "s.db", "in.ndjson", "--rejects", rejects]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
    }
    assert_eq!((dir.read("s.db"), dir.read("in.ndjson")), before);
    assert_eq!(dir.run(["import", "new.db", "in.ndjson", "--rejects", "new.db"]).code, 2);
    assert!(!dir.path("new.db").exists());
}

/// A small file of which every line is rejected: what is told of it stays in proportion.
#[test]
fn rejects_without_number_fill_neither_the_terminal_nor_the_disk() {
    const LINES: usize = 1_100_000;
    let dir = Dir::new();
    // Each line of two bytes is a line of some 300 bytes in the file of rejects.
    let name = format!("{}.ndjson.gz", "n".repeat(240));
    dir.write(&name, gzip(format!("{A}\n{}", "x\n".repeat(LINES)).as_bytes()));
    let ran = dir.run(["import", "s.db", &name, "--json", "--quiet", "--rejects", "rejects.txt"]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr.lines().count(), 21, "{}", ran.stderr);
    let more = format!("… and {} more rejected", LINES - 20);
    assert!(ran.stderr.contains(&more), "{}", ran.stderr);
    let counts: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(counts["rejected"], LINES);
    let rejects = dir.text("rejects.txt");
    assert!(rejects.len() <= (256 << 20) + 200, "{} bytes", rejects.len());
    let (listed, last) = rejects.trim_end().rsplit_once('\n').unwrap();
    let left_out = LINES - listed.lines().count();
    assert!(left_out > 0, "the file has them all");
    assert!(
        last.contains(&format!("and {left_out} more rejected, which are not listed")),
        "{last}"
    );
}

#[test]
fn a_reject_and_a_name_are_told_in_a_length_that_can_be_read() {
    let dir = Dir::new();
    let name = format!("{}.json", "n".repeat(60_000));
    let long = format!("{{\"resourceType\":\"{}7\"}}", "P".repeat(100_000));
    dir.write("x.zip", crate::support::zip(&[(&name, long.as_bytes())]));
    let ran = dir.run(["import", "s.db", "x.zip", "--rejects", "rejects.txt"]);
    assert_eq!(ran.code, 1);
    let told = ran.stderr.lines().next().unwrap();
    assert!(told.len() < 2000 && told.contains("nnn.json:1: "), "{} bytes", told.len());
    assert!(dir.text("rejects.txt").len() < 2000);
}
