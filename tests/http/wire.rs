//! Bytes on the wire: right and wrong messages, sent by Python.

use super::two_types;
use crate::support::{project, python, succeed};

#[test]
fn each_message_gets_its_answer_and_smuggles_nothing() {
    let Some(mut python) = python(&["socket"]) else { return };
    let (_dir, served) = two_types();
    let (host, port) = served.authority().split_once(':').expect("host and port");
    let script = project().join("tests/http/wire.py");
    succeed(python.arg(script).args([host, port]));
    assert_eq!(served.end("-TERM"), 0);
}
