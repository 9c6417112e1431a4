//! `setup launchd`: a launch agent with socket activation, started at login.

use std::path::{Path, PathBuf};

use super::unit::{self, Args, MARK, Unit};
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::files;

const AGENT: &str = include_str!("../../../../launchd/com.quiltdata.quiltd.plist");
const LABEL: &str = "com.quiltdata.quiltd";
/// What the agent's file has in place of the paths.
const DAEMON: &str = "<string>@QUILTD@</string>";
const SOCKET: &str = "<string>@HOME@/Library/Application Support/quilt/quiltd.sock</string>";

/// Whether the agent is there.
pub(in crate::commands) fn is_set_up() -> bool {
    agent_path().is_ok_and(|path| path.exists())
}

pub(super) fn run(context: &Context, args: Args) -> Result<(), Failure> {
    let path = agent_path()?;
    let paths = [path.clone()];
    unit::require("launchctl", ("systemctl", "quiltctl setup systemd"))?;
    files::may_write([path.as_path()])?;
    let domain = domain();
    let service = format!("{domain}/{LABEL}");
    if args.undo {
        let changed = undo()?;
        let done = if changed { "removed" } else { "was not set up" };
        return unit::report(context, &paths, done, changed);
    }
    let socket = match unit::chosen_socket(context)? {
        Some(socket) => socket,
        None => format!(
            "{}/Library/Application Support/quilt/quiltd.sock",
            unit::home()?.display()
        ),
    };
    let agent = Unit {
        path,
        content: agent(&unit::daemon_path()?, &socket),
    };
    let changed = unit::install(context, &[agent])?;
    if changed {
        // launchd makes the socket, but not its directory.
        Path::new(&socket)
            .parent()
            .map_or(Ok(()), files::create_private_dir)
            .map_err(|error| {
                Failure::new(exit::UNEXPECTED, format!("the socket's directory: {error}"))
                    .hint("quiltctl setup --help")
            })?;
        let _ = unit::manage("launchctl", &["bootout", &service]);
        let file = paths[0].display().to_string();
        unit::manage("launchctl", &["bootstrap", &domain, &file])?;
    }
    unit::report(context, &paths, unit::in_place(changed), changed)
}

/// Where the agent is.
pub(in crate::commands) fn agent_path() -> Result<PathBuf, Failure> {
    Ok(unit::home()?.join(format!("Library/LaunchAgents/{LABEL}.plist")))
}

fn domain() -> String {
    format!("gui/{}", rustix::process::getuid().as_raw())
}

/// Takes the agent back; whether there was one.
pub(super) fn undo() -> Result<bool, Failure> {
    let paths = [agent_path()?];
    let changed = unit::any_is_ours(&paths)?;
    if changed {
        // Fails when it is not loaded, which is what is wanted.
        let service = format!("{}/{LABEL}", domain());
        let _ = unit::manage("launchctl", &["bootout", &service]);
        unit::remove(&paths)?;
    }
    Ok(changed)
}

fn agent(daemon: &str, socket: &str) -> String {
    let agent = AGENT
        .replace(DAEMON, &string(daemon))
        .replace(SOCKET, &string(socket));
    // What says that it is XML stands first.
    agent.replacen("?>\n", &format!("?>\n<!-- {MARK} -->\n"), 1)
}

fn string(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!("<string>{text}</string>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_holds_the_paths() {
        let agent = agent("/opt/a&b/quiltd", "/s/<x>.sock");
        assert!(
            agent.contains("<string>/opt/a&amp;b/quiltd</string>"),
            "{agent}"
        );
        assert!(
            agent.contains("<string>/s/&lt;x&gt;.sock</string>"),
            "{agent}"
        );
        assert!(!agent.contains("<string>@"), "{agent}");
    }
}
