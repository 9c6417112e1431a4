//! The help: commands in groups, and for each what it is like to use it.

mod examples;
mod groups;
pub(crate) mod man;

use std::fmt::Write;

use clap::CommandFactory;

pub(crate) use self::examples::{EXIT_CODES, Page, VARIABLES, page};
use self::groups::GROUPS;
use crate::args::Cli;

/// The whole command, with everything the help says.
pub(crate) fn command() -> clap::Command {
    let command = explained(Cli::command(), "");
    let template = format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n{}\n\nOptions:\n{{options}}\n\n{}",
        overview(&command),
        "Every command: `quiltctl COMMAND --help`, `quiltctl man COMMAND`."
    );
    command.help_template(template)
}

/// The groups, a command a line with what it does.
fn overview(command: &clap::Command) -> String {
    let mut text = String::new();
    for (group, names) in GROUPS {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{group}:\n");
        for name in *names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {name:19} {about}");
        }
    }
    text.trim_end().to_owned()
}

/// A command and those below it, each with examples, variables and exit codes.
fn explained(command: clap::Command, path: &str) -> clap::Command {
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
        command = command.mut_subcommand(name, move |below| explained(below, &path));
    }
    match page(&path) {
        Some(page) => {
            let more = command.get_after_long_help().map(ToString::to_string);
            command.after_help(text(page, more.as_deref()))
        }
        None => command,
    }
}

/// What stands below the options.
fn text(page: &Page, more: Option<&str>) -> String {
    let mut text = String::new();
    if let Some(more) = more {
        let _ = writeln!(text, "{}\n", more.trim_end());
    }
    let _ = writeln!(text, "Examples:");
    for (example, what) in page.examples {
        let _ = writeln!(text, "  {example}");
        let _ = writeln!(text, "      {what}");
    }
    let variables = VARIABLES
        .iter()
        .filter(|(_, of, _)| of.is_none_or(|of| of.contains(&page.path)));
    let _ = writeln!(text, "\nEnvironment:");
    for (name, _, what) in variables {
        let _ = writeln!(text, "  {name:20} {what}");
    }
    let codes: Vec<String> = EXIT_CODES
        .iter()
        .map(|(code, what)| format!("{code} {what}"))
        .collect();
    let _ = write!(text, "\nExit codes:\n  {}", codes.join(", "));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overview_and_a_page_as_people_see_them() {
        let mut command = command();
        insta::assert_snapshot!("overview", command.render_help());
        command.build();
        let role = command.find_subcommand_mut("role").unwrap();
        let switch = role.find_subcommand_mut("switch").unwrap();
        insta::assert_snapshot!("role_switch", switch.render_help());
    }
}
