use super::*;

fn failure(args: &[&str]) -> String {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    match parse(&args) {
        Err(failure) => {
            assert_eq!(failure.code(), exit::USAGE);
            failure.to_string()
        }
        Ok(_) => panic!("accepted: {args:?}"),
    }
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn usage_errors_are_one_line_with_the_help_to_read() {
    assert_eq!(
        failure(&["role"]),
        "no command given: give one of list, switch; run: quiltctl role --help"
    );
    assert_eq!(
        failure(&["completions", "csh"]),
        "invalid value for <SHELL>: give one of bash, zsh, fish, powershell; run: quiltctl \
         completions --help"
    );
    assert_eq!(
        failure(&["setup", "aws", "--name", "my prof"]),
        "invalid value for --name: invalid profile name: use 1 to 64 letters, digits, '-', \
         '_' or '.'; run: quiltctl setup aws --help"
    );
    assert_eq!(
        failure(&["exec", "--for", "14", "--", "true"]),
        "invalid value for --for: a length is a number and s, m, h or d, such as 14h or \
         1h30m; run: quiltctl exec --help"
    );
    assert_eq!(
        failure(&["tokn"]),
        "there is no such command (did you mean token?); run: quiltctl --help"
    );
    assert_eq!(
        failure(&["token", "--x=1"]),
        "unexpected argument --x; run: quiltctl token --help"
    );
    assert_eq!(
        failure(&["role", "switch"]),
        "missing <NAME>; run: quiltctl role list"
    );
    assert_eq!(
        failure(&["exec"]),
        "missing <COMMAND>...; run: quiltctl exec --help"
    );
    assert_eq!(
        failure(&["audit", "--since"]),
        "missing value for --since; run: quiltctl audit --help"
    );
    assert_eq!(
        failure(&["logout", "other"]),
        "unexpected argument: a catalog is named by --catalog; run: quiltctl logout --help"
    );
    assert_eq!(
        failure(&["login", "one", "two"]),
        "unexpected argument; run: quiltctl login --help"
    );
    assert_eq!(
        failure(&["setup", "aws", "lake"]),
        "unexpected argument: a profile is named by --profile, a catalog is named by --catalog; \
         run: quiltctl setup aws --help"
    );
    assert_eq!(
        failure(&["logs"]),
        "there is no such command; run: quiltctl daemon logs"
    );
    assert_eq!(
        failure(&["version"]),
        "there is no such command; run: quiltctl --version"
    );
    assert_eq!(
        failure(&["daemon", "status"]),
        "there is no such command: give one of start, stop, restart, logs; run: quiltctl status"
    );
    // What deletes or ends something else is no answer to a wrong word.
    let revoke = |group: &str| format!("run: quiltctl {group} revoke --help");
    for (args, hint) in [
        (&["api-keys", "delete", "x"][..], revoke("api-keys")),
        (&["admin", "api-keys", "rm", "x"], revoke("admin api-keys")),
        (&["grants", "remove"], revoke("grants")),
        (
            &["setup", "uninstall"],
            "run: quiltctl setup --help".to_owned(),
        ),
        (
            &["api-keys", "logout"],
            "run: quiltctl api-keys --help".to_owned(),
        ),
    ] {
        let line = failure(args);
        assert!(line.ends_with(&hint), "{args:?}: {line}");
    }
}

#[test]
fn what_is_run_once_more_keeps_its_options() {
    let kept = |hint: &'static str, typed: &[&str]| {
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        let kept = hint_rewrite::keeping_options(&hint.into(), &typed);
        kept.map(|hint| hint.to_string())
    };
    let named = "quiltctl login https://YOUR-CATALOG";
    for (typed, expected) in [
        (
            &["login", "--api-key-env", "MY_KEY"][..],
            " --api-key-env MY_KEY",
        ),
        (&["login", "--api-key-env"], " --api-key-env QUILT_API_KEY"),
        (&["login", "--api-key-dotenv=-x"], " --api-key-dotenv=-x"),
        (&["login", "--code-stdin", "--json"], " --code-stdin"),
        (&["login"], ""),
    ] {
        assert_eq!(
            kept(named, typed).unwrap(),
            format!("{named}{expected}"),
            "{typed:?}"
        );
    }
    for secret in ["qk_canary", "eyJcanary"] {
        assert_eq!(kept(named, &["login", "--api-key-env", secret]), None);
    }
    // What the daemon calls a key is the source that was named.
    let agreed = "quiltctl login --api-key --accept-registry r.example --catalog x.example";
    assert_eq!(
        kept(agreed, &["login", "--api-key-env", "MY_KEY"]).unwrap(),
        "quiltctl login --accept-registry r.example --catalog x.example --api-key-env MY_KEY"
    );
    let other = "quiltctl setup aws --name q-quiltd";
    assert_eq!(
        kept(other, &["setup", "aws", "--name", "q", "--profile", "lake"]).unwrap(),
        "quiltctl setup aws --name q-quiltd --profile lake"
    );
    let after = "unset AWS_CONFIG_FILE && quiltctl setup aws";
    assert_eq!(
        kept(after, &["setup", "aws", "--profile", "lake"]).unwrap(),
        format!("{after} --profile lake")
    );
    // Another way is named, or another command.
    let without = "quiltctl login https://x.example";
    assert_eq!(kept(without, &["login", "--web"]), None);
    assert_eq!(kept(named, &["whoami"]), None);
    assert_eq!(kept("quiltctl status", &["status"]), None);
}

#[test]
fn a_secret_given_by_mistake_is_not_repeated() {
    for args in [
        &["login", "qk_canary"][..],
        &["qk_canary"],
        &["login", "--code=qk_canary"],
        &["login", "--code-stdin=qk_canary"],
        &["credential-process", "--profile", "qk_canary!"],
        &["completions", "qk_canary"],
        &["config", "--set", "qk_canary"],
    ] {
        assert!(!failure(args).contains("canary"), "{args:?}");
    }
}
