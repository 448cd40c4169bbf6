//! `fhirlite list`.

use std::io::Read;
use std::process::Stdio;

use crate::support::Dir;

#[test]
fn ids_are_listed_in_order_one_on_each_line() {
    let dir = Dir::new();
    let ids = ["b", "a", "Z", "10", "9", "a-1", "a.b"];
    let lines = ids.map(|id| {
        format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}\n{{\"resourceType\":\"Group\",\"id\":\"g{id}\"}}\n")
    });
    dir.write("in.ndjson", lines.concat());
    dir.import(0, &["s.db", "in.ndjson"]);
    dir.run(["delete", "s.db", "Patient/b"]);
    let ran = dir.run(["list", "s.db", "Patient"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "10\n9\nZ\na\na-1\na.b\n"), "{}", ran.stderr);
    // A type that FHIR knows and the store has none of.
    let ran = dir.run(["list", "s.db", "Observation"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
}

#[test]
fn a_misspelt_type_gets_a_hint() {
    let dir = Dir::new();
    dir.write("in.ndjson", "{\"resourceType\":\"Zebra\",\"id\":\"z\"}\n");
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["list", "s.db", "Zebra"]).stdout, "z\n");
    for (wrong, hint) in [
        ("patient", "did you mean Patient?"),
        ("Patients", "did you mean Patient?"),
        ("Obsrevation", "did you mean Observation?"),
        ("zebra", "did you mean Zebra?"),
        ("Patient/1", "did you mean Patient?"),
        ("nonsense", "it has Zebra"),
        ("", "it has Zebra"),
    ] {
        let ran = dir.run(["list", "s.db", wrong]);
        assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{wrong}");
        assert!(ran.stderr.contains(hint), "{wrong}: {}", ran.stderr);
    }
}

#[test]
fn a_long_list_is_whole_and_may_be_cut_off_by_its_reader() {
    let dir = Dir::new();
    let lines: String = (0..25_000)
        .map(|n| format!("{{\"resourceType\":\"Basic\",\"id\":\"a-rather-long-id-{n:05}\"}}\n"))
        .collect();
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    let whole = dir.run(["list", "s.db", "Basic"]).stdout;
    let expected: String = (0..25_000).map(|n| format!("a-rather-long-id-{n:05}\n")).collect();
    assert!(whole == expected);
    let mut child = dir.command(["list", "s.db", "Basic"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 22];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"a-rather-long-id-00000");
    assert!(child.wait().unwrap().success());
}
