//! `setup systemd`: user units with socket activation, started at login.

use std::env;
use std::path::PathBuf;

use super::unit::{self, Args, Unit};
use crate::context::Context;
use crate::exit::Failure;

const SERVICE: &str = include_str!("../../../../systemd/quiltd.service");
const SOCKET: &str = include_str!("../../../../systemd/quiltd.socket");

pub(super) fn run(context: &Context, args: Args) -> Result<(), Failure> {
    let dir = units_dir()?;
    let paths = [dir.join("quiltd.service"), dir.join("quiltd.socket")];
    unit::require("systemctl", "launchd")?;
    if args.undo {
        let changed = unit::any_exists(&paths);
        if changed {
            systemctl(&["disable", "--now", "quiltd.socket", "quiltd.service"])?;
            unit::remove(&paths)?;
            systemctl(&["daemon-reload"])?;
        }
        let done = if changed { "removed" } else { "was not set up" };
        return unit::report(context, &paths, done, changed);
    }
    let socket = unit::chosen_socket(context)?;
    let contents = [
        service(&unit::daemon_path()?),
        socket_unit(socket.as_deref()),
    ];
    let units: Vec<Unit> = paths
        .iter()
        .cloned()
        .zip(contents)
        .map(|(path, content)| Unit { path, content })
        .collect();
    let changed = unit::install(context, &units)?;
    if changed {
        systemctl(&["daemon-reload"])?;
    }
    // Harmless when it is enabled, and mends a run that ended half-way.
    systemctl(&["enable", "--now", "quiltd.socket", "quiltd.service"])?;
    let done = if changed {
        "is set up"
    } else {
        "is set up already"
    };
    unit::report(context, &paths, done, changed)
}

fn systemctl(args: &[&str]) -> Result<(), Failure> {
    unit::manage("systemctl", &[&["--user"], args].concat())
}

fn units_dir() -> Result<PathBuf, Failure> {
    let config = env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute());
    let config = match config {
        Some(dir) => dir,
        None => unit::home()?.join(".config"),
    };
    Ok(config.join("systemd/user"))
}

fn service(daemon: &str) -> String {
    replace_line(
        SERVICE,
        "ExecStart=",
        &format!("ExecStart={}", quote(daemon)),
    )
}

fn socket_unit(socket: Option<&str>) -> String {
    match socket {
        // Specifiers are expanded here, quotes are not understood.
        Some(path) => {
            let line = format!("ListenStream={}", path.replace('%', "%%"));
            replace_line(SOCKET, "ListenStream=", &line)
        }
        None => SOCKET.to_owned(),
    }
}

/// A word of a command line (systemd.service, "Command lines").
fn quote(word: &str) -> String {
    let mut quoted = String::from("\"");
    for char in word.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '%' | '$' => quoted.extend([char, char]),
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

fn replace_line(text: &str, start: &str, line: &str) -> String {
    text.lines()
        .map(|old| if old.starts_with(start) { line } else { old })
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_hold_the_paths() {
        let service = service("/opt/my tools/100%/quiltd");
        assert!(
            service.contains("\nExecStart=\"/opt/my tools/100%%/quiltd\"\n"),
            "{service}"
        );
        assert_eq!(service.lines().count(), SERVICE.lines().count());
        assert_eq!(socket_unit(None), SOCKET);
        assert!(socket_unit(Some("/run/s%")).contains("\nListenStream=/run/s%%\n"));
    }
}
