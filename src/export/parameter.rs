//! The export parameters: one table.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>. From this table come the reading
//! of kick-offs, of 1upHealth queries and of command lines (`read.rs`), the OperationDefinitions
//! (`http/operation.rs`), the error that lists the known parameters, and the options of
//! `fhirlite export` (`cli/export.rs`). A new parameter takes a row here and, in the file of its
//! capability (`filter.rs`, `shape.rs`, `parts.rs` …), a field and its effect.

use super::edition::Edition;
use super::reader::{ParameterReader, ParameterSource, id_of};
use super::request::{AssociatedData, Level};
use super::type_filter::type_filters;
use super::type_names::{elements, types};
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::name::local_reference;

/// One export parameter. Every parameter is optional: its `min` is 0.
pub struct ExportParameter {
    /// The name.
    pub name: &'static str,
    /// The FHIR type.
    fhir_type: &'static str,
    /// The FHIR type in the STU4 ballot, if it is another one.
    stu4_type: Option<&'static str>,
    /// Whether it may be repeated: its `max` is `*` instead of 1.
    pub is_repeated: bool,
    /// Whether the system level takes it. The Patient and Group levels take every parameter.
    pub is_for_system: bool,
    /// Whether it is taken by POST only.
    pub is_post_only: bool,
    /// Whether the 1upHealth dialect takes it.
    pub is_in_oneup: bool,
    /// One line for the OperationDefinition.
    pub documentation: &'static str,
    /// The possible values; empty if others are possible too.
    pub values: &'static [&'static str],
    /// The option of `fhirlite export`, if there is one.
    pub option: Option<ExportOption>,
    /// Whether it is supported.
    pub support: Support,
}

/// Whether a parameter is supported.
pub enum Support {
    /// It is read into the request by this function.
    Read(fn(&mut ParameterReader<'_>, &str) -> Result<()>),
    /// It is taken, and changes nothing about the export.
    Ignored,
}

/// An option of `fhirlite export` that sets an export parameter.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ExportOption {
    /// Its name, without the dashes.
    pub name: &'static str,
    /// What `--help` shows for the value.
    pub value_name: &'static str,
    /// What `--help` says about it.
    pub help: &'static str,
    /// Whether it may be given several times.
    pub is_repeated: bool,
    /// The possible values, each with the value that the parameter has for it; empty if any value is
    /// possible.
    pub choices: &'static [(&'static str, &'static str)],
}

/// The row that all others begin with.
const ROW: ExportParameter = ExportParameter {
    name: "",
    fhir_type: "string",
    stu4_type: None,
    is_repeated: false,
    is_for_system: true,
    is_post_only: false,
    is_in_oneup: false,
    documentation: "",
    values: &[],
    option: None,
    support: Support::Ignored,
};

/// The option that all others begin with.
const OPTION: ExportOption =
    ExportOption { name: "", value_name: "", help: "", is_repeated: false, choices: &[] };

/// Every parameter that is known here, in the order of the OperationDefinitions.
pub static PARAMETERS: [ExportParameter; 17] = [
    ExportParameter {
        name: "_outputFormat",
        is_in_oneup: true,
        documentation: "application/fhir+ndjson, application/ndjson or ndjson",
        values: &NDJSON,
        support: Support::Read(output_format),
        ..ROW
    },
    ExportParameter {
        name: "_since",
        fhir_type: "instant",
        is_in_oneup: true,
        documentation: "Only resources with meta.lastUpdated after this",
        option: Some(ExportOption {
            name: "since",
            value_name: "INSTANT",
            help: "Export only resources with meta.lastUpdated after this: 2021-01-01 or \
                   2021-01-01T12:30:00Z; deleted.ndjson lists what was deleted after it",
            ..OPTION
        }),
        support: Support::Read(|reader, value| {
            reader.request.filter.since = reader.instant(value, reader.request.filter.since);
            Ok(())
        }),
        ..ROW
    },
    ExportParameter {
        name: "_until",
        fhir_type: "instant",
        documentation: "Only resources with meta.lastUpdated before this",
        option: Some(ExportOption {
            name: "until",
            value_name: "INSTANT",
            help: "Export only resources with meta.lastUpdated before this",
            ..OPTION
        }),
        support: Support::Read(|reader, value| {
            reader.request.filter.until = reader.instant(value, reader.request.filter.until);
            Ok(())
        }),
        ..ROW
    },
    ExportParameter {
        name: "_type",
        is_repeated: true,
        is_in_oneup: true,
        documentation: "Only resources of these types",
        option: Some(ExportOption {
            name: "type",
            value_name: "TYPE,...",
            help: "Export only these types",
            is_repeated: true,
            ..OPTION
        }),
        support: Support::Read(types),
        ..ROW
    },
    ExportParameter {
        name: "_elements",
        is_repeated: true,
        documentation: "Only these root elements, as Type.element or element, and mandatory ones",
        option: Some(ExportOption {
            name: "elements",
            value_name: "ELEMENT,...",
            help: "Export only these root elements, as birthDate or Patient.birthDate, and the mandatory \
                   ones",
            is_repeated: true,
            ..OPTION
        }),
        support: Support::Read(elements),
        ..ROW
    },
    ExportParameter {
        name: "patient",
        fhir_type: "Reference",
        is_repeated: true,
        is_for_system: false,
        is_post_only: true,
        documentation: "Only these patients (POST)",
        option: Some(ExportOption {
            name: "patient",
            value_name: "ID,...",
            help: "Export the compartments of these patients; with --group they must be members",
            is_repeated: true,
            ..OPTION
        }),
        support: Support::Read(patients),
        ..ROW
    },
    ExportParameter {
        name: "includeAssociatedData",
        fhir_type: "code",
        stu4_type: Some("Coding"),
        is_repeated: true,
        documentation: "LatestProvenanceResources or RelevantProvenanceResources",
        values: &["LatestProvenanceResources", "RelevantProvenanceResources"],
        option: Some(ExportOption {
            name: "provenance",
            value_name: "WHICH",
            help: "Add the Provenance of exported resources: the latest of each, or all",
            choices: &[
                ("latest", "LatestProvenanceResources"),
                ("relevant", "RelevantProvenanceResources"),
            ],
            ..OPTION
        }),
        support: Support::Read(associated_data),
        ..ROW
    },
    ExportParameter {
        name: "organizeOutputBy",
        documentation: "Patient",
        values: &[PATIENT],
        option: Some(ExportOption {
            name: "organize-by",
            value_name: "TYPE",
            help: "Order files by patient instead of by type",
            choices: &[(PATIENT, PATIENT)],
            ..OPTION
        }),
        support: Support::Read(organize_output_by),
        ..ROW
    },
    ExportParameter {
        name: "allowPartialManifests",
        fhir_type: "boolean",
        documentation: "Whether the manifest may come in pages",
        values: &["true", "false"],
        support: Support::Read(allow_partial_manifests),
        ..ROW
    },
    ExportParameter {
        name: "_minimumFileSize",
        fhir_type: "positiveInt",
        documentation: "Files are as large as they may be",
        support: Support::Read(|reader, value| {
            reader.request.limits.minimum_file_size = reader.size(value);
            Ok(())
        }),
        ..ROW
    },
    ExportParameter {
        name: "_maximumFileSize",
        fhir_type: "positiveInt",
        documentation: "At most so many bytes in a file, unless one resource has more",
        option: Some(ExportOption {
            name: "maximum-file-size",
            value_name: "BYTES",
            help: "The most bytes in a file",
            ..OPTION
        }),
        support: Support::Read(|reader, value| {
            reader.request.limits.maximum_file_size = reader.size(value);
            Ok(())
        }),
        ..ROW
    },
    ExportParameter {
        name: "_typeFilter",
        is_repeated: true,
        documentation: "Of a type only resources that a search finds, as Observation?code=8867-4; several of a \
                        type are alternatives",
        option: Some(ExportOption {
            name: "type-filter",
            value_name: "SEARCH",
            help: "Export of a type only what a search finds, such as 'Observation?code=8867-4'; several of \
                   a type are alternatives",
            is_repeated: true,
            ..OPTION
        }),
        support: Support::Read(type_filters),
        ..ROW
    },
    // The form of the answer: `http/header/media.rs` reads `_format`; `_pretty` changes nothing.
    ExportParameter { name: "_format", is_in_oneup: true, ..ROW },
    ExportParameter { name: "_pretty", is_in_oneup: true, ..ROW },
    // Credentials do not count in a query, where others could read them.
    ExportParameter { name: "client_id", is_in_oneup: true, ..ROW },
    ExportParameter { name: "client_secret", is_in_oneup: true, ..ROW },
    ExportParameter { name: "access_token", is_in_oneup: true, ..ROW },
];

impl ExportParameter {
    /// The parameter with this name.
    pub fn named(name: &str) -> Option<&'static ExportParameter> {
        PARAMETERS.iter().find(|parameter| parameter.name == name)
    }

    /// The parameters that are supported.
    pub fn supported() -> impl Iterator<Item = &'static ExportParameter> {
        PARAMETERS.iter().filter(|parameter| matches!(parameter.support, Support::Read(_)))
    }

    /// True if a level takes this parameter.
    pub fn is_for(&self, level: &Level) -> bool {
        self.is_for_system || matches!(level, Level::Patient | Level::Group(_))
    }

    /// The FHIR type in an edition.
    pub fn fhir_type(&self, edition: Edition) -> &'static str {
        match edition {
            Edition::Stu3 => self.fhir_type,
            Edition::Stu4 => self.stu4_type.unwrap_or(self.fhir_type),
        }
    }

    /// The most often that it may be given, as an OperationDefinition writes it.
    pub fn max(&self) -> &'static str {
        if self.is_repeated { "*" } else { "1" }
    }
}

/// The options of `fhirlite export` that set export parameters.
pub fn export_options() -> impl Iterator<Item = &'static ExportOption> {
    PARAMETERS.iter().filter_map(|parameter| parameter.option.as_ref())
}

/// The names of NDJSON in `_outputFormat`.
const NDJSON: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

fn output_format(reader: &mut ParameterReader<'_>, value: &str) -> Result<()> {
    if !NDJSON.contains(&value.replace(' ', "+").as_str()) {
        reader.fault(value, &format!("is not supported; {} is", NDJSON[0]));
    }
    Ok(())
}

fn patients(reader: &mut ParameterReader<'_>, value: &str) -> Result<()> {
    let is_option = matches!(reader.source, ParameterSource::CommandLine(_));
    if is_option && reader.request.level == Level::System {
        reader.request.level = Level::Patient;
    }
    reader.request.patients.get_or_insert_default();
    for one in value.split(',') {
        let id = if is_option {
            Some(id_of(PATIENT, one)?)
        } else {
            local_reference(one.trim())
                .filter(|(name, _)| *name == PATIENT)
                .map(|(_, id)| id.to_owned())
        };
        match id {
            Some(id) => drop(reader.request.patients.get_or_insert_default().insert(id)),
            None => reader.fault(one.trim(), "should be a reference such as Patient/123"),
        }
    }
    Ok(())
}

fn associated_data(reader: &mut ParameterReader<'_>, value: &str) -> Result<()> {
    for code in reader.list(value) {
        let associated = match code.as_str() {
            "LatestProvenanceResources" => AssociatedData::LatestProvenance,
            "RelevantProvenanceResources" => AssociatedData::RelevantProvenance,
            _ => {
                reader.fault(
                    &code,
                    "is not supported; LatestProvenanceResources and RelevantProvenanceResources are",
                );
                continue;
            }
        };
        // "If multiple conflicting values are included, the Data Provider SHALL apply the least
        // restrictive value."
        reader.request.associated = reader.request.associated.max(Some(associated));
    }
    Ok(())
}

fn organize_output_by(reader: &mut ParameterReader<'_>, value: &str) -> Result<()> {
    if value == PATIENT {
        reader.request.organize_by_patient = true;
    } else {
        reader.fault(value, "is not supported; Patient is");
    }
    Ok(())
}

fn allow_partial_manifests(reader: &mut ParameterReader<'_>, value: &str) -> Result<()> {
    match value {
        "true" => reader.request.partial_manifests = true,
        "false" => reader.request.partial_manifests = false,
        _ => reader.fault(value, "should be true or false"),
    }
    Ok(())
}
