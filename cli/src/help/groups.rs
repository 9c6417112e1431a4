//! The commands by what they are for.

/// Every command, in the order in which one meets them.
pub(super) const GROUPS: &[(&str, &[&str])] = &[
    (
        "Log in",
        &[
            "login",
            "logout",
            "logged-in",
            "clear-api-key",
            "use",
            "config",
        ],
    ),
    (
        "Use",
        &["exec", "env", "console", "token", "credential-process"],
    ),
    (
        "Look",
        &[
            "status", "watch", "whoami", "role", "profiles", "grants", "audit", "doctor",
        ],
    ),
    ("Keys", &["api-keys", "admin"]),
    ("Packages", &["packages", "search"]),
    ("Wire up", &["setup", "uninstall", "completions", "man"]),
    ("Daemon", &["daemon"]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_command_is_in_one_group() {
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let command = crate::args::Cli::command();
        let all: BTreeSet<&str> = command
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), all);
        assert_eq!(grouped.len(), all.len());
    }
}
