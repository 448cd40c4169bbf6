//! Inputs that hold no FHIR JSON, or nothing at all; and a first import that fails.

use super::{A, B};
use crate::support::Dir;

#[test]
fn other_formats_are_named_in_one_line() {
    let dir = Dir::new();
    dir.write("a.json", A);
    dir.import(0, &["old.db", "a.json"]);
    let store = dir.read("old.db");
    let cases: [(&[u8], &str); 12] = [
        (b"<?xml version=\"1.0\"?>\n<Patient xmlns=\"http://hl7.org/fhir\">\n<id value=\"x\"/>\n</Patient>", "FHIR in XML"),
        (b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\">\n</ClinicalDocument>", "C-CDA"),
        (b"<!DOCTYPE html>\n<html>\n<script>\n{\n}\n</script>", "HTML"),
        (b"@prefix fhir: <http://hl7.org/fhir/> .\n[ a fhir:Patient ] .", "Turtle"),
        (b"MSH|^~\\&|A|B\rPID|1||2", "HL7 version 2"),
        (b"id,name\n1,Ann\n2,Ben\n3,Cay\n", "CSV"),
        (b"resourceType: Patient\nid: a\n", "no JSON"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
        (b"{\0\"\0r\0", "UTF-16"),
        (b"\x01\x02\0\0\xff", "no text"),
        (&store, "fhirlite export FILE FOLDER"),
    ];
    for (bytes, word) in cases {
        dir.write("in.json", bytes);
        let file = dir.run(["import", "s.db", "in.json"]);
        let piped = dir.run_with_input(["import", "s.db", "-"], bytes);
        for (ran, name) in [(file, "in.json"), (piped, "-")] {
            assert_eq!(ran.code, 1, "{word}: {}", ran.stderr);
            assert!(ran.stderr.starts_with(&format!("{name}: is ")), "{word}: {}", ran.stderr);
            assert!(
                ran.stderr.contains(word) && ran.stderr.lines().count() == 1,
                "{word}: {}",
                ran.stderr
            );
        }
        assert!(!dir.path("s.db").exists(), "{word}");
    }
}

#[test]
fn an_input_that_holds_nothing_is_reported() {
    let dir = Dir::new();
    dir.write("empty.ndjson", "");
    dir.write("blank.json", " \n\n\t\n");
    dir.write("list.json", "[]");
    dir.write("bundle.json", r#"{"resourceType":"Bundle","type":"searchset","total":0}"#);
    dir.write("xml/a.xml", "<a/>");
    dir.write("exported/Patient.ndjson", "");
    dir.write("exported/manifest.json", r#"{"transactionTime":"2020","output":[]}"#);
    std::fs::create_dir(dir.path("nothing")).unwrap();
    for input in
        ["empty.ndjson", "blank.json", "list.json", "bundle.json", "xml", "exported", "nothing"]
    {
        for option in ["--strict", "--quiet", "--json"] {
            let ran = dir.run(["import", "s.db", input, option]);
            assert_eq!(ran.code, 1, "{input}: {}", ran.stderr);
            let last = ran.stderr.lines().last();
            assert_eq!(
                last,
                Some("nothing was imported: the input holds no FHIR resource"),
                "{input}"
            );
            assert!(!dir.path("s.db").exists(), "{input}");
        }
    }
    let ran = dir.run_with_input(["import", "s.db", "-"], b"");
    assert!(ran.code == 1 && ran.stderr.contains("nothing was imported"), "{}", ran.stderr);
}

#[test]
fn an_empty_file_among_others_is_no_fault() {
    let dir = Dir::new();
    dir.write("in/a.json", A);
    dir.write("in/empty.ndjson", "");
    dir.write("empty.ndjson", "");
    let ran = dir.run(["import", "s.db", "in"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    // One that somebody named is perhaps not the file that was meant.
    let ran = dir.run(["import", "s.db", "in", "empty.ndjson"]);
    assert_eq!(
        (ran.code, ran.stderr.as_str()),
        (0, "warning: empty.ndjson: holds nothing to import\n")
    );
}

#[test]
fn a_first_import_that_fails_leaves_no_store_behind() {
    let dir = Dir::new();
    dir.write("bad.ndjson", r#"{"resourceType":"Patient","id":"a b"}"#);
    dir.write("a.json", A);
    for args in [
        &["bad.ndjson"][..],
        &["a.json", "bad.ndjson", "--strict"],
        &["a.json", "--rejects", "a.json"],
        &["missing.json"],
    ] {
        let ran = dir.run(["import", "s.db"].iter().chain(args));
        assert_ne!(ran.code, 0, "{args:?}");
        for name in ["s.db", "s.db-wal", "s.db-shm", "s.db-journal"] {
            assert!(!dir.path(name).exists(), "{name} after {args:?}");
        }
    }
    // What was there before stays: an empty file, a store without resources, a store with some.
    dir.write("s.db", "");
    assert_eq!(dir.run(["import", "s.db", "bad.ndjson"]).code, 1);
    assert!(dir.path("s.db").exists());
    dir.import(1, &["s.db", "bad.ndjson"]);
    dir.check("s.db");
    dir.import(1, &["s.db", "a.json", "bad.ndjson"]);
    dir.import(1, &["s.db", "bad.ndjson"]);
    dir.get("s.db", "Patient/a");
    dir.check("s.db");
    // A part that was taken stays too.
    dir.import(1, &["t.db", "bad.ndjson", "a.json"]);
    dir.get("t.db", "Patient/a");
}

#[test]
fn swapped_arguments_get_a_hint_and_the_data_stay() {
    let dir = Dir::new();
    dir.write("data.ndjson", A);
    dir.write("empty.ndjson", "");
    dir.write("in/b.json", B);
    dir.import(0, &["old.db", "in"]);
    for (args, code, hint) in [
        (&["import", "data.ndjson", "s.db"][..], 3, "fhirlite import s.db data.ndjson"),
        (&["import", "data.ndjson", "old.db"], 4, "fhirlite import old.db data.ndjson"),
        (&["import", "empty.ndjson", "old.db"], 2, "fhirlite import old.db empty.ndjson"),
        (&["import", "in", "old.db"], 4, "fhirlite import old.db in"),
        (
            &["import", "new.ndjson", "data.ndjson"],
            2,
            "fhirlite import STORE new.ndjson data.ndjson",
        ),
        (
            &["serve", "data.ndjson", "old.db", "--listen", "127.0.0.1:0"],
            4,
            "fhirlite serve old.db data.ndjson",
        ),
    ] {
        let ran = dir.run(args);
        assert_eq!(ran.code, code, "{args:?}: {}", ran.stderr);
        let end = format!("; the store comes first: {hint}\n");
        assert!(ran.stderr.ends_with(&end), "{args:?}: {}", ran.stderr);
    }
    assert_eq!((dir.text("data.ndjson").as_str(), dir.text("empty.ndjson").as_str()), (A, ""));
    assert!(!dir.path("s.db").exists() && !dir.path("new.ndjson").exists());
}

#[test]
fn a_known_type_in_wrong_capitals_is_rejected_with_the_right_spelling() {
    let dir = Dir::new();
    let bundle = r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"OBSERVATION","id":"b"}}]}"#;
    dir.write("in.ndjson", format!("{{\"resourceType\":\"patient\",\"id\":\"a\"}}\n{bundle}\n{{\"resourceType\":\"bundle\"}}\n{{\"resourceType\":\"Unheard\",\"id\":\"u\"}}\n"));
    let ran = dir.run(["import", "s.db", "in.ndjson"]);
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.stderr.lines().collect::<Vec<_>>(),
        [
            "in.ndjson:1: resourceType \"patient\": did you mean Patient?",
            "in.ndjson:2: entry[0]: resourceType \"OBSERVATION\": did you mean Observation?",
            "in.ndjson:3: resourceType \"bundle\": did you mean Bundle?",
        ]
    );
    assert_eq!(dir.bodies("s.db")[0].0, "Unheard/u");
}
