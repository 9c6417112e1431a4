//! Files that tell a service manager about the daemon.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use quilt_proto::{Command as Hint, Quoted, locations, quoted};
use serde_json::json;

use super::systemd;
use crate::commands::daemon_stop;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{files, output, program_path, programs, start};

/// What every one of our files begins with, and nobody else's.
pub(super) const MARK: &str = "Written by quiltctl setup, which replaces and removes this file.";

/// A file of ours whose comments begin with `#`.
pub(super) fn marked(text: &str) -> String {
    format!("# {MARK}\n{text}")
}

/// Whether we have written a file, and not the user.
pub(super) fn is_ours(content: &str) -> bool {
    content.lines().take(2).any(|line| line.contains(MARK)) || systemd::is_as_shipped(content)
}

/// Whether to set up or to take it back.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Args {
    /// Take it back
    #[arg(long)]
    pub(super) undo: bool,
}

/// A file and what is to be in it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) path: PathBuf,
    pub(super) content: String,
}

/// Writes the units that differ; true when there were any. The running daemon
/// is stopped first, so that the service manager gets the socket.
pub(super) fn install(context: &Context, units: &[Unit]) -> Result<bool, Failure> {
    let mut changed = Vec::new();
    for unit in units {
        match read(&unit.path)? {
            Some(old) if old == unit.content => {}
            Some(old) if !is_ours(&old) => return Err(not_ours(&unit.path)),
            _ => changed.push(unit),
        }
    }
    if changed.is_empty() {
        return Ok(false);
    }
    daemon_stop::stop_for_next(&context.client()?)?;
    for unit in changed {
        write(&unit.path, unit.content.as_bytes())?;
    }
    Ok(true)
}

/// A file of the user's in the place of ours.
pub(super) fn not_ours(path: &Path) -> Failure {
    let what = format!("{} was not written by quiltctl setup", quoted::path(path));
    let hint = Hint::of("mv")
        .path(path)
        .path(&quilt_trust::free(path, ".old"));
    Failure::new(exit::INPUT, what).hint(hint)
}

/// Removes the files that are ours.
pub(super) fn remove(paths: &[PathBuf]) -> Result<(), Failure> {
    for path in paths {
        if read(path)?.is_some_and(|content| is_ours(&content)) {
            fs::remove_file(path).map_err(|error| failed(path, &error))?;
        }
    }
    Ok(())
}

/// Whether any of the files is there that we have written.
pub(super) fn any_is_ours(paths: &[PathBuf]) -> Result<bool, Failure> {
    for path in paths {
        if read(path)?.is_some_and(|content| is_ours(&content)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Runs the service manager's tool, which must succeed.
pub(super) fn manage(tool: &'static str, args: &[&str]) -> Result<(), Failure> {
    let line = args.iter().fold(Hint::of(tool), |line, arg| line.word(arg));
    let program = programs::tool(tool).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound));
    let output = program
        .and_then(|program| {
            let mut command = Command::new(program);
            command.args(args).stdin(Stdio::null()).output()
        })
        .map_err(|error| {
            let what = format!("{tool} cannot be started: {error}");
            Failure::new(exit::UNEXPECTED, what).hint("quiltctl daemon start")
        })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().last().unwrap_or("no reason given");
    let said = Quoted::new(said);
    Err(Failure::new(exit::UNEXPECTED, format!("{tool} failed: {said}")).hint(line))
}

/// Fails early where the service manager is not there.
pub(super) fn require(tool: &str, (there, other): (&str, &'static str)) -> Result<(), Failure> {
    if programs::tool(tool).is_some() {
        return Ok(());
    }
    let found = programs::on_path(tool).next();
    if let Some(Err(distrust)) = found.map(|found| programs::check(&found)) {
        let what = format!("{distrust}: {tool} is not run");
        return Err(Failure::new(exit::UNEXPECTED, what).hint(distrust.remedy()));
    }
    let what = format!("{tool} is not on this machine");
    // Where there is neither, each would name the other.
    let is_there = programs::tool(there).is_some();
    let hint = if is_there {
        other
    } else {
        "quiltctl daemon start"
    };
    Err(Failure::new(exit::UNEXPECTED, what).hint(hint))
}

/// The daemon's executable, as text a unit can hold.
pub(super) fn daemon_path() -> Result<String, Failure> {
    let path = start::executable()?;
    let path = std::path::absolute(&path).unwrap_or(path);
    program_path::may_be_written_down(&path)?;
    text(&path)
}

/// The socket, where it is not the usual one.
pub(super) fn chosen_socket(context: &Context) -> Result<Option<String>, Failure> {
    let named = env::var_os(locations::SOCKET_ENV).is_some_and(|value| !value.is_empty());
    if !named && context.global().socket.is_none() {
        return Ok(None);
    }
    text(&context.socket()?).map(Some)
}

/// The user's home.
pub(super) fn home() -> Result<PathBuf, Failure> {
    env::var_os("HOME")
        .map(PathBuf::from)
        .filter(|home| home.is_absolute())
        .ok_or_else(|| Failure::new(exit::UNEXPECTED, "set HOME").hint(locations::NoHome::HINT))
}

/// The directory that a variable names (XDG Base Directory Specification), or the
/// usual one below the home.
pub(super) fn base_dir(variable: &str, usual: &str) -> Result<PathBuf, Failure> {
    let named = env::var_os(variable).map(PathBuf::from);
    match named.filter(|dir| dir.is_absolute()) {
        Some(dir) => Ok(dir),
        None => Ok(home()?.join(usual)),
    }
}

/// Where a user's configuration is.
pub(super) fn config_dir() -> Result<PathBuf, Failure> {
    base_dir("XDG_CONFIG_HOME", ".config")
}

/// Where a user's data is.
pub(super) fn data_dir() -> Result<PathBuf, Failure> {
    base_dir("XDG_DATA_HOME", ".local/share")
}

/// What is said of what is in place.
pub(super) fn in_place(changed: bool) -> &'static str {
    if changed {
        "is set up"
    } else {
        "is set up already"
    }
}

/// Prints what came of it.
pub(super) fn report(
    context: &Context,
    paths: &[PathBuf],
    done: &str,
    changed: bool,
) -> Result<(), Failure> {
    if context.global().json {
        return output::computed(&json!({ "files": paths, "changed": changed }));
    }
    for path in paths {
        output::line(format_args!("{} {done}", quoted::path(path)))?;
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, Failure> {
    match path.to_str() {
        Some(text) if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => {
            let what = "the path of quiltd or of the socket cannot be written in a unit";
            Err(Failure::new(exit::INPUT, what).hint("quiltctl setup --help"))
        }
    }
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    let bytes = read_bytes(path)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    files::read(path).map_err(|error| failed(path, &error))
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    files::replace(path, bytes).map_err(|error| failed(path, &error))
}

/// Removes a file, which another run may have done before.
pub(super) fn remove_file(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(path, &error)),
        _ => Ok(()),
    }
}

pub(super) fn failed(path: &Path, error: &io::Error) -> Failure {
    if let Some(failure) = files::is_distrusted(error) {
        return failure;
    }
    Failure::new(exit::UNEXPECTED, format!("{}: {error}", quoted::path(path)))
        .hint("quiltctl setup --help")
}
