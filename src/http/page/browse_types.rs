//! The types of the store as rows of a table: how many resources, how many bytes, the oldest and the newest.
//!
//! All of it stands ready in the store, so the table takes no longer for a large one.

use super::words::{bytes, grouped, when};
use crate::access::Interaction;
use crate::error::Result;
use crate::http::authenticated::AuthenticatedRequest;
use crate::store::Selection;

/// The width of the longest bar.
const WIDTH: u64 = 100;

/// A type that the caller may search.
pub struct TypeRow {
    /// Its name.
    pub name: String,
    /// How many resources.
    pub count: u64,
    /// How many bytes of JSON.
    pub bytes: u64,
    /// The width of its bar, of [`WIDTH`].
    pub width: u64,
    /// When the first of its resources was updated last.
    pub oldest: String,
    /// When the last of its resources was updated last.
    pub newest: String,
}

impl TypeRow {
    /// The number of resources, for people.
    pub fn count_text(&self) -> String {
        grouped(self.count)
    }

    /// The number of bytes, for people.
    pub fn bytes_text(&self) -> String {
        bytes(self.bytes)
    }
}

/// The types that the caller may search, by name.
///
/// # Errors
/// Where the store cannot be read.
pub fn type_rows(request: &AuthenticatedRequest<'_>) -> Result<Vec<TypeRow>> {
    let snapshot = request.seen.latest()?;
    let mut rows = Vec::new();
    for name in snapshot.types()? {
        if request.check(&name, Interaction::Search).is_err() {
            continue;
        }
        let Some(total) = snapshot.total(&Selection::all(&name, &snapshot))? else { continue };
        let time = |newest_first| -> Result<String> {
            let found = snapshot.by_time(&name, None, newest_first, 1)?;
            Ok(found.first().map(|version| when(version.last_updated)).unwrap_or_default())
        };
        let (oldest, newest) = (time(false)?, time(true)?);
        rows.push(TypeRow {
            count: total.count,
            bytes: total.bytes,
            width: 0,
            oldest,
            newest,
            name,
        });
    }
    let most = rows.iter().map(|row| row.count).max().unwrap_or(0).max(1);
    for row in &mut rows {
        // A type that is there has a bar that can be seen.
        row.width = (row.count * WIDTH / most).max(u64::from(row.count > 0));
    }
    Ok(rows)
}
