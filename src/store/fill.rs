//! What the fillings of indexes and of tables of views share: bodies read in portions, and work on them on all cores.

use std::thread;

use rusqlite::Rows;

use crate::error::Result;

/// The bytes of the bodies of a portion; one more body is taken where it is longer.
const MOST_BYTES: usize = 16 << 20;

/// The bodies of some versions with their numbers, in order.
pub(super) type Bodies = Vec<(i64, String)>;

/// Reads up to `most` bodies of rows of (number, body). True with them where these are all.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn next_bodies(mut rows: Rows<'_>, most: usize) -> Result<(Bodies, bool)> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let body: String = row.get(1)?;
        bytes += body.len();
        found.push((row.get(0)?, body));
        if found.len() >= most || bytes >= MOST_BYTES {
            return Ok((found, false));
        }
    }
    Ok((found, true))
}

/// What `make` makes of each body, in order: on all cores.
pub(super) fn on_all_cores<M: Send>(
    bodies: &[(i64, String)],
    make: impl Fn(i64, &str) -> M + Sync,
) -> Vec<M> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let of_some = |bodies: &[(i64, String)]| -> Vec<M> {
        bodies.iter().map(|(seq, body)| make(*seq, body)).collect()
    };
    let share = bodies.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> =
            bodies.chunks(share).map(|share| (share, scope.spawn(|| of_some(share)))).collect();
        // A thread that failed is done again here, where the fault is told.
        let joined = threads
            .into_iter()
            .map(|(share, thread)| thread.join().unwrap_or_else(|_| of_some(share)));
        joined.flatten().collect()
    })
}
