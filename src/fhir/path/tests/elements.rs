//! How elements are found: choices, what stands beside primitive values, types, references.

use super::super::{Item, Path, PathConstant, PathContext};
use super::found;
use crate::fhir::json::Tree;

const PATIENT: &str = r##"{
    "resourceType": "Patient", "id": "p1", "active": true, "birthDate": "1970-06",
    "_birthDate": {"id": "b", "extension": [{"url": "http://x/time", "valueDateTime": "1970-06-05"}]},
    "deceasedDateTime": "2020-05-01T10:00:00Z",
    "_gender": {"extension": [{"url": "http://x/absent", "valueCode": "unknown"}]},
    "multipleBirthInteger": 2,
    "name": [
        {"use": "official", "family": "f1", "given": ["g1", null, "g3"],
            "_given": [null, {"extension": [{"url": "http://x/absent", "valueCode": "masked"}]}]},
        {"use": "usual", "family": "f2"}
    ],
    "contact": [{"name": {"family": "c1"}, "period": {"start": "2020"}}],
    "extension": [
        {"url": "http://x/race", "extension": [
            {"url": "category", "valueCoding": {"system": "s", "code": "c"}},
            {"url": "text", "valueString": "t"}
        ]}
    ],
    "contained": [{"resourceType": "Practitioner", "id": "pr", "active": false}],
    "generalPractitioner": [
        {"reference": "#pr"}, {"reference": "Practitioner/2/_history/1"},
        {"reference": "http://h/fhir/Organization/3"}, {"reference": "urn:uuid:1"},
        {"reference": "#none"}, {"display": "no reference"}
    ],
    "managingOrganization": {"reference": "Organization/4"}
}"##;

const OBSERVATION: &str = r#"{
    "resourceType": "Observation", "id": "o1", "status": "final",
    "valueQuantity": {"value": 1.50, "unit": "mg"},
    "referenceRange": [{"low": {"value": 1}}],
    "component": [
        {"code": {"text": "a"}, "valueString": "x"},
        {"code": {"text": "b"}, "valueCodeableConcept": {"text": "y"}},
        {"code": {"text": "c"}, "valueAge": {"value": 3}}
    ]
}"#;

#[test]
fn elements_are_found_as_fhir_writes_them() {
    for (expression, wanted) in [
        ("name.family", r#"["f1","f2"]"#),
        ("Patient.name.family", r#"["f1","f2"]"#),
        ("DomainResource.active", "[true]"),
        ("Resource.id", r#"["p1"]"#),
        ("Observation.id", "[]"),
        ("`name`.`family`.first()", r#"["f1"]"#),
        ("name.where(use = 'usual').family", r#"["f2"]"#),
        ("deceased", r#"["2020-05-01T10:00:00Z"]"#),
        ("deceased.ofType(dateTime)", r#"["2020-05-01T10:00:00Z"]"#),
        ("(deceased as boolean)", "[]"),
        ("multipleBirth", "[2]"),
        ("nothing.at.all", "[]"),
        ("active.nothing", "[]"),
        // Beside primitive values.
        ("birthDate", r#"["1970-06"]"#),
        ("birthDate.id", r#"["b"]"#),
        ("birthDate.extension('http://x/time').value", r#"["1970-06-05"]"#),
        ("gender.exists()", "[true]"),
        ("gender.hasValue()", "[false]"),
        ("gender = 'male'", "[false]"),
        ("gender.extension('http://x/absent').value", r#"["unknown"]"#),
        ("name.given.count()", "[3]"),
        ("name.given.extension('http://x/absent').value", r#"["masked"]"#),
        ("name.given.where(hasValue())", r#"["g1","g3"]"#),
        ("name.given.join('-')", r#"["g1-g3"]"#),
        // Extensions.
        ("extension('http://x/race').extension('category').value.ofType(Coding).code", r#"["c"]"#),
        ("extension('http://x/none')", "[]"),
        // References.
        ("generalPractitioner.where(resolve() is Practitioner).count()", "[2]"),
        (
            "generalPractitioner.where(resolve() is Organization).reference",
            r#"["http://h/fhir/Organization/3"]"#,
        ),
        ("generalPractitioner.where(resolve() is DomainResource).count()", "[3]"),
        ("generalPractitioner.resolve().active", "[false]"),
        ("generalPractitioner.resolve().ofType(Practitioner).id", r#"["pr"]"#),
        ("generalPractitioner.getReferenceKey()", r#"["2","http://h/fhir/Organization/3"]"#),
        ("generalPractitioner.getReferenceKey(Practitioner)", r#"["2"]"#),
        ("managingOrganization.getReferenceKey(Patient)", "[]"),
        ("getResourceKey()", r#"["p1"]"#),
        ("name.getResourceKey()", "[]"),
        ("%resource.id", r#"["p1"]"#),
        ("contact.where(%resource.active).name.family", r#"["c1"]"#),
    ] {
        let found = format!("[{}]", found(expression, PATIENT).join(","));
        assert_eq!(found, wanted, "{expression}");
    }
}

#[test]
fn only_choice_elements_have_their_type_in_their_name() {
    for (expression, wanted) in [
        ("value.ofType(Quantity).value", "[1.50]"),
        ("value.ofType(Quantity).unit", r#"["mg"]"#),
        ("value is Quantity", "[true]"),
        ("value is Range", "[false]"),
        ("value.as(string)", "[]"),
        ("reference", "[]"),
        ("val", "[]"),
        ("component.value.count()", "[3]"),
        ("component.value.ofType(string)", r#"["x"]"#),
        ("(component.value as CodeableConcept).text", r#"["y"]"#),
        // An Age is a Quantity.
        ("component.value.ofType(Quantity).value", "[3]"),
        ("component.where(code.text = 'c').value is Age", "[true]"),
        ("referenceRange.low.value", "[1]"),
    ] {
        let found = format!("[{}]", found(expression, OBSERVATION).join(","));
        assert_eq!(found, wanted, "{expression}");
    }
}

#[test]
fn items_have_the_names_of_their_types() {
    let tree = Tree::parse(PATIENT).unwrap();
    for (expression, wanted) in [
        ("$this", Some("Patient")),
        ("birthDate", Some("date")),
        ("gender", Some("code")),
        ("id", Some("id")),
        ("deceased", Some("dateTime")),
        ("contact", Some("Patient.contact")),
        ("contact.period.start", Some("dateTime")),
        ("name.first()", Some("HumanName")),
        ("contained", Some("Practitioner")),
        ("extension.extension.first().value", Some("Coding")),
        ("extension.first().url", Some("uri")),
    ] {
        let items = Path::parse(expression).unwrap().evaluate(&PathContext::of(&tree)).unwrap();
        let [Item::Element { type_name, .. }] = &items[..] else { panic!("{expression}") };
        assert_eq!(type_name.as_deref(), wanted, "{expression}");
        // An item is a focus whose elements have their types too.
        let context = PathContext::of(&tree).at(items[0].clone());
        let again = Path::parse("$this").unwrap().evaluate(&context).unwrap();
        assert_eq!(again, items, "{expression}");
    }
}

#[test]
fn an_item_can_be_the_focus_of_another_expression() {
    let tree = Tree::parse(PATIENT).unwrap();
    fn evaluate<'t>(expression: &str, context: &PathContext<'_, 't>) -> Vec<Item<'t>> {
        Path::parse(expression).unwrap().evaluate(context).unwrap()
    }
    let contacts = evaluate("contact", &PathContext::of(&tree));
    let at = PathContext::of(&tree).at(contacts[0].clone());
    assert!(matches!(
        &evaluate("period.start", &at)[..],
        [Item::Element { type_name: Some(name), .. }] if name == "dateTime"
    ));
    assert_eq!(
        evaluate("%resource.active = true and %context.name.exists()", &at),
        [Item::Boolean(true)]
    );
}

#[test]
fn constants_have_the_types_that_they_are_given() {
    let tree = Tree::parse(PATIENT).unwrap();
    let (date, number) = (Tree::Text("1970-06".into()), Tree::Number("1"));
    let constants = [
        ("date", Item::of_type(&date, "date")),
        ("number", Item::of_type(&number, "integer")),
        ("text", Item::Text("usual".into())),
    ];
    let constants = constants.map(|(name, value)| PathConstant::new(name, &value));
    let context = PathContext::of(&tree).with_constants(&constants).with_row_index(7);
    for (expression, wanted) in [
        ("birthDate = %date", true),
        ("name[%number].use = %text", true),
        ("%rowIndex = 7", true),
        ("%`number` is integer", true),
        ("%date is date", true),
    ] {
        let path = Path::parse(expression).unwrap();
        assert_eq!(path.evaluate(&context), Ok(vec![Item::Boolean(wanted)]), "{expression}");
    }
}

#[test]
fn what_r4_does_not_define_is_found_by_its_form() {
    let order = r#"{"resourceType": "MedicationOrder", "id": "m", "patient": {"reference": "Patient/1"},
        "dateWritten": "2015-01-15", "medicationCodeableConcept": {"text": "x"}, "count": 3, "price": 2.5,
        "contained": [{"resourceType": "Patient", "birthDate": "2000"}]}"#;
    for (expression, wanted) in [
        ("MedicationOrder.patient.reference", r#"["Patient/1"]"#),
        ("Resource.id", r#"["m"]"#),
        ("medication.ofType(CodeableConcept).text", r#"["x"]"#),
        ("dateWritten.ofType(date)", r#"["2015-01-15"]"#),
        ("dateWritten.ofType(dateTime)", r#"["2015-01-15"]"#),
        ("dateWritten.ofType(integer)", "[]"),
        ("dateWritten > @2015-01-14", "[true]"),
        ("count.ofType(integer)", "[3]"),
        ("price.ofType(integer)", "[]"),
        ("price.ofType(decimal)", "[2.5]"),
        ("patient.ofType(Reference)", "[]"),
        ("$this is MedicationOrder", "[true]"),
        ("contained.ofType(Patient).birthDate is date", "[true]"),
    ] {
        let found = format!("[{}]", found(expression, order).join(","));
        assert_eq!(found, wanted, "{expression}");
    }
}
