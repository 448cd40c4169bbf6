//! `kill -9` at random moments of every command that writes, and of a server with running jobs.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use super::store::{FILES, kill_at, run_whole};
use super::{Chance, SoakedStore, rounds};
use crate::support::Served;
use crate::support::bulk::{self, ended_at, location};

/// The commands that are killed, in turn.
const OPERATIONS: [Operation; 9] = [
    Operation::Import,
    Operation::AddViews,
    Operation::Update,
    Operation::Delete,
    Operation::Prune,
    Operation::Compact,
    Operation::Backup,
    Operation::RefreshViews,
    Operation::Serve,
];

#[derive(Clone, Copy, Debug)]
enum Operation {
    /// An import into a new store.
    Import,
    /// Tables for the ready views, which all operations after it keep.
    AddViews,
    /// An import of the next generation of some files.
    Update,
    /// A deletion of everything that came from one file.
    Delete,
    Prune,
    Compact,
    Backup,
    RefreshViews,
    /// A server with running jobs.
    Serve,
}

#[test]
fn a_store_survives_kills() {
    let mut chance = Chance::new();
    let mut soaked = SoakedStore::new();
    // How long each operation takes on this machine; a first guess until one ran to its end.
    let mut takes = [Duration::from_millis(100); OPERATIONS.len()];
    let mut kills = 0;
    for round in 0..rounds() {
        let number = usize::try_from(round).expect("a small number") % OPERATIONS.len();
        let operation = OPERATIONS[number];
        println!("round {round}: {operation:?}");
        let moment = chance.moment(takes[number]);
        let (is_killed, takes_now) = match operation {
            Operation::Import => import(&mut soaked, moment),
            Operation::Update => update(&mut soaked, &mut chance, moment),
            Operation::Delete => delete(&mut soaked, &mut chance, moment),
            Operation::AddViews => maintain(&soaked, &["view", "add", "s.db", "--starter"], moment),
            Operation::RefreshViews => maintain(&soaked, &["view", "refresh", "s.db"], moment),
            Operation::Prune => maintain(&soaked, &["prune", "s.db", "--older-than", "1s"], moment),
            Operation::Compact => maintain(&soaked, &["compact", "s.db"], moment),
            Operation::Backup => backup(&soaked, moment),
            Operation::Serve => {
                serve(&soaked, chance.below(40));
                (true, moment)
            }
        };
        takes[number] = takes_now;
        kills += u64::from(is_killed);
    }
    println!("{kills} kills in {} rounds", rounds());
    assert!(kills * 2 >= rounds(), "most commands ended before they were killed: {kills} kills");
}

/// Kills an import into a new store. The store may be missing or hold some of the files.
fn import(soaked: &mut SoakedStore, moment: Duration) -> (bool, Duration) {
    for end in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(soaked.dir.path(&format!("s.db{end}")));
    }
    let is_killed = kill_at(moment, soaked.dir.command(["import", "s.db", "in", "--quiet"]));
    let is_begun = fs::metadata(soaked.dir.path("s.db")).is_ok_and(|meta| meta.len() > 0);
    if is_begun && soaked.dir.run(["info", "s.db"]).code == 0 {
        soaked.accept();
    }
    (is_killed, again(soaked))
}

/// Kills an import of new versions. Each file is there in the old or in the new generation.
fn update(soaked: &mut SoakedStore, chance: &mut Chance, moment: Duration) -> (bool, Duration) {
    let files: Vec<usize> = (0..FILES).filter(|_| chance.below(4) > 0).collect();
    soaked.write_next(&files);
    let is_killed = kill_at(moment, soaked.dir.command(["import", "s.db", "in", "--quiet"]));
    soaked.accept();
    (is_killed, again(soaked))
}

/// Kills a deletion, and repeats it: it ends in a store without these resources. Then they are imported again.
fn delete(soaked: &mut SoakedStore, chance: &mut Chance, moment: Duration) -> (bool, Duration) {
    let file = usize::try_from(chance.below(FILES as u64)).expect("a small number");
    let resources = SoakedStore::resources(file);
    let mut arguments = vec!["delete", "s.db"];
    arguments.extend(resources.iter().map(String::as_str));
    let is_killed = kill_at(moment, soaked.dir.command(&arguments));
    let before = soaked.stored;
    soaked.accept();
    let is_done = soaked.stored[file].is_none();
    let others = |stored: [Option<u64>; FILES]| {
        stored.into_iter().enumerate().filter(move |(number, _)| *number != file)
    };
    assert!(others(before).eq(others(soaked.stored)), "a deletion changed other resources");
    let (code, takes) = run_whole(&soaked.dir, &arguments);
    // Exit code 1: the resources were not there any more.
    assert_eq!(code, i32::from(is_done), "{}", soaked.dir.text("stderr"));
    soaked.accept();
    assert_eq!(soaked.stored[file], None);
    again(soaked);
    (is_killed, takes)
}

/// Kills a command that changes no resource.
fn maintain(soaked: &SoakedStore, arguments: &[&str], moment: Duration) -> (bool, Duration) {
    let is_killed = kill_at(moment, soaked.dir.command(arguments));
    soaked.verify_unchanged();
    let (code, takes) = run_whole(&soaked.dir, arguments);
    assert_eq!(code, 0, "{arguments:?}: {}", soaked.dir.text("stderr"));
    soaked.verify_unchanged();
    (is_killed, takes)
}

/// Kills a backup. Its file is missing or whole.
fn backup(soaked: &SoakedStore, moment: Duration) -> (bool, Duration) {
    let arguments = ["backup", "s.db", "kept/b.db"];
    fs::create_dir_all(soaked.dir.path("kept")).expect("a folder");
    let is_killed = kill_at(moment, soaked.dir.command(arguments));
    soaked.verify_unchanged();
    let backed_up = |soaked: &SoakedStore| {
        soaked.verify("kept/b.db");
        assert_eq!(soaked.found("kept/b.db"), soaked.stored);
        assert_eq!(soaked.dir.mode("kept/b.db"), 0o600);
    };
    if soaked.dir.path("kept/b.db").exists() {
        backed_up(soaked);
    }
    fs::remove_dir_all(soaked.dir.path("kept")).expect("removed");
    fs::create_dir_all(soaked.dir.path("kept")).expect("a folder");
    let (code, takes) = run_whole(&soaked.dir, &arguments);
    assert_eq!(code, 0, "{}", soaked.dir.text("stderr"));
    backed_up(soaked);
    fs::remove_dir_all(soaked.dir.path("kept")).expect("removed");
    (is_killed, takes)
}

/// Kills a server with running jobs. The next server completes them to the files that they would have had.
fn serve(soaked: &SoakedStore, polls: u64) {
    let paths = [
        "/fhir/$export",
        "/fhir/Patient/$export",
        "/fhir/Patient/$export?organizeOutputBy=Patient&_elements=Observation.status",
    ];
    let served = soaked.dir.serve(&["s.db", "--quiet"]);
    let jobs: Vec<String> = paths.iter().map(|path| location(&served.get(path))).collect();
    // The moment is drawn as a number of requests, which the jobs run beside.
    for _ in 0..polls {
        served.get(bulk::path(&jobs[0]));
    }
    served.end("-KILL");
    soaked.verify_unchanged();
    let again = soaked.dir.serve(&["s.db", "--quiet"]);
    for (job, path) in jobs.iter().zip(paths) {
        let interrupted = files(&again, bulk::path(job));
        let whole = files(&again, bulk::path(&location(&again.get(path))));
        assert!(interrupted == whole, "{path}: {:?}, {:?}", interrupted.keys(), whole.keys());
        assert!(!whole.is_empty());
    }
    assert_eq!(again.end("-TERM"), 0);
    soaked.verify_unchanged();
}

/// The files of a job, by the last segment of their path.
fn files(served: &Served, job: &str) -> BTreeMap<String, Vec<u8>> {
    let manifest = ended_at(served.authority(), job, "").json();
    let output = manifest["output"].as_array().expect("a manifest");
    output
        .iter()
        .map(|file| {
            let path = bulk::path(file["url"].as_str().expect("a url"));
            let answer = served.get(path);
            assert_eq!(answer.status, 200, "{path}");
            (path.rsplit_once('/').expect("a segment").1.to_owned(), answer.body)
        })
        .collect()
}

/// Repeats the import, which must end in the store that an undisturbed import makes; how long it took.
fn again(soaked: &mut SoakedStore) -> Duration {
    let (code, takes) = run_whole(&soaked.dir, &["import", "s.db", "in", "--quiet"]);
    assert_eq!(code, 0, "{}", soaked.dir.text("stderr"));
    soaked.repeat_import();
    takes
}
