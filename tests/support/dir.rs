//! A temporary folder for each test, and the program run in it.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::edits::let_edit;
use super::server::Served;
use super::tools::left_out;
use super::{FHIRLITE, project};

/// A temporary folder, deleted when this is dropped.
pub struct Dir(TempDir);

impl Dir {
    pub fn new() -> Dir {
        Dir(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and creates the folders above it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("inside the folder")).expect("folders");
        fs::write(&path, bytes).expect("a file written");
        path
    }

    /// Unpacks the store that a program of an older format wrote.
    pub fn fixture(&self, format: u32, name: &str) {
        let kept = project().join(format!("tests/formats/{format}.db.gz"));
        let packed = fs::read(kept).expect("a fixture");
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("gzip");
        self.write(name, bytes);
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).expect("UTF-8")
    }

    /// Creates a command that runs the program in this folder.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        self.command_of(Path::new(FHIRLITE), args)
    }

    fn command_of<S: AsRef<OsStr>>(
        &self,
        program: &Path,
        args: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path()).args(args).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        Ran::of(self.command(args).output().expect("the program starts"))
    }

    /// Runs the program to its end, with `input` as its standard input.
    pub fn run_with_input<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("its standard input");
        // The program may end before it has read everything; its exit code tells whether that is right.
        let _ = stdin.write_all(input);
        drop(stdin);
        Ran::of(child.wait_with_output().expect("the program ends"))
    }

    /// Runs `import STORE PATH... --json`, which must end with `code`; the report.
    pub fn import(&self, code: i32, args: &[&str]) -> Value {
        let ran = self.run(["import", "--json"].iter().chain(args));
        assert_eq!(ran.code, code, "import {args:?}: {}", ran.stderr);
        serde_json::from_str(&ran.stdout).expect("one JSON object")
    }

    /// Runs `get` for a resource; the resource.
    pub fn get(&self, store: &str, resource: &str) -> String {
        let ran = self.run(["get", store, resource]);
        assert_eq!(ran.code, 0, "get {resource}: {}", ran.stderr);
        ran.stdout.trim_end_matches('\n').to_owned()
    }

    /// Runs `check`, which must find nothing.
    pub fn check(&self, store: &str) {
        let ran = self.run(["check", store]);
        assert_eq!(ran.code, 0, "check: {}", ran.stderr);
    }

    /// Runs `serve` on a free port.
    pub fn serve(&self, args: &[&str]) -> Served {
        let mut command = self.command(["serve"].iter().chain(args));
        command.stderr(Stdio::inherit());
        Served::of(command)
    }

    /// Runs `serve` on a free port, with standard error in the file `stderr`.
    pub fn serve_with_log(&self, args: &[&str]) -> Served {
        let mut command = self.command(["serve"].iter().chain(args));
        command.stderr(fs::File::create(self.path("stderr")).expect("a file"));
        Served::of(command)
    }

    /// Opens the store with SQLite itself, to read it, or to change it as a meddler would.
    pub fn open(&self, store: &str) -> rusqlite::Connection {
        let db = rusqlite::Connection::open(self.path(store)).expect("an SQLite file");
        let_edit(&db);
        db
    }

    /// Runs a query that answers with one number.
    pub fn count(&self, store: &str, sql: &str) -> i64 {
        self.open(store).query_row(sql, (), |row| row.get(0)).expect("a number")
    }

    /// Every current resource as `Type/id` and body, in order of type and id.
    pub fn bodies(&self, store: &str) -> Vec<(String, String)> {
        let db = self.open(store);
        let sql = "SELECT type || '/' || id, body FROM resource ORDER BY type, id";
        let mut statement = db.prepare(sql).expect("the table resource");
        let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    }

    /// Makes the folder `ro` and its files read-only; a way to run the program as a user who cannot change that.
    ///
    /// The superuser may write anywhere, so a test that runs as root runs the program as the user 65534. `None` where
    /// that user cannot run it.
    pub fn without_rights(&self) -> Option<Unprivileged<'_>> {
        for file in fs::read_dir(self.path("ro")).expect("the folder") {
            let name = file.expect("an entry").file_name().into_string().expect("a name");
            self.set_mode(&format!("ro/{name}"), 0o444);
        }
        self.set_mode("ro", 0o555);
        self.set_mode("", 0o755);
        let probe = self.path("ro/probe");
        let is_root = fs::write(&probe, "").is_ok();
        let mut unprivileged =
            Unprivileged { dir: self, program: PathBuf::from(FHIRLITE), is_root };
        if !is_root {
            return Some(unprivileged);
        }
        fs::remove_file(probe).expect("removed");
        // The program may lie in a folder that only root can enter.
        if !unprivileged.starts() {
            unprivileged.program = self.path("fhirlite");
            fs::copy(FHIRLITE, &unprivileged.program).expect("a copy of the program");
        }
        if !unprivileged.starts() {
            left_out("the user 65534 cannot run the program");
            return None;
        }
        Some(unprivileged)
    }

    pub fn set_mode(&self, path: &str, mode: u32) {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.path(path), permissions).expect("a mode");
    }

    /// The permission bits of a file.
    pub fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).expect(path).permissions().mode() & 0o777
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // Else the files in it could not be deleted.
        if self.path("ro").is_dir() {
            self.set_mode("ro", 0o755);
        }
    }
}

/// The program, run by a user who cannot write in the folder `ro`.
pub struct Unprivileged<'a> {
    dir: &'a Dir,
    program: PathBuf,
    is_root: bool,
}

impl Unprivileged<'_> {
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.dir.command_of(&self.program, args);
        if self.is_root {
            command.uid(65534);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().expect("the program starts"))
    }

    /// Runs `serve` on a free port, with standard error in the file `stderr`.
    pub fn serve_with_log(&self, args: &[&str]) -> Served {
        let mut command = self.command(&[&["serve"], args].concat());
        command.stderr(fs::File::create(self.dir.path("stderr")).expect("a file"));
        Served::of(command)
    }

    fn starts(&self) -> bool {
        let status =
            self.command(&["--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

/// The exit code and the output of a run of the program.
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
