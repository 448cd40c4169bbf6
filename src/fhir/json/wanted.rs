//! Which members of an object are wanted, at every depth, so that the others need not be read.
//!
//! Names are those of FHIR elements: a wanted element stands for the member beside a primitive value too
//! (`_birthDate`, <https://hl7.org/fhir/R4/json.html#primitive>), and for the names of a choice element
//! (`valueQuantity`, <https://hl7.org/fhir/R4/formats.html#choice>). More than is wanted does no harm.

/// A tree of wanted members.
#[derive(Clone, Debug)]
pub struct WantedMembers {
    places: Vec<WantedPlace>,
}

/// A place in the tree: the root, or a member somewhere within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedAt(usize);

/// What is wanted of the value at a place.
#[derive(Clone, Debug, Default)]
struct WantedPlace {
    is_whole: bool,
    /// The first bytes of the names of the members, as a set ([`first_byte`]).
    first_bytes: u64,
    members: Vec<WantedMember>,
}

/// A member that is wanted.
#[derive(Clone, Debug)]
struct WantedMember {
    /// The first byte of the name, which tells most names apart.
    first: u8,
    name: String,
    at: WantedAt,
}

impl WantedMembers {
    /// The most places. Beyond that, members are wanted as a whole.
    const MOST_PLACES: usize = 4096;

    /// The place of the root.
    pub const ROOT: WantedAt = WantedAt(0);

    /// The place of what does not stand in the text.
    pub const NOWHERE: WantedAt = WantedAt(1);

    /// Wants the root, and nothing in it but the type of the resource.
    pub fn new() -> WantedMembers {
        WantedMembers { places: vec![WantedPlace::default(); 2] }
    }

    /// Wants a member of the value at a place. Returns the place of the member.
    pub fn add(&mut self, at: WantedAt, name: &str) -> WantedAt {
        let next = WantedAt(self.places.len());
        let place = &mut self.places[at.0];
        if let Some(known) = place.members.iter().find(|known| known.name == name) {
            return known.at;
        }
        if place.is_whole || next.0 >= WantedMembers::MOST_PLACES {
            place.is_whole = true;
            return at;
        }
        place.first_bytes |= first_byte(name);
        let first = name.as_bytes().first().copied().unwrap_or_default();
        place.members.push(WantedMember { first, name: name.to_owned(), at: next });
        self.places.push(WantedPlace::default());
        next
    }

    /// Wants all of the value at a place.
    pub fn add_whole(&mut self, at: WantedAt) {
        self.places[at.0].is_whole = true;
    }

    /// What is wanted of a member of the value at a place; `None` where the member is not wanted.
    pub(super) fn within(&self, at: WantedAt, member: &str) -> Option<WantedPart<'_>> {
        let name = member.strip_prefix('_').unwrap_or(member);
        let place = &self.places[at.0];
        let mut found = None;
        let first = name.as_bytes().first().copied().unwrap_or_default();
        let members = match place.first_bytes & first_byte(name) {
            0 => &[],
            _ => place.members.as_slice(),
        };
        for wanted in members.iter().filter(|wanted| wanted.first == first) {
            let Some(rest) = name.strip_prefix(wanted.name.as_str()) else { continue };
            // The name of a choice element ends in its type.
            if !rest.is_empty() && !rest.as_bytes()[0].is_ascii_uppercase() {
                continue;
            }
            if found.is_some() {
                return Some(WantedPart::Whole);
            }
            found = Some(self.part(wanted.at));
        }
        // Every resource says what it is, contained ones too.
        found.or_else(|| (name == "resourceType").then_some(WantedPart::Whole))
    }

    /// How many members an object at a place has at most, as far as they are wanted; more where names are of choice
    /// elements or stand twice.
    pub(super) fn members_at(&self, at: WantedAt) -> usize {
        self.places[at.0].members.len() + usize::from(at == WantedMembers::ROOT)
    }

    /// What is wanted of the value at a place.
    pub(super) fn part(&self, at: WantedAt) -> WantedPart<'_> {
        match self.places[at.0].is_whole {
            true => WantedPart::Whole,
            false => WantedPart::Members(self, at),
        }
    }
}

/// The first byte of a name in a set of 64; several bytes are one there.
fn first_byte(name: &str) -> u64 {
    1 << (name.as_bytes().first().copied().unwrap_or_default() & 63)
}

/// What is wanted of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum WantedPart<'w> {
    /// All of it.
    Whole,
    /// Of an object, or of each object in a list, the members at a place. All of any other value.
    Members(&'w WantedMembers, WantedAt),
}

impl<'w> WantedPart<'w> {
    /// How many members to make room for in an object.
    pub(super) fn room(self) -> usize {
        match self {
            WantedPart::Whole => 4,
            WantedPart::Members(wanted, at) => wanted.members_at(at),
        }
    }

    /// What is wanted of a member; `None` where the member is not.
    pub(super) fn within(self, member: &str) -> Option<WantedPart<'w>> {
        match self {
            WantedPart::Whole => Some(WantedPart::Whole),
            WantedPart::Members(wanted, at) => wanted.within(at, member),
        }
    }
}
