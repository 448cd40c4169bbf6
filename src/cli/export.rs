//! `fhirlite export`: writes an export to a folder.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::ValueEnum;
use fhirlite::{
    Associated, EXIT_OK, Edition, Error, ExportRequest, Folder, Kind, Level, Plan, Result, Store,
    instant, type_and_id,
};

/// Export a store as NDJSON files and a manifest.json, into a new or empty folder
///
/// Does everything that /fhir/$export does, without a server. Each file holds one type, in the order of
/// import. deleted.ndjson lists deleted resources, error.ndjson holds warnings and errors.
#[derive(clap::Args)]
pub struct ExportArgs {
    /// The store's file
    store: PathBuf,
    /// The folder to write to; made if there is none
    dir: PathBuf,
    /// Export the compartments of all patients (Patient/$export)
    #[arg(long, conflicts_with = "group")]
    all_patients: bool,
    /// Export the compartments of this Group's members (Group/[id]/$export)
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Export the compartments of these patients; with --group they must be members
    #[arg(long, value_name = "ID,...", value_delimiter = ',')]
    patient: Vec<String>,
    /// Export only these types
    #[arg(long = "type", value_name = "TYPE,...")]
    types: Vec<String>,
    /// Export only resources with meta.lastUpdated after this: 2021-01-01 or 2021-01-01T12:30:00Z;
    /// deleted.ndjson lists what was deleted after it
    #[arg(long, value_name = "INSTANT")]
    since: Option<String>,
    /// Export only resources with meta.lastUpdated before this
    #[arg(long, value_name = "INSTANT")]
    until: Option<String>,
    /// Export only these root elements, as birthDate or Patient.birthDate, and the mandatory ones
    #[arg(long, value_name = "ELEMENT,...", value_delimiter = ',')]
    elements: Vec<String>,
    /// Add the Provenance of exported resources: the latest of each, or all
    #[arg(long, value_name = "WHICH", value_enum)]
    provenance: Option<ProvenanceChoice>,
    /// Order files by patient instead of by type
    #[arg(long, value_name = "TYPE", value_enum)]
    organize_by: Option<OrganizeBy>,
    /// The most resources in a file; the next file is Patient.002.ndjson
    #[arg(long, value_name = "N")]
    resources_per_file: Option<NonZeroU64>,
    /// The most bytes in a file
    #[arg(long, value_name = "BYTES")]
    maximum_file_size: Option<NonZeroU64>,
    /// Make relative attachment URLs absolute with this base, such as https://example.org/fhir
    #[arg(long, value_name = "URL")]
    attachments_base: Option<String>,
    /// The edition of the Bulk Data IG that the manifest follows
    #[arg(long, value_name = "EDITION", value_enum, default_value = "stu3")]
    edition: EditionName,
    /// Compress the files: Patient.ndjson.gz and so on
    #[arg(long)]
    gzip: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ProvenanceChoice {
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

pub fn run(args: &ExportArgs) -> Result<u8> {
    let store = Store::open(&args.store)?;
    let mut request = request(args)?;
    let snapshot = store.snapshot()?;
    request.check(&snapshot, false)?;
    let folder = Folder::new(&args.dir, args.gzip)?;
    let plan = Plan::new(snapshot, &request)?;
    let typed = std::env::args_os().skip(1);
    let typed: Vec<_> = typed.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let edition = match args.edition {
        EditionName::Stu3 => Edition::Stu3,
        EditionName::Stu4 => Edition::Stu4,
    };
    let written = folder.write(&plan, edition, &format!("fhirlite {}", typed.join(" ")))?;
    super::print(format!(
        "{} resources in {} files, {} bytes of NDJSON, as of {}",
        written.resources,
        written.files,
        written.bytes,
        plan.snapshot.time()
    ))?;
    Ok(EXIT_OK)
}

fn request(args: &ExportArgs) -> Result<ExportRequest> {
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
        ProvenanceChoice::Latest => Associated::LatestProvenance,
        ProvenanceChoice::Relevant => Associated::RelevantProvenance,
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

/// Reads an id that is given alone or as `Type/id`.
fn id_of(resource_type: &str, text: &str) -> Result<String> {
    match type_and_id(text) {
        None if !text.contains('/') => Ok(text.to_owned()),
        Some((named, id)) if named == resource_type => Ok(id.to_owned()),
        _ => Err(Error::new(Kind::Usage, format!("{text}: is no id of a {resource_type}"))),
    }
}
