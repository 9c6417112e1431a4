//! What the files are called that these programs keep in the state directory:
//! the user may keep others there, and on macOS the settings and the Python
//! SDK's files are in the same folder.

use std::fmt::Display;

use crate::instance::NO_MACHINE;

macro_rules! files {
    ($($(#[$doc:meta])+ $constant:ident = $name:literal,)+) => {
        $($(#[$doc])+ pub const $constant: &str = $name;)+

        /// Whole names.
        const NAMES: &[&str] = &[$($constant),+];
    };
}

files! {
    /// What the last `admin audit-trail` found out about a stack.
    AUDIT_TRAIL = "audit-trail.json",
    /// The audit log.
    AUDIT = "audit.jsonl",
    /// Its older lines.
    AUDIT_OLDER = "audit.jsonl.1",
    /// Its lines while they join the older ones.
    AUDIT_FULL = "audit.jsonl.full",
    /// Held while the audit log's older lines are written.
    AUDIT_LOCK = "audit.lock",
    /// What is known of catalogs, whoever is logged in.
    CATALOGS = "catalogs.json",
    /// Held while that is changed.
    CATALOGS_LOCK = "catalogs.lock",
    /// Grants that outlive the daemon.
    GRANTS = "grants.json",
    /// Held while they are changed.
    GRANTS_LOCK = "grants.lock",
    /// What the user was notified of.
    NOTIFIED = "notified.json",
    /// Which login of the Python SDK's is being imported.
    SDK_IMPORT = "python-sdk.import",
    /// What the Python SDK's files were before they led to the gateway.
    SDK_RECORD = "python-sdk.json",
    /// The log of a daemon that `quiltctl` started.
    LOG = "quiltd.log",
    /// The daemon's socket, where nobody names another.
    SOCKET = "quiltd.sock",
    /// Held while the daemon there is ended and the next one started.
    SOCKET_RESTART_LOCK = "quiltd.sock.restart.lock",
    /// Held for the life of the daemon that listens there.
    SOCKET_LOCK = "quiltd.sock.lock",
    /// Held while a daemon is started for it.
    SOCKET_START_LOCK = "quiltd.sock.start.lock",
    /// The settings that were last in force.
    LAST_SETTINGS = "quiltd.toml.last",
    /// Replaced with what is in the keyring; names the catalogs of its logins.
    SESSIONS_GENERATION = "sessions.generation",
    /// Logins, where they are kept in a file.
    SESSIONS = "sessions.json",
    /// Held while logins are changed.
    SESSIONS_LOCK = "sessions.lock",
    /// What `setup aws` wrote.
    SETUP_AWS = "setup-aws.json",
    /// Held while something is set up.
    SETUP_LOCK = "setup.lock",
}

/// The locks that are taken by their names.
pub const LOCKS: [&str; 5] = [
    AUDIT_LOCK,
    CATALOGS_LOCK,
    GRANTS_LOCK,
    SESSIONS_LOCK,
    SETUP_LOCK,
];

/// What is read back, and so is believed only where nobody else could have
/// written it.
pub const READ_BACK: [&str; 11] = [
    SESSIONS,
    SESSIONS_GENERATION,
    CATALOGS,
    GRANTS,
    SDK_RECORD,
    SDK_IMPORT,
    AUDIT,
    AUDIT_OLDER,
    NOTIFIED,
    LOG,
    LAST_SETTINGS,
];

/// How many characters a name that is made by chance has of it: with as many,
/// it is no word of the user's.
pub const CHANCE: usize = 16;

/// Names that differ between their beginning and their end.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// How they begin.
    pub start: &'static str,
    /// How they end.
    pub end: &'static str,
}

impl Pattern {
    /// The name with this in the middle.
    pub fn name(self, middle: impl Display) -> String {
        format!("{}{middle}{}", self.start, self.end)
    }

    /// Whether a name is one of these.
    pub fn fits(self, name: &str) -> bool {
        self.middle(name).is_some()
    }

    fn middle(self, name: &str) -> Option<&str> {
        name.strip_prefix(self.start)?.strip_suffix(self.end)
    }
}

/// Whether this is from the middle of a name that was made by chance or by a
/// hash, or is that of a machine without a name, and no word of the user's.
fn is_made(middle: &str) -> bool {
    let is_code = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    let has_digit = middle.bytes().any(|byte| byte.is_ascii_digit());
    let is_chance = has_digit || middle.len() >= CHANCE || middle.starts_with(NO_MACHINE);
    is_chance && middle.chars().all(is_code)
}

macro_rules! patterns {
    ($($(#[$doc:meta])+ $constant:ident = $start:literal .. $end:literal,)+) => {
        $($(#[$doc])+ pub const $constant: Pattern = Pattern { start: $start, end: $end };)+

        const PATTERNS: &[Pattern] = &[$($constant),+];
    };
}

patterns! {
    /// What the command line writes before it takes a file's place.
    CLI_TEMPORARY = ".quiltctl-" .. ".tmp",
    /// What the daemon writes before it takes a file's place.
    TEMPORARY = ".quiltd-" .. "",
    /// The same for logins.
    SESSIONS_TEMPORARY = ".sessions-" .. "",
    /// Held for the daemon's life, a file for each machine.
    DAEMON_LOCK = "daemon-" .. ".lock",
    /// Where API keys are handed over, a socket for each machine.
    KEYS_SOCKET = "keys-" .. ".sock",
    /// The same for one daemon that comes, made for it alone.
    KEYS_CARRIER = "k" .. ".sock",
    /// The token of a grant, for programs that read it from a file.
    TOKEN_FILE = "quiltd.sock-token-" .. "",
    /// Held while a catalog's refresh token is rotated.
    ROTATION_LOCK = "rotation-" .. ".lock",
}

/// What is set aside has this after its name, and a number.
const BROKEN: &str = ".broken";

/// What a later version wrote has this after its name where it was moved away.
pub const NEWER: &str = ".newer";

/// Whether a file of this name in the state directory is one that these
/// programs made.
pub fn is_state_file(name: &str) -> bool {
    let set_aside = name.rsplit_once(BROKEN).filter(|(_, rest)| {
        let number = rest.strip_prefix('-').unwrap_or(rest);
        number.bytes().all(|byte| byte.is_ascii_digit())
    });
    let name = set_aside.map_or(name, |(name, _)| name);
    let name = name.strip_suffix(NEWER).unwrap_or(name);
    let mut made = PATTERNS.iter().filter_map(|pattern| pattern.middle(name));
    NAMES.contains(&name) || made.any(is_made)
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
            "sessions.json.newer",
            "daemon-962e2be8-05c1.lock",
            "daemon-962e2be8-05c1.lock.start.lock",
            "daemon-962e2be8-05c1.lock.restart.lock",
            "daemon-here.lock",
            "keys-962e2be8.sock",
            ".sessions-x1y2z3",
            "kda2be9e37b6c6066.sock",
            "rotation-0123456789abcdef.lock",
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
            ".quiltd-notes",
            ".sessions-backup",
            "rotation-of-tyres.lock",
            "kitchen.sock",
        ] {
            assert!(!is_state_file(users), "{users}");
        }
    }
}
