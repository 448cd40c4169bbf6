//! The Groups that an export can be asked for, with their names: a short list for people to choose from.

use std::ops::ControlFlow;

use crate::error::Result;
use crate::fhir::group::group_name;
use crate::store::{Selection, Snapshot};

/// The most bytes of bodies that are read for a list: Groups may have very many members.
const MOST_BYTES: u64 = 4 << 20;

/// A Group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its id.
    pub id: String,
    /// Its name, if it has one.
    pub name: Option<String>,
}

/// The first Groups of a snapshot.
#[derive(Clone, Debug, Default)]
pub struct GroupList {
    /// The Groups, in the order in which they came.
    pub groups: Vec<ListedGroup>,
    /// Whether there are more.
    pub has_more: bool,
    /// The bytes of the bodies that were read.
    pub bytes: u64,
}

impl GroupList {
    /// Lists at most `most` Groups.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(snapshot: &Snapshot, most: usize) -> Result<GroupList> {
        let mut list = GroupList::default();
        snapshot.for_each_version(&Selection::all("Group", snapshot), |version| {
            if list.groups.len() >= most || list.bytes >= MOST_BYTES {
                list.has_more = true;
                return ControlFlow::Break(());
            }
            list.bytes += version.size;
            list.groups
                .push(ListedGroup { id: version.id.to_owned(), name: group_name(version.body) });
            ControlFlow::Continue(())
        })?;
        Ok(list)
    }
}
