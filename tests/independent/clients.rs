//! Clients of other authors and faults: docs/simulate.md says what `smart-fetch` does about each.

use super::script_of;
use crate::support::{FHIRLITE, python_of_smart_fetch, succeed};

#[test]
fn smart_fetch_does_about_each_fault_what_the_manual_says() {
    let Some(python) = python_of_smart_fetch(&["smart_fetch"]) else { return };
    succeed(script_of(python, "clients.py").arg("smart-fetch").env("FHIRLITE", FHIRLITE));
}
