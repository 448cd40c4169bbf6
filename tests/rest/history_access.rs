//! Whose history a caller sees, and of which types.

use super::history::{events, expected, only, with_changes};
use super::{link, reads_in_audit};
use crate::support::client::get;
use crate::support::oneup::{Tenants, bearer};

#[test]
fn each_caller_sees_the_history_of_their_owners_and_no_other() {
    let world = Tenants::new();
    for (name, user) in [("anna", "anna"), ("ben", "ben"), ("carl", "carl")] {
        world.dir.write(
            "more.ndjson",
            format!("{{\"resourceType\":\"Patient\",\"id\":\"{name}\",\"gender\":\"other\"}}\n"),
        );
        world.dir.import(0, &["s.db", "more.ndjson", "--user", user]);
    }
    assert_eq!(
        world.dir.run(["delete", "s.db", "Observation/anna-3", "Observation/carl-3"]).code,
        0
    );
    let (anna, ben, carl) = (world.anna, world.ben, world.carl);
    for (headers, owners) in [
        (world.app.headers(&anna.to_string()), vec![anna]),
        (world.app.headers("client"), vec![anna, ben]),
        (world.other.headers("client"), vec![carl]),
    ] {
        let owners: Vec<String> = owners.iter().map(i64::to_string).collect();
        for (path, condition) in [
            ("_history", "TRUE"),
            ("Patient/_history", "type = 'Patient'"),
            ("Observation/_history", "type = 'Observation'"),
            ("Patient/anna/_history", "type = 'Patient' AND id = 'anna'"),
            ("Observation/anna-3/_history", "type = 'Observation' AND id = 'anna-3'"),
        ] {
            let condition = format!("{condition} AND owner IN ({})", owners.join(", "));
            let expected = only(expected(&world.dir, &condition));
            let mut found = Vec::new();
            let mut next = Some(format!("/fhir/{path}?_count=7"));
            while let Some(target) = next {
                let answer = world.get(crate::support::bulk::path(&target), &headers);
                if expected.is_empty() && path.contains("anna") {
                    answer.assert_outcome(404, "is not here");
                    break;
                }
                assert_eq!(answer.status, 200, "{target}: {}", answer.text());
                let bundle = answer.json();
                found.extend(events(&world.served, &bundle));
                next = link(&bundle, "next").map(str::to_owned);
            }
            assert_eq!(found, expected, "{path} {owners:?}");
            if path.ends_with("/_history") && !path.contains("anna") || path == "_history" {
                let counted = world.get(&format!("/fhir/{path}?_count=0"), &headers).json();
                assert_eq!(counted["total"], expected.len(), "{path} {owners:?}");
            }
        }
    }
    world.get("/fhir/_history", "").assert_outcome(401, "");
    world.end();
}

#[test]
fn a_scope_limits_the_types_of_a_history() {
    let dir = with_changes();
    let scope = "system/Patient.rs system/Observation.r system/Device.s";
    let added =
        ["client", "add", "s.db", "--client-id", "c", "--new-key", "c.pem", "--scope", scope];
    assert_eq!(dir.run(added).code, 0);
    let token = |scope: &str| {
        let ran = dir.run(["token", "issue", "s.db", "--client", "c", "--scope", scope]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        bearer(ran.stdout.trim())
    };
    let all = token(scope);
    let read_only = token("system/Observation.r");
    let served = dir.serve(&["s.db", "--auth", "required"]);
    let get = |path: &str, headers: &str| get(served.authority(), path, headers);
    // The history of all types has those that may be searched.
    let whole = get("/fhir/_history", &all);
    assert_eq!(whole.status, 200, "{}", whole.text());
    let patients = only(expected(&dir, "type = 'Patient'"));
    assert_eq!(events(&served, &whole.json()), patients);
    assert_eq!(whole.json()["total"], patients.len());
    assert_eq!(events(&served, &get("/fhir/Patient/_history", &all).json()), patients);
    assert_eq!(get("/fhir/Observation/a/_history", &all).json()["total"], 1);
    get("/fhir/Observation/_history", &all).assert_outcome(403, "Observation");
    get("/fhir/Device/x/_history", &all).assert_outcome(403, "Device");
    get("/fhir/_history", &read_only).assert_outcome(403, "s");
    get("/fhir/Patient/a/_history", &read_only).assert_outcome(403, "Patient");
    // The audit has what was sent.
    let noted = reads_in_audit(&dir, served);
    let count = |event: &str, path: &str| {
        let is_it = |(known, request): &&(String, String)| known == event && request == path;
        noted.iter().filter(is_it).count()
    };
    assert_eq!(count("search", "/fhir/_history"), 1, "{noted:?}");
    assert_eq!(count("search", "/fhir/Patient/_history"), 1);
    assert_eq!(count("read", "/fhir/Observation/a/_history"), 1);
    assert_eq!(noted.len(), 3, "what was refused is no read: {noted:?}");
}
