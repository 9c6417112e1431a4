//! A program that vends credentials, alone and while another process crowds the
//! control socket.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::ValueEnum;
use quilt_client::blocking::Client;
use quilt_proto::api::{ProfileQuery, ReadCredentials};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::Serialize;

use crate::memory::{Peak, resident};
use crate::pair::quantile;
use crate::session::Session;

/// Connections the crowd tries to make.
const TRIED: usize = 10_000;

/// What a crowd does with its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// It holds on to them: silent, with half a request, idle, or as streams.
    Holding,
    /// It asks more on each than it waits for answers to.
    Pipelining,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Holding, Self::Pipelining];

    /// What its connections say, in turn, and how often.
    fn beginnings(self) -> &'static [(&'static [u8], usize)] {
        match self {
            Self::Holding => &[
                (b"", 0),
                (b"GET /v1/health HTTP/1.1\r\nHost: loc", 1),
                (b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 1),
                (b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n", 1),
            ],
            Self::Pipelining => &[(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n", 16)],
        }
    }

    /// How much slower than alone a vend may be beside it. Who pipelines keeps
    /// both processors busy with what it asks: beside that only time counts.
    fn max_ratio(self) -> f64 {
        match self {
            Self::Holding => 5.,
            Self::Pipelining => f64::INFINITY,
        }
    }
}

/// How slow at all, and how much memory.
const MAX_P99_MS: f64 = 50.;
const MAX_GROWTH_KIB: u64 = 32 * 1024;

/// How long the daemon has to give memory back.
const COMES_BACK: Duration = Duration::from_secs(10);

/// What may be left of the memory afterwards.
const LEFT_KIB: u64 = 4 * 1024;

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Crowd {
    pub(crate) kind: Kind,
    pub(crate) tried: usize,
    pub(crate) vends_alone: usize,
    pub(crate) vends_crowded: usize,
    pub(crate) median_alone_ms: f64,
    pub(crate) median_crowded_ms: f64,
    pub(crate) p99_alone_ms: f64,
    pub(crate) p99_crowded_ms: f64,
    /// Crowded over alone.
    pub(crate) ratio: f64,
    /// Of the daemon, KiB: at its peak over before, and afterwards.
    pub(crate) growth_kib: u64,
    pub(crate) left_kib: u64,
}

impl Crowd {
    /// Vends `rounds` times alone, then for as long as the crowd comes in and
    /// as many times more while it is there.
    pub(crate) fn measure(session: &Session, kind: Kind, rounds: usize) -> anyhow::Result<Self> {
        let pid = session.daemon_pid();
        let vend = || vend(session);
        for _ in 0..rounds / 10 {
            vend()?;
        }
        let mut alone = (0..rounds).map(|_| vend()).collect::<Result<Vec<_>, _>>()?;
        let before = resident(pid)?;
        let peak = Peak::since_now(pid)?;

        let crowd = Gathering::start(session, kind)?;
        let mut crowded = Vec::new();
        while !crowd.is_complete() {
            crowded.push(vend()?);
        }
        for _ in 0..rounds {
            crowded.push(vend()?);
        }
        let growth_kib = peak.growth()?;
        drop(crowd);

        let deadline = Instant::now() + COMES_BACK;
        let left_kib = loop {
            let left = resident(pid)?.saturating_sub(before);
            if left <= LEFT_KIB || Instant::now() > deadline {
                break left;
            }
            thread::sleep(Duration::from_millis(50));
        };
        let [p99_alone_ms, p99_crowded_ms] =
            [&mut alone, &mut crowded].map(|all| quantile(all, 99) / 1000.);
        Ok(Self {
            kind,
            tried: TRIED,
            vends_alone: alone.len(),
            vends_crowded: crowded.len(),
            median_alone_ms: quantile(&mut alone, 50) / 1000.,
            median_crowded_ms: quantile(&mut crowded, 50) / 1000.,
            p99_alone_ms,
            p99_crowded_ms,
            ratio: p99_crowded_ms / p99_alone_ms,
            growth_kib,
            left_kib,
        })
    }

    pub(crate) fn targets_met(&self) -> bool {
        self.ratio <= self.kind.max_ratio()
            && self.p99_crowded_ms <= MAX_P99_MS
            && self.growth_kib < MAX_GROWTH_KIB
            && self.left_kib <= LEFT_KIB
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            tried,
            vends_alone,
            vends_crowded,
            median_alone_ms,
            median_crowded_ms,
            p99_alone_ms,
            p99_crowded_ms,
            ratio,
            growth_kib,
            left_kib,
        } = self;
        writeln!(
            f,
            "\na vend while another process tries {tried} connections and is {} \
             ({vends_alone} alone, {vends_crowded} crowded):",
            kind.to_possible_value()
                .map_or_else(String::new, |kind| kind.get_name().to_owned()),
        )?;
        writeln!(
            f,
            "  median {median_alone_ms:.2} ms alone, {median_crowded_ms:.2} ms crowded"
        )?;
        writeln!(
            f,
            "  p99 {p99_alone_ms:.2} ms alone, {p99_crowded_ms:.2} ms crowded (target <= {MAX_P99_MS} ms), \
             ratio {ratio:.2} (target <= {})",
            kind.max_ratio(),
        )?;
        write!(
            f,
            "  quiltd's memory: {growth_kib} KiB more at its peak (target < {MAX_GROWTH_KIB}), \
             {left_kib} KiB more afterwards (target <= {LEFT_KIB})"
        )
    }
}

/// One vend by a client of its own, as any program makes it.
fn vend(session: &Session) -> anyhow::Result<Duration> {
    let client = Client::new(session.socket())
        .with_catalog(session.stack().catalog_url())
        .with_timeout(Duration::from_secs(4));
    let call = ReadCredentials(ProfileQuery::default());
    let began = Instant::now();
    client.send(&call)?;
    Ok(began.elapsed())
}

/// The crowd's process. It goes with this value.
struct Gathering {
    child: Child,
    complete: Receiver<()>,
}

impl Gathering {
    fn start(session: &Session, kind: Kind) -> anyhow::Result<Self> {
        let kind = kind.to_possible_value().context("a kind has a name")?;
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--crowd-on")
            .arg(session.socket())
            .args(["--crowd-kind", kind.get_name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("stdout")?;
        let (tell, complete) = channel();
        thread::spawn(move || {
            let mut line = String::new();
            let _ = BufReader::new(stdout).read_line(&mut line);
            let _ = tell.send(());
        });
        Ok(Self { child, complete })
    }

    fn is_complete(&self) -> bool {
        self.complete.try_recv().is_ok()
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What the crowd's process does: it connects, says so, and stays.
pub(crate) fn gather(socket: &Path, kind: Kind) -> anyhow::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    let beginnings = kind.beginnings();
    let mut connections = Vec::with_capacity(TRIED);
    for number in 0..TRIED {
        let mut connection = UnixStream::connect(socket)?;
        // It may have been sent away already.
        let (beginning, times) = beginnings[number % beginnings.len()];
        drop(connection.write_all(&beginning.repeat(times)));
        connections.push(connection);
    }
    ensure!(connections.len() == TRIED, "not all connected");
    writeln!(io::stdout(), "complete")?;
    io::stdin().read_line(&mut String::new())?;
    Ok(())
}
