//! `setup systemd`: user units with socket activation, started at login.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::packaged_units;
use super::unit::{self, Unit};
use quilt_proto::quoted;
use quilt_proto::suggested_command::clause;

use crate::commands::daemon_stop;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{files, lock_holder, output, programs};

/// What the units are called.
const SERVICE: &str = "quiltd.service";
const SOCKET: &str = "quiltd.socket";

const SERVICE_UNIT: &str = include_str!("../../../../systemd/quiltd.service");
const SOCKET_UNIT: &str = include_str!("../../../../systemd/quiltd.socket");

/// What is changed by what stands beside it: the units, what starts them, and all of
/// a kind.
const CHANGED: [&str; 7] = [
    SERVICE,
    SOCKET,
    "default.target",
    "sockets.target",
    "service",
    "socket",
    "target",
];

/// How directories of units are named that are started with another.
const WITH: [&str; 3] = ["wants", "requires", "upholds"];

/// What enabling links to the units.
const WANTED: [&str; 2] = [
    "default.target.wants/quiltd.service",
    "sockets.target.wants/quiltd.socket",
];

/// Whether to set up or to take it back.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct SystemdArgs {
    #[command(flatten)]
    unit: unit::Args,

    /// Keep the daemon while you are logged out, as cron and batch jobs need it
    /// (loginctl enable-linger)
    #[arg(long, conflicts_with = "undo")]
    linger: bool,
}

pub(super) fn run(context: &Context, args: SystemdArgs) -> Result<(), Failure> {
    let paths = files()?;
    unit::require("systemctl", ("launchctl", "quiltctl setup launchd"))?;
    // What enabling links is written, too, by this user's rights; and what changes
    // the units is run with them.
    let read = read_by_manager()?;
    files::may_write(read.iter().map(PathBuf::as_path))?;
    if args.unit.undo {
        let changed = undo()?;
        let done = if changed { "removed" } else { "was not set up" };
        return unit::report(context, &paths, done, changed);
    }
    reach_manager()?;
    let socket = unit::chosen_socket(context)?;
    let own_program = unit::daemon_path()?;
    // A package's units are upgraded with it; copies of ours would hide that.
    let packaged = packaged_units::units(&own_program).filter(|_| socket.is_none());
    if let Some(packaged) = packaged {
        let changed = unit::any_is_ours(&paths)?;
        if changed {
            daemon_stop::stop_for_next(&context.client()?)?;
            unit::remove(&paths)?;
            systemctl(&["daemon-reload"])?;
        }
        take_over(context)?;
        let done = "of the package is enabled";
        return unit::report(context, &packaged, done, changed);
    }
    let contents = [service(&own_program)?, socket_unit(socket.as_deref())?];
    let units = paths.iter().cloned().zip(contents);
    let units: Vec<Unit> = units
        .map(|(path, content)| Unit { path, content })
        .collect();
    let changed = unit::install(context, &units)?;
    if changed {
        systemctl(&["daemon-reload"])?;
    }
    take_over(context)?;
    unit::report(context, &paths, unit::in_place(changed), changed)?;
    if args.linger {
        return unit::manage("loginctl", &["enable-linger"]);
    }
    if !lingers() {
        output::note(
            "systemd ends your services, and the directory of the socket, with your last logout. \
             Where cron or batch jobs need the daemon meanwhile, let it linger: \
             quiltctl setup systemd --linger",
        );
    }
    Ok(())
}

/// Whether this user's services outlive their logins (logind keeps a file for
/// each such user).
fn lingers() -> bool {
    let name = env::var("USER").or_else(|_| env::var("LOGNAME"));
    let name = name.unwrap_or_default();
    let is_name = !name.is_empty() && !name.contains('/');
    is_name && Path::new("/var/lib/systemd/linger").join(name).exists()
}

/// Whether the units are there.
pub(in crate::commands) fn is_set_up() -> bool {
    files().is_ok_and(|[service, _]| service.exists())
}

/// What a user's manager reads of the daemon's units, be it there or not: the units,
/// beside them directories with what changes each of them, or all of a kind
/// (systemd.unit(5)), and what says in which environment all of them are run
/// (systemd-user.conf(5), environment.d(5)).
pub(in crate::commands) fn read_by_manager() -> Result<Vec<PathBuf>, Failure> {
    let own = units_dir()?;
    let data = unit::data_dir().ok();
    let data = data.map(|data| data.join("systemd/user"));
    let settings = own.with_file_name("user.conf");
    let environment = unit::config_dir()?.join("environment.d");
    let mut read = changes(own.with_file_name("user.conf.d"));
    read.push(settings);
    read.extend(changes(environment));
    for dir in [own.with_file_name("user.control"), own]
        .into_iter()
        .chain(data)
    {
        read.extend(units(&dir));
        for name in CHANGED {
            read.extend(changes(dir.join(format!("{name}.d"))));
        }
        // Units that are started with these, by the names of links.
        for (name, with) in CHANGED
            .iter()
            .flat_map(|name| WITH.map(|with| (name, with)))
        {
            read.push(dir.join(format!("{name}.{with}")));
        }
    }
    Ok(read)
}

/// A directory of drop-ins, and those in it.
fn changes(dir: PathBuf) -> Vec<PathBuf> {
    let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "conf"));
    files.sort();
    files.push(dir);
    files
}

/// Where the units are.
pub(in crate::commands) fn files() -> Result<[PathBuf; 2], Failure> {
    Ok(units(&units_dir()?))
}

/// The units in a directory, service first.
pub(super) fn units(dir: &Path) -> [PathBuf; 2] {
    [dir.join(SERVICE), dir.join(SOCKET)]
}

/// Takes the units back; whether there were any.
pub(super) fn undo() -> Result<bool, Failure> {
    let dir = units_dir()?;
    let paths = units(&dir);
    // Links to units of the user's own are the user's.
    let is_left = || is_wanted(&dir) && !paths.iter().any(|path| path.exists());
    let changed = unit::any_is_ours(&paths)? || is_left();
    let is_there = changed && reach_manager().is_ok();
    if is_there {
        systemctl(&["disable", "--now", SOCKET, SERVICE])?;
    }
    if changed {
        unit::remove(&paths)?;
        unlink_wanted(&dir)?;
    }
    if is_there {
        systemctl(&["daemon-reload"])?;
    }
    Ok(changed)
}

/// Has the service manager run the daemon. Harmless when it does; mends a run
/// that ended half-way, units that failed, and a daemon that is not the unit's.
fn take_over(context: &Context) -> Result<(), Failure> {
    // Says so where nothing failed, too.
    let _ = systemctl(&["reset-failed", SOCKET, SERVICE]);
    if let Some(pid) = lock_holder::pid(&context.socket()?)
        && State::read().is_some_and(|state| state.main_pid != Some(pid.as_raw_nonzero().get()))
    {
        daemon_stop::stop_for_next(&context.client()?)?;
    }
    systemctl(&["enable", "--now", SOCKET, SERVICE])
}

/// How the service manager has the units.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::commands) struct State {
    /// The process of the service.
    pub(in crate::commands) main_pid: Option<i32>,
    /// Whether one of them is to be started at login.
    pub(in crate::commands) enabled: bool,
    /// Whether one of them failed, and stays so.
    pub(in crate::commands) failed: bool,
}

impl State {
    /// Nothing where there is no service manager, or none that answers.
    pub(in crate::commands) fn read() -> Option<Self> {
        let output = Command::new(programs::tool("systemctl")?)
            .args(["--user", "show", SERVICE, SOCKET])
            .arg("--property=MainPID,ActiveState,UnitFileState")
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then(|| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut state = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match (name, value) {
                ("MainPID", pid) => state.main_pid = pid.parse().ok().filter(|pid| *pid != 0),
                ("ActiveState", "failed") => state.failed = true,
                ("UnitFileState", "enabled") => state.enabled = true,
                _ => {}
            }
        }
        state
    }
}

/// The units below the user's own configuration that this program would write
/// otherwise now: of another version, or in the way of a package's.
pub(in crate::commands) fn stale() -> Option<PathBuf> {
    let paths = files().ok()?;
    let texts = paths.each_ref().map(|path| files::text(path));
    let [service, socket] = texts.map(|text| text.filter(|text| unit::is_ours(text)));
    let path = paths.into_iter().next()?;
    let (service, socket) = (service?, socket?);
    let shadows = packaged_units::units(&starts(&service)?).is_some()
        && socket_line(&socket) == socket_line(SOCKET_UNIT);
    let is_current = is_as_shipped(&service) && is_as_shipped(&socket);
    (shadows || !is_current).then_some(path)
}

/// Whether a unit is as this version has it, but for what differs from user to
/// user.
pub(super) fn is_as_shipped(text: &str) -> bool {
    let text = text.strip_prefix(&unit::marked("")).unwrap_or(text);
    let is = |unit: &str, start: &str| {
        replace_line(text, start, start) == replace_line(unit, start, start)
    };
    is(SERVICE_UNIT, "ExecStart=") || is(SOCKET_UNIT, "ListenStream=")
}

/// The program that the user's own unit starts, where there is one.
pub(in crate::commands) fn program() -> Option<PathBuf> {
    let [service, _] = files().ok()?;
    starts(&files::text(&service)?).map(PathBuf::from)
}

/// The program that a unit starts, as [`command_line`] writes it.
pub(super) fn starts(service: &str) -> Option<String> {
    let mut lines = service.lines();
    let line = lines.find_map(|line| line.strip_prefix("ExecStart="))?;
    let bare = line
        .strip_prefix('"')
        .and_then(|line| line.strip_suffix('"'));
    Some(bare.unwrap_or(line).replace("%%", "%"))
}

fn socket_line(text: &str) -> Option<&str> {
    text.lines().find(|line| line.starts_with("ListenStream="))
}

/// Whether enabling left a link.
fn is_wanted(dir: &Path) -> bool {
    WANTED
        .iter()
        .any(|link| dir.join(link).symlink_metadata().is_ok())
}

/// Fails where the user's service manager does not answer, before anything is
/// changed.
fn reach_manager() -> Result<(), Failure> {
    systemctl(&["show-environment"]).map_err(|failure| {
        let what = format!(
            "no service manager of this user can be reached, as over ssh and in containers: \
             {}; nothing was changed",
            clause(failure.what())
        );
        Failure::new(exit::UNEXPECTED, what).hint("quiltctl daemon start")
    })
}

/// Removes the links that enabling made, which a service manager that cannot
/// be reached leaves behind.
fn unlink_wanted(dir: &Path) -> Result<(), Failure> {
    let mut links = WANTED.iter().map(|link| dir.join(link));
    links.try_for_each(|link| unit::remove_file(&link))
}

fn systemctl(args: &[&str]) -> Result<(), Failure> {
    unit::manage("systemctl", &[&["--user"], args].concat())
}

fn units_dir() -> Result<PathBuf, Failure> {
    Ok(unit::config_dir()?.join("systemd/user"))
}

fn service(daemon: &str) -> Result<String, Failure> {
    let line = format!("ExecStart={}", command_line(daemon)?);
    let unit = replace_line(SERVICE_UNIT, "ExecStart=", &line);
    Ok(unit::marked(&unit))
}

fn socket_unit(socket: Option<&str>) -> Result<String, Failure> {
    let Some(path) = socket else {
        return Ok(unit::marked(SOCKET_UNIT));
    };
    // Blanks at a line's end are dropped, and a backslash there takes the next
    // line in (systemd.syntax(7)): it would be another socket, open to others.
    if path.ends_with(|end: char| end == '\\' || end.is_whitespace()) {
        let what = format!(
            "systemd listens at no socket whose path ends in a blank or a backslash: {}",
            quoted::path(Path::new(path))
        );
        return Err(Failure::new(exit::INPUT, what).hint("quiltctl setup systemd --help"));
    }
    // Specifiers are expanded here, quotes are not understood.
    let line = format!("ListenStream={}", path.replace('%', "%%"));
    let unit = replace_line(SOCKET_UNIT, "ListenStream=", &line);
    Ok(unit::marked(&unit))
}

/// A command line that is a program alone. Specifiers are expanded in its path,
/// variables are not; quotes and backslashes may not be in it, however they are
/// written (systemd.service(5), "Command lines").
fn command_line(program: &str) -> Result<String, Failure> {
    if program.contains(['"', '\'', '\\']) {
        let what = format!(
            "systemd starts no program with a quote or a backslash in its path: {}; \
             install quiltd elsewhere, or start it yourself",
            quoted::path(Path::new(program))
        );
        return Err(Failure::new(exit::INPUT, what).hint("quiltctl daemon start"));
    }
    Ok(format!("\"{}\"", program.replace('%', "%%")))
}

fn replace_line(text: &str, start: &str, line: &str) -> String {
    text.lines()
        .map(|old| if old.starts_with(start) { line } else { old })
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[cfg(test)]
mod tests;
