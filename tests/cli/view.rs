//! `fhirlite view check` and `fhirlite view run`: faults with their places, rows in order, what a slow reader holds.

use std::io::Read;
use std::process::Stdio;

use super::export::{exported, filled};
use crate::support::{Dir, project, until};

/// A view of patients with these elements beside its resource.
fn of_patients(rest: &str) -> String {
    format!(r#"{{"resource":"Patient",{rest}}}"#)
}

/// A view with a column of ids and one for each of these paths, called b, c and so on.
fn columns(paths: &[&str]) -> String {
    let names = ('b'..).map(String::from);
    let columns: Vec<_> = paths
        .iter()
        .zip(names)
        .map(|(path, name)| format!(r#",{{"name":"{name}","path":"{path}"}}"#))
        .collect();
    of_patients(&format!(
        r#""select":[{{"column":[{{"name":"a","path":"id"}}{}]}}]"#,
        columns.concat()
    ))
}

#[test]
fn faults_of_a_view_are_told_with_their_places_and_without_a_store() {
    let union = r#""select":[{"unionAll":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"b","path":"id"}]}]}]"#;
    for (view, wanted) in [
        (
            columns(&["%nobody"]),
            "select[0].column[1].path: `%nobody`, character 1: there is no constant `%nobody`",
        ),
        (
            of_patients(union),
            "select[0].unionAll[1]: the branches of a union have the same columns in the same order: this one has b, the first one has a",
        ),
        (
            columns(&["id"]).replacen('{', r#"{"where":[{"path":"gender"}],"#, 1),
            "where[0].path: `gender` gives values of type code, but a condition is true or false; compare the value or end with `.exists()`",
        ),
        (
            columns(&["id"]).replacen("Patient", "Pateint", 1),
            "resource: there is no resource type `Pateint`",
        ),
        (
            columns(&["id"]).replacen('{', r#"{"Where":[],"#, 1),
            "Where: a view has no such element; it has constant, where and select, and a select has column, select, forEach, forEachOrNull, repeat and unionAll",
        ),
        (
            of_patients(r#""select":[{"foreach":"name","column":[{"name":"a","path":"id"}]}]"#),
            "select[0].foreach: there is no such element; there are column, select, forEach, forEachOrNull, repeat, unionAll",
        ),
        (columns(&["name.frist()"]), "there is no function `frist`"),
    ] {
        let dir = Dir::new();
        dir.write("v.json", &view);
        let ran = dir.run(["view", "check", "v.json"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{view}");
        assert!(ran.stderr.contains(wanted), "{view}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("v.json: "), "{}", ran.stderr);
        dir.write("in.json", r#"{"resourceType":"Patient","id":"a"}"#);
        dir.import(0, &["s.db", "in.json", "--quiet"]);
        let ran = dir.run(["view", "run", "s.db", "v.json"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{view}");
        assert!(ran.stderr.contains(wanted), "{view}: {}", ran.stderr);
    }
}

#[test]
fn what_is_no_view_is_said_so_and_the_other_files_are_checked() {
    let dir = Dir::new();
    dir.write("empty.json", "");
    dir.write("text.json", "hello");
    dir.write("bundle.json", r#"{"resourceType":"Bundle","type":"collection"}"#);
    dir.write("bytes.json", b"{\"name\":\"\xff\"}");
    dir.write("good.json", columns(&[]));
    let ran = dir.run([
        "view",
        "check",
        "none.json",
        "empty.json",
        "bytes.json",
        "text.json",
        "bundle.json",
        ".",
        "good.json",
    ]);
    assert_eq!(ran.stdout, "good.json: 1 columns of Patient\n");
    for wanted in [
        "fhirlite: none.json: no such file or directory\n",
        "empty.json: this is no JSON: not valid JSON: the text ends too early at byte 0\n",
        "fhirlite: bytes.json: is no UTF-8 text\n",
        "text.json: this is no JSON: not valid JSON: no value at byte 0\n",
        "bundle.json: resourceType: this is a Bundle, no ViewDefinition\n",
        "fhirlite: .: is a directory\n",
    ] {
        assert!(ran.stderr.contains(wanted), "{wanted}{}", ran.stderr);
    }
    for (file, code) in [("none.json", 3), ("bytes.json", 2), ("empty.json", 1), ("bundle.json", 1)]
    {
        assert_eq!(dir.run(["view", "check", file]).code, code, "{file}");
        assert_eq!(
            dir.run(["view", "run", "none.db", file]).code,
            if code == 1 { 2 } else { code }
        );
    }
}

#[test]
fn the_ready_views_have_neither_faults_nor_warnings() {
    let folder = project().join("views");
    let views = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let views: Vec<_> = views.map(|path| path.to_str().unwrap().to_owned()).collect();
    let dir = Dir::new();
    let ran = dir.run(["view", "check"].into_iter().chain(views.iter().map(String::as_str)));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout.lines().count(), views.len());
}

#[test]
fn elements_that_r4_does_not_have_are_warnings() {
    let dir = Dir::new();
    dir.write("v.json", columns(&["birthdate", "name.where(usee = 'official').family.first()"]));
    let ran = dir.run(["view", "check", "v.json"]);
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.stderr,
        "v.json: warning: select[0].column[1].path: `birthdate`, character 1: R4 has no element `birthdate` of Patient; write birthDate\n\
         v.json: warning: select[0].column[2].path: `name.where(usee = 'official').family.first()`, character 12: R4 has no element `usee` of HumanName\n"
    );
}

/// A store of so many patients p0, p1 and so on, where every third has two names and every fifth none.
fn many(count: usize) -> Dir {
    let dir = Dir::new();
    let names = |n: usize| match (n % 5, n % 3) {
        (0, _) => "",
        (_, 0) => r#","name":[{"family":"A, \"B\""},{"family":"C\nD"}]"#,
        _ => r#","name":[{"family":"E"}]"#,
    };
    let line = |n| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\"{}}}\n", names(n));
    dir.write("in.ndjson", (0..count).map(line).collect::<String>());
    dir.import(0, &["s.db", "in.ndjson", "--quiet"]);
    dir
}

/// A view with a row for each name, and its rows of [`many`].
const NAMES: &str = r#"{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]},
    {"forEach":"name","column":[{"name":"family","path":"family"}]}]}"#;

fn rows_of(count: usize) -> Vec<String> {
    let rows = |n: usize| match (n % 5, n % 3) {
        (0, _) => Vec::new(),
        (_, 0) => vec![format!("p{n},\"A, \"\"B\"\"\"\r\n"), format!("p{n},\"C\nD\"\r\n")],
        _ => vec![format!("p{n},E\r\n")],
    };
    (0..count).flat_map(rows).collect()
}

#[test]
fn rows_of_all_cores_are_in_the_order_of_the_resources_and_a_limit_leaves_out_the_last() {
    const COUNT: usize = 6000;
    let dir = many(COUNT);
    dir.write("v.json", NAMES);
    let rows = rows_of(COUNT);
    // A range of the type, and a list of those that a search finds.
    for filter in [&[][..], &["--type-filter", "Patient?_id:not=nobody"]] {
        for limit in [0, 1, 7, 1023, 1024, 1025, 3000, rows.len() - 1, rows.len(), 9_999_999] {
            let limit_text = limit.to_string();
            let args = ["view", "run", "s.db", "v.json", "--no-header", "--limit", &limit_text];
            let ran = dir.run(args.iter().chain(filter));
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            let wanted = rows.iter().take(limit).map(String::as_str).collect::<String>();
            assert!(ran.stdout == wanted, "{filter:?} {limit}: {} bytes", ran.stdout.len());
        }
        for format in ["ndjson", "json"] {
            let args = ["view", "run", "s.db", "v.json", "--format", format];
            let ran = dir.run(args.iter().chain(filter));
            let rows = match format {
                "json" => serde_json::from_str::<Vec<serde_json::Value>>(&ran.stdout).unwrap(),
                _ => ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
            };
            let csv = rows.iter().map(|row| {
                let family = row["family"].as_str().unwrap();
                let quoted = family.contains([',', '\n']);
                let family = family.replace('"', "\"\"");
                let family = if quoted { format!("\"{family}\"") } else { family };
                format!("{},{family}\r\n", row["id"].as_str().unwrap())
            });
            assert!(csv.eq(rows_of(COUNT)), "{filter:?} {format}");
        }
    }
}

#[test]
fn a_resource_that_the_view_refuses_is_named_and_the_rows_before_it_are_given() {
    let dir = many(6000);
    dir.write("v.json", columns(&["name.family"]));
    let ran = dir.run(["view", "run", "s.db", "v.json"]);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.stdout, "a,b\r\np0,\r\np1,E\r\np2,E\r\n");
    assert_eq!(
        ran.stderr,
        "fhirlite: select[0].column[1].path: Patient/p3: `name.family` gives 2 values, but the column holds one; \
         take one of them, such as with `.first()`, or set `collection` to true\n"
    );
    // It is read ahead, but it is not among the rows that are wanted.
    let ran = dir.run(["view", "run", "s.db", "v.json", "--limit", "3", "--no-header"]);
    assert_eq!(
        (ran.code, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "p0,\r\np1,E\r\np2,E\r\n", "")
    );
}

#[test]
fn a_reader_that_pauses_holds_no_read_transaction() {
    let dir = many(6000);
    let long = "x".repeat(2000);
    dir.write("v.json", columns(&[&format!("'{long}'")]));
    let mut command = dir.command(["view", "run", "s.db", "v.json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut begin = [0; 5];
    stdout.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"a,b\r\n");
    // 12 MB of rows are to come. The log can be emptied although the program has not ended.
    dir.write("more.ndjson", r#"{"resourceType":"Basic","id":"b"}"#);
    dir.import(0, &["s.db", "more.ndjson", "--quiet"]);
    let db = dir.open("s.db");
    until("nobody reads the log", || {
        let busy: i64 =
            db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |row| row.get(0)).unwrap();
        (busy == 0).then_some(())
    });
    assert!(child.try_wait().unwrap().is_none(), "it waits for its reader");
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    let rows = String::from_utf8(rest).unwrap();
    assert_eq!(rows.lines().count(), 6000);
    assert!(rows.ends_with(&format!("p5999,{long}\r\n")));
}

#[test]
fn a_view_has_rows_of_what_an_export_with_the_same_options_has() {
    let dir = filled();
    for (number, (resource, options)) in [
        ("Patient", &[][..]),
        ("Observation", &[]),
        ("Observation", &["--group", "g"]),
        ("Observation", &["--patient", "a"]),
        ("Patient", &["--group", "g", "--patient", "b"]),
        ("Patient", &["--since", "2021-06-01"]),
        ("Patient", &["--since", "2021-06-01", "--until", "2022-06-01"]),
        ("Patient", &["--type-filter", "Patient?birthdate=2000-01-02"]),
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("out{number}");
        exported(&dir, &out, &[&["--type", resource], options].concat());
        let lines = std::fs::read_to_string(dir.path(&format!("{out}/{resource}.ndjson")));
        let id =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].clone();
        let wanted: Vec<_> = lines.unwrap().lines().map(id).collect();
        dir.write("v.json", columns(&[]).replacen("Patient", resource, 1));
        let args = ["view", "run", "s.db", "v.json", "--no-header"];
        let ran = dir.run(args.iter().chain(options));
        let found: Vec<_> = ran.stdout.lines().collect();
        assert_eq!(found, wanted, "{options:?}: {}", ran.stderr);
        assert!(!found.is_empty(), "{options:?}");
    }
}
