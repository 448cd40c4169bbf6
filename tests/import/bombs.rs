//! Decompression bombs: few bytes that unpack to very many are read up to a bound.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::A;
use crate::support::Dir;

const MIB: usize = 1 << 20;

/// A gzip of a resource, and of so many MiB of blanks behind it.
fn bomb(mib: usize) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(A.as_bytes()).expect("packed");
    packed.write_all(b"\n").expect("packed");
    let blanks = vec![b'\n'; MIB];
    for _ in 0..mib {
        packed.write_all(&blanks).expect("packed");
    }
    packed.finish().expect("packed")
}

#[test]
fn a_file_that_unpacks_to_a_thousand_times_its_size_is_read_up_to_a_bound() {
    let dir = Dir::new();
    dir.write("bomb.ndjson.gz", bomb(400));
    let ran = dir.run(["import", "s.db", "bomb.ndjson.gz", "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("decompression bomb") && ran.stderr.contains("unpack it yourself"),
        "{}",
        ran.stderr
    );
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!((&report["created"], &report["rejected"]), (&1.into(), &1.into()));
    assert!(report["bytes"].as_u64() < Some(260 << 20), "{report}");
    assert!(ran.stderr.len() < 500, "{}", ran.stderr);
}

#[test]
fn a_bomb_in_layers_or_in_an_archive_is_bounded_too() {
    let dir = Dir::new();
    let packed = bomb(400);
    dir.write("twice.ndjson.gz", crate::support::gzip(&packed));
    let text = [A.as_bytes(), b"\n", &vec![b'\n'; 400 * MIB]].concat();
    dir.write("x.zip", crate::support::zip(&[("a.ndjson", &text)]));
    for input in ["twice.ndjson.gz", "x.zip"] {
        let ran = dir.run(["import", "s.db", input]);
        assert_eq!(ran.code, 1, "{input}: {}", ran.stderr);
        assert!(ran.stderr.contains("decompression bomb"), "{input}: {}", ran.stderr);
    }
}

#[test]
fn what_compresses_well_is_no_bomb() {
    let dir = Dir::new();
    dir.write("well.ndjson.gz", bomb(200));
    assert_eq!(dir.import(0, &["s.db", "well.ndjson.gz"])["created"], 1);
}
