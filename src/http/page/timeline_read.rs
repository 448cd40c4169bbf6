//! What the course of a patient's care is made of: the resources of the compartment that the caller may read.
//!
//! A patient may have very many resources. So only some are looked at: the ones that were written last, and others spread
//! evenly over the rest. How many were left out is told.

use std::collections::HashMap;

use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::care_event::{CareEvent, course_place, course_tree};
use crate::fhir::concept::concept_text;
use crate::fhir::json::Tree;
use crate::fhir::measured::Measured;
use crate::fhir::name::type_and_id;
use crate::http::authenticated::AuthenticatedRequest;
use crate::store::{Lookup, Snapshot, VersionHeader};

/// The most versions of which the type is looked up.
const MOST_LOOKED_AT: usize = 3000;
/// The most resources that are read, and the largest one in bytes.
const MOST_READ: usize = 1200;
const LARGEST: u64 = 256 << 10;
/// The most Medications that are looked up for their names.
const MOST_MEDICATIONS: usize = 100;
const OBSERVATION: &str = "Observation";
const MEDICATION: &str = "Medication";

/// The course of a patient's care, as far as it was read.
#[derive(Default)]
pub struct Course {
    /// What happened, in no order.
    pub entries: Vec<CourseEntry>,
    /// How many resources were not looked at.
    pub left_out: usize,
    /// The bytes of the resources that were read.
    pub bytes: usize,
}

/// A resource of a course.
pub struct CourseEntry {
    /// The type.
    pub resource_type: String,
    /// The logical id.
    pub id: String,
    /// When and what it was.
    pub event: CareEvent,
    /// The numbers of an Observation.
    pub measured: Vec<Measured>,
}

/// Reads the course of a patient's care.
///
/// # Errors
/// `Interrupted` where the client has left; where the store cannot be read.
pub fn read_course(
    request: &AuthenticatedRequest<'_>,
    snapshot: &Snapshot,
    patient: &str,
) -> Result<Course> {
    let lookup = snapshot.lookup()?;
    let numbers = lookup.in_compartment_of(patient)?;
    let some = some_of(&numbers, MOST_LOOKED_AT);
    let mut course = Course { left_out: numbers.len() - some.len(), ..Course::default() };
    let mut rights: HashMap<String, bool> = HashMap::new();
    let mut readable = Vec::new();
    for (number, seq) in some.into_iter().rev().enumerate() {
        if number % 256 == 0 {
            request.check_is_there()?;
        }
        let Some(header) = lookup.version(seq)? else { continue };
        let VersionHeader { resource_type, size, .. } = header;
        let may_read = rights.entry(resource_type).or_insert_with_key(|name| {
            course_place(name).is_some() && request.check(name, Interaction::Search).is_ok()
        });
        match *may_read {
            true if size <= LARGEST => readable.push(seq),
            true => course.left_out += 1,
            false => {}
        }
    }
    let some = some_of(&readable, MOST_READ);
    course.left_out += readable.len() - some.len();
    for seq in some {
        let entry = lookup.read(seq, |header, body| {
            course.bytes += body.len();
            entry_of(header, body)
        })?;
        course.entries.extend(entry.transpose()?);
    }
    name_medications(request, &lookup, &mut course)?;
    Ok(course)
}

/// At most so many of the numbers, the highest first: half of them the highest ones, half spread over the others.
fn some_of(numbers: &[i64], most: usize) -> Vec<i64> {
    if numbers.len() <= most {
        return numbers.iter().rev().copied().collect();
    }
    let (rest, newest) = numbers.split_at(numbers.len() - most / 2);
    let spread = most - newest.len();
    let spread = (0..spread).map(|number| rest[number * rest.len() / spread]);
    newest.iter().rev().copied().chain(spread.rev()).collect()
}

fn entry_of(header: VersionHeader, body: &str) -> Result<CourseEntry> {
    let VersionHeader { resource_type, id, .. } = header;
    let tree = course_tree(&resource_type, body)
        .map_err(|error| Error::new(Kind::Damaged, format!("a body is no JSON: {error}")))?;
    let event = CareEvent::of(&resource_type, &tree);
    let measured = if resource_type == OBSERVATION { Measured::all_of(&tree) } else { Vec::new() };
    Ok(CourseEntry { resource_type, id, event, measured })
}

/// Names what was given by the Medications that resources refer to.
fn name_medications(
    request: &AuthenticatedRequest<'_>,
    lookup: &Lookup<'_>,
    course: &mut Course,
) -> Result<()> {
    let may_read = request.check(MEDICATION, Interaction::Read).is_ok();
    let mut known: HashMap<String, Option<String>> = HashMap::new();
    for event in course.entries.iter_mut().map(|entry| &mut entry.event) {
        let Some(name) = event.medication.clone().filter(|_| event.title.is_empty()) else {
            continue;
        };
        let title = match known.get(&name) {
            Some(title) => title.clone(),
            None if !may_read || known.len() >= MOST_MEDICATIONS => None,
            None => {
                let title = medication(lookup, &name)?;
                known.insert(name.clone(), title.clone());
                title
            }
        };
        event.title = title.unwrap_or(name);
    }
    Ok(())
}

fn medication(lookup: &Lookup<'_>, name: &str) -> Result<Option<String>> {
    let Some((MEDICATION, id)) = type_and_id(name) else { return Ok(None) };
    let Some(seq) = lookup.find(MEDICATION, id)? else { return Ok(None) };
    if lookup.version(seq)?.is_none_or(|header| header.size > LARGEST) {
        return Ok(None);
    }
    let title = lookup.read(seq, |_, body| {
        let tree = Tree::parse(body).ok()?;
        tree.get("code").and_then(concept_text)
    })?;
    Ok(title.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_numbers_the_newest_and_some_of_the_others_are_taken() {
        let numbers: Vec<i64> = (0..100).collect();
        assert_eq!(some_of(&numbers[..5], 10), [4, 3, 2, 1, 0]);
        assert_eq!(some_of(&numbers, 10), [99, 98, 97, 96, 95, 76, 57, 38, 19, 0]);
    }
}
