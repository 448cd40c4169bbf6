//! What a machine refuses: no space left, a limit for the size of a file, a folder that becomes read-only.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::store::at;
use super::{Chance, SoakedStore, few_rounds};
use crate::support::{Dir, FHIRLITE, can_mount};

/// Runs a command of the program on a disk of `KIB` KiB that holds the store, then brings the store back.
const ON_A_SMALL_DISK: &str = r#"
set -e
mount -t tmpfs -o size="${KIB}k" tmpfs disk
cp s.db disk/
cd disk
set +e
"$@" > ../out 2> ../err
code=$?
set -e
cd ..
rm s.db
cp disk/s.db* .
exit $code
"#;

/// Commands that write, each run in a folder with the store and `../in`. The deletion names what came from one file.
const WRITERS: [&[&str]; 4] = [
    &["import", "s.db", "../in", "--quiet"],
    &["delete", "s.db"],
    &["compact", "s.db"],
    &["backup", "s.db", "b.db"],
];

/// A disk that is full at a random point of an import, a deletion, a compaction or a backup.
#[test]
fn a_store_survives_a_full_disk() {
    let mut chance = Chance::new();
    if !can_mount() {
        return;
    }
    let mut soaked = SoakedStore::new();
    for round in 0..few_rounds() * 2 {
        let writer = WRITERS[usize::try_from(round).expect("small") % WRITERS.len()];
        soaked.write_next(&[1, 2, 4]);
        // The first disk has no room for the import.
        let room = if round == 0 { 64 } else { 64 + chance.below(4_000) };
        let kib = size(&soaked.dir, "s.db") / 1024 + room;
        println!("round {round}: {writer:?} on a disk of {kib} KiB");
        fs::create_dir_all(soaked.dir.path("disk")).expect("a folder");
        let mut command = Command::new("unshare");
        command.args(["-rm", "bash", "-c", ON_A_SMALL_DISK, "bash", FHIRLITE]);
        command.args(writer);
        if writer[0] == "delete" {
            command.args(SoakedStore::resources(0));
        }
        command.env("KIB", kib.to_string()).current_dir(soaked.dir.path(""));
        let code = command.status().expect("it starts").code().expect("it ends by itself");
        let told = soaked.dir.text("err");
        assert!(round > 0 || code > 0, "the disk was not full");
        assert!(code == 0 || !told.is_empty(), "{writer:?} fails with {code} without a word");
        mend(&mut soaked);
    }
}

/// A limit for the size of files (`ulimit -f`), which the store or its log reaches.
#[test]
fn a_store_survives_a_limit_for_the_size_of_files() {
    let mut chance = Chance::new();
    let mut soaked = SoakedStore::new();
    for round in 0..few_rounds() {
        soaked.write_next(&[0, 3, 5]);
        // The first limit is in the way of the log. A limit that only the store reaches leaves the import in its log.
        let whole = size(&soaked.dir, "s.db") / 1024 + chance.below(2_000);
        let kib = if round == 0 { 64 } else { whole };
        println!("round {round}: files of at most {kib} KiB");
        let mut command = Command::new("bash");
        command.args(["-c", "ulimit -f \"$0\"; exec \"$@\"", &kib.to_string(), FHIRLITE]);
        command.args(["import", "s.db", "in", "--quiet"]).current_dir(soaked.dir.path(""));
        let status = command.stderr(Stdio::null()).status().expect("it starts");
        assert!(round > 0 || !status.success(), "no file reached the limit");
        mend(&mut soaked);
    }
}

/// A folder that becomes read-only while an import runs.
#[test]
fn a_store_survives_a_folder_that_becomes_read_only() {
    let mut chance = Chance::new();
    let mut soaked = SoakedStore::new();
    for round in 0..few_rounds() {
        soaked.write_next(&[0, 2, 4]);
        // The superuser may write anywhere, so a folder is read-only for another user alone.
        fs::create_dir_all(soaked.dir.path("ro")).expect("a folder");
        fs::rename(soaked.dir.path("s.db"), soaked.dir.path("ro/s.db")).expect("moved");
        let Some(unprivileged) = soaked.dir.without_rights() else { return };
        let owner = fs::metadata(soaked.dir.path("")).expect("the folder").uid();
        let user = if owner == 0 { 65534 } else { owner };
        for path in ["ro", "ro/s.db"] {
            chown(soaked.dir.path(path), Some(user), None).expect("another owner");
        }
        soaked.dir.set_mode("ro/s.db", 0o600);
        soaked.dir.set_mode("ro", 0o755);
        let moment = Duration::from_micros(chance.below(200_000));
        println!("round {round}: read-only after {moment:?}");
        let command = unprivileged.command(&["import", "ro/s.db", "in", "--quiet"]);
        at(moment, command, |_| soaked.dir.set_mode("ro", 0o555));
        soaked.dir.set_mode("ro", 0o755);
        for entry in fs::read_dir(soaked.dir.path("ro")).expect("the folder") {
            let entry = entry.expect("an entry");
            fs::rename(entry.path(), soaked.dir.path("").join(entry.file_name())).expect("moved");
        }
        mend(&mut soaked);
    }
}

/// Verifies the store after a fault, then imports what the fault kept out.
fn mend(soaked: &mut SoakedStore) {
    soaked.accept();
    soaked.repeat_import();
}

fn size(dir: &Dir, file: &str) -> u64 {
    fs::metadata(dir.path(file)).expect(file).len()
}
