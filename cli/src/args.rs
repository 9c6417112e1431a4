//! The command line as clap sees it, and its errors in one line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::exit::{self, Failure};
use crate::look::ColorWhen;
use crate::{completion, help, look, output};

/// Log in to Quilt once; tokens and AWS credentials for everything else.
#[derive(Debug, Parser)]
#[command(name = NAME, version = quilt_proto::build::long_version(), max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program is called.
const NAME: &str = "quiltctl";

/// Under which heading the flags of every command stand, after its own.
const EVERYWHERE: &str = "Options of every command";

/// Flags of every command.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Global {
    /// Print the API's JSON body
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,

    /// Show exact times, in UTC
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) utc: bool,

    /// When to use colour
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value = "auto",
        help_heading = EVERYWHERE
    )]
    pub(crate) color: ColorWhen,

    /// The catalog, instead of QUILT_CATALOG or the default one
    #[arg(long, global = true, value_name = "CATALOG", help_heading = EVERYWHERE, add = completion::catalogs())]
    pub(crate) catalog: Option<String>,

    /// The daemon's socket
    #[arg(long, global = true, value_name = "PATH", help_heading = EVERYWHERE)]
    pub(crate) socket: Option<PathBuf>,

    /// Never start the daemon
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) no_autostart: bool,
}

/// Parses the arguments after the program's name; `None` after printing help.
pub(crate) fn parse(args: &[OsString]) -> Result<Option<Cli>, Failure> {
    let named = std::iter::once(OsString::from(NAME)).chain(args.iter().cloned());
    if args.is_empty() {
        let mut command = help::command();
        output::bytes(written(&command.render_help()).as_bytes())?;
        return Ok(None);
    }
    let parsed = Cli::command()
        .try_get_matches_from(named.clone())
        // The help costs more than the command: it is made where it is read.
        .or_else(|error| match error.kind() {
            ErrorKind::DisplayHelp => help::command().try_get_matches_from(named),
            _ => Err(error),
        })
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => Ok(Some(cli)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            output::bytes(written(&error.render()).as_bytes())?;
            Ok(None)
        }
        Err(error) => Err(usage_failure(&error, args)),
    }
}

/// Whether a line is a command of ours that is about one catalog, and names
/// none.
pub(crate) fn lacks_catalog(line: &str) -> bool {
    let words = shlex::split(line).filter(|words| words.first().is_some_and(|word| word == NAME));
    let parsed = words.and_then(|words| Cli::try_parse_from(words).ok());
    parsed.is_some_and(|cli| cli.global.catalog.is_none() && cli.command.is_about_one_catalog())
}

/// What clap writes, with its styles where there is colour.
fn written(text: &StyledStr) -> String {
    let text = if look::is_colored() {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    look::untied(&text)
}

/// A usage error in one line. Values never appear in it: one of them may be a
/// secret that does not belong on the command line.
fn usage_failure(error: &clap::Error, args: &[OsString]) -> Failure {
    let meant = Meant::by(args);
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        // The likeliest is last.
        Some(ContextValue::Strings(texts)) => texts.last().cloned(),
        _ => None,
    };
    let argument = context(ContextKind::InvalidArg)
        .filter(|argument| argument.starts_with(['-', '<']))
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
        _ => String::new(),
    };
    let below = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        | ErrorKind::MissingSubcommand
        | ErrorKind::InvalidSubcommand => meant.below(),
        _ => String::new(),
    };
    let typed = context(ContextKind::InvalidSubcommand);
    if typed.as_deref() == Some("version") {
        let what = what.unwrap_or_default();
        return Failure::new(exit::USAGE, what).hint("quiltctl --version");
    }
    // A command that there is, elsewhere.
    let elsewhere =
        typed.and_then(|typed| Some(Cli::command().find_subcommand(typed)?.get_name().to_owned()));
    if let Some(other) = elsewhere {
        let what = what.unwrap_or_default() + &below;
        let hint = quilt_proto::Command::of(NAME).operand(other);
        return Failure::new(exit::USAGE, what).hint(hint);
    }
    let suggestion = context(ContextKind::SuggestedSubcommand)
        .or_else(|| context(ContextKind::SuggestedArg))
        .map(|name| format!(" (did you mean {name}?)"));
    let what = what.unwrap_or_else(|| {
        let is_operand = error.kind() == ErrorKind::UnknownArgument;
        if is_operand && meant.takes_no_operand() {
            "unexpected argument: a catalog is named by --catalog".to_owned()
        } else {
            "unexpected argument".to_owned()
        }
    });
    let what = what + &suggestion.unwrap_or_default() + &known + &below;
    let failure = Failure::new(exit::USAGE, what);
    match meant
        .choices()
        .filter(|_| error.kind() == ErrorKind::MissingRequiredArgument)
    {
        Some(choices) => failure.hint(choices),
        None => failure.hint(meant.help()),
    }
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

    /// Whether nothing but flags comes after it. What is typed there all the same
    /// is most often the catalog, as after `login`.
    fn takes_no_operand(&self) -> bool {
        !self.names.is_empty() && self.command.get_positionals().next().is_none()
    }

    /// The command that shows what a missing argument may be.
    fn choices(&self) -> Option<&'static str> {
        const CHOICES: &[(&[&str], &str)] = &[
            (&["use"], "quiltctl status"),
            (&["role", "switch"], "quiltctl role list"),
            (&["api-keys", "get"], "quiltctl api-keys list"),
            (&["api-keys", "revoke"], "quiltctl api-keys list"),
            (&["api-keys", "rotate"], "quiltctl api-keys list"),
            (
                &["admin", "api-keys", "get"],
                "quiltctl admin api-keys list",
            ),
            (
                &["admin", "api-keys", "revoke"],
                "quiltctl admin api-keys list",
            ),
            (&["grants", "revoke"], "quiltctl grants list"),
            (&["packages", "versions"], "quiltctl packages list"),
            (&["packages", "delete"], "quiltctl packages list"),
        ];
        let found = CHOICES.iter().find(|(of, _)| *of == self.names);
        found.map(|(_, command)| *command)
    }

    /// Its help.
    fn help(&self) -> quilt_proto::Command {
        let mut line = quilt_proto::Command::of(NAME);
        for name in &self.names {
            line = line.operand(name);
        }
        line.words("--help")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(args: &[&str]) -> String {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        match parse(&args) {
            Err(failure) => {
                assert_eq!(failure.code(), exit::USAGE);
                failure.to_string()
            }
            Ok(_) => panic!("accepted: {args:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_errors_are_one_line_with_the_help_to_read() {
        assert_eq!(
            failure(&["role"]),
            "no command given: give one of list, switch; run: quiltctl role --help"
        );
        assert_eq!(
            failure(&["completions", "csh"]),
            "invalid value for <SHELL>: give one of bash, zsh, fish, powershell; run: quiltctl \
             completions --help"
        );
        assert_eq!(
            failure(&["tokn"]),
            "there is no such command (did you mean token?); run: quiltctl --help"
        );
        assert_eq!(
            failure(&["token", "--x=1"]),
            "unexpected argument --x; run: quiltctl token --help"
        );
        assert_eq!(
            failure(&["role", "switch"]),
            "missing <NAME>; run: quiltctl role list"
        );
        assert_eq!(
            failure(&["exec"]),
            "missing <COMMAND>...; run: quiltctl exec --help"
        );
        assert_eq!(
            failure(&["audit", "--since"]),
            "missing value for --since; run: quiltctl audit --help"
        );
        assert_eq!(
            failure(&["logout", "other"]),
            "unexpected argument: a catalog is named by --catalog; run: quiltctl logout --help"
        );
        assert_eq!(
            failure(&["login", "one", "two"]),
            "unexpected argument; run: quiltctl login --help"
        );
        assert_eq!(
            failure(&["version"]),
            "there is no such command; run: quiltctl --version"
        );
        assert_eq!(
            failure(&["daemon", "status"]),
            "there is no such command: give one of start, stop, restart, logs; run: quiltctl status"
        );
    }

    #[test]
    fn a_secret_given_by_mistake_is_not_repeated() {
        for args in [
            &["login", "qk_canary"][..],
            &["qk_canary"],
            &["login", "--code=qk_canary"],
            &["login", "--code-stdin=qk_canary"],
            &["credential-process", "--profile", "qk_canary!"],
            &["completions", "qk_canary"],
            &["config", "--set", "qk_canary"],
        ] {
            assert!(!failure(args).contains("canary"), "{args:?}");
        }
    }
}
