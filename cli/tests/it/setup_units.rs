//! Units for service managers. The managers' tools are scripts that note what
//! they were asked.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::server::{Home, Ran, script};

/// A home with a quiltd, and a tool that writes its arguments down.
fn home(tool: &str) -> Home {
    let home = Home::new();
    let bin = home.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for (name, text) in [
        (
            tool,
            format!("echo \"$@\" >> {}/asked", home.path().display()),
        ),
        ("my quiltd", String::new()),
    ] {
        script(&bin.join(name), &text);
    }
    home
}

fn run(home: &Home, args: &[&str]) -> Ran {
    let bin = home.path().join("bin");
    let output = home
        .command(args)
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("QUILTD_BIN", bin.join("my quiltd"))
        .output();
    Ran::from(&output.unwrap())
}

fn asked(home: &Home) -> String {
    fs::read_to_string(home.path().join("asked")).unwrap()
}

#[test]
fn systemd_units_come_once_and_go() {
    let home = home("systemctl");
    assert!(
        run(&home, &["setup", "systemd"])
            .ok()
            .contains("is set up\n")
    );
    let dir = home.path().join(".config/systemd/user");
    let service = fs::read_to_string(dir.join("quiltd.service")).unwrap();
    let daemon = home.path().join("bin/my quiltd");
    assert!(service.contains(&format!("ExecStart=\"{}\"\n", daemon.display())));
    let socket = fs::read_to_string(dir.join("quiltd.socket")).unwrap();
    assert!(socket.contains(&format!("ListenStream={}\n", home.socket().display())));

    assert!(run(&home, &["setup", "systemd"]).ok().contains("already"));
    run(&home, &["setup", "systemd", "--undo"]).ok();
    assert!(!dir.join("quiltd.service").exists() && !dir.join("quiltd.socket").exists());
    assert!(
        run(&home, &["setup", "systemd", "--undo"])
            .ok()
            .contains("was not set up")
    );
    assert_eq!(
        asked(&home),
        "--user show-environment\n\
         --user daemon-reload\n\
         --user reset-failed quiltd.socket quiltd.service\n\
         --user enable --now quiltd.socket quiltd.service\n\
         --user show-environment\n\
         --user reset-failed quiltd.socket quiltd.service\n\
         --user enable --now quiltd.socket quiltd.service\n\
         --user show-environment\n\
         --user disable --now quiltd.socket quiltd.service\n\
         --user daemon-reload\n"
    );
}

#[test]
fn what_the_user_wrote_is_neither_replaced_nor_removed() {
    let home = home("systemctl");
    let config = home.path().join(".config");
    let own = [
        (
            "systemd/user/quiltd.service",
            "[Service]\nExecStart=/opt/wrap quiltd\n",
        ),
        (
            "systemd/user/quiltd.socket",
            "[Socket]\nListenStream=%t/quilt/quiltd.sock\n",
        ),
        (
            "fish/completions/quiltctl.fish",
            "complete -c quiltctl -f\n",
        ),
    ];
    for (path, text) in own {
        let path = config.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    for command in [["setup", "systemd"], ["setup", "completions"]] {
        let fish = (command[1] == "completions").then_some("fish");
        let with: Vec<&str> = command.into_iter().chain(fish).collect();
        let refused = run(&home, &with);
        assert_eq!(refused.code, 8, "{refused:?}");
        assert!(refused.stderr.contains("; run: mv "), "{refused:?}");
        run(&home, &[&command[..], &["--undo"]].concat()).ok();
    }
    run(&home, &["uninstall", "--yes", "--no-autostart"]);
    for (path, text) in own {
        assert_eq!(
            fs::read_to_string(config.join(path)).unwrap(),
            text,
            "{path}"
        );
    }
    assert!(!asked(&home).contains("disable"), "{}", asked(&home));
    // Moved away, as it is told, ours take the place.
    for (path, _) in own {
        let path = config.join(path);
        fs::rename(&path, path.with_extension("old")).unwrap();
    }
    run(&home, &["setup", "systemd"]).ok();
    run(&home, &["setup", "completions", "fish"]).ok();
    run(&home, &["setup", "systemd", "--undo"]).ok();
    run(&home, &["setup", "completions", "--undo"]).ok();
    for (path, _) in own {
        assert!(!config.join(path).exists(), "{path}");
    }
}

#[test]
fn no_unit_runs_beside_what_others_may_change() {
    let home = home("systemctl");
    for planted in [
        "systemd/user/quiltd.service.d/x.conf",
        "systemd/user.control/socket.d/x.conf",
        "environment.d/x.conf",
    ] {
        let planted = home.path().join(".config").join(planted);
        fs::create_dir_all(planted.parent().unwrap()).unwrap();
        fs::write(&planted, "").unwrap();
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o666)).unwrap();
        let refused = run(&home, &["setup", "systemd"]);
        assert_ne!(refused.code, 0, "{refused:?}");
        assert!(
            refused.stderr.contains("x.conf") && refused.stderr.contains("; run: "),
            "{refused:?}"
        );
        assert!(!home.path().join("asked").exists(), "{}", asked(&home));
        fs::set_permissions(&planted, fs::Permissions::from_mode(0o600)).unwrap();
    }
    // The control.
    run(&home, &["setup", "systemd"]).ok();
}

/// Units as a package brings them, in a place that the service manager looks at.
fn package(home: &Home, program: &str) -> PathBuf {
    let dir = home.path().join("share/systemd/user");
    fs::create_dir_all(&dir).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd");
    let service = fs::read_to_string(source.join("quiltd.service")).unwrap();
    let service = service.replace("%h/.local/bin/quiltd", program);
    fs::write(dir.join("quiltd.service"), service).unwrap();
    fs::copy(source.join("quiltd.socket"), dir.join("quiltd.socket")).unwrap();
    dir
}

fn run_beside_package(home: &Home, args: &[&str]) -> Ran {
    let bin = home.path().join("bin");
    let output = home
        .command(args)
        .env_remove("QUILTD_SOCKET")
        .env("XDG_RUNTIME_DIR", home.path())
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("QUILTD_BIN", bin.join("my quiltd"))
        .env("XDG_DATA_DIRS", home.path().join("share"))
        .output();
    Ran::from(&output.unwrap())
}

#[test]
fn units_of_a_package_are_used_and_not_hidden() {
    let home = home("systemctl");
    let units = home.path().join(".config/systemd/user");
    let daemon = home.path().join("bin/my quiltd");
    let outdated = |home: &Home| {
        let said = run_beside_package(home, &["doctor", "--no-autostart"]);
        said.stdout.contains("quiltctl setup systemd")
    };
    // Without one, and with one that starts another program, there are our own.
    run_beside_package(&home, &["setup", "systemd"]).ok();
    assert!(units.join("quiltd.service").exists());
    package(&home, "/elsewhere/quiltd");
    run_beside_package(&home, &["setup", "systemd"]).ok();
    assert!(units.join("quiltd.service").exists());
    assert!(!outdated(&home));

    let dir = package(&home, daemon.to_str().unwrap());
    assert!(outdated(&home), "ours hide the package's now");
    let said = run_beside_package(&home, &["setup", "systemd"]).ok();
    assert!(said.contains(dir.to_str().unwrap()), "{said}");
    assert!(!units.join("quiltd.service").exists() && !units.join("quiltd.socket").exists());
    assert!(!outdated(&home));
    // A socket of the user's choice is in no package.
    let line = ["setup", "systemd", "--socket", "/tmp/q.sock"];
    run_beside_package(&home, &line).ok();
    assert!(units.join("quiltd.socket").exists());
    assert!(!outdated(&home));
}

#[test]
fn units_of_another_version_are_found() {
    let home = home("systemctl");
    run(&home, &["setup", "systemd"]).ok();
    let said = |home: &Home| run(home, &["doctor", "--no-autostart"]).stdout;
    assert!(!said(&home).contains("setup systemd"), "{}", said(&home));
    let service = home.path().join(".config/systemd/user/quiltd.service");
    let text = fs::read_to_string(&service).unwrap();
    fs::write(&service, text.replace("RestartSec=1\n", "")).unwrap();
    assert!(said(&home).contains("setup systemd"), "{}", said(&home));
    run(&home, &["setup", "systemd"]).ok();
    assert!(!said(&home).contains("setup systemd"), "{}", said(&home));
}

#[test]
fn what_systemd_gave_up_on_is_found_and_set_up_again() {
    let home = home("systemctl");
    let tool = home.path().join("bin/systemctl");
    let state = home.path().join("failed");
    fs::write(&state, "").unwrap();
    let script = format!(
        "#!/bin/sh\ncase $2 in\nshow) [ ! -e {0} ] || echo ActiveState=failed ;;\n\
         reset-failed) rm {0} ;;\nesac\n",
        state.display()
    );
    fs::write(&tool, script).unwrap();
    let said = |home: &Home| run(home, &["doctor", "--no-autostart"]).stdout;
    assert!(said(&home).contains("has given up on"), "{}", said(&home));
    run(&home, &["setup", "systemd"]).ok();
    assert!(!said(&home).contains("has given up on"), "{}", said(&home));
}

#[test]
fn lingering_is_explained_and_offered() {
    let home = home("systemctl");
    let bin = home.path().join("bin");
    let tool = format!("echo loginctl \"$@\" >> {}/asked", home.path().display());
    script(&bin.join("loginctl"), &tool);
    let without = run(&home, &["setup", "systemd"]);
    assert!(
        without.stderr.contains("quiltctl setup systemd --linger"),
        "{without:?}"
    );
    without.ok();
    assert!(
        !asked(&home).contains("loginctl"),
        "it is offered, not done"
    );
    let with = run(&home, &["setup", "systemd", "--linger"]);
    assert_eq!(with.stderr, "", "{with:?}");
    with.ok();
    assert!(
        asked(&home).ends_with("loginctl enable-linger\n"),
        "{}",
        asked(&home)
    );
    run(&home, &["setup", "systemd", "--undo", "--linger"]).failed(2);
}

#[test]
fn without_a_bus_nothing_is_touched_and_units_can_go() {
    let home = home("systemctl");
    let requests = home.answer(200, "{}");
    let tool = home.path().join("bin/systemctl");
    fs::write(
        &tool,
        "#!/bin/sh\necho 'Failed to connect to bus: No medium found' >&2\nexit 1\n",
    )
    .unwrap();
    let line = run(&home, &["setup", "systemd"]).failed(1);
    assert!(
        line.contains("No medium found”; nothing was changed"),
        "{line}"
    );
    let dir = home.path().join(".config/systemd/user");
    assert!(!dir.exists());
    assert!(requests.try_recv().is_err(), "the daemon is left alone");

    let wanted = dir.join("default.target.wants/quiltd.service");
    fs::create_dir_all(wanted.parent().unwrap()).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd/quiltd.service");
    fs::copy(source, dir.join("quiltd.service")).unwrap();
    symlink(dir.join("quiltd.service"), &wanted).unwrap();
    run(&home, &["setup", "systemd", "--undo"]).ok();
    assert!(!dir.join("quiltd.service").exists());
    assert!(fs::symlink_metadata(&wanted).is_err());
}

#[test]
fn a_relative_socket_counts_from_here() {
    let home = home("systemctl");
    let bin = home.path().join("bin");
    let output = home
        .command(&["setup", "systemd"])
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("QUILTD_BIN", bin.join("my quiltd"))
        .env("QUILTD_SOCKET", "run/quiltd.sock")
        .current_dir(home.path())
        .output();
    Ran::from(&output.unwrap()).ok();
    let unit = home.path().join(".config/systemd/user/quiltd.socket");
    let unit = fs::read_to_string(unit).unwrap();
    let line = format!("ListenStream={}\n", home.socket().display());
    assert!(unit.contains(&line), "{unit}");
}

#[test]
fn a_unit_of_somebody_else_stays() {
    let home = home("systemctl");
    let dir = home.path().join(".config/systemd/user");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("quiltd.service"), "mine").unwrap();
    run(&home, &["setup", "systemd"]).failed(8);
    assert!(!dir.join("quiltd.socket").exists());
    assert_eq!(
        fs::read_to_string(dir.join("quiltd.service")).unwrap(),
        "mine"
    );
}

#[test]
fn a_launch_agent_comes_and_goes() {
    let home = home("launchctl");
    run(&home, &["setup", "launchd"]).ok();
    let agent = home
        .path()
        .join("Library/LaunchAgents/com.quiltdata.quiltd.plist");
    let text = fs::read_to_string(&agent).unwrap();
    assert!(text.contains("/bin/my quiltd</string>"), "{text}");
    assert!(text.contains(&format!("<string>{}</string>", home.socket().display())));
    let mode = fs::metadata(home.path().join("run"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    run(&home, &["setup", "launchd", "--undo"]).ok();
    assert!(!agent.exists());
    assert!(asked(&home).contains("bootstrap gui/"));
}

#[test]
fn without_the_manager_nothing_is_written() {
    let home = home("unrelated");
    run(&home, &["setup", "launchd"]).failed(1);
    assert!(!home.path().join("Library").exists());
}
