//! Texts without their case and accents, as string searches compare them.
//!
//! <https://hl7.org/fhir/R4/search.html#string>: "case and accent-insensitive", in every script. A text
//! is decomposed (Unicode NFKD: full-width letters and ligatures become plain ones), loses its accents
//! and its case, and is composed again, so that a Korean syllable stays one character. The marks of
//! Indic scripts and of kana that make another letter stay. Punctuation and spaces count.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Combining marks of lower classes make another letter: nukta, kana voicing, virama.
const FIRST_ACCENT: u8 = 10;

/// Letters with a stroke and the like, which Unicode does not decompose.
const WHOLE_LETTERS: [(char, &str); 10] = [
    ('æ', "ae"),
    ('ð', "d"),
    ('ø', "o"),
    ('þ', "th"),
    ('đ', "d"),
    ('ħ', "h"),
    ('ł', "l"),
    ('œ', "oe"),
    ('ŧ', "t"),
    ('ƶ', "z"),
];

/// The text without case and accents.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        return Cow::Owned(folded_unicode(text));
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}

/// True for texts that differ in nothing but case.
pub(super) fn is_same_but_case(one: &str, other: &str) -> bool {
    without_case(one).eq(without_case(other))
}

/// The text without case, its accents kept.
pub(super) fn uncased(text: &str) -> String {
    without_case(text).collect()
}

/// By way of capitals ß becomes ss, and both small sigmas become one.
fn without_case(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

fn folded_unicode(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.nfkd() {
        if canonical_combining_class(c) >= FIRST_ACCENT {
            continue;
        }
        // By way of capitals ß becomes ss, and both small sigmas become one.
        for c in c.to_uppercase().flat_map(char::to_lowercase) {
            match WHOLE_LETTERS.binary_search_by_key(&c, |(letter, _)| *letter) {
                Ok(at) => plain.push_str(WHOLE_LETTERS[at].1),
                Err(_) => plain.push(c),
            }
        }
    }
    plain.nfc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_and_accents_do_not_count_in_any_script() {
        for (one, other) in [
            ("Peter", "pETER"),
            ("Müller", "MULLER"),
            ("Mu\u{308}ller", "müller"),
            ("Straße", "STRASSE"),
            ("Łukasz", "lukasz"),
            ("Søren Ærø", "soren aero"),
            ("Þór Đorđe", "thor dorde"),
            ("İstanbul Işık", "istanbul isik"),
            ("Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ"),
            ("Алёна Йовович", "АЛЕНА ИОВОВИЧ"),
            ("Nguyễn Thị", "nguyen thi"),
            ("ＡＢＣ", "abc"),
            ("ﬁn", "FIN"),
            ("שָׁלוֹם", "שלום"),
            ("مُحَمَّد", "محمد"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        for (one, other) in
            [("か", "が"), ("ज", "ज़"), ("a b", "ab"), ("O'Neil", "ONeil"), ("각", "가")]
        {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
        assert!(!folded("각").starts_with(&*folded("가")));
        assert!(WHOLE_LETTERS.is_sorted_by_key(|(letter, _)| *letter));
    }

    proptest! {
        #[test]
        fn what_is_folded_stays_as_it_is(text in "\\PC*") {
            let once = folded(&text).into_owned();
            prop_assert_eq!(folded(&once).into_owned(), once);
        }
    }
}
