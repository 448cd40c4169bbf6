//! The plan of an export: its files, each with its versions, count and length.
//!
//! An export of everything reads only an index for that, one of all patients also what the store has noted
//! about references. An export of some patients reads the bodies of their resources, for the references in
//! them. With `_elements` every body is read, for its length; with `_typeFilter` those of the filtered types, unless
//! an index answers the search. Both read on all cores.

use std::borrow::Cow;
use std::io::Write;

use super::all_files::of_found;
use super::attachments::dangling_of;
use super::by_patient;
use super::by_type::{of_deletions, of_everything, of_notices, of_versions};
use super::file::File;
use super::filtered::{FilterWatch, FilteredTypes};
use super::lines;
use super::progress::JobProgress;
use super::request::{ExportRequest, Level};
use super::scope::ExportScope;
use super::shape::ResourceShape;
use super::type_filter::TypeSearches;
use crate::error::Result;
use crate::fhir::compartment;
use crate::fhir::outcome::Issue;
use crate::search::Finder;
use crate::store::Snapshot;

/// The files of an export: resources in the order of their types, then deletions, then notices.
pub struct Plan {
    /// The snapshot that the files are cut from.
    pub snapshot: Snapshot,
    /// The files, none of them empty.
    pub files: Vec<File>,
    pub(super) is_organized: bool,
    pub(super) has_since: bool,
    pub(super) shape: ResourceShape,
}

impl Plan {
    /// Plans the export of `request` from `snapshot`.
    ///
    /// # Errors
    /// `NotFound` for a Group that is not there, `Invalid` for a Group that does not list its
    /// members; where the store cannot be read.
    pub fn new(snapshot: Snapshot, request: &ExportRequest) -> Result<Plan> {
        Plan::with_progress(snapshot, request, &JobProgress::default())
    }

    /// Plans like [`Plan::new`], for a job that others watch and may cancel.
    pub(super) fn with_progress(
        snapshot: Snapshot,
        request: &ExportRequest,
        progress: &JobProgress,
    ) -> Result<Plan> {
        let request = &mended(&snapshot, request)?;
        let files = plan(&snapshot, request, progress)?;
        Ok(Plan {
            snapshot,
            files,
            is_organized: request.organize_by_patient,
            has_since: request.filter.since.is_some(),
            shape: request.shape.clone(),
        })
    }

    /// The plan of these files.
    pub(super) fn of_files(snapshot: Snapshot, files: Vec<File>) -> Plan {
        let (is_organized, has_since, shape) = Default::default();
        Plan { snapshot, files, is_organized, has_since, shape }
    }

    /// Writes the lines of one of its files: NDJSON of `file.bytes` bytes.
    ///
    /// # Errors
    /// `Io` if `out` refuses, `Damaged` if the store no longer has all of the file.
    pub fn write(&self, file: &File, out: &mut dyn Write) -> Result<()> {
        lines::write(&self.snapshot, file, &self.shape, 0..file.bytes, out)
    }
}

/// The request as the store understands its `_since`, after a clock that was ahead was mended.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn mended<'r>(
    snapshot: &Snapshot,
    request: &'r ExportRequest,
) -> Result<Cow<'r, ExportRequest>> {
    let Some(asked) = request.filter.since else { return Ok(Cow::Borrowed(request)) };
    let since = snapshot.mended_since(asked)?;
    if since == asked {
        return Ok(Cow::Borrowed(request));
    }
    let mut request = request.clone();
    request.filter.since = Some(since);
    Ok(Cow::Owned(request))
}

/// A notice about types of other versions of FHIR that the export of patients leaves out, because no
/// element links them to a patient. `OrderResponse` of DSTU2 is linked by what it responds to.
pub(super) fn notice_of_unlinked(
    snapshot: &Snapshot,
    request: &ExportRequest,
) -> Result<Option<Issue>> {
    let version = snapshot.fhir_version()?;
    let is_unlinked = |name: &String| {
        let is_of_another = !version.knows(name) || name == "OrderResponse";
        is_of_another && !compartment::has(name) && request.filter.accepts_type(name)
    };
    let types: Vec<String> = snapshot.types()?.into_iter().filter(is_unlinked).collect();
    Ok((!types.is_empty()).then(|| {
        Issue::information(format!(
            "resources of these types are left out, unless others refer to them: no element says which \
             patient they are about: {}",
            types.join(", ")
        ))
    }))
}

fn plan(snapshot: &Snapshot, request: &ExportRequest, progress: &JobProgress) -> Result<Vec<File>> {
    let ExportRequest { limits, shape, .. } = request;
    let is_of_everything = request.level == Level::System && !request.organize_by_patient;
    let needs_scope =
        !is_of_everything || request.associated.is_some() || request.filter.since.is_some();
    let mut notices = request.notices.clone();
    let searches = TypeSearches::of(request, snapshot.time())?;
    let watch = FilterWatch::new(progress);
    let looked_at = |versions| watch.take(versions);
    let finder = Finder::new(snapshot, snapshot.fhir_version()?, &looked_at);
    let filtered = &FilteredTypes::new(snapshot, &searches, finder, &watch)?;
    if !needs_scope {
        let mut files = of_everything(snapshot, request, filtered, None, &mut notices, progress)?;
        notices.extend(filtered.notices());
        files.extend(of_notices(&notices));
        return Ok(files);
    }
    if request.level != Level::System {
        notices.extend(notice_of_unlinked(snapshot, request)?);
    }
    let mut scope = ExportScope::new(snapshot, request, filtered, progress)?;
    let mut files = if request.organize_by_patient {
        // The patients are the steps of the job.
        watch.leave();
        by_patient::plan(snapshot, request, &mut scope, &mut notices)?
    } else if is_of_everything {
        scope.pause()?;
        of_everything(snapshot, request, filtered, Some(&scope), &mut notices, progress)?
    } else if !scope.cohort.is_limited() {
        let found = scope.versions_of_all()?;
        scope.pause()?;
        of_found(&scope, &found, &mut notices)?
    } else {
        let versions = scope.versions()?;
        scope.pause()?;
        if shape.attachments_base.is_some() {
            let mut seqs: Vec<i64> = versions.values().flatten().map(|row| row.seq).collect();
            seqs.sort_unstable();
            notices.extend(dangling_of(snapshot, &scope.cohort, &seqs)?);
        }
        of_versions(snapshot, versions, limits, shape, progress)?
    };
    notices.extend(scope.cohort.notices());
    notices.extend(filtered.notices());
    files.extend(of_deletions(&scope.deletions()?, limits));
    files.extend(of_notices(&notices));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::super::file::Content;
    use super::*;
    use crate::error::Kind;
    use crate::fhir::resource::Parsed;
    use crate::store::{Stamping, Store};
    use crate::time::Instant;

    /// The snapshot of a store with these resources.
    fn holding(lines: impl IntoIterator<Item = String>) -> Snapshot {
        let store = Store::in_memory().unwrap();
        let mut writer = store.writer().unwrap();
        writer.begin(None, 0).unwrap();
        for line in lines {
            let Ok(Parsed::Resource(resource)) = Parsed::parse(&line, None) else {
                panic!("no resource");
            };
            writer.put(&resource, Stamping::Keep, &[], None).unwrap();
        }
        writer.commit().unwrap();
        drop(writer);
        store.snapshot().unwrap()
    }

    /// 3,000 patients, half of whom the filter finds.
    fn asked(level: Level) -> (Snapshot, ExportRequest) {
        let gender = |n| if n % 2 == 0 { "female" } else { "male" };
        let line = |n| {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"gender\":\"{}\"}}", gender(n))
        };
        let mut request = ExportRequest::at(level);
        request.filter.add_type_filter("Patient?gender=female").unwrap();
        (holding((0..3000).map(line)), request)
    }

    #[test]
    fn a_type_is_a_range_where_all_of_it_is_about_patients_and_else_a_list() {
        let resource = |name: &str, id: &str, more: &str| {
            format!("{{\"resourceType\":\"{name}\",\"id\":\"{id}\"{more}}}")
        };
        let about = r#","subject":{"reference":"Patient/p"}"#;
        let performer = format!(r#"{about},"performer":[{{"reference":"Practitioner/known"}}]"#);
        let snapshot = holding([
            resource("Patient", "p", ""),
            resource("Observation", "o", &performer),
            resource("Observation", "other", about),
            resource("Condition", "stray", ""),
            resource("Condition", "c", about),
            resource("Practitioner", "known", ""),
            resource("Practitioner", "unknown", ""),
        ]);
        let mut request = ExportRequest::at(Level::Patient);
        for since in [None, Some(Instant::from_micros(0))] {
            request.filter.since = since;
            let plan = Plan::new(snapshot.clone(), &request).unwrap();
            let shown: Vec<_> = plan
                .files
                .iter()
                .map(|file| {
                    let mut lines = Vec::new();
                    plan.write(file, &mut lines).unwrap();
                    assert_eq!(lines.len() as u64, file.bytes);
                    let is_range = matches!(file.content, Content::Range(_));
                    (file.name.as_str(), file.count, is_range)
                })
                .collect();
            let expected = [
                ("Condition.ndjson", 1, false),
                ("Observation.ndjson", 2, true),
                ("Patient.ndjson", 1, true),
                ("Practitioner.ndjson", 1, false),
            ];
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn a_filter_counts_what_it_looks_at_and_ends_when_its_job_is_cancelled() {
        for level in [Level::System, Level::Patient] {
            let (snapshot, request) = asked(level);
            let progress = JobProgress::default();
            let plan = Plan::with_progress(snapshot.clone(), &request, &progress).unwrap();
            assert_eq!(plan.files[0].count, 1500);
            assert_eq!(progress.to_text(), "100% of 3000 resources looked at");
            progress.cancel();
            let cancelled = Plan::with_progress(snapshot, &request, &progress);
            assert_eq!(cancelled.err().map(|error| error.kind()), Some(Kind::Gone));
        }
    }
}
