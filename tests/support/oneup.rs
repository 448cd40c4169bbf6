//! Clients of the 1upHealth dialect, as the operator registers them and as they ask.

use serde_json::Value;

use super::client::{Answer, get, send};
use super::{Dir, Served};

pub const USER: &str = "/user-management/v1/user";
pub const CODE: &str = "/user-management/v1/user/auth-code";
pub const TOKEN: &str = "/oauth2/token";
pub const EXPORT: &str = "/bulk-data/r4/$export";

/// A client with its secret.
pub struct Client {
    pub id: String,
    pub secret: String,
}

/// What the token endpoint handed out.
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

impl Client {
    /// Registers one of this name.
    pub fn add(dir: &Dir, store: &str, id: &str) -> Client {
        let ran = dir.run(["client", "add", store, "--client-id", id, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let added: Value = serde_json::from_str(&ran.stdout).expect("one JSON object");
        let secret = added["client_secret"].as_str().expect("a secret").to_owned();
        Client { id: id.to_owned(), secret }
    }

    /// Headers that show who it is and for whom it asks.
    pub fn headers(&self, user: &str) -> String {
        format!("{}x-oneup-user-id: {user}\r\n", self.credentials())
    }

    /// Headers that show who it is.
    pub fn credentials(&self) -> String {
        format!("client_id: {}\r\nclient_secret: {}\r\n", self.id, self.secret)
    }

    /// Sends parameters as a form, with its credentials among them.
    pub fn form(&self, to: &str, method: &str, path: &str, more: &[(&str, &str)]) -> Answer {
        let own = [("client_id", &*self.id), ("client_secret", &*self.secret)];
        form(to, method, path, &[&own[..], more].concat())
    }

    /// Makes a user; what is answered.
    pub fn add_user(&self, to: &str, app_user_id: &str) -> Value {
        let answer = self.form(to, "POST", USER, &[("app_user_id", app_user_id)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// A new code for a user.
    pub fn code(&self, to: &str, app_user_id: &str) -> String {
        let answer = self.form(to, "POST", CODE, &[("app_user_id", app_user_id)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["code"].as_str().expect("a code").to_owned()
    }

    /// Exchanges a code.
    pub fn exchange(&self, to: &str, code: &str) -> Answer {
        self.form(to, "POST", TOKEN, &[("grant_type", "authorization_code"), ("code", code)])
    }

    /// Exchanges a refresh token.
    pub fn refresh(&self, to: &str, token: &str) -> Answer {
        let asked = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.form(to, "POST", TOKEN, &asked)
    }

    /// Tokens of a user, from a new code.
    pub fn tokens(&self, to: &str, app_user_id: &str) -> Pair {
        pair(&self.exchange(to, &self.code(to, app_user_id)))
    }

    /// The numbers of its users by name.
    pub fn user(&self, to: &str, app_user_id: &str) -> i64 {
        let answer = self.form(to, "GET", USER, &[("app_user_id", app_user_id)]);
        answer.json()["entry"][0]["oneup_user_id"].as_i64().expect("a number")
    }
}

/// The tokens in an answer.
pub fn pair(answer: &Answer) -> Pair {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let of = |name: &str| answer.json()[name].as_str().expect("a token").to_owned();
    Pair { access: of("access_token"), refresh: of("refresh_token") }
}

/// A query or a form of these names and values.
pub fn encoded(parameters: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        let byte = |byte: u8| match byte {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Sends a form.
pub fn form(to: &str, method: &str, path: &str, parameters: &[(&str, &str)]) -> Answer {
    let kind = "application/x-www-form-urlencoded";
    body(to, method, path, kind, encoded(parameters).as_bytes())
}

/// Sends a body of this type.
pub fn body(to: &str, method: &str, path: &str, kind: &str, bytes: &[u8]) -> Answer {
    let headers = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", bytes.len());
    send(to, method, path, &headers, bytes)
}

/// The header that shows an access token.
pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// The files of an export by who shows these headers, types and bytes in order of types.
pub fn exported(to: &str, headers: &str) -> Vec<(String, String)> {
    let answer = get(to, EXPORT, headers);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let manifest = answer.json();
    let files = manifest["output"].as_array().expect("a list").iter().map(|file| {
        let url = file["url"].as_str().expect("a url");
        let answer = get(to, super::bulk::path(url), headers);
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        (file["type"].as_str().expect("a type").to_owned(), answer.text())
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

/// What SQLite itself has of these owners, as files of an export would have it.
pub fn stored(dir: &Dir, store: &str, owners: &[i64]) -> Vec<(String, String)> {
    let db = dir.open(store);
    let owners: Vec<String> = owners.iter().map(i64::to_string).collect();
    let sql = format!(
        "SELECT type, group_concat(body, char(10)) || char(10) FROM
           (SELECT type, body FROM resource WHERE owner IN ({}) ORDER BY type, seq)
          GROUP BY type ORDER BY type",
        owners.join(", ")
    );
    let mut statement = db.prepare(&sql).expect("the table resource");
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// Two clients: `app` with the users anna and ben, `else` with carl; each user with data of their own,
/// and some that is nobody's.
pub struct Tenants {
    pub dir: Dir,
    pub served: Served,
    pub app: Client,
    pub other: Client,
    pub anna: i64,
    pub ben: i64,
    pub carl: i64,
}

impl Tenants {
    pub fn new() -> Tenants {
        let dir = Dir::new();
        let app = Client::add(&dir, "s.db", "app");
        let other = Client::add(&dir, "s.db", "else");
        let made = [("anna", "app"), ("ben", "app"), ("carl", "else")].map(|(name, client)| {
            let ran = dir.run(["user", "add", "s.db", name, "--client", client]);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            dir.write(&format!("{name}.ndjson"), data(name));
            dir.import(0, &["s.db", &format!("{name}.ndjson"), "--user", name]);
            dir.count("s.db", &format!("SELECT id FROM user WHERE app_user_id = '{name}'"))
        });
        dir.write("nobody.ndjson", data("nobody"));
        dir.import(0, &["s.db", "nobody.ndjson"]);
        let served = dir.serve(&["s.db", "--auth", "required"]);
        let [anna, ben, carl] = made;
        Tenants { dir, served, app, other, anna, ben, carl }
    }

    pub fn to(&self) -> &str {
        self.served.authority()
    }

    pub fn stored(&self, owners: &[i64]) -> Vec<(String, String)> {
        stored(&self.dir, "s.db", owners)
    }

    pub fn get(&self, path: &str, headers: &str) -> Answer {
        get(self.to(), path, headers)
    }

    /// Makes everything of this kind that was handed out expire.
    pub fn expire(&self, kind: &str) {
        let sql = "UPDATE token SET expires_at = issued_at WHERE kind = ?1";
        assert!(self.dir.open("s.db").execute(sql, [kind]).expect("an update") > 0);
    }

    /// The server ends in good order, and the store is as it should be.
    pub fn end(self) {
        assert_eq!(self.served.end("-TERM"), 0);
        self.dir.check("s.db");
    }
}

/// A Patient of this name and twenty Observations.
pub fn data(name: &str) -> String {
    let observation = |number: u32| {
        format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"{name}-{number}\",\"subject\":{{\"reference\":\"Patient/{name}\"}}}}\n"
        )
    };
    let patient = format!("{{\"resourceType\":\"Patient\",\"id\":\"{name}\"}}\n");
    patient + &(0..20).map(observation).collect::<String>()
}
