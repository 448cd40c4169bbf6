//! The number of resources by type, for the metrics: counted no more often than it is worth.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::store::Store;
use crate::sync::lock;

/// While the store is written, resources are counted anew after this time: the count reads an index with an
/// entry for each resource.
const COUNT_AGE: Duration = Duration::from_secs(10);

/// The number of resources by type, kept until the store has changed and a while has passed.
#[derive(Default)]
pub struct TypeCounts(Mutex<Option<Counted>>);

struct Counted {
    at: Instant,
    /// The number of the last write before the count.
    seq: i64,
    types: BTreeMap<String, u64>,
}

impl TypeCounts {
    /// The numbers, counted anew where they may have changed.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(&self, store: &Store) -> Result<BTreeMap<String, u64>> {
        // Who comes meanwhile waits for this count instead of counting too.
        let mut kept = lock(&self.0);
        let seq = store.last_seq()?;
        if let Some(counted) = &*kept
            && (counted.seq == seq || counted.at.elapsed() < COUNT_AGE)
        {
            return Ok(counted.types.clone());
        }
        let types = store.count_by_type()?;
        *kept = Some(Counted { at: Instant::now(), seq, types: types.clone() });
        Ok(types)
    }
}
