//! The files of a `$sql-export`: the rows of a view over the snapshot of the job.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLExport.html>. Nothing is kept of them but their lengths: the job runs
//! each view once to find faults and to count bytes, and a download runs it again over the same versions.

use std::io::{self, Write};
use std::ops::Range;

use super::file::{Content, File, Purpose};
use super::job::OpenFile;
use super::lines;
use super::plan::Plan;
use super::progress::JobProgress;
use super::view_export::ViewExport;
use super::view_run::ViewRun;
use crate::error::{Error, Kind, Result};
use crate::fhir::view::ViewDefinition;
use crate::store::Snapshot;
use crate::view::{RowBuffer, ViewWriter};

/// The media type of resources, line by line.
const RESOURCES: &str = "application/fhir+ndjson";

impl ViewExport {
    /// The plan of the job's files, made of the plan of the resources: the file of a view has those of its type.
    ///
    /// # Errors
    /// `Unprocessable` where a view refuses a resource, `Gone` where the job is cancelled. Where the store cannot be read.
    pub(super) fn planned(&self, plan: Plan, progress: &JobProgress) -> Result<Plan> {
        let mut files = Vec::with_capacity(self.views.len());
        let mut views = Vec::with_capacity(self.views.len());
        for (view, name) in self.views.iter().zip(self.file_names()) {
            let view = view.view()?;
            files.push(file_of(&plan, &view, name));
            views.push(view);
        }
        progress.begin(files.iter().map(|file| file.count).sum());
        let Plan { snapshot, .. } = plan;
        for (file, view) in files.iter_mut().zip(&views) {
            let mut counter = ByteCount::default();
            let one = Plan::of_files(snapshot.clone(), vec![file.clone()]);
            let mut writer = ViewWriter::new(self.form()?, view.columns(), &mut counter)?;
            ViewRun::new(view).write(&one, &mut writer, &mut |read| progress.advance(read))?;
            writer.finish()?;
            file.bytes = counter.0;
        }
        Ok(Plan::of_files(snapshot, files))
    }

    /// Writes the bytes `range` of a file with rows.
    fn write(
        &self,
        snapshot: &Snapshot,
        file: &File,
        range: Range<u64>,
        out: &mut dyn Write,
    ) -> Result<()> {
        let Some(view) = self.view_of(&file.name) else {
            let what = format!("the file {} of a job is of no view", file.name);
            return Err(Error::new(Kind::Damaged, what));
        };
        let view = view.view()?;
        let plan = Plan::of_files(snapshot.clone(), vec![file.clone()]);
        let buffer = RowBuffer::default();
        let mut part = ViewFilePart { out, range, at: 0 };
        let mut writer = ViewWriter::new(self.form()?, view.columns(), buffer.clone())?;
        let run = ViewRun::new(&view).write(&plan, &mut writer, &mut |_| {
            part.send(&buffer.take())?;
            // The rest of the file is not asked for.
            match part.is_over() {
                true => Err(Error::new(Kind::Interrupted, "enough of the file is written")),
                false => Ok(()),
            }
        });
        if part.is_over() && part.at < file.bytes {
            return Ok(());
        }
        run?;
        writer.finish()?;
        part.send(&buffer.take())?;
        if part.at != file.bytes {
            let what = format!("the file {} of a job has other rows than it had", file.name);
            return Err(Error::new(Kind::Damaged, what));
        }
        Ok(())
    }
}

impl OpenFile {
    /// Writes the bytes `range`: all of them, or it is an error.
    ///
    /// # Errors
    /// `Io` if `out` refuses, `Damaged` if the store no longer has all of the file.
    pub fn write(self, range: Range<u64>, out: &mut dyn Write) -> Result<()> {
        let OpenFile { file, snapshot, shape, views, hold } = self;
        let written = match &views {
            Some(views) => views.write(&snapshot, &file, range, out),
            None => lines::write(&snapshot, &file, &shape, range, out),
        };
        // Until here the job keeps what the file is made of.
        drop(hold);
        written
    }

    /// The media type of its bytes.
    ///
    /// # Errors
    /// `Damaged` if its job has rows in no form that there is.
    pub fn media_type(&self) -> Result<&'static str> {
        match &self.views {
            Some(views) => Ok(views.form()?.media_type()),
            None => Ok(RESOURCES),
        }
    }
}

/// The file of a view, before its bytes are counted: it has the resources of one of the plan's files.
fn file_of(plan: &Plan, view: &ViewDefinition, name: String) -> File {
    let found = plan.files.iter().find(|file| file.has_output_of(view.resource()));
    File {
        purpose: Purpose::Output,
        name,
        resource_type: Some(view.resource().to_owned()),
        count: found.map_or(0, |file| file.count),
        bytes: 0,
        continues_in: None,
        content: found.map_or(Content::Text(String::new()), |file| file.content.clone()),
    }
}

/// Counts the bytes that are written to it.
#[derive(Default)]
struct ByteCount(u64);

impl Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The part of a file that is asked for.
struct ViewFilePart<'o> {
    out: &'o mut dyn Write,
    range: Range<u64>,
    /// How many bytes of the file were made.
    at: u64,
}

impl ViewFilePart<'_> {
    /// Sends what is asked for of the next bytes.
    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let length = bytes.len() as u64;
        let within = |place: u64| place.saturating_sub(self.at).min(length) as usize;
        let asked = &bytes[within(self.range.start)..within(self.range.end)];
        self.at += length;
        self.out.write_all(asked).map_err(|error| Error::io("the connection", error))
    }

    /// True once all that is asked for was sent.
    fn is_over(&self) -> bool {
        self.at >= self.range.end
    }
}
