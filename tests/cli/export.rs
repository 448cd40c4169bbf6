//! `fhirlite export`: arguments, files, output.

use serde_json::Value;

use crate::support::Dir;

/// Three patients; resources about them, related to them, and unrelated to any patient.
pub const FIRST: &str = r#"{"resourceType":"Organization","id":"org","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"name":"Org"}
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

/// A folder with a store `s.db` of [`FIRST`], without Observation/gone.
pub fn filled() -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", FIRST);
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Observation/gone"]).code, 0);
    dir
}

/// Runs `export s.db OUT` with `args`, which must succeed; the manifest.
pub fn exported(dir: &Dir, out: &str, args: &[&str]) -> Value {
    let ran = dir.run(["export", "s.db", out].iter().chain(args));
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
    serde_json::from_slice(&dir.read(&format!("{out}/manifest.json"))).expect("a manifest")
}

/// The names of a manifest's files.
pub fn names(manifest: &Value) -> Vec<String> {
    ["output", "deleted", "error", "outcome"]
        .iter()
        .flat_map(|key| manifest[*key].as_array().into_iter().flatten())
        .map(|file| file["url"].as_str().expect("a url").rsplit('/').next().unwrap().to_owned())
        .collect()
}

/// The names in a folder, sorted.
pub fn listed(dir: &Dir, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path(folder)).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
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
fn attachments_keep_their_urls_unless_a_base_is_given() {
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
fn an_export_prints_a_summary() {
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
fn wrong_arguments_are_named_and_leave_no_folder() {
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
        (&["s.db", "out", "--type", "patient"], 2, "did you mean Patient?"),
        (
            &["s.db", "out", "--type", "Patient,MEDICATIONREQUEST"],
            2,
            "did you mean MedicationRequest?",
        ),
        (&["s.db", "out", "--type", "Martian"], 2, "\"Martian\" is no resource type"),
        (&["s.db", "out", "--type", ""], 2, "has no value"),
        (&["s.db", "out", "--elements", "patient.id"], 2, "did you mean Patient?"),
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
fn a_folder_that_is_not_empty_is_not_changed() {
    let dir = filled();
    dir.write("mine/letter.txt", "dear");
    let ran = dir.run(["export", "s.db", "mine", "--group", "g", "--gzip"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("mine: is not empty"), "{}", ran.stderr);
    assert_eq!(listed(&dir, "mine"), ["letter.txt"]);
}
