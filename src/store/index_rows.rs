//! The tables `search_key` and `search_range`: what an indexed search parameter finds in each version.
//!
//! Which keys a body has is in `fhir/search/index_entry.rs`.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, ToSql};
use twox_hash::XxHash3_64;

use super::sql::{all, run};
use crate::error::Result;
use crate::fhir::search::{IndexEntry, IndexLookup, RangeEnd};

/// The key of a version whose body could not be read for the parameter.
const UNKNOWN: &str = "";

/// The key that stands for a text.
pub(super) fn hashed(text: &str) -> i64 {
    XxHash3_64::oneshot(text.as_bytes()) as i64
}

/// The end of a range as a column has it.
pub(super) fn end(end: RangeEnd) -> Value {
    match end {
        RangeEnd::Time(micros) => Value::Integer(micros),
        RangeEnd::Number(number) => Value::Real(number),
    }
}

/// A row of one of the tables.
enum IndexRow {
    Key(Value),
    Range(Value, Value),
}

impl IndexRow {
    fn of(entry: &IndexEntry) -> IndexRow {
        match entry {
            IndexEntry::Same(text) => IndexRow::Key(Value::Integer(hashed(text))),
            IndexEntry::Text(text) => IndexRow::Key(Value::Text(text.clone())),
            IndexEntry::Unknown => IndexRow::Key(Value::Text(UNKNOWN.to_owned())),
            IndexEntry::Range { low, high } => IndexRow::Range(end(*low), end(*high)),
        }
    }
}

/// Adds the rows for the version `seq`, where they are not there yet.
pub(super) fn insert_entries(
    conn: &Connection,
    seq: i64,
    entries: &[(i64, IndexEntry)],
) -> Result<()> {
    for (parameter, entry) in entries {
        match IndexRow::of(entry) {
            IndexRow::Key(key) => {
                let sql =
                    "INSERT OR IGNORE INTO search_key (seq, parameter, key) VALUES (?1, ?2, ?3)";
                run(conn, sql, (seq, parameter, key))?;
            }
            IndexRow::Range(low, high) => {
                let sql = "INSERT OR IGNORE INTO search_range (seq, parameter, low, high)
                           VALUES (?1, ?2, ?3, ?4)";
                run(conn, sql, (seq, parameter, low, high))?;
            }
        }
    }
    Ok(())
}

/// True where the tables have exactly these entries of these parameters for the version `seq`.
pub(super) fn has_entries(
    conn: &Connection,
    seq: i64,
    parameters: &[i64],
    entries: &[(i64, IndexEntry)],
) -> Result<bool> {
    let shown = |parts: &[ValueRef<'_>]| format!("{parts:?}");
    let row = |row: &Row<'_>| -> rusqlite::Result<(i64, String)> {
        let parts = (0..row.as_ref().column_count()).map(|at| row.get_ref(at));
        Ok((row.get(0)?, shown(&parts.collect::<rusqlite::Result<Vec<_>>>()?)))
    };
    let mut there = all(conn, "SELECT parameter, key FROM search_key WHERE seq = ?1", [seq], row)?;
    let sql = "SELECT parameter, low, high FROM search_range WHERE seq = ?1";
    there.extend(all(conn, sql, [seq], row)?);
    there.retain(|(parameter, _)| parameters.contains(parameter));
    let mut there: Vec<String> = there.into_iter().map(|(_, row)| row).collect();
    let expected = entries.iter().map(|(parameter, entry)| {
        let parameter = ValueRef::Integer(*parameter);
        match IndexRow::of(entry) {
            IndexRow::Key(key) => shown(&[parameter, ValueRef::from(&key)]),
            IndexRow::Range(low, high) => {
                shown(&[parameter, ValueRef::from(&low), ValueRef::from(&high)])
            }
        }
    });
    let mut expected: Vec<String> = expected.collect();
    for rows in [&mut there, &mut expected] {
        rows.sort_unstable();
        rows.dedup();
    }
    Ok(there == expected)
}

/// The condition that finds the versions with a key, of the parameter ?1, in one table.
pub(super) struct IndexCondition {
    /// The table with its index.
    pub(super) table: &'static str,
    /// The condition; its values are ?4 and later.
    pub(super) condition: String,
    /// These values.
    pub(super) values: Vec<Box<dyn ToSql>>,
    /// True where the rows are in order of the versions.
    pub(super) is_in_order: bool,
}

/// The condition of what a search looks for.
pub(super) fn condition(lookup: &IndexLookup) -> IndexCondition {
    const KEYS: &str = "search_key INDEXED BY search_key_by_key";
    const LOWS: &str = "search_range INDEXED BY search_range_by_low";
    const HIGHS: &str = "search_range INDEXED BY search_range_by_high";
    match lookup {
        IndexLookup::Same(text) => IndexCondition {
            table: KEYS,
            condition: "key = ?4".to_owned(),
            values: vec![Box::new(hashed(text))],
            is_in_order: true,
        },
        IndexLookup::Beginning(text) => IndexCondition {
            table: KEYS,
            // The highest character follows every text that begins so.
            condition: "key >= ?4 AND key <= ?4 || char(0x10FFFF)".to_owned(),
            values: vec![Box::new(text.clone())],
            is_in_order: false,
        },
        IndexLookup::Range { low_from, low_to, high_from } => {
            let mut values: Vec<Box<dyn ToSql>> = Vec::new();
            let mut parts = Vec::new();
            for (column, limit) in
                [("low >=", low_from), ("low <=", low_to), ("high >=", high_from)]
            {
                if let Some(limit) = limit {
                    values.push(Box::new(end(*limit)));
                    parts.push(format!("{column} ?{}", values.len() + 3));
                }
            }
            let by_high = low_from.is_none() && low_to.is_none();
            IndexCondition {
                table: if by_high { HIGHS } else { LOWS },
                condition: parts.join(" AND "),
                values,
                is_in_order: false,
            }
        }
    }
}

/// The condition of the versions that every search has to look at.
pub(super) fn unknown() -> IndexCondition {
    IndexCondition {
        table: "search_key INDEXED BY search_key_by_key",
        condition: "key = ?4".to_owned(),
        values: vec![Box::new(UNKNOWN)],
        is_in_order: true,
    }
}
