//! The words of an expression: names, literals, symbols, each with its place.
//!
//! <https://hl7.org/fhirpath/N1/#lexical-elements>. White space and comments are left out. The words
//! have no order yet: `parser.rs` finds it.

use std::iter::Peekable;
use std::str::Chars;

use super::error::PathError;
use super::temporal::{Temporal, TemporalKind};

/// A word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// A name, also of a function or of an operator: `name`, `where`, `and`.
    Name(String),
    /// A name between backticks, which is never an operator.
    Delimited(String),
    /// A string, without its quotes and escapes.
    Text(String),
    /// A number, as written.
    Number(String),
    /// A date, a dateTime or a time, without its `@`.
    Temporal(TemporalKind, String),
    /// `%name`, without the sign.
    Constant(String),
    /// `$this`, `$index`, without the sign.
    Variable(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// Where the expression ends.
    End,
}

impl Word {
    /// The word as a message shows it.
    pub fn shown(&self) -> String {
        match self {
            Word::Name(text) | Word::Number(text) | Word::Temporal(_, text) => format!("`{text}`"),
            Word::Delimited(text) => format!("the name `{text}`"),
            Word::Text(text) => format!("the text '{text}'"),
            Word::Constant(text) => format!("`%{text}`"),
            Word::Variable(text) => format!("`${text}`"),
            Word::Symbol(text) => format!("`{text}`"),
            Word::End => "the end".to_owned(),
        }
    }
}

/// The symbols; where one begins with another, the longer one comes first.
const SYMBOLS: [&str; 22] = [
    "!=", "!~", "<=", ">=", "<", ">", "=", "~", ".", ",", "(", ")", "[", "]", "{", "}", "+", "-",
    "*", "/", "&", "|",
];

/// Reads the words of an expression; the last one is [`Word::End`]. Each comes with its column.
///
/// # Errors
///
/// A character that begins no word, or a literal without an end.
pub fn words(text: &str) -> Result<Vec<(Word, usize)>, PathError> {
    let mut lexer = Lexer { rest: text.chars().peekable(), column: 1 };
    let mut words = Vec::new();
    loop {
        let word = lexer.word()?;
        let is_last = word.0 == Word::End;
        words.push(word);
        if is_last {
            return Ok(words);
        }
    }
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    /// The column of the next character.
    column: usize,
}

impl Lexer<'_> {
    fn word(&mut self) -> Result<(Word, usize), PathError> {
        self.skip_space()?;
        let column = self.column;
        let Some(&first) = self.rest.peek() else { return Ok((Word::End, column)) };
        let word = match first {
            'a'..='z' | 'A'..='Z' | '_' => Word::Name(self.name()),
            '0'..='9' => Word::Number(self.number()),
            '\'' => Word::Text(self.quoted()?),
            '`' => Word::Delimited(self.quoted()?),
            '@' => self.temporal()?,
            '%' => {
                self.next();
                Word::Constant(self.constant(column)?)
            }
            '$' => {
                self.next();
                Word::Variable(self.name())
            }
            _ => self.symbol()?,
        };
        Ok((word, column))
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.column += usize::from(next.is_some());
        next
    }

    /// Takes the characters that `is_part` accepts.
    fn take(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(&c) = self.rest.peek() {
            if !is_part(c) {
                break;
            }
            taken.push(c);
            self.next();
        }
        taken
    }

    fn name(&mut self) -> String {
        self.take(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    fn constant(&mut self, column: usize) -> Result<String, PathError> {
        let name = match self.rest.peek() {
            Some('\'' | '`') => self.quoted()?,
            _ => self.name(),
        };
        if name.is_empty() {
            return Err(PathError::new(column, "no name of a constant follows the `%`"));
        }
        Ok(name)
    }

    fn number(&mut self) -> String {
        let mut number = self.take(|c| c.is_ascii_digit());
        // A point belongs to a number only before a digit: in `1.toString()` it does not.
        let mut ahead = self.rest.clone();
        if ahead.next() == Some('.') && ahead.next().is_some_and(|c| c.is_ascii_digit()) {
            self.next();
            number.push('.');
            number.push_str(&self.take(|c| c.is_ascii_digit()));
        }
        number
    }

    /// Reads a text between quotes or backticks.
    fn quoted(&mut self) -> Result<String, PathError> {
        let column = self.column;
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => {
                    return Err(PathError::new(column, "the quote that opens here is not closed"));
                }
                c if c == quote => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(c) => text.push(c),
            }
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, PathError> {
        let column = self.column.saturating_sub(1);
        let fault = || PathError::new(column, "this escape stands for no character");
        Ok(match self.next().ok_or_else(fault)? {
            c @ ('\'' | '"' | '`' | '\\' | '/') => c,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'f' => '\u{c}',
            'u' => {
                let unit = self.unit().ok_or_else(fault)?;
                match char::from_u32(unit) {
                    Some(c) => c,
                    // Two escapes that are one character in UTF-16.
                    None => {
                        let is_second = self.next() == Some('\\') && self.next() == Some('u');
                        let second = self.unit().filter(|_| is_second).ok_or_else(fault)?;
                        let pair = [unit, second].map(|unit| u16::try_from(unit).unwrap_or(0));
                        String::from_utf16(&pair)
                            .ok()
                            .and_then(|pair| pair.chars().next())
                            .ok_or_else(fault)?
                    }
                }
            }
            _ => return Err(fault()),
        })
    }

    /// Reads the four digits of a Unicode escape.
    fn unit(&mut self) -> Option<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            unit = unit * 16 + self.next()?.to_digit(16)?;
        }
        Some(unit)
    }

    fn temporal(&mut self) -> Result<Word, PathError> {
        let column = self.column;
        self.next();
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '+' | 'T' | 'Z');
        let mut text = self.take(is_part);
        let mut ahead = self.rest.clone();
        if ahead.next() == Some('.') && ahead.next().is_some_and(|c| c.is_ascii_digit()) {
            self.next();
            text = format!("{text}.{}", self.take(is_part));
        }
        // `@2020T` is a dateTime that says the year alone.
        let (kind, text) = match (text.strip_prefix('T'), text.strip_suffix('T')) {
            (Some(time), _) => (TemporalKind::Time, time.to_owned()),
            (None, Some(date)) => (TemporalKind::DateTime, date.to_owned()),
            (None, None) if text.contains('T') => (TemporalKind::DateTime, text),
            (None, None) => (TemporalKind::Date, text),
        };
        if Temporal::parse(kind, &text).is_none() {
            return Err(PathError::new(column, "no date or time follows the `@`"));
        }
        Ok(Word::Temporal(kind, text))
    }

    fn symbol(&mut self) -> Result<Word, PathError> {
        let found = SYMBOLS.into_iter().find(|symbol| {
            let mut ahead = self.rest.clone();
            symbol.chars().all(|c| ahead.next() == Some(c))
        });
        let Some(symbol) = found else {
            let c = self.rest.peek().copied().unwrap_or_default();
            let reason = format!("the character {c:?} has no meaning here");
            return Err(PathError::new(self.column, reason));
        };
        for _ in symbol.chars() {
            self.next();
        }
        Ok(Word::Symbol(symbol))
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) -> Result<(), PathError> {
        loop {
            let mut ahead = self.rest.clone();
            match (ahead.next(), ahead.next()) {
                (Some(' ' | '\t' | '\n' | '\r'), _) => {
                    self.next();
                }
                (Some('/'), Some('/')) => {
                    self.take(|c| c != '\n');
                }
                (Some('/'), Some('*')) => self.skip_comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), PathError> {
        let column = self.column;
        self.next();
        self.next();
        let mut last = ' ';
        loop {
            match self.next() {
                None => {
                    return Err(PathError::new(
                        column,
                        "the comment that opens here is not closed",
                    ));
                }
                Some('/') if last == '*' => return Ok(()),
                Some(c) => last = c,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Word> {
        words(text).unwrap().into_iter().map(|(word, _)| word).collect()
    }

    fn name(text: &str) -> Word {
        Word::Name(text.to_owned())
    }

    #[test]
    fn words_are_told_apart() {
        assert_eq!(
            read("a.where(b1!='x\\'\\u00e9\\ud83d\\ude00')/* no */|`c d`// end\n"),
            [
                name("a"),
                Word::Symbol("."),
                name("where"),
                Word::Symbol("("),
                name("b1"),
                Word::Symbol("!="),
                Word::Text("x'é😀".to_owned()),
                Word::Symbol(")"),
                Word::Symbol("|"),
                Word::Delimited("c d".to_owned()),
                Word::End
            ]
        );
        assert_eq!(
            read("%a %`b c` $this 1.50 1.a"),
            [
                Word::Constant("a".to_owned()),
                Word::Constant("b c".to_owned()),
                Word::Variable("this".to_owned()),
                Word::Number("1.50".to_owned()),
                Word::Number("1".to_owned()),
                Word::Symbol("."),
                name("a"),
                Word::End
            ]
        );
    }

    #[test]
    fn dates_and_times_are_read_whole() {
        use TemporalKind::{Date, DateTime, Time};
        for (text, kind, value) in [
            ("@2020", Date, "2020"),
            ("@2020-05-01", Date, "2020-05-01"),
            ("@2020T", DateTime, "2020"),
            ("@2020-05-01T10:00:00.5+02:00", DateTime, "2020-05-01T10:00:00.5+02:00"),
            ("@T10:00", Time, "10:00"),
        ] {
            assert_eq!(read(text), [Word::Temporal(kind, value.to_owned()), Word::End], "{text}");
        }
        // The point belongs to the function.
        assert_eq!(read("@2020.not()").len(), 6);
    }

    #[test]
    fn faults_have_their_column() {
        for (text, column, reason) in [
            ("a 'é", 3, "the quote that opens here is not closed"),
            ("é", 1, "the character 'é' has no meaning here"),
            ("'é' #", 5, "the character '#' has no meaning here"),
            ("'a\\x'", 3, "this escape stands for no character"),
            ("'\\ud800'", 2, "this escape stands for no character"),
            ("@@", 1, "no date or time follows the `@`"),
            ("a = @2020-13", 5, "no date or time follows the `@`"),
            ("% a", 1, "no name of a constant follows the `%`"),
            ("a /* b", 3, "the comment that opens here is not closed"),
        ] {
            assert_eq!(words(text), Err(PathError::new(column, reason)), "{text}");
        }
    }
}
