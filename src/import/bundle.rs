//! Carrying out the entries of a Bundle, as <https://hl7.org/fhir/R4/http.html#trules> says.
//!
//! First the searches of every entry are answered and its resource gets its `Type/id`, so that links
//! between entries can be rewritten whatever their order; then the entries are carried out. Unlike in
//! a server's transaction a wrong entry does not take the others with it: it is rejected and reported.

use super::apply::ImportRun;
use super::former;
use super::history::{self, HistoryVersion};
use super::links::BundleLinks;
use super::settle::{SettledAction, Settler};
use super::siblings::Siblings;
use super::step::{BundleSteps, EntryAction, EntryStep, LinkedResource};
use crate::error::Result;
use crate::fhir::bundle::BundleType;
use crate::fhir::resource::Resource;
use crate::fhir::version_condition::VersionCondition;
use crate::store::Change;

/// A Bundle being carried out.
struct OpenBundle<'a> {
    links: BundleLinks<'a>,
    siblings: Siblings,
}

/// Carries out the entries of a Bundle in `text`, which starts on line `first_line` of its file.
pub(super) fn apply(
    run: &mut ImportRun<'_>,
    first_line: u64,
    text: &str,
    bundle: std::result::Result<Box<BundleSteps>, String>,
) -> Result<()> {
    let mut bundle = match bundle {
        Ok(bundle) => bundle,
        Err(reason) => {
            run.reject(first_line, reason);
            return Ok(());
        }
    };
    if bundle.bundle_type == BundleType::Document {
        let what = "a document or message Bundle: its entries are imported, it is not kept itself";
        run.remark(first_line, what.to_owned());
    }
    for (line, remark) in std::mem::take(&mut bundle.remarks) {
        run.remark(line, remark);
    }
    former::keep_ids(run, text, &mut bundle)?;
    let BundleSteps { bundle_type, may_search, mut steps, full_urls, made_for, .. } = *bundle;
    let (settled, siblings) = Settler::new(run, may_search).settle_all(&steps)?;
    let names: Vec<_> = settled.iter().map(SettledAction::name).collect();
    if names != made_for {
        // Some links lead elsewhere.
        steps.iter_mut().for_each(|step| step.made = None);
    }
    let open = OpenBundle { links: BundleLinks { text, full_urls: &full_urls, names }, siblings };
    let mut steps = steps.into_iter().zip(settled);
    if bundle_type == BundleType::History {
        open.apply_history(run, steps)
    } else {
        steps.try_for_each(|(step, settled)| open.carry_out(run, step, settled))
    }
}

impl OpenBundle<'_> {
    fn carry_out(
        &self,
        run: &mut ImportRun<'_>,
        mut step: EntryStep,
        settled: SettledAction,
    ) -> Result<()> {
        let (line, number) = (step.line, step.number);
        let reject = |run: &mut ImportRun<'_>, reason| {
            run.reject(line, format!("entry[{number}]: {reason}"));
            Ok(())
        };
        match settled {
            SettledAction::Put { id, .. } => {
                let LinkedResource { resource, is_open, rows, .. } =
                    self.linked(run, &mut step, &id);
                match resource {
                    Ok(resource) => match refusal(run, step.condition.as_deref(), &resource)? {
                        None => run.put(line, *resource, is_open, rows, Some(&self.siblings)),
                        Some(reason) => reject(run, reason),
                    },
                    Err(reason) => reject(run, reason),
                }
            }
            SettledAction::PutUnchanged { resource_type, id, reason } => {
                let linked = self.linked(run, &mut step, &id);
                let is_same = linked.resource.map(|resource| resource.hash);
                let current = run.writer.current_hash(&resource_type, &id)?;
                if is_same.is_ok_and(|hash| current.as_deref() == Some(&hash[..])) {
                    run.report.count(Change::Unchanged, &resource_type);
                    return Ok(());
                }
                reject(run, reason)
            }
            SettledAction::Delete { resource_type, id } => {
                if let Some(condition) = &step.condition
                    && run.writer.other_owner(&resource_type, &id)?.is_none()
                    && let Some((version, _)) = run.writer.current_version(&resource_type, &id)?
                    && let Some(reason) =
                        condition.obstacle(&format!("{resource_type}/{id}"), Some(&version))
                {
                    return reject(run, reason);
                }
                run.delete(line, &resource_type, &id)
            }
            SettledAction::Exists { resource_type, .. } => {
                run.report.count(Change::Unchanged, &resource_type);
                Ok(())
            }
            SettledAction::Nothing => Ok(()),
            SettledAction::Reject(reason) => reject(run, reason),
            SettledAction::AsAsked => match step.action {
                EntryAction::Nested(bundle) => apply(run, line, self.links.text, bundle),
                EntryAction::Remark(remark) => {
                    run.remark(line, format!("entry[{number}]: {remark}"));
                    Ok(())
                }
                EntryAction::Reject(reason) => reject(run, reason),
                _ => Ok(()),
            },
        }
    }

    /// The resource of an entry, with its links to other entries rewritten. Reports links that lead nowhere.
    fn linked(&self, run: &mut ImportRun<'_>, step: &mut EntryStep, id: &str) -> LinkedResource {
        let linked = match step.made.take() {
            Some(made) => *made,
            None => self.links.resource(step, id),
        };
        run.lost(step.line, &linked.lost);
        linked
    }

    /// Applies the versions of a history, from the oldest to the newest.
    fn apply_history(
        &self,
        run: &mut ImportRun<'_>,
        steps: impl Iterator<Item = (EntryStep, SettledAction)>,
    ) -> Result<()> {
        let mut versions = Vec::new();
        for (mut step, settled) in steps {
            let line = step.line;
            let version = match settled {
                SettledAction::Put { resource_type, id } => {
                    let LinkedResource { resource, is_open, rows, .. } =
                        self.linked(run, &mut step, &id);
                    match resource {
                        Ok(resource) => {
                            let resource = Some(resource);
                            HistoryVersion { line, resource_type, id, resource, is_open, rows }
                        }
                        Err(reason) => {
                            run.reject(line, format!("entry[{}]: {reason}", step.number));
                            continue;
                        }
                    }
                }
                SettledAction::Delete { resource_type, id } => {
                    let (resource, is_open, rows) = (None, false, None);
                    HistoryVersion { line, resource_type, id, resource, is_open, rows }
                }
                settled => {
                    self.carry_out(run, step, settled)?;
                    continue;
                }
            };
            versions.push(version);
        }
        let known = history::known(&mut run.writer, &versions)?;
        for (version, is_known) in versions.into_iter().zip(known) {
            let HistoryVersion { line, resource_type, id, resource, is_open, rows } = version;
            match resource {
                Some(_) if is_known => run.report.count(Change::Unchanged, &resource_type),
                None if is_known => {}
                Some(resource) => run.put(line, *resource, is_open, rows, Some(&self.siblings))?,
                None => run.delete(line, &resource_type, &id)?,
            }
        }
        Ok(())
    }
}

/// Says why a change is not made, because it is meant for another version. A resource that has the
/// content already, or had it before this input, is not refused: so an input can be imported again.
fn refusal(
    run: &mut ImportRun<'_>,
    condition: Option<&VersionCondition>,
    resource: &Resource,
) -> Result<Option<String>> {
    let (resource_type, id) = (&resource.resource_type, &resource.id);
    let Some(condition) = condition else { return Ok(None) };
    // What belongs to somebody else is refused as such, and its version is not told.
    if run.writer.other_owner(resource_type, id)?.is_some() {
        return Ok(None);
    }
    let current = run.writer.current_version(resource_type, id)?;
    let is_same = current.as_ref().is_some_and(|(_, hash)| hash[..] == resource.hash);
    if is_same || run.writer.began_with(resource_type, id, &resource.hash)? {
        return Ok(None);
    }
    let version = current.as_ref().map(|(version, _)| version.as_str());
    Ok(condition.obstacle(&format!("{resource_type}/{id}"), version))
}
