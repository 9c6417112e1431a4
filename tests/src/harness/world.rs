//! A fake stack, a home, and a daemon in it.

use std::process::{Output, Stdio};

use quilt_client::Client;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{Daemon, Home, User, binaries};
use crate::fake_stack::{FakeStack, StackConfig};

/// Everything a test of the product needs.
#[derive(Debug)]
pub struct World {
    /// The upstream.
    pub stack: FakeStack,
    /// Where the user lives.
    pub home: Home,
    /// The daemon, unless the test took it away.
    pub daemon: Option<Daemon>,
}

/// What a program printed and how it ended.
#[derive(Debug)]
pub struct Run {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Run {
    /// Of a command that is given this on stdin.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn with_input(mut command: Command, input: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("quiltctl can be started");
        let mut stdin = child.stdin.take().expect("its stdin is piped");
        // It may end without reading all of it.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child
            .wait_with_output()
            .await
            .expect("quiltctl can be waited for")
            .into()
    }

    /// Standard output of a run that went well.
    ///
    /// # Panics
    /// When it did not.
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// Checks the exit code alone.
    ///
    /// # Panics
    /// When it is another.
    pub fn code_is(self, code: i32) {
        assert_eq!(self.code, code, "{self:?}");
    }

    /// The one error line of a run that failed with `code`, without a result.
    ///
    /// # Panics
    /// When it did anything else.
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "a failure prints no result");
        let line = self.stderr.trim_end_matches('\n').to_owned();
        assert!(
            !line.is_empty() && !line.contains('\n'),
            "one line, not: {line:?}"
        );
        // With --json it is a problem document (RFC 9457).
        let document: Option<serde_json::Value> = serde_json::from_str(&line).ok();
        let has_hint = document.is_some_and(|document| document["hint"].is_string());
        assert!(
            has_hint || line.contains("; run: "),
            "no command to run: {line}"
        );
        line
    }
}

impl World {
    /// The demo stack and a daemon with the file store; nobody is logged in.
    pub async fn start() -> Self {
        Self::with(StackConfig::default()).await
    }

    /// The same over another stack.
    ///
    /// # Panics
    /// When the stack cannot listen or the daemon does not come up.
    pub async fn with(config: StackConfig) -> Self {
        Self::at(Home::new(), config).await
    }

    /// The same in the home of a user, as whom the daemon and quiltctl run.
    ///
    /// # Panics
    /// When the stack cannot listen or the daemon does not come up.
    pub async fn of(user: &User, config: StackConfig) -> Self {
        Self::at(Home::of(user), config).await
    }

    async fn at(home: Home, config: StackConfig) -> Self {
        let stack = FakeStack::bind(config)
            .await
            .expect("a fake stack on loopback");
        let daemon = Daemon::start(&home, &["--token-store", "file"]).await;
        Self {
            stack,
            home,
            daemon: Some(daemon),
        }
    }

    /// A world in which `alice` is logged in.
    pub async fn logged_in() -> Self {
        let world = Self::start().await;
        world.login().await;
        world
    }

    /// Logs `alice` in, through quiltctl.
    ///
    /// # Panics
    /// When that fails.
    pub async fn login(&self) {
        let code = self
            .stack
            .control()
            .login_code("alice")
            .expect("the demo has an alice");
        self.ctl_with_input(&["login", "--code-stdin"], &code)
            .await
            .ok();
    }

    /// `quiltctl` in this home, for this stack.
    pub fn ctl_command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(binaries::quiltctl());
        command
            .env("QUILT_CATALOG", self.stack.catalog_url())
            .arg("--no-autostart")
            .args(args);
        command
    }

    /// Runs `quiltctl` to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn ctl(&self, args: &[&str]) -> Run {
        let mut command = self.ctl_command(args);
        command
            .stdin(Stdio::null())
            .output()
            .await
            .expect("quiltctl can be started")
            .into()
    }

    /// Runs `quiltctl` with something on its standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn ctl_with_input(&self, args: &[&str], input: &str) -> Run {
        Run::with_input(self.ctl_command(args), input).await
    }

    /// A client of the daemon, for this stack.
    ///
    /// # Panics
    /// When the catalog's URL is not one.
    pub fn client(&self) -> Client {
        let catalog: quilt_proto::CatalogUrl = self
            .stack
            .catalog_url()
            .parse()
            .expect("the stack's catalog is a URL");
        Client::new(self.home.socket()).with_catalog(&catalog)
    }

    /// Ends the daemon as `kill -9` does and starts another.
    ///
    /// # Panics
    /// When there is none or the other does not come up.
    pub async fn crash_and_restart(&mut self) {
        self.daemon.take().expect("a daemon").kill().await;
        self.daemon = Some(Daemon::start(&self.home, &["--token-store", "file"]).await);
    }

    /// Stops the daemon, all of whose writes have ended then, does `edit`, and
    /// starts it again.
    pub async fn restart_after(&mut self, edit: impl FnOnce()) {
        self.daemon.take().expect("a daemon").stop().await;
        edit();
        self.daemon = Some(Daemon::start(&self.home, &["--token-store", "file"]).await);
    }

    /// What the daemon logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.home.log()).unwrap_or_default()
    }
}
