//! Rows as a Parquet file, for DuckDB, pandas and Spark.
//!
//! <https://parquet.apache.org/docs/file-format/>. Columns have the types that the default mapping of
//! SQL on FHIR says, as far as they lose nothing:
//!
//! | values | column | why |
//! |---|---|---|
//! | booleans | BOOLEAN | |
//! | `integer`, `positiveInt`, `unsignedInt` | INT32 | |
//! | `integer64` | INT64 | |
//! | decimals | text | a double loses digits, and DECIMAL would need one scale for all values; the tag `ansi/type` = `DOUBLE PRECISION` asks for DOUBLE |
//! | dates, dateTimes, instants, times | text | their precision differs: `2020`, `2020-05` |
//! | other primitive types, columns without a type | text | |
//! | lists; elements that have elements | text with the logical type JSON | |
//!
//! Values wait until a row group is full, which their bytes bound; its columns are then encoded one
//! after the other. Pages are compressed with Snappy, which every reader has.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::parquet_columns::{WaitingColumn, is_json, physical, waiting_columns};
use super::writer_error::unwritten;
use crate::error::{Error, Kind, Result};
use crate::fhir::view::ViewColumn;

/// The bytes of values in a row group.
pub(super) const GROUP_BYTES: usize = 16 << 20;
/// The rows of a row group: narrow rows would have too many.
const GROUP_ROWS: usize = 1 << 20;

/// A Parquet file that is being written.
pub(super) struct ParquetFile<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<WaitingColumn>,
    rows: usize,
    bytes: usize,
}

impl<W: Write + Send> ParquetFile<W> {
    /// A file of the rows of a view.
    pub(super) fn of_view(columns: &[ViewColumn], out: W) -> Result<ParquetFile<W>> {
        let fields = columns.iter().map(field).collect();
        ParquetFile::new("view", fields, waiting_columns(columns), properties(), out)
    }

    /// A file of columns, which are empty.
    pub(super) fn new(
        name: &str,
        fields: ParquetResult<Vec<TypePtr>>,
        columns: Vec<WaitingColumn>,
        properties: WriterPropertiesBuilder,
        out: W,
    ) -> Result<ParquetFile<W>> {
        let schema =
            fields.and_then(|fields| Type::group_type_builder(name).with_fields(fields).build());
        let file = schema.and_then(|schema| {
            SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties.build()))
        });
        let file = file.map_err(unencoded)?;
        Ok(ParquetFile { file, columns, rows: 0, bytes: 0 })
    }

    /// Takes rows by their columns; `ends` says for each row how many bytes it and those before it take. The rows alone
    /// say where a row group ends, however they come: the same rows make the same file.
    pub(super) fn append(&mut self, columns: &mut [WaitingColumn], ends: &[usize]) -> Result<()> {
        let (mut from, mut taken) = (0, 0);
        while from < ends.len() {
            let (mut rows, mut is_full) = (0, false);
            for end in &ends[from..] {
                let bytes = end - taken;
                // A large row is in a row group of its own.
                if bytes >= GROUP_BYTES && self.rows + rows > 0 {
                    is_full = true;
                    break;
                }
                (rows, taken, self.bytes) = (rows + 1, *end, self.bytes + bytes);
                if self.bytes >= GROUP_BYTES || self.rows + rows >= GROUP_ROWS {
                    is_full = true;
                    break;
                }
            }
            for (column, more) in self.columns.iter_mut().zip(&mut *columns) {
                column.take_first(rows, more);
            }
            self.rows += rows;
            from += rows;
            if is_full {
                self.write_group().map_err(unencoded)?;
            }
        }
        Ok(())
    }

    /// Writes the last rows and the end of the file.
    pub(super) fn finish(mut self) -> Result<()> {
        self.write_group().map_err(unencoded)?;
        self.file.close().map(|_| ()).map_err(unencoded)
    }

    /// Writes the values that wait as a row group.
    fn write_group(&mut self) -> ParquetResult<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut out) = group.next_column()? else { break };
            column.write(&mut out)?;
            out.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

/// How files are written.
pub(super) fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_created_by(concat!("fhirlite ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
}

/// A column of a view.
fn field(column: &ViewColumn) -> ParquetResult<TypePtr> {
    let physical = physical(column);
    let logical = match physical {
        PhysicalType::BYTE_ARRAY if is_json(column) => Some(LogicalType::Json),
        PhysicalType::BYTE_ARRAY => Some(LogicalType::String),
        _ => None,
    };
    let field = Type::primitive_type_builder(&column.name, physical);
    Ok(Arc::new(field.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build()?))
}

/// The error of a file that cannot be written.
fn unencoded(error: ParquetError) -> Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => unwritten(*error),
            Err(error) => Error::new(Kind::Internal, format!("the Parquet file: {error}")),
        },
        error => Error::new(Kind::Internal, format!("the Parquet file: {error}")),
    }
}
