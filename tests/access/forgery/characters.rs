//! Names with changed, missing, added or differently encoded characters.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD as BASE64URL};

use super::{
    HEADER, REQUIRED, assert_file_of, assert_refused, fetch, halves, hs256, name_of, payload_of,
    setting, settled, token,
};

#[test]
fn a_name_with_any_changed_character_is_refused() {
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
    for nothing in ["", "...", "a.b.c", "....", "%00", "-"] {
        refuse(nothing);
    }
    // Other encodings of the same bytes: a file must have one name only, for caches and logs.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = signature.chars().last().and_then(|c| alphabet.find(c)).expect("a character");
    let trailing = (1..4).map(|bits| alphabet.as_bytes()[last | bits] as char);
    for other in trailing.filter(|c| !signature.ends_with(*c)) {
        let (start, _) = signature.split_at(signature.len() - 1);
        refuse(&format!("{signed}.{start}{other}"));
    }
    refuse(&format!("{signed}.{}", BASE64_URL_SAFE.encode(&raw)));
    refuse(&format!("{signed}.{}", BASE64_STANDARD.encode(&raw).replace('/', "%2F")));
    // Other encodings of the payload, with the right signature for each.
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
