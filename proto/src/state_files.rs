//! What the files are called that these programs keep in the state directory:
//! the user may keep others there, and on macOS the settings and the Python
//! SDK's files are in the same folder.

/// Whole names.
const NAMES: &[&str] = &[
    "audit-trail.json",
    "audit.jsonl",
    "audit.jsonl.1",
    "audit.jsonl.full",
    "audit.lock",
    "catalogs.json",
    "catalogs.lock",
    "grants.json",
    "grants.lock",
    "notified.json",
    "python-sdk.import",
    "python-sdk.json",
    "quiltd.log",
    "quiltd.sock",
    "quiltd.sock.lock",
    "quiltd.sock.start.lock",
    "quiltd.toml.last",
    "sessions.generation",
    "sessions.json",
    "sessions.lock",
    "setup-aws.json",
    "setup.lock",
];

/// Beginnings and ends of names that differ.
const PATTERNS: &[(&str, &str)] = &[
    (".quiltctl-", ".tmp"),
    (".quiltd-", ""),
    (".sessions-", ""),
    ("daemon-", ".lock"),
    ("keys-", ".sock"),
    ("quiltd.sock-token-", ""),
    ("rotation-", ".lock"),
];

/// What is set aside has this after its name, and a number.
const BROKEN: &str = ".broken";

/// Whether a file of this name in the state directory is one that these
/// programs made.
pub fn is_state_file(name: &str) -> bool {
    let set_aside = name.rsplit_once(BROKEN).filter(|(_, rest)| {
        let number = rest.strip_prefix('-').unwrap_or(rest);
        number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let name = set_aside.map_or(name, |(name, _)| name);
    let fits = |(start, end): &(&str, &str)| {
        let rest = name.strip_prefix(start);
        rest.is_some_and(|rest| rest.ends_with(end))
    };
    NAMES.contains(&name) || PATTERNS.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_ours_are_told_from_the_users() {
        for ours in [
            "sessions.json",
            "sessions.json.broken-1795702440",
            "grants.json.broken",
            "daemon-962e2be8-05c1.lock",
            "daemon-962e2be8-05c1.lock.start.lock",
            "keys-962e2be8.sock",
            ".sessions-x1y2z3",
        ] {
            assert!(is_state_file(ours), "{ours}");
        }
        for users in [
            "",
            "quiltd.toml",
            "config.yml",
            "auth.json",
            "credentials.json",
            "thesis.txt",
            "sessions.json.bak",
            "sessions.json.broken-heart",
            ".broken",
            "audit.xlsx",
            "daemon-notes.txt",
        ] {
            assert!(!is_state_file(users), "{users}");
        }
    }
}
