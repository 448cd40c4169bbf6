//! Keys, assertions and key servers, made by Python's `jwcrypto` and `cryptography`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::{project, python_of_smart_fetch};

/// A running `tests/independent/assertions.py`.
pub struct Signer {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Signer {
    /// Starts the script. `None` if this machine has no Python with these packages.
    pub fn start() -> Option<Signer> {
        let mut command = python_of_smart_fetch(&["cryptography", "jwcrypto"])?;
        command.arg(project().join("tests/independent/assertions.py"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python starts");
        let stdin = child.stdin.take().expect("its standard input");
        let stdout = BufReader::new(child.stdout.take().expect("its standard output"));
        Some(Signer { child, stdin, stdout })
    }

    /// Sends a request; the script's answer.
    pub fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.stdin, "{request}").expect("asked");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("answered");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{request}: {error}"))
    }

    /// The public part of a key as a JWK, with `more` members.
    pub fn jwk(&mut self, name: &str, more: Value) -> Value {
        self.ask(&merged(json!({"do": "jwk", "name": name}), more))
    }

    /// A JWKS of some keys.
    pub fn jwks(&mut self, names: &[&str]) -> String {
        let keys: Vec<Value> = names.iter().map(|name| self.jwk(name, json!({}))).collect();
        json!({"keys": keys}).to_string()
    }

    /// An assertion by `client` for `aud`, signed with the key RSA/a unless `changes` say otherwise.
    pub fn sign(&mut self, client: &str, aud: &str, changes: Value) -> String {
        let right =
            json!({"do": "sign", "client": client, "aud": aud, "key": "RSA/a", "alg": "RS384"});
        self.ask(&merged(right, changes)).as_str().expect("a text").to_owned()
    }

    /// Starts a server that publishes keys; its number and its URL.
    pub fn host(&mut self, options: Value) -> (u64, String) {
        let host = self.ask(&merged(json!({"do": "host"}), options));
        (host["host"].as_u64().expect("a number"), host["url"].as_str().expect("a URL").to_owned())
    }

    /// Sets what a key server answers from now on.
    pub fn answer(&mut self, host: u64, answer: Value) {
        self.ask(&merged(json!({"do": "answer", "host": host}), answer));
    }

    /// How many requests a key server has had.
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

fn merged(mut into: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more} is no object") };
    into.as_object_mut().expect("an object").extend(more);
    into
}
