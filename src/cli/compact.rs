//! `fhirlite compact`: gives free space in the file back to the disk.

use std::path::PathBuf;

use fhirlite::{Compaction, EXIT_OK, Result, Store};

use super::output::{print, print_json, tell};

/// Give free space in a store's file back to the disk
///
/// Nothing else may have the file open. It takes free space of about the size of the file in its folder, and
/// the size of its content in the folder for temporary files (SQLITE_TMPDIR, else TMPDIR, else /var/tmp).
/// Where space is short nothing is begun. It takes about as long as writing the file three times. If the
/// process is killed, the next command finds the store as it was.
#[derive(clap::Args)]
pub struct CompactArgs {
    /// The store's file
    store: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &CompactArgs) -> Result<u8> {
    let done = Store::compact(&args.store, &mut |cost| {
        let temporary = match &cost.temporary {
            Some(folder) => folder.display().to_string(),
            None => "the folder for temporary files".to_owned(),
        };
        tell(format_args!(
            "{}: {} bytes, {} of them free; until this ends it takes {} bytes more beside the file and {} in {temporary}, and nothing else can use the file",
            args.store.display(),
            cost.file_size,
            cost.free_bytes,
            cost.folder_bytes,
            cost.temporary_bytes,
        ));
    })?;
    if args.json {
        return print_json(&done).map(|()| EXIT_OK);
    }
    let Compaction { before, after, .. } = done;
    print(format!("{before} bytes before, {after} bytes now"))?;
    Ok(EXIT_OK)
}
