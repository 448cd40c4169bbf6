//! Parameters that select what is exported: types, patients, Provenance, file sizes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{EDITIONS, download, ids, kick_off, list, manifest, size, string, text};
use super::data::{DATA, OF_A, OF_GROUP, filled, system_ids, words};

/// export, parameter `_type`: The response SHALL be filtered to only include resources of the
/// specified resource type(s).
#[test]
fn only_the_types_asked_for_are_returned() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        for (level, types, expected) in [
            ("", &["Organization"][..], "Organization/far Organization/org"),
            ("", &["Binary", "Patient"], "Binary/note Patient/a Patient/b Patient/c"),
            ("Patient/", &["Encounter"], "Encounter/ea"),
            ("Patient/", &["Patient", "Group"], "Group/g Group/lost Patient/a Patient/b Patient/c"),
            ("Group/g/", &["Patient"], "Patient/a Patient/b"),
            (
                "Group/g/",
                &["Observation", "Encounter"],
                "Encounter/ea Observation/oa1 Observation/oa2 Observation/ob",
            ),
        ] {
            let asked: Vec<Value> = types.iter().map(|name| string("_type", name)).collect();
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &asked);
            assert_eq!(ids(&served, [&manifest]), words(expected), "{edition} {level}");
            for file in list(&manifest["output"]) {
                assert!(types.contains(&text(&file["type"]).as_str()), "{file}");
            }
        }
    }
}

/// export, parameter `_type`: If this parameter is omitted, the Data Provider SHALL return all
/// supported resources within the scope of the Data Consumer's authorization, though
/// implementations MAY limit the resources returned to specific subsets of FHIR, such as those
/// defined in the [US Core Implementation Guide](http://www.hl7.org/fhir/us/core/).
#[test]
fn without_types_everything_is_returned_byte_for_byte() {
    let (_dir, served) = filled();
    let absolute = DATA.replace("Binary/note", &format!("{}/fhir/Binary/note", served.url));
    for edition in EDITIONS {
        let manifest = manifest(&served, &format!("/fhir/{edition}"), &[]);
        // A Binary about a patient is there as the DocumentReference that leads to it.
        let mut missing: BTreeSet<&str> =
            absolute.lines().filter(|line| !line.contains("\"Binary\"")).collect();
        for file in list(&manifest["output"]) {
            let body = download(&served, file);
            let of_type = format!("{{\"resourceType\":{},", file["type"]);
            let expected: Vec<&str> =
                absolute.lines().filter(|line| line.starts_with(&of_type)).collect();
            assert_eq!(String::from_utf8(body).unwrap(), expected.join("\n") + "\n", "{file}");
            assert_eq!(file["count"], expected.len(), "{file}");
            missing.retain(|line| !expected.contains(line));
        }
        assert!(missing.is_empty(), "{edition}: {missing:?}");
    }
}

/// export, parameter `patient`: When provided, the Data Provider SHALL NOT return resources in the
/// patient compartments belonging to patients outside of this list.
#[test]
fn nothing_of_patients_outside_the_list_is_returned() {
    let (_dir, served) = filled();
    let of = |id: &str| {
        let reference = format!("Patient/{id}");
        json!({"name": "patient", "valueReference": {"reference": reference}})
    };
    for edition in EDITIONS {
        let patients = format!("/fhir/Patient/{edition}");
        let group = format!("/fhir/Group/g/{edition}");
        for (path, parameters, expected) in [
            (&patients, vec![of("a")], OF_A),
            (&patients, vec![of("c")], "Observation/oc Patient/c"),
            (&patients, vec![of("b"), of("a")], OF_GROUP),
            (&patients, vec![of("a"), string("_type", "Patient")], "Patient/a"),
            // Without the group itself, which is in the compartment of each member.
            (&group, vec![of("a")], OF_A),
            (&group, vec![of("a"), of("b")], OF_GROUP),
            (&group, vec![of("b"), string("_type", "Observation")], "Observation/ob"),
        ] {
            let found = ids(&served, [&manifest(&served, path, &parameters)]);
            assert_eq!(found, words(expected), "{path} {parameters:?}");
        }
    }
}

/// export: If an <code>includeAssociatedData</code> value relevant to provenance is not specified,
/// or if this parameter is not supported by the Data Provider, the Data Provider SHALL include all
/// available Provenance resources whose `Provenance.target` is a resource in the Patient
/// compartment in a patient level export request, and all available Provenance resources in a
/// system level export request unless a specific resource set is specified using the
/// <code>_type</code> parameter and this set does not include Provenance.
#[test]
fn provenance_is_included_unless_the_types_leave_it_out() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        for (level, types, expected) in [
            ("Patient/", &[][..], &["va1", "va2", "vb"][..]),
            ("Patient/", &["Provenance"], &["va1", "va2", "vb"]),
            ("Patient/", &["Provenance", "Patient"], &["va1", "va2", "vb"]),
            ("", &[], &["va1", "va2", "vb", "vf"]),
            ("", &["Provenance"], &["va1", "va2", "vb", "vf"]),
            ("", &["Observation"], &[]),
        ] {
            let asked: Vec<Value> = types.iter().map(|name| string("_type", name)).collect();
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &asked);
            let found: Vec<String> = ids(&served, [&manifest])
                .iter()
                .filter_map(|id| Some(id.strip_prefix("Provenance/")?.to_owned()))
                .collect();
            assert_eq!(found, expected, "{edition} {level} {types:?}");
        }
    }
}

/// export, parameter `includeAssociatedData`: When provided, a Data Provider with support for the
/// parameter and requested values SHALL return or omit a pre-defined set of FHIR resources
/// associated with the request.
///
/// export, parameter `includeAssociatedData`: If multiple conflicting values are included, the Data
/// Provider SHALL apply the least restrictive value (value that will return the largest dataset).
#[test]
fn include_associated_data_selects_provenance_and_the_larger_set_wins() {
    let (_dir, served) = filled();
    let coding = |code: &str| {
        json!({"name": "includeAssociatedData", "valueCoding": {
            "system": "http://hl7.org/fhir/uv/bulkdata/CodeSystem/include-associated-data",
            "code": code,
        }})
    };
    let plain = |code: &str| string("includeAssociatedData", code);
    let (latest, relevant) = ("LatestProvenanceResources", "RelevantProvenanceResources");
    for (level, codes, types, expected) in [
        ("Patient/", &[latest][..], &[][..], &["va2", "vb"][..]),
        ("Patient/", &[relevant], &[], &["va1", "va2", "vb"]),
        ("Patient/", &[latest, relevant], &[], &["va1", "va2", "vb"]),
        ("Patient/", &[relevant, latest], &[], &["va1", "va2", "vb"]),
        ("Patient/", &[latest], &["Observation"], &["va2", "vb"]),
        ("Patient/", &[relevant], &["Encounter"], &[]),
        ("Group/g/", &[latest], &[], &["va2", "vb"]),
        ("", &[latest], &[], &["va2", "vb", "vf"]),
        ("", &[relevant], &["Organization"], &["vf"]),
    ] {
        for edition in EDITIONS {
            let one = |code: &&str| if edition == "$export" { plain(code) } else { coding(code) };
            let mut asked: Vec<Value> = codes.iter().map(one).collect();
            asked.extend(types.iter().map(|name| string("_type", name)));
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &asked);
            let found: Vec<String> = ids(&served, [&manifest])
                .iter()
                .filter_map(|id| Some(id.strip_prefix("Provenance/")?.to_owned()))
                .collect();
            assert_eq!(found, expected, "{edition} {level} {codes:?} {types:?}");
        }
    }
}

/// export: FHIR [search result parameters](https://www.hl7.org/fhir/search.html#modifyingresults)
/// (such as _sort, _include, and _elements) SHALL NOT be used as `_typeFilter` criteria.
///
/// export: Additionally, a query in the `_typeFilter` parameter SHALL have the [search
/// context](https://hl7.org/fhir/search.html#searchcontexts) of a single FHIR Resource Type.
///
/// export, parameter `_typeFilter`: FHIR search result parameters such as `_include` and `_sort`
/// SHALL NOT be used, and a query in the `_typeFilter` parameter SHALL have the search context of a
/// single FHIR Resource Type.
#[test]
fn type_filters_that_the_guide_forbids_are_refused() {
    let (_dir, served) = filled();
    for filter in [
        "Patient?_sort=birthdate",
        "Patient?_include=Patient:organization",
        "Patient?_revinclude=Observation:subject",
        "Patient?_elements=id",
        "Patient?_count=1",
        "?_lastUpdated=gt2020-01-01",
        "Patient/a/Observation?status=final",
    ] {
        for edition in EDITIONS {
            let path = format!("/fhir/Patient/{edition}");
            kick_off(&served, &path, "", &[string("_typeFilter", filter)])
                .assert_outcome(400, "_typeFilter");
        }
    }
}

/// async, parameter `_minimumFileSize`: The value SHALL be a positive integer.
///
/// async, parameter `_maximumFileSize`: The value SHALL be a positive integer and SHALL be greater
/// than `_minimumFileSize` if both are specified.
#[test]
fn file_sizes_must_be_positive_and_in_order() {
    let (_dir, served) = filled();
    let (min, max) = ("_minimumFileSize", "_maximumFileSize");
    for (query, named) in [
        ("_minimumFileSize=0", min),
        ("_minimumFileSize=-1", min),
        ("_minimumFileSize=1.5", min),
        ("_minimumFileSize=many", min),
        ("_maximumFileSize=0", max),
        ("_maximumFileSize=-1", max),
        ("_maximumFileSize=1e3", max),
        ("_minimumFileSize=500&_maximumFileSize=500", "FileSize"),
        ("_minimumFileSize=500&_maximumFileSize=499", "FileSize"),
    ] {
        served.get(&format!("/fhir/$export?{query}")).assert_outcome(400, named);
    }
    for edition in EDITIONS {
        let path = format!("/fhir/{edition}");
        for (parameters, named) in [
            (vec![json!({"name": min, "valuePositiveInt": 0})], min),
            (vec![json!({"name": max, "valuePositiveInt": -1})], max),
            (vec![json!({"name": max, "valuePositiveInt": 0.5})], max),
            (vec![size(min, 500), size(max, 500)], "FileSize"),
            (vec![size(min, 501), size(max, 500)], "FileSize"),
        ] {
            kick_off(&served, &path, "", &parameters).assert_outcome(400, named);
        }
        for good in [vec![size(min, 1)], vec![size(max, 1)], vec![size(min, 500), size(max, 501)]] {
            assert_eq!(ids(&served, [&manifest(&served, &path, &good)]), system_ids(), "{good:?}");
        }
    }
}

/// async, parameter `_maximumFileSize`: If a server supports this parameter, it SHALL construct
/// files that do not exceed this size.
#[test]
fn no_file_exceeds_the_maximum_size() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        for most in [400, 500, 1000] {
            let path = format!("/fhir/{edition}");
            let manifest = manifest(&served, &path, &[size("_maximumFileSize", most)]);
            let mut observations = 0;
            for file in list(&manifest["output"]) {
                let length = download(&served, file).len();
                assert!(length <= most as usize, "{length} bytes: {file}");
                observations += u32::from(file["type"] == "Observation");
                if edition == "$export-v4" {
                    assert_eq!(file["fileSize"], length, "{file}");
                }
            }
            // There are four, of some 140 bytes each.
            assert_eq!(observations, if most == 1000 { 1 } else { 2 }, "{most}");
            assert_eq!(ids(&served, [&manifest]), system_ids(), "{most}");
        }
    }
}
