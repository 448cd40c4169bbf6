//! Waiting for other programs that hold the file, not without a word.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::handle::Store;
use super::pool::PATIENCE;
use super::rest::{Mode, leave_rest};
use crate::error::{Error, Kind, Result};

/// A wait that is not worth a word.
const MOMENT: Duration = Duration::from_secs(1);

/// After so much time a wait looks whether it should go on.
const ROUND: Duration = Duration::from_millis(100);

/// The pause between two attempts to use the file.
const RETRY: Duration = Duration::from_millis(20);

/// What a write waits for.
const WRITER: &str = "another process is writing to the store; waiting up to a minute for it";

impl Store {
    /// Takes the file out of rest, so that no reader keeps the writes that follow waiting. Waits for
    /// programs that have a transaction open which reads, and says so.
    ///
    /// # Errors
    /// `Busy` where such a transaction lasts longer than [`PATIENCE`], `Interrupted` where the store's handle was
    /// told to stop; where the disk refuses.
    pub(super) fn use_file(&self) -> Result<()> {
        if self.pool().is_in_memory() {
            return Ok(());
        }
        let (begun, path) = (Instant::now(), self.path().display());
        let mut is_said = false;
        loop {
            let Some(conn) = self.pool().times()? else { return Ok(()) };
            // Another writer is waited for where the write begins.
            match leave_rest(&conn)? {
                Mode::Wal => {
                    self.pool().place().note_log();
                    return Ok(());
                }
                Mode::HeldByWriter => return Ok(()),
                Mode::HeldByReader => {}
            }
            drop(conn);
            let what = format!(
                "{path}: another program has it open in a transaction that reads, so nothing can be \
                 written; end that program (`fuser {path}` finds it)"
            );
            if begun.elapsed() >= PATIENCE {
                return Err(Error::new(Kind::Busy, format!("{what} and try again")));
            }
            if begun.elapsed() >= MOMENT && !is_said {
                is_said = true;
                let what = format!("{what}; waiting up to a minute for it");
                self.log().tell(&Error::new(Kind::Busy, what));
            }
            self.check_stopped()?;
            std::thread::sleep(RETRY);
        }
    }

    /// Runs a statement for which other programs may have to end a write, and says so.
    ///
    /// # Errors
    /// `Busy` where that takes longer than [`PATIENCE`], `Interrupted` where the store's handle was told to stop;
    /// where the disk refuses.
    pub(super) fn run_patiently(&self, conn: &Connection, sql: &str) -> Result<()> {
        conn.busy_timeout(ROUND)?;
        let done = self.run_in_rounds(conn, sql);
        conn.busy_timeout(PATIENCE)?;
        done
    }

    fn run_in_rounds(&self, conn: &Connection, sql: &str) -> Result<()> {
        let begun = Instant::now();
        let mut is_said = false;
        loop {
            match conn.execute_batch(sql).map_err(Error::from) {
                Err(error) if error.kind() == Kind::Busy && begun.elapsed() < PATIENCE => {}
                done => return done,
            }
            self.check_stopped()?;
            if begun.elapsed() >= MOMENT && !is_said {
                is_said = true;
                self.log().tell(&Error::new(Kind::Busy, WRITER).at(self.path().display()));
            }
        }
    }
}
