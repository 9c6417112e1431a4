//! The AWS CLI, either version: `aws configure list` says by which method it
//! came by an access key.

use quilt_proto::quoted;

use super::OURS;
use super::process::{Ended, run};
use super::source::Source;

/// Its version with a space before it; nothing where it is not installed.
pub(super) fn version() -> String {
    let asked = run("aws", |command| {
        command.arg("--version");
    });
    match asked {
        Ended::With { stdout, stderr, .. } => find_version(&stdout, &stderr),
        _ => String::new(),
    }
}

/// Old ones write it to standard error.
fn find_version(stdout: &str, stderr: &str) -> String {
    let words = stdout.split_whitespace().chain(stderr.split_whitespace());
    let version = words
        .into_iter()
        .find_map(|word| word.strip_prefix("aws-cli/"));
    version.map_or_else(String::new, |version| format!(" {}", quoted::name(version)))
}

/// Where it takes a profile's credentials from.
pub(super) fn ask(profile: &str) -> Source {
    let asked = run("aws", |command| {
        command.args(["configure", "list", "--profile", profile]);
    });
    match asked {
        Ended::NotInstalled => Source::NotInstalled,
        Ended::Late => Source::Slow,
        Ended::With {
            code: 0, stdout, ..
        } => read(&stdout),
        Ended::With { stderr, .. } if stderr.contains(OURS) => Source::Fails,
        Ended::With { .. } => Source::Broken,
    }
}

/// The line of the access key: value, type and place, in newer versions with
/// colons between them.
fn read(table: &str) -> Source {
    let rows = table.lines().map(|line| {
        let words = line.split_whitespace().filter(|word| *word != ":");
        words.collect::<Vec<_>>()
    });
    let row = rows
        .into_iter()
        .find(|row| row.first() == Some(&"access_key"));
    match row.as_deref() {
        Some([_, "<not", ..]) => Source::Nowhere,
        Some([_, key, method, ..]) => Source::Found {
            method: (*method).to_owned(),
            key: key.trim_start_matches('*').to_owned(),
        },
        _ => Source::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_read() {
        let old = "      Name                    Value             Type    Location\n\
                   \x20     ----                    -----             ----    --------\n\
                   access_key     ****************AB12   custom-process    \n";
        let new = "NAME       : VALUE                    : TYPE             : LOCATION\n\
                   access_key : ****************AB12     : env              : \n";
        let found = |method: &str| Source::Found {
            method: method.to_owned(),
            key: "AB12".to_owned(),
        };
        assert_eq!(read(old), found("custom-process"));
        assert_eq!(read(new), found("env"));
        assert_eq!(
            read("access_key   <not set>   None   None\n"),
            Source::Nowhere
        );
        assert_eq!(read("nothing of the kind"), Source::Broken);
    }

    #[test]
    fn the_version_is_found_in_what_it_says() {
        let said = "aws-cli/2.9.19 Python/3.11.2 Linux/6.1 source/x86_64";
        assert_eq!(find_version(said, ""), " 2.9.19");
        assert_eq!(find_version("", said), " 2.9.19");
        assert_eq!(find_version("", ""), "");
    }
}
