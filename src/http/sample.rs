//! The sample data of the project, packed into the library: what `POST /sample` and a fixture import.
//!
//! `sample-data.tar.xz` holds the files of `sample-data/`. A test compares them, and its message says how to pack them
//! anew. The cargo feature `sample-data` has the 180 KB.

use crate::error::Result;

#[cfg(feature = "sample-data")]
const SAMPLE: &[u8] = include_bytes!("../../sample-data.tar.xz");

/// The sample data as an archive.
///
/// # Errors
/// `NotFound` in a build without it.
#[cfg(feature = "sample-data")]
pub fn sample_data() -> Result<&'static [u8]> {
    Ok(SAMPLE)
}

/// The sample data as an archive.
///
/// # Errors
/// `NotFound` in a build without it.
#[cfg(not(feature = "sample-data"))]
pub fn sample_data() -> Result<&'static [u8]> {
    let what =
        "this build of fhirlite has no sample data; its cargo feature `sample-data` adds them";
    Err(crate::error::Error::new(crate::error::Kind::NotFound, what))
}
