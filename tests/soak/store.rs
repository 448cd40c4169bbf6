//! The store that the faults happen to, and the rules that it keeps whatever happens.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::Dir;

/// The number of input files.
pub const FILES: usize = 6;
/// The number of resources in each: a Patient, a Practitioner, and Observations.
const LINES: usize = 400;

/// A folder with input files `in/f0.ndjson` and so on, and a store `s.db` of them.
///
/// All resources of a file have the same generation, and each change of a file is a new one. So a file of which one part
/// came in and another did not shows two generations.
pub struct SoakedStore {
    pub dir: Dir,
    /// The generation of each file as it is in the store; `None`: all its resources are deleted.
    pub stored: [Option<u64>; FILES],
    /// The last generation that was written to the input files.
    generation: u64,
}

impl SoakedStore {
    /// Writes the first generation, and imports it.
    pub fn new() -> SoakedStore {
        let mut soaked = SoakedStore { dir: Dir::new(), stored: [None; FILES], generation: 0 };
        soaked.write_next(&[0, 1, 2, 3, 4, 5]);
        soaked.repeat_import();
        soaked
    }

    /// Writes the next generation of these files.
    pub fn write_next(&mut self, files: &[usize]) {
        self.generation += 1;
        for file in files {
            let lines: String = (0..LINES)
                .map(|line| format!("{}\n", resource(*file, line, self.generation, None)))
                .collect();
            self.dir.write(&format!("in/f{file}.ndjson"), lines);
        }
    }

    /// Imports everything, which must succeed; then the store holds the last generation of each file.
    pub fn repeat_import(&mut self) {
        self.dir.import(0, &["s.db", "in"]);
        for (file, stored) in self.stored.iter_mut().enumerate() {
            let text = self.dir.text(&format!("in/f{file}.ndjson"));
            let first: Value =
                serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
            *stored =
                first["language"].as_str().map(|generation| generation.parse().expect("a number"));
        }
        self.examine();
        assert_eq!(self.found("s.db"), self.stored);
    }

    /// The ids of a file's resources, each as `Type/id`.
    pub fn resources(file: usize) -> Vec<String> {
        (0..LINES).map(|line| format!("{}/{}", kind(line), id(file, line))).collect()
    }

    /// Verifies what holds after every fault: the store opens, `check` and SQLite find nothing, and each file is there as
    /// a whole or not at all. Then takes what is there for what was stored.
    pub fn accept(&mut self) {
        self.examine();
        self.stored = self.found("s.db");
    }

    /// Verifies that a fault changed nothing.
    pub fn verify_unchanged(&self) {
        self.examine();
        assert_eq!(self.found("s.db"), self.stored);
    }

    fn examine(&self) {
        let info = self.dir.run(["info", "s.db"]);
        assert_eq!(info.code, 0, "info: {}", info.stderr);
        self.verify("s.db");
    }

    /// Verifies a store: `check` and SQLite find no damage. A process that is killed at the moment when the file gets
    /// its log leaves a store that `check` doubts, with exit code 1; whether something is missing is looked at here.
    pub fn verify(&self, store: &str) {
        let check = self.dir.run(["check", store]);
        let is_doubt = check.code == 1 && check.stderr.contains("may lack the last writes");
        assert!(check.code == 0 || is_doubt, "check {store}: {}", check.stderr);
        let found: String = self
            .dir
            .open(store)
            .query_row("PRAGMA integrity_check", (), |row| row.get(0))
            .expect("an answer");
        assert_eq!(found, "ok", "{store}");
    }

    /// The generation of each file in a store; fails where a file is there in part, or a resource is not what it was.
    pub fn found(&self, store: &str) -> [Option<u64>; FILES] {
        let mut found = [None; FILES];
        let bodies: BTreeMap<String, String> = self.dir.bodies(store).into_iter().collect();
        let mut counted = 0;
        let generations: Vec<Option<u64>> = (0..FILES)
            .map(|file| {
                let body = bodies.get(&format!("Patient/{}", id(file, 0)))?;
                let body: Value = serde_json::from_str(body).expect("JSON");
                Some(body["language"].as_str().expect("a generation").parse().expect("a number"))
            })
            .collect();
        for (file, generation) in generations.iter().enumerate() {
            let Some(generation) = *generation else { continue };
            found[file] = Some(generation);
            for line in 0..LINES {
                let name = format!("{}/{}", kind(line), id(file, line));
                let body = bodies.get(&name).unwrap_or_else(|| panic!("{name} is missing"));
                let mut body: Value = serde_json::from_str(body).expect("JSON");
                body.as_object_mut().expect("an object").remove("meta");
                let performer = generations[next(file)].is_some();
                // The Practitioner may have come and gone since the reference was resolved.
                let either = [performer, !performer]
                    .map(|resolved| resource(file, line, generation, Some(resolved)));
                assert!(either.contains(&body), "{name} of generation {generation}: {body}");
                counted += 1;
            }
        }
        assert_eq!(bodies.len(), counted, "resources of a file that is not there");
        found
    }
}

/// The file whose Practitioner performs a file's Observations.
fn next(file: usize) -> usize {
    (file + 1) % FILES
}

fn id(file: usize, line: usize) -> String {
    format!("f{file}-{line}")
}

fn kind(line: usize) -> &'static str {
    match line {
        0 => "Patient",
        1 => "Practitioner",
        _ => "Observation",
    }
}

/// A resource as it is in its file, or with `resolved` as the store keeps it: with a conditional reference that was
/// resolved, or was not.
fn resource(file: usize, line: usize, generation: u64, resolved: Option<bool>) -> Value {
    let identifier = json!([{"system": "urn:soak", "value": id(file, line)}]);
    let mut resource = json!({
        "resourceType": kind(line), "id": id(file, line), "language": generation.to_string(),
        "identifier": identifier,
    });
    if line > 1 {
        let performer = id(next(file), 1);
        let reference = match resolved {
            Some(true) => format!("Practitioner/{performer}"),
            _ => format!("Practitioner?identifier=urn:soak|{performer}"),
        };
        resource["status"] = json!("final");
        resource["subject"] = json!({"reference": format!("Patient/{}", id(file, 0))});
        resource["performer"] = json!([{"reference": reference}]);
        resource["note"] = json!([{"text": "x".repeat(300)}]);
    }
    resource
}

/// Runs a command, and kills it at `moment` unless it has ended before. True if it was killed.
pub fn kill_at(moment: Duration, command: Command) -> bool {
    at(moment, command, |child| child.kill().expect("killed"))
}

/// Runs a command to its end, and does something at `moment` unless it has ended before. True if it was done.
pub fn at(moment: Duration, mut command: Command, fault: impl FnOnce(&mut Child)) -> bool {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("the program starts");
    let mut stdout = child.stdout.take().expect("its standard output");
    let (sender, ended) = mpsc::channel();
    let reader = thread::spawn(move || {
        let _ = std::io::copy(&mut stdout, &mut std::io::sink());
        let _ = sender.send(());
    });
    let is_under_way = ended.recv_timeout(moment).is_err();
    if is_under_way {
        fault(&mut child);
    }
    child.wait().expect("it ends");
    reader.join().expect("the reader ends");
    is_under_way
}

/// Runs a command to its end, with standard error in a file of the folder; its exit code, and how long it took.
pub fn run_whole(dir: &Dir, arguments: &[&str]) -> (i32, Duration) {
    let start = Instant::now();
    let mut command = dir.command(arguments);
    command.stdout(Stdio::null()).stderr(File::create(dir.path("stderr")).expect("a file"));
    let status = command.status().expect("the program starts");
    (status.code().unwrap_or(-1), start.elapsed())
}
