//! What may be read: SMART scopes of the `system/` kind, in the syntax of both versions.
//!
//! <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>. Only reading (`r`) and
//! searching (`s`) can be granted here: nothing can be written. To be exported a type needs both.

use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What 1upHealth's tokens say.
pub const ONEUP: &str = "user/*.*";

/// More is not asked for at once: all types of R4 have room in it.
const LONGEST: usize = 8 * 1024;

/// What one does with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interaction {
    /// `r`: one that is known.
    Read,
    /// `s`: those that meet a condition.
    Search,
    /// Both: all of them.
    Export,
}

/// `r` and `s`.
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

    fn allow(self, interaction: Interaction) -> bool {
        match interaction {
            Interaction::Read => self.read,
            Interaction::Search => self.search,
            Interaction::Export => self.read && self.search,
        }
    }
}

/// One scope: `system/Patient.rs`.
struct One {
    /// `*` or a type.
    resource_type: String,
    rights: Rights,
    /// Whether it asks for more than reading.
    writes: bool,
    /// Whether it is in the syntax of SMART 1: `system/Patient.read`.
    is_v1: bool,
}

/// What may be done with which types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    all: Rights,
    types: BTreeMap<String, Rights>,
}

impl Scope {
    /// Everything.
    pub fn everything() -> Scope {
        Scope { all: Rights::BOTH, types: BTreeMap::new() }
    }

    /// What a client is registered with, or a token was granted.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Scope, String> {
        let mut scope = Scope { all: Rights::default(), types: BTreeMap::new() };
        for word in text.split_whitespace() {
            let one = one(word)?.ok_or_else(|| {
                format!("scope {word:?} is not one of system/: a client here asks for itself, as in system/*.rs")
            })?;
            if one.writes {
                return Err(format!(
                    "scope {word:?} asks for more than reading, which is all there is: system/{}.rs",
                    one.resource_type
                ));
            }
            scope.add(&one);
        }
        match scope.all.are_none() && scope.types.is_empty() {
            true => Err("no scope is given; system/*.rs is everything".to_owned()),
            false => Ok(scope),
        }
    }

    fn add(&mut self, one: &One) {
        let rights = match one.resource_type.as_str() {
            "*" => &mut self.all,
            name => self.types.entry(name.to_owned()).or_default(),
        };
        *rights = rights.or(one.rights);
    }

    fn rights(&self, resource_type: &str) -> Rights {
        self.all.or(self.types.get(resource_type).copied().unwrap_or_default())
    }

    /// True where this may be done with a type.
    pub fn allows(&self, resource_type: &str, interaction: Interaction) -> bool {
        self.rights(resource_type).allow(interaction)
    }

    /// The types that may be exported; `None` for all.
    pub fn exportable(&self) -> Option<BTreeSet<String>> {
        if self.all.allow(Interaction::Export) {
            return None;
        }
        let types = self.types.keys().filter(|name| self.allows(name, Interaction::Export));
        Some(types.cloned().collect())
    }

    /// What of it is granted to who asks for `requested`, as it is told. Scopes of other kinds, and what
    /// goes beyond it, are left out.
    ///
    /// # Errors
    /// Where a scope is finer than a type, cannot be understood, or where nothing would be left.
    pub fn grant(&self, requested: &str) -> Result<String, String> {
        if requested.len() > LONGEST {
            return Err(format!("scope is longer than {LONGEST} characters"));
        }
        let mut granted: Vec<String> = Vec::new();
        let mut told = HashSet::new();
        let mut tell = |name: &str, rights: Rights, is_v1: bool| {
            let letters = match (rights.read, rights.search, is_v1) {
                (true, true, true) => "read",
                (true, true, false) => "rs",
                (true, false, _) => "r",
                (false, true, _) => "s",
                (false, false, _) => return,
            };
            let scope = format!("system/{name}.{letters}");
            if told.insert(scope.clone()) {
                granted.push(scope);
            }
        };
        let mut words = HashSet::new();
        for word in requested.split_whitespace().filter(|word| words.insert(*word)) {
            let Some(One { resource_type, rights, is_v1, .. }) = one(word)? else { continue };
            if resource_type != "*" {
                tell(&resource_type, rights.and(self.rights(&resource_type)), is_v1);
                continue;
            }
            let of_all = rights.and(self.all);
            tell("*", of_all, is_v1);
            for (name, own) in &self.types {
                let of_this = rights.and(own.or(self.all));
                if of_this != of_all {
                    tell(name, of_this, is_v1);
                }
            }
        }
        match granted.is_empty() {
            true => Err("none of the scopes that are asked for can be granted".to_owned()),
            false => Ok(granted.join(" ")),
        }
    }
}

/// Reads one scope; `None` for one of another kind than `system/`.
fn one(word: &str) -> Result<Option<One>, String> {
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
    // In their order, each once.
    let mut rest = "cruds".chars();
    if letters.is_empty() || !letters.chars().all(|letter| rest.any(|known| known == letter)) {
        return Err(wrong());
    }
    Ok(Some(One {
        resource_type: name.to_owned(),
        rights: Rights { read: letters.contains('r'), search: letters.contains('s') },
        writes: letters.contains(['c', 'u', 'd']),
        is_v1,
    }))
}

fn short(word: &str) -> String {
    word.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(registered: &str, requested: &str) -> Result<String, String> {
        Scope::parse(registered).unwrap().grant(requested)
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
        ] {
            assert!(granted("system/Patient.rs", requested).is_err(), "{requested}");
        }
    }

    #[test]
    fn a_type_needs_both_to_be_exported() {
        let scope = Scope::parse("system/*.r system/Patient.s system/Group.r").unwrap();
        assert_eq!(scope.exportable(), Some(BTreeSet::from(["Patient".to_owned()])));
        assert!(scope.allows("Device", Interaction::Read));
        assert!(!scope.allows("Device", Interaction::Search));
        assert_eq!(Scope::parse("system/*.rs").unwrap().exportable(), None);
        for wrong in ["", "system/*.cruds", "user/*.rs", "system/*.rs?a=b"] {
            assert!(Scope::parse(wrong).is_err(), "{wrong}");
        }
    }
}
