//! Writes the bytes of a file: NDJSON, all of it or a range.

use std::io::Write;
use std::ops::{ControlFlow, Range};
use std::panic::resume_unwind;
use std::thread;

use super::file::{Content, File, Purpose};
use super::portion::{PORTION, PortionExit, connected};
use super::rows;
use super::shape::{ResourceShape, text};
use super::window::Window;
use crate::error::{Error, Kind, Result};
use crate::fhir::{json, parameters};
use crate::store::{Selection, Snapshot, VersionSize};
use crate::sync::Shares;

/// Who reads ahead: each has a thread and a portion more than others.
static AHEAD: Shares = Shares::new(8);

/// The line that tells a deletion, without the line end.
///
/// <https://hl7.org/fhir/uv/bulkdata/export.html#response---output-manifest>, `deleted`.
pub fn deletion(resource_type: &str, id: &str) -> String {
    let url = json::quoted(&format!("{resource_type}/{id}"));
    format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"request":{{"method":"DELETE","url":{url}}}}}]}}"#
    )
}

/// Writes the bytes `range` of a file: all of them, or it is an error.
///
/// The store is read on a thread of its own, up to a portion ahead of what is written, while few others read ahead. A slow
/// client keeps neither a connection to the store nor a transaction.
///
/// # Errors
/// `Io` if `out` refuses, `Damaged` if the store has fewer bytes than `range` asks for.
pub fn write(
    snapshot: &Snapshot,
    file: &File,
    shape: &ResourceShape,
    range: Range<u64>,
    out: &mut dyn Write,
) -> Result<()> {
    let is_long = range.end - range.start > PORTION as u64;
    let Some(_share) = AHEAD.take().filter(|_| is_long) else {
        return read(snapshot, file, shape, range, PortionExit::Client(out));
    };
    let (ahead, behind) = connected(range.end - range.start);
    thread::scope(|scope| {
        let whole = range.clone();
        let reading = thread::Builder::new().name("reading ahead".to_owned());
        let reading = reading.spawn_scoped(scope, move || {
            read(snapshot, file, shape, whole, PortionExit::Ahead(ahead))
        });
        // Where the system has no more threads, this one does both.
        let Ok(reading) = reading else {
            return read(snapshot, file, shape, range, PortionExit::Client(out));
        };
        // Once this ends, the other thread finds nobody to send to.
        let written = behind.write_all(out);
        let read = reading.join().unwrap_or_else(|panic| resume_unwind(panic));
        written.and(read)
    })
}

/// Reads the bytes `range` of a file; they leave by `exit`.
fn read(
    snapshot: &Snapshot,
    file: &File,
    shape: &ResourceShape,
    range: Range<u64>,
    exit: PortionExit<'_>,
) -> Result<()> {
    let mut window = Window::new(range, file.bytes, exit);
    match &file.content {
        Content::Range(selection) => of_range(snapshot, selection, shape, &mut window)?,
        Content::Rows(rows) if file.purpose == Purpose::Deleted => {
            of_deletions(snapshot, rows, &mut window)?;
        }
        Content::Rows(rows) => of_rows(snapshot, rows, shape, &mut window)?,
        Content::Text(text) => window.gather(text.as_bytes())?,
    }
    window.finish(&file.name)
}

fn of_range(
    snapshot: &Snapshot,
    selection: &Selection,
    shape: &ResourceShape,
    window: &mut Window<'_>,
) -> Result<()> {
    let resource_type = &selection.resource_type;
    let is_plain = !shape.must_be_made(resource_type)
        && (shape.base_size() == 0 || !snapshot.has_relative_urls(selection)?);
    let mut failure = None;
    let mut from = Some(selection.first);
    if is_plain && window.skip > 0 {
        (from, window.skip) = row_at(snapshot, selection, window.skip)?;
    }
    while let Some(first) = from.filter(|_| !window.is_over()) {
        let rest = Selection { first, ..selection.clone() };
        // What attachments name is looked up while the versions are read.
        let named = if is_plain { None } else { Some(snapshot.lookup()?) };
        from = snapshot.for_each_body(&rest, |_, body| {
            let gathered = match &named {
                None => window.gather_line(body),
                Some(named) => text(body)
                    .and_then(|body| shape.apply(resource_type, body, named))
                    .and_then(|text| window.gather_line(text.as_bytes())),
            };
            match gathered.and_then(|()| window.must_flush()) {
                Ok(false) if !window.is_over() => ControlFlow::Continue(()),
                Ok(_) => ControlFlow::Break(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failure.take() {
            return Err(error);
        }
        // A slow client must not keep a connection to the store.
        drop(named);
        if let Some(first) = from.filter(|_| window.is_to_end && window.is_over()) {
            window.is_cut |= has_any(snapshot, &Selection { first, ..selection.clone() })?;
        }
        window.flush()?;
    }
    Ok(())
}

/// True where the snapshot has any version of a selection.
fn has_any(snapshot: &Snapshot, selection: &Selection) -> Result<bool> {
    let mut found = false;
    snapshot.for_each_size(selection, |_| {
        found = true;
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// The row that holds the byte at `offset`, and how many of its bytes come before that byte.
fn row_at(snapshot: &Snapshot, selection: &Selection, offset: u64) -> Result<(Option<i64>, u64)> {
    let mut start = 0;
    let mut found = (None, 0);
    snapshot.for_each_size(selection, |VersionSize { seq, size }| {
        if offset <= start + size {
            found = (Some(seq), offset - start);
            return ControlFlow::Break(());
        }
        start += size + 1;
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn of_rows(
    snapshot: &Snapshot,
    rows: &[u8],
    shape: &ResourceShape,
    window: &mut Window<'_>,
) -> Result<()> {
    let mut lookups = None;
    for block in rows::decode(rows) {
        let block = block?;
        if let Some(patient) = &block.patient {
            window.gather_line(parameters::header(patient).as_bytes())?;
        }
        for seq in block.seqs {
            if window.is_over() {
                window.is_cut |= window.is_to_end;
                return Ok(());
            }
            let (view, named) = match &lookups {
                Some(lookups) => lookups,
                None => lookups.insert((snapshot.lookup()?, snapshot.lookup()?)),
            };
            let gathered = view.read(seq, |version, body| {
                let text = shape.apply(&version.resource_type, body, named)?;
                window.gather_line(text.as_bytes())
            })?;
            gathered.unwrap_or_else(|| Err(missing(seq)))?;
            if window.must_flush()? {
                // A slow client must not keep a connection to the store.
                lookups = None;
                window.flush()?;
            }
        }
    }
    Ok(())
}

fn of_deletions(snapshot: &Snapshot, rows: &[u8], window: &mut Window<'_>) -> Result<()> {
    let mut lookup = None;
    for block in rows::decode(rows) {
        for seq in block?.seqs {
            let view = match &lookup {
                Some(lookup) => lookup,
                None => lookup.insert(snapshot.lookup()?),
            };
            let (resource_type, id) = view.deleted(seq)?.ok_or_else(|| missing(seq))?;
            window.gather_line(deletion(&resource_type, &id).as_bytes())?;
            if window.must_flush()? {
                // A slow client must not keep a connection to the store.
                lookup = None;
                window.flush()?;
            }
        }
    }
    Ok(())
}

/// The error of a version that a plan has and the store has not.
pub(super) fn missing(seq: i64) -> Error {
    let what = format!("version {seq} is not in the store any more; `fhirlite check` says more");
    Error::new(Kind::Damaged, what)
}
