//! A disk that is full: every command says so and leaves the store whole, and a server goes on reading.

use std::fs;
use std::process::{Command, Stdio};

use super::A;
use crate::support::oneup::{Client, form};
use crate::support::{Dir, FHIRLITE, Served, can_mount, seal};

/// Runs a command in the folder `disk`, which is a disk of its own with the store.
const ON_A_SMALL_DISK: &str = r#"
set -e
mount -t tmpfs -o size="$(($(stat -c %s s.db) / 1024 + 1500))k" tmpfs disk
cp s.db a.json disk/
cd disk
exec "$@"
"#;

/// A folder with a store `s.db`, which is the whole of a small disk for the commands that run in it.
struct SmallDisk {
    dir: Dir,
}

impl SmallDisk {
    /// `None` where this machine cannot mount one.
    fn new() -> Option<SmallDisk> {
        if !can_mount() {
            return None;
        }
        let dir = Dir::new();
        dir.write("a.json", A);
        dir.import(0, &["s.db", "a.json"]);
        fs::create_dir(dir.path("disk")).expect("a folder");
        Some(SmallDisk { dir })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command.args(["-rm", "bash", "-c", ON_A_SMALL_DISK, "bash"]).args(words);
        command.current_dir(self.dir.path("")).stdin(Stdio::null());
        command
    }

    /// Runs shell commands on the full disk, with `$1` as the program; what they print.
    fn run(&self, script: &str) -> String {
        let script = format!("cat /dev/zero > fill 2> /dev/null; {script}");
        let mut command = self.command(&["bash", "-c", &script, "bash", FHIRLITE]);
        let output = command.stderr(Stdio::inherit()).output().expect("it starts");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Serves the store on the small disk, with standard error in the file `stderr` of another one.
    fn serve(&self, options: &[&str]) -> FullDisk {
        let mut command = self.command(&[&[FHIRLITE, "serve", "s.db"], options].concat());
        command.stderr(fs::File::create(self.dir.path("stderr")).expect("a file"));
        FullDisk { served: Served::of(command) }
    }
}

/// A server on a small disk.
struct FullDisk {
    served: Served,
}

impl FullDisk {
    /// Fills the disk to its last byte.
    fn fill(&self) {
        let path = self.file("fill");
        let mut file = fs::File::create(path).expect("a file");
        let zeros = [0; 4096];
        while std::io::Write::write(&mut file, &zeros).is_ok_and(|written| written > 0) {}
    }

    fn free(&self) {
        fs::remove_file(self.file("fill")).expect("removed");
    }

    /// A file on the disk, as others see the disk of the server's namespace.
    fn file(&self, name: &str) -> String {
        format!("/proc/{}/cwd/{name}", self.served.pid())
    }
}

#[test]
fn every_command_that_writes_says_that_the_disk_is_full_and_leaves_the_store_whole() {
    let Some(disk) = SmallDisk::new() else { return };
    let commands = [
        "import s.db a2.json --quiet",
        "import new.db a.json --quiet",
        "delete s.db Patient/a",
        "client add s.db",
        "key rotate s.db",
        "compact s.db",
        "backup s.db b.db",
        "export s.db out",
    ];
    for command in commands {
        let told = disk.run(&format!(
            r#"rm fill; echo '{{"resourceType":"Patient","id":"b"}}' > a2.json; cat /dev/zero > fill 2> /dev/null
               "$1" {command} 2>&1; echo "code $?"; rm fill; ls; "$1" check s.db 2>&1; "$1" get s.db Patient/a"#
        ));
        assert!(told.contains("code 7\n"), "{command}: {told}");
        let line = told.lines().next().unwrap_or_default();
        let is_clear = line.starts_with("fhirlite: ")
            && [".db", "out", "b.db"].iter().any(|name| line.contains(name))
            && (line.contains("is full")
                || line.contains("no space left")
                || line.contains("are free there"))
            && (line.contains("free some space") || line.contains("SQLITE_TMPDIR"));
        assert!(is_clear, "{command}: {told}");
        assert!(told.contains("s.db: ok, 1 resources"), "{command}: {told}");
        assert!(told.ends_with(&format!("{A}\n")), "{command}: {told}");
        assert!(!told.contains("s.db-"), "something was left: {command}: {told}");
        assert!(!told.contains("partial") && !told.contains("b.db\n"), "{command}: {told}");
    }
}

#[test]
fn a_server_on_a_full_disk_refuses_kick_offs_and_goes_on_reading() {
    let Some(disk) = SmallDisk::new() else { return };
    let server = disk.serve(&[]);
    let served = &server.served;
    server.fill();
    let manifest = served.manifest("");
    assert_eq!(served.files(&manifest)[0].1, format!("{A}\n").into_bytes());
    for _ in 0..3 {
        let refused = served.get_with("/fhir/$export", "Prefer: respond-async\r\n");
        refused.assert_outcome(503, "its disk is full");
        assert_eq!(refused.json()["issue"][0]["code"], "no-store");
        assert_eq!(refused.header("retry-after"), Some("60"));
    }
    assert_eq!(served.get("/fhir/Patient/a").status, 200);
    assert_eq!(served.get("/fhir/Patient?_id=a").status, 200);
    server.free();
    let accepted = served.get_with("/fhir/$export", "Prefer: respond-async\r\n");
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let told = disk.dir.text("stderr");
    assert_eq!(told.matches("is full").count(), 1, "{told}");
    assert!(told.contains("s.db") && told.contains("free some space"), "{told}");
}

#[test]
fn a_server_on_a_full_disk_refuses_token_requests_until_there_is_room() {
    let Some(disk) = SmallDisk::new() else { return };
    let client = Client::add(&disk.dir, "s.db", "c");
    let server = disk.serve(&["--auth", "required"]);
    let to = server.served.authority().to_owned();
    client.add_user(&to, "u");
    let code = client.code(&to, "u");
    server.fill();
    let refused = client.exchange(&to, &code);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert!(refused.text().contains("its disk is full"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), Some("60"));
    let asked =
        [("client_id", &*client.id), ("client_secret", &*client.secret), ("app_user_id", "v")];
    let refused = form(&to, "POST", "/user-management/v1/user", &asked);
    assert_eq!(refused.status, 503, "{}", refused.text());
    server.free();
    assert_eq!(client.exchange(&to, &code).status, 200);
}

/// A server starts on a full disk, since what is there can be read.
#[test]
fn a_server_starts_on_a_full_disk() {
    let Some(disk) = SmallDisk::new() else { return };
    let mut command =
        disk.command(&["bash", "-c", r#"cat /dev/zero > fill 2> /dev/null; exec "$@""#, "bash"]);
    command.args([FHIRLITE, "serve", "s.db"]);
    command.stderr(fs::File::create(disk.dir.path("stderr")).expect("a file"));
    let server = FullDisk { served: Served::of(command) };
    let served = &server.served;
    assert_eq!(served.files(&served.manifest(""))[0].1, format!("{A}\n").into_bytes());
    let refused = served.get_with("/fhir/$export", "Prefer: respond-async\r\n");
    refused.assert_outcome(503, "its disk is full");
    server.free();
    let accepted = served.get_with("/fhir/$export", "Prefer: respond-async\r\n");
    assert_eq!(accepted.status, 202, "{}", accepted.text());
}

/// Pruning frees pages in the file for later imports. Where there is no room for all of it at once, there is for some.
#[test]
fn pruning_works_in_little_room() {
    let Some(disk) = SmallDisk::new() else { return };
    let line =
        |n: u32| format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\",\"text\":\"{n:0500}\"}}\n");
    disk.dir.write("many.ndjson", (0..1500).map(line).collect::<String>());
    disk.dir.import(0, &["s.db", "many.ndjson"]);
    let ids: Vec<String> = (0..1500).map(|n| format!("Basic/b{n}")).collect();
    let words = ["delete", "s.db"].map(str::to_owned).into_iter().chain(ids);
    assert_eq!(disk.dir.run(words).code, 0);
    let db = disk.dir.open("s.db");
    db.execute_batch("UPDATE history SET ended_at = 0").expect("long ago");
    seal(&db);
    drop(db);
    let told = disk.run(
        r#"rm fill; head -c $(($(df --output=avail -B1 . | tail -1) - 200000)) /dev/zero > fill
           "$1" prune s.db 2>&1; echo "code $?"; rm fill; "$1" check s.db"#,
    );
    assert!(told.contains("removed 1500 versions") && told.contains("code 0"), "{told}");
    assert!(told.contains("s.db: ok, 1 resources"), "{told}");
}
