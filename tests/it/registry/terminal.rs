//! What a person at a terminal is asked.

use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use quilt_tests::harness::{World, terminal};
use tokio::process::Command;

use super::Two;

const TIMEOUT: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_it_is_asked_before_anything_is_given_away() {
    let two = Two::logged_in().await;
    two.lie();
    let question = format!("Go on with {}? [y/N] ", two.host());
    for answer in ["n\n", "\n", "\u{4}"] {
        let ctl = Terminal::open(&two.world, &["login", "--no-browser"]);
        let (code, shown) = ctl.shows(&question).await.types(answer).end().await;
        assert_eq!(code, 6, "{shown}");
        assert!(!shown.contains("Code:"), "{shown}");
    }
    for args in [&["login", "--api-key"][..], &["login", "--web"]] {
        let ctl = Terminal::open(&two.world, args);
        let (code, shown) = ctl.shows(&question).await.types("no\n").end().await;
        assert_eq!(code, 6, "{shown}");
        assert!(!shown.contains("API key:"), "{shown}");
    }
    two.untouched();

    let code = two.other.control().login_code("bob").unwrap();
    let ctl = Terminal::open(&two.world, &["login", "--no-browser"]);
    let ctl = ctl.shows(&question).await.types("y\n");
    let ctl = ctl.shows("Code: ").await.types(&format!("{code}\r"));
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains(" as bob (role "), "{shown}");
    assert!(
        shown.contains("Before, alice was logged in there."),
        "{shown}"
    );
    let page = format!("{}/login", two.other.registry_url());
    assert!(shown.contains(&page), "{shown}");

    // A key, from there back.
    two.truth();
    let ctl = Terminal::open(&two.world, &["login", "--api-key"]);
    let ctl = ctl.shows("? [y/N] ").await.types("yes\n");
    let ctl = ctl
        .shows("API key: ")
        .await
        .types(&format!("{}\r", two.key()));
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains(" as alice (role "), "{shown}");
}

/// A person's terminal with quiltctl in it.
pub(crate) struct Terminal {
    person: File,
    child: tokio::process::Child,
    shown: String,
}

impl Terminal {
    pub(crate) fn open(world: &World, args: &[&str]) -> Self {
        Self::of(world.ctl_command(args))
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let (person, program) = terminal().unwrap();
        let child = command
            .stdin(Stdio::from(program.try_clone().unwrap()))
            .stdout(Stdio::from(program.try_clone().unwrap()))
            .stderr(Stdio::from(program))
            .spawn()
            .unwrap();
        // The command keeps copies of the program's side.
        drop(command);
        Self {
            person,
            child,
            shown: String::new(),
        }
    }

    async fn read_to(mut self, until: Option<String>) -> Self {
        let mut person = self.person.try_clone().unwrap();
        let mut shown = std::mem::take(&mut self.shown);
        let mut reading = tokio::task::spawn_blocking(move || {
            let mut byte = [0];
            // Linux fails where the other side is closed.
            while !until.as_ref().is_some_and(|until| shown.ends_with(until))
                && person.read(&mut byte).unwrap_or(0) == 1
            {
                shown.push(char::from(byte[0]));
            }
            shown
        });
        let read = tokio::time::timeout(TIMEOUT, &mut reading).await;
        if read.is_err() {
            // Its end ends the reading, too.
            self.child.kill().await.unwrap();
            panic!("the terminal shows no more than {}", reading.await.unwrap());
        }
        self.shown = read.unwrap().unwrap();
        self
    }

    pub(crate) async fn shows(self, until: &str) -> Self {
        let terminal = self.read_to(Some(until.to_owned())).await;
        assert!(terminal.shown.ends_with(until), "{}", terminal.shown);
        terminal
    }

    pub(crate) fn types(mut self, keys: &str) -> Self {
        self.person.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Its exit code, and all that the terminal showed.
    pub(crate) async fn end(self) -> (i32, String) {
        let mut terminal = self.read_to(None).await;
        let status = terminal.child.wait().await.unwrap();
        (status.code().unwrap(), terminal.shown)
    }
}
