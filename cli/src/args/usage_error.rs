//! What was typed and is no command, and the one that may have been meant.

use std::ffi::OsString;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;
use crate::exit::{self, Failure};
use crate::global::NAME;
use crate::help::pages;

/// A usage error in one line. Values never appear in it: one of them may be a
/// secret that does not belong on the command line.
pub(super) fn usage_failure(error: &clap::Error, args: &[OsString]) -> Failure {
    let meant = Meant::by(args);
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        // The likeliest is last.
        Some(ContextValue::Strings(texts)) => texts.last().cloned(),
        _ => None,
    };
    let argument = context(ContextKind::InvalidArg)
        .filter(|argument| argument.starts_with(['-', '<', '[']))
        .map(|argument| without_value(&argument));
    let named = |what: &str| argument.as_ref().map(|name| format!("{what} {name}"));
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            Some("no command given".to_owned())
        }
        ErrorKind::InvalidSubcommand => Some("there is no such command".to_owned()),
        ErrorKind::UnknownArgument => named("unexpected argument"),
        ErrorKind::MissingRequiredArgument => named("missing"),
        ErrorKind::InvalidValue if context(ContextKind::InvalidValue).as_deref() == Some("") => {
            named("missing value for")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => named("invalid value for"),
        ErrorKind::ArgumentConflict => named("conflicting argument"),
        _ => None,
    };
    let known = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            format!(": give one of {}", values.join(", "))
        }
        _ => reason(error).map_or_else(String::new, |why| format!(": {why}")),
    };
    let below = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingSubcommand
        | ErrorKind::InvalidSubcommand => meant.below(),
        _ => String::new(),
    };
    let typed = context(ContextKind::InvalidSubcommand);
    if typed.as_deref() == Some("version") {
        return Failure::new(exit::USAGE, what.unwrap_or_default()).hint("quiltctl --version");
    }
    if let Some(hint) = typed.and_then(|typed| meant.instead_of(&typed)) {
        return Failure::new(exit::USAGE, what.unwrap_or_default() + &below).hint(hint);
    }
    let suggestion = context(ContextKind::SuggestedSubcommand)
        .or_else(|| context(ContextKind::SuggestedArg))
        .map(|name| format!(" (did you mean {name}?)"));
    let what = what.unwrap_or_else(|| {
        let is_operand = error.kind() == ErrorKind::UnknownArgument;
        if is_operand && meant.takes_no_operand() {
            let profile = if meant.takes("profile") {
                "a profile is named by --profile, "
            } else {
                ""
            };
            format!("unexpected argument: {profile}a catalog is named by --catalog")
        } else {
            "unexpected argument".to_owned()
        }
    });
    let what = what + &suggestion.unwrap_or_default() + &known + &below;
    let is_missing = error.kind() == ErrorKind::MissingRequiredArgument;
    let choices = meant.choices().filter(|_| is_missing);
    let hint = choices.map_or_else(|| meant.help(), Into::into);
    Failure::new(exit::USAGE, what).hint(hint)
}

/// What programs of this kind call what is called otherwise here.
const OF_OTHERS: &[(&str, &str)] = &[
    ("auth", "login"),
    ("browse", "console"),
    ("catalog", "status"),
    ("catalogs", "status"),
    ("open", "console"),
];

/// A command that there is, elsewhere: of the program itself, or of one command
/// of it alone.
fn elsewhere(typed: &str) -> Option<quilt_proto::Command> {
    let program = Cli::command();
    let line = quilt_proto::Command::of(NAME);
    if let Some((_, command)) = OF_OTHERS.iter().find(|(name, _)| *name == typed) {
        return Some(line.words(command));
    }
    if let Some(found) = program.find_subcommand(typed) {
        return Some(line.operand(found.get_name()));
    }
    let mut all = program.get_subcommands().filter_map(|above| {
        let found = above.find_subcommand(typed)?;
        Some([above.get_name(), found.get_name()])
    });
    let names = all.next()?;
    let is_one = all.next().is_none();
    is_one.then(|| names.into_iter().fold(line, quilt_proto::Command::operand))
}

/// Why a value is none, in the words of the type that it is to be: those that
/// would repeat it are left out.
fn reason(error: &clap::Error) -> Option<String> {
    use std::error::Error as _;

    if error.kind() != ErrorKind::ValueValidation {
        return None;
    }
    let why = error.source()?.to_string();
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => return None,
    };
    // No secret is as short as this.
    let repeats = value.len() >= 8 && why.contains(value);
    let is_plain = why.lines().count() == 1 && !repeats;
    is_plain.then(|| why.trim_end_matches('.').to_owned())
}

/// The command that somebody meant, as far as their words name one.
struct Meant {
    command: clap::Command,
    /// Its names, from the outermost on; none for the program itself.
    names: Vec<String>,
}

impl Meant {
    fn by(args: &[OsString]) -> Self {
        let mut command = Cli::command();
        let mut names = Vec::new();
        for arg in args.iter().filter_map(|arg| arg.to_str()) {
            if let Some(found) = command.find_subcommand(arg).cloned() {
                names.push(found.get_name().to_owned());
                command = found;
            }
        }
        Self { command, names }
    }

    /// The commands below it, where they are few.
    fn below(&self) -> String {
        let below = self.command.get_subcommands();
        let below: Vec<&str> = below.map(clap::Command::get_name).collect();
        if self.names.is_empty() || below.is_empty() {
            return String::new();
        }
        format!(": give one of {}", below.join(", "))
    }

    /// The command that there is in place of one that was typed. Within a group of
    /// commands, none elsewhere that changes something: what `api-keys delete`
    /// means is no package.
    fn instead_of(&self, typed: &str) -> Option<quilt_proto::Command> {
        if self.names.is_empty() || pages::is_a_look(typed) {
            return elsewhere(typed);
        }
        let revokes = self.command.find_subcommand("revoke").is_some();
        let is_deletion = matches!(typed, "delete" | "remove" | "rm");
        (revokes && is_deletion).then(|| self.line().words("revoke --help"))
    }

    /// Whether nothing but flags comes after it. What is typed there all the same
    /// is most often the catalog, as after `login`.
    fn takes_no_operand(&self) -> bool {
        !self.names.is_empty() && self.command.get_positionals().next().is_none()
    }

    /// Whether it has an option of that name.
    fn takes(&self, option: &str) -> bool {
        let mut options = self.command.get_arguments();
        options.any(|argument| argument.get_long() == Some(option))
    }

    /// The command that shows what a missing argument may be.
    fn choices(&self) -> Option<&'static str> {
        const CHOICES: &[(&str, &str)] = &[
            ("use", "quiltctl status"),
            ("role switch", "quiltctl role list"),
            ("api-keys get", "quiltctl api-keys list"),
            ("api-keys revoke", "quiltctl api-keys list"),
            ("api-keys rotate", "quiltctl api-keys list"),
            ("admin api-keys get", "quiltctl admin api-keys list"),
            ("admin api-keys revoke", "quiltctl admin api-keys list"),
            ("grants revoke", "quiltctl grants list"),
            ("packages versions", "quiltctl packages list"),
            ("packages delete", "quiltctl packages list"),
        ];
        let typed = self.names.join(" ");
        let found = CHOICES.iter().find(|(of, _)| *of == typed);
        found.map(|(_, command)| *command)
    }

    /// Its help.
    fn help(&self) -> quilt_proto::Command {
        self.line().words("--help")
    }

    /// It as it is typed.
    fn line(&self) -> quilt_proto::Command {
        let line = quilt_proto::Command::of(NAME);
        self.names.iter().fold(line, quilt_proto::Command::operand)
    }
}

/// `--flag=value` and `--flag <VALUE>` as `--flag`.
fn without_value(argument: &str) -> String {
    let end = argument.find(['=', ' ']).unwrap_or(argument.len());
    argument[..end].to_owned()
}

/// The help of the command that was meant.
pub(crate) fn help_for(args: &[OsString]) -> quilt_proto::Command {
    Meant::by(args).help()
}
