//! What an expression gives of the slots of a resource, as long as that needs no list of values.

use std::borrow::Cow;

use super::super::reference::key_of;
use super::super::syntax::TypeName;
use super::slot_tree::SlotId;
use super::slots::{QuickValue, SlotKind, Slots, Unusual};

/// An expression over slots.
#[derive(Clone, Debug)]
pub(super) enum SlotProgram {
    /// Nothing, whatever the resource is.
    Nothing,
    /// What stands at a place.
    Slot(SlotId),
    /// The first value.
    First(Box<SlotProgram>),
    /// The values of several programs. True with those that cannot fail, and need not be looked at where nobody wants
    /// more.
    Either(Vec<(SlotProgram, bool)>),
    /// One or the other.
    If(Box<SlotTest>, Box<SlotProgram>, Box<SlotProgram>),
    /// What comes of the values at a place that meet a condition. The condition and the program look at the first value,
    /// those of `each` at every one.
    Where {
        base: SlotId,
        test: Box<SlotTest>,
        then: Box<SlotProgram>,
        is_of_first: bool,
        each: Option<Box<EachProgram>>,
    },
    /// The keys of the resources that references name: the elements, and their texts.
    ReferenceKey { element: SlotId, text: SlotId, wanted: Option<TypeName> },
    /// The id of the resource.
    ResourceKey { id: SlotId },
    /// How many values stand at a place.
    Count(SlotId),
    /// The place of the value among those of its list, and so many more.
    RowIndex(i64),
    /// What a condition says.
    Truth(Box<SlotTest>),
    /// Nothing as long as nothing stands at a place. What would come of a value is not worked out here.
    Unless(SlotId),
}

/// What comes of the values of a list that meet a condition.
#[derive(Clone, Debug)]
pub(super) struct EachProgram {
    pub(super) list: usize,
    pub(super) test: SlotTest,
    pub(super) then: SlotProgram,
}

/// A condition over slots: true, false or unknown.
#[derive(Clone, Debug)]
pub(super) enum SlotTest {
    Always(bool),
    Exists(SlotProgram),
    Not(Box<SlotTest>),
    All(Vec<SlotTest>),
    Any(Vec<SlotTest>),
    /// The program gives a text, and this one.
    Equal(SlotProgram, String),
}

/// What a program gives.
#[derive(Clone, Debug)]
pub(super) enum Given<'s, 't> {
    /// The first value of a slot.
    Slot(&'s Slots<'t>, SlotId),
    Text(Cow<'t, str>),
    Boolean(bool),
    Integer(i64),
}

/// At most one value; or more is asked than programs can say.
type Single<'s, 't> = Result<Option<Given<'s, 't>>, Unusual>;

impl SlotProgram {
    /// The program as one that gives what stands at a place, and not what stands in one of several values.
    pub(super) fn of_first_values(self) -> SlotProgram {
        match self {
            SlotProgram::First(program) => SlotProgram::First(Box::new(program.of_first_values())),
            SlotProgram::Where { base, test, then, is_of_first, .. } => {
                let then = Box::new(then.of_first_values());
                SlotProgram::Where { base, test, then, is_of_first, each: None }
            }
            other => other,
        }
    }

    /// The only value; where `wants_first`, the first one.
    pub(super) fn single<'s, 't>(&self, slots: &'s Slots<'t>, wants_first: bool) -> Single<'s, 't> {
        let is_alone = |count: u32| count == 1 || wants_first;
        match self {
            SlotProgram::Nothing => Ok(None),
            SlotProgram::Slot(place) => match slots.at(*place).count {
                0 => Ok(None),
                count if is_alone(count) => Ok(Some(Given::Slot(slots, *place))),
                _ => Err(Unusual),
            },
            SlotProgram::First(program) => program.single(slots, true),
            SlotProgram::Either(programs) => either(programs, slots, wants_first),
            SlotProgram::If(test, then, otherwise) => match test.answer(slots)? {
                Some(true) => then.single(slots, wants_first),
                _ => otherwise.single(slots, wants_first),
            },
            SlotProgram::Where { base, test, then, is_of_first, each } => {
                let count = slots.at(*base).count;
                if count == 0 {
                    return Ok(None);
                }
                if let (2.., Some(each)) = (count, each) {
                    return each.single(slots, wants_first);
                }
                let is_met = test.answer(slots)? == Some(true);
                match (is_met, count) {
                    (true, 1) => then.single(slots, wants_first),
                    (true, _) if *is_of_first => then.single(slots, wants_first),
                    // More may come of the other values.
                    (true, _) if wants_first => then.single(slots, true)?.map(Some).ok_or(Unusual),
                    (false, 1) => Ok(None),
                    _ => Err(Unusual),
                }
            }
            SlotProgram::ReferenceKey { element, text, wanted } => {
                let (element, text, place) = (slots.at(*element), slots.at(*text), *text);
                if element.count == 0 || (text.count == 0 && element.are_objects) {
                    return Ok(None);
                }
                if !element.are_objects || text.is_listed || text.kind != SlotKind::Text {
                    return Err(Unusual);
                }
                let Cow::Borrowed(written) = slots.text_at(place)? else { return Err(Unusual) };
                match key_of(written, wanted.as_ref()) {
                    Some(key) if is_alone(text.count) => Ok(Some(Given::Text(Cow::Borrowed(key)))),
                    None if text.count == 1 => Ok(None),
                    _ => Err(Unusual),
                }
            }
            SlotProgram::ResourceKey { id } => {
                let slot = slots.at(*id);
                match slot.kind {
                    _ if slot.count == 0 => Ok(None),
                    _ if slot.is_listed => Err(Unusual),
                    _ => slots.text_at(*id).map(|id| Some(Given::Text(id))),
                }
            }
            SlotProgram::Count(place) => Ok(Some(Given::Integer(slots.at(*place).count.into()))),
            SlotProgram::RowIndex(more) => {
                Ok(slots.row_index.checked_add(*more).map(Given::Integer))
            }
            SlotProgram::Truth(test) => Ok(test.answer(slots)?.map(Given::Boolean)),
            SlotProgram::Unless(place) => match slots.at(*place).count {
                0 => Ok(None),
                _ => Err(Unusual),
            },
        }
    }
}

/// The value of several programs.
fn either<'s, 't>(
    programs: &[(SlotProgram, bool)],
    slots: &'s Slots<'t>,
    wants_first: bool,
) -> Single<'s, 't> {
    let mut found = None;
    for (program, is_sure) in programs {
        if found.is_some() && wants_first && *is_sure {
            continue;
        }
        let next = program.single(slots, wants_first)?;
        match (&found, next) {
            (None, next) => found = next,
            (Some(_), Some(_)) if !wants_first => return Err(Unusual),
            (Some(_), _) => {}
        }
    }
    Ok(found)
}

impl EachProgram {
    /// The only value; where `wants_first`, the first one.
    fn single<'s, 't>(&self, slots: &'s Slots<'t>, wants_first: bool) -> Single<'s, 't> {
        let mut found = None;
        for value in slots.list(self.list)? {
            if self.test.answer(value)? != Some(true) {
                continue;
            }
            match self.then.single(value, wants_first)? {
                None => {}
                Some(_) if found.is_some() => return Err(Unusual),
                given if wants_first => return Ok(given),
                given => found = given,
            }
        }
        Ok(found)
    }
}

impl SlotTest {
    /// What the condition says; `None` where that is unknown.
    ///
    /// <https://hl7.org/fhirpath/N1/#boolean-logic>
    pub(super) fn answer(&self, slots: &Slots<'_>) -> Result<Option<bool>, Unusual> {
        Ok(match self {
            SlotTest::Always(value) => Some(*value),
            SlotTest::Exists(program) => Some(program.single(slots, true)?.is_some()),
            SlotTest::Not(test) => test.answer(slots)?.map(|answer| !answer),
            SlotTest::All(tests) => all(tests, slots, false)?,
            SlotTest::Any(tests) => all(tests, slots, true)?,
            SlotTest::Equal(program, wanted) => match program.single(slots, false)? {
                None => None,
                Some(Given::Slot(slots, place)) => Some(slots.text_at(place)? == wanted.as_str()),
                Some(_) => return Err(Unusual),
            },
        })
    }
}

/// The answer that decides by itself, or else the other one, if no answer is unknown.
fn all(tests: &[SlotTest], slots: &Slots<'_>, decides: bool) -> Result<Option<bool>, Unusual> {
    let mut all = Some(!decides);
    for test in tests {
        match test.answer(slots)? {
            Some(answer) if answer == decides => return Ok(Some(decides)),
            Some(_) => {}
            None => all = None,
        }
    }
    Ok(all)
}

impl<'t> Given<'_, 't> {
    /// The value itself.
    ///
    /// # Errors
    ///
    /// The value is an object, or a string with an escape that stands for no character.
    pub(super) fn value(self) -> Result<QuickValue<'t>, Unusual> {
        Ok(match self {
            Given::Slot(slots, place) => slots.value_at(place)?,
            Given::Text(text) => QuickValue::Text(text),
            Given::Boolean(value) => QuickValue::Boolean(value),
            Given::Integer(value) => QuickValue::Number(Cow::Owned(value.to_string())),
        })
    }
}
