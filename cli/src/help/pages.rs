//! What each command is for, and what it is like to use.

use quilt_proto::{exit_code, locations};

use crate::key_source;

/// What the help of one command says beyond its arguments.
#[derive(Debug)]
pub(crate) struct Page {
    /// What it is for, with others.
    group: &'static str,
    /// The command, without the program's name.
    pub(crate) path: &'static str,
    /// Command lines, and what each does.
    pub(crate) examples: &'static [(&'static str, &'static str)],
}

/// Variables, the commands they are for where that is not every one, and what
/// they say.
pub(crate) const VARIABLES: &[(&str, Option<&[&str]>, &str)] = &[
    (
        locations::CATALOG_ENV,
        None,
        "The catalog, instead of the default one",
    ),
    (
        locations::SOCKET_ENV,
        None,
        "The daemon's socket, instead of the usual one",
    ),
    (
        key_source::VARIABLE,
        Some(&["login"]),
        "What --api-key-env reads",
    ),
    (
        "BROWSER",
        Some(&["login", "console"]),
        "The browser, with %s for the address",
    ),
    (
        "SSH_CONNECTION",
        Some(&["login"]),
        "Set over SSH, where no browser is opened",
    ),
    ("NO_COLOR", None, "Set to anything: no colour"),
    (
        "COLUMNS",
        None,
        "The width of the screen, instead of the terminal's",
    ),
];

/// How commands end.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done"),
    (exit_code::UNEXPECTED, "unexpected"),
    (exit_code::USAGE, "usage"),
    (exit_code::LOGIN, "login needed"),
    (exit_code::DAEMON, "daemon unreachable"),
    (exit_code::UPSTREAM, "stack or AWS unreachable"),
    (exit_code::REFUSED, "refused"),
    (exit_code::NOT_FOUND, "not found"),
    (exit_code::INPUT, "rejected input"),
];

/// The page of a command.
pub(crate) fn page(path: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.path == path)
}

/// Whether a command, by its first word, only shows.
pub(crate) fn is_a_look(name: &str) -> bool {
    let mut of_it = PAGES.iter().filter(|page| page.path == name);
    of_it.any(|page| page.group == LOOK)
}

/// The groups and the commands of each, in the order in which one meets them.
pub(super) fn groups() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for page in PAGES {
        let name = page.path.split(' ').next().unwrap_or_default();
        match groups.last_mut() {
            Some((group, names)) if *group == page.group => {
                if names.last() != Some(&name) {
                    names.push(name);
                }
            }
            _ => groups.push((page.group, vec![name])),
        }
    }
    groups
}

/// The group of what only shows.
const LOOK: &str = "Look";

macro_rules! pages {
    ($($group:tt { $($path:literal: $($example:literal => $what:literal),+;)* })*) => {
        const PAGES: &[Page] = &[$($(Page {
            group: $group,
            path: $path,
            examples: &[$(($example, $what)),+],
        }),*),*];
    };
}

pages! {
    "Log in" {
        "login":
            "quiltctl login demo.quilt.example" => "opens the login page, takes the code it shows",
            "quiltctl login --web" => "completes in the browser, nothing to paste",
            "quiltctl login --api-key-env" => "uses the key in QUILT_API_KEY, as services do";
        "logout":
            "quiltctl logout" => "ends the login of the default catalog",
            "quiltctl logout --all" => "ends every one";
        "logged-in":
            "quiltctl logged-in || quiltctl login" => "logs in where that is needed",
            "quiltctl logged-in --catalog demo.quilt.example" => "asks for one catalog";
        "clear-api-key":
            "quiltctl clear-api-key" => "goes back to the interactive login",
            "quiltctl clear-api-key --catalog demo.quilt.example" => "the same for another catalog";
        "use":
            "quiltctl use prod" => "by its name in quiltd.toml: [catalogs.prod] url = \"https://…\"",
            "quiltctl use demo.quilt.example" => "by its host";
        "config":
            "quiltctl config" => "shows the configuration, shared with quilt3",
            "quiltctl config https://demo.quilt.example" => "takes it over from a catalog",
            "quiltctl config --set region=eu-west-1" => "sets one value";
    }
    "Use" {
        "exec":
            "quiltctl exec -- aws s3 ls" => "runs a program with credentials that stay fresh",
            "quiltctl exec --profile lake -- python train.py" => "as a profile of quiltd.toml";
        "env":
            "eval \"$(quiltctl env)\"" => "variables for this shell; they end when they end",
            "quiltctl env --format dotenv > .env" => "the same for a file";
        "console":
            "quiltctl console" => "opens the AWS console",
            "quiltctl console --profile lake" => "as a profile of quiltd.toml";
        "token":
            "printf 'header = \"Authorization: Bearer %s\"' \"$(quiltctl token)\" | curl --config - https://registry.example/api/auth" => "for other tools; nobody sees it among their arguments",
            "quiltctl token --json" => "with when it ends";
        "credential-process":
            "quiltctl credential-process" => "what AWS programs run; `quiltctl setup aws` writes it",
            "quiltctl credential-process --profile lake" => "as a profile of quiltd.toml";
    }
    LOOK {
        "status":
            "quiltctl status" => "who is logged in, what ends when, what to do",
            "quiltctl status --prompt" => "a word for a shell's prompt";
        "watch":
            "quiltctl watch" => "the same, alive: arrows, / filter, l login, d doctor, q quit",
            "quiltctl watch --json" => "a line of JSON a change, for scripts";
        "whoami":
            "quiltctl whoami" => "asks the stack",
            "quiltctl whoami --json --catalog demo.quilt.example" => "another catalog's, for scripts";
        "role list":
            "quiltctl role list" => "the active one is marked",
            "quiltctl role list --json" => "with everything the stack says of you";
        "role switch":
            "quiltctl role switch ReadWrite" => "here and wherever else you are logged in",
            "quiltctl role switch ReadOnly --catalog demo.quilt.example" => "on another catalog";
        "profiles":
            "quiltctl profiles" => "names, roles, regions, and how long their credentials last",
            "quiltctl profiles --utc" => "with exact times";
        "grants list":
            "quiltctl grants list" => "what programs under exec and quilt3 hold",
            "quiltctl grants list --json" => "for scripts";
        "grants revoke":
            "quiltctl grants revoke 0b9e7a526b1f4f0e" => "whoever holds it gets nothing more",
            "quiltctl grants revoke 0b9e7a526b1f4f0e --json" => "for scripts";
        "audit":
            "quiltctl audit --since 1h" => "which program got what in the last hour",
            "quiltctl audit --since 2026-01-31T08:00:00Z --json" => "since a time, for scripts";
        "doctor":
            "quiltctl doctor" => "what is wrong, worst first, and the command that mends it",
            "quiltctl doctor --verbose" => "also what was checked and is well";
    }
    "Keys" {
        "api-keys list":
            "quiltctl api-keys list" => "your keys, and when they end",
            "quiltctl api-keys list --status expired" => "those that have";
        "api-keys get":
            "quiltctl api-keys get ci-nightly" => "one key, by its name",
            "quiltctl api-keys get 0b9e7a52-6b1f-4f0e-9d0f-6c1d --json" => "for scripts";
        "api-keys create":
            "quiltctl api-keys create ci-github-prod-2026q1" => "for 90 days; the secret is shown once",
            "quiltctl api-keys create laptop --expires-in-days 30 --use" => "and used here at once";
        "api-keys revoke":
            "quiltctl api-keys revoke ci-nightly" => "by its name",
            "quiltctl api-keys revoke --secret-stdin < key.txt" => "by its secret, as when it leaked";
        "api-keys rotate":
            "quiltctl api-keys rotate --current" => "the key in use, without a gap",
            "quiltctl api-keys rotate ci-nightly" => "another one, by its name";
        "admin api-keys list":
            "quiltctl admin api-keys list" => "everybody's keys",
            "quiltctl admin api-keys list --email alice@quilt.example" => "those of one user";
        "admin api-keys get":
            "quiltctl admin api-keys get ci-nightly" => "one key, by its name",
            "quiltctl admin api-keys get 0b9e7a52-6b1f-4f0e-9d0f-6c1d --json" => "for scripts";
        "admin api-keys revoke":
            "quiltctl admin api-keys revoke 0b9e7a52-6b1f-4f0e-9d0f-6c1d" => "for good",
            "quiltctl admin api-keys revoke 0b9e7a52-6b1f-4f0e-9d0f-6c1d --json" => "for scripts";
        "admin api-keys unused":
            "quiltctl admin api-keys unused" => "active keys nobody used for 90 days",
            "quiltctl admin api-keys unused --days 30 --json" => "for 30 days, for scripts";
        "admin api-keys report":
            "quiltctl admin api-keys report" => "how many, whose, and the newest",
            "quiltctl admin api-keys report --json" => "for scripts";
        "admin audit-trail":
            "quiltctl admin audit-trail --days 7" => "what keys were used for in a week",
            "quiltctl admin audit-trail --print-sql" => "the query, to run it elsewhere";
    }
    "Packages" {
        "buckets":
            "quiltctl buckets" => "those that your role may see",
            "quiltctl buckets --json" => "for scripts";
        "packages list":
            "quiltctl packages list s3://lake" => "the packages of a bucket",
            "quiltctl packages list" => "those of the configured local registry";
        "packages versions":
            "quiltctl packages versions team/data --registry s3://lake" => "latest first",
            "quiltctl packages versions team/data --utc" => "with exact times";
        "packages delete":
            "quiltctl packages delete team/data --registry s3://lake" => "asks first; never the data",
            "quiltctl packages delete team/data --top-hash 0123abcd --yes" => "one version, unasked";
        "search":
            "quiltctl search fastq" => "objects and packages, as addresses",
            "quiltctl search --dsl query.json --limit 100" => "in Elasticsearch's query DSL";
    }
    "Wire up" {
        "setup aws":
            "quiltctl setup aws" => "the profile `quilt` for every AWS program",
            "quiltctl setup aws --profile lake" => "a profile of quiltd.toml, by its name",
            "quiltctl setup aws --undo" => "puts the file back as it was";
        "setup quilt3":
            "quiltctl setup quilt3" => "the Python SDK uses the login held here",
            "quiltctl setup quilt3 --undo" => "puts its files back as they were";
        "setup completions":
            "quiltctl setup completions" => "for your shell",
            "quiltctl setup completions zsh fish" => "for others",
            "quiltctl setup completions --undo" => "takes it back";
        "setup systemd":
            "quiltctl setup systemd" => "the daemon starts when you log in",
            "quiltctl setup systemd --undo" => "takes it back";
        "setup launchd":
            "quiltctl setup launchd" => "the daemon starts when you log in",
            "quiltctl setup launchd --undo" => "takes it back";
        "uninstall":
            "quiltctl uninstall" => "undoes every setup, after asking; logins stay",
            "quiltctl uninstall --state --yes" => "removes logins too, unasked";
        "completions":
            "source <(quiltctl completions bash)" => "for this shell; `quiltctl setup completions` for all",
            "quiltctl completions fish | source" => "the same in fish";
        "man":
            "quiltctl man" => "the overview",
            "quiltctl man role switch" => "one command";
    }
    "Daemon" {
        "daemon start":
            "quiltctl daemon start" => "commands do so themselves where it is needed",
            "quiltctl daemon start --json" => "with what it holds";
        "daemon stop":
            "quiltctl daemon stop" => "after storing tokens that are being renewed",
            "quiltctl daemon stop --json" => "for scripts";
        "daemon restart":
            "quiltctl daemon restart" => "after an upgrade",
            "quiltctl daemon restart --json" => "with what it holds";
        "daemon logs":
            "quiltctl daemon logs" => "the last 50 lines",
            "quiltctl daemon logs --follow" => "and what comes";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let below: Vec<_> = command.get_subcommands().collect();
        if below.is_empty() {
            found.push(path.trim().to_owned());
        }
        for command in below {
            leaves(command, &format!("{path} {}", command.get_name()), found);
        }
    }

    #[test]
    fn every_command_has_two_examples_that_it_accepts() {
        let mut all = Vec::new();
        leaves(&Cli::command(), "", &mut all);
        for path in &all {
            let page = page(path).unwrap_or_else(|| panic!("no page: {path}"));
            assert!(page.examples.len() >= 2, "{path}");
            for (example, _) in page.examples {
                assert!(example.contains(&format!("quiltctl {path}")), "{example}");
                let line = example.split("quiltctl ").nth(1).unwrap();
                let end = line.find([')', '|', '<', '>']).unwrap_or(line.len());
                let words: Vec<_> = line[..end].split_whitespace().map(Into::into).collect();
                assert!(crate::args::parse(&words).is_ok(), "{example}");
            }
        }
        assert_eq!(PAGES.len(), all.len(), "a page of no command");
    }

    #[test]
    fn every_command_is_in_one_group() {
        let grouped: Vec<&str> = groups().into_iter().flat_map(|(_, names)| names).collect();
        let command = Cli::command();
        let all: BTreeSet<&str> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), all);
        assert_eq!(grouped.len(), all.len());
    }
}
