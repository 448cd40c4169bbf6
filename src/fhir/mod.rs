//! The vocabulary: instants, resources, Bundles, references. Pure: no I/O, no clock.

pub mod bundle;
pub mod instant;
pub mod json;
pub mod outcome;
pub mod reference;
pub mod resource;

pub use instant::Instant;
