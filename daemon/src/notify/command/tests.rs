use std::fs::Permissions;
use std::os::unix::fs::symlink;

use super::*;

fn notice() -> Notification {
    Notification {
        id: String::new(),
        catalog: String::new(),
        code: String::new(),
        summary: String::new(),
        hint: String::new(),
    }
}

#[test]
fn a_program_that_others_may_write_is_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("bin");
    fs::create_dir(&place).unwrap();
    let program = place.join("tell");
    symlink("/bin/sh", &program).unwrap();
    let told = dir.path().join("told");
    let script = format!("echo >'{}'", told.display());
    let arguments = ["-c".to_owned(), script];
    let path = program.to_str().unwrap();
    // By its path, by one from where it runs, and by its name.
    for named in [path, &path[1..], "tell"] {
        let tell = |mode| {
            fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
            run_from(place.as_os_str(), named, &arguments, &notice())
        };
        assert!(tell(0o777).is_err(), "{named}");
        assert!(!told.exists(), "{named}");
        // The control: nothing else keeps it from being run.
        assert!(tell(0o755).unwrap().success(), "{named}");
        fs::remove_file(&told).unwrap();
    }
}

#[test]
fn a_script_that_others_may_write_is_given_to_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (script, told) = (dir.path().join("tell.sh"), dir.path().join("told"));
    fs::write(&script, format!("echo >'{}'", told.display())).unwrap();
    let arguments = [script.to_str().unwrap().to_owned()];
    let tell = |mode| {
        fs::set_permissions(&script, Permissions::from_mode(mode)).unwrap();
        run("sh", &arguments, &notice())
    };
    assert!(tell(0o666).is_err());
    assert!(!told.exists());
    assert!(tell(0o644).unwrap().success());
    assert!(told.exists());
}

#[test]
fn what_others_may_put_there_in_the_moment_before_is_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let told = dir.path().join("told");
    let place = |mode: u32| {
        let place = dir.path().join(format!("{mode:o}"));
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
        place.join("tell.sh").to_str().unwrap().to_owned()
    };
    let (shared, own) = (place(0o1777), place(0o755));
    let refused = |command: &[String]| {
        let ended = run(&command[0], &command[1..], &notice());
        ended.is_err_and(|error| quilt_trust::behind(&error).is_some())
    };
    let line = |text: String| ["sh".to_owned(), "-c".to_owned(), text].to_vec();
    let ways = |path: &str| {
        [
            vec!["sh".to_owned(), path.to_owned()],
            line(format!("sh {path} two")),
            line(format!("[ -r {path} ] && sh {path}; true")),
            line(format!(">{}; . {path}", told.display())),
            line(format!(
                "echo x >{}; sh {path}",
                path.trim_end_matches(".sh")
            )),
        ]
    };
    assert!(ways(&shared).iter().all(|command| refused(command)));
    assert!(refused(std::slice::from_ref(&shared)));
    // What leads to a device now may lead to a script then.
    let theirs = own.replace("tell.sh", "device");
    symlink("/dev/null", &theirs).unwrap();
    let loose = Path::new(&theirs).parent().unwrap();
    fs::set_permissions(loose, Permissions::from_mode(0o777)).unwrap();
    assert!(refused(&line(format!("sh {theirs}"))));
    fs::set_permissions(loose, Permissions::from_mode(0o755)).unwrap();
    assert!(!refused(&line(format!("sh {theirs}"))));
    assert!(!told.exists());
    // The control, and what a line leaves there itself.
    assert!(!ways(&own).iter().any(|command| refused(command)));
    assert!(!refused(&line(format!(
        "echo x >{shared}-$$; rm {shared}-$$"
    ))));
}

/// Written by another process: nobody who is started here holds it open.
fn written(path: &Path, text: &str) {
    let write = "printf %s \"$1\" >\"$2\" && chmod 755 \"$2\"";
    let done = Command::new("sh")
        .args(["-c", write, "sh", text])
        .arg(path)
        .status();
    assert!(done.unwrap().success());
}

/// What a command may say, and that it is told of on the disk: refused as
/// long as others may write to `loose`, and run once they may not.
fn assert_looked_at(loose: &Path, told: &Path, search: &OsStr, command: &[&str]) {
    let arguments: Vec<_> = command[1..].iter().map(|&it| it.to_owned()).collect();
    let is_dir = loose.is_dir();
    let (open, closed) = if is_dir {
        (0o777, 0o755)
    } else {
        (0o766, 0o755)
    };
    let tell = |mode| {
        fs::set_permissions(loose, Permissions::from_mode(mode)).unwrap();
        run_from(search, command[0], &arguments, &notice())
    };
    assert!(tell(open).is_err(), "{command:?}");
    assert!(!told.exists(), "{command:?}");
    assert!(tell(closed).unwrap().success(), "{command:?}");
    fs::remove_file(told).expect("the control: it was run");
}

#[test]
fn however_a_script_is_named_it_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let bin = dir.path().join("a bin");
    fs::create_dir(&bin).unwrap();
    let (script, told) = (bin.join("tell.sh"), dir.path().join("told"));
    let text = format!("#!/bin/sh\necho >'{}'\n", told.display());
    written(&script, &text);
    let (path, bin) = (script.to_str().unwrap(), bin.to_str().unwrap());
    let plain = dir.path().join("tell.sh");
    written(&plain, &text);
    let plain_path = plain.to_str().unwrap();
    let usual = env::var_os("PATH").unwrap();
    let mut all = usual.clone();
    all.push(format!(":{bin}"));
    let escaped = path.replace(' ', "\\ ");
    let ways: [&[&str]; 22] = [
        // As people escape a blank, and as bash has it.
        &["sh", "-c", &format!("{escaped} two")],
        &["sh", "-c", &format!("sh \"$(echo {escaped})\"")],
        &["bash", "-c", &format!("'{bin}'/{{tell,x}}.sh")],
        // From where it is run.
        &["sh", &path[1..]],
        &["env", &format!("ENV={path}"), "sh", "-ic", "true"],
        &["env", "-S", &format!("sh '{path}'")],
        &["bash", "--rcfile", path, "-ic", "true"],
        &["sh", "-c", &format!("'{path}' \"$QUILTD_NOTIFY_SUMMARY\"")],
        &["sh", "-c", &format!("cd /; \"{path}\" two")],
        &["sh", "-c", &format!("true&&\"{path}\"||false")],
        &["sh", "-c", &format!("sh <'{path}'")],
        &["sh", "-c", &format!("(. '{path}')")],
        &["sh", "-c", &format!("echo `'{path}'`")],
        &["sh", "-c", &format!("x=\"$('{path}')\"")],
        &["sh", "-c", &format!("eval '\"{path}\"'")],
        &["sh", "-c", "\"$1\"", "sh", path],
        &["sh", "-c", &format!("x() {{ \"{path}\"; }}\nx")],
        // From a directory that is named, and by a pattern.
        &["sh", "-c", &format!("cd '{bin}' && ./tell.sh")],
        &["env", "-C", bin, "./tell.sh"],
        &["sh", "-c", &format!("'{bin}'/tell.*")],
        &["env", &format!("--split-string=sh\t'{path}'")],
        // By its name, to be found by whoever is given it.
        &[
            "env",
            &format!("PATH={}", all.to_str().unwrap()),
            "sh",
            "-c",
            "tell.sh x",
        ],
    ];
    for command in ways {
        assert_looked_at(&script, &told, &all, command);
    }
    let bare = |text: &str| text.replace("PATH", plain_path);
    for command in [
        ["sh", "-c", &bare("PATH two")],
        ["env", "-S", &bare("sh PATH x")],
        ["sh", "-c", &bare("true;PATH>/dev/null")],
        ["sh", "-c", &bare("[ -r PATH ] && sh PATH & wait")],
    ] {
        assert_looked_at(&plain, &told, &usual, &command);
    }
}

#[test]
fn what_a_program_begins_with_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let (shell, told) = (dir.path().join("shell"), dir.path().join("told"));
    let text = format!("#!/bin/sh\necho >'{}'\n", told.display());
    written(&shell, &text);
    for line in [
        "#!SHELL",
        "#! SHELL",
        "#!/usr/bin/env SHELL",
        "#!/usr/bin/env -S sh SHELL",
    ] {
        let program = dir.path().join("tell");
        written(
            &program,
            &(line.replace("SHELL", shell.to_str().unwrap()) + "\n"),
        );
        let search = env::var_os("PATH").unwrap();
        let program = program.to_str().unwrap();
        for command in [
            &[program] as &[&str],
            &["env", program],
            &["sh", "-c", &format!("{program} two")],
        ] {
            assert_looked_at(&shell, &told, &search, command);
        }
    }
}

#[test]
fn a_directory_that_others_may_write_to_is_given_to_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (team, told) = (dir.path().join("team"), dir.path().join("told"));
    fs::create_dir(&team).unwrap();
    let text = format!("#!/bin/sh\necho >'{}'\n", told.display());
    written(&team.join("tell"), &text);
    let team_path = team.to_str().unwrap();
    let search = env::var_os("PATH").unwrap();
    for command in [
        ["sh", "-c", &format!("cd {team_path}; ./tell two")] as [&str; 3],
        ["env", &format!("--chdir={team_path}"), "./tell"],
        ["sh", "-c", &format!("PATH=$PATH:{team_path} tell")],
        [
            "sh",
            "-c",
            &format!("for it in {team_path}/*; do $it; done"),
        ],
        ["sh", "-c", &format!("sh {team_path}/tell;")],
    ] {
        assert_looked_at(&team, &told, &search, &command);
    }
    // Nothing yet, where anybody may put something in the meantime.
    fs::set_permissions(&team, Permissions::from_mode(0o777)).unwrap();
    let later = [team.join("later").to_str().unwrap().to_owned()];
    assert!(run_from(&search, "true", &later, &notice()).is_err());
}

#[test]
fn what_people_write_is_run() {
    for command in [
        &[
            "sh",
            "-c",
            "echo \"$QUILTD_NOTIFY_SUMMARY\" >/dev/null 2>&1",
        ] as &[&str],
        &[
            "sh",
            "-c",
            "sed 's/a/b/; s,//,/,' </dev/null | cat - >/dev/null",
        ],
        &["sh", "-c", "true # https://example.com/hooks/tmp?x=1/2"],
        &[
            "sh",
            "-c",
            "[ -w /dev/tty ] || : >/tmp/.quiltd-$$; rm -f /tmp/.quiltd-$$",
        ],
        &["sh", "-c", "test -d ~/ || test -d \"${HOME:-/}\""],
        &[
            "sh",
            "-c",
            "true /etc/passwd/nothing /proc/self/status / // . ..",
        ],
        &["true", "-t", "quiltd: login needed", "@/etc/hostname"],
    ] {
        let arguments: Vec<_> = command[1..].iter().map(|&it| it.to_owned()).collect();
        let ended = run(command[0], &arguments, &notice());
        assert!(
            ended.as_ref().is_ok_and(ExitStatus::success),
            "{command:?}: {ended:?}"
        );
    }
}
