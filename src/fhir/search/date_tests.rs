//! Tests of date bounds: the tables of the specification, and what other servers got wrong.

use proptest::prelude::*;

use super::*;

/// 2024-01-01: the time at which `ap` is asked.
fn now() -> Instant {
    Instant::parse("2024-01-01").unwrap().0
}

fn bound(text: &str) -> DateBound {
    DateBound::parse(text, now()).unwrap_or_else(|| panic!("{text} is no date bound"))
}

fn holds(text: &str, element: &str) -> bool {
    bound(text).holds_in(&Tree::parse(element).unwrap())
}

#[test]
fn prefixes_compare_with_what_a_value_leaves_open() {
    let holds = |bound: &str, time: &str| {
        let (time, _) = Instant::parse(time).unwrap();
        DateBound::parse(bound, now()).unwrap().holds(&Span::point(time))
    };
    let (before, within, after) =
        ("2019-12-31T23:59:59Z", "2020-05-01T00:00:00Z", "2021-01-01T00:00:00Z");
    for (prefix, expected) in [
        ("", [false, true, false]),
        ("eq", [false, true, false]),
        ("ne", [true, false, true]),
        ("gt", [false, false, true]),
        ("sa", [false, false, true]),
        ("lt", [true, false, false]),
        ("eb", [true, false, false]),
        ("ge", [false, true, true]),
        ("le", [true, true, false]),
    ] {
        let bound = format!("{prefix}2020");
        assert_eq!([before, within, after].map(|time| holds(&bound, time)), expected, "{bound}");
    }
    assert!(holds("2020-05-01T00:00Z", "2020-05-01T00:00:59Z"));
    assert!(!holds("2020-05-01T00:00Z", "2020-05-01T00:01:00Z"));
    assert!(holds("2020-05-01T02:00 02:00", within));
    for bad in ["", "ge", "GE2020", "xx2020", "2020-13", "ge 2020", "20200101", "2020-1", "é2020"]
    {
        assert_eq!(DateBound::parse(bad, now()), None, "{bad}");
    }
}

/// The table of <https://hl7.org/fhir/R4/search.html#date>.
#[test]
fn the_examples_of_the_specification_hold() {
    let from_15_march = r#"{"start":"2013-03-15"}"#;
    let from_21_january = r#"{"start":"2013-01-21"}"#;
    let up_to_21_january = r#"{"end":"2013-01-21"}"#;
    for (bound, element, expected) in [
        ("eq2013-01-14", r#""2013-01-14T00:00:00Z""#, true),
        ("eq2013-01-14", r#""2013-01-14T10:00:00Z""#, true),
        ("eq2013-01-14", r#""2013-01-15T00:00:00Z""#, false),
        ("ne2013-01-14", r#""2013-01-15T00:00:00Z""#, true),
        ("ne2013-01-14", r#""2013-01-14T00:00:00Z""#, false),
        ("ne2013-01-14", r#""2013-01-14T10:00:00Z""#, false),
        ("lt2013-01-14T10:00", r#""2013-01-14""#, true),
        ("gt2013-01-14T10:00", r#""2013-01-14""#, true),
        ("ge2013-03-14", from_21_january, true),
        ("le2013-03-14", from_21_january, true),
        ("sa2013-03-14", from_15_march, true),
        ("sa2013-03-14", from_21_january, false),
        ("sa2013-03-14", up_to_21_january, false),
        ("eb2013-03-14", from_15_march, false),
        ("eb2013-03-14", from_21_january, false),
        ("eb2013-03-14", up_to_21_january, true),
        ("ap2013-03-14", r#""2013-03-14""#, true),
        ("ap2013-03-14", r#""2013-01-21""#, true),
        ("ap2013-03-14", r#""2015-06-15""#, false),
    ] {
        assert_eq!(holds(bound, element), expected, "{bound} {element}");
    }
}

/// samply/blaze#666: `gt` takes what reaches above the search, `sa` only what lies wholly above it.
#[test]
fn an_encounter_that_reaches_into_a_range_does_not_start_after_it() {
    let encounters = [
        r#"{"start":"1990-01-01","end":"2019-01-01"}"#,
        r#"{"start":"1990-01-01","end":"1991-01-01"}"#,
        r#"{"start":"1990-01-01"}"#,
        r#"{"start":"2019-01-01","end":"2019-01-31"}"#,
    ];
    let all = |bounds: [&str; 2]| {
        encounters.map(|encounter| bounds.iter().all(|bound| holds(bound, encounter)))
    };
    assert_eq!(all(["ge2018-01-01", "lt2021-12-31"]), [true, false, true, true]);
    assert_eq!(all(["gt2018-01-01", "lt2021-12-31"]), [true, false, true, true]);
    assert_eq!(all(["sa2018-01-01", "eb2022-01-01"]), [false, false, false, true]);
}

/// HeliosSoftware/hfs#456: days and their boundaries.
#[test]
fn a_day_is_whole_and_ends_at_midnight() {
    let born = [
        "1975-03-21",
        "1991-09-26",
        "1994-10-03",
        "1995-10-02",
        "1996-01-01",
        "1998-09-28",
        "2003-06-30",
        "2005-10-25",
        "2011-11-28",
        "2022-05-07",
    ];
    let count = |bounds: &[&str]| {
        let born = born.iter().map(|day| format!("{day:?}"));
        born.filter(|day| bounds.iter().all(|bound| holds(bound, day))).count()
    };
    for (bounds, expected) in [
        (&["1995-10-02"][..], 1),
        (&["eq1995-10-02"], 1),
        (&["ge1995-10-02"], 7),
        (&["gt1995-10-02"], 6),
        (&["le1995-12-31"], 4),
        (&["lt1996-01-01"], 4),
        (&["1995-10"], 1),
        (&["1995"], 1),
        (&["ge1995-10-02", "le1995-10-02"], 1),
        (&["ne1995-10-02"], 9),
    ] {
        assert_eq!(count(bounds), expected, "{bounds:?}");
    }
}

/// HeliosSoftware/hfs#1313: what is no date is refused, and a second is whole too.
#[test]
fn every_precision_is_whole_and_what_is_no_date_is_refused() {
    let half_past = r#""2024-01-01T10:30:15.500Z""#;
    for (bound, expected) in [
        ("2024-01-01T10:30:15Z", true),
        ("ne2024-01-01T10:30:15Z", false),
        ("gt2024-01-01T10:30:15Z", false),
        ("sa2024-01-01T10:30:15Z", false),
        ("le2024-01-01T10:30:15Z", true),
        ("lt2024-01-01T10:30:15Z", false),
        ("2024-01-01T10:30Z", true),
        ("gt2024-01-01T10:30Z", false),
        ("2024-01-01T10:30", true),
        ("2024-01-01T12:30:15+02:00", true),
        ("2024-01-01T10:30:15.500Z", true),
    ] {
        assert_eq!(holds(bound, half_past), expected, "{bound}");
    }
    for bad in [
        "not-a-date",
        "2024-1x",
        "2024-13-45",
        "T25:00:00Z",
        "2024-02-30",
        "2023-02-29",
        "2024-01-01T10",
        "2024-01-01T24:00Z",
        "2024-01-01T10:60Z",
        "2024-01-01T10:30+25:00",
        "2024-01-01Z",
    ] {
        assert_eq!(DateBound::parse(bad, now()), None, "{bad}");
        assert_eq!(DateBound::parse(&format!("ge{bad}"), now()), None, "ge{bad}");
    }
}

#[test]
fn a_value_less_precise_than_the_search_is_not_equal_to_it() {
    for (bound, element, expected) in [
        ("2000-03-13", r#""2000-03""#, false),
        ("2000-03-13", r#""2000""#, false),
        ("2000", r#""2000-03-13""#, true),
        ("ap2000-03-13", r#""2000-03""#, true),
        ("ne2000-03-13", r#""2000-03""#, true),
        ("gt2072-01-01", r#""2072""#, true),
        ("2020-01-01", r#"{"start":"2020-01-01","end":"2020-01-01"}"#, true),
        ("2020-01-01", r#"{"start":"2020-01-01"}"#, false),
        ("2020-01-01T00:00:00+02:00", r#""2019-12-31T22:00:00Z""#, true),
        ("2020-01-01", r#""2019-12-31T22:00:00-04:00""#, true),
        // No date, and a Period that ends before it starts, meet nothing.
        ("ne2020", r#""soon""#, false),
        ("ne2020", r#"{"start":"2021","end":"2019"}"#, false),
        ("ne2020", r#"{"start":"2021","end":"later"}"#, false),
        ("ne2020", "{}", false),
        ("ne2020", "2020", false),
    ] {
        assert_eq!(holds(bound, element), expected, "{bound} {element}");
    }
}

#[test]
fn of_a_timing_the_outer_limits_count() {
    let schedule =
        r#"{"repeat":{"boundsPeriod":{"start":"2013-01-31","end":"2013-03-24"},"frequency":1}}"#;
    let events = r#"{"event":["2013-03-24","2013-01-31"]}"#;
    for timing in [schedule, events] {
        for (bound, expected) in [
            ("2013", true),
            ("ap2013-02-01", true),
            ("gt2013-02-01", true),
            ("gt2013-03-24", false),
            ("sa2013-01-30", true),
            ("sa2013-01-31", false),
        ] {
            assert_eq!(holds(bound, timing), expected, "{bound} {timing}");
        }
    }
    assert!(!holds("ne2020", r#"{"repeat":{"frequency":1}}"#));
}

#[test]
fn approximate_means_a_tenth_of_the_way_to_now() {
    // From 2014 to 2024 a tenth is a year.
    for (element, expected) in [
        (r#""2013-06""#, true),
        (r#""2012-06""#, false),
        (r#""2015-06""#, true),
        (r#""2016-06""#, false),
    ] {
        assert_eq!(holds("ap2014", element), expected, "{element}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,30}", dated in "[a-z]{0,2}[0-9]{4}(-[0-9]{2}){0,2}(T[0-9:.+Z-]{0,20})?") {
        let _ = DateBound::parse(&text, now());
        let _ = DateBound::parse(&dated, now());
        let _ = element_span(&Tree::Text(dated.into()));
    }
}
