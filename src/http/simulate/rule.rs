//! A fault rule: at which requests, and what happens to them.
//!
//! A rule is one flat JSON object, `{"at":"kickoff","status":429,"times":1}`. `short.rs` has the other
//! form. This file checks what a rule says; what happens by it is said by the file of each effect.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::member::FaultMember;
use super::place::FaultPlace;
use super::value::FaultValue;
use crate::error::{Error, Kind, Result};
use crate::shown::shortened;

/// The longest part of an unknown name that a message repeats, in characters.
const SHOWN: usize = 60;
/// The member that says where.
const AT: &str = "at";

/// A rule that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    place: FaultPlace,
    members: BTreeMap<FaultMember, FaultValue>,
}

impl FaultRule {
    /// Makes a rule of what it says at `place`.
    ///
    /// # Errors
    /// `Invalid` for members that have no meaning at the place, or none beside each other.
    pub fn new(
        place: FaultPlace,
        members: impl IntoIterator<Item = (FaultMember, FaultValue)>,
    ) -> Result<FaultRule> {
        let rule = FaultRule { place, members: members.into_iter().collect() };
        rule.check()?;
        Ok(rule)
    }

    /// Reads a rule from a JSON object.
    ///
    /// # Errors
    /// `Invalid` for unknown members and values, and as [`FaultRule::new`].
    pub fn of_json(json: &Json) -> Result<FaultRule> {
        let Json::Object(object) = json else {
            let what = format!(
                "a rule is {}; give an object such as {{\"at\":\"kickoff\",\"status\":503}}",
                shortened(&json.to_string(), SHOWN)
            );
            return Err(invalid(what));
        };
        let place = match object.get(AT) {
            Some(Json::String(name)) => place_of(name)?,
            Some(other) => return Err(unknown_place(&other.to_string())),
            None => return Err(invalid(format!("{AT} is missing; give {}", FaultPlace::names()))),
        };
        let mut members = BTreeMap::new();
        for (name, value) in object.iter().filter(|(name, _)| *name != AT) {
            let member = member_of(place, name)?;
            members.insert(member, member.form().of_json(name, value)?);
        }
        FaultRule::new(place, members)
    }

    /// The rule as a JSON object.
    pub fn to_json(&self) -> Json {
        let mut object = Map::new();
        object.insert(AT.to_owned(), Json::from(self.place.name()));
        for (member, value) in &self.members {
            object.insert(member.name().to_owned(), value.to_json());
        }
        Json::Object(object)
    }

    /// The place.
    pub fn place(&self) -> FaultPlace {
        self.place
    }

    /// What the rule says, in the order of the table.
    pub fn members(&self) -> impl Iterator<Item = (FaultMember, &FaultValue)> {
        self.members.iter().map(|(member, value)| (*member, value))
    }

    /// A member that is a whole number.
    pub fn count(&self, member: FaultMember) -> Option<u64> {
        match self.members.get(&member) {
            Some(FaultValue::Count(count)) => Some(*count),
            _ => None,
        }
    }

    /// A member that is a whole number with a sign.
    pub fn offset(&self, member: FaultMember) -> Option<i64> {
        match self.members.get(&member) {
            Some(FaultValue::Offset(offset)) => Some(*offset),
            _ => None,
        }
    }

    /// A member that is a share, in millionths.
    pub fn share(&self, member: FaultMember) -> Option<u32> {
        match self.members.get(&member) {
            Some(FaultValue::Share(parts)) => Some(*parts),
            _ => None,
        }
    }

    /// A member that is text.
    pub fn text(&self, member: FaultMember) -> Option<&str> {
        match self.members.get(&member) {
            Some(FaultValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// True if the member is given and not `false`.
    pub fn has(&self, member: FaultMember) -> bool {
        !matches!(self.members.get(&member), None | Some(FaultValue::Flag(false)))
    }

    /// Checks that the members fit the place and each other.
    fn check(&self) -> Result<()> {
        for member in self.members.keys() {
            if !member.is_at(self.place) {
                return Err(misplaced(*member, self.place));
            }
        }
        if self.members.keys().all(|member| member.is_selection()) {
            let what = format!(
                "the rule at {} says which requests, but not what happens; add one of {}",
                self.place,
                FaultMember::names_at(self.place)
            );
            return Err(invalid(what));
        }
        for (one, other) in EXCLUSIVE {
            if self.members.contains_key(one) && self.members.contains_key(other) {
                let what =
                    format!("{} and {} exclude each other; give one", one.name(), other.name());
                return Err(invalid(what));
            }
        }
        for (member, needed) in DEPENDENT {
            if self.members.contains_key(member)
                && !needed.iter().any(|needed| self.members.contains_key(needed))
            {
                let names: Vec<&str> = needed.iter().map(|needed| needed.name()).collect();
                let what = format!("{} needs {} beside it", member.name(), names.join(" or "));
                return Err(invalid(what));
            }
        }
        for (job, counter) in COUNT_BY_JOB.iter().flat_map(|job| COUNTERS.map(|it| (job, it))) {
            if self.members.contains_key(job) && self.members.contains_key(&counter) {
                let what = format!(
                    "{} counts by job already; leave {} out, or give it in a rule of its own",
                    job.name(),
                    counter.name()
                );
                return Err(invalid(what));
            }
        }
        let status = self.count(FaultMember::Status);
        if self.has(FaultMember::Redirect) && status.is_some_and(|it| !(300..400).contains(&it)) {
            return Err(invalid("redirect needs a status from 300 to 399, or none".to_owned()));
        }
        Ok(())
    }
}

/// Members that cannot stand beside each other.
const EXCLUSIVE: &[(FaultMember, FaultMember)] = &[
    (FaultMember::Nth, FaultMember::Skip),
    (FaultMember::Nth, FaultMember::Times),
    (FaultMember::Polls, FaultMember::Seconds),
    (FaultMember::CutBytes, FaultMember::CutRows),
    (FaultMember::Files, FaultMember::RowsPerFile),
    (FaultMember::FilesPerPage, FaultMember::Pages),
    (FaultMember::Expired, FaultMember::Status),
];

/// Members that count the requests about each job, and those that count otherwise.
const COUNT_BY_JOB: [FaultMember; 3] =
    [FaultMember::Polls, FaultMember::Seconds, FaultMember::GoneAfter];
const COUNTERS: [FaultMember; 4] =
    [FaultMember::Nth, FaultMember::Skip, FaultMember::Times, FaultMember::Probability];

/// Members that say nothing without one of others.
const DEPENDENT: &[(FaultMember, &[FaultMember])] = &[
    (FaultMember::Seed, &[FaultMember::Probability]),
    (FaultMember::Each, &[FaultMember::Nth, FaultMember::Skip, FaultMember::Times]),
    (FaultMember::Body, &[FaultMember::Status]),
    (FaultMember::Code, &[FaultMember::Status]),
    (FaultMember::Message, &[FaultMember::Status, FaultMember::TokenError]),
    (FaultMember::Progress, &[FaultMember::Polls, FaultMember::Seconds]),
    (FaultMember::Cut, &[FaultMember::CutBytes, FaultMember::CutRows]),
];

/// The place with this name.
///
/// # Errors
/// `Invalid` for another name.
pub fn place_of(name: &str) -> Result<FaultPlace> {
    FaultPlace::of_name(name).ok_or_else(|| unknown_place(name))
}

/// The member with this name at `place`.
///
/// # Errors
/// `Invalid` for a name that means nothing there.
pub fn member_of(place: FaultPlace, name: &str) -> Result<FaultMember> {
    match FaultMember::of_name(name) {
        Some(member) if member.is_at(place) => Ok(member),
        Some(member) => Err(misplaced(member, place)),
        None => Err(invalid(format!(
            "{:?} is no member of a rule at {place}; there are {}",
            shortened(name, SHOWN),
            FaultMember::names_at(place)
        ))),
    }
}

fn misplaced(member: FaultMember, place: FaultPlace) -> Error {
    let places: Vec<&str> = member.places().iter().map(|place| place.name()).collect();
    invalid(format!(
        "{} means nothing at {place}, only at {}; at {place} there are {}",
        member.name(),
        places.join(", "),
        FaultMember::names_at(place)
    ))
}

fn unknown_place(name: &str) -> Error {
    let shown = shortened(name, SHOWN);
    invalid(format!("{AT} is {shown}; there are {}", FaultPlace::names()))
}

fn invalid(what: String) -> Error {
    Error::new(Kind::Invalid, what)
}
