//! Owners, their resources, and random changes of a store.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The owners: nobody, two users of client A, and two of B. The users of both have the same names.
pub const OWNERS: [&str; 5] = ["nobody", "a1", "a2", "b1", "b2"];
pub const NOBODY: usize = 0;
/// The types of the resources.
pub const KINDS: [&str; 8] = [
    "Patient",
    "Observation",
    "Group",
    "Provenance",
    "Practitioner",
    "DocumentReference",
    "Binary",
    "Zzz",
];
/// A scope that allows to export everything.
pub const WIDE: &str = "system/*.rs";
/// A scope that allows to export Patients and Groups.
pub const NARROW: &str = "system/Patient.rs system/Group.rs system/Observation.r";

pub fn client_of(owner: usize) -> &'static str {
    if owner < 3 { "A" } else { "B" }
}

pub fn app_user_id(owner: usize) -> &'static str {
    if owner % 2 == 1 { "one" } else { "two" }
}

/// A text that is in an owner's resources and in some of their ids, and nowhere else.
pub fn secret(owner: usize) -> String {
    format!("SECRET-{}", OWNERS[owner])
}

/// Where a resource belongs: the owner, and one of the owner's slots.
pub type Place = (usize, usize);
/// The slot whose id holds the secret.
pub const HIDDEN: usize = 2;
/// The slot whose id is the same for every owner.
pub const WANTED: usize = 3;
/// The slot whose resource has no id.
pub const UNNAMED: usize = 4;

pub fn id((owner, slot): Place) -> String {
    match slot {
        HIDDEN => format!("{}-2", secret(owner)),
        WANTED => "wanted".to_owned(),
        slot => format!("{}-{slot}", OWNERS[owner]),
    }
}

/// A resource of an import, or the deletion of one.
#[derive(Clone, Debug)]
pub struct Item {
    pub kind: usize,
    pub slot: usize,
    pub links: [Place; 2],
    pub version: u8,
    pub has_meta: bool,
    pub is_deletion: bool,
}

impl Item {
    /// What identifies the resource.
    pub fn key(&self, owner: usize) -> (usize, String) {
        match self.slot {
            // Each owner who brings it has one of their own.
            UNNAMED => (self.kind, format!("unnamed {owner} {}", self.version)),
            slot => (self.kind, id((owner, slot))),
        }
    }

    pub fn resource(&self, owner: usize) -> Value {
        let Item { kind, slot, version, .. } = *self;
        if slot == UNNAMED {
            // The same for every owner.
            return json!({"resourceType": KINDS[kind], "language": format!("x-{version}")});
        }
        let [one, other] = self.links.map(|(other, slot)| match slot {
            HIDDEN if other != owner => id((other, 0)),
            slot => id((other, slot)),
        });
        let link = |kind: &str, id: &str| json!({"reference": format!("{kind}/{id}")});
        // References of users may lead to resources without owner, so those have other identifiers.
        let theirs = if owner == NOBODY { "org" } else { "mrn" };
        let wanted = if owner == NOBODY && version % 2 == 0 { "org" } else { "mrn" };
        let search = format!("Practitioner?identifier=urn:s|{wanted}-{}", version % 2);
        let identifier = json!([{"system": "urn:s", "value": format!("{theirs}-{}", slot % 2)}]);
        let said = format!("{} says {version}", secret(owner));
        let mut made = match KINDS[kind] {
            "Patient" => {
                json!({"identifier": identifier, "generalPractitioner": [{"reference": search}]})
            }
            "Observation" => json!({"subject": link("Patient", &one),
                "performer": [link("Practitioner", &other), {"reference": search}]}),
            "Group" => json!({"type": "person", "actual": true, "name": format!("g{version}"),
                "identifier": identifier, "member": [{"entity": link("Patient", &one)},
                {"entity": link("Patient", &other)}, {"entity": link("Practitioner", &one)},
                {"entity": link("Group", &other)}]}),
            "Provenance" => json!({"recorded": format!("2020-03-0{}T00:00:00Z", version + 1),
                "target": [link("Observation", &one), link("Patient", &other)]}),
            "Practitioner" => json!({"identifier": identifier}),
            "DocumentReference" => json!({"subject": link("Patient", &one),
                "content": [{"attachment": {"url": format!("Binary/{other}")}}]}),
            "Binary" => json!({"contentType": "text/plain", "data": BASE64_STANDARD.encode(&said),
                "securityContext": link("Patient", &one)}),
            _ => json!({"about": [link("Patient", &one), link("Zzz", &other)]}),
        };
        made["resourceType"] = json!(KINDS[kind]);
        made["id"] = json!(id((owner, slot)));
        made["implicitRules"] = json!(said);
        // A user may take over the id of a deleted resource without owner. Its versions continue, so they are set here.
        if self.has_meta || slot == WANTED {
            let time = format!("2020-0{}-01T00:00:00.000Z", version + 4);
            made["meta"] = json!({"versionId": format!("{}", version + 5), "lastUpdated": time});
        }
        made
    }
}

/// A change of the store.
#[derive(Clone, Debug)]
pub enum Step {
    Import {
        owner: usize,
        is_bundle: bool,
        items: Vec<Item>,
    },
    /// The operator deletes a resource of any owner.
    Delete(usize, Place),
    /// A user is activated or deactivated.
    Activate(usize, bool),
    /// Each caller starts some exports, to be downloaded at the end.
    Export,
}

pub fn place() -> impl Strategy<Value = Place> + Clone {
    (0..OWNERS.len(), 0..UNNAMED)
}

pub fn item() -> impl Strategy<Value = Item> {
    let links = [place(), place()];
    (0..KINDS.len(), 0..=UNNAMED, links, 0u8..4, any::<bool>(), prop::bool::weighted(0.2)).prop_map(
        |(kind, slot, links, version, has_meta, is_deletion)| Item {
            kind,
            slot,
            links,
            version,
            has_meta,
            is_deletion,
        },
    )
}

pub fn step() -> impl Strategy<Value = Step> {
    let import = (0..OWNERS.len(), any::<bool>(), prop::collection::vec(item(), 4..16));
    prop_oneof![
        6 => import.prop_map(|(owner, is_bundle, items)| Step::Import { owner, is_bundle, items }),
        1 => (0..KINDS.len(), place()).prop_filter("keeps what references find", |(kind, _)| KINDS[*kind] != "Practitioner")
            .prop_map(|(kind, place)| Step::Delete(kind, place)),
        1 => (1..OWNERS.len(), prop::bool::weighted(0.6)).prop_map(|(user, active)| Step::Activate(user, active)),
        1 => Just(Step::Export),
    ]
}

/// The text of an input file with these items.
pub fn text(owner: usize, is_bundle: bool, items: &[&Item]) -> String {
    if !is_bundle {
        return items.iter().map(|item| item.resource(owner).to_string() + "\n").collect();
    }
    let entry = |item: &&Item| {
        let url = format!("{}/{}", KINDS[item.kind], id((owner, item.slot)));
        if item.is_deletion {
            return json!({"request": {"method": "DELETE", "url": url}});
        }
        json!({"resource": item.resource(owner), "request": {"method": "PUT", "url": url}})
    };
    let entries: Vec<Value> = items.iter().map(entry).collect();
    json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string()
}
