//! Writes resources to files: NDJSON by type, plain or compressed, and
//! Bundles to be posted to a server.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use crate::json::{obj, pretty};
use crate::resource::Resource;

/// Count and bytes of the resources, by type.
#[derive(Default)]
pub struct Tally(BTreeMap<&'static str, (u64, u64)>);

impl Tally {
    fn count(&mut self, resource: &Resource) {
        let entry = self.0.entry(resource.kind).or_default();
        entry.0 += 1;
        entry.1 += resource.json.as_str().len() as u64;
    }

    /// A table with a line for each type.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let mut sum = (0, 0);
        for (kind, (count, bytes)) in &self.0 {
            writeln!(out, "{kind:22} {count:>9} {:>7} bytes each", bytes / count)?;
            sum = (sum.0 + count, sum.1 + bytes);
        }
        let (count, bytes) = sum;
        let each = bytes / count.max(1);
        writeln!(out, "{:22} {count:>9} {each:>7} bytes each", "all")
    }
}

/// Creates the folder, or takes an empty one: it never mixes its files with
/// what is there.
pub fn empty_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path).map_err(|error| with_path(path, &error))?;
    let mut entries = fs::read_dir(path).map_err(|error| with_path(path, &error))?;
    if entries.next().is_some() {
        let message = format!("{}: the folder is not empty", path.display());
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    Ok(())
}

fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Fails if the file is there already, rather than to lose what is in it.
fn create(path: &Path) -> io::Result<BufWriter<File>> {
    match File::create_new(path) {
        Ok(file) => Ok(BufWriter::with_capacity(1 << 17, file)),
        Err(error) => Err(with_path(path, &error)),
    }
}

enum Lines {
    Plain(BufWriter<File>),
    Compressed(Box<GzEncoder<BufWriter<File>>>),
}

impl Lines {
    fn write(&mut self, line: &str) -> io::Result<()> {
        let out: &mut dyn Write = match self {
            Lines::Plain(file) => file,
            Lines::Compressed(file) => file,
        };
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")
    }

    /// A writer that is only dropped would hide errors.
    fn finish(self) -> io::Result<()> {
        match self {
            Lines::Plain(mut file) => file.flush(),
            Lines::Compressed(file) => file.finish()?.flush(),
        }
    }
}

/// A folder with a file `Type.ndjson` for each type.
pub struct Ndjson {
    folder: PathBuf,
    /// The type whose file is compressed, if any.
    compressed: Option<&'static str>,
    files: BTreeMap<&'static str, Lines>,
}

impl Ndjson {
    pub fn new(folder: &Path, compressed: Option<&'static str>) -> Self {
        Ndjson { folder: folder.to_owned(), compressed, files: BTreeMap::new() }
    }

    pub fn write(&mut self, resources: &[Resource], tally: &mut Tally) -> io::Result<()> {
        for resource in resources {
            tally.count(resource);
            let kind = resource.kind;
            if !self.files.contains_key(kind) {
                let file = self.open(kind)?;
                self.files.insert(kind, file);
            }
            if let Some(file) = self.files.get_mut(kind) {
                file.write(resource.json.as_str())?;
            }
        }
        Ok(())
    }

    fn open(&self, kind: &str) -> io::Result<Lines> {
        let name = format!("{kind}.ndjson");
        if self.compressed != Some(kind) {
            return create(&self.folder.join(name)).map(Lines::Plain);
        }
        let file = create(&self.folder.join(format!("{name}.gz")))?;
        // No time in the header: the same data must give the same bytes.
        let file = GzBuilder::new().mtime(0).write(file, Compression::best());
        Ok(Lines::Compressed(Box::new(file)))
    }

    pub fn finish(self) -> io::Result<()> {
        self.files.into_values().try_for_each(Lines::finish)
    }
}

/// One Bundle, written entry by entry, laid out over lines as other tools do.
pub struct Bundle {
    file: BufWriter<File>,
    text: String,
    entries: usize,
}

impl Bundle {
    /// `kind` is `transaction` or `batch`.
    pub fn create(path: &Path, kind: &str) -> io::Result<Self> {
        let mut file = create(path)?;
        write!(
            file,
            "{{\n  \"resourceType\": \"Bundle\",\n  \"type\": \"{kind}\",\n  \"entry\": ["
        )?;
        Ok(Bundle { file, text: String::new(), entries: 0 })
    }

    pub fn write(&mut self, resources: &[Resource], tally: &mut Tally) -> io::Result<()> {
        for resource in resources {
            tally.count(resource);
            let entry = obj! {
                "fullUrl": format_args!("urn:uuid:{}", resource.id),
                "resource": resource.json,
                "request": obj! {
                    "method": "POST",
                    "url": resource.kind,
                    "ifNoneExist": resource.if_none_exist,
                },
            };
            self.text.clear();
            let lead = if self.entries > 0 { ",\n    " } else { "\n    " };
            self.text.push_str(lead);
            pretty(entry.as_str(), 2, &mut self.text);
            self.file.write_all(self.text.as_bytes())?;
            self.entries += 1;
        }
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.file.write_all(b"\n  ]\n}\n")?;
        self.file.flush()
    }
}
