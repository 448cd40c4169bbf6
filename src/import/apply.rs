//! Applying single resources to the store: puts, deletions, and the reports of what became of them.

use std::collections::{BTreeMap, HashSet};

use super::ahead::AheadInFile;
use super::conditional::{MissedReferences, may_resolve, open_links, resolve};
use super::derive::owned_id;
use super::report::{Observer, Remark, Report};
use super::siblings::Siblings;
use crate::error::{Error, Kind, Result};
use crate::fhir::evidence::VersionEvidence;
use crate::fhir::name::short;
use crate::fhir::no_data::NoData;
use crate::fhir::resource::Resource;
use crate::fhir::view::MadeViewRows;
use crate::store::{Change, NOBODY, Stamping, Writer};

/// An import in progress, on its writing side.
pub(super) struct ImportRun<'a> {
    pub(super) writer: Writer<'a>,
    pub(super) report: Report,
    pub(super) stamping: Stamping,
    /// The owner given to new resources.
    pub(super) owner: i64,
    pub(super) observer: &'a mut dyn Observer,
    /// The store's file, for messages.
    pub(super) store_name: String,
    /// The file of the current items.
    pub(super) file: String,
    pub(super) missed: MissedReferences,
    /// Derived ids of this input's resources outside of Bundles.
    pub(super) derived: HashSet<u128>,
    pub(super) ahead: AheadInFile,
    /// How many things in the current file were no data.
    pub(super) left_out: BTreeMap<NoData, u64>,
    /// True as long as nothing was found in the current input.
    pub(super) is_empty: bool,
    pub(super) evidence: VersionEvidence,
}

/// The number of derived ids of one input that are remembered.
const REMEMBERED: usize = 1_000_000;

impl ImportRun<'_> {
    /// Reports an item that was not taken.
    pub(super) fn reject(&mut self, line: u64, reason: String) {
        self.report.rejected += 1;
        let remark = Remark { file: self.file.clone(), line, reason };
        self.observer.rejected(&remark);
    }

    /// Reports an oddity of an item.
    pub(super) fn remark(&mut self, line: u64, reason: String) {
        self.report.warnings += 1;
        let remark = Remark { file: self.file.clone(), line, reason };
        self.observer.remarked(&remark);
    }

    /// Goes on with the items of `file`.
    pub(super) fn enter(&mut self, file: String) {
        if file != self.file {
            self.end_file();
            self.file = file;
        }
    }

    /// Reports what is said once for each file.
    pub(super) fn end_file(&mut self) {
        for (kind, count) in std::mem::take(&mut self.left_out) {
            self.leave_out(kind, count);
        }
        if let Some((line, report)) = self.ahead.take() {
            self.remark(line, report);
        }
    }

    /// Reports what was left out of the current file because it is no data, in one line for each kind.
    pub(super) fn leave_out(&mut self, kind: NoData, count: u64) {
        self.report.left_out += count;
        self.remark(0, format!("left out, no data: {}", kind.counted(count)));
    }

    /// Asks the observer whether the import should stop.
    ///
    /// # Errors
    /// `Interrupted` where it should.
    pub(super) fn check_stopped(&mut self) -> Result<()> {
        if self.observer.should_stop() {
            return Err(Error::new(Kind::Interrupted, "interrupted"));
        }
        Ok(())
    }

    /// Reports references that lead to nothing and never will.
    pub(super) fn lost(&mut self, line: u64, links: &[String]) {
        self.report.unresolved += links.len() as u64;
        for link in links {
            let link = short(link);
            self.remark(
                line,
                format!("reference {link} names no entry of its Bundle; it is left as it is"),
            );
        }
    }

    /// Puts in a resource that stands outside of Bundles. One without an id that equals an earlier one
    /// of its input is the same resource, which is reported.
    pub(super) fn put_alone(
        &mut self,
        line: u64,
        mut resource: Resource,
        is_open: bool,
        mut rows: Option<MadeViewRows>,
    ) -> Result<()> {
        if resource.is_id_derived {
            if self.owner != NOBODY {
                let id = resource.id.clone();
                resource = self.owned(resource)?;
                rows = rows.filter(|_| resource.id == id);
            }
            // A derived id is half a hash of the text, its type included.
            let key = u128::from_str_radix(&resource.id, 16).unwrap_or_default();
            if self.derived.contains(&key) {
                let what = "without id, and equal to an earlier one of this input: both are taken as one resource";
                self.remark(line, what.to_owned());
            } else if self.derived.len() < REMEMBERED {
                self.derived.insert(key);
            }
        }
        self.put(line, resource, is_open, rows, None)
    }

    /// Gives a user's resource, which has an id derived from its content, an id of the user's own,
    /// unless the user has it by that id already.
    fn owned(&mut self, resource: Resource) -> Result<Resource> {
        let last = self.writer.last_hash(&resource.resource_type, &resource.id)?;
        if last.as_deref() == Some(&resource.hash[..]) {
            return Ok(resource);
        }
        let id = owned_id(&resource.id, self.owner);
        resource.with_derived_id(id).map_err(|reason| Error::new(Kind::Internal, reason))
    }

    /// Puts a resource in. `is_open` says that it holds references that have to be looked up: in the
    /// store, and among the `siblings` where it is an entry of a Bundle. `rows` are those of views that were made
    /// of it before.
    pub(super) fn put(
        &mut self,
        line: u64,
        mut resource: Resource,
        is_open: bool,
        mut rows: Option<MadeViewRows>,
        siblings: Option<&Siblings>,
    ) -> Result<()> {
        self.check_stopped()?;
        if self.stamping == Stamping::Keep
            && let Err(reason) = resource.last_updated()
        {
            self.reject(line, reason);
            return Ok(());
        }
        for remark in std::mem::take(&mut resource.remarks) {
            self.remark(line, remark);
        }
        let mut open = Vec::new();
        if is_open {
            let is_wanted = |link: &str| may_resolve(link, siblings.is_some());
            let resolved = resolve(&mut self.writer, &resource, siblings, is_wanted)?;
            open = resolved.open;
            if let Some(text) = resolved.text {
                resource = resource
                    .with_text(text)
                    .map_err(|reason| Error::new(Kind::Internal, reason))?;
                rows = None;
            }
            self.missed.add(&self.file, line, &open);
        }
        let place = || {
            let name = format!("{}/{}", resource.resource_type, short(&resource.id));
            format!("{}:{line} {name}", self.file)
        };
        self.evidence.see(&resource.resource_type, &resource.text, place);
        let ahead = self.writer.ahead();
        let change = self.writer.put(&resource, self.stamping, &open, rows.as_ref())?;
        if self.writer.ahead() > ahead {
            self.ahead.note(line, &resource);
        }
        if let Change::Refused { owner } = change {
            let reason = self.refusal(&resource.resource_type, &resource.id, owner)?;
            self.reject(line, reason);
            return Ok(());
        }
        if is_open && change == Change::Unchanged {
            self.note_open(&resource, siblings.is_some())?;
        }
        self.report.count(change, &resource.resource_type);
        Ok(())
    }

    /// Notes the open references that the store's version of a resource still holds. Versions of
    /// fhirlite that did not resolve `urn:` links have not noted them.
    fn note_open(&mut self, resource: &Resource, in_bundle: bool) -> Result<()> {
        let Resource { resource_type, id, .. } = resource;
        match self.writer.current_body(resource_type, id)? {
            Some((seq, body)) => self.writer.note_unresolved(seq, &open_links(&body, in_bundle)),
            None => Ok(()),
        }
    }

    /// Deletes a resource, where it exists and has the import's owner.
    pub(super) fn delete(&mut self, line: u64, resource_type: &str, id: &str) -> Result<()> {
        if let Some(owner) = self.writer.other_owner(resource_type, id)? {
            let reason = self.refusal(resource_type, id, owner)?;
            self.reject(line, reason);
        } else if self.writer.delete(resource_type, id)? {
            self.report.deleted += 1;
        }
        Ok(())
    }

    /// Says why a resource of another owner is left alone, and what to do.
    fn refusal(&self, resource_type: &str, id: &str, owner: i64) -> Result<String> {
        let name = format!("{resource_type}/{}", short(id));
        let owner_name = self.writer.owner_name(owner)?;
        let remedy = if owner == NOBODY {
            "`fhirlite delete` it first, or give this one another id"
        } else {
            "import it for that user, or give it another id"
        };
        Ok(format!("{name} belongs to {owner_name} and was left alone; {remedy}"))
    }
}
