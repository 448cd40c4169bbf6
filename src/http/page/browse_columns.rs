//! The columns of a list: those that people expect for a type, from the ready views of `views/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::words::{cell_text, resource_path, when};
use crate::fhir::json::Tree;
use crate::fhir::label::label;
use crate::fhir::view::{STARTER_VIEWS, ViewDefinition};
use crate::search::FoundResource;
use crate::time::Instant;

/// Columns of a view: the first of them that has something counts, and what stands together is joined.
type Sources = &'static [&'static [&'static str]];

/// The list of a type.
struct TypeList {
    resource_type: &'static str,
    view: &'static str,
    /// The label of a resource, which leads to it.
    label: Sources,
    /// The other columns with their headings. A heading of `Patient` is that of a patient's id.
    columns: &'static [(&'static str, Sources)],
    /// A view of parts that fill a heading where it is empty.
    parts: Option<(&'static str, &'static str, &'static [&'static str])>,
}

const DISPLAY: Sources = &[&["display"], &["code"]];
const PATIENT: (&str, Sources) = ("Patient", &[&["patient"]]);
const STATUS: (&str, Sources) = ("Status", &[&["status"]]);

/// The row that all others begin with.
const ROW: TypeList =
    TypeList { resource_type: "", view: "", label: DISPLAY, columns: &[], parts: None };

static LISTS: [TypeList; 13] = [
    TypeList {
        resource_type: "AllergyIntolerance",
        view: "allergy",
        columns: &[
            ("Criticality", &[&["criticality"]]),
            ("Status", &[&["clinical_status"]]),
            ("Category", &[&["category"]]),
            ("Since", &[&["onset"], &["recorded"]]),
            PATIENT,
        ],
        ..ROW
    },
    TypeList {
        resource_type: "Claim",
        view: "claim",
        columns: &[
            ("Use", &[&["use"]]),
            ("Created", &[&["created"]]),
            ("Total", &[&["total", "currency"]]),
            STATUS,
            PATIENT,
        ],
        ..ROW
    },
    TypeList {
        resource_type: "Condition",
        view: "condition",
        columns: &[
            ("Status", &[&["clinical_status"]]),
            ("Since", &[&["onset"], &["recorded"]]),
            ("Until", &[&["abatement"]]),
            PATIENT,
        ],
        ..ROW
    },
    TypeList {
        resource_type: "Coverage",
        view: "coverage",
        label: &[&["plan"], &["display"], &["payor"]],
        columns: &[
            ("Payor", &[&["payor"]]),
            ("Subscriber", &[&["subscriber_id"]]),
            ("From", &[&["started"]]),
            ("To", &[&["ended"]]),
            STATUS,
            PATIENT,
        ],
        ..ROW
    },
    TypeList {
        resource_type: "DiagnosticReport",
        view: "diagnostic_report",
        columns: &[
            ("When", &[&["effective"], &["issued"]]),
            ("Conclusion", &[&["conclusion"]]),
            STATUS,
            PATIENT,
        ],
        ..ROW
    },
    TypeList {
        resource_type: "DocumentReference",
        view: "document_reference",
        label: &[&["title"], &["description"], &["display"]],
        columns: &[
            ("Kind", &[&["display"]]),
            ("When", &[&["date"]]),
            ("Format", &[&["content_type"]]),
            STATUS,
            PATIENT,
        ],
        ..ROW
    },
    TypeList {
        resource_type: "Encounter",
        view: "encounter",
        label: &[&["display"], &["class"]],
        columns: &[
            ("Class", &[&["class"]]),
            ("From", &[&["started"]]),
            ("To", &[&["ended"]]),
            ("Reason", &[&["reason"]]),
            STATUS,
            PATIENT,
        ],
        ..ROW
    },
    TypeList {
        resource_type: "Immunization",
        view: "immunization",
        columns: &[("When", &[&["occurrence"]]), ("Lot", &[&["lot_number"]]), STATUS, PATIENT],
        ..ROW
    },
    TypeList {
        resource_type: "Medication",
        view: "medication",
        columns: &[("Form", &[&["form"]]), ("Batch", &[&["batch"]]), STATUS],
        ..ROW
    },
    TypeList {
        resource_type: "MedicationRequest",
        view: "medication_request",
        label: &[&["display"], &["code"], &["medication"]],
        columns: &[
            ("When", &[&["authored"]]),
            ("Dosage", &[&["dosage"]]),
            ("Intent", &[&["intent"]]),
            STATUS,
            PATIENT,
        ],
        ..ROW
    },
    TypeList {
        resource_type: "Observation",
        view: "observation",
        columns: &[
            (
                "Value",
                &[
                    &["comparator", "value", "unit"],
                    &["value_text"],
                    &["value_code"],
                    &["absent_reason"],
                ],
            ),
            ("When", &[&["effective"], &["issued"]]),
            ("Category", &[&["category"]]),
            STATUS,
            PATIENT,
        ],
        parts: Some((
            "Value",
            "observation_component",
            &["display", "value", "unit", "value_text", "absent_reason"],
        )),
        ..ROW
    },
    TypeList {
        resource_type: "Patient",
        view: "patient",
        label: &[&["name"], &["given", "family"]],
        columns: &[
            ("Born", &[&["birth_date"]]),
            ("Gender", &[&["gender"]]),
            ("Died", &[&["deceased"]]),
            ("City", &[&["city"]]),
            ("State", &[&["state"]]),
        ],
        ..ROW
    },
    TypeList {
        resource_type: "Procedure",
        view: "procedure",
        columns: &[("When", &[&["performed"]]), STATUS, PATIENT],
        ..ROW
    },
];

/// The ready views, read once.
static VIEWS: LazyLock<BTreeMap<&'static str, ViewDefinition>> = LazyLock::new(|| {
    let read = |(name, json)| Some((name, ViewDefinition::from_json(json).ok()?));
    STARTER_VIEWS.into_iter().filter_map(read).collect()
});

/// The columns of a type's list.
pub struct ListColumns {
    list: Option<(&'static TypeList, &'static ViewDefinition)>,
}

/// A row of a list.
pub struct ListRow {
    /// What the resource is called.
    pub label: String,
    /// Its screen.
    pub href: String,
    /// The values of the columns.
    pub cells: Vec<ListCell>,
}

/// A value in a list.
#[derive(Default)]
pub struct ListCell {
    /// What it says.
    pub text: String,
    /// Where it leads; empty for nowhere.
    pub href: String,
    /// The id of the patient whom it names; empty for none.
    pub patient: String,
    /// Whether it is a time.
    pub is_time: bool,
}

/// The values of a row by the names of their columns.
type Named<'v> = BTreeMap<&'v str, String>;

impl ListColumns {
    /// Those of a type.
    pub fn of(resource_type: &str) -> ListColumns {
        let list = LISTS.iter().find(|list| list.resource_type == resource_type);
        ListColumns { list: list.and_then(|list| Some((list, VIEWS.get(list.view)?))) }
    }

    /// The ready view that the columns come from.
    pub fn view(&self) -> Option<&'static ViewDefinition> {
        self.list.map(|(_, view)| view)
    }

    /// What stands above the labels.
    pub fn label_heading(&self, resource_type: &str) -> String {
        match resource_type {
            "Patient" => "Name".to_owned(),
            _ => resource_type.to_owned(),
        }
    }

    /// The headings of the other columns.
    pub fn headings(&self) -> Vec<&'static str> {
        let own = self.list.map_or(&[][..], |(list, _)| list.columns);
        own.iter().map(|(heading, _)| *heading).chain(["Last updated"]).collect()
    }

    /// The row of a resource.
    pub fn row(&self, root: &str, found: &FoundResource) -> ListRow {
        let href = resource_path(root, &found.resource_type, &found.id);
        let updated =
            ListCell { text: when(found.last_updated), is_time: true, ..ListCell::default() };
        let mut cells = Vec::new();
        let name;
        match self.list {
            Some((list, view)) => {
                let values = first_row(view, &found.body);
                name = of_sources(list.label, &values);
                for (heading, sources) in list.columns {
                    let mut text = of_sources(sources, &values).unwrap_or_default();
                    if let Some((of, view, columns)) = list.parts
                        && of == *heading
                        && text.is_empty()
                    {
                        text = parts(view, columns, &found.body);
                    }
                    if *heading == PATIENT.0 && !text.is_empty() {
                        let href = resource_path(root, PATIENT.0, &text);
                        let shown = cell_text(&text);
                        cells.push(ListCell { text: shown, href, patient: text, is_time: false });
                        continue;
                    }
                    let is_time = Instant::parse(&text).is_some();
                    // To the minute, in the zone of the record: the resource has it exactly.
                    let text = match is_time && text.len() > 16 {
                        true => text[..16].replacen('T', " ", 1),
                        false => cell_text(&text),
                    };
                    cells.push(ListCell { text, is_time, ..ListCell::default() });
                }
            }
            None => name = Tree::parse(&found.body).ok().as_ref().and_then(label),
        }
        cells.push(updated);
        let name = name.filter(|name| !name.trim().is_empty());
        ListRow { label: cell_text(&name.unwrap_or_else(|| found.id.clone())), href, cells }
    }
}

/// What the sources of a column give.
fn of_sources(sources: Sources, values: &Named<'_>) -> Option<String> {
    sources.iter().map(|together| joined(together, values)).find(|text| !text.is_empty())
}

fn joined(columns: &[&str], values: &Named<'_>) -> String {
    let parts: Vec<&str> =
        columns.iter().filter_map(|name| values.get(name)).map(String::as_str).collect();
    parts.join(" ")
}

/// The rows of parts, in one text.
fn parts(view: &str, columns: &[&str], body: &str) -> String {
    let Some(view) = VIEWS.get(view) else { return String::new() };
    let rows: Vec<String> = rows(view, body).iter().map(|row| joined(columns, row)).collect();
    rows.join("; ")
}

fn first_row<'v>(view: &'v ViewDefinition, body: &str) -> Named<'v> {
    rows(view, body).into_iter().next().unwrap_or_default()
}

/// The rows that a view makes of a resource; none where it has a fault.
fn rows<'v>(view: &'v ViewDefinition, body: &str) -> Vec<Named<'v>> {
    let mut rows = Vec::new();
    let names: Vec<&str> = view.columns().iter().map(|column| column.name.as_str()).collect();
    let made = view.rows_of_body(body, &mut |values| {
        let pairs = names.iter().zip(values);
        let named = pairs.filter_map(|(name, value)| Some((*name, value.plain()?.into_owned())));
        rows.push(named.collect::<Named<'_>>());
        Ok(())
    });
    if made.is_err() { Vec::new() } else { rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_one_of_its_view() {
        for list in &LISTS {
            let view = &VIEWS[list.view];
            assert_eq!(view.resource(), list.resource_type);
            let known = |view: &ViewDefinition, name: &str| {
                assert!(view.columns().iter().any(|column| column.name == name), "{name}");
            };
            let sources = list.columns.iter().map(|(_, sources)| *sources).chain([list.label]);
            sources.for_each(|sources| sources.concat().iter().for_each(|name| known(view, name)));
            if let Some((heading, parts, columns)) = list.parts {
                assert!(list.columns.iter().any(|(known, _)| *known == heading), "{heading}");
                columns.iter().for_each(|name| known(&VIEWS[parts], name));
            }
        }
    }
}
