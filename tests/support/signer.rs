//! What Python's `jwcrypto` and `cryptography` make: keys, assertions, places that publish keys.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::{project, tool};

/// `tests/independent/assertions.py`, beside.
pub struct Signer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// The Python that `smart-fetch` runs with: it has these packages.
fn python() -> Option<Command> {
    tool("smart-fetch")?;
    let path = std::env::var_os("PATH").expect("a PATH");
    let script = std::env::split_paths(&path).map(|folder| folder.join("smart-fetch"));
    let script = script.into_iter().find(|file| file.is_file()).expect("smart-fetch is a file");
    let text = std::fs::read_to_string(script).expect("a script");
    let mut lines = text.lines();
    let first = lines.next().and_then(|line| line.strip_prefix("#!")).expect("an interpreter");
    // Where that is too long for a first line, the second one has it in quotes.
    let interpreter = match first.ends_with("/sh") {
        true => lines.next().and_then(|line| line.split('"').nth(1)).expect("an interpreter"),
        false => first.trim(),
    };
    Some(Command::new(interpreter))
}

impl Signer {
    /// `None` where there is no such Python.
    pub fn start() -> Option<Signer> {
        let mut command = python()?;
        command.arg(project().join("tests/independent/assertions.py"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python starts");
        let stdin = child.stdin.take().expect("its standard input");
        let stdout = BufReader::new(child.stdout.take().expect("its standard output"));
        Some(Signer { child, stdin, stdout })
    }

    /// Has it do something.
    pub fn ask(&mut self, what: &Value) -> Value {
        writeln!(self.stdin, "{what}").expect("asked");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("answered");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{what}: {error}"))
    }

    /// A key that may be seen, with more members.
    pub fn jwk(&mut self, name: &str, more: Value) -> Value {
        let mut what = json!({"do": "jwk", "name": name});
        merge(&mut what, more);
        self.ask(&what)
    }

    /// A JWKS of some keys.
    pub fn jwks(&mut self, names: &[&str]) -> String {
        let keys: Vec<Value> = names.iter().map(|name| self.jwk(name, json!({}))).collect();
        json!({"keys": keys}).to_string()
    }

    /// An assertion of `client` for `aud` by its key RSA/a, but for what `other` says.
    pub fn sign(&mut self, client: &str, aud: &str, other: Value) -> String {
        let (key, alg) = ("RSA/a", "RS384");
        let mut what = json!({"do": "sign", "client": client, "aud": aud, "key": key, "alg": alg});
        merge(&mut what, other);
        self.ask(&what).as_str().expect("a text").to_owned()
    }

    /// A place that publishes keys: its number and its URL.
    pub fn host(&mut self, more: Value) -> (u64, String) {
        let mut what = json!({"do": "host"});
        merge(&mut what, more);
        let said = self.ask(&what);
        (said["host"].as_u64().expect("a number"), said["url"].as_str().expect("a URL").to_owned())
    }

    /// What a place answers from now on.
    pub fn answer(&mut self, host: u64, answer: Value) {
        let mut what = json!({"do": "answer", "host": host});
        merge(&mut what, answer);
        self.ask(&what);
    }

    /// How often a place was asked.
    pub fn count(&mut self, host: u64) -> u64 {
        self.ask(&json!({"do": "asked", "host": host}))["count"].as_u64().expect("a number")
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn merge(into: &mut Value, more: Value) {
    let Value::Object(more) = more else { panic!("{more} is no object") };
    into.as_object_mut().expect("an object").extend(more);
}
