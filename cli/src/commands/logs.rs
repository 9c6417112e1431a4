//! `daemon logs`: what the daemon wrote.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::thread;
use std::time::Duration;

use quilt_proto::{locations, state_files};
use quilt_trust::{Access, Role};

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

/// The most of the file's end that is read, in bytes.
const MAX_TAIL: u64 = 4 * 1024 * 1024;
/// How often to look for more.
const PAUSE: Duration = Duration::from_millis(200);

/// How much of it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Args {
    /// The last so many lines
    #[arg(long, value_name = "N", default_value_t = 50)]
    lines: usize,

    /// Go on with what is written from now on
    #[arg(long)]
    follow: bool,
}

pub(super) fn run(context: &Context, args: Args) -> Result<(), Failure> {
    context.refuse_json("daemon logs")?;
    let dir = locations::state_dir()?;
    let path = dir.join(state_files::LOG);
    let failed = |error: &io::Error| {
        let what = format!("cannot read the daemon's log: {error}");
        let hint = quilt_proto::Command::of("ls -l").path(&path);
        Failure::new(exit::UNEXPECTED, what).hint(hint)
    };
    let opened = quilt_trust::open(&path, Role::State, Access::Read);
    let Some(mut log) = opened.map_err(|error| failed(&error.into()))? else {
        let what = "no log is kept here: a service manager that starts the daemon keeps its own";
        let hint = if cfg!(target_os = "macos") {
            "quiltctl daemon start"
        } else {
            "journalctl --user --unit quiltd"
        };
        return Err(Failure::new(exit::NOT_FOUND, what).hint(hint));
    };
    let text = tail(&mut log).map_err(|error| failed(&error))?;
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(args.lines)..] {
        output::line(line)?;
    }
    if !args.follow {
        return Ok(());
    }
    let mut rest = String::new();
    loop {
        thread::sleep(PAUSE);
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes)
            .map_err(|error| failed(&error))?;
        rest.push_str(&String::from_utf8_lossy(&bytes));
        while let Some((line, after)) = rest.split_once('\n') {
            output::line(line)?;
            rest = after.to_owned();
        }
    }
}

fn tail(log: &mut File) -> io::Result<String> {
    let end = log.metadata()?.len();
    log.seek(SeekFrom::Start(end.saturating_sub(MAX_TAIL)))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
