//! The members of a JSON object, as places in its text.

use std::ops::Range;

use memchr::memchr;

use super::strings::string_end;

/// A member of an object, and its place in the object's text.
pub struct ObjectMember<'a> {
    /// The name as written between its quotes, escapes and all.
    pub name: &'a str,
    /// From the opening quote of the name to the end of the value.
    pub at: Range<usize>,
    /// The value alone.
    pub value: Range<usize>,
}

/// Lists the members of an object, in order. `text` is the object, as valid JSON.
pub fn members(text: &str) -> Vec<ObjectMember<'_>> {
    let bytes = text.as_bytes();
    // Most resources have fewer.
    let mut members = Vec::with_capacity(16);
    let mut at = bytes.iter().position(|b| *b == b'{').map_or(bytes.len(), |open| open + 1);
    while let Some(step) = memchr(b'"', &bytes[at..]) {
        let start = at + step;
        let name_end = string_end(bytes, start);
        let is_space = |b: &u8| b.is_ascii_whitespace() || *b == b':';
        let value = name_end + bytes[name_end..].iter().take_while(|b| is_space(b)).count();
        let end = value_end(bytes, value);
        let name = &text[start + 1..name_end.saturating_sub(1).max(start + 1)];
        members.push(ObjectMember { name, at: start..end, value: value..end });
        at = end;
    }
    members
}

/// The end of the value that begins at `start`.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => {
                let behind = bytes[start..at].iter().rev().take_while(|b| b.is_ascii_whitespace());
                return at - behind.count();
            }
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_an_object_stand_where_they_are_said_to() {
        let text = r#" { "a" : 1.00 , "b":{"c":[1,{"d":"}"}]},"e\"":"x,y" ,"f":[] } "#;
        let seen: Vec<_> = members(text)
            .into_iter()
            .map(|member| (member.name, &text[member.value.clone()], &text[member.at]))
            .collect();
        assert_eq!(
            seen,
            [
                ("a", "1.00", r#""a" : 1.00"#),
                ("b", r#"{"c":[1,{"d":"}"}]}"#, r#""b":{"c":[1,{"d":"}"}]}"#),
                ("e\\\"", r#""x,y""#, r#""e\"":"x,y""#),
                ("f", "[]", r#""f":[]"#)
            ]
        );
        assert!(members("{}").is_empty());
    }
}
