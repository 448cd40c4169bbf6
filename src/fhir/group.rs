//! Group: its members at a point in time.
//!
//! <https://hl7.org/fhir/R4/group.html>

use serde::Deserialize;
use serde_json::Value;

use crate::time::{Instant, span};

/// One entry of `Group.member`, in the order of the Group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// `entity.reference` as it stands, where given.
    pub reference: Option<String>,
}

/// A Group, as far as an export needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The members at the time asked for.
    pub members: Vec<GroupMember>,
    /// True for a Group that describes its members by common traits and lists none.
    pub is_descriptive: bool,
}

#[derive(Deserialize)]
struct GroupHead {
    #[serde(default)]
    actual: Value,
    #[serde(default)]
    member: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
struct MemberHead {
    #[serde(default)]
    entity: Option<Entity>,
    #[serde(default)]
    period: Option<Period>,
    #[serde(default)]
    inactive: Option<bool>,
}

#[derive(Deserialize)]
struct Entity {
    #[serde(default)]
    reference: Option<String>,
}

#[derive(Deserialize)]
struct Period {
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    end: Option<String>,
}

impl Group {
    /// Reads a Group. With a `time`, its members are those whose period includes it and who are not
    /// inactive; without one, all that it lists.
    ///
    /// # Errors
    /// The reason, where `member` is no list.
    pub fn read(text: &str, time: Option<Instant>) -> Result<Group, String> {
        let head: GroupHead = serde_json::from_str(text)
            .map_err(|error| format!("its members cannot be read: {error}"))?;
        let listed = head.member.unwrap_or_default();
        let is_descriptive = head.actual == Value::Bool(false) && listed.is_empty();
        let mut members = Vec::with_capacity(listed.len());
        for member in listed {
            // A member of the wrong form has no reference; the others are still read.
            let member: MemberHead = serde_json::from_value(member).unwrap_or_default();
            if time.is_none_or(|time| member.is_member_at(time)) {
                let reference = member.entity.and_then(|entity| entity.reference);
                members.push(GroupMember { reference });
            }
        }
        Ok(Group { members, is_descriptive })
    }
}

impl MemberHead {
    /// True for a member at `time`. A bound that cannot be read is ignored, so that no member is
    /// left out by mistake.
    fn is_member_at(&self, time: Instant) -> bool {
        let bound = |text: Option<&String>| text.and_then(|text| span(text));
        let (start, end) = match &self.period {
            Some(period) => (bound(period.start.as_ref()), bound(period.end.as_ref())),
            None => (None, None),
        };
        self.inactive != Some(true)
            && start.is_none_or(|(first, _)| first <= time)
            && end.is_none_or(|(_, next)| time < next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_and_go() {
        let text = r#"{"resourceType":"Group","actual":true,"member":[
            {"entity":{"reference":"Patient/1"}},
            {"entity":{"reference":"Patient/2"},"inactive":true},
            {"entity":{"reference":"Patient/3"},"period":{"end":"2020"}},
            {"entity":{"reference":"Patient/4"},"period":{"start":"2020-06-02","end":"soon"}},
            {"entity":{"display":"x"}}]}"#;
        let at = |time: &str| {
            let time = Instant::parse(time).map(|(time, _)| time);
            let group = Group::read(text, time).unwrap();
            group.members.into_iter().map(|m| m.reference.unwrap_or_default()).collect::<Vec<_>>()
        };
        assert_eq!(at("2020-06-01"), ["Patient/1", "Patient/3", ""]);
        assert_eq!(at("2020-12-31T23:59:59Z"), ["Patient/1", "Patient/3", "Patient/4", ""]);
        assert_eq!(at("2021-01-01"), ["Patient/1", "Patient/4", ""]);
        assert_eq!(at("all of them").len(), 5);
        let odd = r#"{"member":[{"inactive":1},null,{"entity":"Patient/1"},{"entity":{"reference":"Patient/2"}}]}"#;
        let read = Group::read(odd, None).unwrap().members;
        assert_eq!(read.iter().filter(|member| member.reference.is_some()).count(), 1);
        assert_eq!(read.len(), 4);
        assert!(Group::read(r#"{"member":null}"#, None).unwrap().members.is_empty());
        assert!(Group::read(r#"{"member":{}}"#, None).is_err());
    }
}
