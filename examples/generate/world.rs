//! Organizations, locations and practitioners, which many patients share.
//!
//! The world grows with the patients: each hundred of them belongs to a region
//! with its own hospital, clinic and staff. A region is made anew whenever it
//! is needed, so memory does not grow with their number.

use crate::codes::{SNOMED, SPECIALTIES, code, concept, term};
use crate::json::{Decimal, Json, obj};
use crate::names::{FAMILIES, MEN, STREETS, TOWNS, Town, WOMEN};
use crate::random::{Purpose, Rng};
use crate::resource::{Frame, Resource, Shared, Style, base, phone, us_core};
use crate::time::{Date, Time};

pub const PATIENTS_PER_REGION: u64 = 100;

const ORGANIZATION_IDS: &str = "https://records.example.org/organization";
const LOCATION_IDS: &str = "https://records.example.org/location";
const ENDPOINT_IDS: &str = "https://records.example.org/endpoint";
const ROLE_IDS: &str = "https://records.example.org/practitioner-role";
const NPI: &str = "http://hl7.org/fhir/sid/us-npi";

const STAFF: u64 = 8;

const PAYERS: [&str; 4] = [
    "Acorn Mutual Health Plan",
    "Beacon Valley Insurance",
    "Commonwell Care Cooperative",
    "Delta Ridge Benefits",
];

pub struct Region {
    pub town: &'static Town,
    /// The hospital and the clinic.
    pub organizations: Vec<Shared>,
    /// Emergency department and ward of the hospital, rooms of the clinic.
    pub locations: Vec<Shared>,
    pub practitioners: Vec<Shared>,
    /// Where the region's staff receive messages.
    endpoint: Shared,
    /// All of the above as resources: organizations and locations …
    pub hospitals: Vec<Resource>,
    /// … and practitioners with their roles.
    pub staff: Vec<Resource>,
}

impl Region {
    pub fn new(seed: u64, index: u64, style: Style) -> Self {
        let mut rng = Rng::new(seed, Purpose::Region, index);
        let endpoint = Shared {
            kind: "Endpoint",
            id: rng.uuid(),
            system: ENDPOINT_IDS,
            value: format!("endpoint-{:05}", index + 1),
            name: "Messages for the staff".to_owned(),
        };
        let mut region = Region {
            endpoint,
            town: rng.pick(&TOWNS),
            organizations: Vec::new(),
            locations: Vec::new(),
            practitioners: Vec::new(),
            hospitals: Vec::new(),
            staff: Vec::new(),
        };
        region.add_organizations(index, style, &mut rng);
        region.add_locations(index, style, &mut rng);
        region.add_endpoint(style, &mut rng);
        for nth in 0..STAFF {
            region.add_practitioner(index, nth, style, &mut rng);
        }
        region
    }

    /// Which organization the practitioner of that number works for: the
    /// first ones for the hospital, the others for the clinic.
    pub fn organization_of(&self, practitioner: usize) -> &Shared {
        &self.organizations[usize::from(practitioner >= STAFF as usize / 2)]
    }

    fn add_organizations(&mut self, index: u64, style: Style, rng: &mut Rng) {
        let city = self.town.city;
        for (nth, name) in [format!("{city} General Hospital"), format!("{city} Family Clinic")]
            .into_iter()
            .enumerate()
        {
            let number = index * 2 + nth as u64 + 1;
            let me = Shared {
                kind: "Organization",
                id: rng.uuid(),
                system: ORGANIZATION_IDS,
                value: format!("org-{number:05}"),
                name,
            };
            let body = obj! {
                "identifier": [me.identifier(), npi(800_000 + number)],
                "active": true,
                "type": [term("organization-type", "prov", "Healthcare Provider")],
                "name": me.name,
                "telecom": [phone(self.town.area_code, Some("work"), rng)],
                "address": [address(self.town, None, rng)],
            };
            self.hospitals.push(finish(
                us_core("Organization", "us-core-organization"),
                &me,
                style,
                rng,
                &body,
            ));
            self.organizations.push(me);
        }
    }

    fn add_locations(&mut self, index: u64, style: Style, rng: &mut Rng) {
        let rooms = [
            (0, "Emergency Department", "ER", "Emergency room"),
            (0, "Ward", "HU", "Hospital unit"),
            (1, "Examination Rooms", "PC", "Primary care clinic"),
        ];
        for (nth, (owner, room, kind, display)) in rooms.into_iter().enumerate() {
            let owner = &self.organizations[owner];
            let number = index * 3 + nth as u64 + 1;
            let me = Shared {
                kind: "Location",
                id: rng.uuid(),
                system: LOCATION_IDS,
                value: format!("loc-{number:05}"),
                name: format!("{} {room}", owner.name),
            };
            let (latitude, longitude) = self.town.position;
            let body = obj! {
                "identifier": [me.identifier()],
                "status": "active",
                "name": me.name,
                "mode": "instance",
                "type": [obj! { "coding": [code(
                    "http://terminology.hl7.org/CodeSystem/v3-RoleCode", kind, display,
                )] }],
                "telecom": [phone(self.town.area_code, Some("work"), rng)],
                "address": address(self.town, None, rng),
                "position": obj! {
                    "longitude": Decimal(longitude + rng.range(-200, 200), 4),
                    "latitude": Decimal(latitude + rng.range(-200, 200), 4),
                },
                "managingOrganization": style.named(owner),
            };
            let frame = us_core("Location", "us-core-location");
            self.hospitals.push(finish(frame, &me, style, rng, &body));
            self.locations.push(me);
        }
    }

    fn add_endpoint(&mut self, style: Style, rng: &mut Rng) {
        let me = &self.endpoint;
        let kind = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type";
        let payload = "http://terminology.hl7.org/CodeSystem/endpoint-payload-type";
        let body = obj! {
            "identifier": [me.identifier()],
            "status": "active",
            "connectionType": code(kind, "direct-project", "Direct Project"),
            "name": me.name,
            "managingOrganization": style.named(&self.organizations[1]),
            "payloadType": [obj! { "coding": [code(payload, "any", "Any")] }],
            "address": format_args!("mailto:{}@direct.example.org", me.value),
        };
        let resource = finish(base("Endpoint"), me, style, rng, &body);
        self.hospitals.push(resource);
    }

    fn add_practitioner(&mut self, index: u64, nth: u64, style: Style, rng: &mut Rng) {
        let female = rng.chance(50);
        let given = *rng.pick(if female { &WOMEN } else { &MEN });
        let family = *rng.pick(&FAMILIES);
        let number = index * STAFF + nth + 1;
        let me = Shared {
            kind: "Practitioner",
            id: rng.uuid(),
            system: NPI,
            value: format!("9999{number:06}"),
            name: format!("Dr. {given} {family}"),
        };
        let body = obj! {
            "identifier": [me.identifier()],
            "active": true,
            "name": [obj! { "family": family, "given": [given], "prefix": ["Dr."] }],
            "telecom": [obj! {
                "system": "email",
                "value": format_args!("practitioner{number}@example.org"),
                "use": "work",
            }],
            "address": [address(self.town, Some("work"), rng)],
            "gender": if female { "female" } else { "male" },
        };
        let frame = us_core("Practitioner", "us-core-practitioner");
        self.staff.push(finish(frame, &me, style, rng, &body));
        let role = self.role(number, nth as usize, &me, style, rng);
        self.staff.push(role);
        self.practitioners.push(me);
    }

    fn role(
        &self,
        number: u64,
        nth: usize,
        practitioner: &Shared,
        style: Style,
        rng: &mut Rng,
    ) -> Resource {
        let me = Shared {
            kind: "PractitionerRole",
            id: rng.uuid(),
            system: ROLE_IDS,
            value: format!("role-{number:06}"),
            name: practitioner.name.clone(),
        };
        let specialty = rng.pick(&SPECIALTIES);
        let at_hospital = nth < STAFF as usize / 2;
        let location = if at_hospital { nth % 2 } else { 2 };
        let doctor = code(SNOMED, "309343006", "Physician");
        let body = obj! {
            "identifier": [me.identifier()],
            "active": true,
            "practitioner": style.named(practitioner),
            "organization": style.named(self.organization_of(nth)),
            "code": [concept(&doctor)],
            "specialty": [concept(specialty)],
            "location": [style.shared(&self.locations[location])],
            "telecom": [phone(self.town.area_code, Some("work"), rng)],
            "endpoint": [style.shared(&self.endpoint)],
        };
        let frame = us_core("PractitionerRole", "us-core-practitionerrole");
        finish(frame, &me, style, rng, &body)
    }
}

/// The insurers, the same ones for all regions.
pub struct Payers {
    pub list: Vec<Shared>,
    pub resources: Vec<Resource>,
}

impl Payers {
    pub fn new(seed: u64, style: Style) -> Self {
        let mut payers = Payers { list: Vec::new(), resources: Vec::new() };
        for (index, name) in PAYERS.iter().enumerate() {
            let mut rng = Rng::new(seed, Purpose::Payer, index as u64);
            let me = Shared {
                kind: "Organization",
                id: rng.uuid(),
                system: ORGANIZATION_IDS,
                value: format!("payer-{:02}", index + 1),
                name: (*name).to_owned(),
            };
            let body = obj! {
                "identifier": [me.identifier(), npi(900_001 + index as u64)],
                "active": true,
                "type": [term("organization-type", "pay", "Payer")],
                "name": me.name,
                "telecom": [phone("800", Some("work"), &mut rng)],
                "address": [address(&TOWNS[index], Some("work"), &mut rng)],
            };
            let frame = us_core("Organization", "us-core-organization");
            payers.resources.push(finish(frame, &me, style, &mut rng, &body));
            payers.list.push(me);
        }
        payers
    }
}

/// A provider number that is nobody's.
fn npi(number: u64) -> Json {
    obj! { "system": NPI, "value": format_args!("9999{number:06}") }
}

fn finish(frame: Frame, me: &Shared, style: Style, rng: &mut Rng, body: &Json) -> Resource {
    Resource {
        if_none_exist: Some(me.if_none_exist()),
        ..frame.build(style, me.id, registered(rng), rng, body)
    }
}

/// When a hospital or a practitioner was entered in the system.
fn registered(rng: &mut Rng) -> Time {
    let start = Date::ymd(2014, 1, 1);
    start.plus(rng.range(0, 365)).at(rng.range(0, 86_399))
}

pub fn address(town: &Town, usage: Option<&str>, rng: &mut Rng) -> Json {
    let number = rng.range(1, 999);
    let street = rng.pick(&STREETS);
    let zip = rng.range(1, 99);
    obj! {
        "use": usage,
        "line": [format_args!("{number} {street}")],
        "city": town.city,
        "state": town.state,
        "postalCode": format_args!("{}{zip:02}", town.zip),
        "country": "US",
    }
}
