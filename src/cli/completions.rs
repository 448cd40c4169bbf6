//! `fhirlite completions`: completions for a shell.

use clap_complete::Shell;
use fhirlite::{EXIT_OK, Error, Result};

/// Print completions for a shell: fhirlite completions bash > /etc/bash_completion.d/fhirlite
#[derive(clap::Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints completions for `program`, the whole command line.
pub fn run(args: &CompletionsArgs, program: &mut clap::Command) -> Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, program, "fhirlite", &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)
        .map_err(|error| Error::io("standard output", error))?;
    Ok(EXIT_OK)
}
