//! Guessers of secrets: they are slowed whatever address and name they use, and they lock nobody out.

use std::net::IpAddr;
use std::thread;
use std::time::Instant;

use super::{REQUIRED, with_data};
use crate::support::client::{Answer, get, send_from};
use crate::support::oneup::{Client, EXPORT, bearer};
use crate::support::{Dir, until};

/// The headers of a try.
fn credentials(name: &str, secret: &str) -> String {
    format!("client_id: {name}\r\nclient_secret: {secret}\r\nx-oneup-user-id: client\r\n")
}

/// One wrong try from an address of this machine; `None` where it has no such address.
fn guess(to: &str, last: u8, name: &str) -> Option<Answer> {
    let headers = credentials(name, "a-wrong-secret-of-some-length");
    send_from(IpAddr::from([127, 0, 1, last]), to, ("GET", EXPORT, &headers, b""))
}

/// Guesses until the guesser is told to wait; how many tries had an answer before. Each try has another address and
/// another name where `name` gives one.
fn guesses_until_told(to: &str, name: impl Fn(u8) -> String) -> usize {
    let answers = (1..=254).map_while(|number| guess(to, number, &name(number)));
    let told = answers.enumerate().find(|(_, answer)| {
        assert!([401, 429].contains(&answer.status), "{}", answer.text());
        answer.status == 429
    });
    let (before, told) = told.expect("a 429");
    assert!(told.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok()));
    told.assert_outcome(429, "try again later");
    before
}

#[test]
fn neither_another_address_nor_another_name_helps_a_guesser() {
    let (dir, _app) = with_data(1, 10);
    for name in [|_| "app".to_owned(), |number| format!("app-{number}")] {
        let served = dir.serve(&REQUIRED);
        assert!(guesses_until_told(served.authority(), name) >= 5, "people mistype");
        assert_eq!(served.end("-TERM"), 0);
    }
}

#[test]
fn tries_at_the_same_time_do_not_count_as_one() {
    let (dir, _app) = with_data(1, 10);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    let began = Instant::now();
    let checked: usize = thread::scope(|scope| {
        let one =
            || (0..10).filter(|_| guess(to, 1, "app").is_some_and(|a| a.status == 401)).count();
        let all: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        all.into_iter().map(|one| one.join().expect("tries")).sum()
    });
    // Twenty tries, and those that came back meanwhile.
    let most = 20 + began.elapsed().as_secs() as usize / 2 + 1;
    assert!((1..=most).contains(&checked), "{checked} of 80 were checked");
}

#[test]
fn the_right_secret_is_not_even_checked_for_a_guesser() {
    let (dir, app) = with_data(1, 10);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    // The client has never been seen, so nothing tells it from the guesser.
    guesses_until_told(to, |_| "app".to_owned());
    let right = credentials(&app.id, &app.secret);
    let first = get(to, EXPORT, &right);
    // The machine may be so slow that a turn has come back.
    assert!([200, 429].contains(&first.status), "{}", first.text());
    until("the client has its turn", || {
        Some(get(to, EXPORT, &right)).filter(|answer| answer.status == 200)
    });
    // From now on it is known.
    guesses_until_told(to, |_| "app".to_owned());
    assert_eq!(get(to, EXPORT, &right).status, 200);
}

#[test]
fn a_client_that_is_known_gets_in_while_others_guess_also_after_a_restart() {
    let (dir, app) = with_data(1, 10);
    let other = Client::add(&dir, "s.db", "other");
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    let right = |client: &Client| credentials(&client.id, &client.secret);
    for client in [&app, &other] {
        assert_eq!(get(to, EXPORT, &right(client)).status, 200);
    }
    for round in 0..10 {
        for number in 1..=10 {
            guess(to, number, "app");
            guess(to, number, &format!("nobody-{round}-{number}"));
        }
        for client in [&app, &other] {
            assert_eq!(get(to, EXPORT, &right(client)).status, 200);
        }
    }
    assert_eq!(served.end("-TERM"), 0);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    guesses_until_told(to, |_| "other".to_owned());
    for client in [&app, &other] {
        assert_eq!(get(to, EXPORT, &right(client)).status, 200);
    }
    // A wrong secret of a known client is refused as before.
    assert!([401, 429].contains(&guess(to, 1, "app").expect("an answer").status));
}

#[test]
fn an_unknown_token_is_a_401_however_often_it_comes() {
    let (dir, app) = with_data(1, 10);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    let tokens = app.tokens(to, "anna");
    for number in 0..100 {
        let refused = get(to, EXPORT, &bearer(&format!("{number:064x}")));
        refused.assert_outcome(401, "not known");
    }
    assert_eq!(get(to, EXPORT, &bearer(&tokens.access)).status, 200);
    // Nor do wrong secrets keep out a token.
    guesses_until_told(to, |number| format!("app-{number}"));
    assert_eq!(get(to, EXPORT, &bearer(&tokens.access)).status, 200);
    assert_eq!(get(to, EXPORT, &bearer("expired")).status, 401);
}

#[test]
fn an_open_server_asks_for_no_secret_and_throttles_nobody() {
    let (dir, _app) = with_data(1, 10);
    let served = Dir::serve(&dir, &["s.db"]);
    for number in 1..=100 {
        if let Some(answer) = guess(served.authority(), number, "app") {
            assert_eq!(answer.status, 200);
        }
    }
}
