mod misspelt;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

const FULL: &str = r#"
[profiles.lake]
catalog = "https://demo.quilt.example"
role_arn = ["arn:aws:iam::111111111111:role/hop", "arn:aws-cn:iam::222222222222:role/a/lake"]
role_session_name = "me"
external_id = "x-1"
duration = "30m"
policy = '{"Version": "2012-10-17", "Statement": []}'
policy_arns = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
tags = { team = "blue" }
source_identity = "me@example.com"
region = "eu-west-1"
min_ttl = 600

[profiles.default]
region = "eu-central-1"

[console]
endpoint = "http://127.0.0.1:1/federation"
"#;

fn error(text: &str) -> String {
    match Settings::parse(text) {
        Ok(settings) => panic!("accepted: {settings:?}"),
        Err(error) => error.to_string(),
    }
}

fn profile(lines: &str) -> String {
    error(&format!("[profiles.lake]\n{lines}\n"))
}

#[test]
fn everything_there_is_can_be_set() {
    let settings = Settings::parse(FULL).unwrap();
    let lake = settings.profile(&"lake".parse().unwrap()).unwrap();
    assert_eq!(lake.roles.len(), 2);
    assert_eq!(lake.roles[1].default_region(), "cn-north-1");
    assert_eq!(lake.duration, Some(1800));
    assert_eq!(lake.min_ttl, Some(600));
    assert_eq!(lake.tags["team"], "blue");
    let default = settings.profile(&ProfileName::default_profile()).unwrap();
    assert_eq!(default.region.as_deref(), Some("eu-central-1"));
    assert!(settings.console.endpoint.is_some());
    assert_eq!(settings.profiles()[0].0, ProfileName::default_profile());
    assert_eq!(settings.warnings(), Vec::<String>::new());
}

#[test]
fn nothing_set_is_the_stacks_own_profile_alone() {
    let settings = Settings::parse("").unwrap();
    assert_eq!(settings.profiles().len(), 1);
    assert!(settings.profile(&"lake".parse().unwrap()).is_none());
}

#[test]
fn unknown_keys_name_their_line_and_the_nearest_name() {
    assert_eq!(
        profile("region = 'eu-west-1'\nrole_arm = 'x'"),
        "line 3: unknown key 'role_arm' in [profiles.lake] (did you mean 'role_arn'?)"
    );
    assert_eq!(
        error("\n[profile.lake]\n"),
        "line 2: unknown key 'profile' (did you mean 'profiles'?)"
    );
    assert_eq!(
        profile("zzz = 1"),
        "line 2: unknown key 'zzz' in [profiles.lake]"
    );
    assert_eq!(
        profile("externalid = 'x'"),
        "line 2: unknown key 'externalid' in [profiles.lake] (did you mean 'external_id'?)"
    );
    assert!(profile("\"a\\nb\" = 1").starts_with("line 2: unknown key 'a b'"));
}

#[test]
fn values_are_checked_where_they_stand() {
    for (lines, complaint) in [
        (
            "role_arn = 1",
            "line 2: role_arn: must be a string or an array of strings, not a number",
        ),
        (
            "role_arn = 'lake'",
            "line 2: role_arn: not the ARN of a role; expected arn:aws:iam::123456789012:role/NAME",
        ),
        (
            "role_arn = ['arn:aws:iam::111111111111:role/hop', 'x']",
            "line 2: role_arn: number 2 is not the ARN of a role; expected arn:aws:iam::123456789012:role/NAME",
        ),
        ("role_arn = []", "line 2: role_arn: names no role"),
        (
            "catalog = 'http://demo.example'",
            "line 2: catalog: plain http is accepted only for loopback addresses; use https://",
        ),
        (
            "min_ttl = 'soon'",
            "line 2: min_ttl: must be a time such as \"1h\", \"90m\" or \"900s\"",
        ),
        (
            "region = 'EU'",
            "line 2: region: must be an AWS region such as eu-west-1",
        ),
        (
            "external_id = 'x1'",
            "line 2: external_id: does nothing without role_arn",
        ),
    ] {
        assert_eq!(profile(lines), complaint);
    }
    let role = "role_arn = 'arn:aws:iam::111111111111:role/hop'\n";
    for (line, complaint) in [
        ("duration = '13h'", "line 3: duration: must be 15m to 12h"),
        ("duration = -900", "line 3: duration: must be 15m to 12h"),
        (
            "role_session_name = 'x'",
            "line 3: role_session_name: must be 2 to 64 letters, digits and any of _+=,.@-",
        ),
        (
            "policy = '[]'",
            "line 3: policy: must be an IAM policy, a JSON object",
        ),
        (
            "tags = { a = 1 }",
            "line 3: a: must be a string, not a number",
        ),
    ] {
        assert_eq!(profile(&format!("{role}{line}")), complaint);
    }
}

#[test]
fn default_stays_the_stacks_own() {
    assert!(
        error("[profiles.default]\nrole_arn = 'x'")
            .starts_with("line 2: role_arn: not for 'default'")
    );
    assert!(error("[profiles.'no/pe']\n").contains("invalid profile name"));
}

#[test]
fn longer_than_chained_roles_may_live_is_said_and_shortened() {
    let text = "[profiles.lake]\nrole_arn = 'arn:aws:iam::111111111111:role/hop'\nduration = '12h'";
    let settings = Settings::parse(text).unwrap();
    let lake = settings.profile(&"lake".parse().unwrap()).unwrap();
    assert_eq!(lake.effective_duration(), 3600);
    assert!(settings.warnings()[0].contains("1 hour"));
}

fn write(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(next, path).unwrap();
}

#[test]
fn changes_are_taken_up_and_a_broken_file_keeps_the_old() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("quiltd.toml");
    let file = SettingsFile::new(path.clone());
    let names = || file.current().profiles().len();
    assert_eq!((names(), file.problem()), (1, None));
    write(&path, "[profiles.one]\nregion = 'eu-west-1'\n");
    assert_eq!((names(), file.problem()), (2, None));
    write(&path, "[profiles.one]\nregoin = 'eu-west-1'\n");
    assert_eq!(names(), 2);
    let problem = file.problem().unwrap();
    assert!(
        problem.contains("quiltd.toml: line 2: ") && !problem.contains('\n'),
        "{problem}"
    );
    // In place, within one tick of the file system's clock, and of the same length.
    fs::write(&path, "[profiles.two]\nregion = 'eu-west-1'\n").unwrap();
    assert!(file.current().profile(&"two".parse().unwrap()).is_some());
    fs::write(&path, "[profiles.six]\nregion = 'eu-west-1'\n").unwrap();
    assert!(file.current().profile(&"six".parse().unwrap()).is_some());
    assert!(file.problem().is_none());
    fs::remove_file(&path).unwrap();
    assert_eq!(names(), 1);
}

#[test]
fn a_daemon_that_starts_with_a_broken_file_has_the_settings_from_before() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let path = dir.path().join("quiltd.toml");
    let start = |path: &Path| {
        let file = SettingsFile::new(path.to_owned()).with_state_dir(&state);
        (file.current().profiles().len(), file.problem().is_some())
    };
    write(&path, "[profiles.one]\nregion = 'eu-west-1'\n");
    assert_eq!(start(&path), (2, false));
    for broken in ["[profiles.one]\nregoin = 'x'\n", "[", "\u{0}"] {
        write(&path, broken);
        assert_eq!(start(&path), (2, true), "{broken:?}");
    }
    fs::write(&path, b"\xff").unwrap();
    assert_eq!(start(&path), (2, true), "no text");
    let other = dir.path().join("other.toml");
    write(&other, "[");
    assert_eq!(start(&other), (1, true), "those are of another file");
    write(&path, "[profiles.one]\n[profiles.two]\n");
    assert_eq!(start(&path), (3, false));
    write(&path, "[");
    assert_eq!(start(&path), (3, true));
    // Taken away is not broken.
    fs::remove_file(&path).unwrap();
    assert_eq!(start(&path), (1, false));
    write(&path, "[");
    assert_eq!(start(&path), (1, true));
}

#[test]
fn a_file_others_can_write_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("quiltd.toml");
    fs::write(&path, FULL).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let file = SettingsFile::new(path);
    assert_eq!(file.current().profiles().len(), 1);
    assert!(file.problem().unwrap().contains("other users"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_complaint_is_one_line(
        text in prop_oneof![
            "\\PC{0,80}",
            "[\\[\\]a-z_.=\"'\n\r\t 0-9:/{},\\\\-]{0,120}",
            "\\[profiles\\.[a-z\"]{1,8}\\]\n([a-z_]{1,12} = [\"'a-z0-9\\[\\]{}, ]{0,20}\n){0,4}",
        ]
    ) {
        if let Err(error) = Settings::parse(&text) {
            let line = error.to_string();
            prop_assert!(!line.contains(['\n', '\r']), "{line:?}");
            prop_assert!(line.len() < 400);
        }
    }

    #[test]
    fn a_sound_file_cut_or_changed_anywhere_never_panics(at in 0..FULL.len(), with in "\\PC{0,3}") {
        if FULL.is_char_boundary(at) {
            let _ = Settings::parse(&FULL[..at]);
            let _ = Settings::parse(&format!("{}{with}{}", &FULL[..at], &FULL[at..]));
        }
    }
}
