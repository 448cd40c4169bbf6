//! How resources are organized in files: by type, or in one block for each patient.

use serde_json::{Value, json};

use super::client::{EDITIONS, download, lines, list, manifest, manifests, size, string, text};
use super::data::{filled, words};

/// export, parameter `organizeOutputBy`: When omitted, Data Providers SHALL organize each output
/// file with resources of only a single type.
///
/// export: When the `organizeOutputBy` kickoff parameter is not populated, each output file SHALL
/// contain resources of only one type, and a Data Provider MAY create more than one file for each
/// resource type returned.
///
/// async: When the `outputOrganizedBy` element in the manifest is not populated, each output file
/// SHALL contain resources of only one type, and a server MAY create more than one file for each
/// resource type returned.
///
/// publish: When the `outputOrganizedBy` element in the manifest is not populated, each output file
/// SHALL contain resources of only one type, and a Data Provider MAY create more than one file for
/// each resource type returned.
///
/// manifest field `outputOrganizedBy`: When each output file contains a single resource type, this
/// element SHALL be omitted and an individual type element SHALL be included for each file in the
/// output array.
///
/// manifest field `outputOrganizedByDetail`: SHALL NOT be populated in the absence of the
/// outputOrganizedBy element.
///
/// manifest field `output.type`: When the manifest does not include an outputOrganizedBy value,
/// this element SHALL be populated.
#[test]
fn a_file_has_one_type_and_the_manifest_names_it() {
    let (_dir, served) = filled();
    let mut all = manifests(&served);
    for edition in EDITIONS {
        let path = format!("/fhir/Patient/{edition}");
        all.push(manifest(&served, &path, &[size("_maximumFileSize", 400)]));
    }
    for manifest in &all {
        assert_eq!(manifest.get("outputOrganizedBy"), None);
        assert_eq!(manifest.get("outputOrganizedByDetail"), None);
        assert!(!list(&manifest["output"]).is_empty());
        for file in list(&manifest["output"]) {
            for line in lines(&served, file) {
                assert_eq!(line["resourceType"], text(&file["type"]), "{file}");
            }
        }
    }
}

/// export, parameter `organizeOutputBy`: When provided, a Data Provider with support for the
/// parameter SHALL organize the resources in output files by instances of the specified resource
/// type, including a header for each resource of the type specified in the parameter, followed by
/// the resource and resources in the output that contain references to that resource.
///
/// export: When the `organizeOutputBy` kickoff parameter is populated with a resource type, the
/// output files SHALL be populated with blocks consisting of a header `Parameters` resource
/// containing a parameter named `header` with a reference to a resource of the type in the kickoff
/// parameter, followed by the resource referenced in this header and resources that reference the
/// resource referenced in the header (together a "resource block").
///
/// async: When the `outputOrganizedBy` element is populated with a resource type, the output files
/// SHALL be populated with blocks consisting of a header `Parameters` resource containing a
/// parameter named `header` with a reference to a resource of the type specified by
/// `outputOrganizedBy`, followed by the resource referenced in this header and resources that
/// reference the resource referenced in the header (together a "resource block").
///
/// manifest field `output.type`: When the manifest includes the outputOrganizedBy element, this
/// element SHALL NOT be populated.
#[test]
fn a_block_is_a_header_the_patient_and_the_patients_resources() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        let by_patient = [string("organizeOutputBy", "Patient")];
        let manifest = manifest(&served, &format!("/fhir/Group/g/{edition}"), &by_patient);
        assert_eq!(manifest["outputOrganizedBy"], "Patient");
        let [file] = list(&manifest["output"]) else { panic!("{manifest}") };
        assert_eq!(file.get("type"), None);
        assert_eq!(file.get("continuesInFile"), None);
        let lines = lines(&served, file);
        // Clients subtract the headers from the lines, and compare the rest with `count`.
        let is_resource = |line: &&Value| line["resourceType"] != "Parameters";
        assert_eq!(file["count"], lines.iter().filter(is_resource).count());
        let mut blocks: Vec<Vec<String>> = Vec::new();
        for line in &lines {
            if line["resourceType"] == "Parameters" {
                let patient = &line["parameter"][0]["valueReference"]["reference"];
                assert_eq!(
                    *line,
                    json!({"resourceType": "Parameters", "parameter": [
                        {"name": "header", "valueReference": {"reference": patient}}
                    ]})
                );
                blocks.push(vec![text(patient)]);
            } else {
                let id = format!("{}/{}", text(&line["resourceType"]), text(&line["id"]));
                blocks.last_mut().expect("a header first").push(id);
            }
        }
        // The patient follows the header; the other resources may come in any order.
        let found: Vec<(String, String, Vec<String>)> = blocks
            .into_iter()
            .map(|block| {
                let [header, patient, others @ ..] = &block[..] else { panic!("{block:?}") };
                let mut others = others.to_vec();
                others.sort();
                (header.clone(), patient.clone(), others)
            })
            .collect();
        let block = |patient: &str, others: &str| {
            (format!("Patient/{patient}"), format!("Patient/{patient}"), words(others))
        };
        let of_a = "\
            DocumentReference/da Encounter/ea Observation/oa1 Observation/oa2 \
            Organization/org Practitioner/doc Provenance/va1 Provenance/va2";
        let of_b = "Observation/ob Practitioner/doc Provenance/vb";
        assert_eq!(found, [block("a", of_a), block("b", of_b)], "{edition}");
    }
}

/// export: If a resource block does span more than one file, the header SHALL be repeated at the
/// start of each file where the block continues, and the association between these files SHALL be
/// documented in the manifest using the `continuesInFile` field in the relevant `output` array
/// items.
///
/// async: If a resource block does span more than one file, the header SHALL be repeated at the
/// start of each file where the block continues, and the association between these files SHALL be
/// documented in the manifest using the `continuesInFile` element in the relevant `output` array
/// items.
#[test]
fn a_block_in_several_files_repeats_its_header() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        let path = format!("/fhir/Group/g/{edition}");
        let mut parameters = vec![string("organizeOutputBy", "Patient")];
        let whole = manifest(&served, &path, &parameters);
        let whole = lines(&served, &whole["output"][0]);
        parameters.push(size("_maximumFileSize", 700));
        let manifest = manifest(&served, &path, &parameters);
        assert_eq!(manifest["outputOrganizedBy"], "Patient");
        let output = list(&manifest["output"]);
        let mut joined: Vec<Value> = Vec::new();
        let mut continuations = 0;
        let mut last_header = Value::Null;
        for (number, file) in output.iter().enumerate() {
            assert!(download(&served, file).len() <= 700, "{file}");
            let mut lines = lines(&served, file);
            assert_eq!(lines[0]["resourceType"], "Parameters", "{file}");
            let continues = lines[0] == last_header;
            if continues {
                lines.remove(0);
                continuations += 1;
            }
            if number > 0 {
                let continued_in = output[number - 1].get("continuesInFile");
                assert_eq!(continued_in, continues.then_some(&file["url"]), "before {file}");
            }
            joined.extend(lines);
            let mut headers = joined.iter().filter(|line| line["resourceType"] == "Parameters");
            last_header = headers.next_back().expect("a header").clone();
        }
        assert_eq!(output.last().expect("files").get("continuesInFile"), None);
        // The block of a has some 1800 bytes, so it takes at least three files.
        assert!(continuations >= 2, "{manifest}");
        assert_eq!(joined, whole, "{edition}");
    }
}
