//! Where data comes from: paths, folders, archives and standard input as a stream of text in a
//! fixed order, each piece with its place. What the text means is not known here.

mod inflate;
mod text;
mod walk;

pub use text::Piece;
pub use walk::{Input, Inputs};
