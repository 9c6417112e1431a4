//! The help: commands in groups, and for each what it is like to use it.

#[cfg(test)]
mod book;
pub(crate) mod man;
pub(crate) mod pages;

use std::fmt::Write;

use clap::CommandFactory;

use self::pages::groups;
pub(crate) use self::pages::{EXIT_CODES, Page, VARIABLES, page};
use crate::args::Cli;
use crate::look;
use crate::look::width;

/// How wide the help is at most: longer lines are hard to read.
const WIDEST: usize = 100;

/// The whole command, with everything the help says, as wide as stdout.
pub(crate) fn command() -> clap::Command {
    command_in(width::of_stdout().unwrap_or(WIDEST))
}

/// The same for a screen of this width.
fn command_in(cells: usize) -> clap::Command {
    let cells = cells.min(WIDEST);
    let command = explained(Cli::command(), "", cells);
    let more = "Every command: `quiltctl COMMAND --help`, `quiltctl man COMMAND`.";
    let template = format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n{}\n\nOptions:\n{{options}}\n\n{}",
        overview(&command, cells),
        width::wrap(more, cells).join("\n")
    );
    command.help_template(template).term_width(cells)
}

/// A word and what it says, in two columns; what is too long goes on below.
fn entry(word: &str, column: usize, what: &str, cells: usize) -> String {
    let hang = " ".repeat(column + 3);
    let lines = width::wrap(what, cells.saturating_sub(hang.len()));
    format!("  {word:column$} {}\n", lines.join(&format!("\n{hang}")))
}

/// The groups, a command a line with what it does.
fn overview(command: &clap::Command, cells: usize) -> String {
    let mut text = String::new();
    for (group, names) in groups() {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{group}:\n");
        for name in names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            text += &entry(name, 19, &about, cells);
        }
    }
    text.trim_end().to_owned()
}

/// A command and those below it, each with examples, variables and exit codes.
fn explained(command: clap::Command, path: &str, cells: usize) -> clap::Command {
    let name = command.get_name().to_owned();
    let path = match (path, name.as_str()) {
        ("", _) if command.get_name() == "quiltctl" => String::new(),
        ("", name) => name.to_owned(),
        (path, name) => format!("{path} {name}"),
    };
    let below: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let mut command = command;
    for name in below {
        let path = path.clone();
        command = command.mut_subcommand(name, move |below| explained(below, &path, cells));
    }
    match page(&path) {
        Some(page) => {
            let more = command.get_after_long_help().map(ToString::to_string);
            let text = text(page, more.as_deref(), cells);
            // Where a command has more to say of its own, that would stand alone.
            command.after_help(text.clone()).after_long_help(text)
        }
        None => command,
    }
}

/// Indented lines are commands and files: they are not broken, as somebody
/// copies them.
fn kept_whole(text: &str) -> String {
    let keep = |line: &str| match line.strip_prefix("  ") {
        Some(rest) => format!("  {}", look::tied(rest)),
        None => line.to_owned(),
    };
    text.lines().map(keep).collect::<Vec<_>>().join("\n")
}

/// What stands below the options.
fn text(page: &Page, more: Option<&str>, cells: usize) -> String {
    let mut text = String::new();
    if let Some(more) = more {
        let _ = writeln!(text, "{}\n", kept_whole(more.trim_end()));
    }
    let _ = writeln!(text, "Examples:");
    for (example, what) in page.examples {
        let _ = writeln!(text, "{}", kept_whole(&format!("  {example}")));
        for line in width::wrap(what, cells.saturating_sub(6)) {
            let _ = writeln!(text, "      {line}");
        }
    }
    let variables = VARIABLES
        .iter()
        .filter(|(_, of, _)| of.is_none_or(|of| of.contains(&page.path)));
    let _ = writeln!(text, "\nEnvironment:");
    for (name, _, what) in variables {
        text += &entry(name, 20, what, cells);
    }
    let codes: Vec<String> = EXIT_CODES
        .iter()
        .map(|(code, what)| format!("{code} {what}"))
        .collect();
    let codes = width::wrap(&codes.join(", "), cells.saturating_sub(2));
    let _ = write!(text, "\nExit codes:\n  {}", codes.join("\n  "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_and_a_page_as_people_see_them() {
        let mut command = command_in(80);
        let shown = |command: &mut clap::Command| look::untied(&command.render_help().to_string());
        insta::assert_snapshot!("overview", shown(&mut command));
        command.build();
        let role = command.find_subcommand_mut("role").unwrap();
        let switch = role.find_subcommand_mut("switch").unwrap();
        insta::assert_snapshot!("role_switch", shown(switch));
    }

    /// Every command, and those below it.
    fn all(command: &clap::Command, found: &mut Vec<clap::Command>) {
        found.push(command.clone());
        for below in command.get_subcommands() {
            all(below, found);
        }
    }

    #[test]
    fn what_is_copied_from_the_help_is_whole_on_a_narrow_screen() {
        let mut command = command_in(60);
        command.build();
        let exec = command.find_subcommand_mut("exec").unwrap();
        let help = look::untied(&exec.render_long_help().to_string());
        for line in [
            "  credential_process = /usr/local/bin/quiltctl credential-process --no-autostart",
            "  quiltctl exec --socket-only -- sh -c 'docker run --user \"$(id -u)\" \\",
        ] {
            assert!(help.lines().any(|shown| shown == line), "{line}:\n{help}");
        }
    }

    #[test]
    fn nothing_but_what_is_copied_is_wider_than_the_screen() {
        for cells in [60, 80, 120] {
            let mut commands = Vec::new();
            let mut command = command_in(cells);
            command.build();
            all(&command, &mut commands);
            assert!(commands.len() > 40, "every command is looked at");
            for mut command in commands {
                let help = command.render_help().to_string();
                let examples = help.split("Examples:").nth(1).unwrap_or_default();
                for line in help.lines().filter(|line| width::width(line) > cells) {
                    // An example is one line, however long.
                    assert!(
                        examples.contains(line) || line.contains('\u{a0}'),
                        "{cells}, {}: {line}",
                        command.get_name()
                    );
                }
            }
        }
    }
}
