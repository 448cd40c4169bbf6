//! Names with other claims, or signed with another key.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    HEADER, OPEN, REQUIRED, assert_file_of, assert_refused, claims, fetch, forged, halves, name_of,
    oneup_user_id, payload_of, run, setting, settled, token,
};

#[test]
fn changed_claims_are_refused_with_the_old_signature_and_with_other_keys() {
    let dir = settled();
    let served = dir.serve(REQUIRED);
    let (ann, bob) = (token(&dir, "--user ann"), token(&dir, "--user bob"));
    let (one, smart) = (token(&dir, "--client one"), token(&dir, "--client smart"));
    let name = name_of(&served, &ann);
    let (signed, signature) = halves(&name);
    let header = signed.split_once('.').expect("a header").0;
    let key = setting(&dir, "signing_key");
    let number = dir.count("s.db", "SELECT id FROM client WHERE client_id = 'one'");
    let last = format!("{:x}", dir.count("s.db", "SELECT max(seq) FROM resource"));

    let mut payloads = vec![payload_of(&name)];
    for (claim, value) in [
        ("start", json!("0")),
        ("end", json!(last)),
        ("end", json!("7fffffffffffffff")),
        ("total", json!(15)),
        ("userId", json!(oneup_user_id(&dir, "bob"))),
        ("userId", json!("open")),
        ("userId", json!(format!("users-{number}"))),
        ("userId", json!(format!("client-{number}"))),
        ("userId", json!("")),
        ("userId", json!("0")),
        ("userId", json!("*")),
        ("userId", Value::Null),
        ("type", json!("Observation")),
        ("snapshot", json!(i64::MAX)),
        ("since", json!(0)),
        ("base", json!("http://example.org/")),
        ("export", json!("ours")),
        ("exp", json!(4_102_444_800_u64)),
    ] {
        let mut claims = claims(&name);
        claims[claim] = value;
        payloads.push(claims.to_string());
    }
    let mut wider = claims(&name);
    (wider["start"], wider["end"], wider["total"]) = (json!("0"), json!(last), json!(15));
    wider["userId"] = json!("open");
    payloads.push(wider.to_string());

    let key_of_another_store = {
        run(&dir, "client add other.db --client-id one");
        let sql = "SELECT value FROM setting WHERE name = 'signing_key'";
        dir.open("other.db").query_row(sql, (), |row| row.get::<_, Vec<u8>>(0)).expect("a key")
    };
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let keys: [(&str, Vec<u8>); 9] = [
        ("no key", vec![]),
        ("zeros", vec![0; 32]),
        ("a word", b"secret".to_vec()),
        ("another store's", key_of_another_store),
        ("the store's id", setting(&dir, "store_id")),
        ("half of the key", key[..16].to_vec()),
        ("the key's hash", Sha256::digest(&key).to_vec()),
        ("the key's digits", hex.into_bytes()),
        ("the key in base64", BASE64_STANDARD.encode(&key).into_bytes()),
    ];
    for payload in &payloads {
        let edited = format!("{header}.{}", BASE64URL.encode(payload));
        let mut names: Vec<(&str, String)> =
            keys.iter().map(|(what, key)| (*what, forged(HEADER, payload, key))).collect();
        if *payload != payloads[0] {
            names.push(("the old signature", format!("{edited}.{signature}")));
        }
        for (what, name) in &names {
            for headers in [&ann, &bob, &one, &smart] {
                assert_refused(&fetch(&served, name, headers), &format!("{payload} by {what}"));
            }
            // The path of published files refuses them too.
            let published = format!("/fhir/$bulk-publish/Patient/{name}.ndjson");
            assert_refused(&served.get_with(&published, &ann), &format!("{payload} by {what}"));
        }
    }
    let open = dir.serve(OPEN);
    let everything = forged(HEADER, &wider.to_string(), &[0; 32]);
    assert_refused(&fetch(&open, &everything, ""), "everything, on an open server");
}

/// If the key leaks, a name can select any rows. The caller still sees only their own.
#[test]
fn a_name_signed_with_the_leaked_key_shows_only_the_callers_data() {
    let dir = settled();
    let served = dir.serve(REQUIRED);
    let (ann, bob) = (token(&dir, "--user ann"), token(&dir, "--user bob"));
    let name = name_of(&served, &ann);
    let key = setting(&dir, "signing_key");
    let with = |changes: &[(&str, Value)]| {
        let mut claims = claims(&name);
        for (claim, value) in changes {
            claims[*claim] = value.clone();
        }
        forged(HEADER, &claims.to_string(), &key)
    };
    let all =
        [("start", json!("0")), ("end", json!("7fffffffffffffff")), ("snapshot", json!(i64::MAX))];
    let [start, end, snapshot] = all.clone();
    assert_file_of(&fetch(&served, &with(&all), &ann), "ann");
    // A count that is not the caller's does not tell whose it is.
    for total in [0, 1, 2, 4, 5, 8, 15, u64::MAX] {
        let all = [start.clone(), end.clone(), snapshot.clone(), ("total", json!(total))];
        fetch(&served, &with(&all), &ann).assert_outcome(404, "no longer has all of this file");
    }
    let of_bob = ("userId", json!(oneup_user_id(&dir, "bob")));
    let of_bob = with(&[start, end, snapshot, ("total", json!(5)), of_bob]);
    assert_refused(&fetch(&served, &of_bob, &ann), "bob's for ann");
    assert_file_of(&fetch(&served, &of_bob, &bob), "bob");
}
