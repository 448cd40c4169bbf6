//! The limit of open files, which connections need.

/// The number of connections that the limit of open files leaves room for, `wanted` at most. Raises that
/// limit as far as the system allows.
#[cfg(unix)]
pub fn affordable(wanted: usize) -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    /// The files of the store, of its jobs and of the process itself.
    const OTHERS: u64 = 96;
    /// A connection, and the store's file and log while a request reads them.
    const PER_CONNECTION: u64 = 3;
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // A refusal means fewer connections.
    let _ = setrlimit(Resource::Nofile, limit);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = files.saturating_sub(OTHERS) / PER_CONNECTION;
    wanted.clamp(1, usize::try_from(room).unwrap_or(usize::MAX).max(1))
}

/// Other systems have no such limit.
#[cfg(not(unix))]
pub fn affordable(wanted: usize) -> usize {
    wanted.max(1)
}
