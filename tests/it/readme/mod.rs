//! Every command in the README, run in order as it stands, in an environment
//! that has nothing but it, by the real programs over a fake stack: once in a
//! home of this machine, once in a container.

#[cfg(target_os = "linux")]
mod container;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use quilt_tests::fake_stack::{ACCOUNT, DEMO_BUCKET, FakeStack, StackConfig};
use quilt_tests::harness::toolchain::{Python, Venv, not_run};
use quilt_tests::harness::{Home, Run, binaries};
use quilt_tests::showcase::login_without_browser;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const README: &str = include_str!("../../../README.md");
const ALIASES: &str = include_str!("../../../.cargo/config.toml");
const CHECKS: &str = include_str!("../../../.ci/run");

/// The blocks a reader runs.
fn blocks() -> Vec<String> {
    let mut blocks = Vec::new();
    let mut rest = README;
    while let Some((_, after)) = rest.split_once("```sh\n") {
        let (block, after) = after.split_once("```").unwrap();
        blocks.push(block.to_owned());
        rest = after;
    }
    blocks
}

/// Where a reader is.
trait Place {
    /// Their home, as they see it.
    fn home(&self) -> PathBuf;

    /// What runs a program there.
    fn enter(&self) -> Command;
}

impl Place for Home {
    fn home(&self) -> PathBuf {
        self.path().to_owned()
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("env");
        command.current_dir(self.path());
        command
    }
}

/// A reader: where they are, what stands for their catalogs, and a path to
/// programs.
struct Reader<P> {
    place: P,
    stack: FakeStack,
    other: FakeStack,
    path: String,
}

impl<P: Place> Reader<P> {
    async fn at(place: P, programs: &Programs) -> Self {
        Self {
            place,
            stack: FakeStack::bind(StackConfig::default()).await.unwrap(),
            other: FakeStack::bind(StackConfig::default()).await.unwrap(),
            path: programs.path(),
        }
    }

    /// Nothing but `HOME`, `PATH`, and where this machine's AWS is.
    fn command(&self, home: &Path, program: &str) -> Command {
        let mut command = self.place.enter();
        command
            .arg("-i")
            .arg(format!("HOME={}", home.display()))
            .arg(format!("PATH={}", self.path))
            .arg(format!("AWS_ENDPOINT_URL_S3={}", self.stack.s3_url()))
            .arg(format!("AWS_ENDPOINT_URL_STS={}", self.stack.sts_url()))
            .arg(program)
            .kill_on_drop(true);
        command
    }

    fn filled_in(&self, block: &str) -> String {
        block
            .replace("OTHER-CATALOG", self.other.catalog_url())
            .replace("YOUR-CATALOG", self.stack.catalog_url())
            .replace("YOUR-REGISTRY", self.stack.registry_url())
            .replace("YOUR-BUCKET", DEMO_BUCKET)
            .replace("YOUR-ACCOUNT", ACCOUNT)
    }

    /// A code of the catalog that a block logs in to.
    fn code(&self, block: &str) -> String {
        let stack = if block.contains("login OTHER-CATALOG") {
            &self.other
        } else {
            &self.stack
        };
        stack.control().login_code("alice").unwrap()
    }

    async fn run(&self, block: &str) -> Run {
        let is_login = block.contains("quiltctl login ");
        let code = is_login.then(|| self.code(block));
        self.run_in(&self.place.home(), block, code).await
    }

    async fn run_in(&self, home: &Path, block: &str, typed: Option<String>) -> Run {
        let mut shell = self.command(home, "sh");
        shell.args(["-e", "-u", "-c", &self.filled_in(block)]);
        shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let typed = typed.unwrap_or_default();
        stdin.write_all(typed.as_bytes()).await.unwrap();
        drop(stdin);
        child.wait_with_output().await.unwrap().into()
    }

    /// Runs a block where the service is: in a home of its own, with the key
    /// that was shown before.
    async fn run_as_service(&self, block: &str, said: &str) -> Run {
        let secret = said.split("Secret: ").nth(1).expect("a key was shown");
        let key = secret.lines().next().unwrap();
        let home = self.place.home().join("service");
        let block = format!("mkdir \"$HOME\"\nexport QUILT_API_KEY={key}\n{block}");
        let run = self.run_in(&home, &block, None).await;
        let status = self.run_in(&home, "quiltctl status", None).await;
        let _ = self.run_in(&home, "quiltctl daemon stop", None).await;
        assert!(status.stdout.contains("API key qk_"), "{status:?}");
        run
    }
}

/// What cannot be run from within a test, and how else it is looked at; false
/// for what can.
fn is_looked_at(block: &str) -> bool {
    let cargo: Vec<&str> = block
        .lines()
        .filter(|line| line.starts_with("cargo "))
        .collect();
    for line in &cargo {
        if let Some(path) = line.strip_prefix("cargo install --locked --path ") {
            let path = path.split(' ').next().unwrap();
            let manifest = format!("{}/../{path}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
            assert!(std::fs::exists(manifest).unwrap(), "{line}");
        } else if *line == "cargo test --workspace" {
            assert!(CHECKS.contains(line), "what the checks run");
        } else {
            let alias = line.strip_prefix("cargo ").unwrap();
            assert!(ALIASES.contains(&format!("\n{alias} = ")), "{line}");
        }
    }
    !cargo.is_empty()
}

/// zsh, typed into, knows no comments unless it is told to.
#[test]
fn no_command_of_the_readme_needs_a_shell_that_knows_comments() {
    for block in blocks() {
        let mut in_document = false;
        for line in block.lines() {
            assert!(in_document || !line.contains('#'), "{line}");
            in_document = (in_document || line.contains("<<'END'")) && line != "END";
        }
    }
}

/// What the README takes for installed.
struct Programs {
    aws: Python,
    sdk: Python,
}

impl Programs {
    /// `None` after it was said what is missing.
    fn ready() -> Option<Self> {
        let aws = Python::prepare(Venv::AwsCliV1);
        let sdk = Python::prepare(Venv::Sdk);
        let (Ok(aws), Ok(sdk)) = (aws, sdk) else {
            not_run("the README's commands", "the AWS CLI or quilt3 is missing");
            return None;
        };
        Some(Self { aws, sdk })
    }

    /// Where they are. Each environment has a Python; the one with quilt3 is
    /// the reader's.
    fn folders(&self) -> [PathBuf; 3] {
        let dir = |program: &Path| program.parent().unwrap().to_owned();
        [
            dir(binaries::quiltctl()),
            dir(&self.sdk.program("python")),
            dir(&self.aws.program("aws")),
        ]
    }

    fn path(&self) -> String {
        let folders = self.folders().map(|folder| folder.display().to_string());
        format!("{}:/usr/local/bin:/usr/bin:/bin", folders.join(":"))
    }
}

/// Runs every block there.
async fn every_command<P: Place>(reader: &Reader<P>) {
    let mut said = String::new();
    let mut ran = 0;
    for block in blocks() {
        if is_looked_at(&block) {
            continue;
        }
        let run = if block.contains("--api-key-env") {
            reader.run_as_service(&block, &said).await
        } else {
            reader.run(&block).await
        };
        if run.code != 0 {
            let _ = reader.run("quiltctl daemon stop").await;
            panic!("{block}\n{run:?}\nbefore:\n{said}");
        }
        ran += 1;
        let _ = writeln!(said, "{block}{}{}", run.stdout, run.stderr);
    }
    let _ = reader.run("quiltctl daemon stop").await;
    assert!(ran >= 9, "the README has commands: {ran}");
    for seen in [
        "as alice (role ReadWriteQuiltBucket, admin)",
        "hello.txt",
        "my-service",
        "now uses quiltd's session",
        "\"email\"",
        "Undone: ",
        "alice@example.com",
        // What Quilt's MCP server needs, as the README shows it.
        "    QUILT_CATALOG_URL=http://",
        "    QUILT_REGISTRY_URL=http://127.0.0.1:",
        "    AWS_DEFAULT_REGION=us-east-1",
        // Which buckets there are.
        "\ns3://",
    ] {
        assert!(said.contains(seen), "{seen}:\n{said}");
    }
    assert!(README.contains("\"QUILT_CATALOG_URL\"") && README.contains("\"QUILT_REGISTRY_URL\""));
    // All of it is gone again.
    let config = reader.run("cat .aws/config || :").await.ok();
    assert!(!config.contains("quiltctl"), "{config}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_readme_does_what_it_says() {
    let Some(programs) = Programs::ready() else {
        return;
    };
    every_command(&Reader::at(Home::new(), &programs).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_ends_well() {
    if let Err(reason) = Python::prepare(Venv::AwsCliV1) {
        not_run("the demonstration", reason);
        return;
    }
    // Nothing else of the environment is needed.
    let mut demo = Command::new(env!("CARGO_BIN_EXE_demo"));
    demo.env_clear();
    for name in ["HOME", "PATH", "CARGO", "LLVM_PROFILE_FILE"] {
        demo.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    let run: Run = demo.stdin(Stdio::null()).output().await.unwrap().into();
    let said = run.ok();
    for seen in [
        "[3/3]",
        "hello.txt",
        "Hello from the fake Quilt stack.",
        "alice",
        "lake",
    ] {
        assert!(said.contains(seen), "{seen}: {said}");
    }
    let last = said.rsplit("$ quiltctl status").next().unwrap();
    assert!(last.contains(" left, ") && last.contains("up "), "{last}");
}

/// What `cargo demo --stay` prints to paste, pasted.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_without_a_browser_is_as_the_demonstration_says() {
    let (home, stack) = (
        Home::new(),
        FakeStack::bind(StackConfig::default()).await.unwrap(),
    );
    let line = login_without_browser(&stack, stack.catalog_url());
    let path = binaries::quiltctl().parent().unwrap().display().to_string();
    let mut shell = home.command("sh");
    shell.args(["-c", &line]);
    shell.env("PATH", format!("{path}:/usr/local/bin:/usr/bin:/bin"));
    let run: Run = shell.output().await.unwrap().into();
    let mut stop = home.command(binaries::quiltctl());
    let _ = stop.args(["daemon", "stop"]).output().await;
    let run = format!("{line}\n{run:?}");
    assert!(run.contains("as alice"), "{run}");
}

#[test]
fn the_readme_is_short() {
    let words = README
        .lines()
        .filter(|line| !line.starts_with('|'))
        .flat_map(str::split_whitespace)
        .count();
    assert!(
        (900..=1300).contains(&words),
        "{words} words beside the tables"
    );
}
