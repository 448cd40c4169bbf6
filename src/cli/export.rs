//! `fhirlite export`: writes an export to a folder. `export_form.rs` has the forms beside NDJSON.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, ValueEnum};
use fhirlite::{
    EXIT_OK, Edition, ExportOption, ExportRequest, Folder, Level, Plan, Result, Store,
    export_options, id_of,
};

use super::export_form::{ExportForm, FormArgs};
use super::output::{opened, print};
use super::upgrade::announced;

/// Export a store as files and a manifest.json, into a new or empty folder
///
/// Does everything that /fhir/$export does, without a server. Each file holds one type, in the order of
/// import, or with --view the rows of a view. deleted.ndjson lists deleted resources, error.ndjson holds
/// warnings and errors.
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
    #[command(flatten)]
    parameters: ParameterArgs,
    /// The most resources in a file; the next file is Patient.002.ndjson
    #[arg(long, value_name = "N")]
    resources_per_file: Option<NonZeroU64>,
    /// Make relative attachment URLs absolute with this base, such as https://example.org/fhir
    #[arg(long, value_name = "URL")]
    attachments_base: Option<String>,
    /// The edition of the Bulk Data IG that the manifest follows; stu3 without it
    #[arg(long, value_name = "EDITION", value_enum)]
    edition: Option<EditionName>,
    #[command(flatten)]
    form: FormArgs,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum EditionName {
    /// STU1 to STU3
    #[default]
    Stu3,
    /// The STU4 ballot
    Stu4,
}

pub fn run(args: &ExportArgs) -> Result<u8> {
    let form = ExportForm::read(&args.form, &given(args))?;
    let store = opened(Store::open(announced(&args.store))?);
    let mut request = request(&store, args)?;
    if let ExportForm::Rows(views, _) = &form {
        request.for_views(views);
    }
    let snapshot = store.snapshot()?;
    request.check(&snapshot, false)?;
    let folder = Folder::new(&args.dir, args.form.gzip)?;
    let plan = Plan::new(snapshot, &request)?;
    let typed = std::env::args_os().skip(1);
    let typed: Vec<_> = typed.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let edition = match args.edition.unwrap_or_default() {
        EditionName::Stu3 => Edition::Stu3,
        EditionName::Stu4 => Edition::Stu4,
    };
    let said = form.write(&folder, &plan, edition, &format!("fhirlite {}", typed.join(" ")))?;
    print(format!("{said}, as of {}", plan.snapshot.time()))?;
    Ok(EXIT_OK)
}

fn request(store: &Store, args: &ExportArgs) -> Result<ExportRequest> {
    let level = match &args.group {
        Some(id) => Level::Group(id_of("Group", id)?),
        None if args.all_patients => Level::Patient,
        None => Level::System,
    };
    let given = args.parameters.0.iter().map(|(name, value)| (*name, value.as_str()));
    let mut request = ExportRequest::from_options(store, level, given)?;
    request.limits.resources_per_file = args.resources_per_file;
    let base = args.attachments_base.as_ref();
    request.shape.attachments_base = base.map(|base| format!("{}/", base.trim_end_matches('/')));
    Ok(request)
}

/// The names of the options that are given, as far as not every form has a use for them.
fn given(args: &ExportArgs) -> Vec<&'static str> {
    let others = [
        ("resources-per-file", args.resources_per_file.is_some()),
        ("attachments-base", args.attachments_base.is_some()),
        ("edition", args.edition.is_some()),
    ];
    let others = others.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name);
    args.parameters.0.iter().map(|(name, _)| *name).chain(others).collect()
}

/// The options that set export parameters: the library's table of parameters lists them. Each
/// option that is given has its name and its value here.
struct ParameterArgs(Vec<(&'static str, String)>);

impl clap::Args for ParameterArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.args(export_options().map(argument))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        ParameterArgs::augment_args(command)
    }
}

fn argument(option: &ExportOption) -> Arg {
    let argument =
        Arg::new(option.name).long(option.name).value_name(option.value_name).help(option.help);
    let argument = if option.is_repeated { argument.action(ArgAction::Append) } else { argument };
    if option.choices.is_empty() {
        return argument;
    }
    let choices = option.choices.iter().map(|(name, value)| {
        let choice = PossibleValue::new(*name);
        if name == value { choice } else { choice.help(*value) }
    });
    argument.value_parser(PossibleValuesParser::new(choices))
}

impl clap::FromArgMatches for ParameterArgs {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<ParameterArgs, clap::Error> {
        let given = export_options().flat_map(|option| {
            let values = matches.get_many::<String>(option.name).into_iter().flatten();
            values.map(|value| (option.name, value.clone()))
        });
        Ok(ParameterArgs(given.collect()))
    }

    fn update_from_arg_matches(
        &mut self,
        matches: &ArgMatches,
    ) -> std::result::Result<(), clap::Error> {
        *self = ParameterArgs::from_arg_matches(matches)?;
        Ok(())
    }
}
