//! An assertion that is sent again.

use std::sync::Barrier;
use std::thread;

use serde_json::json;

use super::two_clients;
use crate::support::signer::Signer;
use crate::support::smart::{EVERYTHING, ask, endpoint, granted, refused};

#[test]
fn an_assertion_is_accepted_once() {
    let Some(signer) = Signer::start() else { return };
    let dir = two_clients(&signer);
    // With a base URL the server has the same name on every port.
    let start = || dir.serve(&["s.db", "--auth", "required", "--base-url", "https://f.example"]);
    let url = "https://f.example/fhir/oauth2/token";
    let served = start();
    assert_eq!(endpoint(&served), url);
    let jti = json!({"claims": {"jti": "the same"}});
    let first = signer.sign("one", url, jti.clone());
    granted(&ask(&served, &first, EVERYTHING), EVERYTHING);
    refused(&ask(&served, &first, EVERYTHING), 401, "invalid_client", "again");
    let again =
        signer.sign("one", url, json!({"claims": {"jti": "the same"}, "times": {"exp": 9}}));
    refused(&ask(&served, &again, EVERYTHING), 401, "invalid_client", "only its jti again");
    let of_other_key = json!({"key": "EC/a", "alg": "ES384", "claims": {"jti": "the same"}});
    let of_other_key = signer.sign("one", url, of_other_key);
    refused(&ask(&served, &of_other_key, EVERYTHING), 401, "invalid_client", "by another key");
    granted(&ask(&served, &signer.sign("two", url, jti), EVERYTHING), EVERYTHING);
    let own = format!("{}/fhir/oauth2/token", served.url);
    let by_address = signer.sign("one", &own, json!({}));
    refused(&ask(&served, &by_address, EVERYTHING), 401, "invalid_client", "the address as aud");

    // Exactly one of several simultaneous requests succeeds.
    const AT_ONCE: usize = 4;
    for round in 0..8 {
        let assertion = signer.sign("two", url, json!({}));
        let barrier = Barrier::new(AT_ONCE);
        let statuses: Vec<u16> = thread::scope(|scope| {
            let run = || {
                barrier.wait();
                ask(&served, &assertion, EVERYTHING).status
            };
            let running: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(run)).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let won = statuses.iter().filter(|status| **status == 200).count();
        let lost = statuses.iter().filter(|status| **status == 401).count();
        assert_eq!((won, lost), (1, AT_ONCE - 1), "round {round}");
        // A success resets the count of failures.
        granted(&ask(&served, &signer.sign("two", url, json!({})), EVERYTHING), EVERYTHING);
    }

    // The next server knows the assertion, whether the last one was killed or terminated.
    drop(served);
    let served = start();
    refused(&ask(&served, &first, EVERYTHING), 401, "invalid_client", "after a kill");
    assert_eq!(served.end("-TERM"), 0);
    let served = start();
    refused(&ask(&served, &first, EVERYTHING), 401, "invalid_client", "after an end");
    granted(&ask(&served, &signer.sign("one", url, json!({})), EVERYTHING), EVERYTHING);
    let plain = "SELECT count(*) FROM assertion WHERE instr(CAST(jti AS TEXT), 'the same') > 0";
    assert_eq!(dir.count("s.db", plain), 0, "a jti is kept as its hash");
}
