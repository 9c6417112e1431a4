//! The profile in the AWS configuration file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use crate::server::{Home, Ran, copy};

const CONFIG: &str = r#"{"region":"eu-west-1","navigator_url":"https://x.example"}"#;

fn home() -> (Home, PathBuf) {
    home_answering(CONFIG)
}

fn home_answering(body: &str) -> (Home, PathBuf) {
    let home = Home::new();
    home.answer(200, body);
    fs::create_dir(home.path().join(".aws")).unwrap();
    let file = home.path().join(".aws/config");
    (home, file)
}

fn read(file: &PathBuf) -> String {
    fs::read_to_string(file).unwrap()
}

#[test]
fn a_profile_is_added_once_and_taken_out_again() {
    let (home, file) = home();
    let before = "# mine\r\n[default]\r\nregion=us-east-1\r\n[other]\r\n\r\n  odd = 1";
    fs::write(&file, before).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();

    home.run(&["setup", "aws"]).ok();
    let after = read(&file);
    let ours = format!(
        "\r\n\r\n[profile quilt]\r\ncredential_process = {} credential-process --socket {}\r\n\
         region = eu-west-1\r\n",
        env!("CARGO_BIN_EXE_quiltctl-creds"),
        home.socket().display()
    );
    assert_eq!(after, format!("{before}{ours}"));
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o640
    );

    let said = home.run(&["setup", "aws"]).ok();
    assert!(said.contains("already"), "{said}");
    assert_eq!(read(&file), after);

    home.run(&["setup", "aws", "--undo"]).ok();
    assert_eq!(read(&file), before);
    let said = home.run(&["setup", "aws", "--undo"]).ok();
    assert!(said.contains("was not set up"), "{said}");
}

#[test]
fn a_file_made_for_it_goes_with_it() {
    let (home, file) = home();
    home.run(&["setup", "aws"]).ok();
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    home.run(&["setup", "aws", "--undo"]).ok();
    assert!(!file.exists());
}

#[test]
fn a_tilde_in_a_variable_is_the_home() {
    let (home, file) = home();
    let keys = home.path().join("keys");
    fs::write(&keys, "[other]\naws_access_key_id=A\n").unwrap();
    let run = |args: &[&str]| {
        let mut command = home.command(args);
        command
            .env("AWS_CONFIG_FILE", "~/.aws/config")
            .env("AWS_SHARED_CREDENTIALS_FILE", "~/keys")
            .current_dir(home.path());
        Ran::from(&command.output().unwrap())
    };
    run(&["setup", "aws"]).ok();
    assert!(read(&file).contains("[profile quilt]"));
    assert!(!home.path().join("~").exists());
    run(&["setup", "aws", "--name", "other"]).failed(8);
}

#[test]
fn flags_given_go_into_the_line_and_can_change() {
    let (home, file) = home();
    let socket = home.socket().display().to_string();
    home.run(&["setup", "aws"]).ok();
    home.run(&[
        "setup",
        "aws",
        "--profile",
        "default",
        "--catalog",
        "https://x.example/",
        "--socket",
        &socket,
    ])
    .ok();
    let text = read(&file);
    let line = format!("credential-process --catalog https://x.example --socket {socket}\n");
    assert!(text.contains(&line), "{text}");
    assert_eq!(text.matches("[profile quilt]").count(), 1);
}

#[test]
fn a_profile_of_another_catalog_is_not_led_elsewhere_unasked() {
    let (home, file) = home();
    let lab = [
        "setup",
        "aws",
        "--name",
        "other",
        "--catalog",
        "lab.example",
    ];
    home.run(&lab).ok();
    let before = read(&file);
    let third = [
        "setup",
        "aws",
        "--name",
        "other",
        "--catalog",
        "https://third.example",
    ];
    let line = home.run(&third).failed(8);
    assert_eq!(read(&file), before);
    assert!(line.contains("credentials of lab.example"), "{line}");
    let (_, hint) = line.trim_end().split_once("; run: quiltctl ").unwrap();
    assert_eq!(
        hint,
        "setup aws --name other-2 --catalog https://third.example"
    );
    let hint: Vec<&str> = hint.split(' ').collect();
    home.run(&hint).ok();
    let both = read(&file);
    assert!(both.starts_with(&before), "{both}");
    assert!(both.contains("[profile other-2]"), "{both}");
    assert!(home.run(&lab).ok().contains("already"), "the same again");
    home.run(&[&third[..], &["--yes"]].concat()).ok();
    let led = read(&file);
    assert!(!led.contains("lab.example"), "{led}");
    // What was made for two goes with the second.
    home.run(&["setup", "aws", "--name", "other", "--undo"])
        .ok();
    home.run(&["setup", "aws", "--name", "other-2", "--undo"])
        .ok();
    assert!(!file.exists());
}

#[test]
fn a_line_that_is_gone_comes_back() {
    let (home, file) = home();
    let old = "[profile quilt]\ncredential_process = /old/quiltctl credential-process\n";
    fs::write(&file, format!("{old}region = x\n")).unwrap();
    home.run(&["setup", "aws"]).ok();
    let kept = read(&file);
    assert!(kept.ends_with("region = x\n"), "{kept}");
    fs::write(&file, kept.replace("region = x\n", "")).unwrap();
    home.run(&["setup", "aws"]).ok();
    let mended = read(&file);
    assert!(mended.ends_with("region = eu-west-1\n"), "{mended}");
    home.run(&["setup", "aws", "--undo"]).ok();
    assert_eq!(read(&file), old);
}

#[test]
fn two_profiles_come_and_go_independently() {
    let (home, file) = home();
    fs::write(&file, "[default]\nregion = x\n").unwrap();
    home.run(&["setup", "aws", "--name", "default"]).ok();
    home.run(&["setup", "aws"]).ok();
    let both = read(&file);
    assert!(
        home.run(&["setup", "aws", "--name", "default"])
            .ok()
            .contains("already")
    );
    assert!(home.run(&["setup", "aws"]).ok().contains("already"));
    assert_eq!(read(&file), both);
    home.run(&["setup", "aws", "--name", "default", "--undo"])
        .ok();
    home.run(&["setup", "aws", "--undo"]).ok();
    assert_eq!(read(&file), "[default]\nregion = x\n");
}

#[test]
fn a_profile_nobody_knows_is_refused_before_anything_is_written() {
    let (home, file) = home_answering("[]");
    let line = home.run(&["setup", "aws", "--profile", "lake"]).failed(7);
    assert!(line.contains("'lake'"), "{line}");
    assert!(!file.exists());
}

#[test]
fn a_symlink_stays_one() {
    let (home, file) = home();
    let target = home.path().join("dotfiles-config");
    fs::write(&target, "[a]\n").unwrap();
    symlink(&target, &file).unwrap();
    home.run(&["setup", "aws"]).ok();
    assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
    assert!(read(&target).starts_with("[a]\n\n[profile quilt]\n"));
    home.run(&["setup", "aws", "--undo"]).ok();
    assert_eq!(read(&target), "[a]\n");
}

#[test]
fn a_link_that_was_put_in_place_of_our_file_leads_somewhere_afterwards() {
    let (home, file) = home();
    home.run(&["setup", "aws"]).ok();
    let target = home.path().join("dotfiles-config");
    fs::rename(&file, &target).unwrap();
    symlink(&target, &file).unwrap();
    home.run(&["setup", "aws", "--undo"]).ok();
    assert_eq!(read(&target).trim(), "");
    assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
}

#[test]
fn what_is_the_users_is_left_alone() {
    let (home, file) = home();
    let foreign = "[profile quilt]\nsso_session = x\n";
    fs::write(&file, foreign).unwrap();
    let line = home.run(&["setup", "aws"]).failed(8);
    assert!(line.contains("sso_session"), "{line}");
    assert_eq!(read(&file), foreign);

    fs::write(&file, "").unwrap();
    let keys = home.path().join(".aws/credentials");
    fs::write(&keys, "[quilt]\naws_access_key_id=A\n").unwrap();
    home.run(&["setup", "aws"]).failed(8);
    assert_eq!(read(&file), "");
}

/// Whatever the credentials file says of a profile goes before the
/// configuration, and where programs cannot read it they read neither.
#[test]
fn nothing_is_set_up_that_the_credentials_file_spoils() {
    let (home, file) = home();
    let keys = home.path().join(".aws/credentials");
    for (text, why) in [
        (
            "[quilt]\naws_secret_access_key=B\naws_access_key_id=A\n",
            "holds keys",
        ),
        (
            "[quilt]\ncredential_process = /bin/false\n",
            "(credential_process)",
        ),
        ("[ quilt ]\nrole_arn = x\n", "(role_arn)"),
        ("[quilt]\nSSO_session = x\n", "(sso_session)"),
    ] {
        fs::write(&keys, text).unwrap();
        let line = home.run(&["setup", "aws"]).failed(8);
        assert!(line.contains(why), "{text}: {line}");
        assert!(!file.exists());
        // As the command says that is named.
        let (_, hint) = line.trim_end().rsplit_once("; run: ").unwrap();
        assert_eq!(hint, "quiltctl setup aws --name quilt-quiltd");
    }
    fs::write(&keys, "[other]\naws_access_key_id=A\n[other]\n").unwrap();
    let line = home.run(&["setup", "aws"]).failed(8);
    assert!(line.contains("at lines 1 and 3"), "{line}");
    fs::write(&keys, "\u{feff}[other]\naws_access_key_id=A\n").unwrap();
    let line = home.run(&["setup", "aws"]).failed(8);
    let (_, hint) = line.trim_end().rsplit_once("; run: ").unwrap();
    assert!(!file.exists());
    let mended = Command::new("sh").args(["-c", hint]).status().unwrap();
    assert!(mended.success());
    home.run(&["setup", "aws"]).ok();
    // Lines of ours may be there, too.
    fs::write(
        &keys,
        "[quilt]\ncredential_process = /x/quiltctl credential-process\n",
    )
    .unwrap();
    home.run(&["setup", "aws"]).ok();
}

/// As people write who want no file.
#[test]
fn a_variable_may_name_the_file_that_is_none() {
    let (home, file) = home();
    let run = |variable: &str, args: &[&str]| {
        let mut command = home.command(args);
        Ran::from(&command.env(variable, "/dev/null").output().unwrap())
    };
    run("AWS_SHARED_CREDENTIALS_FILE", &["setup", "aws"]).ok();
    assert!(read(&file).contains("[profile quilt]"));
    home.run(&["setup", "aws", "--undo"]).ok();
    for (args, hint) in [
        (
            &["setup", "aws"][..],
            "unset AWS_CONFIG_FILE && quiltctl setup aws",
        ),
        (
            &["setup", "aws", "--name", "n"],
            "unset AWS_CONFIG_FILE && quiltctl setup aws --name n",
        ),
    ] {
        let line = run("AWS_CONFIG_FILE", args).failed(8);
        assert!(
            line.trim_end().ends_with(&format!("; run: {hint}")),
            "{line}"
        );
    }
    run("AWS_CONFIG_FILE", &["setup", "aws", "--undo"]).ok();
    home.run(&["setup", "aws"]).ok();
}

#[test]
fn places_that_cannot_be_written_are_errors_and_lose_nothing() {
    let (home, file) = home();
    let looks = |line: String| assert!(line.contains("; run: ls -ld /"), "{line}");
    fs::create_dir(&file).unwrap();
    looks(home.run(&["setup", "aws"]).failed(1));
    fs::remove_dir(&file).unwrap();
    symlink("/nowhere/at/all", &file).unwrap();
    looks(home.run(&["setup", "aws"]).failed(1));
    assert!(fs::symlink_metadata(&file).unwrap().is_symlink());

    // A broken record is not thrown away.
    fs::remove_file(&file).unwrap();
    let record = home.path().join("state/setup-aws.json");
    fs::write(&record, "broken").unwrap();
    home.run(&["setup", "aws"]).failed(1);
    assert_eq!(fs::read_to_string(record).unwrap(), "broken");
}

#[test]
fn lines_changed_by_hand_are_not_taken_out() {
    let (home, file) = home();
    home.run(&["setup", "aws"]).ok();
    let edited = read(&file).replace("eu-west-1", "eu-west-2");
    fs::write(&file, &edited).unwrap();
    let line = home.run(&["setup", "aws", "--undo"]).failed(8);
    assert_eq!(read(&file), edited);
    // The command named is where it can be done.
    let (_, hint) = line.trim_end().rsplit_once("; run: ").unwrap();
    let mut editor = Command::new("sh");
    editor.args(["-c", hint]).env("EDITOR", "sed -i /./d");
    assert!(editor.status().unwrap().success());
    home.run(&["setup", "aws", "--undo"]).ok();
    home.run(&["setup", "aws"]).ok();
}

#[test]
fn python_reads_what_was_written() {
    let (home, file) = home();
    fs::write(&file, "[default]\noutput = json\ns3 =\n  x = 1\n").unwrap();
    home.run(&["setup", "aws"]).ok();
    home.run(&["setup", "aws", "--name", "default"]).ok();
    let program = "import configparser, shlex, sys\n\
        c = configparser.RawConfigParser(); c.read(sys.argv[1])\n\
        for s in ('default', 'profile quilt'):\n\
        \x20   print(shlex.split(c[s]['credential_process']), c[s]['region'])\n\
        print(repr(c['default']['s3']))";
    let output = Command::new("python3")
        .args(["-c", program])
        .arg(&file)
        .output()
        .unwrap();
    let line = format!(
        "['{}', 'credential-process', '--socket', '{}'] eu-west-1\n",
        env!("CARGO_BIN_EXE_quiltctl-creds"),
        home.socket().display()
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout, format!("{line}{line}'\\nx = 1'\n"));
}

#[test]
fn many_at_once_lose_nothing() {
    let (home, file) = home();
    fs::write(&file, "# mine\n").unwrap();
    let names: Vec<String> = (0..10).map(|number| format!("n{number}")).collect();
    let children: Vec<_> = names
        .iter()
        .map(|name| {
            let mut command = home.command(&["setup", "aws", "--name", name]);
            command.arg("--no-autostart").spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let text = read(&file);
    for name in &names {
        assert!(
            text.contains(&format!("\n[profile {name}]\ncredential_process")),
            "{text}"
        );
    }
    for name in &names {
        home.run(&["setup", "aws", "--name", name, "--undo"]).ok();
    }
    assert_eq!(read(&file), "# mine\n");
    assert!(!home.path().join("state/setup.lock").exists());
}

/// Ends with code 8, changes nothing, and says what to write by hand.
fn by_hand(home: &Home, file: &PathBuf, why: &str) -> String {
    let before = fs::read(file).unwrap();
    let output = home
        .command(&["setup", "aws", "--no-autostart"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert_eq!(output.stdout, b"");
    assert_eq!(fs::read(file).unwrap(), before);
    for line in [
        "[profile quilt]",
        "credential_process = ",
        "region = eu-west-1",
    ] {
        assert!(said.lines().any(|found| found.starts_with(line)), "{said}");
    }
    let last = said.lines().last().unwrap();
    assert!(
        last.starts_with("quiltctl: ") && last.contains(why),
        "{said}"
    );
    // What was not written is not recorded.
    home.run(&["setup", "aws", "--undo"]).ok();
    assert_eq!(fs::read(file).unwrap(), before);
    last.rsplit_once("; run: ").unwrap().1.to_owned()
}

#[test]
fn a_file_that_aws_programs_refuse_is_said_to_be_and_the_command_mends_it() {
    let (home, file) = home();
    fs::write(&file, "\u{feff}[default]\nregion = x\n").unwrap();
    let hint = by_hand(&home, &file, "byte order mark");
    let mended = Command::new("sh").args(["-c", &hint]).status().unwrap();
    assert!(mended.success());
    assert_eq!(read(&file), "[default]\nregion = x\n");
    home.run(&["setup", "aws"]).ok();

    for (text, why) in [
        (
            &b"[default]\nnonsense\n"[..],
            "neither a section nor a setting",
        ),
        (
            b"[profile a]\n[sso-session s]\n[profile a]\n",
            "lines 1 and 3",
        ),
        (b"[sso-session s]\n[sso-session s]\n", "at lines 1 and 2"),
        (b"[profile a]\nregion = x\nRegion = y\n", "lines 2 and 3"),
        (b"# r\xe9gion\n[default]\n", "not in UTF-8 (line 1)"),
    ] {
        fs::write(&file, text).unwrap();
        by_hand(&home, &file, why);
        // What Python's own parser says, which botocore reads by.
        let program = "import configparser, sys\n\
                       configparser.RawConfigParser().read(sys.argv[1], encoding='utf-8')";
        let mut python = Command::new("python3");
        let refused = python.args(["-c", program]).arg(&file).output().unwrap();
        assert!(!refused.status.success(), "{why}");
    }
    fs::write(&file, "[profile a]\nregion = x\n[profile b]\nregion = x\n").unwrap();
    home.run(&["setup", "aws"]).ok();
}

#[test]
fn a_read_only_file_and_one_that_is_mounted_are_left_alone() {
    let (home, file) = home();
    fs::write(&file, "[default]\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let hint = by_hand(&home, &file, "read-only");
    assert!(
        Command::new("sh")
            .args(["-c", &hint])
            .status()
            .unwrap()
            .success()
    );
    home.run(&["setup", "aws"]).ok();
    home.run(&["setup", "aws", "--undo"]).ok();

    // As a container gets it: a mount of its own.
    let outside = home.path().join("outside");
    fs::write(&outside, "[default]\n").unwrap();
    let script = "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";
    let mut command = home.command(&[]);
    let quiltctl = command.get_program().to_owned();
    command = {
        let mut inside = Command::new("unshare");
        if !rustix::process::getuid().is_root() {
            inside.args(["--user", "--map-root-user"]);
        }
        inside.args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
        ]);
        inside
            .arg(&outside)
            .arg(&file)
            .arg(quiltctl)
            .args(["setup", "aws", "--no-autostart"]);
        inside.env_clear();
        for (name, value) in command.get_envs() {
            inside.env(name, value.unwrap());
        }
        inside
    };
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(8), "{said}");
    assert!(
        said.contains("a mount of its own") && said.contains("\n[profile quilt]\n"),
        "{said}"
    );
    assert_eq!(read(&outside), "[default]\n");
}

#[test]
fn a_header_that_some_programs_do_not_read_is_not_relied_upon() {
    let (home, file) = home();
    let theirs = "[ profile quilt ]\noutput = json\n";
    fs::write(&file, theirs).unwrap();
    home.run(&["setup", "aws"]).ok();
    let text = read(&file);
    assert!(
        text.starts_with(&format!("{theirs}\n[profile quilt]\ncredential_process = ")),
        "{text}"
    );
    home.run(&["setup", "aws", "--undo"]).ok();
    assert_eq!(read(&file), theirs);
    // Another way in it wins in those that do.
    fs::write(&file, "[ profile quilt ]\nrole_arn = x\n").unwrap();
    let line = home.run(&["setup", "aws"]).failed(8);
    assert!(line.contains("role_arn"), "{line}");
}

#[test]
fn without_the_small_program_beside_it_a_profile_runs_quiltctl_itself() {
    let (home, file) = home();
    let alone = home.path().join("bin");
    fs::create_dir(&alone).unwrap();
    let quiltctl = alone.join("quiltctl");
    copy(env!("CARGO_BIN_EXE_quiltctl"), &quiltctl);
    let set_up = || {
        let mut command = home.program(
            quiltctl.to_str().unwrap(),
            &["setup", "aws", "--no-autostart"],
        );
        Ran::from(&command.output().unwrap()).ok();
        let text = read(&file);
        let line = text
            .lines()
            .find(|line| line.starts_with("credential_process"));
        let program = line.unwrap().split(' ').nth(2).unwrap().to_owned();
        PathBuf::from(program)
    };
    assert_eq!(set_up(), quiltctl);
    let small = alone.join("quiltctl-creds");
    fs::copy(env!("CARGO_BIN_EXE_quiltctl-creds"), &small).unwrap();
    assert_eq!(set_up(), small, "it came later, as with an upgrade");
    // One that others could change is none.
    fs::set_permissions(&small, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(set_up(), quiltctl);
}
