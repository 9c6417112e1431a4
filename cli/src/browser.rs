//! Shows a page to the user, where there is a screen to show it on.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::programs;

/// Opens the page in the user's browser. False where that cannot work, and
/// the user has to open it elsewhere: over SSH and without a display.
pub(crate) fn open(url: &str) -> bool {
    // The browser command gets the URL as an argument: never let one be an option.
    if !(url.starts_with("https://") || url.starts_with("http://")) || !has_screen() {
        return false;
    }
    commands(url).into_iter().any(|mut command| {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .is_ok()
    })
}

/// Whether the user sits at another machine.
pub(crate) fn is_remote() -> bool {
    is_set("SSH_CONNECTION")
}

/// This machine as the one at the other end of SSH knows it: the user, and the
/// address that was connected to (sshd(8), `SSH_CONNECTION`).
pub(crate) fn this_machine() -> String {
    let connection = env::var("SSH_CONNECTION").unwrap_or_default();
    let address = connection.split(' ').nth(2).unwrap_or_default();
    let address: Option<std::net::IpAddr> = address.parse().ok();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let user = env::var("USER").unwrap_or_default();
    let user = Some(user).filter(|user| {
        user.starts_with(|c: char| c.is_ascii_alphanumeric()) && user.chars().all(plain)
    });
    let address = address.map_or_else(|| "THIS-MACHINE".to_owned(), |address| address.to_string());
    user.map_or_else(|| address.clone(), |user| format!("{user}@{address}"))
}

fn is_set(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn has_screen() -> bool {
    if is_remote() {
        return false;
    }
    let set = is_set;
    // A BROWSER that needs no display is the user's to choose.
    cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY") || set("BROWSER")
}

/// What to try, in order: `$BROWSER` (a colon-separated list in which `%s`
/// stands for the URL), then the desktop's opener.
fn commands(url: &str) -> Vec<Command> {
    let browser = env::var("BROWSER").unwrap_or_default();
    let (mut commands, opener) = commands_of(&browser, url, find);
    commands.extend(opener);
    commands
}

/// Those of `$BROWSER`, and the opener.
fn commands_of(
    browser: &str,
    url: &str,
    find: impl Fn(&str) -> Option<PathBuf> + Copy,
) -> (Vec<Command>, Option<Command>) {
    let named = browser.split(':');
    let named = named
        .filter_map(|entry| command(entry, url, find))
        .collect();
    let opener = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let opener = command(opener, url, find).map(|mut command| {
        // It would start what was tried, or was not to be started, above.
        command.env_remove("BROWSER");
        command
    });
    (named, opener)
}

/// A program by its path, or by a name on the search path: one that nobody else could
/// have put there, who would get the page's address.
fn find(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| programs::check(path).is_ok());
    }
    programs::tool(name)
}

fn command(entry: &str, url: &str, find: impl Fn(&str) -> Option<PathBuf>) -> Option<Command> {
    let mut words = entry.split_whitespace();
    let mut command = Command::new(find(words.next()?)?);
    let words: Vec<&str> = words.collect();
    // What it runs is as good as it.
    let is_script = |word: &&&str| word.contains('/') && Path::new(word).is_file();
    if !words
        .iter()
        .filter(is_script)
        .all(|word| programs::check(Path::new(word)).is_ok())
    {
        return None;
    }
    command.args(words.iter().map(|word| word.replace("%s", url)));
    if !words.iter().any(|word| word.contains("%s")) {
        command.arg(url);
    }
    Some(command)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn entries_take_the_url_where_they_say() {
        let args = |entry| -> Vec<String> {
            let command = command(entry, "https://x/?a", |name| Some(name.into())).unwrap();
            let args = command.get_args();
            args.map(|arg| arg.to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(args("firefox"), ["https://x/?a"]);
        assert_eq!(args("w3m -T %s -v"), ["-T", "https://x/?a", "-v"]);
        // What a shell is given is as good as the shell.
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("b.sh");
        let line = format!("sh {}", script.display());
        std::fs::write(&script, "").unwrap();
        assert_eq!(args(&*line).len(), 2, "the control");
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o666)).unwrap();
        assert!(command(&line, "u", |name| Some(name.into())).is_none());
        assert!(command(" ", "u", find).is_none());
        assert!(command("no-such-browser", "u", find).is_none());
    }

    #[test]
    fn the_desktops_opener_does_not_start_what_was_refused() {
        let (_, opener) = commands_of("/loose/browser", "https://x/", |name| {
            (name != "/loose/browser").then(|| name.into())
        });
        let opener = opener.unwrap();
        assert!(
            opener
                .get_envs()
                .any(|(name, value)| name == "BROWSER" && value.is_none())
        );
    }

    #[test]
    fn only_web_pages_are_opened() {
        assert!(!open("--help"));
        assert!(!open("file:///etc/passwd"));
    }
}
