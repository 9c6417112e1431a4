//! How often the daemon wakes up while nobody asks anything.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use quilt_client::blocking::Client;
use quilt_proto::api::CreateGrant;
use quilt_proto::wire::GrantRequest;

use crate::row::{Row, Target};
use crate::session::Session;

/// What was asked before is over by then.
const SETTLED: Duration = Duration::from_secs(12);

/// Wake-ups a minute, logged in, and with three grants and somebody watching.
pub(crate) fn measure(session: &Session, seconds: u64) -> anyhow::Result<Vec<Row>> {
    let pid = session.daemon_pid();
    let minute = |seconds: u64| -> anyhow::Result<f64> {
        thread::sleep(SETTLED);
        let before = wake_ups(pid)?;
        thread::sleep(Duration::from_secs(seconds));
        #[expect(clippy::cast_precision_loss, reason = "they are few")]
        let counted = since(&before, pid)? as f64;
        #[expect(clippy::cast_precision_loss, reason = "minutes")]
        let minutes = seconds as f64 / 60.;
        Ok(counted / minutes)
    };
    let alone = minute(seconds)?;
    let client = Client::new(session.socket());
    for _ in 0..3 {
        client.send(&CreateGrant(GrantRequest::default()))?;
    }
    let _watch = Watch::start(session)?;
    let watched = minute(seconds)?;
    Ok(vec![
        Row::once(
            "idle, logged in",
            "wake-ups a minute",
            alone,
            Target::AtMost(6.),
        ),
        Row::once(
            "idle, three grants and a watch",
            "wake-ups a minute",
            watched,
            Target::AtMost(20.),
        ),
    ])
}

/// What every thread has woken up for so far.
fn wake_ups(pid: u32) -> anyhow::Result<HashMap<OsString, u64>> {
    let mut all = HashMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).context("no count of wake-ups here")? {
        let task = task?;
        // It may end meanwhile.
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        if let Some(count) = line.and_then(|line| line.trim().parse().ok()) {
            all.insert(task.file_name(), count);
        }
    }
    Ok(all)
}

/// What they have woken up for since.
fn since(before: &HashMap<OsString, u64>, pid: u32) -> anyhow::Result<u64> {
    let now = wake_ups(pid)?.into_iter();
    let of = |(task, count): (OsString, u64)| {
        count.saturating_sub(before.get(&task).copied().unwrap_or(0))
    };
    Ok(now.map(of).sum())
}

/// `quiltctl watch`; it ends with this value.
struct Watch(Child);

impl Watch {
    fn start(session: &Session) -> anyhow::Result<Self> {
        let child = session
            .quiltctl(&["watch", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
