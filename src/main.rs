//! The `fhirlite` program: runs a command and turns an error into an exit code.

use std::process::ExitCode;

mod cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => ExitCode::from(code),
        // The reader of the output, such as `head`, has seen enough.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            cli::tell(format_args!("fhirlite: {error}"));
            ExitCode::from(error.kind().exit_code())
        }
    }
}
