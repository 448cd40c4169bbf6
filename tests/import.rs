//! Import: every form it takes, bytes in = bytes out, and what it does with bad input.

use serde_json::json;

use crate::support::{Dir, gzip, zip};

const A: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"7","lastUpdated":"2020-01-02T03:04:05.678Z"}}"#;
const B: &str = r#"{"resourceType":"Patient","id":"b","meta":{"lastUpdated":"2020-01-02T03:04:05Z","versionId":"x"}}"#;
const C: &str = r#"{"id":"c","resourceType":"Observation","meta":{"versionId":"1","lastUpdated":"2020-01-02T03:04:05+01:00"}}"#;

fn all() -> Vec<(String, String)> {
    [("Observation/c", C), ("Patient/a", A), ("Patient/b", B)]
        .map(|(place, body)| (place.to_owned(), body.to_owned()))
        .into()
}

#[test]
fn every_form_gives_the_same_resources() {
    let ndjson = format!("{A}\n{B}\n{C}\n");
    let crlf = format!("\u{feff}{A}\r\n\r\n  \r\n{B}\r\n{C}");
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{A}}},{{"resource":{B}}},{{"resource":{C}}}]}}"#
    );
    let pretty = |text: &str| text.replace(",\"", ",\r\n\t \"").replace('{', "{\n ");
    let documents = format!("{}\n\n{}{}", pretty(A), pretty(B), pretty(C));
    let members =
        [gzip(format!("{A}\n").as_bytes()), gzip(format!("{B}\n{C}").as_bytes())].concat();
    let packed = zip(&[
        ("notes.txt", b"not FHIR"),
        ("z/c.json", pretty(C).as_bytes()),
        ("a.ndjson.gz", &gzip(format!("{A}\n{B}\n").as_bytes())),
        ("__MACOSX/a.json", b"rubbish"),
    ]);
    let pretty_bundle = pretty(&bundle);
    let packed_lines = gzip(ndjson.as_bytes());
    let forms: [(&str, &[u8]); 12] = [
        ("x.ndjson", ndjson.as_bytes()),
        ("x.jsonl", ndjson.as_bytes()),
        ("x.json", ndjson.as_bytes()),
        ("x", ndjson.as_bytes()),
        ("crlf.ndjson", crlf.as_bytes()),
        ("bundle.json", bundle.as_bytes()),
        ("pretty.json", pretty_bundle.as_bytes()),
        ("documents.json", documents.as_bytes()),
        ("x.ndjson.gz", &packed_lines),
        ("members.json.gz", &members),
        ("x.zip", &packed),
        ("misnamed.json", &packed_lines),
    ];
    for (name, bytes) in forms {
        let dir = Dir::new();
        dir.write(name, bytes);
        let report = dir.import(0, &["s.db", name]);
        assert_eq!(report["created"], 3, "{name}");
        assert_eq!(dir.bodies("s.db"), all(), "{name}");
        dir.check("s.db");
        // The same on standard input, where nothing has a name.
        let ran = dir.run_with_input(["import", "stdin.db", "-"], bytes);
        assert_eq!(ran.code, 0, "{name} on standard input: {}", ran.stderr);
        assert_eq!(dir.bodies("stdin.db"), all(), "{name} on standard input");
    }
}

#[test]
fn a_folder_is_read_in_the_order_of_names() {
    let dir = Dir::new();
    dir.write("in/b/2.json", A);
    dir.write("in/b/1.json", B);
    dir.write("in/a.ndjson", C);
    dir.write("in/.hidden.json", "rubbish");
    dir.write("in/README.md", "rubbish");
    let ran = dir.run(["import", "s.db", "in"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("README.md: skipped"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hidden"), "{}", ran.stderr);
    let order: String = dir
        .open("s.db")
        .query_row(
            "SELECT group_concat(id, '') FROM (SELECT id FROM resource ORDER BY seq)",
            (),
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(order, "cba");
}

#[test]
fn bytes_in_are_bytes_out() {
    let kept = [
        r#"{"resourceType":"Observation","id":"n","valueQuantity":{"value":1.00},"x":[1e400,-0.0,0.123456789012345678901234567890,100000000000000000000000000000]}"#,
        r#"{"z":1,"id":"k","a":2,"resourceType":"Patient","unknown":{"b":[],"a":{}}}"#,
        r#"{ "resourceType" : "Patient" , "id" : "spaces" , "text" : "a  b" }"#,
        r#"{"resourceType":"Patient","id":"e","name":"\u00e9\ud83d\ude00\ud800 \/ \u0000 é😀"}"#,
        r#"{"resourceType":"NobodyHasHeardOfIt","id":"t.1-2"}"#,
        r#"{"resourceType":"Patient","id":"m","meta":{}}"#,
        r#"{"resourceType":"Patient","id":"m2","meta":{ "tag":[]}}"#,
    ];
    let dir = Dir::new();
    dir.write("in.ndjson", kept.join("\n"));
    dir.import(0, &["s.db", "in.ndjson"]);
    for text in kept {
        let value: serde_json::Value =
            match serde_json::from_str(&text.replace("1e400", "1").replace("\\ud800", "")) {
                Ok(value) => value,
                Err(error) => panic!("{error}: {text}"),
            };
        let place = format!(
            "{}/{}",
            value["resourceType"].as_str().unwrap(),
            value["id"].as_str().unwrap()
        );
        let body = dir.get("s.db", &place);
        let start = body.find("\"versionId\":\"1\",\"lastUpdated\":\"").expect("set by the import");
        let end = start + "\"versionId\":\"1\",\"lastUpdated\":\"2021-05-12T16:51:13.561Z\"".len();
        let without = format!("{}{}", &body[..start], &body[end..]);
        let without = without.replace(r#","meta":{}"#, "").replace(r#""meta":{,"#, r#""meta":{"#);
        assert_eq!(without, text.replace(r#","meta":{}"#, ""), "{place}");
    }
    dir.check("s.db");
}

#[test]
fn line_breaks_go_and_nothing_else_does() {
    let dir = Dir::new();
    dir.write("p.json", "{\n  \"resourceType\": \"Patient\",\r\n  \"id\": \"p\",\n  \"meta\": {\"versionId\": \"1\", \"lastUpdated\": \"2020-01-01T00:00:00Z\"},\n  \"a\": \" x \\n { \\\" \",\n  \"n\": 1.50\n}\n");
    dir.import(0, &["s.db", "p.json"]);
    assert_eq!(
        dir.get("s.db", "Patient/p"),
        "{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"versionId\":\"1\",\"lastUpdated\":\"2020-01-01T00:00:00Z\"},\"a\":\" x \\n { \\\" \",\"n\":1.50}"
    );
}

#[test]
fn bad_items_are_reported_with_their_place_and_leave_the_others_alone() {
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
fn damaged_files_are_rejects_and_what_was_whole_is_kept() {
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
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["rejected"], 3);
    let kept = dir.count("s.db", "SELECT count(*) FROM resource WHERE id LIKE 'p%'");
    assert!((100..2000).contains(&kept), "{kept} of the truncated file were whole");
    dir.check("s.db");
}

#[test]
fn a_broken_first_line_does_not_spoil_the_rest() {
    let dir = Dir::new();
    dir.write("in.json", format!("{{\"resourceType\":oops}}\n{A}\n{B}\n"));
    let report = dir.import(1, &["s.db", "in.json"]);
    assert_eq!((&report["created"], &report["rejected"]), (&json!(2), &json!(1)));
}

#[test]
fn counts_add_up() {
    let dir = Dir::new();
    dir.write("1.ndjson", format!("{A}\n{B}\n{C}\n{A}\nrubbish\n"));
    let report = dir.import(1, &["s.db", "1.ndjson"]);
    assert_eq!(report["types"], json!({"Observation": 1, "Patient": 3}));
    assert_eq!(
        (&report["created"], &report["unchanged"], &report["rejected"]),
        (&json!(3), &json!(1), &json!(1))
    );
    assert_eq!(report["bytes"], dir.read("1.ndjson").len());
    dir.write("2.ndjson", format!("{}\n{B}\n", A.replace("\"7\"", "\"8\"")));
    let report = dir.import(0, &["s.db", "2.ndjson"]);
    assert_eq!((&report["updated"], &report["unchanged"]), (&json!(1), &json!(1)));
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM history"), 1);
}

#[test]
fn strict_is_all_or_nothing() {
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
fn stamp_sets_both_always() {
    let dir = Dir::new();
    dir.write(
        "a.ndjson",
        format!(
            "{A}\n{}\n",
            r#"{"resourceType":"Patient","id":"bad","meta":{"lastUpdated":"never","tag":[]}}"#
        ),
    );
    dir.import(0, &["s.db", "a.ndjson", "--stamp"]);
    let body: serde_json::Value = serde_json::from_str(&dir.get("s.db", "Patient/a")).unwrap();
    assert_eq!(body["meta"]["versionId"], "1");
    assert!(body["meta"]["lastUpdated"].as_str().unwrap() > "2026", "{body}");
    let again = dir.import(0, &["s.db", "a.ndjson", "--stamp"]);
    assert_eq!(again["unchanged"], 2);
    dir.check("s.db");
}

#[test]
fn an_id_is_derived_from_the_content_and_stays() {
    let dir = Dir::new();
    dir.write("a.ndjson", "{\"resourceType\":\"Basic\",\"n\":1}\n{\"resourceType\":\"Basic\",\"n\":2}\n{\"n\":1 , \"resourceType\":\"Basic\"}\n");
    assert_eq!(dir.import(0, &["s.db", "a.ndjson"])["created"], 3);
    // The same content in another layout is the same resource.
    dir.write("b.json", "{\n \"resourceType\": \"Basic\",\n \"n\": 2\n}");
    assert_eq!(dir.import(0, &["s.db", "a.ndjson", "b.json"])["unchanged"], 4);
    for (_, body) in dir.bodies("s.db") {
        assert_eq!(body.matches("\"id\":").count(), 1, "{body}");
    }
}

#[test]
fn a_long_id_is_taken_with_a_warning() {
    let dir = Dir::new();
    let id = "x".repeat(65);
    dir.write("a.json", format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#));
    let ran = dir.run(["import", "s.db", "a.json", "--json"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("65 characters"), "{}", ran.stderr);
    assert!(ran.stdout.contains(r#""warnings":1"#), "{}", ran.stdout);
}

#[test]
fn versions_count_on() {
    let dir = Dir::new();
    for n in 1..=3 {
        dir.write("a.json", format!(r#"{{"resourceType":"Patient","id":"a","n":{n}}}"#));
        dir.import(0, &["s.db", "a.json"]);
    }
    assert!(dir.get("s.db", "Patient/a").contains(r#""versionId":"3""#));
    assert_eq!(dir.run(["delete", "s.db", "Patient/a"]).code, 0);
    dir.import(0, &["s.db", "a.json"]);
    // The deletion was version 4.
    assert!(dir.get("s.db", "Patient/a").contains(r#""versionId":"5""#));
    dir.check("s.db");
}

#[test]
fn late_arrivals_are_counted() {
    let dir = Dir::new();
    dir.import(0, &["s.db", dir.write("a.json", A).to_str().unwrap()]);
    assert_eq!(dir.run(["export", "s.db", "out"]).code, 0);
    assert_eq!(dir.import(0, &["s.db", dir.write("b.json", B).to_str().unwrap()])["late"], 1);
    assert_eq!(
        dir.import(
            0,
            &["s.db", dir.write("n.json", r#"{"resourceType":"Basic"}"#).to_str().unwrap()]
        )["late"],
        0
    );
}

#[test]
fn a_file_with_several_versions_of_a_resource_changes_nothing_the_second_time() {
    let dir = Dir::new();
    let other = A.replace("\"7\"", "\"8\"");
    dir.write("a.ndjson", format!("{A}\n{other}\n{B}\n{A}\n{other}\n"));
    let first = dir.import(0, &["s.db", "a.ndjson"]);
    assert_eq!((&first["created"], &first["updated"]), (&json!(2), &json!(3)));
    let versions = dir.count("s.db", "SELECT count(*) FROM version");
    let again = dir.import(0, &["s.db", "a.ndjson"]);
    assert_eq!(
        (&again["created"], &again["updated"], &again["unchanged"]),
        (&json!(0), &json!(0), &json!(5))
    );
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM version"), versions);
    assert_eq!(dir.get("s.db", "Patient/a"), other);
    // Nothing has come late either, where nothing has come.
    assert_eq!(dir.run(["export", "s.db", "out"]).code, 0);
    assert_eq!(dir.import(0, &["s.db", "a.ndjson"])["late"], 0);
    dir.check("s.db");
}

#[test]
fn a_cut_off_first_line_does_not_spoil_the_rest() {
    let dir = Dir::new();
    dir.write("in.json", format!("\n\n{{\"resourceType\":\"Patient\",\"id\":\"x\"\n{A}\n{B}\n"));
    let ran = dir.run(["import", "s.db", "in.json", "--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with("in.json:3: not valid JSON"), "{}", ran.stderr);
    assert_eq!(dir.bodies("s.db").len(), 2);
}

#[test]
fn an_export_folder_can_be_imported_as_it_is() {
    let dir = Dir::new();
    dir.write("in.ndjson", format!("{A}\n{B}\n{C}\n"));
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["export", "s.db", "out"]).code, 0);
    let report = dir.import(0, &["t.db", "out", "--strict"]);
    assert_eq!((&report["created"], &report["warnings"]), (&json!(3), &json!(1)));
    assert_eq!(dir.bodies("t.db"), all());
}

#[cfg(unix)]
#[test]
fn odd_things_in_a_folder_do_not_keep_the_rest_out() {
    use std::os::unix::fs::symlink;
    let dir = Dir::new();
    dir.write("in/a.json", A);
    dir.write("in/sub/b.json", B);
    dir.write("in/z.zip", zip(&[("c.json", C.as_bytes()), ("notes.txt", b"x")]));
    symlink("nowhere", dir.path("in/gone.json")).unwrap();
    symlink("nowhere", dir.path("in/.#lock.json")).unwrap();
    symlink("..", dir.path("in/sub/loop")).unwrap();
    let ran = dir.run(["import", "s.db", "in", "--json"]);
    assert_eq!(ran.code, 1);
    assert_eq!(dir.bodies("s.db"), all());
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&report["rejected"], &report["warnings"]),
        (&json!(2), &json!(1)),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("in/gone.json: ") && ran.stderr.contains("in/sub/loop: a link back"),
        "{}",
        ran.stderr
    );
}

#[test]
fn rejects_are_never_written_over_what_is_needed() {
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
    dir.check("new.db");
}
