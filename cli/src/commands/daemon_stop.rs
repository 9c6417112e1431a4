//! The end of the daemon, whoever asks for it.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use quilt_client::Error;
use quilt_client::blocking::Client;
use quilt_proto::api::{ReadStatus, Shutdown, ShutdownQuery};
use quilt_proto::wire::Status;
use rustix::process::{Pid, Signal, kill_process};

use crate::exit::{self, Failure};
use crate::key_carrier::KeyCarrier;
use crate::{lock_holder, output};

/// How long a daemon that is well may take to say who it is.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take to end: it first stores tokens that are being rotated.
pub(super) const END_TIMEOUT: Duration = Duration::from_secs(40);
/// How often to look whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// Ends the daemon so that the one that is started next has its API keys.
pub(super) fn stop_for_next(client: &Client) -> Result<bool, Failure> {
    // Whoever carries them needs nobody to wait.
    let _keys = KeyCarrier::send_for(client);
    stop(client)
}

/// Ends the daemon and waits until it is gone; false when there was none.
/// Waits for the process, not for the socket: connecting to a socket that
/// systemd or launchd holds would start the daemon again.
pub(super) fn stop(client: &Client) -> Result<bool, Failure> {
    stop_as(client, ShutdownQuery::default())
}

pub(super) fn stop_as(client: &Client, how: ShutdownQuery) -> Result<bool, Failure> {
    let quick = client.clone().with_timeout(ANSWER_TIMEOUT);
    match quick.send(&ReadStatus) {
        Ok(status) => {
            // In a container it calls itself by a number that is another's here.
            let pid = quick.listener().and_then(lock_holder::checked);
            let pid = pid.or_else(|| lock_holder::pid(client.socket()));
            let pid = pid.or_else(|| lock_holder::checked(status.pid));
            let process = pid.map(|pid| (pid, Process::open(pid)));
            client.send(&Shutdown(how))?;
            let deadline = Instant::now() + END_TIMEOUT;
            match process {
                Some((pid, Ok(process))) if !process.wait(deadline) => return Err(endless(pid)),
                Some(_) => {}
                None => wait_for_lock(client.socket(), deadline)?,
            }
            warn_of_exec(&status);
            Ok(true)
        }
        // Deaf, stopped, or without its socket: the lock still names it.
        Err(error) => match lock_holder::pid(client.socket()) {
            Some(pid) => end(pid).map(|()| true),
            None if error.is_absent() && !lock_holder::is_there(client.socket()) => Ok(false),
            None => Err(unendable(client, error)),
        },
    }
}

/// What answers and cannot be told to end: another program on the socket is
/// ended by whoever knows what it is.
fn unendable(client: &Client, error: Error) -> Failure {
    match (&error, client.listener()) {
        (Error::InvalidAnswer(_), Some(pid)) => {
            Failure::from(error).hint(quilt_proto::Command::of("kill").operand(pid))
        }
        _ => error.into(),
    }
}

/// Waits for a daemon whose process cannot be seen from here to let go of its
/// socket.
fn wait_for_lock(socket: &Path, deadline: Instant) -> Result<(), Failure> {
    while lock_holder::is_there(socket) {
        if Instant::now() >= deadline {
            let what =
                "quiltd, which runs where its process cannot be seen from here, does not end";
            let hint = quilt_proto::Command::to_daemon(Some(socket), "status");
            return Err(Failure::new(exit::DAEMON, what).hint(hint));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// How many of them a line names.
const MOST_NAMED: usize = 8;

/// Says which programs had a right that ended with the daemon.
fn warn_of_exec(status: &Status) {
    let pids = status.grants.iter().filter_map(|grant| grant.pid);
    let pids: BTreeSet<u32> = pids.collect();
    if !pids.is_empty() {
        output::note(format_args!(
            "warning: programs under quiltctl exec have lost their credentials, start them again: \
             pid {}",
            some(&pids)
        ));
    }
}

/// The first of them, and how many more there are.
fn some(pids: &BTreeSet<u32>) -> String {
    let first = pids.iter().take(MOST_NAMED).map(u32::to_string);
    let named = first.collect::<Vec<_>>().join(", ");
    match pids.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Ends a daemon that does not answer: in order, else at once.
fn end(pid: Pid) -> Result<(), Failure> {
    let Ok(process) = Process::open(pid) else {
        return Ok(());
    };
    for (signal, timeout) in [
        (Signal::TERM, END_TIMEOUT),
        (Signal::KILL, Duration::from_secs(2)),
    ] {
        // One that is stopped takes no signal before it goes on.
        let sent = [signal, Signal::CONT].map(|signal| kill_process(pid, signal));
        if sent[0].is_err() || process.wait(Instant::now() + timeout) {
            return Ok(());
        }
    }
    Err(endless(pid))
}

fn endless(pid: Pid) -> Failure {
    let pid = pid.as_raw_nonzero();
    let what = format!("quiltd (pid {pid}) does not end");
    Failure::new(exit::DAEMON, what).hint(quilt_proto::Command::of("kill -9").operand(pid))
}

/// A process that is not a child.
#[cfg(target_os = "linux")]
struct Process(rustix::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Process {
    /// A handle, which sees the end even where nobody reaps the process.
    fn open(pid: Pid) -> io::Result<Self> {
        let flags = rustix::process::PidfdFlags::empty();
        Ok(Self(rustix::process::pidfd_open(pid, flags)?))
    }

    fn wait(&self, deadline: Instant) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        while Instant::now() < deadline {
            let timeout = Timespec::try_from(PAUSE).ok();
            if poll(&mut [PollFd::new(&self.0, PollFlags::IN)], timeout.as_ref()) == Ok(1) {
                return true;
            }
        }
        false
    }
}

/// A process that is not a child.
#[cfg(not(target_os = "linux"))]
struct Process(Pid);

#[cfg(not(target_os = "linux"))]
impl Process {
    fn open(pid: Pid) -> io::Result<Self> {
        rustix::process::test_kill_process(pid)?;
        Ok(Self(pid))
    }

    fn wait(&self, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            if rustix::process::test_kill_process(self.0).is_err() {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_no_more_than_can_be_read() {
        assert_eq!(some(&BTreeSet::from([7, 12])), "7, 12");
        let many = some(&(1..=500).collect());
        assert_eq!(many, "1, 2, 3, 4, 5, 6, 7, 8 and 492 more");
    }
}
