//! The operations in the CapabilityStatement, and their OperationDefinitions.
//!
//! <https://sql-on-fhir.org/ig/operations-capability.html>

use serde_json::json;

use super::{post, served};

#[test]
fn each_operation_is_listed_with_a_definition_of_this_server() {
    let (_dir, served) = served();
    let statement = served.get("/fhir/metadata").json();
    let listed = statement["rest"][0]["operation"].as_array().unwrap();
    for (name, of_guide) in [("$sql-run", "SQLRun"), ("$sql-export", "SQLExport")] {
        let operation = listed.iter().find(|one| one["name"] == name).unwrap();
        let forms = operation["documentation"].as_str().unwrap();
        assert!(forms.contains("csv, ndjson, json, parquet"), "{forms}");
        let definition = served.get(operation["definition"].as_str().unwrap());
        assert_eq!(definition.status, 200);
        let definition = definition.json();
        assert_eq!(definition["url"], operation["definition"]);
        let base = format!("http://hl7.org/fhir/uv/sql-on-fhir/OperationDefinition/{of_guide}");
        assert_eq!(definition["base"], base.as_str());
        assert_eq!(format!("${}", definition["code"].as_str().unwrap()), name);
        let levels = ["system", "type", "instance"].map(|level| definition[level] == true);
        assert_eq!(levels, [true, false, false]);
        let parameters = definition["parameter"].as_array().unwrap();
        assert!(parameters.len() > 6);
        let has = |name: &str| parameters.iter().any(|one| one["name"] == name);
        assert!(has("_format") && has("patient") && !has("source") && !has("viewReference"));
        // Each parameter is known, whatever else is wrong with a request.
        for parameter in parameters.iter().filter(|one| one["use"] == "in") {
            let name_of = parameter["name"].as_str().unwrap();
            let body = json!({"resourceType": "Parameters", "parameter": [{"name": name_of, "valueString": "x"}]});
            let answer =
                post(&served, &format!("/fhir/{name}"), "Prefer: respond-async\r\n", &body);
            assert!(!answer.text().contains("does not support the parameter"), "{}", answer.text());
        }
    }
}
