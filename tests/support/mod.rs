//! The harness: a folder of its own for each test, the binary in it, servers that end with it.

pub mod bulk;
pub mod client;
pub mod compare;
pub mod oneup;
pub mod signer;
pub mod smart;
pub mod tenants;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use client::{Answer, get};

/// The built program.
pub const FHIRLITE: &str = env!("CARGO_BIN_EXE_fhirlite");

/// A folder that is gone at the end.
pub struct Dir(TempDir);

impl Dir {
    pub fn new() -> Dir {
        Dir(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, making the folders above it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("inside the folder")).expect("folders");
        std::fs::write(&path, bytes).expect("a file written");
        path
    }

    /// Writes a store as a program of that format made it.
    pub fn fixture(&self, format: u32, name: &str) {
        let kept = project().join(format!("tests/formats/{format}.db.gz"));
        let packed = std::fs::read(kept).expect("a fixture");
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("gzip");
        self.write(name, bytes);
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).expect("UTF-8")
    }

    /// The program with this folder as its own.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(FHIRLITE);
        command.current_dir(self.0.path()).args(args).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(args).output().expect("the program starts"))
    }

    /// Runs it with something on its standard input.
    pub fn run_with_input<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("its standard input");
        // It may end before it has read everything; that is for its exit code to say.
        let _ = stdin.write_all(input);
        drop(stdin);
        Ran::of(child.wait_with_output().expect("the program ends"))
    }

    /// `import STORE PATH... --json`, which must end with `code`; its report.
    pub fn import(&self, code: i32, args: &[&str]) -> Value {
        let ran = self.run(["import", "--json"].iter().chain(args));
        assert_eq!(ran.code, code, "import {args:?}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).expect("one JSON object")
    }

    /// What the program prints for a resource.
    pub fn get(&self, store: &str, resource: &str) -> String {
        let ran = self.run(["get", store, resource]);
        assert_eq!(ran.code, 0, "get {resource}: {}", ran.stderr);
        ran.stdout.trim_end_matches('\n').to_owned()
    }

    /// The store as SQLite itself reads it.
    pub fn open(&self, store: &str) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path(store)).expect("an SQLite file")
    }

    /// One number out of the store.
    pub fn count(&self, store: &str, sql: &str) -> i64 {
        self.open(store).query_row(sql, (), |row| row.get(0)).expect("a number")
    }

    /// Every current resource as `Type/id` and body, in order of these.
    pub fn bodies(&self, store: &str) -> Vec<(String, String)> {
        let db = self.open(store);
        let sql = "SELECT type || '/' || id, body FROM resource ORDER BY type, id";
        let mut statement = db.prepare(sql).expect("the table resource");
        let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    }

    /// `check` must find nothing.
    pub fn check(&self, store: &str) {
        let ran = self.run(["check", store]);
        assert_eq!(ran.code, 0, "check: {}", ran.stderr);
    }

    /// A way to run the program that may not write the files in `ro`: as nobody, where everybody else
    /// may do everything. `None` where that cannot be done.
    #[cfg(unix)]
    pub fn without_rights(&self, args: &[&str]) -> Option<Command> {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str, mode| {
            std::fs::set_permissions(self.path(path), PermissionsExt::from_mode(mode))
                .expect("a mode");
        };
        for file in std::fs::read_dir(self.path("ro")).expect("the folder") {
            let name = file.expect("an entry").file_name().into_string().expect("a name");
            mode(&format!("ro/{name}"), 0o444);
        }
        mode("ro", 0o555);
        mode("", 0o755);
        let is_root = std::fs::write(self.path("ro/probe"), "").is_ok();
        let as_nobody = |args: &[&str]| {
            let mut command = self.command(args);
            if is_root {
                std::fs::remove_file(self.path("ro/probe")).unwrap_or_default();
                std::os::unix::process::CommandExt::uid(&mut command, 65534);
            }
            command
        };
        let starts = as_nobody(&["--version"]).stdout(Stdio::null()).status();
        if !starts.is_ok_and(|status| status.success()) {
            eprintln!("left out: nobody cannot run {}", FHIRLITE);
            return None;
        }
        Some(as_nobody(args))
    }

    pub fn serve(&self, args: &[&str]) -> Served {
        Served::start(self, args)
    }
}

/// A folder with a store `s.db` of these lines, and a server of it.
pub fn served(lines: &str) -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// How a run of the program ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on stdout"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on stderr"),
        }
    }
}

/// `fhirlite serve` on a free port, killed at the end if nothing ended it before.
pub struct Served {
    child: Child,
    pub url: String,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Served {
    fn start(dir: &Dir, args: &[&str]) -> Served {
        let mut command = dir.command(["serve"].iter().chain(args));
        command.stderr(Stdio::inherit());
        Served::of(command)
    }

    /// A server of any command that is one, but for where to listen.
    pub fn of(mut command: Command) -> Served {
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("its standard output"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a first line");
        let url = line
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("the first line is {line:?}"))
            .trim_end()
            .to_owned();
        Served { child, url, stdout }
    }

    pub fn authority(&self) -> &str {
        self.url.strip_prefix("http://").expect("http")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// GET of a path, or of a URL on this server.
    pub fn get(&self, target: &str) -> Answer {
        self.get_with(target, "")
    }

    /// The same with more header lines, each ending in CRLF.
    pub fn get_with(&self, target: &str, headers: &str) -> Answer {
        let path = target.strip_prefix(&self.url).unwrap_or(target);
        get(self.authority(), path, headers)
    }

    pub fn manifest(&self, query: &str) -> Value {
        let answer = self.get(&format!("/bulk-data/r4/$export{query}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Every file of a manifest, by its type, with its bytes.
    pub fn files(&self, manifest: &Value) -> Vec<(String, Vec<u8>)> {
        let output = manifest["output"].as_array().expect("output is a list");
        output
            .iter()
            .map(|file| {
                let url = file["url"].as_str().expect("a url");
                let answer = self.get(url);
                assert_eq!(answer.status, 200, "{url}: {}", answer.text());
                (file["type"].as_str().expect("a type").to_owned(), answer.body)
            })
            .collect()
    }

    /// Sends a signal and waits for the end; its exit code.
    #[cfg(unix)]
    pub fn end(mut self, signal: &str) -> i32 {
        let kill = Command::new("kill").args([signal, &self.pid().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.stdout, &mut rest).expect("the end of stdout");
        assert_eq!(rest, "", "more on stdout than the first line");
        self.child.wait().expect("it ends").code().unwrap_or(-1)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tool that a bare machine may lack: the test that needs it is then left out, unless
/// `FHIRLITE_REQUIRE_TOOLS` is set, as it is in CI.
pub fn tool(name: &str) -> Option<Command> {
    let there = Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        assert!(
            std::env::var_os("FHIRLITE_REQUIRE_TOOLS").is_none(),
            "{name} is needed for this test"
        );
        eprintln!("left out: no {name} here");
        return None;
    }
    Some(Command::new(name))
}

/// Where the project is.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command that must succeed; what it printed.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}:\n{out}{err}");
    out.into_owned()
}

/// Gzip of some bytes, as any tool would make it.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).expect("packed");
    packed.finish().expect("packed")
}

/// A zip of some files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packed = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        packed.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a member");
        packed.write_all(bytes).expect("packed");
    }
    packed.finish().expect("packed").into_inner()
}
