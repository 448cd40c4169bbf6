//! One import: a thread that reads and parses, and this one that writes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant as Stopwatch;

use super::bundle;
use super::parse::{Item, SKIPPED, What, items};
use super::report::{Observer, Progress, Remark, Report};
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::reference::{self, Slot};
use crate::fhir::resource::{Parsed, Resource};
use crate::fhir::search::Condition;
use crate::source::{Input, Inputs};
use crate::store::{Change, Match, NOBODY, Stamping, Store, User, Writer};

/// How many pieces may wait between reading and writing: few, since a piece may be a large one.
const AHEAD: usize = 1;
/// So many different conditional references that find nothing are remembered with their place.
const REMEMBERED: usize = 1000;

/// How to import. Resources of any FHIR version and of any type are taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Import {
    strict: bool,
    stamping: Stamping,
    owner: i64,
}

/// What the reading thread says.
enum Message {
    Begin(usize),
    Items { file: String, items: Vec<Item>, bytes: u64 },
    End,
}

impl Import {
    /// Keeps `meta.lastUpdated` and `meta.versionId` that are there; takes what it can.
    pub fn new() -> Import {
        Import::default()
    }

    /// All or nothing: one rejected item and the store stays as it was.
    pub fn strict(mut self, strict: bool) -> Import {
        self.strict = strict;
        self
    }

    /// Sets `meta.lastUpdated` and `meta.versionId` always, as a server would.
    pub fn stamp(mut self, stamp: bool) -> Import {
        self.stamping = if stamp { Stamping::Always } else { Stamping::Keep };
        self
    }

    /// Gives what it imports to a user. What belongs to somebody else, or to nobody, is left alone.
    pub fn user(mut self, user: &User) -> Import {
        self.owner = user.id;
        self
    }

    /// Imports JSON text: a resource, a Bundle, or NDJSON of either. `name` is what messages call it.
    ///
    /// # Errors
    /// Where the store refuses. Items that cannot be taken are counted in the report.
    pub fn text(&self, store: &Store, name: &str, text: &str) -> Result<Report> {
        let inputs =
            Inputs { inputs: vec![Input::memory(name, text.as_bytes())], skipped: Vec::new() };
        self.run(store, &inputs, &mut ())
    }

    /// Imports files, folders, archives or `-` for standard input.
    ///
    /// # Errors
    /// `NotFound` for a path that is not there; else where the store refuses.
    pub fn paths(
        &self,
        store: &Store,
        paths: &[PathBuf],
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        self.run(store, &Inputs::find(paths)?, observer)
    }

    /// Imports what was found.
    ///
    /// # Errors
    /// Where the store refuses; whole inputs that were done before stay done.
    pub fn run(
        &self,
        store: &Store,
        inputs: &Inputs,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let started = Stopwatch::now();
        let read = AtomicU64::new(0);
        let (sender, receiver) = sync_channel(AHEAD);
        let report = thread::scope(|scope| {
            let reading = scope.spawn(|| parse(&inputs.inputs, sender, &read));
            let written = self.write(store, inputs, receiver, &read, observer);
            if reading.join().is_err() {
                return Err(Error::new(Kind::Internal, "reading failed without saying why"));
            }
            written
        });
        report.map(|mut report| {
            report.seconds = started.elapsed().as_secs_f64();
            report
        })
    }

    fn write(
        &self,
        store: &Store,
        inputs: &Inputs,
        receiver: Receiver<Message>,
        read: &AtomicU64,
        observer: &mut dyn Observer,
    ) -> Result<Report> {
        let sizes = inputs.inputs.iter().map(|input| input.size);
        let total = sizes.sum::<Option<u64>>();
        let mut run = Run {
            writer: store.writer()?,
            stamping: self.stamping,
            owner: self.owner,
            report: Report::default(),
            observer,
            file: String::new(),
            missed: BTreeMap::new(),
        };
        run.writer.write_for(self.owner);
        for file in &inputs.skipped {
            run.file.clone_from(file);
            run.remark(0, SKIPPED.to_owned());
        }
        if self.strict {
            let sizes = inputs.inputs.iter().map(Input::text_size);
            run.writer.begin(sizes.sum())?;
        }
        let mut seen = 0;
        for message in receiver {
            match message {
                Message::Begin(index) if !self.strict => {
                    run.writer.begin(inputs.inputs[index].text_size())?;
                }
                Message::End if !self.strict => run.writer.commit()?,
                Message::Begin(_) | Message::End => {}
                Message::Items { file, items, bytes } => {
                    run.report.bytes += bytes;
                    seen += items.len() as u64;
                    run.file = file;
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
            }
        }
        if self.strict && run.report.rejected > 0 {
            run.writer.rollback()?;
            return Ok(Report {
                rejected: run.report.rejected,
                warnings: run.report.warnings,
                bytes: run.report.bytes,
                ..Report::default()
            });
        }
        if self.strict {
            run.resolve_again()?;
            run.writer.commit()?;
        } else if run.writer.next_unresolved("")?.is_some() {
            run.writer.begin(Some(0))?;
            run.resolve_again()?;
            run.writer.commit()?;
        }
        run.report.late = run.writer.late();
        Ok(run.report)
    }
}

fn parse(inputs: &[Input], sender: SyncSender<Message>, read: &AtomicU64) {
    let stopped = || Error::new(Kind::Internal, "the writing side has stopped");
    let send = |message| sender.send(message).map_err(|_| stopped());
    let progress = |bytes| {
        read.fetch_add(bytes, Ordering::Relaxed);
    };
    for (index, input) in inputs.iter().enumerate() {
        let done = send(Message::Begin(index)).and_then(|()| {
            input.read(&progress, &mut |file, piece| {
                let bytes = piece.bytes() as u64;
                send(Message::Items { file: file.to_owned(), items: items(piece), bytes })
            })
        });
        // The other side knows why it stopped.
        if done.and_then(|()| send(Message::End)).is_err() {
            return;
        }
    }
}

/// Where a conditional reference that found nothing was met first, and how often.
struct Missed {
    file: String,
    line: u64,
    times: u64,
}

/// The state of an import on its writing side.
pub(super) struct Run<'a> {
    pub(super) writer: Writer<'a>,
    pub(super) report: Report,
    stamping: Stamping,
    owner: i64,
    observer: &'a mut dyn Observer,
    file: String,
    missed: BTreeMap<String, Missed>,
}

impl Run<'_> {
    pub(super) fn reject(&mut self, line: u64, reason: String) {
        self.report.rejected += 1;
        let remark = Remark { file: self.file.clone(), line, reason };
        self.observer.rejected(&remark);
    }

    pub(super) fn remark(&mut self, line: u64, reason: String) {
        self.report.warnings += 1;
        let remark = Remark { file: self.file.clone(), line, reason };
        self.observer.remarked(&remark);
    }

    fn take(&mut self, item: Item) -> Result<()> {
        match item.what {
            What::Reject(reason) => {
                self.reject(item.line, reason);
                Ok(())
            }
            What::Nothing => Ok(()),
            What::Remark(remark) => {
                self.remark(item.line, remark);
                Ok(())
            }
            What::Resource(resource, conditional) => {
                self.put(item.line, *resource, conditional, &|_| Vec::new())
            }
            What::Bundle(text, range) => bundle::import(self, item.line, &text[range]),
        }
    }

    /// Puts a resource in; `nearby` is where conditional references are looked up beside the store.
    pub(super) fn put(
        &mut self,
        line: u64,
        mut resource: Resource,
        conditional: bool,
        nearby: &dyn Fn(&Condition) -> Vec<String>,
    ) -> Result<()> {
        if self.keeps()
            && let Err(reason) = resource.last_updated()
        {
            self.reject(line, reason);
            return Ok(());
        }
        for remark in std::mem::take(&mut resource.remarks) {
            self.remark(line, remark);
        }
        let mut open = Vec::new();
        if conditional {
            let resolved = self.resolve(&resource.text, nearby)?;
            open = resolved.open;
            if let Some(text) = resolved.text {
                resource = resource
                    .with_text(text)
                    .map_err(|reason| Error::new(Kind::Internal, reason))?;
            }
            self.note_missed(line, &open);
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

    /// Deletes a resource, where it is there and theirs for whom this import is.
    pub(super) fn delete(&mut self, line: u64, resource_type: &str, id: &str) -> Result<()> {
        if let Some(owner) = self.writer.another_owner(resource_type, id)? {
            let reason = self.refusal(resource_type, id, owner)?;
            self.reject(line, reason);
        } else if self.writer.delete(resource_type, id)? {
            self.report.deleted += 1;
        }
        Ok(())
    }

    /// Why a resource of another owner is left alone, and what can be done.
    fn refusal(&self, resource_type: &str, id: &str, owner: i64) -> Result<String> {
        let name = format!("{resource_type}/{}", short(id));
        let theirs = self.writer.name_of(owner)?;
        let remedy = match owner {
            NOBODY => "`fhirlite delete` it first, or give this one another id",
            _ => "import it for that user, or give it another id",
        };
        Ok(format!("{name} belongs to {theirs} and was left alone; {remedy}"))
    }

    /// Resolves the conditional references in a text, as far as each finds exactly one resource.
    fn resolve(
        &mut self,
        text: &str,
        nearby: &dyn Fn(&Condition) -> Vec<String>,
    ) -> Result<Resolved> {
        let mut open = Vec::new();
        let mut failed = None;
        let text = reference::rewritten(text, |slot, link| {
            let condition = Condition::parse(&link).filter(|_| slot == Slot::Reference)?;
            let found = match condition {
                Ok(condition) => self.find_one(&condition, nearby),
                Err(_) => Ok(None),
            };
            match found {
                Ok(Some(target)) => return Some(target),
                Ok(None) => open.push(link.into_owned()),
                Err(error) => failed = Some(error),
            }
            None
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(Resolved { text, open }),
        }
    }

    fn find_one(
        &mut self,
        condition: &Condition,
        nearby: &dyn Fn(&Condition) -> Vec<String>,
    ) -> Result<Option<String>> {
        let mut ids = self.writer.find(condition)?;
        for id in nearby(condition) {
            // What is in the same Bundle and somebody else's will be rejected.
            if self.writer.another_owner(&condition.resource_type, &id)?.is_none() {
                ids.push(id);
            }
        }
        Ok(match Match::of(ids) {
            Match::One(id) => Some(format!("{}/{id}", condition.resource_type)),
            Match::None | Match::Several(_) => None,
        })
    }

    fn note_missed(&mut self, line: u64, open: &[String]) {
        for link in open {
            let room = self.missed.len() < REMEMBERED;
            match self.missed.get_mut(link) {
                Some(missed) => missed.times += 1,
                None if room => {
                    let file = self.file.clone();
                    self.missed.insert(link.clone(), Missed { file, line, times: 1 });
                }
                None => {}
            }
        }
    }

    /// True if `meta.lastUpdated` is kept where there is one.
    pub(super) fn keeps(&self) -> bool {
        self.stamping == Stamping::Keep
    }

    /// Tries the store's open conditional references again, now that everything is in, so that
    /// the order of files does not matter; reports those that stay open.
    fn resolve_again(&mut self) -> Result<()> {
        let mut link = String::new();
        while let Some(next) = self.writer.next_unresolved(&link)? {
            link = next;
            for (owner, holders) in self.writer.holders(&link)? {
                // Each owner's references lead to what that owner may see.
                self.writer.write_for(owner);
                match self.why_open(&link)? {
                    None => holders.into_iter().try_for_each(|seq| self.revise(seq))?,
                    Some(reason) => {
                        self.report.unresolved += holders.len() as u64;
                        self.report_missed(&link, &reason);
                    }
                }
            }
        }
        self.writer.write_for(self.owner);
        self.writer.forget_resolved()
    }

    /// Why the store does not resolve a conditional reference; `None` where it does.
    fn why_open(&mut self, link: &str) -> Result<Option<String>> {
        let condition = match Condition::parse(link) {
            Some(Ok(condition)) => condition,
            Some(Err(reason)) => return Ok(Some(format!("cannot be resolved: {reason}"))),
            None => return Ok(Some("cannot be resolved".to_owned())),
        };
        Ok(match Match::of(self.writer.find(&condition)?) {
            Match::One(_) => None,
            Match::None => Some("finds nothing".to_owned()),
            Match::Several(ids) => Some(format!("finds several: {}", short(&ids.join(", ")))),
        })
    }

    /// Resolves all that can be resolved now of one version.
    fn revise(&mut self, seq: i64) -> Result<()> {
        let pending = self.writer.pending(seq)?;
        let Resolved { text, open } = self.resolve(&pending.body, &|_| Vec::new())?;
        let text = text.as_deref().unwrap_or(&pending.body);
        match Parsed::parse(text, None) {
            Ok(Parsed::Resource(resource)) => self.writer.revise(&pending, &resource, &open),
            Ok(Parsed::Bundle) => Err(Error::new(Kind::Damaged, "a Bundle is in the store")),
            Err(reason) => Err(Error::new(Kind::Damaged, reason)),
        }
    }

    fn report_missed(&mut self, link: &str, reason: &str) {
        if let Some(Missed { file, line, times }) = self.missed.remove(link) {
            self.file = file;
            let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
            let link = short(link);
            self.remark(
                line,
                format!("conditional reference {link} {reason}{times}; it is left as it is"),
            );
        }
    }
}

/// A text with its conditional references resolved (`None`: nothing changed), and those left open.
struct Resolved {
    text: Option<String>,
    open: Vec<String>,
}
