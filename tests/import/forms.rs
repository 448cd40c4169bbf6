//! Files, folders, archives and standard input.

use std::os::unix::fs::symlink;

use serde_json::json;

use super::{A, B, C, all};
use crate::support::{Dir, gzip, zip};

#[test]
fn every_form_of_input_gives_the_same_resources() {
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
        // The same on standard input, which has no file name.
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
fn an_exported_folder_can_be_imported() {
    let dir = Dir::new();
    dir.write("in.ndjson", format!("{A}\n{B}\n{C}\n"));
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["export", "s.db", "out"]).code, 0);
    let report = dir.import(0, &["t.db", "out", "--strict"]);
    assert_eq!((&report["created"], &report["warnings"]), (&json!(3), &json!(1)));
    assert_eq!(dir.bodies("t.db"), all());
}

#[test]
fn broken_links_and_loops_in_a_folder_do_not_stop_the_import() {
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
