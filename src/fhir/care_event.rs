//! What a resource tells of the course of a patient's care: when it was, and what it was.
//!
//! Each type has its own elements for that; [`KINDS`] is their table, for all versions of FHIR together. An element `end` of
//! the table ends what an element `date` begins. Types that tell of money or of the record itself (Claim, Coverage,
//! Provenance) are not in it.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::concept::concept_text;
use super::json::{Tree, WantedMembers};
use super::name::local_reference;
use crate::time::{Instant, span};

/// The elements of a type that say when and what.
struct CareKind {
    resource_type: &'static str,
    /// When it was or began: the first one that the resource has counts.
    dates: &'static str,
    /// When it ended, where that is an element of its own.
    ends: &'static str,
    /// What it was: the first one that says something counts.
    titles: &'static str,
}

const fn kind(
    resource_type: &'static str,
    dates: &'static str,
    ends: &'static str,
    titles: &'static str,
) -> CareKind {
    CareKind { resource_type, dates, ends, titles }
}

/// The types of a course, in the order in which people look for them.
const KINDS: [CareKind; 27] = [
    kind("Encounter", "period actualPeriod plannedPeriod", "", "type serviceType reasonCode class"),
    kind("EpisodeOfCare", "period", "", "type"),
    kind(
        "Condition",
        "onsetDateTime onsetPeriod recordedDate assertedDate dateRecorded",
        "abatementDateTime abatementPeriod",
        "code",
    ),
    kind(
        "Procedure",
        "performedDateTime performedPeriod occurrenceDateTime occurrencePeriod",
        "",
        "code",
    ),
    kind(
        "MedicationRequest",
        "authoredOn",
        "",
        "medicationCodeableConcept medicationReference medication",
    ),
    kind(
        "MedicationOrder",
        "dateWritten",
        "dateEnded",
        "medicationCodeableConcept medicationReference",
    ),
    kind(
        "MedicationStatement",
        "effectiveDateTime effectivePeriod dateAsserted",
        "",
        "medicationCodeableConcept medicationReference medication",
    ),
    kind(
        "MedicationAdministration",
        "effectiveDateTime effectivePeriod effectiveTimeDateTime effectiveTimePeriod occurenceDateTime occurencePeriod",
        "",
        "medicationCodeableConcept medicationReference medication",
    ),
    kind(
        "MedicationDispense",
        "whenHandedOver whenPrepared recorded",
        "",
        "medicationCodeableConcept medicationReference medication",
    ),
    kind("Immunization", "occurrenceDateTime date recorded", "", "vaccineCode occurrenceString"),
    kind(
        "AllergyIntolerance",
        "onsetDateTime onsetPeriod onset recordedDate assertedDate",
        "",
        "code substance",
    ),
    kind("FamilyMemberHistory", "date", "", "relationship name"),
    kind("DiagnosticReport", "effectiveDateTime effectivePeriod issued", "", "code category"),
    kind("ImagingStudy", "started", "", "description procedureCode modality"),
    kind("DocumentReference", "date created indexed", "", "type description category"),
    kind("Composition", "date", "", "title type"),
    kind("ServiceRequest", "occurrenceDateTime occurrencePeriod authoredOn", "", "code category"),
    kind("CarePlan", "period created", "", "title category description"),
    kind("CareTeam", "period", "", "name category"),
    kind("Goal", "startDate statusDate", "", "description"),
    kind("Appointment", "start", "end", "description serviceType appointmentType"),
    kind("AdverseEvent", "occurrenceDateTime occurrencePeriod date detected", "", "event code"),
    kind("ClinicalImpression", "effectiveDateTime effectivePeriod date", "", "description summary"),
    kind("RiskAssessment", "occurrenceDateTime occurrencePeriod date", "", "code"),
    kind("Communication", "sent received", "", "topic category reasonCode"),
    kind("QuestionnaireResponse", "authored", "", "questionnaire"),
    kind("Observation", "effectiveDateTime effectivePeriod effectiveInstant issued", "", "code"),
];

/// What else is read of a resource of a course: what was measured, and contained medications.
const OTHERS: [&str; 8] = [
    "status",
    "clinicalStatus",
    "verificationStatus",
    "code",
    "component",
    "value",
    "referenceRange",
    "contained",
];

/// Types of what lasts until the resource says that it ended, and the statuses of what has not ended.
const LASTING: [&str; 4] = ["Condition", "CarePlan", "CareTeam", "EpisodeOfCare"];
const ACTIVE: [&str; 3] = ["active", "recurrence", "relapse"];

/// Where a type is in the table, and the members that are read of its resources.
static PLACES: LazyLock<HashMap<&'static str, (usize, WantedMembers)>> = LazyLock::new(|| {
    let places = KINDS.iter().enumerate().map(|(place, kind)| {
        let mut wanted = WantedMembers::new();
        let own = [kind.dates, kind.ends, kind.titles].into_iter().flat_map(str::split_whitespace);
        for name in own.chain(OTHERS) {
            let at = wanted.add(WantedMembers::ROOT, name);
            wanted.add_whole(at);
        }
        (kind.resource_type, (place, wanted))
    });
    places.collect()
});

/// What a resource tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CareEvent {
    /// When it was or began, as the resource writes it; empty where the resource does not say.
    pub when: String,
    /// When it ended, as the resource writes it; empty where it did not, or was a point in time.
    pub until: String,
    /// The first moment of it.
    pub start: Option<Instant>,
    /// The last moment of it, where it has one of its own.
    pub end: Option<Instant>,
    /// What it was; empty where the resource does not say.
    pub title: String,
    /// The reference to the Medication that says what it was, `Medication/id`, where the resource itself does not.
    pub medication: Option<String>,
    /// `status`, or what stands for it.
    pub status: String,
    /// True for what began, has not ended, and lasts: a problem or a plan that is active.
    pub is_ongoing: bool,
}

/// Where a type stands in a course: the order of lanes. `None` for a type that tells nothing of it.
pub fn course_place(resource_type: &str) -> Option<usize> {
    PLACES.get(resource_type).map(|(place, _)| *place)
}

/// Reads the JSON of a resource, as far as a course looks at it.
///
/// # Errors
/// The text is no JSON object, as far as it is looked at.
pub fn course_tree<'t>(resource_type: &str, body: &'t str) -> Result<Tree<'t>, String> {
    match PLACES.get(resource_type) {
        Some((_, wanted)) => Tree::parse_wanted(body, wanted),
        None => Tree::parse(body),
    }
}

impl CareEvent {
    /// What a resource of a type tells.
    pub fn of(resource_type: &str, resource: &Tree<'_>) -> CareEvent {
        let mut event = CareEvent::default();
        let Some(place) = course_place(resource_type) else { return event };
        let CareKind { dates, ends, titles, .. } = &KINDS[place];
        for element in dates.split_whitespace().filter_map(|name| resource.get(name)) {
            event.read_date(element);
            if event.start.is_some() {
                break;
            }
        }
        for element in ends.split_whitespace().filter_map(|name| resource.get(name)) {
            event.read_end(element);
        }
        if event.end < event.start {
            (event.end, event.until) = (None, String::new());
        }
        let titles = titles.split_whitespace().filter_map(|name| resource.get(name));
        for element in titles {
            event.title = concept_text(element)
                .or_else(|| event.referred(element, resource))
                .unwrap_or_default();
            if !event.title.is_empty() {
                break;
            }
        }
        let status = ["status", "clinicalStatus", "verificationStatus"];
        let mut status = status.into_iter().filter_map(|name| concept_text(resource.get(name)?));
        event.status = status.next().unwrap_or_default();
        let is_active = ACTIVE.iter().any(|active| event.status.eq_ignore_ascii_case(active));
        event.is_ongoing = is_active && event.until.is_empty() && LASTING.contains(&resource_type);
        event
    }

    /// The name of the Medication that an element refers to, where it is contained. Else the reference is kept.
    fn referred(&mut self, element: &Tree<'_>, resource: &Tree<'_>) -> Option<String> {
        let reference = element.get("reference");
        let reference = reference.and_then(|of| of.get("reference").or(Some(of)))?.as_text()?;
        if let Some(id) = reference.strip_prefix('#') {
            let contained = resource.get("contained").map(Tree::values).unwrap_or_default();
            let found =
                contained.iter().find(|of| of.get("id").and_then(Tree::as_text) == Some(id));
            return found?.get("code").and_then(concept_text);
        }
        let (resource_type, id) = local_reference(reference)?;
        self.medication = Some(format!("{resource_type}/{id}"));
        None
    }

    fn read_date(&mut self, element: &Tree<'_>) {
        if let Some(text) = element.as_text() {
            self.when = text.to_owned();
            self.start = span(text).map(|(first, _)| first);
            return;
        }
        let part = |name| element.get(name).and_then(Tree::as_text).unwrap_or_default();
        let (start, end) = (part("start"), part("end"));
        let first = if start.is_empty() { end } else { start };
        self.when = first.to_owned();
        self.start = span(first).map(|(first, _)| first);
        if !start.is_empty() {
            self.read_end(element);
        }
    }

    fn read_end(&mut self, element: &Tree<'_>) {
        let text = element.as_text().or_else(|| element.get("end").and_then(Tree::as_text));
        let Some(text) = text else { return };
        self.until = text.to_owned();
        self.end = span(text).map(|(_, next)| next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(resource_type: &str, json: &str) -> CareEvent {
        CareEvent::of(resource_type, &course_tree(resource_type, json).unwrap())
    }

    #[test]
    fn each_type_says_when_in_its_own_way() {
        for (resource_type, json, wanted) in [
            ("Encounter", r#"{"period":{"start":"2020","end":"2021-05"}}"#, ("2020", "2021-05")),
            ("Encounter", r#"{"period":{"end":"2021-05"}}"#, ("2021-05", "")),
            (
                "Condition",
                r#"{"recordedDate":"2022","onsetDateTime":"2020-01-01","abatementDateTime":"2021"}"#,
                ("2020-01-01", "2021"),
            ),
            ("Condition", r#"{"onsetDateTime":"2020","abatementDateTime":"2001"}"#, ("2020", "")),
            ("Observation", r#"{"issued":"2020-01-01T00:00:00Z"}"#, ("2020-01-01T00:00:00Z", "")),
            ("Immunization", r#"{"occurrenceString":"long ago"}"#, ("", "")),
            ("Goal", r#"{"startDate":"0001-01-01"}"#, ("0001-01-01", "")),
            ("Goal", r#"{"startDate":"9999-12-31"}"#, ("9999-12-31", "")),
            ("Goal", r#"{"startDate":{"start":7}}"#, ("", "")),
        ] {
            let event = told(resource_type, json);
            assert_eq!((event.when.as_str(), event.until.as_str()), wanted, "{json}");
            assert_eq!(event.start.is_some(), !wanted.0.is_empty(), "{json}");
        }
        assert_eq!(told("Claim", r#"{"created":"2020"}"#), CareEvent::default());
    }

    #[test]
    fn what_is_active_and_has_no_end_goes_on() {
        for (resource_type, json, is_ongoing) in [
            (
                "Condition",
                r#"{"clinicalStatus":{"coding":[{"code":"active"}]},"onsetDateTime":"2020"}"#,
                true,
            ),
            ("Condition", r#"{"clinicalStatus":"active","onsetDateTime":"2020"}"#, true),
            (
                "Condition",
                r#"{"clinicalStatus":{"text":"Resolved"},"onsetDateTime":"2020"}"#,
                false,
            ),
            ("CarePlan", r#"{"status":"active","period":{"start":"2020","end":"2021"}}"#, false),
            ("MedicationRequest", r#"{"status":"active","authoredOn":"2020"}"#, false),
        ] {
            assert_eq!(told(resource_type, json).is_ongoing, is_ongoing, "{json}");
        }
    }

    #[test]
    fn a_date_that_is_none_is_shown_and_not_placed() {
        let event = told("Procedure", r#"{"performedDateTime":"<script>"}"#);
        assert_eq!((event.when.as_str(), event.start), ("<script>", None));
    }

    #[test]
    fn medications_are_named_by_the_resource_or_by_another() {
        let contained = r##"{"medicationReference":{"reference":"#m"},
            "contained":[{"resourceType":"Medication","id":"m","code":{"text":"Aspirin"}}]}"##;
        assert_eq!(told("MedicationRequest", contained).title, "Aspirin");
        let other =
            told("MedicationRequest", r#"{"medicationReference":{"reference":"Medication/1"}}"#);
        assert_eq!((other.title.as_str(), other.medication.as_deref()), ("", Some("Medication/1")));
        let of_r5 = r#"{"medication":{"reference":{"reference":"Medication/2"}}}"#;
        assert_eq!(told("MedicationRequest", of_r5).medication.as_deref(), Some("Medication/2"));
    }
}
