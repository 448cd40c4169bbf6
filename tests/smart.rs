//! SMART Backend Services: scopes, what is exported and read within them, and a client that nobody here wrote.
//!
//! <https://hl7.org/fhir/smart-app-launch/backend-services.html>. `tests/assertions.rs` is about signing in.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use crate::clients::{assert_same, fetch, stored};
use crate::support::bulk::{kick_off, location, path};
use crate::support::signer::Signer;
use crate::support::smart::{
    EVERYTHING, FORM, ask, endpoint, granted, post, protected, refused, register, tokens,
};
use crate::support::{Dir, Served, project, tool};

#[test]
fn what_is_granted_is_what_is_registered_and_asked_for() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = Dir::new();
    let keys = signer.jwks(&["RSA/a"]);
    let narrow = "system/Patient.rs system/Observation.read system/Group.r system/Device.s";
    register(&dir, "wide", "--jwks", &keys, EVERYTHING);
    register(&dir, "narrow", "--jwks", &keys, narrow);
    let served = protected(&dir);
    let url = endpoint(&served);
    let types = "AllergyIntolerance CarePlan CareTeam Condition Device DiagnosticReport DocumentReference \
                 Encounter Goal Immunization Location Medication MedicationRequest Observation Organization \
                 Patient Practitioner PractitionerRole Procedure Provenance RelatedPerson";
    let many: Vec<_> = types.split_whitespace().map(|name| format!("system/{name}.read")).collect();
    assert_eq!(many.len(), 21);
    let many = many.join(" ");
    for (client, requested, expected) in [
        ("wide", "system/*.rs", "system/*.rs"),
        ("wide", "system/*.read", "system/*.read"),
        ("wide", "system/*.*", "system/*.read"),
        ("wide", "system/*.cruds", "system/*.rs"),
        ("wide", "system/Patient.r", "system/Patient.r"),
        ("wide", "  system/Patient.rs   system/Patient.rs ", "system/Patient.rs"),
        ("wide", many.as_str(), many.as_str()),
        ("narrow", "system/Patient.rs", "system/Patient.rs"),
        ("narrow", "system/Patient.read", "system/Patient.read"),
        ("narrow", "system/Patient.cruds", "system/Patient.rs"),
        ("narrow", "system/Group.rs", "system/Group.r"),
        ("narrow", "system/Device.read system/Patient.s", "system/Device.s system/Patient.s"),
        ("narrow", "openid launch system/Condition.rs system/Patient.r", "system/Patient.r"),
        (
            "narrow",
            "system/*.rs",
            "system/Device.s system/Group.r system/Observation.rs system/Patient.rs",
        ),
        ("narrow", "system/*.r", "system/Group.r system/Observation.r system/Patient.r"),
        ("narrow", many.as_str(), "system/Device.s system/Observation.read system/Patient.read"),
    ] {
        let answer = ask(&served, &signer.sign(client, &url, json!({})), requested);
        granted(&answer, expected);
    }
    let before = tokens(&dir);
    let finer = "system/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory";
    for requested in [
        finer,
        &format!("system/*.rs {finer}"),
        &format!("{finer} system/*.rs"),
        "system/Condition.rs",
        "system/Patient.cud",
        "system/Patient.write",
        "user/*.rs",
        "patient/Patient.rs",
        "openid",
        "*",
        "system/*",
        "system/Patient",
        "system/Patient.",
        "system/Patient.sr",
        "system/Patient.reads",
        "system/.rs",
        "system/patient.rs",
        "system/Patient/1.rs",
        "system/Patient.rs,system/Observation.rs",
        "SYSTEM/Patient.rs",
    ] {
        let answer = ask(&served, &signer.sign("narrow", &url, json!({})), requested);
        refused(&answer, 400, "invalid_scope", requested);
    }
    assert_eq!(tokens(&dir), before);
}

/// Some of everybody's, what is a user's, and what was deleted.
fn data(dir: &Dir) {
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
    // Of somebody else: no client with keys gets to see it.
    assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "app"]).code, 0);
    assert_eq!(dir.run(["user", "add", "s.db", "u"]).code, 0);
    dir.write("own.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"hers\"}\n");
    dir.import(0, &["s.db", "own.ndjson", "--user", "u"]);
}

/// The names of what an export holds, by what `headers` show.
fn exported(
    served: &Served,
    from: &str,
    parameters: &[(&str, &str)],
    headers: &str,
) -> BTreeSet<String> {
    let started = kick_off(served.authority(), from, parameters, headers);
    let location = location(&started);
    let manifest = loop {
        let answer = served.get_with(path(&location), headers);
        if answer.status != 202 {
            assert_eq!(answer.status, 200, "{}", answer.text());
            break answer.json();
        }
        thread::yield_now();
    };
    assert_eq!(manifest["requiresAccessToken"], true);
    let mut names = BTreeSet::new();
    for list in ["output", "deleted", "error"] {
        for file in manifest[list].as_array().into_iter().flatten() {
            let url = path(file["url"].as_str().unwrap());
            assert_eq!(served.get(url).status, 401, "{url}");
            let answer = served.get_with(url, headers);
            assert_eq!(answer.status, 200, "{url}: {}", answer.text());
            for line in answer.text().lines() {
                let one: Value = serde_json::from_str(line).unwrap();
                names.insert(match list {
                    "output" => format!(
                        "{}/{}",
                        one["resourceType"].as_str().unwrap(),
                        one["id"].as_str().unwrap()
                    ),
                    _ => format!("{list}: {line}"),
                });
            }
        }
    }
    names
}

#[test]
fn exports_and_reads_stay_within_the_scope() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = Dir::new();
    data(&dir);
    register(&dir, "one", "--jwks", &signer.jwks(&["RSA/a"]), EVERYTHING);
    let served = protected(&dir);
    let url = endpoint(&served);
    let mut header =
        |scope: &str| granted(&ask(&served, &signer.sign("one", &url, json!({})), scope), scope);
    let names = |condition: &str| -> BTreeSet<String> {
        let db = dir.open("s.db");
        let sql =
            format!("SELECT type || '/' || id FROM resource WHERE id <> 'hers' AND {condition}");
        let mut statement = db.prepare(&sql).unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let everything = header(EVERYTHING);
    let time = served.get_with("/fhir/Group", &everything).json();
    let group = time["entry"][0]["resource"]["id"].as_str().unwrap().to_owned();
    let of_group = format!("/fhir/Group/{group}/$export");
    assert_eq!(exported(&served, "/fhir/$export", &[], &everything), names("TRUE"));

    let two = header("system/Patient.rs system/Condition.rs");
    let types = "type IN ('Patient', 'Condition')";
    for level in ["/fhir/$export", "/fhir/Patient/$export"] {
        assert_eq!(exported(&served, level, &[], &two), names(types), "{level}");
        let one = exported(&served, level, &[("_type", "Condition")], &two);
        assert_eq!(one, names("type = 'Condition'"), "{level}");
    }
    let whole: BTreeSet<_> = exported(&served, &of_group, &[], &everything);
    let within: BTreeSet<_> = exported(&served, &of_group, &[], &two);
    let is_within = |name: &&String| name.starts_with("Patient/") || name.starts_with("Condition/");
    assert_eq!(within, whole.iter().filter(is_within).cloned().collect());
    assert!(!within.is_empty() && within.len() < whole.len());
    for level in ["/fhir/$export", "/fhir/Patient/$export", of_group.as_str()] {
        for parameters in [
            [("_type", "Observation")],
            [("_type", "Patient,Observation")],
            [("_type", "Group")],
            [("includeAssociatedData", "LatestProvenanceResources")],
        ] {
            for prefer in ["", "Prefer: handling=lenient\r\n"] {
                let headers = format!("{two}{prefer}");
                let answer = kick_off(served.authority(), level, &parameters, &headers);
                answer.assert_outcome(403, "scope");
            }
        }
        // A filter is no way around it.
        let filter = [("_typeFilter", "Observation?_id=none")];
        let answer = kick_off(served.authority(), level, &filter, &two);
        assert!(matches!(answer.status, 400 | 403), "{level}: {}", answer.text());
    }
    let with_provenance = header("system/Patient.rs system/Provenance.rs");
    let associated = [("includeAssociatedData", "LatestProvenanceResources")];
    exported(&served, "/fhir/Patient/$export", &associated, &with_provenance);

    // Both rights are needed to export; reads and searches need their own.
    let (read, search) = (header("system/Patient.r"), header("system/Patient.s"));
    let patient = names("type = 'Patient'").pop_first().unwrap();
    let observation = names("type = 'Observation'").pop_first().unwrap();
    for (headers, path, status) in [
        (&read, format!("/fhir/{patient}"), 200),
        (&read, format!("/fhir/{patient}/_history/1"), 200),
        (&read, "/fhir/Patient".to_owned(), 403),
        (&read, "/fhir/Patient/$export?_type=Patient".to_owned(), 403),
        (&search, "/fhir/Patient".to_owned(), 200),
        (&search, format!("/fhir/{patient}"), 403),
        (&search, "/fhir/$export?_type=Patient".to_owned(), 403),
        (&two, format!("/fhir/{observation}"), 403),
        (&two, "/fhir/Observation/none".to_owned(), 403),
        (&two, "/fhir/Observation".to_owned(), 403),
        (&two, format!("/fhir/Group/{group}"), 403),
        (&everything, format!("/fhir/{observation}"), 200),
        (&everything, "/fhir/Patient/hers".to_owned(), 404),
    ] {
        let answer = served.get_with(&path, headers);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    // Of types that may be read, or searched, but not both, there is nothing to export.
    for rights in [&read, &search] {
        served.get_with("/fhir/$export", rights).assert_outcome(403, "no type");
    }

    // What was deleted is told within the scope only.
    let since = "2000-01-01T00:00:00Z";
    for gone in [&patient, &observation] {
        assert_eq!(dir.run(["delete", "s.db", gone]).code, 0);
    }
    let changed = exported(&served, "/fhir/$export", &[("_since", since)], &two);
    let deleted: Vec<_> = changed.iter().filter(|name| name.starts_with("deleted")).collect();
    assert!(deleted.iter().any(|line| line.contains(&patient)), "{deleted:?}");
    assert!(!deleted.iter().any(|line| line.contains("Observation/")), "{deleted:?}");
    dir.check("s.db");
}

#[test]
fn a_protected_server_says_how_to_get_in_and_nothing_of_what_is_there() {
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
        // When the server was started, and where.
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

#[test]
fn smart_fetch_signs_in_and_exports_at_each_level() {
    let Some(mut signer) = Signer::start() else { return };
    let dir = Dir::new();
    data(&dir);
    let more = ["--client-id", "pem", "--new-key", "key.pem", "--scope", EVERYTHING];
    assert_eq!(dir.run(["client", "add", "s.db"].iter().chain(&more)).code, 0);
    register(&dir, "jwks", "--jwks", &signer.jwks(&["RSA/a"]), EVERYTHING);
    register(&dir, "narrow", "--jwks", &signer.jwks(&["EC/a"]), "system/Patient.read");
    let mut keep = |file: &str, key: &str, alg: &str| {
        let more = json!({"private": true, "key_ops": ["sign"], "alg": alg});
        dir.write(file, json!({"keys": [signer.jwk(key, more)]}).to_string());
    };
    keep("rsa.jwks", "RSA/a", "RS384");
    keep("ec.jwks", "EC/a", "ES384");
    let served = protected(&dir);
    let base = format!("{}/fhir", served.url);
    let pem = ["--smart-client-id", "pem", "--smart-key", "key.pem"];
    let jwks = ["--smart-client-id", "jwks", "--smart-key", "rsa.jwks"];
    let narrow = ["--smart-client-id", "narrow", "--smart-key", "ec.jwks"];
    let not_hers = "id <> 'hers'";
    for (out, who) in [("by-pem", &pem), ("by-jwks", &jwks)] {
        let Some(system) = fetch(&dir, &base, out, who) else { return };
        assert!(!system.is_empty());
        assert_same(&system, &stored(&dir, &served, not_hers));
    }

    let without_devices = |found: &BTreeSet<(String, String)>| -> BTreeSet<(String, String)> {
        found.iter().filter(|(name, _)| !name.starts_with("Device/")).cloned().collect()
    };
    // For the patients it takes another base, below which nobody says where tokens are had: it is given one.
    let assertion = signer.sign("jwks", &endpoint(&served), json!({}));
    let token = granted(&ask(&served, &assertion, EVERYTHING), EVERYTHING);
    dir.write("token", token.trim_end().rsplit_once(' ').unwrap().1);
    let (of_patients, with_token) = (format!("{base}/Patient"), ["--bearer-token", "token"]);
    let Some(patients) = fetch(&dir, &of_patients, "patients", &with_token) else { return };
    let theirs = "(type = 'Patient' OR seq IN (SELECT seq FROM compartment))";
    let theirs = stored(&dir, &served, &format!("{theirs} AND {not_hers}"));
    assert_same(&without_devices(&patients), &theirs);

    let group: String = dir
        .open("s.db")
        .query_row("SELECT id FROM resource WHERE type = 'Group' ORDER BY id", (), |row| row.get(0))
        .unwrap();
    let with_group = [&pem[..], &["--group", &group]].concat();
    let Some(of_group) = fetch(&dir, &base, "group", &with_group) else { return };
    let all: BTreeSet<_> = of_group.iter().map(|(name, _)| name).collect();
    let (name, _) = of_group.iter().find(|(name, _)| name.starts_with("Patient/")).unwrap();
    let id = name.strip_prefix("Patient/").unwrap();
    let about = format!("seq IN (SELECT seq FROM compartment WHERE patient = '{id}')");
    let about = stored(&dir, &served, &about);
    assert!(about.iter().all(|(name, _)| all.contains(name)) && of_group.len() < patients.len());

    // From where the first run ended.
    let log = dir.text("by-pem/log.ndjson");
    let time = log.split("\"transactionTime\": \"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(dir.run(["delete", "s.db", &format!("Patient/{id}")]).code, 0);
    dir.write("new.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"new\"}\n");
    dir.import(0, &["s.db", "new.ndjson"]);
    dir.write("hers.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"hers\",\"active\":true}\n");
    dir.import(0, &["s.db", "hers.ndjson", "--user", "u"]);
    let since = [&pem[..], &["--since", time]].concat();
    let Some(changed) = fetch(&dir, &base, "changed", &since) else { return };
    assert_same(&changed, &stored(&dir, &served, "id = 'new'"));
    let deleted = dir.text("changed/deleted/Bundle.001.ndjson");
    assert!(deleted.lines().count() == 1 && deleted.contains(id), "{deleted}");

    let only = [&narrow[..], &["--type", "Patient"]].concat();
    let Some(within) = fetch(&dir, &base, "within", &only) else { return };
    assert_same(&within, &stored(&dir, &served, &format!("type = 'Patient' AND {not_hers}")));
    for (out, word, args) in [
        ("beyond", "does not cover", [&narrow[..], &["--type", "Patient,Condition"]].concat()),
        (
            "wrong",
            "not signed with a key",
            vec!["--smart-client-id", "jwks", "--smart-key", "ec.jwks"],
        ),
        (
            "nobody",
            "client is not known",
            vec!["--smart-client-id", "nobody", "--smart-key", "rsa.jwks"],
        ),
        ("without", "without authentication", vec![]),
    ] {
        let mut client = tool("smart-fetch").unwrap();
        client.current_dir(dir.path("")).args(["bulk", "--fhir-url", &base]);
        let ran = client.args(["--no-default-filters"]).args(args).arg(out).output().unwrap();
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        assert!(!ran.status.success() && said.contains(word), "{out}: {said}");
        let files = std::fs::read_dir(dir.path(out)).into_iter().flatten();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        assert_eq!(names.filter(|name| name.starts_with("Patient")).count(), 0, "{out}");
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0, "it deletes its jobs");
}
