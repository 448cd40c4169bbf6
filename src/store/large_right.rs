//! The right to have a large body in memory: one reader at a time has it. `large.rs` reads the bodies.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::handle::Store;
use crate::error::{Error, Kind, Result};

/// How long a reader waits for the right.
const RIGHT_PATIENCE: Duration = Duration::from_secs(30);

/// The right to have a large body in memory. It ends when this is dropped.
pub(super) struct LargeBodyRight(Store);

impl Store {
    /// Waits for the right to have a large body in memory. A thread must not ask for it while it has it.
    ///
    /// # Errors
    /// `Busy` where others have it for [`RIGHT_PATIENCE`].
    pub(super) fn large_body_right(&self) -> Result<LargeBodyRight> {
        if self.pool().large_body().take_within(RIGHT_PATIENCE) {
            return Ok(LargeBodyRight(self.clone()));
        }
        let what = "other large resources are being read; try again";
        Err(Error::new(Kind::Busy, what))
    }
}

impl Drop for LargeBodyRight {
    fn drop(&mut self) {
        self.0.pool().large_body().give_back();
    }
}

/// The right to large bodies of somebody who keeps what is read, once one was read.
#[derive(Clone, Default)]
pub(super) struct KeptRight(Arc<OnceLock<LargeBodyRight>>);

impl KeptRight {
    /// Waits for the right, unless it is there. It ends with the last clone of this.
    ///
    /// # Errors
    /// Those of [`Store::large_body_right`].
    pub(super) fn take(&self, store: &Store) -> Result<()> {
        if self.0.get().is_none() {
            let _ = self.0.set(store.large_body_right()?);
        }
        Ok(())
    }
}
