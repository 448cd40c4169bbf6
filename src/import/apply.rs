//! Applying single resources to the store: puts, deletions, and the reports of what became of them.

use super::conditional::{MissedReferences, resolve};
use super::report::{Observer, Remark, Report};
use super::siblings::Siblings;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::resource::Resource;
use crate::store::{Change, NOBODY, Stamping, Writer};

/// An import in progress, on its writing side.
pub(super) struct ImportRun<'a> {
    pub(super) writer: Writer<'a>,
    pub(super) report: Report,
    pub(super) stamping: Stamping,
    /// The owner given to new resources.
    pub(super) owner: i64,
    pub(super) observer: &'a mut dyn Observer,
    /// The file of the current items.
    pub(super) file: String,
    pub(super) missed: MissedReferences,
}

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

    /// Puts a resource in. `is_conditional` says that it holds conditional references; they are looked
    /// up in the store and among the `siblings`.
    pub(super) fn put(
        &mut self,
        line: u64,
        mut resource: Resource,
        is_conditional: bool,
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
        if is_conditional {
            let resolved = resolve(&mut self.writer, &resource.text, siblings)?;
            open = resolved.open;
            if let Some(text) = resolved.text {
                resource = resource
                    .with_text(text)
                    .map_err(|reason| Error::new(Kind::Internal, reason))?;
            }
            self.missed.add(&self.file, line, &open);
        }
        let change = self.writer.put(&resource, self.stamping, &open)?;
        if let Change::Refused { owner } = change {
            let reason = self.refusal(&resource.resource_type, &resource.id, owner)?;
            self.reject(line, reason);
            return Ok(());
        }
        self.report.count(change, &resource.resource_type);
        Ok(())
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
