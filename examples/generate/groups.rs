//! Groups of patients who share a problem, as a registry would keep them.

use crate::codes::{DIABETES, HYPERTENSION, Problem, concept};
use crate::json::{Json, obj};
use crate::person::Person;
use crate::random::{Purpose, Rng};
use crate::resource::{Resource, Shared, Style, base};
use crate::time::{AS_OF, LAST_VISIT};
use crate::world::Region;

const GROUP_IDS: &str = "https://records.example.org/group";

/// Collects the members while the patients pass by: they are few enough to be
/// kept in memory.
#[derive(Default)]
pub struct Groups {
    diabetics: Vec<Shared>,
    hypertensives: Vec<Shared>,
}

impl Groups {
    pub fn add(&mut self, person: &Person) {
        if person.diabetic {
            self.diabetics.push(person.shared());
        }
        if person.hypertensive {
            self.hypertensives.push(person.shared());
        }
    }

    /// The groups that have members.
    pub fn resources(&self, seed: u64, style: Style, owner: &Region) -> Vec<Resource> {
        [
            ("diabetes", &DIABETES, &self.diabetics),
            ("hypertension", &HYPERTENSION, &self.hypertensives),
        ]
        .into_iter()
        .enumerate()
        .filter(|(_, (_, _, members))| !members.is_empty())
        .map(|(nth, (name, problem, members))| {
            let mut rng = Rng::new(seed, Purpose::Group, nth as u64);
            group(name, problem, members, style, owner, &mut rng)
        })
        .collect()
    }
}

fn group(
    name: &str,
    problem: &Problem,
    members: &[Shared],
    style: Style,
    owner: &Region,
    rng: &mut Rng,
) -> Resource {
    let me = Shared {
        kind: "Group",
        id: rng.uuid(),
        system: GROUP_IDS,
        value: format!("registry-{name}"),
        name: format!("Patients with {}", problem.code.display.to_lowercase()),
    };
    let body = obj! {
        "identifier": [me.identifier()],
        "active": true,
        "type": "person",
        "actual": true,
        "code": concept(&problem.code),
        "name": me.name,
        "quantity": members.len(),
        "managingEntity": style.shared(&owner.organizations[0]),
        "member": members_of(members, style),
    };
    Resource {
        if_none_exist: Some(me.if_none_exist()),
        ..base("Group").build(style, me.id, LAST_VISIT.at(0), rng, &body)
    }
}

/// The first member has a period, and the last of several is inactive: an
/// export of a group has to treat these with care.
fn members_of(members: &[Shared], style: Style) -> Vec<Json> {
    let last = members.len() - 1;
    members
        .iter()
        .enumerate()
        .map(|(nth, member)| {
            let period = obj! { "start": AS_OF.plus(-400), "end": AS_OF.plus(400) };
            obj! {
                "entity": style.shared(member),
                "period": (nth == 0).then_some(period),
                "inactive": (nth == last && nth > 0).then_some(true),
            }
        })
        .collect()
}
