//! `doctor` against daemons that are not as they should be.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::server::{Home, Ran, http, script};

fn doctor(home: &Home) -> Ran {
    home.run(&["doctor"])
}

/// The lines of a run that found an error.
fn lines(ran: &Ran) -> Vec<String> {
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "{ran:?}");
    ran.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_daemon_of_another_version_is_to_be_restarted() {
    let home = Home::new();
    home.serve(|request, mut stream| {
        let answer = if request.starts_with("GET /v1/health ") {
            http(200, r#"{"status":"ok","version":"0.0.1"}"#)
        } else {
            let body = r#"{"type":"t","title":"t","status":404,"detail":"d","code":"not_found"}"#;
            http(404, body)
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let found = lines(&doctor(&home));
    let version = env!("CARGO_PKG_VERSION");
    let line = format!("x quiltd is of version 0.0.1, and quiltctl of {version}");
    let verdict = "x One thing keeps programs from their credentials; its command is above.";
    let lines = [&line, "    run: quiltctl daemon restart", "", verdict];
    assert_eq!(found, lines);
}

#[test]
fn what_answers_but_is_no_daemon_is_told() {
    let home = Home::new();
    home.serve(|_, mut stream| {
        let _ = stream.write_all(b"SSH-2.0-what\r\n");
    });
    let found = lines(&doctor(&home));
    assert!(
        found[1].ends_with("run: quiltctl daemon restart"),
        "{found:?}"
    );
}

#[test]
fn no_daemon_is_started_to_look_for_one() {
    let home = Home::new();
    let ran = Ran::from(&home.command(&["doctor"]).output().unwrap());
    let found = lines(&ran);
    assert!(
        found[1].ends_with("run: quiltctl daemon start"),
        "{found:?}"
    );
    assert!(!home.socket().exists());
    let options = ["--socket", "/no/where", "doctor", "--json"];
    let ran = home.run(&options);
    assert!(
        ran.stdout
            .contains("quiltctl --socket /no/where daemon start"),
        "{ran:?}"
    );
}

/// A daemon that is well, a profile of this program's, and what stands for the
/// AWS CLI in a directory of its own.
struct Proof {
    home: Home,
    tools: PathBuf,
    trace: PathBuf,
}

impl Proof {
    fn new() -> Self {
        let home = Home::new();
        home.serve(|request, mut stream| {
            let answer = if request.starts_with("GET /v1/health ") {
                let version = env!("CARGO_PKG_VERSION");
                http(200, &format!(r#"{{"status":"ok","version":"{version}"}}"#))
            } else {
                http(200, "{}")
            };
            let _ = stream.write_all(answer.as_bytes());
        });
        let (tools, trace) = (home.path().join("tools"), home.path().join("trace"));
        fs::create_dir(&tools).unwrap();
        script(&tools.join("aws"), &format!(": >'{}'", trace.display()));
        let line = format!(
            "[profile q]\ncredential_process = {} credential-process\n",
            env!("CARGO_BIN_EXE_quiltctl")
        );
        fs::create_dir(home.path().join(".aws")).unwrap();
        let config = home.path().join(".aws/config");
        fs::write(&config, line).unwrap();
        mode(&config, 0o600);
        Self { home, tools, trace }
    }

    /// Whether the AWS CLI is run, with this path and in the directory it is in.
    fn runs(&self, path: &str) -> bool {
        let mut command = self.home.command(&["doctor"]);
        command
            .args(["--socket".as_ref(), self.home.socket().as_os_str()])
            .env("PATH", path)
            .current_dir(&self.tools);
        let ran = Ran::from(&command.output().unwrap());
        assert!(ran.code <= 1 && !ran.stdout.is_empty(), "{ran:?}");
        fs::remove_file(&self.trace).is_ok()
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn nothing_is_run_for_a_file_that_others_may_write() {
    let proof = Proof::new();
    let path = format!("{}:/usr/bin:/bin", proof.tools.display());
    assert!(proof.runs(&path), "the control");
    let own = |name: &str| proof.home.path().join(name);
    let config = own(".aws/config");
    let made = [
        ".aws/credentials",
        ".aws/cli/alias",
        ".aws/models/s3/2006-03-01/service-2.json",
        ".local/lib/python3.11/site-packages/usercustomize.py",
    ];
    for file in made.map(own) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "").unwrap();
    }
    let [credentials, alias, model, module] = made.map(own);
    for (path_of_it, loosened) in [
        (&config, 0o666),
        (&config.parent().unwrap().to_owned(), 0o777),
        (&credentials, 0o666),
        (&alias, 0o666),
        (&model, 0o666),
        (&own(".aws/models"), 0o777),
        (&module, 0o666),
        (&own(".local/lib"), 0o777),
    ] {
        let before = fs::metadata(path_of_it).unwrap().permissions().mode();
        mode(path_of_it, loosened);
        assert!(!proof.runs(&path), "{}", path_of_it.display());
        mode(path_of_it, before);
        assert!(proof.runs(&path), "the control");
    }
}

#[test]
fn a_credentials_file_of_any_name_is_shown_without_its_secret() {
    let home = Home::new();
    let file = home.path().join("aws.conf");
    fs::write(&file, "[x]\naws_secret_access_key = canary\nregion = y\n").unwrap();
    mode(&file, 0o666);
    let named = |command: &mut Command| {
        let named = command.env("AWS_SHARED_CREDENTIALS_FILE", &file);
        named.output().unwrap()
    };
    let found = String::from_utf8(named(&mut home.command(&["doctor"])).stdout).unwrap();
    let line = found.lines().find_map(|line| {
        let run = line.trim().strip_prefix("run: ")?;
        run.contains("aws.conf").then_some(run)
    });
    let shown = named(Command::new("sh").args(["-c", line.unwrap()]));
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("region = y") && !shown.contains("canary"),
        "{shown}"
    );
}

#[test]
fn nothing_is_run_that_lies_in_the_current_directory_or_that_others_may_write() {
    let proof = Proof::new();
    let path = format!("{}:/usr/bin:/bin", proof.tools.display());
    assert!(proof.runs(&path), "the control");
    for here in ["", ".", "../tools"] {
        let path = format!("{here}:/usr/bin:/bin");
        assert!(!proof.runs(&path), "{path}");
    }
    mode(&proof.tools.join("aws"), 0o777);
    assert!(!proof.runs(&path));
}

#[test]
fn what_others_may_change_of_the_units_is_told() {
    let home = Home::new();
    let units = home.path().join(".config/systemd/user");
    let changes = units.join("quiltd.service.d");
    fs::create_dir_all(&changes).unwrap();
    for unit in ["quiltd.service", "quiltd.socket"] {
        fs::write(units.join(unit), "[Unit]\n").unwrap();
        mode(&units.join(unit), 0o600);
    }
    let change = changes.join("strict.conf");
    fs::write(&change, "[Service]\n").unwrap();
    let control = home.path().join(".config/systemd/user.control");
    let controlled = control.join("quiltd.socket.d/x.conf");
    let data = home.path().join(".local/share/systemd/user");
    let of_data = data.join("quiltd.service.d/x.conf");
    let of_all = units.join("service.d/x.conf");
    let names = [
        "quiltd.service",
        "quiltd.socket",
        "default.target",
        "sockets.target",
        "service",
        "socket",
        "target",
    ];
    let beside = names.map(|name| {
        ["d", "wants", "requires", "upholds"].map(|kind| units.join(format!("{name}.{kind}")))
    });
    let beside = beside.concat();
    for dir in &beside {
        fs::create_dir_all(dir).unwrap();
    }
    let all_settings = home.path().join(".config/systemd/user.conf");
    let environment = home.path().join(".config/environment.d/x.conf");
    let settings = home.path().join(".config/systemd/user.conf.d/x.conf");
    for file in [
        &controlled,
        &of_data,
        &of_all,
        &environment,
        &settings,
        &all_settings,
    ] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "[Service]\n").unwrap();
    }
    // The manager reads no other names.
    fs::write(changes.join("x.conf.foreign"), "").unwrap();
    mode(&changes.join("x.conf.foreign"), 0o666);
    let told = || {
        doctor(&home)
            .stdout
            .contains("it says what the service manager runs")
    };
    for (path, loose, tight) in [
        (&units.join("quiltd.service"), 0o666, 0o600),
        (&change, 0o666, 0o600),
        (&changes, 0o777, 0o700),
        (&units, 0o777, 0o700),
        (&controlled, 0o666, 0o600),
        (&of_data, 0o666, 0o600),
        (&of_all, 0o666, 0o600),
        (&environment, 0o666, 0o600),
        (&settings, 0o666, 0o600),
        (&all_settings, 0o666, 0o600),
    ]
    .into_iter()
    .chain(beside.iter().map(|dir| (dir, 0o777, 0o700)))
    {
        mode(path, loose);
        assert!(told(), "{path:?}");
        mode(path, tight);
        assert!(!told(), "the control: {path:?}");
    }
}

#[test]
fn a_launch_agent_that_others_may_change_is_told() {
    let home = Home::new();
    let agents = home.path().join("Library/LaunchAgents");
    let agent = agents.join("com.quiltdata.quiltd.plist");
    fs::create_dir_all(&agents).unwrap();
    fs::write(&agent, "<plist/>\n").unwrap();
    for (path, loose, tight) in [(&agent, 0o666, 0o600), (&agents, 0o777, 0o700)] {
        for (bits, is_told) in [(loose, true), (tight, false)] {
            mode(path, bits);
            let told = doctor(&home).stdout;
            let told = told.contains("it says what the service manager runs");
            assert_eq!(told, is_told, "{path:?}: {bits:o}");
        }
    }
}
