//! The program wants to be told what to read.

use std::process::Command;

#[test]
fn it_says_which_variable_is_missing() {
    let run = Command::new(env!("CARGO_BIN_EXE_rust-client"))
        .env_remove("BUCKET")
        .output()
        .expect("it can be started");
    assert!(!run.status.success());
    let said = String::from_utf8(run.stderr).expect("an error is text");
    assert!(said.contains("BUCKET"), "{said}");
}
