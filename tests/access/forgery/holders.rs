//! Right names, used for another type, by another caller, or after a key rotation.

use serde_json::Value;

use super::{
    OPEN, REQUIRED, assert_file_of, assert_refused, claims, fetch, name_of, run, setting, settled,
    token,
};

#[test]
fn a_name_opens_a_file_of_its_type_only() {
    let dir = settled();
    let served = dir.serve(REQUIRED);
    let ann = token(&dir, "--user ann");
    let name = name_of(&served, &ann);
    for other in
        ["Observation", "Binary", "patient", "Patient%20", "Patient%00", "*", "Patient,Observation"]
    {
        for base in ["/bulk-data/r4/$export", "/fhir/$bulk-publish"] {
            let answer = served.get_with(&format!("{base}/{other}/{name}.ndjson"), &ann);
            assert_refused(&answer, other);
        }
    }
    for ending in ["", ".NDJSON", ".json", ".ndjson%20"] {
        let path = format!("/bulk-data/r4/$export/Patient/{name}{ending}");
        served.get_with(&path, &ann).assert_outcome(404, "end in .ndjson");
    }
}

#[test]
fn a_name_opens_a_file_for_its_caller_only() {
    let dir = settled();
    let (served, open) = (dir.serve(REQUIRED), dir.serve(OPEN));
    let callers = ["--user ann", "--user bob", "--client one", "--client smart"];
    let callers = callers.map(|of| (of, token(&dir, of)));
    let mut names: Vec<(&str, String)> =
        callers.iter().map(|(of, headers)| (*of, name_of(&served, headers))).collect();
    names.push(("the open server", name_of(&open, "")));
    for (of, name) in &names {
        for (caller, headers) in &callers {
            let answer = fetch(&served, name, headers);
            if caller == of {
                assert_eq!(answer.status, 200, "{of}: {}", answer.text());
            } else {
                assert_refused(&answer, &format!("the name of {of} for {caller}"));
            }
        }
        if *of == "the open server" {
            assert_eq!(fetch(&open, name, "").text().lines().count(), 15);
        } else {
            assert_refused(&fetch(&open, name, ""), of);
        }
    }
}

#[test]
fn names_of_another_store_or_a_former_key_are_refused() {
    let dir = settled();
    let ann = token(&dir, "--user ann");
    // The same store, but with another key.
    dir.open("s.db").execute("VACUUM INTO ?1", [dir.path("t.db").to_str()]).expect("a copy");
    run(&dir, "key rotate t.db");
    let (here, there) = (dir.serve(REQUIRED), dir.serve(&["t.db", "--auth", "required"]));
    let (mine, other) = (name_of(&here, &ann), name_of(&there, &ann));
    let without_export = |name: &str| {
        let mut claims = claims(name);
        claims["export"] = Value::Null;
        claims
    };
    assert_eq!(without_export(&mine), without_export(&other));
    assert_file_of(&fetch(&here, &mine, &ann), "ann");
    assert_file_of(&fetch(&there, &other, &ann), "ann");
    assert_refused(&fetch(&here, &other, &ann), "another store's");
    assert_refused(&fetch(&there, &mine, &ann), "another store's");

    // A server notices at once that another process has rotated the key.
    let before = setting(&dir, "signing_key");
    run(&dir, "key rotate s.db");
    assert_ne!(setting(&dir, "signing_key"), before);
    assert_refused(&fetch(&here, &mine, &ann), "signed with the former key");
    let next = name_of(&here, &ann);
    assert_file_of(&fetch(&here, &next, &ann), "ann");
    drop(here);
    let again = dir.serve(REQUIRED);
    assert_refused(&fetch(&again, &mine, &ann), "signed with the former key");
    assert_file_of(&fetch(&again, &next, &ann), "ann");
}
