//! The search parameters of each resource type: kind, FHIRPath expression, types of targets,
//! components.
//!
//! <https://hl7.org/fhir/R4/searchparameter-registry.html>. `definitions/search-parameters.tsv` is the
//! table of R4, which counts for every version of FHIR; `definitions/search-components.tsv` has the
//! components of the composite parameters, and `definitions/search-code-systems.tsv` the code systems of
//! plain codes such as a gender. Two parameters are added: `name` of Group, which Bulk Data
//! asks for (<https://hl7.org/fhir/uv/bulkdata/group.html>), and `identifier` of types without
//! parameters of their own, which other versions of FHIR define.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use super::coded::PlainCodes;
use super::modifier::ParameterKind;
use crate::fhir::path::{Path, type_at};

const TABLE: &str = include_str!("../definitions/search-parameters.tsv");
const SYSTEMS: &str = include_str!("../definitions/search-code-systems.tsv");
const COMPONENTS: &str = include_str!("../definitions/search-components.tsv");
const ADDED: &str = "Group\tname\tstring\tGroup.name\t\n\tidentifier\ttoken\tidentifier\t";

/// The types whose parameters every type has.
const BASES: [&str; 2] = ["DomainResource", EVERY_RESOURCE];
/// The type whose parameters every type has.
pub const EVERY_RESOURCE: &str = "Resource";
/// Under this name stand the parameters of the types that have none of their own.
const OTHERS: &str = "";

/// Parameters that cannot be searched for here, and why.
const UNSUPPORTED: [(&str, &str); 4] = [
    ("_content", "there is no full-text index"),
    ("_query", "there are no named queries"),
    ("_text", "there is no full-text index"),
    ("near", "positions are not compared"),
];

/// A search parameter of a resource type, or a component of a composite one.
#[derive(Debug)]
pub struct SearchParameter {
    /// The name in a URL; empty for a component.
    pub code: &'static str,
    /// The kind of its values.
    pub kind: ParameterKind,
    /// Finds the values in a resource.
    pub expression: &'static str,
    /// The types that a reference may have as its target; none where it may have any.
    pub targets: Vec<&'static str>,
    /// The code systems of the plain codes that a token parameter finds; none where they are unknown.
    pub(super) systems: Vec<&'static str>,
    /// True for a token parameter that finds texts of FHIR's type `string`, whose case does not count.
    pub(super) finds_strings: bool,
    /// The components of a composite parameter, in order.
    pub components: Vec<SearchParameter>,
    path: OnceLock<Result<Path, String>>,
}

/// The parameters of each type, by their codes.
static PARAMETERS: LazyLock<HashMap<&'static str, Vec<SearchParameter>>> = LazyLock::new(|| {
    let mut components: HashMap<(&str, &str), Vec<SearchParameter>> = HashMap::new();
    for [resource_type, code, kind, expression, _] in rows(COMPONENTS) {
        let component = SearchParameter::new("", kind, expression, "");
        components.entry((resource_type, code)).or_default().extend(component);
    }
    let systems: HashMap<(&str, &str), &str> = rows(SYSTEMS)
        .map(|[resource_type, code, systems, ..]| ((resource_type, code), systems))
        .collect();
    let mut parameters: HashMap<&str, Vec<SearchParameter>> = HashMap::new();
    for [resource_type, code, kind, expression, targets] in rows(TABLE).chain(rows(ADDED)) {
        if let Some(mut parameter) = SearchParameter::new(code, kind, expression, targets) {
            parameter.components = components.remove(&(resource_type, code)).unwrap_or_default();
            let systems = systems.get(&(resource_type, code)).copied().unwrap_or_default();
            parameter.systems = systems.split_ascii_whitespace().collect();
            parameters.entry(resource_type).or_default().push(parameter);
        }
    }
    for of_type in parameters.values_mut() {
        of_type.sort_by_key(|parameter| parameter.code);
    }
    parameters
});

/// The parameters of a type, then those of its bases.
fn of_type_and_bases(resource_type: &str) -> impl Iterator<Item = &'static Vec<SearchParameter>> {
    let own = if PARAMETERS.contains_key(resource_type) { resource_type } else { OTHERS };
    [own].into_iter().chain(BASES).filter_map(|of_type| PARAMETERS.get(of_type))
}

/// The rows of a table, without its comment.
fn rows(table: &'static str) -> impl Iterator<Item = [&'static str; 5]> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let mut columns = line.split('\t');
        std::array::from_fn(|_| columns.next().unwrap_or_default())
    })
}

impl SearchParameter {
    fn new(
        code: &'static str,
        kind: &str,
        expression: &'static str,
        targets: &'static str,
    ) -> Option<SearchParameter> {
        let targets = targets.split_ascii_whitespace();
        let kind = ParameterKind::parse(kind)?;
        let is_of_strings = |path| type_at(path) == Some("string");
        let finds_strings =
            kind == ParameterKind::Token && expression.split(" | ").any(is_of_strings);
        Some(SearchParameter {
            code,
            kind,
            expression,
            targets: targets.collect(),
            systems: Vec::new(),
            finds_strings,
            components: Vec::new(),
            path: OnceLock::new(),
        })
    }

    /// The parameter that has a code in searches for a type; `None` where the type has none.
    pub fn of(resource_type: &str, code: &str) -> Option<&'static SearchParameter> {
        of_type_and_bases(resource_type).find_map(|parameters| {
            let at = parameters.binary_search_by_key(&code, |parameter| parameter.code).ok()?;
            Some(&parameters[at])
        })
    }

    /// The parameters that can be searched for in resources of a type, by their codes.
    pub fn all(resource_type: &str) -> Vec<&'static SearchParameter> {
        let mut all: Vec<&SearchParameter> = of_type_and_bases(resource_type).flatten().collect();
        all.retain(|parameter| parameter.unsupported().is_none());
        // Of two with a code, that of the type itself stands first.
        all.sort_by_key(|parameter| parameter.code);
        all.dedup_by_key(|parameter| parameter.code);
        all
    }

    /// Why the parameter cannot be searched for here; `None` where it can.
    pub fn unsupported(&self) -> Option<&'static str> {
        UNSUPPORTED.iter().find(|(code, _)| *code == self.code).map(|(_, why)| *why)
    }

    /// True where the parameter's references may lead to resources of a type.
    pub(super) fn may_refer_to(&self, resource_type: &str) -> bool {
        let is_any = self.targets.is_empty();
        self.kind == ParameterKind::Reference && (is_any || self.targets.contains(&resource_type))
    }

    /// What is known of the plain values that the parameter finds.
    pub(super) fn plain_codes(&self) -> PlainCodes<'_> {
        PlainCodes { systems: &self.systems, are_strings: self.finds_strings }
    }

    /// The expression, read once.
    ///
    /// # Errors
    /// Why the expression cannot be read.
    pub(super) fn path(&self) -> Result<&Path, String> {
        let path = self.path.get_or_init(|| {
            let parsed = Path::parse(self.expression);
            parsed.map_err(|fault| format!("the expression of {}: {fault}", self.code))
        });
        path.as_ref().map_err(Clone::clone)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_row_is_read_and_its_kind_is_handled() {
        let mut by_kind: BTreeMap<&str, usize> = BTreeMap::new();
        let mut unsupported = Vec::new();
        for [resource_type, code, kind, _, _] in rows(TABLE) {
            let parameter = SearchParameter::of(resource_type, code)
                .unwrap_or_else(|| panic!("{resource_type} {code}"));
            assert_eq!(parameter.kind.name(), kind, "{resource_type} {code}");
            *by_kind.entry(kind).or_default() += 1;
            if parameter.unsupported().is_some() {
                unsupported.push(format!("{resource_type}?{code}"));
                continue;
            }
            assert_ne!(parameter.kind, ParameterKind::Special, "{resource_type} {code}");
            assert!(!parameter.expression.is_empty(), "{resource_type} {code}");
            assert_eq!(
                parameter.kind == ParameterKind::Composite,
                parameter.components.len() > 1,
                "{code}"
            );
        }
        let counts: Vec<_> = by_kind.into_iter().collect();
        assert_eq!(
            counts,
            [
                ("composite", 72),
                ("date", 140),
                ("number", 6),
                ("quantity", 40),
                ("reference", 517),
                ("special", 1),
                ("string", 201),
                ("token", 675),
                ("uri", 57),
            ]
        );
        unsupported.sort();
        assert_eq!(
            unsupported,
            ["DomainResource?_text", "Location?near", "Resource?_content", "Resource?_query"]
        );
    }

    #[test]
    fn every_type_has_the_parameters_of_its_bases() {
        let codes = |resource_type| -> Vec<&str> {
            SearchParameter::all(resource_type).iter().map(|parameter| parameter.code).collect()
        };
        let of_unknown =
            ["_id", "_lastUpdated", "_profile", "_security", "_source", "_tag", "identifier"];
        assert_eq!(codes("Martian"), of_unknown);
        assert_eq!(codes("MedicationOrder"), of_unknown);
        let of_group = codes("Group");
        assert!(of_group.is_sorted() && of_group.contains(&"name") && of_group.contains(&"member"));
        assert_eq!(codes("Observation").len(), 38 + 6);
        assert_eq!(SearchParameter::of("Observation", "issued").map(|found| found.code), None);
        let subject = SearchParameter::of("Observation", "subject").unwrap();
        assert_eq!(subject.targets, ["Group", "Device", "Patient", "Location"]);
        let gender = SearchParameter::of("Patient", "gender").unwrap();
        assert_eq!(gender.systems, ["http://hl7.org/fhir/administrative-gender"]);
        let with_systems = PARAMETERS.values().flatten().filter(|found| !found.systems.is_empty());
        assert_eq!(with_systems.count(), rows(SYSTEMS).count());
        let identifier = SearchParameter::of("Patient", "identifier").unwrap();
        assert_eq!(identifier.expression, "Patient.identifier");
    }
}
