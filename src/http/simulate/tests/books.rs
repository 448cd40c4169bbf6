//! Which rules apply to the n-th request.

use proptest::prelude::*;
use serde_json::json;

use super::rules::any_rule;
use super::*;

#[test]
fn selections_count_requests() {
    let file = request(FaultPlace::File, "a");
    for (short, wanted) in [
        ("file: status=503; times=2", [503, 503, 0, 0, 0]),
        ("file: status=503; skip=2", [0, 0, 503, 503, 503]),
        ("file: status=503; skip=1; times=1", [0, 503, 0, 0, 0]),
        ("file: status=503; nth=3", [0, 0, 503, 0, 0]),
        ("file: status=503; probability=0", [0; 5]),
        ("file: status=503; probability=1", [503; 5]),
        ("status: status=503", [0; 5]),
        ("file: type=Patient; status=503", [0; 5]),
        ("file: token=present; status=503", [0; 5]),
        ("file: token=absent; status=503", [503; 5]),
    ] {
        assert_eq!(statuses(&mut book(&[short]), &file, 5), wanted, "{short}");
    }
    let patients = FaultRequest { resource_type: Some("Patient"), ..file };
    assert_eq!(
        statuses(&mut book(&["file: type=Patient; status=503; nth=1"]), &patients, 2),
        [503, 0]
    );
}

#[test]
fn each_file_can_have_its_own_count() {
    let mut book = book(&["file: status=500; times=1; each"]);
    for subject in ["a", "b"] {
        assert_eq!(statuses(&mut book, &request(FaultPlace::File, subject), 3), [500, 0, 0]);
    }
}

#[test]
fn a_rule_that_answers_ends_the_list() {
    let mut book = book(&["file: status=503; times=1", "file: cut_bytes=9; times=1", "file: bom"]);
    let file = request(FaultPlace::File, "a");
    let first = book.decide(&file);
    assert_eq!(first.instead.unwrap().status, 503);
    assert_eq!(first.note, "file: times=1; status=503");
    let second = book.decide(&file);
    assert_eq!(second.rules.len(), 2);
    assert_eq!(second.note, "file: times=1; cut_bytes=9 | file: bom");
    assert_eq!(book.decide(&file).note, "file: bom");
    assert_eq!(book.decide(&request(FaultPlace::Read, "")).note, "");
}

#[test]
fn jobs_take_their_polls() {
    let mut book = book(&["status: polls=2; drop=error", "status: status=500; times=1"]);
    for job in ["a", "b"] {
        let status = request(FaultPlace::Status, job);
        let running = book.decide(&status).instead.unwrap();
        assert_eq!((running.status, running.header("x-progress")), (202, Some("0%")));
        assert_eq!(running.header("retry-after"), Some("1"));
        assert_eq!(book.decide(&status).instead.unwrap().header("x-progress"), Some("50%"));
        let done = book.decide(&status);
        assert_eq!(done.instead.map(|answer| answer.status), (job == "a").then_some(500));
        assert!(done.note.contains("drop=error"));
    }
    let mut book = super::book(&["status: polls=1"]);
    assert_eq!(book.decide(&request(FaultPlace::Status, "a")).note, "status: polls=1");
    assert_eq!(book.decide(&request(FaultPlace::Status, "a")).note, "");
}

#[test]
fn progress_has_every_form() {
    for (form, wanted) in [
        ("percent", [Some("0%"), Some("50%")]),
        ("absent", [None, None]),
        ("text", [Some("in progress, nearly there"); 2]),
        ("beyond", [Some("101%"), Some("151%")]),
        ("backwards", [Some("99%"), Some("49%")]),
    ] {
        let mut book = book(&[&format!("status: polls=2; progress={form}; retry_after=absent")]);
        for wanted in wanted {
            let answer = book.decide(&request(FaultPlace::Status, "a")).instead.unwrap();
            assert_eq!(answer.header("x-progress"), wanted);
            assert_eq!(answer.header("retry-after"), None);
        }
    }
}

#[test]
fn jobs_take_their_seconds_and_mind_the_pace() {
    let mut book = book(&["status: seconds=10; retry_after=4; too_fast"]);
    let mut ask = |second| {
        let at = AnswerPlace { url: URL, now: later(second) };
        let request = FaultRequest { at, ..request(FaultPlace::Status, "a") };
        book.decide(&request).instead.map_or(0, |answer| answer.status)
    };
    let asked: Vec<u16> = [0, 1, 4, 7, 8, 12, 12].map(&mut ask).to_vec();
    assert_eq!(asked, [202, 429, 202, 429, 202, 0, 0]);
}

#[test]
fn jobs_and_files_go_away() {
    let mut book = book(&["status: polls=1; gone_after=2", "file: gone_after=1"]);
    assert_eq!(statuses(&mut book, &request(FaultPlace::Status, "a"), 4), [202, 0, 404, 404]);
    assert_eq!(statuses(&mut book, &request(FaultPlace::File, "a"), 3), [0, 404, 404]);
    assert_eq!(statuses(&mut book, &request(FaultPlace::File, "b"), 2), [0, 404]);
}

#[test]
fn a_token_expires_and_stays_expired() {
    let mut book = book(&["file: nth=2; expired"]);
    let file = |token| FaultRequest { token, ..request(FaultPlace::File, "a") };
    assert_eq!(statuses(&mut book, &file(Some("one")), 3), [0, 401, 401]);
    let status = FaultRequest { token: Some("one"), ..request(FaultPlace::Status, "a") };
    let refused = book.decide(&status);
    assert_eq!(refused.note, "expired");
    assert!(refused.instead.unwrap().header("www-authenticate").unwrap().contains("invalid_token"));
    assert_eq!(statuses(&mut book, &file(Some("two")), 2), [0, 0]);
    assert_eq!(statuses(&mut book, &file(None), 1), [0]);
}

#[test]
fn segments_count_by_themselves() {
    let mut books = FaultBooks::default();
    books.replace([rule("file: status=500; times=1")]);
    let file = request(FaultPlace::File, "a");
    let of = |name: &str| {
        to_segment(&json!({"name": name, "faults": [{"at": "file", "status": 503, "times": 1}]}))
    };
    let mut ask = |segment: Option<&str>| {
        let decision = books.decide(segment, &file).unwrap().unwrap();
        decision.instead.map_or(0, |answer| answer.status)
    };
    assert_eq!([ask(None), ask(None)], [500, 0]);
    for name in ["one", "two"] {
        assert_eq!([ask(Some(&of(name))), ask(Some(&of(name)))], [503, 0]);
    }
    assert!(books.decide(Some("Patient"), &file).unwrap().is_none());
    let wrong = to_segment(&json!([{"at": "file"}]));
    let message = books.decide(Some(&wrong), &file).unwrap_err().to_string();
    assert!(message.starts_with("the rules in the path: rule 1: "), "{message}");
    assert_eq!(books.rules().count(), 1);
}

/// A place, a subject, whether there is a token, and a second.
type SaidRequest = (usize, u8, bool, u64);

fn said_request((place, subject, has_token, second): &SaidRequest) -> FaultRequest<'static> {
    FaultRequest {
        place: FaultPlace::ALL[*place],
        resource_type: Some("Patient"),
        subject: ["a", "b", "c"][usize::from(*subject)],
        token: has_token.then_some("token"),
        at: AnswerPlace { url: URL, now: later(*second) },
    }
}

/// The decisions about a series of requests.
fn notes(rules: &[FaultRule], requests: &[SaidRequest]) -> Vec<String> {
    let mut book = FaultBook::new(rules.iter().cloned());
    let decide = |said: &SaidRequest| {
        let decision = book.decide(&said_request(said));
        format!("{} {:?}", decision.note, decision.instead)
    };
    requests.iter().map(decide).collect()
}

proptest! {
    #[test]
    fn the_same_requests_give_the_same_decisions(
        rules in prop::collection::vec(any_rule(), 0..5),
        requests in prop::collection::vec((0_usize..8, 0_u8..3, any::<bool>(), 0_u64..20), 0..40),
    ) {
        prop_assert_eq!(notes(&rules, &requests), notes(&rules, &requests));
    }

    #[test]
    fn a_seed_fixes_what_is_chosen(seed in any::<u32>(), share in 0_u32..=1_000_000) {
        let short = format!("file: status=500; probability={}; seed={seed}", f64::from(share) / 1e6);
        let file = request(FaultPlace::File, "a");
        let first = statuses(&mut book(&[&short]), &file, 50);
        // Requests at other places change nothing.
        let mut other = book(&[&short, "read: status=404"]);
        let second: Vec<u16> = (0..50)
            .map(|_| {
                other.decide(&request(FaultPlace::Read, ""));
                other.decide(&file).instead.map_or(0, |answer| answer.status)
            })
            .collect();
        prop_assert_eq!(first, second);
    }

    #[test]
    fn segments_never_count_the_requests_of_others(
        rules in prop::collection::vec(any_rule(), 0..4),
        requests in prop::collection::vec((0_usize..3, (0_usize..8, 0_u8..3, any::<bool>(), 0_u64..20)), 0..40),
    ) {
        let segments: Vec<String> = (0..3)
            .map(|name| to_segment(&json!({"name": name, "faults": rules_to_json(&rules)})))
            .collect();
        let mut books = FaultBooks::default();
        let mut together = vec![Vec::new(); 3];
        for (segment, said) in &requests {
            let decision = books.decide(Some(&segments[*segment]), &said_request(said)).unwrap().unwrap();
            together[*segment].push(format!("{} {:?}", decision.note, decision.instead));
        }
        for (segment, together) in together.iter().enumerate() {
            let alone: Vec<_> =
                requests.iter().filter(|(of, _)| *of == segment).map(|(_, said)| *said).collect();
            prop_assert_eq!(&notes(&rules, &alone), together);
        }
    }

    #[test]
    fn times_is_the_most(times in 1_u64..9, skip in 1_u64..9, share in 0.0_f64..=1.0) {
        let short = format!("file: bom; times={times}; skip={skip}; probability={share:.3}; seed=3");
        let mut book = book(&[&short]);
        let file = request(FaultPlace::File, "a");
        let used: Vec<bool> = (0..60).map(|_| !book.decide(&file).rules.is_empty()).collect();
        prop_assert!(used.iter().filter(|is| **is).count() as u64 <= times);
        prop_assert!(used[..skip as usize].iter().all(|is| !is));
    }
}
