//! Group: its members at a point in time, and the filters that they must meet.
//!
//! <https://hl7.org/fhir/R4/group.html>. The filters are the `member-filter` of Bulk Cohort, a `modifierExtension`:
//! <https://hl7.org/fhir/uv/bulkdata/StructureDefinition-member-filter.html>. A Group may also describe its members in
//! another way, such as by traits. "Applications processing a resource are required to check for modifier extensions"
//! (<https://hl7.org/fhir/R4/extensibility.html#modifierExtension>), so a Group with another one is never read as a
//! plain list.

use serde::Deserialize;
use serde_json::Value;

use super::json::cause;
use super::name::short;
use crate::time::{Instant, span};

/// How the URL of Bulk Cohort's filter ends:
/// <https://hl7.org/fhir/uv/bulkdata/group.html>
const MEMBER_FILTER: &str = "/member-filter";
/// The language of the filters that are searches.
const QUERY: &str = "application/x-fhir-query";

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
    /// Whether it lists members, be they members at that time or not.
    pub has_list: bool,
    /// Searches such as `Encounter?class=AMB`: a member must meet each of them.
    pub filters: Vec<String>,
    /// True where `type` says that the members are persons.
    pub is_of_persons: bool,
    /// What makes the list of members not the whole truth; `None` for a Group that its list tells.
    pub description: Option<Description>,
}

/// A way to say who belongs to a Group other than a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Description {
    /// `actual` is false, or there are only characteristics: the members are described by traits.
    Traits,
    /// `membership` of R5 with this code, which is not `enumerated`.
    Membership(String),
    /// `modifierExtension` of Bulk Cohort, with a filter that is no search.
    MemberFilter,
    /// Another `modifierExtension` of the Group or of a member, with this URL.
    Modifier(String),
}

impl Description {
    /// Says what the Group has, for a message. Without `in_full` nothing of its content is repeated.
    pub fn text(&self, in_full: bool) -> String {
        match self {
            Description::Traits => "describes its members by traits".to_owned(),
            Description::Membership(code) if in_full => {
                format!("has the membership {:?}, which is no list", short(code))
            }
            Description::Membership(_) => "has a membership that is no list".to_owned(),
            Description::MemberFilter => {
                format!("has a member-filter that is no expression in {QUERY}")
            }
            Description::Modifier(url) if in_full => {
                let url = short(url);
                format!("has a modifierExtension that may change who its members are ({url:?})")
            }
            Description::Modifier(_) => {
                "has a modifierExtension that may change who its members are".to_owned()
            }
        }
    }
}

/// The name of a Group, for people; `None` where it has none.
pub fn group_name(body: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct NamedGroup {
        name: Option<String>,
    }
    let group: NamedGroup = serde_json::from_str(body).ok()?;
    group.name.filter(|name| !name.trim().is_empty())
}

#[derive(Deserialize)]
struct GroupHead {
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    actual: Value,
    #[serde(default)]
    membership: Value,
    #[serde(default)]
    characteristic: Value,
    #[serde(default, rename = "modifierExtension")]
    modifiers: Value,
    #[serde(default)]
    member: Option<Vec<Value>>,
}

impl GroupHead {
    /// The filters of the members, and what says beside them and `listed` who belongs to the Group.
    fn filters(&self, listed: &[Value]) -> (Vec<String>, Option<Description>) {
        let of_members = listed.iter().filter_map(|member| member.get("modifierExtension"));
        if let Some(url) = of_members.flat_map(extensions).map(url).next() {
            return (Vec::new(), Some(Description::Modifier(url.to_owned())));
        }
        let modifiers = || extensions(&self.modifiers);
        if let Some(other) = modifiers().map(url).find(|url| !url.ends_with(MEMBER_FILTER)) {
            return (Vec::new(), Some(Description::Modifier(other.to_owned())));
        }
        match modifiers().map(filter).collect::<Option<Vec<String>>>() {
            None => (Vec::new(), Some(Description::MemberFilter)),
            Some(filters) if filters.is_empty() => (filters, self.description(listed)),
            // Bulk Cohort: "This element is not used in groups complying with this profile".
            Some(filters) if is_there(&self.characteristic) => (filters, Some(Description::Traits)),
            Some(filters) => (filters, None),
        }
    }

    /// What says beside `listed` who belongs to the Group, where that is no extension.
    fn description(&self, listed: &[Value]) -> Option<Description> {
        match &self.membership {
            Value::Null => {}
            Value::String(code) if code == "enumerated" => {}
            Value::String(code) => return Some(Description::Membership(code.clone())),
            other => return Some(Description::Membership(other.to_string())),
        }
        let has_traits = match &self.actual {
            Value::Bool(actual) => !actual,
            _ => self.membership.is_null() && is_there(&self.characteristic),
        };
        (has_traits && listed.is_empty()).then_some(Description::Traits)
    }
}

/// False for a value that says nothing: null, or an empty list or object.
fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(list) => list.iter().any(is_there),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

/// The extensions in an element, whatever form it has.
fn extensions(element: &Value) -> impl Iterator<Item = &Value> {
    let list = match element {
        list if !is_there(list) => &[],
        Value::Array(list) => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    list.iter()
}

fn url(extension: &Value) -> &str {
    extension.get("url").and_then(Value::as_str).unwrap_or_default()
}

/// The search in a `member-filter`; `None` for one in another language.
fn filter(extension: &Value) -> Option<String> {
    let expression = extension.get("valueExpression")?;
    let text = |name: &str| expression.get(name).and_then(Value::as_str);
    text("expression").filter(|_| text("language") == Some(QUERY)).map(str::to_owned)
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
        let mut head: GroupHead = serde_json::from_str(text)
            .map_err(|error| format!("its members cannot be read: {}", cause(&error)))?;
        let listed = head.member.take().unwrap_or_default();
        let (filters, description) = head.filters(&listed);
        let (has_list, is_of_persons) = (!listed.is_empty(), head.kind == "person");
        let mut members = Vec::with_capacity(listed.len());
        for member in listed {
            // A member of the wrong form has no reference; the others are still read.
            let member: MemberHead = serde_json::from_value(member).unwrap_or_default();
            if time.is_none_or(|time| member.is_member_at(time)) {
                let reference = member.entity.and_then(|entity| entity.reference);
                members.push(GroupMember { reference });
            }
        }
        Ok(Group { members, has_list, filters, is_of_persons, description })
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
    #[test]
    fn a_list_is_the_whole_truth_only_where_nothing_else_is_said() {
        let filter =
            r#"{"url":"http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter"}"#;
        let search = r#"{"url":"x/member-filter","valueExpression":{"language":"application/x-fhir-query","expression":"A?b=c"}}"#;
        let one = r#""actual":true,"member":[{"entity":{"reference":"Patient/1"}"#;
        for (text, description) in [
            (format!("{one}}}]"), None),
            (format!(r#""modifierExtension":[],{one},"modifierExtension":[]}}]"#), None),
            (format!(r#""membership":"enumerated",{one}}}]"#), None),
            (format!(r#""characteristic":[{{"exclude":false}}],{one}}}]"#), None),
            (r#""actual":true,"characteristic":[{"exclude":false}]"#.to_owned(), None),
            (
                format!(r#""modifierExtension":[{filter}],{one}}}]"#),
                Some(Description::MemberFilter),
            ),
            (format!(r#""modifierExtension":[{filter}]"#), Some(Description::MemberFilter)),
            (
                format!(r#""modifierExtension":[{filter},{{"url":"u"}}],{one}}}]"#),
                Some(Description::Modifier("u".to_owned())),
            ),
            (
                format!(r#"{one},"inactive":true,"modifierExtension":[{{"url":"u"}}]}}]"#),
                Some(Description::Modifier("u".to_owned())),
            ),
            (
                format!(r#""modifierExtension":{{"valueBoolean":true}},{one}}}]"#),
                Some(Description::Modifier(String::new())),
            ),
            (
                format!(r#""membership":"definitional",{one}}}]"#),
                Some(Description::Membership("definitional".to_owned())),
            ),
            (
                r#""membership":"conceptual""#.to_owned(),
                Some(Description::Membership("conceptual".to_owned())),
            ),
            (r#""membership":[]"#.to_owned(), Some(Description::Membership("[]".to_owned()))),
            (r#""actual":false"#.to_owned(), Some(Description::Traits)),
            (format!(r#""actual":false,"modifierExtension":[{search}]"#), None),
            (format!(r#""membership":"definitional","modifierExtension":[{search}]"#), None),
            (
                format!(r#""modifierExtension":[{search},{filter}]"#),
                Some(Description::MemberFilter),
            ),
            (
                format!(r#""modifierExtension":[{search}],"characteristic":[{{"exclude":false}}]"#),
                Some(Description::Traits),
            ),
            (r#""characteristic":[{"exclude":false}]"#.to_owned(), Some(Description::Traits)),
        ] {
            let text = format!(r#"{{"resourceType":"Group",{text}}}"#);
            let group = Group::read(&text, None).unwrap();
            assert_eq!(group.description, description, "{text}");
            if description.is_none() {
                let filters: &[&str] = if text.contains("A?b=c") { &["A?b=c"] } else { &[] };
                assert_eq!(group.filters, filters, "{text}");
            }
        }
    }
}
