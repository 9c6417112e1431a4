//! Whether users and groups are kept elsewhere than in the files of the system
//! (nsswitch.conf(5)): in a directory service, say, whose members no file names.

use std::fs;
use std::path::Path;

const SWITCH: &str = "/etc/nsswitch.conf";

/// The databases that say who is in which group.
const DATABASES: [&str; 3] = ["passwd", "group", "initgroups"];

/// Services that read files of the system: its own, and those of its vendor.
const OF_FILES: [&str; 3] = ["files", "altfiles", "usrfiles"];

/// The service that hands on what systemd knows (nss-systemd(8)).
const SYSTEMD: &str = "systemd";

/// Where administrators leave records of users for it (systemd-userdbd(8)), and
/// where the manager of homes answers.
const RECORDS: [&str; 3] = ["/etc/userdb", "/run/userdb", "/run/host/userdb"];
const HOMES: &str = "/run/systemd/userdb/io.systemd.Home";

/// Whether somebody may be in a group although no file says so; `texts` are the
/// system's files of users and groups.
pub(crate) fn may_know_more(texts: [&str; 2]) -> bool {
    let switch = fs::read_to_string(SWITCH).unwrap_or_default();
    let has_records = || {
        let is_there = |dir: &&str| fs::read_dir(dir).is_ok_and(|mut dir| dir.next().is_some());
        Path::new(HOMES).exists() || RECORDS.iter().any(is_there)
    };
    // As `compat` includes another service (nsswitch.conf(5)).
    let has_inclusions = || {
        let mut lines = texts.into_iter().flat_map(str::lines);
        lines.any(|line| line.starts_with('+'))
    };
    ask_elsewhere(&switch, has_records, has_inclusions)
}

/// Without a file, and without a line in it, only files are asked.
fn ask_elsewhere(
    switch: &str,
    has_records: impl Fn() -> bool,
    has_inclusions: impl Fn() -> bool,
) -> bool {
    let lines = switch
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .filter_map(|line| line.split_once(':'))
        .filter(|(database, _)| DATABASES.contains(&database.trim()));
    let mut services = lines.flat_map(|(_, services)| services.split_whitespace());
    services.any(|service| match service {
        "compat" => has_inclusions(),
        SYSTEMD => has_records(),
        // What is done after an answer, in brackets, is no service.
        _ => !OF_FILES.contains(&service) && !service.contains(['[', ']', '=']),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_be_in_a_group_is_asked_elsewhere_by_some_systems() {
        let asks = |switch: &str, yes| ask_elsewhere(switch, || yes, || yes);
        for files in [
            "",
            "passwd: files\ngroup: files\nhosts: files dns\n",
            "group:files [NOTFOUND=return] # ldap",
            "passwd: files altfiles\n#group: sss",
        ] {
            assert!(!asks(files, true), "{files}");
        }
        for some in ["passwd: files systemd", "group: compat"] {
            assert!(!asks(some, false) && asks(some, true), "{some}");
        }
        for directory in [
            "passwd: sss files",
            "group: files ldap",
            "group : files [SUCCESS=merge] winbind",
            "initgroups: files nis",
        ] {
            assert!(asks(directory, false), "{directory}");
        }
    }
}
