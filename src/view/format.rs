//! The names of the forms, their media types and the extensions of their files.
//!
//! <https://sql-on-fhir.org/ig/operations.html>: `_format` has these names, or media types.

use crate::error::{Error, Kind, Result};

/// A form in which rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewFormat {
    /// Comma-separated values.
    Csv {
        /// True where the first line has the names of the columns.
        header: bool,
    },
    /// A JSON object on each line.
    Ndjson,
    /// A JSON array of objects.
    Json,
    /// A Parquet file.
    Parquet,
}

/// Each form: its name, which is also the extension of its files, and its media types; the first one is
/// sent.
const FORMATS: [(ViewFormat, &str, &[&str]); 4] = [
    (ViewFormat::Csv { header: true }, "csv", &["text/csv"]),
    (
        ViewFormat::Ndjson,
        "ndjson",
        &["application/x-ndjson", "application/ndjson", "application/fhir+ndjson"],
    ),
    (ViewFormat::Json, "json", &["application/json", "application/fhir+json"]),
    (
        ViewFormat::Parquet,
        "parquet",
        &["application/vnd.apache.parquet", "application/parquet", "application/x-parquet"],
    ),
];

impl ViewFormat {
    /// The form of a name or a media type; CSV has a header. `None` for others.
    pub fn named(text: &str) -> Option<ViewFormat> {
        let is_named = |(_, name, types): &&(ViewFormat, &str, &[&str])| {
            text.eq_ignore_ascii_case(name) || types.iter().any(|of| text.eq_ignore_ascii_case(of))
        };
        FORMATS.iter().find(is_named).map(|(format, ..)| *format)
    }

    /// Checks that this build of fhirlite writes the form.
    ///
    /// # Errors
    /// `Usage` for Parquet where the feature `parquet` is off.
    pub fn check_built(self) -> Result<()> {
        if self == ViewFormat::Parquet && !cfg!(feature = "parquet") {
            let reason = "this fhirlite was built without Parquet; write csv or ndjson, or build it with the feature `parquet`";
            return Err(Error::new(Kind::Usage, reason));
        }
        Ok(())
    }

    /// The names, for messages and documentation.
    pub fn names() -> [&'static str; 4] {
        FORMATS.map(|(_, name, _)| name)
    }

    /// The name, which is also the extension of files.
    pub fn name(self) -> &'static str {
        match self {
            ViewFormat::Csv { .. } => "csv",
            ViewFormat::Ndjson => "ndjson",
            ViewFormat::Json => "json",
            ViewFormat::Parquet => "parquet",
        }
    }

    /// The media type.
    pub fn media_type(self) -> &'static str {
        let types = FORMATS.iter().find(|(_, name, _)| *name == self.name());
        types.and_then(|(.., types)| types.first()).copied().unwrap_or_default()
    }
}
