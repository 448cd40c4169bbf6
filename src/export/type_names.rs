//! Reads the parameters that name types: `_type` and `_elements`; `type_filter.rs` reads `_typeFilter`.
//!
//! A type must be one of the store's version of FHIR, or one that the store has. Kick-offs and command lines share this check.

use super::reader::ParameterReader;
use crate::error::Result;
use crate::fhir::definitions::spelling;
use crate::fhir::name::short;

/// Reads `_type`.
pub fn types(reader: &mut ParameterReader<'_>, value: &str) -> Result<()> {
    if reader.type_check().is_none() {
        reader.request.filter.add_types(value);
        return Ok(());
    }
    // An unknown type yields nothing. Leaving it out must not yield everything.
    reader.request.filter.types.get_or_insert_default();
    for name in reader.list(value) {
        if is_type(reader, &name)? {
            reader.request.filter.types.get_or_insert_default().insert(name);
        }
    }
    Ok(())
}

/// Checks that a resource type exists, and notes a fault where it does not.
///
/// # Errors
/// Where the store cannot be read.
pub fn is_type(reader: &mut ParameterReader<'_>, name: &str) -> Result<bool> {
    let Some(check) = reader.type_check() else { return Ok(true) };
    if reader.known_types.contains(name) {
        return Ok(true);
    }
    // Once too many are wrong, no type is looked up any more.
    if reader.tells_faults() && check(name)? {
        reader.known_types.insert(name.to_owned());
        return Ok(true);
    }
    let what = "is no resource type of the store's version of FHIR, and the store has none such";
    match spelling(name) {
        Some(known) => reader.fault(name, &format!("{what}; did you mean {known}?")),
        None => reader.fault(name, what),
    }
    Ok(false)
}

/// Reads `_elements`.
pub fn elements(reader: &mut ParameterReader<'_>, value: &str) -> Result<()> {
    for entry in reader.list(value) {
        // The elements of a type that does not exist would cut nothing.
        let named = entry.split_once('.').map_or("", |(name, _)| name);
        let is_of_type = named.starts_with(|c: char| c.is_ascii_uppercase());
        if (is_of_type || spelling(named).is_some()) && !is_type(reader, named)? {
            continue;
        }
        if let Err(what) = reader.request.shape.elements.add(&entry) {
            reader.tell(format!("{} {:?}: {what}", reader.label, short(&entry)));
        }
    }
    Ok(())
}
