//! The chart of one patient: all resources of that patient, made in the order
//! of the events. The kinds of resources are in other modules, which add
//! methods to [`Chart`]; here is what they have in common.

use crate::codes::{ADMISSION, FOLLOW_UP, Problem, VISITS, VisitKind};
use crate::json::Json;
use crate::person::Person;
use crate::random::{Purpose, Rng, Uuid};
use crate::resource::{Frame, Resource, Shared, Style};
use crate::time::{DAY, LAST_VISIT, Local, Time};
use crate::world::{Payers, Region};

/// How much is recorded of each patient.
pub struct Volume {
    /// Fewest and most visits.
    pub visits: (i64, i64),
    /// Percentage of visits with blood tests.
    pub lab_percent: i64,
    /// Percentage of claims that are written for a visit.
    pub claim_percent: i64,
}

/// About 140 resources per patient.
pub const FULL: Volume = Volume { visits: (3, 9), lab_percent: 48, claim_percent: 25 };

/// About 60 resources per patient.
pub const SMALL: Volume = Volume { visits: (2, 3), lab_percent: 30, claim_percent: 40 };

/// A long history.
pub const LONG: Volume = Volume { visits: (14, 18), lab_percent: 60, claim_percent: 20 };

pub struct Chart<'a> {
    pub rng: Rng,
    pub style: Style,
    pub volume: &'static Volume,
    pub region: &'a Region,
    pub payers: &'a [Shared],
    pub person: Person,
    /// Where the record ends: with the data, or at the patient's death.
    pub end: Time,
    /// The patient's own doctor, as a number in the region.
    pub doctor: usize,
    pub resources: Vec<Resource>,
}

/// One visit and what was found at it.
pub struct Visit {
    pub kind: &'static VisitKind,
    pub start: Time,
    pub end: Time,
    pub encounter: Uuid,
    pub practitioner: usize,
    /// Conditions that were diagnosed or treated.
    pub problems: Vec<(&'static Problem, Uuid)>,
}

/// What is the same for all patients of a region.
pub struct Setting<'a> {
    pub seed: u64,
    pub style: Style,
    pub volume: &'static Volume,
    pub region: &'a Region,
    pub payers: &'a Payers,
}

impl<'a> Chart<'a> {
    /// Makes the whole chart of the patient of that number.
    pub fn new(setting: &Setting<'a>, index: u64) -> Self {
        let mut rng = Rng::new(setting.seed, Purpose::Patient, index);
        let person = Person::new(index, &mut rng);
        let staff = setting.region.practitioners.len() as i64;
        let mut chart = Chart {
            style: setting.style,
            volume: setting.volume,
            region: setting.region,
            payers: &setting.payers.list,
            end: person.death.unwrap_or(LAST_VISIT.at(0)),
            // The second half of the staff works in the clinic.
            doctor: rng.range(staff / 2, staff - 1) as usize,
            person,
            resources: Vec::with_capacity(160),
            rng,
        };
        chart.fill();
        chart
    }

    fn fill(&mut self) {
        self.add_patient();
        let coverage = self.add_coverage();
        self.add_allergies();
        let mut chronic = Vec::new();
        for (nth, (kind, start)) in self.plan_visits().into_iter().enumerate() {
            let first = nth == 0;
            let mut visit = self.add_encounter(kind, start);
            if first {
                chronic = self.add_chronic_problems(&visit);
            }
            self.add_visit(&mut visit, &chronic, &coverage, first);
        }
        self.add_care(&chronic);
        self.add_devices();
        self.add_related_person();
        self.add_provenance();
    }

    /// When the patient comes, and what for, in the order of time.
    fn plan_visits(&mut self) -> Vec<(&'static VisitKind, Time)> {
        let (fewest, most) = self.volume.visits;
        let is_small = self.person.age_on(self.end.date()) < 3;
        let count = self.rng.range(fewest, most).max(if is_small { 5 } else { 0 });
        let earliest = self.person.birth.plus(3).at(0);
        let span = (self.end.0 - earliest.0).clamp(DAY, 8 * 365 * DAY);
        let mut starts: Vec<Time> = (1..count).map(|_| self.office_hour(span)).collect();
        // Somebody who lives with a disease came lately.
        starts.push(self.office_hour(span.min(60 * DAY)));
        starts.sort_unstable();
        let last = starts.len();
        starts
            .into_iter()
            .enumerate()
            .map(|(nth, start)| {
                let kind = match nth {
                    0 => &VISITS[0],
                    1 if self.person.complete => &VISITS[ADMISSION],
                    _ if nth + 1 == last && self.person.is_ill() => &VISITS[FOLLOW_UP],
                    // Small children come to be weighed and vaccinated.
                    _ if is_small && self.rng.chance(60) => &VISITS[0],
                    _ => self.rng.pick_weighted(&VISITS, |kind| kind.weight),
                };
                (kind, start)
            })
            .collect()
    }

    /// Some time from 8 to 17 o'clock, at most `span` seconds before the end.
    fn office_hour(&mut self, span: i64) -> Time {
        let date = self.end.plus(-self.rng.range(0, span)).date();
        let second = self.rng.range(8 * 60, 17 * 60) * 60 + self.rng.range(0, 59);
        let start = date.at(second - self.region.town.zone * 3600);
        // Not after the end, which is not always at midnight.
        if start < self.end { start } else { start.plus(-2 * DAY) }
    }

    pub fn add(&mut self, frame: Frame, event: Time, body: &Json) -> Uuid {
        let id = self.rng.uuid();
        self.add_as(id, frame, event, body);
        id
    }

    pub fn add_as(&mut self, id: Uuid, frame: Frame, event: Time, body: &Json) {
        let resource = frame.build(self.style, id, event, &mut self.rng, body);
        self.resources.push(resource);
    }

    pub fn local(&self, kind: &str, id: Uuid) -> Json {
        self.style.local(kind, id)
    }

    pub fn patient(&self) -> Json {
        self.local("Patient", self.person.id)
    }

    /// The patient's own doctor.
    pub fn practitioner(&self) -> &'a Shared {
        &self.region.practitioners[self.doctor]
    }

    /// A reference to who treated the patient at a visit.
    pub fn seen_by(&self, visit: &Visit) -> Json {
        let who = &self.region.practitioners[visit.practitioner];
        self.style.shared(who)
    }

    /// A reference to the organization where the visit was.
    pub fn seen_at(&self, visit: &Visit) -> Json {
        let organization = self.region.organization_of(visit.practitioner);
        self.style.shared(organization)
    }

    /// Writes a time as on the clock of the patient's town.
    pub fn clock(&self, time: Time) -> Local {
        Local { time, zone: self.region.town.zone }
    }
}
