//! Makes a request from parameters: of a kick-off, of a 1upHealth query, of the command line.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>. A parameter that is not known is
//! a fault: without it the export would hold more than the client asked for.

use super::parameter::{ExportParameter, PARAMETERS, Support};
use super::reader::{KickOffRules, ParameterReader, ParameterSource};
use super::request::{ExportRequest, Level};
use super::type_filter::check_types;
use crate::error::{Error, Kind, Result};
use crate::store::{Reach, Store};

impl ExportRequest {
    /// Reads the parameters of a kick-off, names and values decoded.
    ///
    /// # Errors
    /// `Invalid`, with each wrong parameter, its value and the right form; for a lenient kick-off
    /// these are notices of the request. Where the store cannot be read.
    pub(crate) fn from_kick_off(
        pairs: &[(String, String)],
        rules: &KickOffRules<'_>,
    ) -> Result<ExportRequest> {
        let mut reader = ParameterReader::new(ParameterSource::KickOff(rules), rules.level.clone());
        for name in rules.unreadable {
            reader.begin("parameter");
            let what =
                "has a value that is neither simple, nor a Reference or a Coding, or has none";
            reader.fault(name, what);
            // Leaving `patient` out must not widen the export to all patients.
            if name == "patient" && takes(name, &rules.level) {
                reader.request.patients.get_or_insert_default();
            }
        }
        for (name, value) in pairs {
            let Some(parameter) = ExportParameter::named(name) else {
                reader.begin("parameter");
                reader.fault(name, &format!("is not known here; {} are", known()));
                continue;
            };
            reader.begin(name);
            if !parameter.is_for(&rules.level) {
                let what = "cannot be given here; Patient/$export and Group/[id]/$export take it";
                reader.fault(value, what);
                continue;
            }
            if parameter.is_post_only && !rules.is_post {
                let what = "can only be given by POST, in a Parameters resource";
                reader.fault_but_read(value, what, "; it is taken nevertheless");
            }
            read(&mut reader, parameter, value)?;
        }
        check_sizes(&mut reader);
        check_types(&mut reader);
        reader.finish()
    }

    /// Reads a query of the 1upHealth dialect, names and values decoded.
    ///
    /// # Errors
    /// `Invalid`, with each wrong parameter, its value and the right form.
    pub(crate) fn from_oneup_query(pairs: &[(String, String)]) -> Result<ExportRequest> {
        let mut reader = ParameterReader::new(ParameterSource::OneUp, Level::System);
        for (name, value) in pairs {
            match ExportParameter::named(name).filter(|parameter| parameter.is_in_oneup) {
                Some(parameter) => {
                    reader.begin(name);
                    read(&mut reader, parameter, value)?;
                }
                None => {
                    reader.begin("parameter");
                    reader.fault(name, "is not supported here; _type and _since are");
                }
            }
        }
        reader.finish()
    }

    /// Reads options of `fhirlite export`: names as in [`ExportOption::name`], with their values.
    /// The option `patient` turns the system level into the Patient level. A type must be one of R4,
    /// or one that `store` has.
    ///
    /// # Errors
    /// `Usage` for an unknown option and for a wrong id, else `Invalid`, with the right form. Where the
    /// store cannot be read.
    ///
    /// [`ExportOption::name`]: super::parameter::ExportOption::name
    pub fn from_options<'o>(
        store: &Store,
        level: Level,
        options: impl IntoIterator<Item = (&'o str, &'o str)>,
    ) -> Result<ExportRequest> {
        let seen = store.limited_to(Reach::Everything);
        let is_type = |name: &str| seen.knows_type(name);
        let mut reader = ParameterReader::new(ParameterSource::CommandLine(&is_type), level);
        for (name, value) in options {
            let found = PARAMETERS.iter().find_map(|parameter| {
                let option = parameter.option.as_ref().filter(|option| option.name == name)?;
                Some((parameter, option))
            });
            let Some((parameter, option)) = found else {
                return Err(Error::new(Kind::Usage, format!("--{name}: there is no such option")));
            };
            reader.begin(&format!("--{name}"));
            let choice = option.choices.iter().find(|(choice, _)| *choice == value);
            read(&mut reader, parameter, choice.map_or(value, |(_, value)| value))?;
        }
        check_types(&mut reader);
        reader.finish()
    }
}

fn read(reader: &mut ParameterReader<'_>, parameter: &ExportParameter, value: &str) -> Result<()> {
    match parameter.support {
        Support::Read(read) => read(reader, value)?,
        Support::Ignored => {}
    }
    Ok(())
}

fn takes(name: &str, level: &Level) -> bool {
    ExportParameter::named(name).is_some_and(|parameter| parameter.is_for(level))
}

/// The names of the supported parameters: `a, b and c`.
fn known() -> String {
    let names: Vec<_> = ExportParameter::supported().map(|parameter| parameter.name).collect();
    match names.split_last() {
        Some((last, names)) => format!("{} and {last}", names.join(", ")),
        None => String::new(),
    }
}

fn check_sizes(reader: &mut ParameterReader<'_>) {
    let limits = &reader.request.limits;
    if let (Some(minimum), Some(maximum)) = (limits.minimum_file_size, limits.maximum_file_size)
        && maximum <= minimum
    {
        let what = format!("should be greater than _minimumFileSize {minimum}");
        reader.begin("_maximumFileSize");
        reader.fault(&maximum.to_string(), &what);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::parameter::export_options;
    use super::super::request::AssociatedData;
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn parameters_and_options_have_names_of_their_own() {
        let names: BTreeSet<_> = PARAMETERS.iter().map(|parameter| parameter.name).collect();
        let options: BTreeSet<_> = export_options().map(|option| option.name).collect();
        assert_eq!(names.len(), PARAMETERS.len());
        assert_eq!(options.len(), export_options().count());
        assert!(PARAMETERS.iter().all(|parameter| !parameter.name.is_empty()));
        assert!(ExportParameter::supported().all(|parameter| !parameter.documentation.is_empty()));
    }

    #[test]
    fn options_are_read_like_the_parameters_behind_them() {
        let store = Store::in_memory().unwrap();
        let given = [
            ("type", "Patient,Observation"),
            ("since", "2021-01-01"),
            ("patient", "a,Patient/b"),
            ("provenance", "latest"),
            ("organize-by", "Patient"),
            ("maximum-file-size", "1000"),
        ];
        let request = ExportRequest::from_options(&store, Level::System, given).unwrap();
        assert_eq!(request.level, Level::Patient);
        assert_eq!(request.filter.types.as_ref().map(BTreeSet::len), Some(2));
        assert_eq!(request.filter.since.unwrap().to_string(), "2021-01-01T00:00:00.000Z");
        let patients: Vec<_> = request.patients.iter().flatten().collect();
        assert_eq!(patients, ["a", "b"]);
        assert_eq!(request.associated, Some(AssociatedData::LatestProvenance));
        assert!(request.organize_by_patient);
        assert_eq!(request.limits.maximum_file_size.map(u64::from), Some(1000));
        let group = Level::Group("g".to_owned());
        let request =
            ExportRequest::from_options(&store, group.clone(), [("patient", "a")]).unwrap();
        assert_eq!(request.level, group);
    }

    #[test]
    fn what_is_wrong_with_an_option_names_the_option() {
        let store = Store::in_memory().unwrap();
        for (name, value, text) in [
            ("since", "yesterday", "--since \"yesterday\" is not a time"),
            ("elements", "name.family", "--elements \"name.family\": it should name"),
            ("maximum-file-size", "0", "--maximum-file-size \"0\" should be a positive number"),
            ("patient", "Group/g", "Group/g: is no id of a Patient"),
            ("type", "patient", "--type \"patient\" is no resource type"),
            ("type", ",", "--type \",\" has no value"),
            ("elements", "Martian.head", "--elements \"Martian\" is no resource type"),
            ("nonsense", "1", "--nonsense: there is no such option"),
        ] {
            let error =
                ExportRequest::from_options(&store, Level::System, [(name, value)]).unwrap_err();
            assert!(error.to_string().starts_with(text), "{error}");
        }
    }

    #[test]
    fn oneup_takes_any_type_and_refuses_what_it_does_not_have() {
        let query = pairs(&[("_type", "Martian"), ("_since", "2021-01-01"), ("_pretty", "true")]);
        let request = ExportRequest::from_oneup_query(&query).unwrap();
        assert!(request.filter.types.unwrap().contains("Martian"));
        for (list, text) in [
            (
                &[("_until", "2021-01-01"), ("x", "1")][..],
                "parameter \"_until\" is not supported here; _type and _since are; \
                 parameter \"x\" is not supported here; _type and _since are",
            ),
            (&[("_since", "2021"), ("_since", "2022")], "_since \"2021\" is not a time"),
        ] {
            let error = ExportRequest::from_oneup_query(&pairs(list)).unwrap_err();
            assert!(error.to_string().starts_with(text), "{error}");
        }
    }
}
