//! Registries of some size, beside a Python process that asks quilt3 the same.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use quilt_tests::harness::toolchain::{Python, Venv, source};
use serde::Serialize;

use crate::memory::Peak;
use crate::row::{Row, Target};
use crate::session::Session;

const BUCKET: &str = "private-bucket";
const PACKAGES: usize = 10_000;
const NAMESPACES: usize = 100;
const VERSIONS: usize = 200;

/// What was found; times in milliseconds, medians.
#[derive(Debug, Serialize)]
pub(crate) struct Packages {
    pub(crate) rounds: usize,
    pub(crate) list_ms: f64,
    pub(crate) list_quilt3_ms: f64,
    pub(crate) first_row_ms: f64,
    pub(crate) versions_ms: f64,
    pub(crate) versions_quilt3_ms: f64,
    /// Of the daemon at its peak, over what it held before the first listing;
    /// where that can be told.
    pub(crate) growth_kib: Option<u64>,
}

impl Packages {
    /// Beside quilt3, which shows nothing before it has everything.
    pub(crate) fn beside_quilt3(&self) -> [Row; 2] {
        let row = |what: &str, ms: f64, most: f64| {
            let what = format!("packages list of {PACKAGES}, {what}");
            Row::once(
                &what,
                "quilt3",
                ms / self.list_quilt3_ms,
                Target::AtMost(most),
            )
        };
        [
            row("first row", self.first_row_ms, 0.02),
            row("whole", self.list_ms, 0.05),
        ]
    }

    /// Fills a registry and measures, both programs in turn. What cannot be
    /// measured is added to `skipped`.
    pub(crate) fn measure(
        session: &Session,
        rounds: usize,
        skipped: &mut Vec<String>,
    ) -> anyhow::Result<Self> {
        seed(session);
        let python = Python::prepare(Venv::Sdk)?;
        let registry = format!("s3://{BUCKET}");
        let credentials: serde_json::Value =
            serde_json::from_slice(&output(session.quiltctl(&["credential-process"]))?)?;
        let quilt3 = |args: &[&str]| {
            let mut command = session.command(python.program("python"));
            command.env("AWS_ENDPOINT_URL_S3", session.stack().s3_url());
            command
                .arg(source("quilt3/ask.py"))
                .args(args)
                .arg(&registry);
            command.env("AWS_DEFAULT_REGION", "us-east-1");
            command.env("QUILT_DISABLE_USAGE_METRICS", "true");
            for (variable, field) in [
                ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
                ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
                ("AWS_SESSION_TOKEN", "SessionToken"),
            ] {
                command.env(variable, credentials[field].as_str().unwrap_or_default());
            }
            command
        };
        let list = || session.quiltctl(&["packages", "list", &registry]);
        let versions =
            || session.quiltctl(&["packages", "versions", "big/one", "--registry", &registry]);

        let peak = Peak::since_now(session.daemon_pid());
        let mut times: [Vec<Duration>; 5] = Default::default();
        for _ in 0..rounds {
            let (first, whole) = listing(list(), PACKAGES + 1)?;
            times[0].push(whole);
            times[1].push(first);
            times[2].push(listing(quilt3(&["list"]), PACKAGES + 1)?.1);
        }
        for _ in 0..rounds {
            // A heading and `latest` are rows as well.
            times[3].push(listing(versions(), VERSIONS + 2)?.1);
            times[4].push(listing(quilt3(&["versions", "big/one"]), VERSIONS + 1)?.1);
        }
        let growth_kib = match peak.and_then(|peak| peak.growth()) {
            Ok(growth) => Some(growth),
            Err(error) => {
                skipped.push(format!("the daemon's memory at its peak: {error:#}"));
                None
            }
        };
        let [
            list_ms,
            first_row_ms,
            list_quilt3_ms,
            versions_ms,
            versions_quilt3_ms,
        ] = times.map(median_ms);
        Ok(Self {
            rounds,
            list_ms,
            list_quilt3_ms,
            first_row_ms,
            versions_ms,
            versions_quilt3_ms,
            growth_kib,
        })
    }

    /// What is measured, what it is, and what it may be.
    fn rows(&self) -> Vec<(String, f64, f64)> {
        let row = |what: &str, ours: f64, theirs: f64, at_most| {
            (
                format!("{what}: {ours:.0} ms / {theirs:.0} ms"),
                ours / theirs,
                at_most,
            )
        };
        let mut rows = vec![
            row(
                "list 10,000 / quilt3",
                self.list_ms,
                self.list_quilt3_ms,
                0.5,
            ),
            row(
                "versions 200 / quilt3",
                self.versions_ms,
                self.versions_quilt3_ms,
                0.2,
            ),
            row(
                "first row / whole list",
                self.first_row_ms,
                self.list_ms,
                0.1,
            ),
        ];
        if let Some(growth) = self.growth_kib {
            #[expect(clippy::cast_precision_loss, reason = "mebibytes")]
            let growth = growth as f64 / 1024.;
            rows.push((
                "daemon's memory at its peak, MiB more".to_owned(),
                growth,
                8.,
            ));
        }
        rows
    }

    pub(crate) fn targets_met(&self) -> bool {
        self.rows()
            .iter()
            .all(|(_, found, at_most)| found <= at_most)
    }
}

impl std::fmt::Display for Packages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "\npackages, median of {} rounds", self.rounds)?;
        for (what, found, at_most) in self.rows() {
            writeln!(f, "{what:<50} {found:>7.3} <= {at_most}")?;
        }
        Ok(())
    }
}

fn seed(session: &Session) {
    let control = session.stack().control();
    let hash = |number: usize| format!("{number:064x}");
    for number in 0..PACKAGES {
        let name = format!("ns{:03}/package-{number:05}", number % NAMESPACES);
        control.put_object(BUCKET, &format!(".quilt/packages/{}", hash(number)), "{}");
        for pointer in ["1767000000", "latest"] {
            let key = format!(".quilt/named_packages/{name}/{pointer}");
            control.put_object(BUCKET, &key, hash(number));
        }
    }
    for number in 0..VERSIONS {
        let key = format!(".quilt/named_packages/big/one/{}", 1_767_000_000 + number);
        control.put_object(BUCKET, &key, hash(number));
    }
    control.put_object(BUCKET, ".quilt/named_packages/big/one/latest", hash(0));
}

fn output(mut command: Command) -> anyhow::Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output.stdout)
}

/// Until the first row is read, and until the program has ended after all of
/// them.
fn listing(mut command: Command, rows: usize) -> anyhow::Result<(Duration, Duration)> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().context("stdout")?);
    let mut text = String::new();
    stdout.read_line(&mut text)?;
    let first = started.elapsed();
    stdout.read_to_string(&mut text)?;
    let output = child.wait_with_output()?;
    let whole = started.elapsed();
    let found = text.lines().count();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && found == rows,
        "{command:?}: {found} rows: {said}"
    );
    Ok((first, whole))
}

fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times
        .get(times.len() / 2)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
