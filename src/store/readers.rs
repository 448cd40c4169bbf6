//! The reading connections of a store: lent to one thread at a time, a bounded number at once.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use crate::error::Result;
use crate::sync::lock;

/// The largest number of idle reading connections in the pool.
const MAX_IDLE: usize = 8;

/// The reading connections that may be lent at once; more readers wait for one to come back. SQLite keeps the
/// descriptor of a closed connection while another one has the file open, so a peak would stay.
const MAX_LENT: usize = 16;

/// How long a reader waits at most. A long export may hold several connections for its whole time.
const LENT_PATIENCE: Duration = Duration::from_millis(500);

/// The reading connections: those that are idle, and how many are lent.
#[derive(Default)]
pub(super) struct Readers {
    state: Mutex<ReadersState>,
    returned: Condvar,
}

#[derive(Default)]
struct ReadersState {
    idle: Vec<Connection>,
    lent: usize,
}

thread_local! {
    /// How many reading connections this thread has borrowed. A thread that has one gets another at once, since
    /// it may be the one that others wait for.
    static BORROWED: Cell<usize> = const { Cell::new(0) };
}

/// A reading connection on loan; it returns to the pool when it is dropped, by the thread that borrowed it.
pub(super) struct ReadConnection<'a> {
    readers: &'a Readers,
    conn: Option<Connection>,
    /// Connections must not change threads while they are lent: [`BORROWED`] counts by thread.
    of_one_thread: PhantomData<*const ()>,
}

impl Readers {
    /// Lends an idle connection, or one that `connect` opens.
    ///
    /// # Errors
    /// Those of `connect`.
    pub(super) fn lend(
        &self,
        connect: impl FnOnce() -> Result<Connection>,
    ) -> Result<ReadConnection<'_>> {
        let mut state = lock(&self.state);
        if BORROWED.get() == 0 && state.lent >= MAX_LENT {
            let is_full = |state: &mut ReadersState| state.lent >= MAX_LENT;
            let waited = self.returned.wait_timeout_while(state, LENT_PATIENCE, is_full);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.lent += 1;
        BORROWED.set(BORROWED.get() + 1);
        let conn = state.idle.pop();
        drop(state);
        let mut lent = ReadConnection { readers: self, conn, of_one_thread: PhantomData };
        if lent.conn.is_none() {
            lent.conn = Some(connect()?);
        }
        Ok(lent)
    }

    /// Calls `each` with the idle connections.
    pub(super) fn for_each_idle(&self, each: impl FnMut(&Connection)) {
        lock(&self.state).idle.iter().for_each(each);
    }

    /// Closes the idle connections.
    pub(super) fn close_idle(&self) {
        lock(&self.state).idle.clear();
    }
}

impl Deref for ReadConnection<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.conn.as_ref().expect("a reader has its connection until it is dropped")
    }
}

impl DerefMut for ReadConnection<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.conn.as_mut().expect("a reader has its connection until it is dropped")
    }
}

impl Drop for ReadConnection<'_> {
    fn drop(&mut self) {
        let conn = self.conn.take();
        BORROWED.set(BORROWED.get() - 1);
        let mut state = lock(&self.readers.state);
        state.lent -= 1;
        // A connection that is still in a transaction is closed instead.
        if let Some(conn) = conn
            && conn.is_autocommit()
            && state.idle.len() < MAX_IDLE
        {
            state.idle.push(conn);
        }
        self.readers.returned.notify_one();
    }
}
