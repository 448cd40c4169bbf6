//! Editions of the Bulk Data IG: how a client asks, and what a manifest looks like.

use serde::{Deserialize, Serialize};

/// An edition of the Bulk Data IG. STU1 to STU3 share one shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edition {
    /// STU1 to STU3.
    #[default]
    Stu3,
    /// The STU4 ballot.
    Stu4,
}
