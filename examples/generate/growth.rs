//! How children grow: medians by age, and where a child lies beside them.
//!
//! The tables follow the growth charts of WHO and CDC in whole steps; values between are interpolated.
//! Percentiles come from the distance to the median, with one width for all ages: near enough to look
//! right, not to treat anybody by.

/// Months of life and mm of height, of girls and boys alike up to twelve years.
const HEIGHTS: [(i64, i64, i64); 19] = [
    (0, 492, 499),
    (2, 571, 584),
    (4, 621, 639),
    (6, 657, 676),
    (9, 701, 720),
    (12, 740, 757),
    (18, 807, 823),
    (24, 864, 878),
    (36, 951, 961),
    (48, 1_027, 1_033),
    (60, 1_094, 1_100),
    (84, 1_211, 1_219),
    (108, 1_333, 1_336),
    (132, 1_440, 1_432),
    (144, 1_512, 1_491),
    (156, 1_571, 1_560),
    (168, 1_604, 1_638),
    (192, 1_625, 1_736),
    (216, 1_630, 1_760),
];

/// Months of life and hundredths of kg/m².
const BODY_MASS: [(i64, i64); 15] = [
    (0, 1_330),
    (2, 1_600),
    (4, 1_690),
    (6, 1_710),
    (12, 1_660),
    (24, 1_600),
    (48, 1_540),
    (60, 1_530),
    (84, 1_550),
    (108, 1_620),
    (132, 1_730),
    (156, 1_860),
    (180, 1_990),
    (216, 2_160),
    (360, 2_500),
];

/// Months of life and mm around the head.
const HEADS: [(i64, i64); 8] =
    [(0, 342), (2, 387), (4, 411), (6, 427), (12, 454), (18, 467), (24, 476), (36, 489)];

/// Percentiles at −2, −1.75 … +2 standard deviations.
const PERCENTILES: [i64; 17] = [2, 4, 7, 11, 16, 23, 31, 40, 50, 60, 69, 77, 84, 89, 93, 96, 98];

/// Reads a table at `at`.
fn between(at: i64, table: impl Iterator<Item = (i64, i64)>) -> i64 {
    let mut before: Option<(i64, i64)> = None;
    for (step, value) in table {
        if at <= step {
            return match before {
                Some((earlier, low)) => low + (value - low) * (at - earlier) / (step - earlier),
                None => value,
            };
        }
        before = Some((step, value));
    }
    before.map_or(0, |(_, value)| value)
}

/// Height in mm of a child who will be `adult` mm tall.
pub fn height(female: bool, months: i64, adult: i64) -> i64 {
    let of_sex = |(age, girls, boys)| (age, if female { girls } else { boys });
    let median = between(months, HEIGHTS.into_iter().map(of_sex));
    let last = HEIGHTS[HEIGHTS.len() - 1];
    let (_, grown) = of_sex(last);
    median * adult / grown
}

/// Body mass index in hundredths of someone who has `adult` at thirty. Children vary half as much.
pub fn body_mass_index(months: i64, adult: i64) -> i64 {
    let (_, grown) = BODY_MASS[BODY_MASS.len() - 1];
    let median = between(months, BODY_MASS.into_iter());
    let full = (months - 216).clamp(0, 144);
    let share = 50 + 50 * full / 144;
    median + median * (adult - grown) * share / (grown * 100)
}

/// In mm, of a child whose head is `permille` of the median.
pub fn head(months: i64, permille: i64) -> i64 {
    between(months, HEADS.into_iter()) * permille / 1_000
}

/// The percentile of a body mass index among children of that age.
pub fn body_mass_percentile(months: i64, index: i64) -> i64 {
    let median = between(months, BODY_MASS.into_iter());
    percentile(index, median, median * 9 / 100)
}

/// The percentile of a head among children of that age.
pub fn head_percentile(months: i64, around: i64) -> i64 {
    percentile(around, between(months, HEADS.into_iter()), 13)
}

fn percentile(value: i64, median: i64, width: i64) -> i64 {
    let steps = (value - median) * 4 / width.max(1) + 8;
    PERCENTILES[steps.clamp(0, 16) as usize]
}
