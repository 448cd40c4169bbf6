//! A log that belongs to another file: it was left beside a store when that was moved, removed or restored.
//!
//! SQLite takes every log that lies beside a file for the log of that file. It would mix the two, or remove
//! the log: <https://www.sqlite.org/howtocorrupt.html#_mispairing_database_files_and_hot_journals_>. So a store is
//! opened only where nothing speaks against its log:
//!
//! - An empty file and one that is missing have no log. A file at rest has none, or one that it has all of.
//! - In use, the file has the setting `log_mark`, a random one for each use, before there is a log. Where
//!   the log holds the settings, which it does since its first write, it has the same mark.
//!
//! A log that begins anew need not hold the settings. What it then holds is not told apart.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

use super::file::{beside, file_uri, has_beside, is_empty, is_in_wal_mode};
use super::pool::{ALONE, connect};
use super::sql::all;
use crate::error::{Error, Kind, Result};

/// The bytes of headers: of the log, of each page in it, and of the file.
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const FILE_HEADER: usize = 100;

/// The looks that must agree before a log is called foreign: another process may begin or end at this moment.
const LOOKS: u32 = 3;

/// Refuses a store whose log belongs to another file. Neither is changed.
///
/// # Errors
/// `Damaged`, with what to do.
pub(super) fn refuse_foreign_log(path: &Path) -> Result<()> {
    if (0..LOOKS).all(|_| has_foreign_log(path)) {
        let what = format!(
            "{0}-wal belongs to another file, which was {0} before: it may hold the last writes of that one, and \
             would damage what is there now. Put that file back together with its log, or move {0}-wal and \
             {0}-shm away",
            path.display()
        );
        return Err(Error::new(Kind::Damaged, what));
    }
    Ok(())
}

fn has_foreign_log(path: &Path) -> bool {
    if !has_beside(path, "-wal") {
        return false;
    }
    if is_empty(path) {
        return true;
    }
    if !is_in_wal_mode(path) {
        // Only a file at rest is without WAL mode. Its log goes before that, or stays where its folder has become
        // read-only: then the file has all of it.
        return has_beside(path, "-wal") && !is_in_wal_mode(path) && !is_spent(path);
    }
    // With the index of the log, the locks of those who have it open count. Without it, nobody has.
    let vfs = if beside(path, "-shm").exists() { String::new() } else { format!("&{ALONE}") };
    let alone = marks(path, "mode=ro&immutable=1");
    match (alone, marks(path, &format!("mode=ro{vfs}"))) {
        (Ok(of_file), Ok(with_log)) => of_file != with_log,
        // The file can be read, and no longer with what the log says.
        (Ok(_), Err(error)) => {
            matches!(error.kind(), Kind::Damaged | Kind::NotAStore | Kind::Internal)
        }
        // Nothing can be said.
        (Err(_), _) => false,
    }
}

/// True where the file has all that its log holds: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.
fn is_spent(path: &Path) -> bool {
    let read = || -> io::Result<bool> {
        let (file, log) = (File::open(path)?, fs::read(beside(path, "-wal"))?);
        let number = |at: usize| log.get(at..at + 4)?.try_into().map(u32::from_be_bytes).ok();
        let Some(page_size) = number(8).filter(|size| size.is_power_of_two()) else {
            return Ok(log.is_empty());
        };
        let page_size = page_size as usize;
        let mut pages = BTreeMap::new();
        let mut at = LOG_HEADER;
        // Frames of an earlier round have other salts.
        while let (Some(page), true) = (number(at), log.get(at + 8..at + 16) == log.get(16..24)) {
            pages.insert(page, at + FRAME_HEADER);
            at += FRAME_HEADER + page_size;
        }
        for (page, at) in pages {
            let Some(kept) = log.get(at..at + page_size) else { return Ok(false) };
            let mut found = vec![0; page_size];
            let mut file = &file;
            file.seek(SeekFrom::Start(u64::from(page.saturating_sub(1)) * page_size as u64))?;
            file.read_exact(&mut found)?;
            // The header of the file says that it is no longer in WAL mode.
            let from = if page == 1 { FILE_HEADER } else { 0 };
            if kept[from..] != found[from..] {
                return Ok(false);
            }
        }
        Ok(true)
    };
    read().unwrap_or(false)
}

/// What tells the file's use from every other one.
fn marks(path: &Path, parameters: &str) -> Result<Vec<Value>> {
    let conn: Connection = connect(&file_uri(path, parameters), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sql = "SELECT value FROM setting WHERE name IN ('log_mark', 'store_id') ORDER BY name";
    all(&conn, sql, (), |row| row.get(0))
}
