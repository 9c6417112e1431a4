//! The command line as clap sees it, and its errors in one line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};
use quilt_proto::Command as Hint;

use crate::commands::Command;
use crate::exit::{self, Failure};
use crate::look::ColorWhen;
use crate::{completion, help, key_source, look, output};

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

/// Refuses a line of ours that was copied and left as it is.
pub(crate) fn without_placeholders(args: &[OsString]) -> Result<(), Failure> {
    const CATALOG: &str = "YOUR-CATALOG";
    // What a program below is told is its own.
    let mut ours = args.iter().take_while(|arg| *arg != "--");
    if ours.any(|arg| arg.to_str().is_some_and(|arg| arg.contains(CATALOG))) {
        let what = format!("{CATALOG} stands for your catalog's address, as your browser shows it");
        return Err(Failure::new(exit::USAGE, what).hint("quiltctl login --help"));
    }
    Ok(())
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
    read(line)
        .is_some_and(|(_, cli)| cli.global.catalog.is_none() && cli.command.is_about_one_catalog())
}

/// Whether a line is a command of ours that asks a daemon, and names no place
/// where that is.
pub(crate) fn lacks_socket(line: &str) -> bool {
    read(line).is_some_and(|(_, cli)| cli.global.socket.is_none() && cli.command.asks_a_daemon())
}

/// Whether a line names the place of the daemon.
pub(crate) fn names_socket(line: &str) -> bool {
    read(line).is_some_and(|(_, cli)| cli.global.socket.is_some())
}

/// A line as this program reads it; of several commands, the last.
fn read(line: &str) -> Option<(ArgMatches, Cli)> {
    let words = shlex::split(line)?;
    let last = words.iter().rposition(|word| word == "&&");
    let words = &words[last.map_or(0, |at| at + 1)..];
    if words.first().is_none_or(|word| word != NAME) {
        return None;
    }
    let matches = Cli::command().try_get_matches_from(words).ok()?;
    let cli = Cli::from_arg_matches(&matches).ok()?;
    Some((matches, cli))
}

/// `hint`, where it is what was typed once more with something changed: with
/// all the options that were given.
pub(crate) fn keeping_options(hint: &Hint, typed: &[OsString]) -> Option<Hint> {
    let (there, cli) = read(&hint.to_string())?;
    let typed = std::iter::once(OsString::from(NAME)).chain(typed.iter().cloned());
    let here = Cli::command().try_get_matches_from(typed).ok()?;
    if !cli.command.repeats() {
        return None;
    }
    let mut command = Cli::command();
    command.build();
    let (mut here, mut there, mut command) = (&here, &there, &command);
    while let (Some((name, below)), Some((other, same))) = (here.subcommand(), there.subcommand())
        && name == other
    {
        (here, there) = (below, same);
        command = command.find_subcommand(name)?;
    }
    if here.subcommand_name() != there.subcommand_name() {
        return None;
    }
    let is_given = |of: &ArgMatches, id: &str| {
        of.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
    };
    let mut kept = hint.clone();
    for option in command.get_arguments() {
        let id = option.get_id().as_str();
        let Some(long) = option.get_long().filter(|_| !option.is_global_set()) else {
            continue;
        };
        if is_given(here, id) && !is_given(there, id) {
            let values = if option.get_action().takes_values() {
                here.get_raw(id).into_iter().flatten().collect()
            } else {
                Vec::new()
            };
            kept = with_option(&kept, long, &values).unwrap_or(kept);
        }
    }
    Some(kept)
}

/// A command with an option; nothing where it does not go with the rest, or its
/// value may be a secret.
fn with_option(command: &Hint, long: &str, values: &[&std::ffi::OsStr]) -> Option<Hint> {
    let with = |command: &Hint| {
        let name = format!("--{long}");
        let mut with = command.clone();
        match values {
            [] => with = with.word(&name),
            values => {
                for value in values {
                    let value = value.to_str().filter(|value| !exit::may_be_secret(value))?;
                    with = if value.starts_with('-') {
                        with.word(&format!("{name}={value}"))
                    } else {
                        with.word(&name).word(value)
                    };
                }
            }
        }
        read(&with.to_string()).map(|_| with)
    };
    // The daemon says how a key is given, not from where.
    with(command).or_else(|| with(&without_word(command, "--api-key")?))
}

/// A line without one of its words.
fn without_word(command: &Hint, left_out: &str) -> Option<Hint> {
    let words = shlex::split(&command.to_string())?;
    let mut words = words.iter().filter(|word| *word != left_out);
    words.next().filter(|word| *word == NAME)?;
    Some(words.fold(Hint::of(NAME), |line, word| line.word(word)))
}

/// `hint`, where it is a login in the browser and the environment has an API
/// key that nobody asked for: a login with that.
pub(crate) fn with_key_at_hand(hint: &Hint) -> Option<Hint> {
    if !key_source::is_at_hand() {
        return None;
    }
    let (_, cli) = read(&hint.to_string())?;
    let asks_for_code = cli.command.is_login_with_code();
    asks_for_code.then(|| hint.clone().option("--api-key-env", key_source::VARIABLE))
}

/// The same where nobody was refused, also where `hint` asks for an API key to be
/// typed: a key that was may be the very one that is at hand.
pub(crate) fn with_first_key_at_hand(hint: &Hint) -> Option<Hint> {
    with_key_at_hand(hint).or_else(|| without_typing(hint))
}

/// `hint`, where it asks for an API key to be typed and the environment has one:
/// that one.
fn without_typing(hint: &Hint) -> Option<Hint> {
    let rest = without_word(hint, "--api-key")?;
    let is_typed = *hint != *rest.to_string().as_str();
    is_typed.then(|| with_key_at_hand(&rest)).flatten()
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
        let what = what.unwrap_or_default();
        return Failure::new(exit::USAGE, what).hint("quiltctl --version");
    }
    if let Some(hint) = typed.and_then(|typed| elsewhere(&typed)) {
        let what = what.unwrap_or_default() + &below;
        return Failure::new(exit::USAGE, what).hint(hint);
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
    let failure = Failure::new(exit::USAGE, what);
    match meant
        .choices()
        .filter(|_| error.kind() == ErrorKind::MissingRequiredArgument)
    {
        Some(choices) => failure.hint(choices),
        None => failure.hint(meant.help()),
    }
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
mod tests;
