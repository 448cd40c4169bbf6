//! SMART Backend Services: assertions, keys, scopes, and exports within them.
//!
//! <https://hl7.org/fhir/smart-app-launch/backend-services.html> and
//! <https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html>. Python's packages make the keys and the
//! assertions (`tests/independent/assertions.py`), so that both sides agree on the standard and not on a common mistake.

mod assertions;
mod discovery;
mod exports;
mod jwks_url;
mod refusals;
mod registration;
mod replay;
mod scopes;
mod smart_fetch;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::bulk::{ended_at, kick_off, location, path};
use crate::support::signer::Signer;
use crate::support::smart::{EVERYTHING, register};
use crate::support::{Dir, Served, project};

/// A store with the clients `one` (RSA/a, EC/a and keys that cannot be used) and `two` (RSA/a).
fn two_clients(signer: &Signer) -> Dir {
    let dir = Dir::new();
    let odd = [
        ("RSA/enc", json!({"use": "enc"})),
        ("RSA/ops", json!({"key_ops": ["sign", "encrypt"]})),
        ("RSA/alg", json!({"alg": "RS256"})),
        ("EC/alg", json!({"alg": "ES256"})),
        ("RSA-1024/a", json!({})),
        ("P-256/a", json!({})),
    ];
    let mut keys: Vec<Value> = vec![
        signer.jwk("RSA/a", json!({"use": "sig", "alg": "RS384", "key_ops": ["verify"]})),
        signer.jwk("EC/a", json!({})),
    ];
    keys.extend(odd.map(|(name, more)| signer.jwk(name, more)));
    register(&dir, "one", "--jwks", &json!({"keys": keys}).to_string(), EVERYTHING);
    register(&dir, "two", "--jwks", &signer.jwks(&["RSA/a"]), EVERYTHING);
    dir
}

/// Fills the store with the sample data, and with a Patient that belongs to a user.
fn data(dir: &Dir) {
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
    // No client with keys may see it.
    assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "app"]).code, 0);
    assert_eq!(dir.run(["user", "add", "s.db", "u"]).code, 0);
    dir.write("own.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"hers\"}\n");
    dir.import(0, &["s.db", "own.ndjson", "--user", "u"]);
}

/// Runs a whole export with these headers; `Type/id` of the resources, and the lines of the other files.
fn exported(
    served: &Served,
    from: &str,
    parameters: &[(&str, &str)],
    headers: &str,
) -> BTreeSet<String> {
    let started = kick_off(served.authority(), from, parameters, headers);
    let location = location(&started);
    let answer = ended_at(served.authority(), path(&location), headers);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let manifest = answer.json();
    assert_eq!(manifest["requiresAccessToken"], true);
    let mut names = BTreeSet::new();
    for list in ["output", "deleted", "error"] {
        for file in manifest[list].as_array().into_iter().flatten() {
            let url = path(file["url"].as_str().unwrap());
            assert_eq!(served.get(url).status, 401, "{url}");
            let answer = served.get_with(url, headers);
            assert_eq!(answer.status, 200, "{url}: {}", answer.text());
            for line in answer.text().lines() {
                let one: Value = serde_json::from_str(line).unwrap();
                names.insert(match list {
                    "output" => format!(
                        "{}/{}",
                        one["resourceType"].as_str().unwrap(),
                        one["id"].as_str().unwrap()
                    ),
                    _ => format!("{list}: {line}"),
                });
            }
        }
    }
    names
}
