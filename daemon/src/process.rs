//! What the process does for its secrets before it reads any: no core dump, no
//! tracer of the same user, no file or socket anyone else can open.

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

/// A protection this machine refused, as one line for the log.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}: {source}")]
pub struct Unprotected {
    /// The protection, as an infinitive.
    pub what: &'static str,
    /// Why it was refused.
    pub source: std::io::Error,
}

/// Protects the process as far as the system allows, and says what it refused.
///
/// Call it first in `main`: `no_new_privs` covers the calling thread and those
/// it starts, and the umask covers every file made afterwards. Nothing here is
/// worth refusing to start for (containers forbid some of it), so the caller
/// only reports what is left open.
pub fn harden() -> Vec<Unprotected> {
    umask(Mode::RWXG | Mode::RWXO);
    let no_core = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    let mut open = Vec::new();
    note(&mut open, "forbid core dumps", no_core);
    note(&mut open, "lock memory", lock_memory());
    harden_platform(&mut open);
    open
}

/// Open files that every listener at its fullest needs, and as many again.
const OPEN_FILES: u64 = 4096;

/// Makes use of what the hard limit on open files allows: the usual soft one
/// is low for the sake of programs that use select(2).
pub fn raise_open_files() -> std::io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let current = Some(wanted);
    Ok(setrlimit(Resource::Nofile, Rlimit { current, maximum })?)
}

/// The least that must be lockable for the pages API keys rest in, in bytes.
const LOCKABLE: u64 = 256 * 1024;

/// Keeps everything in memory where there is no limit on that; where there is
/// one, the pages API keys rest in are locked one by one, and the limit has to
/// have room for them. Locking all under a limit would make allocations fail.
fn lock_memory() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Memlock).current;
    match limit {
        None => lock_all(),
        Some(limit) if limit >= LOCKABLE => Ok(()),
        Some(limit) => Err(std::io::Error::other(format!(
            "the limit is {limit} bytes (ulimit -l)"
        ))),
    }
}

#[cfg(target_os = "linux")]
fn lock_all() -> std::io::Result<()> {
    use rustix::mm::{MlockAllFlags, mlockall};
    // Pages are locked once they are used, not reserved ahead.
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    Ok(mlockall(flags)?)
}

#[cfg(not(target_os = "linux"))]
fn lock_all() -> std::io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
fn harden_platform(open: &mut Vec<Unprotected>) {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    use rustix::thread::set_no_new_privs;

    // Not dumpable also gives /proc/PID to root, so that another process of the
    // same user can neither attach nor read memory and environment.
    note(
        open,
        "forbid tracing",
        set_dumpable_behavior(DumpableBehavior::NotDumpable),
    );
    note(open, "give up new privileges", set_no_new_privs(true));
}

#[cfg(target_os = "macos")]
fn harden_platform(open: &mut Vec<Unprotected>) {
    let denied = secmem_proc::components::disable_tracing_prctl();
    note(
        open,
        "forbid tracing",
        denied.map_err(|error| std::io::Error::other(error.to_string())),
    );
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn harden_platform(open: &mut Vec<Unprotected>) {
    let unsupported = std::io::Error::from(std::io::ErrorKind::Unsupported);
    note(open, "forbid tracing", Err::<(), _>(unsupported));
}

fn note<E: Into<std::io::Error>>(
    open: &mut Vec<Unprotected>,
    what: &'static str,
    result: Result<(), E>,
) {
    if let Err(source) = result {
        open.push(Unprotected {
            what,
            source: source.into(),
        });
    }
}
