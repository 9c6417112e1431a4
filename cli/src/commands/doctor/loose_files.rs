//! Whether others could change what programs here read or run, or put a socket
//! of theirs in the daemon's place.

use std::env;
use std::path::{Path, PathBuf};

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{locations, state_files};
use quilt_trust::Distrust;

use super::aws_profile::AwsProfile;
use crate::aws_files::{self, CONFIG_ENV, CREDENTIALS_ENV};
use crate::commands::setup::completions;
use crate::commands::setup::systemd;
use crate::programs;

/// What AWS programs read and load: whoever changes it chooses the program that they
/// run for credentials.
pub(super) fn check() -> Vec<Finding> {
    let files = [CONFIG_ENV, CREDENTIALS_ENV]
        .into_iter()
        .filter_map(aws_files::place)
        .chain(aws_files::cli_alias())
        .chain(aws_files::loaded());
    found(files, quilt_trust::check, |distrust| {
        let what = format!("{distrust}: others could choose what AWS programs run");
        Finding::warning(FindingCode::FileNotTrusted, what, distrust.remedy())
    })
}

/// This program, and those that set-up wrote down: whoever replaces one runs as
/// this user.
pub(super) fn check_programs(profiles: &[AwsProfile]) -> Vec<Finding> {
    let named = profiles.iter().filter_map(AwsProfile::call);
    let named = named.map(|call| PathBuf::from(call.program));
    let written = env::current_exe().into_iter().chain(named);
    let written = written.chain(systemd::program());
    // What is relative means something else everywhere, which is told elsewhere.
    let written = written.filter(|program| program.is_absolute());
    let finding = |distrust: &Distrust| {
        let what = format!("{distrust}: others could choose what runs as this user");
        Finding::warning(FindingCode::FileNotTrusted, what, distrust.remedy())
    };
    let programs = found(written, programs::check, finding);
    let of_shells = found(completions::files(), quilt_trust::check, finding);
    [programs, of_shells].concat()
}

/// Where the socket is, and what a daemon would read; a daemon that answers
/// tells of its files itself.
pub(super) fn check_daemon(socket: &Path, answers: bool) -> Vec<Finding> {
    // As the directory of what is made there.
    let inside = |dir: PathBuf| dir.join("quiltd");
    let mut places: Vec<PathBuf> = Vec::new();
    places.extend(socket.parent().map(|dir| inside(dir.to_owned())));
    if !answers {
        let dirs = [locations::state_dir(), locations::python_sdk_dir()];
        places.extend(dirs.into_iter().flatten().map(inside));
        places.extend(locations::settings());
    } else if let Ok(dir) = locations::state_dir() {
        // The record of what `setup aws` wrote is no file of the daemon's.
        let record = dir.join(state_files::SETUP_AWS);
        places.extend(quilt_trust::check_dir(&dir).is_ok().then_some(record));
    }
    found(places, quilt_trust::check, |distrust| {
        let what = format!("{distrust}: quiltd does not use it");
        Finding::error(FindingCode::FileNotTrusted, what, distrust.remedy())
    })
}

/// One finding for each file or directory, however many lie below it.
fn found(
    paths: impl IntoIterator<Item = PathBuf>,
    check: impl Fn(&Path) -> Result<(), Distrust>,
    finding: impl Fn(&Distrust) -> Finding,
) -> Vec<Finding> {
    let mut seen: Vec<Distrust> = Vec::new();
    for path in paths {
        match check(&path) {
            Err(distrust) if distrust.is_about_others() && !seen.contains(&distrust) => {
                seen.push(distrust);
            }
            _ => {}
        }
    }
    seen.iter().map(finding).collect()
}
