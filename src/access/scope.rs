//! SMART scopes of the `system/` kind, in the syntax of version 1 (`.read`) and of version 2 (`.rs`).
//!
//! <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>. Only read (`r`) and search
//! (`s`) can be granted, because clients cannot write. An export of a type needs both. The scope
//! `system/metrics` is fhirlite's own: it allows to read `/metrics`, and no resources.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::fhir::name::short;

/// The scope of 1upHealth's tokens.
pub const ONEUP: &str = "user/*.*";

/// The scope that allows to read the metrics of the server.
pub const METRICS: &str = "system/metrics";

/// The most bytes of a requested scope: enough for all types of R4.
const LONGEST: usize = 8 * 1024;

/// What a caller does with resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// `r`: reads a resource by its id.
    Read,
    /// `s`: searches.
    Search,
    /// Exports; it needs both.
    Export,
}

/// Which of `r` and `s` a scope has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rights {
    read: bool,
    search: bool,
}

impl Rights {
    const BOTH: Rights = Rights { read: true, search: true };

    fn and(self, other: Rights) -> Rights {
        Rights { read: self.read && other.read, search: self.search && other.search }
    }

    fn or(self, other: Rights) -> Rights {
        Rights { read: self.read || other.read, search: self.search || other.search }
    }

    fn are_none(self) -> bool {
        self == Rights::default()
    }

    fn include(self, interaction: Interaction) -> bool {
        match interaction {
            Interaction::Read => self.read,
            Interaction::Search => self.search,
            Interaction::Export => self.read && self.search,
        }
    }
}

/// A single scope, such as `system/Patient.rs`.
struct SystemScope {
    /// A type, or `*`.
    resource_type: String,
    rights: Rights,
    /// True if it includes `c`, `u` or `d`.
    writes: bool,
    /// True for the syntax of version 1: `system/Patient.read`.
    is_v1: bool,
}

/// A list of scopes: which types may be read and searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes {
    all: Rights,
    types: BTreeMap<String, Rights>,
    metrics: bool,
}

impl Scopes {
    /// The scopes that allow to read and search all types.
    pub fn everything() -> Scopes {
        Scopes { all: Rights::BOTH, types: BTreeMap::new(), metrics: false }
    }

    /// Parses the scopes that a client is registered with, or that a token was granted.
    ///
    /// # Errors
    /// Which scope is wrong, and how. Also a text without scopes.
    pub fn parse(text: &str) -> Result<Scopes, String> {
        let (all, types) = (Rights::default(), BTreeMap::new());
        let mut scopes = Scopes { all, types, metrics: false };
        for word in text.split_whitespace() {
            if word == METRICS {
                scopes.metrics = true;
                continue;
            }
            let scope = parse_scope(word)?.ok_or_else(|| {
                format!("scope {word:?} is not one of system/: a client here asks for itself, as in system/*.rs")
            })?;
            if scope.writes {
                return Err(format!(
                    "scope {word:?} asks for more than reading, which is all there is: system/{}.rs",
                    scope.resource_type
                ));
            }
            scopes.add(&scope);
        }
        if scopes.give_no_data() && !scopes.metrics {
            return Err("no scope is given; system/*.rs is everything".to_owned());
        }
        Ok(scopes)
    }

    fn add(&mut self, scope: &SystemScope) {
        let rights = match scope.resource_type.as_str() {
            "*" => &mut self.all,
            name => self.types.entry(name.to_owned()).or_default(),
        };
        *rights = rights.or(scope.rights);
    }

    fn rights(&self, resource_type: &str) -> Rights {
        self.all.or(self.types.get(resource_type).copied().unwrap_or_default())
    }

    /// True if these scopes allow nothing with any type.
    pub fn give_no_data(&self) -> bool {
        self.all.are_none() && self.types.is_empty()
    }

    /// True if these scopes allow to read the metrics.
    pub fn allow_metrics(&self) -> bool {
        self.metrics
    }

    /// True if these scopes allow `interaction` with a type.
    pub fn allow(&self, resource_type: &str, interaction: Interaction) -> bool {
        self.rights(resource_type).include(interaction)
    }

    /// The types with which these scopes allow `interaction`; `None` for all.
    pub fn types_for(&self, interaction: Interaction) -> Option<BTreeSet<String>> {
        if self.all.include(interaction) {
            return None;
        }
        let types = self.types.keys().filter(|name| self.allow(name, interaction));
        Some(types.cloned().collect())
    }

    /// Grants the requested scopes that these scopes cover, in the syntax of the request. Leaves out
    /// scopes of other kinds and rights that these scopes do not have.
    ///
    /// # Errors
    /// A requested scope that is malformed or finer than a type; also where nothing can be granted.
    pub fn grant(&self, requested: &str) -> Result<String, String> {
        if requested.len() > LONGEST {
            return Err(format!("scope is longer than {LONGEST} characters"));
        }
        let mut granted: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        let mut add = |name: &str, rights: Rights, is_v1: bool| {
            let letters = match (rights.read, rights.search, is_v1) {
                (true, true, true) => "read",
                (true, true, false) => "rs",
                (true, false, _) => "r",
                (false, true, _) => "s",
                (false, false, _) => return,
            };
            let scope = format!("system/{name}.{letters}");
            if seen.insert(scope.clone()) {
                granted.push(scope);
            }
        };
        let mut words = HashSet::new();
        let mut granted_metrics = None;
        for word in requested.split_whitespace().filter(|word| words.insert(*word)) {
            if word == METRICS {
                if self.metrics {
                    granted_metrics = Some(METRICS.to_owned());
                }
                continue;
            }
            let Some(SystemScope { resource_type, rights, is_v1, .. }) = parse_scope(word)? else {
                continue;
            };
            if resource_type != "*" {
                add(&resource_type, rights.and(self.rights(&resource_type)), is_v1);
                continue;
            }
            let of_all = rights.and(self.all);
            add("*", of_all, is_v1);
            for (name, own) in &self.types {
                let of_this = rights.and(own.or(self.all));
                if of_this != of_all {
                    add(name, of_this, is_v1);
                }
            }
        }
        granted.extend(granted_metrics);
        if granted.is_empty() {
            return Err("none of the scopes that are asked for can be granted".to_owned());
        }
        Ok(granted.join(" "))
    }
}

/// Parses a scope; `None` for a kind other than `system/`.
fn parse_scope(word: &str) -> Result<Option<SystemScope>, String> {
    if word.contains('?') {
        return Err(
            "scopes with search parameters are not supported: a type is the finest there is"
                .to_owned(),
        );
    }
    let Some(rest) = word.strip_prefix("system/") else { return Ok(None) };
    let wrong = || format!("scope {:?} should look like system/Patient.rs", short(word));
    let (name, letters) = rest.split_once('.').ok_or_else(wrong)?;
    let is_type = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphabetic());
    if name != "*" && !is_type {
        return Err(wrong());
    }
    let (letters, is_v1) = match letters {
        "read" => ("rs", true),
        "write" => ("cud", true),
        "*" => ("cruds", true),
        letters => (letters, false),
    };
    // Each letter once, in the order of `cruds`.
    let mut rest = "cruds".chars();
    if letters.is_empty() || !letters.chars().all(|letter| rest.any(|known| known == letter)) {
        return Err(wrong());
    }
    Ok(Some(SystemScope {
        resource_type: name.to_owned(),
        rights: Rights { read: letters.contains('r'), search: letters.contains('s') },
        writes: letters.contains(['c', 'u', 'd']),
        is_v1,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(registered: &str, requested: &str) -> Result<String, String> {
        Scopes::parse(registered).unwrap().grant(requested)
    }

    #[test]
    fn what_is_granted_is_what_both_hold() {
        for (registered, requested, expected) in [
            ("system/*.rs", "system/*.rs", "system/*.rs"),
            ("system/*.rs", "system/*.read", "system/*.read"),
            ("system/*.rs", "system/*.*", "system/*.read"),
            ("system/*.read", "system/*.cruds", "system/*.rs"),
            (
                "system/*.rs",
                "system/Patient.read system/Patient.rs",
                "system/Patient.read system/Patient.rs",
            ),
            ("system/Patient.rs", "system/*.rs", "system/Patient.rs"),
            (
                "system/Patient.rs system/Group.r",
                "system/*.read",
                "system/Group.r system/Patient.read",
            ),
            ("system/*.r system/Patient.rs", "system/*.rs", "system/*.r system/Patient.rs"),
            ("system/*.rs", "openid patient/*.rs system/Patient.s", "system/Patient.s"),
            ("system/metrics", "system/metrics system/metrics system/*.rs", "system/metrics"),
            (
                "system/metrics system/*.r",
                "system/metrics system/Patient.rs",
                "system/Patient.r system/metrics",
            ),
            ("system/*.rs", "system/metrics system/*.rs", "system/*.rs"),
        ] {
            assert_eq!(granted(registered, requested).as_deref(), Ok(expected), "{requested}");
        }
        for requested in [
            "",
            "system/Observation.rs",
            "user/*.rs",
            "system/Patient.cud",
            "system/Patient.rs?gender=male",
            "system/Patient.sr",
            "system/Patient.rr",
            "system/Patient.",
            "system/Patient",
            "system/patient.rs",
            "system/.rs",
            "system/*.readx",
            "system/metrics",
            "system/metrics.rs",
        ] {
            assert!(granted("system/Patient.rs", requested).is_err(), "{requested}");
        }
    }

    #[test]
    fn a_type_needs_both_to_be_exported() {
        let scope = Scopes::parse("system/*.r system/Patient.s system/Group.r").unwrap();
        assert_eq!(
            scope.types_for(Interaction::Export),
            Some(BTreeSet::from(["Patient".to_owned()]))
        );
        assert!(scope.allow("Device", Interaction::Read));
        assert!(!scope.allow("Device", Interaction::Search));
        assert_eq!(Scopes::parse("system/*.rs").unwrap().types_for(Interaction::Export), None);
        for wrong in ["", "system/*.cruds", "user/*.rs", "system/*.rs?a=b"] {
            assert!(Scopes::parse(wrong).is_err(), "{wrong}");
        }
    }
}
