//! Names of files that nobody signed, or that were changed since: none of them opens anything.
//!
//! They are made here by hand, with HMAC and base64 alone, not with what makes the right ones.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD as BASE64URL};
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::support::bulk::path;
use crate::support::client::{Answer, get};
use crate::support::{Dir, Served};

const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;
const OPEN: &[&str] = &["s.db"];
const REQUIRED: &[&str] = &["s.db", "--auth", "required"];

static REFUSED: LazyLock<Value> = LazyLock::new(|| {
    let what = "this file name was not signed by this store, was changed, or is for another type or \
                somebody else; take file URLs from a manifest as they are";
    json!([{"severity": "error", "code": "forbidden", "diagnostics": what}])
});

/// Whose resources there are, and how many Patients each has.
const OWNED: [(&str, u64); 3] = [("ann", 3), ("bob", 5), ("nobody", 7)];

fn run(dir: &Dir, line: &str) -> String {
    let ran = dir.run(line.split(' '));
    assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    ran.stdout.trim_end().to_owned()
}

/// A store where `one` has the users ann and bob, and `smart` reads what is nobody's.
fn settled() -> Dir {
    let dir = Dir::new();
    run(&dir, "client add s.db --client-id one");
    run(&dir, "client add s.db --client-id smart --new-key smart.pem --scope system/*.rs");
    for (name, count) in OWNED {
        let mut import = vec!["s.db", "in.ndjson"];
        if name != "nobody" {
            run(&dir, &format!("user add s.db {name} --client one"));
            import.extend(["--user", name]);
        }
        let line = |kind: &str, n: u64| {
            let text = format!("{name}-secret");
            format!(
                "{}\n",
                json!({"resourceType": kind, "id": format!("{name}-{n}"), "note": text})
            )
        };
        let lines = (1..=count).map(|n| line("Patient", n)).chain([line("Observation", 1)]);
        dir.write("in.ndjson", lines.collect::<String>());
        dir.import(0, &import);
    }
    dir
}

/// Headers with a token for these.
fn token(dir: &Dir, of: &str) -> String {
    let token = run(dir, &format!("token issue s.db {of}"));
    format!("Authorization: Bearer {token}\r\n")
}

fn oneup_user_id(dir: &Dir, name: &str) -> String {
    dir.count("s.db", &format!("SELECT id FROM user WHERE app_user_id = '{name}'")).to_string()
}

/// The signed name of somebody's file of Patients.
fn name_of(served: &Served, headers: &str) -> String {
    let manifest = served.get_with("/bulk-data/r4/$export?_type=Patient", headers).json();
    let url = path(manifest["output"][0]["url"].as_str().expect("a url"));
    let name = url.strip_prefix("/bulk-data/r4/$export/Patient/").expect("a file of Patients");
    name.strip_suffix(".ndjson").expect("NDJSON").to_owned()
}

fn fetch(served: &Served, name: &str, headers: &str) -> Answer {
    let path = format!("/bulk-data/r4/$export/Patient/{name}.ndjson");
    get(served.authority(), &path, headers)
}

/// It opens nothing, and is refused in the words in which everything is.
fn assert_refused(answer: &Answer, what: &str) {
    assert_eq!(answer.status, 403, "{what}: {}", answer.text());
    assert_eq!(answer.json()["issue"], *REFUSED, "{what}");
}

/// It is the file of this owner, whole, and nobody else's.
fn assert_file_of(answer: &Answer, owner: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (_, count) = OWNED.into_iter().find(|(name, _)| *name == owner).expect("an owner");
    let text = answer.text();
    assert_eq!(text.lines().count() as u64, count, "{text}");
    assert_eq!(text.matches(&format!("{owner}-secret")).count() as u64, count, "{text}");
}

/// What of a name is signed, and its signature.
fn halves(name: &str) -> (&str, &str) {
    name.rsplit_once('.').expect("a signature")
}

fn claims(name: &str) -> Value {
    let payload = name.split('.').nth(1).expect("a payload");
    serde_json::from_slice(&BASE64URL.decode(payload).expect("base64url")).expect("JSON")
}

fn hs256(key: &[u8], signed: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key").chain_update(signed);
    BASE64URL.encode(mac.finalize().into_bytes())
}

/// A name of this header and payload, signed with HS256 and this key.
fn forged(header: &str, payload: &str, key: &[u8]) -> String {
    let signed = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
    format!("{signed}.{}", hs256(key, &signed))
}

fn payload_of(name: &str) -> String {
    let payload = name.split('.').nth(1).expect("a payload");
    String::from_utf8(BASE64URL.decode(payload).expect("base64url")).expect("text")
}

fn setting(dir: &Dir, name: &str) -> Vec<u8> {
    let sql = "SELECT value FROM setting WHERE name = ?1";
    dir.open("s.db").query_row(sql, [name], |row| row.get(0)).expect("bytes")
}

#[test]
fn another_algorithm_or_header_is_refused_whoever_signed_it() {
    let dir = settled();
    let served = dir.serve(REQUIRED);
    let ann = token(&dir, "--user ann");
    let name = name_of(&served, &ann);
    let (payload, key) = (payload_of(&name), setting(&dir, "signing_key"));
    let (signed, signature) = halves(&name);
    let body = signed.split_once('.').expect("a header").1;
    // Made right it is the same, so what follows fails for what is changed in it.
    assert_eq!(forged(HEADER, &payload, &key), name);
    assert_file_of(&fetch(&served, &name, &ann), "ann");
    assert_eq!(fetch(&served, &name, "").status, 401);

    let mut names: Vec<(String, String)> = Vec::new();
    for algorithm in ["none", "None", "NONE", "nOnE", "", "null"] {
        for header in [
            json!({"typ": "JWT", "alg": algorithm}),
            json!({"alg": algorithm}),
            json!({"typ": "JWT"}),
        ] {
            let header = BASE64URL.encode(header.to_string());
            for rest in ["", ".", ".AA", &format!(".{signature}")] {
                names.push((format!("alg {algorithm}"), format!("{header}.{body}{rest}")));
            }
        }
    }
    // HS256 with what everybody may know as its key, as where a public key is taken for a secret.
    let jwks: String = dir
        .open("s.db")
        .query_row("SELECT jwks FROM client WHERE client_id = 'smart'", (), |row| row.get(0))
        .expect("a JWKS");
    let pem = dir.text("smart.pem");
    let stored: Value = serde_json::from_str(&jwks).expect("JSON");
    let public = stored["keys"][0].to_string();
    for (what, known) in [("JWKS", &jwks), ("JWK", &public), ("private key", &pem)] {
        for header in [HEADER, r#"{"typ":"JWT","alg":"RS256"}"#, r#"{"typ":"JWT","alg":"ES384"}"#] {
            let forged = forged(header, &payload, known.as_bytes());
            names.push((format!("{header} by the {what}"), forged));
        }
    }
    // With the right key, but not the one header.
    for header in [
        r#"{"typ":"JWT","alg":"RS256"}"#,
        r#"{"typ":"JWT","alg":"HS384"}"#,
        r#"{"typ":"JWT","alg":"HS512"}"#,
        r#"{"typ":"JWT","alg":"hs256"}"#,
        r#"{"typ":"JWT","alg":"none"}"#,
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{ "typ":"JWT","alg":"HS256"}"#,
        "{\"typ\":\"JWT\",\"alg\":\"HS256\"}\n",
        r#"{"typ":"jwt","alg":"HS256"}"#,
        r#"{"typ":"JWT","alg":"HS256","kid":"1"}"#,
        r#"{"typ":"JWT","alg":"HS256","jku":"http://127.0.0.1/keys"}"#,
        r#"{"typ":"JWT","alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
        r#"{"typ":"JWT","alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"typ":"JWT","alg":"HS256","zip":"DEF"}"#,
        r#"{"typ":"JWT","alg":"none","alg":"HS256"}"#,
        r#"{"typ":"JWT","alg":"HS256","alg":"none"}"#,
        r#"{"typ":"JWT","alg":["HS256"]}"#,
        "{}",
        "null",
        "",
    ] {
        names.push((header.to_owned(), forged(header, &payload, &key)));
    }
    // Signed as the header says, with a key of the forger's own that it brings along.
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let own = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let own = EcdsaKeyPair::from_pkcs8(algorithm, own.as_ref(), &random).expect("a key");
    let header =
        BASE64URL.encode(r#"{"typ":"JWT","alg":"ES256","jwk":{"kty":"EC","crv":"P-256"}}"#);
    let es256 = own.sign(&random, format!("{header}.{body}").as_bytes()).expect("a signature");
    names.push(("ES256".to_owned(), format!("{header}.{body}.{}", BASE64URL.encode(es256))));
    let hs512 = Hmac::<Sha512>::new_from_slice(&key).expect("a key").chain_update(signed);
    let hs512 = BASE64URL.encode(hs512.finalize().into_bytes());
    names.push(("HS512".to_owned(), format!("{signed}.{hs512}")));
    for (what, name) in names {
        assert_refused(&fetch(&served, &name, &ann), &what);
    }
}

#[test]
fn a_changed_claim_is_refused_with_the_old_signature_and_with_any_other_key() {
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

    let rotated_away = {
        run(&dir, "client add other.db --client-id one");
        let sql = "SELECT value FROM setting WHERE name = 'signing_key'";
        dir.open("other.db").query_row(sql, (), |row| row.get::<_, Vec<u8>>(0)).expect("a key")
    };
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let keys: [(&str, Vec<u8>); 9] = [
        ("no key", vec![]),
        ("zeros", vec![0; 32]),
        ("a word", b"secret".to_vec()),
        ("another store's", rotated_away),
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
            // Nor where they are let in to everything.
            let published = format!("/fhir/$bulk-publish/Patient/{name}.ndjson");
            assert_refused(&served.get_with(&published, &ann), &format!("{payload} by {what}"));
        }
    }
    let open = dir.serve(OPEN);
    let everything = forged(HEADER, &wider.to_string(), &[0; 32]);
    assert_refused(&fetch(&open, &everything, ""), "everything, where it is open");
}

#[test]
fn a_changed_character_is_refused_wherever_it_is() {
    let dir = settled();
    let served = dir.serve(REQUIRED);
    let ann = token(&dir, "--user ann");
    let name = name_of(&served, &ann);
    let (signed, signature) = halves(&name);
    let key = setting(&dir, "signing_key");
    let refuse = |name: &str| assert_refused(&fetch(&served, name, &ann), name);
    for (at, character) in name.char_indices() {
        let other = if character == 'A' { 'B' } else { 'A' };
        refuse(&format!("{}{other}{}", &name[..at], &name[at + 1..]));
    }
    for length in 0..signature.len() {
        refuse(&format!("{signed}.{}", &signature[..length]));
    }
    let raw = BASE64URL.decode(signature).expect("base64url");
    for length in 0..raw.len() {
        refuse(&format!("{signed}.{}", BASE64URL.encode(&raw[..length])));
    }
    for more in
        ["A", "AA", "AAAA", "=", "==", "%3D", "%00", "%20", "%0A", ".", ".A", ".ndjson", "~"]
    {
        refuse(&format!("{name}{more}"));
    }
    for before in ["A", ".", "%20", "%00", "Bearer%20"] {
        refuse(&format!("{before}{name}"));
    }
    refuse(&format!("{name}.{name}"));
    refuse(&format!("{signed}.{signature}{signature}"));
    refuse(&format!("{signed}..{signature}"));
    refuse(&format!("{signed}%2e{}", signature.to_lowercase()));
    for nothing in ["", ".", "..", "...", "a.b.c", "....", "%00", "-"] {
        if !matches!(nothing, "." | "..") {
            refuse(nothing);
        }
    }
    // The same bytes, written otherwise: what is one name to us is one to caches and logs.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = signature.chars().last().and_then(|c| alphabet.find(c)).expect("a character");
    let trailing = (1..4).map(|bits| alphabet.as_bytes()[last | bits] as char);
    for other in trailing.filter(|c| !signature.ends_with(*c)) {
        let (start, _) = signature.split_at(signature.len() - 1);
        refuse(&format!("{signed}.{start}{other}"));
    }
    refuse(&format!("{signed}.{}", BASE64_URL_SAFE.encode(&raw)));
    refuse(&format!("{signed}.{}", BASE64_STANDARD.encode(&raw).replace('/', "%2F")));
    // And where what is signed is written so, although the signature over that is right.
    let payload = payload_of(&name);
    let padded = [payload.clone(), format!("{payload} "), format!("{payload}  ")]
        .iter()
        .map(|payload| BASE64_URL_SAFE.encode(payload))
        .find(|text| text.ends_with('='))
        .expect("one of three lengths is padded");
    let bare = padded.trim_end_matches('=').to_owned();
    let at = alphabet.find(&bare[bare.len() - 1..]).expect("a character");
    let loose = format!("{}{}", &bare[..bare.len() - 1], &alphabet[at + 1..at + 2]);
    let header = BASE64URL.encode(HEADER);
    let signed_again = |payload: &str| {
        let signed = format!("{header}.{payload}");
        format!("{signed}.{}", hs256(&key, &signed))
    };
    assert_file_of(&fetch(&served, &signed_again(&bare), &ann), "ann");
    for payload in [padded.as_str(), &loose, &format!("{bare}%20"), &format!("{bare}.{bare}")] {
        refuse(&signed_again(payload));
    }
}

#[test]
fn a_right_name_is_good_for_its_type_only() {
    let dir = settled();
    let served = dir.serve(REQUIRED);
    let ann = token(&dir, "--user ann");
    let name = name_of(&served, &ann);
    for other in
        ["Observation", "Binary", "patient", "Patient%20", "Patient%00", "*", "Patient,Observation"]
    {
        for base in ["/bulk-data/r4/$export", "/fhir/$bulk-publish"] {
            let answer = served.get_with(&format!("{base}/{other}/{name}.ndjson"), &ann);
            assert_refused(&answer, other);
        }
    }
    for ending in ["", ".NDJSON", ".json", ".ndjson%20"] {
        let path = format!("/bulk-data/r4/$export/Patient/{name}{ending}");
        served.get_with(&path, &ann).assert_outcome(404, "end in .ndjson");
    }
}

#[test]
fn a_right_name_is_good_for_who_got_it_only() {
    let dir = settled();
    let (served, open) = (dir.serve(REQUIRED), dir.serve(OPEN));
    let callers = ["--user ann", "--user bob", "--client one", "--client smart"];
    let callers = callers.map(|of| (of, token(&dir, of)));
    let mut names: Vec<(&str, String)> =
        callers.iter().map(|(of, headers)| (*of, name_of(&served, headers))).collect();
    names.push(("nobody", name_of(&open, "")));
    for (of, name) in &names {
        for (caller, headers) in &callers {
            let answer = fetch(&served, name, headers);
            match caller == of {
                true => assert_eq!(answer.status, 200, "{of}: {}", answer.text()),
                false => assert_refused(&answer, &format!("that of {of} for {caller}")),
            }
        }
        match *of {
            "nobody" => assert_eq!(fetch(&open, name, "").text().lines().count(), 15),
            of => assert_refused(&fetch(&open, name, ""), of),
        }
    }
}

/// Should the key ever leak: a name says what to look at, who asks what of it is seen.
#[test]
fn even_with_the_key_a_name_shows_nothing_that_is_not_the_callers() {
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
    // A count that is not the caller's is not told to be another's.
    for total in [0, 1, 2, 4, 5, 8, 15, u64::MAX] {
        let all = [start.clone(), end.clone(), snapshot.clone(), ("total", json!(total))];
        fetch(&served, &with(&all), &ann).assert_outcome(404, "no longer has all of this file");
    }
    let of_bob = ("userId", json!(oneup_user_id(&dir, "bob")));
    let of_bob = with(&[start, end, snapshot, ("total", json!(5)), of_bob]);
    assert_refused(&fetch(&served, &of_bob, &ann), "bob's for ann");
    assert_file_of(&fetch(&served, &of_bob, &bob), "bob");
}

#[test]
fn names_of_another_store_and_of_an_earlier_key_open_nothing() {
    let dir = settled();
    let ann = token(&dir, "--user ann");
    // The same in everything but its key.
    dir.open("s.db").execute("VACUUM INTO ?1", [dir.path("t.db").to_str()]).expect("a copy");
    run(&dir, "key rotate t.db");
    let (here, there) = (dir.serve(REQUIRED), dir.serve(&["t.db", "--auth", "required"]));
    let (mine, other) = (name_of(&here, &ann), name_of(&there, &ann));
    let without_export = |name: &str| {
        let mut claims = claims(name);
        claims["export"] = Value::Null;
        claims
    };
    assert_eq!(without_export(&mine), without_export(&other));
    assert_file_of(&fetch(&here, &mine, &ann), "ann");
    assert_file_of(&fetch(&there, &other, &ann), "ann");
    assert_refused(&fetch(&here, &other, &ann), "another store's");
    assert_refused(&fetch(&there, &mine, &ann), "another store's");

    // A server notices at once that the key was changed beside it.
    let before = setting(&dir, "signing_key");
    run(&dir, "key rotate s.db");
    assert_ne!(setting(&dir, "signing_key"), before);
    assert_refused(&fetch(&here, &mine, &ann), "an earlier key's");
    let next = name_of(&here, &ann);
    assert_file_of(&fetch(&here, &next, &ann), "ann");
    drop(here);
    let again = dir.serve(REQUIRED);
    assert_refused(&fetch(&again, &mine, &ann), "an earlier key's");
    assert_file_of(&fetch(&again, &next, &ann), "ann");
}
