//! `fhirlite backup`: copies a store, also while it is served.

use std::io::{IsTerminal, stdout};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use fhirlite::{EXIT_OK, Error, Kind, Result, Store};

use super::output::{print, tell};
use super::signals::{HangUp, Signals};

/// Copy a store into a new file, also while it is served and imported to
///
/// The copy is whole, as of one moment, and only you can read it. It has the store's keys, clients and
/// tokens too.
#[derive(clap::Args)]
pub struct BackupArgs {
    /// The store's file
    store: PathBuf,
    /// The new file, or - for standard output
    file: PathBuf,
}

pub fn run(args: &BackupArgs) -> Result<u8> {
    let is_ended = Signals::catch(HangUp::Ends)?.flag();
    let mut go_on = || !is_ended.load(Ordering::SeqCst);
    let is_to_stdout = args.file == Path::new("-");
    let done = if is_to_stdout {
        if stdout().is_terminal() {
            let what =
                "standard output is a terminal; name a file, or write `> FILE` behind the command";
            return Err(Error::new(Kind::Usage, what));
        }
        Store::back_up_to(&args.store, &mut stdout().lock(), &mut go_on)?
    } else {
        Store::back_up(&args.store, &args.file, &mut go_on)?
    };
    if let Some(doubt) = &done.doubt {
        tell(format_args!("warning: {doubt}"));
    }
    if !is_to_stdout {
        print(format!(
            "{}: {} bytes, as of write {}",
            args.file.display(),
            done.bytes,
            done.last_seq
        ))?;
    }
    Ok(EXIT_OK)
}
