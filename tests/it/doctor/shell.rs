//! Faults of a shell and of the AWS files: each is planted, found, mended by
//! the command doctor names, and gone.

use std::fs;
use std::path::Path;

use super::files::{append, no_executable, open, other_quiltctl, replace};
use super::{codes, found, found_after, healthy};

/// A fault, what doctor has to say to it, and how somebody with an editor
/// follows the hint.
struct Fault {
    variables: &'static [(&'static str, &'static str)],
    plant: fn(&Path),
    codes: &'static [&'static str],
    hint: &'static str,
    editor: &'static str,
}

const FAULT: Fault = Fault {
    variables: &[],
    plant: |_| {},
    codes: &[],
    hint: "",
    editor: "false",
};

const CONFIG: &str = ".aws/config";
const CREDENTIALS: &str = ".aws/credentials";
const SETTINGS: &str = "config/quilt/quiltd.toml";

const FAULTS: &[Fault] = &[
    Fault {
        variables: &[
            ("AWS_ACCESS_KEY_ID", "AKIA1"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
        ],
        codes: &["environment_keys"],
        hint: "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN",
        ..FAULT
    },
    Fault {
        variables: &[("AWS_ACCESS_KEY", "AKIA1"), ("AWS_SECRET_KEY", "s")],
        codes: &["environment_older_keys"],
        hint: "unset AWS_ACCESS_KEY AWS_SECRET_KEY",
        ..FAULT
    },
    Fault {
        variables: &[("SECRET_ACCESS_KEY", "s"), ("AWS_SKIP_SIGNATURE", "true")],
        codes: &["environment_older_keys"],
        hint: "unset SECRET_ACCESS_KEY AWS_SKIP_SIGNATURE",
        ..FAULT
    },
    Fault {
        variables: &[("AWS_NO_SIGN_REQUEST", "YES")],
        codes: &["environment_older_keys"],
        hint: "unset AWS_NO_SIGN_REQUEST",
        ..FAULT
    },
    Fault {
        plant: |home| {
            append(
                home,
                CONFIG,
                "[sso-session s]\nsso_region = x\n[sso-session s]\n",
            );
        },
        codes: &["profile_twice"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i /sso/d",
        ..FAULT
    },
    Fault {
        plant: |home| {
            let path = home.join(CREDENTIALS);
            let before = fs::read(&path).unwrap_or_default();
            fs::write(&path, [&before[..], b"# in latin 1: \xe9\n"].concat()).unwrap();
        },
        codes: &["aws_file_line"],
        hint: "${EDITOR:-vi} {home}/.aws/credentials",
        editor: "sed -i /latin/d",
        ..FAULT
    },
    Fault {
        variables: &[("QUILT_REGISTRY_URL", "http://127.0.0.1:1")],
        codes: &["gateway_elsewhere"],
        hint: "unset QUILT_REGISTRY_URL",
        ..FAULT
    },
    Fault {
        variables: &[
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ],
        codes: &["environment_web_identity"],
        hint: "unset AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN",
        ..FAULT
    },
    Fault {
        variables: &[
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://169.254.170.23/v1",
            ),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2"),
        ],
        codes: &["container_two_uris"],
        hint: "unset AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        ..FAULT
    },
    Fault {
        variables: &[
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/t"),
        ],
        codes: &["container_two_tokens"],
        hint: "unset AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ..FAULT
    },
    Fault {
        variables: &[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/c"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t"),
        ],
        codes: &["container_stale"],
        hint: "unset AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN",
        ..FAULT
    },
    Fault {
        variables: &[("HTTP_PROXY", "http://127.0.0.1:1")],
        codes: &["proxy"],
        hint: "export NO_PROXY=\"127.0.0.1,localhost\"",
        ..FAULT
    },
    Fault {
        variables: &[("AWS_PROFILE", "nope")],
        codes: &["profile_missing"],
        hint: "export AWS_PROFILE=quilt",
        ..FAULT
    },
    Fault {
        variables: &[("AWS_PROFILE", "work")],
        plant: |home| append(home, CONFIG, "[profile work]\nregion = x\n"),
        codes: &["profile_of_others"],
        hint: "export AWS_PROFILE=quilt",
        ..FAULT
    },
    Fault {
        variables: &[("AWS_DEFAULT_PROFILE", "work")],
        plant: |home| append(home, CONFIG, "[profile work]\nregion = x\n"),
        codes: &["profile_of_others"],
        hint: "unset AWS_DEFAULT_PROFILE",
        ..FAULT
    },
    Fault {
        variables: &[("AWS_CONFIG_FILE", "")],
        codes: &["aws_files_elsewhere"],
        hint: "unset AWS_CONFIG_FILE",
        ..FAULT
    },
    Fault {
        variables: &[("AWS_CONFIG_FILE", "/nowhere/config")],
        codes: &["aws_files_elsewhere"],
        hint: "unset AWS_CONFIG_FILE",
        ..FAULT
    },
    Fault {
        // A catalog nobody is logged in to, on a port nobody listens on.
        variables: &[("QUILT_CATALOG", "http://127.0.0.1:1")],
        codes: &["catalog_differs", "stack_unreachable", "login_required"],
        hint: "unset QUILT_CATALOG",
        ..FAULT
    },
    Fault {
        // Neither an address nor a name in quiltd.toml.
        variables: &[("QUILT_CATALOG", "othr")],
        codes: &["catalog_invalid"],
        hint: "unset QUILT_CATALOG",
        ..FAULT
    },
    Fault {
        plant: |home| append(home, CREDENTIALS, "[quilt]\naws_access_key_id = AKIA1\n"),
        codes: &["profile_keys"],
        hint: "${EDITOR:-vi} {home}/.aws/credentials",
        editor: "sed -i /aws_/d",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, CONFIG, "region", "aws_access_key_id = AKIA1\nregion"),
        codes: &["profile_keys"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i /aws_/d",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, CONFIG, "region", "sso_session = corp\nregion"),
        codes: &["profile_sso"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i /sso_/d",
        ..FAULT
    },
    Fault {
        plant: |home| {
            let role = "role_arn = arn:aws:iam::1:role/r\nsource_profile = x\nregion";
            replace(home, CONFIG, "region", role);
        },
        codes: &["profile_role"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i -e /role_arn/d -e /source_profile/d",
        ..FAULT
    },
    Fault {
        plant: |home| {
            append(
                home,
                CREDENTIALS,
                "[quilt]\ncredential_process = /bin/true\n",
            );
        },
        codes: &["profile_other_process"],
        hint: "${EDITOR:-vi} {home}/.aws/credentials",
        editor: "sed -i /credential_process/d",
        ..FAULT
    },
    Fault {
        plant: |home| append(home, CONFIG, "[profile quilt]\n"),
        codes: &["profile_twice"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i $d",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, CONFIG, "region", "region = xx-1\nregion"),
        codes: &["key_twice"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i /xx-1/d",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, CONFIG, "region", "  # mine\n  output = json\nregion"),
        codes: &["process_continued"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i /json/d",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, CONFIG, "[profile quilt]", "[ profile quilt ]"),
        codes: &["profile_spaced"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i s/\\[.profile.quilt.]/[profile\\x20quilt]/",
        ..FAULT
    },
    Fault {
        plant: |home| append(home, CONFIG, "stray\n"),
        codes: &["aws_file_line"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i /stray/d",
        ..FAULT
    },
    Fault {
        plant: |home| append(home, CONFIG, "[profile x\n"),
        codes: &["aws_file_line"],
        hint: "${EDITOR:-vi} {home}/.aws/config",
        editor: "sed -i $d",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, CONFIG, "[", "\u{feff}# mine\n["),
        codes: &["aws_file_mark"],
        hint: r"sed -i '1s/^\xEF\xBB\xBF//' {home}/.aws/config",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, CONFIG, "{home}/tools/quiltctl", "/no/such/quiltctl"),
        codes: &["process_missing"],
        hint: "quiltctl setup aws",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, CONFIG, "{home}/tools/quiltctl", "quiltctl"),
        codes: &["process_relative"],
        hint: "quiltctl setup aws",
        ..FAULT
    },
    Fault {
        plant: |home| {
            let program = home.join("tools/quiltctl").display().to_string();
            replace(home, CONFIG, &program, &format!("\"{program}\""));
        },
        codes: &["process_quoted"],
        hint: "quiltctl setup aws",
        ..FAULT
    },
    Fault {
        plant: no_executable,
        codes: &["process_not_executable"],
        hint: "quiltctl setup aws",
        ..FAULT
    },
    Fault {
        plant: other_quiltctl,
        codes: &["process_other_quiltctl"],
        hint: "quiltctl setup aws",
        ..FAULT
    },
    Fault {
        plant: |home| {
            replace(
                home,
                CONFIG,
                "credential-process",
                "credential-process --sokcet x",
            );
        },
        codes: &["process_garbled"],
        hint: "quiltctl setup aws",
        ..FAULT
    },
    Fault {
        plant: |home| {
            replace(
                home,
                CONFIG,
                "credential-process",
                "credential-process --socket /s",
            );
        },
        codes: &["socket_differs"],
        hint: "quiltctl setup aws",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, CONFIG, "region = us-east-1\n", ""),
        codes: &["profile_no_region"],
        hint: "quiltctl setup aws",
        ..FAULT
    },
    Fault {
        plant: |home| replace(home, SETTINGS, "profiles.lake", "profiles.sea"),
        codes: &["process_unknown_profile"],
        hint: "${EDITOR:-vi} {home}/config/quilt/quiltd.toml",
        editor: "sed -i s/profiles.sea/profiles.lake/",
        ..FAULT
    },
    Fault {
        plant: |home| append(home, SETTINGS, "rolearn = 'x'\n"),
        codes: &["settings_broken"],
        hint: "${EDITOR:-vi} {home}/config/quilt/quiltd.toml",
        editor: "sed -i /rolearn/d",
        ..FAULT
    },
    // The last, since it leaves the home open.
    Fault {
        plant: |home| {
            append(home, CREDENTIALS, "# keys\n");
            open(home, CREDENTIALS);
        },
        codes: &["secret_readable"],
        hint: "chmod go= {home}/.aws/credentials",
        ..FAULT
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_found_and_gone_after_its_mend() {
    let world = healthy().await;
    let home = world.home.path();
    let text = |name: &str| fs::read_to_string(home.join(name)).unwrap_or_default();
    let files = [CONFIG, CREDENTIALS, SETTINGS].map(|name| (name, text(name)));
    for fault in FAULTS {
        (fault.plant)(home);
        let variables = [fault.variables, &[("EDITOR", fault.editor)]].concat();
        let findings = found(&world, &variables).await;
        assert_eq!(codes(&findings), fault.codes, "{findings:#?}");
        let hint = fault.hint.replace("{home}", &home.display().to_string());
        let named = findings.iter().any(|found| found.hint == *hint.as_str());
        assert!(named, "{hint}: {findings:#?}");

        let left = found_after(&world, &variables, &hint).await;
        assert_eq!(left, [], "after {hint}");
        for (name, content) in &files {
            fs::write(home.join(name), content).unwrap();
        }
    }
}

/// What people say who want no file, or a role assumed from quiltd's profile.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_fault_is_not_found() {
    let world = healthy().await;
    let home = world.home.path();
    let none = [("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")];
    assert_eq!(found(&world, &none).await, []);
    let chained =
        "[profile far]\nregion = x\nsource_profile = quilt\nrole_arn = arn:aws:iam::1:role/r\n";
    append(home, CONFIG, chained);
    assert_eq!(found(&world, &[("AWS_PROFILE", "far")]).await, []);
    // The probe works.
    append(home, CONFIG, "[profile near]\nregion = x\n");
    let findings = found(&world, &[("AWS_PROFILE", "near")]).await;
    assert_eq!(codes(&findings), ["profile_of_others"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_file_that_is_gone_is_told_of() {
    let world = healthy().await;
    let path = world.home.path().join(CREDENTIALS);
    assert_eq!(found(&world, &[]).await, []);
    let _ = fs::remove_file(&path);
    std::os::unix::fs::symlink("../dotfiles/credentials", &path).unwrap();
    let findings = found(&world, &[]).await;
    assert_eq!(codes(&findings), ["aws_file_unreadable"]);
    assert!(findings[0].summary.contains("dotfiles"), "{findings:?}");
    fs::create_dir(world.home.path().join("dotfiles")).unwrap();
    fs::write(world.home.path().join("dotfiles/credentials"), "").unwrap();
    assert_eq!(found(&world, &[]).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_profiles_is_told_how_to_get_one() {
    let world = healthy().await;
    fs::remove_file(world.home.aws_config()).unwrap();
    let findings = found(&world, &[]).await;
    assert_eq!(codes(&findings), ["no_aws_profile"]);
    assert_eq!(
        found_after(&world, &[], &findings[0].hint.to_string()).await,
        []
    );
}

/// What costs nothing is no fault: the daemon is found all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_directory_that_is_gone_or_not_told_of_is_none() {
    let world = healthy().await;
    assert_eq!(
        found(&world, &[("XDG_RUNTIME_DIR", "/nowhere/run")]).await,
        []
    );
    assert_eq!(found(&world, &[("XDG_RUNTIME_DIR", "")]).await, []);
    let without = "unset XDG_RUNTIME_DIR";
    assert_eq!(found_after(&world, &[], without).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_exec_all_is_well() {
    let world = healthy().await;
    let line = "quiltctl exec -- quiltctl doctor --json";
    let run = super::sh(&world, &[], line).await;
    assert_eq!(super::diagnosis(&run).findings, []);
}
