//! The first lines of a file of an export.

use std::borrow::Cow;

use crate::error::{Error, Kind, Result};
use crate::http::authenticated::AuthenticatedRequest;
use crate::shown::{shortened, shown, shown_json};

/// How many lines are shown.
const LINES: usize = 3;
/// The most characters of each.
const LONGEST: usize = 1000;
/// The most bytes of the file that are read.
const READ: u64 = 64 << 10;

/// The first lines of a file, each cut; none of a file that is no text. The audit notes it as the download of a part.
///
/// # Errors
/// `NotFound` where the caller has no such file; `Busy` where the audit cannot be written; where the store cannot be read.
pub fn first_lines(
    request: &AuthenticatedRequest<'_>,
    id: &str,
    name: &str,
) -> Result<Vec<String>> {
    let Some(opened) = request.context.jobs.open(id, name, &request.permission)? else {
        let what = "there is no such file, or its export is over";
        return Err(Error::new(Kind::NotFound, what));
    };
    let media = opened.media_type()?;
    if media.contains("parquet") || request.method == "HEAD" {
        return Ok(Vec::new());
    }
    let is_json = media.contains("json");
    let note = request.note_file(Some(id))?;
    let (length, mut begin) = (opened.file.bytes.min(READ), Vec::new());
    let written = opened.write(0..length, &mut begin);
    if let Some(note) = note {
        note.complete(begin.len() as u64, false);
    }
    written?;
    let text = String::from_utf8_lossy(&begin);
    let lines = text.lines().take(LINES).map(|line| {
        let line: Cow<'_, str> = if is_json { shown_json(line) } else { shown(line) };
        shortened(&line, LONGEST).into_owned()
    });
    Ok(lines.collect())
}
