//! Forged and changed file names: none of them opens a file.
//!
//! The tests make them with HMAC and base64 alone, not with the code that makes the right ones.

mod characters;
mod claims;
mod header;
mod holders;

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::bulk::{path, url_of};
use crate::support::client::{Answer, get};
use crate::support::{Dir, Served};

const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;
const OPEN: &[&str] = &["s.db"];
const REQUIRED: &[&str] = &["s.db", "--auth", "required"];

/// The issues of the OperationOutcome for each such name.
static REFUSED: LazyLock<Value> = LazyLock::new(|| {
    let what = "this file name was not signed by this store, was changed, or is for another type or \
                somebody else; take file URLs from a manifest as they are";
    json!([{"severity": "error", "code": "forbidden", "diagnostics": what}])
});

/// The owners, and how many Patients each has.
const OWNED: [(&str, u64); 3] = [("ann", 3), ("bob", 5), ("nobody", 7)];

/// Runs the program, which must succeed; its standard output.
fn run(dir: &Dir, line: &str) -> String {
    let ran = dir.run(line.split(' '));
    assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    ran.stdout.trim_end().to_owned()
}

/// A store with the users ann and bob of the client `one`, and the client `smart`, which reads resources without owner.
fn settled() -> Dir {
    let dir = Dir::new();
    run(&dir, "client add s.db --client-id one");
    run(&dir, "client add s.db --client-id smart --new-key smart.pem --scope system/*.rs");
    for (name, count) in OWNED {
        let mut import = vec!["s.db", "in.ndjson"];
        if name != "nobody" {
            run(&dir, &format!("user add s.db {name} --client one"));
            import.extend(["--user", name]);
        }
        let line = |kind: &str, n: u64| {
            let text = format!("{name}-secret");
            format!(
                "{}\n",
                json!({"resourceType": kind, "id": format!("{name}-{n}"), "note": text})
            )
        };
        let lines = (1..=count).map(|n| line("Patient", n)).chain([line("Observation", 1)]);
        dir.write("in.ndjson", lines.collect::<String>());
        dir.import(0, &import);
    }
    dir
}

/// The header that presents a new token. `of` are arguments of `token issue`.
fn token(dir: &Dir, of: &str) -> String {
    let token = run(dir, &format!("token issue s.db {of}"));
    format!("Authorization: Bearer {token}\r\n")
}

/// The `oneup_user_id` of a user.
fn oneup_user_id(dir: &Dir, name: &str) -> String {
    dir.count("s.db", &format!("SELECT id FROM user WHERE app_user_id = '{name}'")).to_string()
}

/// The signed name of the file of Patients in an export with these headers.
fn name_of(served: &Served, headers: &str) -> String {
    let manifest = served.get_with("/bulk-data/r4/$export?_type=Patient", headers).json();
    let url = url_of(&manifest, "Patient");
    let name =
        path(&url).strip_prefix("/bulk-data/r4/$export/Patient/").expect("a file of Patients");
    name.strip_suffix(".ndjson").expect("NDJSON").to_owned()
}

/// Requests the file of Patients with this name.
fn fetch(served: &Served, name: &str, headers: &str) -> Answer {
    let path = format!("/bulk-data/r4/$export/Patient/{name}.ndjson");
    get(served.authority(), &path, headers)
}

/// Fails unless this is the refusal that every such name gets.
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 403, "{what}: {}", answer.text());
    assert_eq!(answer.json()["issue"], *REFUSED, "{what}");
}

/// Fails unless this is the whole file of this owner.
fn assert_file_of(answer: &Answer, owner: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (_, count) = OWNED.into_iter().find(|(name, _)| *name == owner).expect("an owner");
    let text = answer.text();
    assert_eq!(text.lines().count() as u64, count, "{text}");
    assert_eq!(text.matches(&format!("{owner}-secret")).count() as u64, count, "{text}");
}

/// Splits a name into the signed part and the signature.
fn halves(name: &str) -> (&str, &str) {
    name.rsplit_once('.').expect("a signature")
}

/// The claims in a name.
fn claims(name: &str) -> Value {
    let payload = name.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&BASE64URL.decode(payload).expect("base64url")).expect("JSON")
}

/// The HS256 signature of a text.
fn hs256(key: &[u8], signed: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key").chain_update(signed);
    BASE64URL.encode(mac.finalize().into_bytes())
}

/// Makes a name of this header and payload, signed with HS256 and this key.
fn forged(header: &str, payload: &str, key: &[u8]) -> String {
    let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
    format!("{signed}.{}", hs256(key, &signed))
}

fn payload_of(name: &str) -> String {
    let payload = name.split('.').nth(1).expect("a payload");
    String::from_utf8(BASE64URL.decode(payload).expect("base64url")).expect("text")
}

/// A row of the table `setting`.
fn setting(dir: &Dir, name: &str) -> Vec<u8> {
    let sql = "SELECT value FROM setting WHERE name = ?1";
    dir.open("s.db").query_row(sql, [name], |row| row.get(0)).expect("bytes")
}
