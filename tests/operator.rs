//! The operator's side of authorization: clients, users, tokens and keys on the command line.

use serde_json::{Value, json};

use crate::support::bulk::path;
use crate::support::client::get;
use crate::support::oneup::{Client, EXPORT, bearer, exported, stored};
use crate::support::{Dir, Ran};

const REQUIRED: [&str; 3] = ["s.db", "--auth", "required"];

/// Runs a command that must end with `code`; what it prints.
fn ran(dir: &Dir, code: i32, args: &[&str]) -> Ran {
    let ran = dir.run(args);
    assert_eq!(ran.code, code, "{args:?}: {}{}", ran.stdout, ran.stderr);
    ran
}

/// It must be refused, saying this, and print nothing else.
fn refused(dir: &Dir, code: i32, args: &[&str], word: &str) {
    let ran = ran(dir, code, args);
    assert!(ran.stderr.contains(word), "{args:?}: {:?} does not say {word:?}", ran.stderr);
    assert_eq!(ran.stdout, "", "{args:?}");
}

fn json_of(dir: &Dir, args: &[&str]) -> Vec<Value> {
    let ran = ran(dir, 0, args);
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn clients(dir: &Dir) -> i64 {
    dir.count("s.db", "SELECT count(*) FROM client")
}

fn patient(id: &str, more: &str) -> String {
    format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"{more}}}\n")
}

/// A store with the client `app` and its users.
fn with_users(names: &[&str]) -> (Dir, Client) {
    let dir = Dir::new();
    let app = Client::add(&dir, "s.db", "app");
    for name in names {
        ran(&dir, 0, &["user", "add", "s.db", name]);
    }
    (dir, app)
}

fn number(dir: &Dir, name: &str) -> i64 {
    dir.count("s.db", &format!("SELECT id FROM user WHERE app_user_id = '{name}'"))
}

#[cfg(unix)]
fn mode(dir: &Dir, name: &str) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(dir.path(name)).expect(name).permissions().mode() & 0o777
}

#[test]
fn a_secret_is_shown_once_and_works_until_it_is_rotated() {
    let dir = Dir::new();
    let told = ran(&dir, 0, &["client", "add", "s.db", "--client-id", "told"]);
    let secret = told.stdout.lines().find_map(|line| line.strip_prefix("client_secret  "));
    let secret = secret.expect("a secret").to_owned();
    assert!(secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit()), "{secret}");
    assert!(told.stdout.contains("told") && told.stderr.contains("only now"), "{}", told.stderr);
    let made = json_of(&dir, &["client", "add", "s.db", "--json"]);
    assert_eq!(made[0]["client_id"].as_str().map(str::len), Some(32));
    let own = "twenty-characters-ok";
    dir.write("own", format!("{own}\n"));
    let added = json_of(
        &dir,
        &["client", "add", "s.db", "--client-id", "filed", "--secret-file", "own", "--json"],
    );
    assert_eq!(
        added,
        [json!({"client_id": "filed", "client_secret": null, "keys": null, "scope": null})]
    );
    let piped = ["client", "add", "s.db", "--client-id", "piped", "--secret-file", "-"];
    assert_eq!(dir.run_with_input(piped, format!("{own}-too").as_bytes()).code, 0);
    let shown = ran(&dir, 0, &["client", "list", "s.db"]).stdout;
    let listed = json_of(&dir, &["client", "list", "s.db", "--json"]);
    assert_eq!(listed.len(), 4);
    assert_eq!(
        (&listed[0]["client_id"], &listed[0]["secret"], &listed[0]["users"]),
        (&json!("told"), &json!(true), &json!(0))
    );
    assert!(shown.contains("told") && shown.contains("piped"), "{shown}");
    assert!(!shown.contains(&secret) && !shown.contains(own), "{shown}");

    let before = clients(&dir);
    for (text, word) in
        [("nineteen-characters", "20"), ("", "20"), ("twenty characters ok", "blanks")]
    {
        dir.write("short", text);
        refused(&dir, 2, &["client", "add", "s.db", "--secret-file", "short"], word);
    }
    refused(&dir, 3, &["client", "add", "s.db", "--secret-file", "missing"], "missing");
    refused(&dir, 2, &["client", "add", "s.db", "--client-id", "told"], "there already");
    for odd in ["", "a b", "a,b", "a\"b", "a\\b", "ä", "a\nb", &"x".repeat(256)] {
        refused(&dir, 2, &["client", "add", "s.db", "--client-id", odd], "client_id should");
    }
    assert_eq!(clients(&dir), before);

    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    for (id, secret) in [("told", &*secret), ("filed", own), ("piped", "twenty-characters-ok-too")]
    {
        let client = Client { id: id.to_owned(), secret: secret.to_owned() };
        assert_eq!(get(to, EXPORT, &client.headers("client")).status, 200, "{id}");
    }
    let old = Client { id: "told".to_owned(), secret };
    old.add_user(to, "anna");
    let (tokens, code) = (old.tokens(to, "anna"), old.code(to, "anna"));
    let rotated = json_of(&dir, &["client", "rotate", "s.db", "told", "--json"]);
    let secret = rotated[0]["client_secret"].as_str().expect("a secret").to_owned();
    let new = Client { id: "told".to_owned(), secret };
    assert_ne!(new.secret, old.secret);
    assert_eq!(get(to, EXPORT, &old.headers("client")).status, 401);
    assert_eq!(get(to, EXPORT, &bearer(&tokens.access)).status, 401);
    assert_eq!(new.exchange(to, &code).status, 400);
    assert_eq!(new.refresh(to, &tokens.refresh).status, 400);
    assert_eq!(get(to, EXPORT, &new.headers("client")).status, 200);
    // It goes on with its users, and ends with them.
    let tokens = new.tokens(to, "anna");
    let status =
        get(to, "/fhir/$export", &format!("{}Prefer: respond-async\r\n", new.headers("client")));
    assert_eq!(status.status, 202);
    let removed = ran(&dir, 0, &["client", "remove", "s.db", "told"]).stdout;
    assert!(removed.contains("removed told") && removed.contains("1 user"), "{removed}");
    assert_eq!(get(to, EXPORT, &new.headers("client")).status, 401);
    assert_eq!(get(to, EXPORT, &bearer(&tokens.access)).status, 401);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0);
    for args in [&["client", "remove", "s.db", "told"], &["client", "rotate", "s.db", "told"]] {
        refused(&dir, 3, args, "no client \"told\"");
    }
    refused(&dir, 2, &["client", "add", "s.db", "--client-id", "told"], "removed");
    refused(&dir, 3, &["user", "activate", "s.db", "anna"], "no user");
    refused(&dir, 3, &["client", "list", "missing.db"], "no store");
    assert_eq!(served.end("-TERM"), 0);
    dir.check("s.db");
}

#[test]
fn keys_that_cannot_be_used_are_refused_and_a_private_one_is_nobody_elses() {
    let dir = Dir::new();
    let add = ["client", "add", "s.db", "--client-id", "keyed", "--new-key", "key.pem", "--scope"];
    let added = ran(&dir, 0, &[&add[..], &["system/*.rs"]].concat());
    assert!(
        !added.stdout.contains("secret") && !added.stdout.contains("PRIVATE"),
        "{}",
        added.stdout
    );
    let pem = dir.text("key.pem");
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
    #[cfg(unix)]
    assert_eq!(mode(&dir, "key.pem"), 0o600);
    let jwks: String =
        dir.open("s.db").query_row("SELECT jwks FROM client", (), |row| row.get(0)).expect("keys");
    let jwks: Value = serde_json::from_str(&jwks).expect("JSON");
    assert!(jwks["keys"][0].get("d").is_none(), "{jwks}");
    let kid = jwks["keys"][0]["kid"].as_str().expect("a kid").to_owned();
    let listed = json_of(&dir, &["client", "list", "s.db", "--json"]);
    assert_eq!(listed[0]["keys"], kid);
    assert_eq!((&listed[0]["scope"], &listed[0]["secret"]), (&json!("system/*.rs"), &json!(false)));
    // What is there stays, and nobody is registered.
    let args = ["client", "add", "s.db", "--new-key", "key.pem", "--scope", "system/*.rs"];
    refused(&dir, 2, &args, "there already");
    let args = ["client", "rotate", "s.db", "keyed", "--new-key", "key.pem"];
    refused(&dir, 2, &args, "there already");
    assert_eq!((dir.text("key.pem"), clients(&dir)), (pem, 1));

    let good = &jwks["keys"][0];
    let changed = |name: &str, value: Value| {
        let mut key = good.clone();
        match value {
            Value::Null => key.as_object_mut().expect("a key").remove(name),
            value => key.as_object_mut().expect("a key").insert(name.to_owned(), value),
        };
        json!({"keys": [key]}).to_string()
    };
    let rsa =
        |n: &str| json!({"keys": [{"kty": "RSA", "kid": "r", "n": n, "e": "AQAB"}]}).to_string();
    for (text, word) in [
        ("{".to_owned(), "no JSON Web Key Set"),
        ("[]".to_owned(), "no JSON Web Key Set"),
        ("{}".to_owned(), "keys"),
        (good.to_string(), "keys"),
        (json!({"keys": good}).to_string(), "no JSON Web Key Set"),
        (json!({"keys": []}).to_string(), "no key for RS384"),
        (changed("d", json!("AAAA")), "private"),
        (changed("k", json!("AAAA")), "symmetric"),
        (changed("kid", Value::Null), "no kid"),
        (changed("kid", json!("")), "no kid"),
        (json!({"keys": [good, good]}).to_string(), "kid of another"),
        (changed("crv", json!("P-256")), "no key for RS384"),
        (changed("x", Value::Null), "no key for RS384"),
        (changed("use", json!("enc")), "no key for RS384"),
        (changed("alg", json!("ES256")), "no key for RS384"),
        (changed("key_ops", json!(["sign"])), "no key for RS384"),
        (changed("kty", json!("oct")), "no key for RS384"),
        (rsa(&"_".repeat(171)), "no key for RS384"),
    ] {
        dir.write("jwks", &text);
        let args = ["client", "add", "s.db", "--jwks", "jwks", "--scope", "system/*.rs"];
        refused(&dir, 2, &args, word);
    }
    dir.write("jwks", jwks.to_string());
    for (scope, word) in [
        ("", "scope"),
        ("patient/*.rs", "system/"),
        ("user/*.read", "system/"),
        ("openid", "system/"),
        ("system/*.write", "more than reading"),
        ("system/*.cruds", "more than reading"),
        ("system/Patient.rs?active=true", "search parameters"),
        ("system/Patient", "system/Patient"),
        ("system/*.sr", "system/*.sr"),
    ] {
        refused(&dir, 2, &["client", "add", "s.db", "--jwks", "jwks", "--scope", scope], word);
    }
    refused(&dir, 2, &["client", "add", "s.db", "--jwks", "jwks"], "--scope");
    refused(&dir, 2, &["client", "add", "s.db", "--scope", "system/*.rs"], "--jwks");
    refused(
        &dir,
        3,
        &["client", "add", "s.db", "--jwks", "missing", "--scope", "system/*.rs"],
        "missing",
    );
    refused(
        &dir,
        2,
        &["client", "add", "s.db", "--jwks", "jwks", "--jwks-url", "https://a.example/"],
        "cannot be used with",
    );
    for url in [
        "http://a.example/jwks",
        "ftp://a.example/",
        "https://",
        "a.example",
        "http://127.0.0.1.a.example/",
        "https:///x",
    ] {
        refused(
            &dir,
            2,
            &["client", "add", "s.db", "--jwks-url", url, "--scope", "system/*.rs"],
            "https://",
        );
    }
    assert_eq!(clients(&dir), 1);
    let two = ["--scope", "system/Patient.rs", "--scope", "system/Group.read"];
    for (id, how) in
        [("file", ["--jwks", "jwks"]), ("url", ["--jwks-url", "https://a.example/jwks"])]
    {
        let args =
            [&["client", "add", "s.db", "--json", "--client-id", id][..], &how, &two].concat();
        let added = json_of(&dir, &args).remove(0);
        assert_eq!(added["scope"], "system/Patient.rs system/Group.read");
        assert_eq!(added["keys"], if id == "url" { "https://a.example/jwks" } else { &kid });
    }
    // Other keys, the scope as it was.
    let rotated =
        json_of(&dir, &["client", "rotate", "s.db", "file", "--new-key", "other.pem", "--json"]);
    assert_eq!(rotated[0]["scope"], "system/Patient.rs system/Group.read");
    assert_ne!(rotated[0]["keys"], *kid);
    dir.check("s.db");
}

/// <https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2>: a coordinate has the size of the curve's.
#[test]
fn a_key_with_a_coordinate_that_is_too_short_is_refused() {
    let dir = Dir::new();
    let (x, y) = ("A".repeat(4), "A".repeat(64));
    let key = json!({"kty": "EC", "crv": "P-384", "kid": "k", "x": x, "y": y});
    dir.write("jwks", json!({"keys": [key]}).to_string());
    let args = ["client", "add", "s.db", "--jwks", "jwks", "--scope", "system/*.rs"];
    refused(&dir, 2, &args, "no key for RS384");
}

fn issue<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["token", "issue", "s.db"][..], args].concat()
}

#[test]
fn users_and_tokens_are_made_by_hand() {
    let dir = Dir::new();
    dir.import(0, &["s.db", dir.write("in.ndjson", patient("x", "")).to_str().expect("UTF-8")]);
    refused(&dir, 3, &["user", "add", "s.db", "anna"], "client add");
    Client::add(&dir, "s.db", "app");
    let added = ran(&dir, 0, &["user", "add", "s.db", "anna"]).stdout;
    let anna = number(&dir, "anna");
    assert!(added.contains(&format!("oneup_user_id  {anna}")) && added.contains("app"), "{added}");
    refused(&dir, 2, &["user", "add", "s.db", "anna"], "already");
    for odd in ["", " ", "a\tb", &"x".repeat(256)] {
        refused(&dir, 2, &["user", "add", "s.db", odd], "app_user_id should");
    }
    let keyed = [
        "client",
        "add",
        "s.db",
        "--client-id",
        "keyed",
        "--new-key",
        "k.pem",
        "--scope",
        "system/Patient.rs system/Group.rs",
    ];
    ran(&dir, 0, &keyed);
    refused(&dir, 2, &["user", "add", "s.db", "ben"], "--client");
    refused(&dir, 3, &["user", "add", "s.db", "ben", "--client", "none"], "no client");
    ran(&dir, 0, &["user", "add", "s.db", "ben", "--client", "keyed"]);
    ran(&dir, 0, &["user", "add", "s.db", "anna", "--client", "keyed"]);
    refused(&dir, 2, &["user", "deactivate", "s.db", "anna"], "--client");
    refused(&dir, 3, &["user", "deactivate", "s.db", "ben", "--client", "app"], "no user");
    let told = ran(&dir, 0, &["user", "deactivate", "s.db", "ben"]).stdout;
    assert!(told.contains("ben is inactive"), "{told}");
    let listed = json_of(&dir, &["user", "list", "s.db", "--json"]);
    let names = |users: &[Value]| -> Vec<String> {
        users
            .iter()
            .map(|user| {
                format!(
                    "{} {} {}",
                    user["app_user_id"].as_str().unwrap_or_default(),
                    user["client_id"].as_str().unwrap_or_default(),
                    user["active"]
                )
            })
            .collect()
    };
    assert_eq!(names(&listed), ["anna app true", "ben keyed false", "anna keyed true"]);
    assert_eq!(listed[0]["oneup_user_id"], anna);
    let listed = ran(&dir, 0, &["user", "list", "s.db", "--client", "app"]).stdout;
    assert!(listed.contains("anna") && !listed.contains("ben"), "{listed}");
    refused(&dir, 3, &["user", "list", "s.db", "--client", "none"], "no client");

    refused(&dir, 2, &issue(&[]), "--user");
    refused(&dir, 2, &issue(&["--user", "anna"]), "--client");
    refused(&dir, 3, &issue(&["--user", "nobody"]), "no user");
    refused(&dir, 3, &issue(&["--client", "none"]), "no client");
    refused(&dir, 2, &issue(&["--user", "ben"]), "not active");
    ran(&dir, 0, &["user", "activate", "s.db", "ben"]);
    refused(&dir, 2, &issue(&["--user", "ben", "--scope", "system/*.rs"]), "--scope");
    refused(&dir, 2, &issue(&["--client", "keyed", "--scope", "system/Observation.rs"]), "scope");
    refused(&dir, 2, &issue(&["--client", "app", "--scope", "system/*.rs"]), "--scope");
    refused(&dir, 2, &issue(&["--user", "ben", "--ttl", "soon"]), "24h");
    let lived = |tokens: &Value| tokens["expires_in"].as_u64();
    let of_anna = json_of(&dir, &issue(&["--user", "anna", "--client", "app", "--json"])).remove(0);
    assert_eq!((lived(&of_anna), &of_anna["scope"]), (Some(7200), &json!("user/*.*")));
    assert!(of_anna.get("refresh_token").is_none(), "{of_anna}");
    let keyed = json_of(&dir, &issue(&["--client", "keyed", "--json"])).remove(0);
    assert_eq!(
        (lived(&keyed), &keyed["scope"]),
        (Some(300), &json!("system/Patient.rs system/Group.rs"))
    );
    let less = json_of(
        &dir,
        &issue(&["--client", "keyed", "--scope", "system/Group.rs", "--ttl", "15m", "--json"]),
    )
    .remove(0);
    assert_eq!((lived(&less), &less["scope"]), (Some(900), &json!("system/Group.rs")));
    let plain = ran(&dir, 0, &issue(&["--client", "app"])).stdout;
    let served = dir.serve(&REQUIRED);
    let read = |token: &str| served.get_with("/fhir/Patient/x", &bearer(token)).status;
    // What is nobody's is for the client with keys, where its scope has it.
    assert_eq!(read(keyed["access_token"].as_str().expect("a token")), 200);
    assert_eq!(read(less["access_token"].as_str().expect("a token")), 403);
    assert_eq!(read(of_anna["access_token"].as_str().expect("a token")), 404);
    assert_eq!(read(plain.trim_end()), 404);
    assert_eq!(plain.trim_end().len(), 64);
    dir.check("s.db");
}

#[test]
fn a_new_signing_key_ends_file_urls() {
    let (dir, app) = with_users(&["anna"]);
    dir.write("in.ndjson", patient("a", ""));
    dir.import(0, &["s.db", "in.ndjson", "--user", "anna"]);
    let served = dir.serve(&REQUIRED);
    let (to, headers) = (served.authority(), app.headers("client"));
    let manifest = get(to, EXPORT, &headers).json();
    let url = path(manifest["output"][0]["url"].as_str().expect("a url")).to_owned();
    assert_eq!(get(to, &url, &headers).status, 200);
    let told = ran(&dir, 0, &["key", "rotate", "s.db"]).stdout;
    assert!(told.contains("ended"), "{told}");
    get(to, &url, &headers).assert_outcome(403, "not signed by this store");
    assert_eq!(exported(to, &headers), stored(&dir, "s.db", &[number(&dir, "anna")]));
    refused(&dir, 3, &["key", "rotate", "missing.db"], "no store");
    assert_eq!(served.end("-TERM"), 0);
    dir.check("s.db");
}
