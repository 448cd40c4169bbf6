//! Builds JSON text directly, for the generator's resources.
//!
//! A tree of values is not needed to write data out once, and it would lose
//! what matters here: the order of keys and the spelling of numbers (`5.40`
//! is not `5.4` in FHIR). So [`obj!`] makes compact text, [`Decimal`] keeps
//! trailing zeros, and [`pretty`] lays compact text out over lines without
//! touching any token.

use std::fmt::{self, Write};

/// A finished piece of compact JSON.
#[derive(Clone)]
pub struct Json(String);

impl Json {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What can be the value of a JSON member or the item of an array.
pub trait ToJson {
    fn write(&self, out: &mut String);

    /// FHIR allows neither `null` members nor empty arrays: such a value is
    /// left out together with its key.
    fn absent(&self) -> bool {
        false
    }
}

/// `obj! { "key": value, … }` makes a JSON object with the keys in that order.
macro_rules! obj {
    ($($key:literal : $value:expr),* $(,)?) => {{
        let mut object = $crate::json::Object::new();
        $(object.field($key, &$value);)*
        object.close()
    }};
}
pub(crate) use obj;

/// An object under construction; use it through [`obj!`].
pub struct Object(String);

impl Object {
    pub fn new() -> Self {
        let mut text = String::with_capacity(128);
        text.push('{');
        Object(text)
    }

    /// Keys are literals of this program and need no escapes.
    pub fn field<T: ToJson + ?Sized>(&mut self, key: &str, value: &T) {
        if value.absent() {
            return;
        }
        self.separate();
        self.0.push('"');
        self.0.push_str(key);
        self.0.push_str("\":");
        value.write(&mut self.0);
    }

    /// Adds all the members of another object.
    pub fn extend(&mut self, other: &Json) {
        self.separate();
        self.0.push_str(&other.0[1..other.0.len() - 1]);
    }

    pub fn reserve(&mut self, additional: usize) {
        self.0.reserve(additional);
    }

    pub fn close(mut self) -> Json {
        self.0.push('}');
        Json(self.0)
    }

    fn separate(&mut self) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
    }
}

impl ToJson for Json {
    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn write(&self, out: &mut String) {
        (**self).write(out);
    }
    fn absent(&self) -> bool {
        (**self).absent()
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn write(&self, out: &mut String) {
        if let Some(value) = self {
            value.write(out);
        }
    }
    fn absent(&self) -> bool {
        self.as_ref().is_none_or(T::absent)
    }
}

impl<T: ToJson> ToJson for [T] {
    fn write(&self, out: &mut String) {
        out.push('[');
        let mut first = true;
        for item in self.iter().filter(|item| !item.absent()) {
            if !first {
                out.push(',');
            }
            first = false;
            item.write(out);
        }
        out.push(']');
    }
    fn absent(&self) -> bool {
        self.iter().all(T::absent)
    }
}

impl<T: ToJson, const N: usize> ToJson for [T; N] {
    fn write(&self, out: &mut String) {
        self[..].write(out);
    }
    fn absent(&self) -> bool {
        self[..].absent()
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn write(&self, out: &mut String) {
        self[..].write(out);
    }
    fn absent(&self) -> bool {
        self[..].absent()
    }
}

impl ToJson for str {
    fn write(&self, out: &mut String) {
        out.push('"');
        push_escaped(out, self);
        out.push('"');
    }
}

impl ToJson for String {
    fn write(&self, out: &mut String) {
        self.as_str().write(out);
    }
}

/// Formatted text as a JSON string, without a `String` in between.
impl ToJson for fmt::Arguments<'_> {
    fn write(&self, out: &mut String) {
        struct Escaped<'a>(&'a mut String);
        impl Write for Escaped<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                push_escaped(self.0, text);
                Ok(())
            }
        }
        out.push('"');
        push_fmt(&mut Escaped(out), *self);
        out.push('"');
    }
}

impl ToJson for bool {
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl ToJson for i64 {
    fn write(&self, out: &mut String) {
        push_fmt(out, format_args!("{self}"));
    }
}

impl ToJson for usize {
    fn write(&self, out: &mut String) {
        push_fmt(out, format_args!("{self}"));
    }
}

/// A decimal number with a fixed count of places: `Decimal(540, 2)` is `5.40`.
#[derive(Clone, Copy)]
pub struct Decimal(pub i64, pub u8);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decimal(digits, places) = *self;
        if places == 0 {
            return write!(f, "{digits}");
        }
        let sign = if digits < 0 { "-" } else { "" };
        let unit = 10_u64.pow(places.into());
        let digits = digits.unsigned_abs();
        let (whole, part) = (digits / unit, digits % unit);
        write!(f, "{sign}{whole}.{part:0width$}", width = places.into())
    }
}

impl ToJson for Decimal {
    fn write(&self, out: &mut String) {
        push_fmt(out, format_args!("{self}"));
    }
}

/// Appends formatted text to a writer in memory, which takes all it is given.
pub fn push_fmt(out: &mut impl Write, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a String does not fail");
}

fn push_escaped(out: &mut String, text: &str) {
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[done..at]);
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            _ => push_fmt(out, format_args!("\\u{byte:04x}")),
        }
        done = at + 1;
    }
    out.push_str(&text[done..]);
}

/// Lays compact JSON out with two spaces per level, starting at `depth`.
pub fn pretty(compact: &str, mut depth: usize, out: &mut String) {
    let mut in_string = false;
    let mut escaped = false;
    let mut done = 0;
    for (at, byte) in compact.bytes().enumerate() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                out.push_str(&compact[done..=at]);
                new_line(out, depth);
                done = at + 1;
            }
            b'}' | b']' => {
                depth -= 1;
                out.push_str(&compact[done..at]);
                new_line(out, depth);
                done = at;
            }
            b',' => {
                out.push_str(&compact[done..=at]);
                new_line(out, depth);
                done = at + 1;
            }
            b':' => {
                out.push_str(&compact[done..=at]);
                out.push(' ');
                done = at + 1;
            }
            _ => {}
        }
    }
    out.push_str(&compact[done..]);
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Standard base64 with padding, as FHIR's `base64Binary`.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place > chunk.len() {
                text.push('=');
            } else {
                text.push(DIGITS[(bits >> (18 - 6 * place) & 63) as usize].into());
            }
        }
    }
    text
}
