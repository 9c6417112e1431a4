//! A daemon, logged in to a fake stack, in a home that is thrown away.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use quilt_client::blocking::Client;
use quilt_proto::api::ReadToken;
use quilt_tests::fake_stack::{FakeStack, StackConfig};
use quilt_tests::harness::Home;
use rustix::process::{Pid, Signal, kill_process};

use crate::binaries::Binaries;

/// Everything a logged-in user has. It ends with this value.
#[derive(Debug)]
pub(crate) struct Session {
    quiltctl: PathBuf,
    quiltd: PathBuf,
    daemon: Option<Daemon>,
    home: Home,
    stack: FakeStack,
}

/// A daemon; it ends with this value.
#[derive(Debug)]
pub(crate) struct Daemon(Child);

impl Session {
    /// Starts the stack and the daemon, logs in as `alice`, and sets up the AWS profile
    /// `quilt`.
    pub(crate) async fn start(binaries: &Binaries) -> anyhow::Result<Self> {
        let stack = FakeStack::bind(StackConfig::default()).await?;
        let home = Home::new();
        let daemon = Daemon::start(&binaries.quiltd, &home, stack.s3_url())?;
        let session = Self {
            quiltctl: binaries.quiltctl.clone(),
            quiltd: binaries.quiltd.clone(),
            daemon: Some(daemon),
            home,
            stack,
        };

        let code = session
            .stack
            .control()
            .login_code("alice")
            .context("there is no alice")?;
        session.must(&["config", session.stack.catalog_url()], "")?;
        session.must(&["login", "--code-stdin"], &code)?;
        session.must(&["setup", "aws"], "")?;
        Ok(session)
    }

    /// How long a daemon takes, which has a state directory of its own with the
    /// same login, from `began` to its first answer of whoever is logged in.
    pub(crate) fn second_daemon(&self, began: Instant) -> anyhow::Result<Duration> {
        let home = Home::new();
        fs::create_dir_all(home.state())?;
        fs::copy(
            self.state().join("sessions.json"),
            home.state().join("sessions.json"),
        )?;
        let setup = began.elapsed();
        let _daemon = Daemon::start(&self.quiltd, &home, self.stack.s3_url())?;
        let client = Client::new(home.socket()).with_catalog(self.stack.catalog_url());
        client.send(&ReadToken)?;
        Ok(began.elapsed().saturating_sub(setup))
    }

    /// The daemon's process id.
    pub(crate) fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().map_or(0, |daemon| daemon.0.id())
    }

    /// Ends the daemon; the login stays.
    pub(crate) fn end_daemon(&mut self) {
        self.daemon = None;
    }

    /// Another daemon in its place, run by a program with these arguments.
    pub(crate) fn daemon_under(&self, program: &Path, args: &[String]) -> anyhow::Result<Daemon> {
        let mut command = command(program, &self.home);
        command.args(args).arg(&self.quiltd);
        // What a library does with memory depends on the processor else.
        let plain = "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM";
        command.env("GLIBC_TUNABLES", plain);
        Daemon::start_by(command, &self.home, self.stack.s3_url())
    }

    /// The program.
    pub(crate) fn quiltctl_path(&self) -> &Path {
        &self.quiltctl
    }

    /// The throw-away home.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// The daemon's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.home.socket()
    }

    /// Replaces the settings.
    pub(crate) fn write_settings(&self, text: &str) -> anyhow::Result<()> {
        let path = self.home.settings();
        fs::create_dir_all(path.parent().context("a directory")?)?;
        Ok(fs::write(path, text)?)
    }

    /// Where the daemon keeps the login.
    pub(crate) fn state(&self) -> PathBuf {
        self.home.state()
    }

    /// What it is logged in to.
    pub(crate) fn stack(&self) -> &FakeStack {
        &self.stack
    }

    /// `quiltctl` in this session's environment.
    pub(crate) fn quiltctl(&self, args: &[&str]) -> Command {
        let mut command = self.command(&self.quiltctl);
        command.args(args);
        command
    }

    /// What AWS programs run for the profile, as `setup aws` wrote it.
    pub(crate) fn profile_line(&self) -> anyhow::Result<Vec<String>> {
        let config = fs::read_to_string(self.home.aws_config())?;
        let mut lines = config.lines();
        let line = lines.find_map(|line| line.trim().strip_prefix("credential_process = "));
        let line = line.context("no credential_process in the profile")?;
        shlex::split(line).context("its quotes do not close")
    }

    /// Any program in this session's environment.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        command(program.as_ref(), &self.home)
    }

    /// What `quiltctl` prints when it is given `args` and `input`; an error if it fails.
    pub(crate) fn must(&self, args: &[&str], input: &str) -> anyhow::Result<Vec<u8>> {
        let mut child = self
            .quiltctl(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // A program that does not read its input may have closed it already.
        drop(
            child
                .stdin
                .take()
                .context("stdin")?
                .write_all(input.as_bytes()),
        );
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "quiltctl {}: {said}",
            args.join(" ")
        );
        Ok(output.stdout)
    }
}

impl Daemon {
    /// Returns once it listens, which it says in a line on its standard output.
    fn start(quiltd: &Path, home: &Home, s3_url: &str) -> anyhow::Result<Self> {
        Self::start_by(command(quiltd, home), home, s3_url)
    }

    fn start_by(mut command: Command, home: &Home, s3_url: &str) -> anyhow::Result<Self> {
        let program = command.get_program().to_owned();
        let log = home.path().join("quiltd.log");
        let mut child = command
            .args(["--token-store", "file"])
            .env("AWS_ENDPOINT_URL_S3", s3_url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log)?)
            .spawn()
            .with_context(|| program.display().to_string())?;
        let stdout = child.stdout.take();
        let daemon = Self(child);
        let mut line = String::new();
        BufReader::new(stdout.context("stdout")?).read_line(&mut line)?;
        ensure!(
            !line.is_empty(),
            "quiltd did not start: {}",
            fs::read_to_string(&log).unwrap_or_default()
        );
        Ok(daemon)
    }
}

impl Daemon {
    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Has it end by itself, and waits until it has.
    pub(crate) fn end_gently(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_child(&self.0);
        kill_process(pid, Signal::TERM)?;
        ensure!(self.0.wait()?.success(), "quiltd failed");
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only if it ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The harness's own commands are asynchronous, which costs time.
fn command(program: &Path, home: &Home) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(home.environment());
    command
}
