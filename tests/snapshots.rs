//! A manifest handed out keeps meaning the same bytes, and nothing falls between two exports.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::support::{Dir, Served};

fn patients(versions: &[(u32, u32)]) -> String {
    versions
        .iter()
        .map(|(id, n)| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{id}\",\"n\":{n}}}\n"))
        .collect()
}

#[test]
fn files_stay_what_they_were_however_much_changes() {
    let dir = Dir::new();
    dir.write("1.ndjson", patients(&[(1, 1), (2, 1), (3, 1), (4, 1)]));
    dir.import(0, &["s.db", "1.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let mut manifests = Vec::new();
    let steps: [&dyn Fn(); 5] = [
        &|| {},
        &|| {
            drop(dir.import(
                0,
                &["s.db", dir.write("2.ndjson", patients(&[(1, 2), (5, 1)])).to_str().unwrap()],
            ))
        },
        &|| assert_eq!(dir.run(["delete", "s.db", "Patient/p2", "Patient/p5"]).code, 0),
        &|| {
            drop(
                dir.import(
                    0,
                    &[
                        "s.db",
                        dir.write("3.ndjson", patients(&[(1, 3), (2, 2), (3, 2), (6, 1)]))
                            .to_str()
                            .unwrap(),
                    ],
                ),
            )
        },
        &|| {
            assert_eq!(
                dir.run([
                    "delete",
                    "s.db",
                    "Patient/p1",
                    "Patient/p3",
                    "Patient/p4",
                    "Patient/p6",
                    "Patient/p2"
                ])
                .code,
                0
            )
        },
    ];
    for step in steps {
        step();
        let manifest = served.manifest("");
        let files = served.files(&manifest);
        manifests.push((manifest, files));
        for (manifest, files) in &manifests {
            assert_eq!(served.files(manifest), *files);
        }
    }
    let counts: Vec<usize> = manifests
        .iter()
        .map(|(_, files)| {
            files.iter().map(|(_, bytes)| bytes.iter().filter(|b| **b == b'\n').count()).sum()
        })
        .collect();
    assert_eq!(counts, [4, 5, 3, 5, 0]);
    // Also after a restart, and in pieces.
    let authority = served.authority().to_owned();
    drop(served);
    let again = dir.serve(&["s.db"]);
    for (manifest, files) in &manifests {
        for (file, (_, bytes)) in manifest["output"].as_array().unwrap().iter().zip(files) {
            let path =
                file["url"].as_str().unwrap().strip_prefix(&format!("http://{authority}")).unwrap();
            let answer = again.get(path);
            assert_eq!(answer.body, *bytes);
            let middle = bytes.len() / 2;
            assert_eq!(
                again.get_with(path, &format!("Range: bytes={middle}-\r\n")).body,
                &bytes[middle..]
            );
        }
    }
    drop(again);
    dir.check("s.db");
}

/// Every version (`id` and `n`) that the files of an export hold.
fn versions(served: &Served, query: &str) -> (String, Vec<(String, u64)>) {
    let manifest = served.manifest(query);
    let mut found = Vec::new();
    for (_, bytes) in served.files(&manifest) {
        for line in String::from_utf8(bytes).unwrap().lines() {
            let resource: Value = serde_json::from_str(line).unwrap();
            found.push((
                resource["id"].as_str().unwrap().to_owned(),
                resource["n"].as_u64().unwrap(),
            ));
        }
    }
    (manifest["transactionTime"].as_str().unwrap().to_owned(), found)
}

/// Follows a store by exports since the last one's transactionTime while another process imports:
/// the follower must end with what is there, and must never get a version twice.
#[test]
fn nothing_is_missed_and_nothing_comes_twice() {
    let dir = Dir::new();
    dir.write("0.ndjson", patients(&[(0, 0)]));
    dir.import(0, &["s.db", "0.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let done = AtomicBool::new(false);
    let mut seen: BTreeMap<(String, u64), u32> = BTreeMap::new();
    let mut state: BTreeMap<String, u64> = BTreeMap::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=40u32 {
                let changed: Vec<(u32, u32)> = (0..200)
                    .filter(|id| (id * 7 + round * 13) % 5 != 0)
                    .map(|id| (id, round))
                    .collect();
                let name = format!("{round}.ndjson");
                dir.write(&name, patients(&changed));
                dir.import(0, &["s.db", &name, "--stamp"]);
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut since = String::new();
        loop {
            let last = done.load(Ordering::SeqCst);
            let (time, found) = versions(&served, &since);
            for (id, n) in found {
                *seen.entry((id.clone(), n)).or_default() += 1;
                let before = state.insert(id.clone(), n);
                assert!(before.is_none_or(|before| before < n), "{id} went from {before:?} to {n}");
            }
            since = format!("?_since={time}");
            if last {
                break;
            }
        }
    });
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let there: BTreeMap<String, u64> = versions(&served, "").1.into_iter().collect();
    assert_eq!(state, there);
}

#[test]
fn a_download_under_way_is_not_disturbed_by_an_import() {
    use std::io::{Read, Write};
    let dir = Dir::new();
    let many: String = (0..60_000)
        .map(|n| {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"text\":\"{:0200}\"}}\n", n)
        })
        .collect();
    dir.write("1.ndjson", &many);
    dir.import(0, &["s.db", "1.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let manifest = served.manifest("");
    let url = manifest["output"][0]["url"].as_str().unwrap();
    let before = served.get(url).body;
    let path = url.strip_prefix(&served.url).unwrap();
    let mut socket = std::net::TcpStream::connect(served.authority()).unwrap();
    socket
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap();
    let mut first = vec![0; 100_000];
    socket.read_exact(&mut first).unwrap();
    // The reader stands still while every resource is replaced and then half of them deleted.
    dir.write("2.ndjson", many.replace("\"text\"", "\"TEXT\""));
    assert_eq!(dir.import(0, &["s.db", "2.ndjson"])["updated"], 60_000);
    dir.write("3.ndjson", (0..30_000).map(|n| format!("{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{{\"request\":{{\"method\":\"DELETE\",\"url\":\"Patient/p{}\"}}}}]}}\n", n * 2)).collect::<String>());
    assert_eq!(dir.import(0, &["s.db", "3.ndjson"])["deleted"], 30_000);
    socket.read_to_end(&mut first).unwrap();
    let answer = crate::support::client::parse(&first);
    assert!(answer.body == before, "the bytes have changed on the way");
    assert!(served.get(url).body == before);
}

/// Many small transactions while kick-offs come as fast as they can: each manifest, and the export
/// since its transactionTime, must together hold every version exactly once.
#[test]
fn a_kickoff_in_the_middle_of_an_import_loses_nothing() {
    let dir = Dir::new();
    for n in 0..600 {
        dir.write(
            &format!("in/{n}.json"),
            format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\",\"n\":{n}}}"),
        );
    }
    let served = dir.serve(&["s.db"]);
    let mut child = dir.command(["import", "s.db", "in", "--quiet"]).spawn().unwrap();
    let mut manifests = Vec::new();
    while child.try_wait().unwrap().is_none() {
        manifests.push(served.manifest(""));
    }
    assert!(manifests.len() > 5);
    let ids = |manifest: &Value| -> Vec<String> {
        let files = served.files(manifest);
        let text = files
            .into_iter()
            .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
            .collect::<String>();
        text.lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    // Some of them, from all over the import: each costs two exports.
    let step = manifests.len().div_ceil(40);
    for manifest in manifests.iter().step_by(step) {
        let time = manifest["transactionTime"].as_str().unwrap();
        let mut all = ids(manifest);
        all.extend(ids(&served.manifest(&format!("?_since={time}"))));
        all.sort();
        let count = all.len();
        all.dedup();
        assert_eq!((all.len(), count), (600, 600), "at {time}");
    }
}
