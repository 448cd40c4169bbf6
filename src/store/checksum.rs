//! Checksums: each version carries one of its body and one of its row, so that bytes which change on the
//! disk are noticed. They find accidents, not forgeries.
//!
//! Both are XXH3 with 64 bits (<https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md>), kept as signed
//! integers. That of the body is mixed with the type and the number of the version: a damaged index that
//! leads to another version is noticed too. That of the row is of all other columns.
//!
//! What changes a row in SQL makes its checksum in SQL, with the functions `body_sum` and `row_sum`, which
//! every connection has.

use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use twox_hash::XxHash3_64;

use super::sql::maybe;
use super::tables::TYPE_NAME;
use crate::error::{Error, Kind, Result};
use crate::spilled::LARGE;

/// The SQL expression of a body's checksum.
pub(super) const BODY_SUM: &str = "body_sum(type, seq, body)";

/// The columns of a row in the view `resource` that its checksum is of; `history` has [`ENDED`] in addition.
const COLUMNS: [&str; 10] = [
    "seq",
    "type",
    "id",
    "version_id",
    "last_updated",
    "owner",
    "assigned",
    "size",
    "hash",
    "body_checksum",
];

const ENDED: [&str; 3] = ["ended", "ended_at", "deleted"];

/// Spreads the number of a version over all bits: 2⁶⁴ divided by the golden ratio.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// Makes checksums of the bodies of one type.
#[derive(Clone, Copy)]
pub(super) struct BodySum {
    of_type: u64,
}

impl BodySum {
    pub(super) fn of_type(resource_type: &[u8]) -> BodySum {
        BodySum { of_type: XxHash3_64::oneshot(resource_type) }
    }

    /// The checksum of the body of the version `seq`.
    pub(super) fn of(self, seq: i64, body: &[u8]) -> i64 {
        let place = self.of_type.rotate_left(1) ^ seq.cast_unsigned().wrapping_mul(SPREAD);
        (XxHash3_64::oneshot(body) ^ place).cast_signed()
    }
}

/// The checksum of a row with these values.
pub(super) fn row_sum<'v>(values: impl IntoIterator<Item = ValueRef<'v>>) -> i64 {
    let mut bytes = Vec::with_capacity(256);
    for value in values {
        // The kind of each value, and its length: no two rows give the same bytes.
        let (kind, content): (u8, &[u8]) = match &value {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(number) => (1, &number.to_le_bytes()),
            ValueRef::Real(number) => (2, &number.to_le_bytes()),
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&(content.len() as u64).to_le_bytes());
        bytes.extend_from_slice(content);
    }
    XxHash3_64::oneshot(&bytes).cast_signed()
}

/// Gives a connection the functions `body_sum` and `row_sum`.
pub(super) fn register(conn: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("body_sum", 3, flags, |given| {
        Ok(match (bytes(given.get_raw(0)), given.get_raw(1), bytes(given.get_raw(2))) {
            (Some(resource_type), ValueRef::Integer(seq), Some(body)) => {
                Some(BodySum::of_type(resource_type).of(seq, body))
            }
            _ => None,
        })
    })?;
    conn.create_scalar_function("row_sum", -1, flags, |given| {
        Ok(row_sum((0..given.len()).map(|index| given.get_raw(index))))
    })?;
    Ok(())
}

fn bytes(value: ValueRef<'_>) -> Option<&[u8]> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes),
        _ => None,
    }
}

/// The SQL expression of the checksum of a row of `view`, with other expressions in the place of some
/// columns.
pub(super) fn row_sum_with(view: &str, instead: &[(&str, &str)]) -> String {
    let ended: &[&str] = if view == "history" { &ENDED } else { &[] };
    let values: Vec<&str> = COLUMNS
        .iter()
        .chain(ended)
        .map(|column| {
            instead.iter().find(|(name, _)| name == column).map_or(*column, |(_, sql)| sql)
        })
        .collect();
    format!("row_sum({})", values.join(", "))
}

/// The SQL expression of the checksum of a row in the table behind `view`, with other expressions in the
/// place of some columns.
pub(super) fn row_sum_in_table(view: &str, instead: &[(&str, &str)]) -> String {
    row_sum_with(view, &[instead, &[("type", TYPE_NAME)]].concat())
}

/// The SQL expression of the checksum of a row in the table behind `view`, some columns of which get new
/// values. A row that was damaged before stays one.
pub(super) fn row_sum_after(view: &str, changes: &[(&str, &str)]) -> String {
    let (before, after) = (row_sum_in_table(view, &[]), row_sum_in_table(view, changes));
    format!("CASE WHEN row_checksum = {before} THEN {after} ELSE ~{after} END")
}

/// The SQL condition of a row of `view` that is as it was stored, body included; with other expressions
/// in the place of some columns.
pub(super) fn is_intact(view: &str, instead: &[(&str, &str)]) -> String {
    let row = row_sum_with(view, instead);
    format!("(row_checksum = {row} AND body_checksum = {BODY_SUM})")
}

/// The same condition, without the body where that is large: see `large.rs`.
pub(super) fn is_intact_but_for_large(view: &str, instead: &[(&str, &str)]) -> String {
    let (row, whole) = (row_sum_with(view, instead), is_intact(view, instead));
    format!("iif(size > {LARGE}, row_checksum = {row}, {whole})")
}

/// Says that a version is not as it was stored.
pub(super) fn damaged(place: &str) -> Error {
    let what = format!(
        "{place} is not as it was stored: bytes of it have changed; `fhirlite check` says more, and a backup \
         may have it as it was"
    );
    Error::new(Kind::Damaged, what)
}

/// Says that the version `seq` is not as it was stored.
pub(super) fn damaged_version(conn: &Connection, seq: i64) -> Error {
    let sql = "SELECT CAST(type AS BLOB), CAST(id AS BLOB), CAST(version_id AS BLOB) FROM resource WHERE seq = ?1
               UNION ALL
               SELECT CAST(type AS BLOB), CAST(id AS BLOB), CAST(version_id AS BLOB) FROM history WHERE seq = ?1";
    let text = |row: &Row<'_>, index| -> rusqlite::Result<String> {
        Ok(String::from_utf8_lossy(row.get_ref(index)?.as_blob().unwrap_or_default()).into_owned())
    };
    let named = maybe(conn, sql, [seq], |row| {
        Ok(format!("{}/{} version {}", text(row, 0)?, text(row, 1)?, text(row, 2)?))
    });
    damaged(&named.ok().flatten().unwrap_or_else(|| format!("the version {seq}")))
}
