//! Some rows in a form, apart from the file that they will stand in. So several threads make rows, and
//! one puts them into the file.

use super::csv;
use super::format::ViewFormat;
use super::json;
#[cfg(feature = "parquet")]
use super::parquet_columns::{WaitingColumn, waiting_columns};
use crate::fhir::view::{ViewColumn, ViewValue};

/// Rows that wait for their file.
pub struct RowBatch {
    pub(super) rows: BatchRows,
    /// Where each row ends, in bytes.
    pub(super) ends: Vec<usize>,
}

/// Rows in the form of their file.
pub(super) enum BatchRows {
    /// Lines.
    Csv(String),
    /// Lines, or objects with commas between them.
    Json { text: String, names: Vec<String>, is_array: bool },
    /// Values by column.
    #[cfg(feature = "parquet")]
    Parquet(Vec<WaitingColumn>),
}

impl RowBatch {
    /// A batch without rows.
    pub(super) fn new(format: ViewFormat, columns: &[ViewColumn]) -> RowBatch {
        let json = |is_array| {
            let names = json::names(columns);
            BatchRows::Json { text: String::new(), names, is_array }
        };
        let rows = match format {
            ViewFormat::Csv { .. } => BatchRows::Csv(String::new()),
            ViewFormat::Ndjson => json(false),
            ViewFormat::Json => json(true),
            #[cfg(feature = "parquet")]
            ViewFormat::Parquet => BatchRows::Parquet(waiting_columns(columns)),
            // Without Parquet no file of it is begun.
            #[cfg(not(feature = "parquet"))]
            ViewFormat::Parquet => json(false),
        };
        RowBatch { rows, ends: Vec::new() }
    }

    /// Adds a row: a value for each column of the view.
    pub fn add(&mut self, values: &[&ViewValue<'_>]) {
        let end = match &mut self.rows {
            BatchRows::Csv(text) => {
                csv::write_row(values, text);
                text.len()
            }
            BatchRows::Json { text, names, is_array } => {
                if *is_array && !self.ends.is_empty() {
                    text.push_str(",\n");
                }
                json::write_row(names, values, text);
                if !*is_array {
                    text.push('\n');
                }
                text.len()
            }
            #[cfg(feature = "parquet")]
            BatchRows::Parquet(columns) => {
                let added = columns.iter_mut().zip(values).map(|(column, value)| column.add(value));
                self.ends.last().copied().unwrap_or(0) + added.sum::<usize>()
            }
        };
        self.ends.push(end);
    }

    /// Keeps as many rows, and lets go those behind them.
    pub fn keep_first(&mut self, rows: u64) {
        let Some(rows) = usize::try_from(rows).ok().filter(|rows| *rows < self.rows()) else {
            return;
        };
        self.ends.truncate(rows);
        let bytes = self.bytes();
        match &mut self.rows {
            BatchRows::Csv(text) | BatchRows::Json { text, .. } => text.truncate(bytes),
            #[cfg(feature = "parquet")]
            BatchRows::Parquet(columns) => {
                columns.iter_mut().for_each(|column| column.keep_first(rows));
            }
        }
    }

    /// How many rows wait.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes the rows take.
    pub fn bytes(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Forgets the rows, which were put into their file.
    pub(super) fn emptied(&mut self) {
        self.ends.clear();
    }
}
