//! The values of a Parquet file's columns, as long as they wait for a row group.
//!
//! <https://parquet.apache.org/docs/file-format/types/>; `parquet_file.rs` has the table of types. A value
//! that is nothing takes a definition level alone.

use parquet::basic::Type as PhysicalType;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use parquet::errors::Result as ParquetResult;
use parquet::file::writer::SerializedColumnWriter;

use crate::fhir::view::{ColumnKind, ViewColumn, ViewValue};

/// The values of a column that wait for their row group.
pub(super) struct WaitingColumn {
    values: WaitingValues,
    /// For each row 1, or 0 where there is nothing.
    levels: Vec<i16>,
}

enum WaitingValues {
    Booleans(Vec<bool>),
    Integers(Vec<i32>),
    Integers64(Vec<i64>),
    Doubles(Vec<f64>),
    Texts(WaitingTexts),
}

/// Texts one behind the other, with their lengths.
struct WaitingTexts {
    text: String,
    lengths: Vec<usize>,
    is_json: bool,
    /// Room for so many bytes is made at once: a text that grows takes up to three times as much meanwhile.
    room: usize,
}

/// Columns without values.
pub(super) fn waiting_columns(columns: &[ViewColumn]) -> Vec<WaitingColumn> {
    columns.iter().map(WaitingColumn::new).collect()
}

impl WaitingColumn {
    fn new(column: &ViewColumn) -> WaitingColumn {
        let values = match physical(column) {
            PhysicalType::BOOLEAN => WaitingValues::Booleans(Vec::new()),
            PhysicalType::INT32 => WaitingValues::Integers(Vec::new()),
            PhysicalType::INT64 => WaitingValues::Integers64(Vec::new()),
            PhysicalType::DOUBLE => WaitingValues::Doubles(Vec::new()),
            _ => texts(is_json(column), 0),
        };
        WaitingColumn { values, levels: Vec::new() }
    }

    /// A column of texts, with room for so many bytes once there are any.
    pub(super) fn of_texts(room: usize) -> WaitingColumn {
        WaitingColumn { values: texts(false, room), levels: Vec::new() }
    }

    /// A column of whole numbers of 64 bits.
    pub(super) fn of_numbers() -> WaitingColumn {
        WaitingColumn { values: WaitingValues::Integers64(Vec::new()), levels: Vec::new() }
    }

    /// Adds a text; says how many bytes it takes.
    pub(super) fn add_text(&mut self, text: &str) -> usize {
        self.add(&ViewValue::Text(text.into()))
    }

    /// Adds a whole number to a column of these; says how many bytes it takes.
    pub(super) fn add_number(&mut self, number: i64) -> usize {
        if let WaitingValues::Integers64(values) = &mut self.values {
            values.push(number);
            self.levels.push(1);
        }
        size_of::<i64>() + size_of::<i16>()
    }

    /// Adds a value; says how many bytes it takes.
    pub(super) fn add(&mut self, value: &ViewValue<'_>) -> usize {
        let level = size_of::<i16>();
        let added = match (&mut self.values, value) {
            (_, ViewValue::Null) => None,
            (WaitingValues::Booleans(values), ViewValue::Boolean(value)) => {
                values.push(*value);
                Some(size_of::<bool>())
            }
            (WaitingValues::Integers(values), ViewValue::Number(lexeme)) => {
                lexeme.parse().ok().map(|value| values.push(value)).map(|()| size_of::<i32>())
            }
            (WaitingValues::Integers64(values), ViewValue::Number(lexeme)) => {
                lexeme.parse().ok().map(|value| values.push(value)).map(|()| size_of::<i64>())
            }
            (WaitingValues::Doubles(values), ViewValue::Number(lexeme)) => {
                lexeme.parse().ok().map(|value| values.push(value)).map(|()| size_of::<f64>())
            }
            (WaitingValues::Texts(texts), value) => Some(texts.add(value)),
            // The rows of a view have the values that their columns hold.
            _ => None,
        };
        self.levels.push(i16::from(added.is_some()));
        added.unwrap_or(0) + level
    }

    /// Takes the values of the first rows of another column of the same kind, to stand behind its own.
    pub(super) fn take_first(&mut self, rows: usize, other: &mut WaitingColumn) {
        let count = other.levels[..rows].iter().filter(|level| **level > 0).count();
        match (&mut self.values, &mut other.values) {
            (WaitingValues::Booleans(own), WaitingValues::Booleans(more)) => {
                own.extend(more.drain(..count));
            }
            (WaitingValues::Integers(own), WaitingValues::Integers(more)) => {
                own.extend(more.drain(..count));
            }
            (WaitingValues::Integers64(own), WaitingValues::Integers64(more)) => {
                own.extend(more.drain(..count));
            }
            (WaitingValues::Doubles(own), WaitingValues::Doubles(more)) => {
                own.extend(more.drain(..count));
            }
            (WaitingValues::Texts(own), WaitingValues::Texts(more)) => {
                let bytes: usize = more.lengths[..count].iter().sum();
                if own.text.is_empty() && bytes == more.text.len() && bytes >= own.room {
                    // Large texts are not copied.
                    std::mem::swap(&mut own.text, &mut more.text);
                } else {
                    own.text.reserve_exact(own.room.saturating_sub(own.text.len()));
                    own.text.push_str(&more.text[..bytes]);
                    more.text.drain(..bytes);
                }
                own.lengths.extend(more.lengths.drain(..count));
            }
            // A batch has the columns of its writer.
            _ => return,
        }
        self.levels.extend(other.levels.drain(..rows));
    }

    /// Keeps the values of as many rows, and lets go those behind them.
    pub(super) fn keep_first(&mut self, rows: usize) {
        self.levels.truncate(rows);
        let count = self.levels.iter().filter(|level| **level > 0).count();
        match &mut self.values {
            WaitingValues::Booleans(values) => values.truncate(count),
            WaitingValues::Integers(values) => values.truncate(count),
            WaitingValues::Integers64(values) => values.truncate(count),
            WaitingValues::Doubles(values) => values.truncate(count),
            WaitingValues::Texts(texts) => {
                texts.lengths.truncate(count);
                texts.text.truncate(texts.lengths.iter().sum());
            }
        }
    }

    /// Writes the values, and lets them go.
    pub(super) fn write(&mut self, out: &mut SerializedColumnWriter<'_>) -> ParquetResult<()> {
        let levels = &self.levels;
        match &mut self.values {
            WaitingValues::Booleans(values) => write_batch::<BoolType>(out, values, levels)?,
            WaitingValues::Integers(values) => write_batch::<Int32Type>(out, values, levels)?,
            WaitingValues::Integers64(values) => write_batch::<Int64Type>(out, values, levels)?,
            WaitingValues::Doubles(values) => write_batch::<DoubleType>(out, values, levels)?,
            WaitingValues::Texts(texts) => {
                write_batch::<ByteArrayType>(out, &mut texts.take(), levels)?;
            }
        }
        self.levels.clear();
        Ok(())
    }
}

impl WaitingTexts {
    fn add(&mut self, value: &ViewValue<'_>) -> usize {
        let start = self.text.len();
        if self.is_json {
            value.write_json(&mut self.text);
        } else if let Some(plain) = value.plain() {
            self.text.push_str(&plain);
        }
        let length = self.text.len() - start;
        self.lengths.push(length);
        length + size_of::<usize>() + size_of::<ByteArray>()
    }

    /// Takes the texts; they share one piece of memory.
    fn take(&mut self) -> Vec<ByteArray> {
        let whole = ByteArray::from(std::mem::take(&mut self.text).into_bytes());
        let mut start = 0;
        let slices = self.lengths.drain(..).map(|length| {
            let slice = whole.slice(start, length);
            start += length;
            slice
        });
        slices.collect()
    }
}

fn texts(is_json: bool, room: usize) -> WaitingValues {
    WaitingValues::Texts(WaitingTexts { text: String::new(), lengths: Vec::new(), is_json, room })
}

fn write_batch<T: DataType>(
    out: &mut SerializedColumnWriter<'_>,
    values: &mut Vec<T::T>,
    levels: &[i16],
) -> ParquetResult<()> {
    out.typed::<T>().write_batch(values, Some(levels), None)?;
    values.clear();
    Ok(())
}

/// How a column is stored.
pub(super) fn physical(column: &ViewColumn) -> PhysicalType {
    match column.kind {
        _ if column.is_collection => PhysicalType::BYTE_ARRAY,
        ColumnKind::Boolean => PhysicalType::BOOLEAN,
        ColumnKind::Integer => PhysicalType::INT32,
        ColumnKind::Integer64 => PhysicalType::INT64,
        ColumnKind::Decimal if column.is_double() => PhysicalType::DOUBLE,
        ColumnKind::Decimal | ColumnKind::Text | ColumnKind::Json => PhysicalType::BYTE_ARRAY,
    }
}

pub(super) fn is_json(column: &ViewColumn) -> bool {
    column.is_collection || column.kind == ColumnKind::Json
}
