//! `fhirlite serve` as a process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client::{Answer, get};
use super::dir::Dir;

/// A server on a free port, killed when this is dropped.
pub struct Served {
    child: Child,
    pub url: String,
    stdout: BufReader<ChildStdout>,
}

/// Imports these lines into a new store `s.db` and serves it.
pub fn served(lines: &str) -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

impl Served {
    /// Starts a server with `command`, which must not say where to listen.
    pub fn of(mut command: Command) -> Served {
        command.args(["--listen", "127.0.0.1:0"]);
        Served::at_its_places(command)
    }

    /// Starts a server with `command`, which says where to listen. Only the first place is read.
    pub fn at_its_places(mut command: Command) -> Served {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("its standard output"));
        let mut served = Served { child, url: String::new(), stdout };
        served.url = served.next_place();
        served
    }

    /// Reads another line that names a place.
    pub fn next_place(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        let place = line.strip_prefix("listening on ");
        place.unwrap_or_else(|| panic!("the line is {line:?}")).trim_end().to_owned()
    }

    /// How many threads and descriptors the server has; `None` where the system does not tell.
    pub fn size(&self) -> Option<(usize, usize)> {
        let count = |what| {
            let folder = format!("/proc/{}/{what}", self.child.id());
            std::fs::read_dir(folder).ok().map(Iterator::count)
        };
        Some((count("task")?, count("fd")?))
    }

    /// The bytes of memory that the server has; `None` where the system does not tell.
    pub fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10)
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn authority(&self) -> &str {
        self.url.strip_prefix("http://").expect("http")
    }

    /// Sends GET for a path, or for a URL of this server.
    pub fn get(&self, target: &str) -> Answer {
        self.get_with(target, "")
    }

    /// Sends GET with more header lines, each ending in CRLF.
    pub fn get_with(&self, target: &str, headers: &str) -> Answer {
        let path = target.strip_prefix(&self.url).unwrap_or(target);
        get(self.authority(), path, headers)
    }

    /// The manifest of an export in the 1upHealth dialect.
    pub fn manifest(&self, query: &str) -> Value {
        let answer = self.get(&format!("/bulk-data/r4/$export{query}"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// The output files of a manifest: each with its type and its bytes.
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

    /// Sends a signal, `-TERM` for example.
    pub fn signal(&self, signal: &str) {
        let signal = match signal {
            "-HUP" => Signal::HUP,
            "-INT" => Signal::INT,
            "-KILL" => Signal::KILL,
            "-TERM" => Signal::TERM,
            other => panic!("{other} is no signal that tests send"),
        };
        kill_process(Pid::from_child(&self.child), signal).expect("the signal is sent");
    }

    /// Sends a signal and waits for the process to end; its exit code.
    pub fn end(self, signal: &str) -> i32 {
        self.signal(signal);
        self.ended()
    }

    /// Waits for the process to end; its exit code.
    pub fn ended(mut self) -> i32 {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("the end of stdout");
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
