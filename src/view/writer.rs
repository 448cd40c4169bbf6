//! What writes the rows of a view into a file, in one form or another.
//!
//! <https://sql-on-fhir.org/ig/operations.html>. Rows come one by one, or in batches that other threads
//! made. The forms themselves are in files of their own.

use std::io::Write;

use super::batch::{BatchRows, RowBatch};
use super::csv;
use super::format::ViewFormat;
#[cfg(feature = "parquet")]
use super::parquet_file::ParquetFile;
use super::writer_error::unwritten;
use crate::error::Result;
#[cfg(feature = "parquet")]
use crate::error::{Error, Kind};
use crate::fhir::view::ViewColumn;

/// Writes the rows of a view.
pub struct ViewWriter<W: Write + Send> {
    format: ViewFormat,
    columns: Vec<ViewColumn>,
    output: ViewOutput<W>,
}

enum ViewOutput<W: Write + Send> {
    Text {
        out: W,
        has_rows: bool,
    },
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetFile<W>>),
}

impl<W: Write + Send> ViewWriter<W> {
    /// Begins a file of rows with these columns.
    ///
    /// # Errors
    ///
    /// The output cannot be written, or this build has no Parquet.
    pub fn new(format: ViewFormat, columns: &[ViewColumn], out: W) -> Result<ViewWriter<W>> {
        format.check_built()?;
        let output = match format {
            #[cfg(feature = "parquet")]
            ViewFormat::Parquet => {
                ViewOutput::Parquet(Box::new(ParquetFile::of_view(columns, out)?))
            }
            _ => ViewOutput::Text { out, has_rows: false },
        };
        let columns = columns.to_vec();
        let mut writer = ViewWriter { format, columns, output };
        match format {
            ViewFormat::Csv { header: true } => {
                let mut header = String::new();
                csv::write_header(&writer.columns, &mut header);
                writer.output.text(&header)?;
            }
            ViewFormat::Json => writer.output.text("[")?,
            _ => {}
        }
        Ok(writer)
    }

    /// Makes batches without rows, for [`ViewWriter::append`]. Other threads may make and fill them.
    pub(crate) fn new_batch(&self) -> Box<dyn Fn() -> RowBatch + Send + Sync> {
        let (format, columns) = (self.format, self.columns.clone());
        Box::new(move || RowBatch::new(format, &columns))
    }

    /// Writes the rows of a batch, behind those that came before, and empties it.
    ///
    /// # Errors
    ///
    /// The output cannot be written, or another writer made the batch.
    pub(crate) fn append(&mut self, batch: &mut RowBatch) -> Result<()> {
        self.output.write(batch)
    }

    /// Writes what stands behind the last row. Without it the file is not whole.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn finish(mut self) -> Result<()> {
        if self.format == ViewFormat::Json {
            self.output.text("]\n")?;
        }
        match self.output {
            ViewOutput::Text { mut out, .. } => out.flush().map_err(unwritten),
            #[cfg(feature = "parquet")]
            ViewOutput::Parquet(file) => file.finish(),
        }
    }
}

impl<W: Write + Send> ViewOutput<W> {
    /// Writes the rows of a batch, and empties it.
    fn write(&mut self, batch: &mut RowBatch) -> Result<()> {
        if batch.rows() == 0 {
            return Ok(());
        }
        match (&mut batch.rows, self) {
            (BatchRows::Csv(text), ViewOutput::Text { out, .. }) => {
                out.write_all(text.as_bytes()).map_err(unwritten)?;
                text.clear();
            }
            (BatchRows::Json { text, is_array, .. }, ViewOutput::Text { out, has_rows }) => {
                let between: &[u8] = if *is_array && *has_rows { b",\n" } else { b"" };
                out.write_all(between).map_err(unwritten)?;
                out.write_all(text.as_bytes()).map_err(unwritten)?;
                text.clear();
                *has_rows = true;
            }
            #[cfg(feature = "parquet")]
            (BatchRows::Parquet(columns), ViewOutput::Parquet(file)) => {
                file.append(columns, &batch.ends)?;
            }
            #[cfg(feature = "parquet")]
            _ => {
                let reason = "the rows are in another form than their file";
                return Err(Error::new(Kind::Internal, reason));
            }
        }
        batch.emptied();
        Ok(())
    }

    /// Writes text that is no row.
    fn text(&mut self, text: &str) -> Result<()> {
        match self {
            ViewOutput::Text { out, .. } => out.write_all(text.as_bytes()).map_err(unwritten),
            #[cfg(feature = "parquet")]
            ViewOutput::Parquet(_) => Ok(()),
        }
    }
}
