//! The ready views of `views/`, which fhirlite brings along.

/// The ready views: the name of each, and its ViewDefinition.
pub const STARTER_VIEWS: [(&str, &str); 15] = [
    ("allergy", include_str!("../../../views/allergy.json")),
    ("blood_pressure", include_str!("../../../views/blood_pressure.json")),
    ("claim", include_str!("../../../views/claim.json")),
    ("condition", include_str!("../../../views/condition.json")),
    ("coverage", include_str!("../../../views/coverage.json")),
    ("diagnostic_report", include_str!("../../../views/diagnostic_report.json")),
    ("document_reference", include_str!("../../../views/document_reference.json")),
    ("encounter", include_str!("../../../views/encounter.json")),
    ("immunization", include_str!("../../../views/immunization.json")),
    ("medication", include_str!("../../../views/medication.json")),
    ("medication_request", include_str!("../../../views/medication_request.json")),
    ("observation", include_str!("../../../views/observation.json")),
    ("observation_component", include_str!("../../../views/observation_component.json")),
    ("patient", include_str!("../../../views/patient.json")),
    ("procedure", include_str!("../../../views/procedure.json")),
];
