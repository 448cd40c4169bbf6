//! File names of an open server that were changed or forged.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;

use crate::support::bulk::url_of;
use crate::support::oneup::EXPORT;
use crate::support::served;

const DATA: &str = "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n\
                    {\"resourceType\":\"Observation\",\"id\":\"o\"}\n";

#[test]
fn a_changed_or_forged_file_name_is_refused() {
    let (_dir, served) = served(DATA);
    let (_other_dir, other) = self::served(DATA);
    let manifest = served.manifest("");
    let file = url_of(&manifest, "Patient");
    let path = file.strip_prefix(&served.url).unwrap();
    let token = path.rsplit('/').next().unwrap().strip_suffix(".ndjson").unwrap();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts")
    };
    assert_eq!(BASE64URL.encode(br#"{"typ":"JWT","alg":"HS256"}"#), header);
    let none = BASE64URL.encode(br#"{"typ":"JWT","alg":"none"}"#);
    let longer = BASE64URL.encode(
        br#"{"start":"0","end":"ffff","total":3,"userId":"open","type":"Patient","snapshot":9}"#,
    );
    let flipped = |text: &str| {
        let last = if text.ends_with('A') { 'B' } else { 'A' };
        format!("{}{last}", &text[..text.len() - 1])
    };
    let foreign = url_of(&other.manifest(""), "Patient");
    let foreign = foreign.rsplit('/').next().unwrap().strip_suffix(".ndjson").unwrap().to_owned();
    let forged = [
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{}", flipped(signature)),
        format!("{header}.{}.{signature}", flipped(payload)),
        format!("{header}.{longer}.{signature}"),
        format!("{none}.{payload}."),
        format!("{none}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.{}", &signature[..40]),
        format!("{}.{payload}.{signature}", flipped(header)),
        foreign,
        String::new(),
        "...".to_owned(),
        "x".repeat(5000),
    ];
    for token in forged {
        served
            .get(&format!("{EXPORT}/Patient/{token}.ndjson"))
            .assert_outcome(403, "not signed by this store");
    }
    served.get(&format!("{EXPORT}/Observation/{token}.ndjson")).assert_outcome(403, "another type");
    served.get(&format!("{EXPORT}/Patient/{token}")).assert_outcome(404, ".ndjson");
    assert_eq!(served.get(&file).status, 200);
}
