//! Where data comes from: paths, folders, archives and standard input as a stream of text in a fixed
//! order. Each piece of text has its place. The meaning of the text is not known here.

mod file_name;
mod inflate;
mod input;
mod piece;
mod text;
mod walk;

pub use input::Input;
pub use piece::Piece;
pub use walk::Inputs;
