//! A manifest always means the same bytes, and no change falls between two exports.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::Value;

use crate::support::bulk::url_of;
use crate::support::client::parse;
use crate::support::{Dir, Served, SetOnDrop};

/// Lines of Patients with these ids and values of `n`.
fn patients(versions: &[(u32, u32)]) -> String {
    versions
        .iter()
        .map(|(id, n)| format!("{{\"resourceType\":\"Patient\",\"id\":\"p{id}\",\"n\":{n}}}\n"))
        .collect()
}

#[test]
fn files_stay_the_same_through_changes_and_a_restart() {
    let dir = Dir::new();
    let import = |name: &str, versions: &[(u32, u32)]| {
        dir.write(name, patients(versions));
        dir.import(0, &["s.db", name]);
    };
    let delete = |ids: &[&str]| {
        assert_eq!(dir.run(["delete", "s.db"].iter().chain(ids)).code, 0);
    };
    import("1.ndjson", &[(1, 1), (2, 1), (3, 1), (4, 1)]);
    let served = dir.serve(&["s.db"]);
    let mut manifests = Vec::new();
    let steps: [&dyn Fn(); 5] = [
        &|| {},
        &|| import("2.ndjson", &[(1, 2), (5, 1)]),
        &|| delete(&["Patient/p2", "Patient/p5"]),
        &|| import("3.ndjson", &[(1, 3), (2, 2), (3, 2), (6, 1)]),
        &|| delete(&["Patient/p1", "Patient/p3", "Patient/p4", "Patient/p6", "Patient/p2"]),
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
    // Also after a restart, and in parts.
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

/// Runs an export; its transaction time, and `id` and `n` of each resource in it.
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

/// A client repeats an export with `_since` while another process imports. It must end with the current resources, and
/// must never get a version twice.
#[test]
fn a_client_that_follows_misses_no_version_and_gets_none_twice() {
    let dir = Dir::new();
    dir.write("0.ndjson", patients(&[(0, 0)]));
    dir.import(0, &["s.db", "0.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let done = AtomicBool::new(false);
    let mut seen: BTreeMap<(String, u64), u32> = BTreeMap::new();
    let mut state: BTreeMap<String, u64> = BTreeMap::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            let _done = SetOnDrop(&done);
            for round in 1..=40u32 {
                let changed: Vec<(u32, u32)> = (0..200)
                    .filter(|id| (id * 7 + round * 13) % 5 != 0)
                    .map(|id| (id, round))
                    .collect();
                let name = format!("{round}.ndjson");
                dir.write(&name, patients(&changed));
                dir.import(0, &["s.db", &name, "--stamp"]);
            }
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
fn an_import_does_not_change_a_download_under_way() {
    let dir = Dir::new();
    let many: String = (0..8_000)
        .map(|n| {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"text\":\"{:02000}\"}}\n", n)
        })
        .collect();
    dir.write("1.ndjson", &many);
    dir.import(0, &["s.db", "1.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let manifest = served.manifest("");
    let url = url_of(&manifest, "Patient");
    let before = served.get(&url).body;
    let path = url.strip_prefix(&served.url).unwrap();
    let mut socket = TcpStream::connect(served.authority()).unwrap();
    socket
        .write_all(
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
    let mut first = vec![0; 100_000];
    socket.read_exact(&mut first).unwrap();
    // The client reads no further while every resource is replaced and half of them are deleted.
    dir.write("2.ndjson", many.replace("\"text\"", "\"TEXT\""));
    assert_eq!(dir.import(0, &["s.db", "2.ndjson"])["updated"], 8_000);
    dir.write("3.ndjson", (0..4_000).map(|n| format!("{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{{\"request\":{{\"method\":\"DELETE\",\"url\":\"Patient/p{}\"}}}}]}}\n", n * 2)).collect::<String>());
    assert_eq!(dir.import(0, &["s.db", "3.ndjson"])["deleted"], 4_000);
    socket.read_to_end(&mut first).unwrap();
    let answer = parse(&first);
    assert!(answer.body == before, "the bytes have changed on the way");
    assert!(served.get(&url).body == before);
}

/// Each manifest, and the export since its transaction time, must together hold every resource exactly once.
#[test]
fn exports_that_start_during_an_import_miss_nothing() {
    let dir = Dir::new();
    // Every file is a transaction of its own.
    let write = |round: usize| {
        let name = format!("in{round}");
        for n in 0..100 {
            let id = format!("b{round}-{n}");
            let line = format!("{{\"resourceType\":\"Basic\",\"id\":\"{id}\"}}");
            dir.write(&format!("{name}/{n}.json"), line);
        }
        name
    };
    let served = dir.serve(&["s.db"]);
    let mut manifests = Vec::new();
    let mut rounds = 0;
    // As many imports as it takes to start so many exports meanwhile.
    while manifests.len() < 30 {
        let folder = write(rounds);
        rounds += 1;
        let mut child = dir.command(["import", "s.db", &folder, "--quiet"]).spawn().unwrap();
        while child.try_wait().unwrap().is_none() {
            manifests.push(served.manifest(""));
        }
        assert!(child.wait().unwrap().success());
    }
    let ids = |manifest: &Value| -> Vec<String> {
        let files = served.files(manifest).into_iter();
        let text: String = files.map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect();
        let id = |line: &str| {
            let resource: Value = serde_json::from_str(line).unwrap();
            resource["id"].as_str().unwrap().to_owned()
        };
        text.lines().map(id).collect()
    };
    // About forty of them: each costs two exports.
    let step = manifests.len().div_ceil(40);
    for manifest in manifests.iter().step_by(step) {
        let time = manifest["transactionTime"].as_str().unwrap();
        let mut all = ids(manifest);
        all.extend(ids(&served.manifest(&format!("?_since={time}"))));
        all.sort();
        let count = all.len();
        all.dedup();
        assert_eq!((all.len(), count), (rounds * 100, rounds * 100), "at {time}");
    }
}
