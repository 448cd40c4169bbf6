//! The harness: a temporary folder for each test, the program run in it, servers that end with the test.

pub mod bulk;
pub mod client;
pub mod compare;
mod dir;
mod edits;
mod held;
pub mod oneup;
pub mod rust;
mod seal;
mod server;
pub mod signer;
pub mod smart;
mod tools;

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

pub use dir::{Dir, Ran};
pub use edits::bring_back_former_tables;
pub use held::Held;
pub use seal::seal;
pub use server::{Served, served};
pub use tools::{
    can_mount, left_out, python, python_of_analysis, python_of_fhirpathpy, python_of_smart_fetch,
    tool,
};

/// The built program.
pub const FHIRLITE: &str = env!("CARGO_BIN_EXE_fhirlite");

/// The folder of the project.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command, which must succeed; its standard output.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}:\n{out}{err}");
    out.into_owned()
}

/// Asks until there is an answer. The limit only turns a hang into a failure.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..30_000 {
        if let Some(answer) = ask() {
            return answer;
        }
        // Leaves the processor to the program under test.
        thread::sleep(Duration::from_millis(2));
    }
    panic!("waited in vain until {what}");
}

/// Sets a flag when it is dropped, also if its thread panics.
pub struct SetOnDrop<'a>(pub &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Compresses with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).expect("packed");
    packed.finish().expect("packed")
}

/// Decompresses gzip.
pub fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut packed = flate2::read::GzDecoder::new(bytes);
    std::io::Read::read_to_end(&mut packed, &mut plain).expect("gzip");
    plain
}

/// Makes a zip archive of some files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut packed = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        packed.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a member");
        packed.write_all(bytes).expect("packed");
    }
    packed.finish().expect("packed").into_inner()
}
