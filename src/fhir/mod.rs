//! The vocabulary: instants, resources, Bundles, references, compartments. Pure: no I/O, no clock.

pub mod attachment;
pub mod bundle;
pub mod compartment;
pub mod elements;
pub mod group;
pub mod json;
pub mod name;
pub mod outcome;
pub mod parameters;
pub mod reference;
pub mod resource;
pub mod search;
