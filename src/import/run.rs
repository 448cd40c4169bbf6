//! One import: threads that read and parse, and this one that writes.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant as Stopwatch};

use super::ahead::AheadInFile;
use super::apply::ImportRun;
use super::bundle;
use super::conditional::MissedReferences;
use super::make::MadeAhead;
use super::parse::{InputItem, ItemContent, Parser, SKIPPED};
use super::parsing::{InputMessage, ReadingSide};
use super::report::{Observer, Progress, Report};
use super::retry::retry;
use super::transactions::InputTransactions;
use crate::error::{Error, Kind, Result};
use crate::fhir::evidence::VersionEvidence;
use crate::fhir::no_data::NoData;
use crate::fhir::version::FhirVersion;
use crate::source::{Input, Inputs};
use crate::store::{Stamping, Store, User};

/// How often an import that waits for input asks whether it should stop.
const ROUND: Duration = Duration::from_millis(50);

const NOTHING_KEPT: &str = "the import was strict, so the store is as it was";
const ALL_KEPT: &str =
    "every file is in the store; the next import tries their conditional references again";

/// An import: how to read files and text into a store. Resources of any FHIR version and of any type
/// are taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Import {
    strict: bool,
    stamping: Stamping,
    owner: i64,
    fhir_version: Option<FhirVersion>,
}

impl Import {
    /// An import that keeps `meta.lastUpdated` and `meta.versionId` where they are given, and rejects
    /// single items where it must.
    pub fn new() -> Import {
        Import::default()
    }

    /// Imports all or nothing: one rejected item leaves the store as it was.
    pub fn strict(mut self, strict: bool) -> Import {
        self.strict = strict;
        self
    }

    /// Sets `meta.lastUpdated` and `meta.versionId` of every resource, as a server would.
    pub fn stamp(mut self, stamp: bool) -> Import {
        self.stamping = if stamp { Stamping::Always } else { Stamping::Keep };
        self
    }

    /// Says which version of FHIR the store holds. Without this the content tells it, where it can.
    pub fn fhir_version(mut self, version: Option<FhirVersion>) -> Import {
        self.fhir_version = version;
        self
    }

    /// Makes a user the owner of the imported resources. Resources of another owner, or of none, are
    /// left alone.
    pub fn user(mut self, user: &User) -> Import {
        self.owner = user.id;
        self
    }

    /// Imports JSON text: a resource, a Bundle, or NDJSON of either. Messages name it `name`.
    ///
    /// # Errors
    /// Where the store cannot be written. Items that cannot be taken are counted in the report.
    pub fn text(&self, store: &Store, name: &str, text: &str) -> Result<Report> {
        let inputs = vec![Input::memory(name, text.as_bytes())];
        let inputs = Inputs { inputs, ..Inputs::default() };
        self.run(store, &inputs, &mut ())
    }

    /// Imports files, folders, archives or `-` for standard input.
    ///
    /// # Errors
    /// `NotFound` for a path that does not exist; else where the store cannot be written.
    pub fn paths(
        &self,
        store: &Store,
        paths: &[PathBuf],
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        self.run(store, &Inputs::find(paths)?, observer)
    }

    /// Imports inputs that were found before.
    ///
    /// # Errors
    /// `Interrupted` where the observer stopped it, else where the store cannot be written. Inputs that
    /// were imported before the error stay imported.
    pub fn run(
        &self,
        store: &Store,
        inputs: &Inputs,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let started = Stopwatch::now();
        let read = Arc::new(AtomicU64::new(0));
        let parser = Parser {
            keeps_times: self.stamping == Stamping::Keep,
            owner: self.owner,
            ahead: MadeAhead { indexed: store.indexed_parameters()?, views: store.kept_views()? },
        };
        let mut reading = ReadingSide::start(&inputs.inputs, parser, &read)?;
        // After an error nobody waits for the threads: one may wait for input that never comes.
        let mut report = self
            .write(store, inputs, &mut reading, &read, observer)
            .map_err(|error| error.at_file(store.path()))?;
        reading.end()?;
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Writes what the reading side sends.
    fn write(
        &self,
        store: &Store,
        inputs: &Inputs,
        reading: &mut ReadingSide,
        read: &AtomicU64,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let mut run = ImportRun {
            writer: store.writer()?,
            stamping: self.stamping,
            owner: self.owner,
            report: Report { found_nothing: true, ..Report::default() },
            observer,
            file: String::new(),
            missed: MissedReferences::default(),
            derived: HashSet::new(),
            ahead: AheadInFile::default(),
            left_out: BTreeMap::new(),
            is_empty: true,
            evidence: VersionEvidence::default(),
            store_name: store.path().display().to_string(),
        };
        run.check_version(self.fhir_version)?;
        if let Some(lead) = store.clock_lead()? {
            run.file.clone_from(&run.store_name);
            run.remark(0, lead.to_string());
        }
        run.writer.set_owner(self.owner);
        for file in &inputs.skipped {
            run.file.clone_from(file);
            run.remark(0, SKIPPED.to_owned());
        }
        for (folder, count) in &inputs.attachments {
            run.file.clone_from(folder);
            run.leave_out(NoData::Attachment, *count);
        }
        if self.strict {
            let sizes = inputs.inputs.iter().map(Input::text_size);
            run.writer.begin(sizes.sum(), 0)?;
        }
        self.receive_all(&mut run, inputs, reading, read)?;
        if self.strict && run.report.rejected > 0 {
            run.writer.rollback()?;
            return Ok(Report {
                rejected: run.report.rejected,
                warnings: run.report.warnings,
                left_out: run.report.left_out,
                bytes: run.report.bytes,
                found_nothing: run.report.found_nothing,
                ..Report::default()
            });
        }
        let version = run.new_version(self.fhir_version)?;
        let is_unresolved = run.writer.next_unresolved("")?.is_some();
        if !self.strict && (is_unresolved || version.is_some()) {
            run.writer.begin(Some(0), 0)?;
        }
        if let Some(version) = version {
            run.set_version(version, self.fhir_version.is_some())?;
        }
        if self.strict || is_unresolved {
            let kept = if self.strict { NOTHING_KEPT } else { ALL_KEPT };
            retry(&mut run).map_err(|error| explained(error, kept))?;
        }
        if self.strict || is_unresolved || version.is_some() {
            run.writer.commit()?;
        }
        run.remark_mixture()?;
        run.report.late = run.writer.late();
        run.report.ahead = run.writer.ahead();
        Ok(run.report)
    }

    /// Takes all items. After an error the inputs before it are kept, unless the import is strict.
    fn receive_all(
        &self,
        run: &mut ImportRun<'_>,
        inputs: &Inputs,
        reading: &mut ReadingSide,
        read: &AtomicU64,
    ) -> Result<()> {
        let mut transactions = InputTransactions::new(self.strict);
        if !self.strict && run.writer.is_first()? {
            let sizes = inputs.inputs.iter().filter_map(Input::text_size);
            transactions.load(sizes.sum());
        }
        let received = self.receive(run, &mut transactions, inputs, reading, read);
        let Err(error) = received else { return Ok(()) };
        if self.strict {
            return Err(explained(error, NOTHING_KEPT));
        }
        // Where this fails too, the first error says more.
        let kept = transactions.keep_ended(&mut run.writer);
        if error.kind() != Kind::Interrupted {
            return Err(error);
        }
        kept?;
        let (kept, all) = (transactions.kept, inputs.inputs.len());
        Err(match inputs.inputs.get(kept as usize) {
            None => explained(error, ALL_KEPT),
            Some(Input { name, .. }) => explained(
                error,
                &format!(
                    "{kept} of {all} files are in the store, each as a whole, and nothing of {name} is; \
                     the same import again takes the rest"
                ),
            ),
        })
    }

    /// Takes items until there are no more.
    fn receive(
        &self,
        run: &mut ImportRun<'_>,
        transactions: &mut InputTransactions,
        inputs: &Inputs,
        reading: &mut ReadingSide,
        read: &AtomicU64,
    ) -> Result<()> {
        let total = inputs.inputs.iter().map(|input| input.size).sum::<Option<u64>>();
        let (mut seen, mut ended) = (0, 0);
        loop {
            run.check_stopped()?;
            let parsed = match reading.next(ROUND) {
                Ok(parsed) => parsed,
                Err(RecvTimeoutError::Timeout) => {
                    transactions.pause(&mut run.writer)?;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            for message in parsed.messages {
                match message {
                    InputMessage::Begin(index) => {
                        run.derived.clear();
                        run.is_empty = true;
                        let size = inputs.inputs[index].text_size();
                        transactions.announce(&mut run.writer, size)?;
                    }
                    InputMessage::Items { file, items, bytes } => {
                        transactions.enter(&mut run.writer)?;
                        run.report.bytes += bytes;
                        seen += items.len() as u64;
                        run.enter(file);
                        for item in items {
                            run.take(item)?;
                        }
                        run.observer.progressed(Progress {
                            read: read.load(Ordering::Relaxed),
                            total,
                            items: seen,
                            file: &run.file,
                        });
                    }
                    InputMessage::End => {
                        let Input { name, is_named, .. } = &inputs.inputs[ended];
                        if run.is_empty && *is_named {
                            transactions.enter(&mut run.writer)?;
                            run.enter(name.clone());
                            run.remark(0, "holds nothing to import".to_owned());
                        }
                        run.end_file();
                        transactions.end(&mut run.writer)?;
                        ended += 1;
                    }
                }
            }
            reading.make_room(parsed.done);
        }
        match inputs.inputs.get(ended) {
            None => transactions.commit(&mut run.writer),
            Some(input) => {
                Err(Error::new(Kind::Internal, format!("reading {} failed", input.name)))
            }
        }
    }
}

/// Says of an import that was stopped what is kept of it. Other errors stay as they are.
fn explained(error: Error, kept: &str) -> Error {
    match error.kind() {
        Kind::Interrupted => Error::new(Kind::Interrupted, format!("interrupted: {kept}")),
        _ => error,
    }
}

impl ImportRun<'_> {
    fn take(&mut self, item: InputItem) -> Result<()> {
        let InputItem { line, content } = item;
        self.is_empty = false;
        self.report.found_nothing &= !content.asks();
        match content {
            ItemContent::Resource { resource, is_open, rows } => {
                return self.put_alone(line, *resource, is_open, rows);
            }
            ItemContent::Bundle { text, bundle } => {
                for (kind, count) in bundle.iter().flat_map(|bundle| &bundle.left_out) {
                    *self.left_out.entry(*kind).or_default() += count;
                }
                return bundle::apply(self, line, &text, bundle);
            }
            ItemContent::Nothing => {}
            ItemContent::LeftOut { kind, count } => {
                *self.left_out.entry(kind).or_default() += count;
            }
            ItemContent::Remark(remark) => self.remark(line, remark),
            ItemContent::Reject(reason) => self.reject(line, reason),
        }
        Ok(())
    }
}
