//! Programs of the tests' own.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Starts a program and returns once it has said `ready`. It goes on until its
/// standard input ends, or as it likes.
pub(crate) async fn ready(command: &mut Command) -> Child {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let line = stdout.lines().next_line().await.unwrap();
    assert_eq!(line.as_deref(), Some("ready"));
    child
}
