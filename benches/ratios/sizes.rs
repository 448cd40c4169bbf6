//! The data of one size, and the bench that uses it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::data;
use super::sample::{Result, Sample, measured, run};

/// Resources that the generator makes for each patient, about.
const PER_PATIENT: usize = 134;

/// The programs, and how often each work is done.
pub struct Bench {
    /// The program that is measured.
    pub fhirlite: PathBuf,
    /// The program that makes the data.
    pub generate: PathBuf,
    /// How often each work is done.
    pub rounds: usize,
    /// False where the table is only filled, as a test does: then the folder of many files is small too.
    pub has_pace: bool,
}

impl Bench {
    /// A command of fhirlite on `store`.
    pub fn command(&self, name: &str, store: &Path) -> Command {
        let mut command = Command::new(&self.fhirlite);
        command.arg(name).arg(store);
        command
    }

    /// Makes about so many resources as NDJSON by type, in a new folder.
    pub fn generated(&self, resources: usize, folder: &Path) -> Result<PathBuf> {
        let mut command = Command::new(&self.generate);
        let patients = resources.div_ceil(PER_PATIENT).to_string();
        command.args(["--patients", &patients, "--seed", "1", "--format", "ndjson"]);
        run(command.arg("--out").arg(folder).stderr(Stdio::null()))?;
        Ok(folder.to_owned())
    }

    /// Imports `input` into a store, which is removed before if it `is_new`, and measures that.
    pub fn import(&self, store: &Path, input: &Path, is_new: bool) -> Result<Sample> {
        if is_new && store.exists() {
            std::fs::remove_file(store)?;
        }
        measured(self.command("import", store).arg(input).arg("--quiet"))
    }
}

/// The data of one size; the folder is removed at the end.
pub struct Size {
    folder: TempDir,
    /// How many resources there are.
    pub resources: usize,
    /// All of them in one file.
    pub one_file: PathBuf,
    /// Bytes of that file.
    pub bytes: u64,
    /// All of them in a file for each type.
    pub by_type: PathBuf,
    /// How many files that are.
    pub types: usize,
    /// Bundles of the same patients, one for each.
    pub bundles: PathBuf,
    /// Bytes of the Bundles.
    pub bundle_bytes: u64,
    /// Files of one resource each.
    pub singles: PathBuf,
    /// How many files that are.
    pub single_files: usize,
    /// A tenth as many resources, of other patients.
    pub more: PathBuf,
}

impl Size {
    /// Makes the data.
    pub fn make(bench: &Bench, resources: usize) -> Result<Size> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let patients = resources.div_ceil(PER_PATIENT);
        let generate = |patients: usize, seed: &str, format: &str, out: &Path| -> Result<()> {
            let mut command = Command::new(&bench.generate);
            command.args(["--patients", &patients.to_string(), "--seed", seed, "--format", format]);
            run(command.arg("--out").arg(out).stderr(Stdio::null()))
        };
        let (by_type, bundles, others) = (at("by-type"), at("bundles"), at("others"));
        generate(patients, "1", "ndjson", &by_type)?;
        generate(patients, "1", "bundles", &bundles)?;
        generate(patients.div_ceil(10), "2", "ndjson", &others)?;
        let (one_file, more, singles) = (at("all.ndjson"), at("more.ndjson"), at("singles"));
        let bytes = data::concatenate(&by_type, &one_file)?;
        data::concatenate(&others, &more)?;
        let many = if bench.has_pace { 20_000 } else { resources / 10 };
        let single_files = data::split(&one_file, &singles, many)?;
        Ok(Size {
            resources: data::lines(&one_file)?,
            types: data::files(&by_type)?.len(),
            bundle_bytes: data::files(&bundles)?
                .iter()
                .map(|file| Ok(std::fs::metadata(file)?.len()))
                .sum::<Result<u64>>()?,
            bytes,
            one_file,
            by_type,
            bundles,
            singles,
            single_files,
            more,
            folder,
        })
    }

    /// A path in the folder, which goes at the end.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the data are.
    pub fn described(&self) -> String {
        let megabytes = |bytes| bytes as f64 / 1e6;
        format!(
            "{} resources: {:.1} MB of NDJSON, {:.1} MB of Bundles",
            self.resources,
            megabytes(self.bytes),
            megabytes(self.bundle_bytes)
        )
    }
}
