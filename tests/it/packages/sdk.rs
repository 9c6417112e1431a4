//! The real quilt3, in a process of its own.

use std::collections::BTreeMap;
use std::process::Stdio;

use quilt_tests::harness::Home;
use quilt_tests::harness::toolchain::{Python, Venv, source};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// Digests by key; folders have none.
pub(crate) type Objects = BTreeMap<String, Option<String>>;

/// Killed when dropped.
pub(crate) struct Sdk {
    _child: Child,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    /// In `home`, whose configuration it shares with the daemon, speaking to
    /// the S3 at `s3_url`.
    pub(crate) fn start(home: &Home, s3_url: &str) -> Self {
        let python = Python::prepare(Venv::Sdk).expect("Python is needed");
        let mut child = home
            .command(python.program("python"))
            .arg(source("quilt3/sdk.py"))
            .env("AWS_ENDPOINT_URL_S3", s3_url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("QUILT_DISABLE_USAGE_METRICS", "true")
            .env("QUILT_MINIMIZE_STDOUT", "true")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("python can be started");
        let stdin = child.stdin.take().expect("its stdin is piped");
        let stdout = child.stdout.take().expect("its stdout is piped");
        Self {
            _child: child,
            stdin,
            answers: BufReader::new(stdout).lines(),
        }
    }

    /// Does something; quilt3's exception is an error.
    pub(crate) async fn attempt(&mut self, what: &str, mut args: Value) -> Result<Value, String> {
        args["do"] = json!(what);
        self.stdin
            .write_all(format!("{args}\n").as_bytes())
            .await
            .expect("quilt3 listens");
        let answer = self.answers.next_line().await.expect("quilt3 speaks");
        let mut answer: Value =
            serde_json::from_str(&answer.expect("quilt3 lives")).expect("quilt3 answers in JSON");
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].take()),
        }
    }

    /// Does something that works.
    pub(crate) async fn must(&mut self, what: &str, args: Value) -> Value {
        let shown = args.to_string();
        self.attempt(what, args)
            .await
            .unwrap_or_else(|error| panic!("{what} {shown}: {error}"))
    }

    /// Writes a version and answers with its hash.
    pub(crate) async fn build(
        &mut self,
        name: &str,
        registry: &str,
        content: u64,
        at: u64,
    ) -> String {
        let args = json!({"name": name, "registry": registry, "content": content, "at": at});
        let hash = self.must("build", args).await;
        hash.as_str().expect("a hash").to_owned()
    }

    /// Everything in a registry.
    pub(crate) async fn objects(&mut self, registry: &str) -> Objects {
        let found = self.must("objects", json!({"registry": registry})).await;
        serde_json::from_value(found).expect("objects by key")
    }
}
