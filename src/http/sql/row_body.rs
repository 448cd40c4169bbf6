//! The body of an answer: the rows of a view, on their way to a client that may read slowly.
//!
//! <https://sql-on-fhir.org/ig/operations-common.html#streaming>. Rows go out in portions, and no read transaction is open
//! while the client takes them. An error behind the first portion ends the connection without the last chunk.

use std::io::{self, Write};

use base64::prelude::BASE64_STANDARD;
use base64::write::EncoderWriter;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::answer_form::AnswerForm;
use crate::error::{Error, Kind, Result};
use crate::export::{Plan, ViewRun};
use crate::fhir::json::quoted;
use crate::fhir::view::{ViewColumn, ViewDefinition};
use crate::http::message::ClientWatch;
use crate::view::{RowBuffer, ViewFormat, ViewWriter};

/// The rows of a view over the resources of a plan.
pub struct PlannedRows {
    /// The view.
    pub view: ViewDefinition,
    /// The resources.
    pub plan: Plan,
    /// The most rows.
    pub most_rows: Option<u64>,
    /// Says whether the client still waits.
    pub watch: ClientWatch,
}

impl PlannedRows {
    /// Writes the rows.
    ///
    /// # Errors
    /// Those of [`ViewRun::write`]; `Gone` where resources of the snapshot were pruned in the meantime, `Interrupted` where the
    /// client has left.
    pub fn write(&self, format: ViewFormat, out: &mut dyn Write) -> Result<()> {
        let buffer = RowBuffer::default();
        let mut writer = ViewWriter::new(format, self.view.columns(), buffer.clone())?;
        let run = ViewRun::new(&self.view).with_most_rows(self.most_rows);
        run.write(&self.plan, &mut writer, &mut |_| {
            if self.watch.has_left() {
                return Err(Error::new(
                    Kind::Interrupted,
                    "the client left before its rows were made",
                ));
            }
            buffer.send(out)
        })?;
        if !self.plan.snapshot.is_whole()? {
            let what = "the store no longer has all that the rows are made of; ask again";
            return Err(Error::new(Kind::Gone, what));
        }
        writer.finish()?;
        buffer.send(out)
    }
}

/// Writes what `write` gives, in the form of the answer.
///
/// # Errors
/// Those of `write`, and where `out` refuses.
pub fn in_form(
    form: AnswerForm,
    is_gzip: bool,
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    if is_gzip {
        let mut gzip = GzEncoder::new(out, Compression::fast());
        enveloped(form, &mut gzip, write)?;
        return gzip.finish().map(drop).map_err(gone);
    }
    enveloped(form, out, write)
}

/// Writes what `write` gives, as the data of a Binary if the client asks for one.
///
/// <https://hl7.org/fhir/R4/binary.html>
fn enveloped(
    form: AnswerForm,
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<()> {
    if !form.is_enveloped {
        return write(out);
    }
    let content_type = quoted(form.format.media_type());
    let begin = format!(r#"{{"resourceType":"Binary","contentType":{content_type},"data":""#);
    out.write_all(begin.as_bytes()).map_err(gone)?;
    let mut data = EncoderWriter::new(&mut *out, &BASE64_STANDARD);
    write(&mut data)?;
    data.finish().map_err(gone)?;
    drop(data);
    out.write_all(b"\"}\n").map_err(gone)
}

/// The columns and the rows of what was made at once.
pub fn made<F>(format: ViewFormat, columns: &[ViewColumn], fill: F) -> Result<Vec<u8>>
where
    F: FnOnce(&mut ViewWriter<RowBuffer>, &RowBuffer) -> Result<()>,
{
    let buffer = RowBuffer::default();
    let mut writer = ViewWriter::new(format, columns, buffer.clone())?;
    fill(&mut writer, &buffer)?;
    writer.finish()?;
    Ok(buffer.take())
}

fn gone(error: io::Error) -> Error {
    Error::io("the connection", error)
}
