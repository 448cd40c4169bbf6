//! Carrying out the entries of a Bundle, as <https://hl7.org/fhir/R4/http.html#trules> says.
//!
//! First the searches of every entry are answered and its resource gets its `Type/id`, so that links
//! between entries can be rewritten whatever their order; then the entries are carried out. Unlike in
//! a server's transaction a wrong entry does not take the others with it: it is rejected and reported.

use std::borrow::Cow;
use std::ops::Range;

use super::apply::ImportRun;
use super::entry::{BundleSteps, EntryAction, EntryPut, PutRule};
use super::history::{self, HistoryVersion};
use super::siblings::Siblings;
use crate::error::Result;
use crate::fhir::bundle::BundleType;
use crate::fhir::name::short;
use crate::fhir::reference::{self, FullUrls, LinkKind, is_urn};
use crate::fhir::resource::{Parsed, Resource};
use crate::fhir::search::Condition;
use crate::store::{Change, Match};

/// What an entry does, now that its searches were answered.
enum SettledAction {
    Put {
        text: Range<usize>,
        resource_type: String,
        id: String,
    },
    Delete {
        resource_type: String,
        id: String,
    },
    /// Leave the resource that exists already as it is.
    Exists {
        resource_type: String,
    },
    Nested(std::result::Result<BundleSteps, String>),
    Nothing,
    Remark(String),
    Reject(String),
}

struct SettledStep {
    line: u64,
    number: usize,
    action: SettledAction,
}

/// A Bundle being carried out.
struct OpenBundle<'a> {
    /// The whole text that the Bundle came in.
    text: &'a str,
    full_urls: FullUrls,
    siblings: Siblings,
    may_search: bool,
}

/// Carries out the entries of a Bundle in `text`, which starts on line `first_line` of its file.
pub(super) fn apply(
    run: &mut ImportRun<'_>,
    first_line: u64,
    text: &str,
    bundle: std::result::Result<BundleSteps, String>,
) -> Result<()> {
    let bundle = match bundle {
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
    let mut open = OpenBundle {
        text,
        full_urls: FullUrls::default(),
        siblings: Siblings::default(),
        may_search: bundle.may_search,
    };
    let mut steps = Vec::with_capacity(bundle.steps.len());
    for step in bundle.steps {
        let action = open.settle(run, step.full_url.as_deref(), step.action)?;
        steps.push(SettledStep { line: step.line, number: step.number, action });
    }
    if bundle.bundle_type == BundleType::History {
        open.apply_history(run, steps)
    } else {
        steps.into_iter().try_for_each(|step| open.carry_out(run, step))
    }
}

impl OpenBundle<'_> {
    /// Answers the searches of an entry, and notes its resource for the entries that follow.
    fn settle(
        &mut self,
        run: &mut ImportRun<'_>,
        full_url: Option<&str>,
        action: EntryAction,
    ) -> Result<SettledAction> {
        let settled = match action {
            EntryAction::Put(put) => return self.settle_put(run, full_url, put),
            EntryAction::Delete { resource_type, id } => {
                SettledAction::Delete { resource_type, id }
            }
            EntryAction::DeleteWhere(search) => match self.find(run, &search.condition)? {
                Match::None => SettledAction::Nothing,
                Match::One(id) => {
                    SettledAction::Delete { resource_type: search.condition.resource_type, id }
                }
                Match::Several(_) => SettledAction::Reject(format!(
                    "DELETE {} finds several resources",
                    search.query
                )),
            },
            EntryAction::Nested(bundle) => SettledAction::Nested(bundle),
            EntryAction::Nothing => SettledAction::Nothing,
            EntryAction::Remark(remark) => SettledAction::Remark(remark),
            EntryAction::Reject(reason) => SettledAction::Reject(reason),
        };
        if let SettledAction::Delete { resource_type, id } = &settled {
            self.siblings.delete(resource_type, id);
        }
        Ok(settled)
    }

    fn settle_put(
        &mut self,
        run: &mut ImportRun<'_>,
        full_url: Option<&str>,
        put: EntryPut,
    ) -> Result<SettledAction> {
        let EntryPut { text, resource_type, mut id, mut identifiers, rule } = put;
        let mut exists = false;
        match rule {
            PutRule::Always => {}
            PutRule::IfNoneExist(search) => match self.find(run, &search.condition)? {
                Match::None => {}
                Match::One(existing) => {
                    (id, exists) = (existing, true);
                    identifiers.clear();
                }
                Match::Several(_) => {
                    let reason = format!("ifNoneExist {} finds several resources", search.query);
                    return Ok(SettledAction::Reject(reason));
                }
            },
            PutRule::Where { search, has_id } => match self.find(run, &search.condition)? {
                Match::None => {}
                Match::One(existing) if has_id && existing != id => {
                    return Ok(SettledAction::Reject(format!(
                        "PUT {} finds {existing} but carries the id {id}",
                        search.query
                    )));
                }
                Match::One(existing) => id = existing,
                Match::Several(_) => {
                    let reason = format!("PUT {} finds several resources", search.query);
                    return Ok(SettledAction::Reject(reason));
                }
            },
        }
        if let Some(full_url) = full_url {
            self.full_urls.add(full_url, format!("{resource_type}/{id}"));
        }
        if self.may_search {
            self.siblings.put(&resource_type, &id, identifiers);
        }
        Ok(if exists {
            SettledAction::Exists { resource_type }
        } else {
            SettledAction::Put { text, resource_type, id }
        })
    }

    /// Searches the store and the earlier entries.
    fn find(&self, run: &mut ImportRun<'_>, condition: &Condition) -> Result<Match> {
        let mut ids = run.writer.find(condition)?;
        ids.retain(|id| !self.siblings.deletes(&condition.resource_type, id));
        ids.extend(self.siblings.find(condition));
        Ok(Match::of(ids))
    }

    fn carry_out(&self, run: &mut ImportRun<'_>, step: SettledStep) -> Result<()> {
        let SettledStep { line, number, action } = step;
        match action {
            SettledAction::Put { text, id, .. } => {
                match self.linked(run, line, &self.text[text], &id) {
                    Ok(resource) => return self.put(run, line, resource),
                    Err(reason) => run.reject(line, format!("entry[{number}]: {reason}")),
                }
            }
            SettledAction::Delete { resource_type, id } => {
                return run.delete(line, &resource_type, &id);
            }
            SettledAction::Exists { resource_type } => {
                run.report.count(Change::Unchanged, &resource_type);
            }
            SettledAction::Nested(bundle) => return apply(run, line, self.text, bundle),
            SettledAction::Nothing => {}
            SettledAction::Remark(remark) => run.remark(line, format!("entry[{number}]: {remark}")),
            SettledAction::Reject(reason) => run.reject(line, format!("entry[{number}]: {reason}")),
        }
        Ok(())
    }

    fn put(&self, run: &mut ImportRun<'_>, line: u64, resource: Box<Resource>) -> Result<()> {
        let is_conditional = self.may_search && reference::has_conditional(&resource.text);
        run.put(line, *resource, is_conditional, Some(&self.siblings))
    }

    /// Parses the resource of an entry, with its links to other entries rewritten. The error is the
    /// reason why it cannot be taken.
    fn linked(
        &self,
        run: &mut ImportRun<'_>,
        line: u64,
        text: &str,
        id: &str,
    ) -> std::result::Result<Box<Resource>, String> {
        let mut lost = Vec::new();
        let rewritten = reference::rewritten(text, |kind, link| {
            let target = self.full_urls.resolve(kind, &link);
            if target.is_none() && kind == LinkKind::Reference && is_urn(&link) {
                lost.push(link.into_owned());
            }
            target
        });
        for link in lost {
            let link = short(&link);
            run.remark(
                line,
                format!("reference {link} names no entry of its Bundle; it is left as it is"),
            );
        }
        let text = rewritten.map_or(Cow::Borrowed(text), Cow::Owned);
        match Parsed::parse(&text, Some(id))? {
            Parsed::Resource(resource) => Ok(resource),
            Parsed::Bundle => Err("a Bundle where a resource was expected".to_owned()),
        }
    }

    /// Applies the versions of a history, from the oldest to the newest.
    fn apply_history(&self, run: &mut ImportRun<'_>, steps: Vec<SettledStep>) -> Result<()> {
        let mut versions = Vec::new();
        for step in steps {
            let SettledStep { line, number, action } = step;
            let version = match action {
                SettledAction::Put { text, resource_type, id } => {
                    match self.linked(run, line, &self.text[text], &id) {
                        Ok(resource) => {
                            HistoryVersion { line, resource_type, id, resource: Some(resource) }
                        }
                        Err(reason) => {
                            run.reject(line, format!("entry[{number}]: {reason}"));
                            continue;
                        }
                    }
                }
                SettledAction::Delete { resource_type, id } => {
                    HistoryVersion { line, resource_type, id, resource: None }
                }
                action => {
                    self.carry_out(run, SettledStep { line, number, action })?;
                    continue;
                }
            };
            versions.push(version);
        }
        let known = history::known(&mut run.writer, &versions)?;
        for (version, is_known) in versions.into_iter().zip(known) {
            let HistoryVersion { line, resource_type, id, resource } = version;
            match resource {
                Some(_) if is_known => run.report.count(Change::Unchanged, &resource_type),
                None if is_known => {}
                Some(resource) => self.put(run, line, resource)?,
                None => run.delete(line, &resource_type, &id)?,
            }
        }
        Ok(())
    }
}
