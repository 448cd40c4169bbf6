//! What surrounds a patient: devices, in the body and outside, and related people.

use crate::chart::Chart;
use crate::codes::{
    CHILD, Code, EYE_GLASSES, GLUCOSE_METER, HEARING_AID, HIP, MOTHER, PACEMAKER, SPOUSE, STENT,
    coded, concept,
};
use crate::json::obj;
use crate::names::{FAMILIES, MEN, WOMEN};
use crate::resource::{Frame, base, phone, us_core};
use crate::time::{AS_OF, DAY, Date};
use crate::world::address;

const IMPLANT: Frame = us_core("Device", "us-core-implantable-device");
/// US Core has no profile for what can be taken off.
const AID: Frame = base("Device");

impl Chart<'_> {
    /// Everybody has a device; with age more of them are in the body.
    pub fn add_devices(&mut self) {
        let age = self.person.age_on(self.end.date());
        if self.person.diabetic {
            self.add_device(&GLUCOSE_METER, AID);
        }
        let implant = *self.rng.pick(&[PACEMAKER, STENT, HIP]);
        if self.person.complete || (age >= 55 && self.rng.chance(40)) {
            self.add_device(&implant, IMPLANT);
        } else if age >= 70 {
            self.add_device(&HEARING_AID, AID);
        } else if !self.person.diabetic {
            self.add_device(&EYE_GLASSES, AID);
        }
    }

    fn add_device(&mut self, kind: &Code, frame: Frame) {
        let made = self.back(5 * 365, self.end);
        let expires = made.date().plus(25 * 365);
        let serial = self.rng.range(1_000_000, 9_999_999);
        let lot = self.rng.range(10_000, 99_999);
        let device = article(self.rng.range(0, 999_999));
        let (built, over) = (six_digits(made.date()), six_digits(expires));
        let body = obj! {
            "udiCarrier": [obj! {
                "deviceIdentifier": device,
                "issuer": "http://hl7.org/fhir/NamingSystem/gs1-di",
                "jurisdiction": "http://hl7.org/fhir/NamingSystem/fda-udi",
                "carrierHRF": format_args!("(01){device}(11){built}(17){over}(10){lot}(21){serial}"),
                "entryType": "barcode",
            }],
            "status": "active",
            "distinctIdentifier": device,
            "manufactureDate": self.clock(made),
            "expirationDate": expires,
            "lotNumber": format_args!("{lot}"),
            "serialNumber": format_args!("{serial}"),
            "deviceName": [obj! { "name": kind.display, "type": "user-friendly-name" }],
            "type": concept(kind),
            "patient": self.patient(),
        };
        self.add(frame, made, &body);
    }

    /// The mother of a child; the spouse or a child of an adult.
    pub fn add_related_person(&mut self) {
        let age = self.person.age_on(AS_OF);
        let is_child = age < 18;
        let spouse = self.rng.chance(60);
        let relation = match (is_child, spouse) {
            (true, _) => MOTHER,
            (false, true) => SPOUSE,
            (false, false) if age >= 40 => CHILD,
            (false, false) => MOTHER,
        };
        let is_woman = relation.code == MOTHER.code || self.rng.chance(50);
        let given = *self.rng.pick(if is_woman { &WOMEN } else { &MEN });
        let other = *self.rng.pick(&FAMILIES);
        let family = if self.rng.chance(70) { self.person.family } else { other };
        let telecom = phone(self.region.town.area_code, Some("mobile"), &mut self.rng);
        let home = address(self.region.town, Some("home"), &mut self.rng);
        let body = obj! {
            "active": true,
            "patient": self.patient(),
            "relationship": [coded(&relation)],
            "name": [obj! { "use": "official", "family": family, "given": [given] }],
            "telecom": [telecom],
            "gender": if is_woman { "female" } else { "male" },
            "address": [home],
        };
        let event = self.end.plus(-self.rng.range(0, 300 * DAY)).max(self.person.birth.at(0));
        self.add(us_core("RelatedPerson", "us-core-relatedperson"), event, &body);
    }
}

/// A number of an article (GTIN-14) with its check digit, in a range for examples.
fn article(number: i64) -> String {
    let digits = format!("0952000{number:06}");
    let sum: u32 = digits
        .bytes()
        .enumerate()
        .map(|(at, digit)| u32::from(digit - b'0') * if at % 2 == 0 { 3 } else { 1 })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A date as a UDI has it.
fn six_digits(date: Date) -> String {
    let (year, month, day) = date.parts();
    format!("{:02}{month:02}{day:02}", year % 100)
}
