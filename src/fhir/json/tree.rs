//! A JSON text as a tree that borrows from the text: what FHIRPath and searches walk through.
//!
//! <https://www.rfc-editor.org/rfc/rfc8259>. Strings without escapes are slices of the text, and a
//! number keeps its lexeme, because FHIR's decimals have a precision
//! (<https://hl7.org/fhir/R4/datatypes.html#decimal>). Members keep their order. Nothing recurses
//! while the tree is built. The tree does not know the place of a value in the text.

use std::borrow::Cow;

use super::cursor::{Fault, JsonCursor};
use super::value::MAX_DEPTH;
use super::wanted::{WantedMembers, WantedPart};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as written.
    Number(&'t str),
    /// A string without its quotes and escapes.
    Text(Cow<'t, str>),
    /// A list.
    Array(Vec<Tree<'t>>),
    /// An object: its members in the order of the text. Of members with the same name the last one
    /// counts: [`Tree::get`] finds it.
    Object(Vec<(Cow<'t, str>, Tree<'t>)>),
}

impl<'t> Tree<'t> {
    /// Reads a JSON text.
    ///
    /// # Errors
    ///
    /// The text is not JSON, or brackets nest deeper than fhirlite takes them. The message has the
    /// byte at which the text is wrong.
    pub fn parse(text: &'t str) -> Result<Tree<'t>, String> {
        let mut reader = Reader { text, cursor: JsonCursor::new(text) };
        reader.whole_text(WantedPart::Whole)
    }

    /// Reads those members of the objects of a JSON text that are wanted. The others are not looked at: the text
    /// must be known to be JSON.
    ///
    /// # Errors
    ///
    /// As [`Tree::parse`], as far as the text is looked at.
    pub fn parse_wanted(text: &'t str, wanted: &WantedMembers) -> Result<Tree<'t>, String> {
        let mut reader = Reader { text, cursor: JsonCursor::of_known(text) };
        reader.whole_text(wanted.part(WantedMembers::ROOT))
    }

    /// The member of an object by its name; the last one where the name stands twice.
    pub fn get(&self, name: &str) -> Option<&Tree<'t>> {
        self.members().iter().rev().find(|(of_member, _)| of_member == name).map(|(_, tree)| tree)
    }

    /// The value of a string.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Tree::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members of an object, in the order of the text; none of any other value.
    pub fn members(&self) -> &[(Cow<'t, str>, Tree<'t>)] {
        match self {
            Tree::Object(members) => members,
            _ => &[],
        }
    }

    /// The values that stand for an element which may repeat: those of a list, or the value itself.
    pub fn values(&self) -> &[Tree<'t>] {
        match self {
            Tree::Array(values) => values,
            single => std::slice::from_ref(single),
        }
    }
}

/// A list or an object that has not ended yet, and what is wanted of it.
enum Open<'t, 'w> {
    Array(Vec<Tree<'t>>, WantedPart<'w>),
    Object(Vec<TreeMember<'t>>, WantedPart<'w>, NextMember<'t, 'w>),
}

/// A member of an object.
type TreeMember<'t> = (Cow<'t, str>, Tree<'t>);

/// The member whose value comes next: its name, and what is wanted of the value.
type NextMember<'t, 'w> = (Cow<'t, str>, WantedPart<'w>);

/// What begins where a value is due.
enum Begun<'t, 'w> {
    Whole(Tree<'t>),
    Part(Open<'t, 'w>),
}

struct Reader<'t> {
    text: &'t str,
    cursor: JsonCursor<'t>,
}

impl<'t> Reader<'t> {
    /// Reads a value, and nothing behind it.
    fn whole_text(&mut self, wanted: WantedPart<'_>) -> Result<Tree<'t>, String> {
        let fault = |(reason, at): Fault| format!("not valid JSON: {reason} at byte {at}");
        let tree = self.value_at_any_depth(wanted).map_err(fault)?;
        self.cursor.skip_space();
        if self.cursor.at < self.text.len() {
            return Err(fault(("more text behind the value", self.cursor.at)));
        }
        Ok(tree)
    }

    /// Reads a value. Lists and objects that are open wait on a stack.
    fn value_at_any_depth(&mut self, wanted: WantedPart<'_>) -> Result<Tree<'t>, Fault> {
        let mut open: Vec<Open<'t, '_>> = Vec::with_capacity(8);
        let mut wanted = wanted;
        loop {
            self.cursor.skip_space();
            if open.len() == MAX_DEPTH && matches!(self.cursor.peek(), Some(b'{' | b'[')) {
                return Err(("brackets that nest too deep", self.cursor.at));
            }
            let mut value = match self.begin(wanted)? {
                Begun::Whole(value) => value,
                Begun::Part(part) => {
                    wanted = part.wanted_next();
                    open.push(part);
                    continue;
                }
            };
            // The value may be the last one of what is open around it.
            loop {
                match open.last_mut() {
                    None => return Ok(value),
                    Some(Open::Array(values, of_values)) => {
                        values.push(value);
                        if self.cursor.goes_on(b']', "no comma and no ] behind a value")? {
                            wanted = *of_values;
                            break;
                        }
                    }
                    Some(Open::Object(members, of_object, next)) => {
                        members.push((std::mem::take(&mut next.0), value));
                        if self.cursor.goes_on(b'}', "no comma and no } behind a member")?
                            && let Some(member) = self.wanted_member(*of_object)?
                        {
                            wanted = member.1;
                            *next = member;
                            break;
                        }
                    }
                }
                value = match open.pop() {
                    Some(Open::Array(values, _)) => Tree::Array(values),
                    Some(Open::Object(members, ..)) => Tree::Object(members),
                    None => Tree::Null,
                };
            }
        }
    }

    /// Goes on to the next member that is wanted, up to its value. `None` where the object has ended.
    fn wanted_member<'w>(
        &mut self,
        wanted: WantedPart<'w>,
    ) -> Result<Option<NextMember<'t, 'w>>, Fault> {
        loop {
            let name = self.name()?;
            if let Some(of_value) = wanted.within(&name) {
                return Ok(Some((name, of_value)));
            }
            self.cursor.skip_value()?;
            if !self.cursor.goes_on(b'}', "no comma and no } behind a member")? {
                return Ok(None);
            }
        }
    }

    /// Reads a value that has no parts, or the beginning of one that has.
    fn begin<'w>(&mut self, wanted: WantedPart<'w>) -> Result<Begun<'t, 'w>, Fault> {
        let tree = match self.cursor.peek() {
            Some(b'"') => Tree::Text(self.string()?),
            Some(b'{') => {
                self.cursor.at += 1;
                self.cursor.skip_space();
                if self.cursor.peek() != Some(b'}') {
                    if let Some(next) = self.wanted_member(wanted)? {
                        return Ok(Begun::Part(Open::Object(
                            Vec::with_capacity(wanted.room()),
                            wanted,
                            next,
                        )));
                    }
                } else {
                    self.cursor.at += 1;
                }
                Tree::Object(Vec::new())
            }
            Some(b'[') => {
                self.cursor.at += 1;
                self.cursor.skip_space();
                if self.cursor.peek() != Some(b']') {
                    return Ok(Begun::Part(Open::Array(Vec::with_capacity(1), wanted)));
                }
                self.cursor.at += 1;
                Tree::Array(Vec::new())
            }
            Some(b'-' | b'0'..=b'9') => Tree::Number(&self.text[self.cursor.skip_number()?]),
            Some(b't') => self.word("true", Tree::Bool(true))?,
            Some(b'f') => self.word("false", Tree::Bool(false))?,
            Some(b'n') => self.word("null", Tree::Null)?,
            Some(_) => return Err(("no value", self.cursor.at)),
            None => return Err(("the text ends too early", self.cursor.at)),
        };
        Ok(Begun::Whole(tree))
    }

    /// Reads the name of a member and the colon behind it.
    fn name(&mut self) -> Result<Cow<'t, str>, Fault> {
        self.cursor.skip_space();
        if self.cursor.peek() != Some(b'"') {
            return Err(("no name of a member", self.cursor.at));
        }
        let name = self.string()?;
        self.cursor.skip_space();
        if self.cursor.peek() != Some(b':') {
            return Err(("no colon behind the name of a member", self.cursor.at));
        }
        self.cursor.at += 1;
        Ok(name)
    }

    /// Reads a string that begins here.
    fn string(&mut self) -> Result<Cow<'t, str>, Fault> {
        let open = self.cursor.at;
        if self.cursor.skip_string()? {
            return Ok(Cow::Borrowed(&self.text[open + 1..self.cursor.at - 1]));
        }
        match serde_json::from_str(&self.text[open..self.cursor.at]) {
            Ok(text) => Ok(Cow::Owned(text)),
            Err(_) => Err(("an escape that stands for no character", open)),
        }
    }

    fn word(&mut self, word: &str, tree: Tree<'t>) -> Result<Tree<'t>, Fault> {
        self.cursor.skip_word(word).map(|()| tree)
    }
}

impl<'w> Open<'_, 'w> {
    /// What is wanted of the value that comes next.
    fn wanted_next(&self) -> WantedPart<'w> {
        match self {
            Open::Array(_, of_values) => *of_values,
            Open::Object(_, _, (_, of_value)) => *of_value,
        }
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
