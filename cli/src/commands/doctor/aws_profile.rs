//! The profiles of the AWS files that get their credentials from quiltctl.

use std::collections::BTreeSet;
use std::path::PathBuf;

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, quoted};

use super::report::Report;
use crate::aws_files::{self, CONFIG_ENV, CREDENTIALS_ENV, Call, ini};

/// Both files, as AWS programs find them.
#[derive(Debug, Default)]
pub(super) struct AwsFiles(Vec<AwsFile>);

/// One of the files.
#[derive(Debug)]
pub(super) struct AwsFile {
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) is_credentials: bool,
}

/// A profile, and all that both files say of it; what comes later counts.
#[derive(Debug)]
pub(super) struct AwsProfile {
    pub(super) name: String,
    pub(super) settings: Vec<Setting>,
}

/// One `key = value` line.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) file: PathBuf,
    pub(super) number: usize,
    pub(super) in_credentials: bool,
    is_ours: bool,
}

impl AwsFiles {
    /// Reads both; one that cannot be read is a finding.
    pub(super) fn read(report: &mut Report) -> Self {
        let is_file = |variable: &&str| !aws_files::names_nothing(variable);
        let place = |variable| Some(variable).filter(is_file).and_then(aws_files::place);
        Self::read_at([CONFIG_ENV, CREDENTIALS_ENV].map(place), report)
    }

    /// Both in their usual places, whatever variables say.
    pub(super) fn in_usual_places() -> Self {
        let places = [CONFIG_ENV, CREDENTIALS_ENV].map(aws_files::usual_place);
        Self::read_at(places, &mut Report::default())
    }

    fn read_at(places: [Option<PathBuf>; 2], report: &mut Report) -> Self {
        let mut files = Vec::new();
        for (path, is_credentials) in places.into_iter().zip([false, true]) {
            let path = path.unwrap_or_default();
            let mut unreadable = |what: String| {
                let hint = Command::of("ls -ld").path(&path);
                report.add([Finding::error(FindingCode::AwsFileUnreadable, what, hint)]);
            };
            if let Ok(leads_to) = path.read_link()
                && !path.exists()
            {
                unreadable(format!(
                    "{} is a symlink to {}, where nothing is",
                    quoted::path(&path),
                    quoted::path(&leads_to)
                ));
            }
            match aws_files::read(&path) {
                Ok(bytes) => files.push(AwsFile {
                    bytes: bytes.unwrap_or_default(),
                    path,
                    is_credentials,
                }),
                Err(error) => {
                    unreadable(format!("{} cannot be read: {error}", quoted::path(&path)));
                }
            }
        }
        Self(files)
    }

    pub(super) fn each(&self) -> impl Iterator<Item = &AwsFile> {
        self.0.iter()
    }

    /// The names of the profiles that are to get their credentials from quiltctl.
    pub(super) fn names_of_ours(&self) -> Vec<String> {
        self.profiles().into_iter().map(|ours| ours.name).collect()
    }

    /// Every profile that is to get its credentials from quiltctl.
    pub(super) fn profiles(&self) -> Vec<AwsProfile> {
        let all = self.names().into_iter().map(|name| self.profile(&name));
        all.filter(|it| it.settings.iter().any(|line| line.is_ours))
            .collect()
    }

    /// The names of all profiles there are.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for file in &self.0 {
            let lines = ini::lines(&file.bytes);
            for section in ini::all_sections(&lines) {
                names.extend(ini::profile_of(section[0].text, !file.is_credentials));
            }
        }
        names
    }

    /// Whether a profile is one of these, or has a role that is assumed from one,
    /// over however many others.
    pub(super) fn leads_to(&self, name: &str, ours: &[String]) -> bool {
        let mut name = name.to_owned();
        // No chain is longer than there are profiles.
        for _ in 0..=self.names().len() {
            if ours.contains(&name) {
                return true;
            }
            let profile = self.profile(&name);
            match (profile.last("role_arn"), profile.last("source_profile")) {
                (Some(_), Some(source)) => name.clone_from(&source.value),
                _ => return false,
            }
        }
        false
    }

    fn profile(&self, name: &str) -> AwsProfile {
        let settings = self.0.iter().flat_map(|file| {
            let lines = ini::profile_lines(&file.bytes, name, !file.is_credentials).into_iter();
            lines.filter_map(move |line| {
                Some(Setting {
                    key: ini::key(line.text)?,
                    value: ini::value(line.text),
                    file: file.path.clone(),
                    number: line.number,
                    in_credentials: file.is_credentials,
                    is_ours: ini::is_ours(line.text),
                })
            })
        });
        AwsProfile {
            name: name.to_owned(),
            settings: settings.collect(),
        }
    }
}

impl AwsProfile {
    /// The line of a key that counts.
    fn last(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().rev().find(|line| line.key == key)
    }

    /// The `credential_process` that counts, if it is ours.
    pub(super) fn process(&self) -> Option<&Setting> {
        self.last("credential_process").filter(|line| line.is_ours)
    }

    /// Another program's `credential_process`, where that counts.
    pub(super) fn other_process(&self) -> Option<&Setting> {
        self.last("credential_process").filter(|line| !line.is_ours)
    }

    /// What it calls, where that can be understood.
    pub(super) fn call(&self) -> Option<Call> {
        Call::parse(&self.process()?.value)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Files with this in them.
    pub(in crate::commands::doctor) fn files(config: &str, credentials: &str) -> AwsFiles {
        let file = |name: &str, text: &str| AwsFile {
            path: PathBuf::from(name),
            bytes: text.as_bytes().to_vec(),
            is_credentials: name == "credentials",
        };
        AwsFiles(vec![
            file("config", config),
            file("credentials", credentials),
        ])
    }

    /// What is found in files with this in them.
    pub(in crate::commands::doctor) fn in_files(
        check: fn(&AwsFile) -> Vec<Finding>,
        config: &str,
        credentials: &str,
    ) -> Vec<Finding> {
        files(config, credentials).each().flat_map(check).collect()
    }

    /// The one profile of files with this in them.
    pub(in crate::commands::doctor) fn profile(config: &str, credentials: &str) -> AwsProfile {
        files(config, credentials).profiles().remove(0)
    }

    #[test]
    fn profiles_of_ours_are_found_with_all_that_is_said_of_them() {
        let found = profile(
            "[default]\nregion = x\n[profile q]\ncredential_process = \"/a b/quiltctl\" \
             credential-process --profile lake --socket /s\n",
            "[q]\naws_access_key_id = A\n",
        );
        assert_eq!(found.name, "q");
        let keys: Vec<_> = found
            .settings
            .iter()
            .map(|line| (line.key.as_str(), line.number))
            .collect();
        assert_eq!(keys, [("credential_process", 4), ("aws_access_key_id", 2)]);
        let call = Call {
            program: "/a b/quiltctl".to_owned(),
            recipe: Some("lake".parse().unwrap()),
            catalog: None,
            socket: Some("/s".into()),
        };
        assert_eq!(found.call(), Some(call));
    }

    #[test]
    fn the_credentials_file_has_the_last_word() {
        let config = "[profile q]\ncredential_process = /quiltctl credential-process\n";
        let found = profile(config, "[q]\ncredential_process = /other\n");
        assert!(found.process().is_none());
        assert_eq!(found.other_process().unwrap().value, "/other");
    }
}
