//! Files of the data: joined, split and counted.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write, copy};
use std::path::{Path, PathBuf};

use super::sample::Result;

/// The files in a folder, in order of their names.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut files = entries.collect::<Result<Vec<PathBuf>>>()?;
    files.sort();
    Ok(files)
}

/// Writes the files of a folder into one, one behind the other; the bytes.
pub fn concatenate(folder: &Path, to: &Path) -> Result<u64> {
    let mut out = File::create(to)?;
    let mut bytes = 0;
    for file in files(folder)? {
        bytes += copy(&mut File::open(file)?, &mut out)?;
    }
    out.sync_all()?;
    Ok(bytes)
}

/// Counts the lines of a file.
pub fn lines(file: &Path) -> Result<usize> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(file)?);
    let mut count = 0;
    while reader.skip_until(b'\n')? > 0 {
        count += 1;
    }
    Ok(count)
}

/// Writes lines of a file into a folder, each into a file of its own, `most` at most, from all over the file; how many.
pub fn split(file: &Path, folder: &Path, most: usize) -> Result<usize> {
    std::fs::create_dir(folder)?;
    let every = lines(file)?.div_ceil(most.max(1)).max(1);
    let mut count = 0;
    for line in BufReader::new(File::open(file)?).lines().step_by(every) {
        let path = folder.join(format!("{count:06}.json"));
        BufWriter::new(File::create(path)?).write_all(line?.as_bytes())?;
        count += 1;
    }
    Ok(count)
}
