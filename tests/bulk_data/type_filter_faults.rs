//! `_typeFilter` with what cannot be applied: refused, or told where a client is lenient.

use super::type_filter::{by_get, by_post, exported, notices, served, stored};
use crate::support::bulk::kick_off;
use crate::support::oneup::encoded;

#[test]
fn what_is_wrong_is_refused_by_name_with_what_there_is() {
    let (_dir, served) = served();
    for (filter, words) in [
        ("Observation?nonsense=1", &["_typeFilter", "nonsense", "Observation has", "code"][..]),
        ("Observation?code:in=x", &["_typeFilter", "code:in", "name the codes"]),
        ("Observation?code:contains=x", &["code:contains", ":not"]),
        ("Observation?_sort=date", &["_sort", "Observation has", "date"]),
        ("Patient?_count=1", &["_count", "Patient has", "birthdate"]),
        ("Patient?birthdate=soon", &["birthdate", "soon"]),
        ("Martian?_id=1", &["_typeFilter", "Martian", "no resource type"]),
        ("patient?_id=1", &["patient", "did you mean Patient?"]),
        ("Patient", &["_typeFilter", "Observation?code=8867-4"]),
        ("", &["_typeFilter"]),
        ("Patient?gender=male,Martian?_id=1", &["Martian"]),
        ("Observation?patient.nonsense=1", &["patient.nonsense"]),
        ("Patient?_has:Observation:nonsense:code=1", &["_has:Observation:nonsense:code"]),
    ] {
        for path in ["/fhir/$export", "/fhir/Patient/$export"] {
            let by_get = served.get(&format!("{path}?{}", encoded(&[("_typeFilter", filter)])));
            let by_post = kick_off(served.authority(), path, &[("_typeFilter", filter)], "");
            for answer in [by_get, by_post] {
                words.iter().for_each(|word| answer.assert_outcome(400, word));
            }
        }
    }
    let other = [("_type", "Patient"), ("_typeFilter", "Observation?code=1")];
    let answer = kick_off(served.authority(), "/fhir/$export", &other, "");
    answer.assert_outcome(400, "a type that _type leaves out");
    let joined = [("_typeFilter", "Patient?gender=male,Observation?code=1")];
    let answer = kick_off(served.authority(), "/fhir/$export-v4", &joined, "");
    answer.assert_outcome(400, "repeat the parameter");
    let many: Vec<String> = (0..101).map(|n| format!("Patient?_id={n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|one| ("_typeFilter", one.as_str())).collect();
    let answer = kick_off(served.authority(), "/fhir/$export", &many, "");
    answer.assert_outcome(400, "100 filters at most");
}

/// A filter that is ignored is no filter, also beside another one of the type. It never brings other patients.
#[test]
fn a_lenient_export_tells_ignored_filters_and_widens_to_no_other_patient() {
    let (dir, served) = served();
    let lenient = "Prefer: handling=lenient\r\n";
    let patient = stored(&dir, "type = 'Patient'").pop_first().expect("a patient");
    for level in ["", &format!("{patient}/")] {
        let path = format!("/fhir/{level}$export");
        let types = [("_type", "Patient,Observation")];
        let all = exported(&served, &by_post(&served, &path, &types, ""));
        for (filters, told) in [
            (&["Observation?nonsense=1"][..], "all Observation resources are exported"),
            (&["Observation?code=8867-4", "Observation?_sort=date"], "all Observation resources"),
            (&["Martian?_id=1"], "Martian"),
            (&["Patient"], "it is ignored"),
            (&["Condition?code=1"], "a type that _type leaves out"),
        ] {
            let mut parameters = types.to_vec();
            parameters.extend(filters.iter().map(|filter| ("_typeFilter", *filter)));
            for found in [
                by_post(&served, &path, &parameters, lenient),
                by_get(&served, &path, &parameters, lenient),
            ] {
                assert!(exported(&served, &found) == all, "{filters:?}");
                let notices = notices(&served, &found);
                assert!(notices.contains(told), "{filters:?}: {notices}");
                assert_eq!(notices.lines().count(), 1, "{notices}");
            }
        }
        // The others are applied.
        let mixed =
            [("_typeFilter", "Observation?nonsense=1"), ("_typeFilter", "Patient?_id=none")];
        let found = by_post(&served, &path, &[&types[..], &mixed].concat(), lenient);
        let mut expected = all.clone();
        expected.retain(|name| !name.starts_with("Patient/"));
        assert!(exported(&served, &found) == expected);
    }
}
