//! The resources of a type as a Parquet file, for DuckDB, pandas and Spark: `id`, `last_updated`, `body`.
//!
//! <https://parquet.apache.org/docs/file-format/types/logicaltypes/>: `last_updated` is a TIMESTAMP in
//! microseconds of UTC, `body` is the JSON text of the resource. Which resources there are is not said
//! here.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::errors::Result as ParquetResult;
use parquet::file::properties::EnabledStatistics;
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::parquet_columns::WaitingColumn;
use super::parquet_file::{GROUP_BYTES, ParquetFile, properties};
use crate::error::Result;
use crate::time::Instant;

/// Writes a file of resources.
pub(crate) struct BodyFileWriter<W: Write + Send>(ParquetFile<W>);

/// Resources that wait for their file.
pub(crate) struct BodyBatch {
    columns: Vec<WaitingColumn>,
    /// Where each resource ends, in bytes.
    ends: Vec<usize>,
}

impl BodyBatch {
    /// A batch without resources.
    pub(crate) fn new() -> BodyBatch {
        BodyBatch { columns: columns(), ends: Vec::new() }
    }

    /// Adds a resource.
    pub(crate) fn add(&mut self, id: &str, last_updated: Instant, body: &str) {
        if let [ids, times, bodies] = &mut self.columns[..] {
            let added =
                ids.add_text(id) + times.add_number(last_updated.micros()) + bodies.add_text(body);
            self.ends.push(self.bytes() + added);
        }
    }

    /// How many resources wait.
    pub(crate) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes they take.
    pub(crate) fn bytes(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}

impl<W: Write + Send> BodyFileWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(crate) fn new(out: W) -> Result<BodyFileWriter<W>> {
        let instants = LogicalType::timestamp(true, TimeUnit::MICROS);
        let fields = [
            field("id", PhysicalType::BYTE_ARRAY, LogicalType::String),
            field("last_updated", PhysicalType::INT64, instants),
            field("body", PhysicalType::BYTE_ARRAY, LogicalType::String),
        ];
        // Each id and each body stands once, and nobody looks for ranges of bodies.
        let properties = properties()
            .set_column_dictionary_enabled(ColumnPath::from("id"), false)
            .set_column_dictionary_enabled(ColumnPath::from("body"), false)
            .set_column_statistics_enabled(ColumnPath::from("body"), EnabledStatistics::None);
        let fields = fields.into_iter().collect();
        let columns = columns_with(GROUP_BYTES + GROUP_BYTES / 8);
        ParquetFile::new("resources", fields, columns, properties, out).map(BodyFileWriter)
    }

    /// Writes the resources of a batch, behind those that came before.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(crate) fn append(&mut self, mut batch: BodyBatch) -> Result<()> {
        self.0.append(&mut batch.columns, &batch.ends)
    }

    /// Writes the end of the file. Without it the file is not whole.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.finish()
    }
}

/// The columns of a batch, without values.
fn columns() -> Vec<WaitingColumn> {
    columns_with(0)
}

/// The columns, with room for so many bytes of bodies.
fn columns_with(room: usize) -> Vec<WaitingColumn> {
    vec![WaitingColumn::of_texts(0), WaitingColumn::of_numbers(), WaitingColumn::of_texts(room)]
}

fn field(name: &str, physical: PhysicalType, logical: LogicalType) -> ParquetResult<TypePtr> {
    let field = Type::primitive_type_builder(name, physical);
    let field = field.with_repetition(Repetition::OPTIONAL).with_logical_type(Some(logical));
    Ok(Arc::new(field.build()?))
}
