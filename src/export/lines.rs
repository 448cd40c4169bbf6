//! Writes the bytes of a file: NDJSON, all of it or a range.

use std::borrow::Cow;
use std::io::Write;
use std::ops::{ControlFlow, Range};

use super::file::{Content, File, Purpose};
use super::rows;
use super::shape::ResourceShape;
use crate::error::{Error, Kind, Result};
use crate::fhir::{json, parameters};
use crate::spilled::{LARGE, SpilledBytes};
use crate::store::{Selection, Snapshot, VersionSize};

/// The bytes that are gathered before they are written. Writes are few, and read transactions short.
const BUFFER: usize = 1 << 20;

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
/// # Errors
/// `Io` if `out` refuses, `Damaged` if the store has fewer bytes than `range` asks for.
pub fn write(
    snapshot: &Snapshot,
    file: &File,
    shape: &ResourceShape,
    range: Range<u64>,
    out: &mut dyn Write,
) -> Result<()> {
    let mut window = Window {
        skip: range.start,
        left: range.end - range.start,
        is_to_end: range.end == file.bytes,
        is_cut: false,
        out,
        buffer: Vec::new(),
        spilled: None,
    };
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

/// The range of a file that goes out; bytes outside of it are dropped.
struct Window<'a> {
    /// The bytes to drop before the range begins.
    skip: u64,
    /// The bytes of the range that are still to come.
    left: u64,
    /// True where nothing of the file comes after the range.
    is_to_end: bool,
    /// True where something came after it all the same.
    is_cut: bool,
    out: &'a mut dyn Write,
    buffer: Vec<u8>,
    /// What comes before the buffer, where it is large.
    spilled: Option<SpilledBytes>,
}

impl Window<'_> {
    fn gather_line(&mut self, text: &str) -> Result<()> {
        self.gather(text.as_bytes())?;
        self.gather(b"\n")
    }

    fn is_full(&self) -> bool {
        self.buffer.len() >= BUFFER || self.spilled.is_some()
    }

    /// Takes the part of `bytes` that lies in the range. Many bytes go to a file, since they may wait for a slow client.
    ///
    /// # Errors
    /// `Io` where that file cannot be written.
    fn gather(&mut self, bytes: &[u8]) -> Result<()> {
        let skipped = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= skipped as u64;
        let rest = &bytes[skipped..];
        let whole = rest.len();
        let rest = &rest[..whole.min(usize::try_from(self.left).unwrap_or(usize::MAX))];
        self.is_cut |= self.is_to_end && rest.len() < whole;
        self.left -= rest.len() as u64;
        if rest.len() > LARGE {
            self.spilled = Some(SpilledBytes::of(&[&self.buffer, rest])?);
            self.buffer.clear();
        } else {
            self.buffer.extend_from_slice(rest);
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.left == 0
    }

    fn flush(&mut self) -> Result<()> {
        // What is left in the buffer does not go out: the file must not look whole.
        if self.is_cut {
            let what = "the store has more bytes of the file than its manifest said; `fhirlite check` says more";
            return Err(Error::new(Kind::Damaged, what));
        }
        if let Some(spilled) = self.spilled.take() {
            spilled.write_to(self.out).map_err(|error| Error::io("the output", error))?;
        }
        self.out.write_all(&self.buffer).map_err(|error| Error::io("the output", error))?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self, name: &str) -> Result<()> {
        self.flush()?;
        match self.left {
            0 => Ok(()),
            left => Err(Error::new(
                Kind::Damaged,
                format!(
                    "{left} bytes of {name} are missing in the store; `fhirlite check` says more"
                ),
            )),
        }
    }
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
            let text = match &named {
                None => Ok(Cow::Borrowed(body)),
                Some(named) => shape.apply(resource_type, body, named),
            };
            if let Err(error) = text.and_then(|text| window.gather_line(&text)) {
                failure = Some(error);
                return ControlFlow::Break(());
            }
            if window.is_full() || window.is_over() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
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
            window.gather_line(&parameters::header(patient))?;
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
                window.gather_line(&text)
            })?;
            gathered.unwrap_or_else(|| Err(missing(seq)))?;
            if window.is_full() {
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
            window.gather_line(&deletion(&resource_type, &id))?;
            if window.is_full() {
                // A slow client must not keep a connection to the store.
                lookup = None;
                window.flush()?;
            }
        }
    }
    Ok(())
}

fn missing(seq: i64) -> Error {
    let what = format!("version {seq} is not in the store any more; `fhirlite check` says more");
    Error::new(Kind::Damaged, what)
}
