//! moto's S3, in a process of its own.

use std::process::Stdio;

use quilt_tests::harness::toolchain::{Python, Venv, source};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Killed when dropped.
pub(crate) struct Moto {
    _child: Child,
    pub(crate) url: String,
}

impl Moto {
    pub(crate) async fn start() -> Self {
        let python = Python::prepare(Venv::Sdk).expect("Python is needed");
        let mut child = Command::new(python.program("python"))
            .arg(source("quilt3/moto_s3.py"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("moto can be started");
        let stdout = child.stdout.take().expect("its stdout is piped");
        let port = BufReader::new(stdout).lines().next_line().await;
        let port = port.expect("moto can be read").expect("moto listens");
        Self {
            _child: child,
            url: format!("http://127.0.0.1:{port}"),
        }
    }
}
