//! `fhirlite export`

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::ValueEnum;
use fhirlite::{Associated, Edition, ExportRequest, Folder, Level, Plan, instant};
use fhirlite::{EXIT_OK, Error, Kind, Result, Store, type_and_id};

/// Export a store as NDJSON files and a manifest.json, into a new or empty folder
///
/// Everything that /fhir/$export can do, without a server. Files hold one type each, in the order in
/// which the resources came in; deleted.ndjson and error.ndjson say what else is to be said.
#[derive(clap::Args)]
pub struct Args {
    /// The store's file
    store: PathBuf,
    /// The folder to write; made if it is not there
    dir: PathBuf,
    /// What is about patients, whoever they are (Patient/$export)
    #[arg(long, conflicts_with = "group")]
    all_patients: bool,
    /// What is about the members of this Group (Group/[id]/$export)
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// What is about this patient, or these; with --group they must be members
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    patient: Vec<String>,
    /// Only these types
    #[arg(long = "type", value_name = "TYPE,...")]
    types: Vec<String>,
    /// Only resources with meta.lastUpdated after this: 2021-01-01 or 2021-01-01T12:30:00Z; what was
    /// deleted after it is told in deleted.ndjson
    #[arg(long, value_name = "INSTANT")]
    since: Option<String>,
    /// Only resources with meta.lastUpdated before this
    #[arg(long, value_name = "INSTANT")]
    until: Option<String>,
    /// Only these root elements, as birthDate or Patient.birthDate, and mandatory ones
    #[arg(long, value_name = "ELEMENT,...", value_delimiter = ',')]
    elements: Vec<String>,
    /// Provenance of what is exported: the latest one of each resource, or all that is relevant
    #[arg(long, value_name = "WHICH", value_enum)]
    provenance: Option<Provenance>,
    /// Files hold one patient after the other instead of one type each
    #[arg(long, value_name = "TYPE", value_enum)]
    organize_by: Option<OrganizeBy>,
    /// Begin a new file (Patient.002.ndjson) after so many resources
    #[arg(long, value_name = "N")]
    resources_per_file: Option<NonZeroU64>,
    /// Begin a new file where one would have more bytes than this
    #[arg(long, value_name = "BYTES")]
    maximum_file_size: Option<NonZeroU64>,
    /// The base, such as https://example.org/fhir, that relative URLs of attachments become absolute on
    #[arg(long, value_name = "URL")]
    attachments_base: Option<String>,
    /// The edition of the Bulk Data IG in whose shape the manifest is
    #[arg(long, value_name = "EDITION", value_enum, default_value = "stu3")]
    edition: EditionName,
    /// Write Patient.ndjson.gz and so on
    #[arg(long)]
    gzip: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Provenance {
    /// LatestProvenanceResources
    Latest,
    /// RelevantProvenanceResources
    Relevant,
}

#[derive(Clone, Copy, ValueEnum)]
enum OrganizeBy {
    #[value(name = "Patient")]
    Patient,
}

#[derive(Clone, Copy, ValueEnum)]
enum EditionName {
    /// STU1 to STU3
    Stu3,
    /// The STU4 ballot
    Stu4,
}

pub fn run(args: &Args) -> Result<u8> {
    let store = Store::open(&args.store)?;
    let mut request = request(args)?;
    let snapshot = store.snapshot()?;
    request.check(&snapshot, false)?;
    let folder = Folder::new(&args.dir, args.gzip)?;
    let plan = Plan::new(snapshot, &request)?;
    let args_given = std::env::args_os().skip(1);
    let asked: Vec<_> = args_given.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let edition = match args.edition {
        EditionName::Stu3 => Edition::Stu3,
        EditionName::Stu4 => Edition::Stu4,
    };
    let written = folder.write(&plan, edition, &format!("fhirlite {}", asked.join(" ")))?;
    super::print(format!(
        "{} resources in {} files, {} bytes of NDJSON, as of {}",
        written.resources,
        written.files,
        written.bytes,
        plan.snapshot.time()
    ))?;
    Ok(EXIT_OK)
}

fn request(args: &Args) -> Result<ExportRequest> {
    let level = match (&args.group, args.all_patients || !args.patient.is_empty()) {
        (Some(id), _) => Level::Group(id_of("Group", id)?),
        (None, true) => Level::Patient,
        (None, false) => Level::System,
    };
    let mut request = ExportRequest::at(level);
    request.since = args.since.as_deref().map(|text| instant("--since", text)).transpose()?;
    request.until = args.until.as_deref().map(|text| instant("--until", text)).transpose()?;
    request.resources_per_file = args.resources_per_file;
    request.maximum_file_size = args.maximum_file_size;
    request.organize_by_patient = args.organize_by.is_some();
    request.associated = args.provenance.map(|which| match which {
        Provenance::Latest => Associated::LatestProvenance,
        Provenance::Relevant => Associated::RelevantProvenance,
    });
    let base = args.attachments_base.as_ref();
    request.attachments_base = base.map(|base| format!("{}/", base.trim_end_matches('/')));
    if !args.patient.is_empty() {
        let ids = args.patient.iter().map(|id| id_of("Patient", id));
        request.patients = Some(ids.collect::<Result<_>>()?);
    }
    args.types.iter().for_each(|list| request.add_types(list));
    args.elements.iter().try_for_each(|entry| request.add_element(entry))?;
    Ok(request)
}

/// An id, given alone or as `Type/id`.
fn id_of(resource_type: &str, text: &str) -> Result<String> {
    match type_and_id(text) {
        None if !text.contains('/') => Ok(text.to_owned()),
        Some((named, id)) if named == resource_type => Ok(id.to_owned()),
        _ => Err(Error::new(Kind::Usage, format!("{text}: is no id of a {resource_type}"))),
    }
}
