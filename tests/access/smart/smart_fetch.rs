//! `smart-fetch`, a client by other authors, and a protected server.

use std::collections::BTreeSet;

use serde_json::json;

use super::data;
use crate::independent::smart_fetch::{assert_same, fetch, stored};
use crate::support::signer::Signer;
use crate::support::smart::{EVERYTHING, ask, endpoint, granted, protected, register};
use crate::support::{Dir, tool};

#[test]
fn smart_fetch_authenticates_and_exports_at_each_level() {
    let Some(signer) = Signer::start() else { return };
    let dir = Dir::new();
    data(&dir);
    let more = ["--client-id", "pem", "--new-key", "key.pem", "--scope", EVERYTHING];
    assert_eq!(dir.run(["client", "add", "s.db"].iter().chain(&more)).code, 0);
    register(&dir, "jwks", "--jwks", &signer.jwks(&["RSA/a"]), EVERYTHING);
    register(&dir, "narrow", "--jwks", &signer.jwks(&["EC/a"]), "system/Patient.read");
    let keep = |file: &str, key: &str, alg: &str| {
        let more = json!({"private": true, "key_ops": ["sign"], "alg": alg});
        dir.write(file, json!({"keys": [signer.jwk(key, more)]}).to_string());
    };
    keep("rsa.jwks", "RSA/a", "RS384");
    keep("ec.jwks", "EC/a", "ES384");
    let served = protected(&dir);
    let base = format!("{}/fhir", served.url);
    let pem = ["--smart-client-id", "pem", "--smart-key", "key.pem"];
    let jwks = ["--smart-client-id", "jwks", "--smart-key", "rsa.jwks"];
    let narrow = ["--smart-client-id", "narrow", "--smart-key", "ec.jwks"];
    let not_hers = "id <> 'hers'";
    for (out, who) in [("by-pem", &pem), ("by-jwks", &jwks)] {
        let Some(system) = fetch(&dir, &base, out, who) else { return };
        assert!(!system.is_empty());
        assert_same(&system, &stored(&dir, &served, not_hers));
    }

    // The base for exports of patients has no configuration of its own, so the client is given a token.
    let assertion = signer.sign("jwks", &endpoint(&served), json!({}));
    let token = granted(&ask(&served, &assertion, EVERYTHING), EVERYTHING);
    dir.write("token", token.trim_end().rsplit_once(' ').unwrap().1);
    let (of_patients, with_token) = (format!("{base}/Patient"), ["--bearer-token", "token"]);
    let Some(patients) = fetch(&dir, &of_patients, "patients", &with_token) else { return };
    let theirs = "(type = 'Patient' OR seq IN (SELECT seq FROM compartment))";
    let theirs = stored(&dir, &served, &format!("{theirs} AND {not_hers}"));
    assert_same(&patients, &theirs);

    let group: String = dir
        .open("s.db")
        .query_row("SELECT id FROM resource WHERE type = 'Group' ORDER BY id", (), |row| row.get(0))
        .unwrap();
    let with_group = [&pem[..], &["--group", &group]].concat();
    let Some(of_group) = fetch(&dir, &base, "group", &with_group) else { return };
    let all: BTreeSet<_> = of_group.iter().map(|(name, _)| name).collect();
    let (name, _) = of_group.iter().find(|(name, _)| name.starts_with("Patient/")).unwrap();
    let id = name.strip_prefix("Patient/").unwrap();
    let about = format!("seq IN (SELECT seq FROM compartment WHERE patient = '{id}')");
    let about = stored(&dir, &served, &about);
    assert!(about.iter().all(|(name, _)| all.contains(name)) && of_group.len() < patients.len());

    // What changed after the first run.
    let log = dir.text("by-pem/log.ndjson");
    let time = log.split("\"transactionTime\": \"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(dir.run(["delete", "s.db", &format!("Patient/{id}")]).code, 0);
    dir.write("new.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"new\"}\n");
    dir.import(0, &["s.db", "new.ndjson"]);
    dir.write("hers.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"hers\",\"active\":true}\n");
    dir.import(0, &["s.db", "hers.ndjson", "--user", "u"]);
    let since = [&pem[..], &["--since", time]].concat();
    let Some(changed) = fetch(&dir, &base, "changed", &since) else { return };
    assert_same(&changed, &stored(&dir, &served, "id = 'new'"));
    let deleted = dir.text("changed/deleted/Bundle.001.ndjson");
    assert!(deleted.lines().count() == 1 && deleted.contains(id), "{deleted}");

    let only = [&narrow[..], &["--type", "Patient"]].concat();
    let Some(within) = fetch(&dir, &base, "within", &only) else { return };
    assert_same(&within, &stored(&dir, &served, &format!("type = 'Patient' AND {not_hers}")));
    for (out, word, args) in [
        ("beyond", "does not cover", [&narrow[..], &["--type", "Patient,Condition"]].concat()),
        (
            "wrong",
            "not signed with a key",
            vec!["--smart-client-id", "jwks", "--smart-key", "ec.jwks"],
        ),
        (
            "nobody",
            "client is not known",
            vec!["--smart-client-id", "nobody", "--smart-key", "rsa.jwks"],
        ),
        ("without", "without authentication", vec![]),
    ] {
        let mut client = tool("smart-fetch").unwrap();
        client.current_dir(dir.path("")).args(["bulk", "--fhir-url", &base]);
        let ran = client.args(["--no-default-filters"]).args(args).arg(out).output().unwrap();
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        assert!(!ran.status.success() && said.contains(word), "{out}: {said}");
        let files = std::fs::read_dir(dir.path(out)).into_iter().flatten();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.starts_with("Patient")).count(), 0, "{out}");
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0, "the client deletes its jobs");
}
