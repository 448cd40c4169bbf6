//! A server, and requests to it.

use std::cell::RefCell;

use serde_json::Value;

use super::requests::Asked;
use crate::support::bulk::{location, path};
use crate::support::client::{Answer, send};
use crate::support::{Dir, Served, until};

/// So many wrong credentials are free.
const FREE_FAILURES: u32 = 15;

/// A server that never tells its callers to wait for too many wrong credentials.
///
/// All addresses of this machine are one to it. So the requests go to a new server after some failures.
pub struct Door<'a> {
    dir: &'a Dir,
    args: &'static [&'static str],
    state: RefCell<State>,
}

struct State {
    served: Served,
    failures: u32,
}

impl<'a> Door<'a> {
    pub fn new(dir: &'a Dir, args: &'static [&'static str]) -> Door<'a> {
        Door { dir, args, state: RefCell::new(State { served: dir.serve(args), failures: 0 }) }
    }

    pub fn send(&self, asked: &Asked, headers: &str) -> Answer {
        let Asked { method, path, headers: own, media_type, body } = asked;
        let mut headers = format!("{own}{headers}");
        if !body.is_empty() {
            headers += &format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len());
        }
        let State { served, failures } = &mut *self.state.borrow_mut();
        if *failures > FREE_FAILURES {
            (*served, *failures) = (self.dir.serve(self.args), 0);
        }
        let answer = send(served.authority(), method, path, &headers, body.as_bytes());
        *failures += u32::from(answer.status == 401);
        answer
    }

    pub fn get(&self, path: &str, headers: &str) -> Answer {
        self.send(&Asked::get(path), headers)
    }

    /// Runs a whole export; the path of its polling location.
    pub fn begun(&self, asked: &Asked, headers: &str) -> String {
        let status = path(&location(&self.send(asked, headers))).to_owned();
        assert_eq!(self.complete(&status, headers).status, 200);
        status
    }

    /// Polls until the export has ended; the last answer.
    fn complete(&self, status: &str, headers: &str) -> Answer {
        until("the export has ended", || {
            Some(self.get(status, headers)).filter(|answer| answer.status != 202)
        })
    }

    /// The texts of an answer and of everything that it leads to: the manifest and its files.
    pub fn all_of(&self, answer: &Answer, headers: &str) -> String {
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

/// The files of a manifest: the type of its resources or the name of the list, and the path.
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

/// The path of the first file of this type or from this list.
pub fn file(manifest: &Value, what: &str) -> String {
    let found = files(manifest).into_iter().find(|(known, _)| known == what);
    found.unwrap_or_else(|| panic!("no {what} in {manifest}")).1
}
