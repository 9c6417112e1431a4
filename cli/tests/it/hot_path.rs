//! `credential-process` looks at the socket and at nothing that makes screens:
//! no time zone, no terminal's description, no settings, no AWS profiles.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};

use crate::server::Home;

const DOCUMENT: &str = r#"{"Version":1,"AccessKeyId":"a","SecretAccessKey":"b"}"#;
/// The time zone, in a database of its own.
const ZONE: &str = "zones/Trap/Zone";
/// How long a program may take on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Files that whoever opens them waits at: pipes that nobody writes to.
struct Traps(Vec<PathBuf>);

impl Traps {
    fn set(home: &Home) -> Self {
        let places = [
            ZONE,
            ".config/quilt/quiltd.toml",
            ".aws/config",
            ".terminfo/x/xterm-256color",
        ];
        let paths = places.map(|place| home.path().join(place)).to_vec();
        for path in &paths {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        }
        Self(paths)
    }

    /// The one that somebody waits at.
    fn sprung(&self) -> Option<&PathBuf> {
        let flags = OFlags::WRONLY | OFlags::NONBLOCK;
        self.0
            .iter()
            .find(|path| open(*path, flags, Mode::empty()).is_ok())
    }

    /// What keeps a program, until it ends; else the code it ended with.
    fn watch(&self, mut child: Child) -> Result<Option<i32>, PathBuf> {
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return Ok(status.code());
            }
            if let Some(path) = self.sprung() {
                let _ = child.kill();
                let _ = child.wait();
                return Err(path.clone());
            }
            assert!(Instant::now() < end, "it neither ends nor opens a trap");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn run(home: &Home, args: &[&str]) -> Child {
    trapped(home, home.command(args))
}

fn trapped(home: &Home, mut command: Command) -> Child {
    command
        .env("TZDIR", home.path().join("zones"))
        .env("TZ", "Trap/Zone")
        .env("TERM", "xterm-256color")
        .env("LANG", "C.UTF-8")
        .stdout(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn credentials_are_passed_on_without_a_look_at_what_screens_need() {
    let home = Home::new();
    let _requests = home.answer(200, DOCUMENT);
    let traps = Traps::set(&home);
    for args in [
        &["credential-process"][..],
        &["credential-process", "--profile", "lake"],
        &[
            "credential-process",
            "--catalog",
            "https://x.example",
            "--json",
        ],
    ] {
        assert_eq!(traps.watch(run(&home, args)), Ok(Some(0)), "{args:?}");
        let small = trapped(&home, home.creds(args));
        assert_eq!(traps.watch(small), Ok(Some(0)), "{args:?}");
    }
}

#[test]
fn a_screen_needs_the_time_zone_and_is_caught() {
    let home = Home::new();
    let _requests = home.answer(200, "[]");
    let traps = Traps::set(&home);
    let caught = traps.watch(run(&home, &["audit"]));
    assert_eq!(caught, Err(home.path().join(ZONE)));
}
