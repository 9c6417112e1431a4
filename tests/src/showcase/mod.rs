//! What the demonstration and the recording show: real programs in a throw-away
//! home, over a fake stack.
#![allow(
    clippy::missing_panics_doc,
    reason = "a terminal that cannot be made ends the program"
)]

mod recorder;
mod svg;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use tokio::process::Command;

pub use self::recorder::Transcript;
use crate::fake_stack::{ACCOUNT, DEMO_BUCKET, DEMO_KEY, FakeStack, StackConfig};
use crate::harness::toolchain::{Python, Venv};
use crate::harness::{Home, binaries};

/// What logs in to a stack without its page, for a shell of the home: the stack
/// gives the code itself. `typed` is what the user calls its catalog.
pub fn login_without_browser(stack: &FakeStack, typed: &str) -> String {
    let control = stack.control_url();
    format!(
        "  curl -s '{control}/_control/code?user=alice' |\n    quiltctl login {typed} --code-stdin"
    )
}

/// One command, as a person types it.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is typed.
    pub line: String,
    /// Whether it asks for a login code.
    pub wants_code: bool,
}

/// A stack, a home, and the programs in it.
#[derive(Debug)]
pub struct Showcase {
    /// The upstream.
    pub stack: FakeStack,
    /// Where nothing of the user's own is.
    pub home: Home,
    /// An unmodified AWS CLI.
    pub aws: Python,
}

impl Showcase {
    /// Installs the AWS CLI where it is not, and starts the stack.
    pub async fn prepare() -> anyhow::Result<Self> {
        let aws = tokio::task::spawn_blocking(|| Python::prepare(Venv::AwsCliV1)).await?;
        let aws = aws.map_err(|reason| anyhow::anyhow!("{reason}"))?;
        let stack = FakeStack::bind(StackConfig::default())
            .await
            .context("cannot listen on loopback")?;
        let showcase = Self {
            stack,
            home: Home::new(),
            aws,
        };
        showcase.write_settings()?;
        Ok(showcase)
    }

    /// A name for the catalog, and a profile with a role.
    fn write_settings(&self) -> anyhow::Result<()> {
        let path = self.home.settings();
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        let catalog = self.stack.catalog_url();
        let text = format!(
            "[catalogs.demo]\nurl = \"{catalog}\"\n\n[profiles.lake]\ncatalog = \"demo\"\n\
             role_arn = \"arn:aws:iam::{ACCOUNT}:role/lake\"\nregion = \"eu-west-1\"\n"
        );
        fs::write(path, text).context("cannot write quiltd.toml")
    }

    /// What is shown, in order. The last one is what there is then.
    pub fn steps(&self) -> Vec<Step> {
        let object = format!("s3://{DEMO_BUCKET}/{DEMO_KEY}");
        [
            ("quiltctl login demo".to_owned(), true),
            ("quiltctl setup aws".to_owned(), false),
            (
                format!("aws --profile quilt s3 ls s3://{DEMO_BUCKET}/data/"),
                false,
            ),
            (
                format!("quiltctl exec --profile lake -- aws s3 cp {object} -"),
                false,
            ),
            ("quiltctl status".to_owned(), false),
        ]
        .map(|(line, wants_code)| Step { line, wants_code })
        .to_vec()
    }

    /// The directories of the programs.
    pub fn programs(&self) -> String {
        let dir = |program: &Path| {
            let dir = program.parent().unwrap_or(Path::new("/"));
            dir.display().to_string()
        };
        let (ours, theirs) = (dir(binaries::quiltctl()), dir(&self.aws.program("aws")));
        format!("{ours}:{theirs}")
    }

    /// The directories of the programs, before all others.
    pub fn path(&self) -> String {
        let rest = std::env::var("PATH").unwrap_or_default();
        format!("{}:{rest}", self.programs())
    }

    /// What leads AWS programs to the stack's S3 and STS.
    pub fn endpoints(&self) -> [(&'static str, &str); 2] {
        [
            ("AWS_ENDPOINT_URL_S3", self.stack.s3_url()),
            ("AWS_ENDPOINT_URL_STS", self.stack.sts_url()),
        ]
    }

    /// A program in the home.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.home.command(program);
        command.envs(self.endpoints()).env("PATH", self.path());
        command
    }

    /// A code, as the login page shows one.
    pub fn code(&self) -> anyhow::Result<String> {
        Ok(self.stack.control().login_code("alice")?)
    }

    /// Types every step into a shell on a terminal, and keeps what it showed.
    pub async fn record(&self) -> anyhow::Result<Transcript> {
        let mut shell = self.command("setsid");
        shell.args(["--ctty", "--wait", "sh", "-i"]);
        shell.envs([
            ("PS1", "\n$ "),
            ("TERM", "xterm-256color"),
            ("LANG", "C.UTF-8"),
        ]);
        shell.env_remove("ENV");
        let code = self.code()?;
        let steps = self.steps();
        let mut recorder = recorder::Recorder::open(shell)?;
        tokio::task::spawn_blocking(move || recorder.run(&steps, &code)).await?
    }

    /// Ends the daemon that the first login started.
    pub async fn end(&self) -> anyhow::Result<()> {
        let mut stop = self.command(binaries::quiltctl());
        stop.args(["daemon", "stop"])
            .stdout(std::process::Stdio::null());
        stop.stderr(std::process::Stdio::null()).status().await?;
        Ok(())
    }
}
