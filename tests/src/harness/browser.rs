//! A real browser without a screen.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::Home;
use super::toolchain::not_run;

/// How long a page may take.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Chromium.
#[derive(Debug)]
pub struct Browser(PathBuf);

impl Browser {
    /// The one of this machine, or `None` after saying loudly that the test
    /// was not run.
    ///
    /// # Panics
    /// Where a missing browser is no excuse (`QUILT_TESTS_REQUIRE=all`).
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let programs = ["chromium", "chromium-browser", "google-chrome"];
        let found = std::env::split_paths(&path)
            .flat_map(|dir| programs.map(|name| dir.join(name)))
            .find(|program| program.is_file());
        if found.is_none() {
            not_run("a test with a browser", "chromium is missing");
        }
        found.map(Self)
    }

    /// Opens a page, follows wherever it leads, and answers with what is
    /// shown in the end.
    ///
    /// # Panics
    /// When the browser cannot be started or does not come to an end.
    pub async fn show(&self, home: &Home, url: &str) -> String {
        let mut command = self.command(home);
        command.arg("--dump-dom").arg(url);
        let output = tokio::time::timeout(TIMEOUT, command.output())
            .await
            .expect("the browser comes to an end")
            .expect("the browser can be started");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Opens a page and leaves it open; killed when dropped.
    ///
    /// # Panics
    /// When the browser cannot be started.
    pub fn open(&self, home: &Home, url: &str) -> Child {
        let mut command = self.command(home);
        command.args(["--remote-debugging-port=0", url]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.spawn().expect("the browser can be started")
    }

    fn command(&self, home: &Home) -> Command {
        let profile = home.path().join("chromium");
        let mut command = home.command(&self.0);
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            .args(["--no-proxy-server", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}
