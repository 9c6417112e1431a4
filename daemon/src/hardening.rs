//! What the process does for its secrets before it reads any: no core dump, no
//! tracer of the same user, no file or socket anyone else can open.

use quilt_proto::Command;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

use crate::raw::Locked;

/// What the process does to keep its secrets to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Its crashes leave no image of its memory.
    NoCoreDumps,
    /// What API keys rest in is never swapped out.
    LockedMemory,
    /// Processes of the same user can neither trace nor read it.
    NoTracing,
    /// What it starts gains no privileges.
    NoNewPrivileges,
    /// Other users' connections on loopback are told from this user's.
    KnownConnections,
}

impl Protection {
    /// Its name in `status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoCoreDumps => "no_core_dumps",
            Self::LockedMemory => "locked_memory",
            Self::NoTracing => "no_tracing",
            Self::NoNewPrivileges => "no_new_privileges",
            Self::KnownConnections => "known_connections",
        }
    }

    /// What could not be done without it, as an infinitive.
    fn infinitive(self) -> &'static str {
        match self {
            Self::NoCoreDumps => "forbid core dumps",
            Self::LockedMemory => "lock memory",
            Self::NoTracing => "forbid tracing",
            Self::NoNewPrivileges => "give up new privileges",
            Self::KnownConnections => "tell whose connections on loopback are",
        }
    }
}

/// A protection, and why it could not be had.
#[derive(Clone, Debug)]
pub struct ProtectionAttempt {
    /// Which.
    pub protection: Protection,
    /// What the system said; nothing where it is in force.
    pub refusal: Option<String>,
}

impl ProtectionAttempt {
    /// The command that brings it about, or shows why it cannot be had.
    pub fn remedy(&self) -> Command {
        match self.protection {
            Protection::LockedMemory => lockable(),
            Protection::KnownConnections => "ls -l /proc/net/tcp".into(),
            _ => "quiltctl daemon restart".into(),
        }
    }

    /// As it stands by now: the limit on locked memory may be used up since.
    pub fn now(attempts: &[Self]) -> Vec<Self> {
        let mut attempts = attempts.to_vec();
        for attempt in &mut attempts {
            if attempt.protection == Protection::LockedMemory && Locked::was_refused() {
                let used_up = || "as much as the limit allows is locked (ulimit -l)".to_owned();
                attempt.refusal.get_or_insert_with(used_up);
            }
        }
        attempts
    }

    /// Why it is not in force, as one line.
    pub fn warning(&self) -> Option<String> {
        let refusal = self.refusal.as_ref()?;
        Some(format!(
            "cannot {}: {refusal}",
            self.protection.infinitive()
        ))
    }
}

/// Protects the process as far as the system allows, and says what it refused.
///
/// Call it first in `main`: `no_new_privs` covers the calling thread and those
/// it starts, and the umask covers every file made afterwards. Nothing here is
/// worth refusing to start for (containers forbid some of it), so the caller
/// only reports what is left open.
pub fn harden() -> Vec<ProtectionAttempt> {
    umask(Mode::RWXG | Mode::RWXO);
    let no_core = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    let mut attempts = vec![
        attempt(Protection::NoCoreDumps, no_core),
        attempt(Protection::LockedMemory, lock_memory()),
    ];
    harden_platform(&mut attempts);
    attempts
}

/// Open files that every listener at its fullest needs, and some.
const OPEN_FILES: u64 = 40 * 1024;

/// Makes use of what the hard limit on open files allows: the usual soft one
/// is low for the sake of programs that use select(2).
pub fn raise_open_files() -> std::io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if current.is_some_and(|current| current < wanted) {
        let current = Some(wanted);
        setrlimit(Resource::Nofile, Rlimit { current, maximum })?;
    }
    grow_descriptor_table(current.map_or(wanted, |current| current.max(wanted)))
}

/// Descriptors that a crowd at one listener takes, about.
const CROWD: u64 = 16 * 1024;

/// Has the kernel's table of descriptors grow now to what a crowd needs. Once
/// there are threads, each time that it doubles holds up whoever accepts a
/// connection for up to tens of milliseconds (`expand_fdtable` in Linux waits
/// for all processors).
fn grow_descriptor_table(limit: u64) -> std::io::Result<()> {
    let last = limit.min(CROWD).saturating_sub(1);
    let Ok(last) = last.try_into() else {
        return Ok(());
    };
    let any = std::fs::File::open("/dev/null")?;
    drop(rustix::io::fcntl_dupfd_cloexec(any, last)?);
    Ok(())
}

/// The least that must be lockable for the pages API keys rest in, in bytes.
const LOCKABLE: u64 = 256 * 1024;

/// Raises the limit on locked memory for a daemon started anew: in its unit
/// where systemd runs it, else in the shell that starts it.
fn lockable() -> Command {
    const UNIT: &str = "mkdir -p ~/.config/systemd/user/quiltd.service.d && \
                        printf '[Service]\\nLimitMEMLOCK=8M\\n' \
                        > ~/.config/systemd/user/quiltd.service.d/memlock.conf && \
                        systemctl --user daemon-reload && systemctl --user restart quiltd";
    let limit = getrlimit(Resource::Memlock);
    // Set for what a service manager starts.
    if std::env::var_os("INVOCATION_ID").is_some() && std::env::var_os("SYSTEMD_EXEC_PID").is_some()
    {
        return UNIT.into();
    }
    match limit.maximum {
        Some(most) if most < LOCKABLE => Command::of(
            "sudo prlimit --pid $$ --memlock=8388608:8388608 && quiltctl daemon restart",
        ),
        _ => "ulimit -S -l 256 && quiltctl daemon restart".into(),
    }
}

/// Keeps everything in memory where there is no limit on that; where there is
/// one, the pages API keys rest in are locked one by one, and the limit has to
/// have room for them. Locking all under a limit would make allocations fail.
fn lock_memory() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Memlock).current;
    match limit {
        None => lock_all(),
        Some(limit) if limit >= LOCKABLE && Locked::holds() => Ok(()),
        Some(limit) if limit >= LOCKABLE => Err(std::io::Error::other("the system refuses it")),
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

/// Only the pages of keys, as under a limit.
#[cfg(not(target_os = "linux"))]
fn lock_all() -> std::io::Result<()> {
    if Locked::holds() {
        return Ok(());
    }
    Err(std::io::Error::other("the system refuses it"))
}

#[cfg(target_os = "linux")]
fn harden_platform(attempts: &mut Vec<ProtectionAttempt>) {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    use rustix::thread::set_no_new_privs;

    // Not dumpable also gives /proc/PID to root, so that another process of the
    // same user can neither attach nor read memory and environment.
    let no_tracing = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    attempts.push(attempt(Protection::NoTracing, no_tracing));
    let no_privs = set_no_new_privs(true);
    attempts.push(attempt(Protection::NoNewPrivileges, no_privs));
    let known = quilt_trust::sockets::are_known();
    attempts.push(attempt(Protection::KnownConnections, known));
}

#[cfg(target_os = "macos")]
fn harden_platform(attempts: &mut Vec<ProtectionAttempt>) {
    let denied = secmem_proc::components::disable_tracing_prctl();
    let denied = denied.map_err(|error| std::io::Error::other(error.to_string()));
    attempts.push(attempt(Protection::NoTracing, denied));
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn harden_platform(attempts: &mut Vec<ProtectionAttempt>) {
    let unsupported = std::io::Error::from(std::io::ErrorKind::Unsupported);
    attempts.push(attempt(Protection::NoTracing, Err::<(), _>(unsupported)));
}

fn attempt<E: Into<std::io::Error>>(
    protection: Protection,
    result: Result<(), E>,
) -> ProtectionAttempt {
    let refusal = result.err().map(|error| error.into().to_string());
    ProtectionAttempt {
        protection,
        refusal,
    }
}
