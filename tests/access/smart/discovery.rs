//! What a protected server tells everyone.

use serde_json::{Value, json};

use super::data;
use crate::support::Dir;
use crate::support::smart::{EVERYTHING, FORM, post, protected, refused};

#[test]
fn a_protected_server_tells_how_to_authenticate_and_nothing_of_its_data() {
    let (empty, full) = (Dir::new(), Dir::new());
    data(&full);
    let keyed = |dir: &Dir| {
        dir.run([
            "client",
            "add",
            "s.db",
            "--client-id",
            "x",
            "--new-key",
            "x.pem",
            "--scope",
            EVERYTHING,
        ])
    };
    let served = [&empty, &full].map(|dir| {
        assert_eq!(keyed(dir).code, 0);
        protected(dir)
    });
    let [of_none, of_some] = served.each_ref().map(|served| {
        let mut statement = served.get("/fhir/metadata").json();
        // The statement holds the time and the URL of the server.
        assert!(statement["date"].take().is_string());
        serde_json::from_str::<Value>(&statement.to_string().replace(&served.url, "")).unwrap()
    });
    assert_eq!(of_none, of_some);
    assert_eq!(of_some["rest"][0]["security"]["service"][0]["coding"][0]["code"], "SMART-on-FHIR");

    let [_, served] = served;
    for (place, accept) in [
        ("/.well-known/smart-configuration", ""),
        ("/fhir/.well-known/smart-configuration", "Accept: application/fhir+xml\r\n"),
    ] {
        let answer = served.get_with(place, accept);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let said = answer.json();
        assert_eq!(said["token_endpoint"], format!("{}/fhir/oauth2/token", served.url));
        assert_eq!(said["token_endpoint_auth_methods_supported"], json!(["private_key_jwt"]));
        let algorithms = &said["token_endpoint_auth_signing_alg_values_supported"];
        assert_eq!(algorithms, &json!(["RS384", "ES384"]));
        assert_eq!(said["grant_types_supported"], json!(["client_credentials"]));
        let has = |list: &str, what: &str| said[list].as_array().unwrap().contains(&json!(what));
        assert!(has("scopes_supported", EVERYTHING));
        assert!(has("capabilities", "client-confidential-asymmetric"));
        assert!(has("capabilities", "permission-v1") && has("capabilities", "permission-v2"));
        assert!(has("code_challenge_methods_supported", "S256"));
        assert!(!has("code_challenge_methods_supported", "plain"));
    }
    let open = full.serve(&["s.db"]);
    for place in ["/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"] {
        open.get(place).assert_outcome(404, "open");
    }
    let fields = [("grant_type", "password")];
    refused(&post(open.authority(), &fields, FORM), 400, "unsupported_grant_type", "open");
}
