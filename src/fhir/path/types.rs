//! The types of FHIR and their elements: what type the member of an object has, which elements are
//! choices, and which types specialize which.
//!
//! <https://hl7.org/fhir/R4/datatypes.html>, <https://hl7.org/fhir/R4/formats.html#choice>;
//! `element-types.tsv` is the table, of R4. Where a resource has types or elements that R4 does not
//! define, their types are unknown, and any stem of a choice in R4 counts as one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use foldhash::fast::FixedState;

const TABLE: &str = include_str!("element-types.tsv");

/// A type of FHIR R4: a resource type, a data type, or a part of one such as `Patient.contact`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type(usize);

/// The name of an element that some type defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ElementName(usize);

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// The element has the same type always.
    One(Type),
    /// The name of the member says the type: `valueQuantity`.
    Choice,
}

/// How FHIRPath sees the value of a primitive type.
///
/// <https://hl7.org/fhir/R4/fhirpath.html#types>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primitive {
    Boolean,
    Integer,
    Decimal,
    Date,
    DateTime,
    Time,
    Text,
}

struct Definition {
    name: &'static str,
    base: Option<Type>,
    /// Those that the type itself defines.
    elements: Vec<(ElementName, ElementType)>,
    /// These and those of the types that it specializes.
    all_elements: ElementTable,
    primitive: Option<Primitive>,
    is_any_resource: bool,
}

/// Elements by the numbers of their names: a table with free rows, at least as many as others. An element stands in the
/// row that the lowest bits of the number say, or in one of those behind it before the next free one.
#[derive(Default)]
struct ElementTable(Vec<Option<(ElementName, ElementType)>>);

/// A table by names that the program itself has, so that nobody can choose names which collide.
type NameMap<K, V> = HashMap<K, V, FixedState>;

struct Definitions {
    types: Vec<Definition>,
    by_name: NameMap<&'static str, Type>,
    element_names: NameMap<&'static str, ElementName>,
    /// The types that the name of a choice element may end in: `Boolean` of `deceasedBoolean`.
    suffixes: NameMap<String, Type>,
    /// The stems of the choice elements of all types.
    stems: HashSet<&'static str, FixedState>,
}

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(read);

/// Reads the table.
fn read() -> Definitions {
    let rows: Vec<[&str; 3]> = TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut columns = line.split('\t');
            [(); 3].map(|()| columns.next().unwrap_or_default())
        })
        .collect();
    let by_name: NameMap<_, _> =
        rows.iter().enumerate().map(|(at, [name, ..])| (*name, Type(at))).collect();
    let bases: HashMap<_, _> = rows.iter().map(|[name, base, _]| (*name, *base)).collect();
    let mut element_names = NameMap::default();
    let mut stems = HashSet::default();
    let mut types = Vec::with_capacity(rows.len());
    let mut suffixes = NameMap::default();
    for [name, base, elements] in rows {
        let elements = elements.split(',').filter_map(|element| element.split_once(':'));
        let elements = elements.filter_map(|(name, of)| {
            let next = ElementName(element_names.len());
            let element = *element_names.entry(name).or_insert(next);
            if of == "?" {
                stems.insert(name);
                return Some((element, ElementType::Choice));
            }
            by_name.get(of).map(|of| (element, ElementType::One(*of)))
        });
        let elements = elements.collect();
        let primitive = primitive(name).or_else(|| primitive(base));
        let above = std::iter::successors(Some(name), |name| bases.get(name).copied());
        if !name.contains('.') && above.take(8).any(|name| name == "Element") {
            let (first, rest) = name.split_at(1);
            let suffix = format!("{}{rest}", first.to_ascii_uppercase());
            suffixes.insert(suffix, Type(types.len()));
        }
        let is_any_resource = matches!(name, "Resource" | "DomainResource");
        let base = by_name.get(base).copied();
        let all_elements = ElementTable::default();
        types.push(Definition { name, base, elements, all_elements, primitive, is_any_resource });
    }
    let all: Vec<_> = (0..types.len()).map(|at| all_elements(&types, Type(at))).collect();
    types.iter_mut().zip(all).for_each(|(of, all)| of.all_elements = all);
    Definitions { types, by_name, element_names, suffixes, stems }
}

/// The elements of a type and of those that it specializes. What a type defines itself goes first.
fn all_elements(types: &[Definition], of: Type) -> ElementTable {
    let mut all = BTreeMap::new();
    for Type(at) in std::iter::successors(Some(of), |of| types[of.0].base) {
        for (name, element) in &types[at].elements {
            all.entry(*name).or_insert(*element);
        }
    }
    ElementTable::new(all.into_iter().collect())
}

impl ElementTable {
    fn new(elements: Vec<(ElementName, ElementType)>) -> ElementTable {
        let mut rows = vec![None; (elements.len() * 2 + 1).next_power_of_two()];
        for element in elements {
            let mut row = element.0.0 & (rows.len() - 1);
            while rows[row].is_some() {
                row = (row + 1) & (rows.len() - 1);
            }
            rows[row] = Some(element);
        }
        ElementTable(rows)
    }

    fn find(&self, name: ElementName) -> Option<ElementType> {
        let mut row = name.0 & (self.0.len() - 1);
        while let Some((element, of)) = self.0[row] {
            if element == name {
                return Some(of);
            }
            row = (row + 1) & (self.0.len() - 1);
        }
        None
    }
}

/// The primitive types that others specialize, and those that stand alone.
fn primitive(name: &str) -> Option<Primitive> {
    Some(match name {
        "boolean" => Primitive::Boolean,
        "integer" | "integer64" => Primitive::Integer,
        "decimal" => Primitive::Decimal,
        "date" => Primitive::Date,
        "dateTime" | "instant" => Primitive::DateTime,
        "time" => Primitive::Time,
        "string" | "uri" | "base64Binary" | "xhtml" => Primitive::Text,
        _ => return None,
    })
}

impl Type {
    /// The type of a name.
    pub fn named(name: &str) -> Option<Type> {
        DEFINITIONS.by_name.get(name).copied()
    }

    /// The type that the name of a choice element ends in: that of `Quantity` in `valueQuantity`.
    pub fn of_suffix(suffix: &str) -> Option<Type> {
        DEFINITIONS.suffixes.get(suffix).copied()
    }

    /// The name: `Patient`, `dateTime`, `Patient.contact`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// True where the type is `other` or specializes it.
    pub fn is(self, other: Type) -> bool {
        self.and_above().any(|of| of == other)
    }

    /// How FHIRPath sees a value of the type; `None` where it is an object.
    pub fn primitive(self) -> Option<Primitive> {
        self.definition().primitive
    }

    /// The type of an element of the type; `None` where R4 defines no such element.
    pub fn element(self, name: ElementName) -> Option<ElementType> {
        self.definition().all_elements.find(name)
    }

    /// True where the type has a choice element of this name.
    pub fn has_choice(self, name: &str) -> bool {
        let element = ElementName::of(name).and_then(|name| self.element(name));
        element == Some(ElementType::Choice)
    }

    /// The element whose name is this one in other letters: `birthDate` for `birthdate`.
    pub fn element_like(self, name: &str) -> Option<&'static str> {
        let mut elements = self.and_above().flat_map(|of| &of.definition().elements);
        let known = &DEFINITIONS.element_names;
        let alike: Vec<_> = known.iter().filter(|(of, _)| of.eq_ignore_ascii_case(name)).collect();
        elements.find_map(|(element, _)| {
            alike.iter().find(|(_, of)| *of == element).map(|(name, _)| **name)
        })
    }

    /// True for a type whose objects name their own type, in `resourceType`.
    pub fn is_any_resource(self) -> bool {
        self.definition().is_any_resource
    }

    /// The type, then those that it specializes.
    fn and_above(self) -> impl Iterator<Item = Type> {
        std::iter::successors(Some(self), |of| of.definition().base)
    }

    fn definition(self) -> &'static Definition {
        // A type is made in `read` alone, from its place in the list.
        &DEFINITIONS.types[self.0]
    }
}

impl ElementName {
    /// The name of an element; `None` where no type of R4 defines one of that name.
    pub fn of(name: &str) -> Option<ElementName> {
        DEFINITIONS.element_names.get(name).copied()
    }
}

/// The name of the type that a path of names leads to: `string` for `ValueSet.version`. `None` where a
/// choice of types is on the way, and for what R4 does not define.
pub fn type_at(path: &str) -> Option<&'static str> {
    let mut names = path.split('.');
    let first = Type::named(names.next()?)?;
    let last = names.try_fold(first, |of, name| match of.element(ElementName::of(name)?)? {
        ElementType::One(of) => Some(of),
        ElementType::Choice => None,
    });
    last.map(Type::name)
}

/// The types that the name of a choice element may end in, each by that end.
pub fn choice_types() -> impl Iterator<Item = (&'static str, Type)> {
    DEFINITIONS.suffixes.iter().map(|(suffix, of)| (suffix.as_str(), *of))
}

/// True for the stem of a choice element of any type: `value`, `deceased`.
pub fn is_choice_stem(name: &str) -> bool {
    DEFINITIONS.stems.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(of: &str, name: &str) -> String {
        let name = ElementName::of(name);
        match name.and_then(|name| Type::named(of).unwrap().element(name)) {
            None => "unknown".to_owned(),
            Some(ElementType::Choice) => "a choice".to_owned(),
            Some(ElementType::One(of)) => of.name().to_owned(),
        }
    }

    #[test]
    fn elements_have_the_types_that_r4_says() {
        for (of, name, wanted) in [
            ("Patient", "birthDate", "date"),
            ("Patient", "deceased", "a choice"),
            ("Patient", "contact", "Patient.contact"),
            ("Patient.contact", "name", "HumanName"),
            ("Patient.contact", "modifierExtension", "Extension"),
            ("Patient", "id", "id"),
            ("Patient", "contained", "Resource"),
            ("Observation.component", "referenceRange", "Observation.referenceRange"),
            ("Observation.referenceRange", "high", "Quantity"),
            ("Age", "value", "decimal"),
            ("Quantity", "extension", "Extension"),
            ("Observation", "referenceR", "unknown"),
            ("Observation", "birthDate", "unknown"),
        ] {
            assert_eq!(element(of, name), wanted, "{of}.{name}");
        }
    }

    #[test]
    fn every_name_in_the_table_is_a_type() {
        for line in TABLE.lines().skip(1) {
            let columns: Vec<_> = line.split('\t').collect();
            let [_, base, elements] = columns[..] else { panic!("{line}") };
            assert!(base.is_empty() || Type::named(base).is_some(), "{line}");
            for element in elements.split(',').filter(|element| !element.is_empty()) {
                let (_, of) = element.split_once(':').unwrap();
                assert!(of == "?" || Type::named(of).is_some(), "{line}: {element}");
            }
        }
    }

    #[test]
    fn choices_are_those_of_the_table_of_all_versions() {
        let table = include_str!("../definitions/elements.tsv");
        let rows = table.lines().filter(|line| !line.starts_with('#'));
        let rows = rows.map(|line| line.split('\t').collect::<Vec<_>>());
        let mut of_r4 = 0;
        for row in rows.filter(|row| row[0].split(' ').any(|version| version == "R4")) {
            of_r4 += 1;
            let elements = &Type::named(row[1]).unwrap().definition().elements;
            let choices = elements.iter().filter(|(_, of)| *of == ElementType::Choice).count();
            let wanted = row[3].split(',').filter(|name| !name.is_empty());
            for name in wanted.clone() {
                assert_eq!(element(row[1], name), "a choice", "{} {name}", row[1]);
            }
            assert_eq!(choices, wanted.count(), "{}", row[1]);
        }
        assert_eq!(of_r4, 146);
    }

    #[test]
    fn types_specialize_others_in_finite_steps() {
        for definition in &DEFINITIONS.types {
            let above = Type::named(definition.name).unwrap().and_above();
            assert!(above.take(10).count() < 10, "{}", definition.name);
        }
        let is = |a, b| Type::named(a).unwrap().is(Type::named(b).unwrap());
        assert!(is("Age", "Quantity") && is("code", "string") && is("canonical", "uri"));
        assert!(is("Patient", "DomainResource") && is("Bundle", "Resource"));
        assert!(!is("Quantity", "Age") && !is("Bundle", "DomainResource"));
    }

    #[test]
    fn only_data_types_end_the_name_of_a_choice() {
        let name = |suffix| Type::of_suffix(suffix).map(Type::name);
        assert_eq!(name("Boolean"), Some("boolean"));
        assert_eq!(name("CodeableConcept"), Some("CodeableConcept"));
        assert_eq!(name("Dosage"), Some("Dosage"));
        assert_eq!(name("Integer64"), Some("integer64"));
        for suffix in ["boolean", "Patient", "Range.x", "Set", ""] {
            assert_eq!(name(suffix), None, "{suffix}");
        }
        assert!(is_choice_stem("deceased") && !is_choice_stem("reference"));
    }

    #[test]
    fn primitives_have_a_value_and_objects_have_none() {
        let primitive = |name| Type::named(name).unwrap().primitive();
        for (name, wanted) in [
            ("boolean", Primitive::Boolean),
            ("positiveInt", Primitive::Integer),
            ("decimal", Primitive::Decimal),
            ("date", Primitive::Date),
            ("instant", Primitive::DateTime),
            ("time", Primitive::Time),
            ("code", Primitive::Text),
            ("canonical", Primitive::Text),
            ("xhtml", Primitive::Text),
        ] {
            assert_eq!(primitive(name), Some(wanted), "{name}");
        }
        assert_eq!(primitive("HumanName"), None);
    }
}
