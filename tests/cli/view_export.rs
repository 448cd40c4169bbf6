//! `fhirlite export` in other forms: rows of views, and resources as Parquet files.

use super::export::{exported, filled, listed, names};
use crate::support::{Dir, gunzip, project};

/// A folder with a store of the sample data.
fn sample() -> Dir {
    let dir = Dir::new();
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap(), "--quiet"]);
    dir
}

/// The path of a ready view.
fn ready(name: &str) -> String {
    project().join(format!("views/{name}.json")).to_str().unwrap().to_owned()
}

#[test]
fn each_view_has_a_file_with_the_rows_that_a_run_prints() {
    let dir = sample();
    let nameless = r#"{"resource":"Encounter","select":[{"column":[{"name":"id","path":"id"}]}]}"#;
    dir.write("visit list.json", nameless);
    let (patient, pressure) = (ready("patient"), ready("blood_pressure"));
    let views = [patient.as_str(), pressure.as_str(), "visit list.json"];
    let given: Vec<&str> = views.iter().flat_map(|view| ["--view", view]).collect();
    for format in ["csv", "ndjson", "json", "parquet"] {
        let manifest = exported(&dir, format, &[&given[..], &["--format", format]].concat());
        let of = |stem: &str| format!("{stem}.{format}");
        let files = ["patient", "blood_pressure", "visit list"].map(of);
        assert_eq!(names(&manifest), files);
        let mut on_disk = files.to_vec();
        on_disk.push("manifest.json".to_owned());
        on_disk.sort();
        assert_eq!(listed(&dir, format), on_disk);
        for (number, (view, file)) in views.iter().zip(&files).enumerate() {
            let mut run = dir.command(["view", "run", "s.db", view, "--format", format]);
            let printed = run.output().unwrap().stdout;
            assert!(dir.read(&format!("{format}/{file}")) == printed, "{file}");
            let rows = dir.run(["view", "run", "s.db", view, "--format", "ndjson"]);
            assert_eq!(manifest["output"][number]["count"], rows.stdout.lines().count());
        }
        let media_type = manifest["outputFormat"].as_str().unwrap();
        assert!(media_type.contains(format), "{media_type}");
    }
    let manifest = exported(&dir, "plain", &given);
    assert_eq!(manifest["outputFormat"], "text/csv");
    let manifest = exported(&dir, "packed", &[&given[..], &["--gzip"]].concat());
    assert_eq!(names(&manifest)[0], "patient.csv.gz");
    assert!(gunzip(&dir.read("packed/patient.csv.gz")) == dir.read("csv/patient.csv"));
}

#[test]
fn the_filters_of_an_export_hold_for_views() {
    let dir = filled();
    dir.write(
        "seen.json",
        r#"{"name":"seen","resource":"Observation","select":[{"column":[{"name":"id","path":"id"}]}]}"#,
    );
    for (number, (options, wanted)) in [
        (&[][..], "id\r\noa\r\nob\r\n"),
        (&["--patient", "a"], "id\r\noa\r\n"),
        (&["--all-patients", "--since", "2022-06-01"], "id\r\nob\r\n"),
        (&["--group", "g", "--until", "2022-06-01"], "id\r\noa\r\n"),
        (&["--type-filter", "Observation?subject=Patient/b"], "id\r\nob\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("out{number}");
        let manifest = exported(&dir, &out, &[&["--view", "seen.json"], options].concat());
        assert_eq!(dir.text(&format!("{out}/seen.csv")), wanted, "{options:?}");
        // What was deleted is told as in every export with a time.
        let has_deleted = options.contains(&"--since");
        assert_eq!(dir.path(&format!("{out}/deleted.ndjson")).exists(), has_deleted);
        assert_eq!(manifest["deleted"].is_array(), has_deleted);
    }
}

#[test]
fn views_of_one_name_are_refused_before_anything_is_written() {
    let dir = filled();
    let view = |name: &str| {
        format!(
            r#"{{"name":"{name}","resource":"Patient","select":[{{"column":[{{"name":"id","path":"id"}}]}}]}}"#
        )
    };
    dir.write("a.json", view("same"));
    dir.write("b.json", view("SAME"));
    dir.write("c.json", view("manifest"));
    let ran = dir.run(["export", "s.db", "out", "--view", "a.json", "--view", "b.json"]);
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.stderr,
        "fhirlite: b.json: SAME: two views have this name, and one file; rename one of them\n"
    );
    let ran = dir.run(["export", "s.db", "out", "--view", "c.json"]);
    assert_eq!(
        ran.stderr,
        "fhirlite: c.json: manifest: other files of the folder are called so; rename the view\n"
    );
    assert!(!dir.path("out").exists());
}

#[test]
fn options_without_a_meaning_are_refused_by_name() {
    let dir = filled();
    let view = ready("patient");
    for options in [
        &["--type", "Patient"][..],
        &["--elements", "id"],
        &["--provenance", "latest"],
        &["--organize-by", "Patient"],
        &["--maximum-file-size", "1000"],
        &["--resources-per-file", "1"],
        &["--attachments-base", "https://example.org"],
        &["--edition", "stu4"],
    ] {
        let ran = dir.run([&["export", "s.db", "out", "--view", &view], options].concat());
        let wanted = format!("fhirlite: {} has no meaning with --view: ", options[0]);
        assert_eq!(ran.code, 2);
        assert!(ran.stderr.starts_with(&wanted), "{}", ran.stderr);
    }
    for (options, wanted) in [
        (&["--format", "csv"][..], "fhirlite: --format csv needs --view; "),
        (&["--format", "json"], "fhirlite: --format json needs --view; "),
        (
            &["--format", "parquet", "--gzip"],
            "fhirlite: --gzip has no meaning with --format parquet: ",
        ),
        (
            &["--view", &view, "--format", "parquet", "--gzip"],
            "fhirlite: --gzip has no meaning with ",
        ),
        (
            &["--format", "parquet", "--organize-by", "Patient"],
            "fhirlite: --organize-by has no meaning ",
        ),
        (&["--view", "none.json"], "fhirlite: none.json: "),
    ] {
        let ran = dir.run([&["export", "s.db", "out"], options].concat());
        assert!(ran.stderr.starts_with(wanted), "{options:?}: {}", ran.stderr);
    }
    assert!(!dir.path("out").exists());
}

#[test]
fn a_view_that_refuses_a_resource_leaves_a_partial_file_and_no_manifest() {
    let dir = sample();
    let given = r#"{"name":"given","resource":"Patient","select":[{"column":[{"name":"given","path":"name.given"}]}]}"#;
    dir.write("v.json", given);
    let ran = dir.run(["export", "s.db", "out", "--view", &ready("patient"), "--view", "v.json"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("select[0].column[0].path: Patient/"), "{}", ran.stderr);
    assert!(ran.stderr.starts_with("fhirlite: out/given.csv: "), "{}", ran.stderr);
    assert_eq!(listed(&dir, "out"), ["given.csv.partial", "patient.csv"]);
}

#[test]
fn resources_are_exported_as_parquet_files_by_type() {
    let dir = filled();
    let lines = exported(&dir, "lines", &["--since", "2021-06-01"]);
    let files = exported(&dir, "files", &["--since", "2021-06-01", "--format", "parquet"]);
    assert_eq!(files["outputFormat"], "application/vnd.apache.parquet");
    for (line, file) in
        lines["output"].as_array().unwrap().iter().zip(files["output"].as_array().unwrap())
    {
        assert_eq!((&line["type"], &line["count"]), (&file["type"], &file["count"]));
        let name = file["url"].as_str().unwrap();
        assert_eq!(name, line["url"].as_str().unwrap().replace(".ndjson", ".parquet"));
        let bytes = dir.read(&format!("files/{name}"));
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"), "{name}");
    }
    // Deletions stay NDJSON.
    assert_eq!(files["deleted"], lines["deleted"]);
    assert_eq!(dir.read("files/deleted.ndjson"), dir.read("lines/deleted.ndjson"));
    let options = ["--format", "parquet", "--resources-per-file", "2", "--edition", "stu4"];
    let files = exported(&dir, "parts", &[&options[..], &["--type", "Patient"]].concat());
    assert_eq!(names(&files), ["Patient.001.parquet", "Patient.002.parquet"]);
    for file in files["output"].as_array().unwrap() {
        let size = dir.read(&format!("parts/{}", file["url"].as_str().unwrap())).len();
        assert_eq!(file["fileSize"], size);
    }
}
