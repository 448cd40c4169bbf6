//! Lists of what is in a store now, without a snapshot: ids, and types.

use super::handle::Store;
use super::sql::all;
use super::tables::{CURRENT, IS_OF_TYPE, types_in};
use crate::error::Result;

/// How many ids are read at once. Between two reads others may write.
const AT_ONCE: usize = 10_000;

impl Store {
    /// Calls `each` with the id of every resource of a type, in order of the bytes of the ids. A resource
    /// that comes or goes meanwhile may be among them.
    ///
    /// # Errors
    /// Where the store cannot be read, and those of `each`.
    pub fn list(
        &self,
        resource_type: &str,
        each: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let sql = format!(
            "SELECT id FROM {CURRENT} INDEXED BY current_identity
              WHERE {IS_OF_TYPE} AND id > ?2 ORDER BY id LIMIT ?3"
        );
        let mut last = String::new();
        loop {
            let key = (resource_type, &last, AT_ONCE);
            let ids: Vec<String> = all(&*self.reader()?, &sql, key, |row| row.get(0))?;
            ids.iter().try_for_each(|id| each(id))?;
            match ids.into_iter().nth(AT_ONCE - 1) {
                Some(id) => last = id,
                None => return Ok(()),
            }
        }
    }

    /// A hint for a type that the store has no resources of and that its version of FHIR does not know.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn type_hint(&self, resource_type: &str) -> Result<Option<String>> {
        let there = types_in(&*self.reader()?, CURRENT)?;
        let known = self.fhir_version()?.unwrap_or_default().types();
        if known.contains(resource_type) || there.iter().any(|name| name == resource_type) {
            return Ok(None);
        }
        let near = |name: &&String| distance(&name.to_lowercase(), &resource_type.to_lowercase());
        let nearest = there.iter().chain(&known).filter(|name| near(name) <= 2).min_by_key(near);
        Ok(Some(match nearest {
            Some(name) => format!("did you mean {name}?"),
            None => format!("it has {}", there.join(", ")),
        }))
    }
}

/// How many characters have to be put in, taken out or replaced to make one name of another.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.chars().enumerate() {
        let mut before = line;
        row[0] = line + 1;
        for (column, b) in other.iter().enumerate() {
            let replaced = before + usize::from(a != *b);
            before = row[column + 1];
            row[column + 1] = replaced.min(before + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn names_are_as_far_apart_as_they_have_differences() {
        for (one, other, far) in [
            ("patient", "patient", 0),
            ("patiant", "patient", 1),
            ("pateint", "patient", 2),
            ("", "abc", 3),
        ] {
            assert_eq!(distance(one, other), far, "{one} {other}");
            assert_eq!(distance(other, one), far, "{other} {one}");
        }
    }
}
