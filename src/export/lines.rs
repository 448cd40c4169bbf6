//! The bytes of a file: NDJSON, or a part of it.

use std::io::Write;
use std::ops::{ControlFlow, Range};

use crate::error::{Error, Kind, Result};
use crate::store::{Row, Selection, Snapshot};

/// Bytes gathered before they are written: few writes, and short read transactions.
const BUFFER: usize = 1 << 20;

/// Writes the bytes `range` of what is selected, all of them or an error.
///
/// # Errors
/// `Io` where `out` refuses, `Damaged` where there is less than `range` asks for.
pub fn write(
    snapshot: &Snapshot,
    selection: &Selection,
    range: Range<u64>,
    out: &mut dyn Write,
) -> Result<()> {
    let (mut from, mut skip) = match range.start {
        0 => (Some(selection.first), 0),
        start => row_at(snapshot, selection, start)?,
    };
    let mut left = range.end - range.start;
    let mut buffer = Vec::with_capacity(BUFFER + BUFFER / 4);
    while let Some(first) = from.filter(|_| left > 0) {
        buffer.clear();
        let rest = Selection { first, ..selection.clone() };
        from = snapshot.lines(&rest, BUFFER, &mut buffer)?;
        let piece = &buffer[skip.min(buffer.len())..];
        skip = 0;
        let piece = &piece[..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        out.write_all(piece).map_err(|error| Error::io("the output", error))?;
        left -= piece.len() as u64;
    }
    match left {
        0 => Ok(()),
        _ => Err(Error::new(
            Kind::Damaged,
            format!(
                "{left} bytes of {} are missing in the store; `fhirlite check` says more",
                selection.resource_type
            ),
        )),
    }
}

/// The row that the byte at `offset` is in, and how many of its bytes come before.
fn row_at(snapshot: &Snapshot, selection: &Selection, offset: u64) -> Result<(Option<i64>, usize)> {
    let mut start = 0;
    let mut found = (None, 0);
    snapshot.rows(selection, |Row { seq, size }| {
        if offset <= start + size {
            found = (Some(seq), (offset - start) as usize);
            return ControlFlow::Break(());
        }
        start += size + 1;
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
