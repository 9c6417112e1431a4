//! quilt3 through the gateway, beside quilt3 with a login of its own.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use quilt_tests::harness::toolchain::{Python, Venv, source};

use crate::row::{Row, Target};
use crate::session::Session;

const BUCKET: &str = "private-bucket";
const PACKAGE: &str = "bench/small";

/// What each may take longer by, in milliseconds.
const AT_MOST: f64 = 10.;

/// Times of one process, in milliseconds, by what it did.
type Times = BTreeMap<String, f64>;

/// Both in turn, each time in a new process.
pub(crate) fn measure(session: &Session, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let python = Python::prepare(Venv::Sdk)?;
    let control = session.stack().control();
    let hash = format!("{:064x}", 1);
    control.put_object(
        BUCKET,
        &format!(".quilt/packages/{hash}"),
        "{\"version\": \"v0\"}\n",
    );
    let pointer = format!(".quilt/named_packages/{PACKAGE}/latest");
    control.put_object(BUCKET, &pointer, hash);

    let quilt3 = |data: &str, args: &[&str]| {
        let mut command = session.command(python.program("python"));
        command
            .env("XDG_DATA_HOME", session.home().join(data))
            .env("AWS_ENDPOINT_URL_S3", session.stack().s3_url())
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("QUILT_DISABLE_USAGE_METRICS", "true")
            .arg(source("quilt3/timing.py"))
            .args(args);
        command
    };
    let code = control.login_code("alice").context("there is no alice")?;
    let catalog = session.stack().catalog_url();
    run(quilt3("direct", &["login", catalog]), &code)?;
    run(session.quiltctl(&["setup", "quilt3"]), "")?;

    let time = ["time", BUCKET, PACKAGE];
    let mut longer: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..=rounds {
        let direct: Times = serde_json::from_slice(&run(quilt3("direct", &time), "")?)?;
        let through: Times = serde_json::from_slice(&run(quilt3("data", &time), "")?)?;
        // The first of each fetches what the others have.
        if round == 0 {
            continue;
        }
        for (what, ms) in through {
            let by = ms - direct.get(&what).copied().unwrap_or_default();
            longer.entry(what).or_default().push(by);
        }
    }
    run(session.quiltctl(&["setup", "quilt3", "--undo"]), "")?;
    let rows = longer.into_iter().map(|(what, by)| {
        let what = format!("quilt3 through the gateway, {what}: longer by");
        Row::of(&what, "ms", by, Target::AtMost(AT_MOST))
    });
    Ok(rows.collect())
}

/// What it prints; `input` is what it is told.
fn run(mut command: Command, input: &str) -> anyhow::Result<Vec<u8>> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().context("it was asked for")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(output.stdout)
}
