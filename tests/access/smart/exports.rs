//! Exports, reads and searches with a token of limited scope.

use std::collections::BTreeSet;

use super::{data, exported};
use crate::support::Dir;
use crate::support::bulk::{kick_off, location, path};
use crate::support::signer::Signer;
use crate::support::smart::{EVERYTHING, ask, endpoint, granted, protected, register};
use serde_json::json;

#[test]
fn exports_and_reads_stay_within_the_scope() {
    let Some(signer) = Signer::start() else { return };
    let dir = Dir::new();
    data(&dir);
    register(&dir, "one", "--jwks", &signer.jwks(&["RSA/a"]), EVERYTHING);
    let served = protected(&dir);
    let url = endpoint(&served);
    let header =
        |scope: &str| granted(&ask(&served, &signer.sign("one", &url, json!({})), scope), scope);
    let names = |condition: &str| -> BTreeSet<String> {
        let db = dir.open("s.db");
        let sql =
            format!("SELECT type || '/' || id FROM resource WHERE id <> 'hers' AND {condition}");
        let mut statement = db.prepare(&sql).unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let everything = header(EVERYTHING);
    let groups = served.get_with("/fhir/Group", &everything).json();
    let group = groups["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let of_group = format!("/fhir/Group/{group}/$export");
    assert_eq!(exported(&served, "/fhir/$export", &[], &everything), names("TRUE"));

    let two = header("system/Patient.rs system/Condition.rs");
    let types = "type IN ('Patient', 'Condition')";
    for level in ["/fhir/$export", "/fhir/Patient/$export"] {
        assert_eq!(exported(&served, level, &[], &two), names(types), "{level}");
        let one = exported(&served, level, &[("_type", "Condition")], &two);
        assert_eq!(one, names("type = 'Condition'"), "{level}");
    }
    let whole: BTreeSet<_> = exported(&served, &of_group, &[], &everything);
    let within: BTreeSet<_> = exported(&served, &of_group, &[], &two);
    let is_within = |name: &&String| name.starts_with("Patient/") || name.starts_with("Condition/");
    assert_eq!(within, whole.iter().filter(is_within).cloned().collect());
    assert!(!within.is_empty() && within.len() < whole.len());
    for level in ["/fhir/$export", "/fhir/Patient/$export", of_group.as_str()] {
        for parameters in [
            [("_type", "Observation")],
            [("_type", "Patient,Observation")],
            [("_type", "Group")],
            [("includeAssociatedData", "LatestProvenanceResources")],
        ] {
            for prefer in ["", "Prefer: handling=lenient\r\n"] {
                let headers = format!("{two}{prefer}");
                let answer = kick_off(served.authority(), level, &parameters, &headers);
                answer.assert_outcome(403, "scope");
            }
        }
        // A filter does not get around the scope.
        for filter in ["Observation?_id=none", "Patient?_has:Observation:patient:code=8867-4"] {
            let answer = kick_off(served.authority(), level, &[("_typeFilter", filter)], &two);
            answer.assert_outcome(403, "Observation");
        }
    }
    let with_provenance = header("system/Patient.rs system/Provenance.rs");
    let associated = [("includeAssociatedData", "LatestProvenanceResources")];
    let found = exported(&served, "/fhir/Patient/$export", &associated, &with_provenance);
    assert!(found.iter().any(|name| name.starts_with("Patient/")), "{found:?}");

    // An export needs both rights, a read and a search one each.
    let (read, search) = (header("system/Patient.r"), header("system/Patient.s"));
    let patient = names("type = 'Patient'").pop_first().unwrap();
    let observation = names("type = 'Observation'").pop_first().unwrap();
    for (headers, path, status) in [
        (&read, format!("/fhir/{patient}"), 200),
        (&read, format!("/fhir/{patient}/_history/1"), 200),
        (&read, "/fhir/Patient".to_owned(), 403),
        (&read, "/fhir/Patient/$export?_type=Patient".to_owned(), 403),
        (&search, "/fhir/Patient".to_owned(), 200),
        (&search, format!("/fhir/{patient}"), 403),
        (&search, "/fhir/$export?_type=Patient".to_owned(), 403),
        (&two, format!("/fhir/{observation}"), 403),
        (&two, "/fhir/Observation/none".to_owned(), 403),
        (&two, "/fhir/Observation".to_owned(), 403),
        // Nor does a search within a search.
        (&two, "/fhir/Condition?patient.gender=female".to_owned(), 200),
        (&two, "/fhir/Patient?_has:Observation:patient:status=final".to_owned(), 403),
        (&two, "/fhir/Condition?encounter.status=finished".to_owned(), 403),
        (&two, format!("/fhir/Group/{group}"), 403),
        (&everything, format!("/fhir/{observation}"), 200),
        (&everything, "/fhir/Patient/hers".to_owned(), 404),
    ] {
        let answer = served.get_with(&path, headers);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    // A scope without a type that may be both read and searched exports nothing.
    for rights in [&read, &search] {
        served.get_with("/fhir/$export", rights).assert_outcome(403, "no type");
    }

    // Deletions are listed within the scope only.
    let since = "2000-01-01T00:00:00Z";
    for gone in [&patient, &observation] {
        assert_eq!(dir.run(["delete", "s.db", gone]).code, 0);
    }
    let changed = exported(&served, "/fhir/$export", &[("_since", since)], &two);
    let deleted: Vec<_> = changed.iter().filter(|name| name.starts_with("deleted")).collect();
    assert!(deleted.iter().any(|line| line.contains(&patient)), "{deleted:?}");
    assert!(!deleted.iter().any(|line| line.contains("Observation/")), "{deleted:?}");
    dir.check("s.db");
}

/// A chain tells something about the resources that it leads to.
#[test]
fn filters_find_by_no_resource_beyond_the_scope_or_of_others() {
    let Some(signer) = Signer::start() else { return };
    let dir = Dir::new();
    data(&dir);
    dir.write(
        "hers.ndjson",
        "{\"resourceType\":\"Patient\",\"id\":\"hers\",\"gender\":\"female\"}\n",
    );
    dir.import(0, &["s.db", "hers.ndjson", "--user", "u"]);
    let about_her = json!({"resourceType": "Observation", "id": "about-her", "status": "final",
                           "subject": {"reference": "Patient/hers"}});
    let filter = json!([{
        "url": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter",
        "valueExpression": {"language": "application/x-fhir-query", "expression": "Condition?patient.gender=female"},
    }]);
    let group = json!({"resourceType": "Group", "id": "women", "type": "person", "actual": false,
                       "modifierExtension": filter});
    dir.write("more.ndjson", format!("{about_her}\n{group}\n"));
    dir.import(0, &["s.db", "more.ndjson"]);
    register(&dir, "one", "--jwks", &signer.jwks(&["RSA/a"]), EVERYTHING);
    let served = protected(&dir);
    let url = endpoint(&served);
    let header =
        |scope: &str| granted(&ask(&served, &signer.sign("one", &url, json!({})), scope), scope);
    let both = header("system/Observation.rs system/Patient.rs");
    let observations = header("system/Observation.rs");
    let chained = [("_type", "Observation"), ("_typeFilter", "Observation?patient.gender=female")];
    let found = exported(&served, "/fhir/$export", &chained, &both);
    assert!(!found.is_empty() && !found.contains("Observation/about-her"));
    for prefer in ["", "Prefer: handling=lenient\r\n"] {
        let headers = format!("{observations}{prefer}");
        let answer = kick_off(served.authority(), "/fhir/$export", &chained, &headers);
        answer.assert_outcome(403, "Patient");
    }
    // Nor does a token with a narrower scope get at such an export.
    let started = kick_off(served.authority(), "/fhir/$export", &chained, &both);
    let status = path(&location(&started)).to_owned();
    assert!([200, 202].contains(&served.get_with(&status, &both).status));
    served.get_with(&status, &observations).assert_outcome(403, "wider scope");
    // The filter of a Group is a search too.
    let narrow = header("system/Group.rs system/Patient.rs system/Observation.rs");
    let answer = kick_off(served.authority(), "/fhir/Group/women/$export", &[], &narrow);
    answer.assert_outcome(403, "Condition");
    let unread = header("system/Patient.rs");
    let answer = kick_off(served.authority(), "/fhir/Group/women/$export", &[], &unread);
    assert!(answer.status == 403 && !answer.text().contains("gender"), "{}", answer.text());
    let wide = header("system/Group.rs system/Patient.rs system/Condition.rs");
    let found = exported(&served, "/fhir/Group/women/$export", &[], &wide);
    assert!(found.contains("Group/women") && found.len() > 2 && !found.contains("Patient/hers"));
}
