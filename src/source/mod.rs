//! Where data comes from: paths, folders, archives and standard input as a stream of text in a fixed
//! order. Each piece of text has its place. The meaning of the text is not known here.
//!
//! `walk` finds the files. `inflate` unpacks one, as its `form` says; `zip`, `tar` and `archive` read
//! the members of an archive. `stream` is what they share. `text` cuts what comes out into pieces.

mod archive;
mod file_name;
mod foreign;
mod form;
mod inflate;
mod input;
mod piece;
mod stream;
mod tar;
mod text;
mod walk;
mod zip;
mod zstd;

pub use input::Input;
pub use piece::Piece;
pub use walk::Inputs;
