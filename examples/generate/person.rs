//! Who a patient is: everything about a person that is decided once, and the
//! Patient resource.

use crate::chart::Chart;
use crate::codes::{
    CHRONIC, Code, DIABETES, HYPERTENSION, OBESITY, OCCUPATIONS, Occupation, Problem,
    SMOKING_STATUS, TRIBES, code, coded, term,
};
use crate::growth;
use crate::json::{Decimal, Json, Object, obj};
use crate::names::{FAMILIES, HISPANIC, LANGUAGES, MEN, NOT_HISPANIC, RACES, WOMEN, ascii};
use crate::random::{Rng, Uuid};
use crate::resource::{Shared, narrative, phone, us_core};
use crate::time::{AS_OF, DAY, Date, Local, Time};
use crate::world::address;

pub const MRN: &str = "https://records.example.org/mrn";
const SSN: &str = "http://hl7.org/fhir/sid/us-ssn";
const CORE: &str = "http://hl7.org/fhir/us/core/StructureDefinition";

/// One patient of so many has at least one resource of each type, so that
/// small data sets are complete too.
const COMPLETE_EVERY: u64 = 8;

/// Which of these is a small child, so that each data set shows how children grow.
const INFANT: u64 = 4;

pub struct Person {
    pub index: u64,
    pub id: Uuid,
    /// See [`COMPLETE_EVERY`].
    pub complete: bool,
    pub female: bool,
    pub given: [&'static str; 2],
    pub family: &'static str,
    pub birth: Date,
    pub death: Option<Time>,
    pub problems: Vec<&'static Problem>,
    pub diabetic: bool,
    pub hypertensive: bool,
    pub smoking: Code,
    pub occupation: &'static Occupation,
    /// Adult height in mm.
    height: i64,
    /// Body mass index of the adult, in hundredths.
    bmi: i64,
}

impl Person {
    pub fn new(index: u64, rng: &mut Rng) -> Self {
        let complete = index.is_multiple_of(COMPLETE_EVERY);
        let id = rng.uuid();
        let female = rng.chance(51);
        let names: &[&str] = if female { &WOMEN } else { &MEN };
        let mut age = rng.range(1, 92).max(if complete { 35 } else { 0 });
        if index % COMPLETE_EVERY == INFANT {
            age = 1 + (index / COMPLETE_EVERY) as i64 % 2;
        }
        let birth = AS_OF.plus(-age * 36_525 / 100 - rng.range(0, 364));
        let dies = rng.chance(age / 8) && !complete;
        let death = dies.then(|| AS_OF.plus(-rng.range(30, 700)).at(rng.range(0, 86_399)));
        let diabetic = complete || (age > 20 && rng.chance(4));
        let hypertensive = age > 25 && rng.chance(age / 2);
        let family = *rng.pick(&FAMILIES);
        let mut person = Person {
            index,
            id,
            complete,
            female,
            given: [*rng.pick(names), *rng.pick(names)],
            family,
            birth,
            death: death.filter(|time| time.date() > birth),
            problems: Vec::new(),
            diabetic,
            hypertensive,
            smoking: *rng.pick(&SMOKING_STATUS),
            occupation: rng.pick(&OCCUPATIONS),
            height: (rng.range(1_510, 1_750) + rng.range(1_510, 1_750)) / 2
                + if female { 0 } else { 130 },
            bmi: (rng.range(1_850, 3_600) + rng.range(1_850, 3_600)) / 2,
        };
        person.add_problems(age, rng);
        person
    }

    fn add_problems(&mut self, age: i64, rng: &mut Rng) {
        if self.diabetic {
            self.problems.push(&DIABETES);
        }
        if self.hypertensive {
            self.problems.push(&HYPERTENSION);
        }
        for (problem, youngest) in &CHRONIC {
            if age >= *youngest && rng.chance(6 + age / 4) {
                self.problems.push(problem);
            }
        }
        if age >= 20 && self.bmi >= 3_000 {
            self.problems.push(&OBESITY);
        }
    }

    pub fn age_on(&self, date: Date) -> i64 {
        self.birth.years_until(date)
    }

    /// Whole months of life.
    pub fn months_on(&self, date: Date) -> i64 {
        (date.0 - self.birth.0).max(0) * 12_000 / 365_250
    }

    /// In mm. Children grow along their own percentile up to the adult's height.
    pub fn height_on(&self, date: Date) -> i64 {
        growth::height(self.female, self.months_on(date), self.height)
    }

    /// In hundredths of kg/m².
    pub fn bmi_on(&self, date: Date) -> i64 {
        growth::body_mass_index(self.months_on(date), self.bmi)
    }

    /// True for a person with a disease that stays.
    pub fn is_ill(&self) -> bool {
        !self.problems.is_empty()
    }

    /// How large the head is, in thousandths of the median of that age.
    pub fn head(&self) -> i64 {
        975 + self.height % 51
    }

    pub fn mrn(&self) -> String {
        format!("MRN{:08}", 10_000_019 + self.index * 7)
    }

    /// What others need for a reference to this patient.
    pub fn shared(&self) -> Shared {
        Shared {
            kind: "Patient",
            id: self.id,
            system: MRN,
            value: self.mrn(),
            name: format!("{} {}", self.given[0], self.family),
        }
    }

    /// A file name without its extension.
    pub fn file_name(&self) -> String {
        let [first, second] = self.given.map(ascii);
        format!("{first}_{second}_{}", ascii(self.family))
    }
}

impl Chart<'_> {
    pub fn add_patient(&mut self) {
        let narrated = self.rng.chance(40);
        let extension = self.patient_extensions();
        let identifier = self.patient_identifiers();
        let address = self.patient_addresses();
        let name = self.patient_names();
        let telecom = self.patient_telecom();
        let married = self.rng.chance(55) && self.person.age_on(AS_OF) > 20;
        let language = self.rng.pick_weighted(&LANGUAGES, |entry| entry.1).0;
        let zone = self.region.town.zone;

        let person = &self.person;
        let [first, _] = person.given;
        let family = person.family;
        let gender = if person.female { "female" } else { "male" };
        let marital = if married {
            term("v3-MaritalStatus", "M", "Married")
        } else {
            term("v3-MaritalStatus", "S", "Never Married")
        };
        let born = person.birth;
        let body = obj! {
            "text": narrated.then(|| narrative(format_args!("{first} {family}, {gender}, born {born}"))),
            "extension": extension,
            "identifier": identifier,
            "active": true,
            "name": name,
            "telecom": telecom,
            "gender": gender,
            "birthDate": born,
            "deceasedDateTime": person.death.map(|time| Local { time, zone }),
            "address": address,
            "maritalStatus": marital,
            "multipleBirthBoolean": false,
            "communication": [obj! { "language": coded(&language), "preferred": true }],
            "generalPractitioner": [self.style.named(self.practitioner())],
            "managingOrganization": self.style.named(&self.region.organizations[1]),
        };
        let id = person.id;
        // Registered years ago, but changed now and then: an address, a phone.
        let event = self.end.plus(-self.rng.range(0, 3 * 365 * DAY));
        self.add_as(id, us_core("Patient", "us-core-patient"), event, &body);
    }

    fn patient_extensions(&mut self) -> Vec<Json> {
        let race = self.rng.pick_weighted(&RACES, |entry| entry.1).0;
        let hispanic = self.rng.chance(18);
        let ethnicity = if hispanic { HISPANIC } else { NOT_HISPANIC };
        let mother = self.rng.pick(&FAMILIES);

        let tribe = self.rng.pick(&TRIBES);
        let sex = if self.person.female { "248152002" } else { "248153007" };
        let mut extensions = vec![
            omb_extension("race", &race),
            omb_extension("ethnicity", &ethnicity),
            obj! {
                "url": format_args!("{CORE}/us-core-birthsex"),
                "valueCode": if self.person.female { "F" } else { "M" },
            },
            obj! {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
                "valueString": mother,
            },
            obj! { "url": format_args!("{CORE}/us-core-sex"), "valueCode": sex },
        ];
        if race.code == RACES[3].0.code {
            extensions.push(obj! {
                "url": format_args!("{CORE}/us-core-tribal-affiliation"),
                "extension": [
                    obj! { "url": "tribalAffiliation", "valueCodeableConcept": coded(tribe) },
                    obj! { "url": "isEnrolled", "valueBoolean": true },
                ],
            });
        }
        extensions
    }

    /// The present name, and the one before a marriage.
    fn patient_names(&mut self) -> Vec<Json> {
        let renamed = self.rng.chance(40);
        let years = self.rng.range(22, 40);
        let before = *self.rng.pick(&FAMILIES);
        let junior = !self.person.female && self.person.index.is_multiple_of(3);
        let suffix = junior.then_some("Jr.");
        let person = &self.person;
        let [first, second] = person.given;
        let adult = person.age_on(AS_OF) > 20;
        let prefix = adult.then_some(if person.female { "Ms." } else { "Mr." });
        let mut names = vec![obj! {
            "use": "official",
            "family": person.family,
            "given": [first, second],
            "prefix": [prefix],
            "suffix": [suffix],
        }];
        let until = person.birth.plus(years * 365);
        if renamed && person.female && until.at(0) < self.end {
            names.push(obj! {
                "use": "old",
                "family": before,
                "given": [first, second],
                "period": obj! { "end": until },
            });
        }
        names
    }

    /// Where the patient lives, and lived before.
    fn patient_addresses(&mut self) -> Vec<Json> {
        let mut addresses = vec![self.patient_address()];
        let until = self.end.date().plus(-self.rng.range(100, 3_000));
        let moved = self.rng.chance(25);
        let before = address(self.region.town, Some("old"), &mut self.rng);
        if moved && until > self.person.birth {
            let mut object = Object::new();
            object.extend(&before);
            object.field("period", &obj! { "end": until });
            addresses.push(object.close());
        }
        addresses
    }

    fn patient_identifiers(&mut self) -> [Json; 2] {
        let (group, serial) = (self.rng.range(10, 99), self.rng.range(1_000, 9_999));
        let kind = |id, display| {
            let system = "http://terminology.hl7.org/CodeSystem/v2-0203";
            obj! { "coding": [code(system, id, display)] }
        };
        [
            obj! {
                "use": "official",
                "type": kind("MR", "Medical Record Number"),
                "system": MRN,
                "value": self.person.mrn(),
            },
            obj! {
                "type": kind("SS", "Social Security Number"),
                "system": SSN,
                // No real number starts with 9.
                "value": format_args!("999-{group}-{serial}"),
            },
        ]
    }

    fn patient_address(&mut self) -> Json {
        let plain = address(self.region.town, Some("home"), &mut self.rng);
        let (latitude, longitude) = self.region.town.position;
        let mut object = Object::new();
        object.field(
            "extension",
            &[obj! {
                "url": "http://hl7.org/fhir/StructureDefinition/geolocation",
                "extension": [
                    obj! {
                        "url": "latitude",
                        "valueDecimal": Decimal(latitude + self.rng.range(-900, 900), 4),
                    },
                    obj! {
                        "url": "longitude",
                        "valueDecimal": Decimal(longitude + self.rng.range(-900, 900), 4),
                    },
                ],
            }],
        );
        object.extend(&plain);
        object.close()
    }

    fn patient_telecom(&mut self) -> Vec<Json> {
        let area = self.region.town.area_code;
        let mut telecom = vec![phone(area, Some("home"), &mut self.rng)];
        if self.rng.chance(50) {
            telecom.push(phone(area, Some("mobile"), &mut self.rng));
        }
        if self.rng.chance(30) {
            let index = self.person.index;
            telecom.push(obj! {
                "system": "email",
                "value": format_args!("patient{index}@example.com"),
            });
        }
        telecom
    }
}

/// Race and ethnicity are extensions that hold extensions.
fn omb_extension(name: &str, value: &Code) -> Json {
    obj! {
        "url": format_args!("{CORE}/us-core-{name}"),
        "extension": [
            obj! { "url": "ombCategory", "valueCoding": value },
            obj! { "url": "text", "valueString": value.display },
        ],
    }
}
