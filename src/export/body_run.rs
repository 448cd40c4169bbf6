//! The resources of a file of an export as a Parquet file. All cores read (`file_scan.rs`); `view/body_file.rs` writes.

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;

use super::file::File;
use super::file_scan::{FilePortion, FileScan};
use super::plan::Plan;
use crate::error::Result;
use crate::store::SeenVersion;
use crate::view::{BodyBatch, BodyFileWriter};

/// The bytes of resources that are read before they are written.
const BATCH_BYTES: usize = 256 << 10;

impl FilePortion for BodyBatch {
    fn take(&mut self, version: &SeenVersion<'_>) -> Result<()> {
        self.add(version.id, version.last_updated, version.body);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.bytes() >= BATCH_BYTES
    }
}

/// Writes the resources of `file`. `watch` learns after some resources how many were read since it was called last.
///
/// # Errors
/// Those of `watch`; where `out` refuses, or the store cannot be read.
pub fn write_bodies(
    plan: &Plan,
    file: &File,
    out: impl Write + Send,
    watch: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let mut writer = BodyFileWriter::new(BufWriter::new(out))?;
    let _ = FileScan { plan, begin: &BodyBatch::new }.run(file, &mut |batch: BodyBatch| {
        watch(batch.rows() as u64)?;
        writer.append(batch)?;
        Ok(ControlFlow::Continue(()))
    })?;
    writer.finish()
}
