//! One patient: who it is, the course of care as a picture and as a list, and what was measured.

use askama::Template;

use super::document::document;
use super::plot_series::{PlotSeries, plot_series};
use super::shell::Shell;
use super::timeline_lanes::{TimelineLane, TimelineMark, timeline_svg};
use super::timeline_read::{Course, CourseEntry, read_course};
use super::words::{cell_text, day, resource_path};
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::care_event::course_place;
use crate::fhir::compartment::PATIENT;
use crate::fhir::json::Tree;
use crate::fhir::name::short;
use crate::fhir::person::Person;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::Response;
use crate::shown::shown;
use crate::store::ReadOutcome;

/// The rows of a page of the list.
const ROWS: usize = 50;
/// The plots of a page.
const PLOTS: usize = 12;
/// The identifiers that are shown.
const MOST_IDENTIFIERS: usize = 10;

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelineScreen {
    shell: Shell,
    /// The path of the patient's resource, below the root.
    patient_path: String,
    id: String,
    person: Person,
    /// How many resources are shown, and how many were left out.
    count: usize,
    left_out: usize,
    /// The picture: SVG in which `timeline_lanes` escapes every text.
    picture: String,
    /// How many events have no date, and so no place in the picture.
    undated: usize,
    rows: Vec<CourseRow>,
    rows_page: ScreenPage,
    plots: Vec<PlotSeries>,
    plots_page: ScreenPage,
}

/// A row of the list.
struct CourseRow {
    when: String,
    until: String,
    resource_type: String,
    /// The path of the resource, below the root.
    path: String,
    title: String,
    amount: String,
    status: String,
}

/// A part of a long list: numbers of pages begin with 1.
struct ScreenPage {
    number: usize,
    pages: usize,
    count: usize,
}

impl ScreenPage {
    fn of(
        request: &AuthenticatedRequest<'_>,
        name: &str,
        (count, rows): (usize, usize),
    ) -> ScreenPage {
        let given = request.query.iter().find(|(known, _)| known == name);
        let number = given.and_then(|(_, value)| value.parse::<usize>().ok()).unwrap_or(1);
        let pages = count.div_ceil(rows).max(1);
        ScreenPage { number: number.clamp(1, pages), pages, count }
    }

    /// Takes the part out of the list.
    fn part<T>(&self, all: impl Iterator<Item = T>, rows: usize) -> Vec<T> {
        all.skip((self.number - 1) * rows).take(rows).collect()
    }

    fn is_first(&self) -> bool {
        self.number <= 1
    }

    fn is_last(&self) -> bool {
        self.number >= self.pages
    }
}

/// Answers with the screen of a patient.
///
/// # Errors
/// `NotFound` and `Gone` for a patient who is not here; `Forbidden` where the scope does not cover patients.
pub fn timeline(request: &AuthenticatedRequest<'_>, id: &str) -> Result<Response> {
    request.check(PATIENT, Interaction::Read)?;
    let patient = match request.seen.read(PATIENT, id)? {
        ReadOutcome::Here(version) => version.body,
        outcome => {
            let name = format!("{PATIENT}/{}", short(id));
            return Err(match outcome {
                ReadOutcome::Deleted => Error::new(Kind::Gone, format!("{name} was deleted")),
                _ => Error::new(Kind::NotFound, format!("{name} is not here")),
            });
        }
    };
    let person = Tree::parse(&patient).map(|tree| Person::of(&tree)).unwrap_or_default();
    let snapshot = request.seen.snapshot()?;
    let mut course = read_course(request, &snapshot, id)?;
    request.note_read("search", &[], patient.len() + course.bytes)?;
    // The newest first, what has no date last.
    course.entries.sort_by(|one, other| {
        let key = |entry: &CourseEntry| (entry.event.start, entry.event.end);
        key(other).cmp(&key(one)).then_with(|| one.id.cmp(&other.id))
    });
    let screen = screen(request, id, shown_person(person), &course);
    document(request, 200, &screen)
}

fn screen(
    request: &AuthenticatedRequest<'_>,
    id: &str,
    person: Person,
    course: &Course,
) -> TimelineScreen {
    let name = if person.name.is_empty() { format!("{PATIENT}/{id}") } else { person.name.clone() };
    let count = course.entries.len();
    let all_series = plot_series(&course.entries);
    let plots_page = ScreenPage::of(request, "plots", (all_series.len(), PLOTS));
    let rows_page = ScreenPage::of(request, "page", (count, ROWS));
    let rows = rows_page.part(course.entries.iter(), ROWS);
    TimelineScreen {
        shell: Shell::new(request.context, format!("{} · timeline", shown(&name)), "browse"),
        patient_path: resource_path("", PATIENT, id),
        id: shown(id).into_owned(),
        picture: timeline_svg(&format!("The timeline of {name}"), &lanes(&course.entries)),
        undated: course.entries.iter().filter(|entry| entry.event.start.is_none()).count(),
        rows: rows.into_iter().map(row).collect(),
        plots: plots_page.part(all_series.into_iter(), PLOTS),
        left_out: course.left_out,
        person,
        count,
        rows_page,
        plots_page,
    }
}

/// The texts of a person without what turns the direction of writing.
fn shown_person(person: Person) -> Person {
    let cell = |text: String| cell_text(&text);
    let identifiers = person.identifiers.into_iter().take(MOST_IDENTIFIERS);
    Person {
        name: cell(person.name),
        birth_date: cell(person.birth_date),
        gender: cell(person.gender),
        deceased: cell(person.deceased),
        identifiers: identifiers.map(|(kind, value)| (cell(kind), cell(value))).collect(),
    }
}

fn row(entry: &CourseEntry) -> CourseRow {
    let event = &entry.event;
    let amounts: Vec<String> =
        entry.measured.iter().take(6).map(|of| format!("{} {}", of.lexeme, of.unit)).collect();
    CourseRow {
        when: cell_text(&event.when),
        until: cell_text(&event.until),
        path: resource_path("", &entry.resource_type, &entry.id),
        resource_type: entry.resource_type.clone(),
        title: cell_text(&event.title),
        amount: cell_text(&amounts.join(" / ")),
        status: cell_text(&event.status),
    }
}

/// The lanes, in the order in which people look for the types.
fn lanes(entries: &[CourseEntry]) -> Vec<TimelineLane> {
    let mut lanes: Vec<TimelineLane> = Vec::new();
    for entry in entries {
        let Some(start) = entry.event.start else { continue };
        let name = &entry.resource_type;
        let place = lanes.iter().position(|lane| lane.name == *name).unwrap_or_else(|| {
            lanes.push(TimelineLane { name: name.clone(), marks: Vec::new() });
            lanes.len() - 1
        });
        let CourseEntry { event, .. } = entry;
        let until = match event.is_ongoing {
            true => ", ongoing",
            false if event.until.is_empty() => "",
            false => " to ",
        };
        let text = format!("{}, {}{until}{}", event.title, day(&event.when), day(&event.until));
        lanes[place].marks.push(TimelineMark {
            start,
            end: event.end.filter(|_| !event.until.is_empty()),
            is_ongoing: event.is_ongoing,
            text,
        });
    }
    lanes.sort_by_key(|lane| course_place(&lane.name));
    lanes
}
