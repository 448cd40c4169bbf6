//! `fhirlite export` against the server: the same files byte for byte, the same manifest but for
//! where its files are. And what becomes of such a folder in another store.

use std::io::Read;

use serde_json::Value;

use crate::support::bulk::{ended, kick_off, path};
use crate::support::client::get;
use crate::support::{Dir, Served};

/// Three patients, what is about them, beside them and about nobody.
const FIRST: &str = r#"{"resourceType":"Organization","id":"org","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"name":"Org"}
{"resourceType":"Organization","id":"far","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"}}
{"resourceType":"Practitioner","id":"doc","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"}}
{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"name":[{"family":"Nguyễn 王 😀"}],"birthDate":"2000-01-01","managingOrganization":{"reference":"Organization/org"}}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"birthDate":"2000-01-02"}
{"resourceType":"Patient","id":"c","meta":{"versionId":"1","lastUpdated":"2023-01-01T00:00:00Z"}}
{"resourceType":"Encounter","id":"ea","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/a"},"participant":[{"individual":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Observation","id":"oa","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},"valueString":"1"}
{"resourceType":"Observation","id":"ob","meta":{"versionId":"1","lastUpdated":"2023-01-01T00:00:00Z"},"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"}}
{"resourceType":"Observation","id":"gone","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"}}
{"resourceType":"Binary","id":"note","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"contentType":"text/plain","data":"aGVsbG8="}
{"resourceType":"DocumentReference","id":"da","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"status":"current","subject":{"reference":"Patient/a"},"content":[{"attachment":{"url":"Binary/note"}},{"attachment":{"url":"https://elsewhere.example.org/Binary/note"}}]}
{"resourceType":"Provenance","id":"v1","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"target":[{"reference":"Observation/oa"}],"recorded":"2022-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Provenance","id":"v2","meta":{"versionId":"1","lastUpdated":"2023-01-01T00:00:00Z"},"target":[{"reference":"Observation/oa"}],"recorded":"2023-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Group","id":"g","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}}]}
{"resourceType":"Group","id":"lost","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}},{"entity":{"reference":"Patient/nobody"}}]}
"#;

/// A store without `Observation/gone`.
fn filled() -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", FIRST);
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Observation/gone"]).code, 0);
    dir
}

/// `export s.db OUT` with `args` must succeed; its manifest.
fn exported(dir: &Dir, out: &str, args: &[&str]) -> Value {
    let ran = dir.run(["export", "s.db", out].iter().chain(args));
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
    serde_json::from_slice(&dir.read(&format!("{out}/manifest.json"))).expect("a manifest")
}

/// The manifest of the server's job.
fn answered(served: &Served, path: &str, parameters: &[(&str, &str)]) -> Value {
    let started = kick_off(served.authority(), path, parameters, "");
    let answer = ended(served.authority(), &started);
    assert_eq!(answer.status, 200, "{path} {parameters:?}: {}", answer.text());
    answer.json()
}

/// The names of a manifest's files.
fn names(manifest: &Value) -> Vec<String> {
    ["output", "deleted", "error", "outcome"]
        .iter()
        .flat_map(|key| manifest[*key].as_array().into_iter().flatten())
        .map(|file| file["url"].as_str().expect("a url").rsplit('/').next().unwrap().to_owned())
        .collect()
}

/// A manifest without what must differ: where its files are, what was asked, and when.
fn common(manifest: &Value) -> Value {
    let mut manifest = manifest.clone();
    for key in ["transactionTime", "request"] {
        manifest.as_object_mut().expect("an object").remove(key);
    }
    for key in ["output", "deleted", "error", "outcome"] {
        for file in manifest[key].as_array_mut().into_iter().flatten() {
            for place in ["url", "continuesInFile"] {
                if let Some(url) = file[place].as_str() {
                    let name = url.rsplit('/').next().unwrap().trim_end_matches(".gz").to_owned();
                    file[place] = name.into();
                }
            }
        }
    }
    // Indexing with a key that is not there has put null in its place.
    manifest.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    manifest
}

/// What is in a file of an exported folder, unpacked.
fn unpacked(dir: &Dir, name: &str) -> Vec<u8> {
    let bytes = dir.read(name);
    if !name.ends_with(".gz") {
        return bytes;
    }
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut plain).expect("gzip");
    plain
}

/// The names in a folder, in order.
fn listed(dir: &Dir, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path(folder)).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_the_server_exports_the_program_exports_too() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let base = format!("{}/fhir", served.url);
    let mut holding = Vec::new();
    for (number, (args, path, parameters)) in [
        ("", "$export", vec![]),
        ("--edition stu4", "$export-v4", vec![]),
        ("--all-patients", "Patient/$export", vec![]),
        ("--all-patients --edition stu4", "Patient/$export-v4", vec![]),
        ("--group g", "Group/g/$export", vec![]),
        ("--group Group/g", "Group/g/$export", vec![]),
        ("--group lost", "Group/lost/$export", vec![]),
        ("--group lost --edition stu4", "Group/lost/$export-v4", vec![]),
        ("--patient a", "Patient/a/$export", vec![]),
        ("--patient Patient/a", "Patient/$export", vec![("patient", "Patient/a")]),
        (
            "--patient c,a",
            "Patient/$export",
            vec![("patient", "Patient/a"), ("patient", "Patient/c")],
        ),
        (
            "--patient a --patient c --all-patients",
            "Patient/$export",
            vec![("patient", "Patient/c"), ("patient", "Patient/a")],
        ),
        ("--group g --patient b", "Group/g/$export", vec![("patient", "Patient/b")]),
        ("--type Patient,Observation", "$export", vec![("_type", "Patient,Observation")]),
        (
            "--all-patients --type Patient --type Organization",
            "Patient/$export",
            vec![("_type", "Patient"), ("_type", "Organization")],
        ),
        ("--since 2022-06-01T00:00:00Z", "$export", vec![("_since", "2022-06-01T00:00:00Z")]),
        (
            "--group g --since 2022-06-01T00:00:00+02:00 --edition stu4",
            "Group/g/$export-v4",
            vec![("_since", "2022-06-01T00:00:00+02:00")],
        ),
        (
            "--since 2021-06-01T00:00:00Z --until 2022-06-01T00:00:00Z",
            "$export",
            vec![("_since", "2021-06-01T00:00:00Z"), ("_until", "2022-06-01T00:00:00Z")],
        ),
        (
            "--patient a --until 2022-01-01T00:00:00.001Z",
            "Patient/a/$export",
            vec![("_until", "2022-01-01T00:00:00.001Z")],
        ),
        ("--elements birthDate", "$export", vec![("_elements", "birthDate")]),
        (
            "--elements Patient.birthDate,Observation.value --all-patients",
            "Patient/$export",
            vec![("_elements", "Patient.birthDate,Observation.value")],
        ),
        (
            "--provenance latest",
            "$export",
            vec![("includeAssociatedData", "LatestProvenanceResources")],
        ),
        (
            "--provenance relevant --group g --type Observation",
            "Group/g/$export",
            vec![
                ("includeAssociatedData", "RelevantProvenanceResources"),
                ("_type", "Observation"),
            ],
        ),
        (
            "--provenance latest --since 2021-06-01T00:00:00Z --edition stu4",
            "$export-v4",
            vec![
                ("includeAssociatedData", "LatestProvenanceResources"),
                ("_since", "2021-06-01T00:00:00Z"),
            ],
        ),
        ("--organize-by Patient", "$export", vec![("organizeOutputBy", "Patient")]),
        (
            "--organize-by Patient --all-patients --maximum-file-size 700 --edition stu4",
            "Patient/$export-v4",
            vec![("organizeOutputBy", "Patient"), ("_maximumFileSize", "700")],
        ),
        (
            "--organize-by Patient --maximum-file-size 1",
            "$export",
            vec![("organizeOutputBy", "Patient"), ("_maximumFileSize", "1")],
        ),
        ("--maximum-file-size 300", "$export", vec![("_maximumFileSize", "300")]),
        (
            "--maximum-file-size 300 --elements name --since 2020-01-01T00:00:00Z",
            "$export",
            vec![
                ("_maximumFileSize", "300"),
                ("_elements", "name"),
                ("_since", "2020-01-01T00:00:00Z"),
            ],
        ),
        ("--gzip", "$export", vec![]),
        (
            "--gzip --organize-by Patient --maximum-file-size 700",
            "$export",
            vec![("organizeOutputBy", "Patient"), ("_maximumFileSize", "700")],
        ),
        (
            "--type Basic --since 2020-01-01T00:00:00Z",
            "$export",
            vec![("_type", "Basic"), ("_since", "2020-01-01T00:00:00Z")],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("out{number}");
        let mut given: Vec<&str> = args.split_whitespace().collect();
        given.extend(["--attachments-base", &base]);
        let offline = exported(&dir, &out, &given);
        let online = answered(&served, &format!("/fhir/{path}"), &parameters);
        assert_eq!(common(&offline), common(&online), "{args}");
        assert_eq!(
            offline["request"].as_str().map(|asked| asked.starts_with("fhirlite export s.db")),
            (!args.contains("stu4")).then_some(true),
            "{args}"
        );
        let mut files = names(&offline);
        for (name, url) in files.iter().zip(urls(&online)) {
            let answer = get(served.authority(), self::path(&url), "");
            assert_eq!(answer.status, 200, "{url}");
            let same = unpacked(&dir, &format!("{out}/{name}")) == answer.body;
            assert!(same, "{args}: {name} is not what the server has");
        }
        holding.push(files.len());
        files.push("manifest.json".to_owned());
        files.sort();
        assert_eq!(listed(&dir, &out), files, "{args}");
    }
    // Only what is asked of a type that nobody has is empty.
    assert_eq!(holding.pop(), Some(0));
    assert!(holding.iter().all(|files| *files > 0), "{holding:?}");
}

/// The URLs of a manifest's files.
fn urls(manifest: &Value) -> Vec<String> {
    ["output", "deleted", "error", "outcome"]
        .iter()
        .flat_map(|key| manifest[*key].as_array().into_iter().flatten())
        .map(|file| file["url"].as_str().expect("a url").to_owned())
        .collect()
}

#[test]
fn resources_per_file_cuts_the_same_lines_into_more_files() {
    let dir = filled();
    let whole = exported(&dir, "whole", &["--type", "Patient,Observation"]);
    assert_eq!(names(&whole), ["Observation.ndjson", "Patient.ndjson"]);
    let cut =
        exported(&dir, "cut", &["--type", "Patient,Observation", "--resources-per-file", "2"]);
    assert_eq!(names(&cut), ["Observation.ndjson", "Patient.001.ndjson", "Patient.002.ndjson"]);
    assert_eq!(cut["output"][1]["count"], 2);
    assert_eq!(cut["output"][2]["count"], 1);
    assert_eq!(
        dir.text("cut/Patient.001.ndjson") + &dir.text("cut/Patient.002.ndjson"),
        dir.text("whole/Patient.ndjson")
    );
    assert_eq!(dir.text("cut/Observation.ndjson"), dir.text("whole/Observation.ndjson"));
}

#[test]
fn attachments_stay_as_they_are_unless_a_base_is_given() {
    let dir = filled();
    exported(&dir, "plain", &["--type", "DocumentReference"]);
    let line = FIRST.lines().find(|line| line.contains("DocumentReference")).unwrap();
    assert_eq!(dir.text("plain/DocumentReference.ndjson"), format!("{line}\n"));
    for (out, base) in
        [("bare", "https://x.example.org/fhir"), ("slash", "https://x.example.org/fhir/")]
    {
        exported(&dir, out, &["--type", "DocumentReference", "--attachments-base", base]);
        let expected =
            line.replace("\"Binary/note\"", "\"https://x.example.org/fhir/Binary/note\"");
        assert_eq!(dir.text(&format!("{out}/DocumentReference.ndjson")), format!("{expected}\n"));
    }
}

#[test]
fn what_was_exported_is_told_on_standard_output() {
    let dir = filled();
    let ran = dir.run(["export", "s.db", "out", "--group", "g", "--type", "Patient"]);
    let bytes = dir.read("out/Patient.ndjson").len();
    let manifest: Value = serde_json::from_slice(&dir.read("out/manifest.json")).unwrap();
    let time = manifest["transactionTime"].as_str().unwrap();
    assert_eq!(
        (ran.code, ran.stdout, ran.stderr),
        (
            0,
            format!("2 resources in 1 files, {bytes} bytes of NDJSON, as of {time}\n"),
            String::new()
        )
    );
    assert_eq!(manifest["request"], "fhirlite export s.db out --group g --type Patient");
}

#[test]
fn wrong_arguments_are_told_and_leave_no_folder() {
    let dir = filled();
    dir.write("text.db", "no store");
    for (args, code, word) in [
        (&["s.db", "out", "--group", "nobodys"][..], 3, "Group/nobodys is not here"),
        (&["s.db", "out", "--patient", "nobody"], 3, "Patient/nobody"),
        (&["s.db", "out", "--patient", "a,nobody"], 3, "Patient/nobody"),
        (&["s.db", "out", "--group", "g", "--patient", "c"], 2, "not a member"),
        (&["s.db", "out", "--group", "Patient/a"], 2, "no id of a Group"),
        (&["s.db", "out", "--patient", "Group/g"], 2, "no id of a Patient"),
        (&["s.db", "out", "--patient", "a/b"], 2, "no id of a Patient"),
        (&["s.db", "out", "--group", "g", "--all-patients"], 2, "cannot be used with"),
        (&["s.db", "out", "--group", ""], 3, "Group/"),
        (&["s.db", "out", "--all-patients", "--type", "Organization"], 2, "compartment"),
        (&["s.db", "out", "--since", "yesterday"], 2, "--since \"yesterday\""),
        (&["s.db", "out", "--since", "2021-02-30T00:00:00Z"], 2, "--since"),
        (&["s.db", "out", "--until", "2021"], 2, "--until"),
        (&["s.db", "out", "--elements", "name.family"], 2, "name.family"),
        (&["s.db", "out", "--elements", "Patient.name.family"], 2, "Patient.name.family"),
        (&["s.db", "out", "--provenance", "all"], 2, "[possible values: latest, relevant]"),
        (&["s.db", "out", "--organize-by", "Encounter"], 2, "[possible values: Patient]"),
        (&["s.db", "out", "--edition", "stu5"], 2, "[possible values: stu3, stu4]"),
        (&["s.db", "out", "--maximum-file-size", "0"], 2, "--maximum-file-size"),
        (&["s.db", "out", "--maximum-file-size", "1k"], 2, "--maximum-file-size"),
        (&["s.db", "out", "--resources-per-file", "-1"], 2, "-1"),
        (&["s.db", "out", "--nonsense"], 2, "--nonsense"),
        (&["s.db"], 2, "<DIR>"),
        (&["no.db", "out"], 3, "no.db"),
        (&["text.db", "out"], 4, "text.db"),
    ] {
        let ran = dir.run(["export"].iter().chain(args));
        assert_eq!(ran.code, code, "{args:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(word), "{args:?}: {:?} does not say {word:?}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args:?}");
        assert!(!dir.path("out").exists(), "{args:?}");
    }
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone_whatever_is_asked() {
    let dir = filled();
    dir.write("mine/letter.txt", "dear");
    let ran = dir.run(["export", "s.db", "mine", "--group", "g", "--gzip"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("mine: is not empty"), "{}", ran.stderr);
    assert_eq!(listed(&dir, "mine"), ["letter.txt"]);
}

/// What changes after the first file: a new version, a new resource, one that comes back, one that
/// comes and goes. Times are stamped.
const SECOND: &str = r#"{"resourceType":"Patient","id":"a","birthDate":"2000-12-31"}
{"resourceType":"Observation","id":"new","subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"gone","subject":{"reference":"Patient/b"},"valueString":"again"}
{"resourceType":"Observation","id":"brief","subject":{"reference":"Patient/b"}}
"#;

#[test]
fn a_store_can_follow_another_through_exported_folders() {
    for options in [&[][..], &["--gzip"], &["--edition", "stu4", "--maximum-file-size", "1"]] {
        let dir = filled();
        let before = exported(&dir, "first", options);
        std::fs::copy(dir.path("s.db"), dir.path("follower.db")).expect("a copy");
        dir.write("second.ndjson", SECOND);
        dir.import(0, &["s.db", "second.ndjson"]);
        let gone = ["Observation/brief", "Organization/far", "Provenance/v1", "Binary/note"];
        assert_eq!(dir.run(["delete", "s.db"].iter().chain(&gone)).code, 0);
        assert_ne!(dir.bodies("follower.db"), dir.bodies("s.db"));

        let since = before["transactionTime"].as_str().unwrap();
        let mut asked = vec!["--since", since];
        asked.extend(options);
        let change = exported(&dir, "change", &asked);
        let counts = |key: &str| -> u64 {
            let files = change[key].as_array().into_iter().flatten();
            files.map(|file| file["count"].as_u64().unwrap()).sum()
        };
        assert_eq!((counts("output"), counts("deleted")), (3, 4), "{options:?}");
        let report = dir.import(0, &["follower.db", "change"]);
        assert_eq!((&report["created"], &report["updated"]), (&2.into(), &1.into()), "{report}");
        assert_eq!(report["deleted"], 3, "{report}");
        assert_eq!(dir.bodies("follower.db"), dir.bodies("s.db"), "{options:?}");
        dir.check("follower.db");
        // Once more changes nothing.
        let report = dir.import(0, &["follower.db", "change"]);
        assert_eq!((&report["updated"], &report["deleted"]), (&0.into(), &0.into()), "{report}");

        // And a new store from the whole is the same as well.
        exported(&dir, "whole", options);
        dir.import(0, &["anew.db", "whole"]);
        assert_eq!(dir.bodies("anew.db"), dir.bodies("s.db"), "{options:?}");
    }
}

#[test]
fn a_store_can_follow_a_server_by_its_job_files() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let before = answered(&served, "/fhir/$export", &[]);
    drop(served);
    std::fs::copy(dir.path("s.db"), dir.path("follower.db")).expect("a copy");
    dir.write("second.ndjson", SECOND);
    dir.import(0, &["s.db", "second.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Observation/oa"]).code, 0);
    let served = dir.serve(&["s.db"]);
    let since = before["transactionTime"].as_str().unwrap();
    let change = answered(&served, "/fhir/$export-v4", &[("_since", since)]);
    for url in urls(&change) {
        let bytes = get(served.authority(), path(&url), "").body;
        dir.write(&format!("change/{}", url.rsplit('/').next().unwrap()), bytes);
    }
    assert_eq!(listed(&dir, "change"), ["Observation.ndjson", "Patient.ndjson", "deleted.ndjson"]);
    dir.import(0, &["follower.db", "change"]);
    assert_eq!(dir.bodies("follower.db"), dir.bodies("s.db"));
}

/// The types that a store has.
fn types(dir: &Dir, store: &str) -> Vec<String> {
    let mut types: Vec<String> = dir
        .bodies(store)
        .iter()
        .map(|(name, _)| name.split('/').next().unwrap().to_owned())
        .collect();
    types.dedup();
    types
}

#[test]
fn an_exported_folder_with_errors_imports_as_its_resources() {
    let dir = filled();
    exported(&dir, "out", &["--group", "lost"]);
    assert!(listed(&dir, "out").contains(&"error.ndjson".to_owned()));
    dir.import(0, &["new.db", "out"]);
    assert_eq!(types(&dir, "new.db"), ["Group", "Observation", "Patient"]);
}

#[test]
fn an_exported_folder_by_patient_imports_as_its_resources() {
    let dir = filled();
    exported(&dir, "out", &["--group", "g", "--organize-by", "Patient", "--type", "Patient"]);
    dir.import(0, &["new.db", "out"]);
    assert_eq!(types(&dir, "new.db"), ["Patient"]);
}

/// A type is any letters, and these are also the names of what stands beside the resources.
#[test]
fn types_named_like_other_files_have_files_of_their_own() {
    let dir = filled();
    dir.write(
        "odd.ndjson",
        "{\"resourceType\":\"deleted\",\"id\":\"x\"}\n{\"resourceType\":\"error\",\"id\":\"x\"}\n",
    );
    dir.import(0, &["s.db", "odd.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let since = "2020-01-01T00:00:00Z";
    let online = answered(&served, "/fhir/$export", &[("_since", since)]);
    let mut named = urls(&online);
    let count = named.len();
    named.sort();
    named.dedup();
    assert_eq!(named.len(), count, "{online}");
    let offline = exported(&dir, "out", &["--since", since]);
    assert_eq!(common(&offline), common(&online));
}
