//! The scopes that are granted.

use serde_json::json;

use crate::support::Dir;
use crate::support::signer::Signer;
use crate::support::smart::{
    EVERYTHING, ask, endpoint, granted, protected, refused, register, tokens,
};

#[test]
fn the_granted_scope_is_the_part_of_the_request_that_is_registered() {
    let Some(signer) = Signer::start() else { return };
    let dir = Dir::new();
    let keys = signer.jwks(&["RSA/a"]);
    let narrow = "system/Patient.rs system/Observation.read system/Group.r system/Device.s";
    register(&dir, "wide", "--jwks", &keys, EVERYTHING);
    register(&dir, "narrow", "--jwks", &keys, narrow);
    let served = protected(&dir);
    let url = endpoint(&served);
    let types = "AllergyIntolerance CarePlan CareTeam Condition Device DiagnosticReport DocumentReference \
                 Encounter Goal Immunization Location Medication MedicationRequest Observation Organization \
                 Patient Practitioner PractitionerRole Procedure Provenance RelatedPerson";
    let many: Vec<_> = types.split_whitespace().map(|name| format!("system/{name}.read")).collect();
    assert_eq!(many.len(), 21);
    let many = many.join(" ");
    for (client, requested, expected) in [
        ("wide", "system/*.rs", "system/*.rs"),
        ("wide", "system/*.read", "system/*.read"),
        ("wide", "system/*.*", "system/*.read"),
        ("wide", "system/*.cruds", "system/*.rs"),
        ("wide", "system/Patient.r", "system/Patient.r"),
        ("wide", "  system/Patient.rs   system/Patient.rs ", "system/Patient.rs"),
        ("wide", many.as_str(), many.as_str()),
        ("narrow", "system/Patient.rs", "system/Patient.rs"),
        ("narrow", "system/Patient.read", "system/Patient.read"),
        ("narrow", "system/Patient.cruds", "system/Patient.rs"),
        ("narrow", "system/Group.rs", "system/Group.r"),
        ("narrow", "system/Device.read system/Patient.s", "system/Device.s system/Patient.s"),
        ("narrow", "openid launch system/Condition.rs system/Patient.r", "system/Patient.r"),
        (
            "narrow",
            "system/*.rs",
            "system/Device.s system/Group.r system/Observation.rs system/Patient.rs",
        ),
        ("narrow", "system/*.r", "system/Group.r system/Observation.r system/Patient.r"),
        ("narrow", many.as_str(), "system/Device.s system/Observation.read system/Patient.read"),
    ] {
        let answer = ask(&served, &signer.sign(client, &url, json!({})), requested);
        granted(&answer, expected);
    }
    let before = tokens(&dir);
    let finer = "system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory";
    for requested in [
        finer,
        &format!("system/*.rs {finer}"),
        &format!("{finer} system/*.rs"),
        "system/Condition.rs",
        "system/Patient.cud",
        "system/Patient.write",
        "user/*.rs",
        "patient/Patient.rs",
        "openid",
        "*",
        "system/*",
        "system/Patient",
        "system/Patient.",
        "system/Patient.sr",
        "system/Patient.reads",
        "system/.rs",
        "system/patient.rs",
        "system/Patient/1.rs",
        "system/Patient.rs,system/Observation.rs",
        "SYSTEM/Patient.rs",
    ] {
        let answer = ask(&served, &signer.sign("narrow", &url, json!({})), requested);
        refused(&answer, 400, "invalid_scope", requested);
    }
    assert_eq!(tokens(&dir), before);
}
