//! Invented people and places: tables of names, and their ASCII spelling for
//! file names.

use crate::codes::{Code, code};

pub const WOMEN: [&str; 24] = [
    "Amara", "Beatriz", "Chloe", "Dorothea", "Elif", "Fatima", "Greta", "Hannah", "Imani", "Juana",
    "Keiko", "Linh", "Maeve", "Noor", "Olivia", "Priya", "Renée", "Sofía", "Thandi", "Ursula",
    "Wilma", "Ximena", "Yara", "Zoë",
];

pub const MEN: [&str; 24] = [
    "Ahmed", "Björn", "Caleb", "Dmitri", "Emeka", "Felix", "Gabriel", "Hiro", "Isaac", "José",
    "Kwame", "Liam", "Mateo", "Nathan", "Omar", "Paolo", "Quang", "Rafael", "Søren", "Tomás",
    "Umberto", "Viktor", "Wei", "Yusuf",
];

pub const FAMILIES: [&str; 40] = [
    "Abbott",
    "Adeyemi",
    "Alvarez",
    "Baptiste",
    "Becker",
    "Castañeda",
    "Chen",
    "Dlamini",
    "Doyle",
    "Eriksen",
    "Fischer",
    "Fonseca",
    "Gallagher",
    "Gómez",
    "Haddad",
    "Hartmann",
    "Ibrahim",
    "Jansen",
    "Kaplan",
    "Kowalski",
    "Lindqvist",
    "Łukasik",
    "Marsh",
    "Mbeki",
    "Müller",
    "Nakamura",
    "Nguyễn",
    "O'Brien",
    "Okafor",
    "Peña",
    "Quigley",
    "Rossi",
    "Sandoval",
    "Tanaka",
    "Thorne",
    "Underhill",
    "Vasquez",
    "Whitfield",
    "Yılmaz",
    "王",
];

/// Spells a name with ASCII letters only: file names must survive any
/// archive format and file system.
pub fn ascii(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            'á' | 'ã' => text.push('a'),
            'é' | 'ë' | 'ễ' => text.push('e'),
            'í' | 'ı' => text.push('i'),
            'ó' | 'ö' | 'ø' => text.push('o'),
            'ü' => text.push('u'),
            'ñ' => text.push('n'),
            'Ł' => text.push('L'),
            '王' => text.push_str("Wang"),
            _ if letter.is_ascii_alphanumeric() => text.push(letter),
            _ => {}
        }
    }
    text
}

pub struct Town {
    pub city: &'static str,
    pub state: &'static str,
    pub area_code: &'static str,
    pub zip: &'static str,
    /// Hours from UTC; summer time is not followed.
    pub zone: i64,
    /// Degrees of latitude and longitude, in ten thousandths.
    pub position: (i64, i64),
}

const fn town(
    (city, state): (&'static str, &'static str),
    area_code: &'static str,
    zip: &'static str,
    zone: i64,
    position: (i64, i64),
) -> Town {
    Town { city, state, area_code, zip, zone, position }
}

/// Invented towns in real states.
pub const TOWNS: [Town; 8] = [
    town(("Alder Falls", "MA"), "413", "010", -5, (423_601, -710_589)),
    town(("Birchport", "NY"), "518", "122", -5, (426_526, -737_562)),
    town(("Cedar Bluff", "OH"), "614", "432", -5, (399_612, -829_988)),
    town(("Dunmore Lake", "MN"), "612", "554", -6, (449_778, -932_650)),
    town(("Elm Prairie", "IL"), "217", "627", -6, (397_817, -896_501)),
    town(("Foxglove", "TX"), "512", "786", -6, (302_672, -977_431)),
    town(("Granite Mesa", "CO"), "303", "802", -7, (397_392, -1_049_903)),
    town(("Harbor Pines", "WA"), "206", "981", -8, (476_062, -1_223_321)),
];

pub const STREETS: [&str; 12] = [
    "Almond Street",
    "Bluebird Lane",
    "Canal Road",
    "Depot Street",
    "Elmwood Avenue",
    "Foundry Row",
    "Garden Terrace",
    "Hillcrest Drive",
    "Ivy Court",
    "Juniper Way",
    "Kiln Road",
    "Larkspur Circle",
];

const CDC_RACE: &str = "urn:oid:2.16.840.1.113883.6.238";

/// Code, and how many of 100 people.
pub const RACES: [(Code, i64); 5] = [
    (code(CDC_RACE, "2106-3", "White"), 58),
    (code(CDC_RACE, "2054-5", "Black or African American"), 17),
    (code(CDC_RACE, "2028-9", "Asian"), 14),
    (code(CDC_RACE, "1002-5", "American Indian or Alaska Native"), 6),
    (code(CDC_RACE, "2076-8", "Native Hawaiian or Other Pacific Islander"), 5),
];

pub const HISPANIC: Code = code(CDC_RACE, "2135-2", "Hispanic or Latino");
pub const NOT_HISPANIC: Code = code(CDC_RACE, "2186-5", "Not Hispanic or Latino");

const LANGUAGE: &str = "urn:ietf:bcp:47";

pub const LANGUAGES: [(Code, i64); 5] = [
    (code(LANGUAGE, "en-US", "English (United States)"), 80),
    (code(LANGUAGE, "es", "Spanish"), 12),
    (code(LANGUAGE, "zh", "Chinese"), 3),
    (code(LANGUAGE, "vi", "Vietnamese"), 3),
    (code(LANGUAGE, "pt", "Portuguese"), 2),
];
