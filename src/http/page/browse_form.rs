//! The form of a list: fields for the search parameters of the type, the common ones first.

use crate::fhir::search::SearchParameter;
use crate::http::secrets::is_secret;
use crate::shown::shown;

/// The parameters that are common, in their order. A type has some of them.
const COMMON: [&str; 11] = [
    "name",
    "family",
    "given",
    "birthdate",
    "gender",
    "patient",
    "code",
    "category",
    "date",
    "status",
    "identifier",
];
/// The most fields outside of the further ones.
const MOST_COMMON: usize = 6;
/// The orders of a list: the value of `_sort`, and what it says.
const ORDERS: [(&str, &str); 3] = [
    ("", "As they came into the store"),
    ("-_lastUpdated", "Last updated first"),
    ("_lastUpdated", "Last updated last"),
];
/// The parameters that the form does not repeat: they name a page.
const OF_PAGES: [&str; 4] = ["_after", "_snapshot", "_sort", "_count"];

/// A field.
pub struct SearchField {
    /// The name of the parameter, perhaps with a modifier.
    pub name: String,
    /// What is searched for.
    pub value: String,
    /// What may be given.
    pub hint: &'static str,
}

/// An order that can be chosen.
pub struct OrderChoice {
    /// The value of `_sort`.
    pub value: String,
    /// What it says.
    pub label: &'static str,
    /// Whether it is the one of the list.
    pub is_chosen: bool,
}

/// The form of a type's list.
pub struct SearchForm {
    /// The fields in front: the common parameters, and those in use.
    pub common: Vec<SearchField>,
    /// The others.
    pub further: Vec<SearchField>,
    /// The orders.
    pub orders: Vec<OrderChoice>,
    /// Whether something is searched for.
    pub is_search: bool,
}

impl SearchForm {
    /// The form with the values of a request.
    pub fn of(resource_type: &str, query: &[(String, String)]) -> SearchForm {
        let given: Vec<(&str, &str)> = query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, value)| !OF_PAGES.contains(name) && !is_secret(name, value))
            .collect();
        let value =
            |code: &str| given.iter().find(|(name, _)| *name == code).map(|(_, value)| *value);
        let parameters = SearchParameter::all(resource_type);
        let hint_of = |code: &str| {
            let known = parameters.iter().find(|parameter| parameter.code == code);
            known.map_or("", |parameter| hint(parameter.kind.name()))
        };
        let field = |code: &str| SearchField {
            name: code.to_owned(),
            value: value(code).unwrap_or_default().to_owned(),
            hint: hint_of(code),
        };
        let mut front: Vec<&str> = COMMON.to_vec();
        front.retain(|code| parameters.iter().any(|parameter| parameter.code == *code));
        front.truncate(MOST_COMMON);
        let mut common: Vec<SearchField> = front.iter().map(|code| field(code)).collect();
        // What is in use beside these stands with them, each as often as it was given.
        for (at, (name, value)) in given.iter().enumerate() {
            let is_first = given.iter().position(|(of, _)| of == name) == Some(at);
            if !(front.contains(name) && is_first) {
                let (name, value) = ((*name).to_owned(), (*value).to_owned());
                let hint = hint_of(&name);
                common.push(SearchField { name, value, hint });
            }
        }
        let is_there = |code: &str| common.iter().any(|field| field.name == code);
        let others = parameters.iter().filter(|parameter| !is_there(parameter.code));
        let further = others.map(|parameter| field(parameter.code)).collect();
        let sort = query.iter().rfind(|(name, _)| name == "_sort").map_or("", |(_, value)| value);
        let order = |(value, label): (&str, &'static str)| OrderChoice {
            value: shown(value).into_owned(),
            label,
            is_chosen: value == sort,
        };
        let mut orders: Vec<OrderChoice> = ORDERS.map(order).into();
        if !orders.iter().any(|order| order.is_chosen) {
            orders.push(order((sort, "As the address says")));
        }
        SearchForm { common, further, orders, is_search: !given.is_empty() }
    }
}

impl SearchField {
    /// The name: nothing in one from a URL changes how it reads.
    pub fn shown_name(&self) -> String {
        shown(&self.name).into_owned()
    }

    /// The value, which reads as it stands too.
    pub fn shown_value(&self) -> String {
        shown(&self.value).into_owned()
    }
}

/// What may be given for a kind of parameter.
fn hint(kind: &str) -> &'static str {
    match kind {
        "date" => "such as 2020 or ge2020-05-01",
        "token" => "a code, or system|code",
        "reference" => "Type/id, or an id",
        "quantity" => "such as gt100",
        "number" => "a number",
        "uri" => "a URI",
        _ => "the beginning of a text",
    }
}
