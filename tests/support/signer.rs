//! Keys, assertions and key servers, made by Python's `jwcrypto` and `cryptography`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};

use super::{project, python_of_smart_fetch};

/// A running `tests/independent/assertions.py`, shared by all tests: it takes a while to start.
///
/// Tests may use the same names of keys, and each has key servers of its own. The script ends with the test process,
/// which closes its input.
#[derive(Clone, Copy)]
pub struct Signer(&'static Mutex<Script>);

struct Script {
    /// The script lives as long as the tests, so nobody waits for its end.
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Signer {
    /// Starts the script, unless it runs already. `None` if this machine has no Python with these packages.
    pub fn start() -> Option<Signer> {
        static SCRIPT: OnceLock<Mutex<Script>> = OnceLock::new();
        let mut command = python_of_smart_fetch(&["cryptography", "jwcrypto"])?;
        let script = SCRIPT.get_or_init(|| {
            command.arg(project().join("tests/independent/assertions.py"));
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().expect("Python starts");
            let stdin = child.stdin.take().expect("its standard input");
            let stdout = BufReader::new(child.stdout.take().expect("its standard output"));
            Mutex::new(Script { _child: child, stdin, stdout })
        });
        Some(Signer(script))
    }

    /// Sends a request; the script's answer.
    pub fn ask(&self, request: &Value) -> Value {
        let mut script = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(script.stdin, "{request}").expect("asked");
        let mut line = String::new();
        script.stdout.read_line(&mut line).expect("answered");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{request}: {error}"))
    }

    /// The public part of a key as a JWK, with `more` members.
    pub fn jwk(&self, name: &str, more: Value) -> Value {
        self.ask(&merged(json!({"do": "jwk", "name": name}), more))
    }

    /// A JWKS of some keys.
    pub fn jwks(&self, names: &[&str]) -> String {
        let keys: Vec<Value> = names.iter().map(|name| self.jwk(name, json!({}))).collect();
        json!({"keys": keys}).to_string()
    }

    /// An assertion by `client` for `aud`, signed with the key RSA/a unless `changes` say otherwise.
    pub fn sign(&self, client: &str, aud: &str, changes: Value) -> String {
        let right =
            json!({"do": "sign", "client": client, "aud": aud, "key": "RSA/a", "alg": "RS384"});
        self.ask(&merged(right, changes)).as_str().expect("a text").to_owned()
    }

    /// Starts a server that publishes keys; its number and its URL.
    pub fn host(&self, options: Value) -> (u64, String) {
        let host = self.ask(&merged(json!({"do": "host"}), options));
        (host["host"].as_u64().expect("a number"), host["url"].as_str().expect("a URL").to_owned())
    }

    /// Sets what a key server answers from now on.
    pub fn answer(&self, host: u64, answer: Value) {
        self.ask(&merged(json!({"do": "answer", "host": host}), answer));
    }

    /// How many requests a key server has had.
    pub fn count(&self, host: u64) -> u64 {
        self.ask(&json!({"do": "asked", "host": host}))["count"].as_u64().expect("a number")
    }
}

fn merged(mut into: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more} is no object") };
    into.as_object_mut().expect("an object").extend(more);
    into
}
