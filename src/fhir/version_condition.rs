//! `ifMatch` and `ifNoneMatch` of a Bundle entry: which version a change is meant for.
//!
//! <https://hl7.org/fhir/R4/http.html#concurrency>,
//! <https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request.ifMatch>

use super::name::short;

/// A condition on the current version of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionCondition {
    /// It is one of these versions.
    Is(Vec<String>),
    /// There is one.
    Exists,
    /// There is none.
    IsMissing,
}

impl VersionCondition {
    /// Reads an `ifMatch`: `W/"1"`, `"1"`, a list of these, or `*`. Weak and strong tags mean the
    /// same version.
    ///
    /// # Errors
    /// The reason, where it is something else.
    pub fn if_match(text: &str) -> Result<VersionCondition, String> {
        if text.trim() == "*" {
            return Ok(VersionCondition::Exists);
        }
        let version = |tag: &str| {
            let tag = tag.trim();
            let tag = tag.strip_prefix("W/").or_else(|| tag.strip_prefix("w/")).unwrap_or(tag);
            let version = tag.strip_prefix('"')?.strip_suffix('"')?;
            (!version.is_empty() && !version.contains('"')).then(|| version.to_owned())
        };
        let versions: Option<Vec<String>> = text.split(',').map(version).collect();
        versions
            .map(VersionCondition::Is)
            .ok_or_else(|| format!("ifMatch {} is not an entity tag like W/\"1\"", short(text)))
    }

    /// Reads an `ifNoneMatch`, of which `*` alone has a meaning for a change.
    ///
    /// # Errors
    /// The reason, where it is something else.
    pub fn if_none_match(text: &str) -> Result<VersionCondition, String> {
        if text.trim() == "*" {
            return Ok(VersionCondition::IsMissing);
        }
        Err(format!("ifNoneMatch {} is not supported; * is, with PUT", short(text)))
    }

    /// Says why a resource does not meet the condition; `None` where it does. `name` is its
    /// `Type/id`, `current` its version, where there is one.
    pub fn obstacle(&self, name: &str, current: Option<&str>) -> Option<String> {
        let name = short(name);
        match (self, current) {
            (VersionCondition::Is(versions), Some(current)) => {
                let is_met = versions.iter().any(|version| version == current);
                let asked = short(&versions.join(", "));
                (!is_met).then(|| {
                    format!(
                        "ifMatch asks for version {asked}, but {name} is at version {}; it was left alone",
                        short(current)
                    )
                })
            }
            (VersionCondition::Is(versions), None) => {
                let asked = short(&versions.join(", "));
                Some(format!("ifMatch asks for version {asked}, but there is no {name}"))
            }
            (VersionCondition::Exists, None) => {
                Some(format!("ifMatch asks for any version, but there is no {name}"))
            }
            (VersionCondition::IsMissing, Some(_)) => Some(format!(
                "ifNoneMatch * asks for a new resource, but {name} exists; it was left alone"
            )),
            (VersionCondition::Exists, Some(_)) | (VersionCondition::IsMissing, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_versions() {
        for (text, versions) in [
            ("W/\"1\"", Some(vec!["1"])),
            ("\"1\"", Some(vec!["1"])),
            (" w/\"a.b-2\" ", Some(vec!["a.b-2"])),
            ("W/\"1\", \"2\"", Some(vec!["1", "2"])),
            ("1", None),
            ("W/1", None),
            ("W/\"\"", None),
            ("\"1", None),
            ("", None),
            ("\"1\",", None),
            ("\"1\"2\"", None),
        ] {
            let read = VersionCondition::if_match(text).ok();
            let versions = versions.map(|versions| {
                VersionCondition::Is(versions.into_iter().map(str::to_owned).collect())
            });
            assert_eq!(read, versions, "{text}");
        }
        assert_eq!(VersionCondition::if_match("*"), Ok(VersionCondition::Exists));
        assert_eq!(VersionCondition::if_none_match("*"), Ok(VersionCondition::IsMissing));
        assert!(VersionCondition::if_none_match("W/\"1\"").is_err());
    }
}
