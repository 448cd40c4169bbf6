//! Counts the downloads under way to each client, since each holds a part of its file in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;

use super::places::of_one_client;
use crate::sync::lock;

/// The downloads under way, by client.
#[derive(Default)]
pub struct Downloads(Mutex<HashMap<IpAddr, usize>>);

/// A download under way, counted until it is dropped.
pub struct CountedDownload<'d> {
    downloads: &'d Downloads,
    client: IpAddr,
}

impl Downloads {
    /// How many there are.
    pub fn count(&self) -> usize {
        lock(&self.0).values().sum()
    }

    /// Counts one more download of `client`; `None` if it has `most`.
    pub fn begin(&self, client: IpAddr, most: usize) -> Option<CountedDownload<'_>> {
        let client = of_one_client(client);
        let mut counts = lock(&self.0);
        let count = counts.entry(client).or_default();
        if *count >= most.max(1) {
            return None;
        }
        *count += 1;
        Some(CountedDownload { downloads: self, client })
    }
}

impl Drop for CountedDownload<'_> {
    fn drop(&mut self) {
        let mut counts = lock(&self.downloads.0);
        if let Some(count) = counts.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.client);
            }
        }
    }
}
