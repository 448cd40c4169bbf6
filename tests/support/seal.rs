//! Checksums of versions that a test changes by hand, made as docs/store.md describes them.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use twox_hash::XxHash3_64;

/// The columns in the checksum of a row; the last three are those of `history`.
const COLUMNS: &str = "seq, type, id, version_id, last_updated, owner, assigned, size, hash";
const ENDED: &str = ", ended, ended_at, deleted";

/// Gives every version the checksums of what it holds now.
pub fn seal(db: &Connection) {
    for (table, ended, columns) in [("resource", "", 9), ("history", ENDED, 12)] {
        let sql = format!("SELECT {COLUMNS}{ended}, body FROM {table}");
        let mut statement = db.prepare(&sql).expect("the table");
        let sums: Vec<(i64, i64, i64)> = statement
            .query_map((), |row| {
                let body = body_sum(row, columns);
                Ok((row.get(0)?, body, row_sum(row, columns, body)))
            })
            .expect("versions")
            .collect::<Result<_, _>>()
            .expect("versions");
        for (seq, body, row) in sums {
            let sql =
                format!("UPDATE {table} SET body_checksum = ?2, row_checksum = ?3 WHERE seq = ?1");
            db.execute(&sql, (seq, body, row)).expect("changed");
        }
    }
}

/// The checksum of a body, with the type and the number of its version.
fn body_sum(row: &Row<'_>, body: usize) -> i64 {
    let bytes =
        |index| row.get_ref(index).and_then(|value| Ok(value.as_bytes()?.to_vec())).expect("bytes");
    let seq: i64 = row.get(0).expect("a number");
    let place = XxHash3_64::oneshot(&bytes(1)).rotate_left(1)
        ^ (seq as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (XxHash3_64::oneshot(&bytes(body)) ^ place) as i64
}

/// The checksum of the other columns.
fn row_sum(row: &Row<'_>, columns: usize, body_sum: i64) -> i64 {
    let mut bytes = Vec::new();
    let mut add = |kind: u8, content: &[u8]| {
        bytes.push(kind);
        bytes.extend((content.len() as u64).to_le_bytes());
        bytes.extend(content);
    };
    for index in 0..columns {
        if index == 9 {
            add(1, &body_sum.to_le_bytes());
        }
        match row.get_ref(index).expect("a value") {
            ValueRef::Null => add(0, &[]),
            ValueRef::Integer(number) => add(1, &number.to_le_bytes()),
            ValueRef::Real(number) => add(2, &number.to_le_bytes()),
            ValueRef::Text(text) => add(3, text),
            ValueRef::Blob(blob) => add(4, blob),
        }
    }
    if columns == 9 {
        add(1, &body_sum.to_le_bytes());
    }
    XxHash3_64::oneshot(&bytes) as i64
}
