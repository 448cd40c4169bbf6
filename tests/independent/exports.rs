//! What an export holds, compared with what `exports.py` selects from the same files.

use super::script;
use crate::support::{Dir, project, succeed};

/// Fails unless random exports of a server of `s.db` hold what `exports.py` selects, after an import of these paths.
fn exports_agree(dir: &Dir, paths: &[&str], seed: u32, cases: u32) {
    let Some(mut python) = script("exports.py") else { return };
    let served = dir.serve(&["s.db"]);
    python.current_dir(dir.path(""));
    python.args(["--server", &served.url, "--seed", &seed.to_string()]);
    python.args(["--cases", &cases.to_string(), "--inputs"]);
    let said = succeed(python.args(paths));
    assert!(said.contains(" 0 differences"), "{said}");
}

/// Imports odd inputs that `odd_inputs.py` makes into `s.db`.
fn odd_store(seed: u32) -> Option<Dir> {
    let mut python = script("odd_inputs.py")?;
    let dir = Dir::new();
    python.current_dir(dir.path(""));
    succeed(python.args(["in", "--seed", &seed.to_string()]));
    dir.import(0, &["s.db", "in"]);
    Some(dir)
}

#[test]
fn exports_of_odd_inputs_hold_what_python_selects() {
    for seed in 1..=4 {
        let Some(dir) = odd_store(seed) else { return };
        exports_agree(&dir, &["in"], seed, 40);
    }
}

#[test]
fn exports_of_the_sample_data_hold_what_python_selects() {
    let dir = Dir::new();
    let sample = project().join("sample-data");
    let sample = sample.to_str().unwrap();
    dir.import(0, &["s.db", sample]);
    exports_agree(&dir, &[sample], 5, 25);
}

#[test]
fn the_comparison_of_exports_can_fail() {
    let Some(dir) = odd_store(7) else { return };
    dir.open("s.db").execute_batch("DELETE FROM compartment WHERE patient = 'p1'").unwrap();
    let Some(mut python) = script("exports.py") else { return };
    let served = dir.serve(&["s.db"]);
    python.current_dir(dir.path(""));
    python.args(["--inputs", "in", "--server", &served.url, "--cases", "40", "--seed", "7"]);
    assert_eq!(python.output().unwrap().status.code(), Some(1));
}
