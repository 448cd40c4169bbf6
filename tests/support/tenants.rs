//! Tenants of one store at random: what is theirs, what becomes of it, who asks what.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Who owns something: nobody, two users of client A, two of B. Users of both have the same names.
pub const OWNERS: [&str; 5] = ["nobody", "a1", "a2", "b1", "b2"];
pub const NOBODY: usize = 0;
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
pub const WIDE: &str = "system/*.rs";
pub const NARROW: &str = "system/Patient.rs system/Group.rs system/Observation.r";
pub const BASE: &str = "https://t.example";
pub const LONG_AGO: &str = "2020-06-15T00:00:00Z";

pub fn client_of(owner: usize) -> &'static str {
    if owner < 3 { "A" } else { "B" }
}

pub fn app_user_id(owner: usize) -> &'static str {
    if owner % 2 == 1 { "one" } else { "two" }
}

/// What stands in an owner's resources and in some of their ids, and nowhere else.
pub fn secret(owner: usize) -> String {
    format!("SECRET-{}", OWNERS[owner])
}

/// A place for a resource: whose, and which of theirs.
pub type Place = (usize, usize);
/// One whose id is told to nobody …
pub const HIDDEN: usize = 2;
/// … one that all want …
pub const WANTED: usize = 3;
/// … one that is given no id.
pub const UNNAMED: usize = 4;

pub fn id((owner, slot): Place) -> String {
    match slot {
        HIDDEN => format!("{}-2", secret(owner)),
        WANTED => "wanted".to_owned(),
        slot => format!("{}-{slot}", OWNERS[owner]),
    }
}

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
    /// What tells one resource from the other.
    pub fn key(&self, owner: usize) -> (usize, String) {
        match self.slot {
            UNNAMED => (self.kind, format!("unnamed {}", self.version)),
            slot => (self.kind, id((owner, slot))),
        }
    }

    pub fn resource(&self, owner: usize) -> Value {
        let Item { kind, slot, version, .. } = *self;
        if slot == UNNAMED {
            // The same, whoever has it.
            return json!({"resourceType": KINDS[kind], "language": format!("x-{version}")});
        }
        let [one, other] = self.links.map(|(whose, slot)| match slot {
            HIDDEN if whose != owner => id((whose, 0)),
            slot => id((whose, slot)),
        });
        let link = |kind: &str, id: &str| json!({"reference": format!("{kind}/{id}")});
        // References of users may lead to what is nobody's, so nobody's identifiers are others.
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
        // What was nobody's and is wanted again counts its versions on: they are given here.
        if self.has_meta || slot == WANTED {
            let time = format!("2020-0{}-01T00:00:00.000Z", version + 4);
            made["meta"] = json!({"versionId": format!("{}", version + 5), "lastUpdated": time});
        }
        made
    }
}

#[derive(Clone, Debug)]
pub enum Step {
    Import {
        owner: usize,
        is_bundle: bool,
        items: Vec<Item>,
    },
    /// By the operator, whoever has it.
    Delete(usize, Place),
    Activate(usize, bool),
    /// Each reader begins some exports, to be fetched at the end.
    Export,
}

/// A request, with parameters in the query or in a body; SINCE is a time that the reader knows.
#[derive(Clone, Debug)]
pub struct Ask {
    pub path: String,
    pub parameters: Vec<(&'static str, String)>,
    pub is_post: bool,
    pub headers: &'static str,
}

impl Ask {
    pub fn get(path: impl Into<String>) -> Ask {
        let headers = "Prefer: respond-async\r\n";
        Ask { path: path.into(), parameters: Vec::new(), is_post: false, headers }
    }
}

fn place() -> impl Strategy<Value = Place> + Clone {
    (0..OWNERS.len(), 0..UNNAMED)
}

fn item() -> impl Strategy<Value = Item> {
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

fn step() -> impl Strategy<Value = Step> {
    let import = (0..OWNERS.len(), any::<bool>(), prop::collection::vec(item(), 4..16));
    prop_oneof![
        6 => import.prop_map(|(owner, is_bundle, items)| Step::Import { owner, is_bundle, items }),
        1 => (0..KINDS.len(), place()).prop_filter("leaves searches alone", |(kind, _)| KINDS[*kind] != "Practitioner")
            .prop_map(|(kind, place)| Step::Delete(kind, place)),
        1 => (1..OWNERS.len(), prop::bool::weighted(0.6)).prop_map(|(user, active)| Step::Activate(user, active)),
        1 => Just(Step::Export),
    ]
}

fn export() -> impl Strategy<Value = Ask> {
    let types = prop::collection::vec(prop::sample::select(&KINDS[..]), 0..4);
    let patients = prop::collection::vec(place(), 0..3);
    let choices = (any::<[bool; 5]>(), 0usize..3, 0u32..3);
    (0usize..4, place(), types, patients, choices).prop_map(
        |(level, place, types, patients, (flags, associated, size))| {
            let [is_post, is_lenient, is_organized, has_since, has_elements] = flags;
            let mut parameters = Vec::new();
            if !types.is_empty() {
                parameters.push(("_type", types.join(",")));
            }
            if level % 2 == 1 && is_post {
                parameters.extend(
                    patients.iter().map(|one| ("patient", format!("Patient/{}", id(*one)))),
                );
            }
            if is_organized {
                parameters.push(("organizeOutputBy", "Patient".to_owned()));
            }
            if has_since {
                parameters.push(("_since", "SINCE".to_owned()));
            }
            if has_elements {
                parameters.push(("_elements", "subject,Patient.identifier".to_owned()));
            }
            if associated > 0 {
                let which = ["Latest", "Relevant"][associated - 1];
                parameters.push(("includeAssociatedData", format!("{which}ProvenanceResources")));
            }
            if size > 0 {
                parameters.push(("_maximumFileSize", (size * 400).to_string()));
            }
            let id = id(place);
            let path = match level {
                0 => "/fhir/$export".to_owned(),
                1 => "/fhir/Patient/$export".to_owned(),
                2 => format!("/fhir/Patient/{id}/$export"),
                _ => format!("/fhir/Group/{id}/$export"),
            };
            let path = if is_post && is_organized { path + "-v4" } else { path };
            let headers = match is_lenient {
                true => "Prefer: respond-async, handling=lenient\r\n",
                false => "Prefer: respond-async\r\n",
            };
            Ask { path, parameters, is_post, headers }
        },
    )
}

fn ask() -> impl Strategy<Value = Ask> {
    let named = (0..KINDS.len(), place()).prop_map(|(kind, place)| (KINDS[kind], id(place)));
    prop_oneof![
        4 => export(),
        2 => named.clone().prop_map(|(kind, id)| Ask::get(format!("/fhir/{kind}/{id}"))),
        2 => (named, 1..9).prop_map(|((kind, id), version)| {
            Ask::get(format!("/fhir/{kind}/{id}/_history/{version}"))
        }),
        1 => place().prop_map(|group| Ask::get(format!("/bulk-data/r4/Group/{}/$export", id(group)))),
        1 => place().prop_map(|group| Ask {
            headers: "",
            ..Ask::get(format!("/bulk-data/r4/Group/{}/$export", id(group)))
        }),
    ]
}

/// What every reader asks.
pub fn usual() -> Vec<Ask> {
    let mut paths: Vec<String> = [
        "/fhir/$export",
        "/fhir/$export?_since=SINCE",
        "/fhir/Patient/$export?_since=SINCE",
        "/fhir/$export?organizeOutputBy=Patient",
        "/fhir/$bulk-publish",
        "/fhir/Group?name:contains=g",
        "/fhir/Other",
        "/fhir/$export?_type=Zzz",
    ]
    .map(str::to_owned)
    .to_vec();
    let ids = (0..OWNERS.len()).flat_map(|owner| [0, 1, WANTED].map(|slot| id((owner, slot))));
    let ids = ids.collect::<Vec<_>>().join(",");
    for kind in KINDS {
        paths.push(format!("/fhir/{kind}?_count=2"));
        paths.push(format!("/fhir/{kind}?_count=0"));
        paths.push(format!("/fhir/{kind}?_id={ids}&_lastUpdated=ge2020-05-02"));
        for value in ["mrn-0", "org-1"] {
            paths.push(format!("/fhir/{kind}?identifier=urn:s%7C{value}"));
        }
    }
    for owner in 0..OWNERS.len() {
        for (slot, version) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
            let id = id((owner, slot));
            paths.push(format!("/fhir/Patient/{id}/_history/{version}"));
        }
    }
    let mut asks: Vec<Ask> = paths.into_iter().map(Ask::get).collect();
    for path in ["", "?_since=SINCE", "?_type=Patient,Zzz"] {
        asks.push(Ask { headers: "", ..Ask::get(format!("/bulk-data/r4/$export{path}")) });
    }
    asks
}

/// Somebody who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A user's token.
    Token(usize),
    /// The client's secret, for a user.
    Secret(usize),
    /// … for all its users.
    Users(&'static str),
    /// A SMART client, with a scope.
    Smart(&'static str, &'static str),
}

/// A reach: the owners in it, the client whose it is, who has it.
pub struct Reach {
    pub owners: Vec<usize>,
    pub client: &'static str,
    pub readers: Vec<Who>,
}

pub fn reaches() -> Vec<Reach> {
    let reach = |owners: &[usize], client, readers: &[Who]| Reach {
        owners: owners.to_vec(),
        client,
        readers: readers.to_vec(),
    };
    let smart = |client| [Who::Smart(client, WIDE), Who::Smart(client, NARROW)];
    let users = (1..OWNERS.len())
        .map(|user| reach(&[user], client_of(user), &[Who::Token(user), Who::Secret(user)]));
    users
        .chain([
            reach(&[1, 2], "A", &[Who::Users("A")]),
            reach(&[3, 4], "B", &[Who::Users("B")]),
            reach(&[NOBODY], "S", &smart("S")),
            reach(&[NOBODY, 1, 2], "A", &smart("A")),
        ])
        .collect()
}

/// What becomes of each step, by the rules of owners.
pub struct Planned {
    pub step: Step,
    /// Of an import, which items are taken; of a deletion, whose the resource was.
    pub taken: Vec<bool>,
    pub owner: usize,
}

/// Who has each resource, or had it last; and who is active.
#[derive(Default)]
struct Owned {
    now: BTreeMap<(usize, String), (usize, bool)>,
}

impl Owned {
    fn take(&mut self, owner: usize, item: &Item) -> bool {
        let key = item.key(owner);
        if self.now.get(&key).is_some_and(|(whose, _)| *whose != owner) {
            return false;
        }
        match item.is_deletion {
            true => self.end(&key),
            false => drop(self.now.insert(key, (owner, true))),
        }
        true
    }

    /// What was a user's stays the user's.
    fn end(&mut self, key: &(usize, String)) {
        match self.now.get_mut(key) {
            Some((NOBODY, _)) => drop(self.now.remove(key)),
            Some((_, is_live)) => *is_live = false,
            None => {}
        }
    }
}

pub fn plan(steps: &[Step]) -> Vec<Planned> {
    let mut owned = Owned::default();
    let mut planned = Vec::new();
    for step in steps {
        let mut step = step.clone();
        let (mut taken, mut whose) = (Vec::new(), NOBODY);
        match &mut step {
            Step::Import { owner, is_bundle, items } => {
                let mut seen = BTreeSet::new();
                if *is_bundle {
                    // Entries of a Bundle have names, and are about different resources.
                    items.iter_mut().for_each(|item| item.slot %= UNNAMED);
                    // They link to each other by searches, also to one that is refused.
                    let is_found = |item: &&mut Item| KINDS[item.kind] == "Practitioner";
                    items.iter_mut().filter(is_found).for_each(|item| item.slot %= WANTED);
                    items.retain(|item| seen.insert((item.kind, item.slot)));
                } else {
                    items.iter_mut().for_each(|item| item.is_deletion = false);
                }
                whose = *owner;
                taken = items.iter().map(|item| owned.take(whose, item)).collect();
            }
            Step::Delete(kind, place) => {
                let key = (*kind, id(*place));
                match owned.now.get(&key) {
                    Some((owner, true)) => whose = *owner,
                    _ => continue,
                }
                owned.end(&key);
            }
            Step::Activate(user, _) => whose = *user,
            Step::Export => {}
        }
        planned.push(Planned { step, taken, owner: whose });
    }
    planned
}

/// Items as an input file.
pub fn text(owner: usize, is_bundle: bool, items: &[&Item]) -> String {
    if !is_bundle {
        return items.iter().map(|item| item.resource(owner).to_string() + "\n").collect();
    }
    let entry = |item: &&Item| {
        let url = format!("{}/{}", KINDS[item.kind], id((owner, item.slot)));
        match item.is_deletion {
            true => json!({"request": {"method": "DELETE", "url": url}}),
            false => {
                let resource = item.resource(owner);
                json!({"resource": resource, "request": {"method": "PUT", "url": url}})
            }
        }
    };
    let entries: Vec<Value> = items.iter().map(entry).collect();
    json!({"resourceType": "Bundle", "type": "batch", "entry": entries}).to_string()
}

#[derive(Clone, Debug)]
pub struct Case {
    pub steps: Vec<Step>,
    pub asks: Vec<Ask>,
}

pub fn case() -> impl Strategy<Value = Case> {
    // Each owner has something, whoever comes first.
    let import = (any::<bool>(), prop::collection::vec(item(), 12..30));
    let first = prop::collection::vec(import, OWNERS.len());
    let order = Just((0..OWNERS.len()).collect::<Vec<_>>()).prop_shuffle();
    let steps = prop::collection::vec(step(), 4..14);
    let asks = prop::collection::vec(ask(), 8..16);
    (first, order, steps, asks).prop_map(|(first, order, steps, asks)| {
        let imports = order.into_iter().zip(first);
        let imports =
            imports.map(|(owner, (is_bundle, items))| Step::Import { owner, is_bundle, items });
        Case { steps: imports.chain(steps).collect(), asks }
    })
}
