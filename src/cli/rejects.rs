//! The file of `--rejects`: one line for each reject, up to a size, so that a small input cannot fill the disk.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use fhirlite::{Error, Remark, Result};

/// The most bytes of lines in the file.
const MOST_BYTES: usize = 256 << 20;

/// The file, and what it did not take.
pub struct RejectsFile {
    name: String,
    out: BufWriter<File>,
    /// Bytes of lines that it still takes.
    left: usize,
    /// How many rejects it did not take.
    beyond: u64,
    failed: Option<Error>,
}

impl RejectsFile {
    /// Replaces the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(path: &Path) -> Result<RejectsFile> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| Error::io(&name, error))?;
        let out = BufWriter::new(file);
        Ok(RejectsFile { name, out, left: MOST_BYTES, beyond: 0, failed: None })
    }

    /// Adds a line.
    pub fn add(&mut self, reject: &Remark) {
        let line = format!("{reject}\n");
        if self.beyond > 0 || line.len() > self.left {
            self.beyond += 1;
            return;
        }
        self.left -= line.len();
        self.write(&line);
    }

    /// Ends the file, with a last line that counts what is not in it.
    ///
    /// # Errors
    /// Where the file could not be written.
    pub fn finish(mut self) -> Result<()> {
        if self.beyond > 0 {
            let (beyond, most) = (self.beyond, MOST_BYTES >> 20);
            self.write(&format!(
                "… and {beyond} more rejected, which are not listed: the lines of this file have {most} MiB\n"
            ));
        }
        let RejectsFile { name, mut out, failed, .. } = self;
        match failed {
            Some(error) => Err(error),
            None => out.flush().map_err(|error| Error::io(name, error)),
        }
    }

    /// Writes a text, unless an earlier one could not be written.
    fn write(&mut self, text: &str) {
        if self.failed.is_none()
            && let Err(error) = self.out.write_all(text.as_bytes())
        {
            self.failed = Some(Error::io(&self.name, error));
        }
    }
}
