//! The ready views in `views/`: each can be read, and says what it has.

use std::fs;

use super::super::ViewDefinition;
use crate::fhir::json::Tree;

#[test]
fn ready_views_have_no_faults_and_a_type_for_each_column() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/views");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let view = ViewDefinition::read(&Tree::parse(&text).unwrap());
        let view = view.unwrap_or_else(|faults| panic!("{}: {faults:#?}", path.display()));
        let name = view.about().name.clone().unwrap();
        assert_eq!(path.file_stem().unwrap().to_str(), Some(name.as_str()));
        assert!(view.about().title.is_some() && view.about().description.is_some(), "{name}");
        assert_eq!(view.about().status.as_deref(), Some("active"), "{name}");
        assert!(view.columns().iter().all(|column| column.type_name.is_some()), "{name}");
        assert_eq!(view.columns()[0].name, "id", "{name}");
        names.push(name);
    }
    names.sort();
    assert_eq!(
        names,
        [
            "allergy",
            "blood_pressure",
            "claim",
            "condition",
            "coverage",
            "diagnostic_report",
            "document_reference",
            "encounter",
            "immunization",
            "medication",
            "medication_request",
            "observation",
            "observation_component",
            "patient",
            "procedure",
        ]
    );
}
