//! Unpacking: gzip, xz and zstd in any order, and then text or an archive. Each is recognized by its
//! first bytes, not by its name.

use std::fs::File;
use std::io::{BufReader, Read, Seek, copy};
use std::path::Path;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

use super::form::InputForm;
use super::piece::{Piece, PieceVisitor};
use super::stream::{
    BUFFER, CountedInput, PackedInput, UnpackedInput, Unpacking, no_room, peek, temporary_file,
};
use super::zstd::ZstdReader;
use super::{tar, text, zip};
use crate::error::Result;

/// How often an input may be compressed.
const MAX_LAYERS: usize = 3;
/// The most memory for unpacking xz, in KiB. The preset that needs the most, `xz -9`, needs 65 MiB.
const XZ_MEMORY: u32 = 256 << 10;

const TOO_MANY_LAYERS: &str = "is compressed more than three times; unpack it first";
const NESTED: &str = "an archive inside an archive is not read; unpack it first";

/// Where a stream is from.
#[derive(Clone, Copy)]
enum StreamOrigin<'a> {
    /// The file of this size at this path, as it is.
    File(&'a Path, u64),
    /// Anything else that is not in an archive.
    Stream,
    /// A member of an archive.
    Member,
}

/// Reads `from`, packed or not. `path` is the file, where it is one.
pub(super) fn read(
    name: &str,
    path: Option<&Path>,
    from: Box<dyn Read + '_>,
    progress: &dyn Fn(u64),
    visit: PieceVisitor<'_>,
) -> Result<()> {
    let is_file = |path: &Path| path.metadata().ok().filter(std::fs::Metadata::is_file);
    let origin = path
        .and_then(|path| Some(StreamOrigin::File(path, is_file(path)?.len())))
        .unwrap_or(StreamOrigin::Stream);
    let from = Box::new(CountedInput { inner: from, progress });
    read_layer(name, origin, from, &Layers::default(), progress, visit)
}

/// Reads a member of an archive.
fn read_member(name: &str, from: Box<dyn Read + '_>, visit: PieceVisitor<'_>) -> Result<()> {
    read_layer(name, StreamOrigin::Member, from, &Layers::default(), &|_| {}, visit)
}

/// How often a stream was unpacked, and from how much: the count begins with the outermost layer.
#[derive(Default)]
struct Layers {
    count: usize,
    unpacking: Rc<Unpacking>,
}

impl Layers {
    /// The packed bytes of the next layer. Those of the outermost one are counted.
    fn packed<'a>(&self, from: impl Read + 'a) -> BufReader<Box<dyn Read + 'a>> {
        let from: Box<dyn Read + 'a> = match self.count {
            0 => Box::new(PackedInput { inner: from, unpacking: self.unpacking.clone() }),
            _ => Box::new(from),
        };
        BufReader::with_capacity(BUFFER, from)
    }
}

/// Reads a stream that was unpacked by some `layers`.
fn read_layer(
    name: &str,
    origin: StreamOrigin<'_>,
    from: Box<dyn Read + '_>,
    layers: &Layers,
    progress: &dyn Fn(u64),
    visit: PieceVisitor<'_>,
) -> Result<()> {
    let (head, from) = peek(from);
    let form = InputForm::of(&head);
    let unpacked: Box<dyn Read + '_> = match (form, origin) {
        (InputForm::Foreign(reason), _) => return visit(name, Piece::refused(reason)),
        (InputForm::Text, StreamOrigin::File(_, size)) => {
            return text::read(name, size, from, visit);
        }
        (InputForm::Text, _) => return text::read(name, 0, from, visit),
        (InputForm::Zip | InputForm::Tar, StreamOrigin::Member) => {
            return visit(name, Piece::refused(NESTED));
        }
        (InputForm::Zip, StreamOrigin::File(path, _)) => {
            return match File::open(path) {
                Ok(file) => {
                    zip::read(name, CountedInput { inner: file, progress }, read_member, visit)
                }
                Err(error) => visit(name, Piece::damage(0, error)),
            };
        }
        (InputForm::Zip, StreamOrigin::Stream) => {
            return read_zip_stream(name, from, progress, visit);
        }
        (InputForm::Tar, StreamOrigin::File(path, _)) => {
            return match File::open(path) {
                Ok(file) => {
                    tar::read_file(name, CountedInput { inner: file, progress }, read_member, visit)
                }
                Err(error) => visit(name, Piece::damage(0, error)),
            };
        }
        (InputForm::Tar, StreamOrigin::Stream) => {
            return tar::read_stream(name, from, read_member, visit);
        }
        _ if layers.count == MAX_LAYERS => return visit(name, Piece::refused(TOO_MANY_LAYERS)),
        (InputForm::Gzip, _) => Box::new(MultiGzDecoder::new(layers.packed(from))),
        (InputForm::Xz, _) => {
            Box::new(XzReader::new_mem_limit(layers.packed(from), true, XZ_MEMORY))
        }
        (InputForm::Zstd, _) => Box::new(ZstdReader::new(layers.packed(from))),
    };
    let unpacking = layers.unpacking.clone();
    let unpacked = Box::new(UnpackedInput { inner: unpacked, unpacking: unpacking.clone() });
    let layers = Layers { count: layers.count + 1, unpacking };
    let origin = match origin {
        StreamOrigin::File(..) | StreamOrigin::Stream => StreamOrigin::Stream,
        StreamOrigin::Member => StreamOrigin::Member,
    };
    read_layer(name, origin, unpacked, &layers, progress, visit)
}

/// Reads a zip that comes as a stream. Its table of contents is at its end, so it goes to a temporary
/// file first.
fn read_zip_stream(
    name: &str,
    mut from: impl Read,
    progress: &dyn Fn(u64),
    visit: PieceVisitor<'_>,
) -> Result<()> {
    let mut file = match temporary_file() {
        Ok(file) => file,
        Err(error) => return visit(name, Piece::refused(error.to_string())),
    };
    match copy(&mut from, &mut file).and_then(|_| file.rewind()) {
        Ok(()) => zip::read(name, CountedInput { inner: file, progress }, read_member, visit),
        Err(error) => visit(name, no_room(error)),
    }
}
