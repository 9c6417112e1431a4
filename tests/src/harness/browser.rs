//! A real browser without a screen.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use super::Home;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_mins(1);

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
            let why = "NOT RUN: a test with a browser: chromium is missing";
            let required = std::env::var_os("QUILT_TESTS_REQUIRE");
            assert!(required.is_none_or(|required| required != "all"), "{why}");
            // Past the capture of the test runner.
            drop(std::io::stderr().write_all(format!("{why}\n").as_bytes()));
        }
        found.map(Self)
    }

    /// Opens a page, follows wherever it leads, and answers with what is
    /// shown in the end.
    ///
    /// # Panics
    /// When the browser cannot be started or does not come to an end.
    pub async fn show(&self, home: &Home, url: &str) -> String {
        let profile = tempfile::tempdir_in(home.path()).expect("an empty profile");
        let mut command = home.command(&self.0);
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync", "--dump-dom"])
            .args(["--no-proxy-server", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .expect("the browser comes to an end")
            .expect("the browser can be started");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
