//! The `credential_process` of a profile: the program it names, and what it
//! asks that program for.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use quilt_proto::locations::CREDENTIALS_PROGRAM;
use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, quoted};

use super::aws_profile::AwsProfile;
use super::daemon::Daemon;
use super::remedy;
use crate::aws_files::command_line;

pub(super) fn check(profile: &AwsProfile) -> Option<Finding> {
    let line = profile.process()?;
    let name = quoted::name(&profile.name);
    let hint = remedy::set_up_again(profile);
    let Some(call) = profile.call() else {
        let what = format!(
            "credential_process of profile {name} at {}:{} is not a line quiltctl understands",
            quoted::path(&line.file),
            line.number
        );
        return Some(Finding::error(FindingCode::ProcessGarbled, what, hint));
    };
    let Some((code, why)) = fault(Path::new(&call.program)) else {
        return check_quotes(&line.value, &call.program, &profile.name, hint);
    };
    let what = format!("profile {name} runs {}, {why}", quoted::name(&call.program));
    Some(if code == FindingCode::ProcessOtherQuiltctl {
        Finding::warning(code, what, hint)
    } else {
        Finding::error(code, what, hint)
    })
}

/// Whether the program stands in quotes that it does not need.
fn check_quotes(line: &str, program: &str, name: &str, hint: Command) -> Option<Finding> {
    let is_quoted = line.starts_with(['"', '\'']);
    let is_plain = command_line::quote(program).is_some_and(|it| it == program);
    (is_quoted && is_plain).then(|| {
        let what = format!(
            "profile {} names its program in quotes, which the SDK for Go 1, s5cmd, rclone and \
             awsume take for part of its name",
            quoted::name(name)
        );
        Finding::warning(FindingCode::ProcessQuoted, what, hint)
    })
}

/// What is wrong with the program as a profile names it.
fn fault(program: &Path) -> Option<(FindingCode, &'static str)> {
    if !program.is_absolute() {
        return Some((
            FindingCode::ProcessRelative,
            "which programs in other directories do not find",
        ));
    }
    let Ok(metadata) = fs::metadata(program) else {
        return Some((FindingCode::ProcessMissing, "which is not there"));
    };
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Some((FindingCode::ProcessNotExecutable, "which cannot be run"));
    }
    let same = |ours: &Path| fs::canonicalize(program).ok() == fs::canonicalize(ours).ok();
    let is_ours = |exe: &Path| same(exe) || same(&exe.with_file_name(CREDENTIALS_PROGRAM));
    let other = env::current_exe().is_ok_and(|exe| !is_ours(&exe));
    other.then_some((
        FindingCode::ProcessOtherQuiltctl,
        "which is another quiltctl than this one",
    ))
}

/// A profile of quiltd.toml that is not in it.
pub(super) fn check_recipe(profile: &AwsProfile, daemon: &Daemon) -> Option<Finding> {
    let recipe = profile.call()?.recipe?;
    if daemon.profile(&recipe).is_some() {
        return None;
    }
    let what = format!(
        "profile {} asks for '{recipe}', and quiltd.toml has no [profiles.{recipe}]",
        quoted::name(&profile.name)
    );
    let hint = daemon
        .settings()
        .map_or_else(|| "quiltctl profiles".into(), |path| Command::edit(&path));
    Some(Finding::error(
        FindingCode::ProcessUnknownProfile,
        what,
        hint,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::aws_profile::tests::profile;
    use super::*;

    fn found(program: &str) -> Option<(String, String)> {
        let line = format!("credential_process = {program} credential-process --profile lake\n");
        let found = check(&profile(&format!("[profile q]\n{line}"), ""));
        found.map(|found| (found.code, found.hint.to_string()))
    }

    #[test]
    fn the_program_has_to_be_this_one() {
        let hint = "quiltctl setup aws --name q --profile lake";
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("quiltctl");
        fs::write(&file, "").unwrap();
        let plain = file.to_str().unwrap().to_owned();
        for (program, code) in [
            ("quiltctl", "process_relative"),
            ("/no/such/quiltctl", "process_missing"),
            (&plain, "process_not_executable"),
        ] {
            assert_eq!(found(program), Some((code.to_owned(), hint.to_owned())));
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let other = found(&plain).unwrap();
        assert_eq!(other.0, "process_other_quiltctl");
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(env::current_exe().unwrap(), &file).unwrap();
        assert_eq!(found(&plain), None);
    }

    #[test]
    fn quotes_are_told_where_they_are_not_needed() {
        let dir = tempfile::tempdir().unwrap();
        let link = |folder: &str| {
            let file = dir.path().join(folder).join("quiltctl");
            fs::create_dir(dir.path().join(folder)).unwrap();
            std::os::unix::fs::symlink(env::current_exe().unwrap(), &file).unwrap();
            file.to_str().unwrap().to_owned()
        };
        let (plain, spaced) = (link("plain"), link("with space"));
        let code = |program: &str| found(program).map(|(code, _)| code);
        for quoted in [format!("\"{plain}\""), format!("'{plain}'")] {
            assert_eq!(code(&quoted).as_deref(), Some("process_quoted"), "{quoted}");
        }
        assert_eq!(code(&plain), None);
        assert_eq!(code(&format!("\"{spaced}\"")), None, "it needs them");
    }

    #[test]
    fn a_line_nobody_understands_is_told() {
        let (code, hint) = found("/quiltctl --sokcet x").unwrap();
        assert_eq!(
            (code.as_str(), hint.as_str()),
            ("process_garbled", "quiltctl setup aws --name q")
        );
    }
}
