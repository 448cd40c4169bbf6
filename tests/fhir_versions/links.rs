//! The links to patients that put a resource in a patient's export, and what never comes along.

use serde_json::json;

use super::{exported, words};
use crate::support::{Dir, bring_back_former_tables};

/// Types with the element that links them, for which the R4 definition has no link or which R4 does not know.
const LINKS: [(&str, &str); 17] = [
    ("Device", "patient"),
    ("Contract", "subject"),
    ("GuidanceResponse", "subject"),
    ("Task", "for"),
    // DSTU2
    ("MedicationOrder", "patient"),
    ("DeviceUseRequest", "subject"),
    ("DiagnosticOrder", "subject"),
    ("ProcedureRequest", "subject"),
    ("BodySite", "patient"),
    ("Condition", "patient"),
    ("ImagingObjectSelection", "patient"),
    // STU3
    ("ReferralRequest", "subject"),
    ("Sequence", "patient"),
    // R5
    ("GenomicStudy", "subject"),
    ("DeviceDispense", "subject"),
    // none
    ("Martian", "patient"),
    ("Venusian", "subject"),
];

#[test]
fn each_type_is_placed_by_its_own_element() {
    let dir = Dir::new();
    let mut lines = String::new();
    for patient in ["a", "b"] {
        lines += &format!("{}\n", json!({"resourceType": "Patient", "id": patient}));
        for (name, element) in LINKS {
            let link = json!({"reference": format!("Patient/{patient}")});
            let resource = json!({"resourceType": name, "id": patient, element: link});
            lines += &format!("{resource}\n");
        }
    }
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    let of = |patient: &str| -> String {
        let names = LINKS.map(|(name, _)| format!("{name}/{patient}"));
        format!("{} Patient/{patient}", names.join(" "))
    };
    assert_eq!(exported(&dir, "s.db", "a", &["--patient", "a"]), words(&of("a")));
    let both = words(&format!("{} {}", of("a"), of("b")));
    assert_eq!(exported(&dir, "s.db", "all", &["--all-patients"]), both);
    // Each may be asked for by itself.
    let device = ["--all-patients", "--type", "Device"];
    assert_eq!(exported(&dir, "s.db", "device", &device), words("Device/a Device/b"));
    dir.check("s.db");
}

/// Devices, a place, a product and a practitioner of `b` are referred to by a's procedure.
const OTHERS: &str = r#"{"resourceType":"Patient","id":"a"}
{"resourceType":"Patient","id":"b"}
{"resourceType":"Procedure","id":"p","subject":{"reference":"Patient/a"},"location":{"reference":"Location/of-b"},"usedReference":[{"reference":"Device/of-a"},{"reference":"Device/of-b"},{"reference":"Device/shared"},{"reference":"Organization/near"},{"reference":"BiologicallyDerivedProduct/from-b"},{"reference":"BiologicallyDerivedProduct/from-a"}],"performer":[{"actor":{"reference":"Practitioner/of-b"}}]}
{"resourceType":"Device","id":"of-a","patient":{"reference":"Patient/a"}}
{"resourceType":"Device","id":"of-b","patient":{"reference":"Patient/b"}}
{"resourceType":"Device","id":"shared","owner":{"reference":"Organization/owner"}}
{"resourceType":"Organization","id":"owner"}
{"resourceType":"Organization","id":"near"}
{"resourceType":"Location","id":"of-b","extension":[{"url":"http://example.org/who-lives-here","valueReference":{"reference":"Patient/b"}}],"managingOrganization":{"reference":"Organization/behind-b"}}
{"resourceType":"Organization","id":"behind-b"}
{"resourceType":"BiologicallyDerivedProduct","id":"from-b","collection":{"source":{"reference":"http://elsewhere.example.org/fhir/Patient/b/_history/1"}}}
{"resourceType":"BiologicallyDerivedProduct","id":"from-a","collection":{"source":{"reference":"Patient/a"}}}
{"resourceType":"Practitioner","id":"of-b","contained":[{"resourceType":"Basic","id":"1","subject":{"reference":"Patient/b"}}]}
"#;

#[test]
fn nothing_that_names_a_patient_outside_of_the_export_comes_along() {
    let dir = Dir::new();
    dir.write("in.ndjson", OTHERS);
    dir.import(0, &["s.db", "in.ndjson"]);
    let of_a =
        "Patient/a Procedure/p Device/of-a Organization/near BiologicallyDerivedProduct/from-a";
    let of_b = "Patient/b Device/of-b Location/of-b Organization/behind-b BiologicallyDerivedProduct/from-b \
        Practitioner/of-b";
    assert_eq!(exported(&dir, "s.db", "a", &["--patient", "a"]), words(of_a));
    let both = words(&format!("{of_a} {of_b}"));
    assert_eq!(exported(&dir, "s.db", "both", &["--patient", "a", "--patient", "b"]), both);
    assert_eq!(exported(&dir, "s.db", "all", &["--all-patients"]), both);
    // Nor is their deletion told.
    let gone =
        ["Location/of-b", "Device/of-b", "Device/shared", "Practitioner/of-b", "Organization/near"];
    assert_eq!(dir.run(["delete", "s.db"].iter().chain(&gone)).code, 0);
    let since = ["--since", "2020-01-01"];
    let told = |out: &str, args: &[&str]| -> Vec<String> {
        let names = exported(&dir, "s.db", out, &[args, &since].concat());
        names.into_iter().filter(|name| name.starts_with("deleted")).collect()
    };
    assert_eq!(told("gone-a", &["--patient", "a"]), ["deleted Organization/near"]);
    assert_eq!(told("gone-all", &["--all-patients"]).len(), 4);
}

/// Stores of format 3 have no rows for links that R4's definition leaves out.
#[test]
fn an_older_store_gets_the_links() {
    let dir = Dir::new();
    dir.write("in.ndjson", OTHERS);
    dir.import(0, &["s.db", "in.ndjson"]);
    // A second version moves the device, and the first stays in history.
    dir.write("again.ndjson", r#"{"resourceType":"Device","id":"of-b","patient":{"reference":"Patient/b"},"status":"inactive"}"#);
    dir.import(0, &["s.db", "again.ndjson"]);
    let rows = "SELECT count(*) FROM compartment";
    let (before, of_devices) = (dir.count("s.db", rows), 3);
    let db = dir.open("s.db");
    db.execute_batch(
        "DELETE FROM compartment WHERE seq IN (SELECT seq FROM version WHERE type = 'Device');
         DELETE FROM setting WHERE name LIKE 'fhir_version%' OR name = 'at_rest';
         DROP TABLE write_mark; PRAGMA user_version = 3;",
    )
    .expect("an older store");
    bring_back_former_tables(&db);
    drop(db);
    assert_eq!(dir.count("s.db", rows), before - of_devices);
    // Reading upgrades a copy in memory, writing the file.
    dir.check("s.db");
    assert!(exported(&dir, "s.db", "a", &["--patient", "a"]).contains("Device/of-a"));
    assert_eq!(dir.count("s.db", rows), before);
    dir.check("s.db");
}
