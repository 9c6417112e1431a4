//! What a cached vend costs as what the daemon knows grows: in instructions, by
//! callgrind, since time varies by more than what there is to see.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use quilt_client::blocking::Client;
use quilt_proto::api::{ReadSession, SessionQuery};

use crate::instructions::{self, VEND};
use crate::load::{self, Held, Server};
use crate::many;
use crate::row::{Row, Target};
use crate::session::Session;

/// How often each grows.
const TIMES: [usize; 3] = [10, 100, 1000];

/// Vends that are counted.
const VENDS: u64 = 1000;

/// Settings are no longer new by then, and what came with them is over.
const SETTLED: Duration = Duration::from_secs(4);

/// One daemon, which gets more and more of each.
pub(crate) fn measure(session: &mut Session) -> anyhow::Result<Vec<Row>> {
    session.end_daemon();
    let out = session.home().join("callgrind.growth");
    let daemon = session.daemon_under(Path::new("valgrind"), &instructions::tool(&out))?;
    let count = || -> anyhow::Result<f64> {
        thread::sleep(SETTLED);
        control(daemon.id(), "--zero")?;
        load::repeat(&Server::Unix(session.socket()), VEND, VENDS)?;
        control(daemon.id(), "--dump")?;
        newest(&out)
    };
    let mut rows = Vec::new();
    let kinds: [(&str, Grow); 3] = [
        ("catalogs", catalogs),
        ("profiles", profiles),
        ("connections", connections),
    ];
    for (what, grow) in kinds {
        let one = grow(session, 1)?;
        let alone = count()?;
        drop(one);
        for times in TIMES {
            let more = grow(session, times)?;
            let ratio = count()? / alone;
            drop(more);
            rows.push(Row::once(
                &format!("a vend beside {times} {what}, instructions"),
                "a vend beside one",
                ratio,
                Target::AtMost(1.1),
            ));
        }
    }
    daemon.end_gently()?;
    Ok(rows)
}

/// Has the daemon know so many of something, for as long as the answer lives.
type Grow = fn(&Session, usize) -> anyhow::Result<Vec<Held>>;

/// Each is named in the settings and was asked about.
fn catalogs(session: &Session, count: usize) -> anyhow::Result<Vec<Held>> {
    let mut text = String::new();
    for number in 0..count {
        writeln!(
            text,
            "[catalogs.c{number}]\nurl = \"https://c{number}.quilt.example\""
        )?;
    }
    session.write_settings(&text)?;
    for number in 0..count {
        let client = Client::new(session.socket()).with_catalog(format!("c{number}"));
        client.send(&ReadSession(SessionQuery::default()))?;
    }
    Ok(Vec::new())
}

/// Each has credentials.
fn profiles(session: &Session, count: usize) -> anyhow::Result<Vec<Held>> {
    many::vend_each(session, count)?;
    Ok(Vec::new())
}

/// Each has asked once and is kept, as far as one program may have them.
fn connections(session: &Session, count: usize) -> anyhow::Result<Vec<Held>> {
    let server = Server::Unix(session.socket());
    (0..count).map(|_| Held::after(&server, VEND)).collect()
}

/// Tells callgrind something while the program runs.
fn control(pid: u32, what: &str) -> anyhow::Result<()> {
    let mut command = Command::new("callgrind_control");
    let ran = command.arg(what).arg(pid.to_string()).output();
    let ran = ran.context("callgrind_control")?;
    let said = String::from_utf8_lossy(&ran.stdout);
    ensure!(
        ran.status.success() && said.contains("OK"),
        "callgrind_control {what}: {said}"
    );
    Ok(())
}

/// The total of the latest dump, which has the highest number.
fn newest(out: &Path) -> anyhow::Result<f64> {
    let dump = |number: usize| out.with_extension(format!("growth.{number}"));
    let newest = (1..=99).take_while(|number| dump(*number).exists()).last();
    let total = instructions::total(&dump(newest.context("callgrind dumped nothing")?))?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = total as f64 / VENDS as f64;
    Ok(each)
}
