//! Who gets what: every caller at every door of both dialects, as one table.
//!
//! Four tenants share a store, each with resources that say whose they are. Whatever comes back is read
//! for these words: what is granted holds the caller's and nobody else's, what is refused holds none.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::bulk::{kick_off, location, path};
use crate::support::client::{Answer, send};
use crate::support::{Dir, Served};

/// What each caller is answered. A row is one caller, or several of a kind; `data of` somebody are their
/// resources, `exports of` somebody those that they began before.
const TABLE: &str = "
exports as they are asked for:  1up async typed system lenient patient post v4 publish
    nobody who is known       | 401 401   401   401    401     401     401  401 401
    whose user it is not      | 403 403   403   403    403     403     403  403 403
    who does not say for whom | 400 400   400   400    400     400     400  400 400
    ann                       | 200 202   200   202    202     202     202  202 200
    one for ann               | 200 202   200   202    202     202     202  202 200
    bob                       | 200 202   200   202    202     202     202  202 200
    one for bob               | 200 202   200   202    202     202     202  202 200
    one                       | 200 202   200   202    202     202     202  202 200
    one's token               | 200 202   200   202    202     202     202  202 200
    two                       | 200 202   200   202    202     202     202  202 200
    smart                     | 200 202   200   202    202     202     202  202 200
    smart, of Patient only    | 200 202   403   202    403     202     403  202 200
    smart, to read only       | 403 403   403   403    403     403     403  403 403
    smart, to search only     | 403 403   403   403    403     403     403  403 403
    keen                      | 200 202   200   202    202     202     202  202 200
    anybody, where it is open | 200 202   200   202    202     202     202  202 200

data of ann:  $export Group v4  1upGroup async-1upGroup read other vread deleted roster search _search
    nobody who is known       | 401 401 401 401 401   401 401 401 401 401   401 401
    whose user it is not      | 403 403 403 403 403   403 403 403 403 403   403 403
    who does not say for whom | 400 400 400 400 400   400 400 400 400 400   400 400
    ann                       | 202 202 202 403 403   200 200 200 410 200   200 200
    one for ann               | 202 202 202 200 202   200 200 200 410 200   200 200
    bob                       | 404 404 404 403 403   404 404 404 404 404   200 200
    one for bob               | 404 404 404 404 404   404 404 404 404 404   200 200
    one                       | 202 202 202 200 202   200 200 200 410 200   200 200
    one's token               | 202 202 202 403 403   200 200 200 410 200   200 200
    two                       | 404 404 404 404 404   404 404 404 404 404   200 200
    smart                     | 404 404 404 403 403   404 404 404 404 404   200 200
    smart, of Patient only    | 404 404 404 403 403   404 403 404 403 403   200 403
    smart, to read only       | 403 403 403 403 403   404 404 404 404 404   403 403
    smart, to search only     | 403 403 403 403 403   403 403 403 403 403   200 200
    keen                      | 404 404 404 403 403   404 404 404 404 404   200 200
    anybody, where it is open | 202 202 202 200 202   200 200 200 410 200   200 200

data of sue:  $export Group v4  1upGroup async-1upGroup read other vread deleted roster search _search
    nobody who is known       | 401 401 401 401 401   401 401 401 401 401   401 401
    whose user it is not      | 403 403 403 403 403   403 403 403 403 403   403 403
    who does not say for whom | 400 400 400 400 400   400 400 400 400 400   400 400
    ann                       | 404 404 404 403 403   404 404 404 404 404   200 200
    one for ann               | 404 404 404 404 404   404 404 404 404 404   200 200
    bob                       | 404 404 404 403 403   404 404 404 404 404   200 200
    one for bob               | 404 404 404 404 404   404 404 404 404 404   200 200
    one                       | 404 404 404 404 404   404 404 404 404 404   200 200
    one's token               | 404 404 404 403 403   404 404 404 404 404   200 200
    two                       | 404 404 404 404 404   404 404 404 404 404   200 200
    smart                     | 202 202 202 403 403   200 200 200 410 200   200 200
    smart, of Patient only    | 202 202 202 403 403   200 403 200 403 403   200 403
    smart, to read only       | 403 403 403 403 403   200 200 200 410 200   403 403
    smart, to search only     | 403 403 403 403 403   403 403 403 403 403   200 200
    keen                      | 404 404 404 403 403   404 404 404 404 404   200 200
    anybody, where it is open | 202 202 202 200 202   200 200 200 410 200   200 200

data of nobody:  $export Group v4  1upGroup async-1upGroup read other vread deleted roster search _search
    nobody who is known       | 401 401 401 401 401   401 401 401 401 401   401 401
    whose user it is not      | 403 403 403 403 403   403 403 403 403 403   403 403
    who does not say for whom | 400 400 400 400 400   400 400 400 400 400   400 400
    ann                       | 404 404 404 403 403   404 404 404 404 404   200 200
    one for ann               | 404 404 404 404 404   404 404 404 404 404   200 200
    bob                       | 404 404 404 403 403   404 404 404 404 404   200 200
    one for bob               | 404 404 404 404 404   404 404 404 404 404   200 200
    one                       | 404 404 404 404 404   404 404 404 404 404   200 200
    one's token               | 404 404 404 403 403   404 404 404 404 404   200 200
    two                       | 404 404 404 404 404   404 404 404 404 404   200 200
    smart                     | 202 202 202 403 403   200 200 200 410 200   200 200
    smart, of Patient only    | 202 202 202 403 403   200 403 200 403 403   200 403
    smart, to read only       | 403 403 403 403 403   200 200 200 410 200   403 403
    smart, to search only     | 403 403 403 403 403   403 403 403 403 403   200 200
    keen                      | 202 202 202 403 403   200 200 200 410 200   200 200
    anybody, where it is open | 202 202 202 200 202   200 200 200 410 200   200 200

exports of ann:  status 1up-status page  Patient Observation published  output 1up-output 1up-group blocks deletions error  DELETE 1up-DELETE
    nobody who is known       | 401 401 401  401 401 401  401 401 401 401 401 401  401 401
    whose user it is not      | 403 403 403  403 403 403  403 403 403 403 403 403  403 403
    who does not say for whom | 400 400 400  400 400 400  400 400 400 400 400 400  400 400
    ann                       | 200 200 200  200 200 200  200 200 200 200 200 200  202 202
    one for ann               | 200 200 200  200 200 200  200 200 200 200 200 200  202 202
    bob                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one for bob               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one's token               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    two                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart                     | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart, of Patient only    | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart, to read only       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart, to search only     | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    keen                      | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    anybody, where it is open | 404 404 404  403 403 403  404 404 404 404 404 404  404 404

exports of one:  status 1up-status page  Patient Observation published  output 1up-output 1up-group blocks deletions error  DELETE 1up-DELETE
    nobody who is known       | 401 401 401  401 401 401  401 401 401 401 401 401  401 401
    whose user it is not      | 403 403 403  403 403 403  403 403 403 403 403 403  403 403
    who does not say for whom | 400 400 400  400 400 400  400 400 400 400 400 400  400 400
    ann                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one for ann               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    bob                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one for bob               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one                       | 200 200 200  200 200 200  200 200 200 200 200 200  202 202
    one's token               | 200 200 200  200 200 200  200 200 200 200 200 200  202 202
    two                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart                     | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart, of Patient only    | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart, to read only       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart, to search only     | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    keen                      | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    anybody, where it is open | 404 404 404  403 403 403  404 404 404 404 404 404  404 404

exports of smart:  status 1up-status page  Patient Observation published  output 1up-output 1up-group blocks deletions error  DELETE 1up-DELETE
    nobody who is known       | 401 401 401  401 401 401  401 401 401 401 401 401  401 401
    whose user it is not      | 403 403 403  403 403 403  403 403 403 403 403 403  403 403
    who does not say for whom | 400 400 400  400 400 400  400 400 400 400 400 400  400 400
    ann                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one for ann               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    bob                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one for bob               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one's token               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    two                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart                     | 200 200 200  200 200 200  200 200 200 200 200 200  202 202
    smart, of Patient only    | 403 403 403  200 403 403  403 403 403 403 403 403  403 403
    smart, to read only       | 403 403 403  403 403 403  403 403 403 403 403 403  403 403
    smart, to search only     | 403 403 403  403 403 403  403 403 403 403 403 403  403 403
    keen                      | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    anybody, where it is open | 404 404 404  403 403 403  404 404 404 404 404 404  404 404

exports of anybody:  status 1up-status page  Patient Observation published  output 1up-output 1up-group blocks deletions error  DELETE 1up-DELETE
    nobody who is known       | 401 401 401  401 401 401  401 401 401 401 401 401  401 401
    whose user it is not      | 403 403 403  403 403 403  403 403 403 403 403 403  403 403
    who does not say for whom | 400 400 400  400 400 400  400 400 400 400 400 400  400 400
    ann                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one for ann               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    bob                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one for bob               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    one's token               | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    two                       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart                     | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart, of Patient only    | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart, to read only       | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    smart, to search only     | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    keen                      | 404 404 404  403 403 403  404 404 404 404 404 404  404 404
    anybody, where it is open | 200 200 200  200 200 200  200 200 200 200 200 200  202 202
";

const OPEN: &str = "anybody, where it is open";
const LONG_AGO: &str = "2000-01-01T00:00:00Z";

/// Whose resources there are: ann, bob and eve are users of `one` (eve is not active), cat one of `two`
/// that calls her ann too, sue one of `smart`, kim one of `keen`.
const TENANTS: [(&str, Option<(&str, &str)>); 7] = [
    ("ann", Some(("ann", "one"))),
    ("bob", Some(("bob", "one"))),
    ("eve", Some(("eve", "one"))),
    ("cat", Some(("ann", "two"))),
    ("sue", Some(("sue", "smart"))),
    ("kim", Some(("kim", "keen"))),
    ("nobody", None),
];

/// Whose data the callers of a row may see.
fn within_reach(row: &str) -> BTreeSet<&'static str> {
    BTreeSet::from_iter(match row {
        "ann" | "one for ann" => vec!["ann"],
        "bob" | "one for bob" => vec!["bob"],
        "one" | "one's token" => vec!["ann", "bob"],
        "two" => vec!["cat"],
        "keen" => vec!["kim", "nobody"],
        OPEN => TENANTS.map(|(name, _)| name).to_vec(),
        row if row.starts_with("smart") => vec!["sue", "nobody"],
        _ => vec![],
    })
}

/// Who is named in a text by what only their resources hold.
fn named_in(text: &str) -> BTreeSet<&'static str> {
    let names = TENANTS.iter().map(|(name, _)| *name);
    names
        .filter(|name| {
            ["secret", "deleted"].iter().any(|it| text.contains(&format!("{name}-{it}")))
        })
        .collect()
}

/// A patient, what is about them, and a Group that counts somebody who is not there. So many that a
/// manifest of one each has two pages.
fn resources(of: &str, version: u32) -> String {
    let subject = format!("Patient/{of}");
    let mark = format!("{of}-secret-{version}");
    let mut lines = vec![
        json!({"resourceType": "Patient", "id": of, "name": [{"family": mark}]}),
        json!({"resourceType": "Group", "id": of, "type": "person", "actual": true, "name": mark,
            "member": [{"entity": {"reference": subject}},
                       {"entity": {"reference": format!("Patient/{of}-secret-missing")}}]}),
        json!({"resourceType": "Observation", "id": format!("{of}-deleted"), "valueString": mark,
            "subject": {"reference": subject}}),
    ];
    lines.extend((0..10).map(|n| {
        let id = if n == 0 { of.to_owned() } else { format!("{of}-{n}") };
        json!({"resourceType": "Observation", "id": id, "valueString": mark,
            "subject": {"reference": subject}})
    }));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

struct Caller {
    row: &'static str,
    name: String,
    headers: String,
}

/// A server, begun anew before wrong credentials would have to wait: waiting is another matter.
struct Door<'a> {
    dir: &'a Dir,
    args: &'static [&'static str],
    served: RefCell<(Served, u32)>,
}

impl<'a> Door<'a> {
    fn new(dir: &'a Dir, args: &'static [&'static str]) -> Door<'a> {
        Door { dir, args, served: RefCell::new((dir.serve(args), 0)) }
    }

    fn send(&self, asked: &Asked, headers: &str) -> Answer {
        let Asked { method, path, headers: own, body } = asked;
        let headers = format!("{own}{headers}");
        let (served, refused) = &mut *self.served.borrow_mut();
        let answer = match body {
            Body::None => send(served.authority(), method, path, &headers, b""),
            Body::Form(form) => {
                let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
                let headers = format!("{kind}Content-Length: {}\r\n{headers}", form.len());
                send(served.authority(), method, path, &headers, form.as_bytes())
            }
            Body::Parameters(name, value) => {
                kick_off(served.authority(), path, &[(name, value)], &headers)
            }
        };
        *refused += u32::from(answer.status == 401);
        if *refused == 4 {
            (*served, *refused) = (self.dir.serve(self.args), 0);
        }
        answer
    }

    fn get(&self, path: &str, headers: &str) -> Answer {
        self.send(&Asked::get(path), headers)
    }

    /// Where the status of an export is that begins so, once it is complete.
    fn begun(&self, asked: &Asked, headers: &str) -> String {
        let place = path(&location(&self.send(asked, headers))).to_owned();
        assert_eq!(self.complete(&place, headers).status, 200);
        place
    }

    fn complete(&self, place: &str, headers: &str) -> Answer {
        let polled = (0..100_000).map(|_| self.get(place, headers));
        polled.into_iter().find(|answer| answer.status != 202).expect("an end")
    }

    /// An answer, and all that a client gets by going on from it: the manifest and its files.
    fn all_of(&self, answer: &Answer, headers: &str) -> String {
        let mut text = format!("{}\n{}\n", answer.head, answer.text());
        let complete;
        let manifest = match answer.header("content-location") {
            Some(url) => {
                complete = self.complete(path(url), headers);
                assert_eq!(complete.status, 200, "{url}: {}", complete.text());
                text.push_str(&complete.text());
                &complete
            }
            None => answer,
        };
        if manifest.header("content-type") == Some("application/json") {
            for (_, url) in files(&manifest.json()) {
                let file = self.get(&url, headers);
                assert_eq!(file.status, 200, "{url}: {}", file.text());
                text.push_str(&file.text());
            }
        }
        text
    }
}

/// The files of a manifest: what they are (for those of resources their type), and their paths.
fn files(manifest: &Value) -> Vec<(String, String)> {
    let of = |kind: &'static str| {
        let entries = manifest[kind].as_array().map(Vec::as_slice).unwrap_or_default();
        entries.iter().map(move |file| {
            let what = if kind == "output" { file["type"].as_str() } else { Some(kind) };
            let url = file["url"].as_str().expect("a url");
            (what.unwrap_or("blocks").to_owned(), path(url).to_owned())
        })
    };
    ["output", "deleted", "error", "outcome"].into_iter().flat_map(of).collect()
}

fn file(manifest: &Value, what: &str) -> String {
    let found = files(manifest).into_iter().find(|(known, _)| known == what);
    found.unwrap_or_else(|| panic!("no {what} in {manifest}")).1
}

#[derive(Clone)]
struct Asked {
    method: &'static str,
    path: String,
    headers: &'static str,
    body: Body,
}

#[derive(Clone)]
enum Body {
    None,
    Form(String),
    Parameters(&'static str, &'static str),
}

impl Asked {
    fn get(path: impl Into<String>) -> Asked {
        Asked { method: "GET", path: path.into(), headers: "", body: Body::None }
    }

    fn apart(path: impl Into<String>) -> Asked {
        Asked { headers: "Prefer: respond-async\r\n", ..Asked::get(path) }
    }

    fn post(path: impl Into<String>, body: Body) -> Asked {
        Asked { method: "POST", body, ..Asked::get(path) }
    }
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn secret(client_id: &str, client_secret: &str) -> String {
    format!("client_id: {client_id}\r\nclient_secret: {client_secret}\r\n")
}

fn for_whom(user: &str) -> String {
    format!("x-oneup-user-id: {user}\r\n")
}

/// Runs the program, which must do it; what it prints.
fn run(dir: &Dir, line: &str, more: &[&str]) -> String {
    let ran = dir.run(line.split(' ').chain(more.iter().copied()));
    assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    ran.stdout.trim_end().to_owned()
}

/// The store, and everybody who comes to it.
fn settled(dir: &Dir) -> Vec<Caller> {
    let secret_of = |line: &str| {
        let made: Value = serde_json::from_str(&run(dir, line, &["--json"])).expect("JSON");
        made["client_secret"].as_str().expect("a secret").to_owned()
    };
    let add = |name: &str| secret_of(&format!("client add s.db --client-id {name}"));
    let (one_before, two, gone) = (add("one"), add("two"), add("gone"));
    for name in ["smart", "keen"] {
        let line = format!("client add s.db --client-id {name} --new-key {name}.pem");
        run(dir, &line, &["--scope", "system/*.rs"]);
    }
    run(dir, "user add s.db old --client gone", &[]);
    for (name, user) in TENANTS {
        let mut args = vec![];
        if let Some((app_user_id, client)) = user {
            run(dir, &format!("user add s.db {app_user_id} --client {client}"), &[]);
            args = vec!["--user", app_user_id, "--client", client];
        }
        for version in [1, 2] {
            dir.write("in.ndjson", resources(name, version));
            dir.import(0, &[&["s.db", "in.ndjson"], &args[..]].concat());
        }
        run(dir, &format!("delete s.db Observation/{name}-deleted"), &[]);
    }
    let users = run(dir, "user list s.db --json", &[]);
    let users: BTreeMap<(String, String), String> = users
        .lines()
        .map(|line| {
            let user: Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| user[name].as_str().expect("a text").to_owned();
            ((text("app_user_id"), text("client_id")), user["oneup_user_id"].to_string())
        })
        .collect();
    let id = |user: &str, client: &str| users[&(user.to_owned(), client.to_owned())].as_str();
    let issue = |args: &str| run(dir, &format!("token issue s.db {args}"), &[]);

    // What was good once.
    let (one_token_before, smart_before) = (issue("--client one"), issue("--client smart"));
    let one = secret_of("client rotate s.db one");
    run(dir, "client rotate s.db smart --new-key smart-2.pem", &[]);
    // After that, which ends the tokens of its users too.
    let ann_before = issue("--user ann --client one");
    run(dir, "user deactivate s.db ann --client one", &[]);
    run(dir, "user activate s.db ann --client one", &[]);
    let eve = issue("--user eve");
    run(dir, "user deactivate s.db eve", &[]);
    let (gone_token, old_token) = (issue("--client gone"), issue("--user old"));
    run(dir, "client remove s.db gone", &[]);
    let (ann, code, refresh) = signed_in(dir, &secret("one", &one));
    let one_for = |user: &str| secret("one", &one) + &for_whom(user);
    let all = for_whom("client");
    let limited = |scope: &str| {
        let token = run(dir, "token issue s.db --client smart --scope", &[scope]);
        bearer(&token)
    };
    let [unknown, foreign] = ["nobody who is known", "whose user it is not"];
    let callers = [
        (unknown, "nothing", String::new()),
        (unknown, "a bare Bearer", "Authorization: Bearer\r\n".to_owned()),
        (unknown, "a token that never was", bearer(&"0".repeat(64))),
        (unknown, "a token and more", bearer(&format!("{ann}0"))),
        (unknown, "a wrong token beside the right secret", bearer("x") + &one_for("client")),
        (unknown, "another scheme", format!("Authorization: Basic {ann}\r\n")),
        (unknown, "a code", bearer(&code)),
        (unknown, "a refresh token", bearer(&refresh)),
        (unknown, "a secret as a token", bearer(&one)),
        (unknown, "a wrong secret", secret("one", &"0".repeat(64)) + &all),
        (unknown, "another's secret", secret("one", &two) + &all),
        (unknown, "no such client", secret("three", &one) + &all),
        (unknown, "a secret of who has none", secret("smart", &one) + &all),
        (unknown, "the id alone", format!("client_id: one\r\n{all}")),
        (unknown, "ann before she was inactive", bearer(&ann_before)),
        (unknown, "eve, who is inactive", bearer(&eve)),
        (unknown, "one's secret before", secret("one", &one_before) + &all),
        (unknown, "one's token before", bearer(&one_token_before)),
        (unknown, "smart before", bearer(&smart_before)),
        (unknown, "a removed client", secret("gone", &gone) + &all),
        (unknown, "a removed client's token", bearer(&gone_token)),
        (unknown, "a removed client's user", bearer(&old_token)),
        (foreign, "two for ann of one", secret("two", &two) + &for_whom(id("ann", "one"))),
        (foreign, "one for cat", one_for(id("ann", "two"))),
        (foreign, "one for sue", one_for(id("sue", "smart"))),
        (foreign, "one for eve", one_for(id("eve", "one"))),
        (foreign, "one for ann by name", one_for("ann")),
        (foreign, "one for nobody", one_for("0")),
        ("who does not say for whom", "one", secret("one", &one)),
        ("ann", "ann", bearer(&ann)),
        ("one for ann", "one for ann", one_for(id("ann", "one"))),
        ("bob", "bob", bearer(&issue("--user bob"))),
        ("one for bob", "one for bob", one_for(id("bob", "one"))),
        ("one", "one", one_for("client")),
        ("one's token", "one's token", bearer(&issue("--client one"))),
        ("two", "two", secret("two", &two) + &all),
        ("smart", "smart", bearer(&issue("--client smart"))),
        ("smart, of Patient only", "system/Patient.rs", limited("system/Patient.rs")),
        ("smart, of Patient only", "system/Patient.read", limited("system/Patient.read")),
        ("smart, to read only", "system/*.r", limited("system/*.r")),
        ("smart, to search only", "system/*.s", limited("system/*.s")),
        ("keen", "keen", bearer(&issue("--client keen"))),
    ];
    // Last, so that they are still in the store when they are shown.
    let expired = [
        ("ann, expired", issue("--user ann --client one")),
        ("one, expired", issue("--client one")),
        ("smart, expired", issue("--client smart")),
    ];
    for (name, token) in &expired {
        let hash = Sha256::digest(token).to_vec();
        let sql = "UPDATE token SET expires_at = issued_at - 1 WHERE hash = ?1";
        assert_eq!(dir.open("s.db").execute(sql, [hash]), Ok(1), "{name}");
    }
    let expired = expired.map(|(name, token)| (unknown, name, bearer(&token)));
    let caller =
        |(row, name, headers): (_, &str, _)| Caller { row, name: name.to_owned(), headers };
    expired.into_iter().chain(callers).map(caller).collect()
}

/// ann's access token, by the way that 1upHealth has, the code that was exchanged for it, and the refresh
/// token that came with it.
fn signed_in(dir: &Dir, secret: &str) -> (String, String, String) {
    let served = dir.serve(&["s.db", "--auth", "required"]);
    let post = |path: &str| {
        let answer = send(served.authority(), "POST", path, secret, b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let text = |of: &Value, name: &str| of[name].as_str().expect("a text").to_owned();
    let code = text(&post("/user-management/v1/user/auth-code?app_user_id=ann"), "code");
    let exchange = format!("/oauth2/token?grant_type=authorization_code&code={code}");
    let tokens = post(&exchange);
    (text(&tokens, "access_token"), code, text(&tokens, "refresh_token"))
}

/// Whose exports there are, and by whom of the callers, with whose Group.
const OWNERS: [(&str, &str, &str); 4] = [
    ("ann", "one for ann", "ann"),
    ("one", "one", "bob"),
    ("smart", "smart", "sue"),
    ("anybody", "", "ann"),
];

/// Begins exports of all kinds; where each thing of them is, by the table's columns.
fn begin(door: &Door<'_>, headers: &str, group: &str) -> BTreeMap<&'static str, String> {
    let manifest = |place: &str| door.get(place, headers).json();
    let paged = "/fhir/$export?allowPartialManifests=true&_maximumFileSize=1";
    let paged = door.begun(&Asked::get(paged), headers);
    let apart = door.begun(&Asked::apart("/bulk-data/r4/$export"), headers);
    let members = Asked::get(format!("/fhir/Group/{group}/$export?_since={LONG_AGO}"));
    let members = door.begun(&members, headers);
    let by_patient = Asked::get("/fhir/Patient/$export?organizeOutputBy=Patient");
    let by_patient = manifest(&door.begun(&by_patient, headers));
    let (plain, published) = (manifest("/bulk-data/r4/$export"), manifest("/fhir/$bulk-publish"));
    // Who has no secret cannot begin it, but may have the file of another export where this one's are.
    let of_group = match headers.contains("Bearer") {
        true => {
            let file = file(&manifest(&members), "Observation");
            file.replace("/fhir/jobs/", "/bulk-data/r4/$export/file/")
        }
        false => file(&manifest(&format!("/bulk-data/r4/Group/{group}/$export")), "Observation"),
    };
    let members = manifest(&members);
    BTreeMap::from([
        ("status", paged.clone()),
        ("1up-status", apart.clone()),
        ("page", format!("{paged}/manifest/2")),
        ("Patient", file(&plain, "Patient")),
        ("Observation", file(&plain, "Observation")),
        ("published", file(&published, "Observation")),
        ("output", file(&members, "Observation")),
        ("1up-output", file(&manifest(&apart), "Observation")),
        ("1up-group", of_group),
        ("blocks", file(&by_patient, "blocks")),
        ("deletions", file(&members, "deleted")),
        ("error", file(&members, "error")),
    ])
}

/// What a column stands for, where it is about somebody's data or about nobody's in particular.
fn asked(column: &str, of: &str) -> Asked {
    match column {
        "1up" => Asked::get("/bulk-data/r4/$export"),
        "async" => Asked::apart("/bulk-data/r4/$export"),
        "typed" => Asked::get("/bulk-data/r4/$export?_type=Patient,Observation"),
        "system" => Asked::get("/fhir/$export"),
        "lenient" => Asked {
            headers: "Prefer: handling=lenient\r\n",
            ..Asked::get("/fhir/$export?_type=Patient,Observation&x=y")
        },
        "patient" => Asked::get("/fhir/Patient/$export"),
        "post" => Asked::post("/fhir/$export", Body::Parameters("_type", "Observation")),
        "v4" if of.is_empty() => {
            Asked::post("/fhir/$export-v4", Body::Parameters("_since", LONG_AGO))
        }
        "publish" => Asked::get("/fhir/$bulk-publish"),
        "$export" => Asked::get(format!("/fhir/Patient/{of}/$export")),
        "Group" => Asked::get(format!("/fhir/Group/{of}/$export")),
        "v4" => Asked::post(
            format!("/fhir/Group/{of}/$export-v4"),
            Body::Parameters("_since", LONG_AGO),
        ),
        "1upGroup" => Asked::get(format!("/bulk-data/r4/Group/{of}/$export")),
        "async-1upGroup" => Asked::apart(format!("/bulk-data/r4/Group/{of}/$export")),
        "read" => Asked::get(format!("/fhir/Patient/{of}")),
        "other" => Asked::get(format!("/fhir/Observation/{of}")),
        "vread" => Asked::get(format!("/fhir/Patient/{of}/_history/1")),
        "deleted" => Asked::get(format!("/fhir/Observation/{of}-deleted")),
        "roster" => Asked::get(format!("/fhir/Group/{of}")),
        "search" => Asked::get(format!("/fhir/Patient?_id={of}")),
        "_search" => Asked::post("/fhir/Observation/_search", Body::Form(format!("_id={of}"))),
        _ => panic!("{column}?"),
    }
}

/// What a refused answer is about, where that may not be there for all that the caller knows: a job's id,
/// or the name of whose data it is.
fn subject(path: &str, of: &str) -> Option<String> {
    let is_job = |word: &&str| word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let job = path.split('/').find(is_job);
    let named = format!("/{of}");
    job.map(|id| format!("/{id}")).or(path.contains(&named).then_some(named))
}

fn without_date(answer: &Answer) -> Vec<&str> {
    answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect()
}

#[test]
fn everybody_gets_what_is_theirs_and_nobody_anything_else() {
    let dir = Dir::new();
    let callers = settled(&dir);
    let required = Door::new(&dir, &["s.db", "--auth", "required"]);
    let open = Door::new(&dir, &["s.db"]);
    let owners = OWNERS.map(|(owner, row, group)| {
        let caller = callers.iter().find(|caller| caller.row == row);
        let door = if caller.is_some() { &required } else { &open };
        let headers = caller.map_or("", |caller| caller.headers.as_str());
        (owner, (door, headers, begin(door, headers, group)))
    });
    let owners = BTreeMap::from(owners);

    let mut section = ("", "");
    let mut columns: Vec<&str> = Vec::new();
    let mut answered = 0;
    for line in TABLE.lines().filter(|line| !line.is_empty()) {
        let Some((row, expected)) = line.split_once('|') else {
            let (title, names) = line.split_once(':').expect("a title");
            section = title.split_once(" of ").unwrap_or((title, ""));
            columns = names.split_whitespace().collect();
            continue;
        };
        let row = row.trim();
        let expected: Vec<u16> =
            expected.split_whitespace().map(|code| code.parse().expect("a status")).collect();
        assert_eq!(expected.len(), columns.len(), "{line}");
        let door = if row == OPEN { &open } else { &required };
        let callers: Vec<_> =
            callers.iter().filter(|caller| row == OPEN || caller.row == row).collect();
        assert!(!callers.is_empty(), "{row}?");
        for Caller { name, headers, .. } in callers {
            for (column, status) in columns.iter().copied().zip(expected.iter().copied()) {
                let (kind, of) = section;
                let asked = match (kind, column) {
                    ("exports", "DELETE" | "1up-DELETE") => {
                        let (door, headers, _) = &owners[of];
                        let begun = match column {
                            "DELETE" => Asked::get("/fhir/$export"),
                            _ => Asked::apart("/bulk-data/r4/$export"),
                        };
                        Asked { method: "DELETE", ..Asked::get(door.begun(&begun, headers)) }
                    }
                    ("exports", column) => Asked::get(owners[of].2[column].clone()),
                    _ => asked(column, of),
                };
                let answer = door.send(&asked, headers);
                let case = format!("{kind} of {of}: {name} ({row}) at {column} {}", asked.path);
                assert_eq!(answer.status, status, "{case}: {}", answer.text());
                answered += 1;
                if status >= 400 {
                    refused(door, &asked, headers, of, &answer, &case);
                } else {
                    granted(door, headers, (kind, column, of, row), &answer, &case);
                }
                if asked.method == "DELETE" {
                    let (door, headers, _) = &owners[of];
                    let is_there = door.get(&asked.path, headers).status == 200;
                    assert_eq!(is_there, status >= 400, "{case}");
                }
            }
        }
    }
    assert!(answered > 5000, "only {answered} answers");
}

/// Nothing of anybody's is in it, nor whether there is anything.
fn refused(door: &Door<'_>, asked: &Asked, headers: &str, of: &str, answer: &Answer, case: &str) {
    // But for what the caller said.
    let said = asked.path.rsplit('/').next().unwrap_or_default();
    let text = format!("{}{}", answer.head, answer.text().replace(said, ""));
    assert!(named_in(&text).is_empty(), "{case}: {text}");
    assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{case}");
    let is_challenge = answer.header("www-authenticate").is_some();
    // An open server has nothing to be shown.
    let is_asked = matches!(answer.status, 401 | 403) && !case.contains("where it is open");
    assert_eq!(is_challenge, is_asked, "{case}");
    if answer.status == 404 {
        let subject = subject(&asked.path, of).unwrap_or_else(|| panic!("{case}: not there?"));
        let never = format!("/{}", "0".repeat(subject.len() - 1));
        let path = asked.path.replace(&subject, &never);
        let other = door.send(&Asked { path, ..asked.clone() }, headers);
        assert_eq!(other.text(), answer.text().replace(&subject, &never), "{case}");
        assert_eq!(without_date(&other), without_date(answer), "{case}");
    }
}

/// All that is the caller's is in it as far as it was asked for, and nothing that is not.
fn granted(
    door: &Door<'_>,
    headers: &str,
    (kind, column, of, row): (&str, &str, &str, &str),
    answer: &Answer,
    case: &str,
) {
    let text = door.all_of(answer, headers);
    let mine = within_reach(row);
    let found = named_in(&text);
    assert!(found.is_subset(&mine), "{case}: {found:?} in {text}");
    let is_limited = row.starts_with("smart, ");
    match kind {
        "data" if !is_limited => {
            let expected = mine.iter().filter(|name| **name == of).copied().collect();
            assert_eq!(found, expected, "{case}: {text}");
        }
        "data" => assert!(found.iter().all(|name| *name == of), "{case}: {text}"),
        "exports" if column.contains("DELETE") => assert!(found.is_empty(), "{case}: {text}"),
        "exports" => assert!(!found.is_empty(), "{case}: {text}"),
        _ if row.ends_with("to read only") || row.ends_with("to search only") => {
            assert!(found.is_empty(), "{case}: {text}");
        }
        _ => assert_eq!(found, mine, "{case}: {text}"),
    }
    if row.ends_with("of Patient only") {
        assert!(!text.contains("Observation") && !text.contains(":\"Group\""), "{case}: {text}");
    }
    if column.ends_with("search") {
        let bundle = answer.json();
        assert_eq!(bundle["total"], u64::from(mine.contains(of)), "{case}: {bundle}");
    }
    if row != OPEN {
        let is_public = answer.header("cache-control").is_some_and(|it| it.contains("public"));
        assert!(!is_public, "{case}");
    }
}

/// Who may not read a Group (403) is not told who is in it by what an export says of its members.
#[test]
fn a_scope_without_group_says_nothing_of_its_members() {
    let dir = Dir::new();
    run(&dir, "client add s.db --client-id smart --new-key k.pem --scope system/*.rs", &[]);
    dir.write("in.ndjson", resources("nobody", 1));
    dir.import(0, &["s.db", "in.ndjson"]);
    let token = run(&dir, "token issue s.db --client smart --scope system/Device.rs", &[]);
    let (door, headers) = (Door::new(&dir, &["s.db", "--auth", "required"]), bearer(&token));
    assert_eq!(door.get("/fhir/Group/nobody", &headers).status, 403);
    let answer = door.get("/fhir/Group/nobody/$export", &headers);
    let text = door.all_of(&answer, &headers);
    assert!(!text.contains("nobody-secret"), "{text}");
}
